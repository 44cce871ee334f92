"""On which lanes a recorded trajectory ran: hidden-Markov matching over the lanes of a map.

In: times (s) and positions (m, `world`) of a whole trajectory with their 1-sigma, and the map. Out: for each sample the
lane on the most probable way through all of them (Viterbi 1967), with how probable that lane is by all evidence
(forward-backward). After Newson and Krumm, "Hidden Markov map matching through noise and sparseness", 2009, with lanes
in place of roads: a position lies off the middle of its lane by noise and by how freely people drive in a lane; motion
points along the lane; from a lane the way leads on to those that follow it and, rarely, to one beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from geometry.angles import Floats, wrap_rad
from geometry.errors import InputError
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LaneMatchSettings:
    """How positions and drivers behave.

    `sigma_m` is the positions' 1-sigma per axis. `correlation_s`: errors that last this long are one error, 0 where
    each sample errs anew. `wander_m` is the 1-sigma of drivers about the middle of a lane. `turn_rad` is how far a
    lane's direction and the car's may differ, `window_s` half the time over which the car's motion is measured.
    `change_hz` is how often lanes are changed, `break_odds` those of a way that the map does not show, per step.
    """

    sigma_m: float = 1.0
    correlation_s: float = 0.0
    wander_m: float = 0.4
    turn_rad: float = 0.15
    window_s: float = 1.0
    change_hz: float = 0.02
    break_odds: float = 1e-12
    reach_sigmas: float = 4.0
    kinds: frozenset[str] = DRIVABLE_KINDS


@dataclass(frozen=True, slots=True, eq=False)
class LaneMatch:
    """For N samples: `lane` (N,), -1 where no lane is near; arc length and offset on it, NaN there; its probability."""

    t_s: Floats
    lane: Indices
    s_m: Floats
    d_m: Floats
    probability: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """C pairs of a sample and a lane near it, in order of samples; those of sample k begin at `start[k]`."""

    lane: Indices
    log_likelihood: Floats
    start: Indices


def match_lanes(lane_map: LaneMap, t_s: Floats, points: Floats, settings: LaneMatchSettings) -> LaneMatch:
    """Match N positions (N, 2) at rising times (N,).

    Raises:
        InputError: fewer than two samples, times that do not rise, values that are not finite, or no lane near any.
    """
    _check(t_s, points)
    candidates = _candidates(lane_map, t_s, points, settings)
    samples = np.flatnonzero(np.diff(candidates.start))
    if len(samples) == 0:
        raise InputError("no lane of the map lies near the trajectory; do both use the same coordinates?")
    ways = _Ways(lane_map, settings)
    best, probability = _decoded(candidates, samples, t_s, ways)
    lane = np.full(len(t_s), -1, dtype=np.int64)
    sure = np.full(len(t_s), np.nan)
    lane[samples], sure[samples] = candidates.lane[best], probability
    s_m, d_m = np.full(len(t_s), np.nan), np.full(len(t_s), np.nan)
    for one in np.unique(lane[samples]):
        on = np.flatnonzero(lane == one)
        s_m[on], d_m[on] = lane_map.centre(int(one)).project(points[on])
    return LaneMatch(t_s, lane, s_m, d_m, sure)


def stretches(lane: Indices) -> list[tuple[int, int]]:
    """First sample of each stretch on one lane and the one after its last."""
    cuts = [0, *(np.flatnonzero(np.diff(lane)) + 1).tolist(), len(lane)]
    return list(pairwise(cuts))


def _check(t_s: Floats, points: Floats) -> None:
    if t_s.ndim != 1 or len(t_s) < 2 or points.shape != (len(t_s), 2):
        raise InputError(f"a trajectory needs two or more samples of t, x, y; found {t_s.shape} and {points.shape}")
    if not (np.isfinite(t_s).all() and np.isfinite(points).all()):
        raise InputError("a trajectory's times and positions have to be finite")
    if not (np.diff(t_s) > 0.0).all():
        row = int(np.flatnonzero(np.diff(t_s) <= 0.0)[0]) + 1
        raise InputError(f"a trajectory's times have to rise; sample {row} at {t_s[row]:.3f} s does not")


# --- what positions say of lanes --------------------------------------------------------------------------------------


def _candidates(lane_map: LaneMap, t_s: Floats, points: Floats, settings: LaneMatchSettings) -> _Candidates:
    lanes = np.array([i for i, kind in enumerate(lane_map.kinds) if kind in settings.kinds], dtype=np.int64)
    if len(lanes) == 0:
        raise InputError(f"the map has no lanes of the kinds {', '.join(sorted(settings.kinds))}")
    middles = np.array([shapely.LineString(lane_map.centre_points[lane_map.rows(int(lane))]) for lane in lanes])
    smooth = smoothed(t_s, points, settings)
    sigma = np.hypot(smooth.sigma_m, settings.wander_m)
    widest = max(float(lane_map.widths_m(int(lane)).max()) for lane in lanes)
    reach = settings.reach_sigmas * sigma + 0.5 * min(widest, 10.0)
    places = shapely.points(smooth.points)
    sample, which = shapely.STRtree(middles).query(places, predicate="dwithin", distance=reach)
    order = np.lexsort((which, sample))
    sample, which = sample[order], which[order]
    gap = shapely.distance(places[sample], middles[which])
    along = shapely.line_locate_point(middles[which], places[sample])
    toward = np.array([
        float(lane_map.centre(int(lanes[lane])).heading(s)) for lane, s in zip(which, along, strict=True)
    ])  # fmt: skip
    turn = wrap_rad(smooth.yaw_rad[sample] - toward) / np.hypot(smooth.yaw_sigma_rad[sample], settings.turn_rad)
    shared = np.minimum(np.gradient(t_s) / max(settings.window_s, settings.correlation_s), 1.0)
    # an outlier or a reversing car says no more than three sigmas do, an opposite lane as much as five
    score = np.minimum((gap / sigma[sample]) ** 2, 9.0) + np.minimum(turn**2, 25.0)
    score *= -0.5 * shared[sample]  # samples in one window are smoothed from the same positions
    return _Candidates(lanes[which], score, np.searchsorted(sample, np.arange(len(t_s) + 1)))


@dataclass(frozen=True, slots=True, eq=False)
class _Smooth:
    """Positions (N, 2) and headings (N,) of the motion, with 1-sigma (N,) each."""

    points: Floats
    sigma_m: Floats
    yaw_rad: Floats
    yaw_sigma_rad: Floats


def smoothed(t_s: Floats, points: Floats, settings: LaneMatchSettings) -> _Smooth:
    """The motion about each sample as a parabola through the positions of a window, by least squares."""
    first = np.searchsorted(t_s, t_s - settings.window_s - 1e-9)
    last = np.searchsorted(t_s, t_s + settings.window_s + 1e-9, side="right")
    rows = np.array([
        _fitted(t_s[a:b] - t_s[k], points[a:b], points[k], settings)
        for k, (a, b) in enumerate(zip(first, last, strict=True))
    ])  # fmt: skip
    speed = np.hypot(rows[:, 3], rows[:, 4])
    yaw_sigma = np.minimum(rows[:, 5] / np.maximum(speed, 1e-3), math.pi)
    return _Smooth(rows[:, :2], rows[:, 2], np.arctan2(rows[:, 4], rows[:, 3]), yaw_sigma)


def _fitted(ages: Floats, points: Floats, own: Floats, settings: LaneMatchSettings) -> tuple[float, ...]:
    """x, y and their sigma, velocity and its sigma at age 0 of positions (K, 2) at ages (K,); few are not smoothed."""
    alike = 1.0
    if len(ages) > 1 and settings.correlation_s > 0.0:
        alike = max(settings.correlation_s * (len(ages) - 1) / float(ages[-1] - ages[0]), 1.0)
    if len(ages) < 4:
        velocity = np.zeros(2) if len(ages) < 2 else (points[-1] - points[0]) / (ages[-1] - ages[0])
        spread = math.inf if len(ages) < 2 else 1.5 * settings.sigma_m / float(ages[-1] - ages[0])
        return (*own, settings.sigma_m, *velocity, spread)
    powers = np.stack((np.ones(len(ages)), ages, ages**2), axis=1)
    by_point = np.linalg.solve(powers.T @ powers, powers.T)
    place, velocity = (by_point @ points)[:2]
    noise = settings.sigma_m * math.sqrt(alike) * np.hypot.reduce(by_point[:2], axis=1)
    return (*place, min(float(noise[0]), settings.sigma_m), *velocity, float(noise[1]))


# --- where ways lead --------------------------------------------------------------------------------------------------


class _Ways:
    """Log odds of moving from a lane to another within a step, as far as the map shows a way; kept by lane."""

    def __init__(self, lane_map: LaneMap, settings: LaneMatchSettings) -> None:
        self._map, self._settings = lane_map, settings
        self._kept: dict[tuple[int, bool], Mapping[int, float]] = {}
        self.broken = math.log(settings.break_odds)

    def between(self, before: Indices, after: Indices, dt_s: float) -> Floats:
        """Log odds (B, A)."""
        odds = np.full((len(before), len(after)), self.broken)
        change = math.log(min(self._settings.change_hz * dt_s, 0.5))
        for row, lane in enumerate(before.tolist()):
            for beside in (False, True):
                reached = self._reached(lane, beside)
                for column, other in enumerate(after.tolist()):
                    if other in reached:
                        odds[row, column] = max(odds[row, column], change if beside else 0.0)
        return odds

    def _reached(self, lane: int, beside: bool) -> Mapping[int, float]:
        """The lane and those up to three after it; or the same of its neighbours."""
        key = (lane, beside)
        if key not in self._kept:
            begin = [lane]
            if beside:
                begin = [int(side[lane]) for side in (self._map.left_neighbour, self._map.right_neighbour)]
            found = dict.fromkeys((one for one in begin if one >= 0), 0.0)
            edge = list(found)
            for _ in range(3):
                edge = [after for one in edge for after in self._map.successors[one] if after not in found]
                found |= dict.fromkeys(edge, 0.0)
            self._kept[key] = found
        return self._kept[key]


# --- the most probable way --------------------------------------------------------------------------------------------


def _decoded(candidates: _Candidates, samples: Indices, t_s: Floats, ways: _Ways) -> tuple[Indices, Floats]:
    """Rows of the candidates on the best way through the samples (K,), and the probability of each."""
    rows = [np.arange(candidates.start[k], candidates.start[k + 1]) for k in samples]
    said = [candidates.log_likelihood[row] for row in rows]
    lanes = [candidates.lane[row] for row in rows]
    moves = [
        ways.between(lanes[k], lanes[k + 1], float(t_s[samples[k + 1]] - t_s[samples[k]]))
        for k in range(len(samples) - 1)
    ]
    best, back = said[0], []
    forward = [said[0]]
    for move, word in zip(moves, said[1:], strict=True):
        reached = best[:, None] + move
        back.append(np.argmax(reached, axis=0))
        best = reached.max(axis=0) + word
        forward.append(_log_sum(forward[-1][:, None] + move, 0) + word)
    chosen = [int(np.argmax(best))]
    for step in reversed(back):
        chosen.append(int(step[chosen[-1]]))
    chosen.reverse()
    backward = [np.zeros(len(said[-1]))]
    for move, word in zip(reversed(moves), reversed(said[1:]), strict=True):
        backward.append(_log_sum(move + (word + backward[-1])[None, :], 1))
    backward.reverse()
    total = [one + other for one, other in zip(forward, backward, strict=True)]
    probability = [math.exp(one[k] - float(_log_sum(one, 0))) for one, k in zip(total, chosen, strict=True)]
    return np.array([row[k] for row, k in zip(rows, chosen, strict=True)]), np.array(probability)


def _log_sum(values: Floats, axis: int) -> Floats:
    top = values.max(axis=axis)
    summed: Floats = top + np.log(np.exp(values - np.expand_dims(top, axis)).sum(axis=axis))
    return summed
