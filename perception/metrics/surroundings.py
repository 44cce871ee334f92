"""Lane marks, traffic lights and weather against the truth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bus.messages import LaneMarks, LightStates, MarkType
from geometry.angles import Floats
from perception.metrics.frames import distances

MARK_RANGE_M = 40.0
MARK_HIT_M = 0.3
"""A point of a mark is found if a said mark runs this near beside it."""
LIGHT_HIT_SHARE, LIGHT_HIT_M = 0.2, 4.0
LIGHT_RANGE_M = 80.0


@dataclass(frozen=True, slots=True, eq=False)
class MarkErrors:
    """How many points of true marks were found, how many said ones are true, and the errors of the found ones.

    `errors_m` (N, 2) are rows of range and lateral error.
    """

    true: int
    found: int
    said: int
    right: int
    errors_m: Floats

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall over points; NaN where there are no marks."""
        if not self.true:
            return math.nan
        recall, precision = self.found / self.true, self.right / max(self.said, 1)
        return 2.0 * recall * precision / max(recall + precision, 1e-9)

    def lateral_m(self, range_m: float, width_m: float = 5.0) -> float:
        """Median lateral error at a range; NaN where nothing was found there."""
        near = self.errors_m[np.abs(self.errors_m[:, 0] - range_m) < width_m, 1]
        return float(np.median(near)) if len(near) else math.nan


def mark_errors(said: Sequence[Floats], true: Sequence[Floats]) -> MarkErrors:
    """Compare lines (K, 2) in `ego` that were said and that are there."""
    there, told = _points(true), _points(said)
    gap, back = _beside(there, said), _beside(told, true)
    hit = gap < MARK_HIT_M
    errors = np.column_stack((np.hypot(there[hit, 0], there[hit, 1]), gap[hit]))
    return MarkErrors(len(there), int(hit.sum()), len(told), int((back < MARK_HIT_M).sum()), errors)


def added(parts: Sequence[MarkErrors]) -> MarkErrors:
    """Of several instants."""
    errors = np.concatenate([*(part.errors_m for part in parts), np.zeros((0, 2))])
    true, found, said, right = (sum(getattr(p, n) for p in parts) for n in ("true", "found", "said", "right"))
    return MarkErrors(true, found, said, right, errors)


def lines_of(message: LaneMarks) -> list[Floats]:
    """The painted lines of a message; where asphalt ends without paint is no mark."""
    spans = zip(itertools.pairwise(message.start.tolist()), message.types.tolist(), strict=True)
    return [message.xy_m[a:b] for (a, b), kind in spans if kind != MarkType.NONE]


def _points(lines: Sequence[Floats]) -> Floats:
    """Points every metre along lines, ahead and behind within range."""
    parts = [np.zeros((0, 2))]
    for line in lines:
        if len(line) < 2:
            continue
        along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))))
        s = np.arange(0.0, along[-1], 1.0)
        parts.append(np.column_stack([np.interp(s, along, line[:, k]) for k in range(2)]))
    points = np.concatenate(parts)
    return points[np.hypot(points[:, 0], points[:, 1]) < MARK_RANGE_M]


def _beside(points: Floats, lines: Sequence[Floats]) -> Floats:
    """Distance of each point (N, 2) from the nearest of the lines, (N,)."""
    best = np.full(len(points), np.inf)
    for line in lines:
        for a, b in itertools.pairwise(line):
            way = b - a
            share = np.clip(((points - a) @ way) / max(float(way @ way), 1e-9), 0.0, 1.0)
            away = points - a - share[:, None] * way
            best = np.minimum(best, np.hypot(away[:, 0], away[:, 1]))
    return best


def light_hits(said: LightStates, true_xy: Floats, true_state: NDArray[np.int64]) -> list[tuple[int, int]]:
    """State of each true light within range and what was said of it (-1: nothing)."""
    far = np.hypot(true_xy[:, 0], true_xy[:, 1])
    gap = distances(true_xy, np.column_stack((said.x_m, said.y_m)))
    pairs = []
    for row in np.flatnonzero(far < LIGHT_RANGE_M):
        near = int(gap[row].argmin()) if gap.shape[1] else -1
        seen = near >= 0 and gap[row, near] < LIGHT_HIT_M + LIGHT_HIT_SHARE * far[row]
        pairs.append((int(true_state[row]), int(said.state[near]) if seen else -1))
    return pairs


def macro_f1(pairs: Sequence[tuple[int, int]]) -> float:
    """Mean F1 over the classes that occur, of pairs of truth and what was said; NaN without any."""
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    values = []
    for kind in np.unique(table[:, 0]):
        hit = int(((table[:, 0] == kind) & (table[:, 1] == kind)).sum())
        values.append(2.0 * hit / int((table == kind).sum()))
    return float(np.mean(values)) if values else math.nan
