"""Defects of a road network: what a map's author should know before somebody drives on it.

In: a `RoadNetwork`. Out: defects with road, s and the numbers. A map without defects gives an empty list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from geometry.angles import wrap_rad
from maps.road_links import LaneEnd
from maps.road_model import DRIVABLE_KINDS, Road, RoadLink, RoadObject, Signal
from maps.road_network import RoadNetwork

GAP_M = 0.1
"""Ends that should meet may lie this far apart."""

TURN_RAD = 0.05
"""Headings that should agree may differ by this much."""

NARROW_M = 1.5
"""A driving lane that nobody fits through, away from where it begins or ends."""

EDGE_GAP_M = 0.2
TAPER_M = 60.0


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong; `kind` is a word to filter by."""

    kind: str
    road_id: str
    s_m: float
    text: str

    def __str__(self) -> str:
        return f"road {self.road_id} at s = {self.s_m:.2f} m: {self.text} [{self.kind}]"


def defects_of(network: RoadNetwork) -> tuple[Defect, ...]:
    """All defects, by kind, then in the order of the roads."""
    found = [defect for check in CHECKS for defect in check(network)]
    return tuple(found)


def _references(network: RoadNetwork) -> Iterator[Defect]:
    """Links and connections that name roads or junctions that are not there."""
    for road in network.roads.values():
        for link, s in ((road.predecessor, 0.0), (road.successor, road.length_m)):
            if link is None:
                continue
            known = network.junctions if link.junction else network.roads
            if link.id not in known:
                kind = "junction" if link.junction else "road"
                yield Defect("reference", road.id, s, f"is linked to {kind} {link.id}, which does not exist")
    for junction in network.junctions.values():
        for connection in junction.connections:
            for road_id in (connection.incoming_id, connection.connecting_id):
                if road_id not in network.roads:
                    text = f"junction {junction.id}, connection {connection.id} names it, but it does not exist"
                    yield Defect("reference", road_id, 0.0, text)


def _one_sided(network: RoadNetwork) -> Iterator[Defect]:
    """Roads that name a neighbour which does not name them."""
    for road in network.roads.values():
        for link, at_start in ((road.predecessor, True), (road.successor, False)):
            if link is None or link.junction or link.id not in network.roads:
                continue
            other = network.roads[link.id]
            back = other.predecessor if link.at_start else other.successor
            s = 0.0 if at_start else road.length_m
            # Roads inside junctions are named by the junction, not by the roads around it.
            if back is None or (not back.junction and back.id != road.id):
                yield Defect("one-sided", road.id, s, f"names road {link.id}, which does not name it back")


def _gaps(network: RoadNetwork) -> Iterator[Defect]:
    """Linked road ends that do not meet in place or heading."""
    for road in network.roads.values():
        for link, s in ((road.predecessor, 0.0), (road.successor, road.length_m)):
            if link is None or link.junction or link.id not in network.roads:
                continue
            yield from _gap(network, road, s, link)


def _gap(network: RoadNetwork, road: Road, s_m: float, link: RoadLink) -> Iterator[Defect]:
    other = network.roads[link.id]
    x, y, yaw, _ = road.line.at(s_m)
    ox, oy, other_yaw, _ = other.line.at(0.0 if link.at_start else other.length_m)
    # Of two roads that meet head to head or tail to tail, one runs the other way.
    same_way = (s_m > 0.0) == link.at_start
    turn = abs(wrap_rad(yaw - other_yaw - (0.0 if same_way else math.pi)))
    # Reference lines may jump where lanes do not (a widening); what counts are the lanes, see `_lane_gaps`.
    if math.hypot(x - ox, y - oy) > GAP_M and not _lanes_meet(network, road, s_m):
        yield Defect("gap", road.id, s_m, f"ends {math.hypot(x - ox, y - oy):.2f} m away from road {link.id}")
    if turn > TURN_RAD:
        yield Defect("kink", road.id, s_m, f"meets road {link.id} at an angle of {math.degrees(turn):.1f} degrees")


def _lanes_meet(network: RoadNetwork, road: Road, s_m: float) -> bool:
    """Whether all driving lanes that are linked at this end of the road meet those behind it."""
    section = len(road.sections) - 1 if s_m > 0.0 else 0
    gaps = []
    for lane_id in road.sections[section].ids:
        end = LaneEnd(road.id, section, lane_id, s_m > 0.0)
        if road.sections[section].lanes[lane_id].kind in DRIVABLE_KINDS:
            gaps += [_lane_gap(network, end, other) for other in network.links.get(end, ())]
    return bool(gaps) and max(gaps) <= EDGE_GAP_M


