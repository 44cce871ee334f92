"""Parameters of OpenSCENARIO XML: typed declarations, `$name` and `${expression}` in attributes, value constraints.

In: declarations as read from the file and values from outside. Out: a `Scope` that turns attribute texts into their
values. A parameter may refer to those declared before it (so references can never form a cycle) and to the scope
around it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from geometry.errors import InputError, Place
from sim.scenarios.openscenario.expressions import Expression, ExpressionError, Value, as_text, parse_expression

_INTEGER_RANGE: dict[str, tuple[int, int]] = {
    "integer": (-(2**31), 2**31 - 1),
    "int": (-(2**31), 2**31 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "unsignedShort": (0, 2**16 - 1),
}
KINDS = ("boolean", "dateTime", "double", "string", *_INTEGER_RANGE)
"""Names of parameter and variable types (OpenSCENARIO XML 1.0-1.3)."""

_cached_expression = lru_cache(maxsize=4096)(parse_expression)


@dataclass(frozen=True, slots=True)
class Constraint:
    """One rule on a parameter's value; `raw` is the text it is compared with, which may refer to parameters."""

    rule: str
    raw: str


ConstraintGroup = tuple[Constraint, ...]


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declared parameter or variable. Groups are alternatives; the rules inside one group must all hold."""

    name: str
    kind: str
    raw: str
    groups: tuple[ConstraintGroup, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean at one place of a file: values by name (the text `true` is a string, `True` a truth value)."""

    values: Mapping[str, Value] = field(default_factory=dict)

    def resolve(self, raw: str, place: Place | None = None) -> str:
        """The text that an attribute stands for.

        Raises:
            InputError: an unknown parameter or an expression without a finite value.
        """
        return raw if "$" not in raw else as_text(self.value(raw, place))

    def value(self, raw: str, place: Place | None = None) -> Value:
        """The value that an attribute stands for; plain text stays text.

        Raises:
            InputError: as `resolve`.
        """
        raw = raw.strip()
        if raw.startswith("${") and raw.endswith("}"):
            return self._evaluate(raw, _parsed(raw, place), place)
        if raw.startswith("$"):
            if raw[1:] not in self.values:
                raise self._unknown(raw[1:], place)
            return self.values[raw[1:]]
        return raw.replace("\\$", "$")

    def _evaluate(self, raw: str, expression: Expression, place: Place | None) -> Value:
        for name in expression.parameters:
            if name not in self.values:
                raise self._unknown(name, place)
        try:
            return expression.evaluate(self.values)
        except ExpressionError as error:
            raise InputError(f"the expression {_shown(raw)} has no value: {error}", place) from None

    def _unknown(self, name: str, place: Place | None) -> InputError:
        known = ", ".join(sorted(self.values)) or "none"
        return InputError(
            f"parameter ${_shown(name)} is not declared here or above; declared are: {_shown(known)}", place
        )


def _parsed(raw: str, place: Place | None) -> Expression:
    try:
        return _cached_expression(raw[2:-1])
    except ExpressionError as error:
        raise InputError(f"the expression {_shown(raw)} is malformed: {error}", place) from None


def _shown(text: str) -> str:
    return text if len(text) <= 200 else text[:197] + "..."


def typed(kind: str, text: str, what: str, place: Place | None = None) -> Value:
    """`text` as a value of a declared type; numbers are floats, whatever their type.

    Raises:
        InputError: it is not of that type.
    """
    text = text.strip()
    if kind in ("string", "dateTime"):
        return text
    if kind == "boolean":
        if text not in ("true", "false", "1", "0"):
            raise _mistyped(what, text, "true or false", place)
        return text in ("true", "1")
    number = _finite(text)
    if number is None:
        raise _mistyped(what, text, "a finite number", place)
    if kind in _INTEGER_RANGE:
        low, high = _INTEGER_RANGE[kind]
        if not number.is_integer() or not low <= number <= high:
            raise _mistyped(what, text, f"an integer from {low} to {high}", place)
    return number


def _mistyped(what: str, text: str, expected: str, place: Place | None) -> InputError:
    return InputError(f'{what} has the value "{_shown(text)}"; {expected} was expected', place)


def _finite(text: str) -> float | None:
    try:
        number = math.nan if "_" in text else float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def names_in(raw: str) -> frozenset[str]:
    """Parameters that an attribute text refers to.

    Raises:
        InputError: a malformed expression.
    """
    raw = raw.strip()
    if raw.startswith("${") and raw.endswith("}"):
        return _parsed(raw, None).parameters
    return frozenset((raw[1:],)) if raw.startswith("$") else frozenset()


_RULES = {
    "equalTo": lambda a, b: a == b,
    "notEqualTo": lambda a, b: a != b,
    "greaterThan": lambda a, b: a > b,
    "greaterOrEqual": lambda a, b: a >= b,
    "lessThan": lambda a, b: a < b,
    "lessOrEqual": lambda a, b: a <= b,
}
RULES = tuple(_RULES)


def holds(rule: str, kind: str, left: Value, right: str, place: Place | None = None) -> bool:
    """Whether `left rule right` for a parameter of that type; texts compare as texts.

    Raises:
        InputError: the right side is no value of that type.
    """
    if isinstance(left, str):
        return bool(_RULES[rule](left, right))
    kind = kind if kind == "boolean" else "double"
    return bool(_RULES[rule](left, typed(kind, right, "a constraint or condition", place)))


def satisfied(declaration: Declaration, scope: Scope) -> bool:
    """Whether the parameter's value meets at least one group of constraints (or has none).

    Raises:
        InputError: a constraint's own value is wrong.
    """
    if not declaration.groups:
        return True
    value, place = scope.values[declaration.name], declaration.place
    return any(
        all(holds(rule.rule, declaration.kind, value, scope.resolve(rule.raw, place), place) for rule in group)
        for group in declaration.groups
    )


def declare(
    declarations: Sequence[Declaration], outer: Scope, given: Mapping[str, str] | None = None, check: bool = True
) -> Scope:
    """The scope inside: `outer` plus the declared parameters, each with its given value or its default.

    Raises:
        InputError: a name given from outside that is not declared, a value of the wrong type, a reference to something
            not declared before, or (where `check`) constraints that do not hold.
    """
    given = given or {}
    known = {declaration.name for declaration in declarations}
    for name in given:
        if name not in known:
            raise InputError(f"there is no parameter {name}; declared are: {', '.join(sorted(known)) or 'none'}")
    values = dict(outer.values)
    scope = Scope(values)
    for item in declarations:
        text = given[item.name] if item.name in given else scope.resolve(item.raw, item.place)
        values[item.name] = typed(item.kind, text, f"parameter {item.name}", item.place)
    if check:
        for item in declarations:
            if not satisfied(item, scope):
                raise InputError(f"{_violation(item, scope)}; choose another value", item.place)
    return scope


def _violation(item: Declaration, scope: Scope) -> str:
    wanted = " or ".join(" and ".join(f"{rule.rule} {rule.raw}" for rule in group) for group in item.groups)
    return f"parameter {item.name} is {as_text(scope.values[item.name])}, which breaks its constraint ({wanted})"
