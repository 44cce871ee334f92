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

from lanewise.evaluation.comparison import PairedDifference, PlannerScore
from lanewise.report.palette import DARK, LIGHT, Palette
from planning.metrics.table import METRICS

Row = Mapping[str, Any]

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
        scores=[(score, _figure(score.mean, score.score)) for score in scores],
        differences=[
            (d, _figure(d.mean, d.score, "+"), f"{_figure(d.low, d.score, '+')} … {_figure(d.high, d.score, '+')}",
             d.low > 0.0 or d.high < 0.0)
            for d in differences
        ],
        groups=_groups(rows, planners),
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


def _row(row: Row) -> dict[str, Any]:
    marks = [{"name": name, "passed": row.get(f"{name}_passed"), "value": row.get(name)} for name in METRICS]
    report = f"drives/{row['key']}/report.html" if row["outcome"] == "fail" else ""
    return {
        **row,
        "marks": marks,
        "report": report,
        "mean_speed": row.get("mean_speed_mps"),
        "nuplan": row.get("nuplan_score"),
        "nuplan_cause": row.get("nuplan_cause", ""),
    }


def _figure(value: float, score: str, sign: str = "") -> str:
    if score == "nuplan_score":
        return f"{100.0 * value:{sign}.2f}"
    if score.endswith("_mps"):
        return f"{value:{sign}.2f} m/s"
    return f"{100.0 * value:{sign}.1f} %"


def _variables(palette: Palette) -> str:
    return " ".join(f"--{name}: {color};" for name, color in palette.items())
