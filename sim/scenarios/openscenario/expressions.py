"""Expressions of OpenSCENARIO XML: what stands between `${` and `}`.

In: text and the values of parameters. Out: a number, a truth value or a text. A small parser of our own, because a
scenario file is foreign input that must never reach `eval`. Operators, from weakest to strongest: or; and; not;
comparisons; + and -; * / %; unary + and -. Functions and the rounding of halves away from zero follow OpenSCENARIO XML
1.3, section 9.2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Value = float | bool | str
Evaluate = Callable[[Mapping[str, Value]], Value]

MAX_CHARACTERS = 10_000
MAX_DEPTH = 60

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|\$(?P<parameter>[A-Za-z_][\w.]*)|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")|(?P<sign>==|!=|<=|>=|[-+*/%(),<>]))"
)


class ExpressionError(Exception):
    """The expression is malformed or has no value; the message says why."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: `evaluate(values)` computes it, `parameters` are the names it needs."""

    evaluate: Evaluate
    parameters: frozenset[str]


def as_text(value: Value) -> str:
    """A value as it would stand in an attribute."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def _number(value: Value) -> float:
    """A number, also where it stands in a text (files declare numbers as strings)."""
    if isinstance(value, str):
        try:
            value = math.nan if "_" in value else float(value)
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            return value
        raise ExpressionError("a text is not a number (parameters begin with $)")
    if isinstance(value, bool):
        raise ExpressionError(f"{value!r} is not a number")
    return value


def _checked(compute: Callable[..., float], *values: float) -> float:
    try:
        result = compute(*values)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise ExpressionError(str(error)) from None
    if isinstance(result, complex) or not math.isfinite(result):
        raise ExpressionError("the result is not a finite number")
    return float(result)


def _is_words(value: Value) -> bool:
    """Whether a value is a text that is no number."""
    if not isinstance(value, str):
        return False
    try:
        _number(value)
    except ExpressionError:
        return True
    return False


def _sum(left: Value, right: Value) -> Value:
    """Numbers add up; texts are joined, as `${name + _ + $index}` shows how files use it."""
    if _is_words(left) or _is_words(right):
        joined = as_text(left) + as_text(right)
        if len(joined) > MAX_CHARACTERS:
            raise ExpressionError(f"a text is longer than {MAX_CHARACTERS} characters")
        return joined
    return _checked(lambda a, b: a + b, _number(left), _number(right))


def _numeric(compute: Callable[[float, float], float]) -> Callable[[Value, Value], Value]:
    return lambda left, right: _checked(compute, _number(left), _number(right))


def _truth(value: Value) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"{value!r} is not a truth value")
    return value


def _round(value: float) -> float:
    return math.copysign(math.floor(abs(value) + 0.5), value)


def _sign(value: float) -> float:
    return float((value > 0.0) - (value < 0.0))


FUNCTIONS: dict[str, tuple[int, Callable[..., float]]] = {
    "round": (1, _round),
    "floor": (1, math.floor),
    "ceil": (1, math.ceil),
    "sqrt": (1, math.sqrt),
    "pow": (2, math.pow),
    "abs": (1, abs),
    "sign": (1, _sign),
    "min": (2, min),
    "max": (2, max),
    "sin": (1, math.sin),
    "cos": (1, math.cos),
    "tan": (1, math.tan),
    "asin": (1, math.asin),
    "acos": (1, math.acos),
    "atan": (1, math.atan),
    "exp": (1, math.exp),
    "log": (1, math.log),
}
"""Name to number of arguments and function."""

CONSTANTS: dict[str, Value] = {"pi": math.pi, "e": math.e, "true": True, "false": False}

_ARITHMETIC: dict[str, Callable[[Value, Value], Value]] = {
    "+": _sum,
    "-": _numeric(lambda a, b: a - b),
    "*": _numeric(lambda a, b: a * b),
    "/": _numeric(lambda a, b: a / b),
    "%": _numeric(math.fmod),
}
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class _Parser:
    """Recursive descent with bounded depth; each method returns the function that computes its part."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.parameters: set[str] = set()

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.position]

    def take(self, *options: str) -> str | None:
        """Consume the next token if it is one of these signs or words."""
        kind, content = self.peek()
        if kind in ("sign", "word") and content in options:
            self.position += 1
            return content
        return None

    def expect(self, sign: str) -> None:
        if self.take(sign) is None:
            raise ExpressionError(f"{sign!r} was expected before {self.peek()[1]!r}")

    def either(self) -> Evaluate:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH} levels")
        parts = [self.both()]
        while self.take("or"):
            parts.append(self.both())
        self.depth -= 1
        return _logical(parts, any)

    def both(self) -> Evaluate:
        parts = [self.negation()]
        while self.take("and"):
            parts.append(self.negation())
        return _logical(parts, all)

    def negation(self) -> Evaluate:
        count = 0
        while self.take("not"):
            count += 1
        inner = self.comparison()
        if count == 0:
            return inner
        return lambda v: _truth(inner(v)) != bool(count % 2)

    def comparison(self) -> Evaluate:
        left = self.sum()
        sign = self.take("==", "!=", "<", "<=", ">", ">=")
        return left if sign is None else _comparison(sign, left, self.sum())

    def sum(self) -> Evaluate:
        first, rest = self.product(), []
        while sign := self.take("+", "-"):
            rest.append((_ARITHMETIC[sign], self.product()))
        return _chain(first, rest)

    def product(self) -> Evaluate:
        first, rest = self.unary(), []
        while sign := self.take("*", "/", "%"):
            rest.append((_ARITHMETIC[sign], self.unary()))
        return _chain(first, rest)

    def unary(self) -> Evaluate:
        negative = False
        signed = False
        while sign := self.take("+", "-"):
            signed = True
            negative = negative != (sign == "-")
        inner = self.atom()
        if not signed:
            return inner
        return (lambda v: -_number(inner(v))) if negative else (lambda v: _number(inner(v)))

    def atom(self) -> Evaluate:
        kind, content = self.peek()
        self.position += 1
        if kind == "number":
            value = float(content)
            if not math.isfinite(value):
                raise ExpressionError(f"{content} is not a finite number")
            return lambda _: value
        if kind == "parameter":
            self.parameters.add(content)
            return lambda v: v[content]
        if kind == "text":
            return lambda _: content[1:-1]
        if kind == "word":
            return self.word(content)
        if content == "(":
            inner = self.either()
            self.expect(")")
            return inner
        raise ExpressionError(f"a value was expected, not {content!r}")

    def word(self, name: str) -> Evaluate:
        if name in FUNCTIONS:
            count, function = FUNCTIONS[name]
            self.expect("(")
            arguments = [self.either()]
            while self.take(","):
                arguments.append(self.either())
            self.expect(")")
            if len(arguments) != count:
                raise ExpressionError(f"{name} takes {count} argument(s), not {len(arguments)}")
            return lambda v: _checked(function, *(_number(argument(v)) for argument in arguments))
        if name in CONSTANTS:
            constant = CONSTANTS[name]
            return lambda _: constant
        if self.peek() == ("sign", "("):
            raise ExpressionError(f"{name!r} is no function; known are {', '.join(FUNCTIONS)}")
        return lambda _: name


