"""All cost terms and cost functions of one trajectory, as results that name time, place and cause."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.integrate import simpson

from geometry.angles import Floats
from motion.car_trajectory import CarTrajectory
from planning.metrics.commonroad.costs import LANE_TERMS, WEIGHTS, WORDS, duration_s, integrand
from planning.metrics.commonroad.lane_states import LaneStates
from planning.metrics.result import MetricResult

PREFIX = "commonroad: "
"""What the names of the terms and functions begin with."""


def cost_results(
    trajectory: CarTrajectory, lane: LaneStates | None, goal_speed_mps: float | None
) -> tuple[MetricResult, ...]:
    """Terms as they are, then each cost function with the term that most of it comes from.

    Without lane coordinates the terms of `LANE_TERMS` and the functions that weigh one have no value (NaN) and say so.
    """
    terms = {term: _term(term, trajectory, lane, goal_speed_mps) for term in WORDS}
    functions = (_function(name, weights, terms) for name, weights in WEIGHTS.items())
    return (*functions, *terms.values())


def _term(term: str, trajectory: CarTrajectory, lane: LaneStates | None, goal_speed_mps: float | None) -> MetricResult:
    name, words = f"{PREFIX}{term}", WORDS[term]
    if lane is None and term in LANE_TERMS:
        cause = f"{words}: the drive has no lane coordinates"
        return MetricResult(name, True, math.nan, "", None, cause)
    density = integrand(term, trajectory, lane, goal_speed_mps)
    value = duration_s(trajectory) if density is None else float(simpson(density, dx=trajectory.dt_s))
    if density is None or not density.any():
        return MetricResult(name, True, value, "", None, f"{words}: {value:.4g}")
    return _at_worst(name, words, value, density, trajectory)


def _at_worst(name: str, words: str, value: float, density: Floats, trajectory: CarTrajectory) -> MetricResult:
    """The term with the state at which its integrand is largest; derivatives are shorter than the trajectory."""
    index = int(np.argmax(density))
    t_s = float(trajectory.time_step[index] - trajectory.time_step[0]) * trajectory.dt_s
    x_m, y_m = float(trajectory.x_m[index]), float(trajectory.y_m[index])
    cause = f"{words}: {value:.4g}, most at t = {t_s:.1f} s ({density[index]:.4g} per second)"
    return MetricResult(name, True, value, "", None, cause, t_s, x_m, y_m)


def _function(name: str, weights: Mapping[str, float], terms: Mapping[str, MetricResult]) -> MetricResult:
    weighted = {term: weight * terms[term].value for term, weight in weights.items()}
    total = sum(weighted.values())
    full = f"{PREFIX}{name}"
    if math.isnan(total):
        return MetricResult(full, True, math.nan, "", None, "the drive has no lane coordinates")
    most = max(weighted, key=lambda term: weighted[term])
    share = weighted[most] / total if total > 0.0 else 1.0
    cause = f"cost {total:.4g}, {share:.0%} of it {terms[most].cause}"
    return MetricResult(full, True, total, "", None, cause, terms[most].t_s, terms[most].x_m, terms[most].y_m)
