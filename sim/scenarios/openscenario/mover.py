"""One entity as the storyboard moves it: pose, speed, place on the road, and what happens when no action holds it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from geometry.angles import wrap_rad
from geometry.pose import Pose
from maps.road_network import RoadNetwork, RoadPosition, Turn, straightest
from motion.rollout import EntityShape
from sim.scenarios.openscenario.curves import Curve
from sim.scenarios.openscenario.ways import Way
from sim.scenarios.scenario import Limits


@dataclass(slots=True)
class Mover:
    """State of one entity in `world`; the origin is the rear axle of vehicles. Changed by the engine alone.

    `turn_rad` is how far it is turned from the driving direction of its lane; `road` is None off the road. `guided`
    says that an action has already moved it in this step; `share_along` is the part of its speed that leads along the
    lane while a lateral action moves it across. `way` is its route, if it has one; `curve` the trajectory that it
    follows, `curve_s_m` metres into it. `hitch_m` and `coupler_m` lie that far ahead of the origin (NaN: none).
    `standing_s`, `offroad_s` and `ended_s` count since that began (negative: it is not so). `appearance` holds the
    state of lights and animations.
    """

    index: int
    shape: EntityShape
    limits: Limits
    present: bool = False
    pose: Pose = Pose(0.0, 0.0, 0.0)
    road: RoadPosition | None = None
    turn_rad: float = 0.0
    speed_mps: float = 0.0
    acceleration_mps2: float = 0.0
    yaw_rate_radps: float = 0.0
    travelled_m: float = 0.0
    standing_s: float = -1.0
    offroad_s: float = -1.0
    ended_s: float = -1.0
    at_end: bool = False
    guided: bool = False
    share_along: float = 1.0
    way: Way | None = None
    curve: Curve | None = None
    curve_s_m: float = 0.0
    hitch_m: float = math.nan
    coupler_m: float = math.nan
    visible_to: frozenset[str] = frozenset({"graphics", "sensors", "traffic"})
    appearance: dict[str, str] = field(default_factory=dict)
    _yaw_before_rad: float | None = None

    def place(self, network: RoadNetwork, pose: Pose, road: RoadPosition | None = None) -> None:
        """Put it somewhere; its road position is looked up unless it is known."""
        self.present, self.at_end = True, False
        self.pose = pose
        self.road = road if road is not None else network.locate(pose.x_m, pose.y_m, self.road)
        self.turn_rad = wrap_rad(pose.yaw_rad - lane_heading(network, self.road))

    def follow(self, network: RoadNetwork, pose: Pose, speed_mps: float, dt_s: float) -> None:
        """Take over a state that something else has computed."""
        self.travelled_m += math.hypot(pose.x_m - self.pose.x_m, pose.y_m - self.pose.y_m)
        self.acceleration_mps2 = (speed_mps - self.speed_mps) / dt_s if dt_s > 0.0 else 0.0
        self.speed_mps = speed_mps
        self.place(network, pose)

    def sidle(self, network: RoadNetwork, tilt_rad: float, share_along: float) -> None:
        """Take a lane offset that has been set: turned by the tilt towards the left of the reference line, and with
        that part of its speed along the lane. The way along the lane is driven afterwards, once in a step."""
        assert self.road is not None
        backwards = abs(self.turn_rad) > 0.5 * math.pi
        sign = network.drive_sign(self.road.road_id, self.road.lane_id, self.road.s_m) * (-1 if backwards else 1)
        self.turn_rad = sign * tilt_rad + (math.pi if backwards else 0.0)
        self.share_along = share_along
        self.settle(network)

    def drive(self, network: RoadNetwork, along_m: float) -> None:
        """Move along the lane by a distance, keeping the lane offset; at the end of the road it stops."""
        if self.road is None or self.at_end:
            return
        if along_m != 0.0:
            backwards = abs(self.turn_rad) > 0.5 * math.pi
            along_s = (-along_m if backwards else along_m) / network.metres_per_s(self.road)
            after = network.advance(self.road, along_s, self.choose)
            if after is None:
                after = self._end_of_road(network, along_s)
                self.at_end, self.speed_mps = True, 0.0
            self.road = after
        self.travelled_m += abs(along_m)
        self.settle(network)

    def choose(self, turns: tuple[Turn, ...]) -> Turn:
        """Which way to take where lanes fork: along the route, else straight on."""
        return straightest(turns) if self.way is None else self.way.choose(turns)

    def _end_of_road(self, network: RoadNetwork, along_s: float) -> RoadPosition:
        """The last place on the road that lies less than `along_s` ahead, to the millimetre."""
        assert self.road is not None
        reached, rest = self.road, 0.5 * along_s
        while abs(rest) > 1e-3:
            after = network.advance(reached, rest, self.choose)
            reached = reached if after is None else after
            rest *= 0.5
        return reached

    def tick(self, network: RoadNetwork, dt_s: float) -> None:
        """Count how long it has been standing, off the road and at the road's end; derive its yaw rate."""
        before = self.pose.yaw_rad if self._yaw_before_rad is None else self._yaw_before_rad
        self.yaw_rate_radps = wrap_rad(self.pose.yaw_rad - before) / dt_s
        self._yaw_before_rad = self.pose.yaw_rad
        self.standing_s = _counted(self.standing_s, abs(self.speed_mps) < 1e-3, dt_s)
        self.ended_s = _counted(self.ended_s, self.at_end, dt_s)
        self.offroad_s = _counted(self.offroad_s, self.is_off_road(network), dt_s)

    def is_off_road(self, network: RoadNetwork) -> bool:
        """Whether its origin lies on no lane of its road (those of kind `none` are no lanes to be on)."""
        if self.road is None:
            return True
        s_m = self.road.s_m
        section = network.road(self.road.road_id).section(s_m)
        t_m = network.lane_centre_t(self.road.road_id, self.road.lane_id, s_m) + self.road.offset_m
        own = [self.road.lane_id] if self.road.lane_id in section.ids else []  # first, as that is where it mostly is
        lanes = (section.lanes[lane_id] for lane_id in (*own, *section.ids))
        edges = (sorted((lane.inner_t.at(s_m), lane.outer_t.at(s_m))) for lane in lanes if lane.kind != "none")
        return not any(low - 1e-6 <= t_m <= high + 1e-6 for low, high in edges)

    def heads_along(self, network: RoadNetwork) -> bool:
        """Whether it faces along the reference line of its road (not: against it)."""
        assert self.road is not None
        return math.cos(self.pose.yaw_rad - network.world_pose(self.road).yaw_rad) >= 0.0

    def settle(self, network: RoadNetwork) -> None:
        """Derive the pose from the road position."""
        assert self.road is not None
        point = network.world_pose(self.road)
        self.pose = Pose(point.x_m, point.y_m, wrap_rad(lane_heading(network, self.road, point) + self.turn_rad))

    @property
    def centre(self) -> tuple[float, float]:
        """Box centre in `world`."""
        lever = self.shape.centre_x_m
        return (
            self.pose.x_m + lever * math.cos(self.pose.yaw_rad),
            self.pose.y_m + lever * math.sin(self.pose.yaw_rad),
        )

    def corners(self) -> tuple[tuple[float, float], ...]:
        """The four corners of the box in `world`."""
        x, y = self.centre
        cos, sin = math.cos(self.pose.yaw_rad), math.sin(self.pose.yaw_rad)
        half_l, half_w = 0.5 * self.shape.length_m, 0.5 * self.shape.width_m
        return tuple(
            (x + a * cos - b * sin, y + a * sin + b * cos)
            for a, b in ((half_l, half_w), (-half_l, half_w), (-half_l, -half_w), (half_l, -half_w))
        )


def lane_heading(network: RoadNetwork, road: RoadPosition, point: Pose | None = None) -> float:
    """Driving direction of the lane in `world` [rad]."""
    point = network.world_pose(road) if point is None else point
    against = network.drive_sign(road.road_id, road.lane_id, road.s_m) < 0
    return point.yaw_rad + (math.pi if against else 0.0)


def _counted(before_s: float, holds: bool, dt_s: float) -> float:
    """How long something has been so; -1 while it is not."""
    if not holds:
        return -1.0
    return 0.0 if before_s < 0.0 else before_s + dt_s
