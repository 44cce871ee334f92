"""Stretches of samples in which something holds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats


def stretches(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each stretch of True in a mask of shape (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(first), int(after) - 1) for first, after in zip(edges[::2], edges[1::2], strict=True)]


def bridged(mask: NDArray[np.bool_], t_s: Floats, gap_s: float) -> NDArray[np.bool_]:
    """The mask with gaps of at most `gap_s` between two stretches closed."""
    closed = mask.copy()
    parts = stretches(mask)
    for (_, last), (first, _) in pairwise(parts):
        if t_s[first] - t_s[last] <= gap_s:
            closed[last : first + 1] = True
    return closed


def start_of(mask: NDArray[np.bool_], index: int) -> int:
    """First index of the stretch of True that holds `index`; `index` itself where the mask is False there."""
    if not mask[index]:
        return index
    before = np.flatnonzero(~mask[:index])
    return int(before[-1]) + 1 if len(before) else 0
