"""Tracks from detection files in AB3DMOT's text form, written in the form of KITTI's tracking results.

In: lines `frame,type,x1,y1,x2,y2,score,h,w,l,x,y,z,rot_y,alpha` (Weng et al., 3D Multi-Object Tracking: A Baseline and
New Evaluation Metrics, 2020): boxes in KITTI's camera frame (x right, y down, z forward; the place is the middle of
the box's foot). Out: lines `frame id type truncated occluded alpha x1 y1 x2 y2 h w l x y z rot_y score`. The same
tracker as in the car runs here; where poses of the ego are given, in a frame that stands still.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from bus.messages import EntityKind, Objects
from geometry.angles import Floats, wrap_rad
from geometry.errors import InputError, Place
from geometry.pose import IDENTITY, Pose
from perception.track_state import TrackerSettings
from perception.tracker import empty, message_of, track

FRAME_NS = 100_000_000
"""KITTI's cameras run at 10 Hz."""
TYPES = {1: ("Pedestrian", EntityKind.PEDESTRIAN), 2: ("Car", EntityKind.CAR), 3: ("Cyclist", EntityKind.BICYCLE)}
"""AB3DMOT's numbers of classes."""
SETTINGS = TrackerSettings(
    even_score=0.5, confirm_score=0.0, known_speed_mps=math.inf, along_share=0.0, range_m=400.0, confirm=0.5,
    confirm_hits=3, drop=0.15, own_share=1.0, hidden_share=math.inf,
)  # fmt: skip
"""Laser detections: ranges are good, scores are no probabilities, and one detector says each object once."""
SIGMA_M = 0.25


@dataclass(frozen=True, slots=True)
class Detection:
    """One line of a detection file."""

    frame: int
    type: int
    x1: float
    y1: float
    x2: float
    y2: float
    score: float
    h: float
    w: float
    l: float  # noqa: E741 - KITTI's own word
    x: float
    y: float
    z: float
    rot_y: float
    alpha: float


