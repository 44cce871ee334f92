"""Intelligent Driver Model (Treiber, Hennecke, Helbing 2000, eq. 3-4): acceleration behind a lead vehicle. SI units."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numba import njit


@dataclass(frozen=True, slots=True)
class IdmParameters:
    """Parameters of the model in the paper's terms."""

    headway_s: float = 1.8
    min_gap_m: float = 3.0
    acceleration_mps2: float = 1.5
    deceleration_mps2: float = 2.0
    exponent: float = 4.0


@njit(cache=True)
def idm_acceleration(
    speed_mps: float, desired_mps: float, gap_m: float, lead_mps: float,
    headway_s: float, min_gap_m: float, acceleration_mps2: float, deceleration_mps2: float, exponent: float,
) -> float:  # fmt: skip
    """Acceleration [m/s^2]; `gap_m` is bumper to bumper, infinity for a free road. Not clipped from below."""
    free = 1.0 - (speed_mps / max(desired_mps, 0.1)) ** exponent
    if speed_mps > desired_mps:
        # Above the desired speed the paper's power law brakes without bound; slow down at the comfortable rate instead.
        free = max(free, -deceleration_mps2 / acceleration_mps2)
    if math.isinf(gap_m):
        return acceleration_mps2 * free
    approach = speed_mps * (speed_mps - lead_mps) / (2.0 * math.sqrt(acceleration_mps2 * deceleration_mps2))
    desired_gap = min_gap_m + max(0.0, speed_mps * headway_s + approach)
    return acceleration_mps2 * (free - (desired_gap / max(gap_m, 0.1)) ** 2)
