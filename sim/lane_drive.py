"""A kinematic drive along a map's lanes: random turns and lane changes at curve-limited speed, without any planner.

In: a lane map and a generator. Out: the rear axle's motion in `world` at a fixed rate. It makes hours of truth for
sensors and localization affordable; nobody reacts to anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from bus.messages import EgoTruth
from geometry.angles import Floats, wrap_rad
from geometry.errors import SceneError
from geometry.pose import Pose
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS

_STEP_M = 0.5
_NARROWEST_M = 2.4
_TRIES = 30
_NO_STOPPING_LANES = DRIVABLE_KINDS - {"stop"}


@dataclass(frozen=True, slots=True)
class DriveStyle:
    """How the car is driven; `free_mps` holds where the map names no limit.

    `change_per_m` is the chance of a lane change per metre where one is possible, `stop_per_m` that of a stop. The path
    leaves the lane's centre by a wandering of `wander_m`.
    """

    free_mps: float = 14.0
    lateral_mps2: float = 2.0
    accelerate_mps2: float = 1.5
    brake_mps2: float = 2.0
    change_per_m: float = 1.0 / 600.0
    change_time_s: float = 4.5
    stop_per_m: float = 0.0
    stop_time_s: float = 15.0
    wander_m: float = 0.15
    smooth_m: float = 2.0
    wheelbase_m: float = 2.8
    period_s: float = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class LaneDrive:
    """T states of the rear axle in `world`, one every `DriveStyle.period_s`, arrays of shape (T,)."""

    t_s: Floats
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    yaw_rate_radps: Floats
    steering_rad: Floats

    def state(self, row: int) -> EgoTruth:
        """The state as the simulator would say it."""
        return EgoTruth(
            world_from_ego=Pose(float(self.x_m[row]), float(self.y_m[row]), wrap_rad(float(self.yaw_rad[row]))),
            speed_mps=float(self.speed_mps[row]),
            acceleration_mps2=float(self.acceleration_mps2[row]),
            yaw_rate_radps=float(self.yaw_rate_radps[row]),
            steering_rad=float(self.steering_rad[row]),
            engaged=True,
        )


def random_drive(
    lane_map: LaneMap, style: DriveStyle, duration_s: float, shortest_s: float, rng: np.random.Generator
) -> LaneDrive:
    """A drive of at most `duration_s`; it ends earlier where the map does, but not before `shortest_s`.

    Raises:
        SceneError: the map has no way that long.
    """
    for _ in range(_TRIES):
        points, limits = _random_path(lane_map, style, duration_s, rng)
        if len(points) < 4:
            continue
        drive = _driven(points, limits, style, duration_s, rng)
        if drive.t_s[-1] >= shortest_s:
            return drive
    raise SceneError(f"the map offers no drive of {shortest_s:.0f} s in {_TRIES} tries")


def _random_path(
    lane_map: LaneMap, style: DriveStyle, duration_s: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Points (K, 2) of a random way over the lanes and the speed limit (K,) there."""
    starts = [i for i in range(lane_map.size) if _is_wide(lane_map, i) and lane_map.length_m(i) > 20.0]
    if not starts:
        return np.empty((0, 2)), np.empty(0)
    lane, at, gone = int(rng.choice(starts)), 0.0, 0.0
    points, limits = [], []
    while gone < duration_s * 1.3 * style.free_mps:
        length = lane_map.length_m(lane)
        change = _lane_change(lane_map, lane, at, style, rng)
        leave = length if change is None else change[1]
        stations = np.arange(at, leave, _STEP_M)
        points.append(_on_centre(lane_map, lane, stations))
        limits.append(np.interp(stations, lane_map.s_m[lane_map.rows(lane)], _limits(lane_map, lane, style)))
        gone += leave - at
        if change is not None:
            blend, lane, at = _blend(lane_map, lane, change)
            points.append(blend)
            limits.append(np.full(len(blend), limits[-1][-1] if len(limits[-1]) else style.free_mps))
            gone += len(blend) * _STEP_M
            continue
        following = [i for i in lane_map.successors[lane] if _is_wide(lane_map, i)]
        if not following:
            break
        lane, at = int(rng.choice(following)), 0.0
    return np.concatenate(points), np.concatenate(limits)


