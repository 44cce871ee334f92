"""Routes over the lane map: which lanes to drive, and one path through them with room to both sides.

In: a lane map, lane indices, arc lengths [m]. Out: a `Route` in world.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from geometry.angles import Floats, wrap_rad
from geometry.errors import ContractError, SceneError
from geometry.polyline import Polyline
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS

_CHANGE_COST_M = 100.0
"""A lane change is worth a detour of this length; where marks forbid it, of ten times as much."""
_CHANGE_LENGTH_M = 80.0
_SHORTEST_CHANGE_M = 10.0
_NARROWEST_M = 1.5
"""No car goes through an end of a lane that is narrower."""
_LOOK_AHEAD_M = 30.0
_BEHIND_M = 30.0
_SHORTEST_ROUTE_M = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """Lanes in driving order and a path over them; arrays of shape (K,) are aligned with `path.points`."""

    lanes: tuple[int, ...]
    path: Polyline
    left_m: Floats
    right_m: Floats
    """Distance from the path to the left and right edge of the lane (of both lanes during a lane change), >= 0."""
    speed_limit_mps: Floats
    """NaN where none is known."""
    lane_begins_m: Floats
    """Shape (L,): arc length of the path at which each lane begins; negative where the path begins later. Lanes that
    are changed for one another begin together."""

    def __post_init__(self) -> None:
        if self.lane_begins_m.shape != (len(self.lanes),):
            raise ContractError(f"a route over {len(self.lanes)} lanes has {len(self.lane_begins_m)} beginnings")
        self.lane_begins_m.setflags(write=False)
        for array in (self.left_m, self.right_m, self.speed_limit_mps):
            if array.shape != self.path.s_m.shape:
                raise ContractError(f"a route column has shape {array.shape}, not {self.path.s_m.shape}")
            array.setflags(write=False)


@dataclass(frozen=True, slots=True)
class _Place:
    """A lane and an arc length on it."""

    lane: int
    s_m: float


@dataclass(frozen=True, slots=True, eq=False)
class _Stretch:
    """A piece of a route: points (K, 2), edges (K, 2), limits (K,)."""

    centre: Floats
    left: Floats
    right: Floats
    limit_mps: Floats


def follow_lane(lane_map: LaneMap, lane: int, s_m: float, length_m: float, behind_m: float = _BEHIND_M) -> Route:
    """The route that stays on a lane and goes on straightest, from `behind_m` before s to `length_m` after it.

    Where the lane ends or narrows to nothing (a ramp) and one beside it goes on, it changes there. It is shorter where
    the map ends.

    Raises:
        SceneError: no such lane, or nothing of it ahead.
    """
    _check_lane(lane_map, lane)
    lanes, before = _with_lanes_behind(lane_map, [lane], s_m, behind_m)
    ahead = lane_map.length_m(lane) - s_m
    while ahead < length_m:
        following = _straightest(lane_map, lanes[-1], back=False)
        beside = _to_change_to(lane_map, lanes[-1], following)
        if beside is not None and min(ahead, lane_map.length_m(lanes[-1])) >= _SHORTEST_CHANGE_M:
            lanes.append(beside)
            continue
        if following is None:
            break
        lanes.append(following)
        ahead += lane_map.length_m(following)
    return _route(lane_map, lanes, _Place(lane, s_m), max(before - behind_m, 0.0), before + length_m)


def shortest_route(
    lane_map: LaneMap,
    start_lane: int,
    goal_lane: int,
    start_s_m: float = 0.0,
    goal_s_m: float | None = None,
    behind_m: float = _BEHIND_M,
    beyond_m: float = 0.0,
) -> Route:
    """The cheapest route over drivable lanes with lane changes (Dijkstra 1959), to `goal_s_m` or the goal lane's end.

    With `beyond_m` it goes on straightest for that much after the goal lane, as far as the map goes and until it would
    come to a lane a second time: a place on the route is then one place on the way to the goal.

    Raises:
        SceneError: no such lane, or no way.
    """
    _check_lane(lane_map, goal_lane)
    goal_s = lane_map.length_m(goal_lane) if goal_s_m is None else goal_s_m
    return route_via(lane_map, start_lane, start_s_m, [(goal_lane, goal_s)], behind_m, beyond_m)


def route_via(
    lane_map: LaneMap,
    start_lane: int,
    start_s_m: float,
    places: Sequence[tuple[int, float]],
    behind_m: float = _BEHIND_M,
    beyond_m: float = 0.0,
) -> Route:
    """The cheapest routes from place to place (lane, arc length), joined; `beyond_m` as for `shortest_route`.

    Raises:
        SceneError: no such lane, no way, or one over several places that comes to a lane a second time.
    """
    _check_lane(lane_map, start_lane)
    way, at_m = [start_lane], start_s_m
    for lane, s_m in places:
        _check_lane(lane_map, lane)
        leg = cheapest_lanes(lane_map, way[-1], lane, at_m, s_m)
        if leg is None:
            raise SceneError(f"no way leads from lane {lane_map.ids[way[-1]]} to lane {lane_map.ids[lane]}")
        again = set(leg[1:]) & set(way)
        if again and len(places) > 1:
            raise SceneError(f"the way comes to lane {lane_map.ids[min(again)]} a second time")
        way, at_m = way + leg[1:], s_m
    goal_length, goal_s = lane_map.length_m(way[-1]), at_m
    lanes, before = _with_lanes_behind(lane_map, way, start_s_m, behind_m)
    to_s_m = min(goal_s - goal_length, 0.0)
    gone = 0.0
    while gone < beyond_m and (following := _straightest(lane_map, lanes[-1], back=False)) is not None:
        if following in lanes:
            break
        lanes.append(following)
        gone += lane_map.length_m(following)
        to_s_m = 0.0
    to_s_m = 0.0 if beyond_m > 0.0 else to_s_m
    return _route(lane_map, lanes, _Place(start_lane, start_s_m), max(before - behind_m, 0.0), to_s_m)


def _with_lanes_behind(lane_map: LaneMap, lanes: Sequence[int], s_m: float, behind_m: float) -> tuple[list[int], float]:
    """The lanes with those before them that `behind_m` needs, and the arc length from the first one's start to s."""
    complete, before = list(lanes), s_m
    while before < behind_m and (previous := _straightest(lane_map, complete[0], back=True)) is not None:
        complete.insert(0, previous)
        before += lane_map.length_m(previous)
    return complete, before


