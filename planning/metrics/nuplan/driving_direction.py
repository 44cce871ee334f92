"""DDC, driving direction compliance: how far the ego drives against the lane within one second.

Displacement along the lane's baseline per step, summed over the last second: less than 2 m against it gives 1, less
than 6 m 0.5, more 0 (nuPlan devkit, `driving_direction_compliance`; the code multiplies this into the score, the
documentation weighs it; we follow the code).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely

from geometry.angles import Floats
from planning.metrics.nuplan.view import View
from planning.metrics.result import MetricResult

NAME = "driving_direction_compliance"
COMPLIANT_M = 2.0
VIOLATION_M = 6.0
HORIZON_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class DrivingDirection:
    """`last_second_m` (T,): progress along the lane over the last second."""

    last_second_m: Floats
    score: float
    result: MetricResult


def compute(view: View) -> DrivingDirection:
    """The sub-score."""
    # The reference counts the window in samples of the mean step: 0.10001 s gives one sample less than 0.1 s.
    samples = math.floor(1e6 * HORIZON_S / float(np.mean(np.diff(view.drive.ego.time_us))))
    total = np.concatenate(([0.0], np.cumsum(along_lane(view))))
    ends = np.arange(1, len(total))
    last_second = total[ends] - total[np.maximum(ends - 1 - samples, 0)]
    worst = int(np.argmin(last_second))
    against_m = max(-float(last_second[worst]), 0.0)
    score = 1.0 if against_m < COMPLIANT_M else 0.5 if against_m < VIOLATION_M else 0.0
    cause = f"{against_m:.1f} m against the lane's direction within {HORIZON_S:.0f} s"
    if against_m < 0.05:
        return DrivingDirection(last_second, score, view.result(None, NAME, score, "never against the lane"))
    return DrivingDirection(last_second, score, view.result(worst, NAME, score, f"{cause} {view.place(worst)}"))


def along_lane(view: View) -> Floats:
    """Displacement of the ego's centre along its lane's baseline, per step (T,).

    0 where it is off lane and in the two steps after it enters another lane. Off lane the last position is kept: on
    coming back to the same lane one step holds the whole gap, as in the reference.
    """
    steps = np.zeros(len(view.centre_m))
    lane = view.first_object(0)
    before_m: float | None = None
    for step in range(len(steps)):
        here = view.first_object(step)
        if here is None:
            continue
        if lane is None or here.id != lane.id:
            lane, before_m = here, None
            continue
        at_m = float(shapely.line_locate_point(here.baseline, shapely.Point(view.centre_m[step])))
        # A position of exactly 0 (before the baseline begins) is no measurement to the reference.
        steps[step] = at_m - before_m if before_m is not None and at_m != 0.0 else 0.0
        before_m = at_m
    return steps
