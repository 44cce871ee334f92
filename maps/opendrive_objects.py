"""Signals, objects and controllers of an OpenDRIVE file, kept as data for lights, stop lines and crossings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from maps.road_geometry import ReferenceLine
from maps.road_model import Controller, RoadObject, Signal
from maps.strict_xml import Element, integer, number, text

_NO_VALUE = -1.0
"""What exporters write where a signal has no value."""


def read_signals(road: Element, road_id: str) -> tuple[Signal, ...]:
    """The signals that stand on a road itself.

    Raises:
        InputError: wrong or missing values.
    """
    return tuple(_signal(element, road_id) for element in road.findall("signals/signal"))


def read_references(road: Element, road_id: str, signals: Mapping[str, Signal]) -> tuple[Signal, ...]:
    """Signals of other roads that hold for this road too, moved to where they hold here; unknown ids are left out.

    Raises:
        InputError: wrong or missing values.
    """
    found = []
    for element in road.findall("signals/signalReference"):
        signal = signals.get(text(element, "id"))
        if signal is not None:
            s, t = number(element, "s"), number(element, "t")
            side = text(element, "orientation", "none")
            found.append(replace(signal, road_id=road_id, s_m=s, t_m=t, orientation=side, lanes=_validity(element)))
    return tuple(found)


def _signal(element: Element, road_id: str) -> Signal:
    value = _NO_VALUE if element.get("value", "") in ("", "none") else number(element, "value")
    return Signal(
        id=text(element, "id"),
        name=text(element, "name", ""),
        road_id=road_id,
        s_m=number(element, "s"),
        t_m=number(element, "t"),
        z_m=number(element, "zOffset", 0.0),
        heading_rad=number(element, "hOffset", 0.0),
        orientation=text(element, "orientation", "none"),
        dynamic=text(element, "dynamic", "no") == "yes",
        country=text(element, "country", ""),
        kind=text(element, "type", ""),
        subkind=text(element, "subtype", ""),
        value=None if value == _NO_VALUE else value,
        unit=text(element, "unit", ""),
        text=text(element, "text", ""),
        width_m=number(element, "width", 0.0),
        height_m=number(element, "height", 0.0),
        lanes=_validity(element),
    )


def _validity(element: Element) -> tuple[tuple[int, int], ...]:
    return tuple((integer(v, "fromLane"), integer(v, "toLane")) for v in element.findall("validity"))


def read_objects(road: Element, road_id: str, line: ReferenceLine) -> tuple[RoadObject, ...]:
    """The objects of a road; of repeated ones the first.

    Raises:
        InputError: wrong or missing values.
    """
    return tuple(_object(element, road_id, line) for element in road.findall("objects/object"))


def _object(element: Element, road_id: str, line: ReferenceLine) -> RoadObject:
    s, t, heading = number(element, "s"), number(element, "t"), number(element, "hdg", 0.0)
    outline = element.find("outlines/outline")
    if outline is None:
        outline = element.find("outline")  # OpenDRIVE 1.4
    return RoadObject(
        id=text(element, "id", ""),
        name=text(element, "name", ""),
        kind=text(element, "type", "none"),
        subkind=text(element, "subtype", ""),
        road_id=road_id,
        s_m=s,
        t_m=t,
        z_m=number(element, "zOffset", 0.0),
        heading_rad=heading,
        length_m=number(element, "length", 0.0, least=0.0),
        width_m=number(element, "width", 0.0, least=0.0),
        height_m=number(element, "height", 0.0),
        radius_m=number(element, "radius", 0.0, least=0.0),
        orientation=text(element, "orientation", "none"),
        outline=() if outline is None else _outline(outline, s, t, heading, line),
    )


def _outline(
    outline: Element, s: float, t: float, heading: float, line: ReferenceLine
) -> tuple[tuple[float, float], ...]:
    """Corners in world, whether the file gives them along the road or in the object's own frame."""
    corners = []
    for corner in outline:
        if corner.tag == "cornerRoad":
            corners.append(_beside(line, number(corner, "s"), number(corner, "t"))[:2])
        elif corner.tag == "cornerLocal":
            x, y, yaw = _beside(line, s, t)
            u, v = number(corner, "u"), number(corner, "v")
            cos, sin = math.cos(yaw + heading), math.sin(yaw + heading)
            corners.append((x + cos * u - sin * v, y + sin * u + cos * v))
    return tuple(corners)


def _beside(line: ReferenceLine, s: float, t: float) -> tuple[float, float, float]:
    x, y, yaw, _ = line.at(s)
    return x - t * math.sin(yaw), y + t * math.cos(yaw), yaw


def read_controllers(root: Element) -> tuple[Controller, ...]:
    """The signal groups of the file.

    Raises:
        InputError: missing values.
    """
    return tuple(
        Controller(
            id=text(element, "id"),
            name=text(element, "name", ""),
            signal_ids=tuple(text(control, "signalId") for control in element.findall("control")),
        )
        for element in root.findall("controller")
    )
