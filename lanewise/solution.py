"""A CommonRoad drive as a solution file, with our own check of it.

In: the scenario's file and the recorded rollout. Out: the trajectory at the scenario's time steps, the file, and the
reasons why the official checker would refuse it (none: it is a solution).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geometry.errors import InputError
from motion.car_trajectory import CarTrajectory
from motion.rollout import Rollout
from sim.scenarios.commonroad.check import problems_with
from sim.scenarios.commonroad.goal import goal_reached
from sim.scenarios.commonroad.model import CommonRoadScenario
from sim.scenarios.commonroad.read import read_commonroad
from sim.scenarios.commonroad.solution import solution_text
from sim.scenarios.commonroad.vehicle import BMW_320I

COST = "SM1"
"""The cost function that solution files name."""


def write_solution(scenario_file: Path, rollout: Rollout, folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Write the solution of the first planning problem; returns the file and what is wrong with the solution.

    Raises:
        InputError: the drive is too short to be a solution, or the file cannot be written.
    """
    scenario = read_commonroad(scenario_file)
    problem = scenario.problems[0]
    trajectory = trajectory_of(scenario, rollout)
    path = folder / f"solution_{BMW_320I.model}_{COST}_{scenario.benchmark_id}_{scenario.version}.xml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(solution_text(scenario, {problem.id: trajectory}, COST))
    except OSError as error:
        raise InputError(f"cannot write the solution: {error.strerror}", path) from error
    return path, problems_with(scenario, problem, trajectory)


def trajectory_of(scenario: CommonRoadScenario, rollout: Rollout) -> CarTrajectory:
    """The ego at the scenario's time steps until it first reaches the goal, which ends a solution, or the drive ends.
    Positions are those of the vehicle's centre, as CommonRoad has them.

    Raises:
        InputError: fewer than four time steps were driven.
    """
    begin = scenario.problems[0].initial.time_step
    count = int(np.floor(rollout.t_s[-1] / scenario.dt_s + 1e-6)) + 1
    if count < 4:
        raise InputError(f"{scenario.benchmark_id}: a solution needs at least four time steps, the drive has {count}")
    t_s = scenario.dt_s * np.arange(count)
    ego = rollout.ego
    yaw = np.interp(t_s, rollout.t_s, np.unwrap(ego.yaw_rad))
    trajectory = CarTrajectory(
        dt_s=scenario.dt_s,
        time_step=begin + np.arange(count),
        x_m=np.interp(t_s, rollout.t_s, ego.x_m) + BMW_320I.rear_m * np.cos(yaw),
        y_m=np.interp(t_s, rollout.t_s, ego.y_m) + BMW_320I.rear_m * np.sin(yaw),
        steering_rad=np.interp(t_s, rollout.t_s, rollout.steering_rad),
        speed_mps=np.interp(t_s, rollout.t_s, ego.speed_mps),
        yaw_rad=yaw,
        width_m=BMW_320I.width_m,
    )
    reached = goal_reached(scenario.problems[0], trajectory)
    return trajectory.until(reached.time_step) if reached.reached else trajectory
