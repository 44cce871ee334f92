"""Angles wrap; poses form a group and act on points."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geometry.angles import wrap_rad
from geometry.pose import IDENTITY, Pose

metres = st.floats(-1e4, 1e4)
angles = st.floats(-10.0, 10.0)
poses = st.builds(Pose, metres, metres, angles)


def assert_same(a: Pose, b: Pose) -> None:
    assert math.hypot(a.x_m - b.x_m, a.y_m - b.y_m) < 1e-7
    assert abs(wrap_rad(a.yaw_rad - b.yaw_rad)) < 1e-9


@given(st.floats(-1e3, 1e3))
def test_wrapped_angle_is_in_range_and_points_the_same_way(angle_rad: float) -> None:
    wrapped = wrap_rad(angle_rad)
    assert -math.pi <= wrapped < math.pi
    assert math.isclose(math.cos(wrapped), math.cos(angle_rad), abs_tol=1e-9)
    assert math.isclose(math.sin(wrapped), math.sin(angle_rad), abs_tol=1e-9)


def test_wrap_of_array_equals_wrap_of_each() -> None:
    angles_rad = np.linspace(-20.0, 20.0, 101)
    np.testing.assert_array_equal(wrap_rad(angles_rad), [wrap_rad(float(a)) for a in angles_rad])


@given(poses)
def test_inverse_and_identity(a: Pose) -> None:
    assert_same(a @ a.inverse(), IDENTITY)
    assert_same(a.inverse() @ a, IDENTITY)
    assert_same(a @ IDENTITY, a)
    assert_same(IDENTITY @ a, a)


@given(poses, poses, poses)
def test_composition_is_associative(a: Pose, b: Pose, c: Pose) -> None:
    assert_same((a @ b) @ c, a @ (b @ c))


@given(poses, poses, metres, metres)
def test_product_acts_as_one_after_the_other(a: Pose, b: Pose, x_m: float, y_m: float) -> None:
    p = np.array([x_m, y_m])
    np.testing.assert_allclose((a @ b) @ p, a @ (b @ p), atol=1e-7)


def test_quarter_turn_brings_forward_to_the_left() -> None:
    world_from_ego = Pose(1.0, 2.0, math.pi / 2)
    points = np.array([[3.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(world_from_ego @ points, [[1.0, 5.0], [0.0, 2.0]], atol=1e-12)
