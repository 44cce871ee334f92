"""The world: states of B worlds x N agents, and the only door into it.

Arrays have shape (B, N); a single run is B = 1. Positions are those of the entity origin (rear axle of vehicles) in
`world`. `step` is pure: it returns a new state.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats


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
    """True states; each array has shape (B, N). `steering_rad` is the front-wheel angle; `present` marks who exists."""

    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    yaw_rate_radps: Floats
    steering_rad: Floats
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
