"""The winner made smooth: one quadratic program for its speed over time, one for its offset over distance, which also
rounds the kinks of the road itself.

In: the chosen candidate (way, motion), the futures, the room across the road; all in the Frenet frame of the route.
Out: a motion and a way with less jerk inside the corridor that the candidate itself keeps free: no nearer to anybody,
to the road's edges or to the speed ceiling than the candidate comes or than is wanted anyway. The candidate lies in its
own corridor, so a program is infeasible only where it breaks the bounds of comfort; then the candidate is driven as it
is, and the reason says so. Convex programs in the manner of Lim et al. 2018 ("Hierarchical trajectory planning of an
autonomous car based on the integration of a sampling and an optimization method"); solver: PIQP (Schwan et al. 2023).

Accelerations (and second derivatives of the offset) are the variables; they are linear between the knots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import piqp

from geometry.angles import Floats
from planning.candidates import Way
from planning.prediction import D_HIGH, D_LOW, S_HIGH, S_LOW, TIMES_S, Futures
from planning.scoring import EgoOnPath, Road
from planning.scoring_kernel import ACCELERATION, DISTANCE, SPEED
from planning.speed_profile import CEILING_STEP_M

KNOTS = 25
"""Of the program across the road."""
SLACK_MPS, SLACK_MPS2, SLACK_RADPM = 0.05, 0.02, 1e-4
SLACK_M, FAR_M = 0.02, 500.0
"""The corridor is wider than the candidate by the first at least; nothing further away than the second bounds it."""


@dataclass(frozen=True, slots=True)
class RefinementSettings:
    """Weights, bounds and margins of both programs; SI."""

    jerk_weight: float = 0.3
    acceleration_weight: float = 0.05
    speed_weight: float = 0.5
    place_weight: float = 0.2
    """Against leaving the candidate's speed and place."""
    most_jerk_mps3: float = 3.0
    hardest_mps2: float = 4.0
    """Who brakes harder has no comfort to gain, and is driven as it is."""
    least_chance: float = 0.1
    """Futures less likely than this bound nothing."""
    gap_m: float = 3.0
    gap_s: float = 1.2
    """Where the candidate keeps more than this gap to somebody, the refined one may use the rest."""
    side_m: float = 0.4
    """The same for the distance beside somebody or the road's edge."""
    offset_weight: float = 1.0
    bend_weight: float = 20.0
    bend_rate_weight: float = 400.0
    sideways_mps2: float = 3.0
    sideways_mps3: float = 6.0
    shortest_m: float = 10.0
    """A candidate that does not get this far has no way to be smoothed."""


@dataclass(frozen=True, slots=True, eq=False)
class SmoothWay:
    """Offset over distance by its value, slope and second derivative at knots (K,); beyond them as the way goes on."""

    x_m: Floats
    offset_m: Floats
    slope: Floats
    bend: Floats
    road_radpm: Floats
    """Curvature of the road at the knots: what bend makes smooth is the sum of both."""
    beyond: Way

    def at(self, distance_m: Floats) -> tuple[Floats, Floats, Floats]:
        """Offset, slope and second derivative after distances of any shape."""
        x = np.clip(distance_m, 0.0, self.x_m[-1])
        i = np.clip(np.searchsorted(self.x_m, x, side="right") - 1, 0, len(self.x_m) - 2)
        h = x - self.x_m[i]
        rate = (self.bend[i + 1] - self.bend[i]) / (self.x_m[i + 1] - self.x_m[i])
        d = self.offset_m[i] + h * (self.slope[i] + h * (0.5 * self.bend[i] + h * rate / 6.0))
        own = d, self.slope[i] + h * (self.bend[i] + 0.5 * h * rate), self.bend[i] + h * rate
        after = self.beyond.at(distance_m)
        inside = distance_m < self.x_m[-1]
        offset, slope, bend = (np.where(inside, a, b) for a, b in zip(own, after, strict=True))
        return offset, slope, bend


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What is refined: a way, its motion (K, 4) at `TIMES_S`, and what is around."""

    way: Way
    motion: Floats
    ego: EgoOnPath
    road: Road
    futures: Futures


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """The motion (K, 3) of distance, speed, acceleration, the way, and what could not be refined, in words."""

    motion: Floats
    way: SmoothWay | Way
    left_out: str


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Minimise 0.5 x'Px + c'x over x with low <= Gx <= high and Ax = b."""

    p: Floats
    c: Floats
    g: Floats
    low: Floats
    high: Floats
    a: Floats
    b: Floats


Solve = Callable[[Program], Floats | None]


def solve(program: Program) -> Floats | None:
    """The program's solution, None where it has none."""
    solver = piqp.DenseSolver()
    solver.settings.eps_abs, solver.settings.eps_rel = 1e-6, 1e-7
    solver.setup(
        np.asfortranarray(program.p), program.c, np.asfortranarray(program.a), program.b,
        np.asfortranarray(program.g), program.low, program.high,
    )  # fmt: skip
    if solver.solve() != piqp.PIQP_SOLVED:
        return None
    x = np.array(solver.result.x)
    return x if np.isfinite(x).all() else None


