"""What conditions look at, and how they compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.elements import Elements
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.reading import Node


@dataclass(frozen=True, slots=True)
class Moment:
    """The time, the cast with its stage, and the storyboard's elements."""

    t_s: float
    cast: Cast
    elements: Elements


Logic = Callable[[Moment], bool]
EntityLogic = Callable[[Moment, Mover], bool]

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "equalTo": lambda a, b: abs(a - b) < 1e-6,
    "notEqualTo": lambda a, b: abs(a - b) >= 1e-6,
    "greaterThan": lambda a, b: a > b,
    "greaterOrEqual": lambda a, b: a >= b,
    "lessThan": lambda a, b: a < b,
    "lessOrEqual": lambda a, b: a <= b,
}


def compared(node: Node) -> Callable[[float], bool]:
    """`rule` and `value` of a condition, as a test of what is measured."""
    compare, value = COMPARE[node.choice("rule", COMPARE)], node.number("value")
    return lambda measured: compare(measured, value)
