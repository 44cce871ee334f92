"""`lanewise eval localization`: a recorded pose with a known error is scored with exactly that error."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bus.messages import EgoTruth, Envelope, Message, Odometry, PoseEstimate, PoseStatus
from bus.recording import Recorder
from geometry.errors import InputError
from geometry.pose import Pose
from lanewise.cli import app
from lanewise.localization_eval import figures_of, score_drive

SPEED_MPS = 10.0
WORLD_FROM_ODOM = Pose(100.0, 50.0, 0.7)


def recording(path: Path, left_m: float = 0.0, bound_m: float = 1.0, seconds: float = 40.0, pose: bool = True) -> Path:
    """A straight drive whose odometry is exact and whose pose is too far left by `left_m` in its second half."""
    with Recorder.create(path, {}) as recorder:
        for k in range(round(seconds * 50)):
            now_ns = k * 20_000_000
            along = Pose(SPEED_MPS * now_ns * 1e-9, 0.0, 0.0)
            wrong = left_m if now_ns >= seconds * 0.5e9 else 0.0
            world_from_odom = WORLD_FROM_ODOM @ Pose(0.0, wrong, 0.0)
            said: list[tuple[str, Message]] = [
                ("/truth/ego", EgoTruth(WORLD_FROM_ODOM @ along, SPEED_MPS, 0.0, 0.0, 0.0, True)),
                ("/localization/odometry", Odometry(along, SPEED_MPS, 0.0, 0.0, 0.0, True)),
            ]
            if pose and k % 5 == 0:
                bounds = (bound_m, 1.0, 0.1)
                status = PoseStatus.LANE_CERTAIN if wrong == 0.0 else PoseStatus.LANE_UNCERTAIN
                said.append(("/localization/pose", PoseEstimate(world_from_odom, status, *bounds, np.zeros((3, 3)))))
            for topic, message in said:
                recorder.write(Envelope(topic, "test", k, now_ns, now_ns, now_ns), message)
    return path


def test_an_exact_pose_has_no_error_and_no_drift(tmp_path: Path) -> None:
    row = figures_of(score_drive(recording(tmp_path / "drive.mcap")))
    for name in ("lateral_max_m", "longitudinal_max_m", "heading_max_deg", "odometry_drift10_p95_m", "ate_m"):
        assert row[name] == pytest.approx(0.0, abs=1e-9)
    assert row["lane_certain_share"] == 1.0
    assert "odometry_drift60_p95_m" not in row


def test_half_a_drive_too_far_left_is_said_as_such(tmp_path: Path) -> None:
    score = score_drive(recording(tmp_path / "drive.mcap", left_m=0.6, bound_m=0.5))
    row = figures_of(score)
    assert row["lateral_max_m"] == pytest.approx(0.6)
    assert row["lateral_rms_m"] == pytest.approx(0.6 / np.sqrt(2.0), rel=0.02)
    assert row["protection_exceeded_share"] == pytest.approx(0.5, abs=0.02)
    assert row["lane_certain_share"] == pytest.approx(0.5, abs=0.02)
    assert len(score.broken) == 1
    assert score.broken[0].first_s == pytest.approx(20.0, abs=0.11)
    assert score.diagram.misleading > 0 and score.diagram.hazardous == 0


def test_the_command_prints_the_figures_of_each_drive(tmp_path: Path) -> None:
    drives = [str(recording(tmp_path / f"{name}.mcap", left_m)) for name, left_m in (("one", 0.0), ("two", 0.3))]
    result = CliRunner().invoke(app, ["eval", "localization", *drives])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.output.strip().splitlines()[-1])
    assert [round(row["lateral_max_m"], 3) for row in rows] == [0.0, 0.3]


def test_a_drive_without_a_pose_is_refused_by_name(tmp_path: Path) -> None:
    path = recording(tmp_path / "drive.mcap", pose=False)
    with pytest.raises(InputError, match="/localization/pose has fewer than two"):
        score_drive(path)


def test_drives_after_another_suite_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="take recorded drives"):
        CliRunner().invoke(app, ["eval", "quick", str(tmp_path / "a.mcap")], catch_exceptions=False)
