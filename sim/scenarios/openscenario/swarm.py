"""Swarm traffic (OpenSCENARIO XML 1.3, TrafficSwarmAction): vehicles that drive around one entity.

They appear on lanes inside an ellipse around the central entity and outside of its inner radius, keep their lane and
their distance (Intelligent Driver Model, Treiber et al. 2000), and leave where the ellipse has passed them. The cast of
a run is fixed, so each action has its own reserve of entities that are absent until they appear. Where they appear is
drawn from a generator with a fixed seed: the same file gives the same traffic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from bus.messages import EntityKind
from geometry.errors import InputError, Place
from geometry.pose import Pose
from maps.road_model import DRIVABLE_KINDS
from maps.road_network import RoadPosition
from motion.car_following import idm_acceleration
from motion.rollout import EntityShape
from sim.scenarios.openscenario.action import GlobalAction, set_speed
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.entities import EntityType
from sim.scenarios.openscenario.mover import Mover, lane_heading
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.scenario import Limits

MOST = 200
"""Files that ask for more vehicles in one swarm are refused."""
TRIES = 4
"""Places looked at in one step while vehicles are missing."""
CLEAR_M = 15.0
LEAVING = 1.1
"""Vehicles leave outside of the ellipse by this factor."""
LOOK_M = 100.0
WIDE_M = 2.0
_HEADWAY_S, _GAP_M, _ACCELERATION_MPS2, _DECELERATION_MPS2, _EXPONENT = 1.4, 2.0, 1.5, 2.0, 4.0

_SIZES: dict[str, tuple[EntityKind, float, float]] = {
    "car": (EntityKind.CAR, 4.6, 1.85),
    "van": (EntityKind.VAN, 5.6, 2.0),
    "truck": (EntityKind.TRUCK, 9.0, 2.5),
    "bus": (EntityKind.BUS, 12.0, 2.55),
    "motorbike": (EntityKind.MOTORCYCLE, 2.2, 0.8),
    "bicycle": (EntityKind.BICYCLE, 1.8, 0.6),
}


@dataclass(slots=True)
class Swarm:
    """One swarm under way."""

    centre: str
    inner_m: float
    ahead_m: float
    axes_m: tuple[float, float]
    speeds_mps: tuple[float, float]
    reserve: tuple[str, ...]
    place: Place
    rng: np.random.Generator = field(default_factory=lambda: np.random.Generator(np.random.PCG64(0)))
    desired_mps: dict[int, float] = field(default_factory=dict)
    """Desired speed of each member, by index in the cast."""

    def step(self, cast: Cast, dt_s: float) -> None:
        """Let vehicles leave and appear, and give each its speed; they are moved along their lanes afterwards."""
        centre = cast.mover(self.centre, self.place)
        around = centre.pose @ Pose(self.ahead_m, 0.0, 0.0)
        members = [cast.by_name[name] for name in self.reserve]
        for member in members:
            if member.present and (member.at_end or self._reach(around, member) > LEAVING):
                member.present = False
        absent = [member for member in members if not member.present]
        for member in absent[:TRIES]:
            self._appear(cast, centre, around, member)
        for member in members:
            if member.present:
                set_speed(member, max(member.speed_mps + self._acceleration(cast, member) * dt_s, 0.0), dt_s)

    def _reach(self, around: Pose, member: Mover) -> float:
        """Where a member is in the ellipse: 0 in the middle, 1 on its edge."""
        local = around.inverse() @ member.pose
        return math.hypot(local.x_m / self.axes_m[0], local.y_m / self.axes_m[1])

    def _appear(self, cast: Cast, centre: Mover, around: Pose, member: Mover) -> None:
        """Put a member on a free place, if the one that is drawn is free."""
        angle, share = self.rng.uniform(0.0, 2.0 * math.pi), math.sqrt(self.rng.uniform())
        drawn = around @ Pose(self.axes_m[0] * share * math.cos(angle), self.axes_m[1] * share * math.sin(angle), 0.0)
        speed_mps = float(self.rng.uniform(*self.speeds_mps))
        near = cast.network.locate(drawn.x_m, drawn.y_m)
        road = RoadPosition(near.road_id, near.s_m, near.lane_id)
        if cast.network.lane_kind(road.road_id, road.lane_id, road.s_m) not in DRIVABLE_KINDS:
            return
        point = cast.network.world_pose(road)
        pose = Pose(point.x_m, point.y_m, lane_heading(cast.network, road, point))
        if math.dist((pose.x_m, pose.y_m), (centre.pose.x_m, centre.pose.y_m)) < self.inner_m:
            return
        room_m = CLEAR_M + speed_mps
        others = (mover for mover in cast.movers if mover.present)
        if any(math.dist((pose.x_m, pose.y_m), (other.pose.x_m, other.pose.y_m)) < room_m for other in others):
            return
        member.place(cast.network, pose, road)
        member.speed_mps = self.desired_mps[member.index] = speed_mps

    def _acceleration(self, cast: Cast, member: Mover) -> float:
        """IDM behind the nearest vehicle ahead, which is in the way where the boxes overlap across the heading."""
        gap_m, lead_mps = math.inf, 0.0
        from_world = member.pose.inverse()
        for other in cast.movers:
            if other is member or not other.present:
                continue
            local = from_world @ other.pose
            between_m = local.x_m - 0.5 * (member.shape.length_m + other.shape.length_m)
            if 0.0 < local.x_m < LOOK_M and abs(local.y_m) < WIDE_M and between_m < gap_m:
                gap_m, lead_mps = between_m, other.speed_mps * math.cos(local.yaw_rad)
        return idm_acceleration(
            member.speed_mps, max(self.desired_mps[member.index], 1.0), gap_m, lead_mps, _HEADWAY_S, _GAP_M,
            _ACCELERATION_MPS2, _DECELERATION_MPS2, _EXPONENT,
        )  # fmt: skip


def _name(node: Node) -> str:
    """What the traffic of a `<TrafficAction>` is called; its vehicles are numbered after it."""
    return node.text("trafficName", "traffic")


def reserve_of(node: Node) -> dict[str, EntityType]:
    """The entities that a `<TrafficAction>` with a swarm may need, by name.

    Raises:
        InputError: more than there may be, or an unknown category.
    """
    swarm = node.find("TrafficSwarmAction")
    if swarm is None:
        return {}
    count = swarm.integer("numberOfVehicles")
    if not 0 <= count <= MOST:
        raise swarm.wrong("numberOfVehicles", str(count), f"a number from 0 to {MOST}")
    kinds = _kinds(swarm.find("TrafficDefinition"), count)
    limits = Limits(70.0, 5.0, 9.0, 0.6)
    found = {}
    for i, category in enumerate(kinds):
        kind, length_m, width_m = _SIZES[category]
        name = f"{_name(node)}/{i + 1}"
        shape = EntityShape(name, int(kind), length_m, width_m, 1.6, 0.3 * length_m, 0.6 * length_m)
        found[name] = EntityType(shape, limits)
    return found


def _kinds(definition: Node | None, count: int) -> list[str]:
    """A category for each vehicle, by the weights of the definition; cars without one."""
    spread = None if definition is None else definition.find("VehicleCategoryDistribution")
    if spread is None:
        return ["car"] * count
    entries = spread.allow("VehicleCategoryDistributionEntry").all("VehicleCategoryDistributionEntry")
    names = [entry.choice("category", _SIZES) for entry in entries]
    weights = np.array([entry.number("weight", least=0.0) for entry in entries])
    if not weights.size or weights.sum() <= 0.0:
        raise InputError("the categories of traffic need weights above 0", spread.place)
    rng = np.random.Generator(np.random.PCG64(0))
    return [names[i] for i in rng.choice(len(names), size=count, p=weights / weights.sum())]


def traffic(node: Node) -> GlobalAction:
    """`<TrafficAction>`: a swarm begins, or the traffic of that name stops."""
    return node.choose({
        "TrafficSwarmAction": lambda item: _swarm(item, _name(node), tuple(reserve_of(node))),
        "TrafficStopAction": lambda _item: _stop(_name(node)),
    })  # fmt: skip


def _swarm(node: Node, name: str, reserve: tuple[str, ...]) -> GlobalAction:
    centre = node.find("CentralObject") or node.child("CentralSwarmObject")
    entity, place = centre.text("entityRef"), node.place
    speeds = node.find("InitialSpeedRange")
    if speeds is not None:
        low, high = speeds.number("lowerLimit", least=0.0), speeds.number("upperLimit", least=0.0)
    else:
        low = high = node.number("velocity", 15.0, least=0.0)
    axes = node.number("semiMajorAxis", least=1.0), node.number("semiMinorAxis", least=1.0)
    inner_m, ahead_m = node.number("innerRadius", least=0.0), node.number("offset", 0.0)

    def perform(cast: Cast, _t_s: float) -> None:
        missing = [member for member in reserve if member not in cast.by_name]
        if missing:
            raise InputError("a swarm has to stand in the scenario file itself, not in a catalog", place)
        cast.swarms[name] = Swarm(entity, inner_m, ahead_m, axes, (low, max(low, high)), reserve, place)

    return GlobalAction("TrafficSwarmAction", perform)


def _stop(name: str) -> GlobalAction:
    def perform(cast: Cast, _t_s: float) -> None:
        swarm = cast.swarms.pop(name, None)
        for member in () if swarm is None else swarm.reserve:
            cast.by_name[member].present = False

    return GlobalAction("TrafficStopAction", perform)
