"""Private actions: what they want is read once, what they are doing is a small running object.

A running action is stepped once per simulation step until it says that it is done. Actions on the same channel of one
entity (longitudinal, lateral) exclude each other: the newer one ends the older.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from geometry.angles import wrap_rad
from geometry.errors import InputError, UnsupportedError
from geometry.pose import Pose
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.dynamics import Dynamics, read_dynamics, share
from sim.scenarios.openscenario.entities import Catalogs
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.positions import Where, read_position
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.scenario import MissingLaneError

LONGITUDINAL, LATERAL, BOTH, NEITHER = "longitudinal", "lateral", "longitudinal lateral", ""


class Running(Protocol):
    """An action on one entity, under way."""

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:
        """Go on for `dt_s` from `t_s`; True when it is done."""
        ...


Start = Callable[[Cast, Mover, float], Running]


@dataclass(frozen=True, slots=True)
class Action:
    """A private action as the file has it: its element, which channels it takes, and how it starts.

    `set_speed_mps`: the absolute speed it asks for, if it does. `activates`: it hands the entity to a controller.
    """

    kind: str
    channels: str
    start: Start
    set_speed_mps: float | None = None
    activates: bool = False


def read_private_action(node: Node, catalogs: Catalogs) -> Action:
    """`<PrivateAction>`; `catalogs` resolves references inside.

    Raises:
        UnsupportedError: an action that the engine does not know.
    """
    return node.choose({
        "LongitudinalAction": lambda n: n.choose({"SpeedAction": _speed, "LongitudinalDistanceAction": _distance}),
        "LateralAction": lambda n: n.choose({"LaneChangeAction": _lane_change, "LaneOffsetAction": _lane_offset}),
        "TeleportAction": _teleport,
        "ControllerAction": _controller,
        "ActivateControllerAction": _activate,
        "RoutingAction": lambda n: n.choose({"FollowTrajectoryAction": lambda m: _trajectory(m, catalogs)}),
    })  # fmt: skip


# --- at once ---


@dataclass(frozen=True, slots=True)
class _Done:
    """An action that was done in the moment it started."""

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:  # noqa: ARG002 - the protocol's arguments
        return True


def _teleport(node: Node) -> Action:
    where = read_position(node.child("Position"))

    def start(cast: Cast, mover: Mover, _t_s: float) -> Running:
        spot = where(cast)
        mover.place(cast.network, spot.pose, spot.road)
        return _Done()

    return Action("TeleportAction", BOTH, start)


def _activate(node: Node) -> Action:
    engages = node.boolean("lateral", True) or node.boolean("longitudinal", True)
    return Action("ActivateControllerAction", NEITHER, lambda *_: _Done(), activates=engages)


def _controller(node: Node) -> Action:
    node.allow("AssignControllerAction", "ActivateControllerAction", "OverrideControllerValueAction")
    override = node.find("OverrideControllerValueAction")
    if override is not None:
        raise UnsupportedError("<OverrideControllerValueAction> is not supported", override.place)
    activate = node.find("ActivateControllerAction")
    if activate is not None:
        return _activate(activate)
    assign = node.child("AssignControllerAction")
    engages = assign.boolean("activateLateral", False) or assign.boolean("activateLongitudinal", False)
    return Action("AssignControllerAction", NEITHER, lambda *_: _Done(), activates=engages)


# --- speed ---


@dataclass(slots=True)
class _SpeedChange:
    """A transition of speed; `target` is asked anew at each step (constant unless continuous)."""

    dynamics: Dynamics
    target: Callable[[Cast], float]
    continuous: bool
    from_mps: float
    to_mps: float
    gone: float = 0.0

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:  # noqa: ARG002
        if self.continuous and self.target(cast) != self.to_mps:
            self.to_mps, self.from_mps, self.gone = self.target(cast), mover.speed_mps, 0.0
        span = self.dynamics.span(self.to_mps - self.from_mps)
        by_distance = self.dynamics.dimension == "distance"
        self.gone += abs(mover.speed_mps) * dt_s if by_distance else dt_s
        reached = self.gone >= span - 1e-9
        part = 1.0 if reached else share(self.dynamics.shape, self.gone / span)[0]
        _set_speed(mover, self.from_mps + (self.to_mps - self.from_mps) * part, dt_s)
        return reached and not self.continuous


def _set_speed(mover: Mover, speed_mps: float, dt_s: float) -> None:
    bounded = min(speed_mps, mover.limits.speed_mps)
    mover.acceleration_mps2 = (bounded - mover.speed_mps) / dt_s if dt_s > 0.0 else 0.0
    mover.speed_mps = bounded


def _speed(node: Node) -> Action:
    dynamics = read_dynamics(node.allow("SpeedActionDynamics", "SpeedActionTarget").child("SpeedActionDynamics"))
    goal = node.child("SpeedActionTarget")
    absolute = goal.allow("AbsoluteTargetSpeed", "RelativeTargetSpeed").find("AbsoluteTargetSpeed")
    continuous = False
    if absolute is not None:
        speed_mps = absolute.number("value")
        target: Callable[[Cast], float] = lambda _cast: speed_mps  # noqa: E731 - two ways to make one function
    else:
        relative = goal.child("RelativeTargetSpeed")
        continuous = relative.boolean("continuous", False)
        target = _relative_speed(relative)

    def start(cast: Cast, mover: Mover, _t_s: float) -> Running:
        to_mps = target(cast)
        if dynamics.span(to_mps - mover.speed_mps) == 0.0 and not continuous:
            _set_speed(mover, to_mps, 0.0)
            return _Done()
        return _SpeedChange(dynamics, target, continuous, mover.speed_mps, to_mps)

    return Action("SpeedAction", LONGITUDINAL, start, set_speed_mps=None if absolute is None else speed_mps)


def _relative_speed(node: Node) -> Callable[[Cast], float]:
    entity, value, place = node.text("entityRef"), node.number("value"), node.place
    factor = node.choice("speedTargetValueType", ("delta", "factor"), "delta") == "factor"

    def target(cast: Cast) -> float:
        speed_mps = cast.mover(entity, place).speed_mps
        return speed_mps * value if factor else speed_mps + value

    return target


# --- distance ---


def _distance(node: Node) -> Action:
    """LongitudinalDistanceAction without dynamics: the distance is established at once."""
    if node.boolean("continuous"):
        raise UnsupportedError("<LongitudinalDistanceAction> with continuous=true is not supported", node.place)
    if len(node.element):
        raise node.unsupported(node.element[0])
    entity, freespace, place = node.text("entityRef"), node.boolean("freespace"), node.place
    by_time = node.has("timeGap")
    value = node.number("timeGap" if by_time else "distance")
    side = node.choice(
        "displacement", ("any", "trailingReferencedEntity", "leadingReferencedEntity"), "trailingReferencedEntity"
    )

    def start(cast: Cast, mover: Mover, _t_s: float) -> Running:
        other = cast.mover(entity, place)
        if other.road is None or mover.road is None:
            raise InputError(f"{mover.shape.name} and {entity} need to be on the road to keep a distance", place)
        gap_m = (
            value * abs(other.speed_mps if side == "leadingReferencedEntity" else mover.speed_mps) if by_time else value
        )
        ahead = side == "leadingReferencedEntity" or (side == "any" and (other.pose.inverse() @ mover.pose).x_m > 0.0)
        if freespace:
            front, back = (other, mover) if ahead else (mover, other)
            gap_m += front.shape.centre_x_m + 0.5 * front.shape.length_m
            gap_m -= back.shape.centre_x_m - 0.5 * back.shape.length_m
        reached = cast.network.advance(other.road, gap_m if ahead else -gap_m)
        if reached is None:
            raise InputError(f"{gap_m:.1f} m from {entity} the road has ended", place)
        # The own lane and offset stay; only the place along the road changes.
        mover.road = replace(mover.road, road_id=reached.road_id, s_m=reached.s_m)
        mover.settle(cast.network)
        return _Done()

    return Action("LongitudinalDistanceAction", LONGITUDINAL, start)


# --- lateral ---


@dataclass(slots=True)
class _LateralMove:
    """A transition of the lateral offset while the entity drives along its lane.

    `tilted`: the speed is that along the slanting path (lane change); else that along the lane (lane offset).
    """

    dynamics: Dynamics
    from_m: float
    to_m: float
    span: float
    tilted: bool
    gone: float = 0.0

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:  # noqa: ARG002
        assert mover.road is not None
        along_m = mover.speed_mps * dt_s * (math.cos(mover.turn_rad) if self.tilted else 1.0)
        self.gone += abs(along_m) if self.dynamics.dimension == "distance" else dt_s
        reached = self.gone >= self.span - 1e-9
        part, slope = share(self.dynamics.shape, 1.0 if reached else self.gone / self.span)
        change_m = self.to_m - self.from_m
        turn_rad = 0.0 if reached else self._turn(change_m * slope / self.span, mover.speed_mps)
        sign = cast.network.drive_sign(mover.road.road_id, mover.road.lane_id, mover.road.s_m)
        mover.road = replace(mover.road, offset_m=self.from_m + change_m * part)
        mover.drive(cast.network, along_m, dt_s, turn_rad * sign)
        mover.guided = True
        if reached:
            mover.settle(cast.network)
        return reached

    def _turn(self, lateral: float, speed_mps: float) -> float:
        """Heading against the lane [rad] at a lateral rate per unit of `gone`."""
        if self.dynamics.dimension == "distance":
            return math.atan(lateral)
        if abs(speed_mps) < 1e-3:
            return 0.0
        ratio = min(max(lateral / speed_mps, -0.99), 0.99)
        return math.asin(ratio) if self.tilted else math.atan(ratio)


def _lane_change(node: Node) -> Action:
    node.allow("LaneChangeActionDynamics", "LaneChangeTarget")
    dynamics = read_dynamics(node.child("LaneChangeActionDynamics"))
    end_offset_m = node.number("targetLaneOffset", 0.0)
    target = node.child("LaneChangeTarget").allow("RelativeTargetLane", "AbsoluteTargetLane")
    relative, absolute, place = target.find("RelativeTargetLane"), target.find("AbsoluteTargetLane"), node.place

    def lane_of(cast: Cast) -> int:
        if relative is None:
            assert absolute is not None
            return absolute.integer("value")
        other = cast.mover(relative.text("entityRef"), relative.place)
        if other.road is None:
            raise InputError(f"{other.shape.name} is not on the road, so no lane lies beside it", place)
        return cast.lane_beside(other.road, relative.integer("value"), relative.place).lane_id

    if relative is None and absolute is None:
        target.child("RelativeTargetLane")

    def start(cast: Cast, mover: Mover, _t_s: float) -> Running:
        if mover.road is None:
            raise InputError(f"{mover.shape.name} is not on the road and cannot change lanes", place)
        road, lane_id = mover.road, lane_of(cast)
        if lane_id not in cast.network.lane_ids(road.road_id, road.s_m):
            raise MissingLaneError(
                f"road {road.road_id} has no lane {lane_id} to change to at s = {road.s_m:.1f} m", place
            )
        now_t = cast.network.lane_centre_t(road.road_id, road.lane_id, road.s_m) + road.offset_m
        from_m = now_t - cast.network.lane_centre_t(road.road_id, lane_id, road.s_m)
        mover.road = replace(road, lane_id=lane_id, offset_m=from_m)
        sign = cast.network.drive_sign(road.road_id, lane_id, road.s_m)
        span = dynamics.span(end_offset_m * sign - from_m)
        return _LateralMove(dynamics, from_m, end_offset_m * sign, span, tilted=True)

    return Action("LaneChangeAction", LATERAL, start)


def _lane_offset(node: Node) -> Action:
    node.allow("LaneOffsetActionDynamics", "LaneOffsetTarget")
    if node.boolean("continuous"):
        raise UnsupportedError("<LaneOffsetAction> with continuous=true is not supported", node.place)
    how = node.child("LaneOffsetActionDynamics")
    shape = how.choice("dynamicsShape", ("linear", "cubic", "sinusoidal", "step"))
    limit_mps2 = how.number("maxLateralAcc", math.inf, least=0.0)
    target = node.child("LaneOffsetTarget").allow("AbsoluteTargetLaneOffset", "RelativeTargetLaneOffset")
    absolute, place = target.find("AbsoluteTargetLaneOffset"), node.place
    relative = target.child("RelativeTargetLaneOffset") if absolute is None else None

    def start(cast: Cast, mover: Mover, _t_s: float) -> Running:
        if mover.road is None:
            raise InputError(f"{mover.shape.name} is not on the road and has no lane offset", place)
        sign = cast.network.drive_sign(mover.road.road_id, mover.road.lane_id, mover.road.s_m)
        from_m = mover.road.offset_m
        if absolute is not None:
            to_m = absolute.number("value") * sign
        else:
            assert relative is not None
            other = cast.mover(relative.text("entityRef"), relative.place)
            base_m = 0.0 if other.road is None else other.road.offset_m
            to_m = base_m + relative.number("value") * sign
        span = _lateral_span(shape, to_m - from_m, limit_mps2)
        return _LateralMove(Dynamics(shape, "time", span), from_m, to_m, span, tilted=False)

    return Action("LaneOffsetAction", LATERAL, start)


def _lateral_span(shape: str, change_m: float, limit_mps2: float) -> float:
    """Shortest time [s] in which the shape changes the offset within the lateral acceleration."""
    if shape == "step" or change_m == 0.0 or math.isinf(limit_mps2):
        return 0.0
    if limit_mps2 <= 0.0:
        return math.inf
    peak = {"sinusoidal": 0.5 * math.pi**2, "cubic": 6.0, "linear": 4.0}[shape]
    return math.sqrt(peak * abs(change_m) / limit_mps2)


# --- trajectories ---


@dataclass(frozen=True, slots=True)
class _Vertex:
    t_s: float | None
    where: Where
    oriented: bool


@dataclass(slots=True)
class _PolylineRun:
    """Along a polyline in time (with a time reference) or at the entity's own speed (without)."""

    times_s: tuple[float, ...] | None
    poses: tuple[Pose, ...]
    started_s: float
    along_m: float = 0.0
    segment: int = 0

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:
        now_s = t_s + dt_s - self.started_s
        self.along_m += mover.speed_mps * dt_s
        reached = self._at_end(now_s)
        pose, speed_mps = self._state(now_s)
        speed = mover.speed_mps if self.times_s is None or reached else speed_mps
        mover.follow(cast.network, pose, speed, dt_s)
        mover.guided = True
        return reached

    def _at_end(self, now_s: float) -> bool:
        if self.times_s is not None:
            return now_s >= self.times_s[-1]
        return self.along_m >= sum(self._length(i) for i in range(len(self.poses) - 1))

    def _length(self, i: int) -> float:
        return math.hypot(self.poses[i + 1].x_m - self.poses[i].x_m, self.poses[i + 1].y_m - self.poses[i].y_m)

    def _state(self, now_s: float) -> tuple[Pose, float]:
        if self.times_s is not None:
            i = 0
            while i < len(self.times_s) - 2 and now_s >= self.times_s[i + 1]:
                i += 1
            span = max(self.times_s[i + 1] - self.times_s[i], 1e-9)
            part, speed_mps = (now_s - self.times_s[i]) / span, self._length(i) / span
        else:
            i, rest_m = 0, self.along_m
            while i < len(self.poses) - 2 and rest_m >= self._length(i):
                rest_m -= self._length(i)
                i += 1
            part, speed_mps = rest_m / max(self._length(i), 1e-9), 0.0
        part = min(max(part, 0.0), 1.0)
        a, b = self.poses[i], self.poses[i + 1]
        yaw_rad = wrap_rad(a.yaw_rad + part * wrap_rad(b.yaw_rad - a.yaw_rad))
        return Pose(a.x_m + part * (b.x_m - a.x_m), a.y_m + part * (b.y_m - a.y_m), yaw_rad), speed_mps


