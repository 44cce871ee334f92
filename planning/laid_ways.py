"""The ways that an appointment may be kept on, sampled: laid along the route or its neighbours, or a course as found.

In: a scene in `world`, and a manoeuvre in arc lengths of its base path, or a course of states. Out: the rear axle at
equal distances with a ceiling for the speed, which is 0 beside the road. Which manoeuvres are worth a try is said here
too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.ndimage import gaussian_filter1d

from geometry.angles import Floats
from geometry.boxes import box_corners
from geometry.polyline import Polyline
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS
from maps.route import follow_lane
from motion.bicycle import Vehicle
from planning.candidates import quintic
from planning.free_course import SPEED, STEERING, YAW, X, Y
from planning.scene import Scene
from planning.space_time import CELL_M

SMOOTH_M = 2.0
"""Maps have kinks where their pieces meet; a path is smoothed over this length (standard deviation)."""
AHEAD_M, BEHIND_M = 260.0, 20.0
LEAD_IN = 8
"""Cells before the ego, from which its way's heading and curvature are taken too."""
EASY, SHARP = (3.5, 0.7), (6.5, 0.9)
"""Acceleration across [m/s^2] and share of the steering rate that ways are driven with, and where none is easier."""
SETTLE_S = 0.6
"""A sharp way is laid anew from where the ego is, and settles over so long."""
OFF_ROAD_GRACE_M = 3.0
"""Where the ego begins beside the road, it may take this long to come back."""
GAP_M = 0.025
SHIFT_M, SHIFTS = 0.25, 4
"""Where a way comes too near to the road's edge it is shifted away from it by so much, so many times at most."""
BASES = 8
PASS_OFFSETS_M = (1.2, -1.2, 2.2, -2.2, 2.7, -2.7, 3.4, -3.4)
SPANS_M = (10.0, 18.0, 28.0)
BESIDE_M, STANDING_MPS, SHORTEST_M = (0.085, 0.2), 0.1, 6.0
"""So near to somebody who is slower than this is passed where there is no more room, after moving out over that at
least."""
STRAYED_M = 0.5
"""So far beside its way the ego is given a new one."""
EDGE_M = 0.2
"""So near to the road's edge the ego is driven half as fast."""
SAME_LANE_M = 1.2
"""A goal further beside the path than this lies in another lane."""
BEYOND_M = 30.0
"""A course goes straight on by so much where it ends."""


@dataclass(frozen=True, slots=True)
class Manoeuvre:
    """One way across the road, in arc lengths of its base path so that the next cycle finds it again.

    `base` 0 is the route, 1 the lane that the ego was in at the start, others are further ways on from there. From
    where it was laid, at `start_m` with an offset, slope and bend (`start`), the ego settles on the base's centre over
    `settle_m`; it moves to `offset_m` beside it over [begin_m, end_m], and back over a length as great from `back_m`.
    """

    base: int
    start_m: float
    start: tuple[float, float, float]
    settle_m: float
    begin_m: float
    end_m: float
    offset_m: float
    back_m: float = math.inf
    sharp: bool = False
    """Whether it may be steered as hard as an emergency allows."""

    def offset(self, s_m: Floats) -> Floats:
        """Offset from the base path that is to be had at arc lengths."""
        span = self.end_m - self.begin_m
        out = _step((s_m - self.begin_m) / span)
        return np.asarray(self.offset_m * (out if math.isinf(self.back_m) else out - _step((s_m - self.back_m) / span)))


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A course as `planning.free_course` found it: its states, (K, 6)."""

    states: Floats

    def moving(self) -> Floats:
        """Its states at places that differ."""
        moved = np.hypot(*np.diff(self.states[:, [X, Y]], axis=0).T) > 1e-3
        return np.asarray(self.states[np.append(True, moved)])


@dataclass(frozen=True, slots=True, eq=False)
class LaidWay:
    """Rear axle at cells of CELL_M: x, y, yaw, curvature, and a ceiling for the speed; each (X,)."""

    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    curvature_radpm: Floats
    ceiling_mps: Floats
    centre: Floats
    """Centre of the ego's box and yaw, (X, 3)."""


