"""What the cameras saw and what the stack made of it: pictures with boxes, and the tracks seen from above.

In: a recording with pictures. Out: `Sight`, small enough for a page: some pictures of the front cameras, each with the
true boxes (white) and the detections (orange), and the confirmed tracks in `world`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bus.messages import AgentTruth, EgoTruth, Objects, PoseEstimate, ScenarioInfo, Tracks
from bus.recording import Record, Recording
from bus.topics import CAMERA_PREFIX
from geometry.angles import Floats
from geometry.camera import Camera
from lanewise.report.palette import DARK, rgb
from perception.detector import camera_of_messages, decoded

Picture = NDArray[np.uint8]

SHOWN = ("front_long", "front_wide")
"""Cameras whose pictures a page carries."""
MOST_PICTURES = 120
"""Of each camera; a page of a long drive would grow without end."""
WIDTH_PX, QUALITY = 480, 72
TRACK_PERIOD_S = 0.2
NEAREST_M, FARTHEST_M = 1.0, 150.0
_EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
_BESIDE = ("/perception/objects", "/truth/agents", "/truth/ego")
_LATCHED = ("/truth/scenario", "/localization/pose")


@dataclass(frozen=True, slots=True)
class Strip:
    """Pictures of one camera as JPEG, in the order of their times."""

    camera: str
    t_s: tuple[float, ...]
    jpegs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SeenTracks:
    """The confirmed tracks of an instant: rows (N, 5) of box centre x, y and yaw in `world`, length, width."""

    t_s: float
    boxes: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """All that a page shows of perception; empty for a drive by ground truth."""

    strips: tuple[Strip, ...] = ()
    tracks: tuple[SeenTracks, ...] = ()


@dataclass(slots=True)
class _Seen:
    """What has been read so far; `at` holds the messages of the instant that is being put together."""

    cameras: dict[str, dict[str, Any]] = field(default_factory=dict)
    latched: dict[str, Any] = field(default_factory=dict)
    at: dict[int, dict[str, Any]] = field(default_factory=dict)
    strips: dict[str, list[tuple[float, bytes]]] = field(default_factory=dict)
    tracks: list[SeenTracks] = field(default_factory=list)


def sight_of(recording: Recording) -> Sight:
    """Read a recording once.

    Raises:
        InputError: a damaged file, or a lens that is not understood.
    """
    counts = {topic.topic: topic.count for topic in recording.topics()}
    shown = [name for name in SHOWN if counts.get(CAMERA_PREFIX + name, 0) > 0]
    if not shown:
        return Sight()
    stride = max(-(-max(counts[CAMERA_PREFIX + name] for name in shown) // MOST_PICTURES), 1)
    topics = [CAMERA_PREFIX + name + part for name in shown for part in ("", "/calibration", "/mount")]
    seen, taken = _Seen(), dict.fromkeys(shown, 0)
    for record in recording.messages([*topics, *_BESIDE, *_LATCHED, "/perception/tracks"]):
        _take(seen, record, stride, taken)
    for at_ns in sorted(seen.at):
        _draw(seen, at_ns)
    strips = tuple(
        Strip(name, tuple(t for t, _ in seen.strips[name]), tuple(jpeg for _, jpeg in seen.strips[name]))
        for name in shown
        if name in seen.strips
    )
    return Sight(strips, tuple(seen.tracks))


def _take(seen: _Seen, record: Record, stride: int, taken: dict[str, int]) -> None:
    topic, at_ns = record.envelope.topic, record.envelope.measured_ns
    if topic in _LATCHED:
        seen.latched[topic] = record.message
    elif isinstance(record.message, Tracks):
        _remember(seen, at_ns * 1e-9, record.message)
    elif topic in _BESIDE:
        seen.at.setdefault(at_ns, {})[topic] = record.message
        if topic == "/perception/objects":
            _draw(seen, at_ns)  # the detections come last of an instant
    else:
        name, _, part = topic.removeprefix(CAMERA_PREFIX).partition("/")
        if part:
            seen.cameras.setdefault(name, {})[part] = record.message
            return
        if taken[name] % stride == 0:
            seen.at.setdefault(at_ns, {})[name] = record.message
        taken[name] += 1


def _remember(seen: _Seen, t_s: float, tracks: Tracks) -> None:
    pose = seen.latched.get("/localization/pose")
    if not isinstance(pose, PoseEstimate) or (seen.tracks and t_s < seen.tracks[-1].t_s + TRACK_PERIOD_S - 1e-6):
        return
    centres = pose.world_from_odom @ np.stack((tracks.x_m, tracks.y_m), axis=-1)
    yaw = tracks.yaw_rad + pose.world_from_odom.yaw_rad
    seen.tracks.append(SeenTracks(t_s, np.column_stack((centres, yaw, tracks.length_m, tracks.width_m))))


def _draw(seen: _Seen, at_ns: int) -> None:
    """Pictures of an instant with their boxes; instants before it are done with."""
    said = seen.at.pop(at_ns, {})
    for old in [instant for instant in seen.at if instant < at_ns - 1_000_000_000]:
        del seen.at[old]
    boxes = [(box, rgb(DARK["mark"])) for box in _true_boxes(seen, said)]
    objects = said.get("/perception/objects")
    if isinstance(objects, Objects):
        boxes += [(box, rgb(DARK["lead"])) for box in _seen_boxes(objects)]
    for name, parts in seen.cameras.items():
        if name not in said or len(parts) < 2:
            continue
        camera = camera_of_messages(parts["calibration"], parts["mount"])
        picture = with_boxes(decoded(said[name]), camera, boxes)
        height = round(WIDTH_PX * picture.shape[0] / picture.shape[1])
        small = cv2.resize(picture, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
        seen.strips.setdefault(name, []).append((at_ns * 1e-9, bytes(data)))


def _true_boxes(seen: _Seen, said: Mapping[str, Any]) -> list[Floats]:
    """Corners (8, 3) in `ego` of all others of the instant."""
    info, ego, agents = seen.latched.get("/truth/scenario"), said.get("/truth/ego"), said.get("/truth/agents")
    if not (isinstance(info, ScenarioInfo) and isinstance(ego, EgoTruth) and isinstance(agents, AgentTruth)):
        return []
    ego_from_world = ego.world_from_ego.inverse()
    centres = ego_from_world @ np.stack((agents.x_m, agents.y_m), axis=-1)
    yaw = agents.yaw_rad + ego_from_world.yaw_rad
    ids = agents.ids
    size = np.column_stack((info.length_m[ids], info.width_m[ids], info.height_m[ids]))
    return [corners_of(*row) for row in np.column_stack((centres, yaw, size)).tolist()]


def _seen_boxes(objects: Objects) -> list[Floats]:
    columns = (objects.x_m, objects.y_m, objects.yaw_rad, objects.length_m, objects.width_m, objects.height_m)
    return [corners_of(*row) for row in np.column_stack(columns).tolist()]


def corners_of(x_m: float, y_m: float, yaw_rad: float, length_m: float, width_m: float, height_m: float) -> Floats:
    """The corners (8, 3) of a box that stands on the ground: its foot, then its top."""
    along, across = 0.5 * length_m * np.array([1, 1, -1, -1]), 0.5 * width_m * np.array([1, -1, -1, 1])
    x = x_m + along * np.cos(yaw_rad) - across * np.sin(yaw_rad)
    y = y_m + along * np.sin(yaw_rad) + across * np.cos(yaw_rad)
    foot = np.column_stack((x, y, np.zeros(4)))
    return np.vstack((foot, foot + np.array((0.0, 0.0, height_m))))


def with_boxes(picture: Picture, camera: Camera, boxes: list[tuple[Floats, tuple[int, int, int]]]) -> Picture:
    """A copy of a picture with the edges of boxes, each given by its corners (8, 3) in `ego` and a colour."""
    drawn = picture.copy()
    for corners, color in boxes:
        pixels, depth = camera.pixels_of(corners)
        if depth.min() < NEAREST_M or depth.min() > FARTHEST_M or not np.isfinite(pixels).all():
            continue
        ends = np.clip(np.round(pixels), -4000, 4000).astype(int)
        for a, b in _EDGES:
            cv2.line(drawn, ends[a].tolist(), ends[b].tolist(), color, 1, cv2.LINE_AA)
    return drawn
