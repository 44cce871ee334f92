"""Appointments: in time at their place, among others whose motion is foretold."""

from dataclasses import replace

import numpy as np
import pytest

from geometry.angles import Floats
from planning.appointment import WISH_SHARE, Kept, keep_appointment
from planning.foretold import Foretold
from planning.laid_ways import BESIDE_M, Course, Manoeuvre, passes, relaid, way_of
from planning.lanewise_planner import LanewisePlanner
from planning.scene import Arrival, Context, Mission, Scene
from planning.space_time import SpaceTimeSettings
from tests.planning.conftest import CAR, SceneMaker

SETTINGS = SpaceTimeSettings()


def appointed(scene: Scene, ahead_m: float, left_m: float, in_s: float, *others: Foretold,
              half_m: float = 2.0, speed_mps: tuple[float, float] = (0.0, 60.0)) -> Scene:  # fmt: skip
    """The scene with an appointment: a square `ahead_m` before the ego, to be reached between `in_s` and a second
    later."""
    context, ego = scene.context, scene.ego.world_from_ego
    corners = ego @ np.array(
        [[ahead_m + x, left_m + y] for x, y in ((-2, -half_m), (2, -half_m), (2, half_m), (-2, half_m))]
    )
    along, _ = context.mission.route.path.project(corners)
    arrival = Arrival(
        float(along.min()), float(along.max()), scene.now_s + in_s, scene.now_s + in_s + 1.0,
        tuple((float(x), float(y)) for x, y in corners), speed_mps,
    )  # fmt: skip
    mission = Mission(context.mission.route, 20.0, arrival=arrival)
    return replace(scene, context=replace(context, mission=mission, foretold=others))


def foretold(scene: Scene, ahead_m: float, left_m: float, speed_mps: float) -> Foretold:
    """A car on its way along the road."""
    t = np.array([0.0, 40.0])
    ego = scene.ego.world_from_ego
    moved = ahead_m + speed_mps * (t - scene.now_s)
    points = ego @ np.stack((moved, np.full(2, left_m)), axis=-1)
    return Foretold(
        7, 4.5, 1.8, t, points[:, 0].copy(), points[:, 1].copy(), np.full(2, ego.yaw_rad), np.full(2, speed_mps)
    )


def middle_at(kept: Kept, scene: Scene, t_s: float) -> Floats:
    """The middle of the ego's box at a time of the plan, in `ego` of now."""
    states = kept.states
    x, y, yaw = (np.interp(t_s, states.t_s, column) for column in (states.x_m, states.y_m, states.yaw_rad))
    ahead = scene.context.vehicle.centre_x_m
    middle = np.array([x + ahead * np.cos(yaw), y + ahead * np.sin(yaw)])
    return np.asarray(scene.ego.world_from_ego.inverse() @ middle)


def is_there(kept: Kept, scene: Scene, ahead_m: float, left_m: float, from_s: float, half_m: float = 2.0) -> bool:
    places = [middle_at(kept, scene, t) for t in np.arange(from_s, from_s + 1.05, 0.1)]
    return any(abs(p[0] - ahead_m) <= 2.0 and abs(p[1] - left_m) <= half_m for p in places)


def test_the_ego_is_at_its_place_in_time(scene: SceneMaker) -> None:
    meeting = appointed(scene(15.0), 70.0, 0.0, 5.0)
    kept = keep_appointment(meeting, None, SETTINGS)
    assert kept is not None
    assert is_there(kept, meeting, 70.0, 0.0, 5.0)


def test_it_arrives_at_the_speed_asked_for(scene: SceneMaker) -> None:
    meeting = appointed(scene(15.0), 60.0, 0.0, 5.0, speed_mps=(7.0, 9.0))
    kept = keep_appointment(meeting, None, SETTINGS)
    assert kept is not None
    inside = [t for t in np.arange(5.0, 6.05, 0.1) if abs(middle_at(kept, meeting, t)[0] - 60.0) <= 2.0]
    assert inside
    assert any(7.0 <= np.interp(t, kept.states.t_s, kept.states.speed_mps) <= 9.0 for t in inside)


