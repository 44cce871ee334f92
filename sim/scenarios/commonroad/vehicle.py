"""The vehicle of CommonRoad's planning problems: BMW 320i, kinematic single-track model (KS2).

Numbers: CommonRoad vehicle models 2020a, parameter set 2.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SingleTrack:
    """Geometry and limits; `rear_m` from the rear axle to the reference point of CommonRoad states."""

    model: str = "KS2"
    length_m: float = 4.508
    width_m: float = 1.61
    front_m: float = 1.1561957064
    rear_m: float = 1.4227170936
    steering_rad: float = 1.066
    steering_rate_radps: float = 0.4
    acceleration_mps2: float = 11.5
    switching_mps: float = 7.319
    """Above this speed the engine's power limits the acceleration."""
    fastest_mps: float = 50.8
    fastest_back_mps: float = 13.9

    @property
    def wheelbase_m(self) -> float:
        return self.front_m + self.rear_m


BMW_320I = SingleTrack()
