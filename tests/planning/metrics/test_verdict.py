"""The verdicts as a whole."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometry.errors import ContractError, InputError
from planning.metrics.corridor import LaneCorridor
from planning.metrics.judge import VERDICTS, judge
from planning.metrics.table import METRICS

SPEED = 60.0 / 3.6


def test_a_clean_drive_passes_all_rules_and_says_so(road):
    t_s = road.times(20.0)
    lead = road.other(SPEED * t_s + 40.0)
    verdict = judge(road.drive(t_s, road.ego(SPEED * t_s), lead), road.lane(), "un-r157")
    assert verdict.passed
    assert "no contact" in verdict.cause
    assert [result.name for result in verdict.results] == list(METRICS)


def test_a_collision_is_the_first_cause_to_be_named(road):
    t_s = road.times(20.0)
    drift = road.sideways(t_s, 0.0, 1.2, 0.3, from_s=1.0)
    parked = road.other(0.0 * t_s + 150.0, 1.2, name="Parked")
    verdict = judge(road.drive(t_s, road.ego(SPEED * t_s, drift, yaw=0.0 * t_s), parked), road.lane(), "un-r157")
    assert not verdict.passed
    assert verdict.cause.startswith("ego ran into Parked")
    assert verdict.t_s is not None
    failed = {result.name for result in verdict.results if not result.passed}
    assert {"collision", "avoidable_collision", "lane_departure"} <= failed


def test_each_rule_of_the_regulation_can_fail_a_drive_alone(road):
    t_s = road.times(20.0)
    near = road.other(SPEED * t_s + road.front_m + road.half_length_m + 15.0)
    drives = {
        "avoidable_collision": road.drive(t_s, road.ego(SPEED * t_s), road.other(0.0 * t_s + 150.0)),
        "lane_departure": road.drive(t_s, road.ego(SPEED * t_s, 0.0 * t_s + 0.8)),
        "following": road.drive(t_s, road.ego(SPEED * t_s), near),
        "demand": road.drive(t_s, road.ego(SPEED * t_s), demand=np.where(np.abs(t_s - 5.0) < 0.5, -6.0, 0.0)),
        "hindering": road.drive(t_s, road.ego(5.0 * t_s)),
    }
    for rule, drive in drives.items():
        verdict = judge(drive, road.lane(), "un-r157")
        failed = {result.name for result in verdict.results if not result.passed}
        assert not verdict.passed
        assert failed - {"collision"} == {rule}


def test_without_a_regulation_slowness_informs_and_a_contact_fails(road):
    t_s = road.times(20.0)
    assert judge(road.drive(t_s, road.ego(5.0 * t_s)), road.lane(), "").passed
    parked = road.other(0.0 * t_s + 50.0)
    assert not judge(road.drive(t_s, road.ego(5.0 * t_s), parked), road.lane(), "").passed


@pytest.mark.parametrize("regulation", list(VERDICTS))
def test_a_drive_that_the_stack_never_drove_is_no_pass(road, regulation):
    t_s = road.times(5.0)
    drive = road.drive(t_s, road.ego(SPEED * t_s), engaged=t_s < 0.0)
    assert not judge(drive, road.lane(), regulation).passed


def test_an_unknown_regulation_is_refused_with_the_known_ones(road):
    t_s = road.times(1.0)
    with pytest.raises(InputError, match="un-r157"):
        judge(road.drive(t_s, road.ego(SPEED * t_s)), road.lane(), "un-r79")


def test_a_corridor_whose_sides_do_not_fit_its_path_is_refused(road):
    lane = road.lane()
    with pytest.raises(ContractError, match="left_m"):
        LaneCorridor(lane.path, lane.left_m[:-1], lane.right_m, lane.left_marked, lane.right_marked)
    with pytest.raises(ContractError, match="negative"):
        LaneCorridor(lane.path, lane.left_m, -lane.right_m, lane.left_marked, lane.right_marked)


def test_a_verdict_does_not_depend_on_where_in_the_world_the_road_lies(road):
    t_s = road.times(12.0)
    drive = road.drive(t_s, road.ego(SPEED * t_s), road.other(0.0 * t_s + 150.0))
    causes = {judge(drive, road.lane(length_m=length), "un-r157").cause for length in (2000.0, 5000.0)}
    assert len(causes) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(["", "un-r157"]))
def test_any_drive_gets_a_verdict_with_a_cause(road, seed, regulation):
    rng = np.random.default_rng(seed)
    t_s = road.times(rng.uniform(0.04, 6.0))
    ego = road.ego(road.braking(t_s, rng.uniform(0.0, 30.0), rng.uniform(0.0, 8.0), from_s=rng.uniform(0.0, 3.0)))
    others = []
    for i in range(rng.integers(0, 4)):
        x = rng.uniform(-40.0, 60.0) + rng.uniform(-15.0, 30.0) * t_s
        x[(t_s > rng.uniform(0.0, 6.0)) == bool(rng.integers(0, 2))] = np.nan
        y = road.sideways(
            t_s, rng.uniform(-5.0, 5.0), rng.uniform(-5.0, 5.0), rng.uniform(0.0, 3.0), rng.uniform(0.0, 3.0)
        )
        others.append(road.other(x, y, name=f"Car{i}", yaw=np.full(len(t_s), rng.uniform(-3.2, 3.2))))
    drive = road.drive(t_s, ego, *others, engaged=t_s >= rng.uniform(0.0, 2.0))
    verdict = judge(drive, road.lane(), regulation)
    assert verdict.cause
    assert all(result.cause and not np.isnan(result.value) for result in verdict.results)
    assert verdict.passed or verdict.t_s is not None or not drive.engaged.any()


@pytest.mark.full
def test_a_minute_with_five_others_is_judged_within_a_fifth_of_a_second(road):
    t_s = road.times(60.0)
    others = [road.other(SPEED * t_s + 40.0 * (i + 1), 3.5 * (i % 2), name=f"Car{i}") for i in range(5)]
    drive = road.drive(t_s, road.ego(SPEED * t_s), *others)
    judge(drive, road.lane(), "un-r157")
    took = []
    for _ in range(5):
        start = time.process_time()
        judge(drive, road.lane(), "un-r157")
        took.append(time.process_time() - start)
    print(f"\n60 s at 50 Hz with 5 others judged in {1000.0 * min(took):.0f} ms")
    assert min(took) < 0.2
