"""The road as cameras see it: surfaces, worn patches, marks, crossings, stop lines and kerbs of a lane map.

In: a lane map. Out: flat polygons on the ground in `world`, in the order they are painted, and the mark lines that
labels are made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bus.messages import MarkType
from geometry.angles import Floats
from maps.dashes import strokes, with_dashes
from maps.lane_map import LaneMap, MarkSpan
from maps.road_model import ASPHALT_KINDS, DRIVABLE_KINDS
from sim.sensors.camera.mesh import Mesh, merged, quads
from sim.sensors.camera.raster import MARK, PAVED, ROAD

PIECE_M = 6.0
"""Surfaces and marks are cut into pieces no longer than this, which follow curves and the lens well enough."""
KERB_M = 0.12
_SHORTEST_STROKE_M = 0.3
DEFAULT_MARK_M = 0.12
DOUBLE_GAP_M = 0.12

_PAVED = frozenset({"sidewalk", "walking", "biking", "curb", "median"})
_TINTS = {"sidewalk": (150, 147, 140), "walking": (150, 147, 140), "biking": (138, 84, 72), "curb": (168, 166, 160)}
_TYPES = {
    "solid": MarkType.SOLID,
    "broken": MarkType.BROKEN,
    "solid solid": MarkType.SOLID_SOLID,
    "solid broken": MarkType.SOLID_BROKEN,
    "broken solid": MarkType.BROKEN_SOLID,
    "broken broken": MarkType.BROKEN_BROKEN,
}
_WHITE, _YELLOW = (232.0, 232.0, 226.0), (226.0, 178.0, 40.0)


@dataclass(frozen=True, slots=True, eq=False)
class MarkLine:
    """One painted line as a driver sees it: middle points (K, 2) in `world` and its type."""

    points: Floats
    type: MarkType


@dataclass(frozen=True, slots=True, eq=False)
class RoadSurface:
    """Ground polygons in painting order with their owner codes (P,), kerbs as bodies, and the lines of the marks."""

    ground: Mesh
    owners: NDArray[np.int64]
    kerbs: Mesh
    lines: tuple[MarkLine, ...]


def road_surface(lane_map: LaneMap, rng: np.random.Generator) -> RoadSurface:
    """Everything that lies on the ground of a map."""
    lane_map = with_dashes(lane_map)
    base = rng.uniform(62.0, 96.0)
    layers: list[tuple[Mesh, int]] = []
    for lane in range(lane_map.size):
        kind = lane_map.kinds[lane]
        if kind in ASPHALT_KINDS or kind in _PAVED:
            tint = _TINTS.get(kind, (base, base, base + 3.0)) if kind != "median" else (104.0, 106.0, 92.0)
            colour = np.clip(np.array(tint) + rng.normal(0.0, 2.0), 20.0, 250.0)
            layers.append((_strip(lane_map, lane, colour), ROAD if kind in ASPHALT_KINDS else PAVED))
    layers += [(patch, ROAD) for patch in _patches(lane_map, base, rng)]
    lines = []
    for lane, edge, spans in _edges(lane_map):
        for mesh, line in _marks(lane_map, lane, edge, spans, rng):
            layers.append((mesh, MARK))
            lines.append(line)
    layers += [(mesh, MARK) for mesh in _cross_marks(lane_map)]
    meshes = [mesh for mesh, _ in layers if mesh.size]
    owners = [np.full(mesh.size, owner) for mesh, owner in layers if mesh.size]
    kerbs = merged([_kerb(lane_map, lane) for lane in range(lane_map.size) if lane_map.kinds[lane] == "sidewalk"])
    return RoadSurface(merged(meshes), np.concatenate([*owners, np.zeros(0)]).astype(np.int64), kerbs, tuple(lines))


def _stations(length_m: float) -> Floats:
    return np.linspace(0.0, length_m, max(int(np.ceil(length_m / PIECE_M)), 1) + 1)


def _along(lane_map: LaneMap, lane: int, column: Floats, s_m: Floats) -> Floats:
    """Points (K, 2) of an edge at arc lengths of the lane."""
    rows = lane_map.rows(lane)
    known = lane_map.s_m[rows]
    return np.column_stack([np.interp(s_m, known, column[rows][:, k]) for k in range(2)])


def _ribbon(left: Floats, right: Floats, colour: Floats | tuple[float, float, float]) -> Mesh:
    """Quadrilaterals between two lines of K points each, on the ground."""
    corners = np.stack((right[:-1], right[1:], left[1:], left[:-1]), axis=1)
    return quads(np.concatenate((corners, np.zeros((*corners.shape[:2], 1))), axis=-1), colour)


def _strip(lane_map: LaneMap, lane: int, colour: Floats) -> Mesh:
    s = _stations(lane_map.length_m(lane))
    left, right = (_along(lane_map, lane, edge, s) for edge in (lane_map.left_points, lane_map.right_points))
    return _ribbon(left, right, colour)


def _patches(lane_map: LaneMap, base: float, rng: np.random.Generator) -> Iterator[Mesh]:
    """Repairs and wheel tracks: what keeps asphalt from looking like paint."""
    for lane in range(lane_map.size):
        length = lane_map.length_m(lane)
        if lane_map.kinds[lane] not in DRIVABLE_KINDS or length < 10.0:
            continue
        for _ in range(rng.poisson(length / 45.0)):
            s = np.sort(rng.uniform(0.0, length, 1)) + np.array([0.0, rng.uniform(0.4, 7.0)])
            left, right = (_along(lane_map, lane, edge, s) for edge in (lane_map.left_points, lane_map.right_points))
            a, b = np.sort(rng.uniform(0.05, 0.95, 2))
            tone = base * rng.uniform(0.72, 1.18)
            yield _ribbon(left + a * (right - left), left + b * (right - left), (tone, tone, tone + 2.0))


def _edges(lane_map: LaneMap) -> Iterator[tuple[int, Floats, tuple[MarkSpan, ...]]]:
    """Each painted edge once: a right edge belongs to its lane, a left one only where nobody else has it."""
    for lane in range(lane_map.size):
        yield lane, lane_map.right_points, lane_map.right_marks[lane]
        opposite = int(lane_map.opposite_neighbour[lane])
        if lane_map.left_neighbour[lane] < 0 and (opposite < 0 or opposite > lane):
            yield lane, lane_map.left_points, lane_map.left_marks[lane]


def _marks(
    lane_map: LaneMap, lane: int, edge: Floats, spans: tuple[MarkSpan, ...], rng: np.random.Generator
) -> Iterator[tuple[Mesh, MarkLine]]:
    length = lane_map.length_m(lane)
    ends = [*(span.s_m for span in spans[1:]), length][: len(spans)]
    for span, end in zip(spans, ends, strict=True):
        kind = span.kind.replace("_", " ")
        begin = max(span.s_m, 0.0)
        if kind in ("none", "curb", "grass") or end - begin < 0.5:
            continue
        width = span.width_m if span.width_m > 0.0 else DEFAULT_MARK_M
        colour = np.array(_YELLOW if span.color == "yellow" else _WHITE) * rng.uniform(0.75, 1.0)
        line = _along(lane_map, lane, edge, begin + _stations(end - begin))
        painted = kind.split(" ") if kind in _TYPES else ["solid"]
        offsets = (0.0,) if len(painted) == 1 else (0.5 * (width + DOUBLE_GAP_M), -0.5 * (width + DOUBLE_GAP_M))
        parts = []
        for stroke, offset in zip(painted, offsets, strict=True):
            for s in _strokes(span, begin, end, stroke):
                middle = _along(lane_map, lane, edge, s)
                side = _left_of(middle)
                outer, inner = middle + side * (offset + 0.5 * width), middle + side * (offset - 0.5 * width)
                worn = np.clip(colour * rng.uniform(0.88, 1.0, (len(s) - 1, 1)), 0.0, 255.0)
                parts.append(_ribbon(outer, inner, worn))
        if parts:
            yield merged(parts), MarkLine(line, _TYPES.get(kind, MarkType.OTHER))


def _strokes(span: MarkSpan, begin: float, end: float, stroke: str) -> Iterator[Floats]:
    """Arc lengths of each painted piece: all of a solid line, the dashes of a broken one."""
    if stroke != "broken" or span.dashes is None:
        yield begin + _stations(end - begin)
        return
    for a, b in strokes(span.dashes, begin, end):
        if b - a > _SHORTEST_STROKE_M:
            yield np.array([a, b])


def _left_of(points: Floats) -> Floats:
    """Unit vectors (K, 2) to the left of a line."""
    step = np.gradient(points, axis=0)
    step /= np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)[:, None]
    return np.column_stack((-step[:, 1], step[:, 0]))


def _cross_marks(lane_map: LaneMap) -> Iterator[Mesh]:
    """Stop lines across their lane, zebra stripes on crossings."""
    for stop in lane_map.stop_lines:
        s = np.array([stop.s_m - 0.4, stop.s_m])
        left, right = (_along(lane_map, stop.lane, e, s) for e in (lane_map.left_points, lane_map.right_points))
        yield _ribbon(left, right, _WHITE)
    for crossing in lane_map.crossings:
        corners = crossing.polygon[:4]
        if len(corners) < 4:
            continue
        if np.hypot(*(corners[1] - corners[0])) < np.hypot(*(corners[2] - corners[1])):
            corners = np.roll(corners, -1, axis=0)
        count = max(int(np.hypot(*(corners[1] - corners[0])) / 1.0), 1)
        for k in range(count):
            a, b = (k + 0.25) / count, (k + 0.75) / count
            near = corners[0] + np.array([[a], [b]]) * (corners[1] - corners[0])
            far = corners[3] + np.array([[a], [b]]) * (corners[2] - corners[3])
            yield _ribbon(near, far, _WHITE)


def _kerb(lane_map: LaneMap, lane: int) -> Mesh:
    """The stone between a sidewalk and the road on its left: one upright face and a narrow top."""
    s = _stations(lane_map.length_m(lane))
    edge = _along(lane_map, lane, lane_map.left_points, s)
    side = _left_of(edge)
    foot = np.column_stack((edge, np.zeros(len(s))))
    top = np.column_stack((edge, np.full(len(s), KERB_M)))
    back = np.column_stack((edge - 0.15 * side, np.full(len(s), KERB_M)))
    face = np.stack((foot[1:], foot[:-1], top[:-1], top[1:]), axis=1)
    lid = np.stack((top[1:], top[:-1], back[:-1], back[1:]), axis=1)
    return merged([quads(face, (146.0, 145.0, 140.0)), quads(lid, (172.0, 171.0, 166.0))])
