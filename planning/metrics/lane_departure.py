"""Keeping the lane (UN R157, 5.2.1): the outer edge of a tyre never crosses a lane mark."""

from __future__ import annotations

import numpy as np

from planning.metrics.frenet import project_tracks
from planning.metrics.lane_view import LaneView, result_at, tyre_points
from planning.metrics.result import MetricResult

NAME = "lane_departure"
TYRES = ("front left", "rear left", "rear right", "front right")


def compute(view: LaneView) -> MetricResult:
    """How far [m] the worst tyre edge lies beyond the mark, negative: inside; fails above 0."""
    x, y = tyre_points(view.ego_x_m, view.ego_y_m, view.rollout.ego.yaw_rad, view.ego_shape)
    s, d = project_tracks(view.corridor.path, x, y)
    left, right = view.corridor.mark_sides(s)
    left_marked, right_marked = view.corridor.marked(s)
    beyond = np.maximum(np.where(left_marked, d - left, -np.inf), np.where(right_marked, -d - right, -np.inf))
    on_path = (s >= 0.0) & (s <= view.corridor.path.length_m)
    beyond = np.where(on_path & view.judged[:, None], beyond, -np.inf)
    if not np.isfinite(beyond).any():
        return result_at(view, None, NAME, True, 0.0, "m", None, "the stack never drove beside a mark")
    worst, tyre = (int(i) for i in np.unravel_index(int(np.argmax(beyond)), beyond.shape))
    value = float(beyond[worst, tyre])
    t_s = view.rollout.t_s
    side = "left" if d[worst, tyre] - left[worst, tyre] == value else "right"
    if value <= 0.0:
        cause = f"{TYRES[tyre]} tyre {-value:.2f} m inside the {side} mark at the nearest, t = {t_s[worst]:.1f} s"
        return result_at(view, worst, NAME, True, value, "m", 0.0, cause)
    first = int(np.flatnonzero((beyond > 0.0).any(axis=1))[0])
    cause = (
        f"{TYRES[tyre]} tyre {value:.2f} m over the {side} mark at t = {t_s[worst]:.1f} s, "
        f"first over it at t = {t_s[first]:.1f} s"
    )
    return result_at(view, first, NAME, False, value, "m", 0.0, cause)
