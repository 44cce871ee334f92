"""The world: states of B worlds x N agents, and the only door into it.

Arrays have shape (B, N); a single run is B = 1. Positions are those of the entity origin (rear axle of vehicles) in
`world`. `step` is pure: it returns a new state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geometry.angles import Floats
from motion.bicycle import Vehicle, step_bicycle


class Drive(IntEnum):
    """How one agent is moved in one step."""

    ABSENT = 0
    """Not in the world (not yet spawned, or deleted)."""
    POSE = 1
    """Set to the given pose, speed and acceleration."""
    CONTROLS = 2
    """Driven by acceleration and steering through the bicycle model."""


@dataclass(frozen=True, slots=True, eq=False)
class WorldState:
    """True states; each array has shape (B, N).

    `steering_rad` is the front-wheel angle; (vx, vy) is the velocity of the origin in `world`, which need not lie along
    the heading (a pedestrian that walks sideways); `present` marks who exists.
    """

    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    yaw_rate_radps: Floats
    steering_rad: Floats
    vx_mps: Floats
    vy_mps: Floats
    present: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Setpoints:
    """What shall happen to each agent in the next step; each array has shape (B, N).

    `drive` holds `Drive` values. Pose columns are the state at the end of the step (read where POSE); controls are held
    over the step (read where CONTROLS).
    """

    drive: NDArray[np.int8]
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    control_acceleration_mps2: Floats
    control_steering_rad: Floats

    @staticmethod
    def empty(worlds: int, agents: int) -> Setpoints:
        """All agents absent, all numbers 0; the arrays are fresh and writable."""
        shape = (worlds, agents)
        return Setpoints(np.zeros(shape, dtype=np.int8), *(np.zeros(shape) for _ in range(7)))


@dataclass(frozen=True, slots=True, eq=False)
class VehicleTable:
    """Bicycle parameters of the N agents, columns as in `motion.bicycle.Vehicle`; each array has shape (N,)."""

    wheelbase_m: Floats
    max_steering_rad: Floats
    max_steering_rate_radps: Floats
    max_acceleration_mps2: Floats
    max_deceleration_mps2: Floats
    acceleration_lag_s: Floats
    steering_lag_s: Floats

    @staticmethod
    def of(vehicles: Sequence[Vehicle]) -> VehicleTable:
        """One column per vehicle."""
        names = VehicleTable.__dataclass_fields__
        return VehicleTable(*(np.array([getattr(v, name) for v in vehicles], dtype=np.float64) for name in names))


def empty_world(worlds: int, agents: int) -> WorldState:
    """A world in which nobody is present yet."""
    shape = (worlds, agents)
    return _world(np.zeros((9, *shape)), np.zeros(shape, dtype=bool))


def step(
    state: WorldState, setpoints: Setpoints, vehicles: VehicleTable, dt_s: float, friction: float = 1.0
) -> WorldState:
    """The world `dt_s` later. Absent agents keep their last numbers; those that appear start at their pose setpoint.

    `friction` is the coefficient between tyre and road: driven agents neither accelerate, brake nor turn harder than it
    allows.
    """
    state_columns = np.array((
        state.x_m, state.y_m, state.yaw_rad, state.speed_mps, state.acceleration_mps2, state.yaw_rate_radps,
        state.steering_rad, state.vx_mps, state.vy_mps,
    ))  # fmt: skip
    pose_columns = np.array((
        setpoints.x_m, setpoints.y_m, setpoints.yaw_rad, setpoints.speed_mps, setpoints.acceleration_mps2,
    ))  # fmt: skip
    control_columns = np.array((setpoints.control_acceleration_mps2, setpoints.control_steering_rad))
    parameters = np.array((
        vehicles.wheelbase_m, vehicles.max_steering_rad, vehicles.max_steering_rate_radps,
        vehicles.acceleration_lag_s, vehicles.steering_lag_s, vehicles.max_acceleration_mps2,
        vehicles.max_deceleration_mps2,
    ))  # fmt: skip
    columns = _step_columns(
        state_columns, state.present, setpoints.drive, pose_columns, control_columns, parameters, dt_s,
        friction * GRAVITY_MPS2,
    )  # fmt: skip
    return _world(columns, setpoints.drive != Drive.ABSENT)


def _world(columns: Floats, present: NDArray[np.bool_]) -> WorldState:
    x_m, y_m, yaw_rad, speed_mps, acceleration_mps2, yaw_rate_radps, steering_rad, vx_mps, vy_mps = columns
    return WorldState(
        x_m, y_m, yaw_rad, speed_mps, acceleration_mps2, yaw_rate_radps, steering_rad, vx_mps, vy_mps, present
    )


GRAVITY_MPS2 = 9.81

JUMP_M = 1.0
"""A pose setpoint that lies further than this from where the speed could lead is a teleport, not a motion."""


@njit(cache=True)
def _step_columns(state, present, drive, pose, control, parameters, dt_s, grip_mps2):  # type: ignore[no-untyped-def]
    """Columns (9, B, N) of the next state; the agents are independent of each other."""
    after = state.copy()
    for b in range(state.shape[1]):
        for n in range(state.shape[2]):
            if drive[b, n] == 1:
                turn = (pose[2, b, n] - state[2, b, n] + np.pi) % (2.0 * np.pi) - np.pi
                known = present[b, n] and dt_s > 0.0
                after[:5, b, n] = pose[:, b, n]
                after[5, b, n] = turn / dt_s if known else 0.0
                after[6, b, n] = (
                    np.arctan(parameters[0, n] * after[5, b, n] / max(pose[3, b, n], 1.0)) if known else 0.0
                )
                dx, dy = pose[0, b, n] - state[0, b, n], pose[1, b, n] - state[1, b, n]
                moved = known and np.hypot(dx, dy) < 2.0 * abs(pose[3, b, n]) * dt_s + JUMP_M
                after[7, b, n] = dx / dt_s if moved else pose[3, b, n] * np.cos(pose[2, b, n])
                after[8, b, n] = dy / dt_s if moved else pose[3, b, n] * np.sin(pose[2, b, n])
            elif drive[b, n] == 2:
                wanted = min(max(control[0, b, n], -parameters[6, n], -grip_mps2), parameters[5, n], grip_mps2)
                # Wheels that are turned further than the tyres hold slide on along the tightest possible curve.
                held = np.arctan(parameters[0, n] * grip_mps2 / max(state[3, b, n], 1.0) ** 2)
                angle = min(max(state[6, b, n], -held), held)
                wanted_angle = min(max(control[1, b, n], -held), held)
                x, y, yaw, speed, acceleration, steering, rate = step_bicycle(
                    state[0, b, n], state[1, b, n], state[2, b, n], state[3, b, n], state[4, b, n], angle,
                    wanted, wanted_angle, parameters[0, n], parameters[1, n], parameters[2, n],
                    parameters[3, n], parameters[4, n], dt_s,
                )  # fmt: skip
                after[0, b, n], after[1, b, n], after[2, b, n], after[3, b, n] = x, y, yaw, speed
                after[4, b, n], after[5, b, n], after[6, b, n] = acceleration, rate, steering
                after[7, b, n], after[8, b, n] = speed * np.cos(yaw), speed * np.sin(yaw)
    return after
