"""`lanewise topic`: what a recorded drive holds, topic by topic. Times are printed in seconds of the drive."""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from itertools import islice, pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bus.recording import Record, Recording
from geometry.errors import InputError

app = typer.Typer(name="topic", help="Look into a recorded drive, topic by topic.", no_args_is_help=True)

SHOWN_ITEMS = 4
"""How many entries of an array are printed without `--full`."""

Drive = Annotated[Path, typer.Argument(metavar="DRIVE.mcap", help="A recorded drive.")]


@app.command("list")
def list_topics(drive: Drive) -> None:
    """Topics of a drive: type, number of messages, rate, first and last time."""
    rows = [
        (
            topic.topic,
            topic.type,
            str(topic.count),
            "-" if topic.rate_hz is None else f"{topic.rate_hz:.2f}",
            f"{topic.first_ns * 1e-9:.3f}",
            f"{topic.last_ns * 1e-9:.3f}",
        )
        for topic in _opened(drive).topics()
    ]
    _print_table(("topic", "type", "count", "rate [Hz]", "first [s]", "last [s]"), rows)


@app.command("echo")
def echo(
    drive: Drive,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="A topic that `lanewise topic list` shows.")],
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many messages.")] = None,
    start: Annotated[float, typer.Option(min=0.0, help="Begin at this time of the drive [s].")] = 0.0,
    full: Annotated[
        bool, typer.Option("--full", help="Print arrays and bytes whole, numbers with all digits.")
    ] = False,
) -> None:
    """Messages of a topic, one line of JSON each."""
    recording = _opened(drive)
    _check_topic(recording, topic)
    for record in islice(recording.messages([topic], start_ns=round(start * 1e9)), count):
        typer.echo(line_of(record, full))


@app.command("hz")
def hz(
    drive: Drive,
    topic: Annotated[str | None, typer.Argument(metavar="[TOPIC]", help="One topic; without it, all.")] = None,
) -> None:
    """Time between the messages of a topic: mean, shortest, longest and standard deviation."""
    recording = _opened(drive)
    if topic is not None:
        _check_topic(recording, topic)
    times_ns: dict[str, list[int]] = {}
    for raw in recording.raw(None if topic is None else [topic]):
        times_ns.setdefault(raw.topic, []).append(raw.published_ns)
    rows = [(name, *interval_row(times_ns[name])) for name in sorted(times_ns)]
    _print_table(("topic", "intervals", "mean [ms]", "min [ms]", "max [ms]", "std [ms]"), rows)


def interval_row(times_ns: Sequence[int]) -> tuple[str, str, str, str, str]:
    """Number of intervals, then mean, least, greatest and standard deviation in milliseconds, formatted."""
    intervals_ms = [(later - earlier) * 1e-6 for earlier, later in pairwise(times_ns)]
    if not intervals_ms:
        return ("0", "-", "-", "-", "-")
    figures = (
        statistics.fmean(intervals_ms),
        min(intervals_ms),
        max(intervals_ms),
        statistics.pstdev(intervals_ms),
    )
    mean, least, greatest, deviation = (f"{figure:.3f}" for figure in figures)
    return (str(len(intervals_ms)), mean, least, greatest, deviation)


def line_of(record: Record, full: bool) -> str:
    """A record as one line of JSON; without `full`, long arrays are cut and numbers have six digits."""
    envelope = record.envelope
    line = {
        "t_s": envelope.published_ns * 1e-9,
        "measured_s": envelope.measured_ns * 1e-9,
        "received_s": envelope.received_ns * 1e-9,
        "publisher": envelope.publisher,
        "sequence": envelope.sequence,
        **{item.name: _plain(getattr(record.message, item.name), full) for item in fields(record.message)},
    }
    return json.dumps(line, ensure_ascii=False)


def _plain(value: Any, full: bool) -> Any:
    """A value of a message as what JSON knows."""
    if isinstance(value, np.ndarray):
        value = tuple(value) if value.ndim > 1 else tuple(value.tolist())
    if isinstance(value, tuple):
        items = [_plain(item, full) for item in (value if full else value[:SHOWN_ITEMS])]
        return items if len(items) == len(value) else [*items, f"... {len(value)} in all"]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes):
        return value.hex() if full else f"{len(value)} bytes"
    if isinstance(value, float) and not full and math.isfinite(value):
        return float(f"{value:.6g}")
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name), full) for item in fields(value)}
    return value


def _opened(drive: Path) -> Recording:
    recording = Recording.open(drive)
    if recording.recovered:
        typer.echo(f"warning: {drive} was never finished, its end may be missing; {recording.damage}", err=True)
    return recording


def _check_topic(recording: Recording, topic: str) -> None:
    present = [summary.topic for summary in recording.topics()]
    if topic not in present:
        listed = ", ".join(present) or "none"
        raise InputError(f"the drive has no messages on {topic!r}; its topics are: {listed}", recording.path)


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people on a terminal, lines with tabs for programs."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            typer.echo("\t".join(row))
        return
    table = Table(box=None)
    for column in columns:
        is_name = column in ("topic", "type")
        # escaped, as rich would read "[s]" as a style; types may break so that the figures never do
        table.add_column(
            escape(column), justify="left" if is_name else "right", no_wrap=column != "type", overflow="fold"
        )
    for row in rows:
        table.add_row(*row)
    Console().print(table)
