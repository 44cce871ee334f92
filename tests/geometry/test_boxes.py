"""Overlap and distance of boxes against shapely."""

import math

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely import Polygon

from geometry.boxes import box_corners, box_distance, boxes_overlap

Box = tuple[float, float, float, float, float]
boxes = st.tuples(
    st.floats(-8.0, 8.0), st.floats(-8.0, 8.0), st.floats(-7.0, 7.0), st.floats(0.2, 12.0), st.floats(0.2, 4.0)
)


def polygon(box: Box) -> Polygon:
    """Built from the definition, without the code under test."""
    x, y, yaw, length, width = box
    ahead, left = np.array([math.cos(yaw), math.sin(yaw)]), np.array([-math.sin(yaw), math.cos(yaw)])
    signs = ((1, 1), (-1, 1), (-1, -1), (1, -1))
    return Polygon([np.array([x, y]) + 0.5 * a * length * ahead + 0.5 * b * width * left for a, b in signs])


@given(boxes, boxes)
def test_overlap_agrees_with_shapely(a: Box, b: Box) -> None:
    one, other = polygon(a), polygon(b)
    assume(one.distance(other) > 1e-9 or one.intersection(other).area > 1e-9)
    assert boxes_overlap(*a, *b) == one.intersects(other)
    assert boxes_overlap(*b, *a) == boxes_overlap(*a, *b)


@given(boxes, boxes)
def test_distance_agrees_with_shapely(a: Box, b: Box) -> None:
    expected = polygon(a).distance(polygon(b))
    assume(expected > 1e-6)
    corners = [box_corners(*map(np.array, box)) for box in (a, b)]
    assert math.isclose(box_distance(*corners), expected, abs_tol=1e-7)


@given(st.lists(boxes, min_size=1, max_size=5))
def test_corners_come_front_left_first_and_counter_clockwise(cast: list[Box]) -> None:
    corners = box_corners(*np.array(cast).T)
    for found, box in zip(corners, cast, strict=True):
        np.testing.assert_allclose(found, np.array(polygon(box).exterior.coords)[:4], atol=1e-9)


def test_touching_counts_as_overlap() -> None:
    assert boxes_overlap(0.0, 0.0, 0.0, 4.0, 2.0, 4.0, 0.0, 0.0, 4.0, 2.0)
    assert not boxes_overlap(0.0, 0.0, 0.0, 4.0, 2.0, 4.001, 0.0, 0.0, 4.0, 2.0)
