"""Ways on foot: along the pavements of a lane map, around its corners and over its crossings.

In: a lane map. Out: footways between places on its pavements (Dijkstra 1959), as paths in `world`. Nobody walks on a
lane, or over one where there is no crossing.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import shapely

from geometry.angles import Floats
from geometry.polyline import Polyline
from maps.lane_map import LaneMap

CORNER_M = 25.0
"""Ends of pavements are joined over so much ground at most, if no lane lies between them."""
BESIDE_M = 4.0
"""A pavement this near to a crossing leads to it."""
CLEAR_M = 0.5
"""Paths keep so far off the lanes, except on crossings."""
_JOINT_M = 1.0

Spot = tuple[int, float]
"""A lane of the kind `sidewalk` and an arc length on its centre."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a footway that lies on a crossing, in arc length."""

    crossing: int
    begin_m: float
    end_m: float


@dataclass(frozen=True, slots=True, eq=False)
class Footway:
    """A path on foot and its crossings in walking order."""

    path: Polyline
    stretches: tuple[Stretch, ...]


@dataclass(slots=True)
class Pavement:
    """The pavements of a map. `spots` are the places by which one comes to others: ends, corners, crossings."""

    lane_map: LaneMap
    spots: Mapping[int, list[float]]
    links: Mapping[Spot, tuple[tuple[Spot, int], ...]]
    """What a place is joined with beside its own pavement, and by which crossing (-1: none)."""
    reach: Mapping[int, tuple[int, ...]]
    """The pavements that one comes to from each."""
    _ways: dict[tuple[Spot, Spot], Footway] = field(default_factory=dict)

    @staticmethod
    def of(lane_map: LaneMap) -> Pavement:
        """Join the pavements of a map."""
        lanes = [
            i for i, kind in enumerate(lane_map.kinds)
            if kind == "sidewalk" and lane_map.length_m(i) > _JOINT_M
            and _is_clear(lane_map, shapely.LineString(lane_map.centre_points[lane_map.rows(i)]))
        ]  # fmt: skip
        links: dict[Spot, set[tuple[Spot, int]]] = defaultdict(set)
        for a, b, crossing in (*_corners(lane_map, lanes), *_crossings(lane_map, lanes)):
            links[a].add((b, crossing))
            links[b].add((a, crossing))
        spots = {lane: {0.0, lane_map.length_m(lane)} for lane in lanes}
        for lane, s in links:
            spots[lane].add(s)
        joined = {spot: tuple(sorted(ends)) for spot, ends in links.items()}
        return Pavement(lane_map, {lane: sorted(s) for lane, s in spots.items()}, joined, _reach(lanes, links))

    def way(self, start: Spot, goal: Spot) -> Footway:
        """The shortest way; start and goal lie on pavements that reach each other."""
        if (start, goal) not in self._ways:
            self._ways[start, goal] = self._found(start, goal)
        return self._ways[start, goal]

    def _found(self, start: Spot, goal: Spot) -> Footway:
        queue: list[tuple[float, Spot]] = [(0.0, start)]
        best: dict[Spot, float] = {start: 0.0}
        before: dict[Spot, tuple[Spot, int]] = {}
        while queue:
            cost, spot = heapq.heappop(queue)
            if spot == goal:
                break
            for other, crossing, length in self._neighbours(spot, goal):
                if cost + length < best.get(other, math.inf):
                    best[other], before[other] = cost + length, (spot, crossing)
                    heapq.heappush(queue, (cost + length, other))
        legs: list[tuple[Spot, Spot, int]] = []
        while goal != start:
            spot, crossing = before[goal]
            legs.append((spot, goal, crossing))
            goal = spot
        return self._footway(start, legs[::-1])

    def _neighbours(self, spot: Spot, goal: Spot) -> Iterator[tuple[Spot, int, float]]:
        lane, s = spot
        stations = sorted({*self.spots[lane], s, *([goal[1]] if goal[0] == lane else [])})
        here = stations.index(s)
        for k in (here - 1, here + 1):
            if 0 <= k < len(stations):
                yield (lane, stations[k]), -1, abs(stations[k] - s)
        for other, crossing in self.links.get(spot, ()):
            yield other, crossing, math.dist(self.position(spot), self.position(other))

    def position(self, spot: Spot) -> tuple[float, float]:
        """Where a place is."""
        x, y = self.lane_map.centre(spot[0]).position(np.array([spot[1]]))[0]
        return float(x), float(y)

    def _footway(self, start: Spot, legs: list[tuple[Spot, Spot, int]]) -> Footway:
        points = [np.array([self.position(start)])]
        crossed: list[tuple[int, Floats, Floats]] = []
        for a, b, crossing in legs:
            end = np.array([self.position(b)])
            if crossing >= 0:
                crossed.append((crossing, np.array(self.position(a)), end[0]))
            if a[0] == b[0]:
                rows = self.lane_map.rows(a[0])
                low, high = min(a[1], b[1]), max(a[1], b[1])
                inner = self.lane_map.centre_points[rows][
                    (self.lane_map.s_m[rows] > low) & (self.lane_map.s_m[rows] < high)
                ]
                points.append(inner if b[1] > a[1] else inner[::-1])
            points.append(end)
        line = np.concatenate(points)
        keep = np.concatenate(([True], np.hypot(*np.diff(line, axis=0).T) > 1e-3))
        if keep.sum() < 2:  # already there
            line, keep = np.vstack((line[0], line[0] + (0.01, 0.0))), np.array([True, True])
        path = Polyline.through(line[keep])
        return Footway(path, tuple(self._stretch(path, *item) for item in crossed))

    def _stretch(self, path: Polyline, crossing: int, a: Floats, b: Floats) -> Stretch:
        """Where a straight piece of the path lies over the crossing's polygon."""
        area = shapely.Polygon(self.lane_map.crossings[crossing].polygon)
        on = shapely.get_coordinates(shapely.LineString((a, b)).intersection(area))
        begin = float(path.project(a[None])[0][0])
        along = [begin + math.dist(a, point) for point in on]
        return Stretch(crossing, min(along), max(along))


