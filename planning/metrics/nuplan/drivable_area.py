"""DAC, drivable area compliance: no corner of the ego leaves lanes and drivable area by 0.3 m or more.

A corner counts as out where no lane holds it, no drivable polygon does, and both the ego's current lanes and the
nearest drivable polygon are at least the tolerance away (nuPlan devkit, `drivable_area_compliance`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geometry.angles import Floats
from planning.metrics.nuplan.lane_state import inside_any
from planning.metrics.nuplan.view import View
from planning.metrics.result import MetricResult

NAME = "drivable_area_compliance"
TOLERANCE_M = 0.3
CORNERS = ("front-left", "rear-left", "rear-right", "front-right")


@dataclass(frozen=True, slots=True, eq=False)
class DrivableArea:
    """`corners_inside` (T,): no corner is outside, tolerance not counted; `first_violation` step, None without one."""

    corners_inside: NDArray[np.bool_]
    first_violation: int | None
    score: float
    result: MetricResult


def compute(view: View) -> DrivableArea:
    """The sub-score."""
    roads = view.drive.roads
    in_lane = np.array([[bool(items) for items in four] for four in view.lanes.corners], dtype=bool).reshape(-1, 4)
    inside = in_lane | inside_any(roads.drivable, view.corners_m.reshape(-1, 2)).reshape(-1, 4)
    all_inside: NDArray[np.bool_] = np.logical_and.reduce(inside, axis=1)
    for step, corner in np.argwhere(~inside):
        away_m = _distance(view, int(step), view.corners_m[step, corner])
        if away_m >= TOLERANCE_M:
            far = f"{away_m:.2f} m" if np.isfinite(away_m) else "far"
            cause = f"{CORNERS[corner]} corner {far} off the road {view.place(int(step))}"
            return DrivableArea(all_inside, int(step), 0.0, view.result(int(step), NAME, 0.0, cause))
    outside = "" if inside.all() else f"; at most {TOLERANCE_M} m outside, which is tolerated"
    cause = "all corners stay on the road" + outside
    return DrivableArea(all_inside, None, 1.0, view.result(None, NAME, 1.0, cause))


def _distance(view: View, step: int, corner: Floats) -> float:
    """Distance to the ego's current lanes or the drivable area, whichever is nearer."""
    roads, point = view.drive.roads, shapely.Point(corner)
    areas = [roads.objects[item].surface for item in view.lanes.centre[step]] + list(roads.drivable)
    return min((area.distance(point) for area in areas), default=float("inf"))
