"""The scene: all that a planner sees in one cycle, assembled once from the newest messages, in `world`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bus.messages import LightState, LightStates, Odometry, PoseEstimate, PoseStatus, Tracks
from geometry.angles import Floats, wrap_rad
from geometry.pose import Pose
from inference.here import RunKernel, run_here
from maps.lane_map import LaneMap
from maps.route import Route
from maps.signal_meaning import is_traffic_light
from motion.bicycle import Vehicle
from planning.foretold import Foretold

SCENE_VERSION = 3

_LIGHT_REACH_M = 4.0
"""A seen light is the map's if that has one so near."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A part of the route, [from_m, to_m] in its arc length, where the ego's centre has to be at some time in
    [from_s, to_s]; infinite where any place will do."""

    from_m: float
    to_m: float
    from_s: float
    to_s: float
    area: tuple[tuple[float, float], ...] = ()
    """Corners (world) of the area itself; none where any place will do."""
    speed_mps: tuple[float, float] = (0.0, math.inf)
    """How fast it has to be there."""
    heading_rad: tuple[float, float] = (0.0, 2.0 * math.pi)
    """From the first to the second, counter-clockwise: how it has to be turned there; a full turn: any way."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A stop of a shuttle: the middle of the ego stands at `s_m` of the route while its doors are open."""

    s_m: float
    doors_open_s: float


@dataclass(frozen=True, slots=True)
class Mission:
    """Where to drive and how fast at most.

    `open_end`: the route ends because nothing is known of the road further on, not because the road ends there.
    """

    route: Route
    set_speed_mps: float
    open_end: bool = False
    keep_lane: bool = False
    """Whether the ego has to stay in its lane, as where no goal asks it to leave it."""
    may_pass: bool = True
    """Whether it may leave the lane's middle to pass somebody and come back, over marks that may be crossed; a
    lane-keeping system may not (UN R157 5.2.1)."""
    arrival: Arrival | None = None
    """When to be where; None where the ego may take its time."""
    halts: tuple[Halt, ...] = ()
    """Where to stop on the way, in driving order."""
    may_evade: bool = False
    """Whether an ego that keeps its lane may leave it where braking alone would not avoid a contact."""
    goal_m: float = math.inf
    """Arc length of the route by which the ego has to be back in its lane, because its goal lies there; infinite where
    it only has to follow the route."""


@dataclass(frozen=True, slots=True)
class Context:
    """What stays the same over a drive; planners find it in every scene."""

    lane_map: LaneMap
    vehicle: Vehicle
    mission: Mission
    dt_s: float
    """Time between two cycles."""
    foretold: tuple[Foretold, ...] = ()
    """Motion of others that the task itself tells."""
    run: RunKernel = run_here
    """Runs a planner's kernels (`inference.kernels`); in a drive a request to the server that all modules share."""


@dataclass(frozen=True, slots=True)
class EgoState:
    """The ego: rear-axle pose in `world`, speed and acceleration along the heading, front-wheel angle."""

    world_from_ego: Pose
    speed_mps: float
    acceleration_mps2: float
    steering_rad: float
    engaged: bool = True
    """Whether the stack drives; before, somebody else does, and nothing that was planned has been driven."""


@dataclass(frozen=True, slots=True, eq=False)
class Agents:
    """N other road users in `world`, predicted to the scene's instant; each array has shape (N,). Box centres.

    `existence` is how likely each is there; `covariance` (N, 4, 4) is that of (x, y, vx, vy), as perception states it:
    1 and zero where the truth is told.
    """

    ids: NDArray[np.int64]
    kinds: NDArray[np.int64]
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    vx_mps: Floats
    vy_mps: Floats
    acceleration_mps2: Floats
    yaw_rate_radps: Floats
    length_m: Floats
    width_m: Floats
    existence: Floats
    covariance: Floats

    def rows(self, kept: NDArray[np.int64]) -> Agents:
        """The agents of these rows."""
        return Agents(*(getattr(self, item.name)[kept] for item in fields(self)))


