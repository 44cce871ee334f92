"""What the planner does in simple scenes, cycle by cycle."""

from dataclasses import replace

import numpy as np
import pytest

from bus.messages import EntityKind
from planning.candidates import KEEP, PASS, RIGHT
from planning.lanewise_planner import LanewiseMemory, LanewisePlanner
from planning.planner import Plan
from planning.scene import Scene
from planning.scoring_kernel import DISTANCE, TERMS
from tests.planning.conftest import CAR, SceneMaker

PLANNER = LanewisePlanner()


def planned(scene: Scene, cycles: int = 1) -> Plan:
    """The plan of the last of several cycles in an unchanged scene."""
    memory = PLANNER.start(scene.context)
    for _ in range(cycles):
        plan, memory = PLANNER.plan(scene, memory)
    return plan


def in_lane(scene: Scene) -> Scene:
    mission = replace(scene.context.mission, keep_lane=True)
    return replace(scene, context=replace(scene.context, mission=mission))


def test_a_free_road_is_driven_at_the_set_speed(scene: SceneMaker) -> None:
    plan = planned(scene(30.0))
    assert plan.states.speed_mps == pytest.approx(30.0, abs=0.3)
    assert not plan.emergency


def test_a_slow_ego_speeds_up_gently(scene: SceneMaker) -> None:
    plan = planned(scene(15.0), cycles=5)
    assert plan.states.speed_mps[-1] > 19.0
    assert plan.states.acceleration_mps2.max() <= 2.4


def test_a_stopped_lead_makes_the_ego_stop_before_it(scene: SceneMaker) -> None:
    plan = planned(in_lane(scene(15.0, {"ahead_m": 60.0})))
    assert plan.states.speed_mps[-1] < 6.0
    assert plan.states.x_m[-1] - plan.states.x_m[0] < 60.0 - 2.25 - 3.8
    assert not plan.emergency


def test_only_an_imminent_collision_is_an_emergency(scene: SceneMaker) -> None:
    assert planned(in_lane(scene(25.0, {"ahead_m": 45.0}))).emergency
    assert not planned(in_lane(scene(25.0, {"ahead_m": 90.0, "vx_mps": 15.0}))).emergency


def test_a_car_that_drifts_in_is_braked_for_before_it_is_in_the_lane(scene: SceneMaker) -> None:
    drifting = {"ahead_m": 30.0, "left_m": -3.0, "vx_mps": 17.0, "vy_mps": 0.9}
    beside = {"ahead_m": 30.0, "left_m": -3.6, "vx_mps": 17.0}
    assert planned(in_lane(scene(25.0, drifting)), cycles=3).states.acceleration_mps2[0] < -0.5
    assert planned(in_lane(scene(25.0, beside)), cycles=3).states.acceleration_mps2[0] > -0.2


def test_it_changes_lanes_for_a_standing_car_unless_it_has_to_keep_its_lane(scene: SceneMaker) -> None:
    standing = scene(25.0, {"ahead_m": 110.0})
    assert planned(standing).label.startswith("change right")
    assert planned(in_lane(standing)).label.startswith("keep")


def test_who_is_beside_the_route_and_held_up_by_nobody_comes_back(scene: SceneMaker) -> None:
    beside = scene(25.0, d_m=-3.6)
    memory = replace(PLANNER.start(beside.context), lane=RIGHT, acceleration_mps2=0.0)
    assert PLANNER.plan(beside, memory)[0].label.startswith("keep")
    held_up = scene(25.0, {"ahead_m": 40.0, "left_m": 3.6, "vx_mps": 15.0}, d_m=-3.6)
    assert PLANNER.plan(held_up, memory)[0].label.startswith("change right")


def test_nobody_leaves_the_route_for_a_lane_that_cannot_be_left_again_before_the_goal(scene: SceneMaker) -> None:
    slow = scene(25.0, {"ahead_m": 45.0, "vx_mps": 12.0})
    assert planned(slow).label.startswith("change right")
    for goal_m, changes in ((600.0, True), (350.0, False)):
        mission = replace(slow.context.mission, goal_m=goal_m)
        made = replace(slow, context=replace(slow.context, mission=mission))
        lanes = {way.lane for way in PLANNER.weigh(made, PLANNER.start(made.context)).layout.ways}
        assert (RIGHT in lanes) == changes


