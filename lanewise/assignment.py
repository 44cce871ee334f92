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
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from geometry.errors import InputError, SceneError
from lanewise.ratings import NcapTest, ncap_test, scenario_of
from lanewise.sources import Source
from maps.argoverse2 import read_argoverse2_map
from maps.commonroad import commonroad_map, read_lanelets
from maps.dashes import with_dashes
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.route import Route, follow_lane, route_via, shortest_route
from maps.strict_xml import read_xml
from motion.bicycle import Vehicle
from planning.foretold import Foretold
from planning.scene import Arrival, Context, Halt, Mission
from sim.scenarios.commonroad.engine import CommonRoadEngine
from sim.simulator import vehicle_of

ROUTE_M = 20_000.0
"""Length of a route that follows its lane: more than any drive covers in its time."""

MAX_MAP_BYTES = 256 * 2**20
"""A map in a recording that unpacks to more than this is refused."""

METADATA = "assignment"

LANE_KEEPING = ("un-r157",)
"""Rules (as a scenario names them) that ask to cross no mark at all."""
IN_LANE = (*LANE_KEEPING, "")
"""Rules that ask to stay in the lane where there is no goal."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where the route begins, and the speed that the mission asks for."""

    lane: int
    s_m: float
    set_speed_mps: float
    keep_lane: bool = False
    """Whether the rules that the drive is judged by ask to stay in the lane."""
    may_pass: bool = True
    """Whether they allow to leave it for a moment to pass somebody."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the route leads; it goes on beyond, because a goal may have to be passed at speed."""

    lane: int
    s_m: float

    def on(self, route: Route, from_m: float) -> float:
        """The same place as arc length of a route: where it first comes by beyond `from_m`."""
        places = [
            float(begin) + self.s_m
            for lane, begin in zip(route.lanes, route.lane_begins_m, strict=True)
            if lane == self.lane
        ]
        return min((place for place in places if place >= from_m - 1e-6), default=math.inf)


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a shuttle stands on its way, and how long its doors are open."""

    lane: int
    s_m: float
    doors_open_s: float

    def on(self, route: Route) -> Halt:
        """The same place as arc length of a route."""
        return Halt(float(route.lane_begins_m[route.lanes.index(self.lane)]) + self.s_m, self.doors_open_s)


@dataclass(frozen=True, slots=True)
class Appointment:
    """The corners of an area (world; none: any place), the time window in which the ego has to be there, from the
    start on, how fast (`most_mps` None: no bound), and how it has to be turned (as `planning.scene.Arrival` has it)."""

    outline: tuple[tuple[float, float], ...]
    from_s: float
    to_s: float
    least_mps: float = 0.0
    most_mps: float | None = None
    heading_rad: tuple[float, float] = (0.0, 2.0 * math.pi)

    def on(self, route: Route) -> Arrival:
        """The part of a route that the area covers."""
        speed = (self.least_mps, math.inf if self.most_mps is None else self.most_mps)
        if not self.outline:
            return Arrival(-math.inf, math.inf, self.from_s, self.to_s, (), speed, self.heading_rad)
        along, _ = route.path.project(np.array(self.outline))
        return Arrival(
            float(along.min()), float(along.max()), self.from_s, self.to_s, self.outline, speed, self.heading_rad
        )


@dataclass(frozen=True, slots=True)
class Assignment:
    """Map (the bytes of its file), vehicle and mission of one drive; without a destination the lane is followed."""

    map_name: str
    map_format: str
    map_data: bytes
    vehicle: Vehicle
    start: Start
    destination: Destination | None = None
    ncap: NcapTest | None = None
    """The Euro NCAP test that the scenario is, so that a recording can be rated."""
    appointment: Appointment | None = None
    foretold: bool = False
    """Whether the planner is told what the others will do (CommonRoad's scenarios tell it)."""
    stops: tuple[Stop, ...] = ()
    """In driving order."""

    def context(self, dt_s: float) -> Context:
        """The planner's context; `dt_s` is its cycle.

        Raises:
            SceneError: the start lies on no lane of the map, or no way leads to the destination.
        """
        lane_map = lane_map_of(self.map_format, self.map_data)
        start, goal = self.start, self.destination
        if goal is None:
            route = follow_lane(lane_map, start.lane, start.s_m, ROUTE_M)
        else:
            places = [*((stop.lane, stop.s_m) for stop in self.stops), (goal.lane, goal.s_m)]
            route = route_via(lane_map, start.lane, start.s_m, places, beyond_m=ROUTE_M)
        # Recorded maps are cut out of larger ones; where their lanes end the road goes on.
        arrival = None if self.appointment is None else self.appointment.on(route)
        open_end = self.map_format in ("commonroad", "argoverse2")
        halts = tuple(stop.on(route) for stop in self.stops)
        mission = Mission(
            route, start.set_speed_mps, open_end, start.keep_lane, start.may_pass, arrival, halts,
            goal_m=math.inf if goal is None else goal.on(route, halts[-1].s_m if halts else 0.0),
        )  # fmt: skip
        return Context(lane_map, self.vehicle, mission, dt_s, foretold_in(self.map_data) if self.foretold else ())

    def to_metadata(self) -> dict[str, str]:
        """Entries for the recording; `from_metadata` gives the same assignment back."""
        return {
            "map_name": self.map_name,
            "map_format": self.map_format,
            "map": base64.b64encode(zlib.compress(self.map_data, 9)).decode(),
            "vehicle": json.dumps(asdict(self.vehicle)),
            "start": json.dumps(asdict(self.start)),
            "destination": json.dumps(None if self.destination is None else asdict(self.destination)),
            "appointment": json.dumps(None if self.appointment is None else asdict(self.appointment)),
            "foretold": json.dumps(self.foretold),
            "stops": json.dumps([asdict(stop) for stop in self.stops]),
            "ncap": json.dumps(None if self.ncap is None else asdict(self.ncap)),
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
                _format(entries["map_format"]),
                _unpacked(entries["map"]),
                _checked(Vehicle, entries["vehicle"]),
                _checked(Start, entries["start"]),
                _checked(Destination | None, entries["destination"]),
                _checked(NcapTest | None, entries.get("ncap", "null")),
                _checked(Appointment | None, entries.get("appointment", "null")),
                _checked(bool, entries.get("foretold", "false")),
                _checked(tuple[Stop, ...], entries.get("stops", "[]")),
            )
        except (KeyError, ValueError, ValidationError, binascii.Error, zlib.error) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"the map and mission in the recording are damaged: {reason}", place) from error