@dataclass(frozen=True, slots=True)
class Scene:
    """One cycle's input of a planner."""

    context: Context
    now_s: float
    ego: EgoState
    agents: Agents
    pose_status: PoseStatus
    lights: Mapping[str, LightState] = field(default_factory=dict)
    """The traffic lights that are seen now, by the map's ids; the state of all others is not known."""
    version: int = SCENE_VERSION


@dataclass(frozen=True, slots=True)
class Seen:
    """What perception has said, and how old it is. Without `lights` none is seen."""

    tracks: Tracks
    tracks_age_s: float
    lights: LightStates | None = None
    lights_age_s: float = 0.0


def assemble(context: Context, now_ns: int, odometry: Odometry, pose: PoseEstimate, seen: Seen) -> Scene:
    """Bring ego, tracks and lights to `world`; tracks move on with constant velocity over their age."""
    tracks, tracks_age_s = seen.tracks, seen.tracks_age_s
    world_from_odom = pose.world_from_odom
    turn = Pose(0.0, 0.0, world_from_odom.yaw_rad)
    centres = np.stack((tracks.x_m + tracks_age_s * tracks.vx_mps, tracks.y_m + tracks_age_s * tracks.vy_mps), axis=-1)
    centres_world = world_from_odom @ centres
    velocity_world = turn @ np.stack((tracks.vx_mps, tracks.vy_mps), axis=-1)
    axes = np.kron(np.eye(2), turn @ np.eye(2))
    agents = Agents(
        ids=tracks.ids,
        kinds=tracks.kinds,
        x_m=centres_world[:, 0],
        y_m=centres_world[:, 1],
        yaw_rad=wrap_rad(tracks.yaw_rad + world_from_odom.yaw_rad),
        vx_mps=velocity_world[:, 0],
        vy_mps=velocity_world[:, 1],
        acceleration_mps2=tracks.acceleration_mps2,
        yaw_rate_radps=tracks.yaw_rate_radps,
        length_m=tracks.length_m,
        width_m=tracks.width_m,
        existence=tracks.existence,
        covariance=axes.T @ tracks.covariance @ axes,
    )
    ego = EgoState(
        world_from_odom @ odometry.odom_from_ego, odometry.speed_mps, odometry.acceleration_mps2, odometry.steering_rad,
        odometry.engaged,
    )  # fmt: skip
    lights = _lights(context.lane_map, ego, seen.lights, seen.lights_age_s)
    return Scene(context, now_ns * 1e-9, ego, agents, pose.status, lights)


def _lights(lane_map: LaneMap, ego: EgoState, seen: LightStates | None, age_s: float) -> Mapping[str, LightState]:
    """Seen lights by the ids of the map's lights that stand where they were seen."""
    ids, places = _map_lights(lane_map)
    if seen is None or not len(seen.state) or not ids:
        return {}
    moved_m = ego.speed_mps * age_s
    found = ego.world_from_ego @ np.stack((seen.x_m - moved_m, seen.y_m), axis=-1)
    away_m = np.hypot(places[:, None, 0] - found[None, :, 0], places[:, None, 1] - found[None, :, 1])
    nearest = away_m.argmin(axis=1)
    near = away_m[np.arange(len(ids)), nearest] <= _LIGHT_REACH_M
    return {ids[i]: LightState(int(seen.state[nearest[i]])) for i in np.flatnonzero(near)}


@lru_cache(maxsize=8)
def _map_lights(lane_map: LaneMap) -> tuple[tuple[str, ...], Floats]:
    """Ids and places (L, 2) of the map's traffic lights."""
    lights = [signal for signal in lane_map.signals if is_traffic_light(signal)]
    return tuple(light.id for light in lights), np.array([(light.x_m, light.y_m) for light in lights]).reshape(-1, 2)