def _is_wide(lane_map: LaneMap, lane: int) -> bool:
    return lane_map.kinds[lane] in _NO_STOPPING_LANES and bool(np.median(lane_map.widths_m(lane)) > _NARROWEST_M)


def _limits(lane_map: LaneMap, lane: int, style: DriveStyle) -> Floats:
    told = lane_map.speed_limit_mps[lane_map.rows(lane)]
    return np.where(np.isnan(told), style.free_mps, np.minimum(told, 1.3 * style.free_mps))


def _on_centre(lane_map: LaneMap, lane: int, stations: Floats) -> Floats:
    rows = lane_map.rows(lane)
    s_m, centre = lane_map.s_m[rows], lane_map.centre_points[rows]
    return np.stack((np.interp(stations, s_m, centre[:, 0]), np.interp(stations, s_m, centre[:, 1])), axis=1)


def _lane_change(
    lane_map: LaneMap, lane: int, at: float, style: DriveStyle, rng: np.random.Generator
) -> tuple[int, float, float] | None:
    """Neighbour, where the change begins, and over which length; None for staying."""
    length = lane_map.length_m(lane)
    over = max(30.0, style.change_time_s * float(np.median(_limits(lane_map, lane, style))))
    room = length - at - over - 10.0
    if room <= 0.0 or lane_map.junction[lane]:
        return None
    sides = (int(lane_map.left_neighbour[lane]), int(lane_map.right_neighbour[lane]))
    open_to = [i for i in sides if i >= 0 and _is_wide(lane_map, i) and lane_map.may_change(lane, i)]
    if not open_to:
        return None
    begin = at + 5.0 + float(rng.exponential(1.0 / style.change_per_m))
    if not lane_map.successors[lane]:
        begin = min(begin, at + room)
    if begin > at + room:
        return None
    neighbour = int(rng.choice(open_to))
    _, onto = _beside(lane_map, lane, neighbour, np.array((begin, begin + over)))
    widths = np.interp(onto, lane_map.s_m[lane_map.rows(neighbour)], lane_map.widths_m(neighbour))
    return (neighbour, begin, over) if widths.min() > _NARROWEST_M else None


def _beside(lane_map: LaneMap, lane: int, neighbour: int, stations: Floats) -> tuple[Floats, Floats]:
    """Source s of stations on a lane, and the arc lengths on its neighbour that lie beside them."""
    rows, other = lane_map.rows(lane), lane_map.rows(neighbour)
    source = np.interp(stations, lane_map.s_m[rows], lane_map.source_s_m[rows])
    theirs, s_m = lane_map.source_s_m[other], lane_map.s_m[other]
    order = slice(None) if theirs[-1] > theirs[0] else slice(None, None, -1)
    return source, np.interp(source, theirs[order], s_m[order])


def _blend(lane_map: LaneMap, lane: int, change: tuple[int, float, float]) -> tuple[Floats, int, float]:
    """Points from one lane's centre to the other's, the lane reached and the arc length there."""
    neighbour, begin, over = change
    stations = np.arange(begin, begin + over, _STEP_M)
    _, onto = _beside(lane_map, lane, neighbour, stations)
    share = (stations - begin) / over
    weight = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
    here, there = _on_centre(lane_map, lane, stations), _on_centre(lane_map, neighbour, onto)
    return here + weight[:, None] * (there - here), neighbour, float(onto[-1])


