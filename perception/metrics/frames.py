"""What is compared: boxes that were said and boxes that were there, instant by instant, in `ego`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
NEAR_SHARE = 0.05
"""A false detection this share of its range (and the matching distance) from something that need not be found is
excused."""
REACH_M = 4.0
"""A detection this near to an object belongs to the object's part of a table."""


@dataclass(frozen=True, slots=True, eq=False)
class BoxSet:
    """N boxes: class index, who it is (-1: unknown), score, box by its centre, velocity (NaN: not said).

    `covariance` (N, 2, 2) is of (x, y).
    """

    kinds: Ints
    ids: Ints
    score: Floats
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    length_m: Floats
    width_m: Floats
    height_m: Floats
    vx_mps: Floats
    vy_mps: Floats
    covariance: Floats

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def xy_m(self) -> Floats:
        """Centres (N, 2)."""
        return np.column_stack((self.x_m, self.y_m))

    @property
    def range_m(self) -> Floats:
        """Distances from the ego's origin (N,)."""
        return np.hypot(self.x_m, self.y_m)

    def rows(self, chosen: Bools | Ints) -> BoxSet:
        """Some of them."""
        return BoxSet(**{item.name: getattr(self, item.name)[chosen] for item in fields(self)})


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One instant. `ignored` (M, 2) are places of objects that need not be found, though finding them is no fault."""

    found: BoxSet
    truth: BoxSet
    ignored: Floats


def box_set(rows: Sequence[Sequence[float]]) -> BoxSet:
    """Boxes from rows of kind, id, score, x, y, yaw, length, width, height, vx, vy; covariance of 1 m."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 11)
    kinds, ids, score, x, y, yaw, length, width, height, vx, vy = table.T
    spread = np.tile(np.eye(2), (len(table), 1, 1))
    return BoxSet(
        kinds.astype(np.int64), ids.astype(np.int64), score, x, y, yaw, length, width, height, vx, vy, spread
    )  # fmt: skip


def restricted(frame: Frame, truth_in: Bools, found_in: Bools) -> Frame:
    """The part of a frame: other objects need not be found, detections elsewhere do not count.

    A detection that is near to an object of the part belongs to it wherever it lies.
    """
    kept = frame.truth.rows(truth_in)
    gap = distances(frame.found.xy_m, kept.xy_m).min(axis=1, initial=np.inf)
    ignored = np.concatenate((frame.ignored, frame.truth.xy_m[~truth_in]))
    return replace(frame, found=frame.found.rows(found_in | (gap < REACH_M)), truth=kept, ignored=ignored)


def in_ring(frame: Frame, nearest_m: float, farthest_m: float) -> Frame:
    """The part of a frame within a range."""
    true, said = frame.truth.range_m, frame.found.range_m
    return restricted(
        frame, (true >= nearest_m) & (true < farthest_m), (said >= nearest_m) & (said < farthest_m)
    )  # fmt: skip


def distances(one: Floats, other: Floats) -> Floats:
    """Distances (N, M) of places (N, 2) and (M, 2)."""
    gap = one[:, None] - other[None]
    return np.asarray(np.hypot(gap[..., 0], gap[..., 1]))


def excused(frame: Frame, places: Floats, reach_m: float) -> Bools:
    """Which places (N, 2) are at something that need not be found."""
    far = np.hypot(places[:, 0], places[:, 1])
    return np.asarray(distances(places, frame.ignored).min(axis=1, initial=np.inf) < reach_m + NEAR_SHARE * far)