def _check_lane(lane_map: LaneMap, lane: int) -> None:
    if not 0 <= lane < lane_map.size:
        raise SceneError(f"lane {lane} is not one of the map's {lane_map.size} lanes")


def _straightest(lane_map: LaneMap, lane: int, back: bool) -> int | None:
    """The drivable lane before or after that turns least over its first 30 m (inside junctions: over all of it)."""
    others = lane_map.predecessors[lane] if back else lane_map.successors[lane]
    candidates = [other for other in others if lane_map.kinds[other] in DRIVABLE_KINDS]
    return min(candidates, key=lambda other: abs(_turn(lane_map, other, back)), default=None)


def _to_change_to(lane_map: LaneMap, lane: int, following: int | None) -> int | None:
    """The lane to change to where a lane ends, or the one after it does: a taper alone is short."""
    if following is None or _vanishes(lane_map, lane):
        return _going_on_beside(lane_map, lane)
    if _straightest(lane_map, following, back=False) is not None and not _vanishes(lane_map, following):
        return None
    goes_on = _going_on_beside(lane_map, following)
    return next((beside for beside in _beside(lane_map, lane) if goes_on in lane_map.successors[beside]), None)


def _beside(lane_map: LaneMap, lane: int) -> list[int]:
    """Neighbours in the same direction, left before right."""
    both = (int(lane_map.left_neighbour[lane]), int(lane_map.right_neighbour[lane]))
    return [beside for beside in both if beside >= 0]


def _going_on_beside(lane_map: LaneMap, lane: int) -> int | None:
    """The neighbour to change to where a lane ends: the first drivable one that goes on."""
    for beside in _beside(lane_map, lane):
        drivable = lane_map.kinds[beside] in DRIVABLE_KINDS
        if drivable and not _vanishes(lane_map, beside) and _straightest(lane_map, beside, back=False) is not None:
            return beside
    return None


