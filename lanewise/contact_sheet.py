"""What perception saw, on one sheet: a camera's pictures with detections and tracks, and each from above.

In: a recording with pictures, `/perception/objects`, `/perception/tracks` and odometry. Out: a JPEG.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bus.messages import EntityKind, Objects, Odometry, Tracks
from bus.recording import Recording
from bus.topics import CAMERA_PREFIX
from geometry.angles import Floats
from geometry.camera import Camera
from geometry.errors import InputError
from geometry.pose import Pose
from lanewise.report.palette import DARK, rgb
from lanewise.report.sight import corners_of, with_boxes
from perception.detector import camera_of_messages, decoded

Picture = NDArray[np.uint8]
WIDTH_PX, COLUMNS = 480, 3
ABOVE_PX, ABOVE_M, ASIDE_M = 110, 90.0, 18.0
"""Height of the strip that shows a frame from above, and how far it reaches ahead and to each side."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
VEHICLES = (EntityKind.CAR, EntityKind.VAN, EntityKind.TRUCK, EntityKind.BUS, EntityKind.MOTORCYCLE)
LEAST_TRACK_FRAMES = 8
"""A vehicle that was told in fewer frames is not counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture and what was said of its instant; boxes are rows of x, y, yaw, length, width, height in `ego`."""

    t_s: float
    picture: Picture
    objects: Floats
    tracks: Floats
    ids: tuple[int, ...]


def vehicle_tracks(recording: Recording) -> dict[int, int]:
    """Ids of vehicles that were tracked for some frames, with the number of these."""
    frames: dict[int, int] = {}
    for record in recording.messages(["/perception/tracks"]):
        tracks = record.message
        assert isinstance(tracks, Tracks)
        for number, kind in zip(tracks.ids.tolist(), tracks.kinds.tolist(), strict=True):
            if kind in VEHICLES:
                frames[number] = frames.get(number, 0) + 1
    return {number: count for number, count in frames.items() if count >= LEAST_TRACK_FRAMES}


def write_sheet(recording: Recording, out: Path, camera: str = "", count: int = 12) -> None:
    """Write the sheet.

    Raises:
        InputError: the drive has no pictures (of that camera), or the file cannot be written.
    """
    name, seen_by = _camera(recording, camera)
    frames = _frames(recording, name, count)
    tiles = [_tile(frame, seen_by) for frame in frames]
    while len(tiles) % COLUMNS and len(tiles) > COLUMNS:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(str(out), sheet, (cv2.IMWRITE_JPEG_QUALITY, 85)):
        raise InputError("cannot write the contact sheet", out)


def _camera(recording: Recording, wanted: str) -> tuple[str, Camera]:
    parts: dict[str, dict[str, Any]] = {}
    topics = [topic.topic for topic in recording.topics() if topic.topic.startswith(CAMERA_PREFIX) and topic.count]
    latched = [topic for topic in topics if topic.endswith(("/calibration", "/mount"))]
    for record in recording.messages(latched):
        name, _, part = record.envelope.topic.removeprefix(CAMERA_PREFIX).partition("/")
        parts.setdefault(name, {})[part] = record.message
    known = [name for name in parts if len(parts[name]) == 2 and CAMERA_PREFIX + name in topics]
    if not known or (wanted and wanted not in known):
        raise InputError(
            f"no pictures of {wanted or 'any camera'}; there are {', '.join(known) or 'none'}", recording.path
        )
    name = wanted or known[0]
    return name, camera_of_messages(parts[name]["calibration"], parts[name]["mount"])


def _frames(recording: Recording, camera: str, count: int) -> list[Frame]:
    """Evenly chosen pictures for which perception has spoken."""
    spoken = [record.envelope.measured_ns for record in recording.messages(["/perception/tracks"])]
    if not spoken:
        raise InputError("perception says nothing in this drive; replay it with --nodes perception", recording.path)
    rows = np.unique(np.linspace(0, len(spoken) - 1, count + 1)[1:].round().astype(int))
    wanted = {spoken[row] for row in rows.tolist()}
    said: dict[int, dict[str, Any]] = {at_ns: {} for at_ns in wanted}
    pose: Pose | None = None
    topics = [CAMERA_PREFIX + camera, "/perception/objects", "/perception/tracks", "/localization/odometry"]
    for record in recording.messages(topics):
        at_ns, message = record.envelope.measured_ns, record.message
        if isinstance(message, Odometry):
            pose = message.odom_from_ego
        if at_ns in wanted:
            said[at_ns].setdefault("pose", pose)
            said[at_ns][record.envelope.topic.rpartition("/")[2]] = message
    return [_frame(at_ns, said[at_ns], camera) for at_ns in sorted(wanted) if camera in said[at_ns]]


