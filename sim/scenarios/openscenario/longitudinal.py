"""Longitudinal actions: speed, speed profile, distance to another entity."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from geometry.errors import InputError
from sim.scenarios.openscenario.action import LONGITUDINAL, Action, Done, Running, set_speed
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.distances import How, measure_of
from sim.scenarios.openscenario.dynamics import SPRING_SHARE_PER_M, Bounds, Dynamics, read_bounds, read_dynamics, share
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.openscenario.speed_profile import SpeedProfile, speed_profile_of

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
        span = _span_s(self.dynamics, mover, self.from_mps, self.to_mps)
        self.gone += dt_s
        reached = self.gone >= span - 1e-9
        part = 1.0 if reached else share(self.dynamics.shape, self.gone / span)[0]
        set_speed(mover, self.from_mps + (self.to_mps - self.from_mps) * part, dt_s)
        return reached and not self.continuous


def _span_s(dynamics: Dynamics, mover: Mover, from_mps: float, to_mps: float) -> float:
    """How long a change of speed takes, within what the entity can do.

    All shapes are symmetrical, so a distance is driven at the mean of both speeds.
    """
    limits, change = mover.limits, to_mps - from_mps
    fastest = limits.acceleration_mps2 if change > 0.0 else limits.deceleration_mps2
    if dynamics.dimension != "distance" or dynamics.shape == "step" or change == 0.0:
        return dynamics.span(change, fastest)
    mean_mps = 0.5 * abs(from_mps + to_mps)
    span_s = dynamics.value / mean_mps if mean_mps > 0.0 else math.inf
    return replace(dynamics, dimension="time", value=span_s).span(change, fastest)


def speed(node: Node) -> Action:
    """`<SpeedAction>`."""
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
        if _span_s(dynamics, mover, mover.speed_mps, to_mps) == 0.0 and not continuous:
            set_speed(mover, to_mps, 0.0)
            return Done()
        if dynamics.shape == "step":
            set_speed(mover, to_mps, 0.0)
        return _SpeedChange(dynamics, target, continuous, mover.speed_mps, to_mps)

    return Action("SpeedAction", LONGITUDINAL, start, set_speed_mps=None if absolute is None else speed_mps)


def _relative_speed(node: Node) -> Callable[[Cast], float]:
    entity, value, place = node.text("entityRef"), node.number("value"), node.place
    factor = node.choice("speedTargetValueType", ("delta", "factor"), "delta") == "factor"

    def target(cast: Cast) -> float:
        speed_mps = cast.mover(entity, place).speed_mps
        return speed_mps * value if factor else speed_mps + value

    return target


# --- speed profile ---


@dataclass(slots=True)
class _ProfileRun:
    """Along a profile over time, on top of the speed of another entity where the file names one."""

    profile: SpeedProfile
    base: Callable[[Cast], float]
    gone_s: float = 0.0

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:  # noqa: ARG002
        self.gone_s += dt_s
        set_speed(mover, self.base(cast) + self.profile.speed_at(self.gone_s), dt_s)
        return self.gone_s >= self.profile.duration_s - 1e-9


def speed_profile(node: Node) -> Action:
    """`<SpeedProfileAction>`."""
    node.allow("DynamicConstraints", "SpeedProfileEntry")
    smooth = node.choice("followingMode", ("follow", "position")) == "follow"
    entries = tuple(
        (item.number("time", least=0.0) if item.has("time") else None, item.number("speed"))
        for item in node.all("SpeedProfileEntry")
    )
    if not entries:
        raise InputError("a speed profile needs at least one <SpeedProfileEntry>", node.place)
    bounds, place = read_bounds(node.find("DynamicConstraints")), node.place
    entity = node.text("entityRef") if node.has("entityRef") else None

    def base(cast: Cast) -> float:
        return 0.0 if entity is None else cast.mover(entity, place).speed_mps

    def start(cast: Cast, mover: Mover, _t_s: float) -> Running:
        profile = speed_profile_of(mover.speed_mps - base(cast), entries, bounds.within(mover), smooth)
        return _ProfileRun(profile, base)

    last_mps = entries[-1][1] if entity is None else None
    return Action("SpeedProfileAction", LONGITUDINAL, start, set_speed_mps=last_mps)


# --- distance ---

NEAR_M = 0.1
"""A distance that is not kept continuously is reached when it is this close."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """What a LongitudinalDistanceAction asks for."""

    entity: Callable[[Cast], Mover]
    value: float
    by_time: bool
    freespace: bool
    system: str
    side: str

    def wanted_m(self, other: Mover) -> float:
        """The distance to keep; a time gap is one at the speed of the referenced entity, which both have in the end."""
        return self.value * abs(other.speed_mps) if self.by_time else self.value

    def leads(self, mover: Mover, other: Mover) -> bool:
        """Whether the entity shall be ahead of the other."""
        if self.side == "any":
            return (other.pose.inverse() @ mover.pose).x_m > 0.0
        return self.side == "leadingReferencedEntity"

    def origin_gap_m(self, mover: Mover, other: Mover, leads: bool) -> float:
        """The wanted distance between the origins."""
        gap_m = self.wanted_m(other)
        if self.freespace:
            front, back = (other, mover) if leads else (mover, other)
            gap_m += front.shape.centre_x_m + 0.5 * front.shape.length_m
            gap_m -= back.shape.centre_x_m - 0.5 * back.shape.length_m
        return gap_m


def _keep_place(gap: _Gap, cast: Cast, mover: Mover) -> None:
    """Put the entity where the distance holds; its lane and offset stay."""
    other = gap.entity(cast)
    leads = gap.leads(mover, other)
    gap_m = gap.origin_gap_m(mover, other, leads)
    assert other.road is not None and mover.road is not None
    facing = 1.0 if other.turn_rad == 0.0 or math.cos(other.turn_rad) >= 0.0 else -1.0
    reached = cast.network.advance(other.road, facing * (gap_m if leads else -gap_m), other.choose)
    if reached is None:
        return
    if _same_lanes(cast, mover, reached.road_id, reached.s_m):
        mover.road = replace(mover.road, road_id=reached.road_id, s_m=reached.s_m)
    else:
        mover.road = reached
    mover.settle(cast.network)


def _same_lanes(cast: Cast, mover: Mover, road_id: str, s_m: float) -> bool:
    return mover.road is not None and mover.road.lane_id in cast.network.lane_ids(road_id, s_m)


@dataclass(slots=True)
class _KeepGap:
    """Keeps the distance exactly, and the other's speed."""

    gap: _Gap

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:  # noqa: ARG002
        before = mover.pose
        _keep_place(self.gap, cast, mover)
        mover.travelled_m += math.hypot(mover.pose.x_m - before.x_m, mover.pose.y_m - before.y_m)
        set_speed(mover, self.gap.entity(cast).speed_mps, dt_s)
        mover.guided = True
        return False


