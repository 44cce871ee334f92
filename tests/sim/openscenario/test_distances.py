"""Distances between boxes and along roads, against shapely and plain geometry."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import Polygon

from geometry.pose import Pose
from motion.rollout import EntityShape
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.distances import How, boxes_apart_m, measure_of, to_target_m
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.spots import Spot
from sim.scenarios.scenario import Limits
from tests.sim.openscenario.conftest import Files

coordinates = st.floats(-30.0, 30.0)
poses = st.builds(Pose, coordinates, coordinates, st.floats(-math.pi, math.pi))
LIMITS = Limits(60.0, 10.0, 10.0, 0.6)


def mover(pose: Pose, length: float = 5.0, width: float = 2.0, lever: float = 1.4) -> Mover:
    shape = EntityShape("m", 0, length, width, 1.5, lever, 2.9)
    return Mover(0, shape, LIMITS, present=True, pose=pose)


@given(poses, poses)
def test_boxes_are_as_far_apart_as_shapely_says(one: Pose, other: Pose) -> None:
    a, b = mover(one).corners(), mover(other, 8.0, 2.5, 3.0).corners()
    assert boxes_apart_m(a, b) == pytest.approx(Polygon(a).distance(Polygon(b)), abs=1e-9)


@given(poses, st.floats(0.0, 40.0), st.floats(-3.0, 3.0))
def test_free_space_ahead_is_bumper_to_bumper(pose: Pose, ahead: float, left: float) -> None:
    first, second = mover(pose), mover(pose @ Pose(ahead, left, 0.0))
    gap = measure_of(How("longitudinal", "entity", freespace=True))(None, first, second)  # type: ignore[arg-type]
    assert gap == pytest.approx(max(ahead - 5.0, 0.0), abs=1e-9)
    aside = measure_of(How("lateral", "entity", freespace=True))(None, first, second)  # type: ignore[arg-type]
    assert abs(aside or 0.0) == pytest.approx(max(abs(left) - 2.0, 0.0), abs=1e-9)


@given(poses, poses)
def test_what_is_ahead_is_positive_and_what_is_behind_negative(one: Pose, other: Pose) -> None:
    first, second = mover(one), mover(other)
    ahead = measure_of(How("longitudinal", "entity", freespace=False))(None, first, second)  # type: ignore[arg-type]
    left = measure_of(How("lateral", "entity", freespace=False))(None, first, second)  # type: ignore[arg-type]
    back = one @ Pose(ahead or 0.0, left or 0.0, 0.0)
    assert (back.x_m, back.y_m) == pytest.approx((other.x_m, other.y_m), abs=1e-9)


def cast_of(xosc: Files) -> Cast:
    return xosc.engine().runtime


def test_along_the_road_counts_reference_line_and_free_space_the_gap(xosc: Files) -> None:
    cast = cast_of(xosc)
    ego, other = cast.by_name["Ego"], cast.by_name["Other"]
    for freespace, expected in ((False, 50.0), (True, 45.0)):
        measure = measure_of(How("longitudinal", "road", freespace))
        assert measure(cast, ego, other) == pytest.approx(expected)
        assert measure(cast, other, ego) == pytest.approx(-expected)


def test_the_way_to_go_shrinks_forwards_and_backwards(xosc: Files) -> None:
    cast = cast_of(xosc)
    ego = cast.by_name["Ego"]
    ahead = Spot(ego.pose @ Pose(30.0, 0.0, 0.0))
    assert to_target_m(cast, ego, ahead) == pytest.approx(30.0)
    ego.speed_mps = -5.0
    assert to_target_m(cast, ego, ahead) == pytest.approx(-30.0)
