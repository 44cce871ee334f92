"""A polyline in the plane and its Frenet frame.

In: points in any frame [m]. Out: arc length s [m], lateral offset d [m, left positive], heading [rad], curvature [1/m].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats, wrap_rad
from geometry.errors import ContractError


@dataclass(frozen=True, slots=True, eq=False)
class Polyline:
    """Points of shape (N, 2), N >= 2, no two neighbours equal; `s_m` of shape (N,) is the arc length at each point."""

    points: Floats
    s_m: Floats
    yaw_rad: Floats
    """Heading of each of the N - 1 segments, unwrapped."""

    @staticmethod
    def through(points: Floats) -> Polyline:
        """Build from points of shape (N, 2); points closer than 1 mm to the one before are dropped.

        Raises:
            ContractError: fewer than two distinct points, or non-finite ones.
        """
        points = np.asarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise ContractError(f"a polyline needs finite points of shape (N, 2), not {points.shape}")
        keep = np.ones(len(points), dtype=bool)
        keep[1:] = np.hypot(*np.diff(points, axis=0).T) > 1e-3
        points = np.ascontiguousarray(points[keep])
        if len(points) < 2:
            raise ContractError("a polyline needs at least two distinct points")
        steps = np.diff(points, axis=0)
        s_m = np.concatenate(([0.0], np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))))
        yaw_rad = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
        for array in (points, s_m, yaw_rad):
            array.setflags(write=False)
        return Polyline(points, s_m, yaw_rad)

    @property
    def length_m(self) -> float:
        return float(self.s_m[-1])

    def window(self, from_s_m: float, to_s_m: float) -> tuple[Polyline, float]:
        """The part that covers [from, to] (whole segments, at least one) and the arc length at which it starts."""
        first = int(np.clip(np.searchsorted(self.s_m, from_s_m, side="right") - 1, 0, len(self.yaw_rad) - 1))
        last = int(np.clip(np.searchsorted(self.s_m, to_s_m, side="left"), first + 1, len(self.s_m) - 1))
        start_m = float(self.s_m[first])
        part = Polyline(self.points[first : last + 1], self.s_m[first : last + 1] - start_m, self.yaw_rad[first:last])
        return part, start_m

    def position(self, s_m: Floats | float, d_m: Floats | float = 0.0) -> Floats:
        """Points of shape (..., 2) at arc length `s_m` and offset `d_m`; beyond the ends the end segments go on."""
        s = np.asarray(s_m, dtype=np.float64)
        segment = np.clip(np.searchsorted(self.s_m, s, side="right") - 1, 0, len(self.yaw_rad) - 1)
        along = s - self.s_m[segment]
        cos, sin = np.cos(self.yaw_rad[segment]), np.sin(self.yaw_rad[segment])
        start = self.points[segment]
        return np.stack((start[..., 0] + along * cos - d_m * sin, start[..., 1] + along * sin + d_m * cos), axis=-1)

    def heading(self, s_m: Floats | float) -> Floats:
        """Heading [rad] at arc length `s_m`, interpolated between segment middles; not wrapped."""
        middles = 0.5 * (self.s_m[1:] + self.s_m[:-1])
        return np.asarray(np.interp(s_m, middles, self.yaw_rad), dtype=np.float64)

    def curvature(self, s_m: Floats | float) -> Floats:
        """Curvature [1/m, left positive] at arc length `s_m`, by differences of heading over 2 m."""
        half = 1.0
        return (self.heading(np.asarray(s_m) + half) - self.heading(np.asarray(s_m) - half)) / (2.0 * half)

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Frenet coordinates (s, d), each of shape (M,), of points of shape (M, 2).

        The nearest segment wins; beyond the ends s runs negative or past `length_m` along the end segments.
        """
        points = np.atleast_2d(np.asarray(points, dtype=np.float64))
        start, step = self.points[:-1], np.diff(self.points, axis=0)
        length = np.diff(self.s_m)
        unit = step / length[:, None]
        offset = points[:, None, :] - start[None, :, :]
        along = np.einsum("msk,sk->ms", offset, unit)
        foot = offset - np.clip(along, 0.0, length)[..., None] * unit
        nearest = np.argmin(np.einsum("msk,msk->ms", foot, foot), axis=1)
        rows = np.arange(len(points))
        low = np.where(nearest == 0, -np.inf, 0.0)
        high = np.where(nearest == len(length) - 1, np.inf, length[nearest])
        s_along = np.clip(along[rows, nearest], low, high)
        direction, chosen = unit[nearest], offset[rows, nearest]
        side = direction[:, 0] * chosen[:, 1] - direction[:, 1] * chosen[:, 0]
        gap = chosen - s_along[:, None] * direction
        d_m = np.copysign(np.hypot(gap[:, 0], gap[:, 1]), side)
        return self.s_m[nearest] + s_along, d_m

    def heading_error(self, s_m: float, yaw_rad: float) -> float:
        """How far `yaw_rad` is turned left of the polyline at `s_m` [rad]."""
        return wrap_rad(yaw_rad - float(self.heading(s_m)))
