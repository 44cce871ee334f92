"""From the net's drivable surface to the road's edges in `ego`: where the surface that the car stands on ends.

In: a grid (OUTPUTS, h, w), the camera, the objects and painted lines of the picture. Out: lines of type NONE, as points
with a lateral 1-sigma. Where something is painted nothing is said: paint tells the place better than a border of grey
and green. Bodies in front of the ground end no road.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bus.messages import MarkType
from geometry.angles import Floats
from geometry.camera import Camera
from perception.net.classes import CHANNELS, STRIDE
from perception.net.decode import Detections, Grid, boxes_px, sigmoid
from perception.net.horizon import Level, levelled
from perception.net.lane_lines import SeenLine
from perception.net.picture import margin_of

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_CELL_PX = 0.5 * STRIDE
"""The net is taught what the picture shows at this pixel of each cell."""


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """When the border of the drivable surface is an edge of the road.

    An edge has `least_points` rows over `least_m`, no more than `skipped_rows` missing between two, within `range_m`.
    It begins where it comes into the picture, within `begin_px` of its sides or its foot, and runs along the car:
    `most_slope` and `most_curvature_radpm` leave out the corners of junctions, and traced back it passes at least
    `least_aside_m` beside the camera, which upright borders of bodies do not. It turns by `bend_radpm` (1-sigma); what
    is off by more than `gate_sigma` is another border. Bodies hide `hidden_px` and `hidden_share` of their size more
    than their boxes. `sharp_px` and `least_sigma_m` are the 1-sigma of a point where the net is sure; where the surface
    ends, something may stand up (a kerb, whose face passes for road or not, as the sun will have it):
    `raised_sigma_m`. The net sees the surface end with at least `least_score`. Nearer to paint than `paint_m` no edge
    is said.
    """

    range_m: float = 25.0
    least_points: int = 6
    least_m: float = 3.0
    skipped_rows: int = 2
    begin_px: float = 60.0
    most_slope: float = 0.35
    most_curvature_radpm: float = 0.025
    least_aside_m: float = 0.8
    bend_radpm: float = 0.02
    gate_sigma: float = 3.0
    hidden_px: float = 6.0
    hidden_share: float = 0.1
    sharp_px: float = 1.0
    least_sigma_m: float = 0.04
    raised_sigma_m: float = 0.04
    least_score: float = 0.4
    paint_m: float = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class _Border:
    """One side of the surface, from near to far: K grid rows, pixels (K, 2), ground (K, 2), sigmas (K,), score (K,).

    `sigma_m` is that of each point alone, `shared_m` what pitch and a kerb move all of them by.
    """

    rows: Ints
    pixels: Floats
    ground: Floats
    sigma_m: Floats
    shared_m: Floats
    score: Floats


def decode_edges(
    grid: Grid,
    camera: Camera,
    found: Detections,
    painted: Sequence[SeenLine],
    settings: EdgeSettings = EdgeSettings(),
    level: Level | None = None,
) -> list[SeenLine]:
    """Edges of the road to the left and right in one picture, in which `found` and `painted` were seen too.

    `level` as in `decode_objects`.
    """
    level = level or levelled(grid, camera)
    camera, pitch_rad = level.camera, level.pitch_rad
    logit = grid[CHANNELS["drivable"]][0].astype(np.float64)
    hidden = hidden_cells(found, camera, logit.shape, settings)
    edges = []
    for inner, outer in _sides((logit > 0.0) | hidden, _first_row(camera, settings.range_m)):
        border = _border(logit, hidden, inner, outer, camera, pitch_rad, settings)
        edges += [
            _line(border, piece) for piece in _smooth(border, settings) if _is_edge(border, piece, camera, settings)
        ]
    return [edge for edge in edges if not _is_painted(edge, painted, settings.paint_m)]


def hidden_cells(found: Detections, camera: Camera, shape: tuple[int, ...], settings: EdgeSettings) -> Mask:
    """Cells (h, w) of the grid in which a body may stand before the ground: the upright box around each."""
    hidden = np.zeros(shape, dtype=bool)
    corner = np.array(margin_of(camera.height, camera.width)[::-1])
    for box in boxes_px(found, camera):
        margin = settings.hidden_px + settings.hidden_share * (box[2:] - box[:2])
        u0, v0 = np.maximum((box[:2] - margin - corner) // STRIDE, 0).astype(int)
        u1, v1 = np.maximum((box[2:] + margin - corner) // STRIDE + 1, 0).astype(int)
        hidden[v0:v1, u0:u1] = True
    return hidden


def _first_row(camera: Camera, range_m: float) -> int:
    """The uppermost row of the grid that shows ground straight ahead within a range."""
    away = math.copysign(range_m, float(camera.ego_from_camera[0, 2]))
    (pixel,), _ = camera.pixels_of(np.array([(camera.position_m[0] + away, camera.position_m[1], 0.0)]))
    top, _ = margin_of(camera.height, camera.width)
    return max(0, math.ceil((float(pixel[1]) - _CELL_PX - top) / STRIDE))


def _sides(surface: Mask, first_row: int) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
    """Cells (K, 2: row, column) inside and outside of the left and of the right border, from the lowest row upwards.

    They belong to the surface that begins in the middle of the lowest row: in each row the stretch that has most in
    common with the one below it.
    """
    width = surface.shape[1]
    rows, columns = np.nonzero(np.diff(surface[first_row:], axis=1, prepend=False, append=False))
    stretches = np.column_stack((columns[::2], columns[1::2]))
    begins = np.searchsorted(rows[::2], np.arange(len(surface) - first_row + 1))
    below = (width // 2, width // 2 + 1)
    left, right = [], []
    for row in range(len(surface) - first_row - 1, -1, -1):
        here = stretches[begins[row] : begins[row + 1]].tolist()
        common, a, b = max(((min(b, below[1]) - max(a, below[0]), a, b) for a, b in here), default=(0, 0, 0))
        if common <= 0:
            break
        below = (a, b)
        if a > 0:
            left.append((row + first_row, a, a - 1))
        if b < width:
            right.append((row + first_row, b - 1, b))
    tables = [np.array(side, dtype=np.int64).reshape(-1, 3) for side in (left, right)]
    return (tables[0][:, :2], tables[0][:, ::2]), (tables[1][:, :2], tables[1][:, ::2])


def _border(
    logit: Floats, hidden: Mask, inner: Ints, outer: Ints, camera: Camera, pitch_rad: float, settings: EdgeSettings
) -> _Border:
    """One side as points on the ground, without those at bodies, those that are unsure and those too far away."""
    (rows, u), away = inner.T, outer[:, 1] - inner[:, 1]
    on, off = (np.clip(column, 0, logit.shape[1] - 1) for column in (u - away, u + 2 * away))
    score = sigmoid(logit[rows, on]) - sigmoid(logit[rows, off])
    step = logit[rows, u] - logit[rows, u + away]
    column = u + away * logit[rows, u] / np.where(step > 0.0, step, 1.0)
    top, left = margin_of(camera.height, camera.width)
    pixels = np.column_stack((column * STRIDE + _CELL_PX + left, rows * STRIDE + _CELL_PX + top))
    ground = camera.ground_at(pixels)
    ahead, aside = np.abs(ground - camera.position_m[:2]).T
    far = np.hypot(ahead, aside)
    kept = (far < settings.range_m) & (score > settings.least_score) & ~hidden[rows, u] & ~hidden[rows, u + away]
    blur_px = settings.sharp_px * np.maximum(1.0, 4.0 / np.where(step > 0.0, step, 1.0))
    sigma = np.hypot(blur_px * far / camera.focal_px, settings.least_sigma_m)
    shared = aside / camera.position_m[2] * np.hypot(pitch_rad * far, settings.raised_sigma_m)
    return _Border(rows[kept], pixels[kept], ground[kept], sigma[kept], shared[kept], score[kept])


def _smooth(border: _Border, settings: EdgeSettings) -> Iterator[Ints]:
    """Indices of the points of each piece that goes on as it began, from near to far.

    A Kalman filter along x for offset and slope; a point outside its gate is left out, and the piece ends when too many
    rows in a row are.
    """
    rows, variances = border.rows.tolist(), (border.sigma_m**2).tolist()
    x, y = border.ground.T.tolist()
    start = 0
    while start < len(rows):
        piece = [start]
        offset, slope = y[start], 0.0
        oo, os, ss = variances[start], 0.0, 1.0
        for k in range(start + 1, len(rows)):
            if rows[piece[-1]] - rows[k] > settings.skipped_rows + 1:
                break
            dx = x[k] - x[piece[-1]]
            turned = ss + (settings.bend_radpm * dx) ** 2
            spread, with_slope = oo + 2.0 * dx * os + dx * dx * turned, os + dx * turned
            expected = spread + variances[k]
            miss = y[k] - offset - dx * slope
            if miss * miss > settings.gate_sigma**2 * expected:
                continue
            rest = variances[k] / expected
            offset, slope = y[k] - miss * rest, slope + miss * with_slope / expected
            oo, os, ss = spread * rest, with_slope * rest, turned - with_slope**2 / expected
            piece.append(k)
        yield np.array(piece)
        start = piece[-1] + 1


def _is_edge(border: _Border, piece: Ints, camera: Camera, settings: EdgeSettings) -> bool:
    """Whether a piece comes into the picture where it begins, is long enough and runs along the car."""
    u, v = border.pixels[piece[0]]
    x = np.abs(border.ground[piece, 0] - camera.position_m[0])
    y = border.ground[piece, 1] - camera.position_m[1]
    enters = min(u, camera.width - u, camera.height - v) < settings.begin_px
    if not enters or len(piece) < settings.least_points or x[-1] - x[0] < settings.least_m:
        return False
    curvature = 2.0 * np.polyfit(x, y, 2)[0]
    slope, aside = np.polyfit(x, y, 1)
    along = abs(slope) < settings.most_slope and abs(curvature) < settings.most_curvature_radpm
    return bool(along and aside * math.copysign(1.0, y[0]) > settings.least_aside_m)


def _line(border: _Border, piece: Ints) -> SeenLine:
    sigma = np.hypot(border.sigma_m[piece], border.shared_m[piece])
    return SeenLine(border.ground[piece], sigma, MarkType.NONE, float(border.score[piece].mean()))


def _is_painted(edge: SeenLine, painted: Sequence[SeenLine], paint_m: float) -> bool:
    """Whether a painted line runs along an edge."""
    for line in painted:
        order = np.argsort(line.points[:, 0])
        x, y = line.points[order].T
        gap = edge.points[:, 1] - np.interp(edge.points[:, 0], x, y, left=np.nan, right=np.nan)
        gap = gap[np.isfinite(gap)]
        if len(gap) and abs(float(np.median(gap))) < paint_m:
            return True
    return False
