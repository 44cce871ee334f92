"""The simplest trajectory: along a path with a constant acceleration. A building block for planners of one's own."""

from __future__ import annotations

import numpy as np

from geometry.angles import Floats, wrap_rad
from geometry.polyline import Polyline
from planning.planner import States

STEP_S, LONGEST_S = 0.1, 30.0


def along_path(
    path: Polyline, s_m: float, speed_mps: float, acceleration_mps2: float, horizon_s: float = 5.0
) -> States:
    """States on a path from arc length `s_m` on; who brakes to standstill stays there.

    The states reach `horizon_s`, and until standstill where that takes at most `LONGEST_S`.

    Args:
        path: where to drive, `world`.
        s_m: where the ego is on it.
        speed_mps: speed now, at least 0.
        acceleration_mps2: held from now on.
        horizon_s: how far the states reach.
    """
    stand_s = speed_mps / -acceleration_mps2 if acceleration_mps2 < 0.0 else np.inf
    until_s = max(horizon_s, stand_s + 2.0 * STEP_S) if stand_s <= LONGEST_S else horizon_s
    t_s: Floats = np.arange(0.0, until_s + 0.5 * STEP_S, STEP_S)
    moving = np.minimum(t_s, stand_s)
    s = s_m + speed_mps * moving + 0.5 * acceleration_mps2 * moving**2
    speed = np.maximum(speed_mps + acceleration_mps2 * t_s, 0.0)
    acceleration = np.where(t_s < stand_s, acceleration_mps2, 0.0)
    points = path.position(s, np.zeros(len(s)))
    return States(t_s, points[:, 0], points[:, 1], wrap_rad(path.heading(s)), speed, acceleration, path.curvature(s))