def _trajectory(node: Node, catalogs: Catalogs) -> Action:
    node.allow("Trajectory", "CatalogReference", "TrajectoryRef", "TimeReference", "TrajectoryFollowingMode")
    mode = node.find("TrajectoryFollowingMode")
    if mode is not None:
        mode.choice("followingMode", ("position", "follow"))
    holder = node.find("TrajectoryRef") or node
    reference = holder.find("CatalogReference")
    trajectory = catalogs.entry(reference) if reference is not None else holder.child("Trajectory")
    shape = trajectory.allow("ParameterDeclarations", "Shape").child("Shape").allow("Polyline").child("Polyline")
    vertices = tuple(_vertex(item) for item in shape.allow("Vertex"))
    if len(vertices) < 2:
        raise InputError("a trajectory needs at least two vertices", shape.place)
    scale, offset_s, absolute = _timing(node.find("TimeReference"))
    times = None
    if scale is not None:
        if any(vertex.t_s is None for vertex in vertices):
            raise InputError("a trajectory with a time reference needs a time at every vertex", shape.place)
        times = tuple(scale * (vertex.t_s or 0.0) + offset_s for vertex in vertices)
        if any(b < a for a, b in pairwise(times)):
            raise InputError("the times of a trajectory must not decrease", shape.place)

    def start(cast: Cast, _mover: Mover, t_s: float) -> Running:
        return _PolylineRun(times, _poses(cast, vertices), 0.0 if absolute else t_s)

    return Action("FollowTrajectoryAction", LATERAL if times is None else BOTH, start)