def read_detections(path: Path) -> tuple[Detection, ...]:
    """The lines of a file, in its order.

    Raises:
        InputError: a line that has not 15 finite numbers, or a type that is unknown.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the detections: {error}", path) from error
    return tuple(_detection(line, path, number) for number, line in enumerate(lines, start=1) if line.strip())


def _detection(line: str, path: Path, number: int) -> Detection:
    words = line.replace(",", " ").split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != len(fields(Detection)) or not all(map(math.isfinite, values)):
        raise InputError(
            "15 finite numbers were expected: frame,type,x1,y1,x2,y2,score,h,w,l,x,y,z,rot_y,alpha",
            Place(str(path), number),
        )
    if int(values[1]) not in TYPES or values[0] < 0 or values[0] != int(values[0]):
        raise InputError(f"a frame from 0 on and a type of {sorted(TYPES)} were expected", Place(str(path), number))
    return Detection(int(values[0]), int(values[1]), *values[2:])


def tracked(
    detections: Sequence[Detection], poses: Mapping[int, Pose], settings: TrackerSettings = SETTINGS
) -> Iterator[str]:
    """Lines of the result, by frame; each class is tracked by itself, ids are never used twice.

    `poses` are of the ego in a frame that stands still, by frame; without them the ego counts as standing.
    """
    lines: list[tuple[int, int, str]] = []
    first_id = 0
    for kind in sorted({d.type for d in detections}):
        own = [d for d in detections if d.type == kind]
        found, first_id = _of_one_class(own, poses, settings, first_id)
        lines += found
    return (line for _, _, line in sorted(lines))


def _of_one_class(
    detections: Sequence[Detection], poses: Mapping[int, Pose], settings: TrackerSettings, first_id: int
) -> tuple[list[tuple[int, int, str]], int]:
    by_frame: dict[int, list[Detection]] = defaultdict(list)
    for detection in detections:
        by_frame[detection.frame].append(detection)
    memory, lines = empty(), []
    for frame in range(min(by_frame), max(by_frame) + 1):
        seen, pose = by_frame[frame], poses.get(frame, IDENTITY)
        before = dict(zip(memory.tracks.ids.tolist(), memory.tracks.hits.tolist(), strict=True))
        memory = track(settings, memory, objects_of(seen), pose, frame * FRAME_NS)
        hits = dict(zip(memory.tracks.ids.tolist(), memory.tracks.hits.tolist(), strict=True))
        said = message_of(settings, memory.tracks, pose)
        for row, number in enumerate(said.ids.tolist()):
            if seen and hits[number] > before.get(number, 0):
                place = pose.inverse() @ np.array([[said.x_m[row], said.y_m[row]]])
                lines.append(
                    (frame, first_id + number, _line(frame, first_id + number, _nearest(seen, place[0]), place[0]))
                )
    return lines, first_id + memory.next_id


def objects_of(detections: Sequence[Detection]) -> Objects:
    """Detections of a frame in `ego`: x forward, y left; scores as odds of two to one per unit."""
    rows = np.array([(d.z, -d.x, -d.rot_y - 0.5 * math.pi, d.l, d.w, d.h, d.score) for d in detections]).reshape(-1, 7)
    count = len(rows)
    return Objects(
        kinds=np.array([TYPES[d.type][1] for d in detections], dtype=np.int64),
        score=1.0 / (1.0 + np.exp(-np.clip(rows[:, 6], -30.0, 30.0))),
        x_m=rows[:, 0], y_m=rows[:, 1], yaw_rad=np.asarray(wrap_rad(rows[:, 2])),
        length_m=rows[:, 3], width_m=rows[:, 4], height_m=rows[:, 5],
        covariance=np.tile(SIGMA_M**2 * np.eye(2), (count, 1, 1)),
    )  # fmt: skip


def _nearest(seen: Sequence[Detection], place: Floats) -> Detection:
    return min(seen, key=lambda d: math.hypot(d.z - place[0], -d.x - place[1]))


def _line(frame: int, number: int, d: Detection, place: Floats) -> str:
    name = TYPES[d.type][0]
    box = f"{d.x1:.4f} {d.y1:.4f} {d.x2:.4f} {d.y2:.4f} {d.h:.4f} {d.w:.4f} {d.l:.4f}"
    return (
        f"{frame} {number} {name} 0 0 {d.alpha:.6f} {box} {-place[1]:.4f} {d.y:.4f} {place[0]:.4f} "
        f"{d.rot_y:.6f} {d.score:.4f}"
    )


def read_oxts(path: Path) -> dict[int, Pose]:
    """Poses of the ego by frame from a KITTI oxts file: latitude, longitude, altitude, roll, pitch, yaw, ...

    The plane is KITTI's own Mercator projection, scaled by the cosine of the first latitude (Geiger et al., Vision
    meets Robotics: The KITTI Dataset, 2013).

    Raises:
        InputError: a line without six finite numbers.
    """
    radius_m = 6_378_137.0
    poses: dict[int, Pose] = {}
    scale = None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the poses: {error}", path) from error
    for frame, line in enumerate(lines):
        try:
            latitude, longitude, _, _, _, yaw = (float(word) for word in line.split()[:6])
        except ValueError:
            raise InputError(
                "six numbers were expected: latitude, longitude, altitude, roll, pitch, yaw",
                Place(str(path), frame + 1),
            ) from None
        scale = math.cos(math.radians(latitude)) if scale is None else scale
        x_m = scale * radius_m * math.radians(longitude)
        y_m = scale * radius_m * math.log(math.tan(math.radians(45.0 + 0.5 * latitude)))
        poses[frame] = Pose(x_m, y_m, float(wrap_rad(yaw)))
    if not poses:
        return poses
    origin = poses[0].inverse()
    return {frame: origin @ pose for frame, pose in poses.items()}
