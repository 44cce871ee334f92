"""A shuttle's stops: approached, kept for as long as the doors are open, left for the next one."""

from dataclasses import replace

import pytest

from planning.calls import SHORT_M, Calls, next_call
from planning.scene import Halt, Mission, Scene
from tests.planning.conftest import CAR, SceneMaker

HALTS = (Halt(300.0, 5.0), Halt(500.0, 2.0))


def calling(scene: Scene) -> Scene:
    mission = Mission(scene.context.mission.route, 10.0, halts=HALTS)
    return replace(scene, context=replace(scene.context, mission=mission))


def front(s_m: float) -> float:
    """Front bumper of an ego whose middle is at an arc length."""
    return s_m + 0.5 * CAR.length_m


def test_the_next_stop_is_not_to_be_passed(scene: SceneMaker) -> None:
    stop, calls = next_call(calling(scene(10.0)), front(200.0), Calls())
    assert stop is not None
    assert stop.stop_m == front(300.0) + SHORT_M
    assert "1 of 2" in stop.reason
    assert calls == Calls()


def test_the_doors_are_open_while_the_ego_stands_there(scene: SceneMaker) -> None:
    standing, calls = calling(scene(0.0)), Calls()
    for _ in range(30):
        stop, calls = next_call(standing, front(299.0), calls)
    assert calls.open_s == pytest.approx(3.0)
    assert stop is not None
    assert stop.reason == "doors open for 2 s more, 1 of 2"


def test_after_that_it_goes_on_to_the_next_and_at_last_to_none(scene: SceneMaker) -> None:
    standing = calling(scene(0.0))
    stop, calls = next_call(standing, front(300.0), Calls(0, 4.95))
    assert calls == Calls(1)
    assert stop is not None
    assert stop.stop_m == front(500.0) + SHORT_M
    stop, calls = next_call(standing, front(500.0), Calls(1, 1.95))
    assert (stop, calls) == (None, Calls(2))


@pytest.mark.parametrize(("speed_mps", "at_m"), [(0.5, 300.0), (0.0, 296.0)])
def test_who_rolls_or_stands_elsewhere_opens_no_doors(scene: SceneMaker, speed_mps: float, at_m: float) -> None:
    stop, calls = next_call(calling(scene(speed_mps)), front(at_m), Calls())
    assert stop is not None
    assert calls == Calls()


def test_without_stops_nothing_is_asked(scene: SceneMaker) -> None:
    assert next_call(scene(10.0), front(200.0), Calls()) == (None, Calls())
