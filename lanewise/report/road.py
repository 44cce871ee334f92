"""The road as it is drawn: surfaces, paint, kerbs, lane middles, signs and lights near a drive, from the lane map.

In: a lane map and the points of a drive, world; the states of its lights. Out: `Road`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bus.messages import LightState
from geometry.angles import Floats
from lanewise.report.scene import LineStyle, Road, RoadLine, RoadSignal, RoadSurface, SignalKind, SurfaceKind
from maps.dashes import with_dashes
from maps.lane_map import LaneMap, MapSignal, MarkSpan
from maps.road_model import DRIVABLE_KINDS, Dashes
from maps.signal_meaning import Rank, is_traffic_light, rank_of

REACH_M = 220.0
"""Lanes are drawn as far as this from the points of the drive."""

_WALKS = ("sidewalk", "walking", "shared", "biking")
_SHOULDERS = ("shoulder", "stop", "border", "parking", "restricted")
_BROKEN = ("broken", "botts dots")
_DOUBLE = ("solid solid", "solid broken", "broken solid", "broken broken")
_DOUBLE_GAP_M = 0.12
_DOTS = Dashes(0.3, 0.9, 0.0)
"""Botts' dots have no lengths."""
_STOP_WIDTH_M = 0.4
_SPEED_LIMIT = "274"
_BY_RANK = {
    Rank.STOP: SignalKind.STOP, Rank.YIELD: SignalKind.YIELD, Rank.PRIORITY: SignalKind.PRIORITY,
    Rank.NONE: SignalKind.SIGN,
}  # fmt: skip


LightTimes = Sequence[tuple[float, Mapping[str, LightState]]]
"""States of the lights by the map's ids, and the times from which they hold."""


def road_around(lane_map: LaneMap, points: Floats, lights: LightTimes = ()) -> Road:
    """What lies within `REACH_M` of points of shape (T, 2); where the map says no dashes, the usual ones are drawn."""
    lane_map = with_dashes(lane_map)
    low, high = points.min(axis=0) - REACH_M, points.max(axis=0) + REACH_M
    surfaces: list[RoadSurface] = []
    lines: list[RoadLine] = []
    for lane in _lanes_in(lane_map, low, high):
        rows = _rows_in(lane_map, lane, low, high)
        left, right = lane_map.left_points[rows], lane_map.right_points[rows]
        if len(left) < 2:
            continue
        kind = _surface_kind(lane_map.kinds[lane])
        surfaces.append(RoadSurface(kind, (np.concatenate((left, right[::-1])),)))
        lines += _paint(lane_map, lane, rows)
        if lane_map.kinds[lane] in DRIVABLE_KINDS:
            lines.append(RoadLine(LineStyle.CENTRE, lane_map.centre_points[rows], width_m=0.05))
    surfaces += [RoadSurface(SurfaceKind.CROSSING, (crossing.polygon,)) for crossing in lane_map.crossings]
    lines += _stop_lines(lane_map, low, high)
    order = list(SurfaceKind)
    signals = tuple(
        _signal(signal, lights)
        for signal in lane_map.signals
        if low[0] <= signal.x_m <= high[0] and low[1] <= signal.y_m <= high[1]
    )
    return Road(tuple(sorted(surfaces, key=lambda surface: order.index(surface.kind))), tuple(lines), signals)


def _signal(signal: MapSignal, lights: LightTimes) -> RoadSignal:
    if is_traffic_light(signal):
        states = [(t_s, known[signal.id].name.lower()) for t_s, known in lights if signal.id in known]
        changes = [item for i, item in enumerate(states) if i == 0 or item[1] != states[i - 1][1]]
        return RoadSignal(SignalKind.LIGHT, signal.x_m, signal.y_m, signal.id, tuple(changes))
    limit = signal.kind.split("-")[0] == _SPEED_LIMIT and signal.value is not None
    kind = SignalKind.LIMIT if limit else _BY_RANK[rank_of(signal)]
    return RoadSignal(kind, signal.x_m, signal.y_m, f"{signal.value:g}" if limit else signal.kind)


def _lanes_in(lane_map: LaneMap, low: Floats, high: Floats) -> Iterator[int]:
    for lane in range(lane_map.size):
        points = lane_map.centre_points[lane_map.rows(lane)]
        if (points.max(axis=0) >= low).all() and (points.min(axis=0) <= high).all():
            yield lane


