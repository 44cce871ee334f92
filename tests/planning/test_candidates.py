"""Ways and policies: smooth from here to there, and enough of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planning.candidates import (
    BRAKING,
    HOLD_MPS2,
    HOLD_S,
    KEEP,
    LEFT,
    CandidateSettings,
    Way,
    distance_of,
    policies,
    policy_label,
    quintic,
)

SETTINGS = CandidateSettings()
OFFSET = st.floats(-4.0, 4.0)


@settings(deadline=None)
@given(OFFSET, st.floats(-0.3, 0.3), st.floats(-0.05, 0.05), OFFSET, st.floats(10.0, 200.0))
def test_a_way_begins_as_the_ego_is_and_ends_straight_at_its_offset(
    d_m: float, slope: float, bend: float, offset_m: float, length_m: float
) -> None:
    way = np.polynomial.Polynomial(quintic(d_m, slope, bend, offset_m, length_m))
    begin = [offset_m + way(0.0), way.deriv(1)(0.0), way.deriv(2)(0.0)]
    end = [way(length_m), way.deriv(1)(length_m), way.deriv(2)(length_m)]
    assert begin == pytest.approx([d_m, slope, bend], abs=1e-9)
    assert end == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)


def test_every_braking_level_is_held_for_every_time() -> None:
    table = policies(SETTINGS)
    held = table[table[:, HOLD_S] > 0.0]
    assert len(held) == len(SETTINGS.held_mps2) * len(SETTINGS.held_s)
    assert {-4.0, -6.0, -9.0} <= set(held[:, HOLD_MPS2].tolist())


def test_only_policies_that_brake_hard_may_follow_with_hard_braking() -> None:
    table = policies(SETTINGS)
    assert np.all(table[:, BRAKING] == np.maximum(SETTINGS.comfort_mps2, -table[:, HOLD_MPS2]))


def test_no_two_policies_are_the_same() -> None:
    table = policies(SETTINGS)
    assert len(np.unique(table, axis=0)) == len(table)


def test_labels_say_what_is_done() -> None:
    table = policies(SETTINGS)
    assert policy_label(table[0]) == "100% speed, 1.2 s headway, looking 0.0 s ahead"
    assert policy_label(table[-1]) == "-9.0 m/s2 for 6.0 s"
    nothing = (0.0,) * 6
    assert Way(LEFT, 3.5, 60.0, nothing, 5.0, 2.0).label == "change left"
    assert Way(KEEP, -0.4, 60.0, nothing, 2.0, 2.0).label == "keep -0.4 m"


def test_slow_egos_get_ways_of_a_least_length() -> None:
    assert distance_of(0.0, 3.0, SETTINGS) == SETTINGS.shortest_m
    assert distance_of(20.0, 3.0, SETTINGS) == 60.0
