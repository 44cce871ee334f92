"""A drive as all metrics look at it: ego and others in the Frenet frame of the ego's lane, computed once.

In: a rollout (`world`) and the corridor of the ego's lane. Out: arc lengths s [m], offsets d [m, left positive] and
speeds along and across the lane; T samples, N others, NaN where somebody is absent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.boxes import box_corners
from motion.rollout import ContactEvent, EntityShape, Rollout
from planning.metrics.corridor import LaneCorridor
from planning.metrics.frenet import project_tracks
from planning.metrics.result import MetricResult

VELOCITY_WINDOW_S = 0.1
"""Half of the time over which positions are differenced: the others are recorded every 0.1 s."""


@dataclass(frozen=True, slots=True, eq=False)
class LaneView:
    """Arrays of shape (T,) for the ego, (T, N) for the others, (N,) for sizes.

    `judged` marks the samples that count: the stack is engaged and the ego has touched nobody yet (the sample of the
    first contact included). `s`, `d` are those of box centres, `front`, `rear` the largest and smallest arc length of
    the corners, `low`, `high` their smallest and largest offset. (`vx`, `vy`) are velocities in `world`, `along` and
    `across` velocities against the lane; all are differences of positions over 0.2 s, as is `along_mps2` of `along`.
    """

    rollout: Rollout
    corridor: LaneCorridor
    judged: NDArray[np.bool_]
    ego_x_m: Floats
    ego_y_m: Floats
    ego_s_m: Floats
    ego_d_m: Floats
    ego_front_m: Floats
    ego_rear_m: Floats
    ego_low_m: Floats
    ego_high_m: Floats
    length_m: Floats
    width_m: Floats
    s_m: Floats
    d_m: Floats
    front_m: Floats
    rear_m: Floats
    low_m: Floats
    high_m: Floats
    vx_mps: Floats
    vy_mps: Floats
    along_mps: Floats
    across_mps: Floats
    along_mps2: Floats

    @property
    def ego_shape(self) -> EntityShape:
        return self.rollout.cast[self.rollout.ego_id]

    def shape(self, column: int) -> EntityShape:
        """Box of the other in a column."""
        return self.rollout.cast[int(self.rollout.other_ids[column])]

    def sample(self, t_s: float) -> int:
        """Index of the first sample at or after a time."""
        return _sample(self.rollout.t_s, t_s)


def lane_view(rollout: Rollout, corridor: LaneCorridor) -> LaneView:
    """Look at a drive from the ego's lane."""
    ego, others, shape = rollout.ego, rollout.others, rollout.cast[rollout.ego_id]
    ego_x = ego.x_m + shape.centre_x_m * np.cos(ego.yaw_rad)
    ego_y = ego.y_m + shape.centre_x_m * np.sin(ego.yaw_rad)
    sizes = [(rollout.cast[i].length_m, rollout.cast[i].width_m) for i in rollout.other_ids]
    length, width = np.array(sizes, dtype=np.float64).reshape(-1, 2).T
    x, y = (np.where(others.present, v, np.nan) for v in (others.x_m, others.y_m))
    ego_box = _box(ego_x, ego_y, ego.yaw_rad, shape)
    ego_corners = project_tracks(corridor.path, ego_box[..., 0], ego_box[..., 1])
    boxes = box_corners(x, y, others.yaw_rad, length, width)
    corners = project_tracks(corridor.path, boxes[..., 0], boxes[..., 1])
    ego_s, ego_d = project_tracks(corridor.path, ego_x, ego_y)
    s, d = project_tracks(corridor.path, x, y)
    vx, vy = _velocities(rollout.t_s, x, y, VELOCITY_WINDOW_S)
    yaw = corridor.path.heading(s)
    along, across = vx * np.cos(yaw) + vy * np.sin(yaw), vy * np.cos(yaw) - vx * np.sin(yaw)
    return LaneView(
        rollout=rollout,
        corridor=corridor,
        judged=_judged(rollout),
        ego_x_m=ego_x,
        ego_y_m=ego_y,
        ego_s_m=ego_s,
        ego_d_m=ego_d,
        ego_front_m=ego_corners[0].max(axis=-1),
        ego_rear_m=ego_corners[0].min(axis=-1),
        ego_low_m=ego_corners[1].min(axis=-1),
        ego_high_m=ego_corners[1].max(axis=-1),
        length_m=length,
        width_m=width,
        s_m=s,
        d_m=d,
        front_m=corners[0].max(axis=-1),
        rear_m=corners[0].min(axis=-1),
        low_m=corners[1].min(axis=-1),
        high_m=corners[1].max(axis=-1),
        vx_mps=vx,
        vy_mps=vy,
        along_mps=along,
        across_mps=across,
        along_mps2=_velocities(rollout.t_s, along, across, VELOCITY_WINDOW_S)[0],
    )


