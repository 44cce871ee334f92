"""Writer for ASAM OpenDRIVE 1.8: a road network as `.xodr` text, exact to the last digit of its coefficients.

In: a `RoadNetwork`. Out: XML. Reading it again gives the same roads, lanes, links, marks, limits and junctions; signals
and objects are written as far as the model keeps them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from lxml import etree

from geometry.pose import Pose
from maps.road_geometry import Profile
from maps.road_model import Junction, LaneSection, Road, RoadLane, RoadLink, RoadMark, RoadObject, Signal
from maps.road_network import RoadNetwork
from maps.strict_xml import Element

Value = str | float | int


def opendrive_text(network: RoadNetwork, name: str) -> bytes:
    """The network as a UTF-8 file; the same network gives the same bytes."""
    root = etree.Element("OpenDRIVE")
    header = _add(root, "header", {"revMajor": 1, "revMinor": 8, "name": name})
    if network.geo_reference:
        _add(header, "geoReference", {}).text = network.geo_reference
    for road in network.roads.values():
        _road(root, road)
    for controller in network.controllers:
        element = _add(root, "controller", {"id": controller.id, "name": controller.name})
        for signal in controller.signal_ids:
            _add(element, "control", {"signalId": signal, "type": "0"})
    for junction in network.junctions.values():
        _junction(root, junction)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _add(parent: Element, tag: str, attributes: Mapping[str, Value]) -> Element:
    return etree.SubElement(parent, tag, {name: _text(value) for name, value in attributes.items()})


def _text(value: Value) -> str:
    if isinstance(value, float):
        return f"{int(value)}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def _road(root: Element, road: Road) -> None:
    element = _add(root, "road", {
        "id": road.id, "name": road.name, "length": road.length_m, "junction": road.junction_id or "-1",
        "rule": "RHT" if road.right_hand else "LHT",
    })  # fmt: skip
    links = _add(element, "link", {})
    for tag, link in (("predecessor", road.predecessor), ("successor", road.successor)):
        if link is not None:
            _add(links, tag, _link(link))
    for speed in road.speeds:
        kind = _add(element, "type", {"s": speed.s_m, "type": speed.kind})
        if speed.limit_mps is not None:
            _add(kind, "speed", _limit(speed.limit_mps))
    _plan_view(element, road)
    _profile(_add(element, "elevationProfile", {}), "elevation", "s", road.elevation, 0.0)
    _profile(_add(element, "lateralProfile", {}), "superelevation", "s", road.superelevation, 0.0)
    lanes = _add(element, "lanes", {})
    for section in road.sections:
        _profile(lanes, "laneOffset", "s", section.lanes[0].outer_t, 0.0)
    for section in road.sections:
        _section(lanes, section)
    _furniture(element, road)


def _link(link: RoadLink) -> dict[str, Value]:
    if link.junction:
        return {"elementType": "junction", "elementId": link.id}
    return {"elementType": "road", "elementId": link.id, "contactPoint": "start" if link.at_start else "end"}


def _limit(limit_mps: float) -> dict[str, Value]:
    if math.isinf(limit_mps):
        return {"max": "no limit"}
    limit_kmh = limit_mps * 3.6
    whole = abs(limit_kmh - round(limit_kmh)) < 1e-9
    return {"max": round(limit_kmh), "unit": "km/h"} if whole else {"max": limit_mps, "unit": "m/s"}


def _plan_view(road_element: Element, road: Road) -> None:
    plan = _add(road_element, "planView", {})
    for row in road.line.table.tolist():
        s, x, y, heading, length, kind = row[:6]
        geometry = _add(plan, "geometry", {"s": s, "x": x, "y": y, "hdg": heading, "length": length})
        if kind == 0.0:
            _bend(geometry, row[6], row[7], length)
        else:
            _cubic(geometry, row[6:10], row[10:14], row[14])


def _bend(geometry: Element, curvature: float, rate: float, length: float) -> None:
    if rate != 0.0:
        _add(geometry, "spiral", {"curvStart": curvature, "curvEnd": curvature + rate * length})
    elif curvature != 0.0:
        _add(geometry, "arc", {"curvature": curvature})
    else:
        _add(geometry, "line", {})


def _cubic(geometry: Element, u: list[float], v: list[float], p_end: float) -> None:
    """With p scaled to [0, 1]."""
    attributes: dict[str, Value] = {"pRange": "normalized"}
    for axis, coefficients in (("U", u), ("V", v)):
        attributes |= {
            f"{letter}{axis}": c * p_end**k for k, (letter, c) in enumerate(zip("abcd", coefficients, strict=True))
        }
    _add(geometry, "paramPoly3", attributes)


def _profile(parent: Element, tag: str, start: str, profile: Profile, base_s_m: float) -> None:
    for begin, (a, b, c, d) in zip(profile.starts, profile.cubics, strict=True):
        _add(parent, tag, {start: begin - base_s_m, "a": a, "b": b, "c": c, "d": d})


def _section(lanes: Element, section: LaneSection) -> None:
    element = _add(lanes, "laneSection", {"s": section.s_m})
    sides = (
        ("left", [lane for lane in section.ids if lane > 0]),
        ("center", [0]),
        ("right", [lane for lane in section.ids if lane < 0]),
    )
    for side, ids in sides:
        if ids:
            side_element = _add(element, side, {})
            for lane_id in ids:
                _lane(side_element, section, section.lanes[lane_id])


def _lane(side: Element, section: LaneSection, lane: RoadLane) -> None:
    element = _add(side, "lane", {"id": lane.id, "type": lane.kind, "level": "false"})
    if lane.reversed:
        element.set("direction", "reversed")
    if lane.id:
        if lane.predecessors or lane.successors:
            link = _add(element, "link", {})
            for tag, others in (("predecessor", lane.predecessors), ("successor", lane.successors)):
                for other in others:
                    _add(link, tag, {"id": other})
        sign = 1.0 if lane.id > 0 else -1.0
        width = Profile.summed([(lane.outer_t, sign), (lane.inner_t, -sign)], section.s_m, section.end_m)
        _profile(element, "width", "sOffset", width, section.s_m)
    for mark in lane.marks:
        _mark(element, mark, section.s_m)
    for speed in lane.speeds:
        _add(element, "speed", {"sOffset": speed.s_m - section.s_m, **_limit(speed.limit_mps)})


def _mark(lane_element: Element, mark: RoadMark, base_s_m: float) -> None:
    element = _add(lane_element, "roadMark", {
        "sOffset": mark.s_m - base_s_m, "type": mark.kind, "color": mark.color, "width": mark.width_m,
        "laneChange": mark.lane_change,
    })  # fmt: skip
    if mark.dashes is not None:
        kind = _add(element, "type", {"name": mark.kind, "width": mark.width_m})
        _add(kind, "line", {
            "length": mark.dashes.dash_m, "space": mark.dashes.gap_m, "tOffset": 0.0,
            "sOffset": mark.dashes.at_m - mark.s_m, "width": mark.width_m,
        })  # fmt: skip


def _furniture(road_element: Element, road: Road) -> None:
    if road.objects:
        objects = _add(road_element, "objects", {})
        for item in road.objects:
            _object(objects, item, road)
    if road.signals:
        signals = _add(road_element, "signals", {})
        for signal in road.signals:
            _signal(signals, signal)


def _object(objects: Element, item: RoadObject, road: Road) -> None:
    element = _add(objects, "object", {
        "id": item.id, "name": item.name, "type": item.kind, "subtype": item.subkind, "s": item.s_m, "t": item.t_m,
        "zOffset": item.z_m, "hdg": item.heading_rad, "length": item.length_m, "width": item.width_m,
        "height": item.height_m, "radius": item.radius_m, "orientation": item.orientation,
    })  # fmt: skip
    if item.outline:
        outline = _add(_add(element, "outlines", {}), "outline", {"id": 0})
        x, y, yaw, _ = road.line.at(item.s_m)
        origin = Pose(x - item.t_m * math.sin(yaw), y + item.t_m * math.cos(yaw), yaw + item.heading_rad)
        for k, (u, v) in enumerate((origin.inverse() @ np.array(item.outline)).tolist()):
            _add(outline, "cornerLocal", {"id": k, "u": u, "v": v, "z": 0, "height": 0})


def _signal(signals: Element, signal: Signal) -> None:
    element = _add(signals, "signal", {
        "id": signal.id, "name": signal.name, "s": signal.s_m, "t": signal.t_m, "zOffset": signal.z_m,
        "hOffset": signal.heading_rad, "orientation": signal.orientation, "dynamic": "yes" if signal.dynamic else "no",
        "country": signal.country, "type": signal.kind, "subtype": signal.subkind, "text": signal.text,
        "width": signal.width_m, "height": signal.height_m, "unit": signal.unit,
    })  # fmt: skip
    if signal.value is not None:
        element.set("value", _text(signal.value))
    for first, last in signal.lanes:
        _add(element, "validity", {"fromLane": first, "toLane": last})


def _junction(root: Element, junction: Junction) -> None:
    element = _add(root, "junction", {"id": junction.id, "name": junction.name, "type": junction.kind})
    target = "linkedRoad" if junction.kind == "direct" else "connectingRoad"
    for connection in junction.connections:
        part = _add(element, "connection", {
            "id": connection.id, "incomingRoad": connection.incoming_id, target: connection.connecting_id,
            "contactPoint": "start" if connection.at_start else "end",
        })  # fmt: skip
        for lane_from, lane_to in connection.lane_links:
            _add(part, "laneLink", {"from": lane_from, "to": lane_to})
    for high, low in junction.priorities:
        _add(element, "priority", {"high": high, "low": low})
    for controller in junction.controllers:
        _add(element, "controller", {"id": controller})
