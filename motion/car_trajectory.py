"""A trajectory of the kinematic single-track model at fixed time steps, as CommonRoad solutions hold it.

World frame, SI, radians. The position is not the rear axle: it lies ahead of it by the distance from rear axle to
centre of gravity (1.42 m for the BMW 320i), and CommonRoad treats it as the vehicle's centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.errors import ContractError

LEAST_STATES = 4


@dataclass(frozen=True, slots=True, eq=False)
class CarTrajectory:
    """States at consecutive time steps of `dt_s`: arrays of shape (T,); `width_m` is the vehicle's."""

    dt_s: float
    time_step: NDArray[np.int64]
    x_m: Floats
    y_m: Floats
    steering_rad: Floats
    speed_mps: Floats
    yaw_rad: Floats
    width_m: float

    def __post_init__(self) -> None:
        if len(self.time_step) < LEAST_STATES:
            raise ContractError(
                f"costs need at least {LEAST_STATES} states (jerk is a second difference), not {len(self.time_step)}"
            )
        for array in (self.x_m, self.y_m, self.steering_rad, self.speed_mps, self.yaw_rad):
            if array.shape != self.time_step.shape:
                raise ContractError(f"a trajectory of {len(self.time_step)} states has a column of shape {array.shape}")

    def until(self, time_step: int) -> CarTrajectory:
        """What is driven to a time step, four states at least."""
        part = slice(max(int(np.searchsorted(self.time_step, time_step, side="right")), LEAST_STATES))
        return CarTrajectory(
            self.dt_s, self.time_step[part], self.x_m[part], self.y_m[part], self.steering_rad[part],
            self.speed_mps[part], self.yaw_rad[part], self.width_m,
        )  # fmt: skip

    @property
    def radius_m(self) -> float:
        """The ego as a disc, as the reference looks up lanelets and measures gaps."""
        return self.width_m / 2.5
