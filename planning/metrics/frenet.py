"""Whole drives in the Frenet frame of a path, fast: exact nearest segments, block by block.

In: points of shape (T, ...) in the frame of the path. Out: arc length s [m] and offset d [m, left positive] in the same
shape; NaN in, NaN out. Same answers as `Polyline.project`, without its table of all points against all segments.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from geometry.angles import Floats
from geometry.polyline import Polyline

BLOCK = 16
"""Segments that share one bounding circle."""


def project_tracks(path: Polyline, x_m: Floats, y_m: Floats) -> tuple[Floats, Floats]:
    """Frenet coordinates of points of shape (T, ...) whose first axis is time."""
    shape = np.shape(x_m)
    x = np.ascontiguousarray(np.reshape(x_m, (shape[0], -1)), dtype=np.float64)
    y = np.ascontiguousarray(np.reshape(y_m, (shape[0], -1)), dtype=np.float64)
    s, d = _project(x, y, path.points, path.s_m, _circles(path.points))
    return np.reshape(s, shape), np.reshape(d, shape)


def _circles(points: Floats) -> Floats:
    """Centre x, y and radius around the segments of each block: shape (B, 3)."""
    starts = range(0, len(points) - 1, BLOCK)
    rows = []
    for first in starts:
        block = points[first : first + BLOCK + 1]
        centre = 0.5 * (block.min(axis=0) + block.max(axis=0))
        rows.append((centre[0], centre[1], np.hypot(*(block - centre).T).max()))
    return np.array(rows)


@njit(cache=True)
def _distance2(x, y, i, points):  # type: ignore[no-untyped-def]
    """Squared distance of a point to segment i."""
    dx, dy = points[i + 1, 0] - points[i, 0], points[i + 1, 1] - points[i, 1]
    ex, ey = x - points[i, 0], y - points[i, 1]
    share = min(max((ex * dx + ey * dy) / (dx * dx + dy * dy), 0.0), 1.0)
    return (ex - share * dx) ** 2 + (ey - share * dy) ** 2


@njit(cache=True)
def _nearest(x, y, guess, points, circles):  # type: ignore[no-untyped-def]
    """The nearest segment; `guess` only makes the search short."""
    segments = len(points) - 1
    best, nearest = _distance2(x, y, guess, points), guess
    for b in range(len(circles)):
        away = np.hypot(x - circles[b, 0], y - circles[b, 1]) - circles[b, 2]
        if away > 0.0 and away * away > best:
            continue
        for i in range(b * BLOCK, min((b + 1) * BLOCK, segments)):
            distance2 = _distance2(x, y, i, points)
            if distance2 < best or (distance2 == best and i < nearest):
                best, nearest = distance2, i
    return nearest


@njit(cache=True)
def _project(x, y, points, path_s, circles):  # type: ignore[no-untyped-def]
    s, d = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    last = len(points) - 2
    for k in range(x.shape[1]):
        guess = 0
        for t in range(x.shape[0]):
            if np.isnan(x[t, k]) or np.isnan(y[t, k]):
                continue
            guess = _nearest(x[t, k], y[t, k], guess, points, circles)
            length = path_s[guess + 1] - path_s[guess]
            ux = (points[guess + 1, 0] - points[guess, 0]) / length
            uy = (points[guess + 1, 1] - points[guess, 1]) / length
            ex, ey = x[t, k] - points[guess, 0], y[t, k] - points[guess, 1]
            along = ex * ux + ey * uy
            if guess > 0:
                along = max(along, 0.0)
            if guess < last:
                along = min(along, length)
            side = ux * ey - uy * ex
            s[t, k] = path_s[guess] + along
            d[t, k] = np.copysign(np.hypot(ex - along * ux, ey - along * uy), side)
    return s, d
