"""Rigid transforms of the plane, SE(2).

Named by frames so that products cancel by eye: `p_world = world_from_ego @ p_ego`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np

from geometry.angles import Floats, wrap_rad


@dataclass(frozen=True, slots=True)
class Pose:
    """Position [m] and heading [rad, counter-clockwise from x] of one frame in another; also the transform between."""

    x_m: float
    y_m: float
    yaw_rad: float

    @overload
    def __matmul__(self, other: Pose) -> Pose: ...
    @overload
    def __matmul__(self, other: Floats) -> Floats: ...
    def __matmul__(self, other: Pose | Floats) -> Pose | Floats:
        """Compose with a pose, or transform points: array of shape (2,) or (N, 2)."""
        cos, sin = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        if isinstance(other, Pose):
            return Pose(
                self.x_m + cos * other.x_m - sin * other.y_m,
                self.y_m + sin * other.x_m + cos * other.y_m,
                wrap_rad(self.yaw_rad + other.yaw_rad),
            )
        x, y = other[..., 0], other[..., 1]
        return np.stack((self.x_m + cos * x - sin * y, self.y_m + sin * x + cos * y), axis=-1)

    def inverse(self) -> Pose:
        """`ego_from_world` of a `world_from_ego`."""
        cos, sin = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        return Pose(-cos * self.x_m - sin * self.y_m, sin * self.x_m - cos * self.y_m, wrap_rad(-self.yaw_rad))


IDENTITY = Pose(0.0, 0.0, 0.0)
