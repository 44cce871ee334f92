"""The rules of the road along a route: its lights, junctions and crossings in arc length of its path.

In: a lane map and a route. Out: `RouteRules`, each list in driving order. Computed once per route.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from maps.junction_rules import ConflictZone, approach, conflict_zones
from maps.lane_map import LaneMap
from maps.route import Route
from maps.signal_meaning import Rank, is_traffic_light

_LINE_REACH_M = 20.0
"""A stop line belongs to the light or junction that follows within this distance."""

_GOVERNED_M = 40.0
"""A light governs the junction that begins within this distance behind its stop line."""

_BEFORE_M = 1.0
"""Without a stop line one stops this far before a junction, light or crossing."""


@dataclass(frozen=True, slots=True)
class RouteLight:
    """A traffic light on the route: its id and where the front bumper stops when it is red."""

    signal_id: str
    stop_m: float


@dataclass(frozen=True, slots=True)
class RouteZone:
    """A conflict zone on the route; what it holds beside is in `zone`."""

    begin_m: float
    end_m: float
    zone: ConflictZone


@dataclass(frozen=True, slots=True)
class RouteJunction:
    """A junction on the route that shares its surface with other lanes.

    `must_stop`: a stop sign asks for a halt at `stop_m`. `light_ids`: the lights that govern it.
    """

    lanes: tuple[int, ...]
    begin_m: float
    end_m: float
    stop_m: float
    must_stop: bool
    light_ids: tuple[str, ...]
    zones: tuple[RouteZone, ...]


@dataclass(frozen=True, slots=True)
class RouteCrossing:
    """A pedestrian crossing on the route: an index into the map's crossings, and where the front bumper stops."""

    crossing: int
    begin_m: float
    end_m: float
    stop_m: float


@dataclass(frozen=True, slots=True)
class RouteRules:
    """All of a route."""

    lights: tuple[RouteLight, ...]
    junctions: tuple[RouteJunction, ...]
    crossings: tuple[RouteCrossing, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """One lane of the route: where it begins on the path and how many metres of path a metre of it is."""

    lane: int
    begin_m: float
    end_m: float
    scale: float

    def at(self, lane_s_m: float) -> float:
        return self.begin_m + self.scale * lane_s_m


@lru_cache(maxsize=64)
def route_rules(lane_map: LaneMap, route: Route) -> RouteRules:
    """Lights, junctions and crossings of a route."""
    parts = _parts(lane_map, route)
    lights = sorted(_lights(lane_map, parts), key=lambda light: light.stop_m)
    junctions = tuple(_junctions(lane_map, parts, lights))
    crossings = sorted(_crossings(lane_map, parts), key=lambda crossing: crossing.begin_m)
    return RouteRules(tuple(lights), junctions, tuple(crossings))


def _parts(lane_map: LaneMap, route: Route) -> list[_Part]:
    """The lanes that the rules of a stretch come from: of lanes changed for one another the last."""
    begins = [float(value) for value in route.lane_begins_m]
    parts = []
    for k, (lane, begin) in enumerate(zip(route.lanes, begins, strict=True)):
        later = [value for value in begins[k + 1 :] if value > begin + 1e-6][:1]
        if k + 1 < len(begins) and begins[k + 1] <= begin + 1e-6:
            continue
        length = lane_map.length_m(lane)
        end = later[0] if later else begin + length
        parts.append(_Part(lane, begin, end, (end - begin) / length))
    return parts


def _lights(lane_map: LaneMap, parts: list[_Part]) -> Iterator[RouteLight]:
    table, lines = lights_by_lane(lane_map), _lines_by_lane(lane_map)
    for before, part in pairwise([parts[0], *parts]):
        for signal_id, s in table.get(part.lane, ()):
            inside = bool(lane_map.junction[part.lane]) and not lane_map.junction[before.lane]
            holder, at = (before, lane_map.length_m(before.lane)) if inside else (part, s)
            stop = _line_before(lines, holder, at)
            yield RouteLight(signal_id, holder.at(at) - _BEFORE_M if stop is None else stop)


def _line_before(lines: Mapping[int, list[float]], part: _Part, s_m: float) -> float | None:
    """The last stop line on the lane up to s (and a little after, because lights stand beside their line)."""
    found = [line for line in lines.get(part.lane, ()) if s_m - _LINE_REACH_M <= line <= s_m + 2.0]
    return part.at(max(found)) if found else None


def _junctions(lane_map: LaneMap, parts: list[_Part], lights: list[RouteLight]) -> Iterator[RouteJunction]:
    lines = _lines_by_lane(lane_map)
    for before, inside in _runs(lane_map, parts):
        zones = tuple(
            RouteZone(part.at(zone.begin_m), part.at(zone.end_m), zone)
            for part in inside
            for zone in conflict_zones(lane_map, part.lane)
        )
        if not zones:
            continue
        begin, end = inside[0].begin_m, inside[-1].end_m
        line = None if before is None else _line_before(lines, before, lane_map.length_m(before.lane))
        stop = begin - _BEFORE_M if line is None else line
        governing = tuple(light.signal_id for light in lights if -5.0 <= begin - light.stop_m <= _GOVERNED_M)
        must_stop = approach(lane_map, inside[0].lane).rank is Rank.STOP
        yield RouteJunction(tuple(part.lane for part in inside), begin, end, stop, must_stop, governing, zones)


def _runs(lane_map: LaneMap, parts: list[_Part]) -> Iterator[tuple[_Part | None, list[_Part]]]:
    """Consecutive lanes inside one junction, with the lane before them."""
    before: _Part | None = None
    inside: list[_Part] = []
    for part in parts:
        same = inside and lane_map.junction[part.lane] == lane_map.junction[inside[-1].lane]
        if lane_map.junction[part.lane] and (same or not inside):
            inside.append(part)
            continue
        if inside:
            yield before, inside
        before = inside[-1] if inside and lane_map.junction[part.lane] else part
        inside = [part] if lane_map.junction[part.lane] else []
    if inside:
        yield before, inside


def _crossings(lane_map: LaneMap, parts: list[_Part]) -> Iterator[RouteCrossing]:
    table: dict[int, list[int]] = {}
    for index, crossing in enumerate(lane_map.crossings):
        for lane in crossing.lanes:
            table.setdefault(lane, []).append(index)
    for part in parts:
        centre = lane_map.centre(part.lane)
        for index in table.get(part.lane, ()):
            s, _ = centre.project(lane_map.crossings[index].polygon)
            begin = part.at(float(s.min()))
            yield RouteCrossing(index, begin, part.at(float(s.max())), begin - _BEFORE_M)


@lru_cache(maxsize=8)
def lights_by_lane(lane_map: LaneMap) -> Mapping[int, list[tuple[str, float]]]:
    """Ids of the lights that hold for each lane, with the arc length where each stands."""
    table: dict[int, list[tuple[str, float]]] = {}
    for signal in lane_map.signals:
        if is_traffic_light(signal):
            for lane, s in signal.lanes:
                table.setdefault(lane, []).append((signal.id, s))
    return table


@lru_cache(maxsize=8)
def _lines_by_lane(lane_map: LaneMap) -> Mapping[int, list[float]]:
    table: dict[int, list[float]] = {}
    for line in lane_map.stop_lines:
        table.setdefault(line.lane, []).append(line.s_m)
    return table
