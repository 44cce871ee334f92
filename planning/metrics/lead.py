"""Who drives in front of the ego, and since when.

The lead is the nearest vehicle ahead that is in the ego's lane by its centre or in the ego's way by its box. The
centre alone would overlook a truck that hangs half a metre over the mark into the ego's path; the box against the whole
lane width would make a lead of everyone who touches the mark in the next lane; the ego's width alone would overlook a
motorcycle at the edge of the lane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bus.messages import EntityKind
from geometry.angles import Floats
from planning.metrics.intervals import start_of
from planning.metrics.lane_view import LaneView

VEHICLES = frozenset({
    EntityKind.CAR, EntityKind.TRUCK, EntityKind.BUS, EntityKind.VAN, EntityKind.MOTORCYCLE, EntityKind.BICYCLE,
    EntityKind.TRAILER,
})  # fmt: skip
"""Who can be followed. Pedestrians, animals and things on the road are to be avoided, at no prescribed distance."""


@dataclass(frozen=True, slots=True, eq=False)
class Leads:
    """Over T samples: column of the lead (-1: none), gap of the bumpers [m] (inf: none), vehicles in the way (T, N)."""

    column: NDArray[np.int64]
    gap_m: Floats
    in_way: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Entry:
    """Since when one has been in the way: index of the sample, and whether it came in sideways (a cut-in)."""

    index: int
    sideways: bool


def leads(view: LaneView) -> Leads:
    """The lead vehicle at each sample."""
    vehicle = np.array([view.shape(column).kind in VEHICLES for column in range(len(view.length_m))], dtype=bool)
    in_way = (in_lane(view) | in_path(view)) & vehicle
    if in_way.shape[1] == 0:
        count = len(view.ego_s_m)
        return Leads(np.full(count, -1), np.full(count, np.inf), in_way)
    ahead = in_way & (view.s_m > view.ego_s_m[:, None])
    gap = np.where(ahead, view.rear_m - view.ego_front_m[:, None], np.inf)
    nearest = np.argmin(gap, axis=1)
    gap_m = gap[np.arange(len(gap)), nearest]
    return Leads(np.where(np.isfinite(gap_m), nearest, -1), gap_m, in_way)


def in_lane(view: LaneView) -> NDArray[np.bool_]:
    """Whose centre lies between the marks: (T, N)."""
    left, right = view.corridor.sides(view.s_m)
    return np.asarray((view.d_m < left) & (view.d_m > -right))


def in_path(view: LaneView) -> NDArray[np.bool_]:
    """Whose box overlaps the strip that the ego's box sweeps along the lane: (T, N)."""
    return np.asarray((view.low_m < view.ego_high_m[:, None]) & (view.high_m > view.ego_low_m[:, None]))


def is_braking(view: LaneView, column: int, deceleration_mps2: float) -> NDArray[np.bool_]:
    """Where the other in `column` slows down along the lane by more than this: (T,).

    The recorded acceleration says when it began; the positions must agree, because the end of sideways motion lowers
    the recorded speed without any braking.
    """
    recorded = view.rollout.others.acceleration_mps2[:, column] < -deceleration_mps2
    return np.asarray(recorded & (view.along_mps2[:, column] < -deceleration_mps2))


def entry(view: LaneView, inside: NDArray[np.bool_], column: int, index: int) -> Entry:
    """When the one in `column`, inside at `index`, came inside. `inside` is `in_lane`, `in_path` or `Leads.in_way`."""
    first = start_of(inside[:, column], index)
    before = first - 1
    sideways = before >= 0 and bool(view.judged[before]) and bool(view.rollout.others.present[before, column])
    return Entry(first, sideways)
