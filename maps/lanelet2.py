"""Reader for Lanelet2 maps (OSM files of lanelets and regulatory elements).

In: a `.osm` file. Out: the lane map in the plane that `maps.osm` describes, SI. Lane ids are those of the lanelets; one
that cars may drive in both directions is two lanes, the second named `ID:back`. As in Lanelet2 (Poggenhans et al.
2018), a lanelet follows another where both bounds go on from the same nodes, and neighbours share a bound. What
Lanelet2 does not say is derived: lanes whose middles cross, with those that share an entry with them, form a junction.
Right of way that is only said by a regulatory element, without a sign, is not read; areas are not lanes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from numba import njit

from geometry.angles import Floats
from geometry.errors import InputError
from maps.lane_map import LaneMap, MarkSpan
from maps.lanelet2_rules import lights_and_signs, speed_limit_mps, stop_lines
from maps.lanelets import Beside, Lanelet, lane_map_of
from maps.osm import OsmMap, OsmRelation, OsmWay, found_in, read_osm
from maps.strict_xml import place_of

KINDS: Mapping[str, str] = {
    "road": "driving", "highway": "driving", "play_street": "driving", "exit": "driving", "bus_lane": "bus",
    "emergency_lane": "stop", "road_shoulder": "shoulder", "bicycle_lane": "biking", "walkway": "sidewalk",
    "shared_walkway": "sidewalk", "pedestrian_lane": "sidewalk", "crosswalk": "walking", "stairs": "walking",
}  # fmt: skip
"""Lanelet subtypes; others carry nobody that we know of (`none`)."""
_CARS = ("vehicle", "vehicle:car")
_PAINT: Mapping[str, str] = {
    "solid": "solid", "dashed": "broken", "solid_solid": "solid solid", "solid_dashed": "solid broken",
    "dashed_solid": "broken solid",
}  # fmt: skip
_MIRRORED = {"solid broken": "broken solid", "broken solid": "solid broken"}
_LINES: Mapping[str, float] = {"line_thin": 0.12, "line_thick": 0.25}
"""Widths of painted lines in metres (German motorway standard for wide ones), where the way has no `width`."""
_WALLS = frozenset({"curbstone", "wall", "fence", "guard_rail", "jersey_barrier"})
_LONGEST_M = 100_000.0


@dataclass(frozen=True, slots=True, eq=False)
class _Bound:
    """A way in the direction in which a lanelet is driven."""

    way: OsmWay
    turned: bool

    @property
    def points(self) -> Floats:
        return self.way.points[::-1] if self.turned else self.way.points

    @property
    def ends(self) -> tuple[int, int]:
        first, last = self.way.nodes[0], self.way.nodes[-1]
        return (last, first) if self.turned else (first, last)

    @property
    def key(self) -> tuple[int, bool]:
        return self.way.id, self.turned

    def back(self) -> _Bound:
        """The same way driven the other way."""
        return _Bound(self.way, not self.turned)

    def marks(self) -> tuple[MarkSpan, ...]:
        kind = _mark_kind(self.way.tags)
        kind = _MIRRORED.get(kind, kind) if self.turned else kind
        width_m = _LINES.get(self.way.tags.get("type", ""), 0.0)
        return (MarkSpan(0.0, kind, self.way.tags.get("color", "white"), width_m),)


@dataclass(frozen=True, slots=True, eq=False)
class _Driven:
    """A lanelet in one direction."""

    relation: OsmRelation
    left: _Bound
    right: _Bound
    kind: str
    is_back: bool

    @property
    def entry(self) -> tuple[int, int]:
        return self.left.ends[0], self.right.ends[0]

    @property
    def exit(self) -> tuple[int, int]:
        return self.left.ends[1], self.right.ends[1]

    def back(self) -> _Driven:
        """The other direction."""
        return _Driven(self.relation, self.right.back(), self.left.back(), self.kind, not self.is_back)


def read_lanelet2(path: Path) -> LaneMap:
    """The lane map of a file.

    Raises:
        InputError: see `maps.osm.read_osm`; no lanelets, or one whose bounds or tags are not as expected.
    """
    osm = read_osm(path)
    driven = _driven(osm)
    if not driven:
        raise InputError("the map has no relations of type lanelet", path)
    lanelets = _with_junctions(_lanelets(driven, osm))
    forward = {one.relation.id: i for i, one in enumerate(driven) if not one.is_back}
    crossings = [
        np.concatenate((one.right.points, one.left.points[::-1]))
        for one in driven
        if one.relation.tags.get("subtype") == "crosswalk"
    ]
    lines, rules = stop_lines(osm, lanelets), lights_and_signs(osm, lanelets, forward)
    return lane_map_of(lanelets, crossings, rules, lines)


def _driven(osm: OsmMap) -> list[_Driven]:
    found = []
    for relation in osm.relations.values():
        if relation.tags.get("type") != "lanelet":
            continue
        bounds = [found_in(osm.ways, relation.one_way(role), "way", relation) for role in ("left", "right")]
        lanelet = _Driven(relation, *_aligned(*bounds), _kind(relation.tags), False)
        found.append(lanelet)
        if lanelet.kind == "driving" and relation.tags.get("one_way") == "no":
            found.append(lanelet.back())
    return found


def _kind(tags: Mapping[str, str]) -> str:
    """The kind of a lane; tags about participants override what the subtype says."""
    kind = KINDS.get(tags.get("subtype", ""), "none")
    allowed = {name.removeprefix("participant:") for name, value in tags.items() if value in ("yes", "true")}
    named = any(name.startswith("participant:") for name in tags)
    if not named or any(car in allowed for car in _CARS):
        return kind
    if kind != "driving":
        return kind
    return "bus" if "vehicle:bus" in allowed else "biking" if "bicycle" in allowed else "none"


def _aligned(left: OsmWay, right: OsmWay) -> tuple[_Bound, _Bound]:
    """Both bounds in driving direction: each runs so that the middle of the other lies on its own proper side."""
    turned_left = _side(left.points, _middle(right.points)) > 0.0
    turned_right = _side(right.points, _middle(left.points[::-1] if turned_left else left.points)) < 0.0
    return _Bound(left, turned_left), _Bound(right, turned_right)


def _middle(points: Floats) -> Floats:
    """The middle node of a line, of its ends where it has only two."""
    middle: Floats = points[len(points) // 2] if len(points) > 2 else 0.5 * (points[0] + points[-1])
    return middle


@njit(cache=True)
def _side(line, point):  # type: ignore[no-untyped-def]
    """Distance of a point (2,) from a line (K, 2), positive to its left.

    Where a corner is nearest, the clearer word of its two segments counts.
    """
    best, clearest, side = np.inf, -1.0, 0.0
    for k in range(len(line) - 1):
        ux, uy = line[k + 1, 0] - line[k, 0], line[k + 1, 1] - line[k, 1]
        px, py = point[0] - line[k, 0], point[1] - line[k, 1]
        length = max(math.hypot(ux, uy), 1e-6)
        share = min(max((px * ux + py * uy) / length**2, 0.0), 1.0)
        gap = math.hypot(px - share * ux, py - share * uy)
        across = (ux * py - uy * px) / length
        if gap < best - 1e-9 or (gap < best + 1e-9 and abs(across) > clearest):
            best, clearest, side = min(gap, best), abs(across), across
    return math.copysign(best, side)


def _mark_kind(tags: Mapping[str, str]) -> str:
    kind = tags.get("type", "")
    if kind in _LINES:
        return _PAINT.get(tags.get("subtype", ""), "none")
    if kind in _WALLS:
        return "curb"
    return "edge" if kind == "road_border" else "none"


def _lanelets(driven: Sequence[_Driven], osm: OsmMap) -> list[Lanelet]:
    entries, exits = defaultdict(list), defaultdict(list)
    by_left, by_right = defaultdict(list), defaultdict(list)
    for i, one in enumerate(driven):
        entries[one.entry].append(i)
        exits[one.exit].append(i)
        by_left[one.left.key].append(i)
        by_right[one.right.key].append(i)

    def others(i: int, found: Sequence[int]) -> tuple[int, ...]:
        return tuple(k for k in found if driven[k].relation is not driven[i].relation)

    def beside(i: int, same: Sequence[int], opposite: Sequence[int]) -> Beside | None:
        for found, is_same in ((same, True), (opposite, False)):
            alike = sorted(others(i, found), key=lambda k: (driven[k].kind != driven[i].kind, k))
            if alike:
                return Beside(alike[0], is_same)
        return None

    lanelets = []
    for i, one in enumerate(driven):
        left, right = _paired(one)
        lanelets.append(
            Lanelet(
                id=i,
                left=left,
                right=right,
                predecessors=others(i, exits[one.entry]),
                successors=others(i, entries[one.exit]),
                beside_left=beside(i, by_right[one.left.key], by_left[one.left.back().key]),
                beside_right=beside(i, by_left[one.right.key], by_right[one.right.back().key]),
                kind=one.kind,
                speed_limit_mps=speed_limit_mps(one.relation, osm),
                left_marks=one.left.marks(),
                right_marks=one.right.marks(),
                stops=False,
                intersection="",
                name=f"{one.relation.id}{':back' if one.is_back else ''}",
            )
        )
    return lanelets


def _paired(one: _Driven) -> tuple[Floats, Floats]:
    """Both bounds (K, 2) with as many points: each has its own, and those that lie as far along as the other's.

    Raises:
        InputError: a bound is longer than 100 km, or the lane between them has no length.
    """
    rows, longest = paired_bounds(np.ascontiguousarray(one.left.points), np.ascontiguousarray(one.right.points))
    if not 1e-3 < longest < _LONGEST_M:
        text = f"lanelet {one.relation.id} is {longest:.3f} m long; 1 mm to {_LONGEST_M:.0f} m were expected"
        raise InputError(text, place_of(one.relation.element))
    return rows[:, :2].copy(), rows[:, 2:].copy()


@njit(cache=True)
def paired_bounds(left, right):  # type: ignore[no-untyped-def]
    """Rows (K, 4) of two lines (L, 2), (R, 2) at all shares of length at which one of them has a point; the length.

    The length is that of the longer line, 0 where the line between them has none.
    """
    first, second = _shares(left), _shares(right)
    rows = np.empty((len(left) + len(right), 4))
    count, i, j, longest = 0, 0, 0, max(first[-1], second[-1])
    first, second = first[:-1], second[:-1]
    while i < len(first) or j < len(second):
        here = min(first[min(i, len(first) - 1)], second[min(j, len(second) - 1)])
        if i >= len(first):
            here = second[j]
        elif j >= len(second):
            here = first[i]
        _at_share(left, first, here, rows[count, :2])
        _at_share(right, second, here, rows[count, 2:])
        count += 1
        while i < len(first) and first[i] <= here + 1e-9:
            i += 1
        while j < len(second) and second[j] <= here + 1e-9:
            j += 1
    gone = 0.0
    for k in range(1, count):
        dx = rows[k, 0] + rows[k, 2] - rows[k - 1, 0] - rows[k - 1, 2]
        dy = rows[k, 1] + rows[k, 3] - rows[k - 1, 1] - rows[k - 1, 3]
        gone += 0.5 * math.hypot(dx, dy)
    return rows[:count], longest if gone > 1e-3 else 0.0


@njit(cache=True)
def _shares(line):  # type: ignore[no-untyped-def]
    """Shares of length (K,) of a line's points, and the length, as (K + 1,); by number where it has no length."""
    out = np.zeros(len(line) + 1)
    for k in range(1, len(line)):
        out[k] = out[k - 1] + math.hypot(line[k, 0] - line[k - 1, 0], line[k, 1] - line[k - 1, 1])
    length = out[len(line) - 1]
    for k in range(len(line)):
        out[k] = out[k] / length if length > 0.0 else k / (len(line) - 1)
    out[-1] = length
    return out


