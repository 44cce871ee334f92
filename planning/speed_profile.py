"""The speed over the next seconds: free road, curves, limits, and everyone in the way.

Following is the Intelligent Driver Model, bounded to comfortable braking. Where comfort would not avoid contact the
kinematically needed deceleration takes over. All lengths are along the route, SI units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from geometry.angles import Floats
from geometry.polyline import Polyline
from motion.car_following import IdmParameters, idm_acceleration
from planning.corridor import Obstacle

STEP_S = 0.1
"""Time step of profiles."""

CEILING_STEP_M = 2.0
"""Spacing of the speed ceiling along the route."""

CEILING_TIME_S = 0.5
"""How far ahead in time the ceiling is looked at, and how fast a speed above it is taken back."""


@dataclass(frozen=True, slots=True)
class Braking:
    """Bounds of braking, positive decelerations.

    `comfort` bounds the following law. Above it the needed deceleration is applied with a margin: up to `firm` where
    that alone keeps `near_m` from contact (a gap that somebody cut short is made good without harshness, UN R157
    5.2.3.3), else up to `strong`, which 5.3.1.1 does not yet call an emergency; only if `strong` would not avoid
    contact, up to `emergency`.
    """

    comfort_mps2: float = 3.0
    firm_mps2: float = 3.4
    near_m: float = 0.7
    strong_mps2: float = 5.0
    emergency_mps2: float = 9.0
    margin_m: float = 1.5
    reaction_s: float = 0.3
    jerk_mps3: float = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class SpeedProfile:
    """K samples at STEP_S from now: distance from here, speed, acceleration; and what limits the first one.

    `lead` indexes the obstacles (-1: the free road limits); `needed_mps2` is the deceleration that avoids contact.
    """

    t_s: Floats
    distance_m: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    lead: int
    needed_mps2: float


def speed_ceiling(
    path: Polyline, s_m: float, length_m: float, limit_mps: Floats, lateral_mps2: float, deceleration_mps2: float,
    stop_s_m: float,
) -> Floats:  # fmt: skip
    """Highest sensible speed every CEILING_STEP_M from `s_m` on, shape (M,): limits and curves, reachable by braking.

    `limit_mps` holds the limit at each point of `path` (NaN: none); from `stop_s_m` on there is nothing to drive on.
    """
    s = s_m + np.arange(0.0, length_m + CEILING_STEP_M, CEILING_STEP_M)
    index = np.clip(np.searchsorted(path.s_m, s, side="right") - 1, 0, len(limit_mps) - 1)
    limit = np.where(np.isnan(limit_mps[index]), np.inf, limit_mps[index])
    curve = np.sqrt(lateral_mps2 / np.maximum(np.abs(path.curvature(s)), 1e-6))
    return reachable(np.where(s < stop_s_m, np.minimum(limit, curve), 0.0), deceleration_mps2)


def reachable(ceiling_mps: Floats, deceleration_mps2: float) -> Floats:
    """The ceiling of each cell lowered so far that braking reaches those after it, (M,)."""
    return np.asarray(_reachable(ceiling_mps, deceleration_mps2))


@njit(cache=True)
def _reachable(ceiling, deceleration_mps2):  # type: ignore[no-untyped-def]
    after = ceiling.copy()
    for i in range(len(after) - 2, -1, -1):
        after[i] = min(after[i], np.sqrt(after[i + 1] ** 2 + 2.0 * deceleration_mps2 * CEILING_STEP_M))
    return after


def unroll(
    speed_mps: float, acceleration_mps2: float, braking_hard: bool, set_speed_mps: float, ceiling_mps: Floats,
    obstacles: tuple[Obstacle, ...], following: IdmParameters, braking: Braking, horizon_s: float,
) -> SpeedProfile:  # fmt: skip
    """Roll the driver forward against obstacles that keep their acceleration until they stand (or their speed)."""
    table = np.array(
        [(o.gap_m, o.speed_mps, o.acceleration_mps2, o.enter_s, o.leave_s) for o in obstacles], dtype=np.float64
    ).reshape(-1, 5)
    count = round(horizon_s / STEP_S) + 1
    idm = (
        following.headway_s, following.min_gap_m, following.acceleration_mps2, following.deceleration_mps2,
        following.exponent,
    )  # fmt: skip
    bounds = (
        braking.comfort_mps2, braking.firm_mps2, braking.strong_mps2, braking.emergency_mps2, braking.margin_m,
        braking.near_m, braking.reaction_s, braking.jerk_mps3,
    )  # fmt: skip
    columns, lead, needed = _unroll(
        count, speed_mps, acceleration_mps2, braking_hard, set_speed_mps, ceiling_mps, table, idm, bounds
    )
    return SpeedProfile(
        STEP_S * np.arange(count, dtype=np.float64), columns[0], columns[1], columns[2], int(lead), float(needed)
    )


@njit(cache=True)
def needed_deceleration(gap_m, speed_mps, lead_mps, lead_mps2, enter_s):  # type: ignore[no-untyped-def]
    """Constant deceleration that just avoids contact with one obstacle, positive; 0 when none is needed."""
    closing = speed_mps - lead_mps
    if gap_m <= 0.1:
        if enter_s <= 0.05:
            return 99.0 if closing > 0.0 else 0.0
        # Still beside the ego: fall back behind it before it enters.
        return max(0.0, 2.0 * (closing * enter_s - gap_m) / (enter_s * enter_s))
    needed = closing * closing / (2.0 * gap_m) if closing > 0.0 else 0.0
    if lead_mps2 < -0.3 and lead_mps > 0.0:
        stop_m = gap_m + lead_mps * lead_mps / (-2.0 * lead_mps2)
        needed = max(needed, speed_mps * speed_mps / (2.0 * stop_m))
    elif lead_mps < 0.0:
        needed = max(needed, speed_mps * speed_mps / (2.0 * gap_m))
    return needed


@njit(cache=True)
def _ceiling_acceleration(speed, distance, ceiling):  # type: ignore[no-untyped-def]
    """What brings the speed to the ceiling that holds CEILING_TIME_S further on, within that time."""
    cell = min(int((distance + CEILING_TIME_S * speed) / CEILING_STEP_M), len(ceiling) - 1)
    return (ceiling[cell] - speed) / CEILING_TIME_S


@njit(cache=True)
def _unroll(count, speed, acceleration, hard, set_speed, ceiling, obstacles, idm, bounds):  # type: ignore[no-untyped-def]
    """Columns (3, count): distance, speed, acceleration; the first limiting obstacle; the first needed deceleration."""
    comfort, firm, strong, emergency, margin, near, reaction, jerk = bounds
    out = np.zeros((3, count))
    gap, lead_speed = obstacles[:, 0].copy(), obstacles[:, 1].copy()
    distance, first_lead, first_needed = 0.0, -1, 0.0
    for k in range(count):
        now = k * 0.1
        wanted = idm_acceleration(speed, set_speed, np.inf, 0.0, idm[0], idm[1], idm[2], idm[3], idm[4])
        over = _ceiling_acceleration(speed, distance, ceiling)
        wanted = min(wanted, over)
        # Whoever is too fast for a curve or the end of the road has no comfort to lose.
        gentlest = comfort if over >= -2.0 * comfort else strong
        lead, needed, close, contact = -1, 0.0, 0.0, 0.0
        for i in range(len(obstacles)):
            if now > obstacles[i, 4]:
                continue
            enter = max(obstacles[i, 3] - now, 0.0)
            follow = idm_acceleration(speed, set_speed, gap[i], lead_speed[i], idm[0], idm[1], idm[2], idm[3], idm[4])
            if follow < wanted:
                wanted, lead = follow, i
            shorter = gap[i] - margin - reaction * max(speed - lead_speed[i], 0.0)
            needed = max(needed, needed_deceleration(shorter, speed, lead_speed[i], obstacles[i, 2], enter))
            close = max(close, needed_deceleration(gap[i] - near, speed, lead_speed[i], obstacles[i, 2], enter))
            contact = max(contact, needed_deceleration(gap[i], speed, lead_speed[i], obstacles[i, 2], enter))
        wanted = max(wanted, -gentlest)
        hard = needed > comfort or (hard and needed > 0.6 * comfort)
        if hard:
            limit = emergency if contact > strong else strong if close > firm else firm
            wanted = min(wanted, -min(1.2 * needed, limit))
        else:
            # An emergency that is over, or was none, is let go of at once; comfort begins at comfortable braking.
            before = max(acceleration, -gentlest)
            wanted = min(max(wanted, before - jerk * 0.1), before + jerk * 0.1)
        if k == 0:
            first_lead, first_needed = lead, contact
        acceleration = wanted
        if speed + acceleration * 0.1 < 0.0:
            acceleration = -speed / 0.1
        out[0, k], out[1, k], out[2, k] = distance, speed, acceleration
        step = speed * 0.1 + 0.5 * acceleration * 0.01
        distance += step
        speed = max(speed + acceleration * 0.1, 0.0)
        for i in range(len(obstacles)):
            lead_before = lead_speed[i]
            if obstacles[i, 2] < 0.0 and lead_before > 0.0:
                lead_speed[i] = max(lead_before + obstacles[i, 2] * 0.1, 0.0)
            gap[i] += 0.5 * (lead_before + lead_speed[i]) * 0.1 - step
    return out, first_lead, first_needed


def stop_profile(speed_mps: float, deceleration_mps2: float) -> SpeedProfile:
    """Constant deceleration to standstill, with one more sample standing."""
    stand_s = speed_mps / deceleration_mps2
    t_s = np.arange(0.0, stand_s + 2.0 * STEP_S, STEP_S)
    moving = np.minimum(t_s, stand_s)
    return SpeedProfile(
        t_s,
        speed_mps * moving - 0.5 * deceleration_mps2 * moving**2,
        np.maximum(speed_mps - deceleration_mps2 * t_s, 0.0),
        np.where(t_s < stand_s, -deceleration_mps2, 0.0),
        lead=-1,
        needed_mps2=0.0,
    )
