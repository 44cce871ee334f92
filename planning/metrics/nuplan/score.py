"""The nuPlan closed-loop score of one drive: NC * DAC * MP * DDC * (5 EP + 5 TTC + 4 SPD + 2 COMF) / 16.

Formula and weights as the devkit's code computes them (its documentation weighs DDC, the code multiplies it). Reactive
and non-reactive traffic are scored alike; a suite's score is the plain mean over its drives.
"""

from __future__ import annotations

from dataclasses import dataclass

from planning.metrics.nuplan import (
    at_fault,
    comfort,
    drivable_area,
    driving_direction,
    progress,
    speed_limit,
    time_to_collision,
)
from planning.metrics.nuplan.drive import Drive
from planning.metrics.nuplan.view import View, view_of
from planning.metrics.result import MetricResult

NAME = "nuplan_score"


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """The score in [0, 1] and everything behind it; each part has its own `score` and `result`."""

    total: float
    view: View
    collisions: at_fault.AtFault
    drivable_area: drivable_area.DrivableArea
    direction: driving_direction.DrivingDirection
    progress: progress.Progress
    time_to_collision: time_to_collision.TimeToCollision
    speed_limit: speed_limit.SpeedLimit
    comfort: comfort.Comfort

    def sub_scores(self) -> dict[str, float]:
        """The eight sub-scores under the devkit's names."""
        return {result.name: result.value for result in self.sub_results()}

    def sub_results(self) -> tuple[MetricResult, ...]:
        """The eight sub-scores with time, place and cause: first those that multiply, then those that are weighed."""
        return (
            self.collisions.result,
            self.drivable_area.result,
            self.progress.making_result,
            self.direction.result,
            self.progress.result,
            self.time_to_collision.result,
            self.speed_limit.result,
            self.comfort.result,
        )

    def results(self) -> tuple[MetricResult, ...]:
        """Total, sub-scores, and the comfort bounds one by one."""
        worst = min(self.sub_results(), key=lambda result: result.value)
        cause = "nothing lost" if worst.value >= 1.0 else f"{worst.name}: {worst.cause}"
        total = MetricResult(NAME, self.total >= 1.0, self.total, "", 1.0, cause, worst.t_s, worst.x_m, worst.y_m)
        return (total, *self.sub_results(), *self.comfort.results)


def score(drive: Drive) -> Score:
    """Judge a drive.

    Raises:
        ContractError: the drive has too few samples for the comfort filters.
    """
    view = view_of(drive)
    collisions = at_fault.compute(view)
    area, direction = drivable_area.compute(view), driving_direction.compute(view)
    way, ttc = progress.compute(view), time_to_collision.compute(view, collisions)
    limit, comfortable = speed_limit.compute(view), comfort.compute(view)
    weighed = (5.0 * way.score + 5.0 * ttc.score + 4.0 * limit.score + 2.0 * comfortable.score) / 16.0
    total = collisions.score * area.score * way.making_progress * direction.score * weighed
    return Score(total, view, collisions, area, direction, way, ttc, limit, comfortable)
