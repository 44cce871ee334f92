"""Ways over the roads from one place to another: which roads, how far, and which turn to take where lanes fork.

Roads are searched whole: whoever is on a road may change lanes on it, so a way exists where any lane leads on.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from maps.road_model import DRIVABLE_KINDS
from maps.road_network import RoadNetwork, RoadPosition, Turn, straightest

FARTHEST_M = 20_000.0
"""No way is searched beyond this length."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of one road, driven from `from_s_m` to `to_s_m`."""

    road_id: str
    from_s_m: float
    to_s_m: float
    along_s: bool

    @property
    def length_m(self) -> float:
        return abs(self.to_s_m - self.from_s_m)


End = tuple[str, bool]
"""A road, and whether it is travelled along s."""


@lru_cache(maxsize=16)
def _onward(network: RoadNetwork, in_order: bool) -> Mapping[End, tuple[End, ...]]:
    """Which roads, travelled how, follow after a road is travelled to its end; `in_order`: over lanes whose traffic
    runs that way."""
    found: dict[End, dict[End, None]] = {}
    for end, others in network.links.items():
        last = len(network.roads[end.road_id].sections) - 1
        if end.section != (last if end.at_end else 0) or end.lane_id == 0:
            continue
        s_m = network.road_length(end.road_id) if end.at_end else 0.0
        if in_order and (network.drive_sign(end.road_id, end.lane_id, s_m) > 0) != end.at_end:
            continue
        for other in others:
            if other.road_id != end.road_id:
                found.setdefault((end.road_id, end.at_end), {})[(other.road_id, not other.at_end)] = None
    return {key: tuple(value) for key, value in found.items()}


def find_way(
    network: RoadNetwork, start: RoadPosition, along_s: bool, goal: RoadPosition, in_order: bool
) -> tuple[Stretch, ...]:
    """The shortest way that leaves `start` in the given direction; empty where there is none (Dijkstra, 1959).

    `in_order`: only over lanes whose traffic runs that way.
    """
    if start.road_id == goal.road_id and (goal.s_m >= start.s_m) == along_s:
        return (Stretch(start.road_id, start.s_m, goal.s_m, along_s),)
    onward = _onward(network, in_order)
    rest = network.road_length(start.road_id) - start.s_m if along_s else start.s_m
    queue: list[tuple[float, int, End, tuple[End, ...]]] = [(rest, 0, (start.road_id, along_s), ())]
    done: set[End] = set()
    serial = 0
    while queue:
        gone, _, end, before = heapq.heappop(queue)
        if end in done or gone > FARTHEST_M:
            continue
        if before:  # the start's own road may be met again, travelled from its beginning
            done.add(end)
            if end[0] == goal.road_id:
                return _stretches(network, start, goal, (*before, end))
        for other in onward.get(end, ()):
            serial += 1
            length = network.road_length(other[0])
            if other[0] == goal.road_id:
                length = goal.s_m if other[1] else length - goal.s_m
            heapq.heappush(queue, (gone + length, serial, other, (*before, end)))
    return ()


def _stretches(
    network: RoadNetwork, start: RoadPosition, goal: RoadPosition, ends: tuple[End, ...]
) -> tuple[Stretch, ...]:
    found = []
    for i, (road_id, along_s) in enumerate(ends):
        length = network.road_length(road_id)
        first, last = (0.0, length) if along_s else (length, 0.0)
        found.append(
            Stretch(road_id, start.s_m if i == 0 else first, goal.s_m if i == len(ends) - 1 else last, along_s)
        )
    return tuple(found)


def distance_along(network: RoadNetwork, start: RoadPosition, along_s: bool, goal: RoadPosition) -> float | None:
    """Metres of reference line from one place to another, negative behind; None where no road leads there."""
    if start.road_id == goal.road_id:
        ahead = goal.s_m - start.s_m
        return ahead if along_s else -ahead
    ways = [find_way(network, start, forwards, goal, in_order=False) for forwards in (along_s, not along_s)]
    lengths = [sum(stretch.length_m for stretch in way) if way else float("inf") for way in ways]
    if min(lengths) == float("inf"):
        return None
    return lengths[0] if lengths[0] <= lengths[1] else -lengths[1]


@dataclass(frozen=True, slots=True)
class Way:
    """A way with its lane at the start; `at` and `path_m` translate between metres along it and places on the road."""

    stretches: tuple[Stretch, ...]
    lane_id: int

    @property
    def length_m(self) -> float:
        return sum(stretch.length_m for stretch in self.stretches)

    def goal(self, network: RoadNetwork) -> RoadPosition:
        """The end of the way, on the outermost drivable lane of its direction (lane 0 where there is none)."""
        last = self.stretches[-1]
        lanes = [
            lane_id
            for lane_id in network.lane_ids(last.road_id, last.to_s_m)
            if (network.drive_sign(last.road_id, lane_id, last.to_s_m) > 0) == last.along_s
            and network.lane_kind(last.road_id, lane_id, last.to_s_m) in DRIVABLE_KINDS
        ]
        return RoadPosition(last.road_id, last.to_s_m, max(lanes, key=abs, default=0))

    def choose(self, turns: tuple[Turn, ...]) -> Turn:
        """The turn that lies on the way (the straightest where none does)."""
        roads = [stretch.road_id for stretch in self.stretches]
        on_way = tuple(turn for turn in turns if turn.road_id in roads)
        return min(on_way, key=lambda turn: roads.index(turn.road_id)) if on_way else straightest(turns)

    def stretch_at(self, path_m: float) -> tuple[Stretch, float]:
        """The stretch after so many metres, and the s there (beyond the last one: its continuation)."""
        rest = path_m
        for stretch in self.stretches[:-1]:
            if rest < stretch.length_m:
                return stretch, stretch.from_s_m + (rest if stretch.along_s else -rest)
            rest -= stretch.length_m
        last = self.stretches[-1]
        return last, last.from_s_m + (rest if last.along_s else -rest)

    def path_m(self, road: RoadPosition) -> float | None:
        """Metres along the way at a place; None where the place is on none of its roads."""
        gone = 0.0
        for stretch in self.stretches:
            if stretch.road_id == road.road_id:
                return gone + (road.s_m - stretch.from_s_m) * (1.0 if stretch.along_s else -1.0)
            gone += stretch.length_m
        return None


def way_through(network: RoadNetwork, places: tuple[RoadPosition, ...]) -> Way | None:
    """The way through all places in order; None where one cannot be reached."""
    stretches: list[Stretch] = []
    first = places[0]
    along = network.drive_sign(first.road_id, first.lane_id, first.s_m) > 0
    for start, goal in pairwise(places):
        options = ((along, True), (along, False), (not along, False))
        ways = (find_way(network, start, forwards, goal, in_order) for forwards, in_order in options)
        found = next((way for way in ways if way), None)
        if found is None:
            return None
        if stretches and stretches[-1].road_id == found[0].road_id and stretches[-1].along_s == found[0].along_s:
            merged = Stretch(found[0].road_id, stretches[-1].from_s_m, found[0].to_s_m, found[0].along_s)
            found = (merged, *found[1:])
            stretches.pop()
        stretches += found
        along = stretches[-1].along_s
    if not stretches:
        return None
    return Way(tuple(stretches), first.lane_id)