def _logical(parts: list[Evaluate], combine: Callable[[list[bool]], bool]) -> Evaluate:
    if len(parts) == 1:
        return parts[0]
    return lambda v: combine([_truth(part(v)) for part in parts])


def _chain(first: Evaluate, rest: list[tuple[Callable[[Value, Value], Value], Evaluate]]) -> Evaluate:
    """Left-associative operators in a loop, so that long sums do not nest."""
    if not rest:
        return first

    def evaluate(values: Mapping[str, Value]) -> Value:
        total = first(values)
        for compute, term in rest:
            total = compute(total, term(values))
        return total

    return evaluate


def _comparison(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    if sign in ("==", "!="):
        return lambda v: (left(v) == right(v)) == (sign == "==")
    compute = _ORDER[sign]
    return lambda v: compute(_number(left(v)), _number(right(v)))


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"cannot be read at {text[position : position + 20]!r}")
        kind = str(match.lastgroup)
        tokens.append((kind, match.group(kind)))
        position = match.end()
    tokens.append(("end", "end of the expression"))
    return tokens


def parse_expression(text: str) -> Expression:
    """Parse what stands between `${` and `}`.

    Raises:
        ExpressionError: malformed, too long or nested too deep. `evaluate` raises it where there is no finite value.
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"longer than {MAX_CHARACTERS} characters")
    parser = _Parser(_tokens(text))
    evaluate = parser.either()
    kind, content = parser.peek()
    if kind != "end":
        raise ExpressionError(f"an operator was expected before {content!r}")
    return Expression(evaluate, frozenset(parser.parameters))
