"""Hindering others: standing still or driving below half the set speed without a cause ahead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planning.metrics.following import required_gap_m
from planning.metrics.intervals import bridged, stretches
from planning.metrics.lane_view import LaneView, result_at
from planning.metrics.result import MetricResult

NAME = "hindering"
ALLOWED_S = 5.0
SLOW_SHARE = 0.5
"""Below this share of the set speed the ego is slow."""
GAINING_MPS2 = 0.3
"""Who speeds up by more than this is on the way to the set speed."""
LANE_MARGIN_M = 0.5
"""Who is this close beside the lane, or will be within `APPROACH_S`, is a cause too."""
APPROACH_S = 3.0
"""The same holds for who comes towards the ego along the lane: a cause as soon as it will be near within that time."""
STANDING_GAP_M = 5.0
"""Who stands this close is a cause at any set speed: the rule asks for at least 2 m, and nobody stops at exactly
that."""


def compute(view: LaneView) -> MetricResult:
    """Longest time [s] that the ego is slow with nobody in its way; fails above 5 s."""
    ego, set_speed = view.rollout.ego, view.rollout.set_speed_mps
    slow = (ego.speed_mps < SLOW_SHARE * set_speed) & (ego.acceleration_mps2 < GAINING_MPS2)
    idle = view.judged & slow & ~has_cause(view)
    t_s = view.rollout.t_s
    # A gap that only noise in the acceleration makes does not interrupt standing in the way.
    parts = stretches(bridged(idle, t_s, 0.1))
    if not parts:
        cause = "never slow without a cause ahead"
        return result_at(view, None, NAME, True, 0.0, "s", ALLOWED_S, cause)
    first, last = max(parts, key=lambda part: t_s[part[1]] - t_s[part[0]])
    value = float(t_s[last] - t_s[first])
    part = slice(first, last + 1)
    cause = (
        f"{ego.speed_mps[part].max() * 3.6:.0f} km/h at most for {value:.1f} s from t = {t_s[first]:.1f} s (set speed "
        f"{set_speed * 3.6:.0f} km/h) with nobody within {reach_m(view):.1f} m ahead"
    )
    return result_at(view, first, NAME, value <= ALLOWED_S, value, "s", ALLOWED_S, cause)


def reach_m(view: LaneView) -> float:
    """How far ahead a cause may be."""
    return max(float(required_gap_m(view.rollout.set_speed_mps)), STANDING_GAP_M)


def has_cause(view: LaneView) -> NDArray[np.bool_]:
    """Whether somebody ahead, within the gap that the set speed requires, or the end of the lane is a cause: (T,).

    The gap of the set speed and not of the present one, because following a slow vehicle at the required distance is
    no hindering.
    """
    reach = reach_m(view)
    left, right = view.corridor.sides(view.s_m)
    low = view.low_m + np.minimum(view.across_mps, 0.0) * APPROACH_S
    high = view.high_m + np.maximum(view.across_mps, 0.0) * APPROACH_S
    near_lane = (low < left + LANE_MARGIN_M) & (high > -right - LANE_MARGIN_M)
    gap = view.rear_m + np.minimum(view.along_mps, 0.0) * APPROACH_S - view.ego_front_m[:, None]
    near = (view.front_m > view.ego_rear_m[:, None]) & (gap < reach)
    ends = view.corridor.path.length_m - view.ego_front_m < reach
    return np.asarray((near_lane & near).any(axis=1) | ends)
