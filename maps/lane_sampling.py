"""From the exact road network to the lane map: lanes sampled in travel direction, linked and furnished.

In: a `RoadNetwork`. Out: a `LaneMap` whose polylines leave the true centre and edges by at most 1 cm, with points at
most 2 m apart where the road bends and at most 10 m apart where it is straight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats
from geometry.errors import InputError
from maps.lane_furniture import crossings_of, signals_of, stop_lines_of
from maps.lane_linking import conflicts_of, links_of, neighbours_of
from maps.lane_map import LaneMap, MarkSpan
from maps.road_model import Dashes, LaneSection, Road, RoadLane
from maps.road_network import RoadNetwork

CHORD_ERROR_M = 0.01
_STRAIGHT_SPACING_M = 10.0
_BENT_SPACING_M = 2.0
_BENT_ERROR_M = 1e-4
"""A chord that leaves the edge by less than this is straight."""
_SHORTEST_CHORD_M = 0.05
_SHORTEST_LANE_M = 0.01
_NARROWEST_M = 1e-3
_MAX_POINTS = 3_000_000


@dataclass(frozen=True, slots=True, eq=False)
class LanePiece:
    """One lane of one section, sampled in travel direction: K points."""

    key: tuple[str, int, int]
    """Road, section index, lane id."""
    lane: RoadLane
    along_s: bool
    centre: Floats
    left: Floats
    right: Floats
    s_m: Floats
    source_s_m: Floats
    speed_limit_mps: Floats

    def lane_s(self, source_s_m: float) -> float:
        """Arc length along the lane at an s of the road."""
        order = slice(None) if self.along_s else slice(None, None, -1)
        return float(np.interp(source_s_m, self.source_s_m[order], self.s_m[order]))


def sample_lanes(network: RoadNetwork) -> LaneMap:
    """The lane map of a road network. Lanes that are nowhere wider than 1 mm or shorter than 1 cm are left out.

    Raises:
        InputError: the map would need more than three million points.
    """
    pieces: list[LanePiece] = []
    count = 0
    for piece in _pieces(network):
        pieces.append(piece)
        count += len(piece.centre)
        _check_count(count)
    return _assemble(network, pieces)


def _check_count(points: int) -> None:
    if points > _MAX_POINTS:
        raise InputError(f"the map needs more than {_MAX_POINTS} points; cut it into smaller ones")


def _assemble(network: RoadNetwork, pieces: Sequence[LanePiece]) -> LaneMap:
    index = {piece.key: i for i, piece in enumerate(pieces)}
    successors, predecessors = links_of(network, pieces, index)
    left, right, opposite = neighbours_of(network, pieces, index)
    junction = tuple(network.roads[piece.key[0]].junction_id or "" for piece in pieces)
    marks = [_edge_marks(network.roads[piece.key[0]].sections[piece.key[1]], piece) for piece in pieces]

    def column(name: str, *shape: int) -> Floats:
        return np.concatenate([getattr(piece, name) for piece in pieces] or [np.empty((0, *shape))])

    return LaneMap(
        ids=tuple(":".join(map(str, piece.key)) for piece in pieces),
        kinds=tuple(piece.lane.kind for piece in pieces),
        starts=np.cumsum([0] + [len(piece.centre) for piece in pieces], dtype=np.int64),
        centre_points=column("centre", 2),
        left_points=column("left", 2),
        right_points=column("right", 2),
        s_m=column("s_m"),
        source_s_m=column("source_s_m"),
        speed_limit_mps=column("speed_limit_mps"),
        left_marks=tuple(pair[0] for pair in marks),
        right_marks=tuple(pair[1] for pair in marks),
        successors=successors,
        predecessors=predecessors,
        left_neighbour=left,
        right_neighbour=right,
        opposite_neighbour=opposite,
        junction=junction,
        conflicts=conflicts_of(pieces, junction, predecessors),
        signals=signals_of(network, pieces),
        stop_lines=stop_lines_of(network, pieces),
        crossings=crossings_of(network, pieces),
        right_hand=sum(1 if road.right_hand else -1 for road in network.roads.values()) >= 0,
    )


def _pieces(network: RoadNetwork) -> Iterator[LanePiece]:
    for road in network.roads.values():
        for index, section in enumerate(road.sections):
            stations = _stations(road, section)
            frame = road.line.sample(stations)
            for lane_id in section.ids:
                lane = section.lanes[lane_id]
                along = network.drive_sign(road.id, lane_id, section.s_m) > 0
                piece = _piece((road.id, index, lane_id), road, lane, stations, frame, along)
                if piece is not None:
                    yield piece


def _piece(
    key: tuple[str, int, int], road: Road, lane: RoadLane, stations: Floats, frame: Floats, along_s: bool
) -> LanePiece | None:
    """The sampled lane, or None where there is nothing of it."""
    inner, outer = lane.inner_t.sample(stations), lane.outer_t.sample(stations)
    high, low = np.maximum(inner, outer), np.minimum(inner, outer)
    if (high - low).max() < _NARROWEST_M:
        return None
    order = slice(None) if along_s else slice(None, None, -1)
    centre, above, below = (_beside(frame, t)[order] for t in (0.5 * (inner + outer), high, low))
    keep = np.ones(len(centre), dtype=bool)
    steps = np.hypot(*np.diff(centre, axis=0).T)
    keep[1:] = steps > 2e-3  # a tight inner curve may fold points onto each other
    s = np.concatenate(([0.0], np.cumsum(steps)))
    if s[-1] < _SHORTEST_LANE_M or keep.sum() < 2:
        return None
    source_s = stations[order]
    limits = _limits(road, lane, source_s, along_s)
    left, right = (above, below) if along_s else (below, above)
    return LanePiece(key, lane, along_s, centre[keep], left[keep], right[keep], s[keep], source_s[keep], limits[keep])


def _beside(frame: Floats, t_m: Floats) -> Floats:
    """Points (N, 2) at t beside the frames (rows x, y, heading, curvature) of the reference line."""
    return np.stack((frame[0] - t_m * np.sin(frame[2]), frame[1] + t_m * np.cos(frame[2])), axis=1)


def _limits(road: Road, lane: RoadLane, source_s_m: Floats, along_s: bool) -> Floats:
    """The limit in force behind each point in travel direction (before the last one); NaN where none is known."""
    ahead = 1e-6 if along_s else -1e-6
    at = source_s_m + np.concatenate((np.full(len(source_s_m) - 1, ahead), [-ahead]))
    limits = np.full(len(at), np.nan)
    for speed in road.speeds:
        limits[at >= speed.s_m] = np.nan if speed.limit_mps is None else speed.limit_mps
    for own in lane.speeds:
        limits[at >= own.s_m] = own.limit_mps
    limits[np.isinf(limits)] = np.nan
    return limits


def _stations(road: Road, section: LaneSection) -> Floats:
    """Stations of a section at which all its lanes are sampled: breakpoints, and between them as dense as needed."""
    start, end = section.s_m, section.end_m
    edges = [section.lanes[0].outer_t, *(section.lanes[lane].outer_t for lane in section.ids)]
    breaks = {float(s) for s in road.line.table[:, 0]}
    breaks |= {s for edge in edges for s in edge.starts}
    breaks |= {speed.s_m for speed in road.speeds}
    breaks |= {speed.s_m for lane in section.ids for speed in section.lanes[lane].speeds}
    inner = sorted(s for s in breaks if start + _SHORTEST_CHORD_M < s < end - _SHORTEST_CHORD_M)
    spaced = [s for s, before in zip(inner, [start, *inner], strict=False) if s - before > 1e-3]
    stations = np.array([start, *spaced, end])
    for _ in range(24):
        _check_count(len(stations) * len(edges))
        split = _too_coarse(road, section, stations)
        if not split.any():
            break
        middles = 0.5 * (stations[1:] + stations[:-1])[split]
        stations = np.sort(np.concatenate((stations, middles)))
    return stations


def _too_coarse(road: Road, section: LaneSection, stations: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which intervals between stations need a further point: shape (len(stations) - 1,)."""
    shares = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    spacing = np.diff(stations)
    at = (stations[:-1, None] + spacing[:, None] * shares).ravel()
    frame = road.line.sample(at)
    error = np.zeros(len(spacing))
    for lane_id in (0, *section.ids):
        points = _beside(frame, section.lanes[lane_id].outer_t.sample(at)).reshape(-1, 5, 2)
        chord = points[:, -1] - points[:, 0]
        length = np.maximum(np.hypot(chord[:, 0], chord[:, 1]), 1e-9)
        offset = points[:, 1:-1] - points[:, :1]
        across = chord[:, None, 0] * offset[..., 1] - chord[:, None, 1] * offset[..., 0]
        error = np.maximum(error, np.abs(across).max(axis=1) / length)
    bent = (error > _BENT_ERROR_M) & (spacing > _BENT_SPACING_M)
    return (spacing > 2 * _SHORTEST_CHORD_M) & ((error > 0.5 * CHORD_ERROR_M) | bent | (spacing > _STRAIGHT_SPACING_M))


