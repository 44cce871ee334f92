"""One drive of a shipped scenario, made once for all tests of the application."""

from pathlib import Path

import pytest

from lanewise.config import RunConfig
from lanewise.run import Outputs, RunResult, run

SHORT = RunConfig(scenario="stopped-lead")


@pytest.fixture(scope="session")
def driven(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The run folder and result of the shipped scenario `stopped-lead`."""
    return run(SHORT, tmp_path_factory.mktemp("run") / "drive", Outputs(), lambda _: None)


@pytest.fixture(scope="session")
def recorded(driven: RunResult) -> Path:
    """Its recording."""
    return driven.folder / "drive.mcap"
