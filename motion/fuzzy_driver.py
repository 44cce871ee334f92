"""The fuzzy safety model (FSM): a driver that eases off early, as a measure of how little speed safety has to cost.

Mattas et al. 2022, "Driver models for the definition of safety requirements of automated vehicles in international
regulations": two memberships in [0, 1], proactive (the one ahead might brake) and critical (contact at present speeds),
set the deceleration after the reaction time; jerk and greatest deceleration are those of the careful driver. Lengths
along the lane, SI units.
"""

from __future__ import annotations

from dataclasses import dataclass

from numba import njit

from geometry.angles import Floats
from motion.careful_driver import CAREFUL

EASY_MPS2, HARD_MPS2, LEAD_MPS2 = 4.0, 6.0, 7.0
MARGIN_M, SAFE_MARGIN_M = 2.0, 2.0
REACTION_S, RELEASE_MPS2 = CAREFUL.reaction_s, CAREFUL.release_mps2
JERK_MPS3, BRAKING_MPS2 = CAREFUL.jerk_mps3, CAREFUL.braking_mps2
PASSING_S = 0.1
"""Slack between the time in which the other comes alongside and the time in which it comes into the own path."""


@dataclass(frozen=True, slots=True)
class FuzzyDrive:
    """How a case went: index of the contact (-1: none) and the lowest speed before it."""

    contact: int
    lowest_mps: float


@njit(cache=True)
def membership(gap_m: float, safe_m: float, unsafe_m: float) -> float:
    """1 at `unsafe_m` or nearer, 0 at `safe_m` or further, linear between."""
    if gap_m >= safe_m:
        return 0.0
    if gap_m <= unsafe_m:
        return 1.0
    return (safe_m - gap_m) / (safe_m - unsafe_m)


@njit(cache=True)
def proactive(gap_m: float, speed_mps: float, lead_mps: float) -> float:
    """How unsafe the gap would be if the one ahead braked at `LEAD_MPS2`."""
    ahead = speed_mps * REACTION_S - 0.5 * lead_mps * lead_mps / LEAD_MPS2
    easy, hard = 0.5 * speed_mps**2 / EASY_MPS2, 0.5 * speed_mps**2 / HARD_MPS2
    return float(membership(gap_m - MARGIN_M, ahead + easy + SAFE_MARGIN_M, ahead + hard))


@njit(cache=True)
def critical(gap_m: float, speed_mps: float, lead_mps: float, acceleration_mps2: float) -> float:
    """How unsafe the gap is if the one ahead keeps its speed."""
    if speed_mps <= lead_mps:
        return 0.0
    change = max(acceleration_mps2, -EASY_MPS2)
    later = speed_mps + change * REACTION_S
    if later < lead_mps:
        needed = (speed_mps - lead_mps) ** 2 / (2.0 * abs(change))
        return float(membership(gap_m - MARGIN_M, needed + SAFE_MARGIN_M, needed))
    gone = (0.5 * (speed_mps + later) - lead_mps) * REACTION_S
    easy, hard = 0.5 * (later - lead_mps) ** 2 / EASY_MPS2, 0.5 * (later - lead_mps) ** 2 / HARD_MPS2
    return float(membership(gap_m - MARGIN_M, gone + easy + SAFE_MARGIN_M, gone + hard))


@njit(cache=True)
def fuzzy_deceleration(gap_m: float, speed_mps: float, lead_mps: float, acceleration_mps2: float) -> float:
    """Demanded deceleration, positive; 0 where all is well."""
    danger = critical(gap_m, speed_mps, lead_mps, acceleration_mps2)
    if danger > 0.0:
        return EASY_MPS2 + danger * (HARD_MPS2 - EASY_MPS2)
    return EASY_MPS2 * float(proactive(gap_m, speed_mps, lead_mps))


@njit(cache=True)
def comes_into_path(
    side_gap_m: float, sideways_mps: float, distance_m: float, closing_mps: float, length_m: float
) -> bool:
    """Whether one beside will be in the own path before the ego is past it, both at present speeds.

    `distance_m` between the centres along the lane, `sideways_mps` towards the ego.
    """
    if side_gap_m <= 0.0:
        return True
    if sideways_mps <= 0.0 or closing_mps <= 0.0:
        return False
    return side_gap_m / sideways_mps <= (abs(distance_m) + length_m) / closing_mps + PASSING_S


def drive_fuzzy_cut_in(
    ego_x_m: float, ego_mps: float, x_m: Floats, y_m: Floats, vx_mps: Floats, vy_mps: Floats, dt_s: float,
    length_m: float, width_m: float,
) -> FuzzyDrive:  # fmt: skip
    """The model against one that cuts in: its box centres and velocities are (T,), the ego's lane centre is y = 0."""
    contact, lowest = _cut_in(ego_x_m, ego_mps, x_m, y_m, vx_mps, vy_mps, dt_s, length_m, width_m)
    return FuzzyDrive(int(contact), float(lowest))


@njit(cache=True)
def _cut_in(x, speed, other_x, other_y, other_vx, other_vy, dt, length, width):  # type: ignore[no-untyped-def]
    left, deceleration, acceleration, lowest = REACTION_S, RELEASE_MPS2, 0.0, speed
    for i in range(len(other_x)):
        apart, side = other_x[i] - x, abs(other_y[i]) - width
        if side < -1e-9 and abs(apart) < length - 1e-9:
            return i, lowest
        wanted = 0.0
        if apart > -length and comes_into_path(side, abs(other_vy[i]), apart, speed - other_vx[i], length):
            wanted = fuzzy_deceleration(apart - length, speed, other_vx[i], acceleration)
        before = speed
        if wanted > 0.0 and left > 1e-9:
            speed, left = max(speed - RELEASE_MPS2 * dt, 0.0), left - dt
        elif wanted > 0.0:
            deceleration = min(deceleration + JERK_MPS3 * dt, wanted, BRAKING_MPS2)
            speed = max(speed - deceleration * dt, 0.0)
        acceleration = (speed - before) / dt
        lowest = min(lowest, speed)
        x += speed * dt
    return -1, lowest