@njit(cache=True)
def _at_share(line, shares, share, out):  # type: ignore[no-untyped-def]
    """Write the point (2,) of a line at a share of its length."""
    k = min(max(np.searchsorted(shares, share) - 1, 0), len(line) - 2)
    span = shares[k + 1] - shares[k]
    weight = min(max((share - shares[k]) / span, 0.0), 1.0) if span > 0.0 else 1.0
    for axis in range(2):
        out[axis] = line[k, axis] + weight * (line[k + 1, axis] - line[k, axis])


def _with_junctions(lanelets: Sequence[Lanelet]) -> list[Lanelet]:
    """Lanes whose middles cross, and those that enter with one of them, are of one junction."""
    driving = [i for i, lanelet in enumerate(lanelets) if lanelet.kind in ("driving", "bus")]
    middles = np.array([shapely.LineString(lanelets[i].centre) for i in driving], dtype=object)
    root = {i: i for i in driving}

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    inside: set[int] = set()
    one, other = shapely.STRtree(middles).query(middles, predicate="crosses")
    for a, b in zip(one.tolist(), other.tolist(), strict=True):
        first, second = sorted((find(driving[a]), find(driving[b])))
        root[second] = first
        inside |= {driving[a], driving[b]}
    for i in sorted(inside):
        for before in lanelets[i].predecessors:
            for sibling in lanelets[before].successors:
                if sibling in root:
                    first, second = sorted((find(i), find(sibling)))
                    root[second] = first
                    inside.add(sibling)
    return [
        replace(lanelet, intersection=lanelets[find(i)].name) if i in inside else lanelet
        for i, lanelet in enumerate(lanelets)
    ]
