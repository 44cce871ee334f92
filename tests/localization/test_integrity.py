"""Bounds and status: wider with the spread, over all lanes that live, and the reason named."""

from dataclasses import replace

import numpy as np
import pytest

from bus.messages import PoseStatus
from localization.estimator import STATES, Estimate, X, Y
from localization.integrity import IntegritySettings, judged, protection_of
from localization.lane_hypotheses import REACH, LaneBank, LaneSettings, start_bank
from tests.localization.road import WIDTH_M, in_lane, straight_road

INTEGRITY, LANES = IntegritySettings(), LaneSettings()


def decided(across_m: float = 0.05, along_m: float = 0.5) -> LaneBank:
    pose = in_lane(1)
    mean = np.zeros(STATES)
    mean[X], mean[Y] = pose.x_m, pose.y_m
    covariance = np.diag(
        [along_m**2, across_m**2, 1e-6, 0.01, 1e-5, 1e-5, 1e-2, 1e-4, 1e-4, 1e-5, 3e-6, 1e-6, 1e-2, 9.0, 9.0]
    )
    estimate = Estimate(0, mean, covariance)
    bank = start_bank(estimate, straight_road(3), LANES)
    deficit = np.full(2 * REACH + 1, LANES.cap_nats)
    deficit[REACH] = 0.0
    return replace(bank, deficit=deficit, in_doubt=False, decided=True, agreed=50.0, offered=50.0, alone=0.0)


def test_a_sharp_and_decided_pose_is_lane_certain() -> None:
    assert judged(decided(), INTEGRITY, LANES).status == PoseStatus.LANE_CERTAIN


def test_where_one_line_alone_tells_the_place_the_bound_reaches_further() -> None:
    bound = protection_of(replace(decided(), alone=1.0), INTEGRITY, LANES)
    both = protection_of(decided(), INTEGRITY, LANES)
    assert bound.lateral_m == pytest.approx(both.lateral_m + INTEGRITY.alone_m)
    assert bound.heading_rad == pytest.approx(both.heading_rad + INTEGRITY.alone_rad)
    assert bound.longitudinal_m == both.longitudinal_m


def test_the_bounds_are_the_spread_times_the_quantile_plus_what_does_not_average_out() -> None:
    bound = protection_of(decided(0.1, 0.5), INTEGRITY, LANES)
    assert bound.lateral_m == pytest.approx(INTEGRITY.quantile * 0.1 + INTEGRITY.lateral_m)
    assert bound.longitudinal_m == pytest.approx(INTEGRITY.quantile * 0.5 + INTEGRITY.longitudinal_m)
    assert bound.heading_rad == pytest.approx(INTEGRITY.quantile * 1e-3 + INTEGRITY.heading_rad)


@pytest.mark.parametrize("change", [{"decided": False}, {"strange_fixes": 1000}])
def test_before_the_lane_is_decided_the_bounds_are_those_of_satellites_alone(change: dict[str, object]) -> None:
    bound = protection_of(replace(decided(), **change), INTEGRITY, LANES)
    assert (bound.lateral_m, bound.longitudinal_m) == (INTEGRITY.undecided_m,) * 2
    assert bound.heading_rad == INTEGRITY.undecided_rad


def test_the_lateral_bound_reaches_over_every_living_lane() -> None:
    bank = decided()
    mean = bank.leader.mean.copy()
    mean[Y] += WIDTH_M
    two = replace(bank, copies=((1, replace(bank.leader, mean=mean)),))
    assert protection_of(two, INTEGRITY, LANES).lateral_m == pytest.approx(
        protection_of(bank, INTEGRITY, LANES).lateral_m + WIDTH_M
    )
    judgement = judged(two, INTEGRITY, LANES)
    assert judgement.status == PoseStatus.LANE_UNCERTAIN
    assert "2 lanes" in judgement.reason


@pytest.mark.parametrize(
    ("bank", "status", "word"),
    [
        (decided(across_m=0.6), PoseStatus.LANE_UNCERTAIN, "lateral"),
        (decided(across_m=20.0), PoseStatus.LOST, "position"),
        (replace(decided(), deficit=np.zeros(2 * REACH + 1)), PoseStatus.LANE_UNCERTAIN, "nats"),
        (replace(decided(), strange_fixes=1000), PoseStatus.LANE_UNCERTAIN, "satellites"),
    ],
)
def test_each_doubt_is_named(bank: LaneBank, status: PoseStatus, word: str) -> None:
    judgement = judged(bank, INTEGRITY, LANES)
    assert judgement.status == status
    assert word in judgement.reason


def test_a_place_without_a_lane_is_not_certain() -> None:
    bank = decided()
    exists = bank.beside.exists.copy()
    exists[REACH] = False
    bank = replace(bank, beside=replace(bank.beside, exists=exists))
    assert judged(bank, INTEGRITY, LANES).status == PoseStatus.LANE_UNCERTAIN


def test_lines_and_dashes_that_agree_speak_against_satellites_for_a_while_only() -> None:
    strange = replace(decided(), strange_fixes=INTEGRITY.strange_fixes)
    vouched = replace(strange, dashes_agreed=60.0, dashes_offered=60.0)
    assert judged(strange, INTEGRITY, LANES).status == PoseStatus.LANE_UNCERTAIN
    assert judged(vouched, INTEGRITY, LANES).status == PoseStatus.LANE_CERTAIN
    longer = replace(vouched, strange_fixes=INTEGRITY.vouched_factor * INTEGRITY.strange_fixes)
    assert judged(longer, INTEGRITY, LANES).status == PoseStatus.LANE_UNCERTAIN


@pytest.mark.parametrize("change", [{"dashes_agreed": 30.0}, {"dashes_offered": 20.0, "dashes_agreed": 20.0},
                                    {"agreed": 25.0}, {"decided": False}])  # fmt: skip
def test_who_disagrees_or_has_seen_little_is_no_witness(change: dict[str, object]) -> None:
    vouched = replace(decided(), dashes_agreed=60.0, dashes_offered=60.0)
    assert vouched.vouched
    assert not replace(vouched, **change).vouched
