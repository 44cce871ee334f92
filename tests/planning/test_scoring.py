"""Rollout and costs, against closed forms and by their order."""

import math
from dataclasses import replace

import numpy as np
import pytest

from planning.candidates import KEEP, LEFT, PASS, Way, quintic
from planning.prediction import TIMES_S, Futures
from planning.scoring import EgoOnPath, Road, Scored, ScoringSettings, score
from planning.scoring_kernel import (
    ACCELERATION,
    BRAKE,
    CONTACT,
    DISTANCE,
    GAP,
    HARSH,
    PROGRESS,
    ROAD,
    SPEED,
    SWITCH,
    TERMS,
)

SETTINGS = ScoringSettings()
STRAIGHT = Way(KEEP, 0.0, 50.0, quintic(0.0, 0.0, 0.0, 0.0, 50.0), 1.75, 1.75)
HOLD = [0.0, 6.0, 1.0, 1.7, 0.5, 0.0, 3.5]
FOLLOW = [0.0, 0.0, 1.0, 1.7, 0.5, 0.0, 3.5]


def braking(deceleration_mps2: float) -> list[float]:
    return [-deceleration_mps2, 6.0, 1.0, 1.7, 0.5, 0.0, max(3.5, deceleration_mps2)]


def ego(speed_mps: float = 20.0, before_lane: float = 0.0) -> EgoOnPath:
    return EgoOnPath(100.0, speed_mps, 0.0, 3.8, 1.0, 1.9, 20.0, before_lane, 0.0)


def futures(*boxes: tuple[float, float, float, float, float]) -> Futures:
    """Boxes that move along: (rear now, speed, middle's offset, drift, probability); 4.5 m by 1.8 m."""
    table = np.empty((len(boxes), len(TIMES_S), 6))
    for f, (rear, speed, d, drift, _) in enumerate(boxes):
        s, across = rear + speed * TIMES_S, d + drift * TIMES_S
        table[f] = np.stack((s, s + 4.5, across - 0.9, across + 0.9, np.full_like(s, speed), np.zeros_like(s)), axis=-1)
    sigma = np.stack((0.3 + 0.15 * TIMES_S, 0.06 + 0.04 * TIMES_S), axis=-1)
    count = len(boxes)
    return Futures(table, np.array([b[4] for b in boxes]), np.arange(count), ("keep",) * count, sigma, np.arange(count))


def road() -> Road:
    cells = 150
    return Road(np.full(cells, 20.0), np.full(cells, math.inf), np.zeros(cells))


def scored(policy: list[float], others: Futures, way: Way = STRAIGHT, of: EgoOnPath | None = None) -> Scored:
    return score(np.array([way.row()]), np.array([policy]), of or ego(), road(), others, SETTINGS)


def test_holding_the_speed_covers_speed_times_time() -> None:
    motion = scored(HOLD, futures()).motion[0]
    assert motion[:, DISTANCE] == pytest.approx(20.0 * TIMES_S)
    assert np.all(motion[:, ACCELERATION] == 0.0)


def test_the_motion_is_consistent_and_never_rolls_back() -> None:
    motion = scored(braking(6.0), futures()).motion[0]
    dt = np.diff(TIMES_S)
    assert motion[1:, SPEED] == pytest.approx(np.maximum(motion[:-1, SPEED] + motion[:-1, ACCELERATION] * dt, 0.0))
    assert np.all(np.diff(motion[:, DISTANCE]) >= -1e-9)
    assert motion[-1, SPEED] == 0.0


def test_gentle_braking_builds_up_with_bounded_jerk_and_hard_braking_at_once() -> None:
    gentle = scored(braking(2.0), futures()).motion[0, :, ACCELERATION]
    hard = scored(braking(7.5), futures()).motion[0, :, ACCELERATION]
    assert np.min(np.diff(gentle[:31])) >= -SETTINGS.jerk_mps3 * 0.1 - 1e-9
    assert hard[6] == pytest.approx(-7.5)


def test_running_into_a_standing_car_costs_a_contact_and_stopping_does_not() -> None:
    standing = futures((160.0, 0.0, 0.0, 0.0, 1.0))
    assert scored(HOLD, standing).terms[0, CONTACT] > 200.0
    assert scored(braking(5.0), standing).terms[0, CONTACT] == 0.0


def test_a_contact_costs_as_much_as_it_is_likely() -> None:
    one, other = (scored(HOLD, futures((160.0, 0.0, 0.0, 0.0, p))).terms[0, CONTACT] for p in (1.0, 0.6))
    assert other == pytest.approx(0.6 * one)


def test_a_lorry_of_several_boxes_counts_once() -> None:
    two = futures((122.0, 14.0, 0.0, 0.0, 1.0), (126.5, 14.0, 0.0, 0.0, 1.0))
    lorry = replace(two, whose=np.zeros(2, dtype=np.int64))
    tail = futures((122.0, 14.0, 0.0, 0.0, 1.0))
    assert scored(HOLD, lorry).terms[0, CONTACT] == pytest.approx(scored(HOLD, tail).terms[0, CONTACT])
    assert scored(HOLD, two).terms[0, CONTACT] > 1.5 * scored(HOLD, tail).terms[0, CONTACT]
    for stops in (braking(3.0), braking(4.0)):
        assert scored(stops, lorry).cost == pytest.approx(scored(stops, tail).cost)


def test_who_backs_towards_a_standing_ego_needs_no_braking_of_it() -> None:
    def needed(speed_mps: float) -> float:
        """Cost of braking that is needed before somebody who comes with that speed."""
        return float(scored(HOLD, futures((120.0, -speed_mps, 0.0, 0.0, 1.0)), of=ego(0.0)).terms[0, BRAKE])

    assert needed(2.2) == 0.0
    assert needed(8.0) > 1.0


