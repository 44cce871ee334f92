"""Perception in its explicit ground-truth mode: every object in range, published as detector and tracker will.

In: `/truth/scenario` (sizes and kinds), `/truth/agents`, `/truth/ego`, and odometry. Out: `/perception/objects` in
`ego`, `/perception/tracks` in `odom` and the map's traffic lights as `/perception/lights`, at the rate of the agents'
states. Yaw rates are those since the truth before. Eyes see others from where the ego truly is, however wrong its own
idea of that: the pose does not enter. Lights that the simulator says nothing of are off. Occlusion and noise are not
modelled here; range is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bus.messages import (
    AgentTruth,
    Ints,
    LightState,
    LightStates,
    LightTruth,
    Objects,
    Odometry,
    ScenarioInfo,
    Tracks,
)
from bus.node import Node, Publication, Tick
from geometry.angles import Floats, wrap_rad
from geometry.pose import Pose
from maps.lane_map import LaneMap
from maps.signal_meaning import is_traffic_light

LONG_S = 0.5
"""Headings further apart in time tell no yaw rate."""


@dataclass(frozen=True, slots=True)
class GroundTruthSettings:
    """`range_m`: objects further away are not seen. `latency_s`: how long after the measurement the result arrives."""

    range_m: float = 200.0
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Headings:
    """Which way the others headed at an instant (-1: never), by id."""

    at_ns: int
    ids: Ints
    yaw_rad: Floats


def node(settings: GroundTruthSettings, lane_map: LaneMap) -> Node:
    """The node to hand to the executor."""
    return Node(
        name="perception",
        priority=20,
        step=lambda memory, tick: _step(settings, lane_map, memory, tick),
        memory=Headings(-1, np.zeros(0, dtype=np.int64), np.zeros(0)),
        inputs=("/truth/scenario", "/truth/agents", "/truth/lights", "/truth/ego", "/localization/odometry"),
        outputs=("/perception/objects", "/perception/tracks", "/perception/lights"),
        triggers=("/truth/agents",),
        latency_ns=round(settings.latency_s * 1e9),
    )


def _step(
    settings: GroundTruthSettings, lane_map: LaneMap, before: Headings, tick: Tick
) -> tuple[Headings, tuple[Publication, ...]]:
    assert tick.trigger is not None
    agents: AgentTruth = tick.trigger.message
    now = Headings(tick.trigger.envelope.measured_ns, agents.ids, agents.yaw_rad)
    return now, _publications(settings, lane_map, tick, _turning_radps(before, now))


def _turning_radps(before: Headings, now: Headings) -> Floats:
    """Yaw rates (M,) since the truth before; 0 of who was not there then, or not for a while."""
    gap_s = (now.at_ns - before.at_ns) * 1e-9
    known = np.isin(now.ids, before.ids)
    if before.at_ns < 0 or not 0.0 < gap_s <= LONG_S or not known.any():
        return np.zeros(len(now.ids))
    order = np.argsort(before.ids)
    rows = order[np.searchsorted(before.ids, now.ids[known], sorter=order)]
    rate = np.zeros(len(now.ids))
    rate[known] = wrap_rad(now.yaw_rad[known] - before.yaw_rad[rows]) / gap_s
    return rate


def _publications(
    settings: GroundTruthSettings, lane_map: LaneMap, tick: Tick, turning_radps: Floats
) -> tuple[Publication, ...]:
    assert tick.trigger is not None
    needed = [tick.inputs.get(t) for t in ("/truth/scenario", "/truth/ego", "/localization/odometry")]
    if any(received is None for received in needed):
        return ()
    info, truth, odometry = (received.message for received in needed if received is not None)
    agents: AgentTruth = tick.trigger.message
    measured_ns = tick.trigger.envelope.measured_ns
    ego: Pose = odometry.odom_from_ego
    odom = _in_odom(agents, ego @ truth.world_from_ego.inverse())
    seen = np.flatnonzero(np.hypot(odom.x_m - ego.x_m, odom.y_m - ego.y_m) <= settings.range_m)
    tracks = _tracks(info, agents, odom, turning_radps, seen)
    lit = tick.inputs.get("/truth/lights")
    lights = _lights(settings, lane_map, None if lit is None else lit.message, truth.world_from_ego)
    said = () if lights is None else (Publication("/perception/lights", lights, measured_ns),)
    return (
        Publication("/perception/objects", _objects(info, agents, odom, odometry, seen), measured_ns),
        Publication("/perception/tracks", tracks, measured_ns),
        *said,
    )


def _lights(
    settings: GroundTruthSettings, lane_map: LaneMap, truth: LightTruth | None, world_from_ego: Pose
) -> LightStates | None:
    """The lights in range, None where the map has none at all."""
    lights = [signal for signal in lane_map.signals if is_traffic_light(signal)]
    if not lights:
        return None
    states = {} if truth is None else dict(zip(truth.signals, truth.state.tolist(), strict=True))
    places = world_from_ego.inverse() @ np.array([(light.x_m, light.y_m) for light in lights])
    near = np.hypot(places[:, 0], places[:, 1]) <= settings.range_m
    state = np.array([states.get(light.id, LightState.OFF) for light in lights])
    return LightStates(places[near, 0], places[near, 1], state[near], np.ones(int(near.sum())))


@dataclass(frozen=True, slots=True, eq=False)
class _OdomColumns:
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    vx_mps: Floats
    vy_mps: Floats


def _in_odom(agents: AgentTruth, odom_from_world: Pose) -> _OdomColumns:
    centres = odom_from_world @ np.stack((agents.x_m, agents.y_m), axis=-1)
    turn = Pose(0.0, 0.0, odom_from_world.yaw_rad)
    velocity = turn @ np.stack((agents.vx_mps, agents.vy_mps), axis=-1)
    yaw = wrap_rad(agents.yaw_rad + odom_from_world.yaw_rad)
    return _OdomColumns(centres[:, 0], centres[:, 1], yaw, velocity[:, 0], velocity[:, 1])


def _objects(
    info: ScenarioInfo, agents: AgentTruth, odom: _OdomColumns, odometry: Odometry, seen: np.ndarray
) -> Objects:
    ego_from_odom = odometry.odom_from_ego.inverse()
    centres = ego_from_odom @ np.stack((odom.x_m[seen], odom.y_m[seen]), axis=-1)
    ids = agents.ids[seen]
    return Objects(
        kinds=info.kinds[ids],
        score=np.ones(len(ids)),
        x_m=centres[:, 0],
        y_m=centres[:, 1],
        yaw_rad=wrap_rad(odom.yaw_rad[seen] + ego_from_odom.yaw_rad),
        length_m=info.length_m[ids],
        width_m=info.width_m[ids],
        height_m=info.height_m[ids],
        covariance=np.zeros((len(ids), 2, 2)),
    )


def _tracks(
    info: ScenarioInfo, agents: AgentTruth, odom: _OdomColumns, turning_radps: Floats, seen: np.ndarray
) -> Tracks:
    ids = agents.ids[seen]
    return Tracks(
        ids=ids,
        kinds=info.kinds[ids],
        existence=np.ones(len(ids)),
        x_m=odom.x_m[seen],
        y_m=odom.y_m[seen],
        yaw_rad=odom.yaw_rad[seen],
        vx_mps=odom.vx_mps[seen],
        vy_mps=odom.vy_mps[seen],
        acceleration_mps2=agents.acceleration_mps2[seen],
        yaw_rate_radps=turning_radps[seen],
        length_m=info.length_m[ids],
        width_m=info.width_m[ids],
        height_m=info.height_m[ids],
        covariance=np.zeros((len(ids), 4, 4)),
    )
