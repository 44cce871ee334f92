"""The evaluation as one page: planners beside each other, and every row with what it lost and a link to the moment.

In: rows, scores and differences. Out: HTML without network; losses link to the reports that lie beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from lanewise.evaluation.comparison import PairedDifference, PlannerScore, ncap_scores
from lanewise.report.palette import DARK, LIGHT, Palette
from planning.metrics.table import METRICS

Row = Mapping[str, Any]

PARTS: Mapping[str, str] = {
    "nuplan_score": "score", "nuplan_no_ego_at_fault_collisions": "no collision",
    "nuplan_drivable_area_compliance": "on the road", "nuplan_ego_is_making_progress": "moves on",
    "nuplan_driving_direction_compliance": "direction", "nuplan_ego_progress_along_expert_route": "progress",
    "nuplan_time_to_collision_within_bound": "TTC", "nuplan_speed_limit_compliance": "speed limit",
    "nuplan_ego_is_comfortable": "comfort",
}  # fmt: skip
"""Columns of the heat map and their headings."""
SHOWN_AS_LOST = 0.9995
"""What is lower is not shown as 100.0."""
LABELS: Mapping[str, str] = {
    "nuplan_score": "nuPlan score", "mean_speed_mps": "mean speed", "lost_mps": "speed lost", "euro_ncap": "Euro NCAP",
    "commonroad_SM1": "CommonRoad SM1",
}  # fmt: skip
COSTS = ("commonroad_SM1", "commonroad_SA1", "commonroad_WX1", "commonroad_TR1", "commonroad_JB1")
"""CommonRoad cost functions that the table shows; results.parquet holds all, with their terms."""

TEMPLATE = Path(__file__).parent / "summary.html"


def write_summary(
    rows: Sequence[Row], suite: str, scores: Sequence[PlannerScore], differences: Sequence[PairedDifference], path: Path
) -> None:
    """Write the page."""
    planners = list(dict.fromkeys(row["planner"] for row in rows))
    html = _template().render(
        suite=suite,
        planners=planners,
        cases=len({row["case"] for row in rows}),
        counts={outcome: sum(row["outcome"] == outcome for row in rows) for outcome in _outcomes(rows)},
        scores=_scores(scores, planners),
        differences=[
            (d, _figure(d.mean, d.score, "+"), f"{_figure(d.low, d.score, '+')} … {_figure(d.high, d.score, '+')}",
             d.low > 0.0 or d.high < 0.0)
            for d in differences
        ],
        groups=_groups(rows, planners),
        labels=LABELS,
        parts=list(PARTS.values()),
        heat=_heat(rows, planners),
        ncap=[(planner, score) for planner, score in ncap_scores(rows).items()],
        costs=[name for name in COSTS if any(row.get(name) is not None for row in rows)],
        metrics=list(METRICS),
        rows=[_row(row) for row in rows],
        light=_variables(LIGHT),
        dark=_variables(DARK),
    )  # fmt: skip
    path.write_text(html, encoding="utf-8")


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def _outcomes(rows: Sequence[Row]) -> list[str]:
    return [name for name in ("pass", "fail", "error", "not runnable") if any(row["outcome"] == name for row in rows)]


def _scores(scores: Sequence[PlannerScore], planners: Sequence[str]) -> dict[str, Any]:
    """A line per planner, a column per score that somebody has."""
    names = list(dict.fromkeys(score.score for score in scores))
    found = {(score.planner, score.score): score for score in scores}
    lines = {planner: [_score(found.get((planner, name))) for name in names] for planner in planners}
    return {"names": names, "rows": lines}


def _score(score: PlannerScore | None) -> dict[str, Any]:
    if score is None:
        return {"figure": "–", "cases": 0}
    return {"figure": _figure(score.mean, score.score), "cases": score.cases}


def _groups(rows: Sequence[Row], planners: Sequence[str]) -> list[dict[str, Any]]:
    """Pass share of each scenario file and planner: the heat map."""
    groups = []
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        cells = []
        for planner in planners:
            driven = [
                r for r in rows if r["scenario"] == scenario and r["planner"] == planner and r["passed"] is not None
            ]
            share = sum(r["passed"] for r in driven) / len(driven) if driven else math.nan
            cells.append({"share": share, "driven": len(driven), "known": bool(driven)})
        groups.append({"scenario": scenario, "cells": cells})
    return groups


def _heat(rows: Sequence[Row], planners: Sequence[str]) -> list[dict[str, Any]]:
    """Mean of every part of the nuPlan score by scenario file and planner, with a way to the worst drive."""
    lines = []
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        for planner in planners:
            scored = [
                row for row in rows
                if (row["scenario"], row["planner"]) == (scenario, planner) and row.get("nuplan_score") is not None
            ]  # fmt: skip
            if scored:
                cells = [_cell(scored, name) for name in PARTS]
                lines.append({"scenario": scenario, "planner": planner, "drives": len(scored), "cells": cells})
    return lines


def _cell(scored: Sequence[Row], name: str) -> dict[str, Any]:
    """A part's mean, and the way to its worst drive, at the moment at which that lost it."""
    worst = min(scored, key=lambda row: float(row[name]))
    share = sum(float(row[name]) for row in scored) / len(scored)
    told = "nuplan" if name == "nuplan_score" else name
    link = _report(worst, f"{told}_t_s") if worst[name] < SHOWN_AS_LOST else ""
    return {"share": share, "link": link, "worst": f"{worst['case']}: {worst.get(f'{told}_cause', '')}"}


def _report(row: Row, moment: str) -> str:
    """Where a row's report lies, opened at the moment of a loss; empty where none was kept."""
    if not row.get("report"):
        return ""
    t_s = row.get(moment)
    return f"drives/{row['key']}/report.html" + ("" if t_s is None else f"#t={t_s:.2f}")


def _row(row: Row) -> dict[str, Any]:
    marks = [
        {
            "name": name.replace("_", " "), "passed": row.get(f"{name}_passed"), "value": row.get(name),
            "link": _report(row, f"{name}_t_s") if row.get(f"{name}_passed") is False else "",
        }
        for name in METRICS
    ]  # fmt: skip
    return {
        **row,
        "marks": marks,
        "report": _report(row, "t_s"),
        "nuplan_report": _report(row, "nuplan_t_s"),
        "ncap_report": _report(row, "euro_ncap_t_s"),
        "ncap": row.get("euro_ncap"),
        "ncap_cause": row.get("euro_ncap_cause", ""),
        "costs": {name: row.get(name) for name in COSTS},
        "mean_speed": row.get("mean_speed_mps"),
        "nuplan": row.get("nuplan_score"),
        "nuplan_cause": row.get("nuplan_cause", ""),
    }


def _figure(value: float, score: str, sign: str = "") -> str:
    if score == "nuplan_score":
        return f"{100.0 * value:{sign}.2f}"
    if score.endswith("_mps"):
        return f"{value:{sign}.2f} m/s"
    if score.startswith("commonroad"):
        return f"{value:{sign}.4g}"
    return f"{100.0 * value:{sign}.1f} %"


def _variables(palette: Palette) -> str:
    return " ".join(f"--{name}: {color};" for name, color in palette.items())
