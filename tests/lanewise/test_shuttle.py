"""The shipped shuttle: its file, its round, and that every stop is served."""

import json
from pathlib import Path

import pytest

from geometry.errors import InputError
from lanewise.assignment import Assignment, assignment_of
from lanewise.config import configured
from lanewise.run import Outputs, run
from lanewise.scenarios.catalog import shipped_rounds, shipped_scenario
from lanewise.sources import load_source

SHUTTLE = shipped_scenario("shuttle")


def test_the_round_leads_over_all_stops_in_their_order() -> None:
    assert shipped_rounds() == {"shuttle": SHUTTLE}
    assignment = assignment_of(load_source(SHUTTLE, {}))
    mission = assignment.context(0.1).mission
    places = [halt.s_m for halt in mission.halts]
    assert len(places) == 3
    assert places == sorted(places)
    assert places[-1] < mission.route.path.length_m
    assert all(halt.doors_open_s == 8.0 for halt in mission.halts)


def test_a_recording_keeps_the_stops() -> None:
    assignment = assignment_of(load_source(SHUTTLE, {}))
    metadata = {"assignment": assignment.to_metadata()}
    assert Assignment.from_metadata(metadata, Path("drive.mcap")).stops == assignment.stops


def test_the_command_line_says_how_long_the_doors_are_open() -> None:
    source = load_source(SHUTTLE, {"doors_open_s": "3"})
    assert [stop[2] for stop in source.stops] == [3.0, 3.0, 3.0]


@pytest.mark.parametrize(("text", "said"), [
    ("map = 3", "needs `map` and"),
    ("map = \"../x.xodr\"\n[parameters]", "does not exist"),
    ("map = \"x.xodr\"\nspeed = 3\n[parameters]", "not speed"),
    ("map = ", "needs `map` and"),
])  # fmt: skip
def test_wrong_files_are_refused_with_their_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "round.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        load_source(path, {})
    assert "round.toml" in str(caught.value)


@pytest.mark.parametrize(("name", "value", "said"), [
    ("doors_open_s", "-1", "a time from 0"),
    ("stops", "1,2,3", "X,Y"),
    ("stops", "141.8,60; 70,-1.8", "no way leads on|pass each lane once"),
])  # fmt: skip
def test_impossible_stops_are_refused(name: str, value: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_source(SHUTTLE, {name: value})


@pytest.mark.full
def test_the_shuttle_serves_every_stop_and_comes_home(tmp_path: Path) -> None:
    config = configured({
        "scenario": str(SHUTTLE), "stack": {"planner": "lanewise"}, "simulation": {"timeout_s": 300.0}
    })  # fmt: skip
    result = run(config, tmp_path / "run", Outputs(report=False), lambda _: None)
    metrics = {m["name"]: m for m in json.loads((tmp_path / "run" / "metrics.json").read_text())["metrics"]}
    assert result.verdict.passed, result.verdict.cause
    assert metrics["stops"]["value"] == 3.0
