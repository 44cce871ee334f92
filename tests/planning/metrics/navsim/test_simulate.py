"""A trajectory becomes a reference, and the reference what the vehicle drives."""

import numpy as np
import pytest

from geometry.errors import ContractError
from planning.metrics.navsim.simulate import reference_of, simulate, start_state


def test_poses_at_two_hertz_become_a_reference_at_ten():
    t = 0.5 * np.arange(9)
    reference = reference_of(t, 10.0 * t, 0.0 * t, 0.0 * t)
    assert reference.shape == (41, 5)
    assert reference[:, 0] == pytest.approx(np.arange(41.0))
    assert reference[:, 3] == pytest.approx(10.0)
    assert reference[:, 4] == pytest.approx(0.0)


def test_circle_has_its_curvature():
    t = 0.1 * np.arange(41)
    angle = 8.0 * t / 40.0
    reference = reference_of(t, 40.0 * np.sin(angle), 40.0 * (1 - np.cos(angle)), angle)
    assert reference[:, 4] == pytest.approx(1.0 / 40.0, rel=1e-3)


def test_short_trajectory_is_held_at_its_end():
    reference = reference_of(np.array([0.0, 1.0]), np.array([0.0, 5.0]), np.zeros(2), np.zeros(2))
    assert reference[20:, 0] == pytest.approx(5.0)
    assert reference[20:, 3] == pytest.approx(0.0)


def test_reference_from_the_vehicles_place_and_speed_is_driven_as_planned(judge):
    t = 0.5 * np.arange(9)
    start = start_state(0.0, 0.0, 0.0, 10.0, 0.0, 0.0, judge.car.wheelbase_m)
    states = simulate(reference_of(t, 10.0 * t, 0.0 * t, 0.0 * t)[None], start, judge.car)
    assert states[0, :, 0] == pytest.approx(np.arange(41.0))


def test_times_that_do_not_ascend_are_refused():
    with pytest.raises(ContractError, match="ascending"):
        reference_of(np.array([0.0, 0.0]), np.zeros(2), np.zeros(2), np.zeros(2))
