"""The painted lines and road edges of a lane map as one set of typed segments, and what of them lies around a pose.

In: a lane map (world, m). Out: segments in `world`, each line once although two lanes share it, and for a pose the
lateral positions at which the lines cross given stations ahead (ego frame). Used by what sees lines and by what
compares seen lines with the map, so that both mean the same by a line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bus.messages import MarkType
from geometry.angles import Floats
from geometry.pose import Pose
from maps.lane_map import LaneMap, MarkSpan
from maps.road_model import ASPHALT_KINDS, Dashes

Ints = NDArray[np.int64]

PIECE_M = 50.0
"""A piece is the longest stretch of one line that is kept or lost, moved or repainted as one."""
_CELL_M = 25.0
_KEY = 1 << 20
MOST_LINES, MOST_CROSSINGS = 64, 32
"""Lines in one view, and crossings of one station; further ones are not looked at."""
_STEEPEST = 1.0
"""Lines that cross the view at more than 45 degrees belong to another road."""
_LINK_M = 0.8
"""How far a line may leave its own extrapolation between two stations."""
_MERGE_M = 0.2
"""Lines closer together than this are one: lanes of a junction that lie upon each other."""
_STRIP_M = 0.4
"""An edge nearer to paint than this is not told from it."""

_TYPES: Mapping[str, MarkType] = MappingProxyType({
    "solid": MarkType.SOLID,
    "broken": MarkType.BROKEN,
    "solid solid": MarkType.SOLID_SOLID,
    "solid broken": MarkType.SOLID_BROKEN,
    "broken solid": MarkType.BROKEN_SOLID,
    "broken broken": MarkType.BROKEN_BROKEN,
    "botts dots": MarkType.BROKEN,
    "custom": MarkType.OTHER,
})  # fmt: skip
_NEW, _KNOWN = -1, -2
_SOLID_BROKEN, _BROKEN_SOLID = int(MarkType.SOLID_BROKEN), int(MarkType.BROKEN_SOLID)
_EDGES = frozenset({"none", "grass", "curb", "edge"})
"""Kinds that are no paint; at the outside of the road they are its edge."""
_MIRRORED = {MarkType.SOLID_BROKEN: MarkType.BROKEN_SOLID, MarkType.BROKEN_SOLID: MarkType.SOLID_BROKEN}


@dataclass(frozen=True, slots=True, eq=False)
class MarkLines:
    """R segments from `ends[:, :2]` to `ends[:, 2:]` in `world`, in the travel direction of the lane they belong to.

    `types` (R,) holds MarkType as seen in that direction, NONE where the asphalt ends without paint; `pieces` (R,)
    numbers the stretches. `dashes` (R, 4) says of a single broken line how far a segment's begin and end lie beyond the
    begin of some dash, the dash's length and the pattern's period, which is 0 where dashes are not known. `cell_keys`
    (C,), `cell_starts` (C + 1,) and `cell_rows` index the segments by cells of 25 m.
    """

    ends: Floats
    types: Ints
    pieces: Ints
    dashes: Floats
    cell_keys: Ints
    cell_starts: Ints
    cell_rows: Ints

    @staticmethod
    def of(ends: Floats, types: Ints, pieces: Ints, dashes: Floats | None = None) -> MarkLines:
        """Index segments (R, 4) with types and pieces (R,), and dashes (R, 4) where they are known."""
        ends = np.ascontiguousarray(ends, dtype=np.float64).reshape(-1, 4)
        dashes = np.zeros((len(ends), 4)) if dashes is None else np.asarray(dashes, dtype=np.float64).reshape(-1, 4)
        keys, rows = _cells_of(ends)
        order = np.lexsort((rows, keys))
        unique, first = np.unique(keys[order], return_index=True)
        starts = np.concatenate((first, [len(keys)])).astype(np.int64)
        return MarkLines(ends, types.astype(np.int64), pieces.astype(np.int64), dashes, unique, starts, rows[order])

    @property
    def size(self) -> int:
        """The number of segments."""
        return len(self.types)

    @property
    def piece_count(self) -> int:
        """The number of pieces."""
        return int(self.pieces.max()) + 1 if self.size else 0

    def near(self, low: Floats, high: Floats) -> Ints:
        """Rows of the segments whose cells a box from `low` to `high` (2,) in `world` touches."""
        a, b = np.floor(low / _CELL_M).astype(np.int64), np.floor(high / _CELL_M).astype(np.int64)
        keys = (np.arange(a[0], b[0] + 1)[:, None] * _KEY + np.arange(a[1], b[1] + 1)[None, :]).ravel()
        at = np.searchsorted(self.cell_keys, keys)
        known = at < len(self.cell_keys)
        at = at[known][self.cell_keys[at[known]] == keys[known]]
        parts = [self.cell_rows[self.cell_starts[k] : self.cell_starts[k + 1]] for k in at.tolist()]
        return np.unique(np.concatenate([*parts, np.zeros(0, dtype=np.int64)]))


@dataclass(frozen=True, slots=True, eq=False)
class LineView:
    """L lines seen from a pose at K stations ahead: `y_m` (L, K) to the left in `ego`, NaN where a line is not.

    `slope` (L, K) is the line's own dy/dx there.
    """

    x_m: Floats
    y_m: Floats
    slope: Floats
    types: Ints
    pieces: Ints
    """Shape (L,): the piece of the line's nearest point."""


