"""A CommonRoad scenario as read: roads, recorded road users, planning problems. World frame, SI, radians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geometry.angles import Floats
from maps.commonroad_values import Interval
from maps.lanelets import Lanelet


@dataclass(frozen=True, slots=True, eq=False)
class Obstacle:
    """A road user or thing: box and states of its centre at `time_step` (K,), ascending; a static one has one state."""

    id: int
    kind: str
    """As in the file: `car`, `truck`, `bicycle`, `pedestrian`, `parkedVehicle`, ..."""
    static: bool
    length_m: float
    width_m: float
    time_step: NDArray[np.int64]
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    """NaN where the file gives none."""


@dataclass(frozen=True, slots=True)
class InitialState:
    """Where a planning problem begins; the position is that of the vehicle's centre."""

    time_step: int
    x_m: float
    y_m: float
    yaw_rad: float
    speed_mps: float
    acceleration_mps2: float
    yaw_rate_radps: float
    slip_rad: float


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """One way to reach the goal: all given conditions hold at one time step; without an area anywhere."""

    time_step: Interval
    area: shapely.Geometry | None
    yaw_rad: Interval | None
    speed_mps: Interval | None


@dataclass(frozen=True, slots=True, eq=False)
class PlanningProblem:
    """From the initial state to any of the goals."""

    id: int
    initial: InitialState
    goals: tuple[Goal, ...]

    @property
    def goal_speed_mps(self) -> float | None:
        """Smallest start of the goals' speed intervals, None without any."""
        starts = [goal.speed_mps.low for goal in self.goals if goal.speed_mps is not None]
        return min(starts, default=None)

    @property
    def last_time_step(self) -> int:
        """The latest time step at which the goal can be reached."""
        return int(max(goal.time_step.high for goal in self.goals))


@dataclass(frozen=True, slots=True, eq=False)
class CommonRoadScenario:
    """`benchmark_id` names it; `version` is 2018b or 2020a."""

    benchmark_id: str
    version: str
    dt_s: float
    tags: tuple[str, ...]
    lanelets: tuple[Lanelet, ...]
    obstacles: tuple[Obstacle, ...]
    problems: tuple[PlanningProblem, ...]


def centres_by_step(obstacles: Sequence[Obstacle]) -> tuple[dict[int, Floats], Floats]:
    """Centres of the moving ones by time step, (M, 2) each, and of the static ones, (S, 2)."""
    lists: dict[int, list[tuple[float, float]]] = {}
    still: list[tuple[float, float]] = []
    for item in obstacles:
        for step, x_m, y_m in zip(item.time_step, item.x_m, item.y_m, strict=True):
            (still if item.static else lists.setdefault(int(step), [])).append((float(x_m), float(y_m)))
    return {step: np.array(points) for step, points in lists.items()}, np.array(still).reshape(-1, 2)