def way_of(scene: Scene, manoeuvre: Manoeuvre | Course) -> LaidWay | None:
    """The way from where the ego is; None where there is none."""
    return _course_way(scene, manoeuvre) if isinstance(manoeuvre, Course) else _laid_way(scene, manoeuvre)


def is_on(scene: Scene, manoeuvre: Manoeuvre | Course) -> bool:
    """Whether the ego is where the manoeuvre has it, so that control may bring it back; else it is laid anew."""
    here = scene.ego.world_from_ego
    if isinstance(manoeuvre, Course):
        aside = Polyline.through(manoeuvre.moving()[:, [X, Y]]).project(np.array([[here.x_m, here.y_m]]))[1]
        return abs(float(aside[0])) < STRAYED_M
    path = _base(scene, manoeuvre.base)
    assert path is not None
    s, d = (float(v[0]) for v in path.project(np.array([[here.x_m, here.y_m]])))
    wanted = _offsets(scene, path, manoeuvre, np.array([s]))
    return abs(d - float(wanted[0])) < STRAYED_M


def relaid(scene: Scene, manoeuvre: Manoeuvre) -> Manoeuvre:
    """The sharp manoeuvre from where the ego is now: it does not stay on such a way to the centimetre. When it is back
    where it came from, nothing is sharp any more."""
    path = _base(scene, manoeuvre.base)
    assert path is not None
    now = _laid(scene, manoeuvre.base, path)
    settle_m = max(SETTLE_S * scene.ego.speed_mps, 8.0)
    begun = now.start_m < manoeuvre.back_m + manoeuvre.end_m - manoeuvre.begin_m
    return replace(manoeuvre, start_m=now.start_m, start=now.start, settle_m=settle_m, sharp=begun)


def manoeuvres(scene: Scene) -> Iterator[Manoeuvre]:
    """Ways to be considered: settling soon or late, and where the goal lies beside the path, changes to it."""
    arrival, speed = scene.context.mission.arrival, scene.ego.speed_mps
    assert arrival is not None
    settles = [max(speed * span_s, least_m) for span_s, least_m in ((1.2, 8.0), (2.5, 12.0), (4.5, 20.0))]
    for base in range(BASES):
        path = _base(scene, base)
        if path is None:
            continue
        plain = _laid(scene, base, path)
        goal_s, goal_d = math.inf, 0.0
        if arrival.area:
            along, aside = path.project(np.array([shapely.Polygon(arrival.area).centroid.coords[0]]))
            goal_s, goal_d = float(along[0]), float(aside[0])
        for settle in settles:
            yield replace(plain, settle_m=settle)
            if 0.15 < abs(goal_d) <= SAME_LANE_M:
                end = min(plain.start_m + 2.0 * settle, max(goal_s, plain.start_m + 8.0))
                yield replace(plain, settle_m=settle, end_m=end, offset_m=goal_d)
        if abs(goal_d) > SAME_LANE_M and goal_s - plain.start_m > 15.0:
            yield from _changes(replace(plain, settle_m=settles[0], offset_m=goal_d), goal_s, max(speed, 5.0))


def _laid(scene: Scene, base: int, path: Polyline) -> Manoeuvre:
    """A manoeuvre from where the ego is to the middle of a base path."""
    ego, here = scene.ego, scene.ego.world_from_ego
    s, d = (float(v[0]) for v in path.project(np.array([[here.x_m, here.y_m]])))
    slope = math.tan(min(max(path.heading_error(s, here.yaw_rad), -0.7), 0.7))
    bend = math.tan(ego.steering_rad) / scene.context.vehicle.wheelbase_m - float(path.curvature(s))
    return Manoeuvre(base, s, (d, slope, min(max(bend, -0.1), 0.1)), max(1.2 * ego.speed_mps, 8.0), s, s + 8.0, 0.0)


def _changes(plain: Manoeuvre, goal_m: float, speed_mps: float) -> Iterator[Manoeuvre]:
    """Changes to the goal's lane: where they begin, and over which length."""
    for share, span_s in product((0.0, 0.15, 0.3, 0.45, 0.6, 0.75), (2.2, 3.5, 5.0)):
        begin, span = plain.start_m + share * (goal_m - plain.start_m), max(span_s * speed_mps, 15.0)
        if begin + span <= goal_m + 2.0:
            yield replace(plain, begin_m=begin, end_m=begin + span)


