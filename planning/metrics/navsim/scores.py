"""Sub-scores of P simulated proposals at once, each with the step at which something is lost.

Names and rules as in NAVSIM's PDM scorer (Dauner et al. 2024, "NAVSIM: Data-driven non-reactive autonomous vehicle
simulation and benchmarking"): proposals are states of the rear axle at 0.1 s, others move as forecast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from geometry.angles import Floats
from geometry.boxes import box_corners, boxes_overlap
from geometry.polyline import Polyline
from motion.bicycle import Vehicle
from motion.lqr_tracker import ACCELERATION, YAW, X, Y
from planning.metrics.intervals import stretches
from planning.metrics.navsim.lane_area import LaneArea
from planning.metrics.nuplan.comfort import BOUNDS

STANDING_MPS, TTC_STANDING_MPS = 0.05, 0.005
AHEAD_RAD, BEHIND_RAD = math.radians(30.0), math.radians(150.0)
TTC_STEPS = (0, 3, 6, 9)
COMPLIANT_M, VIOLATION_M = 2.0, 6.0
LEAST_PROGRESS_M = 5.0
"""Where nobody gets further than this, progress is not compared."""
NEVER = -1


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Boxes of N others at K instants of 0.1 s, (K, N) each; later than that they stay. `static` (N,) are things."""

    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats
    length_m: Floats
    width_m: Floats
    static: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class SubScores:
    """Scores (P,) in [0, 1] and the steps (P,) at which they were lost (`NEVER` where they were not).

    `hit` (P,) is the column of whom the ego first collides with by its fault; `progress_m` (P,) along the centre line.
    """

    no_collision: Floats
    collision_step: NDArray[np.int64]
    hit: NDArray[np.int64]
    drivable_area: Floats
    drivable_step: NDArray[np.int64]
    direction: Floats
    direction_step: NDArray[np.int64]
    time_to_collision: Floats
    ttc_step: NDArray[np.int64]
    comfort: Floats
    comfort_step: NDArray[np.int64]
    progress_m: Floats

    @property
    def multiplied(self) -> Floats:
        """Product of those that multiply the score, (P,)."""
        return self.no_collision * self.drivable_area * self.direction


def sub_scores(
    states: Floats, vehicle: Vehicle, forecast: Forecast, area: LaneArea, centre_line: Polyline, dt_s: float = 0.1
) -> SubScores:
    """Judge proposals.

    Args:
        states: shape (P, T, 8), columns of `motion.lqr_tracker.COLUMNS`.
        vehicle: the ego.
        forecast: where the others will be, aligned with T.
        area: lanes around the ego.
        centre_line: progress is measured along it.
        dt_s: time between two states.
    """
    centre = centres_of(states, vehicle)
    corners = box_corners(
        centre[..., 0], centre[..., 1], states[..., YAW], np.asarray(vehicle.length_m), np.asarray(vehicle.width_m)
    )
    lanes = area.lanes_at(corners.reshape(-1, 2)).reshape(*corners.shape[:3], -1)
    centre_lanes = area.lanes_at(centre.reshape(-1, 2)).reshape(*centre.shape[:2], -1)
    off_road: NDArray[np.bool_] = np.logical_or.reduce(lanes[..., 0] < 0, axis=2)
    aside = off_road | _several_lanes(lanes)
    crossing = _any_lane(centre_lanes, area.junction)
    boxes = (forecast.x_m, forecast.y_m, forecast.yaw_rad, forecast.speed_mps, forecast.length_m, forecast.width_m)
    size = (float(vehicle.length_m), float(vehicle.width_m))
    score, steps, hit, seen = _collisions(states, centre, size, boxes, forecast.static, aside)
    ttc_steps = _ttc_steps(states, centre, size, boxes, aside | crossing, seen, np.array(TTC_STEPS), dt_s)
    drivable_step = _first(off_road)
    direction, direction_step = _direction(centre, ~(_any_lane(centre_lanes, area.on_route) | crossing))
    uncomfortable = _uncomfortable(states, dt_s)
    ends = centre_line.project(np.concatenate((centre[:, 0], centre[:, -1])))[0].reshape(2, -1)
    return SubScores(
        score, steps, hit, np.where(drivable_step < 0, 1.0, 0.0), drivable_step, direction, direction_step,
        np.where(ttc_steps < 0, 1.0, 0.0), ttc_steps, np.where(uncomfortable.any(axis=1), 0.0, 1.0),
        _first(uncomfortable), ends[1] - ends[0],
    )  # fmt: skip