def mark_lines(lane_map: LaneMap) -> MarkLines:
    """The lines of all lanes of asphalt, each once, and where the asphalt ends if nothing is painted there."""
    ends: list[Floats] = []
    types: list[Ints] = []
    pieces: list[Ints] = []
    dashes: list[Floats] = []
    for piece, stretch in enumerate(_stretches(lane_map)):
        points, count = stretch.points, len(stretch.points) - 1
        ends.append(np.concatenate((points[:-1], points[1:]), axis=1))
        types.append(np.full(count, stretch.type, dtype=np.int64))
        pieces.append(np.full(count, piece, dtype=np.int64))
        dashes.append(_dashes_of(stretch))
    if not ends:
        return MarkLines.of(np.empty((0, 4)), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    return MarkLines.of(np.concatenate(ends), np.concatenate(types), np.concatenate(pieces), np.concatenate(dashes))


def view_from(lines: MarkLines, world_from_ego: Pose, stations_m: Floats, reach_m: float) -> LineView:
    """The lines that cross stations (K,) ahead of the pose within `reach_m` to either side."""
    stations = np.ascontiguousarray(stations_m, dtype=np.float64)
    count = len(stations)
    y, slope = np.empty((MOST_LINES, count)), np.empty((MOST_LINES, count))
    kinds, pieces = np.empty(MOST_LINES, dtype=np.int64), np.empty(MOST_LINES, dtype=np.int64)
    offsets, slopes = np.empty((count, MOST_CROSSINGS)), np.empty((count, MOST_CROSSINGS))
    pose = np.array((world_from_ego.x_m, world_from_ego.y_m, world_from_ego.yaw_rad))
    count = trace_lines(
        lines.ends, lines.types, lines.pieces, lines.cell_keys, lines.cell_starts, lines.cell_rows,
        pose, stations, reach_m, y, slope, kinds, pieces,
        np.empty(count, dtype=np.int64), offsets, slopes, np.empty((count, MOST_CROSSINGS), dtype=np.int64),
    )  # fmt: skip
    return LineView(stations, y[:count].copy(), slope[:count].copy(), kinds[:count].copy(), pieces[:count].copy())


# --- from lanes to lines ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Stretch:
    """A piece of a line: points (K, 2) at arc lengths `s_m` (K,) of its lane."""

    points: Floats
    s_m: Floats
    type: MarkType
    dashes: Dashes | None


def _dashes_of(stretch: _Stretch) -> Floats:
    """Rows of `MarkLines.dashes` (K - 1, 4)."""
    rows = np.zeros((len(stretch.points) - 1, 4))
    pattern = stretch.dashes
    if pattern is not None and stretch.type == MarkType.BROKEN:
        beyond = stretch.s_m - pattern.at_m
        rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] = beyond[:-1], beyond[1:], pattern.dash_m, pattern.period_m
    return rows


def _stretches(lane_map: LaneMap) -> Iterator[_Stretch]:
    """Each piece of each line."""
    for lane in range(lane_map.size):
        if not _is_asphalt(lane_map, lane):
            continue
        s_m = lane_map.s_m[lane_map.rows(lane)]
        right = _is_asphalt(lane_map, int(lane_map.right_neighbour[lane]))
        edge = not right and _ends_bare(lane_map, lane, lane_map.left_marks[lane])
        yield from _side(lane_map, lane_map.right_edge(lane), s_m, lane_map.right_marks[lane], edge)
        opposite = int(lane_map.opposite_neighbour[lane])
        shared = 0 <= opposite < lane and _is_asphalt(lane_map, opposite)
        if not _is_asphalt(lane_map, int(lane_map.left_neighbour[lane])) and not shared:
            edge = not _is_asphalt(lane_map, opposite) and _ends_bare(lane_map, lane, lane_map.right_marks[lane])
            yield from _side(lane_map, lane_map.left_edge(lane), s_m, lane_map.left_marks[lane], edge)