def assignment_of(source: Source) -> Assignment:
    """What a scenario asks of the stack: drive to its goal, or follow the lane that the ego starts on.

    Raises:
        SceneError: no drivable lane lies where the ego starts.
    """
    engine, pose = source.engine, source.world_from_ego
    shape, limits = engine.cast[engine.ego_id], engine.limits[engine.ego_id]
    lane_map = lane_map_of(source.map_format, source.map_data)
    lanes, along, _ = lane_map.nearest(np.array([[pose.x_m, pose.y_m]]), np.array([pose.yaw_rad]))
    # A set speed that the file leaves open is no wish to go faster than the vehicle can.
    speed = engine.set_speed_mps if math.isfinite(engine.set_speed_mps) else limits.speed_mps
    keep_lane = engine.regulation in IN_LANE and source.goal_xy is None
    start = Start(int(lanes[0]), float(along[0]), speed, keep_lane, engine.regulation not in LANE_KEEPING)
    return Assignment(
        source.map_name, source.map_format, source.map_data, vehicle_of(shape, limits), start,
        _destination(lane_map, start, source), ncap_test(engine), _appointment(source), source.foretold,
        tuple(Stop(*stop) for stop in source.stops),
    )  # fmt: skip


def _appointment(source: Source) -> Appointment | None:
    if source.goal_window_s is None:
        return None
    least, most = source.goal_speed_mps
    highest = most if math.isfinite(most) else None
    return Appointment(source.goal_outline, *source.goal_window_s, least, highest, source.goal_heading_rad)


@lru_cache(maxsize=4)
def foretold_in(scenario_data: bytes) -> tuple[Foretold, ...]:
    """The motion of all others that a CommonRoad scenario tells.

    Raises:
        InputError: the scenario is wrong.
    """
    engine = CommonRoadEngine.of(scenario_of(scenario_data))
    tracks = engine.traffic.tracks
    return tuple(
        Foretold(track, item.shape.length_m, item.shape.width_m, item.t_s, item.x_m, item.y_m, item.yaw_rad,
                 item.speed_mps)
        for track, item in enumerate(tracks, 1)
    )  # fmt: skip


def _destination(lane_map: LaneMap, start: Start, source: Source) -> Destination | None:
    """The lane at the goal; none where no way leads there, so that the ego follows its lane and the verdict says so."""
    if source.goal_xy is None:
        return None
    yaw_rad = None if source.goal_yaw_rad is None else np.array([source.goal_yaw_rad])
    point = np.array(source.goal_xy)
    lanes, along, _ = lane_map.nearest(point[None], yaw_rad)
    goals = [Destination(int(lanes[0]), float(along[0]))]
    if source.goal_outline:  # an area may lie on several lanes, of which only some can be come to
        others = [lane for lane in lane_map.lanes_near(point, 0.0).tolist() if lane != goals[0].lane]
        goals += [Destination(lane, float(lane_map.centre(lane).project(point[None])[0][0])) for lane in others]
    for goal in goals:
        try:
            shortest_route(lane_map, start.lane, goal.lane, start.s_m, goal.s_m)
        except SceneError:
            continue
        return goal
    return None


@lru_cache(maxsize=4)
def lane_map_of(map_format: str, map_data: bytes) -> LaneMap:
    """The lane map of a map file, as it is driven on; a batch of scenarios on one map makes it once.

    Raises:
        InputError: the map is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="lanewise-") as folder:  # the readers take files, as their errors name one
        path = Path(folder) / "map.xml"
        path.write_bytes(map_data)
        return with_dashes(MAP_FORMATS[map_format](path))


MAP_FORMATS: Mapping[str, Callable[[Path], LaneMap]] = MappingProxyType({
    "opendrive": lambda path: sample_lanes(read_opendrive(path)),
    "argoverse2": read_argoverse2_map,
    "commonroad": lambda path: commonroad_map(read_lanelets(read_xml(path, root="commonRoad"))),
})  # fmt: skip


def _format(name: str) -> str:
    if name not in MAP_FORMATS:
        raise ValueError(f"the map has the unknown format {name!r}")
    return name


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