def refine(candidate: Candidate, settings: RefinementSettings, solver: Solve = solve) -> Refined:
    """The candidate refined along and across the road, as far as each program has a solution."""
    motion = candidate.motion[:, : ACCELERATION + 1]
    if float(motion[:, ACCELERATION].min()) < -settings.hardest_mps2:
        return Refined(motion, candidate.way, "")  # there is no comfort to gain
    along = _along(candidate, settings, solver)
    across = _across(candidate, settings, solver) if motion[-1, DISTANCE] >= settings.shortest_m else candidate.way
    missing = [name for name, found in (("speed", along), ("way", across)) if found is None]
    left_out = f"{' and '.join(missing)} not refined: no solution within the bounds" if missing else ""
    return Refined(motion if along is None else along, candidate.way if across is None else across, left_out)


# --- along the road ---------------------------------------------------------------------------------------------------


def _along(candidate: Candidate, settings: RefinementSettings, solver: Solve) -> Floats | None:
    motion, v0 = candidate.motion, float(candidate.motion[0, SPEED])
    effort = _effort(settings)
    to_speed, to_place = effort.to_speed, effort.to_place
    place, speed = v0 * TIMES_S, np.full(len(TIMES_S), v0)
    low_s, high_s = _places(candidate, settings)
    off_place, off_speed = place - motion[:, DISTANCE], speed - motion[:, SPEED]
    c = settings.place_weight * to_place.T @ (effort.weight * off_place)
    c = c + settings.speed_weight * to_speed.T @ (effort.weight * off_speed)
    # It brakes and speeds up no harder than the candidate does, but for what an interior point needs.
    hardest = max(-float(motion[:, ACCELERATION].min()), 0.0) + SLACK_MPS2
    strongest = max(float(motion[:, ACCELERATION].max()), 0.0) + SLACK_MPS2
    count = len(TIMES_S)
    most = settings.most_jerk_mps3
    found = solver(Program(
        effort.p, c, effort.g,
        np.concatenate((low_s[1:] - place[1:], -speed[1:], np.full(count - 1, -most), np.full(count, -hardest))),
        np.concatenate((
            high_s[1:] - place[1:], _speeds(candidate)[1:] - speed[1:], np.full(count - 1, most),
            np.full(count, strongest),
        )),
        np.eye(1, count), motion[:1, ACCELERATION],
    ))  # fmt: skip
    if found is None:
        return None
    return np.stack((place + to_place @ found, np.maximum(speed + to_speed @ found, 0.0), found), axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class _Effort:
    """What is the same for all motions: matrices that give speed and place (K, K) and jerk (K - 1, K) of accelerations
    at `TIMES_S`, the time that each knot stands for, and what of the program follows from them."""

    to_speed: Floats
    to_place: Floats
    jerk: Floats
    weight: Floats
    p: Floats
    g: Floats


@lru_cache(maxsize=4)
def _effort(settings: RefinementSettings) -> _Effort:
    to_speed, to_place, change, weight = _integrals_over(TIMES_S)
    dt = np.diff(TIMES_S)[:, None]
    jerk = change / dt
    p = (
        settings.place_weight * to_place.T @ (weight[:, None] * to_place)
        + settings.speed_weight * to_speed.T @ (weight[:, None] * to_speed)
        + settings.acceleration_weight * np.diag(weight)
        + settings.jerk_weight * jerk.T @ (dt * jerk)
    )
    g = np.concatenate((to_place[1:], to_speed[1:], jerk, np.eye(len(TIMES_S))))
    return _Effort(to_speed, to_place, jerk, weight, p, g)


def _integrals_over(t: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Matrices that integrate a piecewise linear function of `t` (K,) once and twice (K, K), its changes (K - 1, K),
    and the length that each knot stands for."""
    count, dt = len(t), np.diff(t)
    speed, place = np.zeros((count, count)), np.zeros((count, count))
    unit = np.eye(count)
    for k, step in enumerate(dt):
        speed[k + 1] = speed[k] + 0.5 * step * (unit[k] + unit[k + 1])
        place[k + 1] = place[k] + step * speed[k] + step * step * (2.0 * unit[k] + unit[k + 1]) / 6.0
    return speed, place, unit[1:] - unit[:-1], np.gradient(t)


def _speeds(candidate: Candidate) -> Floats:
    """The highest speed at each instant: the ceiling where the candidate is, or what the candidate drives."""
    motion, ceiling = candidate.motion, candidate.road.ceiling_mps
    cell = np.clip((motion[:, DISTANCE] / CEILING_STEP_M).astype(np.int64), 0, len(ceiling) - 1)
    return np.maximum(np.minimum(ceiling[cell], candidate.ego.allowed_mps), motion[:, SPEED]) + SLACK_MPS


def _places(candidate: Candidate, settings: RefinementSettings) -> tuple[Floats, Floats]:
    """The least and the greatest distance at each instant, among those who are on the way then."""
    motion, ego, futures = candidate.motion, candidate.ego, candidate.futures
    d, slope, _ = candidate.way.at(motion[:, DISTANCE])
    half = 0.5 * ego.width_m + 0.5 * (ego.front_m + ego.rear_m) * np.abs(slope) + settings.side_m
    boxes = futures.boxes[futures.probability >= settings.least_chance]
    on_way = (boxes[..., D_LOW] < d + half) & (boxes[..., D_HIGH] > d - half)
    here = ego.s_m + motion[:, DISTANCE]
    ahead = on_way & (0.5 * (boxes[..., S_LOW] + boxes[..., S_HIGH]) >= here)
    wanted = settings.gap_m + settings.gap_s * motion[:, SPEED]
    before = np.where(ahead, boxes[..., S_LOW] - ego.front_m - wanted, np.inf).min(axis=0, initial=np.inf)
    behind = np.where(on_way & ~ahead, boxes[..., S_HIGH] + ego.rear_m + wanted, -np.inf).max(axis=0, initial=-np.inf)
    place = motion[:, DISTANCE]
    low = np.clip(behind - ego.s_m, place - FAR_M, place - SLACK_M)
    return low, np.clip(before - ego.s_m, place + SLACK_M, place + FAR_M)


# --- across the road --------------------------------------------------------------------------------------------------


def _across(candidate: Candidate, settings: RefinementSettings, solver: Solve) -> SmoothWay | None:
    way, motion = candidate.way, candidate.motion
    x = np.linspace(0.0, float(motion[-1, DISTANCE]), KNOTS)
    offset, slope, bend = way.at(x)
    to_slope, to_offset, change, weight = _integrals_over(x)
    straight, road = offset[0] + slope[0] * x, candidate.road.curvature_at(x)
    low, high = _offsets(candidate, x, offset, settings)
    speed = np.maximum(np.interp(x, motion[:, DISTANCE], motion[:, SPEED]), 1.0)
    rate = change / np.diff(x)[:, None]
    p = (
        settings.offset_weight * to_offset.T @ (weight[:, None] * to_offset)
        + settings.bend_weight * np.diag(weight)
        + settings.bend_rate_weight * rate.T @ (np.diff(x)[:, None] * rate)
    )
    steps = np.diff(x)[:, None] * rate
    c = settings.offset_weight * to_offset.T @ (weight * (straight - offset))
    c += settings.bend_rate_weight * steps.T @ (rate @ road)
    # The way itself may bend more than is comfortable; it may not get worse.
    bends = np.maximum(settings.sideways_mps2 / speed**2, np.abs(road + bend)) + SLACK_RADPM
    rates = np.maximum(settings.sideways_mps3 / speed[1:] ** 3, np.abs(rate @ (road + bend))) + SLACK_RADPM
    found = solver(Program(
        p, c,
        np.concatenate((to_offset[1:], np.eye(KNOTS), rate)),
        np.concatenate((low[1:] - straight[1:], -bends - road, -rates - rate @ road)),
        np.concatenate((high[1:] - straight[1:], bends - road, rates - rate @ road)),
        np.stack((np.eye(1, KNOTS)[0], to_slope[-1], to_offset[-1])),
        np.array([bend[0], slope[-1] - slope[0], offset[-1] - straight[-1]]),
    ))  # fmt: skip
    if found is None:
        return None
    return SmoothWay(x, straight + to_offset @ found, slope[0] + to_slope @ found, found, road, way)


def _offsets(candidate: Candidate, x: Floats, offset: Floats, settings: RefinementSettings) -> tuple[Floats, Floats]:
    """Bounds of the offset at distances: the road's edges, and who is beside the ego when it is there."""
    way, ego, futures, motion = candidate.way, candidate.ego, candidate.futures, candidate.motion
    half = 0.5 * ego.width_m + settings.side_m
    low, high = np.full(KNOTS, half - way.right_m), np.full(KNOTS, way.left_m - half)
    boxes = futures.boxes[futures.probability >= settings.least_chance]
    d, _, _ = way.at(motion[:, DISTANCE])
    here = ego.s_m + motion[:, DISTANCE]
    beside = (boxes[..., S_LOW] < here + ego.front_m + 1.0) & (boxes[..., S_HIGH] > here - ego.rear_m - 1.0)
    right = beside & (0.5 * (boxes[..., D_LOW] + boxes[..., D_HIGH]) < d)
    least = np.where(right, boxes[..., D_HIGH] + half, -np.inf).max(axis=0, initial=-np.inf)
    most = np.where(beside & ~right, boxes[..., D_LOW] - half, np.inf).min(axis=0, initial=np.inf)
    near = np.abs(x[:, None] - motion[:, DISTANCE]) <= x[1]
    low = np.maximum(low, np.where(near, least, -np.inf).max(axis=1))
    high = np.minimum(high, np.where(near, most, np.inf).min(axis=1))
    return np.minimum(low, offset - SLACK_M), np.maximum(high, offset + SLACK_M)
