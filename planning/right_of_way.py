"""Where the ego has to stop by the rules of the road: lights, right of way, stop signs, crossings.

In: a scene in `world` and the ego's place on its route. Out: the nearest place that the front bumper must not pass, and
why. A place that could only be kept by braking harder than `latest_mps2` is passed: at that point stopping endangers
those behind (Vienna Convention on Road Traffic, article 23).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray

from bus.messages import EntityKind, LightState
from geometry.angles import Floats
from maps.lane_map import Indices, LaneMap
from maps.route_rules import RouteCrossing, RouteJunction, RouteZone, route_rules
from planning.scene import Agents, Scene

_YIELDING_MPS2 = 3.0
"""Who has to yield is expected to brake no harder than this for it."""

_DRIVEN_OFF_MPS = 2.0

_AT_LINE_M, _WAITING_M = 4.0, 10.0
"""Who stands this near to a line has stood at it; who stands this near waits for its sake, maybe before a crossing."""

_ON_FOOT = (EntityKind.PEDESTRIAN, EntityKind.BICYCLE, EntityKind.ANIMAL)


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """How carefully the rules are kept."""

    look_ahead_m: float = 120.0
    yield_margin_s: float = 1.2
    """Between the ego that is through a conflict zone and those with the right of way that come to it."""
    priority_margin_s: float = 0.7
    """The same towards those who should yield but do not."""
    behind_margin_s: float = 0.7
    """Between those who are through and the ego behind them."""
    headway_s: float = 0.8
    least_gap_m: float = 2.0
    slowing_mps2: float = 1.5
    """Where the ego joins somebody's lane: the time and the gap it leaves behind itself, and how hard whoever comes
    there may have to brake. With them the smallest gap that is taken on a roundabout is about 4.5 s, as drivers do
    (Highway Capacity Manual, 6th ed., exhibit 22-16: 4.1 to 5.2 s)."""
    starting_mps2: float = 1.5
    starting_s: float = 0.4
    """How the ego is assumed to drive off, and how long it takes to begin when it stands."""
    crossing_mps: float = 7.0
    """How fast the ego is assumed to cross a junction at most, unless it is faster already."""
    latest_mps2: float = 4.5
    patience_s: float = 3.0
    """After so long a wait, those who stand as well are taken to let the ego go."""
    standing_mps: float = 0.4
    on_foot_margin_m: float = 1.5
    """Who stands this near to a crossing is taken to want to use it."""


@dataclass(frozen=True, slots=True)
class RuleMemory:
    """How long the ego has stood at a stop, and the stop sign's line at which it has stood (NaN: none)."""

    waited_s: float = 0.0
    halted_m: float = math.nan


@dataclass(frozen=True, slots=True)
class RuleStop:
    """The front bumper must not pass `stop_m` (arc length of the route)."""

    stop_m: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Here:
    """The ego on its route: front and tail in arc length, speed, and how long it has waited."""

    front_m: float
    length_m: float
    speed_mps: float
    waited_s: float


def next_stop(
    scene: Scene, front_m: float, memory: RuleMemory, settings: RuleSettings
) -> tuple[RuleStop | None, RuleMemory]:
    """The first stop ahead, if any; `front_m` is the front bumper's arc length on the route."""
    context = scene.context
    here = _Here(front_m, context.vehicle.length_m, scene.ego.speed_mps, memory.waited_s)
    found = [stop for stop in _stops(scene, here, memory, settings) if _can_keep(stop, here, settings)]
    nearest = min(found, key=lambda stop: stop.stop_m, default=None)
    stands = here.speed_mps < 0.1
    away_m = math.inf if nearest is None else nearest.stop_m - front_m
    waited = memory.waited_s + context.dt_s if stands and away_m < _WAITING_M else 0.0
    if memory.waited_s >= settings.patience_s and here.speed_mps < _DRIVEN_OFF_MPS:
        waited = memory.waited_s  # who has decided to go does not ask again after the first centimetre
    has_halted = stands and (away_m < _AT_LINE_M or waited >= settings.patience_s)
    halted = nearest.stop_m if nearest is not None and has_halted else memory.halted_m
    return nearest, RuleMemory(waited, halted)


