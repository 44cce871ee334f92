"""Reader for the roads of CommonRoad scenarios (2018b, 2020a): lanelets as they stand, and the lane map made of them.

In: the root element of a scenario file. Out: lanelets in the file's order, world frame, SI; centre lines are the means
of the bounds, point by point. The lane map takes them as its lanes, named by their ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from geometry.errors import InputError
from maps.commonroad_values import number_in, number_text, polyline_in, references
from maps.lane_map import LaneMap, MarkSpan
from maps.lanelets import Beside, Lanelet, lane_map_of
from maps.strict_xml import Element, child, choice, integer, place_of, text

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
        left_marks=_marks(left_bound),
        right_marks=_marks(right_bound),
        stops=element.find("stopLine") is not None,
        intersection=within.get(identity, ""),
    )


def _beside(element: Element | None) -> Beside | None:
    if element is None:
        return None
    return Beside(integer(element, "ref"), choice(element, "drivingDir", {"same": True, "opposite": False}))


def _marks(bound: Element) -> tuple[MarkSpan, ...]:
    found = bound.find("lineMarking")
    mark = "unknown" if found is None else (found.text or "").strip()
    width_m = BROAD_WIDTH_M if mark.startswith("broad") else MARK_WIDTH_M
    return (MarkSpan(0.0, MARKS.get(mark, "none"), "white", width_m),)


def commonroad_map(lanelets: Sequence[Lanelet]) -> LaneMap:
    """The lane map of a scenario's lanelets; lane i is lanelet i.

    Raises:
        InputError: see `maps.lanelets.lane_map_of`.
    """
    return lane_map_of(lanelets)
