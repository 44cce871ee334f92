"""Conditions and triggers (OpenSCENARIO XML 1.3, Condition, Trigger): what is true now, edges, delays, groups.

A trigger is true when one of its groups is; a group when all of its conditions are. A condition keeps its own small
memory (the logical value of the last evaluation, when it became true), so each trigger instance owns its conditions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from geometry.errors import UnsupportedError
from motion.contact import overlapping_pairs
from sim.scenarios.openscenario.cast import Cast, lateral_m, longitudinal_m
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.parameters import RULES, holds
from sim.scenarios.openscenario.positions import distance_m, read_position
from sim.scenarios.openscenario.reading import Node

EDGES = ("none", "rising", "falling", "risingOrFalling")

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "equalTo": lambda a, b: abs(a - b) < 1e-6,
    "notEqualTo": lambda a, b: abs(a - b) >= 1e-6,
    "greaterThan": lambda a, b: a > b,
    "greaterOrEqual": lambda a, b: a >= b,
    "lessThan": lambda a, b: a < b,
    "lessOrEqual": lambda a, b: a <= b,
}


@dataclass(frozen=True, slots=True)
class Moment:
    """What conditions can look at: the time, the cast, and the storyboard's states and last transitions."""

    t_s: float
    cast: Cast
    states: dict[tuple[str, str], str]
    """Current state of each storyboard element: `standbyState`, `runningState`, `completeState`."""
    transitions: frozenset[tuple[str, str, str]]
    """(type, name, transition) since the last evaluation."""


Logic = Callable[[Moment], bool]


@dataclass(slots=True)
class Condition:
    """One condition with its memory."""

    name: str
    edge: str
    delay_s: float
    logic: Logic
    _before: bool | None = None
    _due_s: list[float] = field(default_factory=list)

    def holds(self, moment: Moment) -> bool:
        """Evaluate once per step, also while other conditions decide, so that no edge is missed."""
        now = self.logic(moment)
        before, self._before = self._before, now
        if self.edge == "none":
            true = now
        else:
            rose, fell = now and before is False, before is True and not now
            true = {"rising": rose, "falling": fell, "risingOrFalling": rose or fell}[self.edge]
        if self.delay_s <= 0.0:
            return true
        if true:
            self._due_s.append(moment.t_s + self.delay_s)
        due = [t for t in self._due_s if t <= moment.t_s + 1e-9]
        self._due_s = [t for t in self._due_s if t > moment.t_s + 1e-9]
        return bool(due)


@dataclass(slots=True)
class Trigger:
    """Groups of conditions; `entities` are those whose conditions the trigger names."""

    groups: tuple[tuple[Condition, ...], ...]
    entities: tuple[str, ...] = ()

    def fires(self, moment: Moment) -> bool:
        """Whether one group holds now; every condition is evaluated."""
        return any([all([condition.holds(moment) for condition in group]) for group in self.groups])


def read_trigger(node: Node | None) -> Trigger | None:
    """`<StartTrigger>` or `<StopTrigger>`; None where there is none."""
    if node is None:
        return None
    groups = tuple(
        tuple(_condition(item) for item in group.allow("Condition")) for group in node.allow("ConditionGroup")
    )
    entities = tuple(
        ref.text("entityRef")
        for group in node
        for item in group
        for by in item.all("ByEntityCondition")
        for ref in by.child("TriggeringEntities").all("EntityRef")
    )
    return Trigger(groups, entities)


def _condition(node: Node) -> Condition:
    return Condition(
        name=node.text("name", ""),
        edge=node.choice("conditionEdge", EDGES, "none"),
        delay_s=node.number("delay", 0.0, least=0.0),
        logic=node.choose({"ByEntityCondition": _by_entity, "ByValueCondition": lambda n: n.choose(_BY_VALUE)}),
    )


# --- by value ---


def _simulation_time(node: Node) -> Logic:
    compare, value = _COMPARE[node.choice("rule", _COMPARE)], node.number("value")
    # Time is counted in whole nanoseconds; the slack keeps a threshold of k steps from falling to rounding.
    slack = {"greaterOrEqual": 1e-9, "lessThan": 1e-9}.get(node.text("rule"), 0.0)
    return lambda moment: compare(moment.t_s + slack, value)


_ELEMENTS = ("story", "act", "maneuverGroup", "maneuver", "event", "action")
_STATES = (
    "startTransition", "endTransition", "stopTransition", "skipTransition", "completeState", "runningState",
    "standbyState",
)  # fmt: skip


def _element_state(node: Node) -> Logic:
    kind = node.choice("storyboardElementType", _ELEMENTS)
    name = node.text("storyboardElementRef").split("::")[-1].split(":")[-1]
    state = node.choice("state", _STATES)
    if state.endswith("Transition"):
        return lambda moment: (kind, name, state) in moment.transitions
    return lambda moment: moment.states.get((kind, name), "standbyState") == state


def _parameter(node: Node) -> Logic:
    name, rule, value = node.text("parameterRef"), node.choice("rule", RULES), node.text("value")
    declared = node.scope.values.get(name)
    if declared is None:
        raise node.wrong("parameterRef", name, "a declared parameter")
    kind = "boolean" if isinstance(declared, bool) else "string" if isinstance(declared, str) else "double"
    outcome = holds(rule, kind, declared, value)
    return lambda _moment: outcome


_BY_VALUE: dict[str, Callable[[Node], Logic]] = {
    "SimulationTimeCondition": _simulation_time,
    "StoryboardElementStateCondition": _element_state,
    "ParameterCondition": _parameter,
}


