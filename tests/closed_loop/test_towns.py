"""The baseline driver in the shipped towns, among traffic: it arrives, keeps its lane and the rules."""

from pathlib import Path

import pytest

from lanewise.config import configured
from lanewise.run import Outputs, RunResult, run
from lanewise.scenarios.catalog import FOLDER


def driven(folder: Path, town: str, start: str, goal: str, traffic: int) -> RunResult:
    parameters = {"start": start, "goal": goal, "traffic": str(traffic)}
    scenario = str(FOLDER / "maps" / f"{town}.xodr")
    config = configured({"scenario": scenario, "parameters": parameters, "simulation": {"timeout_s": 200.0}})
    return run(config, folder / "run", Outputs(record=False, report=False), lambda _: None)


@pytest.mark.parametrize(
    ("town", "start", "goal"),
    [
        ("town", "278.25,233.94", "1.75,162.26"),
        ("town", "200.0,138.25", "421.75,200.0"),
        ("suburb", "59.81,178.25", "185.49,32.78"),
        ("roundabout", "120.97,1.75", "-1.75,-41.71"),
    ],
)
def test_a_town_route_is_driven_clean(tmp_path: Path, town: str, start: str, goal: str) -> None:
    result = driven(tmp_path, town, start, goal, 8)
    assert result.verdict.passed, result.verdict.cause
