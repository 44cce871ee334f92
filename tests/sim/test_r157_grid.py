"""The grid world of UN R157: where the others are, what the ego sees and when, and who touches whom."""

import csv
import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion.bicycle import Vehicle
from motion.careful_driver import CAREFUL
from sim.scenarios.r157_cases import (
    CAR_LENGTH_M,
    DT_S,
    BrakingLead,
    CutIn,
    CutOut,
    braking_lead_grid,
    cut_in_grid,
    cut_out_grid,
    ramp_steps,
    traffic_of,
)
from sim.scenarios.r157_grid import Actuator, contact_with, drive, drive_careful, drive_steering, sight_at


def published(path):
    with gzip.open(path, "rt", newline="") as stream:
        return list(csv.DictReader(stream))


def tenths(text):
    return 0.1 * round(10.0 * abs(float(text)))


def cut_in_of(row):
    lateral = tenths(row["lat_speed_mps"])
    return CutIn(float(row["ego_speed_kph"]), float(row["cutin_speed_kph"]), float(row["clear_gap_m"]), lateral)


def test_grids_have_as_many_cases_as_the_published_ones():
    assert [sum(1 for _ in grid()) for grid in (cut_in_grid, cut_out_grid, braking_lead_grid)] == [29_970, 5_850, 1_121]


def test_published_cut_ins_belong_to_the_generated_grid(data):
    generated = {(c.ego_kph, c.other_kph, c.gap_m, round(c.lateral_mps, 6)) for c in cut_in_grid()}
    rows = [cut_in_of(row) for row in published(data / "r157" / "cut_in.csv.gz")]
    assert {(c.ego_kph, c.other_kph, c.gap_m, round(c.lateral_mps, 6)) for c in rows} <= generated


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(range(1, 18)), st.floats(1.0, 120.0))
def test_cut_in_has_its_clear_gap_when_it_reaches_its_sideways_speed(tenth, gap_m):
    traffic = traffic_of(CutIn(90.0, 40.0, gap_m, 0.1 * tenth))
    index = ramp_steps(0.1 * tenth)
    ego_x = traffic.ego_x_m + traffic.ego_mps * DT_S * index
    assert traffic.x_m[index, 0] - ego_x - CAR_LENGTH_M == pytest.approx(gap_m)
    assert traffic.y_m[index, 0] == 3.5
    assert -traffic.vy_mps[index, 0] == pytest.approx(0.1 * tenth)


def test_positions_are_the_sums_of_the_velocities():
    for case in (CutIn(90.0, 40.0, 20.0, 0.7), CutOut(60.0, 40.0, 0.5, 30.0), BrakingLead(60.0, 3.0, 30.0)):
        traffic = traffic_of(case)
        later = np.diff(traffic.y_m, axis=0) / DT_S
        assert later == pytest.approx(traffic.vy_mps[:-1])
    braking = traffic_of(BrakingLead(60.0, 3.0, 30.0))
    assert np.diff(braking.x_m, axis=0) / DT_S == pytest.approx(braking.vx_mps[1:])
    assert braking.vx_mps.min() == 0.0


def test_car_that_never_moves_sideways_never_releases_the_ego():
    calls = []
    outcome = drive(traffic_of(CutIn(90.0, 40.0, 20.0, 0.0)), lambda sight: calls.append(sight) or 0.0)
    assert outcome.avoided
    assert calls == []


def test_ego_may_react_once_the_other_has_moved_out_of_its_wandering_zone():
    traffic = traffic_of(CutIn(90.0, 40.0, 60.0, 0.5))
    sights = []
    drive(traffic, lambda sight: sights.append(sight) or 0.0)
    moved = traffic.y_m[0, 0] - traffic.y_m[:, 0]
    assert moved[sights[0].index] > CAREFUL.wandering_m >= moved[sights[0].index - 1]


def test_obstacle_is_invisible_until_the_lead_has_cleared_it():
    traffic = traffic_of(CutOut(60.0, 80.0, 0.5, 33.0))
    sights = []
    drive(traffic, lambda sight: sights.append(sight) or -3.0)
    assert len(sights[0].ids) == 2
    assert traffic.y_m[sights[0].index, 0] < -CAREFUL.wandering_m <= traffic.y_m[sights[0].index - 1, 0]


def test_lead_that_hits_the_obstacle_stays_where_it_is():
    traffic = traffic_of(CutOut(100.0, 2.0, 0.3, 55.0))
    crash = int(np.argmax(traffic.vx_mps[:, 0] == 0.0))
    assert crash > 0
    assert np.ptp(traffic.x_m[crash:, 0]) == 0.0
    assert traffic.release == crash


def test_driver_who_never_brakes_hits_a_braking_lead_when_their_distances_meet():
    case = BrakingLead(72.0, 4.0, 40.0)
    outcome = drive(traffic_of(case), lambda _: 0.0)
    # Lead: semi-implicit sum of its speeds; ego: constant speed.
    gap = 40.0 - np.cumsum([20.0 - max(20.0 - 0.4 * i, 0.0) for i in range(1, 200)]) * DT_S
    assert outcome.contact == int(np.argmax(gap < 0.0)) + 1
    assert outcome.impact_mps == pytest.approx(0.4 * outcome.contact)


