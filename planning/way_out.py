"""Whether a command leaves a way out: obeyed for a moment and followed by full braking, does it meet anybody? And if
so, does the plan that it follows?

In: the ego, the way it is on (rear-axle poses), others as tracks; all in `odom`, SI. Out: the first track that would be
met. The ego's reachable states are those of a fail-safe manoeuvre on its way (Pek et al. 2020, "Using online
verification to prevent autonomous vehicles from causing accidents"); others go on as they move now, along the road who
is on it, and who brakes brakes to standstill. Sideways they go only as fast as is known for sure: what drives beside is
seen badly, and full braking for an error of its speed is no safety. Whoever runs into the ego from behind does not
count, nor whom the plan as it is passes well clear of, as before somebody who crosses: braking there is what would make
them meet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from bus.messages import Odometry, Tracks, Trajectory
from geometry.angles import Floats
from geometry.boxes import boxes_overlap
from motion.bicycle import Vehicle
from motion.tracking import nearest_on_path
from planning.certainty import SURE, surely_sideways

STEP_S = 0.1
MOST_S = 4.0
STEPS = round(MOST_S / STEP_S) + 1
ALONG_COS = math.cos(math.radians(20.0))
"""Who goes along the way or against it within this angle is on the same road and bends with it; others go straight."""
VX, VY, WAY_S, WAY_YAW = 3, 4, 6, 7
"""Columns of the others."""


@dataclass(frozen=True, slots=True)
class WayOutSettings:
    """How a way out is looked for."""

    obeyed_s: float = 0.25
    """How long the command works before braking does: one cycle and the brakes' lag."""
    braking_mps2: float = 9.0
    existence: float = SURE
    """Tracks less likely to exist than this are not braked for in full."""
    braking_others_mps2: float = 0.5
    """Others that slow down by more than this are taken to go on doing so."""
    sure_sigmas: float = 2.0
    """Sideways others go as fast as is left of their speed less so many 1-sigma."""
    side_m: float = 0.05
    """The ego's box is taken wider by this on both sides."""
    passed_m: tuple[float, float] = (1.0, 0.3)
    """Who is passed at this distance along and across is passed well clear of."""
    on_plan_mps: float = 1.0
    """An ego that is faster or slower than planned by more than this does not follow its plan."""


def stopping_m(speed_mps: float, command_mps2: float, settings: WayOutSettings) -> tuple[Floats, Floats]:
    """Distances and speeds at multiples of STEP_S, from now until the ego stands, each (K,)."""
    obeyed = settings.obeyed_s
    t = np.arange(0.0, MOST_S, STEP_S)
    first = np.minimum(t, obeyed)
    then = np.maximum(t - obeyed, 0.0)
    at_end = max(speed_mps + command_mps2 * obeyed, 0.0)
    early = np.maximum(speed_mps + command_mps2 * first, 0.0)
    late = np.maximum(at_end - settings.braking_mps2 * then, 0.0)
    speed = np.where(t <= obeyed, early, late)
    distance = np.concatenate(([0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]) * STEP_S)))
    moving = int(np.searchsorted(-speed, 0.0)) + 1  # the first instant at which it stands is the last
    return distance[:moving], speed[:moving]


def first_met(
    ego: Odometry, way: Trajectory, tracks: Tracks, age_s: float, command_mps2: float, vehicle: Vehicle,
    settings: WayOutSettings,
) -> int:  # fmt: skip
    """Row of the first track that the ego would meet, -1 where there is a way out.

    Args:
        ego: where it is and how fast.
        way: the plan, whose path the ego is on.
        tracks: the others, as they were `age_s` ago.
        age_s: age of the tracks.
        command_mps2: acceleration that is commanded.
        vehicle: the ego's box.
        settings: see there.
    """
    rows = np.flatnonzero(tracks.existence >= settings.existence)
    if not len(rows):
        return -1
    distance, _ = stopping_m(ego.speed_mps, command_mps2, settings)
    line, others_mps2 = _line(way), settings.braking_others_mps2
    boxes = _along(ego, way, line, distance, vehicle)
    box = (vehicle.length_m, vehicle.width_m + 2.0 * settings.side_m)
    sizes = np.stack((tracks.length_m, tracks.width_m), axis=-1)[rows]
    said = _others(tracks, line)[rows]
    sure = _foretold(_surely(said, tracks.covariance[rows], settings.sure_sigmas), line, age_s, others_mps2)
    found = _first_met(boxes, *box, sure, sizes)
    planned = _planned(ego, way, vehicle, settings)
    if found >= 0 and len(planned) >= len(boxes):
        along, across = settings.passed_m
        wide = (vehicle.length_m + 2.0 * along, vehicle.width_m + 2.0 * across)
        # Who is seen to leave the way but may as well stand there is not passed.
        passed = _passed(planned, *wide, _foretold(said, line, age_s, others_mps2), sizes)
        passed &= _passed(planned, *wide, sure, sizes)
        rows, sure, sizes = rows[~passed], sure[~passed], sizes[~passed]
        found = _first_met(boxes, *box, sure, sizes)
    return int(rows[found]) if found >= 0 else -1


