"""Trajectory tracking: a linear-quadratic regulator across the path and a proportional law along it.

The lateral model has three states: offset from the path [m, left positive], heading error [rad], front-wheel angle
minus the one that the path's curvature needs [rad]; the wheel angle follows its command with a first-order lag. Gains
are the discrete-time LQR's (Anderson & Moore 1990), solved once per speed on a grid and interpolated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.linalg import solve_discrete_are

from geometry.angles import Floats
from motion.bicycle import Vehicle

GAIN_SPEEDS_MPS = np.array([1.0, 2.0, 4.0, 7.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0])


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """Weights of the regulator and gains of the speed law."""

    offset_weight: float = 1.0
    heading_weight: float = 4.0
    steering_weight: float = 30.0
    lateral_acceleration_weight: float = 0.3
    """[s^4]. Steering costs the more the faster: without this an offset of 1 m at 35 m/s asks for 80 m/s^2 sideways."""
    steering_preview_s: float = 0.2
    """How much earlier than the wheels' lag the path's curvature is steered: half of what a tight turn needs to be
    steered at the wheels' highest rate."""
    delay_s: float = 0.02
    """From the measured state that a command answers to the moment at which the actuators take the command over."""
    speed_gain_1ps: float = 1.0
    lateral_acceleration_mps2: float = 5.0
    """Steering beyond what this allows at the present speed is cut."""
    standstill_mps2: float = 1.0
    """Deceleration that holds the vehicle when the plan stands."""


@dataclass(frozen=True, slots=True, eq=False)
class LateralGains:
    """Feedback gains of shape (len(GAIN_SPEEDS_MPS), 3) on offset, heading error and wheel-angle deviation."""

    table: Floats

    def at(self, speed_mps: float) -> Floats:
        """Gains of shape (3,) at a speed, interpolated; the ends hold beyond the grid."""
        return np.array([np.interp(speed_mps, GAIN_SPEEDS_MPS, self.table[:, i]) for i in range(3)])


def lateral_gains(vehicle: Vehicle, settings: TrackingSettings, dt_s: float) -> LateralGains:
    """Solve the regulator for one vehicle and control period."""
    rows = []
    for speed in GAIN_SPEEDS_MPS:
        lag = math.exp(-dt_s / vehicle.steering_lag_s)
        a = np.array([[1.0, speed * dt_s, 0.0], [0.0, 1.0, speed * dt_s / vehicle.wheelbase_m], [0.0, 0.0, lag]])
        b = np.array([[0.0], [0.0], [1.0 - lag]])
        q = np.diag([settings.offset_weight, settings.heading_weight, 0.0]) + 1e-9 * np.eye(3)
        sideways = speed**2 / vehicle.wheelbase_m
        r = np.array([[settings.steering_weight + settings.lateral_acceleration_weight * sideways**2]])
        p = solve_discrete_are(a, b, q, r)
        rows.append(np.linalg.solve(r + b.T @ p @ b, b.T @ p @ a)[0])
    return LateralGains(np.array(rows))


@njit(cache=True)
def nearest_on_path(x_m, y_m, path_x, path_y):  # type: ignore[no-untyped-def]
    """Where a point lies along a sampled path: (index, fraction of the segment, offset [m], left positive).

    The first segment that is nearest wins; segments shorter than 1 mm are passed over.
    """
    best, index, share, offset = np.inf, 0, 0.0, 0.0
    for i in range(len(path_x) - 1):
        dx, dy = path_x[i + 1] - path_x[i], path_y[i + 1] - path_y[i]
        length2 = dx * dx + dy * dy
        if length2 < 1e-6:
            continue
        ex, ey = x_m - path_x[i], y_m - path_y[i]
        along = (ex * dx + ey * dy) / length2
        clipped = min(max(along, 0.0), 1.0)
        fx, fy = ex - clipped * dx, ey - clipped * dy
        distance2 = fx * fx + fy * fy
        if distance2 < best - 1e-12:
            side = dx * ey - dy * ex
            best, index, share, offset = distance2, i, clipped, side / math.sqrt(length2)
    return index, share, offset


def steering_command(
    gains: Floats, offset_m: float, heading_error_rad: float, curvature_radpm: float, steering_rad: float,
    speed_mps: float, vehicle: Vehicle, settings: TrackingSettings,
) -> float:  # fmt: skip
    """Front-wheel angle [rad] that brings the rear axle back to the path: feed-forward plus regulator, bounded."""
    feed_forward = math.atan(vehicle.wheelbase_m * curvature_radpm)
    error = np.array([offset_m, heading_error_rad, steering_rad - feed_forward])
    wanted = feed_forward - float(gains @ error)
    grip = math.atan(vehicle.wheelbase_m * settings.lateral_acceleration_mps2 / max(speed_mps, 1.0) ** 2)
    bound = min(vehicle.max_steering_rad, grip)
    return min(max(wanted, -bound), bound)
