"""A smooth curvilinear frame along a polyline: projection along interpolated normals.

Tangents stand at the points and are interpolated between them, so that position along and across the line are
continuous where a plain projection on segments jumps (Hery et al. 2017, "Map-based curvilinear coordinates for
autonomous vehicles", eq. 7). `smoothed` is the line that the CommonRoad cost evaluation uses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats
from geometry.errors import ContractError

END_M = 1e-2
"""The line goes on straight by three (at its start) and two (at its end) pieces of this length."""
WIDEST_M = 20.0
"""Points further aside have no coordinates."""


@dataclass(frozen=True, slots=True, eq=False)
class CurvilinearFrame:
    """N points (N, 2), arc lengths `s_m` (N,), unit tangents at both ends of each of the N - 1 segments."""

    points: Floats
    s_m: Floats
    start_tangent: Floats
    end_tangent: Floats

    @staticmethod
    def along(line: Floats) -> CurvilinearFrame:
        """The frame of a line (K, 2), K >= 3.

        Raises:
            ContractError: fewer points, or neighbours that are equal.
        """
        if len(line) < 3 or not np.hypot(*np.diff(line, axis=0).T).all():
            raise ContractError("a curvilinear frame needs at least three points, no two neighbours equal")
        before, after = _unit(line[0] - line[1]), _unit(line[-1] - line[-2])
        points = np.concatenate((
            line[0] + before * END_M * np.array([[3.0], [2.0], [1.0]]), line,
            line[-1] + after * END_M * np.array([[1.0], [2.0]]),
        ))  # fmt: skip
        across_two = points[2:] - points[:-2]
        ends = np.concatenate((points[1:2] - points[:1], across_two, points[-1:] - points[-2:-1]))
        tangents = ends / np.hypot(ends[:, 0], ends[:, 1])[:, None]
        s_m = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))))
        return CurvilinearFrame(points, s_m, tangents[:-1], tangents[1:])

    def project(self, x_m: float, y_m: float) -> tuple[float, float] | None:
        """Arc length and lateral offset (left positive) of a point, None where it has none."""
        step = np.diff(self.points, axis=0)
        length = np.diff(self.s_m)
        unit = step / length[:, None]
        offset = np.array([x_m, y_m]) - self.points[:-1]
        along = (offset * unit).sum(axis=1)
        across = unit[:, 0] * offset[:, 1] - unit[:, 1] * offset[:, 0]
        slope_start, slope_end = _slope(self.start_tangent, unit), _slope(self.end_tangent, unit)
        divider = length - across * (slope_end - slope_start)
        share = np.divide(along + across * slope_start, divider, out=np.full(len(length), -1.0), where=divider != 0.0)
        d = np.hypot(*(offset - share[:, None] * step).T)
        reached = (share >= -1e-7) & (share <= 1.0 + 1e-7) & (d <= WIDEST_M)
        if not reached.any():
            return None
        best = int(np.argmin(np.where(reached, d, np.inf)))
        return float(self.s_m[best] + share[best] * length[best]), math.copysign(float(d[best]), float(across[best]))

    def heading(self, s_m: float) -> float:
        """Direction of the interpolated tangent at an arc length."""
        piece = int(np.clip(np.searchsorted(self.s_m, s_m) - 1, 0, len(self.s_m) - 2))
        share = (s_m - self.s_m[piece]) / (self.s_m[piece + 1] - self.s_m[piece])
        tangent = share * self.end_tangent[piece] + (1.0 - share) * self.start_tangent[piece]
        return math.atan2(tangent[1], tangent[0])


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.hypot(*vector))


def _slope(tangent: Floats, unit: Floats) -> Floats:
    """Slope of tangents in the frames of their segments, both (N, 2)."""
    across = unit[:, 0] * tangent[:, 1] - unit[:, 1] * tangent[:, 0]
    return np.asarray(across / (tangent * unit).sum(axis=1))


def smoothed(line: Floats, extend_m: float, step_m: float) -> Floats:
    """A line (K, 2) prolonged at both ends, its corners cut three times, and resampled at equal distances.

    Corner cutting: Chaikin 1974, "An algorithm for high-speed curve generation"; the ends stay.
    """
    first = line[0] + extend_m * _unit(line[0] - line[1])
    last = line[-1] + extend_m * _unit(line[-1] - line[-2])
    line = np.concatenate((first[None], line, last[None]))
    for _ in range(3):
        near, far = 0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]
        cut = np.stack((near, far), axis=1).reshape(-1, 2)
        line = np.concatenate((line[:1], cut, line[-1:]))
    s_m = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))))
    count = math.ceil(s_m[-1] / step_m + 1.0)
    at_m = np.linspace(0.0, s_m[-1], count)
    return np.stack((np.interp(at_m, s_m, line[:, 0]), np.interp(at_m, s_m, line[:, 1])), axis=-1)