def _can_keep(stop: RuleStop, here: _Here, settings: RuleSettings) -> bool:
    gap = stop.stop_m - here.front_m
    return gap > -1.0 and here.speed_mps**2 <= 2.0 * settings.latest_mps2 * max(gap + 0.3, 0.05)


def _stops(scene: Scene, here: _Here, memory: RuleMemory, settings: RuleSettings) -> Iterator[RuleStop]:
    context = scene.context
    rules = route_rules(context.lane_map, context.mission.route)
    far = here.front_m + settings.look_ahead_m
    for light in rules.lights:
        if here.front_m - 1.0 < light.stop_m < far and _says_stop(scene, light.signal_id):
            yield RuleStop(light.stop_m, "the light is not green")
    for junction in rules.junctions:
        if junction.end_m > here.front_m - here.length_m and junction.stop_m < far:
            yield from _at_junction(scene, junction, here, memory, settings)
    for crossing in rules.crossings:
        if here.front_m - 1.0 < crossing.stop_m < far and _wanted(scene, crossing, here, settings):
            yield RuleStop(crossing.stop_m, "somebody is crossing")


def _says_stop(scene: Scene, signal_id: str) -> bool:
    state = scene.lights.get(signal_id, LightState.UNKNOWN)
    return state in (LightState.RED, LightState.RED_YELLOW, LightState.YELLOW, LightState.UNKNOWN)


# --- junctions --------------------------------------------------------------------------------------------------------


def _at_junction(
    scene: Scene, junction: RouteJunction, here: _Here, memory: RuleMemory, settings: RuleSettings
) -> Iterator[RuleStop]:
    entered = here.front_m > junction.stop_m + 1.0
    if junction.must_stop and not entered and not abs(memory.halted_m - junction.stop_m) < 1.0:
        yield RuleStop(junction.stop_m, "a stop sign")
    if not entered and not _has_room_behind(scene, junction, here):
        yield RuleStop(junction.stop_m, "there is no room behind the junction")
    governed = any(
        scene.lights.get(light) in (LightState.GREEN, LightState.YELLOW, LightState.RED, LightState.RED_YELLOW)
        for light in junction.light_ids
    )
    others, context = _others(scene), scene.context
    for zone in junction.zones:
        if zone.end_m < here.front_m:
            continue
        joins = not set(context.mission.route.lanes).isdisjoint(context.lane_map.successors[zone.zone.other])
        blocker = _blocker(others, zone, here, _through(zone, joins, governed, here, settings), settings)
        if blocker is None:
            continue
        stop = zone.begin_m - 1.0 if entered else junction.stop_m
        if stop > here.front_m - 1.0:
            yield RuleStop(stop, blocker)


