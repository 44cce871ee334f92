"""Polygon soups: the shapes that cameras see, and the few primitives that everything is built from.

A mesh is a list of convex polygons, counter-clockwise as seen from outside, in one frame (z up, metres).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats

Colour = tuple[float, float, float]
"""Red, green, blue from 0 to 255, as lit by a white sun at noon."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """P polygons over V points; polygon i has the points `points[starts[i]:starts[i + 1]]`.

    `rgb` (P, 3) from 0 to 255. `glow` (P,): light of its own (0 none, 1 as bright as the colour at any hour), or
    negative: mirrors headlights back (-1 fully). `layer` (P,): 0 for bodies, 1 and up for what is painted on them.
    """

    points: Floats
    starts: NDArray[np.int64]
    rgb: Floats
    glow: Floats
    layer: NDArray[np.int64]

    @property
    def size(self) -> int:
        """The number of polygons."""
        return len(self.rgb)

    def placed(self, x_m: float, y_m: float, yaw_rad: float, z_m: float = 0.0) -> Mesh:
        """The mesh moved into another frame."""
        cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
        turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        return replace(self, points=self.points @ turn.T + (x_m, y_m, z_m))

    def centres(self) -> Floats:
        """Mean point of each polygon, shape (P, 3)."""
        if not self.size:
            return np.zeros((0, 3))
        return np.add.reduceat(self.points, self.starts[:-1]) / np.diff(self.starts)[:, None]


def polygon(points: Sequence[Sequence[float]] | Floats, rgb: Colour, glow: float = 0.0, layer: int = 0) -> Mesh:
    """One convex polygon of shape (K, 3)."""
    corners = np.asarray(points, dtype=np.float64)
    return Mesh(
        corners, np.array([0, len(corners)]), np.array([rgb], dtype=np.float64), np.array([glow]), np.array([layer])
    )


def quads(corners: Floats, rgb: Colour | Floats, glow: float = 0.0, layer: int = 0) -> Mesh:
    """P quadrilaterals (P, 4, 3); one colour, or one for each (P, 3)."""
    count = len(corners)
    colours = np.broadcast_to(np.asarray(rgb, dtype=np.float64), (count, 3)).copy()
    starts = 4 * np.arange(count + 1)
    return Mesh(corners.reshape(-1, 3), starts, colours, np.full(count, glow), np.full(count, layer, dtype=np.int64))


def merged(parts: Sequence[Mesh]) -> Mesh:
    """All parts as one mesh."""
    if not parts:
        return Mesh(np.zeros((0, 3)), np.zeros(1, dtype=np.int64), np.zeros((0, 3)), np.zeros(0), np.zeros(0, np.int64))
    offsets = np.cumsum([0, *(len(part.points) for part in parts)])
    starts = [part.starts[:-1] + offset for part, offset in zip(parts, offsets, strict=False)]
    return Mesh(
        np.concatenate([part.points for part in parts]),
        np.concatenate([*starts, offsets[-1:]]).astype(np.int64),
        np.concatenate([part.rgb for part in parts]),
        np.concatenate([part.glow for part in parts]),
        np.concatenate([part.layer for part in parts]),
    )


Ring = tuple[float, float, float, float]
"""A level rectangle: x from, x to, half width, z."""


def loft(rings: Sequence[Ring], rgb: Colour, *, bottom: bool = False, y_m: float = 0.0, glow: float = 0.0) -> Mesh:
    """A body between level rectangles, low to high, with its top; all sides are flat."""
    levels = np.array([
        [(x1, y_m + half, z), (x0, y_m + half, z), (x0, y_m - half, z), (x1, y_m - half, z)]
        for x0, x1, half, z in rings
    ])  # fmt: skip
    low, high = levels[:-1], levels[1:]
    faces = [np.stack((low[:, k], low[:, (k + 1) % 4], high[:, (k + 1) % 4], high[:, k]), axis=1) for k in range(4)]
    faces.append(levels[-1:])
    if bottom:
        faces.append(levels[:1, ::-1])
    return quads(np.concatenate(faces), rgb, glow)


def box(x0: float, x1: float, y0: float, y1: float, z0: float, z1: float, rgb: Colour, glow: float = 0.0) -> Mesh:
    """An upright box with its bottom."""
    half = 0.5 * (y1 - y0)
    return loft(((x0, x1, half, z0), (x0, x1, half, z1)), rgb, bottom=True, y_m=0.5 * (y0 + y1), glow=glow)


def disc(x_m: float, y_m: float, z_m: float, radius_m: float, rgb: Colour, *, left: bool, layer: int = 0) -> Mesh:
    """An upright octagon that faces left (+y) or right: a wheel as seen from the side."""
    angles = np.arange(8) * (math.pi / 4.0) + math.pi / 8.0
    if left:
        angles = -angles
    ring = np.column_stack((x_m + radius_m * np.cos(angles), np.full(8, y_m), z_m + radius_m * np.sin(angles)))
    return polygon(ring, rgb, layer=layer)


def facing_x(x_m: float, y0: float, y1: float, z0: float, z1: float, rgb: Colour, *, ahead: bool, glow: float = 0.0,
             layer: int = 1) -> Mesh:  # fmt: skip
    """An upright rectangle that looks along x (ahead) or against it: lamps, plates, signs."""
    corners = [(x_m, y0, z0), (x_m, y1, z0), (x_m, y1, z1), (x_m, y0, z1)]
    return polygon(corners if ahead else corners[::-1], rgb, glow, layer)


def shaded_by(mesh: Mesh, factor: float) -> Mesh:
    """The mesh in darker (or brighter) colours."""
    return replace(mesh, rgb=np.clip(mesh.rgb * factor, 0.0, 255.0))
