"""Paths in the plane: polylines, clothoids and their chains, and rational B-splines (NURBS), as finely sampled curves.

In: poses, curvatures, control points in `world`. Out: a `Curve` that answers where one is after so many metres, when,
and where on it a point lies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats, wrap_rad
from geometry.pose import Pose

SPACING_M = 0.25
"""Distance of the samples of curved shapes: a chord of an arc of 5 m radius is then 2 mm off."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Points of a path in `world`, arrays of shape (N,); linear in between.

    `s_m` does not decrease; `yaw_rad` is continuous (not wrapped); `time_s` is None where the path is not timed.
    """

    s_m: Floats
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    time_s: Floats | None = None

    @property
    def length_m(self) -> float:
        return float(self.s_m[-1])

    @property
    def end_s(self) -> float:
        """Time at its end (0 where it is not timed)."""
        return 0.0 if self.time_s is None else float(self.time_s[-1])

    def at(self, s_m: float) -> Pose:
        """Pose after `s_m` metres (clipped to the ends)."""
        i, part = _bracket(self.s_m, s_m)
        return Pose(_between(self.x_m, i, part), _between(self.y_m, i, part), wrap_rad(_between(self.yaw_rad, i, part)))

    def s_at(self, t_s: float) -> float:
        """Metres driven at a time of its clock (clipped to the ends)."""
        assert self.time_s is not None
        i, part = _bracket(self.time_s, t_s)
        return _between(self.s_m, i, part)

    def nearest_s(self, x_m: float, y_m: float) -> float:
        """Metres to the point of the path that is nearest to a point in `world`."""
        x, y = self.x_m, self.y_m
        dx, dy = np.diff(x), np.diff(y)
        squared = np.maximum(dx * dx + dy * dy, 1e-18)
        part = np.clip(((x_m - x[:-1]) * dx + (y_m - y[:-1]) * dy) / squared, 0.0, 1.0)
        gap = np.hypot(x[:-1] + part * dx - x_m, y[:-1] + part * dy - y_m)
        i = int(np.argmin(gap))
        return float(self.s_m[i] + part[i] * (self.s_m[i + 1] - self.s_m[i]))

    def offset(self, s_m: float, left_m: float) -> Pose:
        """Pose `left_m` to the left of the path after `s_m` metres."""
        return self.at(s_m) @ Pose(0.0, left_m, 0.0)


def _bracket(values: Floats, value: float) -> tuple[int, float]:
    """Index of the interval that holds a value (the last one at a jump) and the part of it passed."""
    i = min(max(int(np.searchsorted(values, value, side="right")) - 1, 0), len(values) - 2)
    span = float(values[i + 1] - values[i])
    return i, min(max((value - float(values[i])) / span, 0.0), 1.0) if span > 0.0 else 1.0


def _between(values: Floats, i: int, part: float) -> float:
    return float(values[i]) + part * float(values[i + 1] - values[i])


def polyline(poses: Sequence[Pose], oriented: Sequence[bool], times_s: Sequence[float] | None) -> Curve:
    """Straight lines from pose to pose (at least two); headings turn evenly between two vertices that are oriented, on
    other lines they point along it."""
    s, x, y, yaw, time = [0.0], [], [], [], []
    for i in range(len(poses) - 1):
        a, b = poses[i], poses[i + 1]
        along = math.atan2(b.y_m - a.y_m, b.x_m - a.x_m)
        s += [s[-1] + math.hypot(b.x_m - a.x_m, b.y_m - a.y_m)] * 2
        x += [a.x_m, b.x_m]
        y += [a.y_m, b.y_m]
        yaw += [a.yaw_rad, b.yaw_rad] if oriented[i] and oriented[i + 1] else [along, along]
        if times_s is not None:
            time += [times_s[i], times_s[i + 1]]
    return Curve(
        np.array(s[:-1]), np.array(x), np.array(y), np.unwrap(np.array(yaw)), np.array(time) if times_s else None
    )


def clothoid(start: Pose, curvature: float, curvature_end: float, length_m: float) -> Curve:
    """Curvature [1/m] changes evenly over the length; headings exact, points by the midpoint rule at 1/4 of the
    spacing (a clothoid has no closed form: Meek and Walton, "A note on finding clothoids", 2004)."""
    pieces = max(2, math.ceil(length_m / SPACING_M))
    s = np.linspace(0.0, length_m, 4 * pieces + 1)
    rate = (curvature_end - curvature) / length_m
    middle = 0.5 * (s[1:] + s[:-1])
    heading = start.yaw_rad + curvature * middle + 0.5 * rate * middle**2
    step = np.diff(s)
    x = start.x_m + np.concatenate(([0.0], np.cumsum(step * np.cos(heading))))
    y = start.y_m + np.concatenate(([0.0], np.cumsum(step * np.sin(heading))))
    yaw = start.yaw_rad + curvature * s + 0.5 * rate * s**2
    return Curve(s[::4], x[::4], y[::4], yaw[::4])


def timed(curve: Curve, start_s: float, end_s: float) -> Curve:
    """The same curve, driven evenly from one time to the other."""
    part = curve.s_m / max(curve.length_m, 1e-9)
    return Curve(curve.s_m, curve.x_m, curve.y_m, curve.yaw_rad, start_s + part * (end_s - start_s))


def joined(curves: Sequence[Curve]) -> Curve:
    """One curve after the other; timed where all are."""
    s, offset = [], 0.0
    for curve in curves:
        s.append(curve.s_m + offset)
        offset += curve.length_m
    times = [curve.time_s for curve in curves if curve.time_s is not None]
    return Curve(
        np.concatenate(s),
        np.concatenate([curve.x_m for curve in curves]),
        np.concatenate([curve.y_m for curve in curves]),
        np.unwrap(np.concatenate([curve.yaw_rad for curve in curves])),
        np.concatenate(times) if len(times) == len(curves) else None,
    )


def nurbs(points: Floats, weights: Floats, knots: Floats, order: int, times_s: Floats | None) -> Curve:
    """Rational B-spline (Piegl and Tiller, "The NURBS Book", 1997, eq. 4.1) through control points of shape (N, 2).

    Times belong to the parameters at which their control point counts most, and run evenly in between.
    """
    rough_m = float(np.sum(np.hypot(*np.diff(points, axis=0).T)))
    count = min(max(100, math.ceil(rough_m / SPACING_M)), 100_000)
    u = np.linspace(knots[order - 1], knots[len(points)], count + 1)
    basis = _basis(u, knots, order, len(points)) * weights
    share = basis / np.sum(basis, axis=1, keepdims=True)
    x, y = (share @ points).T
    dx, dy = np.diff(x), np.diff(y)
    yaw = np.unwrap(np.arctan2(np.gradient(y), np.gradient(x)))
    time = None
    if times_s is not None:
        peaks = np.maximum.accumulate(u[np.argmax(basis, axis=0)])
        time = np.interp(u, peaks, times_s)
    return Curve(np.concatenate(([0.0], np.cumsum(np.hypot(dx, dy)))), x, y, yaw, time)


def _basis(u: Floats, knots: Floats, order: int, count: int) -> Floats:
    """B-spline basis functions of shape (len(u), count) by the recursion of Cox and de Boor."""
    spans = knots[:-1] < knots[1:]
    last = int(np.nonzero(spans)[0][-1])
    inside = (u[:, None] >= knots[:-1]) & (u[:, None] < knots[1:])
    inside[u >= knots[last + 1], last] = True
    basis = inside.astype(np.float64)
    for k in range(2, order + 1):
        n = len(knots) - k
        left, right = knots[k - 1 : k - 1 + n] - knots[:n], knots[k : k + n] - knots[1 : 1 + n]
        rising = np.divide(u[:, None] - knots[:n], left, out=np.zeros((len(u), n)), where=left > 0.0)
        falling = np.divide(knots[k : k + n] - u[:, None], right, out=np.zeros((len(u), n)), where=right > 0.0)
        basis = rising * basis[:, :n] + falling * basis[:, 1 : n + 1]
    return basis[:, :count]