def passes(scene: Scene) -> Iterator[Manoeuvre]:
    """Ways out of the lane and back, to pass what stands in it."""
    path = _base(scene, 0)
    assert path is not None
    plain = _laid(scene, 0, path)
    yield from _beside(scene, path, plain)
    for offset, ahead, span, hold in product(PASS_OFFSETS_M, (0.0, 6.0, 15.0, 25.0), SPANS_M, (8.0, 20.0, 40.0)):
        begin = plain.start_m + ahead
        yield replace(plain, begin_m=begin, end_m=begin + span, offset_m=offset, back_m=begin + span + hold)


def _beside(scene: Scene, path: Polyline, plain: Manoeuvre) -> Iterator[Manoeuvre]:
    """Ways that come as near as they may to somebody who stands in the way, and are straight while they are beside."""
    agents, vehicle = scene.agents, scene.context.vehicle
    corners = box_corners(agents.x_m, agents.y_m, agents.yaw_rad, agents.length_m, agents.width_m)
    half = 0.5 * vehicle.width_m
    for row in np.flatnonzero(np.hypot(agents.vx_mps, agents.vy_mps) < STANDING_MPS).tolist():
        s, d = path.project(corners[row])
        first, last = float(s.min()) - vehicle.front_m, float(s.max()) + vehicle.rear_m
        right, left = float(d.min()), float(d.max())
        if not plain.start_m <= first <= plain.start_m + AHEAD_M or right > half or left < -half:
            continue
        for clear, span in product(BESIDE_M, SPANS_M):
            begin = max(first - span, plain.start_m)
            out = replace(plain, begin_m=begin, end_m=max(first, begin + SHORTEST_M), back_m=last, sharp=True)
            yield replace(out, offset_m=left + half + clear)
            yield replace(out, offset_m=right - half - clear)


def _base(scene: Scene, base: int) -> Polyline | None:
    """The path that a manoeuvre refers to; 1 is there only where the route changes lanes, further ones where no lane
    leads to the goal or any will do."""
    route, lane_map = scene.context.mission.route, scene.context.lane_map
    if base == 0:
        return _smooth(route.path)
    first = int(route.lanes[0])
    if base == 1:
        pairs = zip(route.lanes, route.lanes[1:], strict=False)
        beside = (lane_map.left_neighbour, lane_map.right_neighbour)
        changes = any(after in (side[lane] for side in beside) for lane, after in pairs)
        return _home(lane_map, first) if changes else None
    arrival = scene.context.mission.arrival
    assert arrival is not None
    if arrival.area and shapely.LineString(route.path.points).intersects(shapely.Polygon(arrival.area)):
        return None
    ways = _ways_on(lane_map, first)
    return ways[base - 2] if base - 2 < len(ways) else None


@lru_cache(maxsize=32)
def _ways_on(lane_map: LaneMap, lane: int) -> tuple[Polyline, ...]:
    """Paths along all chains of lanes from a lane on, as far as the ego may come."""
    open_chains: list[tuple[int, ...]] = [(lane,)]
    done: list[tuple[int, ...]] = []
    while open_chains and len(done) < BASES - 2:
        chain = open_chains.pop()
        covered = sum(lane_map.length_m(part) for part in chain)
        after = [n for n in lane_map.successors[chain[-1]] if lane_map.kinds[n] in DRIVABLE_KINDS]
        if not after or covered > AHEAD_M:
            done.append(chain)
        open_chains += [(*chain, n) for n in after] if covered <= AHEAD_M else []
    points = [np.concatenate([lane_map.centre_points[lane_map.rows(part)] for part in chain]) for chain in done]
    return tuple(_smooth(Polyline.through(part)) for part in points)


@lru_cache(maxsize=32)
def _home(lane_map: LaneMap, lane: int) -> Polyline:
    return _smooth(follow_lane(lane_map, lane, 0.0, 2.0 * AHEAD_M).path)


