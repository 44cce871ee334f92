"""Training pictures on disk: shards of JPEG bytes and plain tables (NumPy archives, no pickle), written once.

A shard holds some rig frames. Its name says which seed made it, so that an interrupted generation goes on where it
stopped, and a shard is there wholly or not at all.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.camera import Camera
from geometry.errors import InputError
from perception.net.classes import STRIDE
from perception.net.picture import fitted_size, margin_of
from perception.net.targets import LIGHT_COLUMNS, MARK_COLUMNS, OBJECT_COLUMNS, Answer

JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture as JPEG, the camera as calibrated, the truth in pixels, and which rig frame it belongs to.

    `visibility_m` is the meteorological visibility.
    """

    jpeg: NDArray[np.uint8]
    camera: Camera
    answer: Answer
    moment: int
    visibility_m: float


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """All samples of one file."""

    samples: tuple[Sample, ...]


def write_shard(path: Path, samples: Sequence[Sample]) -> None:
    """Write a shard whole or not at all."""
    cameras = [
        np.concatenate([
            [s.camera.width, s.camera.height], s.camera.matrix.ravel(), s.camera.distortion, s.camera.position_m,
            s.camera.ego_from_camera.ravel(), [s.moment, s.visibility_m, s.answer.weather],
        ])
        for s in samples
    ]  # fmt: skip
    columns: dict[str, NDArray[np.generic]] = {"cameras": np.array(cameras)}
    for name, tables in (
        ("jpeg", [s.jpeg for s in samples]),
        ("objects", [s.answer.objects.astype(np.float32) for s in samples]),
        ("lights", [s.answer.lights.astype(np.float32) for s in samples]),
        ("marks", [s.answer.marks.astype(np.float32) for s in samples]),
        ("drivable", [np.packbits(s.answer.drivable) for s in samples]),
        ("horizon", [s.answer.horizon.astype(np.float32) for s in samples]),
    ):
        columns[name] = np.concatenate(tables)
        columns[f"{name}_start"] = np.cumsum([0, *(len(table) for table in tables)])
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **columns)
    partial.replace(path)


