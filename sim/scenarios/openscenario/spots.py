"""Spots: where a position of a file means, once the cast is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from geometry.angles import wrap_rad
from geometry.pose import Pose
from maps.road_network import RoadPosition
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.mover import lane_heading
from sim.scenarios.openscenario.reading import Node


@dataclass(frozen=True, slots=True)
class Spot:
    """A resolved position; `road` is None where it has to be looked up."""

    pose: Pose
    road: RoadPosition | None = None

    def located(self, cast: Cast) -> RoadPosition:
        """Its place on the road."""
        return self.road if self.road is not None else cast.network.locate(self.pose.x_m, self.pose.y_m)


Where = Callable[[Cast], Spot]


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a position is turned: against its reference, or in `world`."""

    relative: bool
    yaw_rad: float

    def turned(self, reference_rad: float) -> float:
        """The heading in `world` [rad]."""
        return wrap_rad(reference_rad + self.yaw_rad if self.relative else self.yaw_rad)


def read_orientation(node: Node) -> Orientation:
    """`<Orientation>` below a position; without one, along the reference."""
    found = node.find("Orientation")
    if found is None:
        return Orientation(relative=True, yaw_rad=0.0)
    relative = found.choice("type", ("absolute", "relative"), "absolute") == "relative"
    return Orientation(relative or not found.has("h"), found.number("h", 0.0))


def spot_on_lane(cast: Cast, road: RoadPosition, orientation: Orientation) -> Spot:
    """A spot on a lane, turned against the lane's driving direction."""
    point = cast.network.world_pose(road)
    yaw = orientation.turned(lane_heading(cast.network, road, point))
    return Spot(Pose(point.x_m, point.y_m, yaw), road)
