"""A recorded drive: who was where when, whatever data set it comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats, wrap_rad
from motion.rollout import EntityShape


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One road user's recorded box centres in the map's frame; columns of shape (K,), rising times from the start.

    For the ego the columns are those of its rear axle.
    """

    shape: EntityShape
    t_s: Floats
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats

    def __post_init__(self) -> None:
        for column in (self.t_s, self.x_m, self.y_m, self.yaw_rad, self.speed_mps, self.acceleration_mps2):
            column.setflags(write=False)

    def present(self, t_s: float) -> bool:
        """Whether it was recorded then."""
        return bool(self.t_s[0] - 1e-9 <= t_s <= self.t_s[-1] + 1e-9)

    def acceleration(self, t_s: float) -> float:
        """The record's acceleration at the first record that is not earlier."""
        return float(self.acceleration_mps2[min(int(np.searchsorted(self.t_s, t_s)), len(self.t_s) - 1)])

    def at(self, t_s: float) -> tuple[float, float, float, float]:
        """x, y, yaw and speed, between two records linearly."""
        after = int(np.clip(np.searchsorted(self.t_s, t_s), 1, max(len(self.t_s) - 1, 1)))
        if len(self.t_s) == 1:
            return float(self.x_m[0]), float(self.y_m[0]), float(self.yaw_rad[0]), float(self.speed_mps[0])
        before = after - 1
        share = float(np.clip((t_s - self.t_s[before]) / (self.t_s[after] - self.t_s[before]), 0.0, 1.0))
        x, y, speed = (
            float((1.0 - share) * column[before] + share * column[after])
            for column in (self.x_m, self.y_m, self.speed_mps)
        )
        turn = wrap_rad(float(self.yaw_rad[after] - self.yaw_rad[before]))
        return x, y, wrap_rad(float(self.yaw_rad[before]) + share * turn), speed


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """A recorded drive of the ego among others."""

    name: str
    ego: Track
    others: tuple[Track, ...]

    @property
    def duration_s(self) -> float:
        """How long the ego was recorded."""
        return float(self.ego.t_s[-1])


def speeds(t_s: Floats, x_m: Floats, y_m: Floats) -> Floats:
    """Speeds from positions by central differences."""
    if len(t_s) < 2:
        return np.zeros(len(t_s))
    return np.hypot(np.gradient(x_m, t_s), np.gradient(y_m, t_s))


def accelerations(t_s: Floats, speed_mps: Floats) -> Floats:
    """Accelerations from speeds by central differences."""
    return np.gradient(speed_mps, t_s) if len(t_s) > 1 else np.zeros(len(t_s))