def _is_asphalt(lane_map: LaneMap, lane: int) -> bool:
    return lane >= 0 and lane_map.kinds[lane] in ASPHALT_KINDS


def _ends_bare(lane_map: LaneMap, lane: int, inner_marks: Sequence[MarkSpan]) -> bool:
    """Whether the outside of an outermost lane is an edge that is seen as such: not in a junction, where lanes lie upon
    each other, and not a strip beyond paint that is too narrow to be told from it."""
    if lane_map.junction[lane]:
        return False
    width_m = np.hypot(*(lane_map.left_edge(lane) - lane_map.right_edge(lane)).T)
    painted = any(_type_of(span.kind, lane_map.right_hand) is not None for span in inner_marks)
    return not painted or float(np.median(width_m)) > _STRIP_M


def _side(
    lane_map: LaneMap, points: Floats, s_m: Floats, spans: Sequence[MarkSpan], is_road_edge: bool
) -> Iterator[_Stretch]:
    """Pieces of one edge of a lane."""
    length = float(s_m[-1])
    told = list(spans) or [MarkSpan(0.0, "none", "", 0.0)]
    ends = [span.s_m for span in told[1:]] + [length]
    for span, end in zip(told, ends, strict=True):
        kind = _type_of(span.kind, lane_map.right_hand)
        if kind is None and not is_road_edge:
            continue
        begin = max(span.s_m, 0.0)
        count = max(1, math.ceil((end - begin) / PIECE_M))
        cuts = np.linspace(begin, end, count + 1)
        for first, last in pairwise(cuts.tolist()):
            if last - first > 0.1:
                yield _cut(points, s_m, first, last, kind or MarkType.NONE, span.dashes)


def _type_of(kind: str, right_hand: bool) -> MarkType | None:
    """The type as the driver sees it; None for what is no paint. The format names double marks from inside out."""
    if kind in _EDGES:
        return None
    found = _TYPES.get(kind, MarkType.OTHER)
    return found if right_hand else _MIRRORED.get(found, found)


def _cut(points: Floats, s_m: Floats, first_m: float, last_m: float, kind: MarkType, dashes: Dashes | None) -> _Stretch:
    inner = (s_m > first_m + 1e-6) & (s_m < last_m - 1e-6)
    ends = [[np.interp(at, s_m, points[:, 0]), np.interp(at, s_m, points[:, 1])] for at in (first_m, last_m)]
    line = np.concatenate((ends[:1], points[inner], ends[1:]))
    return _Stretch(line, np.concatenate(([first_m], s_m[inner], [last_m])), kind, dashes)


def _cells_of(ends: Floats) -> tuple[Ints, Ints]:
    """Keys of the cells that the box of each segment covers, with the segment's row, shape (M,) each."""
    low = np.floor(np.minimum(ends[:, :2], ends[:, 2:]) / _CELL_M).astype(np.int64)
    high = np.floor(np.maximum(ends[:, :2], ends[:, 2:]) / _CELL_M).astype(np.int64)
    pairs = [
        (ix * _KEY + iy, row)
        for row in range(len(ends))
        for ix in range(low[row, 0], high[row, 0] + 1)
        for iy in range(low[row, 1], high[row, 1] + 1)
    ]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])


# --- the compiled view ------------------------------------------------------------------------------------------------


