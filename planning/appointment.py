"""To be at a place in time among others whose motion is foretold: where across the road, and how fast, to get there.

In: a scene whose mission has an `Arrival` and whose context has `foretold` motion, in `world`. Out: the cheapest drive
that keeps the appointment and touches nobody, or None where the search finds none. Ways are laid along the route, with
lane changes at several places and of several lengths; along each, `planning.space_time` searches the speed. What the
others will do is known, so the rules of right of way, which guess it, are not asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from geometry.angles import Floats
from planning.free_course import CourseAim, CourseSettings, Ground, cheapest_course
from planning.laid_ways import Course, LaidWay, Manoeuvre, is_on, manoeuvres, passes, relaid, road_of, way_of
from planning.planner import States
from planning.scene import Arrival, Scene
from planning.space_time import CELL_M, Aim, SpaceTimeDrive, SpaceTimeSettings, cheapest_drive, closeness
from planning.speed_profile import stop_profile

STEP_S = 0.2
SPARE_M = 0.15
"""So far inside its area the ego wants to be."""
SPARE_MPS, SPARE_SHARE = 0.3, 0.3
"""The same for the speed, and as a share of the headings that will do."""
WISH_SHARE = 0.2
"""Of the speeds asked for, so far above the least one is wished for."""
TROUBLED = 60.0
"""What a drive costs that comes too near to somebody, or brakes hard; others are then looked for."""
SEARCH_EVERY_S = 0.5
"""How often ways out of the lane and back, which are many, and courses, which take long to find, are looked for."""
COURSE_S, MOST_REACH_M = 10.0, 90.0
"""So near in time and place a course is looked for."""
GROUND_CELL_M, ROAD_MARGINS_M = 0.1, (0.06, 0.25)
"""Cells of the road's grid; off the road is what is nearer to its edge than the first, near it than the second."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A drive that keeps the appointment: the trajectory, a stop on the same way, the manoeuvre, what it costs."""

    states: States
    stop: States
    manoeuvre: Manoeuvre | Course
    cost: float
    tried: int


def keep_appointment(scene: Scene, before: Manoeuvre | Course | None, settings: SpaceTimeSettings) -> Kept | None:
    """The drive to the appointment: along the manoeuvre of the cycle before if it still serves, else along the best."""
    if isinstance(before, Manoeuvre) and before.sharp and is_on(scene, before):
        before = relaid(scene, before)
    if before is not None and is_on(scene, before) and (kept := _best(scene, (before,), settings)) is not None:
        return kept
    best: Kept | None = None
    for tried in _tries(scene, before is not None or scene.now_s % SEARCH_EVERY_S < scene.context.dt_s):
        kept = _best(scene, tuple(tried), settings)
        best = min((item for item in (best, kept) if item is not None), key=lambda item: item.cost, default=None)
        if best is not None and best.cost < TROUBLED:
            break
    return best


def _tries(scene: Scene, may_search: bool) -> Iterator[Iterator[Manoeuvre | Course]]:
    """What is tried in turn, until something serves well."""
    yield manoeuvres(scene)
    if may_search:
        yield passes(scene)
        yield _courses(scene)


def _best(scene: Scene, tried: tuple[Manoeuvre | Course, ...], settings: SpaceTimeSettings) -> Kept | None:
    arrival = _arrival(scene)
    if math.isfinite(arrival.speed_mps[1]):
        settings = replace(settings, pace_cost=settings.asked_cost)
    step_s, first, others = _time(scene, arrival)
    best: tuple[float, Manoeuvre | Course, LaidWay, SpaceTimeDrive] | None = None
    vehicle = scene.context.vehicle
    for manoeuvre in tried:
        way = way_of(scene, manoeuvre)
        if way is None:
            continue
        close = closeness(way.centre, (vehicle.length_m, vehicle.width_m), others, settings)
        aim = Aim(first, _inside(way, arrival), *_speeds_mps(arrival), _wish_mps(scene, arrival))
        now = (scene.ego.speed_mps, scene.ego.acceleration_mps2)
        drive = cheapest_drive(close, way.ceiling_mps, now, step_s, aim, settings)
        if drive is not None and (best is None or drive.cost < best[0]):
            best = drive.cost, manoeuvre, way, drive
    if best is None:
        return None
    cost, manoeuvre, way, drive = best
    return Kept(_states(way, drive, step_s), _stop(way, scene.ego.speed_mps), manoeuvre, cost, len(tried))


