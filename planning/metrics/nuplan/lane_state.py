"""Which lanes the ego's centre and corners are on at each step, and whether it is in one lane.

The reference assigns lanes by the memory of the step before, so that overlapping connectors of an intersection do not
flicker; "inside" is strict. Rules as in the nuPlan devkit (`ego_lane_change`, `nuplan_map utilities`); their quirks are
listed in docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import shapely
from numpy.typing import NDArray

from geometry.angles import Floats
from planning.metrics.nuplan.drive import Drive, Indices, LaneObject, RoadMap

NEAR_CONNECTOR_M = 5.0
"""How far the centre may leave a connector that it has been following before another one is searched."""


@dataclass(frozen=True, slots=True, eq=False)
class LaneState:
    """Per step: objects of the ego's centre, objects of its four corners, whether it is in one lane; areas."""

    centre: tuple[Indices, ...]
    corners: tuple[tuple[Indices, Indices, Indices, Indices], ...]
    in_lane: NDArray[np.bool_]
    rear_axle_in_intersection: NDArray[np.bool_]


def lane_state(drive: Drive) -> LaneState:
    """The lane state of a drive."""
    corners = corner_lanes(drive.roads, drive.corners())
    rear_axle = np.stack((drive.ego.x_m, drive.ego.y_m), axis=-1)
    return LaneState(
        centre=centre_lanes(drive.roads, drive.ego.centres(drive.shape)),
        corners=corners,
        in_lane=np.array([_in_one_lane(drive.roads.objects, four) for four in corners], dtype=bool),
        rear_axle_in_intersection=inside_any(drive.roads.intersections, rear_axle),
    )


def inside_any(areas: Sequence[shapely.Geometry], points: Floats) -> NDArray[np.bool_]:
    """Whether each point of shape (M, 2) lies strictly inside one of the areas."""
    inside = np.zeros(len(points), dtype=bool)
    if len(areas):
        # asked from the areas: those are prepared once, and many points are compared with few of them
        _, which = shapely.STRtree(shapely.points(points)).query(list(areas), predicate="contains")
        inside[which] = True
    return inside


def containing(objects: Sequence[LaneObject], points: Floats) -> list[Indices]:
    """For each point of shape (M, 2) the objects that contain it, in their order."""
    found: list[list[int]] = [[] for _ in points]
    if objects:
        tree = shapely.STRtree(shapely.points(points))
        hit, which = tree.query([item.surface for item in objects], predicate="contains")
        for point, item in sorted(zip(which.tolist(), hit.tolist(), strict=True)):
            found[point].append(item)
    return [tuple(items) for items in found]


def search(objects: Sequence[LaneObject], holders: Indices) -> Indices:
    """The lane among the objects that contain a point; without a lane all connectors among them."""
    return next(((item,) for item in holders if objects[item].is_lane), holders)


def _follow(objects: Sequence[LaneObject], candidates: Indices, holders: Indices) -> Indices | None:
    """Those candidates that contain the point; of a single one its successors may; None where neither does."""
    kept = tuple(item for item in candidates if item in holders)
    if not kept and len(candidates) == 1:
        kept = tuple(item for item in objects[candidates[0]].outgoing if item in holders)
    return kept or None


def centre_lanes(roads: RoadMap, centres: Floats) -> tuple[Indices, ...]:
    """The objects that the box centre (T, 2) is on, per step; several where connectors overlap."""
    objects = roads.objects
    holders = containing(objects, centres)
    crossing = inside_any(roads.intersections, centres)
    lists: list[Indices] = []
    for step, held in enumerate(holders):
        kept = _follow(objects, lists[-1], held) if step else None
        if kept is None:
            kept = search(objects, held)
            if step >= 2:
                kept = _stay_near(objects, lists[-1], kept, bool(crossing[step]), centres[step])
        lists.append(kept)
    return _clear_up(objects, lists)


def _stay_near(
    objects: Sequence[LaneObject], before: Indices, found: Indices, crossing: bool, centre: Floats
) -> Indices:
    """The connectors of the step before, where they are near and the search gave only connectors or nothing."""
    if not before or objects[before[0]].is_lane:
        return found
    if objects[found[0]].is_lane if found else not crossing:
        return found
    point = shapely.Point(centre)
    near = tuple(item for item in before if objects[item].surface.distance(point) < NEAR_CONNECTOR_M)
    return near or found


def _clear_up(objects: Sequence[LaneObject], lists: Sequence[Indices]) -> tuple[Indices, ...]:
    """Backwards in time: of several objects keep those that the ego went on with.

    An empty list that follows empties the one before it too; the reference does so.
    """
    out = list(lists)
    for step in range(len(out) - 2, -1, -1):
        here, after = out[step], out[step + 1]
        if len(here) < 2:
            continue
        if len(here) > len(after) and set(after) <= set(here):
            out[step] = after
        if after and objects[after[0]].is_lane:
            entering = tuple(item for item in here if item in objects[after[0]].incoming)
            out[step] = entering or out[step]
    return tuple(out)


def corner_lanes(roads: RoadMap, corners: Floats) -> tuple[tuple[Indices, Indices, Indices, Indices], ...]:
    """The objects that each corner (T, 4, 2) is on, per step."""
    objects = roads.objects
    holders = containing(objects, corners.reshape(-1, 2))
    lists: list[tuple[Indices, Indices, Indices, Indices]] = []
    for step in range(len(corners)):
        candidates = _union(lists[-1]) if step else ()
        found: list[Indices] = []
        for held in holders[4 * step : 4 * step + 4]:
            kept = _follow(objects, candidates, held) if step else None
            if kept is None:
                kept = search(objects, held)
                # The reference lets what a search finds help the other corners in the second step only.
                candidates = _union((candidates, kept)) if step == 1 else candidates
            found.append(kept)
        lists.append((found[0], found[1], found[2], found[3]))
    return tuple(lists)


def _union(lists: Sequence[Indices]) -> Indices:
    """All members in order of first appearance."""
    return tuple(dict.fromkeys(item for items in lists for item in items))


def _in_one_lane(objects: Sequence[LaneObject], corners: Sequence[Indices]) -> bool:
    """Whether the corners front-left, rear-left, rear-right, front-right share a lane or lie in connected ones."""
    if not all(corners):
        return False
    front_left, rear_left, rear_right, front_right = (set(items) for items in corners)
    if front_left & rear_left & rear_right & front_right:
        return True

    def onwards(items: set[int]) -> set[int]:
        return reduce(set.union, (set(objects[item].outgoing) for item in items), items)

    def back(items: set[int]) -> set[int]:
        return reduce(set.union, (set(objects[item].incoming) for item in items), items)

    beside = rear_left & onwards(rear_right) or rear_right & onwards(rear_left)
    along = back(front_left) & onwards(rear_right) & back(front_right) & onwards(rear_left)
    return bool(beside and along)
