"""Kinematic bicycle with actuator lag, rear-axle reference point.

The front-wheel angle and the acceleration follow their commands with first-order lags; the rear axle moves along its
heading, which turns with v * tan(steering) / wheelbase (Rajamani, Vehicle Dynamics and Control, 2nd ed., eq. 2.1-2.3
with zero slip at the rear axle). The same scalar kernel serves the simulator, planner rollouts and baselines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from numba import njit


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What the bicycle model and the controllers need to know of a vehicle."""

    wheelbase_m: float
    length_m: float
    width_m: float
    centre_x_m: float
    """How far the box centre lies ahead of the rear axle."""
    max_steering_rad: float = 0.6
    max_steering_rate_radps: float = 0.8
    max_acceleration_mps2: float = 4.0
    max_deceleration_mps2: float = 9.0
    acceleration_lag_s: float = 0.2
    steering_lag_s: float = 0.05

    @property
    def front_m(self) -> float:
        """Distance of the front bumper ahead of the rear axle."""
        return self.centre_x_m + 0.5 * self.length_m

    @property
    def rear_m(self) -> float:
        """Distance of the rear bumper behind the rear axle."""
        return 0.5 * self.length_m - self.centre_x_m


@njit(cache=True)
def step_bicycle(
    x_m: float, y_m: float, yaw_rad: float, speed_mps: float, acceleration_mps2: float, steering_rad: float,
    command_mps2: float, command_rad: float, wheelbase_m: float, max_steering_rad: float, max_rate_radps: float,
    acceleration_lag_s: float, steering_lag_s: float, dt_s: float,
) -> tuple[float, float, float, float, float, float, float]:  # fmt: skip
    """One step of `dt_s` under held commands: (x, y, yaw, speed, acceleration, steering, yaw rate).

    Lags are integrated exactly, positions by the midpoint rule; the vehicle stops at zero speed and never rolls back.
    """
    acceleration = command_mps2 + (acceleration_mps2 - command_mps2) * math.exp(-dt_s / acceleration_lag_s)
    wanted = min(max(command_rad, -max_steering_rad), max_steering_rad)
    target = wanted + (steering_rad - wanted) * math.exp(-dt_s / steering_lag_s)
    change = max_rate_radps * dt_s
    steering = min(max(target, steering_rad - change), steering_rad + change)
    mean_acceleration = 0.5 * (acceleration_mps2 + acceleration)
    speed = speed_mps + mean_acceleration * dt_s
    if speed <= 0.0:
        speed = 0.0
        travelled = 0.5 * speed_mps**2 / -mean_acceleration if mean_acceleration < 0.0 else 0.0
        acceleration = max(acceleration, 0.0)
    else:
        travelled = 0.5 * (speed_mps + speed) * dt_s
    turn = travelled * math.tan(0.5 * (steering_rad + steering)) / wheelbase_m
    middle = yaw_rad + 0.5 * turn
    x = x_m + travelled * math.cos(middle)
    y = y_m + travelled * math.sin(middle)
    yaw = (yaw_rad + turn + math.pi) % (2.0 * math.pi) - math.pi
    return x, y, yaw, speed, acceleration, steering, turn / dt_s
