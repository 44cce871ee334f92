"""How far off a pose is, and whether its bound said so: errors in the vehicle frame, drift, availability, integrity.

In: true and estimated poses as arrays (N, 3) of x, y, yaw in `world` at times (N,), protection levels and statuses.
Out: figures. METRICS section 7. The Stanford diagram and its regions: Tossaint et al., "The Stanford - ESA Integrity
Diagram", Navigation 54(2), 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from bus.messages import PoseStatus
from geometry.angles import Floats, wrap_rad
from geometry.errors import ContractError

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class PoseErrors:
    """Errors of N poses in the true vehicle frame (ahead and left positive), with what the estimate said of itself.

    Protection levels and `status` (PoseStatus) have shape (N,).
    """

    t_s: Floats
    longitudinal_m: Floats
    lateral_m: Floats
    heading_rad: Floats
    protection_longitudinal_m: Floats
    protection_lateral_m: Floats
    protection_heading_rad: Floats
    status: NDArray[np.int64]

    def __post_init__(self) -> None:
        shapes = {getattr(self, name).shape for name in self.__slots__}
        if shapes != {(len(self.t_s),)}:
            raise ContractError(f"the columns of pose errors need one shape (N,), not {sorted(map(str, shapes))}")

    @property
    def certain(self) -> Bools:
        """Where the estimate claims to know its lane."""
        return np.asarray(self.status == PoseStatus.LANE_CERTAIN)

    def where(self, keep: Bools) -> PoseErrors:
        """Only the samples that `keep` (N,) marks."""
        return PoseErrors(*(getattr(self, name)[keep] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Spread:
    """Root mean square, 95th percentile of the magnitude, and largest magnitude; NaN of no samples."""

    rms: float
    p95: float
    largest: float

    @staticmethod
    def of(values: Floats) -> Spread:
        """The spread of errors of any shape."""
        if values.size == 0:
            return Spread(np.nan, np.nan, np.nan)
        size = np.abs(values)
        return Spread(float(np.sqrt(np.mean(size**2))), float(np.percentile(size, 95.0)), float(size.max()))


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time in which a condition holds without break."""

    first_s: float
    last_s: float

    @property
    def length_s(self) -> float:
        """From the first to the last sample."""
        return self.last_s - self.first_s


@dataclass(frozen=True, slots=True, eq=False)
class StanfordDiagram:
    """Counts of samples by error (rows) and protection level (columns), and by region.

    The last row and column hold what lies beyond the last edge. `edges_m` (E,) begins at 0.
    """

    edges_m: Floats
    counts: NDArray[np.int64]
    nominal: int
    """Error within the level, level within the alert limit."""
    unavailable: int
    """Level beyond the alert limit: the estimate says itself that it must not be used."""
    misleading: int
    """Error beyond the level, but within the alert limit."""
    hazardous: int
    """Error beyond the alert limit, level within it."""


def pose_errors(
    t_s: Floats, truth: Floats, estimate: Floats, protection: Floats, status: NDArray[np.int64]
) -> PoseErrors:
    """Errors of poses (N, 3) against true ones (N, 3); `protection` (N, 3) is lateral, longitudinal, heading."""
    off = estimate[:, :2] - truth[:, :2]
    cos, sin = np.cos(truth[:, 2]), np.sin(truth[:, 2])
    return PoseErrors(
        t_s=t_s,
        longitudinal_m=cos * off[:, 0] + sin * off[:, 1],
        lateral_m=cos * off[:, 1] - sin * off[:, 0],
        heading_rad=wrap_rad(estimate[:, 2] - truth[:, 2]),
        protection_longitudinal_m=protection[:, 1],
        protection_lateral_m=protection[:, 0],
        protection_heading_rad=protection[:, 2],
        status=status,
    )


def exceedances(errors: PoseErrors) -> Bools:
    """Where any error is larger than its protection level, shape (N,)."""
    return np.asarray(
        (np.abs(errors.lateral_m) > errors.protection_lateral_m)
        | (np.abs(errors.longitudinal_m) > errors.protection_longitudinal_m)
        | (np.abs(errors.heading_rad) > errors.protection_heading_rad)
    )


def intervals(t_s: Floats, holds: Bools) -> tuple[Interval, ...]:
    """The stretches of consecutive samples at which a condition holds."""
    edges = np.diff(np.concatenate(([0], holds.astype(np.int8), [0])))
    firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return tuple(Interval(float(t_s[i]), float(t_s[j - 1])) for i, j in zip(firsts, ends, strict=True))


def stanford(
    errors_m: Floats, levels_m: Floats, alert_m: float, edges_m: Sequence[float] = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
) -> StanfordDiagram:
    """The Stanford diagram of errors (N,) and protection levels (N,) for an alert limit."""
    size, edges = np.abs(errors_m), np.asarray(edges_m, dtype=np.float64)
    row = np.clip(np.searchsorted(edges, size, side="right") - 1, 0, len(edges) - 1)
    column = np.clip(np.searchsorted(edges, levels_m, side="right") - 1, 0, len(edges) - 1)
    counts = np.zeros((len(edges), len(edges)), dtype=np.int64)
    np.add.at(counts, (row, column), 1)
    usable, bounded = levels_m <= alert_m, size <= levels_m
    return StanfordDiagram(
        edges_m=edges,
        counts=counts,
        nominal=int((usable & bounded).sum()),
        unavailable=int((~usable).sum()),
        misleading=int((usable & ~bounded & (size <= alert_m)).sum()),
        hazardous=int((usable & ~bounded & (size > alert_m)).sum()),
    )


def absolute_trajectory_error_m(truth: Floats, estimate: Floats) -> float:
    """ATE: root mean square of the position error in `world`, without alignment (the frame is the map's)."""
    off = estimate[:, :2] - truth[:, :2]
    return float(np.sqrt(np.mean(np.sum(off**2, axis=1)))) if len(off) else float("nan")


def relative_errors_m(t_s: Floats, truth: Floats, estimate: Floats, over_s: float) -> Floats:
    """RPE: length of the error of the motion over `over_s` seconds, seen from the pose at its beginning, per start."""
    last = np.searchsorted(t_s, t_s + over_s - 1e-6)
    first = np.flatnonzero(last < len(t_s))
    last = last[first]

    def moved(poses: Floats) -> Floats:
        step = poses[last, :2] - poses[first, :2]
        cos, sin = np.cos(poses[first, 2]), np.sin(poses[first, 2])
        return np.stack((cos * step[:, 0] + sin * step[:, 1], cos * step[:, 1] - sin * step[:, 0]), axis=1)

    off = moved(estimate) - moved(truth)
    return np.asarray(np.hypot(off[:, 0], off[:, 1]))


def rate_bound(events: int, trials: float) -> float:
    """Upper 95 % bound of a rate: 3 / n where nothing happened (rule of three), else the Poisson bound.

    Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249(13), 1983.
    """
    if trials <= 0:
        return float("inf")
    return float(3.0 / trials if events == 0 else 0.5 * chi2.ppf(0.95, 2 * (events + 1)) / trials)
