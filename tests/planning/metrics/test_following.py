"""Distance to the vehicle in front."""

from __future__ import annotations

import numpy as np
import pytest

from planning.metrics.following import compute, required_gap_m
from planning.metrics.lead import leads

SPEED = 50.0 / 3.6
REQUIRED = SPEED * 1.5


@pytest.mark.parametrize(
    ("kph", "gap_m"),
    [(0.0, 2.0), (7.2, 2.0), (10.0, 10.0 / 3.6 * 1.1), (50.0, 50.0 / 3.6 * 1.5), (60.0, 60.0 / 3.6 * 1.6)],
)
def test_required_gap_is_that_of_the_regulations_table(kph, gap_m):
    assert float(required_gap_m(kph / 3.6)) == pytest.approx(gap_m)


def ahead_by(road, gap_m):
    """Box centre of a lead whose rear is `gap_m` ahead of an ego that starts at x = 0."""
    return road.front_m + gap_m + road.half_length_m


def test_too_small_a_gap_is_allowed_for_five_seconds_and_no_longer(road):
    for duration_s, passes in ((4.9, True), (5.2, False)):
        t_s = road.times(duration_s)
        lead = road.other(ahead_by(road, REQUIRED - 1.0) + SPEED * t_s, name="LeadVehicle")
        result = compute(road.view(t_s, road.ego(SPEED * t_s), lead))
        assert result.passed is passes
        assert result.value == pytest.approx(duration_s, abs=0.1)
        assert f"gap {REQUIRED - 1.0:.1f} m to LeadVehicle below the required {REQUIRED:.1f} m" in result.cause


def test_enough_distance_passes_without_a_shortfall(road):
    t_s = road.times(20.0)
    lead = road.other(ahead_by(road, REQUIRED + 0.1) + SPEED * t_s)
    assert compute(road.view(t_s, road.ego(SPEED * t_s), lead)).value == 0.0


def cut_in(road, t_s, gap_m, lateral_mps=2.0, from_s=3.0):
    offset = road.sideways(t_s, 3.5, 0.0, lateral_mps, from_s)
    return road.other(ahead_by(road, gap_m) + SPEED * t_s, offset, name="CutInVehicle")


def test_cut_in_shortfall_restored_softly_passes(road):
    t_s = road.times(20.0)
    # 12 m instead of 20.8 m; slower by 5 m/s the ego needs 12.8 m and falls back to them in 3 s.
    ego = road.ego(road.braking(t_s, SPEED, 2.0, from_s=4.0, down_to_mps=SPEED - 5.0))
    result = compute(road.view(t_s, ego, cut_in(road, t_s, 12.0)))
    assert result.passed
    assert 0.5 < result.value < 5.0
    assert "after it cut in" in result.cause


def test_cut_in_shortfall_never_restored_fails(road):
    t_s = road.times(20.0)
    result = compute(road.view(t_s, road.ego(SPEED * t_s), cut_in(road, t_s, 12.0)))
    assert not result.passed


def test_cut_in_shortfall_restored_harshly_without_need_fails(road):
    t_s = road.times(20.0)
    ego = road.ego(road.braking(t_s, SPEED, 4.5, from_s=5.0, down_to_mps=SPEED - 5.0))
    result = compute(road.view(t_s, ego, cut_in(road, t_s, 12.0)))
    assert not result.passed
    assert result.t_s == pytest.approx(5.0, abs=0.1)
    assert "braked harder than 3.5 m/s^2" in result.cause


def test_hard_braking_after_a_cut_in_passes_where_soft_braking_would_not_avoid_contact(road):
    t_s = road.times(12.0)
    stopping = ahead_by(road, 12.0) + road.braking(t_s, SPEED, 7.0, from_s=4.6)
    other = road.other(stopping, road.sideways(t_s, 3.5, 0.0, 2.0, from_s=3.0))
    ego = road.ego(road.braking(t_s, SPEED, 7.0, from_s=5.0))
    assert compute(road.view(t_s, ego, other)).passed


def test_gap_lost_to_a_braking_lead_is_allowed_while_it_brakes(road):
    t_s = road.times(12.5)
    lead = road.other(ahead_by(road, 21.0) + road.braking(t_s, SPEED, 0.6, from_s=3.0))
    ego = road.ego(road.braking(t_s, SPEED, 2.5, from_s=8.5, down_to_mps=8.0))
    view = road.view(t_s, ego, lead)
    short_s = road.dt_s * np.count_nonzero(leads(view).gap_m < required_gap_m(view.rollout.ego.speed_mps))
    assert short_s > 5.0
    assert compute(view).passed


def test_standing_close_behind_somebody_is_allowed(road):
    t_s = road.times(10.0)
    close = road.other(ahead_by(road, 1.5) + 0.0 * t_s)
    assert compute(road.view(t_s, road.ego(0.0 * t_s), close)).passed


def test_rule_is_not_applied_above_sixty_kilometres_per_hour(road):
    t_s = road.times(20.0)
    lead = road.other(ahead_by(road, 5.0) + SPEED * t_s)
    assert not compute(road.view(t_s, road.ego(SPEED * t_s), lead)).passed
    assert compute(road.view(t_s, road.ego(SPEED * t_s), lead, set_speed_mps=30.0)).passed


def test_lead_is_the_nearest_ahead_in_the_lane_or_in_the_way(road):
    t_s = road.times(1.0)
    still = 0.0 * t_s
    beside = road.other(still + 20.0, 3.5, name="beside")
    overhanging = road.other(still + 40.0, 1.9, name="overhanging")
    behind_ego = road.other(still - 20.0, 0.0, name="behind")
    far = road.other(still + 60.0, 0.0, name="far")
    view = road.view(t_s, road.ego(still), beside, overhanging, behind_ego, far)
    ahead = leads(view)
    assert {view.shape(int(column)).name for column in ahead.column} == {"overhanging"}
    np.testing.assert_allclose(ahead.gap_m, 40.0 - road.half_length_m - road.front_m)


def test_motorcycle_at_the_edge_of_the_lane_is_a_lead(road):
    t_s = road.times(1.0)
    still = 0.0 * t_s
    narrow = road.other(still + 30.0, 1.5, shape=road.motorcycle)
    assert (leads(road.view(t_s, road.ego(still), narrow)).column == 0).all()


def test_pedestrian_on_the_lane_is_nobody_to_follow(road):
    t_s = road.times(1.0)
    walker = road.other(0.0 * t_s + 30.0, 0.0, shape=road.pedestrian)
    assert (leads(road.view(t_s, road.ego(0.0 * t_s), walker)).column == -1).all()
