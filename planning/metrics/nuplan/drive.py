"""What the nuPlan closed-loop score judges: one drive of the ego, the tracks around it, the roads, the expert's way.

World frame, SI, radians, float64. T steps of the ego, N tracks, L lane objects (lanes first, then the lane connectors
that cross intersections, both in the order of their source: "first" rules of the score depend on it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.boxes import box_corners
from geometry.errors import ContractError

Indices = tuple[int, ...]

VULNERABLE = frozenset({"pedestrian", "bicycle"})
STATIC = frozenset({"traffic_cone", "barrier", "czone_sign", "generic_object"})
VEHICLES = frozenset({"vehicle"})
KINDS = VULNERABLE | STATIC | VEHICLES


@dataclass(frozen=True, slots=True)
class EgoShape:
    """Box of the ego; `rear_m` from the rear axle to the rear bumper."""

    length_m: float
    width_m: float
    rear_m: float

    @property
    def centre_ahead_m(self) -> float:
        """From the rear axle to the centre of the box."""
        return 0.5 * self.length_m - self.rear_m


REFERENCE_SHAPE = EgoShape(5.176, 2.297, 1.127)
"""The vehicle of the reference implementation."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Poses of a rear axle: arrays of shape (T,); `time_us` need not start at 0."""

    time_us: NDArray[np.int64]
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats

    def __post_init__(self) -> None:
        for array in (self.x_m, self.y_m, self.yaw_rad):
            if array.shape != self.time_us.shape:
                raise ContractError(f"a trace of {self.time_us.shape} times has a column of shape {array.shape}")

    def centres(self, shape: EgoShape) -> Floats:
        """Centres of the box, shape (T, 2)."""
        ahead = shape.centre_ahead_m
        return np.stack((self.x_m + ahead * np.cos(self.yaw_rad), self.y_m + ahead * np.sin(self.yaw_rad)), axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class EgoMotion:
    """Velocity and acceleration of the rear axle in the ego frame, shape (T,) each; `vx_mps` < 0 is reversing."""

    vx_mps: Floats
    vy_mps: Floats
    ax_mps2: Floats
    ay_mps2: Floats
    yaw_rate_radps: Floats
    yaw_acceleration_radps2: Floats


@dataclass(frozen=True, slots=True, eq=False)
class TrackSet:
    """N tracks over T steps: arrays of shape (T, N), box centres; absent where `present` is False (numbers are NaN).

    `speed_mps` is 0 for the static kinds whatever their source says.
    """

    ids: tuple[str, ...]
    kinds: tuple[str, ...]
    length_m: Floats
    width_m: Floats
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats
    present: NDArray[np.bool_]

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - KINDS
        if unknown:
            raise ContractError(f"unknown kinds of tracks {sorted(unknown)}; known are {sorted(KINDS)}")


@dataclass(frozen=True, slots=True, eq=False)
class LaneObject:
    """A lane, or a connector between lanes; `incoming` and `outgoing` index the map's objects."""

    id: str
    is_lane: bool
    surface: shapely.Geometry
    baseline: shapely.LineString
    speed_limit_mps: float | None
    """Of lanes only: a connector's limit comes from the lanes that it connects."""
    block: str
    incoming: Indices
    outgoing: Indices


@dataclass(frozen=True, slots=True, eq=False)
class RoadMap:
    """The roads of a drive. `blocks` maps a road block's id to its area; the geometries may overlap."""

    objects: tuple[LaneObject, ...]
    blocks: Mapping[str, shapely.Geometry]
    intersections: tuple[shapely.Geometry, ...]
    drivable: tuple[shapely.Geometry, ...]

    def __post_init__(self) -> None:
        order = [item.is_lane for item in self.objects]
        if order != sorted(order, reverse=True):
            raise ContractError("the lanes of a road map stand before its connectors")
        missing = {item.block for item in self.objects} - set(self.blocks)
        if missing:
            raise ContractError(f"lanes name road blocks that the map does not have: {sorted(missing)[:3]}")


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """All inputs of the score. Without an `expert` there is no progress to compare with."""

    shape: EgoShape
    ego: Trace
    motion: EgoMotion
    tracks: TrackSet
    roads: RoadMap
    expert: Trace | None

    @property
    def dt_s(self) -> float:
        """Mean time step."""
        return float(np.mean(np.diff(self.ego.time_us))) * 1e-6

    @property
    def speed_mps(self) -> Floats:
        """Magnitude of the rear axle's velocity, (T,)."""
        return np.hypot(self.motion.vx_mps, self.motion.vy_mps)

    def corners(self) -> Floats:
        """Front-left, rear-left, rear-right, front-right corner of the ego: (T, 4, 2)."""
        centre = self.ego.centres(self.shape)
        length, width = np.asarray(self.shape.length_m), np.asarray(self.shape.width_m)
        return box_corners(centre[:, 0], centre[:, 1], self.ego.yaw_rad, length, width)

    def t_s(self, step: int) -> float:
        """Time of a step since the start of the drive."""
        return float(self.ego.time_us[step] - self.ego.time_us[0]) * 1e-6
