"""Cameras to objects, lane marks, lights and weather: the detector as a node of the bus.

In: `/sensor/camera/<name>` (JPEG) with `.../calibration` and `.../mount`. Out: `/perception/objects`,
`/perception/lane_marks`, `/perception/lights` and `/perception/weather` in `ego`. The net is run by whatever the
application hands in: `infer(name, arrays) -> arrays`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bus.messages import CameraCalibration, CameraMount, CompressedImage, LightStates, Objects, WeatherEstimate
from bus.node import Node, Publication, Tick
from bus.topics import CAMERA_PREFIX
from geometry.angles import Floats
from geometry.camera import Camera
from geometry.errors import InputError
from perception.dashes import DashSettings, SeenDashes, seen_dashes, with_dashes
from perception.net.classes import KIND_OF_CLASS
from perception.net.decode import (
    DecodeSettings,
    Detections,
    SeenLights,
    decode_lights,
    decode_objects,
    merged,
)
from perception.net.horizon import Offset, levelled
from perception.net.lane_lines import LineSettings, SeenLine, decode_lines, message_of
from perception.net.picture import cropped
from perception.net.road_edges import EdgeSettings, decode_edges
from perception.resizing import resized

Arrays = Mapping[str, NDArray[np.generic]]
Infer = Callable[[str, Arrays], Arrays]
"""Runs a model of the store: `images` (N, H, W, 3) uint8 RGB to `grid` (N, C, h, w) and `weather` (N, 6)."""
Looked = tuple[Detections, SeenLights, list[SeenLine], SeenDashes, NDArray[np.float32], Offset | None]
"""What one picture shows: objects, lights, lane marks and road edges, dashes, the logits of the weather, and how much
all pictures of this camera are off level."""
Each = Callable[[Callable[[str], Looked], Iterable[str]], Iterable[Looked]]
"""Applies a function to the names of cameras and keeps their order: `map`, or the `map` of a pool of threads."""


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """The model's name in the store, which cameras look for lane marks, dashes and edges, and how results are read."""

    model: str = "detector"
    cameras: tuple[str, ...] = ("front_long", "front_wide", "left", "right", "rear")
    mark_cameras: tuple[str, ...] = ("front_wide", "front_long", "rear")
    edge_cameras: tuple[str, ...] = ("front_wide",)
    """Of those that look for marks: in whose pictures the end of the asphalt is looked for."""
    dash_cameras: tuple[str, ...] = ("front_wide", "front_long")
    """Of those that look for marks: in whose pictures the dashes of broken lines are measured."""
    picture_px: tuple[int, int] = (640, 360)
    """Width and height that the net was made for; pictures of other sizes are brought to it."""
    period_s: float = 0.1
    latency_s: float = 0.05
    max_age_s: float = 0.3
    weather_memory: float = 0.8
    """How much the weather of before counts beside each new picture."""
    light_radius_m: float = 4.0
    """Lights nearer to each other than this, and a fifth of their range, are one head seen by two cameras."""
    decode: DecodeSettings = DecodeSettings()
    lines: LineSettings = LineSettings()
    edges: EdgeSettings = EdgeSettings()
    dashes: DashSettings = DashSettings()


@dataclass(frozen=True, slots=True, eq=False)
class DetectorMemory:
    """When the newest picture that has been looked at was taken, the weather so far, and how the cameras lean."""

    looked_ns: int
    weather: Floats
    offsets: Mapping[str, Offset]


def node(settings: DetectorSettings, infer: Infer, each: Each = map) -> Node:
    """The node to hand to the executor. `each` may look at pictures in parallel: what is seen stays the same."""
    return Node(
        name="detector",
        priority=15,
        step=lambda memory, tick: _step(settings, infer, each, memory, tick),
        memory=DetectorMemory(-1, np.full(6, 1.0 / 6.0), {}),
        inputs=camera_topics(settings.cameras),
        outputs=("/perception/objects", "/perception/lane_marks", "/perception/lights", "/perception/weather"),
        triggers=tuple(CAMERA_PREFIX + name for name in settings.cameras),
        latency_ns=round(settings.latency_s * 1e9),
    )


def _step(
    settings: DetectorSettings, infer: Infer, each: Each, memory: DetectorMemory, tick: Tick
) -> tuple[DetectorMemory, tuple[Publication, ...]]:
    assert tick.trigger is not None
    measured_ns = tick.trigger.envelope.measured_ns
    seen_by = new_pictures(settings, tick, memory.looked_ns)
    if not seen_by:
        return memory, ()
    names = list(seen_by)

    def look(name: str) -> Looked:
        picture = decoded(tick.inputs[CAMERA_PREFIX + name].message)
        image, camera = resized(picture, seen_by[name], settings.picture_px)
        answer = infer(settings.model, {"images": cropped(image)[None]})
        grid, logits = np.asarray(answer["grid"][0], np.float32), np.asarray(answer["weather"][0], np.float32)
        level = levelled(grid, camera, memory.offsets.get(name))
        lines = decode_lines(grid, camera, settings.lines, level) if name in settings.mark_cameras else []
        objects = decode_objects(grid, camera, settings.decode, level)
        lights = decode_lights(grid, camera, settings.decode)
        sides = name in settings.edge_cameras
        edges = decode_edges(grid, camera, objects, lines, settings.edges, level) if sides else []
        broken = lines if name in settings.dash_cameras else []
        dashes = seen_dashes(image, level.camera, level.pitch_rad, broken, objects, settings.dashes)
        return objects, lights, [*lines, *edges], dashes, logits, level.offset

    # One by one, not as a batch: on a CPU a batch costs as much, and pictures may be looked at on several cores.
    found, lights, lines, dashes, logits, offsets = zip(*each(look, names), strict=True)
    weather = _shares(np.stack(logits).astype(np.float64))
    objects = merged(list(found), settings.decode)
    seen = settings.weather_memory * memory.weather + (1.0 - settings.weather_memory) * weather.mean(axis=0)
    marks = with_dashes(message_of([line for part in lines for line in part]), SeenDashes.joined(dashes))
    said = (
        Publication("/perception/objects", objects_message(objects), measured_ns),
        Publication("/perception/lane_marks", marks, measured_ns),
        Publication("/perception/lights", lights_message(list(lights), settings.light_radius_m), measured_ns),
        Publication("/perception/weather", WeatherEstimate(seen / seen.sum()), measured_ns),
    )
    leaning = {name: offset for name, offset in zip(names, offsets, strict=True) if offset is not None}
    return DetectorMemory(measured_ns, seen, {**memory.offsets, **leaning}), said


