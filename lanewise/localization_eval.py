"""`lanewise eval localization`: the recorded pose of a drive against the recorded truth.

In: a recording with `/truth/ego`, `/localization/odometry` and `/localization/pose`. Out: errors in the vehicle frame,
drift of the odometry alone, share of certain time, and whether the protection levels held (METRICS section 7). The pose
that is judged is the one the planner could use at that moment: the newest `world_from_odom` carried on by odometry.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from bus.messages import EgoTruth, Odometry, PoseEstimate
from bus.recording import Recording
from geometry.angles import Floats
from geometry.errors import InputError
from geometry.pose import Pose
from localization.metrics import (
    Interval,
    PoseErrors,
    Spread,
    StanfordDiagram,
    absolute_trajectory_error_m,
    exceedances,
    intervals,
    pose_errors,
    relative_errors_m,
    stanford,
)

TOPICS = ("/truth/ego", "/localization/odometry", "/localization/pose")
DRIFT_S = (10.0, 20.0, 30.0, 60.0)
ALERT_M = 1.0
"""Lateral alert limit: half a lane less half a car."""
PERIOD_S = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class LocalizationScore:
    """Figures of one drive. `drift_m` holds (seconds, 95th percentile) of the odometry alone, as far as it goes."""

    path: Path
    errors: PoseErrors
    absolute_m: float
    relative_m: float
    """95th percentile of the error of the motion over 1 s."""
    drift_m: tuple[tuple[float, float], ...]
    broken: tuple[Interval, ...]
    """Every stretch in which an error exceeds its protection level."""
    diagram: StanfordDiagram


def score_drive(path: Path) -> LocalizationScore:
    """Read and score one recorded drive.

    Raises:
        InputError: no recording, or one without truth or without a pose.
    """
    truth, odometry, poses = _columns(path)
    at_s = np.arange(max(truth[0, 0], odometry[0, 0], poses[0, 0]), min(truth[-1, 0], odometry[-1, 0]), PERIOD_S)
    if len(at_s) < 2:
        raise InputError("truth, odometry and pose of this drive do not overlap in time", path)
    true, moved = _at(truth, at_s), _at(odometry, at_s)
    newest = np.searchsorted(poses[:, 0], at_s + 1e-9, side="right") - 1
    estimate = _composed(poses[newest, 1:4], moved)
    errors = pose_errors(at_s, true, estimate, poses[newest, 4:7], poses[newest, 7].astype(np.int64))
    drifts = [(over, relative_errors_m(at_s, true, moved, over)) for over in DRIFT_S]
    motion = relative_errors_m(at_s, true, estimate, 1.0)
    return LocalizationScore(
        path=path,
        errors=errors,
        absolute_m=absolute_trajectory_error_m(true, estimate),
        relative_m=Spread.of(motion).p95,
        drift_m=tuple((over, Spread.of(drift).p95) for over, drift in drifts if len(drift)),
        broken=intervals(at_s, exceedances(errors)),
        diagram=stanford(errors.lateral_m, errors.protection_lateral_m, ALERT_M),
    )


def _columns(path: Path) -> tuple[Floats, Floats, Floats]:
    """Rows (t, x, y, yaw) of truth and odometry at measured times, and (t, x, y, yaw, bounds, status) of poses."""
    truth, odometry, poses = [], [], []
    for record in Recording.open(path).messages(TOPICS):
        message, measured_s = record.message, record.envelope.measured_ns * 1e-9
        match message:
            case EgoTruth():
                truth.append((measured_s, *_row(message.world_from_ego)))
            case Odometry():
                odometry.append((measured_s, *_row(message.odom_from_ego)))
            case PoseEstimate():
                bounds = (message.protection_lateral_m, message.protection_longitudinal_m)
                heard_s = record.envelope.received_ns * 1e-9
                row = (*_row(message.world_from_odom), *bounds, message.protection_heading_rad, float(message.status))
                poses.append((heard_s, *row))
    counts = (len(truth), len(odometry), len(poses))
    for name, count in zip(TOPICS, counts, strict=True):
        if count < 2:
            raise InputError(f"{name} has fewer than two messages; localization cannot be scored without it", path)
    return _in_order(truth), _in_order(odometry), _in_order(poses)


def _row(pose: Pose) -> tuple[float, float, float]:
    return pose.x_m, pose.y_m, pose.yaw_rad


def _in_order(rows: Sequence[tuple[float, ...]]) -> Floats:
    table = np.array(rows, dtype=np.float64)
    return table[np.unique(table[:, 0], return_index=True)[1]]


def _at(rows: Floats, at_s: Floats) -> Floats:
    """x, y, yaw (N, 3) of rows (t, x, y, yaw) at times (N,)."""
    yaw = np.unwrap(rows[:, 3])
    return np.stack([np.interp(at_s, rows[:, 0], column) for column in (rows[:, 1], rows[:, 2], yaw)], axis=1)


def _composed(world_from_odom: Floats, odom_from_ego: Floats) -> Floats:
    """`world_from_odom @ odom_from_ego`, row by row (N, 3)."""
    cos, sin = np.cos(world_from_odom[:, 2]), np.sin(world_from_odom[:, 2])
    x, y = odom_from_ego[:, 0], odom_from_ego[:, 1]
    return np.stack(
        (
            world_from_odom[:, 0] + cos * x - sin * y,
            world_from_odom[:, 1] + sin * x + cos * y,
            world_from_odom[:, 2] + odom_from_ego[:, 2],
        ),
        axis=1,
    )


# --- how it looks -----------------------------------------------------------------------------------------------------


def figures_of(score: LocalizationScore) -> dict[str, float | int | str]:
    """The score as one flat row of figures."""
    errors = score.errors
    row: dict[str, float | int | str] = {"drive": str(score.path), "duration_s": float(errors.t_s[-1] - errors.t_s[0])}
    for name, values in (
        ("lateral", errors.lateral_m),
        ("longitudinal", errors.longitudinal_m),
        ("heading", np.degrees(errors.heading_rad)),
    ):
        spread, unit = Spread.of(values), "deg" if name == "heading" else "m"
        row |= {
            f"{name}_rms_{unit}": spread.rms,
            f"{name}_p95_{unit}": spread.p95,
            f"{name}_max_{unit}": spread.largest,
        }
    row |= {"ate_m": score.absolute_m, "rpe_1s_p95_m": score.relative_m}
    row |= {f"odometry_drift{over:.0f}_p95_m": drift for over, drift in score.drift_m}
    row["lane_certain_share"] = float(errors.certain.mean())
    row["protection_exceeded_share"] = float(exceedances(errors).mean())
    row["protection_exceeded_intervals"] = len(score.broken)
    return row


def print_scores(scores: tuple[LocalizationScore, ...]) -> None:
    """A table of figures per drive, broken bounds, the Stanford diagrams, and a line of JSON."""
    console = Console()
    rows = [figures_of(score) for score in scores]
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("figure")
    for score in scores:
        table.add_column(score.path.parent.name or score.path.stem, justify="right")
    for name in list(rows[0])[1:]:
        table.add_row(name, *(f"{row[name]:.4g}" if name in row else "" for row in rows))
    console.print(table)
    for score in scores:
        _print_diagram(console, score)
    print(json.dumps(rows, allow_nan=False, default=str))


def _print_diagram(console: Console, score: LocalizationScore) -> None:
    diagram = score.diagram
    table = Table(box=box.SIMPLE, pad_edge=False, title=f"{score.path}: lateral error by protection level, samples")
    table.add_column("error, m")
    for edge in diagram.edges_m:
        table.add_column(f">= {edge:g}", justify="right")
    for edge, counts in zip(diagram.edges_m, diagram.counts, strict=True):
        table.add_row(f">= {edge:g}", *(str(count) for count in counts))
    console.print(table)
    console.print(
        f"alert limit {ALERT_M} m: nominal {diagram.nominal}, unavailable {diagram.unavailable}, "
        f"misleading {diagram.misleading}, hazardous {diagram.hazardous}"
    )
    for broken in score.broken:
        console.print(f"bound broken at {broken.first_s:.1f} s for {broken.length_s:.1f} s")
