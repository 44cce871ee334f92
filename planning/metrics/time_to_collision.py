"""How close it was: the smallest time to collision with anybody, at constant velocities of both boxes."""

from __future__ import annotations

import numpy as np

from geometry.angles import Floats
from motion.contact import times_to_collision
from planning.metrics.lane_view import LaneView, result_at
from planning.metrics.result import MetricResult

NAME = "time_to_collision"
HORIZON_S = 10.0


def compute(view: LaneView) -> MetricResult:
    """Smallest time to collision [s] while judged, infinite when none is in sight; informs, never fails."""
    ttc = times(view)
    if not np.isfinite(ttc).any():
        cause = f"nobody would have been hit within {HORIZON_S:.0f} s"
        return result_at(view, None, NAME, True, float("inf"), "s", None, cause)
    index, column = (int(i) for i in np.unravel_index(int(np.argmin(ttc)), ttc.shape))
    value = float(ttc[index, column])
    cause = f"{value:.2f} s to {view.shape(column).name} at t = {view.rollout.t_s[index]:.1f} s"
    return result_at(view, index, NAME, True, value, "s", None, cause)


def times(view: LaneView) -> Floats:
    """Time to collision with each other at each judged sample: (T, N), infinite where there is none."""
    ego, others, shape = view.rollout.ego, view.rollout.others, view.ego_shape
    out = np.full(others.x_m.shape, np.inf)
    judged = np.flatnonzero(view.judged)
    rows = judged[:, None]
    speed, yaw = ego.speed_mps[rows], ego.yaw_rad[rows]
    out[judged] = times_to_collision(
        view.ego_x_m[rows], view.ego_y_m[rows], yaw, shape.length_m, shape.width_m,
        speed * np.cos(yaw), speed * np.sin(yaw),
        others.x_m[judged], others.y_m[judged], others.yaw_rad[judged], view.length_m, view.width_m,
        view.vx_mps[judged], view.vy_mps[judged], HORIZON_S,
    )  # fmt: skip
    return out
