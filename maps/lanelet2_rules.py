"""What Lanelet2 maps say beside the lanes themselves: speed limits, stop lines, lights and signs.

In: the tables of a file, its lanelets (world, m). Out: limits in m/s, `StopLine`s and `MapSignal`s by lane index.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import shapely

from geometry.angles import Floats, wrap_rad
from geometry.errors import InputError
from geometry.polyline import Polyline
from maps.lane_map import MapSignal, StopLine
from maps.lanelets import Lanelet
from maps.osm import OsmMap, OsmRelation, OsmWay
from maps.strict_xml import place_of

_SPEED = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?(km/h|kmh|mph|m/s|mps|)", re.ASCII)
_UNITS = {"": 1.0 / 3.6, "km/h": 1.0 / 3.6, "kmh": 1.0 / 3.6, "mph": 0.44704, "m/s": 1.0, "mps": 1.0}
_SPEED_SIGN = re.compile(r"de274-([0-9]{1,3})|([0-9]{1,3} ?(?:km/h|mph))", re.ASCII)
_GERMAN_SIGN = re.compile(r"de([0-9]{3}(?:-[0-9]{1,4})?)", re.ASCII)
_GERMAN_LIMITS = {"urban": 50.0 / 3.6, "nonurban": 100.0 / 3.6}
"""StVO section 3 (3); motorways have none."""
_LIGHT, _LIGHT_COUNTRY = "1000001", "OpenDRIVE"
_BEYOND_M = 1.0
"""A stop line this far behind a lane's end is still the lane's."""


def speed_limit_mps(relation: OsmRelation, osm: OsmMap) -> float | None:
    """The limit on a lanelet: its tag, else its signs', else the law's where the map says that it is German.

    Raises:
        InputError: a tag that is no speed.
    """
    tags = relation.tags
    if "speed_limit" in tags:
        return _speed(tags["speed_limit"], relation)
    signed = [limit for rule in _rules(relation, osm, "speed_limit") for limit in _signed_limits(rule, osm)]
    if signed:
        return min(signed)
    if tags.get("region") != "de" or tags.get("subtype") != "road":
        return None
    return _GERMAN_LIMITS.get(tags.get("location", ""))


def _speed(raw: str, relation: OsmRelation) -> float:
    found = _SPEED.fullmatch(raw.strip())
    if found is None or float(found[1]) <= 0.0:
        raise InputError(
            f'lanelet {relation.id} has speed_limit="{raw[:60]}"; a speed like "50 km/h" was expected',
            place_of(relation.element),
        )
    return float(found[1]) * _UNITS[found[2]]


def _signed_limits(rule: OsmRelation, osm: OsmMap) -> Iterator[float]:
    names = [rule.tags.get("sign_type", "")]
    names += [osm.ways[way].tags.get("subtype", "") for way in rule.ids("way", "refers") if way in osm.ways]
    for name in names:
        if found := _SPEED_SIGN.fullmatch(name.strip()):
            yield float(found[1]) / 3.6 if found[1] else _speed(found[2], rule)


def _rules(relation: OsmRelation, osm: OsmMap, subtype: str) -> Iterator[OsmRelation]:
    """The regulatory elements of a kind that a lanelet refers to."""
    for key in relation.ids("relation", "regulatory_element"):
        rule = osm.relations.get(key)
        if rule is not None and rule.tags.get("subtype") == subtype:
            yield rule


def stop_lines(osm: OsmMap, lanelets: Sequence[Lanelet]) -> list[StopLine]:
    """Where a way of type stop_line cuts the middle of a driving lane, or up to a metre behind its end."""
    ways = [way for way in osm.ways.values() if way.tags.get("type") == "stop_line"]
    lanes = [i for i, lane in enumerate(lanelets) if lane.kind == "driving" and not lane.name.endswith(":back")]
    if not ways or not lanes:
        return []
    middles = np.array([_prolonged(lanelets[i].centre) for i in lanes], dtype=object)
    lines = np.array([shapely.LineString(way.points) for way in ways], dtype=object)
    found = set()
    for line, lane in zip(*shapely.STRtree(middles).query(lines, predicate="intersects"), strict=True):
        at = shapely.intersection(middles[lane], lines[line]).representative_point()
        lanelet = lanelets[lanes[lane]]
        length_m = float(np.hypot(*np.diff(lanelet.centre, axis=0).T).sum())
        s_m = float(middles[lane].project(at))
        if s_m >= _BEYOND_M or not lanelet.predecessors:  # the line at a lane's beginning is that of the lane before
            found.add(StopLine(lanes[lane], min(s_m, length_m)))
    return sorted(found, key=lambda one: (one.lane, one.s_m))


def _prolonged(centre: Floats) -> shapely.LineString:
    last = centre[-1] - centre[-2]
    return shapely.LineString(np.vstack((centre, centre[-1] + last / max(math.hypot(*last), 1e-9) * _BEYOND_M)))


def lights_and_signs(osm: OsmMap, lanelets: Sequence[Lanelet], index: Mapping[int, int]) -> list[MapSignal]:
    """Lights and German signs of the regulatory elements, with the driving lanes whose lanelets refer to them."""
    users: dict[int, list[int]] = {}
    for relation in osm.relations.values():
        lane = index.get(relation.id)
        if lane is not None and lanelets[lane].kind == "driving":
            for key in relation.ids("relation", "regulatory_element"):
                users.setdefault(key, []).append(lane)
    signals: dict[int, MapSignal] = {}
    for key, lanes in users.items():
        rule = osm.relations.get(key)
        if rule is None:
            continue
        for way in (osm.ways[one] for one in rule.ids("way", "refers") if one in osm.ways):
            signal = _signal(rule, way, sorted(set(lanes)), lanelets)
            if signal is not None and way.id not in signals:
                signals[way.id] = signal
    return list(signals.values())


def _signal(rule: OsmRelation, way: OsmWay, lanes: Sequence[int], lanelets: Sequence[Lanelet]) -> MapSignal | None:
    is_light = rule.tags.get("subtype") == "traffic_light" and way.tags.get("type") == "traffic_light"
    name = _GERMAN_SIGN.fullmatch(way.tags.get("subtype", "")) if way.tags.get("type") == "traffic_sign" else None
    if not is_light and name is None:
        return None
    middle = 0.5 * (way.points[0] + way.points[-1])
    kind, _, subkind = ("" if name is None else name[1]).partition("-")
    value = float(subkind) if kind == "274" and subkind else None
    return MapSignal(
        id=str(way.id),
        kind=_LIGHT if is_light else kind,
        subkind="-1" if is_light else subkind,
        country=_LIGHT_COUNTRY if is_light else "DE",
        dynamic=is_light,
        value=value,
        x_m=float(middle[0]),
        y_m=float(middle[1]),
        z_m=0.0,
        yaw_rad=_facing(lanelets[lanes[0]]),
        lanes=tuple((lane, _length_m(lanelets[lane])) for lane in lanes),
    )


def _facing(lanelet: Lanelet) -> float:
    """Against the traffic at the end of a lane."""
    along = lanelet.centre[-1] - lanelet.centre[-2]
    return wrap_rad(math.atan2(along[1], along[0]) + math.pi)


def _length_m(lanelet: Lanelet) -> float:
    return Polyline.through(lanelet.centre).length_m
