"""CommonRoad scenarios through the whole application: driven, judged by their goal, replayed, solved."""

from pathlib import Path

import pytest

from bus.recording import Recording
from geometry.errors import InputError
from lanewise.config import RunConfig
from lanewise.drive import drive_of
from lanewise.recorded import read_drive, recorded_run
from lanewise.replay import replay
from lanewise.run import Outputs, RunResult, run
from lanewise.solution import trajectory_of, write_solution
from lanewise.sources import load_source
from motion.car_trajectory import LEAST_STATES
from sim.scenarios.commonroad.goal import goal_reached
from sim.scenarios.commonroad.read import read_commonroad

FOLDER = "commonroad"


@pytest.fixture(scope="module")
def crossing(data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A crossing with cross traffic, driven by the baseline."""
    config = RunConfig(scenario=str(data / FOLDER / "ZAM_Intersection-1_1_T-1.xml"))
    return run(config, tmp_path_factory.mktemp("commonroad") / "run", Outputs(), lambda _: None)


def test_the_ego_waits_for_the_crossing_car_and_reaches_its_goal(crossing: RunResult) -> None:
    results = {result.name: result for result in crossing.verdict.results}
    assert crossing.verdict.passed
    assert results["goal"].cause.startswith("goal reached")
    assert results["contact"].cause == "nobody was touched"


def test_its_solution_is_valid(crossing: RunResult, data: Path, tmp_path: Path) -> None:
    rollout = drive_of(read_drive(Recording.open(crossing.folder / "drive.mcap"))).rollout
    path, wrong = write_solution(data / FOLDER / "ZAM_Intersection-1_1_T-1.xml", rollout, tmp_path)
    assert wrong == ()
    assert b'benchmark_id="KS2:SM1:ZAM_Intersection-1_1_T-1:2020a"' in path.read_bytes()


def test_its_solution_ends_where_the_goal_is_reached(crossing: RunResult, data: Path) -> None:
    scenario = read_commonroad(data / FOLDER / "ZAM_Intersection-1_1_T-1.xml")
    rollout = drive_of(read_drive(Recording.open(crossing.folder / "drive.mcap"))).rollout
    trajectory = trajectory_of(scenario, rollout)
    assert goal_reached(scenario.problems[0], trajectory).time_step == trajectory.time_step[-1]
    assert len(trajectory.until(1).time_step) == LEAST_STATES


def test_it_replays_bit_for_bit_on_its_own_map(crossing: RunResult) -> None:
    recording = Recording.open(crossing.folder / "drive.mcap")
    config, assignment = recorded_run(recording)
    assert assignment.map_format == "commonroad"
    assert assignment.destination is not None
    assert replay(recording, config, assignment, (), 0.0, lambda _: None).same


def test_all_scenarios_of_the_data_set_load_with_map_and_start(data: Path) -> None:
    paths = sorted((data / FOLDER).glob("*.xml"))
    assert len(paths) == 23
    for path in paths:
        source = load_source(path, {})
        assert source.engine.cast[0].name == "Ego"
        assert source.map_format == "commonroad"


def test_a_contact_fails_the_verdict_whoever_caused_it(data: Path, tmp_path: Path) -> None:
    config = RunConfig(scenario=str(data / FOLDER / "DEU_MONAEast-2_4316_T-4341.xml"))
    result = run(config, tmp_path / "run", Outputs(record=False, report=False), lambda _: None)
    assert not result.verdict.passed
    assert result.verdict.cause == "contact with car 11331 at t = 0.00 s"


def test_parameters_and_other_formats_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no parameter a; it has traffic"):
        load_source(data / FOLDER / "ZAM_Zip-1_6_T-1.xml", {"a": "1"})
    other = tmp_path / "scenario.json"
    other.write_text("{}")
    with pytest.raises(InputError, match=r"scenarios end in \.xosc or \.xml"):
        load_source(other, {})
