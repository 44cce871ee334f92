"""nuScenes and data in its form (Caesar et al., nuScenes, CVPR 2020): tables of JSON beside the pictures.

In: the folder that holds `samples/` and a folder of tables (`v1.0-trainval`, `v1.0-mini`, ...). Out: labelled pictures
of all cameras, those of one instant together. The frames are ours but for the names: the ego's origin is on the ground
below the rear axle, cameras look along z, quaternions are (w, x, y, z).
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from geometry.angles import Floats
from geometry.camera import Camera
from geometry.errors import ContractError, InputError
from perception.net.classes import OBJECTS
from perception.training.real.labelled import LabelledBox, LabelledPicture

TABLES = ("sample_data", "calibrated_sensor", "sensor", "ego_pose", "sample_annotation", "instance", "category")
CLASSES = {
    "vehicle.car": "car", "vehicle.truck": "truck", "vehicle.bus": "truck", "vehicle.trailer": "truck",
    "vehicle.construction": "truck", "vehicle.emergency": "car", "vehicle.motorcycle": "motorcycle",
    "vehicle.bicycle": "cyclist", "human.pedestrian": "pedestrian", "movable_object": "obstacle",
    "static_object": "obstacle",
}  # fmt: skip
"""By the beginning of the category's name, the longest first that fits."""
VISIBLE = {"1": 0.2, "2": 0.5, "3": 0.7, "4": 0.9, "": 0.7}
"""Share that is taken for visible, by the token of the visibility (0-40, 40-60, 60-80, 80-100 %; none given)."""
MOST_BYTES = 2_000_000_000
Row = Mapping[str, Any]


def pictures_in(folder: Path, tables: str = "") -> tuple[LabelledPicture, ...]:
    """All key frames of all cameras, in the order of time.

    Raises:
        InputError: a table is missing or is not what nuScenes writes.
    """
    place = folder / tables if tables else _only_tables(folder)
    by_token = {name: {str(row["token"]): row for row in _table(place / f"{name}.json")} for name in TABLES}
    boxes: dict[str, list[Row]] = defaultdict(list)
    for row in by_token["sample_annotation"].values():
        boxes[str(row["sample_token"])].append(row)
    frames = [row for row in by_token["sample_data"].values() if row.get("is_key_frame") and _is_camera(by_token, row)]
    frames.sort(key=lambda row: (int(row["timestamp"]), str(row["filename"])))
    order: dict[str, int] = {}
    try:
        return tuple(
            _picture(folder, by_token, row, boxes[str(row["sample_token"])],
                     order.setdefault(str(row["sample_token"]), len(order)))
            for row in frames
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, ContractError) as error:
        raise InputError(f"a row of the tables is not as nuScenes writes it: {error}", place) from error


def _only_tables(folder: Path) -> Path:
    found = sorted(path.parent for path in folder.glob("*/sample_data.json"))
    if len(found) != 1:
        raise InputError(
            f"one folder of tables with sample_data.json was expected in it, found {len(found)}; name the one meant",
            folder,
        )
    return found[0]


def _table(path: Path) -> list[Row]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError("a table of more than 2 GB is refused", path)
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the table: {error.strerror}", path) from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not valid JSON: {error}", path) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "token" in row for row in rows):
        raise InputError("a list of rows with tokens was expected", path)
    return rows


def _is_camera(tables: Mapping[str, Mapping[str, Row]], row: Row) -> bool:
    calibrated = tables["calibrated_sensor"].get(str(row.get("calibrated_sensor_token")), {})
    return tables["sensor"].get(str(calibrated.get("sensor_token")), {}).get("modality") == "camera"


def _picture(
    folder: Path, tables: Mapping[str, Mapping[str, Row]], row: Row, boxes: list[Row], moment: int
) -> LabelledPicture:
    path = (folder / str(row["filename"])).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InputError(f"the picture {row['filename']} lies outside of the data set, which is refused", folder)
    calibrated, pose = (
        tables["calibrated_sensor"][row["calibrated_sensor_token"]],
        tables["ego_pose"][row["ego_pose_token"]],
    )
    camera = Camera(
        int(row["width"]), int(row["height"]), np.array(calibrated["camera_intrinsic"], float), np.zeros(5),
        np.array(calibrated["translation"], float), turn_of(calibrated["rotation"]),
    )  # fmt: skip
    place, turn = np.array(pose["translation"], float), turn_of(pose["rotation"])
    found = tuple(
        box for annotation in boxes if (box := _box(tables, annotation, place, turn)) is not None
    )  # fmt: skip
    return LabelledPicture(path, camera, found, np.zeros((0, 4)), moment)


def _box(tables: Mapping[str, Mapping[str, Row]], row: Row, place: Floats, turn: Floats) -> LabelledBox | None:
    """A box in `ego`; None of what we have no class for."""
    instance = tables["instance"][row["instance_token"]]
    kind = _class(str(tables["category"][instance["category_token"]]["name"]))
    if kind is None:
        return None
    centre = turn.T @ (np.array(row["translation"], float) - place)
    ahead = turn.T @ turn_of(row["rotation"])[:, 0]
    width, length, height = (float(size) for size in row["size"])
    visible = VISIBLE.get(str(row.get("visibility_token", "")), 0.7)
    return LabelledBox(
        kind, float(centre[0]), float(centre[1]), float(centre[2]) - 0.5 * height,
        math.atan2(float(ahead[1]), float(ahead[0])), length, width, height, visible,
    )  # fmt: skip


def _class(name: str) -> int | None:
    fitting = [key for key in CLASSES if name == key or name.startswith(f"{key}.")]
    return OBJECTS.index(CLASSES[max(fitting, key=len)]) if fitting else None


def turn_of(quaternion: list[float]) -> Floats:
    """Rotation matrix (3, 3) of a unit quaternion (w, x, y, z)."""
    w, x, y, z = (float(part) for part in quaternion)
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    if not 0.99 < norm < 1.01:
        raise ValueError(f"the rotation {quaternion} has the length {norm:.3f}; 1 was expected")
    w, x, y, z = w / norm, x / norm, y / norm, z / norm
    return np.array([
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    ])  # fmt: skip
