"""Signals, stop lines and crossings of a road network, put onto the lanes of the lane map."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import shapely

from geometry.angles import Floats, wrap_rad
from maps.lane_index import ring_surface
from maps.lane_map import Crossing, MapSignal, StopLine
from maps.road_model import DRIVABLE_KINDS, RoadLane, RoadObject, Signal
from maps.road_network import RoadNetwork

_STOP_LINE_SIGNAL = "294"
"""Stop line in the German catalogue of signs, which the OpenDRIVE catalogue takes over."""
_STOP_LINE_OBJECT = ("roadMark", "signalLines")


class FurnishedLane(Protocol):
    """What furnishing needs of a sampled lane."""

    @property
    def key(self) -> tuple[str, int, int]: ...
    @property
    def lane(self) -> RoadLane: ...
    @property
    def along_s(self) -> bool: ...
    @property
    def left(self) -> Floats: ...
    @property
    def right(self) -> Floats: ...
    def lane_s(self, source_s_m: float) -> float:
        """Arc length along the lane at an s of the road."""
        ...


def signals_of(network: RoadNetwork, pieces: Sequence[FurnishedLane]) -> tuple[MapSignal, ...]:
    """All signals with the drivable lanes that they hold for, facing the traffic that they address."""
    found = []
    for road in network.roads.values():
        for signal in road.signals:
            if signal.kind == _STOP_LINE_SIGNAL:
                continue
            pose = network.world_pose_st(road.id, signal.s_m, signal.t_m)
            # OpenDRIVE: heading 0 of a `+` signal looks against s, towards its traffic.
            turned = 0.0 if signal.orientation == "-" else math.pi
            found.append(
                MapSignal(
                    id=signal.id,
                    kind=signal.kind,
                    subkind=signal.subkind,
                    country=signal.country,
                    dynamic=signal.dynamic,
                    value=signal.value,
                    x_m=pose.x_m,
                    y_m=pose.y_m,
                    z_m=road.elevation.at(signal.s_m) + signal.z_m,
                    yaw_rad=wrap_rad(pose.yaw_rad + signal.heading_rad + turned),
                    lanes=tuple(_addressed(network, pieces, signal)),
                )
            )
    return tuple(found)


def stop_lines_of(network: RoadNetwork, pieces: Sequence[FurnishedLane]) -> tuple[StopLine, ...]:
    """Stop lines, whether the file has them as signals or as objects."""
    lines = []
    for road in network.roads.values():
        marked: list[Signal | RoadObject] = [s for s in road.signals if s.kind == _STOP_LINE_SIGNAL]
        marked += [o for o in road.objects if (o.kind, o.subkind) == _STOP_LINE_OBJECT]
        for mark in marked:
            lines += [StopLine(lane, s) for lane, s in _addressed(network, pieces, mark)]
    return tuple(sorted(set(lines), key=lambda line: (line.lane, line.s_m)))


def _addressed(
    network: RoadNetwork, pieces: Sequence[FurnishedLane], mark: Signal | RoadObject
) -> Iterator[tuple[int, float]]:
    """Drivable lanes at the mark's s whose traffic it addresses, with the arc length there."""
    section = network.roads[mark.road_id].section_index(mark.s_m)
    ranges = mark.lanes if isinstance(mark, Signal) else ()
    for index, piece in enumerate(pieces):
        road_id, piece_section, lane_id = piece.key
        if road_id != mark.road_id or piece_section != section or piece.lane.kind not in DRIVABLE_KINDS:
            continue
        faces = mark.orientation not in "+-" or (mark.orientation == "+") == piece.along_s
        if faces and (not ranges or any(min(r) <= lane_id <= max(r) for r in ranges)):
            yield index, piece.lane_s(mark.s_m)


def crossings_of(network: RoadNetwork, pieces: Sequence[FurnishedLane]) -> tuple[Crossing, ...]:
    """Pedestrian crossings as polygons, with the drivable lanes below."""
    polygons = [
        polygon
        for road in network.roads.values()
        for item in road.objects
        if item.kind == "crosswalk" and (polygon := _polygon(network, item)) is not None
    ]
    if not polygons:
        return ()
    drivable = [i for i, piece in enumerate(pieces) if piece.lane.kind in DRIVABLE_KINDS]
    rings = [ring_surface(pieces[i].left, pieces[i].right) for i in drivable]
    tree = shapely.STRtree(shapely.make_valid(np.array(rings, dtype=object)))
    crossings = []
    for polygon in polygons:
        below = tree.query(shapely.make_valid(shapely.Polygon(polygon)), predicate="intersects")
        polygon.setflags(write=False)
        crossings.append(Crossing(polygon, tuple(sorted(drivable[i] for i in below))))
    return tuple(crossings)


def _polygon(network: RoadNetwork, item: RoadObject) -> Floats | None:
    """Corners in world: the outline, or the box around the object's place."""
    if len(item.outline) >= 3:
        return np.array(item.outline)
    if item.length_m <= 0.0 or item.width_m <= 0.0:
        return None
    pose = network.world_pose_st(item.road_id, item.s_m, item.t_m)
    cos, sin = math.cos(pose.yaw_rad + item.heading_rad), math.sin(pose.yaw_rad + item.heading_rad)
    along, across = 0.5 * item.length_m, 0.5 * item.width_m
    corners = ((along, across), (-along, across), (-along, -across), (along, -across))
    return np.array([(pose.x_m + cos * u - sin * v, pose.y_m + sin * u + cos * v) for u, v in corners])
