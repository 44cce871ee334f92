"""Where scenarios come from: a file of any supported format as an engine, a map and a place to start from.

In: a path. Out: `Source`. The suffix says the format: `.xosc` is OpenSCENARIO, `.xml` CommonRoad; on a bare map
(`.xodr`) the ego drives alone from a start to a goal, which `.toml` files keep; a folder is an Argoverse 2 log.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import shapely

from geometry.angles import wrap_rad
from geometry.errors import InputError, Place, SceneError
from geometry.pose import Pose
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.route import Route, route_via, shortest_route
from sim.lights import programme_of
from sim.scenarios.commonroad.engine import CommonRoadEngine
from sim.scenarios.commonroad.read import read_commonroad
from sim.scenarios.errand import ErrandEngine
from sim.scenarios.openscenario.load import load_scenario
from sim.scenarios.recorded.argoverse2 import is_argoverse2, map_file, read_argoverse2
from sim.scenarios.recorded.engine import LogEngine
from sim.scenarios.recorded.traffic import RecordedTraffic
from sim.scenarios.references import Reference, References
from sim.scenarios.rehearsal import rehearse
from sim.scenarios.scenario import ScenarioEngine
from sim.traffic.pavement import Pavement
from sim.traffic.populate import populate
from sim.traffic.roads import Roads
from sim.traffic.vehicles import Traffic


@dataclass(frozen=True, slots=True)
class Source:
    """A scenario ready to be driven; `world_from_ego` is the ego's rear axle at the start.

    `goal_xy` is a point that the ego has to come to, None where it only has to follow the road.
    """

    engine: ScenarioEngine
    map_name: str
    map_format: str
    map_data: bytes
    world_from_ego: Pose
    goal_xy: tuple[float, float] | None = None
    goal_yaw_rad: float | None = None
    """Which way traffic runs at the goal, where that matters."""
    goal_outline: tuple[tuple[float, float], ...] = ()
    """Corners of the goal's area, where it has one."""
    goal_window_s: tuple[float, float] | None = None
    """When the ego has to be there, in seconds from the start; None where that does not matter."""
    goal_speed_mps: tuple[float, float] = (0.0, math.inf)
    """How fast it has to be there."""
    goal_heading_rad: tuple[float, float] = (0.0, 2.0 * math.pi)
    """How it has to be turned there, from the first to the second counter-clockwise."""
    foretold: bool = False
    """Whether the scenario tells the planner what the others will do."""
    stops: tuple[tuple[int, float, float], ...] = ()
    """Where to stand on the way: lane, arc length, and for how long the doors are open [s]."""


def load_source(path: Path, parameters: Mapping[str, str], root: Path | None = None) -> Source:
    """Read a scenario for the stack to drive.

    Raises:
        InputError: an unknown format, or something in the file, its map or the parameters is wrong.
    """
    if is_argoverse2(path):
        return _argoverse2(path, parameters)
    load = FORMATS.get(path.suffix.lower())
    if load is None:
        raise InputError(f"scenarios end in {' or '.join(FORMATS)}, not in {path.suffix!r}", path)
    return load(path, parameters, root)


def _openscenario(path: Path, parameters: Mapping[str, str], root: Path | None) -> Source:
    engine = load_scenario(path, parameters=parameters, root=root)
    pose = engine.runtime.movers[engine.ego_id].pose
    goal = engine.ego_goal  # where the file's routing actions lead the ego
    goal_xy = None if goal is None else (goal.x_m, goal.y_m)
    return Source(engine, engine.map_file.name, "opendrive", engine.map_file.read_bytes(), pose, goal_xy)


