"""Which lanes lie under a point: the lane map around the ego as quadrilaterals, for many points at once.

In: a lane map, a place. Out: lane indices per point. Adjacent rows of a lane's edges span the quadrilaterals, so that
neighbouring ones share their border and leave no gaps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geometry.angles import Floats
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS

MOST_LANES = 8
"""So many lanes at one point are told apart."""
SURFACE_KINDS = DRIVABLE_KINDS | {"shoulder", "parking"}
"""Where driving is no violation of the drivable area."""


@dataclass(frozen=True, slots=True, eq=False)
class LaneArea:
    """Q quadrilaterals (Q, 4, 2) with their lane (Q,); `on_route` and `junction` (N,) hold for all lanes of the map."""

    quads: Floats
    lane: NDArray[np.int64]
    on_route: NDArray[np.bool_]
    junction: NDArray[np.bool_]

    def lanes_at(self, points: Floats) -> NDArray[np.int64]:
        """Lane indices at points (M, 2): shape (M, MOST_LANES), padded with -1."""
        points = np.ascontiguousarray(points, dtype=np.float64)
        return np.asarray(_lanes_at(points, self.quads, self.lane))


def lane_area(lane_map: LaneMap, x_m: float, y_m: float, radius_m: float, route: tuple[int, ...]) -> LaneArea:
    """The lanes within a radius around a place; `route` are the lanes that the ego may use.

    A route's lane also covers its neighbours of the same direction: they belong to the same road block.
    """
    place = np.array([x_m, y_m])
    near = lane_map.lanes_near(place, radius_m, frozenset(SURFACE_KINDS))
    quads, lanes = [], []
    for lane in near.tolist():
        left, right = lane_map.left_edge(lane), lane_map.right_edge(lane)
        quad = np.stack((left[:-1], left[1:], right[1:], right[:-1]), axis=1)
        low, high = quad.min(axis=1) - radius_m, quad.max(axis=1) + radius_m
        within = np.all((low <= place) & (place <= high), axis=1)
        quads.append(quad[within])
        lanes.append(np.full(int(within.sum()), lane, dtype=np.int64))
    on_route = np.zeros(lane_map.size, dtype=bool)
    on_route[_block(lane_map, route)] = True
    junction = np.array([bool(name) for name in lane_map.junction], dtype=bool)
    return LaneArea(
        np.concatenate(quads) if quads else np.empty((0, 4, 2)),
        np.concatenate(lanes) if lanes else np.empty(0, dtype=np.int64),
        on_route,
        junction,
    )


def _block(lane_map: LaneMap, route: tuple[int, ...]) -> list[int]:
    """The lanes and all beside them in the same direction."""
    found = set(route)
    for column in (lane_map.left_neighbour, lane_map.right_neighbour):
        for lane in route:
            while (lane := int(column[lane])) >= 0 and lane not in found:
                found.add(lane)
    return sorted(found)


@njit(cache=True)
def _lanes_at(points, quads, lane):  # type: ignore[no-untyped-def]
    count = len(quads)
    box = np.empty((count, 4))
    for q in range(count):
        box[q, 0], box[q, 1] = quads[q, :, 0].min(), quads[q, :, 0].max()
        box[q, 2], box[q, 3] = quads[q, :, 1].min(), quads[q, :, 1].max()
    out = np.full((len(points), MOST_LANES), -1, dtype=np.int64)
    for m in range(len(points)):
        x, y, found = points[m, 0], points[m, 1], 0
        for q in range(count):
            if x < box[q, 0] or x > box[q, 1] or y < box[q, 2] or y > box[q, 3]:
                continue
            if found and out[m, found - 1] == lane[q]:
                continue
            if found < MOST_LANES and _inside(x, y, quads[q]):
                out[m, found] = lane[q]
                found += 1
    return out


@njit(cache=True)
def _inside(x, y, ring):  # type: ignore[no-untyped-def]
    """Whether a ray to the right crosses the ring an odd number of times."""
    inside = False
    j = len(ring) - 1
    for i in range(len(ring)):
        if (ring[i, 1] > y) != (ring[j, 1] > y):
            cross = (ring[j, 0] - ring[i, 0]) * (y - ring[i, 1]) / (ring[j, 1] - ring[i, 1]) + ring[i, 0]
            if x < cross:
                inside = not inside
        j = i
    return inside
