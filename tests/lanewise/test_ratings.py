"""Outside rules rate drives of the application: Euro NCAP points and CommonRoad costs, with time, place and cause."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bus.recording import Recording
from lanewise.config import RunConfig
from lanewise.drive import drive_of
from lanewise.ratings import NCAP, NcapTest, ncap_result, ncap_test
from lanewise.recorded import read_drive, recorded_report, recorded_run
from lanewise.run import Outputs, RunResult, run
from lanewise.sources import load_source
from motion.rollout import ContactEvent, Rollout

C2C = Path("openscenario") / "ncap" / "OpenSCENARIO" / "NCAP" / "AEB_C2C_2023"
ZIP = Path("commonroad") / "ZAM_Zip-1_6_T-1.xml"


@pytest.fixture(scope="module")
def stopped(data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The test CCRs at 30 km/h."""
    config = RunConfig(scenario=str(data / C2C / "NCAP_AEB_C2C_CCR_2023.xosc"), parameters={"Ego_speed_kph": "30"})
    return run(config, tmp_path_factory.mktemp("ncap") / "run", Outputs(report=False), lambda _: None)


@pytest.fixture(scope="module")
def merged(data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A CommonRoad scenario."""
    config = RunConfig(scenario=str(data / ZIP))
    return run(config, tmp_path_factory.mktemp("commonroad") / "run", Outputs(report=False), lambda _: None)


def rollout_of(result: RunResult) -> Rollout:
    return drive_of(read_drive(Recording.open(result.folder / "drive.mcap"))).rollout


def told(result: RunResult) -> dict[str, dict[str, object]]:
    return {metric["name"]: metric for metric in json.loads((result.folder / "metrics.json").read_text())["metrics"]}


def test_an_avoided_contact_wins_all_points_of_the_test(stopped: RunResult) -> None:
    row = told(stopped)[NCAP]
    assert row["value"] == 1.0
    assert row["cause"] == "CCRs at 30 km/h: green, nobody was touched"


def test_a_recording_is_rated_again_without_its_scenario(stopped: RunResult) -> None:
    _, assignment = recorded_run(Recording.open(stopped.folder / "drive.mcap"))
    assert assignment.ncap == NcapTest("CCRs", 30.0)
    names = [result.name for result in recorded_report(stopped.folder / "drive.mcap").verdict.results]
    assert NCAP in names


def test_a_contact_costs_points_and_says_when_where_and_how_hard(stopped: RunResult) -> None:
    rollout = rollout_of(stopped)
    touched = replace(rollout, contacts=(ContactEvent(4.0, rollout.ego_id, 1, 12.0, 3.0, 8.0 / 3.6, 0.0),))
    result = ncap_result(touched, NcapTest("CCRs", 30.0))
    assert (result.passed, result.value, result.t_s, result.x_m) == (False, 0.25, 4.0, 12.0)
    assert "CCRs at 30 km/h: brown, " in result.cause
    assert "at t = 4.00 s with 8.0 km/h (22.0 km/h taken off)" in result.cause


def test_in_a_warning_test_a_contact_without_warning_loses_all(stopped: RunResult) -> None:
    rollout = rollout_of(stopped)
    touched = replace(rollout, contacts=(ContactEvent(4.0, rollout.ego_id, 1, 12.0, 3.0, 1.0, 0.0),))
    assert ncap_result(touched, NcapTest("CCRs_FCW", 60.0)).value == 0.0
    assert ncap_result(touched, NcapTest("CCRs_FCW", 60.0), warning_ttc_s=2.0).value == 1.0


def test_other_scenarios_are_no_euro_ncap_tests(data: Path) -> None:
    assert ncap_test(load_source(data / ZIP, {}).engine) is None


def test_duration_and_path_length_are_those_of_the_drive(merged: RunResult) -> None:
    rows, rollout = told(merged), rollout_of(merged)
    way_m = float(np.hypot(np.diff(rollout.ego.x_m), np.diff(rollout.ego.y_m)).sum())
    assert rows["commonroad: T"]["value"] == pytest.approx(rollout.t_s[-1], abs=0.11)
    assert rows["commonroad: L"]["value"] == pytest.approx(way_m, rel=0.02)


def test_a_cost_is_the_weighted_sum_of_its_terms(merged: RunResult) -> None:
    rows = told(merged)
    value = {name: float(str(row["value"])) for name, row in rows.items() if name.startswith("commonroad: ")}
    sm2 = 50.0 * sum(value[f"commonroad: {term}"] for term in ("A", "SA", "SR", "O")) + value["commonroad: L"]
    assert value["commonroad: SM2"] == pytest.approx(sm2)
    assert value["commonroad: JB1"] == value["commonroad: T"]


def test_costs_name_the_moment_and_place_of_their_largest_part(merged: RunResult) -> None:
    row = told(merged)["commonroad: SM1"]
    rollout = rollout_of(merged)
    assert "of it acceleration" in str(row["cause"])
    index = int(np.searchsorted(rollout.t_s, float(str(row["t_s"]))))
    away_m = np.hypot(float(str(row["x_m"])) - rollout.ego.x_m[index], float(str(row["y_m"])) - rollout.ego.y_m[index])
    assert away_m < 2.0  # the place is the middle of the car, the drive is that of its rear axle
