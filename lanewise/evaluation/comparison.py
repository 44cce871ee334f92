"""Planners beside each other: shares, and paired differences with bootstrap intervals.

In: rows of one evaluation. Out: figures per planner, and per pair on the cases that both have driven.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from geometry.angles import Floats
from planning.metrics.ncap.points import NcapScore, sum_of

RESAMPLES = 10_000
INTERVAL = (2.5, 97.5)
"""Percentiles of a 95 % interval."""

Row = Mapping[str, Any]

COMFORT = ("longitudinal_acceleration_passed", "lateral_acceleration_passed", "jerk_passed")

SCORES: Mapping[str, Callable[[Row], float | None]] = {
    "nuplan_score": lambda row: row.get("nuplan_score"),
    "passed": lambda row: None if row["passed"] is None else float(row["passed"]),
    "comfortable": lambda row: _all(row, COMFORT),
    "mean_speed_mps": lambda row: row.get("mean_speed_mps"),
    "lost_mps": lambda row: row.get("lost_mps"),
    "euro_ncap": lambda row: row.get("euro_ncap"),
    "commonroad_SM1": lambda row: row.get("commonroad_SM1"),
}
"""What planners are compared by: name to score of a row, None where it has none."""


def _all(row: Row, names: Sequence[str]) -> float | None:
    found = [row.get(name) for name in names]
    return None if row["passed"] is None or None in found else float(all(found))


@dataclass(frozen=True, slots=True)
class PlannerScore:
    """Mean of a score over the cases that a planner has driven."""

    planner: str
    score: str
    mean: float
    cases: int


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Mean of `second - first` over common cases, with a 95 % bootstrap interval (Efron 1979).

    What is drawn anew is cases, each with the mean over its seeds: seeds of one case are no independent evidence.
    """

    first: str
    second: str
    score: str
    mean: float
    low: float
    high: float
    cases: int


def planner_scores(rows: Sequence[Row]) -> tuple[PlannerScore, ...]:
    """All scores of all planners, in the order of their first row."""
    found = []
    for planner in _planners(rows):
        for name in SCORES:
            values = [value for value in _values(rows, planner, name).values() if value is not None]
            if values:
                found.append(PlannerScore(planner, name, float(np.mean(values)), len(values)))
    return tuple(found)


def paired_differences(rows: Sequence[Row], seed: int = 0) -> tuple[PairedDifference, ...]:
    """All pairs of planners on all scores."""
    found = []
    for first, second in combinations(_planners(rows), 2):
        for name in SCORES:
            one, two = _values(rows, first, name), _values(rows, second, name)
            differences = _by_case(one, two)
            if len(differences):
                low, high = interval_of(differences, seed)
                mean = float(differences.mean())
                found.append(PairedDifference(first, second, name, mean, low, high, len(differences)))
    return tuple(found)


def _by_case(one: Mapping[tuple[str, int], float | None], two: Mapping[tuple[str, int], float | None]) -> Floats:
    """Mean difference of each case over the seeds that both have driven."""
    found: dict[str, list[float]] = {}
    for key, before in one.items():
        after = two.get(key)
        if before is not None and after is not None:
            found.setdefault(key[0], []).append(after - before)
    return np.array([np.mean(values) for values in found.values()])


def ncap_scores(rows: Sequence[Row]) -> dict[str, NcapScore]:
    """Euro NCAP points of each planner that has driven such tests, over all its seeds; reversing counts apart."""
    driven: dict[str, list[tuple[str, float]]] = {}
    for row in rows:
        if row.get("ncap_test") is not None:
            driven.setdefault(row["planner"], []).append((row["ncap_test"], row.get("euro_ncap") or 0.0))
    return {planner: sum_of(rated) for planner, rated in driven.items()}


def interval_of(differences: Floats, seed: int) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of N differences."""
    rng = np.random.Generator(np.random.PCG64(seed))
    means = np.empty(RESAMPLES)
    for k in range(RESAMPLES):
        means[k] = differences[rng.integers(0, len(differences), len(differences))].mean()
    low, high = np.percentile(means, INTERVAL)
    return float(low), float(high)


def _planners(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["planner"] for row in rows))


def _values(rows: Sequence[Row], planner: str, score: str) -> dict[tuple[str, int], float | None]:
    return {(row["case"], row["seed"]): SCORES[score](row) for row in rows if row["planner"] == planner}