def _line(way: Trajectory) -> Floats:
    """The plan's points as rows of arc length, place and heading (unwrapped), (K, 4); one point at least two times."""
    s = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(way.x_m), np.diff(way.y_m)))))
    line = np.stack((s, way.x_m, way.y_m, np.unwrap(way.yaw_rad)), axis=-1)
    return line if len(line) > 1 else np.concatenate((line, line))


def _others(tracks: Tracks, line: Floats) -> Floats:
    """The tracks as rows of place, heading, velocity, acceleration, and arc length and heading of the way there,
    (N, 8)."""
    t = tracks
    columns = (t.x_m, t.y_m, t.yaw_rad, t.vx_mps, t.vy_mps, t.acceleration_mps2)
    return np.column_stack((*columns, _beside(line, t.x_m, t.y_m)))


def _surely(others: Floats, covariance: Floats, sigmas: float) -> Floats:
    """The others, across the way only as fast as is sure."""
    sure = others.copy()
    sure[:, VX], sure[:, VY] = surely_sideways(others[:, VX], others[:, VY], covariance, others[:, WAY_YAW], sigmas)
    return sure


@njit(cache=True)
def _beside(line, x, y):  # type: ignore[no-untyped-def]
    """Arc length and heading of the way (N, 2) where it passes places (N,); before its begin it is straight."""
    found = np.empty((len(x), 2))
    for row in range(len(x)):
        index, share, _ = nearest_on_path(x[row], y[row], line[:, 1], line[:, 2])
        s = line[index, 0] + share * (line[index + 1, 0] - line[index, 0])
        if s <= 0.0:
            yaw = line[0, 3]
            s = min((x[row] - line[0, 1]) * math.cos(yaw) + (y[row] - line[0, 2]) * math.sin(yaw), 0.0)
        found[row, 0], found[row, 1] = s, np.interp(s, line[:, 0], line[:, 3])
    return found


@njit(cache=True)
def _foretold(others, line, age_s, braking_mps2):  # type: ignore[no-untyped-def]
    """Middle and heading of the others, who were there `age_s` ago, at multiples of STEP_S from now: (N, STEPS, 3).

    Who goes along the way or against it turns as the way does where it goes.
    """
    found = np.empty((len(others), STEPS, 3))
    s, yaw = line[:, 0], line[:, 3]
    for row in range(len(others)):
        other = others[row]
        x, y, course, gone_m = other[0], other[1], math.atan2(other[VY], other[VX]), 0.0
        agrees = math.cos(course - other[WAY_YAW])
        side = 1.0 if agrees > ALONG_COS else -1.0 if agrees < -ALONG_COS else 0.0
        for k in range(STEPS):
            before_m, gone_m = gone_m, _gone(other, age_s + k * STEP_S, braking_mps2)
            middle, turned = 0.0, 0.0
            if side != 0.0:
                middle = np.interp(other[WAY_S] + side * 0.5 * (before_m + gone_m), s, yaw) - other[WAY_YAW]
                turned = np.interp(other[WAY_S] + side * gone_m, s, yaw) - other[WAY_YAW]
            x += (gone_m - before_m) * math.cos(course + middle)
            y += (gone_m - before_m) * math.sin(course + middle)
            found[row, k, 0], found[row, k, 1], found[row, k, 2] = x, y, other[2] + turned
    return found


