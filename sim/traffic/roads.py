"""What traffic asks of a lane map, computed once: ways on, speeds, conflicts, lights and crossings of each lane."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS
from maps.route_rules import lights_by_lane

UNSIGNED_MPS = 15.0
"""Speed where the map names no limit."""

CLEAR_M = 30.0
"""Lanes are not changed so near to their beginning, and twice that before their end."""

WIDE_M = 2.8

STANDING_M = 10.0
"""No vehicle waits on a lane shorter than this between two junctions."""

LATERAL_MPS2 = 2.0
"""Comfortable in curves; sets the speed there."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Where a pedestrian crossing lies on a lane, in arc length; `crossing` is its index in the map."""

    crossing: int
    begin_m: float
    end_m: float


@dataclass(slots=True)
class Roads:
    """N lanes of a map as traffic sees them; sequences have an entry per lane."""

    lane_map: LaneMap
    length_m: list[float]
    limit_mps: list[float]
    """The highest speed: the limit, and what the sharpest curve allows; 0 where nobody drives."""
    ways_on: list[tuple[int, ...]]
    entries: tuple[int, ...]
    """Lanes that vehicles enter the map by."""
    conflicts: list[frozenset[int]]
    siblings: list[tuple[int, ...]]
    """Lanes that part from the same lane as this one."""
    inside: list[bool]
    """Whether a lane belongs to a junction, or lies between two and is too short to stand on: part of a roundabout."""
    ends: list[bool]
    """Whether a lane ends while the one beside it goes on, so that one has to leave it."""
    light_ids: Mapping[int, tuple[str, ...]]
    """The traffic lights that hold for each lane."""
    zones: Mapping[int, tuple[Zone, ...]]
    """The pedestrian crossings on each lane, in driving order."""

    @staticmethod
    def of(lane_map: LaneMap) -> Roads:
        """Collect lengths, speeds (limit and curves), successors, conflicts and crossings."""
        lanes = range(lane_map.size)
        driving = [kind in DRIVABLE_KINDS and kind != "stop" for kind in lane_map.kinds]
        ways = [tuple(i for i in lane_map.successors[lane] if driving[i]) for lane in lanes]
        entries = tuple(
            lane
            for lane in lanes
            if driving[lane]
            and not any(driving[i] for i in lane_map.predecessors[lane])
            and float(lane_map.widths_m(lane)[0]) >= WIDE_M  # a lane that opens beside another is no way in
            and not lane_map.junction[lane]
        )
        siblings = [_siblings(lane_map, lane, ways) for lane in lanes]
        return Roads(
            lane_map,
            [lane_map.length_m(lane) for lane in lanes],
            [_lane_speed(lane_map, lane) if driving[lane] else 0.0 for lane in lanes],
            ways,
            entries,
            [_conflicts(lane_map, lane, ways) - set(siblings[lane]) for lane in lanes],
            siblings,
            [_is_inside(lane_map, lane, ways) for lane in lanes],
            [driving[lane] and not ways[lane] and _goes_on_beside(lane_map, lane, ways) for lane in lanes],
            {lane: tuple(name for name, _ in found) for lane, found in lights_by_lane(lane_map).items()},
            _zones(lane_map),
        )

    def is_wide(self, lane: int, s_m: float) -> bool:
        """Whether a lane has its full width from here on for a lane change."""
        rows = self.lane_map.rows(lane)
        s, widths = self.lane_map.s_m[rows], self.lane_map.widths_m(lane)
        stations = np.linspace(s_m - 10.0, s_m + 2.0 * CLEAR_M, 8)
        return bool(np.interp(stations, s, widths).min() >= WIDE_M)


def _siblings(lane_map: LaneMap, lane: int, ways: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sorted({other for before in lane_map.predecessors[lane] for other in ways[before]} - {lane}))


def _conflicts(lane_map: LaneMap, lane: int, ways: Sequence[tuple[int, ...]]) -> frozenset[int]:
    """Lanes of the same junction that cross or join this one."""
    if not lane_map.junction[lane]:
        return frozenset()
    after = [other for way in ways[lane] for other in lane_map.predecessors[way]]
    joined = {other for other in after if lane_map.junction[other]}
    return frozenset((set(lane_map.conflicts[lane]) | joined) - {lane})


def _is_inside(lane_map: LaneMap, lane: int, ways: Sequence[tuple[int, ...]]) -> bool:
    if lane_map.junction[lane]:
        return True
    around = (*lane_map.predecessors[lane], *ways[lane])
    both = bool(lane_map.predecessors[lane]) and bool(ways[lane])
    return both and lane_map.length_m(lane) < STANDING_M and all(lane_map.junction[other] for other in around)


def _goes_on_beside(lane_map: LaneMap, lane: int, ways: Sequence[tuple[int, ...]]) -> bool:
    beside = (int(lane_map.left_neighbour[lane]), int(lane_map.right_neighbour[lane]))
    return any(other >= 0 and ways[other] for other in beside)


def _lane_speed(lane_map: LaneMap, lane: int) -> float:
    """The highest speed on a lane: its limit, and its sharpest curve over 10 m."""
    rows = lane_map.rows(lane)
    limits = lane_map.speed_limit_mps[rows]
    limit = float(np.nanmin(limits)) if np.isfinite(limits).any() else UNSIGNED_MPS
    centre = lane_map.centre(lane)
    s = np.arange(0.0, max(centre.length_m - 10.0, 0.0) + 1e-9, 2.0)
    turn = np.abs(np.asarray(centre.heading(np.minimum(s + 10.0, centre.length_m))) - np.asarray(centre.heading(s)))
    sharpest = float(turn.max()) / min(10.0, max(centre.length_m, 1.0))
    return min(limit, math.sqrt(LATERAL_MPS2 / sharpest) if sharpest > 1e-6 else math.inf)


def _zones(lane_map: LaneMap) -> Mapping[int, tuple[Zone, ...]]:
    found: dict[int, list[Zone]] = defaultdict(list)
    for index, crossing in enumerate(lane_map.crossings):
        for lane in crossing.lanes:
            s, _ = lane_map.centre(lane).project(crossing.polygon)
            if s.max() - s.min() > 0.5:  # a polygon that only touches the end of a lane is no crossing of it
                found[lane].append(Zone(index, float(s.min()), float(s.max())))
    return {lane: tuple(sorted(zones, key=lambda zone: zone.begin_m)) for lane, zones in found.items()}
