"""The towns of the shipped scenarios: streets between nodes, and what each node is.

`python -m lanewise.scenarios.own_maps` writes them with the other maps. A node is a crossing (with lights, a priority
road, stop signs or right before left), a corner, or a roundabout; every street has one lane and a pavement per
direction, and a pedestrian crossing before each node that asks for one. Measures after the German RASt, in round
numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from geometry.angles import wrap_rad
from geometry.pose import Pose
from lanewise.scenarios.road_parts import Strip, chain, road, section
from maps.road_geometry import Bend
from maps.road_model import Connection, Junction, LaneSection, Road, RoadLink, RoadObject, Signal
from maps.road_network import RoadNetwork

LANE_M, PAVEMENT_M = 3.5, 2.5
BORDER_M = 13.0
"""From the middle of a crossing to where its streets end."""
RING_M, RING_BORDER_M = 14.0, 32.0
"""Inner radius of a roundabout's lane, and from its middle to where its streets end."""
_RING_REACH_RAD = math.radians(35.0)
"""Before and after each street the ring belongs to that street's junction."""
_STOP_LINE_M, _LIGHT_M, _CROSSING_M = 6.0, 5.5, (1.5, 4.5)
"""From the street's end to the stop line, the light or sign, and the near and far side of the crossing."""

_CENTRE, _KERB = ("broken", "white", 0.12), ("curb", "standard", 0.15)
_NOTHING = ("none", "white", 0.0)


@dataclass(frozen=True, slots=True)
class Node:
    """A place where streets meet. `rule`: `lights`, `priority`, `stop`, `right` (before left) or `roundabout`.

    With `priority` and `stop` the streets along x are the main road.
    """

    name: str
    x_m: float
    y_m: float
    rule: str = "right"
    crossings: bool = False

    @property
    def border_m(self) -> float:
        """From the node's middle to where its streets end."""
        return RING_BORDER_M if self.rule == "roundabout" else BORDER_M


@dataclass(frozen=True, slots=True)
class Street:
    """A straight street between two nodes."""

    first: str
    second: str
    limit_kmh: float = 50.0


@dataclass(frozen=True, slots=True)
class _Arm:
    """A street as its node sees it: `outward` is the pose of its middle at the node's border, heading away."""

    road_id: str
    at_start: bool
    outward: Pose
    limit_kmh: float

    def angle_rad(self, node: Node) -> float:
        """The direction in which the street lies from its node."""
        return math.atan2(self.outward.y_m - node.y_m, self.outward.x_m - node.x_m)

    @property
    def lane_in(self) -> int:
        """The lane by which traffic comes to the node."""
        return 1 if self.at_start else -1


@dataclass(slots=True)
class _Building:
    """The network while it grows."""

    roads: dict[str, Road] = field(default_factory=dict)
    junctions: dict[str, Junction] = field(default_factory=dict)

    def next_road(self) -> str:
        return str(len(self.roads) + 1)

    def next_junction(self) -> str:
        return str(1000 + len(self.junctions))


def town_network(nodes: Sequence[Node], streets: Sequence[Street]) -> RoadNetwork:
    """The roads of a town."""
    building = _Building()
    by_name = {node.name: node for node in nodes}
    arms: dict[str, list[_Arm]] = {node.name: [] for node in nodes}
    for street in streets:
        first, second = by_name[street.first], by_name[street.second]
        road_id = building.next_road()
        line = _street_line(first, second)
        building.roads[road_id] = _street(road_id, street, line)
        turned = Pose(line.x_m, line.y_m, line.yaw_rad) @ Pose(line.length_m, 0.0, math.pi)
        arms[first.name].append(_Arm(road_id, True, Pose(line.x_m, line.y_m, line.yaw_rad), street.limit_kmh))
        arms[second.name].append(_Arm(road_id, False, turned, street.limit_kmh))
    for node in nodes:
        around = sorted(arms[node.name], key=lambda arm: arm.angle_rad(node))
        if node.rule == "roundabout":
            _roundabout(building, node, around)
        else:
            _crossing(building, node, around)
        for arm in around:
            building.roads[arm.road_id] = _furnished(building.roads[arm.road_id], node, arm)
    return RoadNetwork.of(building.roads, building.junctions)