@dataclass(slots=True)
class _PullGap:
    """Draws near the distance like a critically damped spring, within bounds."""

    gap: _Gap
    bounds: Bounds
    continuous: bool

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:  # noqa: ARG002
        other = self.gap.entity(cast)
        measured = measure_of(How("longitudinal", self.gap.system, self.gap.freespace))(cast, mover, other)
        if measured is None:
            return False
        leads = self.gap.leads(mover, other) if self.gap.side != "any" else measured < 0.0
        excess_m = measured - self.gap.wanted_m(other) * (-1.0 if leads else 1.0)
        if not self.continuous and abs(excess_m) < NEAR_M:
            return True
        spring = SPRING_SHARE_PER_M * max(self.bounds.acceleration_mps2, self.bounds.deceleration_mps2)
        pull = spring * excess_m + 2.0 * math.sqrt(spring) * (other.speed_mps - mover.speed_mps)
        bounded = min(max(pull, -self.bounds.deceleration_mps2), self.bounds.acceleration_mps2)
        set_speed(mover, min(mover.speed_mps + bounded * dt_s, self.bounds.speed_mps), dt_s)
        return False


def distance(node: Node) -> Action:
    """`<LongitudinalDistanceAction>`: at once and exactly without dynamic constraints, drawing near with them."""
    continuous = node.boolean("continuous", False)
    constraints = node.allow("DynamicConstraints").find("DynamicConstraints")
    bounds = read_bounds(constraints)
    name, place = node.text("entityRef"), node.place
    by_time = node.has("timeGap")
    gap = _Gap(
        entity=lambda cast: cast.mover(name, place),
        value=node.number("timeGap" if by_time else "distance"),
        by_time=by_time,
        freespace=node.boolean("freespace"),
        system=node.choice("coordinateSystem", ("entity", "lane", "road", "trajectory", "world"), "road"),
        side=node.choice(
            "displacement", ("any", "trailingReferencedEntity", "leadingReferencedEntity"), "trailingReferencedEntity"
        ),
    )

    def start(cast: Cast, mover: Mover, _t_s: float) -> Running:
        if gap.entity(cast).road is None or mover.road is None:
            raise InputError(f"{mover.shape.name} and {name} need to be on the road to keep a distance", place)
        if constraints is not None:
            return _PullGap(gap, bounds.within(mover), continuous)
        _keep_place(gap, cast, mover)
        if not continuous:
            return Done()
        return _KeepGap(gap)

    return Action("LongitudinalDistanceAction", LONGITUDINAL, start)
