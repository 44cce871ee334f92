"""Conditions by entity: what one entity does, alone or towards another."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from geometry.angles import wrap_rad
from motion.contact import overlapping_pairs
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.distances import How, measure_of, read_measure
from sim.scenarios.openscenario.entities import KINDS_OF_TYPE
from sim.scenarios.openscenario.moment import EntityLogic, Moment, compared
from sim.scenarios.openscenario.mover import Mover, lane_heading
from sim.scenarios.openscenario.positions import distance_m, read_position
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.openscenario.spots import Spot

Other = Callable[[Cast], Mover | Spot | None]


def _entity(node: Node) -> Other:
    """The entity of `entityRef`, while it is there."""
    name, place = node.text("entityRef"), node.place

    def other(cast: Cast) -> Mover | None:
        mover = cast.mover(name, place)
        return mover if mover.present else None

    return other


def _position(node: Node) -> Other:
    return read_position(node)


# --- distances ---


def _distance(node: Node) -> EntityLogic:
    """Distance to a position."""
    where, test, measure = read_position(node.child("Position")), compared(node), read_measure(node)

    def evaluate(moment: Moment, mover: Mover) -> bool:
        gap = measure(moment.cast, mover, where(moment.cast))
        return gap is not None and test(abs(gap))

    return evaluate


def _relative_distance(node: Node) -> EntityLogic:
    other, test, measure = _entity(node), compared(node), read_measure(node)

    def evaluate(moment: Moment, mover: Mover) -> bool:
        target = other(moment.cast)
        gap = None if target is None else measure(moment.cast, mover, target)
        return gap is not None and test(abs(gap))

    return evaluate


def _time_headway(node: Node) -> EntityLogic:
    """Undefined, hence false, while the entity stands, drives backwards, or has the other one behind it."""
    other, test, measure = _entity(node), compared(node), read_measure(node)

    def evaluate(moment: Moment, mover: Mover) -> bool:
        target = other(moment.cast)
        if target is None or mover.speed_mps < 1e-6:
            return False
        gap = measure(moment.cast, mover, target)
        return gap is not None and gap >= 0.0 and test(gap / mover.speed_mps)

    return evaluate


def _time_to_collision(node: Node) -> EntityLogic:
    """Undefined, hence false, while the gap does not shrink or the target is behind."""
    target = node.child("TimeToCollisionConditionTarget")
    other = target.choose({"EntityRef": _entity, "Position": _position})
    test, measure = compared(node), read_measure(node)

    def evaluate(moment: Moment, mover: Mover) -> bool:
        body = other(moment.cast)
        if body is None:
            return False
        theirs = body.speed_mps * math.cos(body.pose.yaw_rad - mover.pose.yaw_rad) if isinstance(body, Mover) else 0.0
        closing, gap = mover.speed_mps - theirs, measure(moment.cast, mover, body)
        return gap is not None and gap >= 0.0 and closing > 1e-6 and test(gap / closing)

    return evaluate


def _relative_clearance(node: Node) -> EntityLogic:
    """Whether the lanes beside and around the entity are free (1.2: RelativeClearanceCondition)."""
    back_m, front_m = node.number("distanceBackward", 0.0), node.number("distanceForward", 0.0)
    freespace, opposite = node.boolean("freeSpace"), node.boolean("oppositeLanes")
    ranges = tuple(
        (item.integer("from", -1_000), item.integer("to", 1_000)) for item in node.all("RelativeLaneRange")
    ) or ((-1_000, 1_000),)
    names = tuple(item.text("entityRef") for item in node.all("EntityRef"))
    gap_of = measure_of(How("longitudinal", "road", freespace))

    def evaluate(moment: Moment, mover: Mover) -> bool:
        others = [moment.cast.mover(name) for name in names] or list(moment.cast.movers)
        for other in others:
            if other is mover or not other.present or not _in_lanes(moment.cast, mover, other, ranges, opposite):
                continue
            gap = gap_of(moment.cast, mover, other)
            if gap is not None and -back_m <= gap <= front_m:
                return False
        return True

    return evaluate


def _in_lanes(cast: Cast, mover: Mover, other: Mover, ranges: tuple[tuple[int, int], ...], opposite: bool) -> bool:
    """Whether another one is on one of the lanes, counted to the left from the entity's own."""
    if mover.road is None or other.road is None:
        return False
    mine = cast.network.drive_sign(mover.road.road_id, mover.road.lane_id, mover.road.s_m)
    theirs = cast.network.drive_sign(other.road.road_id, other.road.lane_id, other.road.s_m)
    if mine != theirs and not opposite:
        return False
    left = (other.road.lane_id - mover.road.lane_id) * mine
    if (other.road.lane_id > 0) != (mover.road.lane_id > 0):
        left -= int(math.copysign(1, left))  # there is no lane 0
    return any(low <= left <= high for low, high in ranges)


# --- motion ---

_DIRECTIONS = ("longitudinal", "lateral", "vertical")


def _speed(node: Node) -> EntityLogic:
    test, direction = compared(node), _direction(node)
    return lambda _moment, mover: test(_component(mover.speed_mps, direction, 0.0))


def _direction(node: Node) -> str:
    """Which component is meant; empty for the amount with the sign of driving."""
    return node.choice("direction", _DIRECTIONS, "longitudinal") if node.has("direction") else ""


