"""NAVSIM sub-scores of proposals whose outcome can be told by hand."""

import numpy as np
import pytest
from shapely import box

from planning.metrics.navsim.extended import (
    changed_mind,
    off_centre_step,
    red_light_step,
    uncomfortable_with_history,
)
from planning.metrics.navsim.lane_area import lane_area
from planning.metrics.navsim.pdms import ExtendedInputs, Judged, epdms, pdms
from planning.metrics.navsim.scores import NEVER, compared_progress

FRONT_M = 1.4 + 2.25


def test_lanes_under_points_are_found_and_nothing_beside_the_road(judge):
    area = lane_area(judge.three_lanes(), 0.0, 0.0, 100.0, (0,))
    found = area.lanes_at(np.array([[5.0, 0.0], [5.0, 3.0], [5.0, 9.0], [5.0, -2.1], [5.0, 10.1]]))
    assert found[:, 0].tolist() == [0, 1, 2, -1, -1]
    assert area.on_route.tolist() == [True, True, False]


def test_quiet_drive_loses_nothing(judge):
    scores = judge.scores(judge.drive())
    assert scores.multiplied[0] == scores.time_to_collision[0] == scores.comfort[0] == 1.0
    assert scores.progress_m[0] == pytest.approx(40.0)
    assert scores.collision_step[0] == NEVER


def test_driving_into_a_standing_car_scores_zero_when_they_touch(judge):
    scores = judge.scores(judge.drive(), others=judge.others((25.0, 0.0, 0.0, 0.0)))
    # Front at 3.65 m + 10 m/s, rear of the car at 23 m.
    assert (scores.no_collision[0], scores.collision_step[0], scores.hit[0]) == (0.0, 20, 0)


def test_hitting_a_thing_costs_half(judge):
    scores = judge.scores(judge.drive(), others=judge.others((25.0, 0.0, 0.0, 0.0), static=[True]))
    assert scores.no_collision[0] == 0.5


def test_being_hit_from_behind_or_while_standing_costs_nothing(judge):
    behind = judge.scores(judge.drive(2.0), others=judge.others((-12.0, 0.0, 0.0, 12.0)))
    standing = judge.scores(judge.drive(0.0), others=judge.others((20.0, 0.0, np.pi, 8.0)))
    assert behind.no_collision[0] == standing.no_collision[0] == 1.0


def test_contact_from_the_side_counts_only_between_lanes(judge):
    merging = judge.others((1.0, 4.0, -0.05, 10.05))
    inside = judge.scores(judge.drive(), others=merging)
    between = judge.scores(judge.drive(y=1.2), others=merging)
    assert inside.no_collision[0] == 1.0
    assert between.no_collision[0] == 0.0


def test_who_is_touched_already_is_not_counted(judge):
    scores = judge.scores(judge.drive(), others=judge.others((3.0, 0.0, 0.0, 0.0)))
    assert scores.no_collision[0] == 1.0


def test_corner_off_the_road_violates_the_drivable_area_without_tolerance(judge):
    drifting = judge.drive(y=-0.95 - 0.04 * np.arange(judge.steps))
    scores = judge.scores(drifting)
    assert scores.drivable_area[0] == 0.0
    assert scores.drivable_step[0] == 2


@pytest.mark.parametrize(("speed", "score"), [(0.4, 1.0), (1.4, 0.5), (1.6, 0.0)])
def test_driving_in_the_oncoming_lane_is_measured_while_it_lasts(judge, speed, score):
    assert judge.scores(judge.drive(speed, y=8.0)).direction[0] == score
    assert judge.scores(judge.drive(speed, y=4.0)).direction[0] == 1.0


def test_oncoming_lane_inside_a_junction_is_no_violation(judge):
    lane_map = judge.three_lanes(junction=("", "", "j"))
    assert judge.scores(judge.drive(7.0, y=8.0), lane_map=lane_map).direction[0] == 1.0