def first_ego_contact(rollout: Rollout) -> ContactEvent | None:
    """The first contact of the ego while the stack drives."""
    for contact in sorted(rollout.contacts, key=lambda contact: contact.t_s):
        touches = rollout.ego_id in (contact.first_id, contact.second_id)
        if touches and rollout.engaged[_sample(rollout.t_s, contact.t_s)]:
            return contact
    return None


def result_at(
    view: LaneView, index: int | None, name: str, passed: bool, value: float, unit: str, limit: float | None, cause: str
) -> MetricResult:
    """A result that points at the ego at a sample; None points nowhere."""
    if index is None:
        return MetricResult(name, passed, value, unit, limit, cause)
    place = (float(v[index]) for v in (view.rollout.t_s, view.ego_x_m, view.ego_y_m))
    return MetricResult(name, passed, value, unit, limit, cause, *place)


def tyre_points(x_m: Floats, y_m: Floats, yaw_rad: Floats, shape: EntityShape) -> tuple[Floats, Floats]:
    """Outer tyre edges (front left, rear left, rear right, front right) of box centres: x and y of shape (..., 4).

    The side of the box at the axles stands for the tyre's edge; what has no axles has its corners instead.
    """
    if shape.wheelbase_m <= 0.0:
        corners = _box(x_m, y_m, yaw_rad, shape)
        return corners[..., 0], corners[..., 1]
    rear, half = -shape.centre_x_m, 0.5 * shape.width_m
    along = np.array([rear + shape.wheelbase_m, rear, rear, rear + shape.wheelbase_m])
    across = np.array([half, half, -half, -half])
    cos, sin = np.cos(yaw_rad)[..., None], np.sin(yaw_rad)[..., None]
    return x_m[..., None] + along * cos - across * sin, y_m[..., None] + along * sin + across * cos


def _sample(times_s: Floats, t_s: float) -> int:
    # Recorded instants are multiples of nanoseconds; half a microsecond absorbs their conversion to seconds.
    return min(int(np.searchsorted(times_s, t_s - 5e-7)), len(times_s) - 1)


def _box(x_m: Floats, y_m: Floats, yaw_rad: Floats, shape: EntityShape) -> Floats:
    return box_corners(x_m, y_m, yaw_rad, np.full(x_m.shape, shape.length_m), np.full(x_m.shape, shape.width_m))


def _judged(rollout: Rollout) -> NDArray[np.bool_]:
    judged = rollout.engaged & rollout.ego.present
    contact = first_ego_contact(rollout)
    if contact is not None:
        judged[_sample(rollout.t_s, contact.t_s) + 1 :] = False
    return judged


@njit(cache=True)
def _reach(t_s, x, i, step, window_s):  # type: ignore[no-untyped-def]
    """The furthest sample from `i` in one direction, within the window and without a NaN on the way."""
    while 0 <= i + step < len(t_s) and not np.isnan(x[i + step]):
        window_s -= abs(t_s[i + step] - t_s[i])
        if window_s < -1e-9:
            break
        i += step
    return i


@njit(cache=True)
def _velocities(t_s, x, y, window_s):  # type: ignore[no-untyped-def]
    """Rates of change (T, N) by differences over at most `window_s` to either side, within one stretch of presence."""
    vx, vy = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    for j in range(x.shape[1]):
        for i in range(len(t_s)):
            if np.isnan(x[i, j]):
                continue
            low, high = _reach(t_s, x[:, j], i, -1, window_s), _reach(t_s, x[:, j], i, 1, window_s)
            span = t_s[high] - t_s[low]
            vx[i, j] = (x[high, j] - x[low, j]) / span if span > 0.0 else 0.0
            vy[i, j] = (y[high, j] - y[low, j]) / span if span > 0.0 else 0.0
    return vx, vy
