"""CommonRoad costs: integrals that can be computed by hand, lane coordinates on lines that can, published values."""

import gzip
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometry.errors import InputError, SceneError
from maps.curvilinear import CurvilinearFrame, smoothed
from maps.lanelets import Beside, Lanelet
from motion.car_trajectory import CarTrajectory
from planning.metrics.commonroad.costs import WEIGHTS, cost
from planning.metrics.commonroad.lane_states import LaneStates, lane_states
from planning.metrics.commonroad.lanelet_route import LaneletNetwork, lanelet_route
from planning.metrics.commonroad.surroundings import Surroundings

DT_S = 0.1
T_S = np.arange(41) * DT_S


def drive(x, y=0.0, speed=10.0, yaw=0.0, steering=0.0):
    columns = [np.broadcast_to(np.asarray(v, float), T_S.shape).copy() for v in (x, y, steering, speed, yaw)]
    return CarTrajectory(DT_S, np.arange(len(T_S)), *columns, 1.61)


def straight_lanelet(id_, y, x0=0.0, x1=60.0, before=(), after=(), left=None, right=None):
    x = np.linspace(x0, x1, 7)
    bounds = [np.stack((x, np.full(7, y + side)), axis=-1) for side in (2.0, -2.0)]
    return Lanelet(id_, *bounds, before, after, left, right, "driving", None, (), (), False, "")


def two_lanes():
    return LaneletNetwork.of(
        (
            straight_lanelet(1, 0.0, after=(3,), left=Beside(2, True)),
            straight_lanelet(2, 4.0, right=Beside(1, True)),
            straight_lanelet(3, 0.0, 60.0, 120.0, before=(1,)),
        )
    )


def lane(gap=math.inf, lat=0.0, turn=0.0, jerk=0.0):
    full = [np.full(len(T_S), v) for v in (0.0, lat, turn, jerk, gap)]
    return LaneStates(*full)


def test_constant_acceleration_costs_its_square_times_the_time():
    speed = 5.0 + 1.5 * T_S
    found = cost("WX1", drive(0.0, speed=speed), lane(), None)
    # The series of differences is one state shorter.
    assert found.partial["A"] == pytest.approx(1.5**2 * 3.9)
    assert found.partial["J"] == pytest.approx(0.0, abs=1e-12)
    assert found.partial["L"] == pytest.approx(5.0 * 4.0 + 0.75 * 16.0)
    assert found.partial["T"] == pytest.approx(4.0)
    assert found.total == pytest.approx(sum(WEIGHTS["WX1"][k] * v for k, v in found.partial.items()))


def test_gap_costs_fall_off_exponentially_and_nobody_ahead_costs_nothing():
    assert cost("SA1", drive(0.0), lane(gap=10.0), None).partial["D"] == pytest.approx(4.0 * math.exp(-2.0))
    assert cost("SA1", drive(0.0), lane(), None).partial["D"] == 0.0


def test_lane_terms_integrate_squares():
    found = cost("TR1", drive(0.0), lane(lat=0.5, jerk=2.0), None)
    assert found.partial["LC"] == pytest.approx(1.0)
    assert found.partial["Jlon"] == pytest.approx(16.0)
    assert cost("SM2", drive(0.0), lane(turn=0.1), None).partial["O"] == pytest.approx(0.04)


def test_goal_speed_of_none_and_zero_costs_nothing():
    assert cost("SM1", drive(0.0), lane(), 8.0).partial["V"] == pytest.approx(16.0)
    assert cost("SM1", drive(0.0), lane(), None).partial["V"] == 0.0
    assert cost("SM1", drive(0.0), lane(), 0.0).partial["V"] == 0.0


def test_each_term_says_when_it_is_largest():
    speed = np.where(T_S > 2.0, 8.0, 10.0)
    worst = next(r for r in cost("SM2", drive(0.0, speed=speed), lane(), None).results if r.name == "commonroad_A")
    assert worst.t_s == pytest.approx(2.0)


def test_unknown_cost_function_lists_the_known_ones():
    with pytest.raises(InputError, match="JB1, SA1"):
        cost("XX9", drive(0.0), lane(), None)
    with pytest.raises(InputError, match="lane coordinates"):
        cost("TR1", drive(0.0), None, None)


