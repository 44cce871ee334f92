"""Which lane: decided by evidence over distance, never by guess, and taken back when the evidence turns."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bus.messages import LaneMarks
from geometry.pose import Pose
from localization.estimate_pose import lateral_sigma_m, longitudinal_sigma_m, pose_of, shifted, widened_along
from localization.estimator import GNSS_X, GNSS_Y, MOUNT, SPEED, STATES, YAW, Estimate, X, Y, corrected
from localization.integrity import IntegritySettings, judged
from localization.lane_hypotheses import (
    REACH,
    LaneBank,
    LaneSettings,
    Picture,
    farthest_m,
    lanes_beside,
    margin_nats,
    start_bank,
    with_marks,
)
from localization.map_matching import MarkModel, seen_lines
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.mark_lines import mark_lines
from maps.opendrive import read_opendrive
from tests.localization.road import WIDTH_M, in_lane, seen_from, straight_road

MODEL, SETTINGS = MarkModel(), LaneSettings()


MAPS = Path(__file__).parents[2] / "lanewise" / "scenarios" / "maps"
MOTORWAY = MAPS / "highway_straight.xodr"
"""Three lanes each way with a median between them."""


def estimate_at(pose: Pose, sigma_m: float = 0.8) -> Estimate:
    mean = np.zeros(STATES)
    mean[[X, Y, YAW]] = pose.x_m, pose.y_m, pose.yaw_rad
    covariance = np.diag([9.0, sigma_m**2, 1e-3, 0.01, 1e-5, 1e-5, 1e-2, 1e-4, 1e-4, 1e-5, 3e-6, 1e-6, 1e-2, 9.0, 9.0])
    mean[SPEED] = 10.0
    return Estimate(0, mean, covariance)


def looked(
    bank: LaneBank, lane_map: LaneMap, true: Pose, pictures: int, step_m: float = 12.0, reach_m: float = 11.0
) -> LaneBank:
    """After so many pictures from the true pose, `step_m` of driving apart (the car itself is not moved)."""
    lines, model = mark_lines(lane_map), replace(MODEL, reach_m=reach_m)
    seen = seen_lines(seen_from(lines, true, reach_m), model)
    for _ in range(pictures):
        bank = replace(bank, moved_m=step_m, looked_m=bank.looked_m + step_m)
        bank = with_marks(bank, Picture(seen, lines, model), lane_map, SETTINGS)
    return bank


def test_a_new_bank_is_undecided_and_says_so() -> None:
    bank = start_bank(estimate_at(in_lane(1, left_m=0.9)), straight_road(3), SETTINGS)
    assert pose_of(bank.leader).y_m == pytest.approx(in_lane(1).y_m)
    judgement = judged(bank, IntegritySettings(), SETTINGS)
    assert judgement.status.name == "LANE_UNCERTAIN"


@pytest.mark.parametrize("guess", [0, 1, 2])
@pytest.mark.parametrize("truth", [0, 1, 2])
def test_from_any_lane_the_bank_finds_the_true_one_and_becomes_certain(guess: int, truth: int) -> None:
    road = straight_road(3)
    bank = start_bank(estimate_at(in_lane(guess)), road, SETTINGS)
    bank = looked(bank, road, in_lane(truth, left_m=0.2), 12)
    assert pose_of(bank.leader).y_m == pytest.approx(in_lane(truth, left_m=0.2).y_m, abs=0.1)
    assert judged(bank, IntegritySettings(), SETTINGS).status.name == "LANE_CERTAIN"
    assert not bank.copies


def test_lanes_that_look_the_same_are_never_decided() -> None:
    road = straight_road(5)
    bank = start_bank(estimate_at(in_lane(1)), road, SETTINGS)
    bank = looked(bank, road, in_lane(2), 60, reach_m=3.0)
    judgement = judged(bank, IntegritySettings(), SETTINGS)
    assert judgement.status.name == "LANE_UNCERTAIN"
    # and the bound reaches over the lanes that remain
    assert judgement.protection.lateral_m > WIDTH_M


def test_a_standing_car_learns_nothing_new_about_its_lane() -> None:
    road = straight_road(3)
    bank = looked(start_bank(estimate_at(in_lane(0)), road, SETTINGS), road, in_lane(0), 1)
    margin = margin_nats(bank)
    bank = looked(bank, road, in_lane(0), 200, step_m=0.0)
    assert margin_nats(bank) == pytest.approx(margin, abs=1e-9)
    assert judged(bank, IntegritySettings(), SETTINGS).status.name == "LANE_UNCERTAIN"


def test_a_certain_bank_on_the_wrong_lane_loses_certainty_and_moves() -> None:
    road = straight_road(3)
    bank = looked(start_bank(estimate_at(in_lane(0)), road, SETTINGS), road, in_lane(0), 12)
    wrong = replace(bank, leader=shifted(bank.leader, 0.0, WIDTH_M))
    wrong = replace(wrong, beside=lanes_beside(road, pose_of(wrong.leader), SETTINGS))
    turned = [looked(wrong, road, in_lane(0), n) for n in (4, 40)]
    assert judged(turned[0], IntegritySettings(), SETTINGS).status.name == "LANE_CERTAIN"  # deficits begin at the cap
    assert pose_of(turned[1].leader).y_m == pytest.approx(in_lane(0).y_m, abs=0.1)


def test_a_spread_as_wide_as_a_lane_ends_certainty() -> None:
    road = straight_road(3)
    bank = looked(start_bank(estimate_at(in_lane(1)), road, SETTINGS), road, in_lane(1), 12)
    covariance = bank.leader.covariance.copy()
    covariance[Y, Y] = 2.0**2
    bank = replace(bank, leader=replace(bank.leader, covariance=covariance))
    assert judged(bank, IntegritySettings(), SETTINGS).status.name == "LANE_UNCERTAIN"
    again = looked(bank, road, in_lane(1), 1)
    assert margin_nats(again) < SETTINGS.certain_nats


def test_a_fading_lane_has_a_filter_of_its_own_whose_satellite_bias_differs_by_the_lane() -> None:
    road = straight_road(5)
    bank = looked(start_bank(estimate_at(in_lane(2)), road, SETTINGS), road, in_lane(2), 2, reach_m=3.0)
    assert bank.copies
    for label, copy in bank.copies:
        assert pose_of(copy).y_m - pose_of(bank.leader).y_m == pytest.approx(label * WIDTH_M, abs=0.2)
        moved = copy.mean[GNSS_Y] - bank.leader.mean[GNSS_Y]
        assert moved == pytest.approx(-label * WIDTH_M, abs=0.3)
    assert farthest_m(bank, SETTINGS) >= WIDTH_M - 0.2


def test_places_beside_the_road_are_named_but_do_not_exist() -> None:
    beside = lanes_beside(straight_road(3), in_lane(0), SETTINGS)
    assert beside.exists.tolist() == [False, False, False, True, True, True, False]
    assert beside.offset_m[REACH + 1] == pytest.approx(WIDTH_M)
    assert beside.offset_m[REACH] == 0.0
    off = lanes_beside(straight_road(3), in_lane(-1), SETTINGS)
    assert not off.exists[REACH] and off.exists[REACH + 1]


def test_what_was_learnt_along_the_road_in_doubt_is_forgotten_with_certainty() -> None:
    road = straight_road(3)
    bank = looked(start_bank(estimate_at(in_lane(1)), road, SETTINGS), road, in_lane(1), 12)
    assert longitudinal_sigma_m(bank.leader) >= SETTINGS.rethink_m
    assert lateral_sigma_m(bank.leader) < 0.2


def test_a_leader_that_keeps_the_lead_through_doubt_forgets_nothing() -> None:
    road = straight_road(3)
    bank = looked(start_bank(estimate_at(in_lane(1)), road, SETTINGS), road, in_lane(1), 12)
    place = np.eye(1, STATES, X)
    bank = replace(bank, leader=corrected(bank.leader, np.zeros(1), place, np.array(((0.2**2,),)))[0])
    again = looked(replace(bank, in_doubt=True), road, in_lane(1), 2)
    assert not again.in_doubt
    assert longitudinal_sigma_m(again.leader) == pytest.approx(0.2, rel=0.05)
    lost = looked(replace(bank, in_doubt=True, switched=True), road, in_lane(1), 2)
    assert longitudinal_sigma_m(lost.leader) > 1.5


def test_who_forgets_its_place_along_the_road_keeps_what_is_known_of_satellites() -> None:
    """However often it is forgotten, satellites are off by no more than they can be."""
    estimate = satellites_say(estimate_at(in_lane(1)))
    for _ in range(5):
        estimate = widened_along(estimate, 4.0, 2.5)
    assert 1.5 < longitudinal_sigma_m(satellites_say(estimate)) < 4.0
    assert lateral_sigma_m(estimate) == pytest.approx(lateral_sigma_m(estimate_at(in_lane(1))), rel=0.01)


def satellites_say(estimate: Estimate) -> Estimate:
    """The estimate after a fix where it believes to be."""
    fix = np.eye(1, STATES, X) + np.eye(1, STATES, GNSS_X)
    return corrected(estimate, np.zeros(1), fix, np.array(((0.5**2,),)))[0]


def test_lines_that_contradict_the_filter_for_long_make_it_uncertain() -> None:
    road = straight_road(3)
    bank = looked(start_bank(estimate_at(in_lane(1)), road, SETTINGS), road, in_lane(1), 12)
    lines = mark_lines(road)
    strange = seen_lines(seen_from(lines, in_lane(1, left_m=1.1)), MODEL)
    statuses = []
    for _ in range(15):
        bank = replace(bank, moved_m=12.0)
        bank = with_marks(bank, Picture(strange, lines, MODEL), road, SETTINGS)
        statuses.append(judged(bank, IntegritySettings(), SETTINGS).status.name)
    assert "LANE_UNCERTAIN" in statuses
    assert pose_of(bank.leader).y_m == pytest.approx(in_lane(1, left_m=1.1).y_m, abs=0.3)


def test_fifty_metres_of_one_moved_line_neither_draw_the_pose_nor_its_certainty() -> None:
    road = straight_road(1)
    bank = looked(start_bank(estimate_at(in_lane(0)), road, SETTINGS), road, in_lane(0), 20)
    lines = mark_lines(road)
    marks = seen_from(lines, in_lane(0))
    left = slice(*marks.start[:2]) if marks.xy_m[0, 1] > 0.0 else slice(*marks.start[1:3])
    moved = LaneMarks(
        np.array([0, left.stop - left.start]), marks.xy_m[left] + (0.0, 0.4), marks.sigma_m[left], marks.types[:1],
        marks.score[:1],
    )  # fmt: skip
    assert bank.alone < 0.1
    for _ in range(50):
        bank = with_marks(replace(bank, moved_m=1.0), Picture(seen_lines(moved, MODEL), lines, MODEL), road, SETTINGS)
    assert pose_of(bank.leader).y_m == pytest.approx(in_lane(0).y_m, abs=0.03)
    assert bank.agreement > SETTINGS.certain_trust
    assert bank.alone > 0.7


def test_a_pose_against_the_traffic_finds_the_lanes_of_the_road_on_their_true_sides() -> None:
    beside = lanes_beside(straight_road(2), in_lane(0, left_m=0.3, yaw_rad=math.pi), SETTINGS)
    # heading west in the southern of two eastbound lanes: the other one lies to the right
    assert beside.exists.tolist() == [False, False, True, True, False, False, False]
    assert beside.from_centre_m == pytest.approx(-0.3)
    assert beside.against_nats[REACH] == SETTINGS.oncoming_nats


def test_a_bank_begins_on_a_lane_of_its_own_direction_however_far_off_the_fix_is() -> None:
    bank = start_bank(estimate_at(in_lane(2, left_m=8.0)), straight_road(3), SETTINGS)
    assert pose_of(bank.leader).y_m == pytest.approx(in_lane(2).y_m)


def test_a_mount_that_is_turned_is_told_from_a_heading_by_driving_along_the_lane() -> None:
    """Lines always look turned by what the mount is off, while the car, by its motion, goes straight along them."""
    turned_rad, lane_map = 3.0e-3, straight_road(3)
    lines = mark_lines(lane_map)
    bank = start_bank(estimate_at(in_lane(1), sigma_m=0.1), lane_map, SETTINGS)
    for metre in range(200):
        true = in_lane(1) @ Pose(float(metre), 0.0, 0.0)
        seen = seen_lines(seen_from(lines, true @ Pose(0.0, 0.0, -turned_rad)), MODEL)
        place = np.array(((true.x_m, true.y_m),)) - bank.leader.mean[[X, Y]]
        rows = np.eye(2, STATES, X)
        leader, _ = corrected(bank.leader, place[0], rows, 1e-4 * np.eye(2))
        course = np.eye(1, STATES, YAW)  # what satellites say of its motion
        leader, _ = corrected(leader, -leader.mean[[YAW]], course, np.array(((4.0e-6,),)))
        bank = replace(bank, leader=leader, moved_m=1.0, looked_m=bank.looked_m + 1.0)
        bank = with_marks(bank, Picture(seen, lines, MODEL), lane_map, SETTINGS)
    assert bank.leader.mean[MOUNT] == pytest.approx(turned_rad, abs=1.5e-3)
    assert abs(bank.leader.mean[YAW]) < 1.0e-3


def test_lanes_beyond_a_median_are_lanes_beside() -> None:
    lane_map = sample_lanes(read_opendrive(MOTORWAY))
    at = lane_map.centre_points[lane_map.rows(lane_map.index("1:0:-2"))][100]
    for turned in (False, True):
        here = Pose(float(at[0]), float(at[1]), math.pi if turned else 0.0)
        beside = lanes_beside(lane_map, here, SETTINGS)
        there = here @ np.stack((np.zeros(7), beside.offset_m - beside.from_centre_m), axis=1)
        lanes, _, off_m = lane_map.nearest(there[beside.exists])
        assert len(set(lanes.tolist())) == beside.exists.sum() >= 3
        np.testing.assert_allclose(off_m, 0.0, atol=0.05)
        assert len(set(beside.against_nats[beside.exists].tolist())) == 2, "both directions are among them"


def test_no_lane_stands_at_two_places_and_none_that_crosses_the_road_beside_it() -> None:
    lane_map = sample_lanes(read_opendrive(MAPS / "suburb.xodr"))
    tried = 0
    for lane in range(lane_map.size):
        line = lane_map.centre(lane)
        if lane_map.kinds[lane] != "driving" or line.length_m < 1.0:
            continue
        for s in np.linspace(0.0, line.length_m, 5)[1:-1]:
            x, y = line.position(s)
            here = Pose(float(x), float(y), float(line.heading(s)))
            beside = lanes_beside(lane_map, here, SETTINGS)
            places = np.sort(beside.offset_m[beside.exists])
            assert np.diff(places).min(initial=np.inf) > 1.0, (lane_map.ids[lane], s)
            tried += 1
    assert tried > 100


def test_who_begins_on_the_wrong_carriageway_comes_back_to_its_own() -> None:
    lane_map = sample_lanes(read_opendrive(MOTORWAY))
    lines = mark_lines(lane_map)
    at = lane_map.centre_points[lane_map.rows(lane_map.index("1:0:-2"))][100]
    true = Pose(float(at[0]), float(at[1]), 0.0)
    wrong = true @ Pose(0.0, 2.0 * abs(true.y_m), 0.0)
    bank = start_bank(estimate_at(wrong), lane_map, replace(SETTINGS, oncoming_nats=0.0))
    assert abs(pose_of(bank.leader).y_m - wrong.y_m) < 1.0
    seen = seen_lines(seen_from(lines, true), MODEL)
    for _ in range(40):
        bank = replace(bank, moved_m=12.0, looked_m=bank.looked_m + 12.0)
        bank = with_marks(bank, Picture(seen, lines, MODEL), lane_map, SETTINGS)
    assert pose_of(bank.leader).y_m == pytest.approx(true.y_m, abs=0.3)
