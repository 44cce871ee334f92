"""From the net's mark channels to lane marks in `ego`: crossings per picture row, chained to lines, put on the ground.

In: a grid (OUTPUTS, h, w) and the camera. Out: lines as points with a lateral 1-sigma and a type.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from bus.messages import LaneMarks, MarkType
from geometry.angles import Floats
from geometry.camera import Camera
from perception.net.classes import CHANNELS, OFFSET_PX, STRIDE
from perception.net.decode import Grid, sigmoid
from perception.net.horizon import Level, levelled
from perception.net.picture import margin_of

_ALONG = 0.5
"""Cosine of the most that a camera may look aside and still look along the car."""
TYPES = (MarkType.SOLID, MarkType.BROKEN, MarkType.OTHER)


@dataclass(frozen=True, slots=True)
class LineSettings:
    """When a cell is a line, and when crossings of neighbouring rows belong together."""

    least_score: float = 0.35
    reach_px: float = 10.0
    skipped_rows: int = 4
    least_points: int = 5
    range_m: float = 70.0
    nearest_m: float = 1.0
    least_sigma_m: float = 0.02


@dataclass(slots=True)
class _Chain:
    """A line while it is followed up the picture: rows (u, v, score per type, sigma in px).

    `vanishing` (u, v) is where lines along the car meet: a line that has just begun is expected to run there. The lines
    of neighbouring lanes run many columns per row, so that they cannot be followed from straight below.
    """

    vanishing: tuple[float, float] | None
    points: list[tuple[float, float]] = field(default_factory=list)
    votes: list[Floats] = field(default_factory=list)
    sigma_px: list[float] = field(default_factory=list)

    def expected(self, v: float) -> float:
        """Column at row v, going on as before."""
        u, last = self.points[-1]
        if len(self.points) < 4:
            if self.vanishing is None or last <= self.vanishing[1] + STRIDE:
                return u
            return u + (self.vanishing[0] - u) * (last - v) / (last - self.vanishing[1])
        before_u, before = self.points[-4]
        return u + (v - last) * (u - before_u) / (last - before)


@dataclass(frozen=True, slots=True, eq=False)
class SeenLine:
    """One line: points (K, 2) in `ego`, lateral sigma (K,), type and score."""

    points: Floats
    sigma_m: Floats
    type: MarkType
    score: float


def decode_lines(
    grid: Grid, camera: Camera, settings: LineSettings = LineSettings(), level: Level | None = None
) -> list[SeenLine]:
    """Lines of one picture; `level` as in `decode_objects`."""
    score = sigmoid(grid[CHANNELS["marks"]])
    away, log_scale = grid[CHANNELS["mark_offset"]].astype(np.float64)
    best = score.max(axis=0)
    top, left = margin_of(camera.height, camera.width)
    level = level or levelled(grid, camera)
    camera, pitch_rad = level.camera, level.pitch_rad
    vanishing = _vanishing_point(camera)
    chains: list[_Chain] = []
    for row in range(best.shape[0] - 1, -1, -1):
        v = row * STRIDE + 1.5 + top
        for column in _maxima(best[row], settings.least_score):
            u = (column + 0.5) * STRIDE - 0.5 + left + OFFSET_PX * float(away[row, column])
            chain = _nearest(chains, u, v, settings)
            if chain is None:
                chain = _Chain(vanishing)
                chains.append(chain)
            chain.points.append((u, v))
            chain.votes.append(score[:, row, column])
            chain.sigma_px.append(OFFSET_PX * math.sqrt(2.0) * math.exp(min(max(log_scale[row, column], -5.0), 3.0)))
    lines = [
        _on_ground(chain, camera, pitch_rad, settings) for chain in chains if len(chain.points) >= settings.least_points
    ]
    return [line for line in lines if line is not None]


def looks_along(camera: Camera) -> bool:
    """Whether a camera looks ahead or back rather than to the side."""
    return abs(float(camera.ego_from_camera[0, 2])) > _ALONG


def _vanishing_point(camera: Camera) -> tuple[float, float] | None:
    """Pixel of the direction along the car, ahead or back; None for cameras that look to the side."""
    if not looks_along(camera):
        return None
    axis = float(camera.ego_from_camera[0, 2])
    far = camera.position_m + np.array([math.copysign(1e6, axis), 0.0, 0.0])
    (u, v), _ = (item[0] for item in camera.pixels_of(far[None]))
    return float(u), float(v)


def _maxima(row: Floats, least: float) -> list[int]:
    """Columns that are higher than their neighbours."""
    padded = np.concatenate(([0.0], row, [0.0]))
    return [int(c) for c in np.flatnonzero((row > least) & (row >= padded[:-2]) & (row > padded[2:]))]


def _nearest(chains: list[_Chain], u: float, v: float, settings: LineSettings) -> _Chain | None:
    """The chain that this crossing goes on, None if it begins one."""
    best, found = settings.reach_px, None
    for chain in chains:
        last = chain.points[-1][1]
        if 0.0 < last - v <= STRIDE * settings.skipped_rows and abs(chain.expected(v) - u) < best:
            best, found = abs(chain.expected(v) - u), chain
    return found


def _on_ground(chain: _Chain, camera: Camera, pitch_rad: float, settings: LineSettings) -> SeenLine | None:
    pixels = np.array(chain.points)
    ground = camera.ground_at(pixels)
    far = np.hypot(ground[:, 0] - camera.position_m[0], ground[:, 1] - camera.position_m[1])
    kept = np.isfinite(far) & (far < settings.range_m) & (far > settings.nearest_m)
    if int(kept.sum()) < settings.least_points:
        return None
    votes = np.array(chain.votes)[kept]
    sigma = np.array(chain.sigma_px)[kept] * far[kept] / camera.focal_px
    points = ground[kept]
    # Pitch moves points along the line of sight; where the line is not radial this shows sideways too.
    step = np.gradient(points, axis=0)
    heading = np.arctan2(step[:, 1], step[:, 0])
    sight = np.arctan2(points[:, 1] - camera.position_m[1], points[:, 0] - camera.position_m[0])
    slide = far[kept] ** 2 / camera.position_m[2] * pitch_rad * np.abs(np.sin(sight - heading))
    total = np.maximum(np.hypot(sigma, slide), settings.least_sigma_m)
    kind = TYPES[int(votes.sum(axis=0).argmax())]
    return SeenLine(points, total, kind, float(votes.max(axis=1).mean()))


def message_of(lines: list[SeenLine]) -> LaneMarks:
    """The lines as the bus carries them."""
    return LaneMarks(
        start=np.cumsum([0, *(len(line.points) for line in lines)]),
        xy_m=np.concatenate([*(line.points for line in lines), np.zeros((0, 2))]),
        sigma_m=np.concatenate([*(line.sigma_m for line in lines), np.zeros(0)]),
        types=np.array([int(line.type) for line in lines], dtype=np.int64),
        score=np.array([line.score for line in lines], dtype=np.float64),
    )