def test_coordinates_on_straight_lanelets_are_the_plain_ones():
    network, trajectory = two_lanes(), drive(5.0 + 20.0 * T_S, y=0.5, speed=20.0, yaw=0.02)
    route = lanelet_route(network, trajectory)
    assert route == (1, 3)
    states = lane_states(network, trajectory, route, Surroundings())
    assert np.diff(states.lon_m) == pytest.approx(2.0)
    assert states.lat_m == pytest.approx(0.5)
    assert states.turn_rad == pytest.approx(0.02)
    assert states.lon_jerk_mps3 == pytest.approx(0.0, abs=1e-6)


def test_lane_change_switches_the_line_when_the_other_is_nearer():
    y = np.clip((T_S - 1.0) * 2.0, 0.0, 4.0)
    network, trajectory = two_lanes(), drive(5.0 + 10.0 * T_S, y=y)
    route = lanelet_route(network, trajectory)
    assert route == (1, 2)
    states = lane_states(network, trajectory, route, Surroundings())
    assert states.lat_m == pytest.approx(np.where(y <= 2.0 + 1e-9, y, y - 4.0), abs=1e-9)
    assert np.diff(states.lon_m) == pytest.approx(1.0, abs=1e-6)


def test_gap_is_measured_to_the_nearest_centre_ahead_in_the_lane():
    network, trajectory = two_lanes(), drive(5.0 + 10.0 * T_S)
    others = Surroundings(always=np.array([[50.0, 1.0], [30.0, 3.5], [2.0, 0.0]]))
    states = lane_states(network, trajectory, lanelet_route(network, trajectory), others)
    assert states.gap_m[:40] == pytest.approx((45.0 - 10.0 * T_S - 1.61 / 2.5)[:40])


def test_drive_off_all_lanelets_has_no_lane_coordinates():
    network, trajectory = two_lanes(), drive(5.0 + 10.0 * T_S, y=60.0)
    with pytest.raises(SceneError, match="no lanelet"):
        lane_states(network, trajectory, lanelet_route(network, trajectory), Surroundings())


@settings(max_examples=60, deadline=None)
@given(st.floats(20.0, 200.0), st.floats(-5.0, 5.0), st.floats(0.2, 1.0))
def test_frame_on_a_circle_measures_arc_and_radius(radius_m, offset_m, at_rad):
    angles = np.linspace(0.0, 1.2, 200)
    frame = CurvilinearFrame.along(radius_m * np.stack((np.sin(angles), 1.0 - np.cos(angles)), axis=-1))
    x = (radius_m - offset_m) * math.sin(at_rad)
    y = radius_m - (radius_m - offset_m) * math.cos(at_rad)
    s, d = frame.project(x, y)
    assert s == pytest.approx(0.03 + radius_m * at_rad, abs=1e-3 * radius_m)
    assert d == pytest.approx(offset_m, abs=1e-3 * radius_m)
    assert frame.heading(s) == pytest.approx(at_rad, abs=1e-2)


def test_smoothing_keeps_a_straight_line_and_prolongs_it():
    line = smoothed(np.array([[0.0, 0.0], [30.0, 0.0], [40.0, 0.0]]), 10.0, 2.5)
    assert line[:, 1] == pytest.approx(0.0)
    assert (line[0, 0], line[-1, 0]) == (-10.0, 50.0)
    assert np.diff(line[:, 0]) == pytest.approx(2.5)


def test_published_costs_are_met(data):
    for path in sorted((data / "nuplan_oracle" / "commonroad").glob("cr_*.json.gz"))[::3]:
        record = json.loads(gzip.decompress(path.read_bytes()))
        states, between = record["inputs"]["trajectory"], record["expected"]["intermediate"]
        keys = ("x", "y", "steering_angle", "velocity", "orientation")
        columns = [np.array([state[key] for state in states], float) for key in keys]
        steps = np.array([state["time_step"] for state in states])
        trajectory = CarTrajectory(record["inputs"]["dt"], steps, *columns, record["inputs"]["vehicle"]["width"])
        names = ("lon_position", "lat_position", "delta_orientation", "lon_jerk", "min_gap")
        given_lane = LaneStates(*(np.array([math.inf if v is None else v for v in between[n]]) for n in names))
        goal = min(record["inputs"]["goal_velocity_start"], default=None)
        for name, expected in record["expected"]["costs"].items():
            assert cost(name, trajectory, given_lane, goal).partial == pytest.approx(expected["partial"], abs=1e-9)
