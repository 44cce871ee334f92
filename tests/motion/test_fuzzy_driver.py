"""The fuzzy safety model: bounds, order, and what it does in a cut-in."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from motion.fuzzy_driver import (
    EASY_MPS2,
    HARD_MPS2,
    comes_into_path,
    drive_fuzzy_cut_in,
    fuzzy_deceleration,
    proactive,
)

SPEED, GAP = st.floats(0.0, 40.0), st.floats(0.0, 200.0)


@settings(deadline=None)
@given(GAP, SPEED, SPEED)
def test_the_deceleration_is_bounded_and_falls_with_the_gap(gap_m: float, speed_mps: float, lead_mps: float) -> None:
    near = fuzzy_deceleration(gap_m, speed_mps, lead_mps, 0.0)
    assert 0.0 <= near <= HARD_MPS2
    assert proactive(gap_m + 5.0, speed_mps, lead_mps) <= proactive(gap_m, speed_mps, lead_mps)


def test_only_a_gap_that_is_critical_is_braked_for_hard() -> None:
    assert fuzzy_deceleration(5.0, 20.0, 10.0, 0.0) > EASY_MPS2
    assert 0.0 < fuzzy_deceleration(25.0, 20.0, 20.0, 0.0) <= EASY_MPS2
    assert fuzzy_deceleration(150.0, 20.0, 20.0, 0.0) == 0.0


def test_who_comes_in_behind_the_ego_is_not_minded() -> None:
    assert comes_into_path(1.6, 1.0, 30.0, 10.0, 4.3)
    assert not comes_into_path(1.6, 0.1, 10.0, 20.0, 4.3)
    assert not comes_into_path(1.6, 0.0, 30.0, 10.0, 4.3)


def test_a_far_cut_in_is_avoided_and_one_that_never_comes_costs_nothing() -> None:
    steps = np.arange(200)
    x, vx = 60.0 + 1.5 * steps, np.full(200, 15.0)
    y = np.maximum(3.5 - 0.1 * steps, 0.0)
    vy = np.where(y > 0.0, -1.0, 0.0)
    comes = drive_fuzzy_cut_in(0.0, 20.0, x, y, vx, vy, 0.1, 4.3, 1.9)
    stays = drive_fuzzy_cut_in(0.0, 20.0, x, np.full(200, 3.5), vx, np.zeros(200), 0.1, 4.3, 1.9)
    assert comes.contact < 0
    assert comes.lowest_mps < 20.0
    assert stays.lowest_mps == 20.0
