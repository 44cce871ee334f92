"""Distances between entities and places (OpenSCENARIO XML 1.3, "Distances"): along or across, in free space or not.

Signed as the first one sees it: ahead of it and to its left are positive. In free space they are those between the
boxes, 0 where the boxes overlap in that direction.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from geometry.errors import UnsupportedError
from geometry.pose import Pose
from maps.road_network import RoadPosition
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.openscenario.spots import Spot
from sim.scenarios.openscenario.ways import distance_along

KINDS = ("longitudinal", "lateral", "cartesianDistance", "euclidianDistance", "euclideanDistance")
SYSTEMS = ("entity", "lane", "road", "trajectory", "world")

Measure = Callable[[Cast, Mover, Mover | Spot], float | None]
"""The distance from an entity to another, or to a place; None where no road leads there."""


@dataclass(frozen=True, slots=True)
class How:
    """What a file says about a distance."""

    kind: str
    system: str
    freespace: bool


def read_measure(node: Node, kind: str | None = None) -> Measure:
    """How the distance is measured, from the attributes of a condition or action; `kind` where the element fixes it.

    Raises:
        UnsupportedError: a coordinate system that is not supported for this distance.
    """
    if kind is None:
        default = "euclidianDistance" if node.tag == "DistanceCondition" else "longitudinal"
        kind = node.choice("relativeDistanceType", KINDS, default)
    along_route = node.has("alongRoute") and node.boolean("alongRoute")
    system = node.choice("coordinateSystem", SYSTEMS, "road" if along_route else "entity")
    if system == "trajectory":
        raise UnsupportedError("the coordinate system of a trajectory is not supported", node.place)
    return measure_of(How(kind, system, node.boolean("freespace")))


def measure_of(how: How) -> Measure:
    """The distance that is meant by kind, coordinate system and free space."""
    if how.kind not in ("longitudinal", "lateral"):
        return lambda _cast, first, second: _apart(first, second, how.freespace)
    across = how.kind == "lateral"
    if how.system in ("lane", "road"):
        return lambda cast, first, second: _on_road(cast, first, second, how, across)
    return lambda _cast, first, second: _in_frame(first, second, how, across)


def _in_frame(first: Mover, second: Mover | Spot, how: How, across: bool) -> float:
    """Along the axes of the first one (or of `world`)."""
    axes = first.pose if how.system == "entity" else Pose(first.pose.x_m, first.pose.y_m, 0.0)
    frame = axes.inverse()
    other = frame @ second.pose
    if not how.freespace:
        return other.y_m if across else other.x_m
    own = [_local(frame, corner, across) for corner in first.corners()]
    points = [_local(frame, corner, across) for corner in _corners(second)]
    if min(points) > max(own):
        return min(points) - max(own)
    return min(max(points) - min(own), 0.0)


def _corners(body: Mover | Spot) -> tuple[tuple[float, float], ...]:
    return body.corners() if isinstance(body, Mover) else ((body.pose.x_m, body.pose.y_m),)


def _local(frame: Pose, corner: tuple[float, float], across: bool) -> float:
    cos, sin = math.cos(frame.yaw_rad), math.sin(frame.yaw_rad)
    x, y = corner
    return frame.y_m + sin * x + cos * y if across else frame.x_m + cos * x - sin * y


def place_of_body(cast: Cast, body: Mover | Spot) -> RoadPosition | None:
    """Where it is on the road."""
    return body.road if isinstance(body, Mover) else body.located(cast)


def _on_road(cast: Cast, first: Mover, second: Mover | Spot, how: How, across: bool) -> float | None:
    """Along the road (its reference line) or across it."""
    own, other = first.road, place_of_body(cast, second)
    if own is None or other is None:
        return None
    along = first.heads_along(cast.network)
    if across:
        gap = (_t(cast, other) - _t(cast, own)) * (1.0 if along else -1.0)
        half = 0.5 * (first.shape.width_m + (second.shape.width_m if isinstance(second, Mover) else 0.0))
        return math.copysign(max(abs(gap) - half, 0.0), gap) if how.freespace else gap
    ahead = distance_along(cast.network, own, along, other)
    if ahead is None or not how.freespace:
        return ahead
    front, back = (
        first.shape.centre_x_m + 0.5 * first.shape.length_m,
        0.5 * first.shape.length_m - first.shape.centre_x_m,
    )
    their_front, their_back = _overhangs(second, abs(math.cos(second.pose.yaw_rad - first.pose.yaw_rad)))
    if math.cos(second.pose.yaw_rad - first.pose.yaw_rad) < 0.0:
        their_front, their_back = their_back, their_front
    if ahead >= 0.0:
        return max(ahead - front - their_back, 0.0)
    return min(ahead + back + their_front, 0.0)


def _t(cast: Cast, road: RoadPosition) -> float:
    return cast.network.lane_centre_t(road.road_id, road.lane_id, road.s_m) + road.offset_m


def _overhangs(body: Mover | Spot, share: float) -> tuple[float, float]:
    """How far the box reaches before and behind the origin, as seen under an angle (its cosine)."""
    if not isinstance(body, Mover):
        return 0.0, 0.0
    shape = body.shape
    return (shape.centre_x_m + 0.5 * shape.length_m) * share, (0.5 * shape.length_m - shape.centre_x_m) * share


def _apart(first: Mover, second: Mover | Spot, freespace: bool) -> float:
    """As the crow flies."""
    if not freespace:
        return math.hypot(second.pose.x_m - first.pose.x_m, second.pose.y_m - first.pose.y_m)
    return boxes_apart_m(first.corners(), _corners(second))


def boxes_apart_m(one: tuple[tuple[float, float], ...], other: tuple[tuple[float, float], ...]) -> float:
    """Distance of two convex outlines (a point has one corner); 0 where they overlap."""
    if not any(_divides(edge, one, other) for edge in (*_edges(one), *_edges(other))):
        return 0.0
    pairs = [(point, edge) for point in one for edge in _edges(other)]
    pairs += [(point, edge) for point in other for edge in _edges(one)]
    return min(_to_segment(point, edge) for point, edge in pairs)


Segment = tuple[tuple[float, float], tuple[float, float]]


def _edges(outline: tuple[tuple[float, float], ...]) -> list[Segment]:
    return [(outline[i - 1], outline[i]) for i in range(len(outline))]


def _divides(edge: Segment, one: tuple[tuple[float, float], ...], other: tuple[tuple[float, float], ...]) -> bool:
    """Whether both outlines lie apart across the direction of an edge (separating axis theorem)."""
    (ax, ay), (bx, by) = edge
    across = [[(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in outline] for outline in (one, other)]
    return max(across[0]) < min(across[1]) or max(across[1]) < min(across[0])


def _to_segment(point: tuple[float, float], edge: Segment) -> float:
    (ax, ay), (bx, by) = edge
    dx, dy = bx - ax, by - ay
    squared = dx * dx + dy * dy
    part = 0.0 if squared == 0.0 else ((point[0] - ax) * dx + (point[1] - ay) * dy) / squared
    part = min(max(part, 0.0), 1.0)
    return math.hypot(ax + part * dx - point[0], ay + part * dy - point[1])


def to_target_m(cast: Cast, mover: Mover, spot: Spot) -> float:
    """How far a mover still has to go to a place on its way: along its trajectory, its route or the road, forwards or
    backwards as it drives; negative once it has passed. Where no road leads there it is as the crow flies."""
    ahead_m = _ahead_m(cast, mover, spot)
    return -ahead_m if mover.speed_mps < 0.0 else ahead_m


def _ahead_m(cast: Cast, mover: Mover, spot: Spot) -> float:
    if mover.curve is not None:
        return mover.curve.nearest_s(spot.pose.x_m, spot.pose.y_m) - mover.curve_s_m
    place = spot.located(cast)
    if mover.road is None:
        return math.hypot(spot.pose.x_m - mover.pose.x_m, spot.pose.y_m - mover.pose.y_m)
    if mover.way is not None:
        here, there = mover.way.path_m(mover.road), mover.way.path_m(place)
        if here is not None and there is not None:
            return there - here
    found = distance_along(cast.network, mover.road, mover.heads_along(cast.network), place)
    return found if found is not None else _apart(mover, spot, freespace=False)
