"""Drives on a bare map: from a start to a goal, through junctions, in the right direction."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bus.messages import EntityKind
from geometry.errors import InputError
from lanewise.config import configured
from lanewise.run import Outputs, run
from lanewise.scenarios.catalog import FOLDER
from lanewise.sources import load_source
from sim.scenarios.errand import ErrandEngine
from sim.world import Setpoints, empty_world

TOWN = "esmini__fabriksgatan.xodr"


@pytest.fixture(scope="module")
def town(data: Path) -> Path:
    return data / "maps" / "opendrive" / TOWN


@pytest.mark.parametrize(
    ("start", "goal"), [("9.0,96.6", "-12,204"), ("40.9,-61.8", "-88.3,-17.7"), ("-20,227", "0,-5")]
)
def test_the_ego_drives_through_town_to_its_goal(town: Path, tmp_path: Path, start: str, goal: str) -> None:
    config = configured({"scenario": str(town), "parameters": {"start": start, "goal": goal}})
    result = run(config, tmp_path / "run", Outputs(record=False, report=False), lambda _: None)
    assert result.verdict.passed, result.verdict.cause
    assert result.duration_s < 60.0


def test_the_start_lane_is_the_one_from_which_a_way_leads(town: Path) -> None:
    there = load_source(town, {"start": "-3.1,160.3", "goal": "0,-5"})
    back = load_source(town, {"start": "0,-5", "goal": "-3.1,160.3"})
    assert np.cos(there.world_from_ego.yaw_rad - (back.goal_yaw_rad or 0.0)) < -0.9


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"start": "0,0"}, "needs --goal X,Y in metres; found ''"),
        ({"start": "a,b", "goal": "0,0"}, "needs --start X,Y in metres; found 'a,b'"),
        ({"start": "9999,0", "goal": "0,-5"}, "no lane lies within 6 m of the start"),
        ({"start": "0,-5", "goal": "-3,160", "speed_mps": "fast"}, "speed_mps is 'fast'"),
        ({"start": "0,-5", "goal": "-3,160", "via": "1,1"}, "has no parameter via"),
    ],
)
def test_wrong_places_are_refused_by_name(town: Path, parameters: dict[str, str], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        load_source(town, parameters)


def test_reactive_traffic_and_the_ego_do_not_touch(town: Path, tmp_path: Path) -> None:
    parameters = {"start": "9.0,96.6", "goal": "-12,204", "traffic": "6"}
    config = configured({"scenario": str(town), "parameters": parameters})
    one = run(config, tmp_path / "one", Outputs(report=False), lambda _: None)
    two = run(config, tmp_path / "two", Outputs(report=False), lambda _: None)
    assert one.verdict.passed, one.verdict.cause
    assert one.drive_hash == two.drive_hash


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("traffic", "many", "traffic is 'many'; a number of cars from 0 to 500"),
        ("walkers", "-1", "walkers is '-1'; a number of walkers from 0 to 500"),
        ("cyclists", "900", "cyclists is '900'; a number of cyclists from 0 to 500"),
        ("replay", "yes", "replay is 'yes'; true"),
    ],
)
def test_who_else_is_there_is_told_in_numbers(town: Path, name: str, value: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        load_source(town, {"start": "9.0,96.6", "goal": "-12,204", name: value})


def own_town(**others: str) -> ErrandEngine:
    """A drive through the shipped suburb among others."""
    parameters = {"start": "24.47,118.19", "goal": "115.67,107.46", "traffic_seed": "1", **others}
    engine = load_source(FOLDER / "maps" / "suburb.xodr", parameters).engine
    assert isinstance(engine, ErrandEngine)
    return engine


def places_of(engine: ErrandEngine, seconds: float, ego_x_m: float) -> Setpoints:
    """Where the others are after so long with an ego that stands somewhere."""
    step_ns, start = 100_000_000, engine.start
    x_m, y_m = (np.full((1, len(engine.cast)), value) for value in (start.x_m + ego_x_m, start.y_m))
    view = replace(empty_world(1, len(engine.cast)), x_m=x_m, y_m=y_m)
    setpoints = engine.advance(view, 0, 0)
    for k in range(round(seconds * 10)):
        setpoints = engine.advance(view, k * step_ns, step_ns)
    return setpoints


def test_cyclists_and_people_are_in_the_cast_and_move() -> None:
    engine = own_town(traffic="3", cyclists="2", walkers="4")
    kinds = [shape.kind for shape in engine.cast]
    assert [kinds.count(kind) for kind in (EntityKind.CAR, EntityKind.BICYCLE, EntityKind.PEDESTRIAN)] == [4, 2, 4]
    before, after = places_of(engine, 0.0, 0.0), places_of(engine, 5.0, 0.0)
    moved = np.hypot(after.x_m - before.x_m, after.y_m - before.y_m)[0, 4:]
    assert (moved > 2.0).all()


def test_replayed_traffic_does_not_look_at_the_ego_and_reactive_does() -> None:
    others = {"traffic": "6", "cyclists": "1", "walkers": "3"}
    for replay, same in (("true", True), ("false", False)):
        near, far = (places_of(own_town(**others, replay=replay), 30.0, x) for x in (0.0, -5000.0))
        assert np.array_equal(near.x_m[0, 1:], far.x_m[0, 1:], equal_nan=True) == same


def test_others_move_evenly_between_the_moments_at_which_they_look_around() -> None:
    fine, coarse = (own_town(traffic="6", cyclists="2", walkers="4") for _ in range(2))
    shape = (1, len(fine.cast))
    view = replace(empty_world(*shape), x_m=np.full(shape, -5000.0))
    places = [fine.advance(view, 0, 0)] + [fine.advance(view, k * 20_000_000, 20_000_000) for k in range(500)]
    x, y = (np.array([getattr(setpoints, name)[0, 1:] for setpoints in places]) for name in ("x_m", "y_m"))
    rough = [coarse.advance(view, 0, 0)] + [coarse.advance(view, k * 100_000_000, 100_000_000) for k in range(100)]
    assert np.array_equal(x[::5], np.array([setpoints.x_m[0, 1:] for setpoints in rough]), equal_nan=True)
    steps_m = np.hypot(np.diff(x, axis=0), np.diff(y, axis=0))
    assert np.nanmax(steps_m) < 0.02 * 16.0
    assert np.nanmax(np.abs(np.diff(steps_m, axis=0))) < 0.02  # nobody jerks
