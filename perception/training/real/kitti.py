"""KITTI's object and tracking benchmarks (Geiger et al., Are we ready for autonomous driving?, CVPR 2012) as pictures.

In: the folder `training` of either, with `image_2`, `label_2`, `calib` (object), or `image_02`, `label_02`, `calib`
(tracking), as they are unpacked. Out: labelled pictures. Labels lie in the rectified frame of camera 0 (x right, y
down, z forward, the place is the middle of the box's foot); the picture is camera 2's. The car's own frame is put
1.65 m below camera 0 and 1.68 m behind it: its height is in the paper, the rear axle's distance in the drawing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from geometry.angles import Floats, wrap_rad
from geometry.camera import CAMERA_AXES, Camera
from geometry.errors import InputError, Place
from perception.net.classes import OBJECTS
from perception.training.real.labelled import LabelledBox, LabelledPicture

HEIGHT_M, AHEAD_M = 1.65, 1.68
CLASSES = {"Car": "car", "Van": "car", "Truck": "truck", "Pedestrian": "pedestrian", "Person_sitting": "pedestrian",
           "Person": "pedestrian", "Cyclist": "cyclist"}  # fmt: skip
IGNORED = ("DontCare", "Misc", "Tram")
VISIBLE = {0: 1.0, 1: 0.7, 2: 0.4, 3: 0.1}
"""Share that is taken for visible of an object that is occluded by degree 0 (not) to 3 (unknown)."""


def object_pictures(folder: Path) -> tuple[LabelledPicture, ...]:
    """All pictures of the object benchmark.

    Raises:
        InputError: a file is missing, or a line is not what the benchmark writes.
    """
    labels = _files(folder / "label_2", "*.txt")
    return tuple(
        _picture(
            _image(folder / "image_2", path.stem), folder / "calib" / f"{path.stem}.txt",
            _lines(path, 15), path, number,
        )
        for number, path in enumerate(labels)
    )  # fmt: skip


def tracking_pictures(folder: Path) -> tuple[LabelledPicture, ...]:
    """All pictures of the tracking benchmark that have labels; errors as `object_pictures`."""
    found: list[LabelledPicture] = []
    for path in _files(folder / "label_02", "*.txt"):
        by_frame: dict[int, list[tuple[int, list[str]]]] = defaultdict(list)
        for line, words in _lines(path, 17):
            by_frame[_frame(words[0], path, line)].append((line, words[2:]))
        for frame, rows in sorted(by_frame.items()):
            image = _image(folder / "image_02" / path.stem, f"{frame:06d}")
            found.append(_picture(image, folder / "calib" / f"{path.stem}.txt", rows, path, len(found)))
    return tuple(found)


def _files(folder: Path, pattern: str) -> list[Path]:
    files = sorted(folder.glob(pattern)) if folder.is_dir() else []
    if not files:
        raise InputError("no labels of KITTI are here: a folder with *.txt was expected", folder)
    return files


def _image(folder: Path, stem: str) -> Path:
    for suffix in (".png", ".jpg"):
        if (folder / f"{stem}{suffix}").is_file():
            return folder / f"{stem}{suffix}"
    raise InputError("the picture that belongs to the labels is missing", folder / f"{stem}.png")


def _lines(path: Path, fewest: int) -> list[tuple[int, list[str]]]:
    """Numbered lines, split into words."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the labels: {error}", path) from error
    rows = [(number, line.split()) for number, line in enumerate(lines, start=1) if line.strip()]
    for number, words in rows:
        if len(words) < fewest:
            raise InputError(f"{fewest} words were expected in a label; found {len(words)}", Place(str(path), number))
    return rows


def _frame(word: str, path: Path, line: int) -> int:
    if not word.isdigit():
        raise InputError(f"a frame number was expected; found {word!r}", Place(str(path), line))
    return int(word)


def _picture(
    image: Path, calibration: Path, rows: Sequence[tuple[int, list[str]]], path: Path, moment: int
) -> LabelledPicture:
    camera = _camera(calibration, *_size(image))
    boxes, ignored = [], []
    for line, words in rows:
        values = _numbers(words[1:15], path, line)
        if words[0] in CLASSES:
            boxes.append(_box(words[0], values))
        elif words[0] in IGNORED:
            ignored.append(values[3:7])
        else:
            known = ", ".join((*CLASSES, *IGNORED))
            raise InputError(f"the class {words[0]!r} is unknown; known are {known}", Place(str(path), line))
    return LabelledPicture(image, camera, tuple(boxes), np.array(ignored).reshape(-1, 4), moment)


def _size(image: Path) -> tuple[int, int]:
    """Width and height; of a PNG from its header, as there are thousands of them."""
    with image.open("rb") as stream:
        header = stream.read(24)
    if header[:8] == b"\x89PNG\r\n\x1a\n" and len(header) == 24:
        return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")
    picture = cv2.imread(str(image))
    if picture is None:
        raise InputError("cannot be read as a picture", image)
    return int(picture.shape[1]), int(picture.shape[0])


def _numbers(words: Sequence[str], path: Path, line: int) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise InputError(f"numbers were expected: {error}", Place(str(path), line)) from error
    if not all(map(math.isfinite, values)):
        raise InputError("finite numbers were expected", Place(str(path), line))
    return values


def _box(name: str, values: Sequence[float]) -> LabelledBox:
    """From truncated, occluded, alpha, 4 edges, height, width, length, x, y, z, rotation_y."""
    truncated, occluded, _, *_ = values
    height, width, length, x, y, z, turn = values[7:14]
    visible = VISIBLE.get(int(occluded), 0.1) * (1.0 - min(max(truncated, 0.0), 1.0))
    return LabelledBox(
        OBJECTS.index(CLASSES[name]), z + AHEAD_M, -x, HEIGHT_M - y, float(wrap_rad(-turn - 0.5 * math.pi)), length,
        width, height, visible,
    )  # fmt: skip


def _camera(path: Path, width: int, height: int) -> Camera:
    """Camera 2 in the car's frame: its projection says how far it sits from camera 0."""
    for line, words in _lines(path, 1) if path.is_file() else ():
        if words[0] in ("P2:", "P2") and len(words) == 13:
            return _of_projection(np.array(_numbers(words[1:], path, line)).reshape(3, 4), width, height)
    raise InputError("P2, the projection of camera 2, was expected with 12 numbers", path)


def _of_projection(projection: Floats, width: int, height: int) -> Camera:
    matrix = projection[:, :3].copy()
    right, down, ahead = np.linalg.solve(matrix, projection[:, 3]) * -1.0
    position = np.array((AHEAD_M + ahead, -right, HEIGHT_M - down))
    return Camera(width, height, matrix, np.zeros(5), position, CAMERA_AXES)


def pictures_in(folder: Path) -> tuple[LabelledPicture, ...]:
    """Pictures of whichever benchmark this is; errors as `object_pictures`."""
    return tracking_pictures(folder) if (folder / "label_02").is_dir() else object_pictures(folder)