def _vanishes(lane_map: LaneMap, lane: int) -> bool:
    """Whether a lane narrows to nothing, as where a ramp has to merge; maps may link it to the next one even so."""
    return lane_map.end_width_m(lane) < _NARROWEST_M


def _turn(lane_map: LaneMap, lane: int, back: bool) -> float:
    line = lane_map.centre(lane)
    span = line.length_m if lane_map.junction[lane] else min(line.length_m, _LOOK_AHEAD_M)
    first, last = (line.length_m - span, line.length_m) if back else (0.0, span)
    return wrap_rad(float(line.heading(last) - line.heading(first)))


def cheapest_lanes(lane_map: LaneMap, start: int, goal: int, start_s_m: float, goal_s_m: float) -> list[int] | None:
    """Lanes from start to goal, None where no way leads there.

    A state is a lane and the share of its length at which it is entered.
    """
    entered = min(max(start_s_m / lane_map.length_m(start), 0.0), 1.0)
    heap: list[tuple[float, tuple[int, float], tuple[int, float] | None]] = [(0.0, (start, entered), None)]
    came_from: dict[tuple[int, float], tuple[int, float] | None] = {}
    while heap:
        cost, state, before = heapq.heappop(heap)
        if state in came_from:
            continue
        came_from[state] = before
        lane, share = state
        if lane == goal and goal_s_m >= share * lane_map.length_m(lane) - 1e-6:
            return _unroll(came_from, state)
        for step, after in _ways_on(lane_map, lane, share):
            if after not in came_from:
                heapq.heappush(heap, (cost + step, after, state))
    return None


def _ways_on(lane_map: LaneMap, lane: int, share: float) -> list[tuple[float, tuple[int, float]]]:
    """Costs and next states: successors, and neighbours where there is room to change."""
    rest = (1.0 - share) * lane_map.length_m(lane)
    detour = 10.0 * _CHANGE_COST_M if _vanishes(lane_map, lane) else 0.0
    ways = [(rest + detour, (after, 0.0)) for after in lane_map.successors[lane]]
    for beside in (int(lane_map.left_neighbour[lane]), int(lane_map.right_neighbour[lane])):
        if beside >= 0 and rest >= _SHORTEST_CHANGE_M:
            allowed = lane_map.may_change(lane, beside)
            ways.append((_CHANGE_COST_M * (1.0 if allowed else 10.0), (beside, share)))
    return [(cost, state) for cost, state in ways if lane_map.kinds[state[0]] in DRIVABLE_KINDS]


def _unroll(came_from: dict[tuple[int, float], tuple[int, float] | None], state: tuple[int, float]) -> list[int]:
    lanes = [state[0]]
    while (before := came_from[state]) is not None:
        state = before
        lanes.append(state[0])
    return lanes[::-1]


def _route(lane_map: LaneMap, lanes: Sequence[int], start: _Place, from_s_m: float, to_s_m: float) -> Route:
    """The path over the lanes, cut to [from, to]; a negative `to` counts from the end."""
    groups = _groups(lane_map, lanes)
    stretches = [_stretch(lane_map, group, start) for group in groups]
    centre = np.concatenate([stretch.centre for stretch in stretches])
    keep = np.ones(len(centre), dtype=bool)
    keep[1:] = np.hypot(*np.diff(centre, axis=0).T) > 2e-3
    if keep.sum() < 2:
        raise SceneError("the route has no length")
    path = Polyline.through(centre[keep])
    left, right, limit = (
        np.concatenate([getattr(stretch, name) for stretch in stretches])[keep]
        for name in ("left", "right", "limit_mps")
    )
    left_m, right_m = (np.hypot(*(edge - path.points).T) for edge in (left, right))
    last = path.length_m + to_s_m if to_s_m <= 0.0 else min(to_s_m, path.length_m)
    if last - from_s_m < _SHORTEST_ROUTE_M:
        raise SceneError(f"nothing of the route lies ahead: it would be {last - from_s_m:.2f} m long")
    inside = (path.s_m > from_s_m + 0.01) & (path.s_m < last - 0.01)
    s = np.concatenate(([from_s_m], path.s_m[inside], [last]))
    at = np.clip(np.searchsorted(path.s_m, s, side="right") - 1, 0, len(limit) - 1)
    left_m, right_m = (np.interp(s, path.s_m, column) for column in (left_m, right_m))
    first_rows = np.cumsum([0, *(len(stretch.centre) for stretch in stretches[:-1])])
    kept_before = np.cumsum(keep)[first_rows] - 1  # a dropped row lies where the one before it does
    begins = np.repeat(path.s_m[kept_before], [len(group) for group in groups]) - from_s_m
    return Route(tuple(lanes), Polyline.through(path.position(s)), left_m, right_m, limit[at], begins)


