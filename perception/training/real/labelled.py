"""A labelled picture of a data set, and how it becomes a sample: boxes in `ego`, seen through the calibrated camera.

In: boxes in three dimensions and the camera. Out: `Sample` as of our own pictures. What such data does not label is
said to be unknown: no traffic lights, no marks, no drivable surface; weather is `UNKNOWN`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats, wrap_rad
from geometry.camera import Camera
from geometry.errors import InputError
from perception.net.classes import STRIDE
from perception.net.targets import LIGHT_COLUMNS, MARK_COLUMNS, OBJECT_COLUMNS, Answer
from perception.resizing import resized
from perception.training.sample import Sample, jpeg_of, rows_of

UNKNOWN = -1
NEAREST_M = 1.0
CLEAR_M = 10_000.0
"""Visibility where nobody says another."""


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A box in `ego`: class index, middle of its foot, heading, size, visible share (0: need not be found)."""

    kind: int
    x_m: float
    y_m: float
    foot_z_m: float
    yaw_rad: float
    length_m: float
    width_m: float
    height_m: float
    visible: float


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture:
    """A file, the camera that took it, the boxes in it, and regions (N, 4) of pixels in which anything may be.

    `moment` numbers the instant; pictures of several cameras share it.
    """

    path: Path
    camera: Camera
    boxes: tuple[LabelledBox, ...]
    ignored_px: Floats
    moment: int


def samples_of(pictures: Sequence[LabelledPicture], size: tuple[int, int] = (640, 360)) -> Iterator[Sample]:
    """Samples in the size (width, height) that the net is made for.

    Raises:
        InputError: a picture cannot be read, or has another size than its calibration.
    """
    for picture in pictures:
        image = cv2.imread(str(picture.path)) if picture.path.is_file() else None
        if image is None:
            raise InputError("cannot be read as a picture", picture.path)
        if image.shape[:2] != (picture.camera.height, picture.camera.width):
            expected = f"{picture.camera.width} x {picture.camera.height}"
            raise InputError(
                f"the calibration is of {expected} pixels, not {image.shape[1]} x {image.shape[0]}", picture.path
            )
        rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
        yield sample_of(picture, rgb, size)


def sample_of(picture: LabelledPicture, image: NDArray[np.uint8], size: tuple[int, int]) -> Sample:
    """One sample."""
    small, camera = resized(image, picture.camera, size)
    rows = [row for box in picture.boxes if (row := _row(box, camera)) is not None]
    rows += [_nobody(edges) for edges in _moved(picture.ignored_px, picture.camera, camera)]
    columns = (np.arange(-(-camera.width // STRIDE), dtype=np.float64) + 0.5) * STRIDE - 0.5
    answer = Answer(
        camera.height, camera.width, rows_of(rows, OBJECT_COLUMNS), rows_of([], LIGHT_COLUMNS),
        rows_of([], MARK_COLUMNS), np.zeros((-(-camera.height // STRIDE), -(-camera.width // STRIDE)), np.uint8),
        camera.horizon_rows(np.asarray(columns)), UNKNOWN,
    )  # fmt: skip
    return Sample(jpeg_of(small), camera, answer, picture.moment, CLEAR_M)


def _row(box: LabelledBox, camera: Camera) -> tuple[float, ...] | None:
    """A row of `Answer.objects`; None where the picture shows nothing of the box."""
    edges, inside = _edges(box, camera)
    if inside <= 0.0:
        return None
    tall = box.foot_z_m + np.array((0.5, 0.0)) * box.height_m
    (middle, foot), depth = camera.pixels_of(np.array([(box.x_m, box.y_m, z) for z in tall]))
    visible = box.visible * inside
    if depth.min() < NEAREST_M:
        middle, foot, depth, visible = np.zeros(2), np.zeros(2), np.full(2, NEAREST_M), 0.0
    focal = float(camera.local_focal_px(0.5 * (edges[:2] + edges[2:])[None] - 0.5)[0])
    azimuth = math.atan2(box.y_m - camera.position_m[1], box.x_m - camera.position_m[0])
    alpha = float(wrap_rad(box.yaw_rad - azimuth))
    return (
        float(box.kind), *edges.tolist(), *middle.tolist(), float(depth[0]), float(foot[1]), box.length_m, box.width_m,
        box.height_m, alpha, visible, box.x_m, box.y_m, box.yaw_rad, focal,
    )  # fmt: skip


def _edges(box: LabelledBox, camera: Camera) -> tuple[Floats, float]:
    """Left, top, right, bottom of the corners in the picture, and the share of that rectangle that lies inside."""
    cos, sin = math.cos(box.yaw_rad), math.sin(box.yaw_rad)
    flat = np.array([(a * box.length_m, b * box.width_m) for a in (0.5, -0.5) for b in (0.5, -0.5)])
    places = flat @ np.array([(cos, sin), (-sin, cos)]) + (box.x_m, box.y_m)
    corners = np.vstack([
        np.column_stack((places, np.full(4, z))) for z in (box.foot_z_m, box.foot_z_m + box.height_m)
    ])  # fmt: skip
    points = camera.in_camera(corners)
    if points[:, 2].max() < NEAREST_M:
        return np.zeros(4), 0.0
    points[:, 2] = np.maximum(points[:, 2], 0.3)
    pixels = points[:, :2] / points[:, 2:] * (camera.matrix[0, 0], camera.matrix[1, 1]) + camera.matrix[:2, 2]
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    cut = np.clip(np.concatenate((low, high)), 0.0, (camera.width, camera.height) * 2)
    share = float(np.prod(cut[2:] - cut[:2]) / max(float(np.prod(high - low)), 1e-9))
    return cut, share


def _nobody(edges: Floats) -> tuple[float, ...]:
    """A region in which nothing has to be found and nothing is wrong."""
    return (0.0, *edges.tolist(), 0.0, 0.0, NEAREST_M, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def _moved(edges_px: Floats, before: Camera, after: Camera) -> Floats:
    """Pixel edges (N, 4) of a picture in the pixels of its resized one."""
    ratio = after.matrix[[0, 1], [0, 1]] / before.matrix[[0, 1], [0, 1]]
    shift = after.matrix[:2, 2] - before.matrix[:2, 2] * ratio
    moved = np.asarray(edges_px).reshape(-1, 4) * np.tile(ratio, 2) + np.tile(shift, 2)
    return np.clip(moved, 0.0, (after.width, after.height) * 2)