def looked_at(images: list[NDArray[np.uint8]], model: str, infer: Infer) -> tuple[list[NDArray[np.float32]], Floats]:
    """Grids and weather probabilities (N, 6) of pictures of any sizes; those of one size are one batch."""
    grids: list[NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(images)
    logits = np.zeros((len(images), 6))
    for shape in sorted({image.shape for image in images}):
        rows = [i for i, image in enumerate(images) if image.shape == shape]
        answer = infer(model, {"images": np.stack([images[i] for i in rows])})
        for k, i in enumerate(rows):
            grids[i], logits[i] = np.asarray(answer["grid"][k], np.float32), answer["weather"][k]
    return grids, _shares(logits)


def _shares(logits: Floats) -> Floats:
    """Softmax of each row."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def camera_topics(cameras: Iterable[str]) -> tuple[str, ...]:
    """The topics of cameras: pictures, calibrations, mounts."""
    return tuple(f"{CAMERA_PREFIX}{name}{part}" for name in cameras for part in ("", "/calibration", "/mount"))


def new_pictures(settings: DetectorSettings, tick: Tick, looked_ns: int) -> dict[str, Camera]:
    """The cameras whose pictures of this instant are to be looked at now; none before all of them are there.

    A camera that has been silent is not waited for. `looked_ns` is the instant that was looked at last.
    """
    assert tick.trigger is not None
    measured_ns = tick.trigger.envelope.measured_ns
    names = _ready(settings, tick, measured_ns)
    alive = [name for name in settings.cameras if tick.fresh(CAMERA_PREFIX + name, settings.max_age_s) is not None]
    if measured_ns <= looked_ns or len(names) < len(alive):
        return {}
    return {name: _camera(tick, name) for name in names}


def _ready(settings: DetectorSettings, tick: Tick, measured_ns: int) -> list[str]:
    """Cameras whose calibration is known and whose newest picture is of that instant."""
    ready = []
    for name in settings.cameras:
        picture, *known = (tick.inputs.get(CAMERA_PREFIX + name + part) for part in ("", "/calibration", "/mount"))
        if picture is not None and picture.envelope.measured_ns == measured_ns and all(known):
            ready.append(name)
    return ready


def _camera(tick: Tick, name: str) -> Camera:
    topic = CAMERA_PREFIX + name
    return camera_of_messages(tick.inputs[f"{topic}/calibration"].message, tick.inputs[f"{topic}/mount"].message)


def camera_of_messages(calibration: CameraCalibration, mount: CameraMount) -> Camera:
    """The camera that two latched messages describe.

    Raises:
        InputError: a distortion model other than `plumb_bob`.
    """
    if calibration.distortion_model not in ("plumb_bob", ""):
        raise InputError(f"the lens of {calibration.frame} is {calibration.distortion_model!r}; plumb_bob was expected")
    bend = np.zeros(5)
    bend[: len(calibration.distortion)] = calibration.distortion
    return Camera(
        calibration.width, calibration.height, calibration.matrix, bend, mount.position_m, mount.ego_from_camera
    )


def decoded(picture: CompressedImage) -> NDArray[np.uint8]:
    """The RGB picture (H, W, 3).

    Raises:
        InputError: the bytes are no picture.
    """
    image = cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"the picture of {picture.frame} is not {picture.format}")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def objects_message(found: Detections) -> Objects:
    """Detections as the bus carries them."""
    return Objects(
        kinds=np.array([int(KIND_OF_CLASS[c]) for c in found.classes], dtype=np.int64),
        score=found.score,
        x_m=found.x_m,
        y_m=found.y_m,
        yaw_rad=found.yaw_rad,
        length_m=found.length_m,
        width_m=found.width_m,
        height_m=found.height_m,
        covariance=found.covariance,
        ranges_m=found.ranges_m,
    )


def lights_message(parts: list[SeenLights], radius_m: float) -> LightStates:
    """Lights of all cameras; of those that are one head, the best."""
    x, y, state, score = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("x_m", "y_m", "state", "score")
    )
    kept: list[int] = []
    for row in np.argsort(-score, kind="stable"):
        reach = radius_m + 0.2 * float(np.hypot(x[row], y[row]))
        if all(np.hypot(x[row] - x[k], y[row] - y[k]) > reach for k in kept):
            kept.append(int(row))
    return LightStates(x[kept], y[kept], state[kept], score[kept])
