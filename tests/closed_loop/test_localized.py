"""Driving on the map's pose, closed loop: satellites may be lost, the car keeps its lane and says how sure it is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bus.messages import EgoTruth, Odometry, PoseEstimate, PoseStatus
from bus.recording import Recording
from lanewise.config import configured
from lanewise.run import Outputs, RunResult, run


def driven(folder: Path, scenario: str, duration_s: float, **sensors: Any) -> tuple[RunResult, Path]:
    """A shipped scenario on localization `map`."""
    config = configured({
        "scenario": scenario, "stack": {"localization": "map"}, "simulation": {"timeout_s": duration_s},
        "sensors": sensors,
    })  # fmt: skip
    return run(
        config, folder / "run", Outputs(record=True, report=False), lambda _: None
    ), folder / "run" / "drive.mcap"


def errors(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, lateral errors and bounds of each pose at the newest odometry and truth; statuses are certain or not."""
    rows, truth, moved = [], None, None
    for record in Recording.open(path).messages(("/truth/ego", "/localization/odometry", "/localization/pose")):
        match record.message:
            case EgoTruth() as ego:
                truth = ego.world_from_ego
            case Odometry() as odometry:
                moved = odometry.odom_from_ego
            case PoseEstimate() as pose if truth is not None and moved is not None:
                off = truth.inverse() @ (pose.world_from_odom @ moved)
                rows.append((
                    record.envelope.received_ns * 1e-9, off.y_m, pose.protection_lateral_m,
                    float(pose.status == PoseStatus.LANE_CERTAIN),
                ))  # fmt: skip
    table = np.array(rows)
    return table[:, 0], table[:, 1:3], table[:, 3]


@pytest.fixture(scope="module")
def blacked_out(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Path]:
    return driven(tmp_path_factory.mktemp("outage"), "curve", 32.0, gnss={"outages_s": [[8.0, 28.0]]})


def test_twenty_seconds_without_satellites_on_the_highway_are_driven_through(
    blacked_out: tuple[RunResult, Path],
) -> None:
    result, path = blacked_out
    fixes = [record.envelope.received_ns * 1e-9 for record in Recording.open(path).messages(("/sensor/gnss",))]
    assert not [t for t in fixes if 8.5 < t < 28.0]
    assert result.verdict.passed, result.verdict.cause
    t_s, lateral, certain = errors(path)
    out = (t_s > 8.0) & (t_s < 28.0)
    assert np.abs(lateral[out, 0]).max() < 0.5
    assert certain[out].mean() > 0.9


def test_the_bound_holds_while_satellites_are_out(blacked_out: tuple[RunResult, Path]) -> None:
    _, lateral, _ = errors(blacked_out[1])
    assert (np.abs(lateral[:, 0]) <= lateral[:, 1]).all()


def test_without_marks_and_satellites_the_mode_is_degraded_before_the_lane_is_left(tmp_path: Path) -> None:
    blind = {"miss": 1.0, "false_rate_hz": 0.0, "edge_miss": 1.0, "edge_false_rate_hz": 0.0, "dash_miss": 1.0}
    result, path = driven(tmp_path, "curve", 30.0, gnss={"outages_s": [[5.0, 60.0]]}, lane_marks=blind)
    t_s, lateral, certain = errors(path)
    assert (np.abs(lateral[:, 0]) <= lateral[:, 1]).all()
    assert certain[t_s > 20.0].mean() == 0.0
    modes = {record.message.mode.name for record in Recording.open(path).messages(("/safety/status",))}
    assert modes & {"DEGRADED", "MINIMAL_RISK"}
    assert result.duration_s > 20.0


NO_DASHES: dict[str, object] = {"dash_miss": 1.0}


def turned_after_the_start(
    folder: Path, marks: dict[str, object], ends: dict[str, object]
) -> tuple[RunResult, list[str]]:
    """A turn into a roundabout, twenty metres after the start, without a single sign; and what the gate said on it."""
    config = configured({
        "scenario": "town", "parameters": {"start": "100,-1.8", "goal": "141.8,60"}, "simulation": {"timeout_s": 60.0},
        "stack": {"localization": "map", "perception": "ground-truth"}, "localization": {"ends": ends},
        "sensors": {"landmarks": {"miss": 1.0, "false_rate_hz": 0.0}, "lane_marks": marks},
    })  # fmt: skip
    result = run(config, folder / "run", Outputs(record=True, report=False), lambda _: None)
    drive = Recording.open(folder / "run" / "drive.mcap")
    return result, [record.message.reason for record in drive.messages(("/safety/status",))]


def test_dashes_tell_the_place_in_time_for_the_turn(tmp_path: Path) -> None:
    result, reasons = turned_after_the_start(tmp_path, {}, {})
    assert result.verdict.passed, result.verdict.cause
    assert result.duration_s < 20.0
    assert not any("too unsure" in reason for reason in reasons)


def test_the_mouth_of_a_junction_tells_the_place_in_time_for_the_turn(tmp_path: Path) -> None:
    """Of a detector that says bare edges to their ends, as ours does not."""
    result, reasons = turned_after_the_start(tmp_path, NO_DASHES | {"edge_miss": 0.3}, {"edges": True})
    assert result.verdict.passed, result.verdict.cause
    assert result.duration_s < 20.0
    assert not any("too unsure" in reason for reason in reasons)


def test_a_turn_whose_place_is_not_known_is_driven_at_walking_pace_in_the_lane_and_says_so(tmp_path: Path) -> None:
    result, reasons = turned_after_the_start(tmp_path, NO_DASHES, {})
    assert result.verdict.passed, result.verdict.cause
    assert result.duration_s > 20.0
    assert any("too unsure" in reason for reason in reasons)
