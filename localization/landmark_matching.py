"""Seen landmarks against the map: which belongs to which, and what that says about a pose.

In: `/perception/landmarks` in `ego`, the map's landmarks in `world`, a pose with its covariance. Out: residuals,
Jacobians and noise. A landmark that fits two of the map nearly as well says nothing: it is left out, not guessed. What
the last picture did not show at the same place says nothing either: while the place along the road is unsure, what is
not there would find a partner in the map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bus.messages import LandmarkKind, Landmarks
from geometry.angles import Floats
from geometry.pose import Pose
from maps.landmarks import MapLandmarks

_SAME = {int(kind): 0 for kind in (LandmarkKind.SIGN, LandmarkKind.POLE, LandmarkKind.LIGHT)} | {
    int(LandmarkKind.STOP_LINE): 1,
    int(LandmarkKind.CROSSING): 2,
}
"""What stands on a post is easily taken for something else that does."""


@dataclass(frozen=True, slots=True)
class LandmarkModel:
    """`map_m` is the map's own error; `gate` a chi-square with two degrees of freedom (13.8 is 0.999).

    `apart` is how much worse the second best partner must be. `repeats`: a landmark keeps its error from picture to
    picture, so each counts as one of that many, and of more when the car
    moves less than a part of `stays_m` between pictures. `moved_share`: how well the way between two pictures is known.
    """

    map_m: float = 0.1
    gate: float = 13.8
    apart: float = 9.0
    repeats: float = 6.0
    stays_m: float = 6.0
    nearest_m: float = 70.0
    moved_share: float = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkCorrection:
    """R = 2 rows per matched landmark: the map's place minus the seen one in `world`, `jacobian` (R, 3) of the latter.

    `matched` and `offered` count landmarks.
    """

    residual_m: Floats
    jacobian: Floats
    noise: Floats
    matched: int
    offered: int


def seen_again(before: Landmarks, now_from_before: Pose, seen: Landmarks, model: LandmarkModel) -> Landmarks:
    """Those of the seen landmarks that the picture before showed at the same place, as far as odometry can tell."""
    cos, sin = math.cos(now_from_before.yaw_rad), math.sin(now_from_before.yaw_rad)
    turn = np.array(((cos, -sin), (sin, cos)))
    moved_m = model.moved_share * math.hypot(now_from_before.x_m, now_from_before.y_m)
    earlier = now_from_before @ np.stack((before.x_m, before.y_m), axis=1).reshape(-1, 2)
    spread = turn @ before.covariance.reshape(-1, 2, 2) @ turn.T + np.eye(2) * moved_m**2
    groups = np.array([_SAME[int(kind)] for kind in before.kinds], dtype=np.int64)
    kept = []
    for i in range(len(seen.kinds)):
        off = earlier - np.array((seen.x_m[i], seen.y_m[i]))
        distance = np.einsum("ni,nij,nj->n", off, np.linalg.inv(spread + seen.covariance[i]), off)
        kept.append(bool((distance[groups == _SAME[int(seen.kinds[i])]] <= model.gate).any()))
    rows = np.array(kept, dtype=bool)
    return Landmarks(seen.kinds[rows], seen.score[rows], seen.x_m[rows], seen.y_m[rows], seen.covariance[rows])


def landmark_correction(
    pose: Pose, covariance: Floats, seen: Landmarks, known: MapLandmarks, model: LandmarkModel, moved_m: float
) -> LandmarkCorrection:
    """What landmarks, seen `moved_m` after the last picture, say about a pose with covariance (3, 3) of x, y, yaw."""
    repeats = min(max(model.repeats, model.stays_m / max(moved_m, 0.02)), 300.0)
    cos, sin = math.cos(pose.yaw_rad), math.sin(pose.yaw_rad)
    turn = np.array(((cos, -sin), (sin, cos)))
    near = np.flatnonzero(np.hypot(known.points[:, 0] - pose.x_m, known.points[:, 1] - pose.y_m) <= model.nearest_m)
    groups = np.array([_SAME[int(kind)] for kind in known.kinds[near]])
    residuals, jacobians, noises = [], [], []
    for i in range(len(seen.kinds)):
        offset = turn @ np.array((seen.x_m[i], seen.y_m[i]))
        if not np.isfinite(offset).all() or len(near) == 0:
            continue
        jacobian = np.array(((1.0, 0.0, -offset[1]), (0.0, 1.0, offset[0])))
        own = turn @ seen.covariance[i] @ turn.T + np.eye(2) * model.map_m**2
        partner = _partner(
            np.array((pose.x_m, pose.y_m)) + offset,
            own + jacobian @ covariance @ jacobian.T,
            known.points[near[groups == _SAME[int(seen.kinds[i])]]],
            model,
        )
        if partner is not None:
            residuals.append(partner - offset - np.array((pose.x_m, pose.y_m)))
            jacobians.append(jacobian)
            noises.append(own * repeats)
    return _stacked(residuals, jacobians, noises, len(seen.kinds))


def _partner(place: Floats, spread: Floats, candidates: Floats, model: LandmarkModel) -> Floats | None:
    """The one landmark that a seen one can be, None if there is none or more than one."""
    if len(candidates) == 0:
        return None
    off = candidates - place
    distance = np.einsum("ni,ij,nj->n", off, np.linalg.inv(spread), off)
    order = np.argsort(distance, kind="stable")
    if distance[order[0]] > model.gate:
        return None
    if len(order) > 1 and distance[order[1]] < distance[order[0]] + model.apart:
        return None
    return np.asarray(candidates[order[0]])


def _stacked(
    residuals: list[Floats], jacobians: list[Floats], noises: list[Floats], offered: int
) -> LandmarkCorrection:
    count = len(residuals)
    noise = np.zeros((2 * count, 2 * count))
    for i, one in enumerate(noises):
        noise[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = one
    return LandmarkCorrection(
        residual_m=np.concatenate(residuals) if count else np.empty(0),
        jacobian=np.concatenate(jacobians) if count else np.empty((0, 3)),
        noise=noise,
        matched=count,
        offered=offered,
    )