def test_an_unlikely_contact_that_can_be_answered_later_costs_nothing() -> None:
    far = futures((120.0, 17.0, 4.5, -0.9, 0.2))
    near = futures((160.0, 0.0, 0.0, 0.0, 0.2))
    assert scored(HOLD, far).terms[0, CONTACT] == 0.0
    assert scored(HOLD, near).terms[0, CONTACT] > 30.0


def test_who_runs_into_the_rear_is_hardly_counted() -> None:
    behind = futures((85.0, 28.0, 0.0, 0.0, 1.0))
    ahead = futures((160.0, 0.0, 0.0, 0.0, 1.0))
    assert 0.0 < scored(HOLD, behind).terms[0, CONTACT] < 0.15 * scored(HOLD, ahead).terms[0, CONTACT]


def test_passing_beside_costs_no_contact() -> None:
    assert scored(HOLD, futures((130.0, 0.0, 3.5, 0.0, 1.0))).terms[0, CONTACT] == 0.0


def test_who_rides_at_the_edge_of_the_lane_is_followed_though_a_shift_aside_would_get_past() -> None:
    narrow = futures((108.0, 20.0, -1.5, 0.0, 1.0))  # reaches 0.35 m into the strip of an ego in the lane's middle
    shifted = Way(KEEP, 0.4, 50.0, quintic(0.4, 0.0, 0.0, 0.4, 50.0), 1.75, 1.75)
    gaps = [float(scored(HOLD, narrow, way).terms[0, GAP]) for way in (STRAIGHT, shifted, replace(shifted, lane=PASS))]
    assert gaps[0] > 1.0
    assert gaps[1] == pytest.approx(gaps[0], rel=0.05)
    assert gaps[2] == 0.0


def test_whose_middle_is_in_the_lane_is_followed_by_an_ego_that_may_not_pass() -> None:
    close = futures((108.0, 15.0, -1.7, 0.0, 1.0))
    narrow = replace(close, boxes=close.boxes + np.array([0.0, 0.0, 0.5, -0.5, 0.0, 0.0]))  # beside the ego's strip
    stays = replace(ego(), lane_left_m=1.75, lane_right_m=1.75)
    assert scored(HOLD, narrow).terms[0, GAP] == 0.0
    assert scored(FOLLOW, narrow).lead[0] == -1
    assert scored(HOLD, narrow, of=stays).terms[0, GAP] > 1.0
    assert scored(FOLLOW, narrow, of=stays).lead[0] == 0
    beyond = replace(narrow, boxes=narrow.boxes - np.array([0.0, 0.0, 0.1, 0.1, 0.0, 0.0]))
    assert scored(HOLD, beyond, of=stays).terms[0, GAP] == 0.0


def test_following_keeps_a_gap_and_driving_close_costs() -> None:
    lead = futures((125.0, 15.0, 0.0, 0.0, 1.0))
    follows, holds = scored(FOLLOW, lead), scored(HOLD, lead)
    assert follows.lead[0] == 0
    assert follows.cost[0] < holds.cost[0]
    assert follows.motion[0, -1, SPEED] < 16.0
    close = futures((108.0, 20.0, 0.0, 0.0, 1.0))
    assert scored(HOLD, close).terms[0, GAP] > scored(HOLD, lead).terms[0, GAP]


def test_three_and_a_half_is_not_harsh_and_comes_at_once_what_is_harder_costs_its_step() -> None:
    borne, harder, gentle = (scored(braking(a), futures()) for a in (3.5, 4.0, 3.0))
    assert borne.terms[0, HARSH] == 0.0
    assert harder.terms[0, HARSH] == pytest.approx(SETTINGS.weights.harsh + 0.5 * SETTINGS.weights.strong)
    at_300_ms = borne.motion[0, 3, ACCELERATION], gentle.motion[0, 3, ACCELERATION]
    assert at_300_ms[0] == pytest.approx(-3.5)
    assert at_300_ms[1] == pytest.approx(-4 * 0.1 * SETTINGS.jerk_mps3)


def test_slowness_costs_progress_and_hard_braking_is_harsh() -> None:
    calm, strong = scored(braking(1.0), futures()), scored(braking(6.0), futures())
    assert scored(HOLD, futures()).terms[0, PROGRESS] == pytest.approx(0.0, abs=1e-9)
    assert 0.0 < calm.terms[0, PROGRESS] < strong.terms[0, PROGRESS]
    assert calm.terms[0, HARSH] == 0.0
    assert strong.terms[0, HARSH] > SETTINGS.weights.emergency


def test_leaving_the_road_costs() -> None:
    aside = Way(KEEP, 1.5, 50.0, quintic(0.0, 0.0, 0.0, 1.5, 50.0), 1.75, 1.75)
    assert scored(HOLD, futures(), aside).terms[0, ROAD] > 0.0
    assert scored(HOLD, futures()).terms[0, ROAD] == 0.0


def test_leaving_the_lane_of_the_plan_before_costs() -> None:
    left = Way(LEFT, 3.5, 80.0, quintic(0.0, 0.0, 0.0, 3.5, 80.0), 5.25, 1.75)
    assert scored(HOLD, futures(), left).terms[0, SWITCH] > 0.0
    assert scored(HOLD, futures(), left, ego(before_lane=1.0)).terms[0, SWITCH] == 0.0


def test_the_cost_is_the_sum_of_its_named_terms() -> None:
    result = scored(FOLLOW, futures((125.0, 15.0, 0.0, 0.0, 1.0)))
    assert result.terms.shape == (1, len(TERMS))
    assert result.cost[0] == pytest.approx(result.terms.sum())