def _street_line(first: Node, second: Node) -> Bend:
    yaw = math.atan2(second.y_m - first.y_m, second.x_m - first.x_m)
    length = math.hypot(second.x_m - first.x_m, second.y_m - first.y_m) - first.border_m - second.border_m
    x, y = first.x_m + first.border_m * math.cos(yaw), first.y_m + first.border_m * math.sin(yaw)
    return Bend(0.0, x, y, yaw, length, 0.0, 0.0)


def _street(road_id: str, street: Street, line: Bend) -> Road:
    strips: list[Strip] = [("driving", LANE_M, _KERB), ("sidewalk", PAVEMENT_M, _NOTHING)]
    lanes = section(0.0, line.length_m, strips, strips, {lane: (None, None) for lane in (-2, -1, 1, 2)}, _CENTRE)
    name = f"{street.first} - {street.second}"
    return road(road_id, name, [line], [lanes], "town", street.limit_kmh)


# --- crossings --------------------------------------------------------------------------------------------------------


def _crossing(building: _Building, node: Node, arms: Sequence[_Arm]) -> None:
    """A junction with a connecting road from each street into each other one; a single street ends there."""
    if len(arms) < 2:
        return
    junction_id = building.next_junction()
    connections: list[Connection] = []
    for come in arms:
        for go in arms:
            if come is go:
                continue
            begin = come.outward @ Pose(0.0, 0.0, math.pi)
            bends = fillet(begin, go.outward)
            connections.append(_connect(building, junction_id, come, go, bends, len(connections)))
    building.junctions[junction_id] = Junction(junction_id, node.name, "default", tuple(connections), (), ())
    for arm in arms:
        _link(building, arm, junction_id)


def _connect(
    building: _Building, junction_id: str, come: _Arm, go: _Arm, bends: Sequence[Bend], number: int
) -> Connection:
    """A one-way connecting road with lane -1."""
    road_id = building.next_road()
    building.roads[road_id] = _one_way(
        road_id, bends, junction_id, RoadLink(False, come.road_id, come.at_start),
        RoadLink(False, go.road_id, go.at_start), come.lane_in, -go.lane_in, min(come.limit_kmh, go.limit_kmh),
    )  # fmt: skip
    return Connection(str(number), come.road_id, road_id, True, ((come.lane_in, -1),))


def _one_way(
    road_id: str, bends: Sequence[Bend], junction_id: str | None, before: RoadLink, after: RoadLink, lane_before: int,
    lane_after: int, limit_kmh: float,
) -> Road:  # fmt: skip
    end = bends[-1].s_m + bends[-1].length_m
    links = {-1: (lane_before, lane_after)}
    edge = _NOTHING if junction_id else _KERB
    lanes = section(0.0, end, [], [("driving", LANE_M, edge)], links)
    one = road(road_id, "", bends, [lanes], "town", limit_kmh, before, after)
    return replace(one, junction_id=junction_id)


def _link(building: _Building, arm: _Arm, junction_id: str) -> None:
    """Tell a street that it ends at a junction."""
    link, street = RoadLink(True, junction_id, False), building.roads[arm.road_id]
    change = {"predecessor": link} if arm.at_start else {"successor": link}
    building.roads[arm.road_id] = replace(street, **change)  # type: ignore[arg-type]  # names of fields


def fillet(begin: Pose, end: Pose) -> list[Bend]:
    """The widest arc from one pose to another with straight lines before or after it, or one straight line.

    The two headings must meet: the end lies ahead of the begin, and the begin behind the end.
    """
    turn = wrap_rad(end.yaw_rad - begin.yaw_rad)
    dx, dy = end.x_m - begin.x_m, end.y_m - begin.y_m
    if abs(turn) < 1e-6:
        return chain(begin.x_m, begin.y_m, begin.yaw_rad, [(math.hypot(dx, dy), 0.0, 0.0)])
    across = math.sin(turn)
    first = (dx * math.sin(end.yaw_rad) - dy * math.cos(end.yaw_rad)) / across
    second = (dy * math.cos(begin.yaw_rad) - dx * math.sin(begin.yaw_rad)) / across
    shorter = min(first, second)
    radius = shorter / math.tan(0.5 * abs(turn))
    curvature = math.copysign(1.0 / radius, turn)
    parts = [
        (first - shorter, 0.0, 0.0), (radius * abs(turn), curvature, curvature), (second - shorter, 0.0, 0.0),
    ]  # fmt: skip
    return chain(begin.x_m, begin.y_m, begin.yaw_rad, [part for part in parts if part[0] > 1e-3])


