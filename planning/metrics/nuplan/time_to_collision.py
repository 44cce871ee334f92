"""TTC within bound: at constant speeds along the headings, no contact within 0.95 s with anybody the ego must mind.

Minded are tracks not yet touched that are ahead, and beside too where the ego is between lanes or in an intersection
(nuPlan devkit, `time_to_collision_within_bound`). The reference moves boxes along their heading by the magnitude of
their speed, so that what reverses is taken to drive forwards; we follow for equal numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.boxes import boxes_overlap
from planning.metrics.nuplan.at_fault import AtFault
from planning.metrics.nuplan.view import View
from planning.metrics.result import MetricResult

NAME = "time_to_collision_within_bound"
LEAST_S = 0.95
STANDING_MPS = 0.005
AHEAD_RAD = math.radians(30.0)
BESIDE_RAD = math.radians(150.0)
PROJECTED_S = np.arange(0.1, 3.0, 0.1)


@dataclass(frozen=True, slots=True, eq=False)
class TimeToCollision:
    """`per_step_s` (T,), infinite without overlap within 2.9 s; `track` (T,) is who, -1 for nobody."""

    per_step_s: Floats
    track: NDArray[np.int64]
    score: float
    result: MetricResult


def compute(view: View, faults: AtFault) -> TimeToCollision:
    """The sub-score; 0 s in the steps of at-fault collisions."""
    minded = _minded(view, faults)
    ego, shape, tracks = view.drive.ego, view.drive.shape, view.drive.tracks
    per_step, track = _first_overlaps(
        minded, PROJECTED_S, view.centre_m, ego.yaw_rad, view.speed_mps, shape.length_m, shape.width_m,
        tracks.x_m, tracks.y_m, tracks.yaw_rad, tracks.speed_mps, tracks.length_m, tracks.width_m,
    )  # fmt: skip
    for hit in faults.collisions:
        if hit.at_fault:
            per_step[hit.step], track[hit.step] = 0.0, hit.track
    worst = int(np.argmin(per_step))
    least_s = float(per_step[worst])
    score = 1.0 if least_s > LEAST_S else 0.0
    if math.isinf(least_s):
        result = view.result(None, NAME, score, f"nobody would have been hit within {PROJECTED_S[-1]:.1f} s")
    else:
        who = f"{tracks.kinds[track[worst]]} {tracks.ids[track[worst]]}"
        result = view.result(worst, NAME, score, f"{least_s:.2f} s to {who} {view.place(worst)}")
    return TimeToCollision(per_step, track, score, result)


def _minded(view: View, faults: AtFault) -> NDArray[np.bool_]:
    """Which tracks count in which step, (T, N)."""
    aside = ~view.lanes.in_lane | view.lanes.rear_axle_in_intersection
    bearing = view.bearing_rad
    minded = view.drive.tracks.present & ((bearing < AHEAD_RAD) | (aside[:, None] & (bearing <= BESIDE_RAD)))
    minded[view.speed_mps <= STANDING_MPS] = False
    for hit in faults.collisions:
        minded[hit.step :, hit.track] = False
    return np.asarray(minded)


@njit(cache=True)
def _first_overlaps(  # type: ignore[no-untyped-def]
    minded, times, centre, yaw, speed, length, width, x, y, other_yaw, other_speed, other_length, other_width
):
    steps, tracks = minded.shape
    least, who = np.full(steps, np.inf), np.full(steps, -1)
    for i in range(steps):
        cos, sin = math.cos(yaw[i]), math.sin(yaw[i])
        for j in range(tracks):
            if not minded[i, j]:
                continue
            other_cos, other_sin = math.cos(other_yaw[i, j]), math.sin(other_yaw[i, j])
            for t in times:
                if t >= least[i]:
                    break
                way, other_way = t * speed[i], t * other_speed[i, j]
                if boxes_overlap(
                    centre[i, 0] + way * cos, centre[i, 1] + way * sin, yaw[i], length, width,
                    x[i, j] + other_way * other_cos, y[i, j] + other_way * other_sin,
                    other_yaw[i, j], other_length[j], other_width[j],
                ):  # fmt: skip
                    least[i], who[i] = t, j
                    break
    return least, who
