"""A map as it is after a few years: some of its marks moved, gone or repainted, and signs set along its roads.

In: true lines and lanes. Out: the lines that the car's map has, and landmarks for maps that name none.
"""

from __future__ import annotations

import math

import numpy as np

from bus.messages import LandmarkKind, MarkType
from geometry.angles import Floats
from maps.landmarks import MapLandmarks, map_landmarks
from maps.lane_map import LaneMap
from maps.mark_lines import MarkLines
from maps.road_model import DRIVABLE_KINDS

_BESIDE_M = 2.0


def with_map_errors(
    lines: MarkLines, share: float, rng: np.random.Generator, least_m: float = 0.2, most_m: float = 0.5
) -> MarkLines:
    """The lines with a `share` of their pieces wrong: half of those missing, half moved aside by `least_m` to `most_m`.

    The dashes of what was moved were painted anew and lie anywhere. A tenth of the share more is repainted (solid for
    broken and the reverse).
    """
    draws = rng.random(lines.piece_count)
    shift = rng.uniform(least_m, most_m, lines.piece_count) * rng.choice((-1.0, 1.0), lines.piece_count)
    along = rng.random(lines.piece_count)
    moved = np.where(draws < 0.5 * share, shift, 0.0)[lines.pieces]
    direction = lines.ends[:, 2:] - lines.ends[:, :2]
    normal = np.stack((-direction[:, 1], direction[:, 0]), axis=1) / np.hypot(*direction.T)[:, None]
    offset = moved[:, None] * normal
    ends = lines.ends + np.concatenate((offset, offset), axis=1)
    repainted = (draws > 1.0 - 0.1 * share)[lines.pieces]
    swapped = np.where(lines.types == MarkType.SOLID, MarkType.BROKEN, MarkType.SOLID)
    paint = np.isin(lines.types, (MarkType.SOLID, MarkType.BROKEN))
    types = np.where(repainted & paint, swapped, lines.types)
    kept = ~((draws >= 0.5 * share) & (draws < share))[lines.pieces]
    dashes = lines.dashes.copy()
    dashes[:, :2] += (np.where(moved != 0.0, along[lines.pieces], 0.0) * dashes[:, 3])[:, None]
    dashes[types != MarkType.BROKEN] = 0.0
    return MarkLines.of(ends[kept], types[kept], lines.pieces[kept], dashes[kept])


def furnished(lane_map: LaneMap, every_m: float, rng: np.random.Generator) -> MapLandmarks:
    """The map's own landmarks and, on the outer side of its roads outside junctions, a sign about every `every_m`."""
    own = map_landmarks(lane_map)
    kinds, points, seen_from = [own.kinds], [own.points], [own.seen_from_rad]
    for lane in range(lane_map.size):
        outer = lane_map.right_neighbour[lane] if lane_map.right_hand else lane_map.left_neighbour[lane]
        beside = outer >= 0 and lane_map.kinds[int(outer)] in DRIVABLE_KINDS
        if lane_map.kinds[lane] not in DRIVABLE_KINDS or lane_map.junction[lane] or beside:
            continue
        found, headings = _along(lane_map, lane, every_m, rng)
        kinds.append(np.full(len(found), LandmarkKind.SIGN, dtype=np.int64))
        points.append(found)
        seen_from.append(headings)
    return MapLandmarks(np.concatenate(kinds), np.concatenate(points), np.concatenate(seen_from))


def _along(lane_map: LaneMap, lane: int, every_m: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Places (K, 2) beside a lane's outer edge and the lane's heading (K,) there."""
    rows = lane_map.rows(lane)
    s_m, edge = lane_map.s_m[rows], (lane_map.right_edge(lane) if lane_map.right_hand else lane_map.left_edge(lane))
    length = float(s_m[-1])
    count = int(length / every_m + rng.random())
    at = (np.arange(count) + rng.uniform(0.2, 0.8, count)) * (length / max(count, 1))
    tangent = np.gradient(lane_map.centre_points[rows], s_m, axis=0)
    heading = np.array([math.atan2(*_at(tangent, s_m, one)[::-1]) for one in at])
    side = -1.0 if lane_map.right_hand else 1.0
    places = np.array([_at(edge, s_m, one) for one in at]).reshape(-1, 2)
    aside = _BESIDE_M * side * np.stack((-np.sin(heading), np.cos(heading)), axis=1).reshape(-1, 2)
    return places + aside, heading


def _at(points: Floats, s_m: Floats, at_m: float) -> Floats:
    return np.array([np.interp(at_m, s_m, points[:, 0]), np.interp(at_m, s_m, points[:, 1])])
