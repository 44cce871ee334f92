"""A finished drive as arrays: what metrics judge and the report shows. World frame, SI, T samples, N other entities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats


@dataclass(frozen=True, slots=True)
class EntityShape:
    """Box of an entity. `centre_x_m`: how far the box centre lies ahead of the origin (the rear axle of vehicles)."""

    name: str
    kind: int
    """A `bus.messages.EntityKind`."""
    length_m: float
    width_m: float
    height_m: float
    centre_x_m: float
    wheelbase_m: float


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """States over time: arrays of shape (T,) for the ego (rear axle) or (T, N) for others (box centre).

    Where an entity is absent, `present` is False and the numbers are NaN.
    """

    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    present: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ContactEvent:
    """The moment two entities began to touch. Ids index the cast of the drive (`Rollout.cast`)."""

    t_s: float
    first_id: int
    second_id: int
    x_m: float
    y_m: float
    first_speed_mps: float
    second_speed_mps: float


@dataclass(frozen=True, slots=True, eq=False)
class Rollout:
    """One drive: `t_s` of shape (T,), the ego, the N others in cast order without the ego.

    `cast[i]` is entity i; `ego_id` its index of the ego; column j of `others` is `cast[other_ids[j]]`.
    `engaged` (T,) is True where the stack drives. `demand_mps2` (T,) is the commanded acceleration (0 before
    engagement), `steering_rad`, `yaw_rate_radps` (T,) belong to the ego.
    """

    t_s: Floats
    ego: Motion
    others: Motion
    cast: tuple[EntityShape, ...]
    ego_id: int
    other_ids: NDArray[np.int64]
    engaged: NDArray[np.bool_]
    demand_mps2: Floats
    steering_rad: Floats
    yaw_rate_radps: Floats
    contacts: tuple[ContactEvent, ...]
    set_speed_mps: float
