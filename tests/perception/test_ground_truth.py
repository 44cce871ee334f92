"""Perception in ground-truth mode: the same place seen from odom and from the ego, within range, nothing invented."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import AgentTruth, EgoTruth, Envelope, Odometry, ScenarioInfo
from bus.node import Received, Tick
from geometry.pose import Pose
from lanewise.scenarios.own_maps import highway_straight
from maps.lane_sampling import sample_lanes
from perception.ground_truth import GroundTruthSettings, node

INFO = ScenarioInfo(
    "test", 0, 20.0, "", ("Ego", "A", "B"), np.array([0, 0, 1]), np.array([4.8, 4.5, 12.0]), np.array([1.9, 1.8, 2.5]),
    np.array([1.5, 1.4, 3.5]), np.array([1.4, 1.3, 4.0]), np.array([2.8, 2.7, 6.0]),
)  # fmt: skip

ROAD = sample_lanes(highway_straight())
"""A map without lights."""


def perceive(world_from_odom: Pose, odom_from_ego: Pose, *agents: tuple[int, float, float, float]):
    """What is said of agents (id, x, y, yaw) in world, at 10 m/s along their yaw."""
    ids, x, y, yaw = (np.array(column, dtype=float) for column in zip(*agents, strict=True))
    truth = AgentTruth(ids.astype(np.int64), x, y, yaw, np.full(len(ids), 10.0), 10.0 * np.cos(yaw), 10.0 * np.sin(yaw),
                       np.zeros(len(ids)))  # fmt: skip
    inputs = {
        "/truth/scenario": INFO,
        "/localization/odometry": Odometry(odom_from_ego, 15.0, 0.0, 0.0, 0.0, True),
        "/truth/ego": EgoTruth(world_from_odom @ odom_from_ego, 15.0, 0.0, 0.0, 0.0, True),
        "/truth/agents": truth,
    }
    received = {topic: Received(Envelope(topic, "t", 0, 0, 0, 0), message) for topic, message in inputs.items()}
    made = node(GroundTruthSettings(range_m=100.0), ROAD)
    _, said = made.step(made.memory, Tick(0, received, received["/truth/agents"], np.random.default_rng(0)))
    return {publication.topic: publication.message for publication in said}


ANGLE = st.floats(-math.pi, math.pi)
METRES = st.floats(-50.0, 50.0)


@given(x=METRES, y=METRES, yaw=ANGLE, ego_x=METRES, ego_y=METRES, ego_yaw=ANGLE, odom_yaw=ANGLE)
def test_objects_and_tracks_are_the_truth_in_their_frames(
    x: float, y: float, yaw: float, ego_x: float, ego_y: float, ego_yaw: float, odom_yaw: float
) -> None:
    world_from_odom, odom_from_ego = Pose(300.0, -20.0, odom_yaw), Pose(ego_x, ego_y, ego_yaw)
    world_from_ego = world_from_odom @ odom_from_ego
    world_from_agent = world_from_ego @ Pose(x, y, yaw)
    said = perceive(
        world_from_odom, odom_from_ego, (1, world_from_agent.x_m, world_from_agent.y_m, world_from_agent.yaw_rad)
    )
    objects, tracks = said["/perception/objects"], said["/perception/tracks"]
    assert (objects.x_m[0], objects.y_m[0]) == pytest.approx((x, y), abs=1e-6)
    assert math.cos(objects.yaw_rad[0] - yaw) == pytest.approx(1.0)
    place = world_from_odom @ np.array([tracks.x_m[0], tracks.y_m[0]])
    assert tuple(place) == pytest.approx((world_from_agent.x_m, world_from_agent.y_m), abs=1e-6)
    speed = np.hypot(tracks.vx_mps[0], tracks.vy_mps[0])
    assert speed == pytest.approx(10.0)
    assert math.cos(math.atan2(tracks.vy_mps[0], tracks.vx_mps[0]) - tracks.yaw_rad[0]) == pytest.approx(1.0)


def test_what_is_out_of_range_is_not_seen() -> None:
    said = perceive(Pose(0.0, 0.0, 0.0), Pose(0.0, 0.0, 0.0), (1, 99.0, 0.0, 0.0), (2, 101.0, 0.0, 0.0))
    assert said["/perception/tracks"].ids.tolist() == [1]
    assert said["/perception/objects"].length_m.tolist() == [4.5]


def test_nothing_is_said_before_the_pose_is_known() -> None:
    made = node(GroundTruthSettings(), ROAD)
    empty = AgentTruth(*(np.zeros(0),) * 8)
    trigger = Received(Envelope("/truth/agents", "t", 0, 0, 0, 0), empty)
    assert made.step(made.memory, Tick(0, {"/truth/agents": trigger}, trigger, np.random.default_rng(0)))[1] == ()


def test_yaw_rates_are_those_since_the_truth_before_and_nobody_turns_who_was_not_there() -> None:
    made = node(GroundTruthSettings(), ROAD)
    memory, said = made.memory, ()
    standing = Odometry(Pose(0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0, True), EgoTruth(Pose(0.0, 0.0, 0.0), *(0.0,) * 4, True)
    others = [((2, 1), (0.5, math.pi - 0.01)), ((1, 2), (-math.pi + 0.01, 0.52)), ((1,), (0.0,))]
    rates = []
    for at_ns, (ids, yaw) in zip((0, 100_000_000, 2_000_000_000), others, strict=True):
        zero, one = np.zeros(len(ids)), np.ones(len(ids))
        agents = AgentTruth(np.array(ids), 9.0 * np.array(ids), zero, np.array(yaw), one, one, zero, zero)
        messages = {"/truth/scenario": INFO, "/localization/odometry": standing[0], "/truth/ego": standing[1]}
        inputs = {t: Received(Envelope(t, "t", 0, 0, 0, 0), m) for t, m in messages.items()}
        trigger = Received(Envelope("/truth/agents", "t", 0, at_ns, at_ns, at_ns), agents)
        tick = Tick(at_ns, {**inputs, "/truth/agents": trigger}, trigger, np.random.default_rng(0))
        memory, said = made.step(memory, tick)
        rates.append(next(p.message for p in said if p.topic == "/perception/tracks").yaw_rate_radps.tolist())
    assert rates[0] == [0.0, 0.0]
    assert rates[1] == pytest.approx([0.2, 0.2])
    assert rates[2] == [0.0]
