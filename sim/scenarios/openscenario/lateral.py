"""Lateral actions: lane change, lane offset, lateral distance to another entity."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from geometry.angles import wrap_rad
from geometry.errors import InputError
from sim.scenarios.openscenario.action import LATERAL, Action, Running
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.distances import How, measure_of
from sim.scenarios.openscenario.dynamics import SPRING_SHARE_PER_M, Bounds, Dynamics, read_bounds, read_dynamics, share
from sim.scenarios.openscenario.mover import Mover, lane_heading
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.scenario import MissingLaneError

# --- lane change and lane offset ---


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
        share_along = abs(math.cos(mover.turn_rad)) if self.tilted else 1.0
        self.gone += abs(mover.speed_mps) * dt_s * share_along if self.dynamics.dimension == "distance" else dt_s
        reached = self.gone >= self.span - 1e-9
        part, slope = share(self.dynamics.shape, 1.0 if reached else self.gone / self.span)
        change_m = self.to_m - self.from_m
        tilt_rad = 0.0 if reached else self._turn(change_m * slope / self.span, mover.speed_mps)
        mover.road = replace(mover.road, offset_m=self.from_m + change_m * part)
        mover.sidle(cast.network, tilt_rad, share_along)
        return reached

    def _turn(self, lateral: float, speed_mps: float) -> float:
        """Heading against the lane [rad] at a lateral rate per unit of `gone`."""
        if self.dynamics.dimension == "distance":
            return math.atan(lateral)
        if abs(speed_mps) < 1e-3:
            return 0.0
        ratio = min(max(lateral / speed_mps, -0.99), 0.99)
        return math.asin(ratio) if self.tilted else math.atan(ratio)


def lane_change(node: Node) -> Action:
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
        return cast.lane_beside(other, relative.integer("value"), relative.place).lane_id

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
        mover.turn_rad = wrap_rad(mover.pose.yaw_rad - lane_heading(cast.network, mover.road))
        sign = 1.0 if mover.heads_along(cast.network) else -1.0
        span = dynamics.span(end_offset_m * sign - from_m)
        return _LateralMove(dynamics, from_m, end_offset_m * sign, span, tilted=True)

    return Action("LaneChangeAction", LATERAL, start)


def lane_offset(node: Node) -> Action:
    node.allow("LaneOffsetActionDynamics", "LaneOffsetTarget")
    continuous = node.boolean("continuous", False)
    how = node.child("LaneOffsetActionDynamics")
    shape = how.choice("dynamicsShape", ("linear", "cubic", "sinusoidal", "step"))
    limit_mps2 = how.number("maxLateralAcc", math.inf, least=0.0)
    target = node.child("LaneOffsetTarget").allow("AbsoluteTargetLaneOffset", "RelativeTargetLaneOffset")
    absolute, place = target.find("AbsoluteTargetLaneOffset"), node.place
    relative = target.child("RelativeTargetLaneOffset") if absolute is None else None

    def start(cast: Cast, mover: Mover, _t_s: float) -> Running:
        if mover.road is None:
            raise InputError(f"{mover.shape.name} is not on the road and has no lane offset", place)
        sign = 1.0 if mover.heads_along(cast.network) else -1.0  # to the left as the entity faces
        from_m = mover.road.offset_m
        if absolute is not None:
            to_m = absolute.number("value") * sign
        else:
            assert relative is not None
            other = cast.mover(relative.text("entityRef"), relative.place)
            base_m = 0.0 if other.road is None else other.road.offset_m
            to_m = base_m + relative.number("value") * sign
        span = _lateral_span(shape, to_m - from_m, limit_mps2)
        move = _LateralMove(Dynamics(shape, "time", span), from_m, to_m, span, tilted=False)
        return _HeldOffset(move) if continuous else move

    return Action("LaneOffsetAction", LATERAL, start)


@dataclass(slots=True)
class _HeldOffset:
    """A lane offset that is kept until something else moves the entity across its lane."""

    move: _LateralMove

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:
        self.move.step(cast, mover, t_s, dt_s)
        return False


def _lateral_span(shape: str, change_m: float, limit_mps2: float) -> float:
    """Shortest time [s] in which the shape changes the offset within the lateral acceleration."""
    if shape == "step" or change_m == 0.0 or math.isinf(limit_mps2):
        return 0.0
    if limit_mps2 <= 0.0:
        return math.inf
    peak = {"sinusoidal": 0.5 * math.pi**2, "cubic": 6.0, "linear": 4.0}[shape]
    return math.sqrt(peak * abs(change_m) / limit_mps2)


# --- lateral distance ---

NEAR_M = 0.01
"""A distance that is not kept continuously is reached when it is this close."""


@dataclass(slots=True)
class _LateralPull:
    """Across the lane towards a distance from another entity, along the lane at the entity's own speed.

    Bounded in speed alone it moves as fast as it may; bounded in acceleration it comes in like a damped spring.
    """

    offset_to_go: Callable[[Cast, Mover], float | None]
    bounds: Bounds
    continuous: bool
    rate_mps: float = 0.0

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:  # noqa: ARG002
        to_go_m = self.offset_to_go(cast, mover)
        if to_go_m is None or mover.road is None:
            return False
        if not self.continuous and abs(to_go_m) < NEAR_M:
            return True
        rate = self._next_rate(to_go_m, dt_s)
        along = 1.0 if mover.heads_along(cast.network) else -1.0
        mover.road = replace(mover.road, offset_m=mover.road.offset_m + rate * dt_s * along)
        slope = min(max(rate / mover.speed_mps, -0.99), 0.99) if abs(mover.speed_mps) > 1e-3 else 0.0
        mover.sidle(cast.network, math.asin(slope) * along, math.sqrt(1.0 - slope * slope))
        return False

    def _next_rate(self, to_go_m: float, dt_s: float) -> float:
        """Lateral speed [m/s, left positive] of this step."""
        if math.isinf(self.bounds.acceleration_mps2):
            wanted = to_go_m / dt_s
        else:
            spring = SPRING_SHARE_PER_M * self.bounds.acceleration_mps2
            pull = spring * to_go_m - 2.0 * math.sqrt(spring) * self.rate_mps
            bounded = min(max(pull, -self.bounds.acceleration_mps2), self.bounds.acceleration_mps2)
            wanted = self.rate_mps + bounded * dt_s
        self.rate_mps = min(max(wanted, -self.bounds.speed_mps), self.bounds.speed_mps)
        return self.rate_mps


def lateral_distance(node: Node) -> Action:
    """`<LateralDistanceAction>`."""
    bounds = read_bounds(node.allow("DynamicConstraints").find("DynamicConstraints"))
    name, place, wanted_m = node.text("entityRef"), node.place, node.number("distance", 0.0)
    freespace = node.boolean("freespace")
    side = node.choice("displacement", ("any", "leftToReferencedEntity", "rightToReferencedEntity"), "any")
    system = node.choice("coordinateSystem", ("entity", "lane", "road", "trajectory", "world"), "lane")
    measure = measure_of(How("lateral", system, freespace=False))

    def to_go_m(cast: Cast, mover: Mover) -> float | None:
        other = cast.mover(name, place)
        left_m = measure(cast, mover, other)
        if left_m is None:
            return None
        apart_m = wanted_m + (0.5 * (mover.shape.width_m + other.shape.width_m) if freespace else 0.0)
        stays_left = left_m <= 0.0 if side == "any" else side == "leftToReferencedEntity"
        return left_m + (apart_m if stays_left else -apart_m)

    def start(cast: Cast, mover: Mover, _t_s: float) -> Running:
        if mover.road is None or cast.mover(name, place).road is None:
            raise InputError(f"{mover.shape.name} and {name} need to be on the road to keep a distance", place)
        return _LateralPull(to_go_m, bounds, node.boolean("continuous"))

    return Action("LateralDistanceAction", LATERAL, start)
