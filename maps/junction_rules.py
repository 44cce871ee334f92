"""Who goes first at a junction: conflict zones of a lane with those that it crosses or joins, and the right of way.

In: a lane map. Out: `ConflictZone`s in arc length of both lanes, with the rule that holds between them: signs first,
then who is on a roundabout, then right before left (left before right in left-hand traffic) and oncoming before turning
(Vienna Convention on Road Traffic, articles 10, 18 and 16).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely

from geometry.angles import wrap_rad
from maps.lane_map import LaneMap
from maps.signal_meaning import Rank, rank_of

REACH_M = 100.0
"""Others are looked for this far before a conflict zone."""

_SIGN_REACH_M = 60.0
"""Signs hold for the junction that follows within this distance."""

_ROUND_M = 300.0
"""A roundabout's ring is not longer."""

_STRAIGHT_M = 25.0
"""A lane of this length that hardly turns is no part of a ring."""

_TURN_RAD = math.radians(25.0)
_SMALLEST_ZONE_M2 = 0.05


@dataclass(frozen=True, slots=True)
class Approach:
    """How a junction is entered: the last lane before it, the heading at its end, its rank by signs."""

    lane: int
    yaw_rad: float
    rank: Rank


@dataclass(frozen=True, slots=True)
class ConflictZone:
    """Where a junction lane shares its surface with another one.

    `begin_m` to `end_m` on the own lane, `other_begin_m` to `other_end_m` on the other. `yields`: whether the own
    traffic has to let the other's go first; `yields_at_green`: the same while lights show green to the own traffic.
    `sources` are the lanes by which others come, with the distance from each one's beginning to the zone.
    """

    other: int
    begin_m: float
    end_m: float
    other_begin_m: float
    other_end_m: float
    yields: bool
    yields_at_green: bool
    sources: Mapping[int, float]


@lru_cache(maxsize=4096)
def conflict_zones(lane_map: LaneMap, lane: int) -> tuple[ConflictZone, ...]:
    """The conflict zones of a junction lane, in the order of the others' indices."""
    found = []
    for other in lane_map.conflicts[lane]:
        shared = shapely.intersection(lane_map.surface(lane), lane_map.surface(other))
        if shapely.area(shared) < _SMALLEST_ZONE_M2:
            continue
        points = shapely.get_coordinates(shared)
        own_s, other_s = (lane_map.centre(i).project(points)[0] for i in (lane, other))
        yields, at_green = _rule(lane_map, lane, other)
        found.append(
            ConflictZone(
                other, float(own_s.min()), float(own_s.max()), float(other_s.min()), float(other_s.max()), yields,
                at_green, _sources(lane_map, other, float(other_s.min())),
            )
        )  # fmt: skip
    return tuple(found)


def _sources(lane_map: LaneMap, lane: int, zone_m: float) -> Mapping[int, float]:
    """Lanes from which the zone on `lane` is reached within REACH_M, with the distance from their beginnings."""
    found = {lane: zone_m}
    rest = [lane]
    while rest:
        here = rest.pop()
        for before in lane_map.predecessors[here]:
            distance = found[here] + lane_map.length_m(before)
            if found[here] <= REACH_M and distance < found.get(before, math.inf):
                found[before] = distance
                rest.append(before)
    return found


def _rule(lane_map: LaneMap, lane: int, other: int) -> tuple[bool, bool]:
    """Whether traffic on `lane` yields to that on `other`: by signs and the general rule, and at green lights."""
    mine, theirs = approach(lane_map, lane), approach(lane_map, other)
    side = 1.0 if lane_map.right_hand else -1.0
    from_heading = side * wrap_rad(theirs.yaw_rad - mine.yaw_rad)
    my_turn, their_turn = (side * _turn_rad(lane_map, i) for i in (lane, other))
    oncoming = abs(from_heading) > math.radians(135.0)
    turns_across = oncoming and my_turn > _TURN_RAD and their_turn < _TURN_RAD
    # Who stops and who gives way are equals towards each other.
    my_rank, their_rank = (max(one.rank, Rank.YIELD) for one in (mine, theirs))
    if my_rank != their_rank:
        return my_rank < their_rank, turns_across
    if oncoming:
        return turns_across, turns_across
    if abs(from_heading) < math.radians(45.0):
        sharper = (abs(my_turn), lane) > (abs(their_turn), other)
        return sharper, sharper
    return from_heading > 0.0, False


@lru_cache(maxsize=4096)
def approach(lane_map: LaneMap, lane: int) -> Approach:
    """How traffic comes to a junction lane."""
    before = lane
    while lane_map.junction[before] and lane_map.predecessors[before]:
        before = lane_map.predecessors[before][0]
    centre = lane_map.centre(before)
    end_m = 0.0 if lane_map.junction[before] else centre.length_m
    rank = Rank.PRIORITY if _circulates(lane_map, lane) else _rank_by_signs(lane_map, before)
    return Approach(before, float(centre.heading(end_m)), rank)


def _rank_by_signs(lane_map: LaneMap, lane: int) -> Rank:
    reach, ranks = _SIGN_REACH_M, []
    signs = _signs(lane_map)
    while True:
        length = lane_map.length_m(lane)
        ranks += [rank for s, rank in signs.get(lane, ()) if s >= length - reach]
        reach -= length
        before = lane_map.predecessors[lane]
        if ranks or reach <= 0.0 or not before or lane_map.junction[before[0]]:
            return min(ranks, default=Rank.NONE)
        lane = before[0]


@lru_cache(maxsize=8)
def _signs(lane_map: LaneMap) -> Mapping[int, list[tuple[float, Rank]]]:
    """Signs about the right of way by lane."""
    table: dict[int, list[tuple[float, Rank]]] = {}
    for signal in lane_map.signals:
        if (rank := rank_of(signal)) is not Rank.NONE:
            for lane, s in signal.lanes:
                table.setdefault(lane, []).append((s, rank))
    return table


def _turn_rad(lane_map: LaneMap, lane: int) -> float:
    """How far a junction lane turns, left positive, with the lanes of the same junction that lead to and from it."""
    total, here = _own_turn(lane_map, lane), lane
    for links in (lane_map.predecessors, lane_map.successors):
        here = lane
        while len(links[here]) == 1 and lane_map.junction[links[here][0]] == lane_map.junction[lane]:
            here = links[here][0]
            total += _own_turn(lane_map, here)
            if here == lane:
                break
    return total


def _own_turn(lane_map: LaneMap, lane: int) -> float:
    centre = lane_map.centre(lane)
    stations = np.linspace(0.0, centre.length_m, 9)
    return float(np.sum(wrap_rad(np.diff(np.asarray(centre.heading(stations))))))


def _circulates(lane_map: LaneMap, lane: int) -> bool:
    """Whether the lane lies on the ring of a roundabout: going on brings one back, once around to the driver's side."""
    side = 1.0 if lane_map.right_hand else -1.0
    rest = [(lane, 0.0, 0.0, frozenset([lane]))]
    while rest:
        here, gone, turned, seen = rest.pop()
        gone += lane_map.length_m(here)
        turned += side * _own_turn(lane_map, here)
        for after in lane_map.successors[here]:
            if after == lane and abs(turned - 2.0 * math.pi) < 0.7:
                return True
            if after not in seen and gone < _ROUND_M and turned > -0.6 and not _is_straight(lane_map, after):
                rest.append((after, gone, turned, seen | {after}))
    return False


def _is_straight(lane_map: LaneMap, lane: int) -> bool:
    return lane_map.length_m(lane) > _STRAIGHT_M and abs(_own_turn(lane_map, lane)) < 0.2