# --- roundabouts ------------------------------------------------------------------------------------------------------


def _roundabout(building: _Building, node: Node, arms: Sequence[_Arm]) -> None:
    """A ring, counter-clockwise, with a junction at each street."""
    angles = [arm.angle_rad(node) for arm in arms]
    first = int(building.next_road())
    ring = [str(first + k) for k in range(len(arms))]
    for k, angle in enumerate(angles):
        after = angles[(k + 1) % len(angles)]
        span = (after - angle) % math.tau - 2.0 * _RING_REACH_RAD
        begin = _on_ring(node, angle + _RING_REACH_RAD)
        bends = chain(begin.x_m, begin.y_m, begin.yaw_rad, [(RING_M * span, 1.0 / RING_M, 1.0 / RING_M)])
        junctions = [str(1000 + len(building.junctions) + (k + step) % len(angles)) for step in (0, 1)]
        links = [RoadLink(True, name, False) for name in junctions]
        one = road(
            ring[k], f"{node.name} ring", bends, [_ring_section(bends)], "town", 30.0, links[0], links[1]
        )  # fmt: skip
        building.roads[ring[k]] = one
    for k, (arm, angle) in enumerate(zip(arms, angles, strict=True)):
        _ring_junction(building, node, arm, angle, ring[k - 1], ring[k])


def _ring_section(bends: Sequence[Bend]) -> LaneSection:
    end = bends[-1].s_m + bends[-1].length_m
    return section(0.0, end, [], [("driving", LANE_M, _KERB)], {-1: (None, None)}, _KERB)


def _on_ring(node: Node, angle_rad: float) -> Pose:
    """The inner edge of the ring's lane, heading along it."""
    x, y = node.x_m + RING_M * math.cos(angle_rad), node.y_m + RING_M * math.sin(angle_rad)
    return Pose(x, y, wrap_rad(angle_rad + 0.5 * math.pi))


def _ring_junction(building: _Building, node: Node, arm: _Arm, angle: float, before: str, after: str) -> None:
    """On along the ring, out of it into the street, and from the street into it."""
    junction_id = building.next_junction()
    leaves, joins = _on_ring(node, angle - _RING_REACH_RAD), _on_ring(node, angle + _RING_REACH_RAD)
    come = arm.outward @ Pose(0.0, 0.0, math.pi)
    along = chain(
        leaves.x_m, leaves.y_m, leaves.yaw_rad, [(2.0 * RING_M * _RING_REACH_RAD, 1.0 / RING_M, 1.0 / RING_M)]
    )  # fmt: skip
    ring_before, ring_after = RoadLink(False, before, False), RoadLink(False, after, True)
    street = RoadLink(False, arm.road_id, arm.at_start)
    ways = (
        (before, -1, along, ring_before, ring_after, -1),
        (before, -1, fillet(leaves, arm.outward), ring_before, street, -arm.lane_in),
        (arm.road_id, arm.lane_in, fillet(come, joins), street, ring_after, -1),
    )
    connections = []
    for number, (source, lane, bends, link_before, link_after, lane_after) in enumerate(ways):
        road_id = building.next_road()
        building.roads[road_id] = _one_way(
            road_id, bends, junction_id, link_before, link_after, lane, lane_after, 30.0
        )  # fmt: skip
        connections.append(Connection(str(number), source, road_id, True, ((lane, -1),)))
    building.junctions[junction_id] = Junction(junction_id, node.name, "default", tuple(connections), (), ())
    _link(building, arm, junction_id)


# --- signs, lights, crossings -----------------------------------------------------------------------------------------


def _furnished(street: Road, node: Node, arm: _Arm) -> Road:
    """A street with what stands at one of its ends."""
    signals, objects = [*street.signals], [*street.objects]
    signals += _signs(street, node, arm)
    if node.crossings:
        objects.append(_pedestrian_crossing(street, arm))
    return replace(street, signals=tuple(signals), objects=tuple(objects))


