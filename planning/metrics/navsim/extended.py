"""What EPDMS adds to PDMS: traffic lights, lane keeping, comfort with history and against the plan before.

Rules as in NAVSIM v2 (Cao et al. 2025, "Pseudo-simulation for autonomous driving"); states as in
`motion.lqr_tracker.COLUMNS`, steps of 0.1 s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.boxes import box_corners
from geometry.polyline import Polyline
from motion.bicycle import Vehicle
from motion.lqr_tracker import YAW
from planning.metrics.intervals import stretches
from planning.metrics.navsim.scores import centres_of, comfort_signals
from planning.metrics.nuplan.comfort import BOUNDS

ASIDE_M, ASIDE_S = 0.5, 2.0
CHANGE_BOUNDS: Mapping[str, float] = {"lon_acc": 0.7, "jerk": 0.5, "yaw_rate": 0.1, "yaw_acc": 0.1}
"""RMS differences between two plans that passengers do not mind [m/s^2, m/s^3, rad/s, rad/s^2]."""


def red_light_step(states: Floats, vehicle: Vehicle, red: Sequence[shapely.Geometry]) -> int | None:
    """First step (of T) at which the ego's box touches the area behind a red light's stop line."""
    centre = centres_of(states[None], vehicle)[0]
    length, width = np.asarray(vehicle.length_m), np.asarray(vehicle.width_m)
    boxes = shapely.polygons(box_corners(centre[:, 0], centre[:, 1], states[:, YAW], length, width))
    touched = np.zeros(len(boxes), dtype=bool)
    for area in red:
        touched |= shapely.intersects(boxes, area)
    return int(np.argmax(touched)) if touched.any() else None


def off_centre_step(
    states: Floats, vehicle: Vehicle, centre_line: Polyline, crossing: NDArray[np.bool_], dt_s: float
) -> int | None:
    """The step at which the centre has been more than 0.5 m off the centre line for 2 s; not where `crossing` (T,)."""
    _, offset = centre_line.project(centres_of(states[None], vehicle)[0])
    for first, last in stretches((np.abs(offset) > ASIDE_M) & ~crossing):
        if (last - first) * dt_s >= ASIDE_S - 1e-9:
            return first + round(ASIDE_S / dt_s)
    return None


def uncomfortable_with_history(states: Floats, history: Floats, dt_s: float) -> str | None:
    """Which signal leaves its comfort bound when the recorded past (H, 8) stands before the simulated future (T, 8)."""
    joined = np.concatenate((history, states))[None]
    for name, series in comfort_signals(joined, dt_s).items():
        bound = BOUNDS[name]
        if not np.all((series > bound.low) & (series < bound.high)):
            return bound.words
    return None


def changed_mind(states: Floats, previous: Floats, shift: int, dt_s: float) -> str | None:
    """Which signal differs too much between a plan (T, 8) and the one `shift` steps before it (T, 8)."""
    overlap = len(states) - shift
    now, before = comfort_signals(states[None], dt_s), comfort_signals(previous[None], dt_s)
    for name, most in CHANGE_BOUNDS.items():
        ours, theirs = now[name][0, :overlap], before[name][0, shift:]
        if name == "lon_acc":
            # The magnitude of the whole acceleration; simulated states have no lateral one.
            ours, theirs = np.abs(ours), np.abs(theirs)
        difference = ours - theirs
        rms = float(np.sqrt(np.mean(np.square(difference))))
        if rms > most:
            return f"{BOUNDS[name].words} differs by {rms:.2f} {BOUNDS[name].unit} from the plan before"
    return None
