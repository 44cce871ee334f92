"""What could be seen in a recorded drive, beside what was said of it: the truth that perception is judged by.

In: a drive of `lanewise run` with cameras. Out: an `Instant` per rig frame. What is hidden is not recorded: the scenery
is built again from the drive's map and seed, and each instant drawn through the cameras as calibrated, which tells the
share of every object that each camera shows. An object has to be found if some camera shows a quarter of it and it is
within the meteorological visibility.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bus.messages import (
    AgentTruth,
    EgoTruth,
    EntityKind,
    LaneMarks,
    LightStates,
    Message,
    Objects,
    Odometry,
    ScenarioInfo,
    Tracks,
    Weather,
    WeatherEstimate,
)
from bus.recording import Recording
from bus.topics import CAMERA_PREFIX
from geometry.angles import Floats, wrap_rad
from geometry.camera import Camera
from geometry.errors import InputError
from geometry.polyline import Polyline
from geometry.pose import Pose
from lanewise.recorded import recorded_run
from perception.detector import camera_of_messages
from perception.metrics.frames import Bools, BoxSet, Frame, Ints
from perception.net.classes import CLASS_OF_KIND
from sim.sensors.camera.labels import Labels, labels
from sim.sensors.camera.renderer import Scenery, owned, scene_of, scenery_of, world_view
from sim.weather import CLEAR_DAY

LEAST_VISIBLE = 0.25
HALF_LANE_M = 1.75
FAR_M = 100.0
TRUTH = ("/truth/scenario", "/truth/ego", "/truth/agents", "/truth/lights", "/truth/weather")
SAID = ("/perception/objects", "/perception/tracks", "/perception/lane_marks", "/perception/lights",
        "/perception/weather", "/localization/odometry")  # fmt: skip
CLASSES = np.array([CLASS_OF_KIND[kind] for kind in EntityKind], dtype=np.int64)
"""The net's class of each EntityKind."""


@dataclass(frozen=True, slots=True, eq=False)
class Instant:
    """One rig frame: detections and tracks beside the truth, in `ego`; what else was said and is there.

    `shown` has, by camera, which of `objects.truth` it shows, `in_lane` which of it stand ahead in the lane that the
    route takes. Marks are lines (K, 2); lights are places and states.
    """

    drive: str
    at_ns: int
    objects: Frame
    tracks: Frame | None
    shown: Mapping[str, Bools]
    in_lane: Bools
    cameras: Mapping[str, Camera]
    weather: Weather
    said_weather: int | None
    marks: tuple[Floats, ...]
    said_marks: LaneMarks | None
    light_xy: Floats
    light_state: Ints
    said_lights: LightStates | None


@dataclass(slots=True)
class _Heard:
    """Messages by topic and by the instant that they are about."""

    by_instant: dict[str, dict[int, Message]] = field(default_factory=dict)

    def at(self, topic: str, at_ns: int) -> Any:
        return self.by_instant.get(topic, {}).get(at_ns)

    def newest(self, topic: str, at_ns: int) -> Any:
        """The last one up to an instant."""
        told = [t for t in self.by_instant.get(topic, {}) if t <= at_ns]
        return self.by_instant[topic][max(told)] if told else None


def instants(path: Path, every: int, told: Callable[[float], None] = lambda _: None) -> Iterator[Instant]:
    """Every so-manieth rig frame of a drive.

    Raises:
        InputError: a drive without cameras or without truth, or none of `lanewise run`.
    """
    recording = Recording.open(path)
    config, assignment = recorded_run(recording)
    heard = _heard(recording)
    cameras = _cameras(recording)
    spoken = sorted(heard.by_instant.get("/perception/objects", {}))
    if not cameras or not spoken or heard.newest("/truth/scenario", spoken[-1]) is None:
        raise InputError("nothing to judge: a drive with --perception camera was expected", path)
    context = assignment.context(config.planner.period_s)
    scenery = scenery_of(context.lane_map, config.seed)
    for at_ns in spoken[::every]:
        if heard.at("/truth/ego", at_ns) is not None and heard.at("/truth/agents", at_ns) is not None:
            yield _instant(str(path), heard, cameras, scenery, context.mission.route.path, at_ns)
        told(at_ns * 1e-9)


def _heard(recording: Recording) -> _Heard:
    heard = _Heard()
    for record in recording.messages([*TRUTH, *SAID]):
        heard.by_instant.setdefault(record.envelope.topic, {})[record.envelope.measured_ns] = record.message
    return heard


def _cameras(recording: Recording) -> dict[str, Camera]:
    parts: dict[str, dict[str, Any]] = {}
    topics = [topic.topic for topic in recording.topics() if topic.topic.startswith(CAMERA_PREFIX)]
    for record in recording.messages([topic for topic in topics if topic.endswith(("/calibration", "/mount"))]):
        name, _, part = record.envelope.topic.removeprefix(CAMERA_PREFIX).partition("/")
        parts.setdefault(name, {})[part] = record.message
    return {name: camera_of_messages(p["calibration"], p["mount"]) for name, p in parts.items() if len(p) == 2}


