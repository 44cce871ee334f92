"""Reader for CommonRoad XML, versions 2018b and 2020a (specification: commonroad.in.tum.de, XML format).

In: a file. Out: a `CommonRoadScenario`. Shapes other than rectangles are taken by the box around them; states given as
intervals or areas by their middle.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import shapely

from geometry.errors import InputError, UnsupportedError
from maps.commonroad import read_lanelets
from maps.commonroad_values import interval_in, number_in, optional_interval, point_in, polyline_in
from maps.lanelets import Lanelet
from maps.strict_xml import Element, child, integer, number, place_of, read_xml, text
from sim.scenarios.commonroad.model import CommonRoadScenario, Goal, InitialState, Obstacle, PlanningProblem

VERSIONS = ("2018b", "2020a")
SLOWEST_DT_S, FASTEST_DT_S = 10.0, 1e-3


def read_commonroad(path: Path) -> CommonRoadScenario:
    """Read a scenario.

    Raises:
        InputError: not a sound file of these versions (file and line are named).
        UnsupportedError: a version or a goal that Lanewise does not read.
    """
    root = read_xml(path, "commonRoad")
    version = text(root, "commonRoadVersion")
    if version not in VERSIONS:
        raise UnsupportedError(f"CommonRoad version {version}; read are {' and '.join(VERSIONS)}", place_of(root))
    lanelets = read_lanelets(root)
    tags = root.find("scenarioTags")
    return CommonRoadScenario(
        benchmark_id=text(root, "benchmarkID"),
        version=version,
        dt_s=number(root, "timeStepSize", least=FASTEST_DT_S, most=SLOWEST_DT_S),
        tags=tuple(text(root, "tags", "").split()) if tags is None else tuple(str(tag.tag) for tag in tags),
        lanelets=lanelets,
        obstacles=tuple(_obstacle(element) for element in root if element.tag.endswith("bstacle")),
        problems=_problems(root, {lanelet.id: lanelet for lanelet in lanelets}),
    )


def _obstacle(element: Element) -> Obstacle:
    """A dynamicObstacle or staticObstacle of 2020a, or an obstacle of 2018b, whose role says which."""
    role = element.find("role")
    static = element.tag == "staticObstacle" or (role is not None and (role.text or "").strip() == "static")
    states = [child(element, "initialState")]
    trajectory = element.find("trajectory")
    if trajectory is not None and not static:
        states += trajectory.findall("state")
    length_m, width_m, shift_m = _box(child(element, "shape"))
    rows = np.array([_state(state) for state in states], dtype=np.float64)
    steps = rows[:, 0].astype(np.int64)
    if len(steps) > 1 and (np.diff(steps) <= 0).any():
        raise InputError(f"the time steps of obstacle {element.get('id')} do not ascend", place_of(element))
    yaw = rows[:, 3]
    return Obstacle(
        id=integer(element, "id"),
        kind=(child(element, "type").text or "unknown").strip(),
        static=static,
        length_m=length_m,
        width_m=width_m,
        time_step=steps,
        x_m=rows[:, 1] + shift_m[0] * np.cos(yaw) - shift_m[1] * np.sin(yaw),
        y_m=rows[:, 2] + shift_m[0] * np.sin(yaw) + shift_m[1] * np.cos(yaw),
        yaw_rad=yaw,
        speed_mps=rows[:, 4],
        acceleration_mps2=rows[:, 5],
    )


def _state(element: Element) -> tuple[float, float, float, float, float, float]:
    """Time step, x, y, heading, speed, acceleration."""
    x_m, y_m = _middle(child(element, "position"))
    yaw = optional_interval(element, "orientation")
    speed, acceleration = optional_interval(element, "velocity"), optional_interval(element, "acceleration")
    return (
        interval_in(child(element, "time")).low, x_m, y_m, 0.0 if yaw is None else yaw.middle,
        0.0 if speed is None else speed.middle, math.nan if acceleration is None else acceleration.middle,
    )  # fmt: skip


def _middle(position: Element) -> tuple[float, float]:
    point = position.find("point")
    if point is not None:
        return point_in(point)
    centre = shapely.union_all([_area(shape) for shape in position]).centroid
    if centre.is_empty:
        raise InputError("<position> names no place", place_of(position))
    return float(centre.x), float(centre.y)


def _box(shape: Element) -> tuple[float, float, tuple[float, float]]:
    """Length, width and centre of the box around a shape in its own frame."""
    areas = [_area(part) for part in shape]
    if not areas:
        raise InputError("<shape> is empty", place_of(shape))
    if len(areas) == 1 and shape[0].tag == "rectangle" and shape[0].find("orientation") is None:
        centre = shape[0].find("center")
        shift = (0.0, 0.0) if centre is None else point_in(centre)
        return number_in(shape[0], "length"), number_in(shape[0], "width"), shift
    low_x, low_y, high_x, high_y = shapely.union_all(areas).bounds
    return high_x - low_x, high_y - low_y, (0.5 * (low_x + high_x), 0.5 * (low_y + high_y))


def _area(shape: Element) -> shapely.Geometry:
    """A rectangle, circle or polygon."""
    if shape.tag == "polygon":
        ring = polyline_in(shape)
        if len(ring) < 3:
            raise InputError("<polygon> has fewer than three points", place_of(shape))
        return shapely.make_valid(shapely.Polygon(ring))
    centre = shape.find("center")
    x_m, y_m = (0.0, 0.0) if centre is None else point_in(centre)
    if shape.tag == "circle":
        return shapely.Point(x_m, y_m).buffer(_positive(shape, "radius"))
    if shape.tag != "rectangle":
        raise UnsupportedError(f"a place is given as <{shape.tag}>", place_of(shape))
    half_l, half_w = 0.5 * _positive(shape, "length"), 0.5 * _positive(shape, "width")
    yaw = 0.0 if shape.find("orientation") is None else number_in(shape, "orientation")
    corners = np.array([(half_l, half_w), (-half_l, half_w), (-half_l, -half_w), (half_l, -half_w)])
    turn = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    return shapely.Polygon(corners @ turn + (x_m, y_m))


def _positive(shape: Element, tag: str) -> float:
    value = number_in(shape, tag)
    if value <= 0.0:
        raise InputError(f"<{tag}> is {value}; a positive number was expected", place_of(shape))
    return value


def _problems(root: Element, lanelets: dict[int, Lanelet]) -> tuple[PlanningProblem, ...]:
    return tuple(
        PlanningProblem(
            id=integer(element, "id"),
            initial=_initial(child(element, "initialState")),
            goals=tuple(_goal(goal, lanelets) for goal in element.iterfind("goalState")),
        )
        for element in root.iterfind("planningProblem")
    )


def _initial(element: Element) -> InitialState:
    step, x_m, y_m, yaw, speed, acceleration = _state(element)
    rate, slip = optional_interval(element, "yawRate"), optional_interval(element, "slipAngle")
    return InitialState(
        int(step), x_m, y_m, yaw, speed, 0.0 if math.isnan(acceleration) else acceleration,
        0.0 if rate is None else rate.middle, 0.0 if slip is None else slip.middle,
    )  # fmt: skip


def _goal(element: Element, lanelets: dict[int, Lanelet]) -> Goal:
    position = element.find("position")
    return Goal(
        time_step=interval_in(child(element, "time")),
        area=None if position is None else _goal_area(position, lanelets),
        yaw_rad=optional_interval(element, "orientation"),
        speed_mps=optional_interval(element, "velocity"),
    )


def _goal_area(position: Element, lanelets: dict[int, Lanelet]) -> shapely.Geometry:
    areas = []
    for part in position:
        if part.tag != "lanelet":
            areas.append(_area(part))
            continue
        reference = integer(part, "ref")
        if reference not in lanelets:
            raise InputError(f"the goal lies on lanelet {reference}, which is not there", place_of(part))
        areas.append(shapely.make_valid(lanelets[reference].surface()))
    return shapely.union_all(areas)
