"""The grids of UN R157's guidance as numbers: cut-in, cut-out and braking lead on a straight road.

Each case is fixed before the ego drives: where the others are at each step of 0.1 s, from when the ego sees them, and
from when it may react. World: x along the road, y to the left, the ego's lane centre is y = 0; vehicles are boxes given
by their centre that never turn. Numbers are those of the regulation's published safety-model comparison (Mattas et al.
2022, "Driver models for the definition of safety requirements of automated vehicles", JRC-FSM).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats
from motion.careful_driver import CAREFUL

DT_S = 0.1
STEPS = 350
CAR_LENGTH_M, CAR_WIDTH_M = 4.3, 1.9
LANE_WIDTH_M = 3.5
RAMP_MPS2 = 1.5
"""Sideways acceleration of a car that begins to cut in."""
OBSTACLE_LENGTH_M = 5.0
CLEARED_M = 4.0
"""A lead that evades moves sideways by this."""
TIME_GAP_S = 2.0
KPH = 1.0 / 3.6


@dataclass(frozen=True, slots=True)
class CutIn:
    """A car beside the ego changes into its lane; the clear gap holds at the instant it reaches its sideways speed."""

    ego_kph: float
    other_kph: float
    gap_m: float
    lateral_mps: float


@dataclass(frozen=True, slots=True)
class CutOut:
    """The lead evades a standing obstacle that the ego could not see; `gap_m` from the ego to the lead."""

    ego_kph: float
    front_m: float
    lateral_mps: float
    gap_m: float


@dataclass(frozen=True, slots=True)
class BrakingLead:
    """The lead brakes to standstill with constant deceleration."""

    ego_kph: float
    deceleration_mps2: float
    gap_m: float


Case = CutIn | CutOut | BrakingLead


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """The motion of N others at T indices: arrays (T, N); `length_m` (N,).

    The ego starts at `ego_x_m`, holds `ego_mps` before index `release` and sees other n from index `visible[n]` on;
    `reacts_always` says that the careful driver reacts from `release` on whatever it sees.
    """

    ego_x_m: float
    ego_mps: float
    x_m: Floats
    y_m: Floats
    vx_mps: Floats
    vy_mps: Floats
    length_m: Floats
    visible: NDArray[np.int64]
    release: int
    reacts_always: bool


def traffic_of(case: Case) -> Traffic:
    """The motion of the others."""
    if isinstance(case, CutIn):
        return _cut_in(case)
    return _cut_out(case) if isinstance(case, CutOut) else _braking_lead(case)


def ramp_steps(lateral_mps: float) -> int:
    """Steps in which a car that cuts in gains its sideways speed.

    For multiples of the ramp's step rounding decides, so that the reference's numbers need its speeds: n * 0.1.
    """
    return math.floor(lateral_mps / (RAMP_MPS2 * DT_S)) + 1 if lateral_mps > 0.0 else 0


def crossing_steps(lateral_mps: float) -> int:
    """Steps after the ramp until the centre of a car that cuts in has passed the middle of the ego's lane."""
    return math.floor(LANE_WIDTH_M / (lateral_mps * DT_S)) + 1 if lateral_mps > 0.0 else 0


def _cut_in(case: CutIn) -> Traffic:
    ramp = ramp_steps(case.lateral_mps)
    index = np.arange(STEPS + ramp + 1)
    speed, ego = case.other_kph * KPH, case.ego_kph * KPH
    lateral = np.minimum(index * RAMP_MPS2 * DT_S, case.lateral_mps)
    lateral[index >= ramp] = case.lateral_mps
    lateral[index >= ramp + crossing_steps(case.lateral_mps)] = 0.0
    y = np.empty(len(index))
    y[ramp] = LANE_WIDTH_M
    for i in range(ramp, len(index) - 1):
        y[i + 1] = y[i] - lateral[i] * DT_S
    for i in range(ramp, 0, -1):
        y[i - 1] = y[i] + lateral[i - 1] * DT_S
    x: Floats = case.gap_m + CAR_LENGTH_M + speed * DT_S * (index - ramp).astype(np.float64)
    moved = np.flatnonzero(y[0] - y > CAREFUL.wandering_m)
    return Traffic(
        -ego * DT_S * ramp, ego, x[:, None], y[:, None], np.full((len(x), 1), speed), -lateral[:, None],
        np.array([CAR_LENGTH_M]), np.zeros(1, dtype=np.int64), int(moved[0]) if len(moved) else len(x), False,
    )  # fmt: skip