def test_actuator_bounds_the_change_and_the_size_of_braking():
    speeds = []
    traffic = traffic_of(BrakingLead(72.0, 1.0, 40.0))
    outcome = drive(traffic, lambda sight: speeds.append(sight.speed_mps) or -50.0, Actuator(10.0, 5.0, 2.0))
    decelerations = -np.diff(speeds)[:8] / DT_S
    assert decelerations == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 5.0])
    assert outcome.deceleration_mps2 == pytest.approx(5.0)


def test_touching_is_no_contact():
    assert not contact_with(0.0, 4.3, 0.0, 4.3, 4.3, 1.9)
    assert not contact_with(0.0, 0.0, 1.9, 4.3, 4.3, 1.9)
    assert contact_with(0.0, 4.29, 1.89, 4.3, 4.3, 1.9)


def test_careful_driver_brakes_no_harder_than_its_model():
    outcome = drive_careful(traffic_of(CutOut(100.0, 80.0, 0.5, 55.0)))
    assert outcome.deceleration_mps2 == pytest.approx(CAREFUL.braking_mps2)


def test_careful_driver_ends_as_published_in_a_sample_of_cut_ins(data):
    rows = [row for row in published(data / "r157" / "cut_in.csv.gz") if row["knife_edge"] == "0"][::7]
    wrong = [
        row
        for row in rows
        if drive_careful(traffic_of(cut_in_of(row))).avoided == (row["crash_CC_human_driver"] == "1")
    ]
    assert {row["crash_CC_human_driver"] for row in rows} == {"0", "1"}
    # One time to collision is 2 s up to rounding, which decides whether the driver sees a danger.
    assert len(wrong) <= 1


def test_careful_driver_ends_as_published_behind_an_evading_lead(data):
    rows = published(data / "r157" / "cut_out.csv.gz")[::5]
    for row in rows:
        gap_m = float(row["init_gap_m_CC_human_driver"])
        case = CutOut(float(row["ego_speed_kph"]), float(row["front_distance_m"]), tenths(row["lat_speed_mps"]), gap_m)
        outcome = drive_careful(traffic_of(case))
        assert outcome.avoided == (row["crash_CC_human_driver"] == "0"), row["case_id"]


def test_careful_driver_ends_as_published_behind_a_braking_lead(data):
    for row in published(data / "r157" / "car_following.csv.gz"):
        gap_m = float(row["init_gap_m_CC_human_driver"])
        outcome = drive_careful(traffic_of(BrakingLead(float(row["speed_kph"]), float(row["lead_decel_mps2"]), gap_m)))
        assert outcome.impact_mps == pytest.approx(float(row["impact_dv_mps_CC_human_driver"]), abs=1e-3), row[
            "case_id"
        ]


def test_late_sight_shows_the_past_moved_on_at_constant_velocity() -> None:
    traffic = traffic_of(BrakingLead(72.0, 4.0, 40.0))
    now, late = (sight_at(traffic, 10, 0.0, 20.0, 0.0, latency) for latency in (0.0, 0.3))
    assert late.other_vx_mps[0] == traffic.vx_mps[7, 0]
    assert late.other_x_m[0] == pytest.approx(traffic.x_m[7, 0] + 0.3 * traffic.vx_mps[7, 0])
    assert late.other_x_m[0] > now.other_x_m[0]


EGO = Vehicle(wheelbase_m=2.6, length_m=4.3, width_m=1.9, centre_x_m=1.3)


@pytest.mark.parametrize("brake", [0.0, -2.0, -6.0])
def test_an_ego_that_may_steer_and_does_not_ends_as_one_that_may_not(brake: float) -> None:
    for case in (CutIn(90.0, 40.0, 20.0, 0.7), CutOut(60.0, 40.0, 0.5, 30.0), BrakingLead(60.0, 3.0, 30.0)):
        traffic = traffic_of(case)
        straight, steered = drive(traffic, lambda _: brake), drive_steering(traffic, lambda _: (brake, 0.0), EGO)
        assert (steered.contact, steered.other) == (straight.contact, straight.other)
        assert steered.impact_mps == pytest.approx(straight.impact_mps)
        assert steered.lost_mps == pytest.approx(straight.lost_mps)


def test_who_steers_for_good_leaves_the_road() -> None:
    outcome = drive_steering(traffic_of(BrakingLead(60.0, 1.0, 60.0)), lambda _: (0.0, 0.05), EGO)
    assert not outcome.avoided
    assert outcome.other == -1
    radius_m = EGO.wheelbase_m / np.tan(0.05)
    # The front left corner comes to the road's edge first; the wheels need one step to turn.
    corner = radius_m - 0.95, 1.3 + 2.15
    turned = np.arccos((radius_m - 5.25) / np.hypot(*corner)) - np.arctan2(corner[1], corner[0])
    assert outcome.contact * DT_S == pytest.approx(turned * radius_m / (60.0 / 3.6), abs=0.2)
