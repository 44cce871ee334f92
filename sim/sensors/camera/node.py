"""The rig as a node of the bus: `/truth/*` in, a JPEG per camera and its calibration out.

In: the cast, the ego, the agents, the lights and the weather of the simulated world. Out, every period:
`/sensor/camera/<name>` with the picture; once: `.../calibration` and `.../mount`, as the calibration believes. What it
believes differs from the truth by the errors of the rig.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from bus.messages import (
    AgentTruth,
    CameraCalibration,
    CameraMount,
    CompressedImage,
    EgoTruth,
    LightTruth,
    ScenarioInfo,
    Weather,
)
from bus.node import Node, Publication, Tick
from bus.topics import CAMERA_PREFIX
from geometry.angles import Floats
from geometry.errors import InputError
from sim.sensors.camera.renderer import Scene, Scenery, draw, scene_of, world_view
from sim.sensors.camera.rig import CameraSpec, RigSettings, swayed
from sim.sensors.camera.weather import Picture
from sim.weather import CLEAR_DAY

INPUTS = ("/truth/scenario", "/truth/ego", "/truth/agents", "/truth/lights", "/truth/weather")


@dataclass(frozen=True, slots=True, eq=False)
class RigMemory:
    """Mounting errors of this drive: roll, pitch and yaw of each camera (C, 3), drawn at the first picture."""

    angles_rad: Floats


Each = Callable[[Callable[[int], bytes], Iterable[int]], Iterable[bytes]]
"""Applies a function to numbers and keeps their order: `map`, or the `map` of a pool of threads."""


def node(settings: RigSettings, scenery: Callable[[], Scenery], each: Each = map) -> Node:
    """The node to hand to the executor. `each` may take the cameras in parallel: the pictures stay the same.

    `scenery` is asked for at each picture; it should build only once.

    Raises:
        InputError: two cameras of one name.
    """
    names = [spec.name for spec in settings.cameras]
    if len(set(names)) != len(names):
        raise InputError(f"cameras need names of their own, found {', '.join(names)}")
    topics = [f"{CAMERA_PREFIX}{name}{part}" for name in names for part in ("", "/calibration", "/mount")]
    return Node(
        name="cameras",
        priority=10,
        step=lambda memory, tick: _step(settings, scenery, each, memory, tick),
        memory=RigMemory(np.zeros((0, 3))),
        inputs=INPUTS,
        outputs=tuple(topics),
        period_ns=round(settings.period_s * 1e9),
        latency_ns=round(settings.latency_s * 1e9),
        snapshot=False,
    )


def _step(
    settings: RigSettings, scenery: Callable[[], Scenery], each: Each, memory: RigMemory, tick: Tick
) -> tuple[RigMemory, tuple[Publication, ...]]:
    said: list[Publication] = []
    if not len(memory.angles_rad):
        sigma = np.radians(settings.errors.calibration_deg)
        memory = RigMemory(sigma * tick.rng.standard_normal((len(settings.cameras), 3)))
        said += [publication for spec in settings.cameras for publication in _calibration(spec)]
    scene = _scene(scenery, tick)
    if scene is None:
        return memory, tuple(said)
    fixed = tuple(
        spec.calibrated().turned(*(float(a) for a in angles))
        for spec, angles in zip(settings.cameras, memory.angles_rad, strict=True)
    )
    true = swayed(fixed, settings.errors, tick.rng)
    seeds = tick.rng.integers(1 << 62, size=len(true)).tolist()  # a generator each, whoever draws first

    def taken(index: int) -> bytes:
        rng = np.random.Generator(np.random.PCG64(seeds[index]))
        image = draw(scene, true[index], rng, exposure_s=settings.cameras[index].exposure_s).image
        return jpeg_of(image, settings.jpeg_quality)

    for spec, data in zip(settings.cameras, each(taken, range(len(true))), strict=True):
        said.append(Publication(CAMERA_PREFIX + spec.name, CompressedImage(spec.name, "jpeg", data)))
    return memory, tuple(said)


def _scene(scenery: Callable[[], Scenery], tick: Tick) -> Scene | None:
    """The world as it was told last; None before the first word."""
    known = [tick.inputs.get(name) for name in INPUTS]
    info, ego, agents, lights, weather = (None if item is None else item.message for item in known)
    if not isinstance(info, ScenarioInfo) or not isinstance(ego, EgoTruth) or not isinstance(agents, AgentTruth):
        return None
    states = dict(zip(lights.signals, lights.state.tolist(), strict=True)) if isinstance(lights, LightTruth) else {}
    view = world_view(scenery(), info, agents, ego.world_from_ego, ego.speed_mps, states)
    return scene_of(view, weather if isinstance(weather, Weather) else CLEAR_DAY)


def _calibration(spec: CameraSpec) -> tuple[Publication, Publication]:
    camera = spec.calibrated()
    intrinsics = CameraCalibration(
        spec.name, camera.width, camera.height, "plumb_bob", distortion=camera.distortion, matrix=camera.matrix
    )
    mount = CameraMount(spec.name, camera.position_m, camera.ego_from_camera)
    place = CAMERA_PREFIX + spec.name
    return Publication(f"{place}/calibration", intrinsics), Publication(f"{place}/mount", mount)


def jpeg_of(image: Picture, quality: int) -> bytes:
    """An RGB picture (H, W, 3) as JPEG."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not done:
        raise InputError(f"a picture of shape {image.shape} cannot be written as JPEG")
    return bytes(data)
