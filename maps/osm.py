"""OSM files (API 0.6, as JOSM and Lanelet2 write them) as tables: nodes in the plane, ways, relations.

In: a path. Out: `OsmMap`, in metres: the nodes' own `local_x` and `local_y` where all of them carry these (Autoware's
form), else east and north of the middle of the map (transverse Mercator about it, WGS 84, scale 1). Elements that an
editor has marked as deleted are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from geometry.angles import Floats
from geometry.errors import InputError
from geometry.geodesy import projection_of
from maps.strict_xml import Element, number, place_of, read_xml, text

_NUMBER = re.compile(r"-?[0-9]{1,19}", re.ASCII).fullmatch
_LARGEST_ID = 2**63
_WIDEST_RAD = math.radians(2.0)
_MEMBERS = frozenset({"node", "way", "relation"})
T = TypeVar("T")
K = TypeVar("K", int, str)


@dataclass(frozen=True, slots=True, eq=False)
class OsmWay:
    """A line: `points` (K, 2), and which of the map's nodes they are, K >= 2."""

    id: int
    nodes: tuple[int, ...]
    points: Floats
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OsmMember:
    """A part of a relation: `kind` is node, way or relation."""

    kind: str
    id: int
    role: str


@dataclass(frozen=True, slots=True, eq=False)
class OsmRelation:
    """Things that belong together; `element` says where it stands."""

    id: int
    members: tuple[OsmMember, ...]
    tags: Mapping[str, str]
    element: Element

    def ids(self, kind: str, *roles: str) -> tuple[int, ...]:
        """Members of a kind in one of these roles, in order."""
        return tuple(member.id for member in self.members if member.kind == kind and member.role in roles)

    def one_way(self, role: str) -> int:
        """The only way in a role.

        Raises:
            InputError: none or several.
        """
        found = self.ids("way", role)
        if len(found) != 1:
            raise InputError(
                f"relation {self.id} has {len(found)} ways in the role {role}; one was expected", place_of(self.element)
            )
        return found[0]


@dataclass(frozen=True, slots=True, eq=False)
class OsmMap:
    """Ways and relations by id, in the order of the file."""

    ways: Mapping[int, OsmWay]
    relations: Mapping[int, OsmRelation]


def read_osm(path: Path) -> OsmMap:
    """Read a file.

    Raises:
        InputError: no OSM, an id that is missing, no number or given twice, a way with fewer than two nodes or with a
            node that is not there, or nodes that lie more than two degrees apart.
    """
    root = read_xml(path, root="osm")
    nodes = [element for element in root.iterfind("node") if _is_kept(element)]
    rows = _by_id((text(element, "id"), row, element) for row, element in enumerate(nodes))
    places = _places(nodes, path)
    ways = _by_id((_id(element, "id"), element, element) for element in root.iterfind("way") if _is_kept(element))
    relations = _by_id(
        (_id(element, "id"), element, element) for element in root.iterfind("relation") if _is_kept(element)
    )
    return OsmMap(
        {key: _way(key, element, rows, places) for key, element in ways.items()},
        {key: _relation(key, element) for key, element in relations.items()},
    )


def _is_kept(element: Element) -> bool:
    return element.get("action") != "delete"


def _id(element: Element, name: str) -> int:
    raw = text(element, name)
    if _NUMBER(raw) is None or abs(int(raw)) >= _LARGEST_ID:
        raise InputError(f'<{element.tag}> has {name}="{raw[:60]}"; an id was expected', place_of(element))
    return int(raw)


def _by_id(found: Iterator[tuple[K, T, Element]]) -> dict[K, T]:
    table: dict[K, T] = {}
    for key, value, element in found:
        if key in table:
            raise InputError(f"<{element.tag}> {key} is there twice", place_of(element))
        table[key] = value
    return table


def tags_of(element: Element) -> dict[str, str]:
    """The tags of an element."""
    pairs = [(tag.get("k"), tag.get("v"), tag) for tag in element.iterfind("tag")]
    return {key if key else text(tag, "k"): value if value else text(tag, "v") for key, value, tag in pairs}


def _places(nodes: list[Element], path: Path) -> Floats:
    """The nodes in the plane (N, 2)."""
    if not nodes:
        raise InputError("the map has no nodes", path)
    local = [{tag.get("k"): tag for tag in element.iterfind("tag")} for element in nodes]
    if all("local_x" in tags and "local_y" in tags for tags in local):
        return np.array([[number(tags[name], "v") for name in ("local_x", "local_y")] for tags in local])
    reach = (("lat", 90.0), ("lon", 180.0))
    degrees = np.array([[number(element, name, least=-most, most=most) for name, most in reach] for element in nodes])
    low, high = degrees.min(axis=0), degrees.max(axis=0)
    if np.radians(high - low).max() > _WIDEST_RAD:
        raise InputError("the map's nodes lie more than two degrees apart; cut the map into smaller ones", path)
    latitude, longitude = 0.5 * (low + high)
    plane = projection_of(f"+proj=tmerc +lat_0={latitude:.9f} +lon_0={longitude:.9f} +k=1 +ellps=WGS84")
    return plane.project_all(np.radians(degrees[:, 0]), np.radians(degrees[:, 1]))


def _way(key: int, element: Element, rows: Mapping[str, int], places: Floats) -> OsmWay:
    names = [ref.get("ref") or text(ref, "ref") for ref in element.iterfind("nd")]
    missing = [name for name in names if name not in rows]
    if missing:
        raise InputError(f"way {key} refers to node {missing[0][:60]}, which is not there", place_of(element))
    if len(names) < 2:
        raise InputError(f"way {key} has {len(names)} nodes; at least two were expected", place_of(element))
    nodes = tuple([rows[name] for name in names])
    return OsmWay(key, nodes, places[list(nodes)], tags_of(element))


def _relation(key: int, element: Element) -> OsmRelation:
    members = tuple(_member(part) for part in element.iterfind("member"))
    return OsmRelation(key, members, tags_of(element), element)


def _member(element: Element) -> OsmMember:
    kind = text(element, "type")
    if kind not in _MEMBERS:
        raise InputError(f'<member> has type="{kind[:60]}"; node, way or relation was expected', place_of(element))
    return OsmMember(kind, _id(element, "ref"), text(element, "role", ""))


def found_in(table: Mapping[int, T], key: int, what: str, relation: OsmRelation) -> T:
    """What a relation refers to.

    Raises:
        InputError: it is not there.
    """
    if key not in table:
        raise InputError(
            f"relation {relation.id} refers to {what} {key}, which is not there", place_of(relation.element)
        )
    return table[key]
