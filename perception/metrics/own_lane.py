"""What a follower needs of tracks: the range of the cars ahead, and nobody in the own lane who is not known.

In: frames of tracks with who stands in the own lane. Out: relative errors of range; how often such a road user was
tracked once it had been in sight for a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats
from perception.metrics.detection import matched
from perception.metrics.frames import Bools, Frame, distances, in_ring

NEAR_M = 2.0
"""A track of whatever class this near to a road user is known to be it; far ones by FOUND_SHARE, because how far its
range is off is the other figure."""
SIGHT_S = 0.3
"""So long somebody has to have been in sight without a break: three frames of ten a second."""
FOUND_SHARE = 0.15
"""A track further off than this share of the range is no track of the object."""


@dataclass(frozen=True, slots=True, eq=False)
class LaneFrame:
    """One rig frame of a drive at `t_s`. `in_lane` says which of `tracks.truth` stand in the own lane, ahead."""

    drive: str
    t_s: float
    tracks: Frame
    in_lane: Bools


def range_errors(frames: Sequence[Frame], kind: int, nearest_m: float, farthest_m: float) -> Floats:
    """(said - true) / true range of all objects of a class in a ring that are tracked, shape (N,)."""
    part = [in_ring(frame, nearest_m, farthest_m) for frame in frames]
    matches = matched(part, kind, FOUND_SHARE * farthest_m)
    errors = []
    for index, found, truth in zip(matches.frame[matches.hit], matches.found[matches.hit], matches.truth[matches.hit],
                                   strict=True):  # fmt: skip
        said, true = part[index].found.range_m[found], part[index].truth.range_m[truth]
        if abs(said - true) <= FOUND_SHARE * true:
            errors.append((said - true) / true)
    return np.array(errors, dtype=np.float64)


def known_in_lane(frames: Sequence[LaneFrame], kinds: Sequence[int], farthest_m: float) -> tuple[int, int]:
    """How many appearances in the own lane (one per frame) were tracked, of how many that had been in sight for
    SIGHT_S. The frames of a drive stand together, in order."""
    known = wanted = 0
    since: dict[int, float] = {}
    drive = ""
    for frame in frames:
        truth = frame.tracks.truth
        since = {
            int(row): since.get(int(row), frame.t_s) if frame.drive == drive else frame.t_s for row in truth.ids
        }  # fmt: skip
        drive = frame.drive
        sighted = np.array([frame.t_s - since[int(row)] >= SIGHT_S - 1e-6 for row in truth.ids], dtype=bool)
        asked = sighted & frame.in_lane & np.isin(truth.kinds, kinds) & (truth.range_m <= farthest_m)
        away_m = distances(truth.xy_m[asked], frame.tracks.found.xy_m).min(axis=1, initial=np.inf)
        near = away_m <= np.maximum(NEAR_M, FOUND_SHARE * truth.range_m[asked])
        known, wanted = known + int(near.sum()), wanted + int(asked.sum())
    return known, wanted
