"""What a recorded drive can be asked: how it was made, how it is judged, its report."""

from __future__ import annotations

from pathlib import Path

from bus.messages import Envelope, Message
from bus.recording import Recording, digests, drive_hash
from geometry.errors import InputError
from lanewise.assignment import Assignment
from lanewise.config import RunConfig, read_toml
from lanewise.drive import READ, Drive, drive_of
from lanewise.report.scene import ReportData
from lanewise.reporting import report_data
from planning.metrics.corridor import corridor_of
from planning.metrics.judge import judge
from planning.metrics.result import Verdict
from planning.scene import Context


def read_drive(recording: Recording) -> list[tuple[Envelope, Message]]:
    """The messages of a recording that `lanewise.drive` reads."""
    return [(record.envelope, record.message) for record in recording.messages(READ)]


def recorded_run(recording: Recording) -> tuple[RunConfig, Assignment]:
    """The configuration and assignment that a drive was recorded with.

    Raises:
        InputError: it is no drive of `lanewise run`.
    """
    entries = recording.metadata.get("run")
    if entries is None or "config" not in entries:
        raise InputError("the recording holds no configuration; only drives of `lanewise run` do", recording.path)
    config = read_toml(entries["config"], recording.path)
    return config, Assignment.from_metadata(recording.metadata, recording.path)


def verdict_of(drive: Drive, context: Context) -> Verdict:
    """Judge a drive by the rules that its scenario names."""
    corridor = corridor_of(context.mission.route, context.lane_map)
    return judge(drive.rollout, corridor, drive.info.regulation)


def recorded_report(path: Path) -> ReportData:
    """The report of a recorded drive, judged by the present rules.

    Raises:
        InputError: it is no drive of `lanewise run`, or damaged.
    """
    recording = Recording.open(path)
    config, assignment = recorded_run(recording)
    context = assignment.context(config.planner.period_s)
    drive = drive_of(read_drive(recording))
    return report_data(drive, verdict_of(drive, context), context, config, drive_hash(digests(path)))
