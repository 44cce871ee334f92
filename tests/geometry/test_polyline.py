"""Frenet coordinates on curves: round trips, windows, curvature, and what lies beyond the ends."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometry.errors import ContractError
from geometry.polyline import Polyline


def arc(radius_m: float, length_m: float = 100.0, step_m: float = 1.0) -> Polyline:
    """From the origin along x, bending left for a positive radius; points on the circle."""
    angle = np.arange(0.0, length_m + 0.5 * step_m, step_m) / radius_m
    return Polyline.through(radius_m * np.stack((np.sin(angle), 1.0 - np.cos(angle)), axis=-1))


@given(st.sampled_from([-300.0, -40.0, 25.0, 120.0]), st.floats(-5.0, 104.0), st.floats(-8.0, 8.0))
def test_frenet_round_trip_on_curves(radius_m: float, s_m: float, d_m: float) -> None:
    line = arc(radius_m)
    point = line.position(s_m, d_m)
    s, d = line.project(point[None, :])
    kink_m = 1.01 * abs(d_m) / abs(radius_m)  # the normals of two segments overlap or gape by this much
    assert abs(s[0] - s_m) <= kink_m + 1e-9
    assert abs(d[0] - d_m) <= 0.5 * kink_m * abs(d_m) / abs(radius_m) + 1e-2
    np.testing.assert_allclose(line.position(s, d)[0], point, atol=kink_m + 1e-9)


@given(st.floats(-90.0, 250.0), st.floats(-30.0, 30.0))
def test_distance_of_projection_is_the_smallest_of_all_segments(x_m: float, y_m: float) -> None:
    line = Polyline.through(np.array([[0.0, 0.0], [50.0, 0.0], [80.0, 30.0], [150.0, 10.0]]))
    s, d = line.project(np.array([[x_m, y_m]]))
    if 0.0 < s[0] < line.length_m:
        sampled = line.position(np.linspace(0.0, line.length_m, 4001))
        smallest = np.hypot(sampled[:, 0] - x_m, sampled[:, 1] - y_m).min()
        assert abs(abs(d[0]) - smallest) < 0.03


def test_left_is_positive_and_ends_go_on_straight() -> None:
    line = arc(50.0, 40.0)
    s, d = line.project(np.array([[-3.0, 1.0], [0.5, -2.0]]))
    assert s[0] == pytest.approx(-3.0, abs=0.05)
    assert d[0] == pytest.approx(1.0, abs=0.05)
    assert d[1] < -1.9
    beyond = line.position(45.0)
    s, d = line.project(beyond[None, :])
    assert (s[0], d[0]) == (pytest.approx(45.0), pytest.approx(0.0, abs=1e-9))


@pytest.mark.parametrize("radius_m", [-200.0, -30.0, 30.0, 500.0])
def test_curvature_and_heading_of_a_circle(radius_m: float) -> None:
    line = arc(radius_m)
    s = np.linspace(5.0, 95.0, 37)
    np.testing.assert_allclose(line.curvature(s), 1.0 / radius_m, rtol=2e-3)
    np.testing.assert_allclose(line.heading(s), s / radius_m, atol=2e-3)


def test_heading_does_not_jump_on_a_full_circle() -> None:
    line = arc(10.0, 2.0 * math.pi * 10.0, 0.5)
    assert np.abs(np.diff(line.heading(np.linspace(0.0, 60.0, 200)))).max() < 0.1


@given(st.floats(-20.0, 90.0), st.floats(0.5, 60.0))
def test_window_covers_what_was_asked_and_keeps_the_frame(from_m: float, length_m: float) -> None:
    line = arc(60.0)
    part, start_m = line.window(from_m, from_m + length_m)
    assert start_m <= max(from_m, 0.0)
    assert start_m + part.length_m >= min(from_m + length_m, line.length_m) - 1e-9
    s = np.linspace(max(from_m, start_m), min(from_m + length_m, start_m + part.length_m), 5)
    np.testing.assert_allclose(part.position(s - start_m, 1.5), line.position(s, 1.5), atol=1e-9)


def test_repeated_points_are_dropped_and_too_few_refused() -> None:
    line = Polyline.through(np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 0.0]]))
    assert len(line.points) == 2
    for points in (np.zeros((3, 2)), np.zeros((1, 2)), np.array([[0.0, 0.0], [np.nan, 1.0]]), np.zeros((4, 3))):
        with pytest.raises(ContractError):
            Polyline.through(points)
