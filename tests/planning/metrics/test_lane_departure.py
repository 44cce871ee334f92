"""Keeping the lane: tyre edges against marks."""

from __future__ import annotations

import numpy as np
import pytest

from planning.metrics.lane_departure import compute
from planning.metrics.lane_view import lane_view


def test_tyre_edge_over_the_mark_fails_with_time_and_place(road):
    t_s = road.times(15.0)
    drift = road.sideways(t_s, 0.0, 1.0, 0.2, from_s=5.0)
    result = compute(road.view(t_s, road.ego(10.0 * t_s, drift, yaw=0.0 * t_s)))
    crossing_s = 5.0 + 0.75 / 0.2
    assert not result.passed
    assert result.value == pytest.approx(0.25, abs=0.01)
    assert result.t_s == pytest.approx(crossing_s, abs=0.03)
    assert result.x_m == pytest.approx(10.0 * crossing_s + 1.4, abs=0.3)
    assert "front left tyre 0.25 m over the left mark" in result.cause


def test_tyre_edge_just_inside_the_mark_passes_and_says_how_near(road):
    t_s = road.times(10.0)
    result = compute(road.view(t_s, road.ego(10.0 * t_s, 0.0 * t_s - 0.7)))
    assert result.passed
    assert result.value == pytest.approx(-0.05)
    assert "0.05 m inside the right mark" in result.cause


def test_bumper_over_the_mark_is_no_departure_while_the_tyres_are_inside(road):
    t_s = road.times(5.0)
    # Turned by 0.1 rad: the front tyre edge lies 0.28 m further left than the rear axle, the bumper's corner 0.36 m.
    turned = road.ego(10.0 * t_s, 0.0 * t_s + 0.43, yaw=0.0 * t_s + 0.1)
    assert compute(road.view(t_s, turned)).passed
    turned = road.ego(10.0 * t_s, 0.0 * t_s + 0.5, yaw=0.0 * t_s + 0.1)
    assert not compute(road.view(t_s, turned)).passed


def test_departure_before_the_stack_took_over_does_not_count(road):
    t_s = road.times(10.0)
    out_and_back = np.where(t_s < 4.0, 1.5, 0.0)
    ego = road.ego(10.0 * t_s, out_and_back, yaw=0.0 * t_s)
    assert compute(road.view(t_s, ego, engaged=t_s > 4.5)).passed
    assert not compute(road.view(t_s, ego)).passed


def test_beyond_the_end_of_the_lane_there_is_no_mark_to_cross(road):
    t_s = road.times(10.0)
    drift = road.sideways(t_s, 0.0, 3.0, 1.0, from_s=5.0)
    drive = road.drive(t_s, road.ego(10.0 * t_s, drift, yaw=0.0 * t_s))
    assert compute(lane_view(drive, road.lane(length_m=50.0))).passed
    assert not compute(lane_view(drive, road.lane())).passed


def test_a_lane_without_marks_has_none_to_cross(road):
    t_s = road.times(5.0)
    drive = road.drive(t_s, road.ego(10.0 * t_s, 0.0 * t_s + 3.0))
    assert compute(lane_view(drive, road.lane(marked=False))).passed
