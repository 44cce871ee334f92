"""Displacement errors of predictions that are off by known amounts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometry.errors import ContractError
from planning.metrics.displacement import displacement_errors, heading_errors


def line(steps=5, speed=1.0):
    return np.stack((speed * np.arange(1, steps + 1), np.zeros(steps)), axis=-1)


@settings(max_examples=60, deadline=None)
@given(st.floats(-5, 5), st.floats(-5, 5))
def test_shift_is_the_error_everywhere(dx, dy):
    errors = displacement_errors((line() + np.array([dx, dy]))[None], line()[None])
    assert [errors.ade_m[0], errors.fde_m[0]] == pytest.approx([np.hypot(dx, dy)] * 2)
    assert errors.missed[0] == (errors.fde_m[0] > 2.0)


def test_speed_error_grows_along_the_horizon():
    errors = displacement_errors(line(speed=1.5)[None], line()[None])
    assert errors.fde_m[0] == pytest.approx(2.5)
    assert errors.ade_m[0] == pytest.approx(0.5 * 3.0)
    assert errors.miss_rate == 1.0


def test_mode_with_the_best_end_counts_even_if_its_mean_is_worse():
    detour = line() + np.array([[0, 3.0], [0, 3.0], [0, 3.0], [0, 3.0], [0, 0.0]])
    close = line() + np.array([0.0, 0.5])
    errors = displacement_errors(np.stack((close, detour))[None], line()[None])
    assert errors.best[0] == 1
    assert errors.fde_m[0] == 0.0
    assert errors.ade_m[0] == pytest.approx(12.0 / 5.0)


def test_only_known_instants_count_and_the_last_of_them_is_the_end():
    known = np.array([[True, True, True, False, False]])
    errors = displacement_errors(line(speed=2.0)[None], line()[None], known)
    assert errors.fde_m[0] == pytest.approx(3.0)
    assert errors.ade_m[0] == pytest.approx(2.0)


def test_shapes_that_do_not_match_are_refused():
    with pytest.raises(ContractError, match="do not match"):
        displacement_errors(line(4)[None], line(5)[None])
    with pytest.raises(ContractError, match="known instant"):
        displacement_errors(line()[None], line()[None], np.zeros((1, 5), dtype=bool))


def test_heading_errors_take_the_short_way_round():
    mean, final = heading_errors(np.array([[3.1, -3.1]]), np.array([[-3.1, -3.1]]))
    assert final[0] == 0.0
    assert mean[0] == pytest.approx((2 * np.pi - 6.2) / 2)
