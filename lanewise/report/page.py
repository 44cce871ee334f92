"""The report as one HTML file: no network, nothing beside it.

In: `ReportData`. Out: a page with the replay from above, the verdict with its cause, and plots that follow the cursor.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from geometry.errors import InputError
from lanewise.report.page_data import page_data
from lanewise.report.palette import DARK, LIGHT, Palette
from lanewise.report.scene import ReportData
from planning.metrics.result import MetricResult

FOLDER = Path(__file__).parent / "assets"
RULES = {"un-r157": "UN Regulation 157", "commonroad": "CommonRoad", "errand": "drive to a goal", "": "general rules"}


def write_report(data: ReportData, path: Path) -> None:
    """Write the page.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.write_text(report_html(data), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the report: {error.strerror}", path) from error


def report_html(data: ReportData) -> str:
    """The page as text."""
    regulation = data.provenance.regulation
    return _template().render(
        data=data,
        cause=_typeset(data.verdict.cause),
        rules=RULES.get(regulation, regulation),
        metrics=[_row(metric, metric.name in data.decisive) for metric in data.verdict.results],
        css=(FOLDER / "report.css").read_text(encoding="utf-8"),
        script=(FOLDER / "report.js").read_text(encoding="utf-8"),
        light=_variables(LIGHT),
        dark=_variables(DARK),
        payload=_embedded(page_data(data)),
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((FOLDER / "report.html").read_text(encoding="utf-8"))


def _embedded(value: Any) -> str:
    """JSON that cannot end the script element it stands in, whatever names it holds."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _variables(palette: Palette) -> str:
    return " ".join(f"--{name}: {color};" for name, color in palette.items())


def _row(metric: MetricResult, decisive: bool) -> dict[str, Any]:
    return {
        "name": metric.name.replace("_", " "),
        "passed": metric.passed,
        "decisive": decisive,
        "value": _figure(metric.value, metric.unit),
        "limit": "" if metric.limit is None else _figure(metric.limit, metric.unit),
        "cause": _typeset(metric.cause),
        "t_s": metric.t_s,
    }


def _figure(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "–"
    return _typeset(f"{value:.3g} {unit}".strip())


def _typeset(text: str) -> str:
    return text.replace("^2", "²").replace("^3", "³")
