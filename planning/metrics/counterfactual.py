"""The same drive with another foot on the pedals: the ego moves on along its path, the others move as recorded.

In: a view and the sample from which the ego drives differently. Out: whether, when and whom it touches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.boxes import boxes_overlap
from planning.metrics.intervals import bridged, stretches
from planning.metrics.lane_view import LaneView

EXTENSION_M = 400.0
"""How far the path goes on along the lane where the ego has stopped or its record ends."""

SAME_BRAKING_S = 0.5
"""Two strong brakings closer than this are one manoeuvre."""


@dataclass(frozen=True, slots=True, eq=False)
class EgoPath:
    """Where the rear axle is after `u_m` of travel: P samples in `world`, heading unwrapped."""

    u_m: Floats
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats


@dataclass(frozen=True, slots=True)
class Touch:
    """The first contact of a counterfactual drive: sample of the record and column of the other."""

    index: int
    column: int


def ego_path(view: LaneView, index: int) -> EgoPath:
    """The recorded path from a sample on, as long as it is judged, then along the lane at the last offset."""
    ego = view.rollout.ego
    after = np.flatnonzero(view.judged)
    last = max(int(after[-1]), index) if len(after) else index
    x, y, yaw = (v[index : last + 1] for v in (ego.x_m, ego.y_m, ego.yaw_rad))
    yaw = np.unwrap(yaw)
    travelled = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))))
    keep = np.concatenate(([True], np.diff(travelled) > 1e-4))
    path = view.corridor.path
    s, d = (float(v[0]) for v in path.project(np.array([[x[-1], y[-1]]])))
    beyond = np.arange(1.0, EXTENSION_M)
    points, heading = path.position(s + beyond, d), path.heading(s + beyond)
    turns = np.round((yaw[-1] - heading[0]) / (2.0 * np.pi)) * 2.0 * np.pi
    return EgoPath(
        np.concatenate((travelled[keep], travelled[-1] + beyond)),
        np.concatenate((x[keep], points[:, 0])),
        np.concatenate((y[keep], points[:, 1])),
        np.concatenate((yaw[keep], heading + turns)),
    )


def first_touch(view: LaneView, index: int, travelled_m: Floats, column: int | None = None) -> Touch | None:
    """Whom the ego touches if it has travelled `travelled_m` (K,) along its path at the K samples from `index` on.

    `column` restricts the question to one other. Without it, whose centre lies behind the ego's rear bumper when they
    touch has run into it and is left out: recorded drivers do not react to what the ego would have done.
    """
    path, shape, others = ego_path(view, index), view.ego_shape, view.rollout.others
    x, y, yaw = (np.interp(travelled_m, path.u_m, v) for v in (path.x_m, path.y_m, path.yaw_rad))
    columns = np.arange(len(view.length_m)) if column is None else np.array([column])
    rear_m = -0.5 * shape.length_m if column is None else -np.inf
    x, y = x + shape.centre_x_m * np.cos(yaw), y + shape.centre_x_m * np.sin(yaw)
    step, found = _first_touch(
        x, y, yaw, shape.length_m, shape.width_m,
        others.x_m[index:], others.y_m[index:], others.yaw_rad[index:], others.present[index:],
        view.length_m, view.width_m, columns, rear_m,
    )  # fmt: skip
    return None if step < 0 else Touch(index + int(step), int(found))


@njit(cache=True)
def _first_touch(x, y, yaw, length, width, ox, oy, o_yaw, present, o_length, o_width, columns, rear):  # type: ignore[no-untyped-def]
    ran_into_ego = np.zeros(ox.shape[1], dtype=np.bool_)
    for k in range(len(x)):
        for j in columns:
            bx, by, b_yaw = ox[k, j], oy[k, j], o_yaw[k, j]
            if ran_into_ego[j] or not present[k, j]:
                continue
            if not boxes_overlap(x[k], y[k], yaw[k], length, width, bx, by, b_yaw, o_length[j], o_width[j]):
                continue
            ahead = (bx - x[k]) * np.cos(yaw[k]) + (by - y[k]) * np.sin(yaw[k])
            if ahead > rear:
                return k, j
            ran_into_ego[j] = True
    return -1, -1


def held_braking_avoids(view: LaneView, index: int, deceleration_mps2: float) -> bool:
    """Whether a constant deceleration from a sample on, to standstill, would have avoided all contact until the end."""
    t_s = view.rollout.t_s[index:] - view.rollout.t_s[index]
    speed = float(view.rollout.ego.speed_mps[index])
    return first_touch(view, index, held_braking_m(t_s, speed, deceleration_mps2)) is None


def held_braking_m(t_s: Floats, speed_mps: float, deceleration_mps2: float) -> Floats:
    """Distance travelled after `t_s` under a constant deceleration to standstill."""
    moving = np.minimum(t_s, speed_mps / deceleration_mps2)
    return np.asarray(speed_mps * moving - 0.5 * deceleration_mps2 * moving**2)


def emergencies(view: LaneView, strong: NDArray[np.bool_], deceleration_mps2: float) -> list[tuple[int, bool]]:
    """For each manoeuvre of `strong` braking (T,): the index of its start and whether it was an emergency.

    It was one where holding `deceleration_mps2` from that instant would not have avoided contact. Strong braking that
    pauses for at most half a second is one manoeuvre.
    """
    manoeuvres = stretches(bridged(strong, view.rollout.t_s, SAME_BRAKING_S))
    return [(first, not held_braking_avoids(view, first, deceleration_mps2)) for first, _ in manoeuvres]
