"""Spatial index of lane surfaces: which lane covers a point, and where along its centre the point lies.

In: the rows of the lanes in the point columns of the lane map (world, m). Lanes are indexed in short pieces, so that a
query costs the same on a lane of 5 km as on one of 50 m.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from geometry.angles import Floats

Indices = NDArray[np.int64]
_PIECE_SEGMENTS = 16


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceIndex:
    """C pieces of lane surface; `lane`, `first_row` and `last_row` (inclusive) have shape (C,)."""

    tree: shapely.STRtree
    lane: Indices
    first_row: Indices
    last_row: Indices

    @staticmethod
    def of(lanes: Sequence[int], starts: Indices, left: Floats, right: Floats) -> SurfaceIndex:
        """Index the given lanes; lane i has the rows `starts[i]` to `starts[i + 1]` of the edges (P, 2)."""
        pieces = [
            (lane, first, min(first + _PIECE_SEGMENTS, int(starts[lane + 1]) - 1))
            for lane in lanes
            for first in range(int(starts[lane]), int(starts[lane + 1]) - 1, _PIECE_SEGMENTS)
        ]
        surfaces = [ring_surface(left[first : last + 1], right[first : last + 1]) for _, first, last in pieces]
        table = np.array(pieces, dtype=np.int64).reshape(-1, 3)
        tree = shapely.STRtree(shapely.make_valid(np.array(surfaces, dtype=object)))
        return SurfaceIndex(tree, *np.ascontiguousarray(table.T))

    def covering(self, points: Floats) -> tuple[Indices, Indices]:
        """Pairs (index of the point, piece) for the pieces that cover each point (M, 2), or the nearest ones."""
        which, piece = self.tree.query_nearest(shapely.points(points), all_matches=True)
        return which.astype(np.int64), piece.astype(np.int64)

    def near(self, point: Floats, radius_m: float) -> Indices:
        """Lanes, ascending, that come within the radius of a point of shape (2,)."""
        return np.unique(self.lane[self.tree.query(shapely.Point(point), predicate="dwithin", distance=radius_m)])


def ring_surface(left: Floats, right: Floats) -> shapely.Polygon:
    """The area between two edges of shape (K, 2) each; not necessarily valid."""
    return shapely.Polygon(np.concatenate((left, right[::-1])))


@njit(cache=True)
def project_on_rows(points, centre, s_m, first_row, last_row, lane_first, lane_last):  # type: ignore[no-untyped-def]
    """Rows s, d, heading (3, M) of points (M, 2), each against the segments between its rows and one beyond each end.

    Beyond the ends of the lane (rows `lane_first`, `lane_last`) its end segments go on.
    """
    out = np.empty((3, len(points)))
    for m in range(len(points)):
        x, y = points[m]
        best = np.inf
        low, high = max(first_row[m] - 1, lane_first[m]), min(last_row[m] + 1, lane_last[m])
        for row in range(low, high):
            ax, ay = centre[row]
            dx, dy = centre[row + 1, 0] - ax, centre[row + 1, 1] - ay
            length = math.hypot(dx, dy)
            dx, dy = dx / length, dy / length
            along = (x - ax) * dx + (y - ay) * dy
            if not (along < 0.0 and row == lane_first[m]) and not (along > length and row == lane_last[m] - 1):
                foot = min(max(along, 0.0), length)
                gap = math.hypot(x - ax - foot * dx, y - ay - foot * dy)
            else:
                foot = along
                gap = math.hypot(x - ax - min(max(along, 0.0), length) * dx, y - ay - min(max(along, 0.0), length) * dy)
            if gap < best:
                best = gap
                across = dx * (y - ay) - dy * (x - ax)
                aside = math.hypot(x - ax - foot * dx, y - ay - foot * dy)
                out[0, m] = s_m[row] + foot
                out[1, m] = math.copysign(aside, across)
                out[2, m] = math.atan2(dy, dx)
    return out
