"""Positions: where an action or a condition means (OpenSCENARIO XML 1.3, Position).

In: an element and the movers. Out: a pose in `world` and, where the file says it, the road position.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from geometry.angles import wrap_rad
from geometry.errors import InputError
from geometry.pose import Pose
from maps.road_network import RoadPosition
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.mover import lane_heading
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.scenario import MissingLaneError


@dataclass(frozen=True, slots=True)
class Spot:
    """A resolved position; `road` is None where it has to be looked up."""

    pose: Pose
    road: RoadPosition | None = None


Where = Callable[[Cast], Spot]


@dataclass(frozen=True, slots=True)
class _Orientation:
    relative: bool
    yaw_rad: float

    def turned(self, reference_rad: float) -> float:
        return wrap_rad(reference_rad + self.yaw_rad if self.relative else self.yaw_rad)


def read_position(node: Node) -> Where:
    """The one child of `<Position>`."""
    return node.choose(_POSITIONS)


def _orientation(node: Node) -> _Orientation:
    """`<Orientation>`; without one, along the reference."""
    found = node.allow("Orientation", "PositionInLaneCoordinates").find("Orientation")
    if found is None:
        return _Orientation(relative=True, yaw_rad=0.0)
    relative = found.choice("type", ("absolute", "relative"), "absolute") == "relative"
    return _Orientation(relative or not found.has("h"), found.number("h", 0.0))


def _world(node: Node) -> Where:
    pose = Pose(node.number("x"), node.number("y"), wrap_rad(node.number("h", 0.0)))
    node.allow()
    return lambda _: Spot(pose)


def _lane(node: Node) -> Where:
    orientation, place = _orientation(node), node.place
    road_id, lane_id = node.text("roadId"), node.integer("laneId")
    s_m, offset_m = node.number("s"), node.number("offset", 0.0)

    def resolve(cast: Cast) -> Spot:
        try:
            on_road = RoadPosition(road_id, s_m, lane_id, offset_m)
            if not 0.0 <= s_m <= cast.network.road_length(road_id):
                length = cast.network.road_length(road_id)
                raise InputError(f"s = {s_m:g} m lies outside of road {road_id}, which is {length:g} m long", place)
            if lane_id not in cast.network.lane_ids(road_id, s_m):
                lanes = ", ".join(str(i) for i in cast.network.lane_ids(road_id, s_m))
                raise MissingLaneError(f"road {road_id} has no lane {lane_id} at s = {s_m:g} m; it has {lanes}", place)
            return _on_lane(cast, on_road, orientation)
        except InputError:
            raise
        except Exception as error:
            raise InputError(f"the lane position cannot be resolved: {error}", place) from error

    return resolve


def _on_lane(cast: Cast, road: RoadPosition, orientation: _Orientation) -> Spot:
    point = cast.network.world_pose(road)
    yaw = orientation.turned(lane_heading(cast.network, road, point))
    return Spot(Pose(point.x_m, point.y_m, yaw), road)


def _relative_lane(node: Node) -> Where:
    orientation, place = _orientation(node), node.place
    entity, lanes = node.text("entityRef"), node.integer("dLane")
    along_m = node.number("ds") if node.has("ds") else node.number("dsLane")
    offset_m = node.number("offset", 0.0)

    def resolve(cast: Cast) -> Spot:
        mover = cast.mover(entity, place)
        if mover.road is None:
            raise InputError(f"{entity} is not on the road, so no lane lies beside it", place)
        beside = cast.lane_beside(mover.road, lanes, place)
        reached = cast.network.advance(replace(beside, offset_m=offset_m), along_m)
        if reached is None:
            raise InputError(f"{along_m:g} m from {entity} the road has ended", place)
        return _on_lane(cast, reached, orientation)

    return resolve


def _road(node: Node) -> Where:
    orientation = _orientation(node)
    road_id, s_m, t_m = node.text("roadId"), node.number("s"), node.number("t")

    def resolve(cast: Cast) -> Spot:
        point = cast.network.world_pose_st(road_id, s_m, t_m)
        return Spot(Pose(point.x_m, point.y_m, orientation.turned(point.yaw_rad)))

    return resolve


def _relative_world(node: Node) -> Where:
    orientation, place = _orientation(node), node.place
    entity, dx, dy = node.text("entityRef"), node.number("dx"), node.number("dy")

    def resolve(cast: Cast) -> Spot:
        pose = cast.mover(entity, place).pose
        return Spot(Pose(pose.x_m + dx, pose.y_m + dy, orientation.turned(pose.yaw_rad)))

    return resolve


def _relative_object(node: Node) -> Where:
    orientation, place = _orientation(node), node.place
    entity, dx, dy = node.text("entityRef"), node.number("dx"), node.number("dy")

    def resolve(cast: Cast) -> Spot:
        pose = cast.mover(entity, place).pose
        point = pose @ Pose(dx, dy, 0.0)
        return Spot(Pose(point.x_m, point.y_m, orientation.turned(pose.yaw_rad)))

    return resolve


_POSITIONS: dict[str, Callable[[Node], Where]] = {
    "WorldPosition": _world,
    "LanePosition": _lane,
    "RelativeLanePosition": _relative_lane,
    "RoadPosition": _road,
    "RelativeWorldPosition": _relative_world,
    "RelativeObjectPosition": _relative_object,
}


def distance_m(first: Pose, second: Pose) -> float:
    """Between two origins."""
    return math.hypot(second.x_m - first.x_m, second.y_m - first.y_m)