# --- by entity ---

EntityLogic = Callable[[Moment, Mover], bool]


def _by_entity(node: Node) -> Logic:
    triggering = node.allow("TriggeringEntities", "EntityCondition").child("TriggeringEntities")
    names = tuple(item.text("entityRef") for item in triggering.allow("EntityRef"))
    rule = all if triggering.choice("triggeringEntitiesRule", ("any", "all")) == "all" else any
    place = triggering.place
    logic = node.child("EntityCondition").choose(_BY_ENTITY)

    def evaluate(moment: Moment) -> bool:
        movers = [moment.cast.mover(name, place) for name in names]
        return rule([mover.present and logic(moment, mover) for mover in movers])

    return evaluate


def _compared(node: Node) -> Callable[[float], bool]:
    compare, value = _COMPARE[node.choice("rule", _COMPARE)], node.number("value")
    return lambda measured: compare(measured, value)


def _distance_of(node: Node) -> Callable[[Mover, Mover], float]:
    """How the distance between two entities is measured, from the attributes of the condition."""
    freespace = node.boolean("freespace")
    kind = node.choice(
        "relativeDistanceType", ("longitudinal", "lateral", "cartesianDistance", "euclidianDistance"), "longitudinal"
    )
    system = node.choice("coordinateSystem", ("entity", "lane", "road", "trajectory", "world"), "entity")
    if system not in ("entity", "lane", "road"):
        raise UnsupportedError(f"coordinateSystem {system} is not supported", node.place)
    if kind == "lateral":
        return lambda a, b: lateral_m(a, b, freespace)
    if kind == "longitudinal":
        return lambda a, b: longitudinal_m(a, b, freespace)
    if freespace:
        raise UnsupportedError(f"{kind} with freespace is not supported", node.place)
    return lambda a, b: distance_m(a.pose, b.pose)


def _relative_distance(node: Node) -> EntityLogic:
    compare, measure, other, place = _compared(node), _distance_of(node), node.text("entityRef"), node.place

    def evaluate(moment: Moment, mover: Mover) -> bool:
        target = moment.cast.mover(other, place)
        return target.present and compare(measure(mover, target))

    return evaluate


def _time_headway(node: Node) -> EntityLogic:
    compare, measure, other, place = _compared(node), _distance_of(node), node.text("entityRef"), node.place

    def evaluate(moment: Moment, mover: Mover) -> bool:
        target = moment.cast.mover(other, place)
        if not target.present or mover.speed_mps < 1e-6:
            return False
        return compare(measure(mover, target) / mover.speed_mps)

    return evaluate


def _time_to_collision(node: Node) -> EntityLogic:
    compare, measure, place = _compared(node), _distance_of(node), node.place
    target = node.child("TimeToCollisionConditionTarget").child("EntityRef").text("entityRef")

    def evaluate(moment: Moment, mover: Mover) -> bool:
        other = moment.cast.mover(target, place)
        closing = mover.speed_mps - other.speed_mps * math.cos(other.pose.yaw_rad - mover.pose.yaw_rad)
        return other.present and closing > 1e-6 and compare(measure(mover, other) / closing)

    return evaluate


def _of_mover(measure: Callable[[Mover], float]) -> Callable[[Node], EntityLogic]:
    def read(node: Node) -> EntityLogic:
        compare = _compared(node)
        return lambda _moment, mover: compare(measure(mover))

    return read


def _relative_speed(node: Node) -> EntityLogic:
    compare, other, place = _compared(node), node.text("entityRef"), node.place
    return lambda moment, mover: compare(mover.speed_mps - moment.cast.mover(other, place).speed_mps)


def _travelled(node: Node) -> EntityLogic:
    value = node.number("value", least=0.0)
    return lambda _moment, mover: mover.travelled_m >= value


def _stand_still(node: Node) -> EntityLogic:
    duration_s = node.number("duration", least=0.0)
    return lambda _moment, mover: mover.standing_s > 0.0 and mover.standing_s >= duration_s - 1e-9


def _reach_position(node: Node) -> EntityLogic:
    where, tolerance_m = read_position(node.child("Position")), node.number("tolerance", least=0.0)
    return lambda moment, mover: distance_m(mover.pose, where(moment.cast).pose) <= tolerance_m


def _collision(node: Node) -> EntityLogic:
    other = node.child("EntityRef").text("entityRef")
    place = node.place

    def evaluate(moment: Moment, mover: Mover) -> bool:
        pair = (mover, moment.cast.mover(other, place))
        x, y, yaw = np.array([(*m.centre, m.pose.yaw_rad) for m in pair]).T
        length = np.array([m.shape.length_m for m in pair])
        width = np.array([m.shape.width_m for m in pair])
        return len(overlapping_pairs(x, y, yaw, length, width, np.array([m.present for m in pair]))) > 0

    return evaluate


_BY_ENTITY: dict[str, Callable[[Node], EntityLogic]] = {
    "RelativeDistanceCondition": _relative_distance,
    "TimeHeadwayCondition": _time_headway,
    "TimeToCollisionCondition": _time_to_collision,
    "TraveledDistanceCondition": _travelled,
    "SpeedCondition": _of_mover(lambda mover: mover.speed_mps),
    "AccelerationCondition": _of_mover(lambda mover: mover.acceleration_mps2),
    "RelativeSpeedCondition": _relative_speed,
    "StandStillCondition": _stand_still,
    "ReachPositionCondition": _reach_position,
    "CollisionCondition": _collision,
    "EndOfRoadCondition": lambda _node: lambda _moment, mover: mover.at_end,
}
