"""Whether a goal is reached: time, place, speed and heading all within their bounds at one time step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import shapely

from maps.commonroad_values import Interval
from motion.car_trajectory import CarTrajectory
from sim.scenarios.commonroad.model import Goal, PlanningProblem


@dataclass(frozen=True, slots=True)
class Reached:
    """When a goal was reached (time step, index of the goal; -1 where none was), and what was missing most often."""

    time_step: int
    goal: int
    cause: str

    @property
    def reached(self) -> bool:
        return self.goal >= 0


def missing(goal: Goal, time_step: int, x_m: float, y_m: float, yaw_rad: float, speed_mps: float) -> tuple[str, ...]:
    """Names of the conditions that do not hold: `time`, `position`, `orientation`, `velocity`."""
    found = []
    if time_step not in goal.time_step:
        found.append("time")
    if goal.area is not None and not goal.area.intersects(shapely.Point(x_m, y_m)):
        found.append("position")
    if goal.yaw_rad is not None and not _within_turn(yaw_rad, goal.yaw_rad):
        found.append("orientation")
    if goal.speed_mps is not None and speed_mps not in goal.speed_mps:
        found.append("velocity")
    return tuple(found)


def _within_turn(yaw_rad: float, interval: Interval) -> bool:
    """Whether an angle lies in an interval of angles, whatever the number of full turns."""
    return (yaw_rad - interval.low) % (2.0 * math.pi) <= interval.high - interval.low


def goal_reached(problem: PlanningProblem, trajectory: CarTrajectory) -> Reached:
    """The first state that reaches a goal."""
    nearest: tuple[str, ...] | None = None
    for i, step in enumerate(trajectory.time_step):
        for number, goal in enumerate(problem.goals):
            lacks = missing(
                goal, int(step), float(trajectory.x_m[i]), float(trajectory.y_m[i]), float(trajectory.yaw_rad[i]),
                float(trajectory.speed_mps[i]),
            )  # fmt: skip
            if not lacks:
                return Reached(int(step), number, f"goal {number + 1} reached at time step {step}")
            if nearest is None or len(lacks) < len(nearest):
                nearest = lacks
    return Reached(-1, -1, f"no goal reached; at best {' and '.join(nearest or ('a goal',))} was missing")
