"""A user's detector in the place of our own net: pictures of the rig in, objects in `ego` out.

A detector is a class with one method, `detect(image, camera)`: it gets a picture and answers with `Boxes` in pixels,
which are lifted to the road, or with `Detections` in `ego` where it knows ranges itself. `NetDetector` is one, for ONNX
files of 2D boxes. Lane marks, lights and weather are not its business: nobody says them where it drives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bus.node import Node, Publication, Tick
from bus.topics import CAMERA_PREFIX
from geometry.camera import Camera
from geometry.errors import InputError
from perception.boxes.decodings import boxes_of, check_decoding
from perception.boxes.form import Boxes, NetForm, fitted
from perception.boxes.lifting import LiftSettings, lifted
from perception.detector import DetectorSettings, Infer, camera_topics, decoded, new_pictures, objects_message
from perception.net.decode import Detections, merged

EDGE_PX = 2.0
"""1-sigma of an edge, in pixels of the picture, of detectors that do not say better."""
Each = Callable[[Callable[[str], Detections], Iterable[str]], Iterable[Detections]]


class Detector(Protocol):
    """What finds objects in one picture."""

    def detect(self, image: NDArray[np.uint8], camera: Camera) -> Boxes | Detections:
        """Objects of an RGB picture (H, W, 3) that `camera` took."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class NetDetector:
    """An ONNX net of 2D boxes. `name` is what `infer` knows it by, `given` and `answered` are its input and output."""

    form: NetForm
    infer: Infer
    name: str
    given: str
    answered: str
    lift: LiftSettings = LiftSettings()

    def __post_init__(self) -> None:
        check_decoding(self.form)

    def boxes(self, image: NDArray[np.uint8]) -> Boxes:
        """What the net says of a picture, in its pixels."""
        values, fit = fitted(image, self.form)
        return boxes_of(self.infer(self.name, {self.given: values})[self.answered], self.form, fit)

    def detect(self, image: NDArray[np.uint8], camera: Camera) -> Detections:
        """Its boxes, lifted."""
        edge_px = self.form.box_px * max(image.shape[1] / self.form.width, image.shape[0] / self.form.height)
        return lifted(
            self.boxes(image), camera, edge_px=edge_px, settings=self.lift, heights_m=self.form.heights_m
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BoxDetectorMemory:
    """When the newest picture that has been looked at was taken."""

    looked_ns: int


def node(settings: DetectorSettings, detector: Detector, each: Each = map) -> Node:
    """The node to hand to the executor; `each` may look at pictures in parallel, if the detector bears that."""
    return Node(
        name="detector",
        priority=15,
        step=lambda memory, tick: _step(settings, detector, each, memory, tick),
        memory=BoxDetectorMemory(-1),
        inputs=camera_topics(settings.cameras),
        outputs=("/perception/objects",),
        triggers=tuple(CAMERA_PREFIX + name for name in settings.cameras),
        latency_ns=round(settings.latency_s * 1e9),
    )


def _step(
    settings: DetectorSettings, detector: Detector, each: Each, memory: BoxDetectorMemory, tick: Tick
) -> tuple[BoxDetectorMemory, tuple[Publication, ...]]:
    assert tick.trigger is not None
    measured_ns = tick.trigger.envelope.measured_ns
    cameras = new_pictures(settings, tick, memory.looked_ns)
    if not cameras:
        return memory, ()

    def look(name: str) -> Detections:
        return looked(detector, decoded(tick.inputs[CAMERA_PREFIX + name].message), cameras[name])

    objects = merged(list(each(look, cameras)), settings.decode)
    return BoxDetectorMemory(measured_ns), (Publication("/perception/objects", objects_message(objects), measured_ns),)


def looked(detector: Detector, image: NDArray[np.uint8], camera: Camera) -> Detections:
    """What a detector finds in a picture, in `ego`.

    Raises:
        InputError: it answers with something else than boxes or detections.
    """
    found = detector.detect(image, camera)
    if isinstance(found, Detections):
        return found
    if isinstance(found, Boxes):
        return lifted(found, camera, edge_px=EDGE_PX)
    raise InputError(f"the detector answered with {type(found).__name__}; Boxes or Detections were expected")
