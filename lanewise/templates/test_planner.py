"""What the planner is expected to do; run with `pytest`."""

from pathlib import Path

from lanewise.config import RunConfig, StackChoice
from lanewise.run import Outputs, run

PLANNER = f"{Path(__file__).parent / 'FILE'}:NewPlanner"


def test_the_car_ahead_is_not_touched(tmp_path: Path) -> None:
    config = RunConfig(scenario="stopped-lead", stack=StackChoice(planner=PLANNER))
    result = run(config, tmp_path / "run", Outputs(report=False), lambda _: None)
    assert result.verdict.passed, result.verdict.cause
