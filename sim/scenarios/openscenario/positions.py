"""Positions: where an action or a condition means (OpenSCENARIO XML 1.3, Position).

In: an element and the movers. Out: a pose in `world` and, where the file says it, the road position.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from geometry.angles import wrap_rad
from geometry.errors import InputError, Place, SceneError
from geometry.geodesy import projection_of
from geometry.pose import Pose
from maps.road_network import RoadPosition
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.mover import Mover, lane_heading
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.openscenario.routes import Route, read_route
from sim.scenarios.openscenario.spots import Orientation, Spot, Where, read_orientation, spot_on_lane
from sim.scenarios.openscenario.trajectories import read_trajectory
from sim.scenarios.scenario import MissingLaneError


def read_position(node: Node) -> Where:
    """The one child of `<Position>` (or of an element that stands for one).

    Raises:
        InputError: a malformed position.
        UnsupportedError: a position that the engine does not know.
    """
    return node.choose(POSITIONS)


def _world(node: Node) -> Where:
    pose = Pose(node.number("x"), node.number("y"), wrap_rad(node.number("h", 0.0)))
    node.allow()
    return lambda _: Spot(pose)


def _lane(node: Node) -> Where:
    orientation, place = read_orientation(node.allow("Orientation")), node.place
    road = RoadPosition(node.text("roadId"), node.number("s"), node.integer("laneId"), node.number("offset", 0.0))
    return lambda cast: spot_on_lane(cast, _checked(cast, road, place), orientation)


def _checked(cast: Cast, road: RoadPosition, place: Place) -> RoadPosition:
    """The road position, if the map has it.

    Raises:
        InputError: no such road, or s outside of it.
        MissingLaneError: the road has no such lane there.
    """
    try:
        length = cast.network.road_length(road.road_id)
        if not 0.0 <= road.s_m <= length:
            raise InputError(
                f"s = {road.s_m:g} m lies outside of road {road.road_id}, which is {length:g} m long", place
            )
        known = cast.network.lane_ids(road.road_id, road.s_m)
    except SceneError as error:
        raise InputError(f"the lane position cannot be resolved: {error}", place) from error
    if road.lane_id not in known and road.lane_id != 0:
        lanes = ", ".join(str(i) for i in known)
        raise MissingLaneError(
            f"road {road.road_id} has no lane {road.lane_id} at s = {road.s_m:g} m; it has {lanes}", place
        )
    return road


def _on_road(cast: Cast, name: str, place: Place) -> tuple[Mover, RoadPosition]:
    mover = cast.mover(name, place)
    if mover.road is None:
        raise InputError(f"{name} is not on the road, so nothing lies beside it", place)
    return mover, mover.road


def _relative_lane(node: Node) -> Where:
    """Ahead and beside as the entity faces, and facing as it does."""
    orientation, place = read_orientation(node.allow("Orientation")), node.place
    entity, lanes = node.text("entityRef"), node.integer("dLane")
    along_m = node.number("ds") if node.has("ds") else node.number("dsLane")
    offset_m = node.number("offset", 0.0)

    def resolve(cast: Cast) -> Spot:
        mover = cast.mover(entity, place)
        beside = cast.lane_beside(mover, lanes, place)
        along = mover.heads_along(cast.network)
        against_lane = (cast.network.drive_sign(beside.road_id, beside.lane_id, beside.s_m) > 0) != along
        start = replace(beside, offset_m=offset_m if along else -offset_m)
        reached = cast.network.advance(start, -along_m if against_lane else along_m, mover.choose)
        if reached is None:
            raise InputError(f"{along_m:g} m from {entity} the road has ended", place)
        turned = replace(orientation, yaw_rad=orientation.yaw_rad + (math.pi if against_lane else 0.0))
        return spot_on_lane(cast, reached, turned if orientation.relative else orientation)

    return resolve


def _road(node: Node) -> Where:
    orientation, place = read_orientation(node.allow("Orientation")), node.place
    road_id, s_m, t_m = node.text("roadId"), node.number("s"), node.number("t")
    return lambda cast: _spot_on_road(cast, road_id, s_m, t_m, orientation, place)


def _spot_on_road(cast: Cast, road_id: str, s_m: float, t_m: float, orientation: Orientation, place: Place) -> Spot:
    """A spot by s and t, turned against the reference line."""
    try:
        point = cast.network.world_pose_st(road_id, s_m, t_m)
    except SceneError as error:
        raise InputError(f"the road position cannot be resolved: {error}", place) from error
    return Spot(Pose(point.x_m, point.y_m, orientation.turned(point.yaw_rad)))


def _relative_road(node: Node) -> Where:
    orientation, place = read_orientation(node.allow("Orientation")), node.place
    entity, along_m, left_m = node.text("entityRef"), node.number("ds"), node.number("dt")

    def resolve(cast: Cast) -> Spot:
        mover, road = _on_road(cast, entity, place)
        t_m = cast.network.lane_centre_t(road.road_id, road.lane_id, road.s_m) + road.offset_m
        # ds counts along the reference line, whichever way the entity's lane leads (OpenSCENARIO 1.3).
        sign = cast.network.drive_sign(road.road_id, road.lane_id, road.s_m)
        reached = cast.network.advance(road, along_m * sign, mover.choose)
        if reached is None:
            raise InputError(f"{along_m:g} m from {entity} the road has ended", place)
        return _spot_on_road(cast, reached.road_id, reached.s_m, t_m + left_m, orientation, place)

    return resolve


def _relative_world(node: Node) -> Where:
    orientation, place = read_orientation(node.allow("Orientation")), node.place
    entity, dx, dy = node.text("entityRef"), node.number("dx"), node.number("dy")

    def resolve(cast: Cast) -> Spot:
        pose = cast.mover(entity, place).pose
        return Spot(Pose(pose.x_m + dx, pose.y_m + dy, orientation.turned(pose.yaw_rad)))

    return resolve


def _relative_object(node: Node) -> Where:
    orientation, place = read_orientation(node.allow("Orientation")), node.place
    entity, dx, dy = node.text("entityRef"), node.number("dx"), node.number("dy")

    def resolve(cast: Cast) -> Spot:
        pose = cast.mover(entity, place).pose
        point = pose @ Pose(dx, dy, 0.0)
        return Spot(Pose(point.x_m, point.y_m, orientation.turned(pose.yaw_rad)))

    return resolve


# --- along routes and trajectories ---


def _route(node: Node) -> Where:
    node.allow("RouteRef", "Orientation", "InRoutePosition")
    orientation, place = read_orientation(node), node.place
    route = read_route(node.child("RouteRef"), read_position)
    inside = node.child("InRoutePosition").allow("FromCurrentEntity", "FromRoadCoordinates", "FromLaneCoordinates")
    entity, by_road = inside.find("FromCurrentEntity"), inside.find("FromRoadCoordinates")
    if entity is not None:
        return _nearest_on_route(route, entity.text("entityRef"), orientation, place)
    if by_road is not None:
        return _road_on_route(route, by_road.number("pathS"), by_road.number("t"), orientation, place)
    by_lane = inside.child("FromLaneCoordinates")
    path_m, lane_id = by_lane.number("pathS"), by_lane.integer("laneId")
    offset_m = by_lane.number("laneOffset", 0.0)

    def resolve(cast: Cast) -> Spot:
        way = route.way(cast)
        stretch, s_m = way.stretch_at(path_m)
        # Lanes are counted as on the first road: where the way runs the other way along s, they change sides.
        side = 1 if stretch.along_s == way.stretches[0].along_s else -1
        road = _checked(cast, RoadPosition(stretch.road_id, s_m, side * lane_id, side * offset_m), place)
        spot = spot_on_lane(cast, road, orientation)
        if not orientation.relative:
            return spot
        along = cast.network.world_pose(road).yaw_rad + (0.0 if stretch.along_s else math.pi)
        return Spot(Pose(spot.pose.x_m, spot.pose.y_m, orientation.turned(along)), road)

    return resolve


def _road_on_route(route: Route, path_m: float, t_m: float, orientation: Orientation, place: Place) -> Where:
    def resolve(cast: Cast) -> Spot:
        way = route.way(cast)
        stretch, s_m = way.stretch_at(path_m)
        sign = 1.0 if stretch.along_s == way.stretches[0].along_s else -1.0
        turned = Orientation(orientation.relative, orientation.yaw_rad + (0.0 if stretch.along_s else math.pi))
        return _spot_on_road(
            cast, stretch.road_id, s_m, t_m * sign, turned if orientation.relative else orientation, place
        )

    return resolve


def _nearest_on_route(route: Route, entity: str, orientation: Orientation, place: Place) -> Where:
    def resolve(cast: Cast) -> Spot:
        mover, road = _on_road(cast, entity, place)
        if route.way(cast).path_m(road) is None:
            raise InputError(f"{entity} is on no road of the route {route.name}", place)
        return Spot(Pose(mover.pose.x_m, mover.pose.y_m, orientation.turned(mover.pose.yaw_rad)), road)

    return resolve


def _trajectory(node: Node) -> Where:
    node.allow("TrajectoryRef", "Orientation")
    orientation = read_orientation(node)
    trajectory = read_trajectory(node.child("TrajectoryRef"), read_position)
    s_m, left_m = node.number("s"), node.number("t", 0.0)

    def resolve(cast: Cast) -> Spot:
        pose = trajectory.draw(cast, None).offset(s_m, left_m)
        return Spot(Pose(pose.x_m, pose.y_m, orientation.turned(pose.yaw_rad)))

    return resolve


def _geo(node: Node) -> Where:
    """By latitude and longitude: in degrees, or in radians under the names of 1.0 and 1.1."""
    orientation, place = read_orientation(node.allow("Orientation")), node.place
    if node.has("latitudeDeg"):
        latitude, longitude = math.radians(node.number("latitudeDeg")), math.radians(node.number("longitudeDeg"))
    else:
        latitude, longitude = node.number("latitude"), node.number("longitude")

    def resolve(cast: Cast) -> Spot:
        try:
            x_m, y_m = projection_of(cast.network.geo_reference).project(latitude, longitude)
        except InputError as error:
            raise InputError(str(error), place) from error
        road = cast.network.locate(x_m, y_m)
        along = lane_heading(cast.network, road)
        return Spot(Pose(x_m, y_m, orientation.turned(along)), road)

    return resolve


POSITIONS: dict[str, Callable[[Node], Where]] = {
    "WorldPosition": _world,
    "LanePosition": _lane,
    "RelativeLanePosition": _relative_lane,
    "RoadPosition": _road,
    "RelativeRoadPosition": _relative_road,
    "RelativeWorldPosition": _relative_world,
    "RelativeObjectPosition": _relative_object,
    "RoutePosition": _route,
    "TrajectoryPosition": _trajectory,
    "GeoPosition": _geo,
}


def distance_m(first: Pose, second: Pose) -> float:
    """Between two origins."""
    return math.hypot(second.x_m - first.x_m, second.y_m - first.y_m)
