"""COMF, comfort: six smoothed signals strictly within bounds.

Accelerations by Savitzky-Golay (window 8, order 2), jerk as the derivative of the filtered acceleration (15, 2), yaw
rate (5, 2) and yaw acceleration (5, order 3, second derivative) from the unwrapped heading; every signal is rounded to
8 decimals, as in the nuPlan devkit (`ego_is_comfortable`). The longitudinal acceleration is shifted to the box centre
by d * (yaw rate^2 + yaw acceleration), which is not what a rigid body does; the jerk of the whole acceleration is not
shifted. We follow both for equal numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.signal import savgol_filter

from geometry.angles import Floats
from geometry.errors import ContractError
from planning.metrics.nuplan.drive import Drive
from planning.metrics.nuplan.view import View
from planning.metrics.result import MetricResult

NAME = "ego_is_comfortable"
FEWEST_SAMPLES = 5
"""The filter of the yaw acceleration needs them."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A signal shall stay strictly between `low` and `high`, both in `unit`."""

    low: float
    high: float
    unit: str
    words: str


BOUNDS: Mapping[str, Bound] = {
    "lon_acc": Bound(-4.05, 2.40, "m/s^2", "longitudinal acceleration"),
    "lat_acc": Bound(-4.89, 4.89, "m/s^2", "lateral acceleration"),
    "jerk": Bound(-8.37, 8.37, "m/s^3", "jerk"),
    "lon_jerk": Bound(-4.13, 4.13, "m/s^3", "longitudinal jerk"),
    "yaw_rate": Bound(-0.95, 0.95, "rad/s", "yaw rate"),
    "yaw_acc": Bound(-1.93, 1.93, "rad/s^2", "yaw acceleration"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Comfort:
    """`signals` maps the names of `BOUNDS` to series (T,); `results` holds one entry per bound."""

    signals: Mapping[str, Floats]
    score: float
    result: MetricResult
    results: tuple[MetricResult, ...]


def compute(view: View) -> Comfort:
    """The sub-score.

    Raises:
        ContractError: fewer samples than the filters need.
    """
    series = signals(view.drive)
    results = tuple(_bound_result(view, name, series[name]) for name in BOUNDS)
    broken = [result for result in results if not result.passed]
    score = 0.0 if broken else 1.0
    if not broken:
        return Comfort(series, score, view.result(None, NAME, score, "all signals within their bounds"), results)
    step = int(np.argmax(np.abs(series[broken[0].name.removeprefix("comfort_")])))
    cause = "; ".join(result.cause for result in broken)
    return Comfort(series, score, view.result(step, NAME, score, cause), results)


def signals(drive: Drive) -> dict[str, Floats]:
    """The smoothed signals, (T,) each.

    Raises:
        ContractError: fewer samples than the filters need.
    """
    if len(drive.ego.x_m) < FEWEST_SAMPLES:
        raise ContractError(f"comfort needs at least {FEWEST_SAMPLES} samples, not {len(drive.ego.x_m)}")
    motion, dt_s = drive.motion, drive.dt_s
    shift = drive.shape.centre_ahead_m * (motion.yaw_rate_radps**2 + motion.yaw_acceleration_radps2)
    longitudinal = _smooth(motion.ax_mps2 + shift, 8, 2)
    whole = _smooth(np.hypot(motion.ax_mps2, motion.ay_mps2), 8, 2)
    heading = np.unwrap(drive.ego.yaw_rad)
    return {
        "lon_acc": longitudinal,
        "lat_acc": _smooth(motion.ay_mps2, 8, 2),
        "jerk": _smooth(whole, 15, 2, 1, dt_s),
        "lon_jerk": _smooth(longitudinal, 15, 2, 1, dt_s),
        "yaw_rate": _smooth(heading, 5, 2, 1, dt_s),
        "yaw_acc": _smooth(heading, 5, 3, 2, dt_s),
    }


def _smooth(series: Floats, window: int, order: int, derivative: int = 0, dt_s: float = 1.0) -> Floats:
    filtered = savgol_filter(series, min(window, len(series)), order, deriv=derivative, delta=dt_s)
    return np.asarray(np.round(filtered, 8), dtype=np.float64)


def _bound_result(view: View, name: str, series: Floats) -> MetricResult:
    bound = BOUNDS[name]
    step = int(np.argmax(np.maximum(series / bound.high, series / bound.low)))
    value = float(series[step])
    limit = bound.high if value >= 0.0 else bound.low
    cause = f"{bound.words} {value:.2f} {bound.unit} {view.place(step)}, the bound is {limit:.2f}"
    passed = bool(np.all((series > bound.low) & (series < bound.high)))
    x_m, y_m = (float(v) for v in view.centre_m[step])
    return MetricResult(f"comfort_{name}", passed, value, bound.unit, limit, cause, view.drive.t_s(step), x_m, y_m)