def centres_of(states: Floats, vehicle: Vehicle) -> Floats:
    """Box centres (P, T, 2) of states."""
    ahead, yaw = vehicle.centre_x_m, states[..., YAW]
    return np.stack((states[..., X] + ahead * np.cos(yaw), states[..., Y] + ahead * np.sin(yaw)), axis=-1)


def compared_progress(scores: SubScores, least_m: float = LEAST_PROGRESS_M) -> Floats:
    """Progress of each proposal against the best one that breaks no rule, (P,) in [0, 1]."""
    earned = np.maximum(scores.progress_m, 0.0) * scores.multiplied
    best = float(earned.max(initial=0.0))
    if best <= least_m:
        return np.where(scores.multiplied > 0.0, 1.0, 0.0)
    return np.clip(earned / best, 0.0, 1.0)


def _first(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First True per row of (P, T), `NEVER` without one."""
    return np.where(mask.any(axis=1), np.argmax(mask, axis=1), NEVER).astype(np.int64)


def _any_lane(lanes: NDArray[np.int64], wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether one of the lanes (..., K) is wanted."""
    return np.asarray((wanted[np.maximum(lanes, 0)] & (lanes >= 0)).any(axis=-1))


def _several_lanes(lanes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether corners (..., 4, K) lie on several lanes and no lane holds all four."""
    first = lanes[..., 0, :]
    shared = [(lanes[..., c, None, :] == first[..., None]).any(axis=-1) for c in range(1, 4)]
    one = (first >= 0) & shared[0] & shared[1] & shared[2]
    top, low = lanes.max(axis=(-1, -2)), np.where(lanes < 0, np.iinfo(np.int64).max, lanes).min(axis=(-1, -2))
    return np.asarray(~one.any(axis=-1) & (top > low))


def _direction(centre: Floats, against: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.int64]]:
    """Score and step: how far a proposal drives in one go where no lane of its route is."""
    step_m = np.hypot(*np.moveaxis(np.diff(centre, axis=1), -1, 0))
    score, steps = np.ones(len(centre)), np.full(len(centre), NEVER, dtype=np.int64)
    for p in np.flatnonzero(against.any(axis=1)):
        for first, last in stretches(against[p]):
            way_m = float(step_m[p, max(first - 1, 0) : last].sum())
            value = 1.0 if way_m < COMPLIANT_M else 0.5 if way_m < VIOLATION_M else 0.0
            if value < score[p]:
                score[p], steps[p] = value, first
    return score, steps


def _uncomfortable(states: Floats, dt_s: float) -> NDArray[np.bool_]:
    """Where a smoothed signal leaves the bounds of the nuPlan score, (P, T). Simulated states have no lateral one."""
    out = np.zeros(states.shape[:2], dtype=bool)
    for name, series in comfort_signals(states, dt_s).items():
        out |= (series <= BOUNDS[name].low) | (series >= BOUNDS[name].high)
    return out


def comfort_signals(states: Floats, dt_s: float) -> Mapping[str, Floats]:
    """Smoothed acceleration, jerk, yaw rate and yaw acceleration, (P, T) each."""
    steps = states.shape[1]

    def smooth(series: Floats, window: int, order: int, derivative: int = 0) -> Floats:
        filtered = savgol_filter(series, min(window, steps), order, deriv=derivative, delta=dt_s, axis=-1)
        return np.asarray(filtered, dtype=np.float64)

    acceleration = smooth(states[..., ACCELERATION], 8, 2)
    magnitude = smooth(np.abs(states[..., ACCELERATION]), 8, 2)
    heading = np.unwrap(states[..., YAW], axis=-1)
    return {
        "lon_acc": acceleration,
        "jerk": smooth(magnitude, 15, 2, 1),
        "lon_jerk": smooth(acceleration, 15, 2, 1),
        "yaw_rate": smooth(heading, 5, 2, 1),
        "yaw_acc": smooth(heading, 5, 3, 2),
    }


@njit(cache=True)
def _bearing(x, y, yaw, other_x, other_y):  # type: ignore[no-untyped-def]
    angle = math.atan2(other_y - y, other_x - x) - yaw
    return abs((angle + math.pi) % (2.0 * math.pi) - math.pi)


@njit(cache=True)
def _collisions(states, centre, size, boxes, static, aside):  # type: ignore[no-untyped-def]
    """Score, step and other of each proposal's first at-fault collision; the step from which others are touched."""
    x, y, yaw, speed, other_length, other_width = boxes
    proposals, steps, others, last = len(states), states.shape[1], x.shape[1], len(x) - 1
    score, when, who = np.ones(proposals), np.full(proposals, -1), np.full(proposals, -1)
    seen = np.full((proposals, others), steps + 1)
    for p in range(proposals):
        for n in range(others):
            for i in range(steps):
                k = min(i, last)
                cx, cy, heading = centre[p, i, 0], centre[p, i, 1], states[p, i, 2]
                other = (x[k, n], y[k, n], yaw[k, n], other_length[n], other_width[n])
                if not boxes_overlap(
                    cx, cy, heading, size[0], size[1], other[0], other[1], other[2], other[3], other[4]
                ):
                    continue
                seen[p, n] = i
                # Who is touched already now is not the proposal's doing.
                stands = static[n] or speed[k, n] <= STANDING_MPS
                if i > 0 and _at_fault(states[p, i], cx, cy, size, other, stands, aside[p, i]):
                    score[p] = min(score[p], 0.5 if static[n] else 0.0)
                    if when[p] < 0 or i < when[p]:
                        when[p], who[p] = i, n
                break
    return score, when, who, seen


@njit(cache=True)
def _at_fault(state, cx, cy, size, other, stands, aside):  # type: ignore[no-untyped-def]
    """Whether a contact is the ego's doing: it moves, and hits what stands, with its front, or between lanes."""
    if state[3] <= STANDING_MPS:
        return False
    if stands:
        return True
    if _bearing(state[0], state[1], state[2], other[0], other[1]) > BEHIND_RAD:
        return False
    nose_x, nose_y = cx + 0.5 * size[0] * math.cos(state[2]), cy + 0.5 * size[0] * math.sin(state[2])
    front = boxes_overlap(nose_x, nose_y, state[2], 0.0, size[1], other[0], other[1], other[2], other[3], other[4])
    return front or aside


@njit(cache=True)
def _ttc_steps(states, centre, size, boxes, aside, seen, offsets, dt):  # type: ignore[no-untyped-def]
    """First step at which the ego, driven on straight, would touch somebody it must mind; -1 where it would not.

    Who would be touched but need not be minded is not looked at any more, as in the reference.
    """
    out = np.full(len(states), -1)
    for p in range(len(states)):
        dropped = seen[p] == 0
        for i in range(states.shape[1]):
            if states[p, i, 3] >= TTC_STANDING_MPS and out[p] < 0:
                ego = (states[p, i], centre[p, i], size, aside[p, i])
                for offset in offsets:
                    if _touches_minded(ego, boxes, i + offset, offset * dt, dropped):
                        out[p] = i
    return out


@njit(cache=True)
def _touches_minded(ego, boxes, step, ahead_s, dropped):  # type: ignore[no-untyped-def]
    """Whether the ego, `ahead_s` further on, touches somebody it must mind; marks the others that it touches."""
    state, centre, size, aside = ego
    x, y, yaw, _, length, width = boxes
    k, way = min(step, len(x) - 1), state[3] * ahead_s
    px, py = centre[0] + way * math.cos(state[2]), centre[1] + way * math.sin(state[2])
    found = False
    for n in range(x.shape[1]):
        if dropped[n] or not boxes_overlap(
            px, py, state[2], size[0], size[1], x[k, n], y[k, n], yaw[k, n], length[n], width[n]
        ):
            continue
        angle = _bearing(state[0], state[1], state[2], x[k, n], y[k, n])
        if angle < AHEAD_RAD or (aside and angle <= BEHIND_RAD):
            found = True
        else:
            dropped[n] = True
    return found
