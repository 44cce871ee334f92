"""What a metric says about a drive, and the verdict that some of them make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One metric of one drive.

    `limit` is what `value` was held against (both in `unit`), None where the metric only informs. `cause` is a sentence
    with numbers. `t_s`, `x_m`, `y_m` say when and where the ego was (`world`), None where nothing can be pointed at.
    """

    name: str
    passed: bool
    value: float
    unit: str
    limit: float | None
    cause: str
    t_s: float | None = None
    x_m: float | None = None
    y_m: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a drive passes, why or why not, and all metrics behind it. `t_s` is None where no instant decides."""

    passed: bool
    cause: str
    t_s: float | None
    results: tuple[MetricResult, ...]


def decide(results: Iterable[MetricResult], decisive: tuple[str, ...]) -> Verdict:
    """A drive passes when all metrics named in `decisive` do; the first that fails, in that order, gives the cause."""
    results = tuple(results)
    by_name = {result.name: result for result in results}
    for name in decisive:
        if not by_name[name].passed:
            return Verdict(False, by_name[name].cause, by_name[name].t_s, results)
    return Verdict(True, "; ".join(by_name[name].cause for name in decisive), None, results)