def _groups(lane_map: LaneMap, lanes: Sequence[int]) -> list[list[int]]:
    """Lanes joined where one is changed for the next beside it."""
    groups = [[lanes[0]]]
    for before, lane in pairwise(lanes):
        beside = lane in (lane_map.left_neighbour[before], lane_map.right_neighbour[before])
        if beside and lane not in lane_map.successors[before]:
            groups[-1].append(lane)
        else:
            groups.append([lane])
    return groups


def _stretch(lane_map: LaneMap, group: Sequence[int], start: _Place) -> _Stretch:
    """One section: a lane as it is, or smooth changes over neighbouring lanes, one after the other."""
    rows = lane_map.rows(group[0])
    if len(group) == 1:
        return _Stretch(
            lane_map.centre_points[rows], lane_map.left_points[rows], lane_map.right_points[rows],
            lane_map.speed_limit_mps[rows],
        )  # fmt: skip
    first_s = lane_map.s_m[rows]
    begin = start.s_m if group[0] == start.lane else 0.0
    span = min(_CHANGE_LENGTH_M, (float(first_s[-1]) - begin) / (len(group) - 1))
    end = begin + span * (len(group) - 1)
    s = np.union1d(first_s, np.linspace(begin, end, math.ceil((end - begin) / 2.0) + 1))
    sources = np.interp(s, first_s, lane_map.source_s_m[rows])
    columns = [_at_sources(lane_map, lane, sources) for lane in group]
    blended = columns[0]
    for change, after in enumerate(columns[1:]):
        share = np.clip((s - begin - change * span) / span, 0.0, 1.0)
        leftwards = group[change + 1] == lane_map.left_neighbour[group[change]]
        blended = _blend(blended, after, share, leftwards)
    return blended


def _at_sources(lane_map: LaneMap, lane: int, sources: Floats) -> _Stretch:
    """A lane's columns at the given s of the source road."""
    rows = lane_map.rows(lane)
    own = lane_map.source_s_m[rows]
    sign = 1.0 if own[-1] > own[0] else -1.0

    def at(points: Floats) -> Floats:
        return np.stack([np.interp(sign * sources, sign * own, points[rows, k]) for k in range(2)], axis=1)

    index = np.clip(np.searchsorted(sign * own, sign * sources, side="right") - 1, 0, len(own) - 1)
    return _Stretch(
        at(lane_map.centre_points), at(lane_map.left_points), at(lane_map.right_points),
        lane_map.speed_limit_mps[rows][index],
    )  # fmt: skip


def _blend(before: _Stretch, after: _Stretch, share: Floats, leftwards: bool) -> _Stretch:
    """From one lane to the one beside it as share runs 0 to 1; in between both lanes are room to drive."""
    weight = (share * share * (3.0 - 2.0 * share))[:, None]
    begun, done = (share > 0.0)[:, None], (share >= 1.0)[:, None]
    entered_left, entered_right = (begun, done) if leftwards else (done, begun)
    return _Stretch(
        centre=(1.0 - weight) * before.centre + weight * after.centre,
        left=np.where(entered_left, after.left, before.left),
        right=np.where(entered_right, after.right, before.right),
        limit_mps=np.where(done[:, 0], after.limit_mps, before.limit_mps),
    )