def _component(along: float, direction: str, slip_rad: float) -> float:
    """A speed along the heading in one direction of a frame that is turned by `slip_rad` against it."""
    if direction == "vertical":
        return 0.0
    return along * (math.sin(slip_rad) if direction == "lateral" else math.cos(slip_rad))


def _acceleration(node: Node) -> EntityLogic:
    test, direction = compared(node), _direction(node)

    def evaluate(_moment: Moment, mover: Mover) -> bool:
        if direction == "lateral":
            return test(mover.speed_mps * mover.yaw_rate_radps)
        return test(_component(mover.acceleration_mps2, direction, 0.0))

    return evaluate


def _relative_speed(node: Node) -> EntityLogic:
    test, other, direction = compared(node), _entity(node), _direction(node)

    def evaluate(moment: Moment, mover: Mover) -> bool:
        target = other(moment.cast)
        if not isinstance(target, Mover):
            return False
        turn = target.pose.yaw_rad - mover.pose.yaw_rad if direction else 0.0
        own = _component(mover.speed_mps, direction, 0.0)
        return test(own - _component(target.speed_mps, direction, turn))

    return evaluate


def _travelled(node: Node) -> EntityLogic:
    value = node.number("value", least=0.0)
    return lambda _moment, mover: mover.travelled_m >= value


def _lasting(measure: Callable[[Mover], float]) -> Callable[[Node], EntityLogic]:
    """A state that has lasted for `duration`."""

    def read(node: Node) -> EntityLogic:
        duration_s = node.number("duration", least=0.0)
        return lambda _moment, mover: measure(mover) >= duration_s - 1e-9

    return read


def _reach_position(node: Node) -> EntityLogic:
    where, tolerance_m = read_position(node.child("Position")), node.number("tolerance", least=0.0)
    return lambda moment, mover: distance_m(mover.pose, where(moment.cast).pose) <= tolerance_m


# --- angles ---

_ANGLES = ("heading", "pitch", "roll")


def _angle(node: Node) -> EntityLogic:
    """Heading against the lane (or in `world`); pitch and roll are 0 in the plane."""
    kind, angle, tolerance = node.choice("angleType", _ANGLES), node.number("angle"), node.number("angleTolerance")
    world = node.choice("coordinateSystem", ("entity", "lane", "road", "trajectory", "world"), "lane") == "world"

    def evaluate(moment: Moment, mover: Mover) -> bool:
        if kind != "heading":
            return abs(angle) <= tolerance
        base = 0.0 if world or mover.road is None else lane_heading(moment.cast.network, mover.road)
        return abs(wrap_rad(mover.pose.yaw_rad - base - angle)) <= tolerance

    return evaluate


def _relative_angle(node: Node) -> EntityLogic:
    kind, angle, tolerance = node.choice("angleType", _ANGLES), node.number("angle"), node.number("angleTolerance")
    other = _entity(node)

    def evaluate(moment: Moment, mover: Mover) -> bool:
        target = other(moment.cast)
        turn = wrap_rad(target.pose.yaw_rad - mover.pose.yaw_rad) if target is not None and kind == "heading" else 0.0
        return target is not None and abs(wrap_rad(turn - angle)) <= tolerance

    return evaluate


# --- contact ---


def _collision(node: Node) -> EntityLogic:
    by_type = node.find("ByType")
    if by_type is None:
        name, place = node.child("EntityRef").text("entityRef"), node.place
        return lambda moment, mover: _touching(mover, moment.cast.mover(name, place))
    kinds = KINDS_OF_TYPE[by_type.choice("type", KINDS_OF_TYPE)]
    return lambda moment, mover: any(
        _touching(mover, other) for other in moment.cast.movers if other is not mover and other.shape.kind in kinds
    )


def _touching(one: Mover, other: Mover) -> bool:
    pair = (one, other)
    reach = sum(math.hypot(mover.shape.length_m, mover.shape.width_m) for mover in pair)
    if math.dist(one.centre, other.centre) > reach:
        return False
    x, y, yaw = np.array([(*m.centre, m.pose.yaw_rad) for m in pair]).T
    length = np.array([m.shape.length_m for m in pair])
    width = np.array([m.shape.width_m for m in pair])
    return len(overlapping_pairs(x, y, yaw, length, width, np.array([m.present for m in pair]))) > 0


BY_ENTITY: dict[str, Callable[[Node], EntityLogic]] = {
    "DistanceCondition": _distance,
    "RelativeDistanceCondition": _relative_distance,
    "RelativeClearanceCondition": _relative_clearance,
    "TimeHeadwayCondition": _time_headway,
    "TimeToCollisionCondition": _time_to_collision,
    "TraveledDistanceCondition": _travelled,
    "SpeedCondition": _speed,
    "AccelerationCondition": _acceleration,
    "RelativeSpeedCondition": _relative_speed,
    "StandStillCondition": _lasting(lambda mover: mover.standing_s),
    "EndOfRoadCondition": _lasting(lambda mover: mover.ended_s),
    "OffroadCondition": _lasting(lambda mover: mover.offroad_s),
    "ReachPositionCondition": _reach_position,
    "AngleCondition": _angle,
    "RelativeAngleCondition": _relative_angle,
    "CollisionCondition": _collision,
}
