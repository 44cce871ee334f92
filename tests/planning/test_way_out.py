"""Whether a command leaves a way out: against the arithmetic of braking, and who does not count."""

from dataclasses import replace

import numpy as np
import pytest

from bus.messages import Odometry, Tracks
from geometry.pose import Pose
from planning.way_out import WayOutSettings, first_met, stopping_m
from tests.planning.conftest import CAR
from tests.planning.test_control_and_planner_node import circle, tracks_of

SETTINGS = WayOutSettings()
STRAIGHT = circle(1e6, 20.0, 0.0)
FRONT_M, HALF_M = CAR.front_m, 2.25
"""From the rear axle to the bumper, and from a track's middle to its end."""


def ego(speed_mps: float = 20.0) -> Odometry:
    return Odometry(Pose(0.0, 0.0, 0.0), speed_mps, 0.0, 0.0, 0.0, True)


def stop_m(speed_mps: float, command_mps2: float) -> float:
    """Distance to standstill in closed form."""
    t = SETTINGS.obeyed_s
    after = speed_mps + command_mps2 * t
    return speed_mps * t + 0.5 * command_mps2 * t * t + after**2 / (2.0 * SETTINGS.braking_mps2)


@pytest.mark.parametrize(("speed", "command"), [(20.0, 0.0), (20.0, 2.0), (13.0, -5.0), (3.0, 0.0)])
def test_the_way_to_standstill_is_that_of_constant_braking(speed: float, command: float) -> None:
    distance, speeds = stopping_m(speed, command, SETTINGS)
    assert speeds[0] == speed
    assert speeds[-1] == 0.0
    assert distance[-1] == pytest.approx(stop_m(speed, command), abs=0.06)


def test_who_stands_has_no_way_to_go() -> None:
    distance, speeds = stopping_m(0.0, 0.0, SETTINGS)
    assert distance.tolist() == [0.0]
    assert speeds.tolist() == [0.0]


@pytest.mark.parametrize(("spare_m", "met"), [(0.5, -1), (-0.5, 0)])
def test_a_standing_car_leaves_a_way_out_as_long_as_full_braking_stops_before_it(spare_m: float, met: int) -> None:
    middle = stop_m(20.0, 0.0) + FRONT_M + HALF_M + spare_m
    assert first_met(ego(), STRAIGHT, tracks_of((middle, 0.0, 0.0, 0.0)), 0.0, 0.0, CAR, SETTINGS) == met


def test_nobody_brakes_in_full_for_who_may_not_be_there() -> None:
    standing = tracks_of((FRONT_M + HALF_M + stop_m(20.0, 0.0) - 5.0, 0.0, 0.0, 0.0))
    for existence, met in ((0.9, -1), (0.96, 0)):
        seen = replace(standing, existence=np.array([existence]))
        assert first_met(ego(), STRAIGHT, seen, 0.0, 0.0, CAR, SETTINGS) == met


def test_a_harder_command_leaves_a_way_out_where_a_softer_one_does_not() -> None:
    standing = tracks_of((stop_m(20.0, 0.0) + FRONT_M + HALF_M - 0.5, 0.0, 0.0, 0.0))
    assert first_met(ego(), STRAIGHT, standing, 0.0, 0.0, CAR, SETTINGS) == 0
    assert first_met(ego(), STRAIGHT, standing, 0.0, -9.0, CAR, SETTINGS) == -1


def test_a_lead_as_fast_as_the_ego_leaves_a_way_out_and_one_that_brakes_hard_may_not() -> None:
    lead = tracks_of((FRONT_M + HALF_M + 4.0, 0.0, 20.0, 0.0))
    assert first_met(ego(), STRAIGHT, lead, 0.0, 0.0, CAR, SETTINGS) == -1
    braking = replace(lead, acceleration_mps2=np.array([-9.0]))
    assert first_met(ego(), STRAIGHT, braking, 0.0, 0.0, CAR, SETTINGS) == 0


def test_who_is_beside_the_way_or_runs_into_the_ego_from_behind_does_not_count() -> None:
    beside = tracks_of((20.0, 3.5, 0.0, 0.0), (-8.0, 0.0, 30.0, 0.0))
    assert first_met(ego(), STRAIGHT, beside, 0.0, 0.0, CAR, SETTINGS) == -1


def test_who_walks_into_the_way_is_met() -> None:
    walker = tracks_of((20.0, -4.0, 0.0, 3.5))
    assert first_met(ego(), STRAIGHT, walker, 0.0, 0.0, CAR, SETTINGS) == 0


def test_full_braking_needs_a_sideways_speed_that_is_known() -> None:
    beside = tracks_of((2.5, 2.6, 20.0, -1.0))
    assert first_met(ego(), STRAIGHT, beside, 0.0, 0.0, CAR, SETTINGS) == 0
    for spread_mps, met in ((0.1, 0), (0.55, -1)):
        unsure = replace(beside, covariance=np.diag((0.0, 0.0, 0.0, spread_mps**2))[None])
        assert first_met(ego(), STRAIGHT, unsure, 0.0, 0.0, CAR, SETTINGS) == met
    ahead = tracks_of((stop_m(20.0, 0.0) + FRONT_M + HALF_M - 0.5, 0.0, 0.0, 0.0))
    unsure = replace(ahead, covariance=np.diag((0.0, 0.0, 4.0, 4.0))[None])
    assert first_met(ego(), STRAIGHT, unsure, 0.0, 0.0, CAR, SETTINGS) == 0


def test_old_tracks_are_moved_on_to_now() -> None:
    oncoming = tracks_of((60.0, 0.0, -8.0, 0.0))
    assert first_met(ego(), STRAIGHT, oncoming, 0.0, 0.0, CAR, SETTINGS) == -1
    assert first_met(ego(), STRAIGHT, oncoming, 1.2, 0.0, CAR, SETTINGS) == 0