def _signs(street: Road, node: Node, arm: _Arm) -> Iterator[Signal]:
    main = abs(math.cos(arm.outward.yaw_rad)) > 0.7
    kinds = {
        "lights": ("1000001", "294"),
        "priority": ("306",) if main else ("205",),
        "stop": ("306",) if main else ("206", "294"),
        "roundabout": ("205",),
    }.get(node.rule, ())
    for kind in kinds:
        yield _sign(street, arm, kind, f"{street.id}{'a' if arm.at_start else 'b'}{kind}")


def _sign(street: Road, arm: _Arm, kind: str, name: str) -> Signal:
    from_end_m = _STOP_LINE_M if kind == "294" else _LIGHT_M
    s = from_end_m if arm.at_start else street.length_m - from_end_m
    side = 1.0 if arm.at_start else -1.0
    light = kind == "1000001"
    return Signal(
        name, "", street.id, s, 0.0 if kind == "294" else side * (LANE_M + 0.8), 2.6 if light else 2.1, 0.0,
        "-" if arm.at_start else "+", light, "OpenDRIVE" if light else "DE", kind, "-1", None, "", "",
        0.3 if light else 0.6, 0.9 if light else 0.6, ((arm.lane_in, arm.lane_in),),
    )  # fmt: skip


def _pedestrian_crossing(street: Road, arm: _Arm) -> RoadObject:
    near, far = _CROSSING_M
    s = 0.5 * (near + far) if arm.at_start else street.length_m - 0.5 * (near + far)
    corners = arm.outward @ np.array([(near, -LANE_M), (far, -LANE_M), (far, LANE_M), (near, LANE_M)])
    outline = tuple((round(float(x), 6), round(float(y), 6)) for x, y in corners)
    name = f"{street.id}{'a' if arm.at_start else 'b'}zebra"
    return RoadObject(
        name, "zebra", "crosswalk", "", street.id, s, 0.0, 0.0, 0.0, far - near,
        2.0 * LANE_M, 0.0, 0.0, "none", outline,
    )  # fmt: skip


# --- the towns --------------------------------------------------------------------------------------------------------


def town() -> RoadNetwork:
    """A town centre: four crossings with lights, a roundabout, a priority road, 50 km/h."""
    spacing = 140.0
    rules = (
        ("right", "priority", "right"),
        ("lights", "roundabout", "lights"),
        ("priority", "lights", "stop"),
        ("right", "lights", "right"),
    )
    nodes = [
        Node(
            f"{'ABCD'[column]}{row + 1}",
            column * spacing,
            row * spacing,
            rule,
            rule in ("lights", "roundabout"),
        )
        for column, rules_of_column in enumerate(rules)
        for row, rule in enumerate(rules_of_column)
    ]
    return town_network(nodes, _grid_streets("ABCD", 3, 50.0))


def suburb() -> RoadNetwork:
    """Short residential streets, 30 km/h, right before left, some stop signs, crossings for pedestrians."""
    spacing = 90.0
    nodes = [
        Node(
            f"{'ABC'[column]}{row + 1}", column * spacing + 20.0 * row, row * spacing,
            "stop" if (column, row) == (1, 1) else "right", crossings=(column + row) % 2 == 0,
        )
        for column in range(3)
        for row in range(3)
    ]  # fmt: skip
    return town_network(nodes, _grid_streets("ABC", 3, 30.0))


def roundabout() -> RoadNetwork:
    """One roundabout with four streets."""
    reach = 170.0
    ends = {"north": (0.0, reach), "west": (-reach, 0.0), "south": (0.0, -reach), "east": (reach, 0.0)}
    nodes = [Node("ring", 0.0, 0.0, "roundabout", crossings=True)]
    nodes += [Node(name, x, y) for name, (x, y) in ends.items()]
    return town_network(nodes, [Street("ring", name) for name in ends])


def _grid_streets(columns: str, rows: int, limit_kmh: float) -> list[Street]:
    across = [Street(f"{a}{row}", f"{b}{row}", limit_kmh) for row in range(1, rows + 1) for a, b in pairwise(columns)]
    up = [Street(f"{c}{row}", f"{c}{row + 1}", limit_kmh) for c in columns for row in range(1, rows)]
    return across + up


TOWNS = MappingProxyType({"town": town, "suburb": suburb, "roundabout": roundabout})
