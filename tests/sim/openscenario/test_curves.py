"""Curves: closed forms and scipy as oracles."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import BSpline
from scipy.special import fresnel

from geometry.pose import Pose
from sim.scenarios.openscenario.curves import clothoid, joined, nurbs, polyline, timed

lengths = st.floats(1.0, 200.0)


@given(st.floats(-0.2, 0.2).filter(lambda k: abs(k) > 1e-3), lengths)
def test_a_clothoid_of_even_curvature_is_an_arc(curvature: float, length: float) -> None:
    curve = clothoid(Pose(1.0, 2.0, 0.5), curvature, curvature, length)
    end, turn = curve.at(length), curvature * length
    local = Pose(math.sin(turn) / curvature, (1.0 - math.cos(turn)) / curvature, turn)
    expected = Pose(1.0, 2.0, 0.5) @ local
    assert (end.x_m, end.y_m) == pytest.approx((expected.x_m, expected.y_m), abs=2e-3 * max(1.0, abs(turn)))
    assert math.cos(end.yaw_rad - expected.yaw_rad) == pytest.approx(1.0, abs=1e-9)


@given(st.floats(0.0001, 0.01), lengths)
def test_a_clothoid_from_straight_is_the_fresnel_integral(rate: float, length: float) -> None:
    end = clothoid(Pose(0.0, 0.0, 0.0), 0.0, rate * length, length).at(length)
    scale = math.sqrt(math.pi / rate)
    sine, cosine = fresnel(length / scale)
    assert (end.x_m, end.y_m) == pytest.approx((scale * cosine, scale * sine), abs=2e-3 * (1.0 + rate * length**2))


def test_a_chain_has_no_gaps_and_is_as_long_as_its_parts() -> None:
    first = clothoid(Pose(0.0, 0.0, 0.0), 0.0, 0.05, 30.0)
    second = clothoid(first.at(30.0), 0.05, 0.05, 20.0)
    whole = joined([first, second])
    assert whole.length_m == pytest.approx(50.0)
    steps = np.hypot(np.diff(whole.x_m), np.diff(whole.y_m))
    assert steps.max() < 0.3
    end, expected = whole.at(50.0), second.at(20.0)
    assert (end.x_m, end.y_m, end.yaw_rad) == pytest.approx((expected.x_m, expected.y_m, expected.yaw_rad))
    assert np.diff(whole.yaw_rad).min() >= -1e-9


def test_a_spline_without_weights_is_that_of_scipy() -> None:
    points = np.array([(0.0, 0.0), (10.0, 5.0), (20.0, -5.0), (30.0, 8.0), (40.0, 0.0)])
    knots = np.array([0.0, 0.0, 0.0, 0.3, 0.6, 1.0, 1.0, 1.0])
    curve = nurbs(points, np.ones(5), knots, 3, None)
    oracle = BSpline(knots, points, 2)(np.linspace(0.0, 1.0, len(curve.x_m)))
    assert np.stack((curve.x_m, curve.y_m), axis=1) == pytest.approx(oracle, abs=1e-9)


def test_a_weighted_spline_can_be_a_circle() -> None:
    """A quarter circle as a rational quadratic (Piegl and Tiller, example 7.1)."""
    points = np.array([(1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    curve = nurbs(points, np.array([1.0, math.sqrt(0.5), 1.0]), np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]), 3, None)
    assert np.hypot(curve.x_m, curve.y_m) == pytest.approx(np.ones(len(curve.x_m)), abs=1e-12)


def test_headings_turn_between_oriented_vertices_and_follow_the_line_elsewhere() -> None:
    poses = [Pose(0.0, 0.0, 0.0), Pose(10.0, 0.0, 1.0), Pose(10.0, 10.0, 0.0)]
    curve = polyline(poses, [True, True, False], None)
    assert curve.at(5.0).yaw_rad == pytest.approx(0.5)
    assert curve.at(15.0).yaw_rad == pytest.approx(math.pi / 2)
    assert curve.length_m == pytest.approx(20.0)


@given(st.floats(0.0, 60.0), st.floats(-3.0, 3.0))
def test_the_nearest_place_on_a_curve_is_found_again(s_m: float, left_m: float) -> None:
    curve = clothoid(Pose(5.0, -3.0, 1.0), 0.0, 0.03, 60.0)
    beside = curve.offset(s_m, left_m)
    assert curve.nearest_s(beside.x_m, beside.y_m) == pytest.approx(s_m, abs=0.05)


def test_a_timed_curve_keeps_its_clock() -> None:
    curve = timed(clothoid(Pose(0.0, 0.0, 0.0), 0.0, 0.0, 40.0), 1.0, 5.0)
    assert curve.s_at(3.0) == pytest.approx(20.0)
    assert (curve.s_at(0.0), curve.s_at(9.0), curve.end_s) == (0.0, 40.0, 5.0)
