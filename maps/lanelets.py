"""Lanelets, the form in which several formats describe lanes, and the lane map made of them.

In: lanelets in the file's order, world frame, SI. Out: a `LaneMap`; centre lines are the means of the bounds, point by
point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from geometry.angles import Floats
from geometry.errors import InputError
from maps.lane_linking import Links, conflicts_of
from maps.lane_map import Crossing, LaneMap, MapSignal, MarkSpan, StopLine

MAX_POINTS = 3_000_000


@dataclass(frozen=True, slots=True)
class Beside:
    """A neighbouring lanelet and whether it is driven in the same direction."""

    id: int
    same_direction: bool


@dataclass(frozen=True, slots=True, eq=False)
class Lanelet:
    """A lanelet: bounds of shape (K, 2), K >= 2, in driving direction; neighbours and links by id."""

    id: int
    left: Floats
    right: Floats
    predecessors: tuple[int, ...]
    successors: tuple[int, ...]
    beside_left: Beside | None
    beside_right: Beside | None
    kind: str
    speed_limit_mps: float | None
    left_marks: tuple[MarkSpan, ...]
    right_marks: tuple[MarkSpan, ...]
    stops: bool
    """Whether a stop line stands at its end."""
    intersection: str
    """Id of the intersection through which it leads, or empty."""
    name: str = ""
    """What the map calls it; empty if that is its id."""

    @property
    def centre(self) -> Floats:
        """The means of the bounds, (K, 2)."""
        return 0.5 * (self.left + self.right)

    def surface(self) -> shapely.Polygon:
        """Its area: right bound forwards, left bound back."""
        return shapely.Polygon(np.concatenate((self.right, self.left[::-1])))


def lane_map_of(
    lanelets: Sequence[Lanelet],
    crossings: Sequence[Floats] = (),
    signals: Sequence[MapSignal] = (),
    stop_lines: Sequence[StopLine] = (),
) -> LaneMap:
    """The lane map of lanelets; lane i is lanelet i, its id the lanelet's. `crossings` are polygons of shape (K, 2).

    Signals and stop lines name lanes by index; the lanelets' own stop lines are added.

    Raises:
        InputError: a lanelet of no length, or more than three million points.
    """
    index = {lanelet.id: i for i, lanelet in enumerate(lanelets)}
    rows = [_distinct(lanelet) for lanelet in lanelets]
    if sum(len(keep) for keep in rows) > MAX_POINTS:
        raise InputError(f"the lanelets have more than {MAX_POINTS} points")
    centres = [lanelet.centre[keep] for lanelet, keep in zip(lanelets, rows, strict=True)]
    arcs = [_arc_lengths(centre) for centre in centres]
    predecessors = _links(lanelets, index, "predecessors")
    junction = tuple(lanelet.intersection for lanelet in lanelets)
    limits = [np.full(len(arc), lanelet.speed_limit_mps or np.nan) for lanelet, arc in zip(lanelets, arcs, strict=True)]
    return LaneMap(
        ids=tuple(lanelet.name or str(lanelet.id) for lanelet in lanelets),
        kinds=tuple(lanelet.kind for lanelet in lanelets),
        starts=np.cumsum([0] + [len(arc) for arc in arcs], dtype=np.int64),
        centre_points=np.concatenate(centres),
        left_points=np.concatenate([lanelet.left[keep] for lanelet, keep in zip(lanelets, rows, strict=True)]),
        right_points=np.concatenate([lanelet.right[keep] for lanelet, keep in zip(lanelets, rows, strict=True)]),
        s_m=np.concatenate(arcs),
        source_s_m=np.concatenate(arcs),
        speed_limit_mps=np.concatenate(limits),
        left_marks=tuple(lanelet.left_marks for lanelet in lanelets),
        right_marks=tuple(lanelet.right_marks for lanelet in lanelets),
        successors=_links(lanelets, index, "successors"),
        predecessors=predecessors,
        left_neighbour=_neighbours([lanelet.beside_left for lanelet in lanelets], index, same=True),
        right_neighbour=_neighbours([lanelet.beside_right for lanelet in lanelets], index, same=True),
        opposite_neighbour=_neighbours([lanelet.beside_left for lanelet in lanelets], index, same=False),
        junction=junction,
        conflicts=conflicts_of([_Sampled(lanelet.left, lanelet.right) for lanelet in lanelets], junction, predecessors),
        signals=tuple(signals),
        stop_lines=(
            *stop_lines,
            *(StopLine(i, float(arcs[i][-1])) for i, lanelet in enumerate(lanelets) if lanelet.stops),
        ),
        crossings=_crossings(crossings, lanelets),
        right_hand=True,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Sampled:
    """What the search for conflicts needs of a lane."""

    left: Floats
    right: Floats
    key: tuple[str, int, int] = ("", 0, 0)
    along_s: bool = True


def _distinct(lanelet: Lanelet) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Rows whose centre is not the one before."""
    steps = np.hypot(*np.diff(lanelet.centre, axis=0).T)
    keep = np.flatnonzero(np.concatenate(([True], steps > 1e-3)))
    if len(keep) < 2:
        raise InputError(f"lanelet {lanelet.id} has no length")
    return keep


def _arc_lengths(points: Floats) -> Floats:
    return np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))))


def _links(lanelets: Sequence[Lanelet], index: Mapping[int, int], name: str) -> Links:
    return tuple(tuple(sorted(index[other] for other in getattr(lanelet, name))) for lanelet in lanelets)


def _neighbours(
    beside: Sequence[Beside | None], index: Mapping[int, int], *, same: bool
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    found = [index[item.id] if item is not None and item.same_direction is same else -1 for item in beside]
    return np.array(found, dtype=np.int64)


def _crossings(polygons: Sequence[Floats], lanelets: Sequence[Lanelet]) -> tuple[Crossing, ...]:
    if not polygons:
        return ()
    driven = [i for i, lanelet in enumerate(lanelets) if lanelet.kind == "driving"]
    tree = shapely.STRtree(shapely.make_valid(np.array([lanelets[i].surface() for i in driven], dtype=object)))
    found = []
    for polygon in polygons:
        below = tree.query(shapely.make_valid(shapely.Polygon(polygon)), predicate="intersects")
        polygon.setflags(write=False)
        found.append(Crossing(polygon, tuple(sorted(driven[i] for i in below))))
    return tuple(found)
