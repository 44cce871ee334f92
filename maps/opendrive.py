"""Reader for ASAM OpenDRIVE 1.4 to 1.8 (`.xodr`).

In: a file. Out: a `RoadNetwork` with the exact road model. What would change where lanes lie and is not understood is
refused by name, with file and line; what is only decoration is passed over.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from geometry.errors import ContractError, InputError, UnsupportedError
from maps.opendrive_lanes import read_limit, read_profile, read_sections, refuse_unknown
from maps.opendrive_objects import read_controllers, read_objects, read_references, read_signals
from maps.road_geometry import Bend, CubicCurve, ReferenceLine
from maps.road_model import Connection, Junction, Road, RoadLink, RoadSpeed
from maps.road_network import RoadNetwork
from maps.strict_xml import Element, child, choice, integer, number, place_of, read_xml, text

_NEWEST_MINOR = 8
_MAX_COORDINATE_M = 1e8
_MAX_LENGTH_M = 1e6
_MAX_LANES_M = 4e6
_GAP_M = 0.5
"""Geometry records may miss each other in s by this much (files round their numbers); more is a hole in the road."""


def read_opendrive(path: Path) -> RoadNetwork:
    """Read a road network.

    Raises:
        InputError: the file cannot be read, or a value in it is missing, of the wrong type or out of range.
        UnsupportedError: it uses a feature that Lanewise does not do.
    """
    root = read_xml(path, root="OpenDRIVE")
    header = _check_header(root)
    for name in ("include", "road/include"):
        for element in root.findall(name):
            raise UnsupportedError("<include> of other files is not supported; merge them first", place_of(element))
    roads: dict[str, Road] = {}
    for element in root.findall("road"):
        road = _road(element)
        if road.id in roads:
            raise InputError(f"a second road has the id {road.id}", place_of(element))
        roads[road.id] = road
    if not roads:
        raise InputError("has no <road>", path)
    _check_size(roads, path)
    roads = _with_references(root, roads)
    junctions = {junction.id: junction for junction in map(_junction, root.findall("junction"))}
    notes = _open_ends(root, roads, junctions)
    geo_reference = "" if header is None else (header.findtext("geoReference") or "").strip()
    return RoadNetwork.of(roads, junctions, read_controllers(root), geo_reference, notes)


def _check_header(root: Element) -> Element | None:
    header = root.find("header")
    if header is not None:
        major, minor = integer(header, "revMajor", 1), integer(header, "revMinor", 4)
        if major != 1 or minor > _NEWEST_MINOR:
            raise UnsupportedError(
                f"OpenDRIVE {major}.{minor} is not supported; 1.4 to 1.{_NEWEST_MINOR} are", place_of(header)
            )
    return header


def _check_size(roads: dict[str, Road], path: Path) -> None:
    lanes_m = sum((s.end_m - s.s_m) * (1 + len(s.ids)) for road in roads.values() for s in road.sections)
    if lanes_m > _MAX_LANES_M:
        raise InputError(f"has {lanes_m / 1e3:.0f} km of lanes; at most {_MAX_LANES_M / 1e3:.0f} km are read", path)


def _road(element: Element) -> Road:
    road_id = text(element, "id")
    length_m = number(element, "length", least=0.0, most=_MAX_LENGTH_M)
    if length_m <= 0.0:
        raise InputError(f"road {road_id} has no length", place_of(element))
    line = _reference_line(child(element, "planView"), length_m)
    junction = text(element, "junction", "-1")
    return Road(
        id=road_id,
        name=text(element, "name", ""),
        length_m=length_m,
        junction_id=None if junction in ("-1", "") else junction,
        right_hand=choice(element, "rule", {"RHT": True, "LHT": False}, default=True),
        line=line,
        elevation=read_profile(element.findall("elevationProfile/elevation"), "s", 0.0, length_m, lead=True),
        superelevation=read_profile(element.findall("lateralProfile/superelevation"), "s", 0.0, length_m, lead=True),
        sections=read_sections(child(element, "lanes"), length_m),
        predecessor=_link(element.find("link/predecessor")),
        successor=_link(element.find("link/successor")),
        speeds=_speeds(element),
        signals=read_signals(element, road_id),
        objects=read_objects(element, road_id, line),
    )


def _speeds(road: Element) -> tuple[RoadSpeed, ...]:
    speeds = []
    for element in road.findall("type"):
        speed = element.find("speed")
        limit = None if speed is None else read_limit(speed, "m/s")
        speeds.append(RoadSpeed(number(element, "s"), text(element, "type", "unknown"), limit))
    return tuple(sorted(speeds, key=lambda speed: speed.s_m))


def _link(element: Element | None) -> RoadLink | None:
    if element is None:
        return None
    junction = choice(element, "elementType", {"road": False, "junction": True}, default=False)
    if element.get("elementS") is not None:
        raise UnsupportedError("links into virtual junctions (elementS) are not supported", place_of(element))
    at_start = not junction and choice(element, "contactPoint", {"start": True, "end": False})
    return RoadLink(junction, text(element, "elementId"), at_start)


def _reference_line(plan: Element, length_m: float) -> ReferenceLine:
    refuse_unknown(plan, {"geometry"})
    elements = plan.findall("geometry")
    segments = [_segment(element) for element in elements]
    if not segments:
        raise InputError("<planView> needs at least one <geometry>", place_of(plan))
    starts = [segment.s_m for segment in segments]
    ends = [segment.s_m + segment.length_m for segment in segments]
    for element, start, expected in zip(elements, starts, [0.0, *ends], strict=False):
        if abs(start - expected) > _GAP_M:
            raise InputError(
                f"a <geometry> starts at s={start:g} where the one before ends at {expected:g}", place_of(element)
            )
    for element, (before, after) in zip(elements[1:], pairwise(starts), strict=True):
        if after < before:
            raise InputError("<geometry> records are not in ascending order of s", place_of(element))
    if abs(ends[-1] - length_m) > max(_GAP_M, 1e-3 * length_m):
        raise InputError(
            f"the geometry ends at s={ends[-1]:.3f}, but the road is {length_m:.3f} m long", place_of(elements[-1])
        )
    # Records of no length carry nothing and would divide by zero.
    kept = [(s, e) for s, e in zip(segments, elements, strict=True) if s.length_m > 1e-9]
    try:
        return ReferenceLine.of([segment for segment, _ in kept])
    except ContractError as error:
        raise InputError(f"{error}", place_of(plan)) from None


def _segment(element: Element) -> Bend | CubicCurve:
    """One geometry record as bend or cubic."""
    shapes = [part for part in element if part.tag not in ("userData", "dataQuality")]
    if len(shapes) != 1:
        raise InputError(f"<geometry> needs exactly one shape, not {len(shapes)}", place_of(element))
    shape = shapes[0]
    start = (
        number(element, "s", least=0.0, most=_MAX_LENGTH_M),
        number(element, "x", least=-_MAX_COORDINATE_M, most=_MAX_COORDINATE_M),
        number(element, "y", least=-_MAX_COORDINATE_M, most=_MAX_COORDINATE_M),
        math.remainder(number(element, "hdg"), 2.0 * math.pi),
        number(element, "length", least=0.0, most=_MAX_LENGTH_M),
    )
    if shape.tag == "line":
        return Bend(*start)
    if shape.tag == "arc":
        curvature = number(shape, "curvature")
        return Bend(*start, curvature, curvature)
    if shape.tag == "spiral":
        return Bend(*start, number(shape, "curvStart"), number(shape, "curvEnd"))
    if shape.tag == "poly3":
        return CubicCurve(*start, (0.0, 1.0, 0.0, 0.0), _coefficients(shape, ""), None)
    if shape.tag == "paramPoly3":
        normalized = choice(shape, "pRange", {"arcLength": False, "normalized": True}, default=True)
        return CubicCurve(
            *start, _coefficients(shape, "U"), _coefficients(shape, "V"), 1.0 if normalized else start[-1]
        )
    raise UnsupportedError(f"geometry of the kind <{shape.tag}> is not supported", place_of(shape))


def _coefficients(shape: Element, axis: str) -> tuple[float, float, float, float]:
    a, b, c, d = (number(shape, name + axis, least=-1e9, most=1e9) for name in "abcd")
    return a, b, c, d


def _junction(element: Element) -> Junction:
    kind = text(element, "type", "default")
    if kind == "virtual":
        raise UnsupportedError("virtual junctions are not supported", place_of(element))
    return Junction(
        id=text(element, "id"),
        name=text(element, "name", ""),
        kind=kind,
        connections=tuple(
            _connection(part) for part in element.findall("connection") if part.get("incomingRoad") is not None
        ),
        priorities=tuple((text(part, "high", ""), text(part, "low", "")) for part in element.findall("priority")),
        controllers=tuple(text(part, "id") for part in element.findall("controller")),
    )


def _connection(element: Element) -> Connection:
    target = "linkedRoad" if element.get("connectingRoad") is None else "connectingRoad"
    return Connection(
        id=text(element, "id", ""),
        incoming_id=text(element, "incomingRoad"),
        connecting_id=text(element, target),
        at_start=choice(element, "contactPoint", {"start": True, "end": False}, default=True),
        lane_links=tuple((integer(link, "from"), integer(link, "to")) for link in element.findall("laneLink")),
    )


def _with_references(root: Element, roads: dict[str, Road]) -> dict[str, Road]:
    """Roads that refer to signals of other roads get a copy of those."""
    signals = {signal.id: signal for road in roads.values() for signal in road.signals}
    complete = dict(roads)
    for element in root.findall("road"):
        road = roads[text(element, "id")]
        references = read_references(element, road.id, signals)
        if references:
            complete[road.id] = replace(road, signals=road.signals + references)
    return complete


def _open_ends(root: Element, roads: dict[str, Road], junctions: dict[str, Junction]) -> tuple[str, ...]:
    """Links that lead out of the file, as maps that were cut out of larger ones have them: the road ends there."""
    notes = []
    for element in root.iterfind("road/link/*"):
        kind, other = element.get("elementType", "road"), element.get("elementId")
        if element.tag in ("predecessor", "successor") and other not in (junctions if kind == "junction" else roads):
            notes.append(
                f"{place_of(element)}: the {element.tag} {kind} {other} is not in the file; the road ends here"
            )
    for element in root.iterfind("junction/connection"):
        for name in ("incomingRoad", "connectingRoad", "linkedRoad"):
            if element.get(name) is not None and element.get(name) not in roads:
                notes.append(
                    f"{place_of(element)}: the road {element.get(name)} is not in the file; no way through here"
                )
    return tuple(notes)
