"""Plans of a recorded drive judged one by one: who keeps to his plan is near it, and losses have a time and a cause."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bus.recording import Recording
from geometry.errors import InputError
from lanewise.cli import app
from lanewise.config import configured
from lanewise.drive import drive_of
from lanewise.open_loop_eval import _held, scene_at, score_drive
from lanewise.recorded import read_drive, recorded_run
from lanewise.run import Outputs, run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen seconds behind a lead that brakes."""
    folder = tmp_path_factory.mktemp("drive") / "run"
    config = configured({"scenario": "stopped-lead", "simulation": {"timeout_s": 15.0}})
    run(config, folder, Outputs(report=False), lambda _: None)
    return folder / "drive.mcap"


def test_every_second_has_a_plan_with_its_parts_and_the_ego_is_near_what_it_planned(recorded: Path) -> None:
    plans = score_drive(recorded).plans
    assert len(plans) in (9, 10)  # the last five seconds have no future
    assert np.diff([plan.t_s for plan in plans]) == pytest.approx(1.0, abs=0.11)
    for plan in plans:
        assert 0.0 <= plan.pdms.total <= 1.0
        assert {part.name for part in plan.epdms.results} == {"NC", "DAC", "DDC", "TLC", "EP", "TTC", "LK", "HC", "EC"}
    assert np.median([plan.ade_m for plan in plans]) < 1.0


def test_a_scene_is_the_recorded_truth(recorded: Path) -> None:
    recording = Recording.open(recorded)
    config, assignment = recorded_run(recording)
    drive = drive_of(read_drive(recording))
    scene = scene_at(drive, assignment.context(config.planner.period_s), 5.0)
    row = int(np.searchsorted(drive.rollout.t_s, 5.0 - 1e-9))
    assert scene.ego.speed_mps == drive.rollout.ego.speed_mps[row]
    assert scene.agents.x_m[0] == drive.rollout.others.x_m[row, 0]
    speed = np.hypot(scene.agents.vx_mps[0], scene.agents.vy_mps[0])
    assert speed == pytest.approx(drive.rollout.others.speed_mps[row, 0])


def test_who_leaves_the_scene_stays_where_it_was_last() -> None:
    values = np.array([[1.0, 5.0], [2.0, np.nan], [np.nan, np.nan]])
    assert _held(values).tolist() == [[1.0, 5.0], [2.0, 5.0], [2.0, 5.0]]


def test_the_command_prints_means_and_causes(recorded: Path) -> None:
    done = CliRunner().invoke(app, ["eval", "open-loop", str(recorded)])
    assert done.exit_code == 0, done.output
    (figures,) = json.loads(done.output.strip().splitlines()[-1])
    assert figures["plans"] in (9, 10)
    assert 0.0 < figures["epdms"] <= 1.0


def test_a_drive_without_a_future_is_refused(tmp_path: Path) -> None:
    config = replace(configured({"scenario": "stopped-lead", "simulation": {"timeout_s": 3.0}}), seed=1)
    run(config, tmp_path / "run", Outputs(report=False), lambda _: None)
    with pytest.raises(InputError, match="no plan of this drive is followed by"):
        score_drive(tmp_path / "run" / "drive.mcap")
    done = CliRunner().invoke(app, ["eval", "open-loop"])
    assert isinstance(done.exception, InputError)
