"""Drives of our own are rated by what happens at the first contact."""

import numpy as np
import pytest

from planning.metrics.ncap.from_rollout import run_of
from planning.metrics.ncap.points import Colour, colour

SPEED_KPH = 36.0


def test_drive_without_contact_is_full_avoidance(road):
    t_s = road.times(6.0)
    run = run_of(road.drive(t_s, road.ego(10.0 * t_s), road.other(10.0 * t_s + 30.0)), "CCRm", SPEED_KPH)
    assert run.impact_kph is None
    assert colour(run) is Colour.GREEN


def test_hitting_a_slower_car_counts_the_difference(road):
    t_s = road.times(8.0)
    run = run_of(road.drive(t_s, road.ego(10.0 * t_s), road.other(6.0 * t_s + 20.0)), "CCRm", SPEED_KPH)
    assert run.impact_kph == pytest.approx(4.0 * 3.6)
    assert run.reduction_kph == pytest.approx(0.0, abs=1e-6)


def test_crossing_pedestrian_adds_nothing_along_the_heading(road):
    t_s = road.times(8.0)
    walker = road.other(0.0 * t_s + 40.0, 1.4 * (3.6 - t_s), shape=road.pedestrian)
    run = run_of(road.drive(t_s, road.ego(10.0 * t_s), walker), "CPNA-25", SPEED_KPH)
    assert run.impact_kph == pytest.approx(SPEED_KPH, rel=1e-3)


def test_braking_before_the_impact_is_the_reduction(road):
    t_s = road.times(8.0)
    ego = road.ego(road.braking(t_s, 10.0, 3.0, from_s=1.0))
    run = run_of(road.drive(t_s, ego, road.other(0.0 * t_s + 25.0)), "CCFhos", SPEED_KPH)
    touch_m = 25.0 - road.half_length_m - road.front_m
    impact_mps = np.sqrt(100.0 - 2.0 * 3.0 * (touch_m - 10.0))
    assert run.impact_kph == pytest.approx(3.6 * impact_mps, abs=0.3)
    assert run.reduction_kph == pytest.approx(SPEED_KPH - 3.6 * impact_mps, abs=0.3)
