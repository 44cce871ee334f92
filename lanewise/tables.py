"""How results look on a terminal."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lanewise.batch import Outcome
from lanewise.evaluation.comparison import PairedDifference, PlannerScore, ncap_scores
from lanewise.recorded import NUPLAN
from lanewise.replay import Comparison
from lanewise.solution import COST
from planning.metrics.commonroad.cost_results import PREFIX as COMMONROAD
from planning.metrics.result import MetricResult

RULES = {"un-r157": "UN R157", "commonroad": "CommonRoad", "errand": "its goal"}
SHOWN_LOSSES = 20
"""Losses of each kind that an evaluation prints; all are on its page."""


def print_drive(outcome: Outcome) -> None:
    """The score table of one drive, its verdict, and where its files are."""
    console = _console()
    result = outcome.result
    if result is None:
        _console(stderr=True).print(f"lanewise: {escape(outcome.error)}")
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in ("metric", "", "value", "limit", "cause"):
        table.add_column(
            column, justify="right" if column in ("value", "limit") else "left", no_wrap=column != "cause",
            overflow="fold",
        )  # fmt: skip
    for metric in result.verdict.results:
        if metric.name.startswith((NUPLAN, COMMONROAD)) and metric.name != f"{COMMONROAD}{COST}":
            continue  # the parts of these scores stand in metrics.json and in the report
        mark = "[green]pass[/]" if metric.passed else "[red]FAIL[/]"
        table.add_row(metric.name, mark, _figure(metric.value, metric.unit), _limit(metric), escape(metric.cause))
    console.print(table)
    rules = RULES.get(result.regulation, "general rules")
    word = "[bold green]PASS[/]" if result.verdict.passed else "[bold red]FAIL[/]"
    console.print(f"{escape(result.scenario)}: {word} by {rules} after {result.duration_s:.1f} s")
    if not result.verdict.passed:
        console.print(f"cause: {escape(result.verdict.cause)}")
    if result.drive_hash is not None:
        console.print(f"drive:  {result.folder / 'drive.mcap'} (hash {result.drive_hash[:16]})")
    if outcome.job.outputs.report:
        console.print(f"report: {result.folder / 'report.html'}")


def print_batch(outcomes: Sequence[Outcome]) -> None:
    """Every drive that did not pass, then a line per group and the sum."""
    console = _console()
    single = len({outcome.job.group for outcome in outcomes}) == len(outcomes)
    for outcome in outcomes:
        if single or not outcome.passed:
            console.print(_line(outcome))
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.job.group].append(outcome)
    if not single:
        for group, members in groups.items():
            console.print(f"{escape(group):64} {_rate(members)}")
    console.print(f"all: {_rate(outcomes)}")
    console.print(f"runs: {outcomes[0].job.folder.parent}")


def _line(outcome: Outcome) -> str:
    name = escape(outcome.job.folder.name)
    if outcome.result is None:
        word = "[red]ERROR[/]" if outcome.runnable else "[yellow]not runnable[/]"
        return f"{name:72} {word} {escape(outcome.error)}"
    if outcome.passed:
        return f"{name:72} [green]PASS[/] {outcome.result.duration_s:6.1f} s"
    return f"{name:72} [red]FAIL[/] {escape(outcome.result.verdict.cause)}"


def _rate(outcomes: Sequence[Outcome]) -> str:
    driven = [outcome for outcome in outcomes if outcome.result is not None]
    passed = sum(outcome.passed for outcome in outcomes)
    share = f" ({passed / len(driven):.1%})" if driven else ""
    unrunnable = sum(not outcome.runnable for outcome in outcomes)
    wrong = len(outcomes) - len(driven) - unrunnable
    rest = [f"{count} {what}" for count, what in ((unrunnable, "not runnable"), (wrong, "with errors")) if count]
    return ", ".join([f"{passed} of {len(driven)} pass{share}", *rest])


def print_evaluation(
    rows: Sequence[Mapping[str, Any]], scores: Sequence[PlannerScore], differences: Sequence[PairedDifference],
    folder: Path,
) -> None:  # fmt: skip
    """Scores per planner, differences with their intervals, and where the page is."""
    console = _console()
    for score in scores:
        console.print(f"{escape(score.planner):24} {score.score:16} {score.mean:9.3f}  over {score.cases} cases")
    for d in differences:
        pair = f"{escape(d.second)} - {escape(d.first)}"
        console.print(f"{pair:24} {d.score:16} {d.mean:+9.3f}  [{d.low:+.3f}, {d.high:+.3f}]")
    for planner, points in ncap_scores(rows).items():
        tests = ", ".join(f"{test.test} {test.points:.2f}/{test.maximum:g}" for test in points.tests)
        apart = f", {points.apart} apart" if points.apart else ""
        total = f"{points.points:.2f} of {points.maximum:g} ({points.share:.1%}{apart})"
        console.print(f"{escape(planner):24} Euro NCAP {total}: {tests}")
    for outcome in ("fail", "error", "not runnable"):
        for row in [row for row in rows if row["outcome"] == outcome][:SHOWN_LOSSES]:
            console.print(f"{outcome.upper()} {escape(row['case'])} ({escape(row['planner'])}): {escape(row['cause'])}")
    console.print(f"page: {folder / 'index.html'}")


def print_comparison(comparison: Comparison) -> None:
    """A line per topic, and the first difference."""
    console = _console()
    for topic in comparison.topics:
        word = "[green]same[/]" if topic.same else "[red]DIFFERENT[/]"
        hashes = topic.recorded_hash[:16] if topic.same else f"{topic.recorded_hash[:16]} -> {topic.replayed_hash[:16]}"
        console.print(f"{topic.topic:28} {topic.recorded_count:7d} messages  {word}  {hashes}")
    span = f"{comparison.start_s:g} s to {comparison.end_s:.2f} s, nodes {', '.join(comparison.nodes)}"
    if comparison.first is None:
        console.print(f"bit-identical from {span}")
        return
    first = comparison.first
    console.print(f"different from {span}")
    console.print(f"first difference: {first.topic} #{first.sequence} at {first.t_s:.3f} s: {escape(first.what)}")


def _console(stderr: bool = False) -> Console:
    """Plain files and pipes get lines of a fixed width."""
    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, soft_wrap=True, width=120)


def _figure(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:.3g} {unit}".strip()


def _limit(metric: MetricResult) -> str:
    return "" if metric.limit is None else _figure(metric.limit, metric.unit)
