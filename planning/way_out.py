"""Whether a command leaves a way out: obeyed for a moment and followed by full braking, does it meet anybody? And if
so, does the plan that it follows?

In: the ego, the way it is on (rear-axle poses), others as tracks; all in `odom`, SI. Out: the first track that would be
met. The ego's reachable states are those of a fail-safe manoeuvre on its way (Pek et al. 2020, "Using online
verification to prevent autonomous vehicles from causing accidents"); others go on as they move now, and who brakes
brakes to standstill. Who turns may go on turning or straight on: he is met only if both ways meet. Sideways they go
only as fast as is known for sure: what drives beside is seen badly, and full braking for an error of its speed is no
safety. Whoever runs into the ego from behind does not count, nor whom the plan as it is passes well clear of, as before
somebody who crosses: braking there is what would make them meet.
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
TURNS_MPS = 2.0
"""From this speed on a yaw rate is that of an arc."""
VX, VY, ACCELERATION, BEND = 3, 4, 5, 6
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
    boxes, motion = _along(ego, way, distance, vehicle), (age_s, settings.braking_others_mps2)
    box = (vehicle.length_m, vehicle.width_m + 2.0 * settings.side_m)
    sizes = np.stack((tracks.length_m, tracks.width_m), axis=-1)[rows]
    sure = _others(tracks, *surely_sideways(
        tracks.vx_mps, tracks.vy_mps, tracks.covariance, ego.odom_from_ego.yaw_rad, settings.sure_sigmas
    ))[rows]  # fmt: skip
    straight = _foretold(sure, *motion, False)
    met_at = _met_at(boxes, *box, straight, sizes)
    if met_at.min() == STEPS:
        return -1
    met_at[_met_at(boxes, *box, _foretold(sure, *motion, True), sizes) == STEPS] = STEPS
    planned = _planned(ego, way, vehicle, settings)
    if met_at.min() < STEPS and len(planned) >= len(boxes):
        said = _others(tracks, tracks.vx_mps, tracks.vy_mps)[rows]
        along, across = settings.passed_m
        wide = (vehicle.length_m + 2.0 * along, vehicle.width_m + 2.0 * across)
        # Who is seen to leave the way but may as well stand there is not passed.
        passed = _passed(planned, *wide, _foretold(said, *motion, False), sizes)
        met_at[passed & _passed(planned, *wide, straight, sizes)] = STEPS
    first = int(met_at.argmin())
    return int(rows[first]) if met_at[first] < STEPS else -1


def _others(tracks: Tracks, vx_mps: Floats, vy_mps: Floats) -> Floats:
    """The tracks as rows of place, heading, velocity, acceleration and curvature, (N, 7)."""
    t, speed = tracks, np.hypot(vx_mps, vy_mps)
    bend = np.where(speed > TURNS_MPS, t.yaw_rate_radps / np.maximum(speed, TURNS_MPS), 0.0)
    return np.stack((t.x_m, t.y_m, t.yaw_rad, vx_mps, vy_mps, t.acceleration_mps2, bend), axis=-1)


@njit(cache=True)
def _foretold(others, age_s, braking_mps2, bends):  # type: ignore[no-untyped-def]
    """Middle and heading of the others, who were there `age_s` ago, at multiples of STEP_S from now: (N, STEPS, 3).

    They go straight on or, if it `bends`, on the arc on which they are.
    """
    found = np.empty((len(others), STEPS, 3))
    for row in range(len(others)):
        other = others[row]
        x, y, course, gone_m = other[0], other[1], math.atan2(other[VY], other[VX]), 0.0
        bend = other[BEND] if bends else 0.0
        for k in range(STEPS):
            before_m, gone_m = gone_m, _gone(other, age_s + k * STEP_S, braking_mps2)
            middle = course + 0.5 * bend * (before_m + gone_m)
            x += (gone_m - before_m) * math.cos(middle)
            y += (gone_m - before_m) * math.sin(middle)
            found[row, k, 0], found[row, k, 1], found[row, k, 2] = x, y, other[2] + bend * gone_m
    return found


@njit(cache=True)
def _gone(other, after_s, braking_mps2):  # type: ignore[no-untyped-def]
    """How far somebody goes in a time."""
    speed, braking = math.hypot(other[VX], other[VY]), -other[ACCELERATION]
    if braking <= braking_mps2:
        return speed * after_s
    brakes_s = min(after_s, speed / braking)
    return speed * brakes_s - 0.5 * braking * brakes_s * brakes_s


@njit(cache=True)
def _met_at(boxes, length, width, others, sizes):  # type: ignore[no-untyped-def]
    """At which of the boxes the ego first meets each of the others, (N,); STEPS: nowhere, or it is run into."""
    found = np.full(len(others), STEPS)
    for row in range(len(others)):
        if _is_behind(boxes[0], length, others[row, 0], sizes[row, 0]):
            continue
        for k in range(1, len(boxes)):
            x0, y0, yaw = boxes[k, 0], boxes[k, 1], boxes[k, 2]
            x, y, heading = others[row, k, 0], others[row, k, 1], others[row, k, 2]
            if (x - x0) * math.cos(yaw) + (y - y0) * math.sin(yaw) > 0.0 and boxes_overlap(
                x0, y0, yaw, length, width, x, y, heading, sizes[row, 0], sizes[row, 1]
            ):
                found[row] = k
                break
    return found


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


def _along(ego: Odometry, way: Trajectory, distance_m: Floats, vehicle: Vehicle) -> Floats:
    """Centre and heading of the ego's box (K, 3) after distances on its way, beside which it stays as far as it is."""
    pose = ego.odom_from_ego
    steps = np.hypot(np.diff(way.x_m), np.diff(way.y_m))
    s = np.concatenate(([0.0], np.cumsum(steps)))
    index, share, offset = nearest_on_path(pose.x_m, pose.y_m, way.x_m, way.y_m)
    here = s[index] + share * steps[index]
    at = here + distance_m
    beyond = np.maximum(at - s[-1], 0.0)  # past the plan's end the way goes straight on
    yaw = np.interp(at, s, np.unwrap(way.yaw_rad))
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
