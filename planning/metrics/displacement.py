"""Open-loop displacement errors: how far predicted positions are from what happened.

ADE is the mean distance over the horizon, FDE the distance at its end; with several modes the one with the best end
counts (Chang et al. 2019, "Argoverse", section 4.2). A prediction misses when its end is further off than a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats, wrap_rad
from geometry.errors import ContractError

MISS_M = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class DisplacementErrors:
    """Per prediction (N,): errors in m of the best mode, which one it is, and whether it misses."""

    ade_m: Floats
    fde_m: Floats
    best: NDArray[np.int64]
    missed: NDArray[np.bool_]

    @property
    def miss_rate(self) -> float:
        """Share of predictions that miss."""
        return float(self.missed.mean())


def displacement_errors(
    predicted_m: Floats, truth_m: Floats, known: NDArray[np.bool_] | None = None, miss_m: float = MISS_M
) -> DisplacementErrors:
    """Errors of N predictions with K modes over T instants.

    Args:
        predicted_m: positions, shape (N, K, T, 2), or (N, T, 2) with a single mode.
        truth_m: positions, shape (N, T, 2).
        known: where the truth is known, shape (N, T); everywhere if not given. The end is the last known instant.
        miss_m: a best end further off than this is a miss.

    Raises:
        ContractError: shapes that do not match, or a truth that is nowhere known.
    """
    modes = predicted_m[:, None] if predicted_m.ndim == 3 else predicted_m
    mask = np.ones(truth_m.shape[:2], dtype=bool) if known is None else known
    if modes.ndim != 4 or modes.shape[-1] != 2 or (modes.shape[0], *modes.shape[2:]) != truth_m.shape:
        raise ContractError(f"predictions of shape {predicted_m.shape} do not match a truth of shape {truth_m.shape}")
    if mask.shape != truth_m.shape[:2] or not mask.any(axis=1).all():
        raise ContractError("every truth needs at least one known instant")
    distance = np.hypot(*np.moveaxis(modes - truth_m[:, None], -1, 0))
    end = mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)
    rows = np.arange(len(modes))
    final = distance[rows, :, end]
    best = np.argmin(final, axis=1).astype(np.int64)
    chosen = np.where(mask, distance[rows, best], 0.0)
    fde = final[rows, best]
    return DisplacementErrors(chosen.sum(axis=1) / mask.sum(axis=1), fde, best, fde > miss_m)


def heading_errors(predicted_rad: Floats, truth_rad: Floats) -> tuple[Floats, Floats]:
    """Mean and final absolute heading error [rad], (N,) each, of headings (N, T)."""
    error = np.abs(wrap_rad(np.asarray(predicted_rad - truth_rad, dtype=np.float64)))
    return np.asarray(error.mean(axis=1)), np.asarray(error[:, -1])
