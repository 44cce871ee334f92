"""Who stands for a reason that can be seen, and who is taken to have broken down."""

from dataclasses import replace

import pytest

from bus.messages import EntityKind
from planning.prediction import PredictionSettings, predict
from planning.scene import Scene
from planning.standing import StandingSettings, broken_down, standing_since, stranded
from tests.planning.conftest import SceneMaker
from tests.planning.test_right_of_way import context_of, rules_of, scene_at

SETTINGS = StandingSettings()
LEAD = {"ahead_m": 60.0}


def left_alone(scene: Scene) -> tuple[int, ...]:
    path = scene.context.mission.route.path
    return stranded(scene, 0.0, predict(scene, path, PredictionSettings()), SETTINGS)


def test_who_stands_is_remembered_from_when_on_and_who_moves_begins_anew(scene: SceneMaker) -> None:
    stands, moves = scene(0.0, LEAD), scene(0.0, {**LEAD, "vx_mps": 1.0})
    first = standing_since(stands, ())
    assert first == ((1, stands.now_s),)
    assert standing_since(replace(stands, now_s=stands.now_s + 3.0), first) == first
    assert standing_since(moves, first) == ()


def test_who_stands_on_a_free_road_is_stranded_and_who_drives_is_not(scene: SceneMaker) -> None:
    assert left_alone(scene(10.0, LEAD)) == (0,)
    assert left_alone(scene(10.0, {**LEAD, "vx_mps": 3.0})) == ()


@pytest.mark.parametrize("pace_mps", [0.0, 4.0])
def test_who_stands_behind_somebody_waits_for_him(scene: SceneMaker, pace_mps: float) -> None:
    assert 0 not in left_alone(scene(10.0, LEAD, {"ahead_m": 75.0, "vx_mps": pace_mps}))
    assert left_alone(scene(10.0, LEAD, {"ahead_m": 100.0, "vx_mps": 4.0})) == (0,)


def test_who_stands_on_the_lane_beside_is_no_reason(scene: SceneMaker) -> None:
    assert 0 in left_alone(scene(10.0, LEAD, {"ahead_m": 72.0, "left_m": 3.6}))


@pytest.mark.parametrize("kind", [EntityKind.PEDESTRIAN, EntityKind.ANIMAL, EntityKind.BICYCLE])
def test_who_is_alive_has_not_broken_down(scene: SceneMaker, kind: EntityKind) -> None:
    assert left_alone(scene(10.0, {**LEAD, "kinds": int(kind), "length_m": 0.8, "width_m": 0.6})) == ()


@pytest.mark.parametrize(("before_m", "alone"), [(3.0, False), (15.0, False), (60.0, True)])
def test_who_stands_before_a_light_or_a_crossing_waits_there(before_m: float, alone: bool) -> None:
    context = context_of("lights")
    rules = rules_of(context)
    first_m = min(place.stop_m for place in (*rules.lights, *rules.junctions, *rules.crossings))
    path = context.mission.route.path
    (x, y), yaw = path.position(first_m - before_m - 2.25), float(path.heading(first_m - before_m))
    stands = {"x_m": float(x), "y_m": float(y), "yaw_rad": yaw}
    assert left_alone(scene_at(context, 10.0, 5.0, stands)) == ((0,) if alone else ())


def test_only_after_a_while_is_he_taken_to_have_broken_down(scene: SceneMaker) -> None:
    now = scene(0.0, LEAD)
    since = standing_since(now, ())
    for waited_s, given_up in ((0.0, False), (SETTINGS.broken_s - 0.1, False), (SETTINGS.broken_s, True)):
        later = replace(now, now_s=now.now_s + waited_s)
        assert broken_down(later, left_alone(later), since, SETTINGS) == ((0,) if given_up else ())