def test_time_to_collision_looks_nine_tenths_of_a_second_ahead(judge):
    # 5 m/s closing: the gap of 4 m lasts 0.8 s, that of 5 m a full second; the other speeds away before contact.
    def score(gap_m):
        others = judge.others((gap_m + FRONT_M + 2.0, 0.0, 0.0, 5.0))
        drive = judge.drive(np.where(judge.t_s > 0.05, 5.0, 10.0))
        return judge.scores(drive, others=others)

    assert score(4.4).time_to_collision[0] == 0.0
    assert score(4.4).ttc_step[0] == 0
    assert score(4.6).time_to_collision[0] == 1.0


def test_hard_braking_is_uncomfortable(judge):
    assert judge.scores(judge.drive(acceleration=-3.9)).comfort[0] == 1.0
    assert judge.scores(judge.drive(acceleration=-4.2)).comfort[0] == 0.0


def test_progress_is_compared_with_the_best_allowed_proposal(judge):
    # The fastest one leaves the road, so that the second one sets the standard.
    scores = judge.scores(judge.drive(5.0), judge.drive(10.0), judge.drive(12.0, y=-3.0))
    assert compared_progress(scores) == pytest.approx([0.5, 1.0, 0.0])


def test_where_nobody_gets_far_progress_does_not_count(judge):
    assert compared_progress(judge.scores(judge.drive(1.0), judge.drive(0.0))) == pytest.approx([1.0, 1.0])


def judged(judge, drive, reference_m=40.0, **kwargs):
    return Judged(judge.scores(drive, **kwargs), 0, drive, judge.dt_s, reference_m)


def test_pdms_is_the_weighted_sum_times_the_gates(judge):
    score = pdms(judged(judge, judge.drive(5.0)))
    assert score.part("EP") == pytest.approx(0.5)
    assert score.total == pytest.approx((5 * 0.5 + 5 + 2) / 12)


def test_pdms_names_when_a_collision_happens(judge):
    score = pdms(judged(judge, judge.drive(), others=judge.others((25.0, 0.0, 0.0, 0.0))))
    assert score.total == 0.0
    assert "collision with object 0 by own fault at t = 2.0 s" in score.results[0].cause


def inputs(judge, drive, **kwargs):
    values = {"red": (), "crossing": np.zeros(judge.steps, dtype=bool), "previous": None, "previous_steps": 5}
    values |= kwargs
    return ExtendedInputs(judge.car, judge.centre_line, history=np.repeat(drive[:1], 16, axis=0), **values)


def test_epdms_of_a_quiet_drive_is_one(judge):
    drive = judge.drive()
    assert epdms(judged(judge, drive), inputs(judge, drive)).total == 1.0


def test_red_light_ends_the_score_where_the_front_passes_the_line(judge):
    drive = judge.drive()
    area = box(20.0, -2.0, 30.0, 2.0)
    assert red_light_step(drive, judge.car, (area,)) == 17
    assert epdms(judged(judge, drive), inputs(judge, drive, red=(area,))).total == 0.0


def test_driving_off_centre_for_two_seconds_loses_lane_keeping_but_not_in_junctions(judge):
    drive = judge.drive(y=0.6)
    assert off_centre_step(drive, judge.car, judge.centre_line, np.zeros(41, dtype=bool), 0.1) == 20
    assert off_centre_step(drive, judge.car, judge.centre_line, np.arange(41) == 15, 0.1) == 36
    assert off_centre_step(drive, judge.car, judge.centre_line, np.arange(41) % 20 == 15, 0.1) is None
    assert off_centre_step(judge.drive(y=0.4), judge.car, judge.centre_line, np.zeros(41, dtype=bool), 0.1) is None


def test_harsh_past_counts_with_a_calm_plan(judge):
    drive = judge.drive()
    assert uncomfortable_with_history(drive, np.repeat(drive[:1], 16, axis=0), 0.1) is None
    braking = judge.drive(acceleration=-4.2)
    assert uncomfortable_with_history(drive, braking[:16], 0.1) == "longitudinal acceleration"


def test_changing_ones_mind_costs_comfort(judge):
    calm = judge.drive()
    assert changed_mind(calm, calm, 5, 0.1) is None
    assert "differs by 1.00" in changed_mind(calm, judge.drive(acceleration=1.0), 5, 0.1)
