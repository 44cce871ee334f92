"""Localization in its explicit ground-truth mode: the true pose, published as the estimator will publish its own.

In: `/truth/ego`. Out: `/localization/odometry` at every state, `/localization/pose` at 10 Hz. `odom` starts at the
ego's first pose, so that `odom` and `world` differ as they do on a real car.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bus.messages import EgoTruth, Odometry, PoseEstimate, PoseStatus
from bus.node import Node, Publication, Tick
from geometry.pose import Pose

POSE_PERIOD_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class OdomOrigin:
    """Where `odom` lies in `world`; None until the first state has come."""

    world_from_odom: Pose | None = None


def node() -> Node:
    """The node to hand to the executor."""
    return Node(
        name="localization",
        priority=10,
        step=_step,
        memory=OdomOrigin(),
        inputs=("/truth/ego",),
        outputs=("/localization/odometry", "/localization/pose"),
        triggers=("/truth/ego",),
    )


def _step(memory: OdomOrigin, tick: Tick) -> tuple[OdomOrigin, tuple[Publication, ...]]:
    assert tick.trigger is not None
    truth: EgoTruth = tick.trigger.message
    measured_ns = tick.trigger.envelope.measured_ns
    world_from_odom = memory.world_from_odom or truth.world_from_ego
    odometry = Odometry(
        odom_from_ego=world_from_odom.inverse() @ truth.world_from_ego,
        speed_mps=truth.speed_mps,
        acceleration_mps2=truth.acceleration_mps2,
        yaw_rate_radps=truth.yaw_rate_radps,
        steering_rad=truth.steering_rad,
        engaged=truth.engaged,
    )
    publications = [Publication("/localization/odometry", odometry, measured_ns)]
    if measured_ns % POSE_PERIOD_NS == 0:
        estimate = PoseEstimate(world_from_odom, PoseStatus.LANE_CERTAIN, 0.0, 0.0, 0.0, np.zeros((3, 3)))
        publications.append(Publication("/localization/pose", estimate, measured_ns))
    return OdomOrigin(world_from_odom), tuple(publications)
