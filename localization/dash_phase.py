"""Seen dashes against the map's: how far along the road the car is, up to a whole number of periods.

In: the dashes of one picture, the map's lines, a pose with its covariance. Out: residuals, Jacobians and noise. A dash
looks like the next one, so it tells the place only where the pose is known to well within half a period: what could as
well be the neighbour says nothing. What of a dash is wrong stays so over a piece of line (paint, map) and over a
picture (the camera's pitch), so pictures are not independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bus.messages import LaneMarks
from geometry.angles import Floats
from geometry.pose import Pose
from maps.mark_lines import MarkLines


@dataclass(frozen=True, slots=True)
class DashModel:
    """What localization assumes of seen dashes.

    A dash belongs to a line no further aside than `aside_m` and is as long as the map's to `length_m`. `paint_m` is the
    error of one dash, `piece_m` that of a whole piece, which it keeps over `stays_m`, `pitch_rad` the camera's pitch in
    one picture at `height_m`, `mount_rad` what of it stays for `mount_repeats` pictures. Pictures that are taken less
    than `apart_m` apart are one. The neighbouring dash must be
    `unique_nats` less likely; others are refused beyond `rejected_at_sigma`. `trust` is the smallest share that must
    agree of late, over `trust_m`; where fewer do, the place along the road is known to no better than `rethink_m`.
    """

    aside_m: float = 0.25
    length_m: float = 0.8
    paint_m: float = 0.05
    piece_m: float = 0.15
    stays_m: float = 50.0
    apart_m: float = 0.3
    pitch_rad: float = 1.0e-3
    mount_rad: float = 1.0e-3
    mount_repeats: float = 300.0
    height_m: float = 1.4
    unique_nats: float = 2.5
    rejected_at_sigma: float = 3.5
    trust: float = 0.4
    trust_m: float = 60.0
    rethink_m: float = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class SeenDashes:
    """D dashes: middles `xy_m` (D, 2) in `ego`, lengths and 1-sigma along the line (D,)."""

    xy_m: Floats
    length_m: Floats
    sigma_m: Floats

    @property
    def size(self) -> int:
        """The number of dashes."""
        return len(self.length_m)


@dataclass(frozen=True, slots=True, eq=False)
class DashCorrection:
    """R dashes: how far the map's lies beyond the seen one along the line; `jacobian` (R, 3) of the seen one's place
    along the line by x, y, yaw; `noise` (R, R). `offered` found a line and no neighbour as likely."""

    residual_m: Floats
    jacobian: Floats
    noise: Floats
    offered: int


NO_DASHES = SeenDashes(np.empty((0, 2)), np.empty(0), np.empty(0))


def seen_dashes(marks: LaneMarks) -> SeenDashes:
    """The finite ones of a picture's dashes."""
    sound = np.isfinite(marks.dash_xy_m).all(axis=1) & np.isfinite(marks.dash_length_m) & (marks.dash_sigma_m > 0.0)
    sound &= np.isfinite(marks.dash_sigma_m)
    return SeenDashes(marks.dash_xy_m[sound], marks.dash_length_m[sound], marks.dash_sigma_m[sound])


def dash_correction(
    pose: Pose, covariance: Floats, seen: SeenDashes, lines: MarkLines, model: DashModel, moved_m: float
) -> DashCorrection:
    """What dashes, seen `moved_m` after the last picture, say about a pose with covariance (3, 3) of x, y, yaw."""
    found = _placed(pose, seen, lines, model)
    jacobian = np.concatenate((found.along, found.by_yaw[:, None]), axis=1)
    spread = np.einsum("ri,ij,rj->r", jacobian, covariance, jacobian)
    # pitch moves what lies ahead along the line of sight, by the square of its distance
    by_pitch = found.ahead * found.x_m**2 / model.height_m
    once = found.sigma_m**2 + model.paint_m**2
    in_all = model.piece_m**2 + by_pitch**2 * (model.pitch_rad**2 + model.mount_rad**2)
    variance = spread + once + in_all
    gap = np.abs(found.beyond_m)
    unique = found.period_m * (found.period_m - 2.0 * gap) >= 2.0 * model.unique_nats * variance
    kept = unique & (gap <= model.rejected_at_sigma * np.sqrt(variance))
    repeats = max(model.stays_m / max(moved_m, model.apart_m), 1.0)
    pitch_var = model.pitch_rad**2 + model.mount_repeats * model.mount_rad**2
    noise = np.diag(once) + repeats * model.piece_m**2 * np.outer(found.ahead, found.ahead)
    # where the car stands, nothing new is seen
    noise = max(model.apart_m / max(moved_m, 1e-3), 1.0) * (noise + pitch_var * np.outer(by_pitch, by_pitch))
    chosen = np.flatnonzero(kept)
    return DashCorrection(-found.beyond_m[chosen], jacobian[chosen], noise[np.ix_(chosen, chosen)], int(unique.sum()))


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """R seen dashes on lines of the map: how far `beyond_m` the nearest dash of it they lie, the line's direction
    `along` (R, 2) in `world`, by what yaw moves them along it, its cosine with the car's heading (-1 or 1), distance
    ahead, 1-sigma and period."""

    beyond_m: Floats
    along: Floats
    by_yaw: Floats
    ahead: Floats
    x_m: Floats
    sigma_m: Floats
    period_m: Floats


def _placed(pose: Pose, seen: SeenDashes, lines: MarkLines, model: DashModel) -> _Placed:
    if seen.size == 0 or lines.size == 0:
        return _Placed(np.empty(0), np.empty((0, 2)), *(np.empty(0) for _ in range(5)))
    world = pose @ seen.xy_m
    rows = lines.near(world.min(axis=0) - model.aside_m, world.max(axis=0) + model.aside_m)
    rows = rows[lines.dashes[rows, 3] > 0.0]
    begin, end = lines.ends[rows, :2], lines.ends[rows, 2:]
    length = np.maximum(np.hypot(*(end - begin).T), 1e-9)
    along = (end - begin) / length[:, None]
    off = world[:, None, :] - begin[None, :, :]
    share = np.einsum("dri,ri->dr", off, along) / length
    aside = np.abs(off[..., 0] * -along[:, 1] + off[..., 1] * along[:, 0])
    heading = along @ np.array((math.cos(pose.yaw_rad), math.sin(pose.yaw_rad)))
    fits = (share >= -1e-6) & (share < 1.0 + 1e-6) & (np.abs(heading) > math.sqrt(0.5))
    fits &= np.abs(seen.length_m[:, None] - lines.dashes[rows, 2]) <= model.length_m
    aside = np.where(fits & (aside <= model.aside_m), aside, np.inf)
    dash, at = _nearest_line(aside)
    first, last, stroke, period = lines.dashes[rows[at]].T
    beyond = first + share[dash, at] * (last - first) - 0.5 * stroke
    beyond = beyond - period * np.round(beyond / period)
    lever = world[dash] - np.array((pose.x_m, pose.y_m))
    by_yaw = along[at, 1] * lever[:, 0] - along[at, 0] * lever[:, 1]
    return _Placed(
        beyond, along[at], by_yaw, np.sign(heading[at]), seen.xy_m[dash, 0], seen.sigma_m[dash], period
    )  # fmt: skip


def _nearest_line(aside_m: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Dashes that have a line, and its row, from the distances (D, R)."""
    if aside_m.shape[1] == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    at = aside_m.argmin(axis=1)
    dash = np.flatnonzero(np.isfinite(aside_m[np.arange(len(at)), at]))
    return dash, at[dash]
