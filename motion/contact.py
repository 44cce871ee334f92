"""When boxes touch, and when they will: kernels that the simulator, the planner, the safety gate and the metrics share.

In: box centres [m], headings [rad], sizes [m], velocities [m/s], one frame for all. Out: pairs that overlap, times to
collision [s], gaps [m]. Touching counts as contact, as in `geometry.boxes`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from geometry.angles import Floats
from geometry.boxes import boxes_overlap


def overlapping_pairs(
    x_m: Floats, y_m: Floats, yaw_rad: Floats, length_m: Floats, width_m: Floats, present: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Pairs (i, j), i < j, of the present boxes among N that share a point: shape (K, 2), in lexicographic order.

    All inputs have shape (N,); numbers of absent boxes are not read and may be NaN. Sweeps along x over the circles
    around the boxes, so that only neighbours are compared.
    """
    pairs = _sweep(
        *(np.ascontiguousarray(v, dtype=np.float64) for v in (x_m, y_m, yaw_rad, length_m, width_m)),
        np.flatnonzero(present),
    )
    return np.asarray(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))], dtype=np.int64)


@njit(cache=True)
def _sweep(x, y, yaw, length, width, ids):  # type: ignore[no-untyped-def]
    radius = 0.5 * np.hypot(length, width)
    order = ids[np.argsort(x[ids] - radius[ids])]
    pairs = np.empty((max(8, len(ids)), 2), dtype=np.int64)
    count = 0
    for a in range(len(order)):
        i = order[a]
        for b in range(a + 1, len(order)):
            j = order[b]
            if x[j] - radius[j] > x[i] + radius[i]:
                break
            if not boxes_overlap(x[i], y[i], yaw[i], length[i], width[i], x[j], y[j], yaw[j], length[j], width[j]):
                continue
            if count == len(pairs):
                longer = np.empty((2 * count, 2), dtype=np.int64)
                longer[:count] = pairs
                pairs = longer
            pairs[count, 0], pairs[count, 1] = min(i, j), max(i, j)
            count += 1
    return pairs[:count]


@njit(cache=True)
def time_to_collision(
    ax: float, ay: float, a_yaw: float, a_length: float, a_width: float, a_vx: float, a_vy: float,
    bx: float, by: float, b_yaw: float, b_length: float, b_width: float, b_vx: float, b_vy: float,
    horizon_s: float,
) -> float:  # fmt: skip
    """Seconds until two boxes touch at constant velocities and headings; 0 when they do now, inf beyond `horizon_s`.

    Exact: on each of the four separating axes the boxes overlap during one interval of time; they touch at the first
    instant that lies in all four (separating-axis theorem for moving convex shapes; Ericson, Real-Time Collision
    Detection, 5.5.8).
    """
    dx, dy, vx, vy = bx - ax, by - ay, b_vx - a_vx, b_vy - a_vy
    turn = b_yaw - a_yaw
    cos_ab, sin_ab = abs(math.cos(turn)), abs(math.sin(turn))
    al, aw, bl, bw = 0.5 * a_length, 0.5 * a_width, 0.5 * b_length, 0.5 * b_width
    enter, leave = 0.0, horizon_s
    for axis in range(4):
        yaw = a_yaw if axis < 2 else b_yaw
        ux, uy = math.cos(yaw), math.sin(yaw)
        if axis % 2 == 1:
            ux, uy = -uy, ux
        if axis == 0:
            reach = al + bl * cos_ab + bw * sin_ab
        elif axis == 1:
            reach = aw + bl * sin_ab + bw * cos_ab
        elif axis == 2:
            reach = bl + al * cos_ab + aw * sin_ab
        else:
            reach = bw + al * sin_ab + aw * cos_ab
        position, speed = dx * ux + dy * uy, vx * ux + vy * uy
        if speed == 0.0:
            if abs(position) > reach:
                return math.inf
            continue
        one, other = (-reach - position) / speed, (reach - position) / speed
        enter, leave = max(enter, min(one, other)), min(leave, max(one, other))
        if enter > leave:
            return math.inf
    return enter


def times_to_collision(
    ax: ArrayLike, ay: ArrayLike, a_yaw: ArrayLike, a_length: ArrayLike, a_width: ArrayLike,
    a_vx: ArrayLike, a_vy: ArrayLike,
    bx: ArrayLike, by: ArrayLike, b_yaw: ArrayLike, b_length: ArrayLike, b_width: ArrayLike,
    b_vx: ArrayLike, b_vy: ArrayLike,
    horizon_s: float,
) -> Floats:  # fmt: skip
    """`time_to_collision` of arrays: the inputs are broadcast and the answer has their common shape.

    Where any input is NaN (somebody is absent) the answer is infinity.
    """
    columns = np.broadcast_arrays(
        ax, ay, a_yaw, a_length, a_width, a_vx, a_vy, bx, by, b_yaw, b_length, b_width, b_vx, b_vy
    )
    flat = tuple(np.array(column, dtype=np.float64).reshape(-1) for column in columns)
    return np.asarray(_times(flat, float(horizon_s))).reshape(columns[0].shape)


@njit(cache=True)
def _times(columns, horizon_s):  # type: ignore[no-untyped-def]
    ax, ay, a_yaw, a_length, a_width, a_vx, a_vy, bx, by, b_yaw, b_length, b_width, b_vx, b_vy = columns
    out = np.full(len(ax), np.inf)
    for i in range(len(ax)):
        # Sums of all numbers are NaN where one is; that is cheaper to read than fourteen tests.
        a_sum = ax[i] + ay[i] + a_yaw[i] + a_length[i] + a_width[i] + a_vx[i] + a_vy[i]
        b_sum = bx[i] + by[i] + b_yaw[i] + b_length[i] + b_width[i] + b_vx[i] + b_vy[i]
        if math.isnan(a_sum) or math.isnan(b_sum):
            continue
        out[i] = time_to_collision(
            ax[i], ay[i], a_yaw[i], a_length[i], a_width[i], a_vx[i], a_vy[i],
            bx[i], by[i], b_yaw[i], b_length[i], b_width[i], b_vx[i], b_vy[i], horizon_s,
        )  # fmt: skip
    return out


@njit(cache=True)
def half_extent(turn_rad: float, length_m: float, width_m: float) -> float:
    """Half of a box's extent [m] along a direction that it is turned from by `turn_rad`."""
    half: float = 0.5 * (length_m * abs(math.cos(turn_rad)) + width_m * abs(math.sin(turn_rad)))
    return half


@njit(cache=True)
def longitudinal_gap(
    a_s_m: float, a_turn_rad: float, a_length_m: float, a_width_m: float,
    b_s_m: float, b_turn_rad: float, b_length_m: float, b_width_m: float,
) -> float:  # fmt: skip
    """Gap [m] from the front of box a to the rear of box b along a path; negative where they overlap or b is behind.

    `*_s_m` are arc lengths of the centres, `*_turn_rad` headings against the path. The path is taken as straight over
    each box.
    """
    front_m: float = a_s_m + half_extent(a_turn_rad, a_length_m, a_width_m)
    rear_m: float = b_s_m - half_extent(b_turn_rad, b_length_m, b_width_m)
    return rear_m - front_m
