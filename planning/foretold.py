"""Motion of others that a task itself tells: CommonRoad's problems give it as the prediction to plan with.

In: times [s] from the start of the drive. Out: box centres in `world` at any of them. A planner may rely on it where
the scene's context has it; what is seen and not foretold is predicted as ever.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Foretold:
    """One road user: columns of shape (K,) at rising times; it is there from the first to the last. `track` is the id
    under which perception sees it."""

    track: int
    length_m: float
    width_m: float
    t_s: Floats
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats

    def __post_init__(self) -> None:
        for column in (self.t_s, self.x_m, self.y_m, self.yaw_rad, self.speed_mps):
            column.setflags(write=False)

    def at(self, t_s: Floats) -> tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
        """Poses (M, 4) of x, y, yaw, speed at times (M,), and whether it is there then, (M,)."""
        columns = (self.x_m, self.y_m, np.unwrap(self.yaw_rad), self.speed_mps)
        there = (t_s >= self.t_s[0] - 1e-9) & (t_s <= self.t_s[-1] + 1e-9)
        return np.stack([np.interp(t_s, self.t_s, column) for column in columns], axis=-1), there