def _commonroad(path: Path, parameters: Mapping[str, str], _root: Path | None) -> Source:
    others = {name: value for name, value in parameters.items() if name != "predictions"}
    foretold = parameters.get("predictions", "given")
    if foretold not in ("given", "own"):
        raise InputError(f"predictions are {foretold!r}; they can be given by the scenario or the planner's own", path)
    reactive = _is_reactive(others, path, "traffic (replay or reactive) and predictions (given or own)")
    engine = CommonRoadEngine.of(read_commonroad(path), reactive=reactive)
    initial = engine.problem.initial
    middle = Pose(initial.x_m, initial.y_m, initial.yaw_rad)
    goal = next((goal for goal in engine.problem.goals if goal.area is not None), engine.problem.goals[0])
    world_from_ego = middle @ Pose(-engine.vehicle.rear_m, 0.0, 0.0)
    given = (engine, path.name, "commonroad", path.read_bytes(), world_from_ego)
    begin, dt_s = engine.problem.initial.time_step, engine.scenario.dt_s
    window_s = (dt_s * (goal.time_step.low - begin), dt_s * (goal.time_step.high - begin))
    speed_mps = (0.0, math.inf) if goal.speed_mps is None else (goal.speed_mps.low, goal.speed_mps.high)
    heading_rad = (0.0, 2.0 * math.pi) if goal.yaw_rad is None else (goal.yaw_rad.low, goal.yaw_rad.high)
    area = goal.area
    outline = () if area is None else tuple((float(x), float(y)) for x, y in shapely.get_coordinates(area))
    return Source(
        *given, None if area is None else (area.centroid.x, area.centroid.y), goal_outline=outline,
        goal_window_s=window_s, goal_speed_mps=speed_mps, goal_heading_rad=heading_rad,
        foretold=foretold == "given" and not reactive,
    )  # fmt: skip


def _argoverse2(path: Path, parameters: Mapping[str, str]) -> Source:
    reactive = _is_reactive(parameters, path)
    engine = LogEngine.of(read_argoverse2(path), reactive)
    archive, ego = map_file(path), engine.log.ego
    goal_xy = (float(ego.x_m[-1]), float(ego.y_m[-1]))
    return Source(
        engine, archive.name, "argoverse2", archive.read_bytes(), engine.start, goal_xy, float(ego.yaw_rad[-1])
    )  # fmt: skip


def _is_reactive(parameters: Mapping[str, str], path: Path, known: str = "traffic (replay or reactive)") -> bool:
    """Whether recorded traffic shall react to the ego; `known` says what parameters the scenario has."""
    for name in parameters:
        if name != "traffic":
            raise InputError(f"a recorded scenario has no parameter {name}; it has {known}", path)
    chosen = parameters.get("traffic", "replay")
    if chosen not in ("replay", "reactive"):
        raise InputError(f"traffic is {chosen!r}; recorded traffic can replay or be reactive", path)
    return chosen == "reactive"


DEFAULT_SPEED_MPS = 13.9
"""Wanted speed of an errand (50 km/h) where none is given; the map's limits hold besides."""


ERRAND = (
    "start", "goal", "stops", "doors_open_s", "speed_mps", "traffic", "traffic_seed", "cyclists", "walkers", "replay",
    "start_mps",
)  # fmt: skip
DOORS_OPEN_S = 8.0
MOST_OTHERS = 500
NEAR_M = 6.0
"""Start and goal of an errand are looked for on lanes within this distance."""


def _errand(path: Path, parameters: Mapping[str, str], _root: Path | None) -> Source:
    return _errand_on(path, parameters, path)


def _errand_on(map_path: Path, parameters: Mapping[str, str], path: Path) -> Source:
    """A drive on a map; `path` is the file that asks for it."""
    for name in parameters:
        if name not in ERRAND:
            raise InputError(f"a drive on a map has no parameter {name}; it has {', '.join(ERRAND)}", path)
    start_xy, goal_xy = (_point(parameters, name, path) for name in ("start", "goal"))
    speed = _speed(parameters, "speed_mps", DEFAULT_SPEED_MPS, 0.1, path)
    start_mps = _speed(parameters, "start_mps", 0.0, 0.0, path)
    lane_map = sample_lanes(read_opendrive(map_path))
    stops, doors_open_s = _stops(parameters, path)
    start, end, route, places = _round(lane_map, start_xy, stops, goal_xy, path)
    goal = (end.x_m, end.y_m)
    roads, pavement, programme = Roads.of(lane_map), Pavement.of(lane_map), programme_of(lane_map)
    traffic, start_s = _traffic(parameters, roads, pavement, start, path)
    replayed = None
    if _is_replay(parameters, path):
        tracks = rehearse(traffic, roads, pavement, programme, route, start_s, speed, start_mps)
        replayed = RecordedTraffic(tracks, reactive=False)
    engine = ErrandEngine(
        path.stem, start, end, route, speed, roads, traffic, pavement, programme, replayed, start_mps
    )  # fmt: skip
    given = (engine, map_path.name, "opendrive", map_path.read_bytes(), start, goal, end.yaw_rad)
    return Source(*given, stops=tuple((*place, doors_open_s) for place in places))