def _instant(
    drive: str, heard: _Heard, cameras: Mapping[str, Camera], scenery: Scenery, way: Polyline, at_ns: int
) -> Instant:  # fmt: skip
    info, lights = heard.newest("/truth/scenario", at_ns), heard.newest("/truth/lights", at_ns)
    ego, agents = heard.at("/truth/ego", at_ns), heard.at("/truth/agents", at_ns)
    weather = heard.newest("/truth/weather", at_ns) or CLEAR_DAY
    states = {} if lights is None else dict(zip(lights.signals, lights.state.tolist(), strict=True))
    scene = scene_of(world_view(scenery, info, agents, ego.world_from_ego, ego.speed_mps, states), weather)
    seen = {name: labels(scene, camera, owned(scene, camera)) for name, camera in cameras.items()}
    truth = true_boxes(info, agents, ego)
    share = {name: _shares(found, len(truth)) for name, found in seen.items()}
    best = np.max([np.zeros(len(truth)), *share.values()], axis=0)
    needed = (best >= LEAST_VISIBLE) & (truth.range_m <= weather.visibility_m)
    ignored = truth.xy_m[~needed]
    wanted = truth.rows(needed)
    tracks, odometry = heard.at("/perception/tracks", at_ns), heard.newest("/localization/odometry", at_ns)
    said_weather = heard.at("/perception/weather", at_ns)
    xy, state = _lights(seen)
    return Instant(
        drive=drive,
        at_ns=at_ns,
        objects=Frame(said_objects(heard.at("/perception/objects", at_ns)), wanted, ignored),
        tracks=None if tracks is None or odometry is None else Frame(said_tracks(tracks, odometry), wanted, ignored),
        shown={name: share[name][needed] >= LEAST_VISIBLE for name in cameras},
        in_lane=_in_lane(way, ego, wanted),
        cameras=cameras,
        weather=weather,
        said_weather=_likeliest(said_weather),
        marks=tuple(line for found in seen.values() for line in _lines(found)),
        said_marks=heard.at("/perception/lane_marks", at_ns),
        light_xy=xy,
        light_state=state,
        said_lights=heard.at("/perception/lights", at_ns),
    )


def _in_lane(way: Polyline, ego: EgoTruth, objects: BoxSet) -> Bools:
    """Whose centre stands ahead on the way, no further aside than half a lane. A way may cross itself: what lies before
    the ego's place on it, or further along than it can be seen, is elsewhere."""
    pose = ego.world_from_ego
    s_ego = float(way.project(np.array([[pose.x_m, pose.y_m]]))[0][0])
    near, start_m = way.window(s_ego - 5.0, s_ego + 2.0 * FAR_M)
    s, d = near.project(pose @ objects.xy_m)
    return np.asarray((s > s_ego - start_m) & (np.abs(d) <= HALF_LANE_M))


def _shares(found: Labels, count: int) -> Floats:
    share = np.zeros(count)
    share[found.rows] = found.visible
    return share


def _likeliest(said: WeatherEstimate | None) -> int | None:
    return None if said is None else int(said.probabilities.argmax())


def _lines(found: Labels) -> list[Floats]:
    start = found.mark_start.tolist()
    return [found.mark_xy[a:b] for a, b in zip(start[:-1], start[1:], strict=True)]  # noqa: RUF007


def _lights(seen: Mapping[str, Labels]) -> tuple[Floats, Ints]:
    """Lights that any camera shows, each once."""
    places: dict[tuple[float, float], int] = {}
    for found in seen.values():
        for (x, y, _), state in zip(found.light_xyz.tolist(), found.light_state.tolist(), strict=True):
            places[round(x, 2), round(y, 2)] = state
    return np.array(list(places), dtype=np.float64).reshape(-1, 2), np.array(list(places.values()), dtype=np.int64)


def true_boxes(info: ScenarioInfo, agents: AgentTruth, ego: EgoTruth) -> BoxSet:
    """All others of an instant in `ego`."""
    ego_from_world, ids = ego.world_from_ego.inverse(), agents.ids
    centres = ego_from_world @ np.column_stack((agents.x_m, agents.y_m))
    velocity = Pose(0.0, 0.0, ego_from_world.yaw_rad) @ np.column_stack((agents.vx_mps, agents.vy_mps))
    yaw = np.asarray(wrap_rad(agents.yaw_rad + ego_from_world.yaw_rad))
    return BoxSet(
        CLASSES[info.kinds[ids]], ids, np.ones(len(ids)), centres[:, 0], centres[:, 1], yaw, info.length_m[ids],
        info.width_m[ids], info.height_m[ids], velocity[:, 0], velocity[:, 1], np.zeros((len(ids), 2, 2)),
    )  # fmt: skip


def said_objects(said: Objects) -> BoxSet:
    """Detections; they say nothing of velocities."""
    count = len(said.kinds)
    unknown = np.full(count, np.nan)
    return BoxSet(
        CLASSES[said.kinds], np.full(count, -1), said.score, said.x_m, said.y_m, said.yaw_rad, said.length_m,
        said.width_m, said.height_m, unknown, unknown, said.covariance,
    )  # fmt: skip


def said_tracks(said: Tracks, odometry: Odometry) -> BoxSet:
    """Tracks, brought from `odom` to `ego`; their score is their existence."""
    ego_from_odom = odometry.odom_from_ego.inverse()
    turn = Pose(0.0, 0.0, ego_from_odom.yaw_rad)
    centres = ego_from_odom @ np.column_stack((said.x_m, said.y_m))
    velocity = turn @ np.column_stack((said.vx_mps, said.vy_mps))
    axes = np.column_stack([turn @ np.eye(2)[k] for k in range(2)])
    return BoxSet(
        CLASSES[said.kinds], said.ids, said.existence, centres[:, 0], centres[:, 1],
        np.asarray(wrap_rad(said.yaw_rad + ego_from_odom.yaw_rad)), said.length_m, said.width_m, said.height_m,
        velocity[:, 0], velocity[:, 1], axes @ said.covariance[:, :2, :2] @ axes.T,
    )  # fmt: skip