@lru_cache(maxsize=32)
def _smooth(path: Polyline) -> Polyline:
    """The path without kinks, resampled every CELL_M."""
    s = np.arange(0.0, min(path.length_m, 4.0 * AHEAD_M), CELL_M)
    points = path.position(s)
    return Polyline.through(gaussian_filter1d(points, SMOOTH_M / CELL_M, axis=0, mode="nearest"))


def _laid_way(scene: Scene, manoeuvre: Manoeuvre) -> LaidWay | None:
    path = _base(scene, manoeuvre.base)
    if path is None:
        return None
    pose, vehicle = scene.ego.world_from_ego, scene.context.vehicle
    s0 = float(path.project(np.array([[pose.x_m, pose.y_m]]))[0][0])
    x = np.arange(-LEAD_IN, min((path.length_m - s0 + 20.0) / CELL_M, AHEAD_M / CELL_M)) * CELL_M
    points = path.position(s0 + x, _offsets(scene, path, manoeuvre, s0 + x))
    yaw = _course(points)
    curvature = gaussian_filter1d(np.gradient(yaw, CELL_M), 2.0, mode="nearest")
    points, yaw, curvature = points[LEAD_IN:], yaw[LEAD_IN:], curvature[LEAD_IN:]
    centre = _centres(points, yaw, vehicle.centre_x_m)
    ceiling = _ceiling_mps(scene, curvature, SHARP if manoeuvre.sharp else EASY)
    ceiling[_off_road(scene, centre, x[LEAD_IN:], EDGE_M)] *= 0.5
    ceiling[_off_road(scene, centre, x[LEAD_IN:], 0.0)] = 0.0
    return LaidWay(points[:, 0], points[:, 1], yaw, curvature, ceiling, centre)


def _course_way(scene: Scene, course: Course) -> LaidWay | None:
    """What is left of a course, and straight on beyond its end; as fast as it was found to be drivable."""
    states, vehicle = course.moving(), scene.context.vehicle
    if len(states) < 2:
        return None
    yaw = np.unwrap(states[:, YAW])
    s = np.append(0.0, np.cumsum(np.hypot(*np.diff(states[:, [X, Y]], axis=0).T)))
    here = scene.ego.world_from_ego
    s0 = float(Polyline.through(states[:, [X, Y]]).project(np.array([[here.x_m, here.y_m]]))[0][0])
    at = s0 + CELL_M * np.arange(int((s[-1] - s0 + BEYOND_M) / CELL_M))
    inside, beyond = np.minimum(at, s[-1]), np.maximum(at - s[-1], 0.0)
    slopes = np.stack((np.cos(yaw), np.sin(yaw)), axis=-1)
    points = CubicHermiteSpline(s, states[:, [X, Y]], slopes)(inside) + beyond[:, None] * slopes[-1]
    bend = np.tan(states[:, STEERING]) / vehicle.wheelbase_m
    curvature = np.where(beyond > 0.0, 0.0, np.interp(at, s, bend))
    heading = np.interp(at, s, yaw)
    centre = _centres(points, heading, vehicle.centre_x_m)
    ceiling = np.maximum(_ceiling_mps(scene, curvature, EASY), np.interp(at, s, states[:, SPEED]))
    ceiling[_off_road(scene, centre, np.asarray(at - s0), 0.0)] = 0.0
    return LaidWay(points[:, 0], points[:, 1], heading, curvature, ceiling, centre)


def _centres(points: Floats, yaw: Floats, ahead_m: float) -> Floats:
    return np.stack((points[:, 0] + ahead_m * np.cos(yaw), points[:, 1] + ahead_m * np.sin(yaw), yaw), axis=-1)


@lru_cache(maxsize=2048)
def _target(lane_map: LaneMap, path: Polyline, manoeuvre: Manoeuvre, vehicle: Vehicle) -> tuple[Floats, Floats]:
    """Where a manoeuvre leads, as arc lengths and offsets: shifted away from the road's edge where the ego's box would
    come too near to it."""
    s = np.arange(max(manoeuvre.begin_m - BEHIND_M, 0.0), min(manoeuvre.begin_m + AHEAD_M, path.length_m), CELL_M)
    d = manoeuvre.offset(s)
    road = road_of(lane_map)
    for _ in range(SHIFTS):
        outside = [_outside_m2(road, path, s, d + shift, vehicle) for shift in (0.0, SHIFT_M, -SHIFT_M)]
        if not outside[0].any():
            break
        wanted = np.where(outside[0] > 0.0, np.sign(outside[2] - outside[1]), 0.0)
        d = d + SHIFT_M * np.clip(gaussian_filter1d(2.0 * wanted, 2.0 / CELL_M), -1.0, 1.0)
    return s, d


