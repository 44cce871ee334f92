"""Metrics that inform: how close it was and how it felt."""

from __future__ import annotations

import math

import numpy as np
import pytest

from planning.metrics import comfort, time_to_collision


def test_smallest_time_to_collision_is_gap_over_closing_speed_with_name_and_instant(road):
    t_s = road.times(4.0)
    lead = road.other(10.0 * t_s + 60.0, name="Slow")
    result = time_to_collision.compute(road.view(t_s, road.ego(20.0 * t_s), lead))
    gap = 60.0 - road.half_length_m - road.front_m - 40.0
    assert result.value == pytest.approx(gap / 10.0, abs=1e-6)
    assert result.t_s == pytest.approx(4.0)
    assert "to Slow at t = 4.0 s" in result.cause


def test_nobody_in_sight_gives_an_infinite_time_to_collision(road):
    t_s = road.times(4.0)
    beside = road.other(5.0 * t_s + 30.0, 3.5)
    assert math.isinf(time_to_collision.compute(road.view(t_s, road.ego(20.0 * t_s), beside)).value)
    assert math.isinf(time_to_collision.compute(road.view(t_s, road.ego(20.0 * t_s))).value)


def test_hard_braking_uses_more_than_the_comfort_bound(road):
    t_s = road.times(6.0)
    result = comfort.longitudinal(road.view(t_s, road.ego(road.braking(t_s, 25.0, 5.0, from_s=2.0))))
    assert not result.passed
    assert result.value == pytest.approx(-5.0, rel=0.1)
    assert result.limit == -4.05


def test_gentle_braking_is_comfortable(road):
    t_s = road.times(6.0)
    view = road.view(t_s, road.ego(road.braking(t_s, 25.0, 1.5, from_s=2.0)))
    assert all(metric(view).passed for metric in (comfort.longitudinal, comfort.lateral, comfort.jerk))


def test_jerk_of_a_cubic_motion_is_its_third_derivative(road):
    t_s = road.times(4.0)
    result = comfort.jerk(road.view(t_s, road.ego(10.0 * t_s + t_s**3 * 0.5 / 6.0)))
    assert result.value == pytest.approx(0.5, abs=0.05)


def test_lateral_acceleration_on_a_circle_is_speed_squared_over_radius(road):
    t_s, radius, speed = road.times(10.0), 50.0, 12.0
    angle = speed * t_s / radius
    circle = road.ego(radius * np.sin(angle), radius * (1.0 - np.cos(angle)), yaw=angle)
    result = comfort.lateral(road.view(t_s, circle))
    assert result.value == pytest.approx(speed**2 / radius, rel=0.02)
