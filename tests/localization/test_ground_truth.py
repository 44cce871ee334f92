"""Localization in ground-truth mode: odom begins where the ego begins, and both messages together are the truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import EgoTruth, Envelope, PoseStatus
from bus.node import Publication, Received, Tick
from geometry.pose import Pose
from localization.ground_truth import node

POSES = st.builds(Pose, st.floats(-1e5, 1e5), st.floats(-1e5, 1e5), st.floats(-math.pi, math.pi))
STEP_NS = 20_000_000


def locate(*poses: Pose) -> list[tuple[Publication, ...]]:
    """What is said of true poses that are 20 ms apart; the ego drives at 12 m/s."""
    made = node()
    memory, said = made.memory, []
    for i, pose in enumerate(poses):
        envelope = Envelope("/truth/ego", "t", i, i * STEP_NS, i * STEP_NS, i * STEP_NS)
        truth = Received(envelope, EgoTruth(pose, 12.0, 0.5, 0.1, 0.02, True))
        memory, publications = made.step(memory, Tick(i * STEP_NS, {}, truth, np.random.default_rng(0)))
        said.append(publications)
    return said


@given(first=POSES, second=POSES)
def test_pose_and_odometry_together_are_the_true_pose(first: Pose, second: Pose) -> None:
    (odometry, pose), (later,) = locate(first, second)
    start = odometry.message.odom_from_ego
    assert (start.x_m, start.y_m, start.yaw_rad) == pytest.approx((0.0, 0.0, 0.0), abs=1e-9)
    found = pose.message.world_from_odom @ later.message.odom_from_ego
    assert (found.x_m, found.y_m) == pytest.approx((second.x_m, second.y_m), abs=1e-6)
    assert math.cos(found.yaw_rad - second.yaw_rad) == pytest.approx(1.0)


def test_what_the_wheels_say_is_passed_on() -> None:
    message = locate(Pose(3.0, 4.0, 0.5))[0][0].message
    found = (message.speed_mps, message.acceleration_mps2, message.yaw_rate_radps, message.steering_rad)
    assert found == (12.0, 0.5, 0.1, 0.02)
    assert message.engaged


def test_odometry_is_said_of_every_state_and_the_pose_ten_times_a_second() -> None:
    said = [p for publications in locate(*[Pose(0.24 * i, 0.0, 0.0) for i in range(50)]) for p in publications]
    measured = {topic: [p.measured_ns for p in said if p.topic == topic] for topic in {p.topic for p in said}}
    assert measured["/localization/odometry"] == [i * STEP_NS for i in range(50)]
    assert measured["/localization/pose"] == [i * 100_000_000 for i in range(10)]
    assert all(p.message.status is PoseStatus.LANE_CERTAIN for p in said if p.topic == "/localization/pose")