def test_a_speed_that_is_asked_for_is_driven_early(scene: SceneMaker) -> None:
    meeting = appointed(scene(15.0), 60.0, 0.0, 5.0, speed_mps=(7.0, 9.0))
    wished, beside = 7.0 + WISH_SHARE * 2.0, []
    for settings in (SETTINGS, replace(SETTINGS, asked_cost=SETTINGS.pace_cost)):
        kept = keep_appointment(meeting, None, settings)
        assert kept is not None
        until = kept.states.t_s <= 5.0
        beside.append(float(np.square(kept.states.speed_mps[until] - wished).sum()))
    assert beside[0] < 0.95 * beside[1]


def test_it_changes_to_the_lane_where_its_place_is(scene: SceneMaker) -> None:
    meeting = appointed(scene(15.0), 80.0, 3.5, 5.0, half_m=1.0)
    kept = keep_appointment(meeting, None, SETTINGS)
    assert kept is not None
    assert is_there(kept, meeting, 80.0, 3.5, 5.0, half_m=1.0)


def test_who_stands_in_the_way_is_passed(scene: SceneMaker) -> None:
    start = scene(12.0)
    meeting = appointed(start, 70.0, 0.0, 6.0, foretold(start, 40.0, 0.0, 0.0), half_m=4.0)
    kept = keep_appointment(meeting, None, SETTINGS)
    assert kept is not None
    beside = [middle_at(kept, meeting, t) for t in np.arange(0.0, 6.0, 0.1)]
    assert min(abs(p[1]) for p in beside if abs(p[0] - 40.0) < 4.6) > 1.85


def test_ways_close_beside_who_stands_are_straight_there_and_keep_their_distance(scene: SceneMaker) -> None:
    start = scene(12.0, {"ahead_m": 40.0, "left_m": -0.6})
    meeting = appointed(start, 90.0, 0.0, 8.0, half_m=4.0)
    sharp = [manoeuvre for manoeuvre in passes(meeting) if manoeuvre.sharp]
    assert {manoeuvre.offset_m > 0.0 for manoeuvre in sharp} == {True, False}
    for manoeuvre in sharp:
        way = way_of(meeting, manoeuvre)
        assert way is not None
        middle = meeting.ego.world_from_ego.inverse() @ way.centre[:, :2]
        beside = np.abs(middle[:, 0] - 40.0) < 0.5 * (4.5 + CAR.length_m)
        gaps = np.abs(middle[beside, 1] + 0.6) - 0.5 * (1.8 + CAR.width_m)
        clear = min(BESIDE_M, key=lambda m: abs(m - float(np.median(gaps))))
        assert np.abs(gaps - clear).max() < 0.05


def test_a_sharp_way_is_laid_anew_from_where_the_ego_is(scene: SceneMaker) -> None:
    start = scene(12.0, {"ahead_m": 40.0, "left_m": -0.6})
    sharp = next(manoeuvre for manoeuvre in passes(appointed(start, 90.0, 0.0, 8.0, half_m=4.0)) if manoeuvre.sharp)
    later = appointed(scene(12.0, {"ahead_m": 30.0, "left_m": -0.7}, s_m=110.0, d_m=0.1), 80.0, 0.0, 7.0, half_m=4.0)
    kept = keep_appointment(later, sharp, SETTINGS)
    assert kept is not None
    assert isinstance(kept.manoeuvre, Manoeuvre)
    assert kept.manoeuvre.offset_m == sharp.offset_m
    here = later.ego.world_from_ego.inverse() @ np.array([kept.states.x_m[0], kept.states.y_m[0]])
    assert here == pytest.approx([0.0, 0.0], abs=0.01)