def test_a_change_that_has_begun_goes_on_where_none_would_begin(scene: SceneMaker) -> None:
    made = scene(25.0, {"ahead_m": 45.0, "left_m": 2.0, "vx_mps": 12.0}, d_m=-2.0)
    for goal_m, begins, goes_on in ((600.0, True, True), (400.0, False, True), (220.0, False, False)):
        mission = replace(made.context.mission, goal_m=goal_m)
        there = replace(made, context=replace(made.context, mission=mission))
        new = PLANNER.start(there.context)
        begun = replace(new, lane=RIGHT, acceleration_mps2=0.0)
        found = [RIGHT in {way.lane for way in PLANNER.weigh(there, memory).layout.ways} for memory in (new, begun)]
        assert found == [begins, goes_on]


def test_who_keeps_its_lane_passes_within_it_unless_marks_are_not_to_be_crossed(scene: SceneMaker) -> None:
    post = {"ahead_m": 60.0, "left_m": -1.3, "kinds": int(EntityKind.OBSTACLE), "length_m": 0.5, "width_m": 0.5}
    made = in_lane(scene(15.0, post))
    mission = replace(made.context.mission, may_pass=False)
    strict = replace(made, context=replace(made.context, mission=mission))
    lanes = [{way.lane for way in PLANNER.weigh(one, PLANNER.start(one.context)).layout.ways} for one in (made, strict)]
    assert lanes == [{KEEP, PASS}, {KEEP}]


def test_behind_who_has_broken_down_the_ego_stops_where_it_can_still_change_lanes(scene: SceneMaker) -> None:
    made = scene(8.0, {"ahead_m": 60.0})
    room_m = 60.0 - 2.25 - CAR.front_m
    weighed = PLANNER.weigh(made, PLANNER.start(made.context))
    keeps = np.array([way.lane == KEEP for way in weighed.layout.ways])[weighed.scored.index[:, 0]]
    clean = weighed.scored.terms[:, TERMS.index("contact")] < 0.1
    reached_m = weighed.scored.motion[:, -1, DISTANCE]
    assert reached_m[keeps & clean].max() < room_m - 11.0
    assert reached_m[~keeps & clean].max() > 60.0
    assert "waits until it can pass" in planned(in_lane(made)).reason


def test_from_standstill_the_ego_changes_lanes_around_him_unless_somebody_comes_there(scene: SceneMaker) -> None:
    broken = {"ahead_m": CAR.front_m + 2.25 + 14.0}
    assert planned(scene(0.0, broken)).label.startswith("change")
    assert planned(scene(0.0, {"ahead_m": CAR.front_m + 2.25 + 4.0})).label.startswith("keep")  # too near to get out
    train = [
        {"ahead_m": ahead, "left_m": side, "vx_mps": 16.0}
        for ahead in (-70.0, -30.0, -14.0, 2.0)
        for side in (-3.6, 3.6)
    ]
    assert planned(scene(0.0, broken, *train)).states.speed_mps[10] < 0.2


def test_a_motorcycle_on_the_mark_is_followed_by_who_has_to_stay_behind_it(scene: SceneMaker) -> None:
    """The vehicle in front, by UN R157, is whoever has his middle in the lane."""
    rides = {"ahead_m": 22.0, "left_m": 1.7, "vx_mps": 20.0, "kinds": int(EntityKind.MOTORCYCLE),
             "length_m": 2.2, "width_m": 0.6}  # fmt: skip
    made = in_lane(scene(20.0, rides))
    mission = replace(made.context.mission, may_pass=False)
    strict = replace(made, context=replace(made.context, mission=mission))
    free, behind = (planned(one, cycles=3) for one in (made, strict))
    assert behind.lead_id == 1
    assert free.states.speed_mps[-1] > behind.states.speed_mps[-1] + 1.0


