"""NC, no at-fault collisions: first contact with each track, how it came about, and whose fault it is.

Formula: max(0, 1 - vulnerable) * max(0, 1 - vehicles) * max(0, 1 - objects / 2), counting at-fault collisions (nuPlan
devkit, `no_ego_at_fault_collisions`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from geometry.boxes import box_corners, boxes_overlap
from planning.metrics.nuplan.drive import STATIC, VEHICLES, VULNERABLE
from planning.metrics.nuplan.view import View
from planning.metrics.result import MetricResult

NAME = "no_ego_at_fault_collisions"
STANDING_MPS = 0.05
REAR_RAD = math.radians(150.0)

WORDS = {
    "stopped_ego": "ran into the standing ego",
    "stopped_track": "stood where the ego drove into it",
    "active_front": "was hit with the ego's front",
    "active_rear": "ran into the ego's rear",
    "active_lateral": "touched the ego's side",
}


@dataclass(frozen=True, slots=True)
class Collision:
    """First contact with one track; `kind` is a key of `WORDS`, `delta_v_mps` the ego's change of velocity.

    The change is that of two equal masses that stick together.
    """

    step: int
    track: int
    kind: str
    at_fault: bool
    delta_v_mps: float


@dataclass(frozen=True, slots=True)
class AtFault:
    """`collisions` in time order; `score` in [0, 1]."""

    collisions: tuple[Collision, ...]
    score: float
    result: MetricResult

    def at_fault_steps(self) -> tuple[int, ...]:
        """Steps with an at-fault collision."""
        return tuple(sorted({hit.step for hit in self.collisions if hit.at_fault}))

    def count(self, view: View, kinds: frozenset[str]) -> int:
        """At-fault collisions with tracks of these kinds."""
        return sum(hit.at_fault and view.drive.tracks.kinds[hit.track] in kinds for hit in self.collisions)


def compute(view: View) -> AtFault:
    """The sub-score."""
    collisions = tuple(_collision(view, step, track) for step, track in first_contacts(view))
    counted = AtFault(collisions, 0.0, view.result(None, NAME, 0.0, ""))
    vulnerable, vehicles, objects = (counted.count(view, kinds) for kinds in (VULNERABLE, VEHICLES, STATIC))
    score = max(0.0, 1.0 - vulnerable) * max(0.0, 1.0 - vehicles) * max(0.0, 1.0 - objects / 2.0)
    return AtFault(collisions, score, _result(view, collisions, score))


def first_contacts(view: View) -> list[tuple[int, int]]:
    """(step, track) of the first contact with each track, in time order; contact at the first step counts."""
    touching = contacts(view)
    hit = np.flatnonzero(touching.any(axis=0))
    return sorted((int(np.argmax(touching[:, track])), int(track)) for track in hit)


def contacts(view: View) -> NDArray[np.bool_]:
    """Whether ego and track touch, (T, N)."""
    ego, shape, tracks = view.drive.ego, view.drive.shape, view.drive.tracks
    return np.asarray(
        _contacts(
            view.centre_m, ego.yaw_rad, shape.length_m, shape.width_m,
            tracks.x_m, tracks.y_m, tracks.yaw_rad, tracks.length_m, tracks.width_m,
        )
    )  # fmt: skip


@njit(cache=True)
def _contacts(centre, yaw, length, width, x, y, other_yaw, other_length, other_width):  # type: ignore[no-untyped-def]
    steps, tracks = x.shape
    out = np.zeros((steps, tracks), dtype=np.bool_)
    for i in range(steps):
        for j in range(tracks):
            if not math.isnan(x[i, j]):
                out[i, j] = boxes_overlap(
                    centre[i, 0], centre[i, 1], yaw[i], length, width,
                    x[i, j], y[i, j], other_yaw[i, j], other_length[j], other_width[j],
                )  # fmt: skip
    return out


def _collision(view: View, step: int, track: int) -> Collision:
    kind = _kind(view, step, track)
    lateral = kind == "active_lateral" and not view.lanes.in_lane[step]
    at_fault = kind in ("stopped_track", "active_front") or lateral
    own, other = float(view.speed_mps[step]), float(view.drive.tracks.speed_mps[step, track])
    turn = float(view.drive.ego.yaw_rad[step] - view.drive.tracks.yaw_rad[step, track])
    delta_v = 0.5 * math.sqrt(max(own * own + other * other - 2.0 * own * other * math.cos(turn), 0.0))
    return Collision(step, track, kind, at_fault, delta_v)


def _kind(view: View, step: int, track: int) -> str:
    tracks = view.drive.tracks
    if view.speed_mps[step] <= STANDING_MPS:
        return "stopped_ego"
    if tracks.kinds[track] in STATIC or tracks.speed_mps[step, track] <= STANDING_MPS:
        return "stopped_track"
    if view.bearing_rad[step, track] > REAR_RAD:
        return "active_rear"
    front_left, _, _, front_right = view.corners_m[step]
    box = box_corners(
        tracks.x_m[step, track], tracks.y_m[step, track], tracks.yaw_rad[step, track],
        tracks.length_m[track], tracks.width_m[track],
    )  # fmt: skip
    bumper = shapely.LineString((front_left, front_right))
    return "active_front" if shapely.intersects(bumper, shapely.Polygon(box)) else "active_lateral"


def _result(view: View, collisions: tuple[Collision, ...], score: float) -> MetricResult:
    ours = [hit for hit in collisions if hit.at_fault]
    if not ours:
        others = f"; {len(collisions)} contacts that others caused" if collisions else ""
        return view.result(None, NAME, score, "no contact that the ego caused" + others)
    hit, tracks = ours[0], view.drive.tracks
    own, other = view.speed_mps[hit.step] * 3.6, tracks.speed_mps[hit.step, hit.track] * 3.6
    straddling = " while the ego was between lanes" if hit.kind == "active_lateral" else ""
    cause = (
        f"{tracks.kinds[hit.track]} {tracks.ids[hit.track]} {WORDS[hit.kind]}{straddling} {view.place(hit.step)}, "
        f"ego {own:.1f} km/h, other {other:.1f} km/h"
    )
    return view.result(hit.step, NAME, score, cause)