def test_an_emergency_ends_when_the_ego_is_past_and_back(scene: SceneMaker) -> None:
    start = scene(12.0, {"ahead_m": 40.0, "left_m": -0.6})
    sharp = next(manoeuvre for manoeuvre in passes(appointed(start, 90.0, 0.0, 8.0, half_m=4.0)) if manoeuvre.sharp)
    beside, past = (scene(12.0, s_m=s) for s in (sharp.back_m, sharp.back_m + sharp.end_m - sharp.begin_m + 1.0))
    assert relaid(beside, sharp).sharp
    assert not relaid(past, sharp).sharp


def test_who_is_slower_ahead_is_not_run_into(scene: SceneMaker) -> None:
    start = scene(15.0)
    lead = foretold(start, 25.0, 0.0, 8.0)
    meeting = appointed(start, 45.0, 0.0, 5.0, lead)
    kept = keep_appointment(meeting, None, SETTINGS)
    assert kept is not None
    gaps = [
        25.0 + 8.0 * t - middle_at(kept, meeting, t)[0]
        for t in np.arange(0.0, 5.0, 0.1)
        if abs(middle_at(kept, meeting, t)[1]) < 1.8
    ]
    assert min(gaps) > 4.65


def test_the_way_of_the_cycle_before_is_driven_on(scene: SceneMaker) -> None:
    meeting = appointed(scene(15.0), 80.0, 3.5, 5.0, half_m=1.0)
    first = keep_appointment(meeting, None, SETTINGS)
    assert first is not None
    again = keep_appointment(meeting, first.manoeuvre, SETTINGS)
    assert again is not None
    assert again.manoeuvre == first.manoeuvre
    assert again.tried == 1


def test_what_nobody_can_reach_in_time_is_not_kept(scene: SceneMaker) -> None:
    assert keep_appointment(appointed(scene(5.0), 200.0, 0.0, 4.0), None, SETTINGS) is None


def test_the_planner_keeps_appointments_only_where_the_others_motion_is_told(
    scene: SceneMaker, context: Context
) -> None:
    start, planner = scene(15.0), LanewisePlanner()
    told = appointed(start, 70.0, 0.0, 5.0, foretold(start, 300.0, 3.5, 20.0))
    plan, memory = planner.plan(told, planner.start(context))
    assert plan.label == "appointment"
    assert memory.manoeuvre is not None
    silent = appointed(start, 70.0, 0.0, 5.0)
    plan, memory = planner.plan(silent, planner.start(context))
    assert plan.label != "appointment"
    assert memory.manoeuvre is None


def test_foretold_motion_is_between_its_records_and_only_in_its_time() -> None:
    t = np.array([1.0, 3.0])
    item = Foretold(1, 4.0, 2.0, t, np.array([0.0, 20.0]), np.zeros(2), np.zeros(2), np.full(2, 10.0))
    poses, there = item.at(np.array([0.5, 2.0, 3.5]))
    assert there.tolist() == [False, True, False]
    assert poses[1] == pytest.approx([10.0, 0.0, 0.0, 10.0])


def test_a_heading_that_no_lane_has_is_reached_on_a_course_and_kept_to(scene: SceneMaker) -> None:
    meeting = appointed(scene(6.0), 11.0, 2.5, 1.8, half_m=2.0)
    arrival = meeting.context.mission.arrival
    assert arrival is not None
    east = meeting.ego.world_from_ego.yaw_rad
    turned = replace(arrival, heading_rad=(east + 0.6, east + 0.9))
    mission = replace(meeting.context.mission, arrival=turned)
    meeting = replace(meeting, context=replace(meeting.context, mission=mission))
    first = keep_appointment(meeting, None, SETTINGS)
    assert first is not None
    assert isinstance(first.manoeuvre, Course)
    inside = (first.states.t_s >= 1.5) & (first.states.t_s <= 2.7)
    assert (np.abs(first.states.yaw_rad[inside] - east - 0.75) < 0.15).any()
    again = keep_appointment(meeting, first.manoeuvre, SETTINGS)
    assert again is not None
    assert again.manoeuvre is first.manoeuvre
