"""How lanes of a road network hang together, end to end.

In: roads and junctions as the file has them. Out: for each end of each lane of each section the ends it meets. Links
are made mutual: a file may state them on one side only, and traffic (and a scenario) may go both ways over them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from maps.road_model import Connection, Junction, Road


class LaneEnd(NamedTuple):
    """One end of one lane of one section; `at_end` is the end with the larger s."""

    road_id: str
    section: int
    lane_id: int
    at_end: bool


def link_lanes(roads: Mapping[str, Road], junctions: Mapping[str, Junction]) -> Mapping[LaneEnd, tuple[LaneEnd, ...]]:
    """The ends that each lane end meets, those that the file states for it first.

    Links to roads and lanes that are not there are left out: the road ends where its map was cut.
    """
    stated: dict[LaneEnd, dict[LaneEnd, None]] = {}
    for one, other in _stated_links(roads, junctions):
        if _exists(roads, one) and _exists(roads, other):
            stated.setdefault(one, {})[other] = None
    mutual = {end: dict(others) for end, others in stated.items()}
    for end, others in stated.items():
        for other in others:
            mutual.setdefault(other, {})[end] = None
    return MappingProxyType({end: tuple(others) for end, others in mutual.items()})


def _exists(roads: Mapping[str, Road], end: LaneEnd) -> bool:
    return end.lane_id in roads[end.road_id].sections[end.section].lanes


def _stated_links(roads: Mapping[str, Road], junctions: Mapping[str, Junction]) -> Iterator[tuple[LaneEnd, LaneEnd]]:
    for road in roads.values():
        yield from _within(road)
        yield from _between(road, roads)
    for junction in junctions.values():
        for connection in junction.connections:
            yield from _through(connection, junction.id, roads)


def _within(road: Road) -> Iterator[tuple[LaneEnd, LaneEnd]]:
    """From section to section."""
    for index, section in enumerate(road.sections):
        for lane in section.lanes.values():
            if index + 1 < len(road.sections):
                for other in lane.successors:
                    yield LaneEnd(road.id, index, lane.id, True), LaneEnd(road.id, index + 1, other, False)
            if index > 0:
                for other in lane.predecessors:
                    yield LaneEnd(road.id, index, lane.id, False), LaneEnd(road.id, index - 1, other, True)


def _between(road: Road, roads: Mapping[str, Road]) -> Iterator[tuple[LaneEnd, LaneEnd]]:
    """From a road to the road that its link names."""
    last = len(road.sections) - 1
    for link, section, at_end in ((road.predecessor, 0, False), (road.successor, last, True)):
        if link is None or link.junction or link.id not in roads:
            continue
        for lane in road.sections[section].lanes.values():
            for other in lane.successors if at_end else lane.predecessors:
                yield LaneEnd(road.id, section, lane.id, at_end), _road_end(roads[link.id], other, link.at_start)


def _through(connection: Connection, junction_id: str, roads: Mapping[str, Road]) -> Iterator[tuple[LaneEnd, LaneEnd]]:
    """From an incoming road onto a connecting one."""
    incoming, connecting = roads.get(connection.incoming_id), roads.get(connection.connecting_id)
    if incoming is None or connecting is None:
        return
    leave_at_start = _meets_at_start(incoming, connecting, connection.at_start, junction_id)
    for lane_from, lane_to in connection.lane_links:
        yield _road_end(incoming, lane_from, leave_at_start), _road_end(connecting, lane_to, connection.at_start)


def _road_end(road: Road, lane_id: int, at_start: bool) -> LaneEnd:
    return LaneEnd(road.id, 0 if at_start else len(road.sections) - 1, lane_id, not at_start)


def _meets_at_start(incoming: Road, connecting: Road, contact_at_start: bool, junction_id: str) -> bool:
    """Which end of the incoming road lies at the junction; where both do, the one nearer to the connecting road."""
    starts = [_enters(incoming, junction_id, at_start) for at_start in (True, False)]
    if starts[0] != starts[1]:
        return starts[0]
    x, y, _, _ = connecting.line.at(0.0 if contact_at_start else connecting.length_m)
    gaps = [math.dist((x, y), incoming.line.at(s)[:2]) for s in (0.0, incoming.length_m)]
    return gaps[0] < gaps[1]


def _enters(road: Road, junction_id: str, at_start: bool) -> bool:
    link = road.predecessor if at_start else road.successor
    return link is not None and link.junction and link.id == junction_id