@njit(cache=True)
def trace_lines(  # type: ignore[no-untyped-def]
    ends, types, pieces, cell_keys, cell_starts, cell_rows, pose, stations, reach,
    out_y, out_slope, out_types, out_pieces, found, offsets, slopes, rows,
):  # fmt: skip
    """Fill `out_y` and `out_slope` (L, K), `out_types` and `out_pieces` (L,) around a pose (x, y, yaw); returns L.

    A line is followed from station to station as long as it stays on its extrapolation, whatever pieces it is made of.
    The last four, (K,) and (K, MOST_CROSSINGS), are scratch.
    """
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    far, near = stations[-1], stations[0]
    radius = math.hypot(0.5 * (far - near) + 1.0, reach + 1.0)
    middle = 0.5 * (far + near)
    cx, cy = pose[0] + cos * middle, pose[1] + sin * middle
    _crossings(
        ends, cell_keys, cell_starts, cell_rows, pose, cos, sin, stations, reach, cx, cy, radius,
        found, offsets, slopes, rows,
    )  # fmt: skip
    count = 0
    for k in range(len(stations)):
        for i in range(found[k]):
            y, incline, row = offsets[k, i], slopes[k, i], rows[k, i]
            line = _line_for(out_y, out_slope, count, stations, k, y, incline)
            if line == _KNOWN or (line == _NEW and count == len(out_types)):
                continue
            if line == _NEW:
                line = count
                count += 1
                for station in range(len(stations)):
                    out_y[line, station] = math.nan
                # seen against the lane's direction, a double mark is mirrored
                along = (ends[row, 2] - ends[row, 0]) * cos + (ends[row, 3] - ends[row, 1]) * sin
                mirrored = along < 0.0 and (types[row] == _SOLID_BROKEN or types[row] == _BROKEN_SOLID)
                out_types[line] = _SOLID_BROKEN + _BROKEN_SOLID - types[row] if mirrored else types[row]
                out_pieces[line] = pieces[row]
            out_y[line, k] = y
            out_slope[line, k] = incline
    return count


@njit(cache=True)
def _line_for(out_y, out_slope, count, stations, k, y, incline):  # type: ignore[no-untyped-def]
    """The line that a crossing (y, incline) at station k goes on with; _NEW if none, _KNOWN if one is there already."""
    best, gap = _NEW, _LINK_M
    for line in range(count):
        if not math.isnan(out_y[line, k]):
            if abs(out_y[line, k] - y) < _MERGE_M:
                return _KNOWN
            continue
        if k == 0 or math.isnan(out_y[line, k - 1]):
            continue
        ahead = 0.5 * (out_slope[line, k - 1] + incline) * (stations[k] - stations[k - 1])
        miss = abs(out_y[line, k - 1] + ahead - y)
        if miss < gap:
            best, gap = line, miss
    return best


@njit(cache=True)
def _crossings(  # type: ignore[no-untyped-def]
    ends, cell_keys, cell_starts, cell_rows, pose, cos, sin, stations, reach, cx, cy, radius,
    found, offsets, slopes, rows,
):  # fmt: skip
    """Where segments near (cx, cy) cross the stations: counts (K,), offsets, slopes and rows (K, MOST_CROSSINGS)."""
    most = offsets.shape[1]
    for k in range(len(stations)):
        found[k] = 0
    x0, x1 = math.floor((cx - radius) / _CELL_M), math.floor((cx + radius) / _CELL_M)
    y0, y1 = math.floor((cy - radius) / _CELL_M), math.floor((cy + radius) / _CELL_M)
    for ix in range(x0, x1 + 1):
        for iy in range(y0, y1 + 1):
            key = ix * _KEY + iy
            at = _index_of(cell_keys, key)
            if at < 0:
                continue
            for item in range(cell_starts[at], cell_starts[at + 1]):
                row = cell_rows[item]
                ax = cos * (ends[row, 0] - pose[0]) + sin * (ends[row, 1] - pose[1])
                bx = cos * (ends[row, 2] - pose[0]) + sin * (ends[row, 3] - pose[1])
                ay = cos * (ends[row, 1] - pose[1]) - sin * (ends[row, 0] - pose[0])
                by = cos * (ends[row, 3] - pose[1]) - sin * (ends[row, 2] - pose[0])
                if max(ax, bx) < stations[0] or min(ax, bx) > stations[-1] or abs(by - ay) > _STEEPEST * abs(bx - ax):
                    continue
                incline = (by - ay) / (bx - ax)
                low, high = min(ax, bx), max(ax, bx)
                for k in range(len(stations)):
                    if low <= stations[k] < high and found[k] < most:
                        y = ay + incline * (stations[k] - ax)
                        if abs(y) <= reach:
                            offsets[k, found[k]] = y
                            slopes[k, found[k]] = incline
                            rows[k, found[k]] = row
                            found[k] += 1


@njit(cache=True)
def _index_of(keys, key):  # type: ignore[no-untyped-def]
    """Where a key stands among ascending ones, -1 if nowhere."""
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < len(keys) and keys[low] == key else -1
