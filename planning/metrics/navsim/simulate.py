"""From a planned trajectory to what the vehicle makes of it: the four-second pseudo-simulation of NAVSIM."""

from __future__ import annotations

import math

import numpy as np

from geometry.angles import Floats, wrap_rad
from geometry.errors import ContractError
from motion.bicycle import Vehicle
from motion.lqr_tracker import track_proposals

DT_S, STEPS = 0.1, 41
"""41 states at 10 Hz."""
SHORTEST_STEP_M = 1e-3
"""Over shorter steps a trajectory has no curvature."""


def reference_of(t_s: Floats, x_m: Floats, y_m: Floats, yaw_rad: Floats) -> Floats:
    """A trajectory of K poses as the tracker's reference, shape (STEPS, 5): x, y, yaw, speed, curvature.

    Poses are interpolated and held after the last one; speed and curvature come from their differences.

    Raises:
        ContractError: fewer than two poses, or times that do not ascend.
    """
    if len(t_s) < 2 or (np.diff(t_s) <= 0.0).any():
        raise ContractError(f"a trajectory needs at least two poses at ascending times, not {len(t_s)}")
    at_s = DT_S * np.arange(STEPS)
    x, y = np.interp(at_s, t_s, x_m), np.interp(at_s, t_s, y_m)
    yaw = np.interp(at_s, t_s, np.unwrap(yaw_rad))
    step = np.hypot(np.diff(x), np.diff(y))
    turn = np.diff(yaw)
    curvature = np.divide(turn, step, out=np.zeros(len(step)), where=step > SHORTEST_STEP_M)
    speed = step / DT_S
    return np.stack((x, y, wrap_rad(yaw), np.append(speed, speed[-1]), np.append(curvature, curvature[-1])), axis=-1)


def start_state(
    x_m: float, y_m: float, yaw_rad: float, speed_mps: float, acceleration_mps2: float, steering_rad: float,
    wheelbase_m: float,
) -> Floats:  # fmt: skip
    """The state (8,) of a vehicle, columns of `motion.lqr_tracker.COLUMNS`."""
    yaw_rate = speed_mps * math.tan(steering_rad) / wheelbase_m
    return np.array([x_m, y_m, yaw_rad, speed_mps, acceleration_mps2, steering_rad, 0.0, yaw_rate])


def simulate(references: Floats, start: Floats, vehicle: Vehicle) -> Floats:
    """States (P, STEPS, 8) that the vehicle goes through from `start` (8,) on P references (P, STEPS, 5)."""
    return track_proposals(start, references, vehicle.wheelbase_m, DT_S)