def _driven(
    points: Floats, limits: Floats, style: DriveStyle, duration_s: float, rng: np.random.Generator
) -> LaneDrive:
    """The path, smoothed and driven."""
    path, limit = _smooth(points, limits, style, rng)
    step = np.hypot(*np.diff(path, axis=0).T)
    s = np.concatenate(([0.0], np.cumsum(step)))
    tangent = np.gradient(path, s, axis=0)
    yaw = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))
    bend = gaussian_filter1d(np.gradient(yaw, s), 2.0)
    top = np.minimum(limit * rng.uniform(0.85, 1.05), np.sqrt(style.lateral_mps2 / np.maximum(np.abs(bend), 1e-4)))
    stops = np.flatnonzero(rng.random(len(s)) < style.stop_per_m * _STEP_M)
    top[stops] = 0.0
    speed = _reachable(top, s, style)
    t = np.concatenate(([0.0], np.cumsum(2.0 * step / np.maximum(speed[1:] + speed[:-1], 1e-2))))
    t, v = _with_stops(t, speed, stops, style, rng)
    return _sampled(s, path, yaw, t, v, duration_s, style)


def _smooth(points: Floats, limits: Floats, style: DriveStyle, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The path with points half a metre apart, without kinks, wandering about the centre."""
    step = np.hypot(*np.diff(points, axis=0).T)
    keep = np.concatenate(([True], step > 1e-3))
    points, limits = points[keep], limits[keep]
    s = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))))
    stations = np.arange(0.0, s[-1], _STEP_M)
    even = np.stack([np.interp(stations, s, points[:, axis]) for axis in (0, 1)], axis=1)
    even = gaussian_filter1d(even, style.smooth_m / _STEP_M, axis=0, mode="nearest")
    tangent = np.gradient(even, axis=0)
    normal = np.stack((-tangent[:, 1], tangent[:, 0]), axis=1) / np.hypot(*tangent.T)[:, None]
    lengths, phases = rng.uniform(150.0, 400.0, 2), rng.uniform(0.0, 2.0 * math.pi, 2)
    offset = sum(np.sin(2.0 * math.pi * stations / lengths[i] + phases[i]) for i in (0, 1))
    trimmed = slice(8, -8)  # the filter bends the ends
    return (even + 0.7 * style.wander_m * offset[:, None] * normal)[trimmed], np.interp(stations, s, limits)[trimmed]


def _reachable(top_mps: Floats, s_m: Floats, style: DriveStyle) -> Floats:
    """The highest speed under `top_mps` (K,) that the accelerations allow; it begins at rest or rolling."""
    square = top_mps**2
    steps = np.diff(s_m)
    for i in range(1, len(square)):
        square[i] = min(square[i], square[i - 1] + 2.0 * style.accelerate_mps2 * steps[i - 1])
    for i in range(len(square) - 2, -1, -1):
        square[i] = min(square[i], square[i + 1] + 2.0 * style.brake_mps2 * steps[i])
    return np.sqrt(square)


def _with_stops(
    t_s: Floats, speed: Floats, stops: Sequence[int] | np.ndarray, style: DriveStyle, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """The speed over time with a pause at each stop."""
    pauses = np.zeros(len(t_s))
    pauses[stops] = style.stop_time_s * rng.uniform(0.3, 1.7, len(stops))
    before = t_s + np.cumsum(pauses) - pauses
    after = before + pauses
    times, speeds = np.stack((before, after), axis=1).ravel(), np.repeat(speed, 2)
    distinct = np.concatenate(([True], np.diff(times) > 1e-9))
    return times[distinct], speeds[distinct]


def _sampled(
    s: Floats, path: Floats, yaw: Floats, t_s: Floats, speed: Floats, duration_s: float, style: DriveStyle
) -> LaneDrive:
    dt = style.period_s
    times = np.arange(0.0, min(float(t_s[-1]), duration_s), dt)
    v = np.interp(times, t_s, speed)
    gone = np.concatenate(([0.0], np.cumsum(0.5 * (v[1:] + v[:-1]) * dt)))
    kept = gone < s[-1]
    times, v, gone = times[kept], v[kept], gone[kept]
    x, y, heading = (np.interp(gone, s, column) for column in (path[:, 0], path[:, 1], yaw))
    rate = np.gradient(heading, dt)
    curvature = np.where(v > 0.1, rate / np.maximum(v, 0.1), 0.0)
    return LaneDrive(times, x, y, heading, v, np.gradient(v, dt), rate, np.arctan(style.wheelbase_m * curvature))
