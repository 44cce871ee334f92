"""Conditions and triggers (OpenSCENARIO XML 1.3, Condition, Trigger): what is true now, edges, delays, groups.

A trigger is true when one of its groups is; a group when all of its conditions are. A condition keeps its own small
memory (the logical value of the last evaluation, when it became true), so each trigger instance owns its conditions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.scenarios.openscenario.conditions_by_entity import BY_ENTITY
from sim.scenarios.openscenario.conditions_by_value import BY_VALUE
from sim.scenarios.openscenario.moment import Logic, Moment
from sim.scenarios.openscenario.reading import Node

EDGES = ("none", "rising", "falling", "risingOrFalling")


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
    """`<StartTrigger>` or `<StopTrigger>`; None where there is none or where it holds no conditions."""
    if node is None or not len(node.element):
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
        logic=node.choose({"ByEntityCondition": _by_entity, "ByValueCondition": lambda n: n.choose(BY_VALUE)}),
    )


def _by_entity(node: Node) -> Logic:
    triggering = node.allow("TriggeringEntities", "EntityCondition").child("TriggeringEntities")
    names = tuple(item.text("entityRef") for item in triggering.allow("EntityRef"))
    rule = all if triggering.choice("triggeringEntitiesRule", ("any", "all", "none")) == "all" else any
    wanted = triggering.text("triggeringEntitiesRule") != "none"
    place = triggering.place
    logic = node.child("EntityCondition").choose(BY_ENTITY)

    def evaluate(moment: Moment) -> bool:
        movers = [mover for name in names for mover in moment.cast.members(name, place)]
        return rule([mover.present and logic(moment, mover) for mover in movers]) == wanted

    return evaluate
