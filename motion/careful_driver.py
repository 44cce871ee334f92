"""The competent and careful human driver (CC): what UN R157 asks an automated lane-keeping system to be no worse than.

A longitudinal model, moved step by step: it holds its speed until it has reason to react, releases the accelerator for
the reaction time, then brakes with limited jerk up to full braking (UN R157, guidance on traffic disturbance critical
scenarios; numbers as in the JRC-FSM reference implementation). It never steers and never speeds up again.

Two worlds use it: the regulation's grids with steps of 0.1 s (call `careful_step` and `cut_in_is_dangerous`), and the
verdict on a recorded drive with any steps (`react_at_once`, `react_to_cut_in`). Lengths are along the lane, SI units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geometry.angles import Floats


@dataclass(frozen=True, slots=True)
class CarefulDriver:
    """Parameters of the model; the defaults are the regulation's and shall not be tuned."""

    reaction_s: float = 0.75
    release_mps2: float = 0.4
    """Deceleration while the foot moves from the accelerator to the brake."""
    jerk_mps3: float = 12.65
    braking_mps2: float = 0.774 * 9.81
    cut_in_ttc_s: float = 2.0
    """A vehicle that cuts in is a danger when it overlaps laterally and the time to collision is at most this."""
    wandering_m: float = 0.375
    """Lateral motion within this is wandering in the lane, not yet a manoeuvre."""


CAREFUL = CarefulDriver()


@dataclass(frozen=True, slots=True, eq=False)
class CarefulDrive:
    """How the driver moves: K samples of distance travelled [m] and speed [m/s].

    `trigger` is the index of the sample at which it begins to react, -1 if it never does. `closed` says that a cut-in
    was no danger when it began, which the regulation's model takes as the end of the case: no collision.
    """

    travelled_m: Floats
    speed_mps: Floats
    trigger: int
    closed: bool = False


@njit(cache=True)
def careful_step(
    speed_mps: float, reaction_left_s: float, deceleration_mps2: float, reacts: bool, dt_s: float,
    release_mps2: float, jerk_mps3: float, braking_mps2: float,
) -> tuple[float, float, float]:  # fmt: skip
    """One step: (speed at its end, reaction time left, brake deceleration).

    Starts with `reaction_left_s` = the reaction time and `deceleration_mps2` = the release deceleration. Where it does
    not react the speed is held and the rest stays as it is: a danger that comes back finds the foot on the brake.
    """
    if not reacts:
        return speed_mps, reaction_left_s, deceleration_mps2
    # A nanosecond of slack: sums of steps that make up the reaction time shall not leave a rounding error to wait for.
    if reaction_left_s > 1e-9:
        return max(speed_mps - release_mps2 * dt_s, 0.0), reaction_left_s - dt_s, deceleration_mps2
    deceleration = min(deceleration_mps2 + jerk_mps3 * dt_s, braking_mps2)
    return max(speed_mps - deceleration * dt_s, 0.0), reaction_left_s, deceleration


@njit(cache=True)
def cut_in_is_dangerous(gap_m: float, closing_mps: float, passed_m: float, ttc_s: float) -> bool:
    """Whether one that overlaps laterally would be hit within `ttc_s` at constant speeds.

    `gap_m` from the own front to its rear; below -`passed_m` (the sum of both lengths) it lies behind.
    """
    if gap_m < -passed_m or closing_mps <= 0.0:
        return False
    return gap_m <= ttc_s * closing_mps


def react_at_once(driver: CarefulDriver, t_s: Floats, speed_mps: float, trigger: int = 0) -> CarefulDrive:
    """The driver holds its speed until the sample `trigger` of the times `t_s` (K,) and then brakes to standstill."""
    overlap = np.arange(len(t_s)) >= trigger
    nothing = np.zeros(len(t_s))
    travelled, speed, _, _ = _drive(t_s, speed_mps, nothing, nothing, overlap, 0.0, math.inf, _numbers(driver))
    return CarefulDrive(travelled, speed, trigger if trigger < len(t_s) else -1)


def react_to_cut_in(
    driver: CarefulDriver, t_s: Floats, speed_mps: float, rear_m: Floats, other_mps: Floats,
    overlap: NDArray[np.bool_], passed_m: float,
) -> CarefulDrive:  # fmt: skip
    """The driver against one vehicle that cuts in; all arrays have shape (K,).

    Args:
        driver: the model's parameters.
        t_s: times of the samples.
        speed_mps: own speed at the first sample.
        rear_m: how far the other's rear lies ahead of where the own front bumper is at the first sample.
        other_mps: the other's speed along the lane.
        overlap: whether the other overlaps the own path laterally.
        passed_m: sum of both lengths.
    """
    travelled, speed, trigger, closed = _drive(
        t_s, speed_mps, rear_m, other_mps, overlap, passed_m, driver.cut_in_ttc_s, _numbers(driver)
    )
    return CarefulDrive(travelled, speed, int(trigger), bool(closed))


def _numbers(driver: CarefulDriver) -> tuple[float, float, float, float]:
    return driver.reaction_s, driver.release_mps2, driver.jerk_mps3, driver.braking_mps2


@njit(cache=True)
def _drive(t_s, speed_mps, rear_m, other_mps, overlap, passed_m, ttc_s, numbers):  # type: ignore[no-untyped-def]
    """Travelled distance, speed, trigger and `closed`; an infinite `ttc_s` means that any overlap is a danger."""
    count = len(t_s)
    reaction_left, release, jerk, braking = numbers
    deceleration = release
    travelled, speed = np.zeros(count), np.zeros(count)
    speed[0] = speed_mps
    trigger, closed = -1, False
    for i in range(count - 1):
        danger = overlap[i] and not closed
        if danger and ttc_s < np.inf:
            danger = cut_in_is_dangerous(rear_m[i] - travelled[i], speed[i] - other_mps[i], passed_m, ttc_s)
            closed = trigger < 0 and not danger
        if danger and trigger < 0:
            trigger = i
        dt = t_s[i + 1] - t_s[i]
        speed[i + 1], reaction_left, deceleration = careful_step(
            speed[i], reaction_left, deceleration, danger, dt, release, jerk, braking
        )
        travelled[i + 1] = travelled[i] + 0.5 * (speed[i] + speed[i + 1]) * dt
    return travelled, speed, trigger, closed
