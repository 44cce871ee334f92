"""How the drive feels: extremes of acceleration and jerk beside the comfort bounds of the nuPlan devkit.

The bounds and the smoothing (Savitzky-Golay, order 2, over 0.8 s for acceleration and 1.5 s for jerk) are the devkit's
(`ego_is_comfortable`). They inform; no verdict of UN R157 depends on them.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import savgol_filter

from geometry.angles import Floats
from planning.metrics.lane_view import LaneView, result_at
from planning.metrics.result import MetricResult

LONGITUDINAL_MPS2 = (-4.05, 2.40)
LATERAL_MPS2 = 4.89
JERK_MPS3 = 4.13
ACCELERATION_WINDOW_S = 0.8
JERK_WINDOW_S = 1.5


def longitudinal(view: LaneView) -> MetricResult:
    """Acceleration along the heading that uses most of its bound [m/s^2]."""
    return _extreme(view, "longitudinal_acceleration", acceleration(view), LONGITUDINAL_MPS2, "m/s^2")


def lateral(view: LaneView) -> MetricResult:
    """Acceleration across the heading that uses most of its bound [m/s^2]."""
    series = view.rollout.ego.speed_mps * view.rollout.yaw_rate_radps
    return _extreme(view, "lateral_acceleration", series, (-LATERAL_MPS2, LATERAL_MPS2), "m/s^2")


def jerk(view: LaneView) -> MetricResult:
    """Change of the acceleration along the heading that uses most of its bound [m/s^3]."""
    series = _filtered(view, view.rollout.ego.acceleration_mps2, JERK_WINDOW_S, derivative=1)
    return _extreme(view, "jerk", series, (-JERK_MPS3, JERK_MPS3), "m/s^3")


def acceleration(view: LaneView) -> Floats:
    """Smoothed acceleration along the heading (T,)."""
    return _filtered(view, view.rollout.ego.acceleration_mps2, ACCELERATION_WINDOW_S, derivative=0)


def _filtered(view: LaneView, series: Floats, window_s: float, derivative: int) -> Floats:
    """Savitzky-Golay over the judged samples; zero elsewhere, and where fewer than three samples are judged."""
    out = np.zeros(len(series))
    judged = np.flatnonzero(view.judged)
    if len(judged) < 3:
        return out
    part = slice(int(judged[0]), int(judged[-1]) + 1)
    count = part.stop - part.start
    dt_s = float(np.median(np.diff(view.rollout.t_s[part])))
    window = min(max(3, round(window_s / dt_s)), count)
    out[part] = savgol_filter(series[part], window, polyorder=2, deriv=derivative, delta=dt_s)
    return out


def _extreme(view: LaneView, name: str, series: Floats, bounds: tuple[float, float], unit: str) -> MetricResult:
    low, high = bounds
    share = np.where(view.judged, np.maximum(series / high, series / low), 0.0)
    worst = int(np.argmax(share))
    value = float(series[worst]) if view.judged[worst] else 0.0
    limit = high if value >= 0.0 else low
    percent = 100.0 * share[worst]
    cause = f"{value:.2f} {unit} at t = {view.rollout.t_s[worst]:.1f} s, {percent:.0f} % of the comfort bound"
    return result_at(view, worst, name, bool(share[worst] < 1.0), value, unit, limit, cause)
