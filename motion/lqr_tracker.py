"""Two-stage LQR tracker and kinematic bicycle of the nuPlan simulation, for many proposals at once.

The longitudinal stage finds the constant acceleration that brings the speed to the reference one second ahead, the
lateral stage the constant steering rate that brings offset and heading error to zero, both by one-shot LQR; the bicycle
follows with first-order lags (nuPlan devkit: `lqr_tracker`, `kinematic_bicycle`; Karnchanachari et al. 2024). Weights
are the reference's and shall not be tuned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from geometry.angles import Floats

COLUMNS = ("x", "y", "yaw", "speed", "acceleration", "steering", "steering_rate", "yaw_rate")
X, Y, YAW, SPEED, ACCELERATION, STEERING, STEERING_RATE, YAW_RATE = range(8)
"""Columns of a simulated state: rear axle, `world`, SI."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """Weights (q on the error, r on the input) and limits of the reference."""

    speed_weight: float = 10.0
    acceleration_cost: float = 1.0
    offset_weight: float = 1.0
    heading_weight: float = 10.0
    steering_rate_cost: float = 1.0
    horizon_steps: int = 10
    standing_mps: float = 0.2
    stopping_gain: float = 0.5
    acceleration_lag_s: float = 0.2
    steering_lag_s: float = 0.05
    max_steering_rad: float = math.pi / 3.0


def track_proposals(
    start: Floats, reference: Floats, wheelbase_m: float, dt_s: float, settings: TrackerSettings | None = None
) -> Floats:
    """States that the vehicle goes through when it tracks references.

    Args:
        start: the state now, shape (8,), columns as in `COLUMNS`.
        reference: x, y, yaw, speed, curvature of P proposals at T instants, shape (P, T, 5).
        wheelbase_m: of the vehicle.
        dt_s: time between two instants.
        settings: of tracker and bicycle.

    Returns:
        Shape (P, T, 8); row 0 is the start.
    """
    s = settings or TrackerSettings()
    weights = (s.speed_weight, s.acceleration_cost, s.offset_weight, s.heading_weight, s.steering_rate_cost)
    limits = (s.standing_mps, s.stopping_gain, s.acceleration_lag_s, s.steering_lag_s, s.max_steering_rad)
    reference = np.ascontiguousarray(reference, dtype=np.float64)
    return np.asarray(_track(start, reference, wheelbase_m, dt_s, s.horizon_steps, weights, limits))


@njit(cache=True)
def _track(start, reference, wheelbase, dt, horizon, weights, limits):  # type: ignore[no-untyped-def]
    proposals, steps = reference.shape[0], reference.shape[1]
    out = np.empty((proposals, steps, 8))
    for p in range(proposals):
        out[p, 0] = start
        for i in range(steps - 1):
            acceleration, rate = _command(out[p, i], reference[p], i, wheelbase, dt, horizon, weights, limits)
            _bicycle(out[p, i], acceleration, rate, wheelbase, dt, limits, out[p, i + 1])
    return out


@njit(cache=True)
def _command(state, reference, i, wheelbase, dt, horizon, weights, limits):  # type: ignore[no-untyped-def]
    speed_weight, acceleration_cost, offset_weight, heading_weight, rate_cost = weights
    standing, gain = limits[0], limits[1]
    speed, last = state[3], len(reference) - 1
    wanted = reference[min(i + horizon, last), 3]
    if wanted <= standing and speed <= standing:
        return -gain * (speed - wanted), 0.0
    span = horizon * dt
    acceleration = speed_weight * span * (wanted - speed) / (speed_weight * span * span + acceleration_cost)
    dx, dy, yaw = state[0] - reference[i, 0], state[1] - reference[i, 1], reference[i, 2]
    offset = dy * math.cos(yaw) - dx * math.sin(yaw)
    heading = (state[2] - yaw + math.pi) % (2.0 * math.pi) - math.pi
    steering = state[5]
    # Errors at the horizon are affine in the constant steering rate: e = free + unit * rate.
    free_offset, free_heading, free_steering = offset, heading, steering
    unit_offset, unit_heading, unit_steering = 0.0, 0.0, 0.0
    for k in range(horizon):
        v = speed + acceleration * k * dt
        curvature = reference[min(i + k, last), 4]
        free_offset, unit_offset = free_offset + v * dt * free_heading, unit_offset + v * dt * unit_heading
        free_heading += v * dt * (free_steering / wheelbase - curvature)
        unit_heading += v * dt * unit_steering / wheelbase
        unit_steering += dt
    pull = offset_weight * unit_offset * free_offset + heading_weight * unit_heading * free_heading
    inertia = offset_weight * unit_offset**2 + heading_weight * unit_heading**2 + rate_cost
    return acceleration, -pull / inertia


@njit(cache=True)
def _bicycle(state, acceleration, rate, wheelbase, dt, limits, out):  # type: ignore[no-untyped-def]
    _, _, acceleration_lag, steering_lag, most = limits
    x, y, yaw, speed, before, steering = state[0], state[1], state[2], state[3], state[4], state[5]
    now = before + dt / (dt + acceleration_lag) * (acceleration - before)
    turned = steering + dt / (dt + steering_lag) * (dt * rate)
    turned = min(max(turned, -most), most)
    yaw_rate = speed * math.tan(turned) / wheelbase
    out[0], out[1] = x + speed * math.cos(yaw) * dt, y + speed * math.sin(yaw) * dt
    out[2] = (yaw + yaw_rate * dt + math.pi) % (2.0 * math.pi) - math.pi
    out[3], out[4], out[5], out[6] = speed + now * dt, now, turned, (turned - steering) / dt
    out[7] = yaw_rate