def _vertex(node: Node) -> _Vertex:
    position = node.child("Position")
    oriented = any(child.find("Orientation") is not None or child.has("h") for child in position)
    return _Vertex(node.number("time") if node.has("time") else None, read_position(position), oriented)


def _poses(cast: Cast, vertices: tuple[_Vertex, ...]) -> tuple[Pose, ...]:
    """Vertices in `world`; where the file gives no heading it is that of the polyline."""
    poses = [vertex.where(cast).pose for vertex in vertices]
    for i, vertex in enumerate(vertices):
        if not vertex.oriented:
            a, b = (poses[i], poses[i + 1]) if i + 1 < len(poses) else (poses[i - 1], poses[i])
            poses[i] = replace(poses[i], yaw_rad=math.atan2(b.y_m - a.y_m, b.x_m - a.x_m))
    return tuple(poses)


def _timing(node: Node | None) -> tuple[float | None, float, bool]:
    """Scale (None: no time), offset and whether times are absolute."""
    timing = None if node is None else node.allow("Timing", "None").find("Timing")
    if timing is None:
        return None, 0.0, False
    absolute = timing.choice("domainAbsoluteRelative", ("absolute", "relative")) == "absolute"
    return timing.number("scale", 1.0), timing.number("offset", 0.0), absolute
