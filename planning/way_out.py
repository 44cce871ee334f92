"""Whether a command leaves a way out: obeyed for a moment and followed by full braking, does it meet anybody?

In: the ego, the way it is on (rear-axle poses), others as tracks; all in `odom`, SI. Out: the first track that would be
met. The ego's reachable states are those of a fail-safe manoeuvre on its way (Pek et al. 2020, "Using online
verification to prevent autonomous vehicles from causing accidents"); others go on as they move now, and who brakes
brakes to standstill. Sideways they go only as fast as is known for sure: what drives beside is seen badly, and full
braking for an error of its speed is no safety. Whoever runs into the ego from behind does not count.
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

STEP_S = 0.1
MOST_S = 4.0


@dataclass(frozen=True, slots=True)
class WayOutSettings:
    """How a way out is looked for."""

    obeyed_s: float = 0.25
    """How long the command works before braking does: one cycle and the brakes' lag."""
    braking_mps2: float = 9.0
    existence: float = 0.5
    """Tracks less likely to exist than this are not minded."""
    braking_others_mps2: float = 0.5
    """Others that slow down by more than this are taken to go on doing so."""
    sure_sigmas: float = 2.0
    """Sideways others go as fast as is left of their speed less so many 1-sigma."""
    side_m: float = 0.05
    """The ego's box is taken wider by this on both sides."""


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
    distance, _ = stopping_m(ego.speed_mps, command_mps2, settings)
    rows = np.flatnonzero(tracks.existence >= settings.existence)
    vx_mps, vy_mps = _surely_sideways(tracks, ego.odom_from_ego.yaw_rad, settings.sure_sigmas)
    columns = (
        tracks.x_m, tracks.y_m, tracks.yaw_rad, vx_mps, vy_mps, tracks.acceleration_mps2, tracks.length_m,
        tracks.width_m,
    )  # fmt: skip
    others = np.stack([column[rows] for column in columns], axis=-1)
    if not len(rows):
        return -1
    boxes = _along(ego, way, distance, vehicle)
    found = _first_met(
        boxes, vehicle.length_m, vehicle.width_m + 2.0 * settings.side_m, others, age_s, settings.braking_others_mps2
    )
    return int(rows[found]) if found >= 0 else -1


def _surely_sideways(tracks: Tracks, heading_rad: float, sigmas: float) -> tuple[Floats, Floats]:
    """Velocities of the tracks; across the heading, what is left of them less so many 1-sigma."""
    aside = np.array((-math.sin(heading_rad), math.cos(heading_rad)))
    across = aside[0] * tracks.vx_mps + aside[1] * tracks.vy_mps
    spread = np.sqrt(np.maximum(np.einsum("i,nij,j->n", aside, tracks.covariance[:, 2:, 2:], aside), 0.0))
    less = np.sign(across) * np.minimum(np.abs(across), sigmas * spread)
    return tracks.vx_mps - less * aside[0], tracks.vy_mps - less * aside[1]


@njit(cache=True)
def _first_met(boxes, length, width, others, age_s, braking_mps2):  # type: ignore[no-untyped-def]
    for k in range(1, len(boxes)):
        x0, y0, yaw = boxes[k, 0], boxes[k, 1], boxes[k, 2]
        for row in range(len(others)):
            if _is_behind(boxes[0], length, others[row], age_s):
                continue
            x, y = _moved(others[row], age_s + k * STEP_S, braking_mps2)
            if (x - x0) * math.cos(yaw) + (y - y0) * math.sin(yaw) > 0.0 and boxes_overlap(
                x0, y0, yaw, length, width, x, y, others[row, 2], others[row, 6], others[row, 7]
            ):
                return row
    return -1


@njit(cache=True)
def _is_behind(ego, length, other, age_s):  # type: ignore[no-untyped-def]
    """Whether somebody is behind the ego's box now: who then comes through it runs into it."""
    x, y = other[0] + age_s * other[3], other[1] + age_s * other[4]
    return (x - ego[0]) * math.cos(ego[2]) + (y - ego[1]) * math.sin(ego[2]) < -0.5 * (length + other[6])


@njit(cache=True)
def _moved(other, after_s, braking_mps2):  # type: ignore[no-untyped-def]
    """Where a track's middle is after a time."""
    vx, vy, braking = other[3], other[4], -other[5]
    speed = math.hypot(vx, vy)
    gone_s = after_s
    if braking > braking_mps2 and speed > 0.0:
        stands_s = min(after_s, speed / braking)
        gone_s = stands_s - 0.5 * braking * stands_s * stands_s / speed
    return other[0] + gone_s * vx, other[1] + gone_s * vy


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
