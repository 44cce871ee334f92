"""The view that all metrics share: Frenet coordinates, velocities, what is judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometry.polyline import Polyline
from planning.metrics.corridor import LaneCorridor
from planning.metrics.frenet import project_tracks
from planning.metrics.intervals import bridged, start_of, stretches
from planning.metrics.lane_view import lane_view


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 120))
def test_projection_of_tracks_is_that_of_the_polyline(seed, count):
    rng = np.random.default_rng(seed)
    turns = np.cumsum(rng.normal(0.0, 0.3, count))
    path = Polyline.through(
        np.cumsum(np.stack((np.cos(turns), np.sin(turns)), axis=-1) * rng.uniform(0.5, 9.0, (count, 1)), axis=0)
    )
    points = rng.uniform(-60.0, 60.0, (30, 4, 2)) + path.points[count // 2]
    s, d = project_tracks(path, points[..., 0], points[..., 1])
    s_expected, d_expected = path.project(points.reshape(-1, 2))
    # Where two segments are equally near either is right, so the offset decides, and s by going back to the point.
    np.testing.assert_allclose(np.abs(d).reshape(-1), np.abs(d_expected), atol=1e-9)
    same = np.abs(s.reshape(-1) - s_expected) < 1e-6
    assert same.mean() > 0.95


def test_absent_points_have_no_frenet_coordinates():
    path = Polyline.through(np.array([[0.0, 0.0], [10.0, 0.0]]))
    s, d = project_tracks(path, np.array([np.nan, 4.0]), np.array([np.nan, -2.0]))
    assert np.isnan(s[0])
    assert np.isnan(d[0])
    assert (s[1], d[1]) == (4.0, -2.0)


def test_velocities_of_the_others_come_from_their_motion_and_not_from_their_heading(road):
    t_s = road.times(4.0)
    crab = road.other(3.0 * t_s, 1.5 * t_s - 10.0)
    view = road.view(t_s, road.ego(10.0 * t_s), crab)
    np.testing.assert_allclose(view.along_mps, 3.0)
    np.testing.assert_allclose(view.across_mps, 1.5)


def test_velocity_does_not_reach_across_a_time_of_absence(road):
    t_s = road.times(4.0)
    x = np.where(t_s < 2.0, 5.0 * t_s, 500.0 + 5.0 * t_s)
    x[np.abs(t_s - 2.0) < 0.05] = np.nan
    view = road.view(t_s, road.ego(10.0 * t_s), road.other(x))
    np.testing.assert_allclose(view.along_mps[np.isfinite(x)], 5.0)


def test_only_engaged_time_up_to_the_first_contact_is_judged(road):
    t_s = road.times(10.0)
    parked = road.other(0.0 * t_s + 50.0)
    view = road.view(t_s, road.ego(10.0 * t_s), parked, engaged=t_s > 1.0)
    contact_s = (50.0 - road.half_length_m - road.front_m) / 10.0
    judged_s = t_s[view.judged]
    assert judged_s[0] == pytest.approx(1.02)
    assert judged_s[-1] == pytest.approx(contact_s, abs=0.02)


def test_on_a_curve_a_car_in_the_lane_has_its_distance_along_the_lane(road):
    radius, t_s = 200.0, road.times(1.0)
    angle = np.linspace(-0.5, 1.5, 400)
    circle = Polyline.through(np.stack((radius * np.sin(angle), radius * (1.0 - np.cos(angle))), axis=-1))
    sides = np.full(len(circle.s_m), road.half_m)
    still = 0.0 * t_s
    ahead = 0.3
    other = road.other(still + radius * np.sin(ahead), radius * (1.0 - np.cos(ahead)))
    view = lane_view(road.drive(t_s, road.ego(still), other), LaneCorridor(circle, sides, sides, sides > 0, sides > 0))
    np.testing.assert_allclose(view.s_m[:, 0] - view.ego_s_m, radius * ahead - 1.4, atol=0.05)
    np.testing.assert_allclose(view.d_m, 0.0, atol=0.01)


def test_stretches_and_bridges_of_a_mask():
    mask = np.array([1, 1, 0, 1, 0, 0, 0, 1], dtype=bool)
    t_s = 0.1 * np.arange(8)
    assert stretches(mask) == [(0, 1), (3, 3), (7, 7)]
    assert stretches(bridged(mask, t_s, 0.25)) == [(0, 3), (7, 7)]
    assert start_of(mask, 1) == 0
    assert start_of(mask, 3) == 3
    assert start_of(mask, 5) == 5
