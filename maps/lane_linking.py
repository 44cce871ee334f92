"""Which lanes of the lane map follow, flank and cross each other.

In: the road network and its sampled lanes. Out: successors and predecessors in travel direction, neighbours on each
side, and conflicts inside junctions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray

from geometry.angles import Floats
from maps.lane_index import ring_surface
from maps.road_links import LaneEnd
from maps.road_network import RoadNetwork

Key = tuple[str, int, int]
Links = tuple[tuple[int, ...], ...]
Indices = NDArray[np.int64]
_CONFLICT_AREA_M2 = 1.0
"""Lanes that only touch along their edges overlap by less."""


class SampledLane(Protocol):
    """What linking needs of a sampled lane."""

    @property
    def key(self) -> Key: ...
    @property
    def along_s(self) -> bool: ...
    @property
    def left(self) -> Floats: ...
    @property
    def right(self) -> Floats: ...


def links_of(network: RoadNetwork, pieces: Sequence[SampledLane], index: Mapping[Key, int]) -> tuple[Links, Links]:
    """Successors and predecessors of each lane; lanes too small to be sampled are passed through."""
    successors = tuple(tuple(_reached(network, piece.key, piece.along_s, index)) for piece in pieces)
    predecessors: list[list[int]] = [[] for _ in pieces]
    for lane, after in enumerate(successors):
        for other in after:
            predecessors[other].append(lane)
    return successors, tuple(map(tuple, predecessors))


def _reached(network: RoadNetwork, key: Key, along_s: bool, index: Mapping[Key, int]) -> list[int]:
    """Sampled lanes that travel reaches next."""
    found: list[int] = []
    seen = set()
    pending = [LaneEnd(*key, along_s)]
    while pending:
        for other in network.links.get(pending.pop(), ()):
            after = (other.road_id, other.section, other.lane_id)
            # Travel enters at `other`; a lane whose traffic comes out there is no way on.
            enters = (network.drive_sign(other.road_id, other.lane_id, _section_s(network, other)) > 0) != other.at_end
            if other in seen or not enters or other.lane_id == 0:
                continue
            seen.add(other)
            if after in index:
                found.append(index[after])
            else:
                pending.append(LaneEnd(*after, not other.at_end))
    return found


def _section_s(network: RoadNetwork, end: LaneEnd) -> float:
    return network.roads[end.road_id].sections[end.section].s_m


def neighbours_of(
    network: RoadNetwork, pieces: Sequence[SampledLane], index: Mapping[Key, int]
) -> tuple[Indices, Indices, Indices]:
    """Left and right neighbour in the same direction and the opposite one, each of shape (N,), -1 for none."""
    left, right, opposite = (np.full(len(pieces), -1, dtype=np.int64) for _ in range(3))
    for lane, piece in enumerate(pieces):
        road_id, section, lane_id = piece.key
        ids = network.roads[road_id].sections[section].ids
        place = ids.index(lane_id)
        towards_left, towards_right = (-1, 1) if piece.along_s else (1, -1)
        for step, same in ((towards_left, left), (towards_right, right)):
            beside = place + step
            other = index.get((road_id, section, ids[beside])) if 0 <= beside < len(ids) else None
            if other is None:
                continue
            if pieces[other].along_s == piece.along_s:
                same[lane] = other
            else:
                opposite[lane] = other
    return left, right, opposite


def conflicts_of(pieces: Sequence[SampledLane], junction: Sequence[str], predecessors: Links) -> Links:
    """For each lane those of its junction whose surface it shares, without those that fork from the same lane."""
    conflicts: list[list[int]] = [[] for _ in pieces]
    for name in sorted(set(junction) - {""}):
        lanes = [i for i, inside in enumerate(junction) if inside == name]
        rings = [ring_surface(pieces[i].left, pieces[i].right) for i in lanes]
        surfaces = shapely.make_valid(np.array(rings, dtype=object))
        one, other = shapely.STRtree(surfaces).query(surfaces, predicate="intersects")
        area = shapely.area(shapely.intersection(surfaces[one], surfaces[other]))
        for a, b in zip(one[area > _CONFLICT_AREA_M2], other[area > _CONFLICT_AREA_M2], strict=True):
            forks = set(predecessors[lanes[a]]) & set(predecessors[lanes[b]])
            follows = lanes[a] in predecessors[lanes[b]] or lanes[b] in predecessors[lanes[a]]
            if a != b and not forks and not follows:
                conflicts[lanes[a]].append(lanes[b])
    return tuple(tuple(sorted(others)) for others in conflicts)
