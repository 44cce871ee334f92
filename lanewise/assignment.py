"""What the stack is told before it drives: the map, its vehicle, where to go and how fast.

An assignment is written into the recording's metadata, so that a replay builds exactly the same context from the file
alone.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from geometry.errors import InputError
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.route import follow_lane
from motion.bicycle import Vehicle
from planning.scene import Context, Mission
from sim.scenarios.openscenario.engine import StoryboardEngine
from sim.simulator import vehicle_of

ROUTE_M = 20_000.0
"""Length of a route that follows its lane: more than any drive covers in its time."""

MAX_MAP_BYTES = 256 * 2**20
"""A map in a recording that unpacks to more than this is refused."""

METADATA = "assignment"


@dataclass(frozen=True, slots=True)
class Start:
    """Where the route begins, and the speed that the mission asks for."""

    lane: int
    s_m: float
    set_speed_mps: float


@dataclass(frozen=True, slots=True)
class Assignment:
    """Map (the bytes of its OpenDRIVE file), vehicle and mission of one drive."""

    map_name: str
    map_xodr: bytes
    vehicle: Vehicle
    start: Start

    def context(self, dt_s: float) -> Context:
        """The planner's context; `dt_s` is its cycle.

        Raises:
            SceneError: the start lies on no lane of the map.
        """
        lane_map = _lane_map(self.map_xodr)
        route = follow_lane(lane_map, self.start.lane, self.start.s_m, ROUTE_M)
        return Context(lane_map, self.vehicle, Mission(route, self.start.set_speed_mps), dt_s)

    def to_metadata(self) -> dict[str, str]:
        """Entries for the recording; `from_metadata` gives the same assignment back."""
        return {
            "map_name": self.map_name,
            "map": base64.b64encode(zlib.compress(self.map_xodr, 9)).decode(),
            "vehicle": json.dumps(asdict(self.vehicle)),
            "start": json.dumps(asdict(self.start)),
        }

    @staticmethod
    def from_metadata(metadata: Mapping[str, Mapping[str, str]], place: Path) -> Assignment:
        """The assignment of a recorded drive.

        Raises:
            InputError: the recording holds none, or it is damaged.
        """
        entries = metadata.get(METADATA)
        if entries is None:
            raise InputError("the recording names no map and mission; only drives of `lanewise run` do", place)
        try:
            return Assignment(
                entries["map_name"],
                _unpacked(entries["map"]),
                _checked(Vehicle, entries["vehicle"]),
                _checked(Start, entries["start"]),
            )
        except (KeyError, ValueError, ValidationError, binascii.Error, zlib.error) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"the map and mission in the recording are damaged: {reason}", place) from error


def assignment_of(engine: StoryboardEngine) -> Assignment:
    """What a scenario asks of the stack: follow the lane that the ego starts on, at the set speed.

    Raises:
        InputError: no drivable lane lies where the ego starts.
    """
    map_xodr = engine.map_file.read_bytes()
    shape, limits = engine.cast[engine.ego_id], engine.limits[engine.ego_id]
    pose = engine.runtime.movers[engine.ego_id].pose
    lanes, along, _ = _lane_map(map_xodr).nearest(np.array([[pose.x_m, pose.y_m]]), np.array([pose.yaw_rad]))
    # A set speed that the file leaves open is no wish to go faster than the limit or the vehicle.
    speed = engine.set_speed_mps if math.isfinite(engine.set_speed_mps) else limits.speed_mps
    return Assignment(
        engine.map_file.name, map_xodr, vehicle_of(shape, limits), Start(int(lanes[0]), float(along[0]), speed)
    )


@lru_cache(maxsize=4)
def _lane_map(map_xodr: bytes) -> LaneMap:
    """A batch of scenarios on one map samples it once. The reader takes files, as its errors name one."""
    with tempfile.TemporaryDirectory(prefix="lanewise-") as folder:
        path = Path(folder) / "map.xodr"
        path.write_bytes(map_xodr)
        return sample_lanes(read_opendrive(path))


def _unpacked(text: str) -> bytes:
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(base64.b64decode(text, validate=True), MAX_MAP_BYTES)
    if unpacker.unconsumed_tail:
        raise ValueError(f"the map unpacks to more than {MAX_MAP_BYTES} bytes")
    if not unpacker.eof:
        raise ValueError("the map is cut off")
    return data


def _checked(kind: Any, text: str) -> Any:
    return TypeAdapter(kind).validate_json(text, strict=True)
