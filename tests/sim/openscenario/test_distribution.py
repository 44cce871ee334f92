"""Parameter variations: order, constraints, samples, and the drawn ones."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from geometry.errors import InputError, UnsupportedError
from sim.scenarios.openscenario.distribution import Variations, read_variations
from tests.sim.openscenario.conftest import Files


def single(name: str, inside: str) -> str:
    tag = "DeterministicSingleParameterDistribution"
    return f'<{tag} parameterName="{name}">{inside}</{tag}>'


def values(*items: object) -> str:
    return "<DistributionSet>" + "".join(f'<Element value="{item}"/>' for item in items) + "</DistributionSet>"


def span(low: float, high: float, step: float) -> str:
    return f'<DistributionRange stepWidth="{step}"><Range lowerLimit="{low}" upperLimit="{high}"/></DistributionRange>'


def declared(name: str, kind: str, value: object, *groups: str) -> str:
    inside = "".join(f"<ConstraintGroup>{group}</ConstraintGroup>" for group in groups)
    return f'<ParameterDeclaration name="{name}" parameterType="{kind}" value="{value}">{inside}</ParameterDeclaration>'


def rule(name: str, value: object) -> str:
    return f'<ValueConstraint rule="{name}" value="{value}"/>'


def variations(xosc: Files, declarations: str, body: str) -> Variations:
    xosc.write(xosc.text(declarations=declarations))
    return read_variations(xosc.write(
        '<OpenSCENARIO><FileHeader revMajor="1" revMinor="2" date="2026-01-01T00:00:00" description="" author=""/>'
        f'<ParameterValueDistribution><ScenarioFile filepath="test.xosc"/>{body}</ParameterValueDistribution>'
        "</OpenSCENARIO>", "variation.xosc"))  # fmt: skip


TWO = declared("a", "integer", 1) + declared("b", "string", "x")


def test_the_last_parameter_varies_fastest(xosc: Files) -> None:
    body = f"<Deterministic>{single('a', span(1, 3, 1))}{single('b', values('x', 'y'))}</Deterministic>"
    found = variations(xosc, TWO, body)
    pairs = [(v.parameters["a"], v.parameters["b"]) for v in found.valid()]
    assert pairs == list(product(("1", "2", "3"), ("x", "y")))
    assert [v.index for v in found.valid()] == list(range(6))


@pytest.mark.parametrize(
    ("low", "high", "step", "count"), [(0.0, 0.3, 0.1, 4), (20.0, 60.0, 10.0, 5), (1.0, 1.9, 0.5, 2)]
)
def test_a_range_reaches_its_upper_limit_in_decimal_steps(
    xosc: Files, low: float, high: float, step: float, count: int
) -> None:
    body = f"<Deterministic>{single('v', span(low, high, step))}</Deterministic>"
    found = [float(v.parameters["v"]) for v in variations(xosc, declared("v", "double", low), body).valid()]
    assert found == pytest.approx([low + k * step for k in range(count)], abs=1e-12)
    assert found[0] == low


def test_groups_are_alternatives_and_the_rules_inside_one_all_hold(xosc: Files) -> None:
    low = rule("greaterOrEqual", 2) + rule("lessThan", 4)
    high = rule("equalTo", 9)
    body = f"<Deterministic>{single('v', span(0, 9, 1))}</Deterministic>"
    found = variations(xosc, declared("v", "double", 2, low, high), body)
    assert found.total == 10
    assert [v.parameters["v"] for v in found.valid()] == ["2", "3", "9"]


def test_a_constraint_may_refer_to_another_parameter_and_texts_compare_as_texts(xosc: Files) -> None:
    declarations = declared("limit", "double", 3) + declared("v", "double", 1, rule("lessThan", "$limit"))
    declarations += declared("kind", "string", "car", rule("notEqualTo", "bus"))
    axes = single("limit", values(2, 4)) + single("v", values(1, 3)) + single("kind", values("car", "bus"))
    body = f"<Deterministic>{axes}</Deterministic>"
    found = [tuple(v.parameters.values()) for v in variations(xosc, declarations, body).valid()]
    assert sorted(sorted(row) for row in found) == sorted(
        sorted(row) for row in [("2", "1", "car"), ("4", "1", "car"), ("4", "3", "car")]
    )


def test_value_sets_vary_together(xosc: Files) -> None:
    one = '<ParameterAssignment parameterRef="{}" value="{}"/>'
    pair = "<ParameterValueSet>" + one.format("a", "{}") + one.format("b", "{}") + "</ParameterValueSet>"
    body = (
        "<Deterministic><DeterministicMultiParameterDistribution><ValueSetDistribution>"
        f"{pair.format(1, 'x')}{pair.format(5, 'y')}</ValueSetDistribution></DeterministicMultiParameterDistribution>"
        "</Deterministic>"
    )
    assert [dict(v.parameters) for v in variations(xosc, TWO, body).valid()] == [
        {"a": "1", "b": "x"}, {"a": "5", "b": "y"}
    ]  # fmt: skip


def test_a_sample_is_seeded_valid_and_without_repeats(xosc: Files) -> None:
    body = f"<Deterministic>{single('v', span(0, 999, 1))}</Deterministic>"
    found = variations(xosc, declared("v", "double", 0, rule("lessThan", 500)), body)
    one, two, other = found.sample(50, 1), found.sample(50, 1), found.sample(50, 2)
    assert one == two
    assert one != other
    assert len({v.index for v in one}) == 50
    assert max(v.index for v in one) < 500
    assert len(found.sample(10_000, 0)) == 500


def test_drawn_runs_follow_their_distribution_and_seed(xosc: Files) -> None:
    normal = '<NormalDistribution expectedValue="10" variance="4"><Range lowerLimit="6" upperLimit="14"/>'
    kinds = '<Element value="car" weight="3"/><Element value="bus" weight="1"/>'
    body = (
        '<Stochastic numberOfTestRuns="2000" randomSeed="7"><StochasticDistribution parameterName="v">'
        f'{normal}</NormalDistribution></StochasticDistribution><StochasticDistribution parameterName="kind">'
        f"<ProbabilityDistributionSet>{kinds}</ProbabilityDistributionSet></StochasticDistribution></Stochastic>"
    )
    declarations = declared("v", "double", 10) + declared("kind", "string", "car")
    found = list(variations(xosc, declarations, body).valid())
    drawn = np.array([float(v.parameters["v"]) for v in found])
    assert len(found) == 2000
    assert (drawn.min(), drawn.max()) == pytest.approx((6.0, 14.0), abs=0.3)
    assert drawn.mean() == pytest.approx(10.0, abs=0.15)
    assert np.mean([v.parameters["kind"] == "car" for v in found]) == pytest.approx(0.75, abs=0.04)
    assert [v.parameters for v in variations(xosc, declarations, body).valid()] == [v.parameters for v in found]


def test_a_histogram_is_drawn_by_its_weights(xosc: Files) -> None:
    bins = "".join(
        f'<Bin weight="{weight}"><Range lowerLimit="{low}" upperLimit="{low + 1}"/></Bin>'
        for low, weight in ((0, 1), (5, 4))
    )
    body = (
        '<Stochastic numberOfTestRuns="1000" randomSeed="3"><StochasticDistribution parameterName="v">'
        f"<Histogram>{bins}</Histogram></StochasticDistribution></Stochastic>"
    )
    drawn = np.array([float(v.parameters["v"]) for v in variations(xosc, declared("v", "double", 1), body).valid()])
    assert np.mean(drawn >= 5.0) == pytest.approx(0.8, abs=0.04)
    assert not np.any((drawn > 1.0) & (drawn < 5.0))


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<Deterministic>" + single("a", span(1, 3, 0)) + "</Deterministic>", "step above 0"),
        ("<Deterministic>" + single("a", span(3, 1, 1)) + "</Deterministic>", "upper limit not below"),
        ("<Deterministic>" + single("a", span(0, 1e9, 1e-3)) + "</Deterministic>", "at most 10000000"),
        ("<Deterministic>" + single("a", values(1)) + single("a", values(2)) + "</Deterministic>", "varied twice"),
        ("<Deterministic>" + single("c", values(1)) + "</Deterministic>", "there is no parameter c"),
        ("<Deterministic>" + single("a", values("one")) + "</Deterministic>", "finite number"),
        ("", "either <Deterministic> or <Stochastic>"),
    ],
)
def test_a_wrong_distribution_is_refused(xosc: Files, body: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        list(variations(xosc, TWO, body).valid())
    assert caught.value.place is not None


def test_what_only_another_tool_understands_is_refused_as_unsupported(xosc: Files) -> None:
    inside = '<UserDefinedDistribution type="t"/>'
    body = f"<Deterministic>{single('a', inside)}</Deterministic>"
    with pytest.raises(UnsupportedError):
        variations(xosc, TWO, body)


def test_the_alks_variations_have_the_published_counts(data: Path) -> None:
    folder = data / "openscenario" / "alks" / "logical_scenarios"
    found = [read_variations(path) for path in sorted(folder.glob("*_variation*.xosc"))]
    assert sum(one.total for one in found) == 121_060
    assert sum(1 for one in found for _ in one.valid()) == 93_935
