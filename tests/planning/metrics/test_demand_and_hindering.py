"""Emergency braking only in emergencies, and nobody kept waiting without a cause."""

from __future__ import annotations

import numpy as np
import pytest

from planning.metrics import demand, hindering
from planning.metrics.counterfactual import first_touch, held_braking_avoids, held_braking_m
from planning.metrics.following import required_gap_m
from planning.metrics.lane_view import lane_view

SPEED = 60.0 / 3.6


def test_emergency_braking_on_an_empty_road_fails_with_its_instant(road):
    t_s = road.times(8.0)
    result = demand.compute(road.view(t_s, road.ego(road.braking(t_s, SPEED, 6.0, from_s=3.0))))
    assert not result.passed
    assert result.value == pytest.approx(6.0, abs=0.1)
    assert result.t_s == pytest.approx(3.0, abs=0.05)


def test_braking_with_five_is_no_emergency_manoeuvre(road):
    t_s = road.times(8.0)
    assert demand.compute(road.view(t_s, road.ego(road.braking(t_s, SPEED, 5.0, from_s=3.0)))).passed


@pytest.mark.parametrize(("spare_m", "passes"), [(-0.5, True), (0.5, False)])
def test_emergency_braking_passes_exactly_where_five_would_not_have_sufficed(road, spare_m, passes):
    t_s = road.times(8.0)
    # Something falls onto the road at t = 3 s, as far away as a stop with 5 m/s^2 takes, plus what is to spare.
    gap_m = SPEED**2 / 10.0 + spare_m
    x = np.where(t_s < 3.0 - 1e-6, np.nan, 3.0 * SPEED + road.front_m + gap_m + road.half_length_m)
    ego = road.ego(road.braking(t_s, SPEED, 7.0, from_s=3.0))
    wanted = np.where((t_s > 3.0 - 1e-6) & (t_s < 5.0), -7.0, 0.0)
    assert demand.compute(road.view(t_s, ego, road.other(x), demand=wanted)).passed is passes


def test_held_braking_stops_in_v_squared_over_two_a():
    t_s = np.arange(0.0, 10.0, 0.02)
    np.testing.assert_allclose(held_braking_m(t_s, 20.0, 5.0)[-1], 40.0)


def test_counterfactual_goes_on_along_the_lane_where_the_record_stands(road):
    t_s = road.times(10.0)
    ego = road.ego(road.braking(t_s, SPEED, 4.0, from_s=0.0))
    parked = road.other(0.0 * t_s + 100.0)
    view = road.view(t_s, ego, parked)
    assert held_braking_avoids(view, 0, 2.0)
    assert not held_braking_avoids(view, 0, 1.0)
    touch = first_touch(view, 0, SPEED * t_s)
    assert touch is not None
    reach_m = 100.0 - road.half_length_m - road.front_m
    assert t_s[touch.index] == pytest.approx(reach_m / SPEED, abs=0.03)


def test_counterfactual_braking_is_not_blamed_for_a_follower_that_does_not_react(road):
    t_s = road.times(10.0)
    follower = road.other(SPEED * t_s - 20.0)
    assert held_braking_avoids(road.view(t_s, road.ego(SPEED * t_s), follower), 0, 5.0)


def test_standing_on_a_free_road_for_more_than_five_seconds_fails(road):
    t_s = road.times(20.0)
    result = hindering.compute(road.view(t_s, road.ego(road.braking(t_s, SPEED, 3.0, from_s=2.0))))
    slow_s = 2.0 + 0.5 * SPEED / 3.0
    assert not result.passed
    assert result.t_s == pytest.approx(slow_s, abs=0.1)
    assert result.value == pytest.approx(20.0 - slow_s, abs=0.1)


def test_standing_behind_somebody_passes_until_he_has_left_for_five_seconds(road):
    t_s = road.times(30.0)
    ego = road.ego(0.0 * t_s)
    x = road.front_m + road.half_length_m + 3.0
    assert hindering.compute(road.view(t_s, ego, road.other(0.0 * t_s + x))).passed
    leaves = road.other(x + 10.0 * np.maximum(t_s - 20.0, 0.0))
    result = hindering.compute(road.view(t_s, ego, leaves))
    assert not result.passed
    assert result.value == pytest.approx(10.0 - (26.7 - 3.0) / 10.0, abs=0.1)


def test_following_a_slow_vehicle_at_a_comfortable_distance_is_no_hindering(road):
    t_s = road.times(30.0)
    lead = road.other(5.0 * t_s + road.front_m + road.half_length_m + 15.0)
    assert hindering.compute(road.view(t_s, road.ego(5.0 * t_s), lead)).passed


def test_speeding_up_from_standstill_is_no_hindering(road):
    t_s = road.times(12.0)
    assert hindering.compute(road.view(t_s, road.ego(0.5 * 1.2 * t_s**2))).passed


def test_standing_at_the_end_of_the_lane_is_no_hindering(road):
    t_s = road.times(10.0)
    ego = road.ego(0.0 * t_s + 400.0)
    assert not hindering.compute(road.view(t_s, ego)).passed
    assert hindering.compute(lane_view(road.drive(t_s, ego), road.lane(length_m=400.0 + 20.0))).passed


def test_waiting_for_a_pedestrian_who_comes_to_the_lane_is_no_hindering(road):
    t_s = road.times(10.0)
    walker = road.other(0.0 * t_s + 12.0, 6.0 - 1.2 * t_s, shape=road.pedestrian)
    assert hindering.compute(road.view(t_s, road.ego(0.0 * t_s), walker)).value < 5.0


@pytest.mark.parametrize(("idle_s", "passes"), [(4.0, True), (6.0, False)])
def test_waiting_for_somebody_who_backs_towards_the_ego_is_no_hindering_once_he_is_three_seconds_from_near(
    road, idle_s, passes
):
    t_s = road.times(20.0)
    near_m = road.front_m + road.half_length_m + float(required_gap_m(SPEED))
    result = hindering.compute(
        road.view(t_s, road.ego(0.0 * t_s), road.other(near_m + 2.2 * (3.0 + idle_s) - 2.2 * t_s))
    )
    assert result.passed == passes
    assert result.value == pytest.approx(idle_s, abs=0.15)
