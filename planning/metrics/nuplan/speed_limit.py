"""SPD, speed limit compliance: how much and how long the ego drove faster than allowed.

Formula: max(0, 1 - integral of the excess / (2.23 m/s * duration)) (nuPlan devkit, `speed_limit_compliance`).
Connectors take the largest limit of the lanes that they join; where one of these is unknown, none is in force.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats
from planning.metrics.intervals import stretches
from planning.metrics.nuplan.drive import Indices, LaneObject
from planning.metrics.nuplan.view import View
from planning.metrics.result import MetricResult

NAME = "speed_limit_compliance"
WORST_MPS = 2.23
"""A mean excess of this (5 mph) over the whole drive scores nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class SpeedLimit:
    """`excess_mps` (T,), 0 where no limit is known; `violations` counts the stretches of excess."""

    excess_mps: Floats
    violations: int
    score: float
    result: MetricResult


def compute(view: View) -> SpeedLimit:
    """The sub-score."""
    limits = np.array([limit_mps(view.drive.roads.objects, held) for held in view.lanes.centre])
    excess = np.where(np.isnan(limits), 0.0, np.maximum(view.speed_mps - limits, 0.0))
    duration_s = view.drive.t_s(len(excess) - 1)
    score = max(0.0, 1.0 - float(excess.sum()) * view.drive.dt_s / (WORST_MPS * duration_s))
    violations = len(stretches(excess > 0.0))
    if not violations:
        return SpeedLimit(excess, 0, score, view.result(None, NAME, score, "never faster than allowed"))
    worst = int(np.argmax(excess))
    cause = (
        f"{view.speed_mps[worst] * 3.6:.1f} km/h where {limits[worst] * 3.6:.0f} km/h are allowed {view.place(worst)}; "
        f"{float(np.mean(excess > 0.0)) * duration_s:.1f} s too fast in all"
    )
    return SpeedLimit(excess, violations, score, view.result(worst, NAME, score, cause))


def limit_mps(objects: tuple[LaneObject, ...], held: Indices) -> float:
    """The limit in force on the objects of the ego's centre [m/s]; NaN where none is."""
    if not held:
        return float("nan")
    if objects[held[0]].is_lane:
        limits = [objects[held[0]].speed_limit_mps]
    else:
        joined = [lane for item in held for lane in (*objects[item].incoming, *objects[item].outgoing)]
        limits = [objects[lane].speed_limit_mps for lane in joined]
    known = [limit for limit in limits if limit]
    return max(known) if known and len(known) == len(limits) else float("nan")
