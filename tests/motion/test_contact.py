"""Contact kernels against brute force: all pairs, fine time steps, corners."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon

from geometry.boxes import box_corners, boxes_overlap
from motion.contact import longitudinal_gap, overlapping_pairs, time_to_collision, times_to_collision

COORDINATES = st.floats(-30.0, 30.0)
HEADINGS = st.floats(-math.pi, math.pi)
SIZES = st.floats(0.3, 12.0)
SPEEDS = st.floats(-20.0, 20.0)
BOX = st.tuples(COORDINATES, COORDINATES, HEADINGS, SIZES, SIZES)
MOVING_BOX = st.tuples(COORDINATES, COORDINATES, HEADINGS, SIZES, SIZES, SPEEDS, SPEEDS)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(BOX, st.booleans()), max_size=25))
def test_the_sweep_finds_the_pairs_that_comparing_all_pairs_finds(boxes):
    columns = np.array([box for box, _ in boxes], dtype=float).reshape(-1, 5)
    present = np.array([flag for _, flag in boxes], dtype=bool)
    expected = [
        (i, j)
        for i in range(len(boxes))
        for j in range(i + 1, len(boxes))
        if present[i] and present[j] and boxes_overlap(*columns[i], *columns[j])
    ]
    columns[~present] = np.nan
    assert [tuple(pair) for pair in overlapping_pairs(*columns.T, present)] == expected


def test_more_pairs_than_boxes_are_all_found():
    count = 40
    x, ones = np.linspace(0.0, 1.0, count), np.ones(count)
    pairs = overlapping_pairs(x, 0.0 * x, 0.0 * x, 5.0 * ones, 2.0 * ones, ones > 0)
    assert len(pairs) == count * (count - 1) // 2


def test_nobody_overlaps_in_an_empty_world():
    nothing = np.empty(0)
    assert overlapping_pairs(nothing, nothing, nothing, nothing, nothing, nothing > 0).shape == (0, 2)


def polygons_distance(a, b, t_s: float) -> float:
    def at(box):
        x, y, yaw, length, width, vx, vy = box
        return Polygon(box_corners(*(np.float64(v) for v in (x + vx * t_s, y + vy * t_s, yaw, length, width))))

    return at(a).distance(at(b))


@settings(max_examples=150, deadline=None)
@given(MOVING_BOX, MOVING_BOX)
def test_boxes_are_apart_before_the_time_to_collision_and_touch_at_it(a, b):
    horizon_s = 8.0
    ttc_s = time_to_collision(*a, *b, horizon_s)
    until_s = min(ttc_s, horizon_s)
    for t_s in np.linspace(0.0, until_s, 41)[:-1]:
        if t_s < until_s - 1e-6:
            # A grazing contact is decided by rounding: at the very touch the polygons may be found to share a point.
            assert polygons_distance(a, b, t_s) > 0.0 or grazes(a, b, t_s)
    if ttc_s <= horizon_s:
        assert polygons_distance(a, b, ttc_s) < 1e-6


def grazes(a, b, t_s: float) -> bool:
    """Whether shrinking one box by a micrometre parts the two."""
    smaller = (*a[:3], a[3] - 1e-6, a[4] - 1e-6, *a[5:])
    return polygons_distance(smaller, b, t_s) > 0.0


def test_time_to_collision_on_one_axis_is_gap_over_closing_speed():
    args = (0.0, 0.0, 0.0, 4.0, 2.0, 20.0, 0.0, 34.0, 0.5, 0.0, 4.0, 2.0, 5.0, 0.0)
    assert time_to_collision(*args, 10.0) == pytest.approx(30.0 / 15.0)


def test_boxes_that_overlap_now_collide_now_even_when_parting():
    assert time_to_collision(0.0, 0.0, 0.0, 4.0, 2.0, -5.0, 0.0, 3.0, 0.0, 0.3, 4.0, 2.0, 5.0, 0.0, 10.0) == 0.0


def test_no_collision_is_seen_beyond_the_horizon_or_when_passing_beside():
    ahead = (0.0, 0.0, 0.0, 4.0, 2.0, 10.0, 0.0, 54.0, 0.0, 0.0, 4.0, 2.0, 0.0, 0.0)
    beside = (0.0, 0.0, 0.0, 4.0, 2.0, 10.0, 0.0, 54.0, 2.01, 0.0, 4.0, 2.0, 0.0, 0.0)
    assert time_to_collision(*ahead, 4.9) == math.inf
    assert time_to_collision(*beside, 10.0) == math.inf


def test_arrays_broadcast_and_absent_boxes_never_collide():
    x = np.array([[24.0, 44.0], [np.nan, 4.0]])
    ttc = times_to_collision(0.0, 0.0, 0.0, 4.0, 2.0, 10.0, 0.0, x, 0.0, 0.0, 4.0, 2.0, 0.0, 0.0, 60.0)
    np.testing.assert_allclose(ttc, [[2.0, 4.0], [np.inf, 0.0]])


@settings(deadline=None)
@given(COORDINATES, HEADINGS, SIZES, SIZES, COORDINATES, HEADINGS, SIZES, SIZES)
def test_longitudinal_gap_is_that_between_the_extreme_corners(a_s, a_turn, a_l, a_w, b_s, b_turn, b_l, b_w):
    front = box_corners(*(np.float64(v) for v in (a_s, 0.0, a_turn, a_l, a_w)))[:, 0].max()
    rear = box_corners(*(np.float64(v) for v in (b_s, 0.0, b_turn, b_l, b_w)))[:, 0].min()
    assert longitudinal_gap(a_s, a_turn, a_l, a_w, b_s, b_turn, b_l, b_w) == pytest.approx(rear - front, abs=1e-9)
