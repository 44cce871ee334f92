"""Where the ego may go across the road: ways that keep the lane and ways to the lanes beside it.

In: the ego's place on the route's path, room to both sides. Out: `Way`s, each a quintic from where the ego is. Ways
past what stands in the lane are laid by `planning.passing`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from geometry.polyline import Polyline
from maps.lane_map import LaneMap
from motion.bicycle import Vehicle
from planning.candidates import KEEP, LEFT, RIGHT, CandidateSettings, Way, distance_of, quintic
from planning.scene import Scene

EDGE_M = 0.15
"""An ego that is beyond the edge of its lane already may be by this much more."""
BEYOND_M = 30.0
"""A lane that is changed to goes on for this long behind the change."""
BEGIN_S, BACK_S = 10.0, 4.0
"""One that is not the route's, and the route itself up to its goal, goes on for the first time more where a change
begins, and for the second as long as the ego stays: between the two it passes whom it changed for, and is back before
the end."""
FAR_M = 1000.0
"""Lanes are followed so far to see how they go on."""


@dataclass(frozen=True, slots=True)
class Place:
    """The ego on a path: arc length, offset, slope and second derivative of its rear axle's way, and its speed."""

    s_m: float
    d_m: float
    slope: float
    bend: float
    speed_mps: float


@dataclass(frozen=True, slots=True)
class Begun:
    """The way that was chosen before: what it does, and where on the path it ends."""

    lane: int
    end_m: float


def place_on(path: Polyline, scene: Scene, s_m: float, d_m: float) -> Place:
    """The ego's place on the path where it was found at an arc length and offset."""
    ego = scene.ego
    error = path.heading_error(s_m, ego.world_from_ego.yaw_rad)
    bend = math.tan(ego.steering_rad) / scene.context.vehicle.wheelbase_m - float(path.curvature(s_m))
    return Place(s_m, d_m, math.tan(min(max(error, -0.7), 0.7)), min(max(bend, -0.1), 0.1), ego.speed_mps)


def way_to(
    place: Place, lane: int, offset_m: float, length_m: float, room_m: tuple[float, float], back_m: float = math.inf,
    back_length_m: float = 1.0,
) -> Way:  # fmt: skip
    """The way from the ego's place to an offset; see `Way`."""
    shape = quintic(place.d_m, place.slope, place.bend, offset_m, length_m)
    return Way(lane, offset_m, length_m, shape, *room_m, back_m, back_length_m)


def keeping(place: Place, room_m: tuple[float, float], vehicle: Vehicle, settings: CandidateSettings) -> Iterator[Way]:
    """To the middle of the lane, soon and later, and a little beside it where there is room."""
    left, right = room_m
    half = 0.5 * vehicle.width_m
    room = max(left, place.d_m + half + EDGE_M), max(right, half + EDGE_M - place.d_m)
    for offset in settings.offsets_m:
        if offset + half > left or half - offset > right:
            continue
        for span in settings.settle_s if offset == 0.0 else settings.settle_s[:1]:
            yield way_to(place, KEEP, offset, distance_of(place.speed_mps, span, settings), room)


def changing(
    lane_map: LaneMap, path: Polyline, place: Place, room_m: tuple[float, float], begun: Begun,
    settings: CandidateSettings, goal_m: float = math.inf,
) -> Iterator[Way]:  # fmt: skip
    """To the lanes beside the own one that go on long enough for coming back, before the arc length `goal_m`, too; a
    change that has begun ends where it was to end."""
    beyond_m = BEYOND_M + BEGIN_S * place.speed_mps, BEYOND_M + BACK_S * place.speed_mps
    return _changing(lane_map, path, place, room_m, begun, settings, settings.change_s, goal_m - place.s_m, beyond_m)


def evading(
    lane_map: LaneMap, path: Polyline, place: Place, room_m: tuple[float, float], begun: Begun,
    settings: CandidateSettings,
) -> Iterator[Way]:  # fmt: skip
    """To the lanes beside the own one, fast, wherever they lead."""
    return _changing(lane_map, path, place, room_m, begun, settings, settings.evade_s, math.inf, (BEYOND_M, BEYOND_M))


def _changing(
    lane_map: LaneMap, path: Polyline, place: Place, room_m: tuple[float, float], begun: Begun,
    settings: CandidateSettings, spans_s: tuple[float, ...], goal_m: float,
    beyond_m: tuple[float, float],
) -> Iterator[Way]:  # fmt: skip
    left, right = room_m
    for side, offset, reach in _neighbours(lane_map, path, place.s_m):
        both = (max(left, offset + right), right) if side == LEFT else (left, max(right, left - offset))
        for span, least_m in zip(spans_s, (settings.shortest_m, settings.calm_m), strict=True):
            length = max(distance_of(place.speed_mps, span, settings), least_m)
            if side == begun.lane:
                length = max(min(length, begun.end_m - place.s_m), settings.shortest_m)
            if length + beyond_m[side == begun.lane] < min(reach, goal_m):
                yield way_to(place, side, offset, length, both)


def _neighbours(lane_map: LaneMap, path: Polyline, s_m: float) -> Iterator[tuple[int, float, float]]:
    """Lanes beside the route that may be changed to: (side, offset of their centre, how far they go on)."""
    here = path.position(s_m)[None]
    lanes, _, _ = lane_map.nearest(here, path.heading(s_m).reshape(1))
    lane = int(lanes[0])
    for side, beside in ((LEFT, int(lane_map.left_neighbour[lane])), (RIGHT, int(lane_map.right_neighbour[lane]))):
        if beside < 0 or lane_map.kinds[beside] != "driving" or not lane_map.may_change(lane, beside):
            continue
        s, d = lane_map.centre(beside).project(here)
        offset = -float(d[0])
        if 2.0 < abs(offset) < 6.0:
            yield side, offset, _reach(lane_map, beside, float(s[0]))


def _reach(lane_map: LaneMap, lane: int, s_m: float) -> float:
    """How far a lane goes on."""
    reach = lane_map.length_m(lane) - s_m
    while reach < FAR_M and lane_map.successors[lane]:
        lane = lane_map.successors[lane][0]
        reach += lane_map.length_m(lane)
    return reach
