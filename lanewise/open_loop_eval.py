"""`lanewise eval open-loop`: the plans of a recorded drive, one by one, against what then happened.

In: a recording of `lanewise run`. Out: per plan NAVSIM's PDMS and EPDMS (four seconds, others as they really moved,
progress beside `pdm-closed` in the same scene) and displacement errors to what the ego then drove. The scene is the
recorded truth at that moment, in `world`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from bus.messages import EntityKind, LightState, PoseStatus
from bus.recording import Recording
from geometry.angles import Floats, wrap_rad
from geometry.errors import InputError
from geometry.pose import Pose
from lanewise.drive import Drive, TimedPlan, drive_of
from lanewise.recorded import read_drive, recorded_run
from motion.rollout import Rollout
from planning.metrics.displacement import displacement_errors
from planning.metrics.navsim.pdms import NavsimScore
from planning.metrics.navsim.scores import Forecast
from planning.metrics.navsim.simulate import DT_S, STEPS
from planning.open_loop import AHEAD_STEPS, Before, extended_score, score_plan
from planning.planner import Plan, States
from planning.scene import Agents, Context, EgoState, Scene

EVERY_S = 1.0
"""Plans are judged so often."""
HISTORY_STEPS = 15
HORIZON_S = DT_S * (STEPS - 1)


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPlan:
    """A plan, when it was made, and what it is worth."""

    t_s: float
    label: str
    pdms: NavsimScore
    epdms: NavsimScore
    ade_m: float
    fde_m: float


@dataclass(frozen=True, slots=True, eq=False)
class OpenLoopScore:
    """All judged plans of a drive."""

    path: Path
    plans: tuple[JudgedPlan, ...]


def score_drive(path: Path) -> OpenLoopScore:
    """Judge a plan per second as long as five seconds of the drive follow it.

    Raises:
        InputError: no drive of `lanewise run`, or one that is too short.
    """
    recording = Recording.open(path)
    config, assignment = recorded_run(recording)
    drive, context = drive_of(read_drive(recording)), assignment.context(config.planner.period_s)
    last_s = float(drive.rollout.t_s[-1]) - DT_S * (STEPS + AHEAD_STEPS)
    judged, next_s, before = [], 0.0, None
    for plan in drive.plans:
        if next_s <= plan.t_s <= last_s and _engaged(drive.rollout, plan.t_s):
            found, before = _judged(drive, context, plan, before)
            judged.append(found)
            next_s = plan.t_s + EVERY_S
    if not judged:
        raise InputError(f"no plan of this drive is followed by {DT_S * (STEPS + AHEAD_STEPS):.1f} s of driving", path)
    return OpenLoopScore(path, tuple(judged))


def _engaged(rollout: Rollout, t_s: float) -> bool:
    return bool(rollout.engaged[_row(rollout, t_s)])


def _row(rollout: Rollout, t_s: float) -> int:
    return min(int(np.searchsorted(rollout.t_s, t_s - 1e-9)), len(rollout.t_s) - 1)


def _judged(drive: Drive, context: Context, plan: TimedPlan, before: Before | None) -> tuple[JudgedPlan, Before]:
    rollout = drive.rollout
    scene, future = scene_at(drive, context, plan.t_s), _future(rollout, plan.t_s)
    driven = Plan(_states(plan), _states(plan), plan.trajectory.label, plan.trajectory.reason)
    past_s: Floats = plan.t_s - DT_S * np.arange(float(HISTORY_STEPS), 0.0, -1.0)
    history = _ego_states(rollout, past_s, context.vehicle.wheelbase_m)
    extended, now = extended_score(scene, driven, future, history, before)
    errors = _displacement(rollout, plan, driven.states)
    found = JudgedPlan(plan.t_s, plan.trajectory.label, score_plan(scene, driven, future), extended, *errors)
    return found, now


def scene_at(drive: Drive, context: Context, t_s: float) -> Scene:
    """The recorded truth at a moment as a planner's scene."""
    rollout, row = drive.rollout, _row(drive.rollout, t_s)
    ego, others = rollout.ego, rollout.others
    pose = Pose(float(ego.x_m[row]), float(ego.y_m[row]), float(ego.yaw_rad[row]))
    state = EgoState(
        pose, float(ego.speed_mps[row]), float(ego.acceleration_mps2[row]), float(rollout.steering_rad[row])
    )  # fmt: skip
    here = np.flatnonzero(others.present[row])
    shapes = [rollout.cast[int(rollout.other_ids[n])] for n in here]
    yaw, speed, before = others.yaw_rad[row, here], others.speed_mps[row, here], max(row - 1, 0)
    turned = wrap_rad(yaw - np.where(others.present[before, here], others.yaw_rad[before, here], yaw))
    agents = Agents(
        ids=rollout.other_ids[here], kinds=np.array([shape.kind for shape in shapes], dtype=np.int64),
        x_m=others.x_m[row, here], y_m=others.y_m[row, here], yaw_rad=yaw, vx_mps=speed * np.cos(yaw),
        vy_mps=speed * np.sin(yaw), acceleration_mps2=others.acceleration_mps2[row, here],
        yaw_rate_radps=turned / max(float(rollout.t_s[row] - rollout.t_s[before]), 1e-3),
        length_m=np.array([shape.length_m for shape in shapes]), width_m=np.array([shape.width_m for shape in shapes]),
        existence=np.ones(len(here)), covariance=np.zeros((len(here), 4, 4)),
    )  # fmt: skip
    return Scene(context, t_s, state, agents, PoseStatus.LANE_CERTAIN, _lights(drive, t_s))