def _lane_gaps(network: RoadNetwork) -> Iterator[Defect]:
    """Linked lanes whose middles do not meet."""
    for end, others in network.links.items():
        lane = network.roads[end.road_id].sections[end.section].lanes[end.lane_id]
        if lane.kind not in DRIVABLE_KINDS:
            continue
        for other in others:
            gap = _lane_gap(network, end, other)
            if gap > EDGE_GAP_M and end < other:
                text = f"lane {end.lane_id} ends {gap:.2f} m away from lane {other.lane_id} of road {other.road_id}"
                yield Defect("lane-gap", end.road_id, _end_s(network, end), text)


def _lane_gap(network: RoadNetwork, end: LaneEnd, other: LaneEnd) -> float:
    return math.dist(_lane_end(network, end), _lane_end(network, other))


def _lane_end(network: RoadNetwork, end: LaneEnd) -> tuple[float, float]:
    s = _end_s(network, end)
    section = network.roads[end.road_id].sections[end.section]
    pose = network.world_pose_st(end.road_id, s, section.lanes[end.lane_id].centre_t.at(s))
    return pose.x_m, pose.y_m


def _end_s(network: RoadNetwork, end: LaneEnd) -> float:
    section = network.roads[end.road_id].sections[end.section]
    return section.end_m if end.at_end else section.s_m


def _bends(network: RoadNetwork) -> Iterator[Defect]:
    """Reference lines that jump or bend between two of their pieces."""
    for road in network.roads.values():
        for s in road.line.starts_m[1:]:
            before, after = road.line.at(s - 1e-6), road.line.at(s + 1e-6)
            gap, turn = math.dist(before[:2], after[:2]), abs(wrap_rad(before[2] - after[2]))
            if gap > GAP_M:
                yield Defect("gap", road.id, s, f"the reference line jumps by {gap:.2f} m")
            if turn > TURN_RAD:
                yield Defect("kink", road.id, s, f"the reference line bends by {math.degrees(turn):.1f} degrees")


def _widths(network: RoadNetwork) -> Iterator[Defect]:
    """Driving lanes that nobody fits through (the reader refuses negative widths)."""
    for road in network.roads.values():
        for section in road.sections:
            span = section.end_m - section.s_m
            stations = [section.s_m + span * share for share in (0.05, 0.25, 0.5, 0.75, 0.95)]
            for lane_id in section.ids:
                lane = section.lanes[lane_id]
                widest = max(lane.width_m(s) for s in stations)
                if lane.kind in DRIVABLE_KINDS and span > TAPER_M and widest < NARROW_M:
                    yield Defect("narrow", road.id, section.s_m, f"lane {lane_id} is at most {widest:.2f} m wide")


def _dead_ends(network: RoadNetwork) -> Iterator[Defect]:
    """Driving lanes that end although their road goes on."""
    for road in network.roads.values():
        last = len(road.sections) - 1
        for index, section in enumerate(road.sections):
            for lane_id in section.ids:
                lane = section.lanes[lane_id]
                if lane.kind not in DRIVABLE_KINDS:
                    continue
                at_end = network.drive_sign(road.id, lane_id, section.s_m) > 0
                end = LaneEnd(road.id, index, lane_id, at_end)
                edge = (road.successor if at_end else road.predecessor) if index == (last if at_end else 0) else True
                s = _end_s(network, end)
                wide = lane.width_m(s - 1e-3 if at_end else s + 1e-3) > NARROW_M
                if edge and wide and not network.links.get(end):
                    yield Defect("dead-end", road.id, s, f"lane {lane_id} has no successor though the road goes on")


def _beyond(network: RoadNetwork) -> Iterator[Defect]:
    """Signals and objects that stand beyond the end of their road."""
    for road in network.roads.values():
        items: tuple[Signal | RoadObject, ...] = (*road.signals, *road.objects)
        for item in items:
            if not -1e-3 <= item.s_m <= road.length_m + 1e-3:
                text = (
                    f"{item.kind or 'something'} {item.id} stands beyond the road, which is {road.length_m:.2f} m long"
                )
                yield Defect("beyond", road.id, item.s_m, text)


CHECKS: tuple[Callable[[RoadNetwork], Iterator[Defect]], ...] = (
    _references, _one_sided, _gaps, _lane_gaps, _bends, _widths, _dead_ends, _beyond,
)  # fmt: skip
