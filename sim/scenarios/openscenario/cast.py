"""The cast at run time: the movers by name on one road network, and what can be asked about two of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from geometry.errors import InputError, Place
from geometry.pose import Pose
from maps.road_network import RoadNetwork, RoadPosition
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.scenario import MissingLaneError


@dataclass(frozen=True, slots=True)
class Cast:
    """All entities of a scenario and the roads they are on."""

    network: RoadNetwork
    movers: tuple[Mover, ...]
    by_name: dict[str, Mover]

    def mover(self, name: str, place: Place | None = None) -> Mover:
        """The entity of that name.

        Raises:
            InputError: there is none.
        """
        found = self.by_name.get(name)
        if found is None:
            raise InputError(f"there is no entity {name[:100]!r}; there are {', '.join(self.by_name)}", place)
        return found

    def lane_beside(self, road: RoadPosition, lanes: int, place: Place | None = None) -> RoadPosition:
        """The lane `lanes` to the left (positive) in driving direction, lane 0 passed over, at the lane's centre.

        Raises:
            InputError: the road has no such lane.
        """
        sign = self.network.drive_sign(road.road_id, road.lane_id, road.s_m)
        lane_id = road.lane_id
        for _ in range(abs(lanes)):
            lane_id += sign * (1 if lanes > 0 else -1)
            if lane_id == 0:
                lane_id += sign * (1 if lanes > 0 else -1)
        known = self.network.lane_ids(road.road_id, road.s_m)
        if lane_id not in known:
            raise MissingLaneError(
                f"road {road.road_id} has no lane {lane_id} at s = {road.s_m:.1f} m; it has "
                f"{', '.join(str(i) for i in known)}",
                place,
            )
        return replace(road, lane_id=lane_id, offset_m=0.0)


def longitudinal_m(first: Mover, second: Mover, freespace: bool) -> float:
    """Distance along the first one's heading, never negative; between the boxes where `freespace`."""
    return _along(first, second, freespace, across=False)


def lateral_m(first: Mover, second: Mover, freespace: bool) -> float:
    """Distance across the first one's heading, never negative; between the boxes where `freespace`."""
    return _along(first, second, freespace, across=True)


def _along(first: Mover, second: Mover, freespace: bool, across: bool) -> float:
    first_from_world = first.pose.inverse()
    ego_from_other = first_from_world @ second.pose
    if not freespace:
        return abs(ego_from_other.y_m if across else ego_from_other.x_m)
    points = [_local(first_from_world, corner, across) for corner in second.corners()]
    lever = 0.0 if across else first.shape.centre_x_m
    half = 0.5 * (first.shape.width_m if across else first.shape.length_m)
    return max(min(points) - (lever + half), (lever - half) - max(points), 0.0)


def _local(first_from_world: Pose, corner: tuple[float, float], across: bool) -> float:
    cos, sin = math.cos(first_from_world.yaw_rad), math.sin(first_from_world.yaw_rad)
    x, y = corner
    if across:
        return first_from_world.y_m + sin * x + cos * y
    return first_from_world.x_m + cos * x - sin * y