def _errand_file(path: Path, parameters: Mapping[str, str], root: Path | None) -> Source:
    """A drive on a map as a TOML file: `map` beside it, and `[parameters]` as the command line gives them.

    Raises:
        InputError: it is no such file, or the map lies outside its folder.
    """
    try:
        content = tomllib.loads(path.read_text())
        map_name, given = str(content.pop("map")), dict(content.pop("parameters"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"a drive on a map needs `map` and `[parameters]`: {error}", path) from error
    if content:
        raise InputError(f"a drive on a map has `map` and `[parameters]`, not {', '.join(content)}", path)
    reference = Reference(map_name, Place(str(path)))
    file = References.of(path, (reference,), root).existing_file(reference, "the map")
    return _errand_on(file, {**{name: str(value) for name, value in given.items()}, **parameters}, path)


def _stops(parameters: Mapping[str, str], path: Path) -> tuple[list[tuple[float, float]], float]:
    """Places to stop at on the way, `X,Y; X,Y`, and how long the doors are open there."""
    text = parameters.get("stops", "")
    places = [_point({"stops": part}, "stops", path) for part in text.split(";") if part.strip()]
    raw = parameters.get("doors_open_s", str(DOORS_OPEN_S))
    try:
        doors_open_s = float(raw)
    except ValueError:
        doors_open_s = math.nan
    if not 0.0 < doors_open_s < 1000.0:
        raise InputError(f"doors_open_s is {raw!r}; a time from 0 to 1000 s was expected", path)
    return places, doors_open_s


def _round(
    lane_map: LaneMap, start_xy: tuple[float, float], stops: Sequence[tuple[float, float]],
    goal_xy: tuple[float, float], path: Path,
) -> tuple[Pose, Pose, Route, list[tuple[int, float]]]:  # fmt: skip
    """Start, goal and the way over all stops, and the stops' lanes and arc lengths."""
    if not stops:
        return *_way(lane_map, start_xy, goal_xy, path), []
    start, _, route = _way(lane_map, start_xy, stops[0], path)
    begin = _lanes_at(lane_map, start_xy, NEAR_M)
    first = next((lane, s) for lane, s in begin if lane == route.lanes[0])
    places = [first]
    for point in (*stops, goal_xy):
        lanes = _lanes_at(lane_map, point, 0.0) or _lanes_at(lane_map, point, NEAR_M)
        ways = [(way[2].path.length_m, at) for at in lanes if (way := _way_between(lane_map, places[-1], at))]
        if not ways:
            raise InputError(f"no way leads on to {point}; choose other places", path)
        places.append(min(ways)[1])
    try:
        route = route_via(lane_map, *first, places[1:], behind_m=0.0)
    except SceneError as error:
        raise InputError(f"a round may pass each lane once: {error}", path) from error
    return start, _on_lane(lane_map, *places[-1]), route, places[1:-1]


def _speed(parameters: Mapping[str, str], name: str, default_mps: float, least_mps: float, path: Path) -> float:
    try:
        speed = float(parameters.get(name, default_mps))
    except ValueError:
        speed = math.nan
    if not least_mps <= speed < 100.0:
        raise InputError(f"{name} is {parameters[name]!r}; a speed from {least_mps:g} to 100 was expected", path)
    return speed


def _traffic(
    parameters: Mapping[str, str], roads: Roads, pavement: Pavement, start: Pose, path: Path
) -> tuple[Traffic, float]:  # fmt: skip
    """As many cars, cyclists and people as asked for, nobody near the ego's start, and the arc length of that."""
    counts = {name: _count(parameters, name, path) for name in ("traffic", "cyclists", "walkers", "traffic_seed")}
    lanes, along, _ = roads.lane_map.nearest(np.array([[start.x_m, start.y_m]]), np.array([start.yaw_rad]))
    rng = np.random.Generator(np.random.PCG64(counts["traffic_seed"]))
    near = float(along[0])
    keep_free = [(int(lanes[0]), near + ahead) for ahead in (-20.0, 0.0, 20.0)]
    traffic = populate(
        roads, counts["traffic"], rng, keep_free, counts["cyclists"], counts["walkers"], pavement
    )  # fmt: skip
    return traffic, near


def _count(parameters: Mapping[str, str], name: str, path: Path) -> int:
    text = parameters.get(name, "0")
    if not text.isdigit() or (name != "traffic_seed" and int(text) > MOST_OTHERS):
        whom = {"traffic": "a number of cars", "traffic_seed": "a number"}.get(name, f"a number of {name}")
        most = "" if name == "traffic_seed" else f" from 0 to {MOST_OTHERS}"
        raise InputError(f"{name} is {text!r}; {whom}{most} was expected", path)
    return int(text)


def _is_replay(parameters: Mapping[str, str], path: Path) -> bool:
    """Whether others drive as they would without the ego, and do not react to it."""
    text = parameters.get("replay", "false")
    if text not in ("true", "false"):
        raise InputError(f"replay is {text!r}; true (nobody reacts to the ego) or false was expected", path)
    return text == "true"


def _way(
    lane_map: LaneMap, start_xy: tuple[float, float], goal_xy: tuple[float, float], path: Path
) -> tuple[Pose, Pose, Route]:
    """Poses on the lanes at start and goal between which the shortest way lies, and that way.

    Lanes that hold both points come first. Where there are none or no way leads between them, lanes near the points do:
    somebody points at the wrong side of a street.
    """
    for reach_m in (0.0, NEAR_M):
        starts, goals = _lanes_at(lane_map, start_xy, reach_m), _lanes_at(lane_map, goal_xy, reach_m)
        ways = [way for start in starts for goal in goals if (way := _way_between(lane_map, start, goal)) is not None]
        if ways:
            return min(ways, key=lambda way: way[2].path.length_m)
    for name, point, lanes in (("start", start_xy, starts), ("goal", goal_xy, goals)):
        if not lanes:
            raise InputError(f"no lane lies within {NEAR_M:g} m of the {name} {point}", path)
    raise InputError(f"no way leads from {start_xy} to {goal_xy}; choose other places", path)


def _way_between(
    lane_map: LaneMap, start: tuple[int, float], goal: tuple[int, float]
) -> tuple[Pose, Pose, Route] | None:
    try:
        route = shortest_route(lane_map, start[0], goal[0], start[1], goal[1], behind_m=0.0)
    except SceneError:
        return None
    return _on_lane(lane_map, *start), _on_lane(lane_map, *goal), route


def _lanes_at(lane_map: LaneMap, point: tuple[float, float], reach_m: float) -> list[tuple[int, float]]:
    """Lanes that come so near to a point, with the arc length beside it."""
    found = []
    for lane in lane_map.lanes_near(np.array(point), reach_m).tolist():
        along_m = float(lane_map.centre(lane).project(np.array([point]))[0][0])
        found.append((lane, min(max(along_m, 0.0), lane_map.length_m(lane))))
    return found


def _point(parameters: Mapping[str, str], name: str, path: Path) -> tuple[float, float]:
    """`x,y` in metres of the map."""
    raw = parameters.get(name, "")
    parts = raw.split(",")
    try:
        x_m, y_m = (float(part) for part in parts)
    except ValueError:
        x_m = y_m = math.nan
    if not math.isfinite(x_m + y_m):
        raise InputError(f"a drive on a map needs --{name} X,Y in metres; found {raw!r}", path)
    return x_m, y_m


def _on_lane(lane_map: LaneMap, lane: int, s_m: float) -> Pose:
    centre = lane_map.centre(lane)
    x_m, y_m = (float(v) for v in centre.position(np.array([s_m]), np.zeros(1))[0])
    return Pose(x_m, y_m, wrap_rad(float(centre.heading(np.array([s_m]))[0])))


FORMATS: Mapping[str, Callable[[Path, Mapping[str, str], Path | None], Source]] = MappingProxyType({
    ".xosc": _openscenario,
    ".xml": _commonroad,
    ".xodr": _errand,
    ".toml": _errand_file,
})  # fmt: skip
