"""Storyboard semantics: when things start, what displaces what, how values change, who hands the ego over."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from sim.scenarios.scripted import scripted_states
from sim.world import Drive, empty_world
from tests.sim.openscenario.conftest import Files, Played, after, at_time, event, lane_to, speed_to, when

Play = Callable[..., Played]
LANE_M = 3.75
QUARTER = {"linear": 2.5, "cubic": 1.5625, "sinusoidal": 5.0 - 5.0 * math.cos(math.pi / 4)}
"""How much of a change by 10 is done after a quarter of its time."""


def test_without_events_everybody_keeps_its_speed_and_lane(play: Play) -> None:
    played = play()
    x0, y0, yaw, _ = played.at(0.0)
    x, y, _, speed = played.at(10.0)
    assert (x - x0, y - y0, speed) == pytest.approx((200.0 * math.cos(yaw), 0.0, 20.0), abs=1e-6)


@pytest.mark.parametrize(("shape", "halfway"), [("linear", 15.0), ("cubic", 15.0), ("sinusoidal", 15.0)])
def test_a_speed_change_takes_its_time_and_has_its_shape(play: Play, shape: str, halfway: float) -> None:
    played = play(event("slow", at_time(2.0), speed_to("10", shape, "time", 4.0)))
    begin = next(t for t, *_, v in played.rows if v < 20.0) - 0.02
    assert begin == pytest.approx(2.0, abs=0.05)
    assert played.speed(begin + 2.0) == pytest.approx(halfway, abs=0.1)
    assert played.speed(begin + 4.0) == pytest.approx(10.0)
    early = 20.0 - played.speed(begin + 1.0)
    assert early == pytest.approx(QUARTER[shape], abs=0.05)


def test_a_rate_is_the_largest_slope_of_the_change(play: Play) -> None:
    played = play(event("slow", at_time(2.0), speed_to("10", "cubic", "rate", 2.0)))
    speeds = np.array([row[4] for row in played.rows])
    assert -np.diff(speeds).min() / 0.02 == pytest.approx(2.0, rel=0.01)
    assert speeds[-1] == pytest.approx(10.0)


def test_a_distance_is_driven_until_the_change_is_complete(play: Play) -> None:
    played = play(event("slow", at_time(2.0), speed_to("10", "linear", "distance", 60.0)))
    start = next(i for i, row in enumerate(played.rows) if row[4] < 20.0)
    end = next(i for i, row in enumerate(played.rows) if row[4] <= 10.0 + 1e-9)
    assert played.rows[end][1] - played.rows[start - 1][1] == pytest.approx(60.0, abs=0.5)


@pytest.mark.parametrize("shape", ["sinusoidal", "cubic", "linear"])
def test_a_lane_change_ends_in_the_middle_of_the_lane(play: Play, shape: str) -> None:
    played = play(event("change", at_time(2.0), lane_to(-3, shape)))
    assert played.lateral(2.0) == pytest.approx(0.0, abs=1e-6)
    assert played.lateral(4.05) == pytest.approx(-0.5 * LANE_M, abs=0.15)
    assert played.lateral(8.0) == pytest.approx(-LANE_M, abs=1e-6)
    assert played.at(8.0)[2] == pytest.approx(played.at(0.0)[2])


def test_a_rising_edge_needs_a_rise_and_a_falling_one_a_fall(play: Play) -> None:
    always = play(event("e", at_time(-1.0, "rising"), speed_to("10")))
    assert always.speed(10.0) == 20.0  # true from the first look on: no edge
    rises = play(event("e", at_time(2.0, "rising"), speed_to("10")))
    assert (rises.speed(1.9), rises.speed(2.2)) == (20.0, 10.0)
    falls = play(event("e", at_time(3.0, "falling", rule="lessThan"), speed_to("10")))
    assert (falls.speed(2.9), falls.speed(3.2)) == (20.0, 10.0)


def test_a_delay_shifts_the_start(play: Play) -> None:
    played = play(event("e", at_time(2.0, delay=1.5), speed_to("10")))
    assert (played.speed(3.4), played.speed(3.7)) == (20.0, 10.0)


def test_conditions_of_one_group_all_have_to_hold(play: Play) -> None:
    both = at_time(2.0) + at_time(4.0)
    played = play(event("e", both, speed_to("10")))
    assert (played.speed(3.5), played.speed(4.2)) == (20.0, 10.0)


def test_groups_are_alternatives(play: Play) -> None:
    groups = at_time(9.0) + "</ConditionGroup><ConditionGroup>" + at_time(3.0)
    played = play(event("e", groups, speed_to("10")))
    assert (played.speed(2.9), played.speed(3.2)) == (20.0, 10.0)


def test_an_event_starts_when_another_is_complete(play: Play) -> None:
    played = play(
        event("first", at_time(2.0), speed_to("15", "linear", "time", 2.0)),
        event("second", after("event", "first"), speed_to("25", "linear", "time", 2.0)),
    )
    assert played.speed(4.05) == pytest.approx(15.0, abs=0.3)
    assert played.speed(7.0) == pytest.approx(25.0)


@pytest.mark.parametrize(("priority", "expected"), [("override", 12.0), ("overwrite", 12.0), ("skip", 29.0)])
def test_priorities_displace_or_skip(play: Play, priority: str, expected: float) -> None:
    """The first change would reach 30 m/s at 12 s; the second comes while it runs."""
    played = play(
        event("first", at_time(2.0), speed_to("30", "linear", "time", 10.0)),
        event("second", at_time(5.0), speed_to("12", "linear", "time", 2.0), priority=priority),
        seconds=20.0,
    )
    assert played.speed(11.0) == pytest.approx(expected, abs=0.1)


def test_lateral_and_longitudinal_actions_run_beside_each_other(play: Play) -> None:
    played = play(
        event("change", at_time(2.0), lane_to(-3)), event("slow", at_time(3.0), speed_to("10", "linear", "time", 2.0))
    )
    assert played.lateral(9.0) == pytest.approx(-LANE_M, abs=1e-6)
    assert played.speed(9.0) == pytest.approx(10.0)


def test_an_event_runs_as_often_as_it_may(play: Play) -> None:
    slower = (
        '<PrivateAction><LongitudinalAction><SpeedAction><SpeedActionDynamics dynamicsShape="step" dynamicsDimension='
        '"time" value="0"/><SpeedActionTarget><RelativeTargetSpeed entityRef="Other" value="-3" continuous="false" '
        'speedTargetValueType="delta"/></SpeedActionTarget></SpeedAction></LongitudinalAction></PrivateAction>'
    )
    played = play(event("e", at_time(2.0), slower, count=3))
    assert played.speed(10.0) == pytest.approx(11.0)


CONDITIONS = {
    '<TraveledDistanceCondition value="80"/>': 80.0 / 20.0,
    '<ReachPositionCondition tolerance="2"><Position><RelativeLanePosition entityRef="Ego" dLane="0" ds="130"/>'
    "</Position></ReachPositionCondition>": None,
    '<SpeedCondition value="19" rule="greaterThan"/>': 0.0,
    '<TimeHeadwayCondition entityRef="Ego" value="1000" rule="lessThan" freespace="false" alongRoute="false"/>': None,
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions_by_entity_start_events_when_they_hold(play: Play, condition: str) -> None:
    played = play(event("e", when("Other", condition), speed_to("10")))
    expected = CONDITIONS[condition]
    started = next((t for t, *_, v in played.rows if v < 20.0), None)
    if expected is None:
        assert started is None  # it never comes to 130 m ahead of the ego, and has no headway to what is behind it
    else:
        assert started == pytest.approx(expected, abs=0.05)


def test_a_headway_is_the_gap_ahead_over_the_own_speed(play: Play) -> None:
    headway = '<TimeHeadwayCondition entityRef="Other" value="{}" rule="lessThan" freespace="false"/>'
    for value, fires in ((2.6, True), (2.4, False)):
        played = play(event("e", when("Ego", headway.format(value)), speed_to("10")), seconds=3.0)
        assert (played.speed(2.0) == 10.0) is fires  # 50 m at 20 m/s


def test_a_relative_distance_is_bumper_to_bumper_in_free_space(play: Play) -> None:
    condition = (
        '<RelativeDistanceCondition entityRef="Ego" relativeDistanceType="longitudinal" value="{}" freespace="{}" '
        'rule="lessThan"/>'
    )
    closing = event("slow", at_time(0.5), speed_to("10"))
    for freespace, expected in (("false", (50.0 - 30.0) / 10.0), ("true", (50.0 - 5.0 - 30.0) / 10.0)):
        mark = event("mark", when("Other", condition.format(30, freespace)), speed_to("5"))
        played = play(closing, mark)
        started = next(t for t, *_, v in played.rows if v == 5.0)
        assert started - 0.5 == pytest.approx(expected, abs=0.08)


def test_time_to_collision_is_the_gap_over_the_closing_speed(play: Play) -> None:
    condition = (
        '<TimeToCollisionCondition value="2" freespace="false" rule="lessThan"><TimeToCollisionConditionTarget>'
        '<EntityRef entityRef="Other"/></TimeToCollisionConditionTarget></TimeToCollisionCondition>'
    )
    played = play(event("slow", at_time(0.5), speed_to("10")), event("mark", when("Ego", condition), speed_to("5")))
    started = next(t for t, *_, v in played.rows if v == 5.0)
    assert started - 0.5 == pytest.approx((50.0 - 20.0) / 10.0, abs=0.08)


def test_a_stop_trigger_ends_the_run_and_silence_ends_it_too(play: Play) -> None:
    stopped = play(stop=f"<ConditionGroup>{at_time(3.0)}</ConditionGroup>", seconds=30.0)
    assert stopped.end_s == pytest.approx(3.0, abs=0.05)
    idle = play(event("e", at_time(2.0), speed_to("10")), seconds=60.0)
    assert idle.end_s == pytest.approx(60.0) or idle.end_s == pytest.approx(17.0, abs=0.1)


def test_the_same_file_plays_the_same_twice(play: Play) -> None:
    events = (
        event("change", at_time(2.0), lane_to(-3)),
        event("slow", at_time(3.0), speed_to("10", "cubic", "rate", 3)),
    )
    assert play(*events).rows == play(*events).rows


ACTIVATE = '<PrivateAction><ActivateControllerAction lateral="true" longitudinal="true"/></PrivateAction>'


def engaged(xosc: Files, *events: str) -> tuple[list[bool], list[tuple[str, str]]]:
    """Whether the ego's column says CONTROLS at each 0.1 s, and the engine's own events."""
    engine = xosc.engine(*events, driver="stack", actor="Ego")
    view = empty_world(1, 2)
    driven, told = [], []
    for k in range(60):
        setpoints = engine.advance(view, max(k - 1, 0) * 100_000_000, 100_000_000 if k else 0)
        driven.append(setpoints.drive[0, 0] == Drive.CONTROLS)
        told += [(e.element, e.transition) for e in engine.take_events() if e.element in ("ego", "override")]
        for name in ("x_m", "y_m", "yaw_rad", "speed_mps"):
            getattr(view, name)[:] = getattr(setpoints, name)
        view.present[:] = True
    return driven, told


def test_the_stack_takes_over_when_a_controller_is_activated(xosc: Files) -> None:
    driven, told = engaged(xosc, event("go", at_time(2.0), ACTIVATE))
    assert driven.index(True) in (21, 22)
    assert told == [("ego", "stack takes over")]


def test_a_file_without_activation_is_the_stacks_from_the_start(xosc: Files) -> None:
    driven, _ = engaged(xosc, event("late", at_time(50.0), speed_to("5")))
    assert driven.index(True) == 1


def test_later_motion_of_the_ego_is_left_to_the_stack_and_said(xosc: Files) -> None:
    _, told = engaged(xosc, event("go", at_time(1.0), ACTIVATE), event("slow", at_time(3.0), speed_to("5")))
    assert told == [("ego", "stack takes over"), ("override", "SpeedAction on Ego left to the stack")]


def test_what_the_script_was_doing_with_the_ego_ends_when_the_stack_takes_over(xosc: Files) -> None:
    slow = event("slow", at_time(1.0), speed_to("5", "linear", "time", 30.0))
    _, told = engaged(xosc, slow, event("go", at_time(2.0), ACTIVATE))
    assert told == [("override", "SpeedAction ends: the stack drives"), ("ego", "stack takes over")]
    engine = xosc.engine(event("go", at_time(0.2), ACTIVATE), slow, driver="stack", actor="Ego")
    view = empty_world(1, 2)
    for k in range(30):
        setpoints = engine.advance(view, max(k - 1, 0) * 100_000_000, 100_000_000 if k else 0)
        for name in ("x_m", "y_m", "yaw_rad"):
            getattr(view, name)[:] = getattr(setpoints, name)
        view.speed_mps[:] = 20.0
        view.present[:] = True
    assert engine.runtime.movers[0].speed_mps == 20.0


def test_the_set_speed_is_the_last_one_before_the_hand_over(xosc: Files) -> None:
    engine = xosc.engine(driver="stack", speed="22")
    assert engine.set_speed_mps == 22.0


def test_all_alks_templates_play_to_their_end(data) -> None:
    from sim.scenarios.openscenario.load import load_scenario

    folder = data / "openscenario" / "alks" / "logical_scenarios" / "concrete_scenarios"
    files = sorted(folder.glob("*_template.xosc"))
    assert len(files) == 15
    for path in files:
        engine = load_scenario(path, ego_driver="scripted")
        last = 0
        for t_ns, world in scripted_states(engine, 100_000_000, 20_000_000_000):
            last, final = t_ns, world
        assert last >= 10_000_000_000
        assert np.isfinite(final.x_m[final.present]).all()