def _arrival(scene: Scene) -> Arrival:
    arrival = scene.context.mission.arrival
    assert arrival is not None
    return arrival


def _time(scene: Scene, arrival: Arrival) -> tuple[float, int, Floats]:
    """The time left in steps: their length, the first one that counts, and the others' boxes at half steps."""
    left_s = arrival.to_s - scene.now_s
    steps = max(math.ceil(left_s / STEP_S - 1e-6), 1)
    step_s = left_s / steps
    first = max(math.ceil((arrival.from_s - scene.now_s) / step_s - 1e-6), 1)
    return step_s, first, _others(scene, 0.5 * step_s * np.arange(2 * steps + 1, dtype=np.float64))


def _speeds_mps(arrival: Arrival) -> tuple[float, float]:
    """Bounds of the speed at the appointment, a little narrower than asked for where there is room."""
    low, high = arrival.speed_mps
    spare = min(SPARE_MPS, 0.25 * (high - low))
    return (low + spare if low > 0.0 else 0.0), high - spare


def _wish_mps(scene: Scene, arrival: Arrival) -> float:
    """Not much more than the least that is asked for, from which CommonRoad's costs count (they do not where that is
    zero: then the middle); the set speed where nothing is."""
    low, high = arrival.speed_mps
    if not math.isfinite(high):
        return max(scene.context.mission.set_speed_mps, low)
    return low + (WISH_SHARE if low > 0.0 else 0.5) * (high - low)


# --- others -----------------------------------------------------------------------------------------------------------


def _others(scene: Scene, after_s: Floats) -> Floats:
    """Boxes of all others at times from now, (K, F, 5): those foretold, and the rest at constant velocity."""
    columns = []
    for item in scene.context.foretold:
        poses, there = item.at(scene.now_s + after_s)
        if there.any():
            columns.append(_boxes(poses[:, 0], poses[:, 1], poses[:, 2], item.length_m, item.width_m, there))
    agents, known = scene.agents, {item.track for item in scene.context.foretold}
    for row in np.flatnonzero(~np.isin(agents.ids, list(known))).tolist():
        x = agents.x_m[row] + after_s * agents.vx_mps[row]
        y = agents.y_m[row] + after_s * agents.vy_mps[row]
        yaw = np.full(len(after_s), agents.yaw_rad[row])
        present = np.ones(len(after_s), dtype=bool)
        columns.append(_boxes(x, y, yaw, float(agents.length_m[row]), float(agents.width_m[row]), present))
    return np.ascontiguousarray(np.stack(columns, axis=1)) if columns else np.zeros((len(after_s), 0, 5))


def _boxes(x: Floats, y: Floats, yaw: Floats, length_m: float, width_m: float, there: NDArray[np.bool_]) -> Floats:
    return np.stack((x, y, yaw, length_m * there, width_m * there), axis=-1)


def _inside(way: LaidWay, arrival: Arrival) -> NDArray[np.bool_]:
    """Cells at which the middle of the ego is well inside its area, and turned as asked for."""
    low, high = arrival.heading_rad
    spare = SPARE_SHARE * (high - low) if high - low < 6.0 else 0.0
    turned = (way.yaw_rad - low - spare) % (2.0 * math.pi) <= high - low - 2.0 * spare
    if not arrival.area:
        return turned
    there = shapely.contains_xy(_core(shapely.Polygon(arrival.area)), way.centre[:, 0], way.centre[:, 1])
    return np.asarray(there & turned)


# --- courses ----------------------------------------------------------------------------------------------------------


