"""What is surely known of others, where it matters: before somebody brakes hard for them.

In: agents in `world` as perception states them, with existence and covariance. Out: those who are sure to be there, as
harmless as what is known of them allows. Where the truth is told everything is sure and nothing changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from geometry.angles import Floats
from planning.scene import Agents, EgoState

SURE = 0.95
"""Who is less likely to be there than this may not be there."""
PLACE, SPEED = slice(0, 2), slice(2, 4)
"""Of a covariance of (x, y, vx, vy)."""


@dataclass(frozen=True, slots=True)
class CertaintySettings:
    """What is sure."""

    existence: float = SURE
    sigmas: float = 1.0
    """Places and speeds are known but for so many 1-sigma."""


def is_sure(agents: Agents) -> bool:
    """Whether all is known of the agents, as where the truth is told."""
    return bool((agents.existence >= 1.0).all() and not agents.covariance.any())


def sure_agents(agents: Agents, ego: EgoState, settings: CertaintySettings) -> Agents:
    """Those who are sure to be there: who is ahead is further away and faster, sideways everybody is slower."""
    there = agents.rows(np.flatnonzero(agents.existence >= settings.existence))
    pose, covariance = ego.world_from_ego, there.covariance
    along = np.array((math.cos(pose.yaw_rad), math.sin(pose.yaw_rad)))
    ahead = along[0] * (there.x_m - pose.x_m) + along[1] * (there.y_m - pose.y_m) > 0.0
    sigmas = np.where(ahead, settings.sigmas, 0.0)
    further_m = sigmas * spread(covariance[:, PLACE, PLACE], along)
    faster_mps = sigmas * spread(covariance[:, SPEED, SPEED], along)
    vx_mps, vy_mps = surely_sideways(there.vx_mps, there.vy_mps, covariance, pose.yaw_rad, settings.sigmas)
    return replace(
        there,
        x_m=there.x_m + further_m * along[0],
        y_m=there.y_m + further_m * along[1],
        vx_mps=vx_mps + faster_mps * along[0],
        vy_mps=vy_mps + faster_mps * along[1],
        covariance=np.zeros_like(covariance),
    )


def surely_sideways(
    vx_mps: Floats, vy_mps: Floats, covariance: Floats, heading_rad: float, sigmas: float
) -> tuple[Floats, Floats]:
    """Velocities (N,); across a heading, what is left of them less so many 1-sigma of `covariance` (N, 4, 4)."""
    aside = np.array((-math.sin(heading_rad), math.cos(heading_rad)))
    across = aside[0] * vx_mps + aside[1] * vy_mps
    less = np.sign(across) * np.minimum(np.abs(across), sigmas * spread(covariance[:, SPEED, SPEED], aside))
    return vx_mps - less * aside[0], vy_mps - less * aside[1]


def spread(covariance: Floats, axis: Floats) -> Floats:
    """1-sigma (N,) of covariances (N, 2, 2) along a unit vector (2,)."""
    return np.asarray(np.sqrt(np.maximum(np.einsum("i,nij,j->n", axis, covariance, axis), 0.0)))
