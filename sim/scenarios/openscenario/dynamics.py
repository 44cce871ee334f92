"""How a value goes from start to target (OpenSCENARIO XML 1.3: DynamicsShape, DynamicsDimension)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.reading import Node

SHAPES = ("linear", "cubic", "sinusoidal", "step")
DIMENSIONS = ("time", "rate", "distance")

_PEAK_RATE = {"linear": 1.0, "cubic": 1.5, "sinusoidal": 0.5 * math.pi}
"""Largest slope of each shape over the unit interval; a given rate is the peak rate."""


SPRING_SHARE_PER_M = 0.4
"""Actions that draw near a distance do so like a critically damped spring; its stiffness is this share of the largest
acceleration that is allowed (fitted to esmini's tracks: exact for three different bounds)."""


@dataclass(frozen=True, slots=True)
class Dynamics:
    """Shape, what `value` means, and the value: seconds, units per second, or metres."""

    shape: str
    dimension: str
    value: float

    def span(self, change: float, fastest: float = math.inf) -> float:
        """How long the transition takes: seconds, or metres for `distance`; infinite for a rate of zero.

        `fastest` bounds the rate at which the value can change per second; what is asked faster takes longer.
        """
        if self.shape == "step" or change == 0.0:
            return 0.0
        if self.dimension == "distance":
            return self.value
        way = abs(change) * _PEAK_RATE[self.shape]
        least = way / fastest if fastest > 0.0 else math.inf
        if self.dimension == "time":
            return max(self.value, least)
        return max(way / abs(self.value) if self.value != 0.0 else math.inf, least)


def share(shape: str, progress: float) -> tuple[float, float]:
    """Value and slope of a shape on the unit interval at `progress` (clipped)."""
    p = min(max(progress, 0.0), 1.0)
    if shape == "cubic":
        return p * p * (3.0 - 2.0 * p), 6.0 * p * (1.0 - p)
    if shape == "sinusoidal":
        return 0.5 * (1.0 - math.cos(math.pi * p)), 0.5 * math.pi * math.sin(math.pi * p)
    return p, 1.0


def read_dynamics(node: Node) -> Dynamics:
    """`<SpeedActionDynamics>`, `<LaneChangeActionDynamics>` and their kin."""
    return Dynamics(
        node.choice("dynamicsShape", SHAPES),
        node.choice("dynamicsDimension", DIMENSIONS, "time"),
        node.number("value", 0.0),
    )


@dataclass(frozen=True, slots=True)
class Bounds:
    """`<DynamicConstraints>`; infinite where the file gives none. Decelerations and rates are positive."""

    speed_mps: float = math.inf
    acceleration_mps2: float = math.inf
    deceleration_mps2: float = math.inf
    acceleration_rate_mps3: float = math.inf
    deceleration_rate_mps3: float = math.inf

    def within(self, mover: Mover) -> Bounds:
        """The tighter of these and what the entity can do."""
        limits = mover.limits
        return replace(
            self,
            speed_mps=min(self.speed_mps, limits.speed_mps),
            acceleration_mps2=min(self.acceleration_mps2, limits.acceleration_mps2),
            deceleration_mps2=min(self.deceleration_mps2, limits.deceleration_mps2),
        )


def read_bounds(node: Node | None) -> Bounds:
    """`<DynamicConstraints>`, if there are any."""
    if node is None:
        return Bounds()
    names = ("maxSpeed", "maxAcceleration", "maxDeceleration", "maxAccelerationRate", "maxDecelerationRate")
    return Bounds(*(node.number(name, math.inf, least=0.0) for name in names))