def _reach(lanes: list[int], links: Mapping[Spot, set[tuple[Spot, int]]]) -> dict[int, tuple[int, ...]]:
    beside: dict[int, set[int]] = {lane: set() for lane in lanes}
    for (lane, _), ends in links.items():
        beside[lane].update(other for (other, _), _ in ends)
    reach: dict[int, tuple[int, ...]] = {}
    for lane in lanes:
        if lane in reach:
            continue
        found, queue = {lane}, [lane]
        while queue:
            new = beside[queue.pop()] - found
            found |= new
            queue += sorted(new)
        reach |= dict.fromkeys(found, tuple(sorted(found)))
    return reach


def _corners(lane_map: LaneMap, lanes: list[int]) -> Iterator[tuple[Spot, Spot, int]]:
    """Ends of pavements that are near each other with no lane between them."""
    ends = [(lane, s) for lane in lanes for s in (0.0, lane_map.length_m(lane))]
    places = [lane_map.centre(lane).position(np.array([s]))[0] for lane, s in ends]
    for i, a in enumerate(ends):
        for j in range(i + 1, len(ends)):
            gap_m = math.dist(places[i], places[j])
            if ends[j][0] == a[0] or gap_m > CORNER_M:
                continue
            if gap_m < _JOINT_M or _is_clear(lane_map, shapely.LineString((places[i], places[j]))):
                yield a, ends[j], -1


def _is_clear(lane_map: LaneMap, line: shapely.LineString) -> bool:
    """Whether a path keeps off all lanes that vehicles drive on."""
    low, high = np.array(line.bounds[:2]), np.array(line.bounds[2:])
    near = lane_map.lanes_near(0.5 * (low + high), 0.5 * math.dist(low, high) + CLEAR_M)
    return not any(lane_map.surface(int(lane)).distance(line) < CLEAR_M for lane in near)


def _crossings(lane_map: LaneMap, lanes: list[int]) -> Iterator[tuple[Spot, Spot, int]]:
    """The pavement on the one side of each crossing, and that on the other."""
    for index, crossing in enumerate(lane_map.crossings):
        if not crossing.lanes:
            continue
        area, middle = shapely.Polygon(crossing.polygon), crossing.polygon.mean(axis=0)
        centre = lane_map.centre(crossing.lanes[0])
        heading = float(centre.heading(float(centre.project(middle[None])[0][0])))
        sides: dict[bool, tuple[float, Spot]] = {}
        for lane in lanes:
            s = float(np.clip(lane_map.centre(lane).project(middle[None])[0][0], 0.0, lane_map.length_m(lane)))
            foot = lane_map.centre(lane).position(np.array([s]))[0]
            away_m = float(area.distance(shapely.Point(foot)))
            left = bool(math.cos(heading) * (foot - middle)[1] - math.sin(heading) * (foot - middle)[0] > 0.0)
            if away_m <= BESIDE_M and away_m < sides.get(left, (math.inf, None))[0]:
                sides[left] = away_m, (lane, s)
        if len(sides) == 2:
            a, b = sides[True][1], sides[False][1]
            line = shapely.LineString([lane_map.centre(lane).position(np.array([s]))[0] for lane, s in (a, b)])
            if line.intersects(area):
                yield a, b, index
