"""Road geometry against independent oracles: circles, Fresnel integrals, numerical integration, the polynomials."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.special import fresnel

from geometry.errors import ContractError
from maps.road_geometry import Bend, CubicCurve, Profile, ReferenceLine

curvatures = st.floats(-0.1, 0.1)


@given(
    st.floats(-1e3, 1e3),
    st.floats(-math.pi, math.pi),
    st.floats(1e-5, 0.2),
    st.sampled_from((-1.0, 1.0)),
    st.floats(0, 1),
)
def test_arc_points_lie_on_their_circle(x: float, yaw: float, bend: float, side: float, share: float) -> None:
    line = ReferenceLine.of([Bend(0.0, x, 5.0, yaw, 80.0, side * bend, side * bend)])
    px, py, heading, curvature = line.at(80.0 * share)
    centre = (x - side / bend * math.sin(yaw), 5.0 + side / bend * math.cos(yaw))
    assert math.dist((px, py), centre) == pytest.approx(1.0 / bend, rel=1e-9)
    assert heading == pytest.approx(yaw + side * bend * 80.0 * share)
    assert curvature == side * bend


def test_unit_clothoid_equals_fresnel_integrals() -> None:
    a = 30.0  # curvature s / a^2
    line = ReferenceLine.of([Bend(0.0, 0.0, 0.0, 0.0, 150.0, 0.0, 150.0 / a**2)])
    s = np.linspace(0.0, 150.0, 200)
    y, x = fresnel(s / (a * math.sqrt(math.pi)))
    np.testing.assert_allclose(line.sample(s)[:2], a * math.sqrt(math.pi) * np.array((x, y)), atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(curvatures, curvatures, st.floats(1.0, 200.0))
def test_spiral_equals_integration_of_its_curvature(start: float, end: float, length: float) -> None:
    def ode(s: float, state: np.ndarray) -> list[float]:
        return [math.cos(state[2]), math.sin(state[2]), start + (end - start) * s / length]

    line = ReferenceLine.of([Bend(0.0, 3.0, -2.0, 0.7, length, start, end)])
    oracle = solve_ivp(ode, (0.0, length), [3.0, -2.0, 0.7], rtol=1e-11, atol=1e-11).y[:, -1]
    x, y, heading, curvature = line.at(length)
    np.testing.assert_allclose((x, y, heading), oracle, atol=1e-7)
    assert curvature == pytest.approx(end)


def test_spiral_with_a_hair_of_curvature_change_stays_exact() -> None:
    s = 100.0
    slow, arc = (ReferenceLine.of([Bend(0.0, 0.0, 0.0, 0.0, s, 0.01, 0.01 + e)]).at(s) for e in (1e-14, 0.0))
    assert math.dist(slow[:2], arc[:2]) < 1e-9


cubics = st.tuples(st.floats(-0.2, 0.2), st.floats(-1e-2, 1e-2), st.floats(-1e-4, 1e-4))


@settings(max_examples=40, deadline=None)
@given(cubics)
def test_poly3_points_lie_on_the_polynomial_at_true_arc_length(bcd: tuple[float, float, float]) -> None:
    b, c, d = bcd
    line = ReferenceLine.of([CubicCurve(0.0, 0.0, 0.0, 0.0, 40.0, (0.0, 1.0, 0.0, 0.0), (0.0, b, c, d), None)])
    x, y, _, _ = line.sample(np.linspace(0.0, 40.0, 4001))
    np.testing.assert_allclose(y, x * (b + x * (c + x * d)), atol=1e-9)
    steps = np.hypot(np.diff(x), np.diff(y))
    np.testing.assert_allclose(steps, 0.01, rtol=2e-3)
    assert steps.sum() == pytest.approx(40.0, abs=1e-3)


@pytest.mark.parametrize("p_end", [1.0, 50.0])
def test_parametric_cubic_runs_at_arc_length_whatever_its_parameter(p_end: float) -> None:
    u, v = (0.0, 40.0 / p_end, 12.0 / p_end**2, -3.0 / p_end**3), (0.0, 0.0, 30.0 / p_end**2, -14.0 / p_end**3)
    p = np.linspace(0.0, p_end, 20001)
    points = np.stack([np.polyval(axis[::-1], p) for axis in (u, v)])
    length = float(np.hypot(*np.diff(points)).sum())
    line = ReferenceLine.of([CubicCurve(0.0, 0.0, 0.0, 0.0, length, u, v, p_end)])
    along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(points)))))
    s = np.linspace(0.0, length, 50)
    oracle = np.stack([np.interp(s, along, axis) for axis in points])
    np.testing.assert_allclose(line.sample(s)[:2], oracle, atol=2e-4)


def test_heading_and_curvature_are_the_derivatives_of_the_position() -> None:
    line = ReferenceLine.of([
        CubicCurve(0.0, 1.0, 2.0, 0.3, 44.0, (0.0, 40.0, 12.0, -3.0), (0.0, 0.0, 20.0, -14.0), 1.0),
    ])  # fmt: skip
    s, h = np.linspace(1.0, 43.0, 60), 1e-3
    ahead, here, behind = line.sample(s + h), line.sample(s), line.sample(s - h)
    step = ahead[:2] - behind[:2]
    np.testing.assert_allclose(here[2], np.arctan2(step[1], step[0]), atol=1e-6)
    speed = np.hypot(*step) / (2 * h)
    np.testing.assert_allclose(here[3], np.diff([behind[2], ahead[2]], axis=0)[0] / (2 * h * speed), atol=1e-5)


def test_scalar_and_array_evaluation_agree_across_records() -> None:
    line = ReferenceLine.of([Bend(0.0, 0.0, 0.0, 0.0, 10.0), Bend(10.0, 10.0, 0.0, 0.0, 20.0, 0.0, 0.05)])
    s = np.linspace(0.0, 30.0, 31)
    np.testing.assert_array_equal(line.sample(s).T, [line.at(float(x)) for x in s])


@settings(max_examples=60, deadline=None)
@given(curvatures, curvatures, st.floats(0.0, 60.0), st.floats(-4.0, 4.0), st.floats(-8.0, 8.0))
def test_projection_finds_the_foot_from_a_rough_guess(k0: float, k1: float, s: float, t: float, miss: float) -> None:
    line = ReferenceLine.of([Bend(0.0, 0.0, 0.0, 0.0, 60.0, k0, k1)])
    x, y, yaw, _ = line.at(s)
    found = line.nearest_s(x - t * math.sin(yaw), y + t * math.cos(yaw), s + miss, 60.0)
    assert found == pytest.approx(s, abs=1e-6)


@pytest.mark.parametrize(
    "record",
    [
        Bend(0.0, 0.0, 0.0, 0.0, 1e5, 1.0, 1.0),
        Bend(0.0, 0.0, 0.0, 0.0, 1.0, 1e308, -1e308),
        CubicCurve(0.0, 0.0, 0.0, 0.0, 10.0, (0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0), 1.0),
        CubicCurve(0.0, 0.0, 0.0, 0.0, 10.0, (0.0, 1e6, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0), 1.0),
    ],
)
def test_records_that_no_road_has_are_refused(record: Bend | CubicCurve) -> None:
    with pytest.raises(ContractError):
        ReferenceLine.of([record])
    with pytest.raises(ContractError):
        ReferenceLine.of([])


cubic = st.tuples(*(st.floats(-2, 2, width=32) for _ in range(4)))


@given(cubic, cubic, cubic, st.floats(1.0, 9.0), st.floats(0.0, 10.0))
def test_sum_of_profiles_is_the_sum_of_their_values(
    one: tuple, two: tuple, other: tuple, split: float, s: float
) -> None:
    first, second = Profile((0.0, split), (one, two)), Profile((0.5,), (other,))
    total = Profile.summed([(first, 1.0), (second, -0.5)], 0.0, 10.0)
    expected = first.at(s) - 0.5 * second.at(s)
    assert total.at(s) == pytest.approx(expected, abs=1e-6)
    assert total.sample(np.array([s]))[0] == pytest.approx(expected, abs=1e-6)
    assert total.slope(s) == pytest.approx(first.slope(s) - 0.5 * second.slope(s), abs=1e-6)
