"""Expressions between `${` and `}`: precedence against Python as oracle, texts, errors."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.scenarios.openscenario.expressions import ExpressionError, Value, parse_expression


def value(text: str, **parameters: Value) -> Value:
    return parse_expression(text).evaluate(parameters)


numbers = st.integers(0, 999).map(str) | st.floats(0.001, 999.0, allow_nan=False).map(lambda x: f"{x:.3f}")
sums = st.recursive(
    numbers,
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | inner.map(lambda text: f"-{text}")
    ),
    max_leaves=12,
)


@given(sums, st.sampled_from("+-*"), sums)
def test_arithmetic_is_that_of_python(left: str, sign: str, right: str) -> None:
    text = f"{left} {sign} {right}"
    try:
        expected = float(eval(text))  # the oracle; the text is our own
    except ZeroDivisionError:
        with pytest.raises(ExpressionError):
            value(text)
        return
    assert value(text) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7.0),
        ("2 - 3 - 4", -5.0),
        ("12 / 3 / 2", 2.0),
        ("-2 * -3", 6.0),
        ("7 % 4", 3.0),
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("sign(-3) * max(1, min(5, 2))", -2.0),
        ("pow(2, 10)", 1024.0),
        ("atan(1) * 4", math.pi),
        ("1 < 2 and not 3 <= 2", True),
        ("true or 1 == 2", True),
        ("'a' == 'a'", True),
    ],
)
def test_operators_and_functions(text: str, expected: Value) -> None:
    assert value(text) == pytest.approx(expected)


def test_texts_are_joined_and_numbers_in_texts_count() -> None:
    assert value("A + _ + $B", B=0.4) == "A_0.4"
    assert value("$limit - 6", limit="50") == 44.0
    assert value("$name + $index", name="car", index=3.0) == "car3"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1 +", "a value was expected"),
        ("(1", "was expected"),
        ("1 2", "an operator was expected"),
        ("speed * 2", "not a number"),
        ("launch(1)", "no function"),
        ("pow(1)", "takes 2 argument"),
        ("sqrt(0 - 1)", "domain|nonnegative"),
        ("1 / 0", "division"),
        ("(" * 100 + "1" + ")" * 100, "nested deeper"),
        ("1 and 2", "truth value"),
        ("9" * 400, "finite"),
        ("1" * 10_001, "longer than"),
    ],
)
def test_what_has_no_value_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ExpressionError, match=complaint):
        value(text)


@given(st.text(max_size=80))
def test_any_text_has_a_value_or_a_typed_error(text: str) -> None:
    with contextlib.suppress(ExpressionError, KeyError):
        parse_expression(text).evaluate({})