def _outside_m2(road: shapely.Geometry, path: Polyline, s: Floats, d: Floats, vehicle: Vehicle) -> Floats:
    """Area of the ego's box, wider by the margin, that lies beside the road, at places of a path."""
    points = path.position(s, d)
    boxes = _boxes_at(vehicle, _centres(points, _course(points), vehicle.centre_x_m), EDGE_M)
    area = np.zeros(len(s))
    rows = np.flatnonzero(~shapely.covers(road, boxes))
    area[rows] = shapely.area(shapely.difference(boxes[rows], road))
    return area


def _course(points: Floats) -> Floats:
    """Heading at each of the points."""
    dx, dy = np.gradient(points[:, 0]), np.gradient(points[:, 1])
    return np.unwrap(np.arctan2(dy, dx))


def _offsets(scene: Scene, path: Polyline, manoeuvre: Manoeuvre, s_m: Floats) -> Floats:
    """Offset from the base path at arc lengths: what is left of settling, and where the manoeuvre leads."""
    grid, target = _target(scene.context.lane_map, path, manoeuvre, scene.context.vehicle)
    (d, slope, bend), start, length = manoeuvre.start, manoeuvre.start_m, manoeuvre.settle_m
    ahead = np.interp(start + np.array([0.0, 0.5, 1.0]), grid, target)
    slope_there, bend_there = (ahead[2] - ahead[0]), (ahead[2] - 2.0 * ahead[1] + ahead[0]) / 0.25
    c = quintic(d - float(ahead[0]), slope - float(slope_there), bend - float(bend_there), 0.0, length)
    x = s_m - start
    settling = np.where(x < length, np.polyval(np.array(c[::-1]), np.clip(x, 0.0, length)), 0.0)
    return np.asarray(np.interp(s_m, grid, target) + settling)


def _step(share: Floats | float) -> Floats:
    """Smooth step from 0 to 1 with no slope and bend at its ends."""
    u = np.clip(share, 0.0, 1.0)
    return np.asarray(u**3 * (10.0 - 15.0 * u + 6.0 * u * u))


def _ceiling_mps(scene: Scene, curvature: Floats, most: tuple[float, float]) -> Floats:
    """Speed at which a bend takes no more than that, which is `EASY` or `SHARP`."""
    sideways_mps2, rate_share = most
    vehicle = scene.context.vehicle
    sideways = np.sqrt(sideways_mps2 / np.maximum(np.abs(curvature), 1e-6))
    turn = np.abs(np.gradient(np.arctan(vehicle.wheelbase_m * curvature), CELL_M))
    steered = rate_share * vehicle.max_steering_rate_radps / np.maximum(turn, 1e-6)
    return np.asarray(np.minimum(sideways, steered))


@lru_cache(maxsize=8)
def road_of(lane_map: LaneMap) -> shapely.Geometry:
    # Neighbours share their bounds only roughly: gaps of a few centimetres are no edge of the road.
    road = shapely.union_all([lane_map.surface(lane).buffer(GAP_M) for lane in range(lane_map.size)]).buffer(-GAP_M)
    shapely.prepare(road)
    return road


def _off_road(scene: Scene, centre: Floats, x: Floats, margin_m: float) -> NDArray[np.bool_]:
    outside = ~shapely.covers(road_of(scene.context.lane_map), _boxes_at(scene.context.vehicle, centre, margin_m))
    return np.asarray(outside & (x > OFF_ROAD_GRACE_M))


def _boxes_at(vehicle: Vehicle, centre: Floats, margin_m: float) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    """The ego's box, wider by a margin on both sides, at centres (X, 3)."""
    size = (np.asarray(vehicle.length_m), np.asarray(vehicle.width_m + 2.0 * margin_m))
    return np.asarray(shapely.polygons(box_corners(centre[:, 0], centre[:, 1], centre[:, 2], *size)))
