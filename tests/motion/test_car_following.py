"""The Intelligent Driver Model: equilibrium, free road, and safety behind a lead."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motion.car_following import IdmParameters, idm_acceleration

P = IdmParameters()


def acceleration(speed: float, desired: float, gap: float, lead: float) -> float:
    return idm_acceleration(
        speed, desired, gap, lead, P.headway_s, P.min_gap_m, P.acceleration_mps2, P.deceleration_mps2, P.exponent
    )


@given(st.floats(1.0, 35.0), st.floats(1.05, 2.0))
def test_at_the_equilibrium_gap_nothing_changes(speed: float, ratio: float) -> None:
    desired = speed * ratio
    gap = (P.min_gap_m + speed * P.headway_s) / math.sqrt(1.0 - (speed / desired) ** P.exponent)
    assert acceleration(speed, desired, gap, speed) == pytest.approx(0.0, abs=1e-9)


def test_free_road_starts_with_full_acceleration_and_ends_at_the_desired_speed() -> None:
    assert acceleration(0.0, 20.0, math.inf, 0.0) == P.acceleration_mps2
    assert acceleration(20.0, 20.0, math.inf, 0.0) == pytest.approx(0.0)
    assert acceleration(60.0, 20.0, math.inf, 0.0) == -P.deceleration_mps2


@given(st.floats(0.0, 35.0), st.floats(0.5, 200.0), st.floats(0.0, 35.0))
def test_more_gap_or_a_faster_lead_never_means_harder_braking(speed: float, gap: float, lead: float) -> None:
    here = acceleration(speed, 36.0, gap, lead)
    assert acceleration(speed, 36.0, gap + 1.0, lead) >= here
    assert acceleration(speed, 36.0, gap, lead + 1.0) >= here


@pytest.mark.parametrize("start_mps", [5.0, 15.0, 30.0])
def test_a_standing_lead_is_approached_to_the_minimal_gap_without_contact(start_mps: float) -> None:
    speed, gap, dt = start_mps, 150.0, 0.02
    for _ in range(6000):
        gap -= speed * dt
        speed = max(speed + acceleration(speed, 30.0, gap, 0.0) * dt, 0.0)
        assert gap > 0.0
    assert speed < 0.05
    assert gap == pytest.approx(P.min_gap_m, abs=0.5)
