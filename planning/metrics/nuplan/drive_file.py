"""Reader of drives stored as gzipped JSON: one object with `inputs` (ego, tracks, map, expert, vehicle), SI, world.

The keys are those of the score's published test sets: `ego` holds equally long arrays of the rear axle, `tracks[]` box
centres with world velocities from `first_step` on, `map` open rings, and lists whose order matters.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from geometry.angles import Floats
from geometry.errors import ContractError, InputError
from planning.metrics.nuplan.drive import STATIC, Drive, EgoMotion, EgoShape, LaneObject, RoadMap, Trace, TrackSet

MAX_BYTES = 256 * 2**20

_TRACK_COLUMNS = ("x", "y", "heading", "vx", "vy")


def read_record(path: Path) -> dict[str, Any]:
    """The JSON object of a gzipped file.

    Raises:
        InputError: unreadable, too large, or no JSON object.
    """
    try:
        with gzip.open(path, "rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot be read as gzip ({error}); check the path", path) from None
    if len(content) > MAX_BYTES:
        raise InputError(f"unpacks to more than {MAX_BYTES} bytes", path)
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not JSON: {error}", path) from None
    if not isinstance(record, dict):
        raise InputError(f"holds a JSON {type(record).__name__}; an object was expected", path)
    return record


def read_drive(path: Path) -> Drive:
    """The drive of a file.

    Raises:
        InputError: unreadable, or not of this form (the message names the missing key or wrong value).
    """
    return drive_of(read_record(path), path)


def drive_of(record: Mapping[str, Any], path: Path) -> Drive:
    """The drive of a record as `read_record` gives it; `path` is for messages only.

    Raises:
        InputError: not of this form.
    """
    try:
        inputs = record["inputs"]
        vehicle, ego = inputs["vehicle"], inputs["ego"]
        trace = _trace(ego)
        motion = EgoMotion(*(_floats(ego[key]) for key in ("vx", "vy", "ax", "ay", "yaw_rate", "yaw_acceleration")))
        expert = inputs.get("expert")
        return Drive(
            shape=EgoShape(float(vehicle["length"]), float(vehicle["width"]), float(vehicle["rear_length"])),
            ego=trace,
            motion=motion,
            tracks=_tracks(inputs["tracks"], len(trace.x_m)),
            roads=_roads(inputs["map"]),
            expert=_trace(expert) if expert and len(expert["x"]) else None,
        )
    except KeyError as error:
        raise InputError(f"has no {error.args[0]!r} where a drive needs it", path) from None
    except (TypeError, ValueError, IndexError, ContractError, shapely.errors.ShapelyError) as error:
        raise InputError(f"is not a drive: {error}", path) from None


def _floats(values: Sequence[float]) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ContractError("a column is not a list of finite numbers")
    return array


def _trace(columns: Mapping[str, Sequence[float]]) -> Trace:
    time_us = np.asarray(columns["time_us"], dtype=np.int64)
    return Trace(time_us, *(_floats(columns[key]) for key in ("x", "y", "heading")))


def _tracks(items: Sequence[Mapping[str, Any]], steps: int) -> TrackSet:
    table = {key: np.full((steps, len(items)), np.nan) for key in _TRACK_COLUMNS}
    for column, item in enumerate(items):
        first = int(item["first_step"])
        rows = slice(first, first + len(item["x"]))
        if first < 0 or rows.stop > steps:
            raise ContractError(f"track {item['id']} covers steps {first} to {rows.stop}, the ego has {steps}")
        for key in _TRACK_COLUMNS:
            table[key][rows, column] = _floats(item[key])
    kinds = tuple(str(item["type"]) for item in items)
    static = np.array([kind in STATIC for kind in kinds], dtype=bool)
    present = np.isfinite(table["x"])
    speed = np.where(static & present, 0.0, np.hypot(table["vx"], table["vy"]))
    return TrackSet(
        ids=tuple(str(item["id"]) for item in items),
        kinds=kinds,
        length_m=np.array([float(item["length"]) for item in items]),
        width_m=np.array([float(item["width"]) for item in items]),
        x_m=table["x"], y_m=table["y"], yaw_rad=table["heading"], speed_mps=speed, present=present,
    )  # fmt: skip


def _roads(source: Mapping[str, Any]) -> RoadMap:
    items = [(item, True) for item in source["lanes"]] + [(item, False) for item in source["connectors"]]
    index = {str(item["id"]): i for i, (item, _) in enumerate(items)}
    # Neighbours beyond the edge of the map are named but not there.
    objects = tuple(
        LaneObject(
            id=str(item["id"]),
            is_lane=is_lane,
            surface=shapely.Polygon(item["polygon"]),
            baseline=shapely.LineString(item["baseline"]),
            speed_limit_mps=item["speed_limit"] if is_lane else None,
            block=str(item["roadblock"]),
            incoming=tuple(index[str(other)] for other in item["incoming"] if str(other) in index),
            outgoing=tuple(index[str(other)] for other in item["outgoing"] if str(other) in index),
        )
        for item, is_lane in items
    )
    blocks = {
        str(item["id"]): shapely.Polygon(item["polygon"])
        for item in (*source["roadblocks"], *source["roadblock_connectors"])
    }
    return RoadMap(objects, blocks, _areas(source["intersections"]), _areas(source["drivable_area"]))


def _areas(rings: Sequence[Sequence[Sequence[float]]]) -> tuple[shapely.Geometry, ...]:
    return tuple(shapely.Polygon(ring) for ring in rings)