def _lights(drive: Drive, t_s: float) -> dict[str, LightState]:
    held = [states for since, states in drive.lights if since <= t_s + 1e-9]
    return dict(held[-1]) if held else {}


def _future(rollout: Rollout, t_s: float) -> Forecast:
    """Those who are there now, as they moved from then on; who leaves stays where it was last."""
    rows = np.array([_row(rollout, t_s + DT_S * k) for k in range(STEPS + AHEAD_STEPS)])
    here = np.flatnonzero(rollout.others.present[rows[0]])
    columns = {}
    for name in ("x_m", "y_m", "yaw_rad", "speed_mps"):
        columns[name] = _held(getattr(rollout.others, name)[np.ix_(rows, here)])
    shapes = [rollout.cast[int(rollout.other_ids[n])] for n in here]
    return Forecast(
        columns["x_m"], columns["y_m"], columns["yaw_rad"], columns["speed_mps"],
        np.array([shape.length_m for shape in shapes]), np.array([shape.width_m for shape in shapes]),
        np.array([shape.kind == EntityKind.OBSTACLE for shape in shapes], dtype=bool),
    )  # fmt: skip


def _held(values: Floats) -> Floats:
    """Columns (K, N) whose first row is known, with the last known value in place of what is not."""
    known = ~np.isnan(values)
    newest = np.maximum.accumulate(np.where(known, np.arange(len(values))[:, None], 0), axis=0)
    return np.take_along_axis(values, newest, axis=0)


def _states(plan: TimedPlan) -> States:
    """The plan's states in `world`."""
    told, pose = plan.trajectory, plan.world_from_odom
    cos, sin = np.cos(pose.yaw_rad), np.sin(pose.yaw_rad)
    x, y = pose.x_m + cos * told.x_m - sin * told.y_m, pose.y_m + sin * told.x_m + cos * told.y_m
    yaw = wrap_rad(told.yaw_rad + pose.yaw_rad)
    return States(told.t_s, x, y, yaw, told.speed_mps, told.acceleration_mps2, told.curvature_radpm)


def _ego_states(rollout: Rollout, at_s: Floats, wheelbase_m: float) -> Floats:
    """The ego's recorded states (H, 8), columns of `motion.lqr_tracker.COLUMNS`; it began as it was first."""
    rows = np.array([_row(rollout, max(float(t), float(rollout.t_s[0]))) for t in at_s])
    ego, steering = rollout.ego, rollout.steering_rad[rows]
    speed = ego.speed_mps[rows]
    return np.stack((
        ego.x_m[rows], ego.y_m[rows], ego.yaw_rad[rows], speed, ego.acceleration_mps2[rows], steering,
        np.zeros(len(rows)), speed * np.tan(steering) / wheelbase_m,
    ), axis=-1)  # fmt: skip


def _displacement(rollout: Rollout, plan: TimedPlan, states: States) -> tuple[float, float]:
    """Mean and final distance over the horizon between the plan and what was driven."""
    after_s: Floats = 0.5 * np.arange(1.0, HORIZON_S / 0.5 + 1.0)
    planned = np.stack([np.interp(after_s, states.t_s, column) for column in (states.x_m, states.y_m)], axis=-1)
    ego = rollout.ego
    driven = np.stack([np.interp(plan.t_s + after_s, rollout.t_s, c) for c in (ego.x_m, ego.y_m)], axis=-1)
    known: NDArray[np.bool_] = (after_s <= states.t_s[-1] + 1e-9)[None]
    errors = displacement_errors(planned[None], driven[None], known if known.any() else None)
    return float(errors.ade_m[0]), float(errors.fde_m[0])


# --- how it looks -----------------------------------------------------------------------------------------------------


def print_scores(scores: Sequence[OpenLoopScore]) -> None:
    """Means per drive, the worst plans with their causes, and a line of JSON."""
    console, table = Console(), Table(box=box.SIMPLE, pad_edge=False)
    for name in ("drive", "plans", "PDMS", "EPDMS", "ADE m", "FDE m"):
        table.add_column(name, justify="left" if name == "drive" else "right")
    rows = [figures_of(score) for score in scores]
    for row in rows:
        table.add_row(str(row["drive"]), str(row["plans"]), *(f"{row[k]:.3f}" for k in ("pdms", "epdms")),
                      *(f"{row[k]:.2f}" for k in ("ade_m", "fde_m")))  # fmt: skip
    console.print(table)
    for score in scores:
        for plan in sorted(score.plans, key=lambda plan: plan.epdms.total)[:5]:
            if plan.epdms.total < 1.0:
                worst = min(plan.epdms.results, key=lambda part: part.value)
                console.print(
                    f"{score.path}: EPDMS {plan.epdms.total:.2f} at t = {plan.t_s:.1f} s: {worst.name} {worst.cause}"
                )
    print(json.dumps(rows))


def figures_of(score: OpenLoopScore) -> dict[str, float | int | str]:
    """The means of a drive."""
    plans = score.plans
    row: dict[str, float | int | str] = {"drive": str(score.path), "plans": len(plans)}
    for name, values in (
        ("pdms", [plan.pdms.total for plan in plans]), ("epdms", [plan.epdms.total for plan in plans]),
        ("ade_m", [plan.ade_m for plan in plans]), ("fde_m", [plan.fde_m for plan in plans]),
    ):  # fmt: skip
        row[name] = round(float(np.mean(values)), 4)
    for part in plans[0].epdms.results:
        row[part.name] = round(float(np.mean([plan.epdms.part(part.name) for plan in plans])), 4)
    return row