def those_who_yield(scene: Scene, front_m: float, settings: RuleSettings) -> frozenset[int]:
    """Tracks that have to let the ego through at the junction ahead, have not entered it and can still stop."""
    context = scene.context
    others = _others(scene)
    found = set()
    for junction in route_rules(context.lane_map, context.mission.route).junctions:
        if not junction.begin_m - settings.look_ahead_m < front_m < junction.end_m:
            continue
        for zone in junction.zones:
            conflict = zone.zone
            for i in range(len(others.ids)):
                way_m = conflict.sources.get(int(others.lane[i]))
                if conflict.yields or way_m is None or int(others.lane[i]) == conflict.other:
                    continue
                room_m = way_m - conflict.other_begin_m - float(others.s_m[i]) - float(others.half_m[i])
                if float(others.speed_mps[i]) ** 2 <= 2.0 * _YIELDING_MPS2 * max(room_m, 0.05):
                    found.add(int(others.ids[i]))
    return frozenset(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Others:
    """Vehicles on lanes: track, lane, arc length of the middle, speed along the lane, half the length."""

    ids: Indices
    lane: Indices
    s_m: Floats
    speed_mps: Floats
    half_m: Floats


def _others(scene: Scene) -> _Others:
    agents = scene.agents
    rows = np.flatnonzero(~np.isin(agents.kinds, [EntityKind.PEDESTRIAN, EntityKind.ANIMAL, EntityKind.OBSTACLE]))
    if not len(rows):
        return _Others(rows, rows, np.zeros(0), np.zeros(0), np.zeros(0))
    yaw = agents.yaw_rad[rows]
    lane, s, _ = scene.context.lane_map.nearest(np.stack((agents.x_m[rows], agents.y_m[rows]), axis=-1), yaw)
    along = agents.vx_mps[rows] * np.cos(yaw) + agents.vy_mps[rows] * np.sin(yaw)
    return _Others(agents.ids[rows], lane, s, along, 0.5 * agents.length_m[rows])


def _blocker(others: _Others, zone: RouteZone, here: _Here, way: _Crossing, settings: RuleSettings) -> str | None:
    """Why the ego cannot drive through a conflict zone now, None if it can."""
    conflict = zone.zone
    zone_m = 2.0 if way.joins else conflict.other_end_m - conflict.other_begin_m
    for i in range(len(others.ids)):
        way_m = conflict.sources.get(int(others.lane[i]))
        if way_m is None:
            continue
        speed, half = float(others.speed_mps[i]), float(others.half_m[i])
        to_begin = way_m - float(others.s_m[i]) - half
        through_m = to_begin + zone_m + 2.0 * half
        if through_m < 0.0:
            continue
        inside, stands = to_begin <= 0.5, speed < settings.standing_mps
        if not inside and not _comes(conflict.other, int(others.lane[i]), to_begin, speed, way.yields, here, settings):
            continue
        # Who stands and has the right of way may drive off at any time.
        clear_s = math.inf if inside and stands else _time_s(through_m, speed, settings)
        if way.enter_s - settings.behind_margin_s >= clear_s:
            continue
        if inside or not _goes_before(way, to_begin, speed, settings):
            verb = "goes first" if way.yields else "is in the way"
            return f"track {int(others.ids[i])} {verb} at the junction"
    return None


@dataclass(frozen=True, slots=True)
class _Crossing:
    """How the ego would drive through a conflict zone now: when it enters and leaves it, its speed then, whether it
    joins the other lane there and whether it has to yield."""

    enter_s: float
    leave_s: float
    speed_mps: float
    joins: bool
    yields: bool


def _through(zone: RouteZone, joins: bool, governed: bool, here: _Here, settings: RuleSettings) -> _Crossing:
    """Through the zone; where the ego joins a lane it has left the way of those behind when all of it is in there."""
    left_m = (zone.begin_m if joins else zone.end_m) + here.length_m
    yields = zone.zone.yields_at_green if governed else zone.zone.yields
    enter_s = _time_s(zone.begin_m - here.front_m, here.speed_mps, settings)
    leave_s = _time_s(left_m - here.front_m, here.speed_mps, settings)
    top = max(here.speed_mps, settings.crossing_mps)
    speed = min(here.speed_mps + settings.starting_mps2 * leave_s, top)
    late_s = settings.starting_s if here.speed_mps < settings.standing_mps else 0.0
    return _Crossing(enter_s, leave_s + late_s, speed, joins, yields)


def _goes_before(way: _Crossing, to_begin_m: float, speed_mps: float, settings: RuleSettings) -> bool:
    """Whether the ego is through, or well under way ahead of it, when somebody comes to the zone."""
    early_s = _time_s(to_begin_m, speed_mps, settings) - way.leave_s
    if not way.joins:
        return early_s >= (settings.yield_margin_s if way.yields else settings.priority_margin_s)
    pace = max(speed_mps, settings.crossing_mps)
    closing = max(pace - way.speed_mps, 0.0)
    needed_m = settings.headway_s * pace + closing * closing / (2.0 * settings.slowing_mps2)
    return early_s * pace >= settings.least_gap_m + needed_m


def _comes(
    other_lane: int, lane: int, to_begin_m: float, speed_mps: float, yields: bool, here: _Here, settings: RuleSettings
) -> bool:
    """Whether somebody before the zone is to be reckoned with: those who go first, and those who will not stop."""
    stands = speed_mps < settings.standing_mps
    if yields:
        return not (stands and here.waited_s >= settings.patience_s)
    if stands:
        return False
    return lane == other_lane or speed_mps**2 > 2.0 * _YIELDING_MPS2 * max(to_begin_m - 1.0, 0.05)


def _time_s(distance_m: float, speed_mps: float, settings: RuleSettings) -> float:
    """When somebody has driven so far who drives off or on now, up to the speed at which junctions are crossed."""
    if distance_m <= 0.0:
        return 0.0
    a, v = settings.starting_mps2, speed_mps
    top = max(v, settings.crossing_mps)
    reach_m = (top * top - v * v) / (2.0 * a)
    if distance_m <= reach_m:
        return (math.sqrt(v * v + 2.0 * a * distance_m) - v) / a
    return (top - v) / a + (distance_m - reach_m) / top


def _has_room_behind(scene: Scene, junction: RouteJunction, here: _Here) -> bool:
    """Whether nobody stands on the ego's way where it would come to stand with its tail in the junction."""
    agents, path = scene.agents, scene.context.mission.route.path
    slow = np.flatnonzero(np.hypot(agents.vx_mps, agents.vy_mps) < 1.0)
    if not len(slow) or junction.begin_m - here.front_m > 60.0:
        return True
    window, start_m = path.window(junction.begin_m - 5.0, junction.end_m + 30.0)
    s, d = window.project(np.stack((agents.x_m[slow], agents.y_m[slow]), axis=-1))
    tail = start_m + s - 0.5 * agents.length_m[slow]
    on_way = np.abs(d) < 0.5 * (agents.width_m[slow] + scene.context.vehicle.width_m)
    blocked = on_way & (tail > junction.begin_m - 1.0) & (tail < junction.end_m + here.length_m + 2.0)
    return not bool(blocked.any())


# --- crossings --------------------------------------------------------------------------------------------------------


def _wanted(scene: Scene, crossing: RouteCrossing, here: _Here, settings: RuleSettings) -> bool:
    """Whether somebody on foot is on the crossing ahead of the ego, on the way to it, or waits beside it."""
    agents = scene.agents
    rows = np.flatnonzero(np.isin(agents.kinds, _ON_FOOT))
    if not len(rows):
        return False
    points = np.stack((agents.x_m[rows], agents.y_m[rows]), axis=-1)
    area = _crossing_area(scene.context.lane_map, crossing.crossing, settings.on_foot_margin_m)
    near = shapely.contains_xy(area, points[:, 0], points[:, 1])
    path = scene.context.mission.route.path
    window, _ = path.window(crossing.begin_m - 10.0, crossing.end_m + 10.0)
    s, d = window.project(points)
    yaw = window.heading(s)
    across = agents.vy_mps[rows] * np.cos(yaw) - agents.vx_mps[rows] * np.sin(yaw)
    return bool((near & _wants(agents, rows, d, across, here, settings)).any())


def _wants(
    agents: Agents, rows: Indices, d_m: Floats, across_mps: Floats, here: _Here, settings: RuleSettings
) -> NDArray[np.bool_]:
    """Who is in the ego's lane, comes towards it, or stands and waits (until the ego's patience ends)."""
    speed = np.hypot(agents.vx_mps[rows], agents.vy_mps[rows])
    along = (speed > 1.0) & (np.abs(across_mps) < 0.5 * speed)
    in_lane = (np.abs(d_m) < 1.8) & ~along
    comes = (d_m * across_mps < 0.0) & (np.abs(across_mps) > 0.2)
    waits = (speed < 0.2) & (here.waited_s < settings.patience_s)
    return in_lane | (comes & ~along) | waits


@lru_cache(maxsize=256)
def _crossing_area(lane_map: LaneMap, crossing: int, margin_m: float) -> shapely.Geometry:
    area = shapely.buffer(shapely.make_valid(shapely.Polygon(lane_map.crossings[crossing].polygon)), margin_m)
    shapely.prepare(area)
    return area
