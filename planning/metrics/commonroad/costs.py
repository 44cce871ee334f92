"""The cost functions: weighted integrals over a trajectory, each term with when and where it is largest.

Integrals by Simpson's rule with the scenario's time step; derivatives are differences, so that their series are shorter
(Althoff et al. 2017, "CommonRoad: Composable benchmarks for motion planning on roads"; numbers as the drivability
checker computes them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.integrate import simpson

from geometry.angles import Floats
from geometry.errors import InputError
from motion.car_trajectory import CarTrajectory
from planning.metrics.commonroad.lane_states import LaneStates
from planning.metrics.result import MetricResult

WEIGHTS: Mapping[str, Mapping[str, float]] = {
    "JB1": {"T": 1.0},
    "SA1": {"SA": 0.1, "SR": 0.1, "D": 1e5},
    "SM1": {"A": 50.0, "SA": 50.0, "SR": 50.0, "L": 1.0, "V": 20.0, "O": 50.0},
    "SM2": {"A": 50.0, "SA": 50.0, "SR": 50.0, "L": 1.0, "O": 50.0},
    "SM3": {"A": 50.0, "SA": 50.0, "SR": 50.0, "V": 20.0, "O": 50.0},
    "WX1": {"T": 10.0, "V": 1.0, "A": 0.1, "J": 0.1, "D": 0.1, "L": 10.0},
    "TR1": {"Jlon": 0.01, "SR": 22.0, "D": 8.0, "LC": 0.5},
}
LANE_TERMS = frozenset({"Jlon", "D", "LC", "O"})
"""Terms that need lane coordinates."""
WORDS: Mapping[str, str] = {
    "A": "acceleration", "J": "jerk", "Jlon": "jerk along the lane", "SA": "steering angle", "SR": "steering rate",
    "Y": "yaw rate", "LC": "offset from the lane centre", "V": "deviation from the goal's speed",
    "O": "heading against the lane", "D": "closeness to who drives ahead", "L": "path length", "T": "duration",
}  # fmt: skip
GAP_DECAY_1PM = 0.2


@dataclass(frozen=True, slots=True)
class Cost:
    """One cost function: `partial` unweighted, `total` the weighted sum, `results` one per term."""

    id: str
    total: float
    partial: Mapping[str, float]
    results: tuple[MetricResult, ...]


def cost(id_: str, trajectory: CarTrajectory, lane: LaneStates | None, goal_speed_mps: float | None) -> Cost:
    """Evaluate a cost function.

    Args:
        id_: a key of `WEIGHTS`.
        trajectory: what is judged.
        lane: its lane coordinates; needed where a term of `LANE_TERMS` counts.
        goal_speed_mps: smallest start of the goals' speed intervals, None without any.

    Raises:
        InputError: an unknown cost function, or one that needs lane coordinates.
    """
    if id_ not in WEIGHTS:
        raise InputError(f"there is no cost function {id_!r}; known are {', '.join(WEIGHTS)}")
    weights = WEIGHTS[id_]
    if lane is None and LANE_TERMS & set(weights):
        raise InputError(f"the cost function {id_} needs the trajectory's lane coordinates")
    partial: dict[str, float] = {}
    results: list[MetricResult] = []
    for term, weight in weights.items():
        density = integrand(term, trajectory, lane, goal_speed_mps)
        partial[term] = duration_s(trajectory) if density is None else float(simpson(density, dx=trajectory.dt_s))
        results.append(_result(term, weight * partial[term], density, trajectory))
    return Cost(id_, sum(weights[term] * partial[term] for term in weights), partial, tuple(results))


def duration_s(trajectory: CarTrajectory) -> float:
    """From the first to the last state."""
    return float(trajectory.time_step[-1] - trajectory.time_step[0]) * trajectory.dt_s


def integrand(
    term: str, trajectory: CarTrajectory, lane: LaneStates | None, goal_speed_mps: float | None
) -> Floats | None:
    """What a term integrates over time; shorter than the trajectory by one per difference. None for the duration."""
    if term == "T":
        return None
    if lane is not None and term in LANE_TERMS:
        return _lane_integrand(term, lane)
    dt_s, speed = trajectory.dt_s, trajectory.speed_mps
    if term == "L":
        return speed
    series: Mapping[str, Floats] = {
        "A": np.diff(speed) / dt_s,
        "J": np.diff(np.diff(speed) / dt_s) / dt_s,
        "SA": trajectory.steering_rad,
        "SR": np.diff(trajectory.steering_rad) / dt_s,
        "Y": np.diff(trajectory.yaw_rad) / dt_s,
        # A goal speed of 0 counts as none: the reference tests the number for truth.
        "V": goal_speed_mps - speed if goal_speed_mps else np.zeros_like(speed),
    }
    return np.square(series[term])


def _lane_integrand(term: str, lane: LaneStates) -> Floats:
    if term == "D":
        return np.exp(-GAP_DECAY_1PM * lane.gap_m)
    series: Mapping[str, Floats] = {"Jlon": lane.lon_jerk_mps3, "LC": lane.lat_m, "O": lane.turn_rad}
    return np.square(series[term])


def _result(term: str, value: float, density: Floats | None, trajectory: CarTrajectory) -> MetricResult:
    name, words = f"commonroad_{term}", WORDS[term]
    if density is None or not density.any():
        return MetricResult(name, True, value, "", None, f"{words}: {value:.4g}")
    index = int(np.argmax(density))
    t_s = float(trajectory.time_step[index] - trajectory.time_step[0]) * trajectory.dt_s
    cause = f"{words}: {value:.4g}, most at t = {t_s:.1f} s"
    x_m, y_m = float(trajectory.x_m[index]), float(trajectory.y_m[index])
    return MetricResult(name, True, value, "", None, cause, t_s, x_m, y_m)
