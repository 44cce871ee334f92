"""From a judged drive to what its report shows."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np

from bus.messages import Level, SafetyMode, ScenarioEvent
from bus.recording import Recording
from lanewise.config import RunConfig
from lanewise.drive import Drive, TimedPlan
from lanewise.provenance import versions
from lanewise.report.road import road_around
from lanewise.report.scene import DriveEvent, ModeChange, PlanView, Provenance, ReportData
from lanewise.report.series import series_of
from lanewise.report.sight import Sight, sight_of
from lanewise.report.weighed import weighed_of
from planning.metrics import general, r157
from planning.metrics.corridor import corridor_of
from planning.metrics.result import Verdict
from planning.scene import Context

DECISIVE = {
    "un-r157": r157.DECISIVE,
    "": (*general.DECISIVE, "red_light"),
    "commonroad": ("contact", "goal"),
    "errand": ("contact", "lane_departure", "red_light", "goal"),
}

SHOWN_ELEMENTS = ("event", "override", "ego", "end")
"""Storyboard elements whose transitions a reader wants to see; acts and manoeuvres only wrap them."""


def report_data(
    drive: Drive, verdict: Verdict, context: Context, config: RunConfig, drive_hash: str, recording: Recording | None
) -> ReportData:
    """The report of a drive; what cameras saw and the planner weighed is read from its recording."""
    sight = Sight() if recording is None else sight_of(recording)
    rollout = drive.rollout
    corridor = corridor_of(context.mission.route, context.lane_map)
    points = np.stack((rollout.ego.x_m, rollout.ego.y_m), axis=-1)
    return ReportData(
        title=drive.info.name,
        provenance=Provenance(
            scenario=drive.info.name,
            source=Path(config.scenario).name,
            planner=config.stack.planner,
            seed=config.seed,
            drive_hash=drive_hash,
            versions=tuple(versions().items()),
            command=command_of(config),
            regulation=drive.info.regulation,
        ),
        rollout=rollout,
        road=road_around(context.lane_map, points, drive.lights),
        series=series_of(rollout, corridor),
        verdict=verdict,
        decisive=DECISIVE[drive.info.regulation],
        plans=tuple(_plan_view(plan, not sight.tracks) for plan in drive.plans),
        modes=tuple(
            ModeChange(moment.t_s, SafetyMode(moment.message.mode), moment.message.reason) for moment in drive.modes
        ),
        events=_events(drive),
        hazard_spans_s=drive.hazard_spans_s,
        sight=sight,
        weighed=() if recording is None else weighed_of(recording),
    )


def command_of(config: RunConfig) -> str:
    """The command that makes the drive again, from the defaults of this version."""
    stack = config.stack
    words = ["lanewise", "run", config.scenario, "--planner", stack.planner, "--seed", str(config.seed)]
    words += ["--perception", stack.perception, "--localization", stack.localization]
    for name, value in config.parameters.items():
        words += ["--param", f"{name}={value}"]
    return shlex.join(words)


def _plan_view(plan: TimedPlan, truth: bool) -> PlanView:
    """`truth`: the planner's tracks are numbered as the cast is; a tracker's are not."""
    trajectory = plan.trajectory
    points = plan.world_from_odom @ np.stack((trajectory.x_m, trajectory.y_m), axis=-1)
    return PlanView(
        t_s=plan.t_s,
        points=points,
        speed_mps=trajectory.speed_mps,
        label=trajectory.label,
        reason=trajectory.reason,
        lead_id=trajectory.lead_id if truth else -1,
        emergency=trajectory.emergency,
    )


def _events(drive: Drive) -> tuple[DriveEvent, ...]:
    told = [DriveEvent(moment.t_s, _sentence(moment.message)) for moment in drive.events if _is_shown(moment.message)]
    cast = drive.rollout.cast
    told += [
        DriveEvent(c.t_s, f"{cast[c.first_id].name} and {cast[c.second_id].name} touch") for c in drive.rollout.contacts
    ]
    told += [
        DriveEvent(moment.t_s, f"{moment.message.node}: {moment.message.text}")
        for moment in drive.diagnostics
        if moment.message.level >= Level.WARNING
    ]
    return tuple(sorted(told, key=lambda event: event.t_s))


def _is_shown(event: ScenarioEvent) -> bool:
    return event.element in SHOWN_ELEMENTS and (
        event.element != "event" or event.transition in ("startTransition", "endTransition")
    )


def _sentence(event: ScenarioEvent) -> str:
    if event.element == "event":
        return f"{event.name} {'begins' if event.transition == 'startTransition' else 'ends'}"
    if event.element == "end":
        return f"the scenario ends: {event.transition}"
    return event.transition
