"""The dashes of broken lines: where they lie on a lane's edge, and which pattern is painted where a map says none.

In: a lane map. Out: dashes by lane arc length. What paints the simulated road and what the car knows of it both ask
here, so that a dash lies at one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from geometry.angles import Floats
from maps.lane_map import LaneMap, MarkSpan
from maps.road_model import Dashes

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