def _frame(at_ns: int, said: dict[str, Any], camera: str) -> Frame:
    tracks: Tracks = said["tracks"]
    odometry = said.get("odometry")
    pose = odometry.odom_from_ego if isinstance(odometry, Odometry) else said["pose"]
    ego_from_odom = pose.inverse()
    centres = ego_from_odom @ np.column_stack((tracks.x_m, tracks.y_m))
    yaw = tracks.yaw_rad + ego_from_odom.yaw_rad
    own = np.column_stack((centres, yaw, tracks.length_m, tracks.width_m, tracks.height_m))
    return Frame(at_ns * 1e-9, decoded(said[camera]), _boxes(said.get("objects")), own, tuple(tracks.ids.tolist()))


def _boxes(objects: Objects | None) -> Floats:
    if objects is None:
        return np.zeros((0, 6))
    return np.column_stack(
        (objects.x_m, objects.y_m, objects.yaw_rad, objects.length_m, objects.width_m, objects.height_m)
    )


def _tile(frame: Frame, camera: Camera) -> Picture:
    lead, ego = rgb(DARK["lead"]), rgb(DARK["accent"])
    boxes = [(corners_of(*row), lead) for row in frame.objects.tolist()]
    boxes += [(corners_of(*row), ego) for row in frame.tracks.tolist()]
    drawn = with_boxes(frame.picture, camera, boxes)
    height = round(WIDTH_PX * drawn.shape[0] / drawn.shape[1])
    small = cv2.resize(drawn, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    scale = WIDTH_PX / drawn.shape[1]
    for row, number in zip(frame.tracks.tolist(), frame.ids, strict=True):
        (pixel,), _ = camera.pixels_of(np.array([(row[0], row[1], row[5])]))
        if np.isfinite(pixel).all() and row[0] > 0.0:
            _write(small, str(number), (int(pixel[0] * scale) - 4, int(pixel[1] * scale) - 4))
    _write(small, f"{frame.t_s:.2f} s", (8, 16))
    return np.vstack((small, _above(frame)))


def _above(frame: Frame) -> Picture:
    """The frame from above, the car at the left looking right: detections orange, tracks blue."""
    strip = np.full((ABOVE_PX, WIDTH_PX, 3), rgb(DARK["ground"]), np.uint8)
    per_m = np.array((WIDTH_PX / ABOVE_M, ABOVE_PX / (2.0 * ASIDE_M)))
    for metres in range(20, int(ABOVE_M), 20):
        column = int(metres * per_m[0])
        cv2.line(strip, (column, 0), (column, ABOVE_PX), rgb(DARK["hairline"]), 1)
        _write(strip, f"{metres} m", (column + 3, ABOVE_PX - 5))
    for boxes, colour, thick in ((frame.objects, DARK["lead"], 1), (frame.tracks, DARK["accent"], 2)):
        for x, y, yaw, length, width, _ in boxes.tolist():
            cos, sin = math.cos(yaw), math.sin(yaw)
            flat = np.array([(a * length, b * width) for a, b in ((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))])
            place = flat @ np.array([(cos, sin), (-sin, cos)]) + (x, y)
            ends = np.column_stack((place[:, 0] * per_m[0], 0.5 * ABOVE_PX - place[:, 1] * per_m[1]))
            cv2.polylines(
                strip, [np.clip(ends, -2000, 4000).round().astype(np.int32)], True, rgb(colour), thick, cv2.LINE_AA
            )
    return strip


def _write(image: Picture, text: str, place: tuple[int, int]) -> None:
    cv2.putText(image, text, place, FONT, 0.4, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(image, text, place, FONT, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
