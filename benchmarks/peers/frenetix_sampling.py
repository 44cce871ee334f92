"""How long frenetix 0.4.0 (TUM's Frenet sampler in C++) takes to sample and score trajectories; called by
planner_cycle.py.

Runs in the environment of `make peers`. Reads one JSON object from the standard input (the points of a reference
path, the ego's speed, length, width and wheelbase, the others' x, y, yaw, speed, length, width, how often to repeat)
and prints one: how many trajectories, how many of them are feasible, and median milliseconds of CPU time on one
thread: `sampled` is what its planner does first in every cycle (sample end states of time, speed and offset, connect
them by polynomials over 6 s, fill in coordinates, check four bounds of the vehicle), `scored` the same with six costs
of each, one of them the probability of a collision with the others at constant velocity.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import product
from typing import Any

import frenetix
import numpy as np
from frenetix import trajectory_functions as functions
from frenetix.trajectory_functions import cost_functions as costs
from frenetix.trajectory_functions import feasability_functions as bounds

DT_S, HORIZON_S = 0.1, 6.0
TIMES_S = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
SPEEDS, OFFSETS_M = 21, np.linspace(-4.0, 4.0, 9)
MAX_STEERING_RAD, MAX_STEERING_RATE_RADPS, SWITCHING_MPS, MAX_MPS2 = 1.066, 0.4, 7.3, 11.5
"""Of its example vehicle, CommonRoad's BMW 320i."""


def predicted(others: list[list[float]]) -> dict[int, frenetix.PredictedObject]:
    """The others at constant velocity, ever less sure."""
    found = {}
    for number, (x, y, yaw, speed, length, width) in enumerate(others):
        turned = np.array([0.0, 0.0, np.sin(0.5 * yaw), np.cos(0.5 * yaw)])
        poses = []
        for t in np.arange(0.0, HORIZON_S + 0.5 * DT_S, DT_S):
            place = np.array([x + speed * t * np.cos(yaw), y + speed * t * np.sin(yaw), 0.0])
            covariance = np.zeros((6, 6))
            covariance[0, 0], covariance[1, 1] = 0.1 + 0.2 * t, 0.1 + 0.05 * t
            poses.append(frenetix.PoseWithCovariance(place, turned, covariance))
        found[number] = frenetix.PredictedObject(number, poses, length, width)
    return found


def handler_of(task: dict[str, Any], road: frenetix.CoordinateSystemWrapper) -> frenetix.TrajectoryHandler:
    """A handler that samples and checks."""
    wheelbase = task["wheelbase_m"]
    handler = frenetix.TrajectoryHandler(dt=DT_S)
    handler.add_feasability_function(bounds.CheckYawRateConstraint(MAX_STEERING_RAD, wheelbase, False))
    handler.add_feasability_function(bounds.CheckAccelerationConstraint(SWITCHING_MPS, MAX_MPS2, False))
    handler.add_feasability_function(bounds.CheckCurvatureConstraint(MAX_STEERING_RAD, wheelbase, False))
    handler.add_feasability_function(bounds.CheckCurvatureRateConstraint(wheelbase, MAX_STEERING_RATE_RADPS, False))
    handler.add_function(functions.FillCoordinates(False, 0.0, road, HORIZON_S))
    return handler


def with_costs(handler: frenetix.TrajectoryHandler, task: dict[str, Any]) -> frenetix.TrajectoryHandler:
    """The handler that scores as well."""
    ego = task["length_m"], task["width_m"], 0.5 * task["wheelbase_m"]
    for cost in (
        costs.CalculateLateralJerkCost("lateral_jerk", 0.2),
        costs.CalculateLongitudinalJerkCost("longitudinal_jerk", 0.2),
        costs.CalculateVelocityOffsetCost("velocity_offset", 1.0, task["wish_mps"], DT_S, 1.1, False, 2),
        costs.CalculateDistanceToReferencePathCost("distance_to_reference_path", 5.0),
        costs.CalculateOrientationOffsetCost("orientation_offset", 1.0),
        costs.CalculateCollisionProbabilityFast("prediction", 0.2, predicted(task["others"]), *ego),
    ):
        handler.add_cost_function(cost)
    return handler


def median_ms(handler: frenetix.TrajectoryHandler, matrix: np.ndarray, repeat: int) -> float:
    """CPU time of one cycle."""
    spent = []
    for _ in range(repeat):
        begin = time.thread_time()
        handler.reset_Trajectories()
        handler.generate_trajectories(matrix, False)
        handler.evaluate_all_current_functions(calculateAllCosts=True)
        spent.append(1e3 * (time.thread_time() - begin))
    return round(float(np.median(spent)), 3)


def samples(speed_mps: float, wish_mps: float) -> np.ndarray:
    """End states: columns as its handler reads them (times, s and its rates, d and its rates)."""
    speeds = np.linspace(0.2 * wish_mps, 1.2 * wish_mps, SPEEDS)
    return np.array([
        [0.0, t, 0.0, speed_mps, 0.0, end_mps, 0.0, 0.0, 0.0, 0.0, d, 0.0, 0.0]
        for t, end_mps, d in product(TIMES_S, speeds, OFFSETS_M)
    ])  # fmt: skip


def main() -> None:
    """Measure."""
    task = json.load(sys.stdin)
    road = frenetix.CoordinateSystemWrapper(np.array(task["path"]))
    matrix = samples(task["speed_mps"], task["wish_mps"])
    matrix[:, 2] = task["s_m"]
    handler = handler_of(task, road)
    sampled = median_ms(handler, matrix, task["repeat"])
    scored = median_ms(with_costs(handler_of(task, road), task), matrix, max(task["repeat"] // 10, 3))
    print(json.dumps({
        "trajectories": len(matrix), "feasible": handler.get_feasible_count(), "sampled": sampled, "scored": scored
    }))  # fmt: skip


if __name__ == "__main__":
    main()
