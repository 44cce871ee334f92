"""`<ParameterDeclarations>`: from elements to declarations."""

from __future__ import annotations

from sim.scenarios.openscenario.parameters import KINDS, RULES, Constraint, ConstraintGroup, Declaration
from sim.scenarios.openscenario.reading import Node


def read_declarations(node: Node) -> tuple[Declaration, ...]:
    """The parameters declared directly below an element, in order; none where the element declares none.

    Raises:
        InputError: a malformed declaration.
        UnsupportedError: an element that does not belong there.
    """
    found = node.find("ParameterDeclarations")
    if found is None:
        return ()
    return tuple(_declaration(item) for item in found.allow("ParameterDeclaration"))


def _declaration(node: Node) -> Declaration:
    groups = tuple(_group(item) for item in node.allow("ConstraintGroup"))
    return Declaration(node.raw("name"), node.choice("parameterType", KINDS), node.raw("value"), groups, node.place)


def _group(node: Node) -> ConstraintGroup:
    return tuple(Constraint(item.choice("rule", RULES), item.raw("value")) for item in node.allow("ValueConstraint"))