def _cut_out(case: CutOut) -> Traffic:
    speed = case.ego_kph * KPH
    x = np.empty((STEPS + 1, 2))
    y = np.zeros((STEPS + 1, 2))
    x[0] = case.gap_m + CAR_LENGTH_M, case.gap_m + 2.0 * CAR_LENGTH_M + case.front_m
    x[:, 1] = x[0, 1]
    velocity = np.zeros((2, STEPS + 1, 2))
    crash = -1
    for i in range(STEPS + 1):
        touching = abs(y[i, 0]) < CAR_WIDTH_M and abs(x[i, 0] - x[i, 1]) < 0.5 * (CAR_LENGTH_M + OBSTACLE_LENGTH_M)
        crash = i if crash < 0 and touching else crash
        sideways = -case.lateral_mps if y[i, 0] > -CLEARED_M + 1e-9 else 0.0
        velocity[:, i, 0] = (speed, sideways) if crash < 0 else (0.0, 0.0)
        if i < STEPS:
            x[i + 1, 0] = x[i, 0] + velocity[0, i, 0] * DT_S
            y[i + 1, 0] = y[i, 0] + velocity[1, i, 0] * DT_S
    cleared = np.flatnonzero(y[:, 0] < -CAREFUL.wandering_m)
    seen = int(cleared[0]) if len(cleared) else STEPS + 1
    release = min(seen, crash) if crash >= 0 else seen
    return Traffic(
        0.0, speed, x, y, velocity[0], velocity[1], np.array([CAR_LENGTH_M, OBSTACLE_LENGTH_M]),
        np.array([0, seen], dtype=np.int64), release, True,
    )  # fmt: skip


def _braking_lead(case: BrakingLead) -> Traffic:
    speed = case.ego_kph * KPH
    vx: Floats = np.maximum(speed - case.deceleration_mps2 * DT_S * np.arange(STEPS + 1), 0.0, dtype=np.float64)
    x = case.gap_m + CAR_LENGTH_M + np.concatenate(([0.0], np.cumsum(vx[1:] * DT_S)))
    nothing = np.zeros((STEPS + 1, 1))
    return Traffic(
        0.0, speed, x[:, None], nothing, vx[:, None], nothing, np.array([CAR_LENGTH_M]),
        np.zeros(1, dtype=np.int64), 0, True,
    )  # fmt: skip


def cut_in_grid() -> Iterator[CutIn]:
    """All 29,970 cut-in cases: low speeds with gaps of 1 to 59 m, high speeds with gaps of 1 to 119 m."""
    low = [(ego, other) for ego in range(20, 61, 10) for other in range(10, ego, 10)]
    high = [(ego, other) for ego in range(70, 131, 20) for other in range(10, ego, 30)]
    for pairs, gaps in ((low, range(1, 60)), (high, range(1, 120, 2))):
        for ego, other in pairs:
            for gap in gaps:
                yield from (CutIn(ego, other, gap, 0.1 * lateral) for lateral in range(18))


def cut_out_grid() -> Iterator[CutOut]:
    """All 5,850 cut-out cases, the lead at a time gap of 2 s."""
    for ego in range(10, 131, 10):
        for front in range(2, 148, 5):
            for lateral in range(1, 30, 2):
                yield CutOut(ego, front, 0.1 * lateral, TIME_GAP_S * ego * KPH)


def braking_lead_grid() -> Iterator[BrakingLead]:
    """All 1,121 braking-lead cases, the lead at a time gap of 2 s."""
    for step in range(1, 20):
        for ego in range(12, 129, 2):
            yield BrakingLead(ego, 0.05 * step * 9.81, TIME_GAP_S * ego * KPH)