def test_an_occupied_lane_is_not_changed_to(scene: SceneMaker) -> None:
    beside = {"ahead_m": 2.0, "left_m": -3.6, "vx_mps": 25.0}
    plan = planned(scene(25.0, {"ahead_m": 80.0, "vx_mps": 15.0}, beside))
    assert plan.label.startswith("keep")


def test_more_than_a_thousand_candidates_are_weighed(scene: SceneMaker) -> None:
    made = scene(25.0)
    weighed = PLANNER.weigh(made, PLANNER.start(made.context))
    assert weighed.scored.terms.shape[0] >= 700
    assert weighed.best == int(np.argmin(weighed.scored.cost))


def test_what_was_weighed_is_told_with_its_costs(scene: SceneMaker) -> None:
    plan = planned(scene(25.0, {"ahead_m": 80.0, "vx_mps": 15.0}))
    assert plan.considered is not None
    told = plan.considered()
    assert told.labels[told.chosen] == plan.label
    assert int(np.argmin(told.costs.sum(axis=1))) == told.chosen
    first = np.stack((plan.states.x_m[[0, 15]], plan.states.y_m[[0, 15]]), axis=-1)
    assert told.xy_m[told.chosen, 0] == pytest.approx(first[0])
    assert told.xy_m[told.chosen, 1] == pytest.approx(first[1], abs=0.3)  # what is driven is refined


def test_the_same_scene_and_memory_give_the_same_plan(scene: SceneMaker) -> None:
    made = scene(25.0, {"ahead_m": 40.0, "vx_mps": 12.0})
    one, other = planned(made, 3), planned(made, 3)
    assert one.label == other.label
    assert np.array_equal(one.states.x_m, other.states.x_m)


def test_a_batch_equals_its_cases(scene: SceneMaker) -> None:
    scenes = [scene(25.0, {"ahead_m": 40.0, "vx_mps": 12.0}), scene(10.0)]
    memories = [PLANNER.start(made.context) for made in scenes]
    batch = PLANNER.plan_batch(scenes, memories)
    for made, memory, (plan, after) in zip(scenes, memories, batch, strict=True):
        alone, alone_after = PLANNER.plan(made, memory)
        assert plan.label == alone.label
        assert np.array_equal(plan.states.acceleration_mps2, alone.states.acceleration_mps2)
        assert after == alone_after


def speed_lost_to_ghost(scene: SceneMaker, rng: np.random.Generator) -> float:
    """Speed [m/s] that a car which exists for one cycle costs an ego that obeys each plan for 0.1 s."""
    ghost = {"ahead_m": float(rng.uniform(8.0, 60.0)), "left_m": float(rng.uniform(-1.5, 1.5)),
             "vx_mps": float(rng.uniform(0.0, 25.0))}  # fmt: skip
    speed = float(rng.uniform(8.0, 28.0))
    memory: LanewiseMemory = PLANNER.start(scene(speed).context)
    now, lowest = speed, speed
    for cycle in range(5):
        made = scene(now, ghost) if cycle == 1 else scene(now)
        plan, memory = PLANNER.plan(in_lane(made), memory)
        now += 0.1 * float(plan.states.acceleration_mps2[0])
        lowest = min(lowest, now)
    return speed - lowest


def test_ghosts_of_one_cycle_cause_no_stop(scene: SceneMaker) -> None:
    rng = np.random.default_rng(7)
    assert max(speed_lost_to_ghost(scene, rng) for _ in range(20)) < 2.0


@pytest.mark.full
def test_two_hundred_ghosts_cause_no_stop(scene: SceneMaker) -> None:
    rng = np.random.default_rng(8)
    assert max(speed_lost_to_ghost(scene, rng) for _ in range(200)) < 2.0


def test_the_fallback_stop_stays_in_the_lane(scene: SceneMaker) -> None:
    plan = planned(scene(25.0, {"ahead_m": 110.0}))
    assert plan.stop.speed_mps[-1] == 0.0
    assert np.ptp(plan.stop.y_m) < 0.2
    assert plan.stop.acceleration_mps2.min() >= -4.0