def _rows_in(lane_map: LaneMap, lane: int, low: Floats, high: Floats) -> slice:
    """The stretch of a lane's rows from the first to the last one inside, and one more on both sides."""
    rows = lane_map.rows(lane)
    points = lane_map.centre_points[rows]
    inside = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
    if not len(inside):
        return rows
    return slice(rows.start + max(int(inside[0]) - 1, 0), min(rows.start + int(inside[-1]) + 2, rows.stop))


def _surface_kind(kind: str) -> SurfaceKind:
    if kind in DRIVABLE_KINDS and kind != "stop":
        return SurfaceKind.LANE
    if kind in _WALKS:
        return SurfaceKind.WALK
    return SurfaceKind.SHOULDER if kind in _SHOULDERS else SurfaceKind.VERGE


def _paint(lane_map: LaneMap, lane: int, rows: slice) -> Iterator[RoadLine]:
    """The marks of a lane that no other lane draws: its right edge, and the left one where nobody lies to the left."""
    sides = [(lane_map.right_points[rows], lane_map.right_marks[lane])]
    # On the left the neighbour's right edge is the same paint; opposite lanes share their left edges.
    opposite = int(lane_map.opposite_neighbour[lane])
    if lane_map.left_neighbour[lane] < 0 and (opposite < 0 or opposite > lane):
        sides.append((lane_map.left_points[rows], lane_map.left_marks[lane]))
    s_m = lane_map.s_m[rows]
    for edge, spans in sides:
        ends = (*(later.s_m for later in spans[1:]), math.inf)
        for span, end in zip(spans, ends, strict=False):  # an edge without marks has no span
            yield from _span_lines(edge, s_m, span, end)


def _span_lines(edge: Floats, s_m: Floats, span: MarkSpan, end_m: float) -> Iterator[RoadLine]:
    first, last = max(span.s_m, float(s_m[0])), min(end_m, float(s_m[-1]))
    if span.kind == "none" or last - first < 0.05:
        return
    inner = s_m[(s_m > first + 1e-6) & (s_m < last - 1e-6)]
    stations = np.array([first, *inner, last])
    points = np.stack([np.interp(stations, s_m, edge[:, axis]) for axis in range(2)], axis=-1)
    if np.hypot(*np.ptp(points, axis=0)) < 0.05:
        return
    width_m = span.width_m if span.width_m > 0.0 else 0.12
    color = "white" if span.color in ("standard", "") else span.color
    pattern = span.dashes or _DOTS
    dashes = replace(pattern, at_m=pattern.at_m - first)
    if span.kind in _DOUBLE:
        for part, shift in zip(span.kind.split(), (0.5, -0.5), strict=True):
            beside = _shifted(points, shift * (_DOUBLE_GAP_M + width_m))
            yield RoadLine(LineStyle(part), beside, color, width_m, dashes if part == "broken" else None)
    elif span.kind in ("curb", "grass", "edge"):
        yield RoadLine(LineStyle.EDGE, points, color, 0.12)
    else:
        broken = span.kind in _BROKEN
        style = LineStyle.BROKEN if broken else LineStyle.SOLID
        yield RoadLine(style, points, color, width_m, dashes if broken else None)


def _shifted(points: Floats, left_m: float) -> Floats:
    along = np.gradient(points, axis=0)
    normal = np.stack((-along[:, 1], along[:, 0]), axis=-1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    shifted: Floats = points + left_m * normal
    return shifted


def _stop_lines(lane_map: LaneMap, low: Floats, high: Floats) -> Iterator[RoadLine]:
    for stop in lane_map.stop_lines:
        rows = lane_map.rows(stop.lane)
        s_m = lane_map.s_m[rows]
        ends = np.array([
            [np.interp(stop.s_m, s_m, edge[rows, axis]) for axis in range(2)]
            for edge in (lane_map.left_points, lane_map.right_points)
        ])  # fmt: skip
        if (ends >= low).all() and (ends <= high).all() and np.hypot(*(ends[0] - ends[1])) > 0.1:
            yield RoadLine(LineStyle.STOP, ends, width_m=_STOP_WIDTH_M)
