"""How somebody else's net wants its picture, and what it calls what it sees.

A net of 2D boxes is known by its file and by this form; everything that differs between YOLO, NanoDet and their kin is
a value here, so that none of them needs code of its own beyond its decoding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.errors import ContractError, InputError
from perception.net.classes import OBJECTS

LAYOUTS, COLOURS, FITS = ("nchw", "nhwc"), ("rgb", "bgr"), ("stretch", "letterbox")
GREY = 114
"""What fills the margins of a letterbox, as YOLO's own tools do."""


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """N boxes in a picture: names of classes (of `perception.net.classes.OBJECTS`), scores, edges (N, 4) in pixels.

    The edges are left, top, right, bottom.
    """

    names: tuple[str, ...]
    score: Floats
    edges_px: Floats

    def __post_init__(self) -> None:
        count = len(self.names)
        score, edges = np.asarray(self.score, np.float64), np.asarray(self.edges_px, np.float64).reshape(-1, 4)
        if score.shape != (count,) or edges.shape != (count, 4) or not np.isfinite(edges).all():
            raise ContractError(
                f"{count} names need as many scores and finite boxes; found {score.shape}, {edges.shape}"
            )
        unknown = [name for name in self.names if name not in OBJECTS]
        if unknown:
            raise ContractError(f"the class {unknown[0]!r} is unknown; known are {', '.join(OBJECTS)}")
        object.__setattr__(self, "score", score)
        object.__setattr__(self, "edges_px", edges)


@dataclass(frozen=True, slots=True)
class NetForm:
    """A net's input is `(pixel - mean) * scale` per channel, in the order of `colours`.

    `decoding` names how its output is read (`perception.boxes.decodings`); `strides` are those of its grids where it
    answers on grids. `classes` maps the numbers that it counts its classes by to names of ours; what is not listed is
    not reported. `heights_m` overrides how tall a class is where the net's boxes mean something else than we do.
    `box_px` is the 1-sigma of an edge in pixels of the net's own input.
    """

    decoding: str
    width: int
    height: int
    classes: Mapping[str, str]
    layout: str = "nchw"
    colours: str = "rgb"
    fit: str = "letterbox"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0 / 255.0, 1.0 / 255.0, 1.0 / 255.0)
    strides: tuple[int, ...] = (8, 16, 32)
    least_score: float = 0.3
    overlap: float = 0.5
    """Boxes of one class that share more than this (intersection over union) are one object."""
    heights_m: Mapping[str, float] = field(default_factory=dict)
    box_px: float = 1.0

    def __post_init__(self) -> None:
        for what, value, known in (
            ("layout", self.layout, LAYOUTS), ("colours", self.colours, COLOURS), ("fit", self.fit, FITS),
        ):  # fmt: skip
            if value not in known:
                raise ContractError(f"{what} = {value!r}: one of {', '.join(known)} was expected")
        if not (16 <= self.width <= 4096 and 16 <= self.height <= 4096):
            raise ContractError(f"width = {self.width}, height = {self.height}: 16 to 4096 pixels were expected")
        if not self.classes or not all(key.isdigit() for key in self.classes):
            raise ContractError('classes needs numbers and names, for example 2 = "car"')
        for name in (*self.classes.values(), *self.heights_m):
            if name not in OBJECTS:
                raise ContractError(f"the class {name!r} is unknown; known are {', '.join(OBJECTS)}")
        if not (0.0 < self.least_score < 1.0 and 0.0 < self.overlap <= 1.0 and self.box_px > 0.0):
            raise ContractError("least_score and overlap have to lie between 0 and 1, box_px above 0")
        if any(value <= 0.0 for value in (*self.scale, *self.heights_m.values(), *self.strides)):
            raise ContractError("scale, strides and heights_m have to be above 0")


class Fit(NamedTuple):
    """Pixels of the whole picture are `(pixel of the net - offset) * factor`, for u and v."""

    offset: tuple[float, float]
    factor: tuple[float, float]

    def whole(self, edges_px: Floats) -> Floats:
        """Edges (N, 4) of the net's input as edges in the whole picture."""
        return (edges_px - (*self.offset, *self.offset)) * (*self.factor, *self.factor)


def fitted(image: NDArray[np.uint8], form: NetForm) -> tuple[NDArray[np.float32], Fit]:
    """An RGB picture (H, W, 3) as the net wants it, with a batch of one in front, and the way back."""
    height, width = image.shape[:2]
    if form.fit == "stretch":
        resized = cv2.resize(image, (form.width, form.height), interpolation=cv2.INTER_LINEAR)
        fit = Fit((0.0, 0.0), (width / form.width, height / form.height))
    else:
        ratio = min(form.width / width, form.height / height)
        inner = max(round(width * ratio), 1), max(round(height * ratio), 1)
        left, top = (form.width - inner[0]) // 2, (form.height - inner[1]) // 2
        resized = np.full((form.height, form.width, 3), GREY, np.uint8)
        resized[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner)
        fit = Fit((float(left), float(top)), (width / inner[0], height / inner[1]))
    if form.colours == "bgr":
        resized = resized[..., ::-1]
    values = (resized.astype(np.float32) - np.array(form.mean, np.float32)) * np.array(form.scale, np.float32)
    if form.layout == "nchw":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values[None]), fit


def named(form: NetForm, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the net's classes are reported."""
    return np.isin(numbers, [int(key) for key in form.classes])


def wrong_shape(form: NetForm, shape: tuple[int, ...], expected: str) -> InputError:
    """The error of an output that is not what the decoding reads."""
    return InputError(f"the net's output has the shape {list(shape)}; decoding {form.decoding!r} reads {expected}")