def _edge_marks(section: LaneSection, piece: LanePiece) -> tuple[tuple[MarkSpan, ...], tuple[MarkSpan, ...]]:
    """Marks on the left and right edge in travel direction: a lane owns those of its outer edge."""
    lane_id = piece.key[2]
    inner = section.lanes[lane_id - 1 if lane_id > 0 else lane_id + 1]
    outer_marks, inner_marks = (_spans(lane, section, piece) for lane in (piece.lane, inner))
    outer_is_left = (lane_id > 0) == piece.along_s
    return (outer_marks, inner_marks) if outer_is_left else (inner_marks, outer_marks)


def _spans(owner: RoadLane, section: LaneSection, piece: LanePiece) -> tuple[MarkSpan, ...]:
    """The marks of a lane in lane arc length and travel order."""
    spans = []
    ends = [mark.s_m for mark in owner.marks[1:]] + [section.end_m]
    for mark, end in zip(owner.marks, ends, strict=False):
        first = max(mark.s_m, section.s_m) if piece.along_s else end
        dashes = None if mark.dashes is None else _along_lane(mark.dashes, piece)
        spans.append(MarkSpan(piece.lane_s(first), mark.kind, mark.color, mark.width_m, dashes))
    if piece.along_s or not spans:
        return tuple(spans)
    first_m = owner.marks[0].s_m
    unmarked = [MarkSpan(piece.lane_s(first_m), "none", "white", 0.0)] if first_m > section.s_m else []
    return (*reversed(spans), *unmarked)


def _along_lane(dashes: Dashes, piece: LanePiece) -> Dashes:
    """Dashes by road s as a lane meets them; against s, a dash begins at its end.

    They may begin far before the lane does, where its arc length says nothing.
    """
    begin_s = float(piece.source_s_m[0])
    if piece.along_s:
        before_m = (begin_s - dashes.at_m) % dashes.period_m
    else:
        before_m = (dashes.at_m + dashes.dash_m - begin_s) % dashes.period_m
    return Dashes(dashes.dash_m, dashes.gap_m, -before_m)
