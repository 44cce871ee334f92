"""What the net shall answer for one picture: grids made of the truth's objects, lights, marks and drivable surface.

In: an `Answer` (tables in pixels of the picture as the net gets it). Out: `Targets`, arrays on the grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geometry.angles import Floats
from perception.net.classes import (
    DEPTH_M,
    FOCAL_PX,
    HEAT,
    HORIZON_REACH_PX,
    MARKS,
    OBJECTS,
    OFFSET_PX,
    SHARED_SIZE_M,
    STRIDE,
)

Floats32 = NDArray[np.float32]

OBJECT_COLUMNS = (
    "class", "left", "top", "right", "bottom", "u", "v", "depth_m", "foot_v", "length_m", "width_m", "height_m",
    "alpha_rad", "visible", "x_m", "y_m", "yaw_rad", "focal_px",
)  # fmt: skip
"""Of `Answer.objects`: pixel box, projected box centre, its depth along the optical axis, row of the foot's middle,
sizes, heading against the ray, visible share, the box in `ego` (for scores), and the focal length there."""
LIGHT_COLUMNS = ("class", "u", "v", "depth_m", "focal_px")
MARK_COLUMNS = ("line", "u", "v", "class", "x_m", "y_m")
REGRESSED = 10
"""Numbers per object cell: offset 2, depth, contact, size 3, yaw 2, and the weight."""

LEAST_VISIBLE = 0.2
LEAST_PX = 3.5
STEEPEST = 8.0
"""Lines that run flatter across the picture than this many columns per row have no column to learn."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Truth of a picture of `height` x `width`: tables with the columns named above; weather is a class.

    `horizon` (width / STRIDE,) is the row of the horizon in each column of the grid.
    """

    height: int
    width: int
    objects: Floats
    lights: Floats
    marks: Floats
    drivable: NDArray[np.uint8]
    horizon: Floats
    weather: int


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Arrays on the grid (h, w): heat (HEAT, h, w), care (HEAT, h, w) weights of the heat loss, regression (10, h, w)
    with its weight in the last channel, drivable (h, w), marks (3, h, w), mark offset and weight (2, h, w), distance to
    the horizon and weight (2, h, w)."""

    heat: Floats32
    care: Floats32
    regression: Floats32
    drivable: Floats32
    marks: Floats32
    mark_offset: Floats32
    horizon: Floats32
    weather: int


def targets_of(answer: Answer) -> Targets:
    """Paint the truth on the grid."""
    h, w = answer.height // STRIDE, answer.width // STRIDE
    heat, care = np.zeros((HEAT, h, w), np.float32), np.ones((HEAT, h, w), np.float32)
    regression = np.zeros((REGRESSED, h, w), np.float32)
    for row in answer.objects[np.argsort(-answer.objects[:, 7])]:  # near ones last: they hide the far ones
        _paint_object(row, heat, care, regression)
    for row in answer.lights:
        _paint_light(row, heat, regression)
    marks, offset = _mark_grids(answer, h, w)
    ground, horizon = answer.drivable[:h, :w].astype(np.float32), _horizon_grid(answer, h, w)
    return Targets(heat, care, regression, ground, marks, offset, horizon, answer.weather)


def _paint_object(row: Floats, heat: Floats32, care: Floats32, regression: Floats32) -> None:
    kind, (left, top, right, bottom) = int(row[0]), row[1:5]
    tall, broad = bottom - top, right - left
    u, v = 0.5 * (left + right) / STRIDE, 0.5 * (top + bottom) / STRIDE
    h, w = heat.shape[1:]
    cell_u, cell_v = min(max(int(u), 0), w - 1), min(max(int(v), 0), h - 1)
    if row[13] < LEAST_VISIBLE or tall < LEAST_PX:
        box = np.s_[
            : len(OBJECTS),
            max(int(top / STRIDE), 0) : int(bottom / STRIDE) + 1,
            max(int(left / STRIDE), 0) : int(right / STRIDE) + 1,
        ]
        care[box] = 0.0
        return
    spread = np.clip(np.array([broad, tall]) / STRIDE / 6.0, 0.7, 6.0)
    _bump(heat[kind], cell_u, cell_v, float(spread[0]), float(spread[1]))
    values = (
        math.log(row[7] / row[17] * FOCAL_PX / DEPTH_M),
        *np.log(np.maximum(row[9:12], 0.1) / SHARED_SIZE_M), math.sin(row[12]), math.cos(row[12]),
    )  # fmt: skip
    reach = 1 if min(tall, broad) >= 20.0 else 0
    for cv in range(max(cell_v - reach, 0), min(cell_v + reach, h - 1) + 1):
        for cu in range(max(cell_u - reach, 0), min(cell_u + reach, w - 1) + 1):
            middle_u, middle_v = (cu + 0.5) * STRIDE - 0.5, (cv + 0.5) * STRIDE - 0.5
            regression[0, cv, cu] = (row[5] - middle_u) / OFFSET_PX
            regression[1, cv, cu] = (row[6] - middle_v) / OFFSET_PX
            regression[2, cv, cu] = values[0]
            regression[3, cv, cu] = (row[8] - middle_v) / OFFSET_PX
            regression[4:9, cv, cu] = values[1:]
            regression[9, cv, cu] = 1.0 if (cu, cv) == (cell_u, cell_v) else 0.4