def _courses(scene: Scene) -> Iterator[Course]:
    """The course that the vehicle can drive, where there is one and it is not far in time."""
    arrival, ego, pose = _arrival(scene), scene.ego, scene.ego.world_from_ego
    if arrival.to_s - scene.now_s > COURSE_S:
        return
    step_s, first, others = _time(scene, arrival)
    low, high = arrival.heading_rad
    spare = SPARE_SHARE * (high - low) if high - low < 6.0 else 0.0
    area = shapely.Polygon(arrival.area)
    aim = CourseAim(
        first, *_speeds_mps(arrival), _wish_mps(scene, arrival), low + spare, high - low - 2.0 * spare,
        (math.nan, math.nan) if area.is_empty else (area.centroid.x, area.centroid.y),
    )  # fmt: skip
    now = np.array([
        pose.x_m, pose.y_m, pose.yaw_rad, ego.speed_mps, ego.acceleration_mps2, ego.steering_rad
    ])  # fmt: skip
    reach = (arrival.to_s - scene.now_s) * (ego.speed_mps + 1.0) + 10.0
    ground = _ground(scene, area, min(reach, MOST_REACH_M))
    states = cheapest_course(now, scene.context.vehicle, ground, others, step_s, aim, CourseSettings())
    if states is not None:
        yield Course(states)


def _ground(scene: Scene, area: shapely.Polygon, reach_m: float) -> Ground:
    """The road around the ego, and the area where its middle is to be, as cells."""
    pose = scene.ego.world_from_ego
    left, low = pose.x_m - reach_m, pose.y_m - reach_m
    steps = GROUND_CELL_M * np.arange(int(2.0 * reach_m / GROUND_CELL_M))
    x, y = np.meshgrid(left + steps, low + steps)
    road = road_of(scene.context.lane_map).intersection(shapely.box(left, low, left + steps[-1], low + steps[-1]))
    level = np.zeros(x.shape, dtype=np.uint8)
    for margin in ROAD_MARGINS_M:
        inner = road.buffer(-margin)
        shapely.prepare(inner)
        level += shapely.contains_xy(inner, x, y)
    core = _core(area)
    shapely.prepare(core)
    return Ground(left, low, GROUND_CELL_M, level + 4 * shapely.contains_xy(core, x, y).astype(np.uint8))


def _core(area: shapely.Polygon) -> shapely.Geometry:
    """The part of an area that is well inside it; all of it where it is small."""
    core = area.buffer(-SPARE_M)
    return area if core.is_empty else core


# --- answers ----------------------------------------------------------------------------------------------------------


def _states(way: LaidWay, drive: SpaceTimeDrive, step_s: float) -> States:
    """The drive every 0.1 s, and two seconds beyond at its last speed."""
    edges = step_s * np.arange(len(drive.distance_m))
    t = np.arange(0.0, edges[-1] + 2.0, 0.1)
    k = np.clip(np.searchsorted(edges, t, side="right") - 1, 0, len(edges) - 1)
    a = np.append(drive.acceleration_mps2, 0.0)[k]
    since = t - edges[k]
    moving = np.where(a < 0.0, np.minimum(since, drive.speed_mps[k] / np.maximum(-a, 1e-9)), since)
    distance = drive.distance_m[k] + drive.speed_mps[k] * moving + 0.5 * a * moving**2
    return _along(way, t, distance, np.maximum(drive.speed_mps[k] + a * since, 0.0), a)


def _stop(way: LaidWay, speed_mps: float) -> States:
    stop = stop_profile(speed_mps, 3.5)
    return _along(way, stop.t_s, stop.distance_m, stop.speed_mps, stop.acceleration_mps2)


def _along(way: LaidWay, t: Floats, distance: Floats, speed: Floats, acceleration: Floats) -> States:
    x = CELL_M * np.arange(len(way.x_m))
    x_m, y_m, yaw, curvature = (
        np.interp(distance, x, column) for column in (way.x_m, way.y_m, way.yaw_rad, way.curvature_radpm)
    )
    return States(t, x_m, y_m, yaw, speed, acceleration, curvature)