def read_shard(path: Path) -> Shard:
    """All samples of a shard.

    Raises:
        InputError: no shard of ours, or a broken one.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in archive.files}
        return Shard(tuple(_sample(columns, i) for i in range(len(columns["cameras"]))))
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"not a whole shard of training pictures ({error}); delete it", path) from error


def _sample(columns: dict[str, NDArray[np.generic]], i: int) -> Sample:
    def table(name: str) -> NDArray[np.generic]:
        start = columns[f"{name}_start"]
        return columns[name][int(start[i]) : int(start[i + 1])]

    row = columns["cameras"][i].astype(np.float64)
    width, height = int(row[0]), int(row[1])
    camera = Camera(width, height, row[2:11].reshape(3, 3), row[11:16], row[16:19], row[19:28].reshape(3, 3))
    h, w = -(-height // STRIDE), -(-width // STRIDE)
    drivable = np.unpackbits(table("drivable").astype(np.uint8))[: h * w].reshape(h, w)
    answer = Answer(
        height,
        width,
        table("objects").astype(np.float64).reshape(-1, len(OBJECT_COLUMNS)),
        table("lights").astype(np.float64).reshape(-1, len(LIGHT_COLUMNS)),
        table("marks").astype(np.float64).reshape(-1, len(MARK_COLUMNS)),
        drivable,
        table("horizon").astype(np.float64),
        int(row[30]),
    )
    return Sample(table("jpeg").astype(np.uint8), camera, answer, int(row[28]), float(row[29]))


def picture_of(sample: Sample) -> NDArray[np.uint8]:
    """The RGB picture (H, W, 3)."""
    image = cv2.imdecode(sample.jpeg, cv2.IMREAD_COLOR)
    if image is None:
        raise InputError("a training picture is no JPEG; delete the shard")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def jpeg_of(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bytes of a JPEG of an RGB picture."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    return np.asarray(data).ravel()


def fitted(answer: Answer) -> Answer:
    """The truth in pixels of the cropped picture."""
    top, left = margin_of(answer.height, answer.width)
    objects, lights, marks = (table.copy() for table in (answer.objects, answer.lights, answer.marks))
    objects[:, [1, 3, 5]] -= left
    objects[:, [2, 4, 6, 8]] -= top
    lights[:, 1:3] -= (left, top)
    marks[:, 1:3] -= (left, top)
    height, width = fitted_size(answer.height, answer.width)
    return replace(
        answer,
        height=height,
        width=width,
        objects=objects,
        lights=lights,
        marks=marks,
        drivable=answer.drivable[top // STRIDE :, left // STRIDE :],
        horizon=answer.horizon[left // STRIDE :] - top,
    )


def windowed(
    image: NDArray[np.uint8], answer: Answer, size: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Answer]:
    """A part of picture and truth of `size` (height, width), mostly around an object or light: more to learn per pixel.

    What the window cuts of an object counts as hidden.
    """
    height, width = min(size[0], answer.height), min(size[1], answer.width)
    middle = np.array([rng.uniform(0.0, answer.width), rng.uniform(0.4, 0.9) * answer.height])
    aims = np.concatenate((0.5 * (answer.objects[:, 1:3] + answer.objects[:, 3:5]), answer.lights[:, 1:3]))
    if len(aims) and rng.random() < 0.8:
        middle = aims[rng.integers(len(aims))] + rng.normal(0.0, 0.2, 2) * (width, height)
    left = int(np.clip(middle[0] - 0.5 * width, 0, answer.width - width)) // STRIDE * STRIDE
    top = int(np.clip(middle[1] - 0.5 * height, 0, answer.height - height)) // STRIDE * STRIDE
    objects, lights, marks = (table.copy() for table in (answer.objects, answer.lights, answer.marks))
    objects[:, [1, 3, 5]] -= left
    objects[:, [2, 4, 6, 8]] -= top
    before = np.prod(objects[:, 3:5] - objects[:, 1:3], axis=1)
    objects[:, 1:5] = np.clip(objects[:, 1:5], 0.0, (width, height, width, height))
    after = np.prod(objects[:, 3:5] - objects[:, 1:3], axis=1)
    objects[:, 13] *= after / np.maximum(before, 1e-6)
    lights[:, 1:3] -= (left, top)
    marks[:, 1:3] -= (left, top)
    ground = answer.drivable[top // STRIDE : (top + height) // STRIDE, left // STRIDE : (left + width) // STRIDE]
    part = replace(
        answer, height=height, width=width, objects=objects[after > 0.0], lights=lights, marks=marks,
        drivable=ground, horizon=answer.horizon[left // STRIDE : (left + width) // STRIDE] - top,
    )  # fmt: skip
    return np.ascontiguousarray(image[top : top + height, left : left + width]), part


def mirrored(image: NDArray[np.uint8], answer: Answer) -> tuple[NDArray[np.uint8], Answer]:
    """Picture and truth with left and right exchanged."""
    objects, lights, marks = (table.copy() for table in (answer.objects, answer.lights, answer.marks))
    last = answer.width - 1.0
    objects[:, 1], objects[:, 3] = answer.width - answer.objects[:, 3], answer.width - answer.objects[:, 1]
    objects[:, 5], objects[:, 12] = last - objects[:, 5], -objects[:, 12]
    lights[:, 1], marks[:, 1] = last - lights[:, 1], last - marks[:, 1]
    width = answer.width // STRIDE
    drivable = np.ascontiguousarray(answer.drivable[:, :width][:, ::-1])
    horizon = answer.horizon[:width][::-1].copy()
    turned = replace(answer, objects=objects, lights=lights, marks=marks, drivable=drivable, horizon=horizon)
    return np.ascontiguousarray(image[:, ::-1]), turned


def shards_in(folder: Path) -> tuple[Path, ...]:
    """All whole shards of a folder, in order."""
    return tuple(sorted(folder.glob("*.npz")))


def samples_in(paths: Iterable[Path]) -> Iterator[Sample]:
    """Samples of several shards, one shard in memory at a time."""
    for path in paths:
        yield from read_shard(path).samples


def rows_of(values: Sequence[Sequence[float]], columns: Sequence[str]) -> Floats:
    """A table with so many columns, also where it has no rows."""
    return np.array(values, dtype=np.float64).reshape(-1, len(columns))