def _paint_light(row: Floats, heat: Floats32, regression: Floats32) -> None:
    """Lights use the depth and offset of the same grid; their other numbers are not learned (weight negative)."""
    h, w = heat.shape[1:]
    u, v = int(row[1] / STRIDE), int(row[2] / STRIDE)
    if not (0 <= u < w and 0 <= v < h):
        return
    _bump(heat[len(OBJECTS) + int(row[0])], u, v, 0.8, 0.8)
    regression[0, v, u] = (row[1] - (u + 0.5) * STRIDE + 0.5) / OFFSET_PX
    regression[1, v, u] = (row[2] - (v + 0.5) * STRIDE + 0.5) / OFFSET_PX
    regression[2, v, u] = math.log(row[3] / row[4] * FOCAL_PX / DEPTH_M)
    regression[9, v, u] = -1.0


def _bump(plane: Floats32, u: int, v: int, spread_u: float, spread_v: float) -> None:
    """A Gaussian of height 1 at a cell, the larger value winning where two meet."""
    reach_u, reach_v = int(3.0 * spread_u), int(3.0 * spread_v)
    u0, u1 = max(u - reach_u, 0), min(u + reach_u + 1, plane.shape[1])
    v0, v1 = max(v - reach_v, 0), min(v + reach_v + 1, plane.shape[0])
    across = np.exp(-0.5 * ((np.arange(u0, u1) - u) / spread_u) ** 2)
    down = np.exp(-0.5 * ((np.arange(v0, v1) - v) / spread_v) ** 2)
    part = plane[v0:v1, u0:u1]
    np.maximum(part, np.outer(down, across).astype(np.float32), out=part)


def _horizon_grid(answer: Answer, h: int, w: int) -> Floats32:
    away = answer.horizon[None, :w] - (np.arange(h)[:, None] * STRIDE + 1.5)
    return np.stack((away / OFFSET_PX, np.abs(away) < HORIZON_REACH_PX)).astype(np.float32)


def _mark_grids(answer: Answer, h: int, w: int) -> tuple[Floats32, Floats32]:
    """Where lines cross the middle of each grid row, with the column's distance from the cell."""
    marks, offset = np.zeros((len(MARKS), h, w), np.float32), np.zeros((2, h, w), np.float32)
    table = np.ascontiguousarray(answer.marks[np.argsort(answer.marks[:, 0], kind="stable")])
    _cross_rows(table, marks, offset)
    return marks, offset


@njit(cache=True)
def _cross_rows(table, marks, offset):  # type: ignore[no-untyped-def]
    """Fill both grids from the points of lines, one after the other (columns line, u, v, class)."""
    h, w = offset.shape[1], offset.shape[2]
    for k in range(len(table) - 1):
        du, dv = table[k + 1, 1] - table[k, 1], table[k + 1, 2] - table[k, 2]
        if table[k, 0] != table[k + 1, 0] or abs(du) >= STEEPEST * abs(dv) or abs(du) + abs(dv) >= 60.0:
            continue
        low, high = min(table[k, 2], table[k + 1, 2]), max(table[k, 2], table[k + 1, 2])
        for row in range(max(math.ceil((low - 1.5) / STRIDE), 0), min(math.floor((high - 1.5) / STRIDE), h - 1) + 1):
            u = table[k, 1] + (row * STRIDE + 1.5 - table[k, 2]) / dv * du
            column = math.floor((u + 0.5) / STRIDE)
            for c in range(max(column - 1, 0), min(column + 2, w)):
                away = u - ((c + 0.5) * STRIDE - 0.5)
                if c == column:
                    marks[int(table[k, 3]), row, c] = 1.0
                if offset[1, row, c] == 0.0 or abs(away) < abs(offset[0, row, c]) * OFFSET_PX:
                    offset[0, row, c], offset[1, row, c] = away / OFFSET_PX, 1.0
