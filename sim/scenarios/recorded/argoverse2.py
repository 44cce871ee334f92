"""Reader for Argoverse 2 logs: sensor logs (annotated boxes) and motion-forecasting scenarios.

In: a log's folder. Out: a `Log` in the city's frame, times from its start. Sensor logs hold boxes in the ego's frame;
the ego's own frame is its rear axle. Forecasting scenarios hold no sizes: those of the class are taken, and the
autonomous vehicle's track is the ego's.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from bus.messages import EntityKind
from geometry.angles import Floats, wrap_rad
from geometry.errors import InputError
from motion.rollout import EntityShape
from sim.scenarios.recorded.log import Log, Track, accelerations, speeds

EGO = EntityShape("Ego", EntityKind.CAR, 4.87, 1.85, 1.48, 1.42, 2.85)
"""The recording cars are Ford Fusions."""

MAX_BYTES = 256 * 2**20
_CATEGORIES = {
    "REGULAR_VEHICLE": EntityKind.CAR, "LARGE_VEHICLE": EntityKind.TRUCK, "BOX_TRUCK": EntityKind.TRUCK,
    "TRUCK": EntityKind.TRUCK, "TRUCK_CAB": EntityKind.TRUCK, "VEHICULAR_TRAILER": EntityKind.TRAILER,
    "BUS": EntityKind.BUS, "SCHOOL_BUS": EntityKind.BUS, "ARTICULATED_BUS": EntityKind.BUS,
    "MOTORCYCLE": EntityKind.MOTORCYCLE, "MOTORCYCLIST": EntityKind.MOTORCYCLE, "BICYCLE": EntityKind.BICYCLE,
    "BICYCLIST": EntityKind.BICYCLE, "WHEELED_RIDER": EntityKind.BICYCLE, "PEDESTRIAN": EntityKind.PEDESTRIAN,
    "STROLLER": EntityKind.PEDESTRIAN, "WHEELCHAIR": EntityKind.PEDESTRIAN, "OFFICIAL_SIGNALER": EntityKind.PEDESTRIAN,
    "DOG": EntityKind.ANIMAL, "ANIMAL": EntityKind.ANIMAL,
}  # fmt: skip
"""All other categories are obstacles."""
_TYPES = {
    "vehicle": (EntityKind.CAR, 4.6, 1.9, 1.6), "bus": (EntityKind.BUS, 11.0, 2.6, 3.2),
    "motorcyclist": (EntityKind.MOTORCYCLE, 2.2, 0.8, 1.6), "cyclist": (EntityKind.BICYCLE, 1.9, 0.7, 1.7),
    "pedestrian": (EntityKind.PEDESTRIAN, 0.6, 0.6, 1.75), "riderless_bicycle": (EntityKind.OBSTACLE, 1.8, 0.6, 1.1),
    "static": (EntityKind.OBSTACLE, 1.0, 1.0, 1.0), "background": (EntityKind.OBSTACLE, 1.0, 1.0, 1.0),
    "construction": (EntityKind.OBSTACLE, 0.5, 0.5, 1.0), "unknown": (EntityKind.OBSTACLE, 1.0, 1.0, 1.0),
}  # fmt: skip


def map_file(folder: Path) -> Path:
    """The map archive of a log.

    Raises:
        InputError: there is none, or more than one.
    """
    found = sorted(folder.glob("log_map_archive_*.json")) + sorted(folder.glob("map/log_map_archive_*.json"))
    if len(found) != 1:
        raise InputError(f"an Argoverse 2 log has one log_map_archive_*.json; {len(found)} were found", folder)
    return found[0]


def is_argoverse2(folder: Path) -> bool:
    """Whether a folder looks like a log."""
    return folder.is_dir() and (
        (folder / "annotations.feather").is_file() or any(folder.glob("scenario_*.parquet"))
    )  # fmt: skip


def read_argoverse2(folder: Path) -> Log:
    """A sensor log or forecasting scenario.

    Raises:
        InputError: a file is missing, damaged, or lacks a column.
    """
    scenarios = sorted(folder.glob("scenario_*.parquet"))
    return _forecast(scenarios[0]) if scenarios else _sensor_log(folder)


def _table(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Columns of a table as arrays."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"the table is larger than {MAX_BYTES} bytes", path)
        read = pyarrow.parquet.read_table if path.suffix == ".parquet" else pyarrow.feather.read_table
        table = read(path, columns=list(names))
        columns = {name: table[name].to_numpy() for name in names}
    except OSError as error:
        raise InputError(f"cannot be read as a table ({str(error).splitlines()[0][:100]})", path) from None
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise InputError(f"is not the expected table: {str(error).splitlines()[0][:100]}", path) from None
    for name, values in columns.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InputError(f"column {name} holds values that are no numbers", path)
    if not len(next(iter(columns.values()))):
        raise InputError("the table is empty", path)
    return columns


_QUATERNION = ("qw", "qx", "qy", "qz")


def _yaw(columns: dict[str, Any]) -> Floats:
    """Heading of rotations given as unit quaternions."""
    w, x, y, z = (columns[name] for name in _QUATERNION)
    return np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def _sensor_log(folder: Path) -> Log:
    poses = _table(folder / "city_SE3_egovehicle.feather", ("timestamp_ns", *_QUATERNION, "tx_m", "ty_m"))
    boxes = _table(
        folder / "annotations.feather",
        ("timestamp_ns", "track_uuid", "category", "length_m", "width_m", "height_m", *_QUATERNION, "tx_m", "ty_m"),
    )
    stamps = np.unique(boxes["timestamp_ns"])
    start_ns = int(stamps[0])
    order = np.argsort(poses["timestamp_ns"], kind="stable")
    ego_t = (poses["timestamp_ns"][order] - start_ns) * 1e-9
    ego_x, ego_y, ego_yaw = poses["tx_m"][order], poses["ty_m"][order], np.unwrap(_yaw(poses)[order])
    box_t = (boxes["timestamp_ns"] - start_ns) * 1e-9
    if len(ego_t) < 2 or not ego_t[0] <= 0.0 <= box_t.max() <= ego_t[-1]:
        raise InputError("the ego's poses do not cover the annotations", folder / "city_SE3_egovehicle.feather")
    at_box = [np.interp(box_t, ego_t, column) for column in (ego_x, ego_y, ego_yaw)]
    cos, sin = np.cos(at_box[2]), np.sin(at_box[2])
    x = at_box[0] + cos * boxes["tx_m"] - sin * boxes["ty_m"]
    y = at_box[1] + sin * boxes["tx_m"] + cos * boxes["ty_m"]
    yaw = wrap_rad(at_box[2] + _yaw(boxes))
    t = np.unique(box_t)
    ego_at = [np.interp(t, ego_t, column) for column in (ego_x, ego_y, ego_yaw)]
    speed = speeds(t, ego_at[0], ego_at[1])
    ego = Track(EGO, t, ego_at[0], ego_at[1], wrap_rad(ego_at[2]), speed, accelerations(t, speed))
    names, first = np.unique(boxes["track_uuid"].astype(str), return_index=True)
    others = []
    for name, row in zip(names, first, strict=True):
        rows = np.flatnonzero(boxes["track_uuid"] == name)
        rows = rows[np.argsort(box_t[rows], kind="stable")]
        category = str(boxes["category"][row])
        kind = _CATEGORIES.get(category, EntityKind.OBSTACLE)
        size = [float(np.median(boxes[column][rows])) for column in ("length_m", "width_m", "height_m")]
        label = f"{category.replace('_', ' ').capitalize()} {str(name)[:8]}"
        others.append(
            _track(
                EntityShape(label, kind, size[0], size[1], size[2], 0.0, 0.0), box_t[rows], x[rows], y[rows], yaw[rows]
            )
        )
    return Log(folder.name, ego, tuple(others))


def _forecast(path: Path) -> Log:
    columns = _table(
        path,
        ("track_id", "object_type", "timestep", "position_x", "position_y", "heading", "start_timestamp",
         "end_timestamp", "num_timestamps"),
    )  # fmt: skip
    steps = int(columns["num_timestamps"][0])
    step_s = float(columns["end_timestamp"][0] - columns["start_timestamp"][0]) * 1e-9 / max(steps - 1, 1)
    if not 0.01 <= step_s <= 1.0:
        raise InputError(f"the time step would be {step_s:.3f} s", path)
    tracks: dict[str, Track] = {}
    for name in np.unique(columns["track_id"].astype(str)):
        rows = np.flatnonzero(columns["track_id"] == name)
        rows = rows[np.argsort(columns["timestep"][rows], kind="stable")]
        kind, length_m, width_m, height_m = _TYPES.get(str(columns["object_type"][rows[0]]), _TYPES["unknown"])
        shape = EntityShape(f"{columns['object_type'][rows[0]]} {name}", kind, length_m, width_m, height_m, 0.0, 0.0)
        t = step_s * columns["timestep"][rows].astype(np.float64)
        tracks[str(name)] = _track(
            shape, t, columns["position_x"][rows], columns["position_y"][rows], columns["heading"][rows]
        )
    if "AV" not in tracks:
        raise InputError("the scenario has no track AV, the ego's", path)
    ego = tracks.pop("AV")
    own = replace(ego, shape=EGO)
    return Log(path.stem.removeprefix("scenario_"), own, tuple(tracks.values()))


def _track(shape: EntityShape, t_s: Floats, x_m: Floats, y_m: Floats, yaw_rad: Floats) -> Track:
    keep = np.concatenate(([True], np.diff(t_s) > 1e-6))
    t, x, y, yaw = (np.array(column[keep], dtype=np.float64) for column in (t_s, x_m, y_m, yaw_rad))
    speed = speeds(t, x, y)
    # Boxes of standing objects tremble; a few centimetres a step are no motion.
    if math.dist((x[0], y[0]), (x[-1], y[-1])) < 0.5:
        speed = np.zeros(len(t))
    return Track(shape, t, x, y, wrap_rad(yaw), speed, accelerations(t, speed))
