"""Speed profiles: straight lines of speed over time, with corners rounded where the rate of acceleration is bounded.

A corner between two slopes is a ramp of acceleration, centred where the lines meet; the first one begins at the start,
so that the first line comes late by half of its ramp.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sim.scenarios.openscenario.dynamics import Bounds

Entry = tuple[float | None, float]
"""(seconds since the entry before or None for as soon as possible, speed [m/s])."""


@dataclass(frozen=True, slots=True)
class SpeedProfile:
    """Accelerations are linear between `times_s`; `speeds_mps` are those at the times."""

    times_s: tuple[float, ...]
    speeds_mps: tuple[float, ...]
    accelerations_mps2: tuple[float, ...]
    """(at the beginning, at the end) of each piece, one after the other."""

    @property
    def duration_s(self) -> float:
        return self.times_s[-1]

    def speed_at(self, t_s: float) -> float:
        """Speed after `t_s` seconds."""
        if t_s >= self.times_s[-1]:
            return self.speeds_mps[-1]
        i = max(bisect_right(self.times_s, t_s) - 1, 0)
        gone, span = t_s - self.times_s[i], self.times_s[i + 1] - self.times_s[i]
        first, last = self.accelerations_mps2[2 * i], self.accelerations_mps2[2 * i + 1]
        return self.speeds_mps[i] + first * gone + 0.5 * (last - first) / span * gone * gone


def speed_profile_of(start_mps: float, entries: Sequence[Entry], bounds: Bounds, smooth: bool) -> SpeedProfile:
    """The profile from a speed through all entries; slopes beyond the bounds take longer than the file says."""
    times, speeds = [0.0], [start_mps]
    # An entry at time 0 says where the profile begins; the entity is where it is.
    for time_s, target_mps in entries[1:] if entries[0][0] == 0.0 and len(entries) > 1 else entries:
        speed_mps = min(target_mps, bounds.speed_mps)
        change = speed_mps - speeds[-1]
        limit = bounds.acceleration_mps2 if change > 0.0 else bounds.deceleration_mps2
        least_s = abs(change) / limit if limit > 0.0 else 0.0
        times.append(times[-1] + max(time_s or 0.0, least_s, 1e-6))
        speeds.append(speed_mps)
    rounded = _rounded(times, speeds, bounds) if smooth else None
    return rounded if rounded is not None else _straight(times, speeds)


def _straight(times: Sequence[float], speeds: Sequence[float]) -> SpeedProfile:
    slopes = _slopes(times, speeds)
    return SpeedProfile(tuple(times), tuple(speeds), tuple(slope for slope in slopes for _ in range(2)))


def _slopes(times: Sequence[float], speeds: Sequence[float]) -> list[float]:
    return [(v1 - v0) / (t1 - t0) for (t0, t1), (v0, v1) in zip(pairwise(times), pairwise(speeds), strict=True)]


def _rounded(times: Sequence[float], speeds: Sequence[float], bounds: Bounds) -> SpeedProfile | None:
    """The profile with rounded corners; None where a line is too short for its ramps."""
    slopes = [0.0, *_slopes(times, speeds), 0.0]
    ramps = []
    for before, after in pairwise(slopes):
        rate = bounds.acceleration_rate_mps3 if after > before else bounds.deceleration_rate_mps3
        ramps.append(abs(after - before) / rate if rate > 0.0 else math.inf)
    corners = [0.5 * ramps[0]]
    late = speeds[0] - slopes[1] * corners[0]  # the first line at time 0, shifted by its ramp
    for k in range(1, len(times)):
        if k == 1 and slopes[1] != slopes[2]:
            corners.append((speeds[1] - slopes[2] * times[1] - late) / (slopes[1] - slopes[2]))
        else:
            corners.append(times[k])
    marks = [
        mark for corner, ramp in zip(corners, ramps, strict=True) for mark in (corner - 0.5 * ramp, corner + 0.5 * ramp)
    ]
    if any(not b >= a - 1e-9 for a, b in pairwise(marks)):
        return None
    return _integrated(marks, slopes, speeds[0])


def _integrated(marks: Sequence[float], slopes: Sequence[float], start_mps: float) -> SpeedProfile:
    """From the times at which ramps begin and end to the speeds there."""
    levels = [level for before, after in pairwise(slopes) for level in (before, after)]
    times, speeds, accelerations = [marks[0]], [start_mps], []
    for (t0, t1), (a0, a1) in zip(pairwise(marks), pairwise(levels), strict=True):
        if t1 - t0 <= 1e-9:
            continue
        times.append(t1)
        speeds.append(speeds[-1] + 0.5 * (a0 + a1) * (t1 - t0))
        accelerations += [a0, a1]
    return SpeedProfile(tuple(times), tuple(speeds), tuple(accelerations))