@njit(cache=True)
def _gone(other, after_s, braking_mps2):  # type: ignore[no-untyped-def]
    """How far somebody goes in a time."""
    speed, braking = math.hypot(other[VX], other[VY]), -other[5]
    if braking <= braking_mps2:
        return speed * after_s
    brakes_s = min(after_s, speed / braking)
    return speed * brakes_s - 0.5 * braking * brakes_s * brakes_s


@njit(cache=True)
def _first_met(boxes, length, width, others, sizes):  # type: ignore[no-untyped-def]
    for k in range(1, len(boxes)):
        x0, y0, yaw = boxes[k, 0], boxes[k, 1], boxes[k, 2]
        for row in range(len(others)):
            if _is_behind(boxes[0], length, others[row, 0], sizes[row, 0]):
                continue
            x, y, heading = others[row, k, 0], others[row, k, 1], others[row, k, 2]
            if (x - x0) * math.cos(yaw) + (y - y0) * math.sin(yaw) > 0.0 and boxes_overlap(
                x0, y0, yaw, length, width, x, y, heading, sizes[row, 0], sizes[row, 1]
            ):
                return row
    return -1


@njit(cache=True)
def _passed(boxes, length, width, others, sizes):  # type: ignore[no-untyped-def]
    """Which of the others never come to the boxes at their instants, (N,)."""
    passed = np.ones(len(others), dtype=np.bool_)
    for row in range(len(others)):
        for k in range(len(boxes)):
            if boxes_overlap(
                boxes[k, 0], boxes[k, 1], boxes[k, 2], length, width, others[row, k, 0], others[row, k, 1],
                others[row, k, 2], sizes[row, 0], sizes[row, 1],
            ):  # fmt: skip
                passed[row] = False
                break
    return passed


@njit(cache=True)
def _is_behind(ego, length, other, other_length):  # type: ignore[no-untyped-def]
    """Whether somebody is behind the ego's box now: who then comes through it runs into it."""
    ahead = (other[0] - ego[0]) * math.cos(ego[2]) + (other[1] - ego[1]) * math.sin(ego[2])
    return ahead < -0.5 * (length + other_length)


def _along(ego: Odometry, way: Trajectory, line: Floats, distance_m: Floats, vehicle: Vehicle) -> Floats:
    """Centre and heading of the ego's box (K, 3) after distances on its way, beside which it stays as far as it is."""
    pose, s = ego.odom_from_ego, line[:, 0]
    index, share, offset = nearest_on_path(pose.x_m, pose.y_m, way.x_m, way.y_m)
    here = s[index] + share * (s[index + 1] - s[index])
    at = here + distance_m
    beyond = np.maximum(at - s[-1], 0.0)  # past the plan's end the way goes straight on
    yaw = np.interp(at, s, line[:, 3])
    x = np.interp(at, s, way.x_m) + beyond * np.cos(yaw) - offset * np.sin(yaw) + vehicle.centre_x_m * np.cos(yaw)
    y = np.interp(at, s, way.y_m) + beyond * np.sin(yaw) + offset * np.cos(yaw) + vehicle.centre_x_m * np.sin(yaw)
    return np.stack((x, y, yaw), axis=-1)


def _planned(ego: Odometry, way: Trajectory, vehicle: Vehicle, settings: WayOutSettings) -> Floats:
    """Centre and heading of the ego's box (K, 3) at multiples of STEP_S as it was planned; none where the ego is not as
    fast as that."""
    pose = ego.odom_from_ego
    index, share, _ = nearest_on_path(pose.x_m, pose.y_m, way.x_m, way.y_m)
    here_s = way.t_s[index] + share * (way.t_s[min(index + 1, len(way.t_s) - 1)] - way.t_s[index])
    if abs(ego.speed_mps - float(np.interp(here_s, way.t_s, way.speed_mps))) > settings.on_plan_mps:
        return np.empty((0, 3))
    t = np.arange(here_s, min(here_s + MOST_S, way.t_s[-1]), STEP_S)
    x, y, yaw = (np.interp(t, way.t_s, column) for column in (way.x_m, way.y_m, np.unwrap(way.yaw_rad)))
    return np.stack((x + vehicle.centre_x_m * np.cos(yaw), y + vehicle.centre_x_m * np.sin(yaw), yaw), axis=-1)
