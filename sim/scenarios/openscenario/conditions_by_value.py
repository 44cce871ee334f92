"""Conditions by value: time, storyboard states, parameters and variables, traffic signals."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from geometry.errors import InputError
from sim.scenarios.openscenario.elements import KINDS, STATES, TRANSITIONS, Key
from sim.scenarios.openscenario.moment import COMPARE, Logic, Moment
from sim.scenarios.openscenario.parameters import RULES, holds
from sim.scenarios.openscenario.reading import Node

DAY_S = 86_400.0


def _simulation_time(node: Node) -> Logic:
    compare, value = COMPARE[node.choice("rule", COMPARE)], node.number("value")
    # Time is counted in whole nanoseconds; the slack keeps a threshold of k steps from falling to rounding.
    slack = {"greaterOrEqual": 1e-9, "lessThan": 1e-9}.get(node.text("rule"), 0.0)
    return lambda moment: compare(moment.t_s + slack, value)


def seconds_of_day(node: Node) -> float:
    """`dateTime` as seconds since midnight.

    Raises:
        InputError: not a date and time as XML Schema writes them.
    """
    text = node.text("dateTime")
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise node.wrong("dateTime", text, "a date and time such as 2026-01-31T12:00:00") from None
    return stamp.hour * 3600.0 + stamp.minute * 60.0 + stamp.second + stamp.microsecond * 1e-6


def _time_of_day(node: Node) -> Logic:
    compare, value = COMPARE[node.choice("rule", COMPARE)], seconds_of_day(node)

    def evaluate(moment: Moment) -> bool:
        stage = moment.cast.stage
        if stage.time_of_day_s is None:
            return False
        return compare((stage.time_of_day_s + (moment.t_s if stage.clock_runs else 0.0)) % DAY_S, value)

    return evaluate


def _element_state(node: Node) -> Logic:
    kind, name = node.choice("storyboardElementType", KINDS), node.text("storyboardElementRef")
    state, place, around = node.choice("state", STATES), node.place, node.path
    found: list[Key] = []
    last = [0]

    def evaluate(moment: Moment) -> bool:
        if not found:  # all elements are known only after the whole file has been read
            found.append(moment.elements.find(kind, name, around, place))
        if state not in TRANSITIONS:
            return moment.elements.state(found[0]) == state
        before, last[0] = last[0], moment.elements.number(found[0], state)
        return last[0] > before

    return evaluate


def _value(what: str) -> Callable[[Node], Logic]:
    """A parameter or variable against a value."""

    def read(node: Node) -> Logic:
        name = node.raw(f"{what}Ref").removeprefix("$")
        rule, value, place = node.choice("rule", RULES), node.text("value"), node.place
        declared = node.scope.values.get(name) if what == "parameter" else None

        def evaluate(moment: Moment) -> bool:
            now = moment.cast.stage.table(what).get(name, declared)
            if now is None:
                raise InputError(f"there is no {what} {name[:100]!r}", place)
            kind = "boolean" if isinstance(now, bool) else "string" if isinstance(now, str) else "double"
            return holds(rule, kind, now, value, place)

        return evaluate

    return read


def _signal(node: Node) -> Logic:
    name, state = node.text("name"), node.text("state")
    return lambda moment: moment.cast.stage.signals.get(name) == state


def _signal_controller(node: Node) -> Logic:
    name, phase, place = node.text("trafficSignalControllerRef"), node.text("phase"), node.place

    def evaluate(moment: Moment) -> bool:
        controller = moment.cast.stage.controllers.get(name)
        if controller is None:
            known = ", ".join(moment.cast.stage.controllers) or "none"
            raise InputError(f"there is no traffic signal controller {name[:100]!r}; there are {known}", place)
        started = moment.t_s >= controller.begun_s and not math.isinf(controller.begun_s)
        return started and controller.phases[controller.current].name == phase

    return evaluate


BY_VALUE: dict[str, Callable[[Node], Logic]] = {
    "SimulationTimeCondition": _simulation_time,
    "TimeOfDayCondition": _time_of_day,
    "StoryboardElementStateCondition": _element_state,
    "ParameterCondition": _value("parameter"),
    "VariableCondition": _value("variable"),
    "TrafficSignalCondition": _signal,
    "TrafficSignalControllerCondition": _signal_controller,
}