def test_what_hardly_exists_is_not_minded() -> None:
    ghost = replace(tracks_of((15.0, 0.0, 0.0, 0.0)), existence=np.array([0.3]))
    assert first_met(ego(), STRAIGHT, ghost, 0.0, 0.0, CAR, SETTINGS) == -1


def test_the_way_bends_with_the_plan() -> None:
    bend = circle(25.0, 10.0, 0.0)
    on_arc = (25.0 * np.sin(0.5), 25.0 * (1.0 - np.cos(0.5)), 0.0, 0.0)
    straight_on = (14.0, 0.0, 0.0, 0.0)
    tracks = replace(tracks_of(straight_on, on_arc), length_m=np.full(2, 0.6), width_m=np.full(2, 0.6))
    assert first_met(ego(14.0), bend, tracks, 0.0, 0.0, CAR, SETTINGS) == 1


def on_arc(radius_m: float, along_m: float, left_m: float, speed_mps: float, drift_mps: float = 0.0) -> Tracks:
    """Somebody who turns with the circle, so far along it and left of it; a negative speed comes towards the ego."""
    angle, inside_m = along_m / radius_m, radius_m - left_m
    cos, sin = np.cos(angle), np.sin(angle)
    seen = tracks_of((
        inside_m * sin, radius_m - inside_m * cos, speed_mps * cos - drift_mps * sin, speed_mps * sin + drift_mps * cos
    ))  # fmt: skip
    turned = angle + (np.pi if speed_mps < 0.0 else 0.0)
    return replace(seen, yaw_rad=np.array([turned]), yaw_rate_radps=np.array([abs(speed_mps) / inside_m]))


@pytest.mark.parametrize("along_m", [-2.0, -1.0, 0.0])
def test_who_turns_with_the_ego_beside_it_is_not_met_where_he_would_be_straight_on(along_m: float) -> None:
    plan, beside = circle(60.0, 14.0, 0.0), on_arc(60.0, along_m, 3.2, 14.0)
    assert first_met(ego(14.0), plan, replace(beside, yaw_rate_radps=np.zeros(1)), 0.0, 0.0, CAR, SETTINGS) == 0
    assert first_met(ego(14.0), plan, beside, 0.0, 0.0, CAR, SETTINGS) == -1


def test_who_turns_into_the_way_but_would_pass_straight_on_brakes_nobody_until_he_goes_there() -> None:
    turning = replace(tracks_of((8.0, 6.0, 12.0, 0.0)), yaw_rate_radps=np.array([-0.3]))
    assert first_met(ego(14.0), circle(1e6, 14.0, 0.0), turning, 0.0, 0.0, CAR, SETTINGS) == -1
    comes = replace(tracks_of((3.0, 2.6, 14.0, -1.5)), yaw_rate_radps=np.array([-0.05]))
    assert first_met(ego(14.0), circle(1e6, 14.0, 0.0), comes, 0.0, 0.0, CAR, SETTINGS) == 0


def test_somebody_ahead_on_the_same_arc_is_met_as_on_a_straight_road() -> None:
    plan = circle(120.0, 14.0, 0.0)
    near_m = stop_m(14.0, 0.0) + FRONT_M + HALF_M - 1.0
    assert first_met(ego(14.0), plan, on_arc(120.0, near_m, 0.0, 0.0), 0.0, 0.0, CAR, SETTINGS) == 0
    braking = replace(on_arc(120.0, 10.5, 0.0, 12.0), acceleration_mps2=np.array([-9.0]))
    assert first_met(ego(14.0), plan, braking, 0.0, 0.0, CAR, SETTINGS) == 0
    assert first_met(ego(14.0), plan, on_arc(120.0, 10.5, 0.0, 14.0), 0.0, 0.0, CAR, SETTINGS) == -1


def crosser(y_m: float) -> Tracks:
    """Somebody small who comes from the right before the ego, and is in its way while it brakes."""
    return replace(tracks_of((17.0, y_m, 0.0, 3.0)), length_m=np.ones(1), width_m=np.ones(1))


def test_before_somebody_who_crosses_the_plan_itself_is_the_way_out() -> None:
    for planned_mps, met in ((14.0, -1), (13.5, -1), (12.0, 0)):
        assert first_met(ego(14.0), circle(1e6, planned_mps, 0.0), crosser(-6.4), 0.0, 0.0, CAR, SETTINGS) == met


def test_a_plan_that_comes_near_somebody_or_ends_soon_is_no_way_out() -> None:
    plan = circle(1e6, 14.0, 0.0)
    assert first_met(ego(14.0), plan, crosser(-5.4), 0.0, 0.0, CAR, SETTINGS) == 0
    columns = ("t_s", "x_m", "y_m", "yaw_rad", "speed_mps", "acceleration_mps2", "curvature_radpm")
    short = replace(plan, **{name: getattr(plan, name)[:12] for name in columns})
    assert first_met(ego(14.0), short, crosser(-6.4), 0.0, 0.0, CAR, SETTINGS) == 0


def test_who_is_seen_to_leave_but_may_as_well_stand_in_the_way_is_not_passed() -> None:
    leaving = replace(tracks_of((17.0, 0.6, 0.0, 3.0)), length_m=np.ones(1), width_m=np.ones(1))
    for spread_mps, met in ((0.0, -1), (2.0, 0)):
        known = replace(leaving, covariance=np.diag((0.0, 0.0, 0.0, spread_mps**2))[None])
        assert first_met(ego(14.0), circle(1e6, 14.0, 0.0), known, 0.0, 0.0, CAR, SETTINGS) == met
