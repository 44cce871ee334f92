"""Where scenarios come from: a file of any supported format as an engine, a map and a place to start from.

In: a path. Out: `Source`. The suffix says the format: `.xosc` is OpenSCENARIO, `.xml` CommonRoad.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from geometry.errors import InputError
from geometry.pose import Pose
from sim.scenarios.commonroad.engine import CommonRoadEngine
from sim.scenarios.commonroad.read import read_commonroad
from sim.scenarios.openscenario.load import load_scenario
from sim.scenarios.scenario import ScenarioEngine


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


def load_source(path: Path, parameters: Mapping[str, str], root: Path | None = None) -> Source:
    """Read a scenario for the stack to drive.

    Raises:
        InputError: an unknown format, or something in the file, its map or the parameters is wrong.
    """
    load = FORMATS.get(path.suffix.lower())
    if load is None:
        raise InputError(f"scenarios end in {' or '.join(FORMATS)}, not in {path.suffix!r}", path)
    return load(path, parameters, root)


def _openscenario(path: Path, parameters: Mapping[str, str], root: Path | None) -> Source:
    engine = load_scenario(path, parameters=parameters, root=root)
    pose = engine.runtime.movers[engine.ego_id].pose
    return Source(engine, engine.map_file.name, "opendrive", engine.map_file.read_bytes(), pose)


def _commonroad(path: Path, parameters: Mapping[str, str], _root: Path | None) -> Source:
    if parameters:
        raise InputError("a CommonRoad scenario has no parameters", path)
    engine = CommonRoadEngine.of(read_commonroad(path))
    initial = engine.problem.initial
    middle = Pose(initial.x_m, initial.y_m, initial.yaw_rad)
    area = next((goal.area for goal in engine.problem.goals if goal.area is not None), None)
    goal_xy = None if area is None else (area.centroid.x, area.centroid.y)
    world_from_ego = middle @ Pose(-engine.vehicle.rear_m, 0.0, 0.0)
    return Source(engine, path.name, "commonroad", path.read_bytes(), world_from_ego, goal_xy)


FORMATS: Mapping[str, Callable[[Path, Mapping[str, str], Path | None], Source]] = MappingProxyType({
    ".xosc": _openscenario,
    ".xml": _commonroad,
})  # fmt: skip
