"""How fast a pose may be driven on: slowly, and at last at walking pace, towards a bend that is not known where.

In: the plan (in `odom`), the ego on it, the pose with its covariance. Out: the highest speed now. Along a straight road
an error along the road does no harm, and in a gentle curve the lines of the road take it back in time; where the road
turns within a few metres, as at a junction, it becomes an error across the road before anything is seen of it. What
counts is therefore the spread across the ego, and the spread along it times the sine of the turn to come.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bus.messages import Odometry, PoseEstimate, Trajectory
from geometry.angles import Floats
from motion.tracking import nearest_on_path


@dataclass(frozen=True, slots=True)
class DoubtSettings:
    """A place is known to `sigmas` times its spread: 3 is one in 370.

    Up to `narrow_m` across the road, the room that a car has in its lane, the doubt does not count; from `wide_m` on
    the car goes at `creep_mps`, a walking pace, at which lines, stop lines and signs have time to tell the place; in
    between at up to `slow_mps`, as in a turn. It is slowed by `slowing_mps2`. `turn_m`: over so much of the way a turn
    is driven before anything is seen of its lines.
    """

    sigmas: float = 3.0
    narrow_m: float = 1.2
    wide_m: float = 2.4
    creep_mps: float = 1.5
    slow_mps: float = 8.0
    slowing_mps2: float = 2.0
    turn_m: float = 12.0
    margin_mps: float = 0.3
    """So near to what it allows a speed is said to be held back by the doubt."""


def pace_mps(plan: Trajectory, ego: Odometry, pose: PoseEstimate, settings: DoubtSettings) -> float:
    """The highest speed that a pose allows on a plan; infinite where it is known well enough."""
    yaw = pose.world_from_odom.yaw_rad + ego.odom_from_ego.yaw_rad
    along_m = settings.sigmas * _spread_m(pose.covariance, math.cos(yaw), math.sin(yaw))
    across_m = settings.sigmas * _spread_m(pose.covariance, -math.sin(yaw), math.cos(yaw))
    here_mps = float(_allowed_mps(np.array((across_m,)), settings)[0])
    if along_m <= settings.narrow_m or len(plan.x_m) < 2:
        return here_mps
    to_m, turn_rad = _turns(plan, ego, settings.turn_m)
    there_mps = _allowed_mps(along_m * np.sin(np.minimum(turn_rad, 0.5 * math.pi)), settings)
    # the turn may begin nearer by as much as the place is not known
    braking_m = np.maximum(to_m - along_m, 0.0)
    pace_mps = np.sqrt(there_mps**2 + 2.0 * settings.slowing_mps2 * braking_m)
    return min(here_mps, float(pace_mps.min(where=to_m > 0.0, initial=math.inf)))


def _spread_m(covariance: Floats, ux: float, uy: float) -> float:
    """1-sigma along a unit vector of a place with covariance (3, 3) of x, y, yaw."""
    p = covariance
    return math.sqrt(max(float(ux * ux * p[0, 0] + 2.0 * ux * uy * p[0, 1] + uy * uy * p[1, 1]), 0.0))


def _turns(plan: Trajectory, ego: Odometry, turn_m: float) -> tuple[Floats, Floats]:
    """For each point of the plan (K,): how far ahead it lies, and by how much the last `turn_m` before it turn."""
    pose = ego.odom_from_ego
    steps = np.hypot(np.diff(plan.x_m), np.diff(plan.y_m))
    s_m = np.concatenate(([0.0], np.cumsum(steps)))
    index, share, _ = nearest_on_path(pose.x_m, pose.y_m, plan.x_m, plan.y_m)
    yaw = np.unwrap(plan.yaw_rad)
    turn = yaw - np.interp(s_m - turn_m, s_m, yaw)
    return s_m - (s_m[index] + share * steps[index]), np.abs(turn)


def _allowed_mps(doubt_m: Floats, settings: DoubtSettings) -> Floats:
    """The speed that a doubt across the road (N,) allows."""
    share = (settings.wide_m - doubt_m) / (settings.wide_m - settings.narrow_m)
    between = settings.creep_mps + np.clip(share, 0.0, 1.0) * (settings.slow_mps - settings.creep_mps)
    return np.where(doubt_m <= settings.narrow_m, math.inf, between)
