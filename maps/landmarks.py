"""The landmarks of a map: signs, lights, stop lines and crossings as points with a kind, for those who measure by them.

In: a lane map (world, m). Out: points in `world`; a stop line is the middle of its lane there, a crossing the middle of
its polygon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from bus.messages import LandmarkKind
from geometry.angles import Floats
from geometry.errors import ContractError
from maps.lane_map import LaneMap
from maps.signal_meaning import is_traffic_light

_APART_M = 0.5
"""Several boards on one post are one landmark."""


@dataclass(frozen=True, slots=True, eq=False)
class MapLandmarks:
    """N landmarks: `kinds` (N,) LandmarkKind and `points` (N, 2) in `world`.

    `seen_from_rad` (N,) is the heading of the traffic that sees it from the front, NaN where it looks the same from all
    sides.
    """

    kinds: NDArray[np.int64]
    points: Floats
    seen_from_rad: Floats

    def __post_init__(self) -> None:
        count = len(self.kinds)
        if self.points.shape != (count, 2) or self.seen_from_rad.shape != (count,):
            raise ContractError(f"{count} landmarks need points ({count}, 2), not {self.points.shape}")

    @staticmethod
    def none() -> MapLandmarks:
        """The landmarks of a map without any."""
        return MapLandmarks(np.empty(0, dtype=np.int64), np.empty((0, 2)), np.empty(0))

    @property
    def size(self) -> int:
        """The number of landmarks."""
        return len(self.kinds)


def map_landmarks(lane_map: LaneMap) -> MapLandmarks:
    """What a map says of landmarks."""
    found: list[tuple[int, float, float, float]] = []
    for signal in lane_map.signals:
        kind = LandmarkKind.LIGHT if is_traffic_light(signal) else LandmarkKind.SIGN
        found.append((kind, signal.x_m, signal.y_m, signal.yaw_rad + np.pi))
    for line in lane_map.stop_lines:
        centre = lane_map.centre(line.lane)
        points, s_m = centre.points, lane_map.s_m[lane_map.rows(line.lane)]
        row = min(max(int(np.searchsorted(s_m, line.s_m)), 1), len(points) - 1)
        along = points[row] - points[row - 1]
        x, y = (float(np.interp(line.s_m, s_m, points[:, axis])) for axis in (0, 1))
        found.append((LandmarkKind.STOP_LINE, x, y, float(np.arctan2(along[1], along[0]))))
    for crossing in lane_map.crossings:
        middle = shapely.Polygon(crossing.polygon).centroid
        found.append((LandmarkKind.CROSSING, middle.x, middle.y, np.nan))
    return _distinct(found)


def _distinct(found: list[tuple[int, float, float, float]]) -> MapLandmarks:
    """Without those that stand within half a metre of an earlier one of their kind."""
    kept: list[tuple[int, float, float, float]] = []
    for item in found:
        if not any(item[0] == k and abs(item[1] - x) < _APART_M and abs(item[2] - y) < _APART_M for k, x, y, _ in kept):
            kept.append(item)
    table = np.array(kept, dtype=np.float64).reshape(-1, 4)
    return MapLandmarks(table[:, 0].astype(np.int64), table[:, 1:3].copy(), table[:, 3].copy())
