"""Localization's figures: errors in the vehicle frame by hand, drift, and the regions of the Stanford diagram."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import PoseStatus
from geometry.errors import ContractError
from localization.metrics import (
    PoseErrors,
    Spread,
    absolute_trajectory_error_m,
    exceedances,
    intervals,
    pose_errors,
    rate_bound,
    relative_errors_m,
    stanford,
)


def errors(truth: list[float], estimate: list[float], protection: tuple[float, float, float]) -> PoseErrors:
    rows = [np.array([value], dtype=np.float64) for value in (truth, estimate, protection)]
    return pose_errors(np.zeros(1), *rows, status=np.array([PoseStatus.LANE_CERTAIN]))


def test_an_estimate_too_far_north_is_to_the_left_of_a_car_that_heads_east_and_ahead_of_one_that_heads_north() -> None:
    east = errors([0.0, 0.0, 0.0], [0.0, 0.5, 0.1], (1.0, 1.0, 1.0))
    north = errors([0.0, 0.0, np.pi / 2], [0.0, 0.5, np.pi / 2], (1.0, 1.0, 1.0))
    assert (east.lateral_m[0], east.longitudinal_m[0]) == pytest.approx((0.5, 0.0))
    assert (north.lateral_m[0], north.longitudinal_m[0]) == pytest.approx((0.0, 0.5))
    assert east.heading_rad[0] == pytest.approx(0.1)


def test_heading_errors_wrap() -> None:
    assert errors([0, 0, 3.1], [0, 0, -3.1], (1, 1, 1)).heading_rad[0] == pytest.approx(2 * np.pi - 6.2)


@pytest.mark.parametrize(
    ("protection", "beyond"),
    [((0.6, 0.1, 0.2), False), ((0.4, 0.1, 0.2), True), ((0.6, 0.1, 0.05), True)],
)
def test_an_error_beyond_its_level_is_an_exceedance(protection: tuple[float, float, float], beyond: bool) -> None:
    assert exceedances(errors([0, 0, 0], [0, 0.5, 0.1], protection)).tolist() == [beyond]


def test_intervals_are_the_unbroken_stretches() -> None:
    t = np.arange(8) * 0.1
    holds = np.array([1, 1, 0, 0, 1, 0, 1, 1], dtype=bool)
    assert [(round(i.first_s, 3), round(i.length_s, 3)) for i in intervals(t, holds)] == [
        (0.0, 0.1),
        (0.4, 0.0),
        (0.6, 0.1),
    ]


def test_the_stanford_regions_by_hand() -> None:
    off = np.array([0.1, 0.3, 1.5, 0.1, 3.0])
    level = np.array([0.2, 0.2, 0.5, 2.0, 4.0])
    diagram = stanford(off, level, alert_m=1.0)
    assert (diagram.nominal, diagram.misleading, diagram.hazardous, diagram.unavailable) == (1, 1, 1, 2)


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 20)), max_size=50), st.floats(0.1, 5.0))
def test_every_sample_is_in_one_cell_and_one_region(pairs: list[tuple[float, float]], alert_m: float) -> None:
    table = np.array(pairs).reshape(-1, 2)
    diagram = stanford(table[:, 0], table[:, 1], alert_m)
    regions = diagram.nominal + diagram.misleading + diagram.hazardous + diagram.unavailable
    assert diagram.counts.sum() == regions == len(pairs)


def test_trajectory_errors_of_a_constant_offset_and_of_a_drift() -> None:
    t = np.arange(0.0, 20.0, 0.1)
    truth = np.stack((10.0 * t, np.zeros_like(t), np.zeros_like(t)), axis=1)
    shifted = truth + np.array([0.0, 0.5, 0.0])
    assert absolute_trajectory_error_m(truth, shifted) == pytest.approx(0.5)
    assert relative_errors_m(t, truth, shifted, 10.0) == pytest.approx(0.0)
    scaled = truth * np.array([1.01, 1.0, 1.0])
    assert relative_errors_m(t, truth, scaled, 10.0) == pytest.approx(1.0)
    # a heading error turns the motion about its beginning: chord of 100 m and 0.01 rad
    turned = truth + np.array([0.0, 0.0, 0.01])
    assert relative_errors_m(t, truth, turned, 10.0) == pytest.approx(1.0, rel=1e-3)


def test_spread_of_nothing_is_not_a_number_and_of_something_is_that() -> None:
    assert np.isnan(Spread.of(np.empty(0)).p95)
    spread = Spread.of(np.array([3.0, -4.0]))
    assert (spread.rms, spread.largest) == pytest.approx((np.sqrt(12.5), 4.0))


def test_the_rule_of_three_and_the_poisson_bound_above_it() -> None:
    assert rate_bound(0, 10.0) == pytest.approx(0.3)
    # table value: upper 95 % limit of a Poisson mean with one event is 4.744
    assert rate_bound(1, 10.0) == pytest.approx(0.4744, abs=1e-4)
    assert rate_bound(0, 0.0) == float("inf")


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ContractError, match="one shape"):
        PoseErrors(*(np.zeros(2) for _ in range(7)), status=np.zeros(3, dtype=np.int64))
