"""The dashes of broken lines: where they lie on a lane's edge, and which pattern is painted where a map says none.

In: a lane map or its lines. Out: dashes by lane arc length, or as they lie around a pose. What paints the simulated
road and what the car knows of it both ask here, so that a dash lies at one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.pose import Pose
from maps.lane_map import LaneMap, MarkSpan
from maps.mark_lines import MarkLines
from maps.road_model import Dashes

Ints = NDArray[np.int64]

FAST_MPS = 25.0
"""From this speed limit on, dashes are long."""
SHORT_M, LONG_M = 3.0, 6.0
"""Dashes of streets and of fast roads; gaps are twice as long (German RMS-1: 3/6 m and 6/12 m)."""


def with_dashes(lane_map: LaneMap) -> LaneMap:
    """A map that is to be driven on in simulation: broken marks without lengths get the usual pattern.

    It begins with the source road, so that lines side by side have their dashes side by side.
    """
    sides = [
        tuple(_told(lane_map, lane, spans) for lane, spans in enumerate(marks))
        for marks in (lane_map.left_marks, lane_map.right_marks)
    ]
    return replace(lane_map, left_marks=sides[0], right_marks=sides[1], _cache={})


def _told(lane_map: LaneMap, lane: int, spans: Sequence[MarkSpan]) -> tuple[MarkSpan, ...]:
    return tuple(
        replace(span, dashes=_usual(lane_map, lane)) if "broken" in span.kind and span.dashes is None else span
        for span in spans
    )


def _usual(lane_map: LaneMap, lane: int) -> Dashes:
    row = lane_map.starts[lane]
    limit, source = float(lane_map.speed_limit_mps[row]), float(lane_map.source_s_m[row])
    dash = LONG_M if np.isfinite(limit) and limit >= FAST_MPS else SHORT_M
    period = 3.0 * dash
    return Dashes(dash, period - dash, -(source % period) if np.isfinite(source) else 0.0)


def strokes(dashes: Dashes, begin_m: float, end_m: float) -> Floats:
    """Begin and end (K, 2) of each dash between two arc lengths, cut off there."""
    first = np.floor((begin_m - dashes.at_m) / dashes.period_m)
    begins = np.arange(dashes.at_m + first * dashes.period_m, end_m, dashes.period_m)
    both = np.stack((np.maximum(begins, begin_m), np.minimum(begins + dashes.dash_m, end_m)), axis=1)
    return both[both[:, 1] > both[:, 0]]


@dataclass(frozen=True, slots=True, eq=False)
class DashView:
    """D dashes around a pose: middles `xy_m` (D, 2) in `ego`, lengths and pieces (D,)."""

    xy_m: Floats
    length_m: Floats
    pieces: Ints


def dashes_around(lines: MarkLines, world_from_ego: Pose, first_m: float, last_m: float, reach_m: float) -> DashView:
    """The dashes that lie whole between `first_m` and `last_m` ahead of a pose, within `reach_m` to either side."""
    corners = world_from_ego @ np.array([(x, y) for x in (first_m, last_m) for y in (-reach_m, reach_m)])
    rows = lines.near(corners.min(axis=0), corners.max(axis=0))
    rows = rows[lines.dashes[rows, 3] > 0.0]
    begin, end, dash, period = lines.dashes[rows].T
    first = np.ceil((begin - 0.5 * dash) / period)
    count = np.maximum(np.floor((end - 0.5 * dash) / period) - first + 1.0, 0.0).astype(np.int64)
    each = np.repeat(np.arange(len(rows)), count)
    number = np.arange(len(each)) - np.repeat(np.cumsum(count) - count, count)
    beyond = 0.5 * dash[each] + (first[each] + number) * period[each]
    share = ((beyond - begin[each]) / (end - begin)[each])[:, None]
    ends = lines.ends[rows[each]]
    xy_m = world_from_ego.inverse() @ (ends[:, :2] + share * (ends[:, 2:] - ends[:, :2]))
    half = 0.5 * dash[each]
    inside = (xy_m[:, 0] - half >= first_m) & (xy_m[:, 0] + half <= last_m) & (np.abs(xy_m[:, 1]) <= reach_m)
    return DashView(xy_m[inside], dash[each][inside], lines.pieces[rows[each]][inside])
