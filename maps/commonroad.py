"""Reader for the roads of CommonRoad scenarios (2018b, 2020a): lanelets as they stand, and the lane map made of them.

In: the root element of a scenario file. Out: lanelets in the file's order, world frame, SI; centre lines are the means
of the bounds, point by point. The lane map takes them as its lanes, named by their ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from geometry.angles import Floats
from geometry.errors import InputError
from maps.commonroad_values import number_in, number_text, polyline_in, references
from maps.lane_linking import Links, conflicts_of
from maps.lane_map import LaneMap, MarkSpan, StopLine
from maps.strict_xml import Element, child, choice, integer, place_of, text

MAX_POINTS = 3_000_000
SPEED_SIGNS = frozenset({"274", "R2-1", "C43", "B31", "B14", "Ρ-32", "r301", "R301", "3.24", "R15", "57"})
"""Signs that limit the speed, in the numbering of the country; their value is in m/s."""
KINDS: Mapping[str, str] = {"sidewalk": "sidewalk", "crosswalk": "walking", "bicycleLane": "biking", "border": "border"}
"""Lanelet types that do not carry motor traffic; all others do."""
MARKS: Mapping[str, str] = {
    "solid": "solid", "dashed": "broken", "broad_solid": "solid", "broad_dashed": "broken", "no_marking": "none",
    "unknown": "none", "curb": "curb", "lowered_curb": "curb", "solid_solid": "solid solid",
    "dashed_dashed": "broken broken", "solid_dashed": "solid broken", "dashed_solid": "broken solid",
}  # fmt: skip
MARK_WIDTH_M, BROAD_WIDTH_M = 0.12, 0.3


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
    left_mark: str
    right_mark: str
    stops: bool
    """Whether a stop line stands at its end."""
    intersection: str
    """Id of the intersection through which it leads, or empty."""

    @property
    def centre(self) -> Floats:
        """The means of the bounds, (K, 2)."""
        return 0.5 * (self.left + self.right)

    def surface(self) -> shapely.Polygon:
        """Its area: right bound forwards, left bound back."""
        return shapely.Polygon(np.concatenate((self.right, self.left[::-1])))


def read_lanelets(root: Element) -> tuple[Lanelet, ...]:
    """All lanelets of a scenario, in order.

    Raises:
        InputError: bounds of different lengths, ids that occur twice, links to lanelets that are not there.
    """
    limits = _sign_limits(root)
    within = _intersections(root)
    lanelets = tuple(_lanelet(element, limits, within) for element in root.iterfind("lanelet"))
    if not lanelets:
        raise InputError("the scenario has no lanelets", place_of(root))
    known = {lanelet.id for lanelet in lanelets}
    if len(known) < len(lanelets):
        raise InputError("two lanelets have the same id", place_of(root))
    for lanelet in lanelets:
        beside = [item.id for item in (lanelet.beside_left, lanelet.beside_right) if item is not None]
        for other in (*lanelet.predecessors, *lanelet.successors, *beside):
            if other not in known:
                raise InputError(f"lanelet {lanelet.id} refers to {other}, which is no lanelet here", place_of(root))
    return lanelets


def _sign_limits(root: Element) -> dict[int, float]:
    """The speed limit that each sign sets."""
    limits: dict[int, float] = {}
    for sign in root.iterfind("trafficSign"):
        for item in sign.iterfind("trafficSignElement"):
            value = item.find("additionalValue")
            if (child(item, "trafficSignID").text or "").strip() in SPEED_SIGNS and value is not None:
                limits[integer(sign, "id")] = number_text(value)
    return limits


def _intersections(root: Element) -> dict[int, str]:
    """Which intersection each lanelet leads through."""
    tags = ("successorsLeft", "successorsStraight", "successorsRight")
    return {
        lanelet: text(intersection, "id")
        for intersection in root.iterfind("intersection")
        for incoming in intersection.iterfind("incoming")
        for tag in tags
        for lanelet in references(incoming, tag)
    }


def _lanelet(element: Element, limits: Mapping[int, float], within: Mapping[int, str]) -> Lanelet:
    identity = integer(element, "id")
    left_bound, right_bound = child(element, "leftBound"), child(element, "rightBound")
    left, right = polyline_in(left_bound), polyline_in(right_bound)
    if left.shape != right.shape:
        counts = f"{len(left)} and {len(right)}"
        raise InputError(
            f"the bounds of lanelet {identity} have {counts} points; as many were expected", place_of(element)
        )
    kinds = [(kind.text or "").strip() for kind in element.iterfind("laneletType")]
    signed = [limits[sign] for sign in references(element, "trafficSignRef") if sign in limits]
    own = element.find("speedLimit")
    return Lanelet(
        id=identity,
        left=left,
        right=right,
        predecessors=references(element, "predecessor"),
        successors=references(element, "successor"),
        beside_left=_beside(element.find("adjacentLeft")),
        beside_right=_beside(element.find("adjacentRight")),
        kind=next((KINDS[kind] for kind in kinds if kind in KINDS), "driving"),
        speed_limit_mps=number_in(element, "speedLimit") if own is not None else min(signed, default=None),
        left_mark=_mark(left_bound),
        right_mark=_mark(right_bound),
        stops=element.find("stopLine") is not None,
        intersection=within.get(identity, ""),
    )


def _beside(element: Element | None) -> Beside | None:
    if element is None:
        return None
    return Beside(integer(element, "ref"), choice(element, "drivingDir", {"same": True, "opposite": False}))


def _mark(bound: Element) -> str:
    mark = bound.find("lineMarking")
    return "unknown" if mark is None else (mark.text or "").strip()


def commonroad_map(lanelets: Sequence[Lanelet]) -> LaneMap:
    """The lane map of lanelets; lane i is lanelet i, its id the lanelet's.

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
        ids=tuple(str(lanelet.id) for lanelet in lanelets),
        kinds=tuple(lanelet.kind for lanelet in lanelets),
        starts=np.cumsum([0] + [len(arc) for arc in arcs], dtype=np.int64),
        centre_points=np.concatenate(centres),
        left_points=np.concatenate([lanelet.left[keep] for lanelet, keep in zip(lanelets, rows, strict=True)]),
        right_points=np.concatenate([lanelet.right[keep] for lanelet, keep in zip(lanelets, rows, strict=True)]),
        s_m=np.concatenate(arcs),
        source_s_m=np.concatenate(arcs),
        speed_limit_mps=np.concatenate(limits),
        left_marks=tuple(_spans(lanelet.left_mark) for lanelet in lanelets),
        right_marks=tuple(_spans(lanelet.right_mark) for lanelet in lanelets),
        successors=_links(lanelets, index, "successors"),
        predecessors=predecessors,
        left_neighbour=_neighbours([lanelet.beside_left for lanelet in lanelets], index, same=True),
        right_neighbour=_neighbours([lanelet.beside_right for lanelet in lanelets], index, same=True),
        opposite_neighbour=_neighbours([lanelet.beside_left for lanelet in lanelets], index, same=False),
        junction=junction,
        conflicts=conflicts_of([_Sampled(lanelet.left, lanelet.right) for lanelet in lanelets], junction, predecessors),
        signals=(),
        stop_lines=tuple(StopLine(i, float(arcs[i][-1])) for i, lanelet in enumerate(lanelets) if lanelet.stops),
        crossings=(),
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


def _spans(mark: str) -> tuple[MarkSpan, ...]:
    width_m = BROAD_WIDTH_M if mark.startswith("broad") else MARK_WIDTH_M
    return (MarkSpan(0.0, MARKS.get(mark, "none"), "white", width_m),)
