"""Speed profiles: what the file asks for is reached in its time, within its bounds, and smoothly where it says so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.scenarios.openscenario.dynamics import Bounds
from sim.scenarios.openscenario.speed_profile import speed_profile_of

speeds = st.floats(0.0, 40.0)
entries = st.lists(st.tuples(st.floats(0.5, 10.0), speeds), min_size=1, max_size=5)


@given(speeds, entries)
def test_without_bounds_each_entry_is_met_in_its_time(start: float, items: list[tuple[float, float]]) -> None:
    profile = speed_profile_of(start, items, Bounds(), smooth=False)
    clock = np.cumsum([time for time, _ in items])
    assert profile.speed_at(0.0) == pytest.approx(start)
    assert [profile.speed_at(float(t)) for t in clock] == pytest.approx([speed for _, speed in items], abs=1e-6)


@given(speeds, entries, st.floats(0.5, 8.0), st.floats(0.5, 8.0))
def test_accelerations_stay_within_the_bounds(
    start: float, items: list[tuple[float, float]], most: float, least: float
) -> None:
    profile = speed_profile_of(start, items, Bounds(100.0, most, least), smooth=False)
    t = np.linspace(0.0, profile.duration_s, 400)
    slopes = np.diff([profile.speed_at(float(x)) for x in t]) / np.diff(t)
    assert slopes.max() <= most + 1e-6
    assert slopes.min() >= -least - 1e-6
    assert profile.speed_at(profile.duration_s) == pytest.approx(items[-1][1])


def test_a_bounded_rate_rounds_the_corners_and_ends_at_the_last_speed() -> None:
    bounds = Bounds(50.0, 5.0, 10.0, 4.0, 3.0)
    profile = speed_profile_of(0.0, [(0.0, 0.0), (4.0, 10.0), (4.0, 4.0), (2.0, 8.0)], bounds, smooth=True)
    t = np.linspace(0.0, profile.duration_s, 20_001)
    speed = np.array([profile.speed_at(float(x)) for x in t])
    rate = np.diff(np.diff(speed) / np.diff(t)) / np.diff(t)[1:]
    assert rate.max() == pytest.approx(4.0, rel=0.01)
    assert rate.min() == pytest.approx(-3.0, rel=0.01)
    assert speed[-1] == pytest.approx(8.0, abs=1e-6)
    assert profile.speed_at(7.0) == pytest.approx(10.0 - 1.5 * 3.0, abs=1e-6)  # on the second line, as the file says


def test_an_entry_without_time_is_reached_as_soon_as_the_bounds_allow() -> None:
    profile = speed_profile_of(10.0, [(None, 20.0)], Bounds(100.0, 2.0, 2.0), smooth=False)
    assert profile.duration_s == pytest.approx(5.0)


@given(speeds, entries, st.floats(0.1, 20.0), st.floats(0.1, 20.0))
def test_a_smooth_profile_is_continuous_whatever_its_rates(
    start: float, items: list[tuple[float, float]], up: float, down: float
) -> None:
    profile = speed_profile_of(start, items, Bounds(100.0, 50.0, 50.0, up, down), smooth=True)
    t = np.linspace(0.0, profile.duration_s, 500)
    speed = np.array([profile.speed_at(float(x)) for x in t])
    assert np.isfinite(speed).all()
    assert np.abs(np.diff(speed)).max() <= 51.0 * (t[1] - t[0]) + 1e-6
    assert speed[-1] == pytest.approx(items[-1][1], abs=1e-3)
