"""Drives on a bare map: from a start to a goal, through junctions, in the right direction."""

from pathlib import Path

import numpy as np
import pytest

from geometry.errors import InputError
from lanewise.config import configured
from lanewise.run import Outputs, run
from lanewise.sources import load_source

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


def test_traffic_is_a_number_of_cars(town: Path) -> None:
    with pytest.raises(InputError, match="traffic is 'many'; a number of cars from 0 to 500"):
        load_source(town, {"start": "9.0,96.6", "goal": "-12,204", "traffic": "many"})
