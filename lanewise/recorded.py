"""What a recorded drive can be asked: how it was made, how it is judged, its report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bus.messages import Envelope, Message
from bus.recording import Recording, digests, drive_hash
from geometry.errors import ContractError, InputError
from lanewise.assignment import LANE_KEEPING, Assignment
from lanewise.config import RunConfig, read_toml
from lanewise.drive import READ, Drive, drive_of
from lanewise.provenance import versions
from lanewise.ratings import ratings
from lanewise.report.scene import ReportData
from lanewise.reporting import DECISIVE, report_data
from planning.metrics.corridor import CROSSABLE, UNMARKED, corridor_of
from planning.metrics.judge import judge
from planning.metrics.nuplan.from_rollout import drive_of_rollout
from planning.metrics.nuplan.score import score
from planning.metrics.red_lights import red_lights
from planning.metrics.result import MetricResult, Verdict, decide
from planning.metrics.stops import stops_served
from planning.scene import Context

NUPLAN = "nuplan: "
"""What the names of the parts of the nuPlan score begin with."""

WITH_GOAL = ("commonroad", "errand")
"""Rules (as the cast message names them) by which a drive has to reach its goal."""


def read_drive(recording: Recording) -> list[tuple[Envelope, Message]]:
    """The messages of a recording that `lanewise.drive` reads."""
    return [(record.envelope, record.message) for record in recording.messages(READ)]


def recorded_run(recording: Recording) -> tuple[RunConfig, Assignment]:
    """The configuration and assignment that a drive was recorded with.

    Raises:
        InputError: it is no drive of `lanewise run`, or one of a version with other settings.
    """
    entries = recording.metadata.get("run")
    if entries is None or "config" not in entries:
        raise InputError("the recording holds no configuration; only drives of `lanewise run` do", recording.path)
    try:
        config = read_toml(entries["config"], recording.path)
    except InputError as error:
        if recording.metadata.get("versions", {}).get("source") == versions()["source"]:
            raise
        raise InputError(f"{error}; another version recorded the drive: drive it anew, or use that version") from None
    return config, Assignment.from_metadata(recording.metadata, recording.path)


def verdict_of(drive: Drive, context: Context, assignment: Assignment | None = None) -> Verdict:
    """Judge a drive by the rules that its scenario names; the nuPlan score and its parts inform besides.

    With its assignment, Euro NCAP points and CommonRoad costs do too, where they apply.
    """
    rules = drive.info.regulation
    corridor = corridor_of(context.mission.route, context.lane_map, UNMARKED if rules in LANE_KEEPING else CROSSABLE)
    with_goal = rules in WITH_GOAL
    verdict = judge(drive.rollout, corridor, "" if with_goal else rules)
    if not drive.rollout.engaged.any():
        return verdict
    lights = red_lights(drive.rollout, context.mission.route, context.lane_map, drive.lights)
    if with_goal:
        found = (*verdict.results, _contact(drive), lights, _goal(drive))
        decisive = DECISIVE[rules]
        if halts := context.mission.halts:
            found, decisive = (*found, stops_served(drive.rollout, context.mission.route, halts)), (*decisive, "stops")
        verdict = decide(found, decisive)
    elif not rules:
        verdict = decide((*verdict.results, lights), DECISIVE[rules])
    rated: tuple[MetricResult, ...] = ()
    if assignment is not None:
        rated = ratings(drive.rollout, assignment.ncap, assignment.map_format, assignment.map_data)
    return replace(verdict, results=(*verdict.results, *_nuplan(drive, context), *rated))


def _nuplan(drive: Drive, context: Context) -> tuple[MetricResult, ...]:
    """The closed-loop score without an expert to compare progress with; nothing where the stack hardly drove."""
    try:
        judged = score(drive_of_rollout(drive.rollout, context.lane_map))
    except ContractError:
        return ()
    total, *_ = judged.results()
    return (total, *(replace(part, name=f"{NUPLAN}{part.name}") for part in judged.sub_results()))


def _contact(drive: Drive) -> MetricResult:
    """Whether the ego touched anybody: in CommonRoad it does not matter whose fault it was."""
    rollout = drive.rollout
    found = [c for c in rollout.contacts if rollout.ego_id in (c.first_id, c.second_id)]
    if not found:
        return MetricResult("contact", True, 0.0, "", 0.0, "nobody was touched")
    first = found[0]
    other = rollout.cast[first.second_id if first.first_id == rollout.ego_id else first.first_id]
    cause = f"contact with {other.name} at t = {first.t_s:.2f} s"
    return MetricResult("contact", False, float(len(found)), "", 0.0, cause, first.t_s, first.x_m, first.y_m)


def _goal(drive: Drive) -> MetricResult:
    """Whether a drive ended because its goal was reached."""
    ends = [moment for moment in drive.events if moment.message.element == "end"]
    reached = any(moment.message.name == "goal reached" for moment in ends)
    t_s = ends[-1].t_s if ends else float(drive.rollout.t_s[-1])
    cause = f"goal reached at t = {t_s:.1f} s" if reached else f"the goal was not reached within {t_s:.1f} s"
    row = min(int(np.searchsorted(drive.rollout.t_s, t_s)), len(drive.rollout.t_s) - 1)
    place = float(drive.rollout.ego.x_m[row]), float(drive.rollout.ego.y_m[row])
    return MetricResult("goal", reached, float(reached), "", 1.0, cause, t_s, *place)


def recorded_report(path: Path) -> ReportData:
    """The report of a recorded drive, judged by the present rules.

    Raises:
        InputError: it is no drive of `lanewise run`, or damaged.
    """
    recording = Recording.open(path)
    config, assignment = recorded_run(recording)
    context = assignment.context(config.planner.period_s)
    drive = drive_of(read_drive(recording))
    verdict = verdict_of(drive, context, assignment)
    return report_data(drive, verdict, context, config, drive_hash(digests(path)), recording)
