"""Ways around what stands or creeps in the lane: out of its middle, past it, and back, over the oncoming lane if need
be.

In: the scene, the path with room to both sides, the futures. Out: `Way`s that come back, and where to wait for one.
What is passed: parked cars (at the side of the lane), obstacles, cyclists, who walks along the road, and who has broken
down (`planning.standing`); another car that stands in the middle of its lane waits for something and is waited for. The
oncoming lane is used where the marks allow it and nobody who comes that way would arrive before the ego is back (Vienna
Convention on Road Traffic, article 11).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bus.messages import EntityKind
from geometry.angles import Floats
from geometry.polyline import Polyline
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS
from motion.bicycle import Vehicle
from planning.candidates import PASS, Way
from planning.prediction import D_HIGH, D_LOW, S_HIGH, S_LOW, SPEED, Futures
from planning.scene import Scene
from planning.scoring_kernel import STANDS_MPS
from planning.ways import EDGE_M, Place, way_to

_SLOW_KINDS = (int(EntityKind.BICYCLE), int(EntityKind.PEDESTRIAN))
_ON_FOOT = (int(EntityKind.PEDESTRIAN), int(EntityKind.ANIMAL))
_FASTER_MPS = 2.0
"""The ego passes at least so much faster than those it passes."""
_CALM = 1.4
"""Who moves out at once takes so much more than the shortest length."""
_STEP_M = 8.0
"""How often along a pass it is asked whether the oncoming lane may be used."""


@dataclass(frozen=True, slots=True)
class PassingSettings:
    """What is passed, and with which room."""

    ahead_m: float = 90.0
    slowest_share: float = 0.6
    """Who goes faster than this share of the speed that the ego would drive is followed."""
    parked_m: float = 0.55
    """A standing car whose middle is this far beside the middle of the lane is parked."""
    room_m: tuple[float, ...] = (0.4, 0.8)
    room_on_foot_m: tuple[float, ...] = (1.0,)
    """Room beside cars, and beside cyclists and who is on foot."""
    edge_m: float = 0.15
    """Room that is left to the road's edge and to what stands on the other side."""
    sideways_mps2: float = 3.0
    """Nobody is passed with more lateral acceleration: who has come too near is braked for."""
    shortest_m: float = 6.0
    longest_s: float = 4.0
    """A way out is no shorter than the first, and takes no longer than the second."""
    clear_s: tuple[float, ...] = (0.8, 0.1)
    """So long before it is beside what it passes, the ego is out of its way."""
    back_m: float = 4.0
    """Room behind what is passed that is needed to come back."""
    back_s: float = 3.0
    together_m: float = 25.0
    """What stands this near behind what is passed is passed with it."""
    free_s: float = 1.5
    """Time that has to be left until an oncoming one arrives when the ego is back."""
    acceleration_mps2: float = 1.0
    """How the ego is assumed to speed up on its way past."""
    waiting_m: float = 12.0
    """So far behind what it cannot pass yet the ego waits: from there it can steer out, and sees past it."""
    waiting_mps2: float = 2.5
    """It brakes no harder for that place."""
    short_m: float = 2.1
    """An ego that is nearer to that place, or beyond it, may go on by so much."""
    foreseen_m: float = 250.0
    """From so far on it minds that place."""


@dataclass(frozen=True, slots=True, eq=False)
class _Slow:
    """N futures of those who may be passed, seen from the side on which they are: arc lengths and offsets of their
    boxes, `low` and `high` positive towards that side; speed; which of the scene's kinds; each (N,)."""

    begin_m: Floats
    end_m: Floats
    low_m: Floats
    high_m: Floats
    speed_mps: Floats
    kind: Floats

    def met_by(self, place: Place, wanted_mps: float, acceleration_mps2: float) -> _Slow:
        """Where they are when the ego, speeding up, comes up with them, and when it is past them."""
        speed = np.maximum(self.speed_mps, 0.0)
        wanted = np.maximum(wanted_mps, speed + _FASTER_MPS)
        begin_m, end_m = (
            m + speed * _gaining_s(m - place.s_m, place.speed_mps - speed, wanted - speed, acceleration_mps2)
            for m in (self.begin_m, self.end_m)
        )
        return replace(self, begin_m=begin_m, end_m=end_m)

    def mirrored(self) -> _Slow:
        """From the other side."""
        return replace(self, low_m=-self.high_m, high_m=-self.low_m)


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a pass: the speed that the ego would like, room from the path to the left and right edge of its lane,
    where the rules ask to stop (arc length of the path; infinite: nowhere), whether it is passing already, and which of
    the scene's agents are passed though they stand in the middle of the lane."""

    wanted_mps: float
    room_m: tuple[float, float]
    stop_m: float
    begun: bool
    broken: tuple[int, ...] = ()


def passing(
    scene: Scene, path: Polyline, place: Place, limits: Limits, futures: Futures, settings: PassingSettings
) -> Iterator[Way]:
    """Ways past the first one that is in the way; futures in the frame of the path."""
    vehicle, lane_map = scene.context.vehicle, scene.context.lane_map
    slow = _slow(scene, limits, futures, settings)
    first = _first(slow, place, vehicle, settings.ahead_m, settings)
    if first is None:
        return
    slow = slow.met_by(place, limits.wanted_mps, settings.acceleration_mps2)
    end_m = float(slow.end_m[first]) + settings.back_m
    if limits.stop_m < end_m + vehicle.length_m:
        return  # nobody is passed just to stop beside or before him
    oncoming_m = _oncoming_lane_m(lane_map, path, place.s_m, end_m)
    own_left, own_right = limits.room_m
    half = 0.5 * vehicle.width_m + EDGE_M
    left, right = (own_left + oncoming_m, own_right) if lane_map.right_hand else (own_left, own_right + oncoming_m)
    for side, seen, own, all_m in ((1.0, slow, own_left, left), (-1.0, slow.mirrored(), own_right, right)):
        for offset, last_m in _offsets(seen, first, all_m, vehicle, settings):
            begin_m = float(slow.begin_m[first])
            room = max(left, place.d_m + half), max(right, half - place.d_m)
            ways = _ways(place, side * offset, (begin_m, last_m), room, vehicle, settings)
            in_lane = offset + 0.5 * vehicle.width_m <= own
            for way in ways:
                if in_lane or limits.begun or _is_free(way, place, limits.wanted_mps, futures, vehicle, settings):
                    yield way


def waiting_m(
    scene: Scene, place: Place, limits: Limits, futures: Futures, settings: PassingSettings
) -> float:  # fmt: skip
    """Where the front of an ego that cannot pass waits: behind the first one in the way that stands, or about where it
    is if that is too near; arc length of the path, infinite if nobody stands or it is too late to stop there gently."""
    vehicle = scene.context.vehicle
    slow = _slow(scene, limits, futures, settings)
    first = _first(slow, place, vehicle, settings.foreseen_m, settings)
    if first is None or slow.speed_mps[first] > STANDS_MPS:
        return math.inf
    front_m = place.s_m + vehicle.front_m
    stop_m = max(float(slow.begin_m[first]) - settings.waiting_m, front_m + settings.short_m)
    gently = place.speed_mps**2 <= 2.0 * settings.waiting_mps2 * (stop_m - front_m)
    return stop_m if gently else math.inf


def _first(slow: _Slow, place: Place, vehicle: Vehicle, ahead_m: float, settings: PassingSettings) -> int | None:
    """The next one in the ego's way."""
    near = 0.5 * vehicle.width_m + settings.edge_m
    in_way = (slow.low_m < near) & (slow.high_m > -near)
    ahead = in_way & (slow.end_m > place.s_m - vehicle.rear_m) & (slow.begin_m < place.s_m + ahead_m)
    return int(np.argmin(np.where(ahead, slow.begin_m, math.inf))) if ahead.any() else None


def _gaining_s(gap_m: Floats, speed_mps: Floats, most_mps: Floats, acceleration_mps2: float) -> Floats:
    """Time in which a gap is gained at a speed (relative, maybe negative) that rises up to the greatest one."""
    a, v = acceleration_mps2, np.minimum(speed_mps, most_mps)
    gap = np.maximum(gap_m, 0.0)
    rising_m = (most_mps**2 - v**2) / (2.0 * a)
    rising_s = (np.sqrt(np.maximum(v**2 + 2.0 * a * gap, 0.0)) - v) / a
    return np.where(gap <= rising_m, rising_s, (most_mps - v) / a + (gap - rising_m) / most_mps)


def _slow(scene: Scene, limits: Limits, futures: Futures, settings: PassingSettings) -> _Slow:
    """Whoever is passed: parked, an obstacle, broken down, or much slower on two wheels or on foot."""
    now, rows = futures.boxes[:, 0], np.flatnonzero(futures.agent >= 0)
    kinds = scene.agents.kinds[futures.agent[rows]]
    speed, middle = now[rows, SPEED], 0.5 * (now[rows, D_LOW] + now[rows, D_HIGH])
    stands = np.abs(speed) < STANDS_MPS
    creeps = np.isin(kinds, _SLOW_KINDS) & ~stands & (speed > 0.0)
    creeps &= speed < settings.slowest_share * limits.wanted_mps
    parked = stands & np.where(kinds == int(EntityKind.OBSTACLE), True, np.abs(middle) > settings.parked_m)
    parked &= ~np.isin(kinds, _ON_FOOT)
    parked |= stands & np.isin(futures.agent[rows], limits.broken)
    chosen = rows[creeps | parked]
    boxes = now[chosen]
    return _Slow(
        boxes[:, S_LOW], boxes[:, S_HIGH], boxes[:, D_LOW], boxes[:, D_HIGH], boxes[:, SPEED],
        kinds[creeps | parked].astype(np.float64),
    )  # fmt: skip


def _offsets(
    slow: _Slow, first: int, limit_m: float, vehicle: Vehicle, settings: PassingSettings
) -> Iterator[tuple[float, float]]:
    """Offsets at which the first one and those soon after it are passed on the positive side, and where the last of
    them ends."""
    edge, end = float(slow.high_m[first]), float(slow.end_m[first])
    middle = edge + float(slow.low_m[first])
    for row in np.argsort(slow.begin_m, kind="stable").tolist():
        if row == first or slow.end_m[row] < slow.begin_m[first] - settings.back_m:
            continue
        if slow.begin_m[row] > end + settings.together_m:
            break
        if slow.low_m[row] + slow.high_m[row] > middle:
            limit_m = min(limit_m, float(slow.low_m[row]))
        elif slow.high_m[row] > -0.5 * vehicle.width_m - settings.edge_m:
            edge, end = max(edge, float(slow.high_m[row])), max(end, float(slow.end_m[row]))
    rooms = settings.room_on_foot_m if int(slow.kind[first]) in _SLOW_KINDS else settings.room_m
    for room in rooms:
        if edge + room + vehicle.width_m + settings.edge_m <= limit_m:
            yield edge + room + 0.5 * vehicle.width_m, end


def _ways(
    place: Place, offset_m: float, span_m: tuple[float, float], room_m: tuple[float, float], vehicle: Vehicle,
    settings: PassingSettings,
) -> tuple[Way, ...]:  # fmt: skip
    """Out to the offset before what begins at the first arc length: at once, soon, and at the last moment; back behind
    the second."""
    begin_m, end_m = span_m
    longest = max(settings.longest_s * place.speed_mps, 2.0 * settings.shortest_m)
    back_length = max(settings.back_s * place.speed_mps, 2.0 * settings.shortest_m)
    past = end_m + vehicle.rear_m + 0.5 - place.s_m
    reach = [begin_m - vehicle.front_m - place.s_m - clear_s * place.speed_mps for clear_s in settings.clear_s]
    # A quintic step bends most with 10 / sqrt(3) of its height per square of its length.
    swift = place.speed_mps * math.sqrt(5.774 * abs(offset_m - place.d_m) / settings.sideways_mps2)
    soonest = max(settings.shortest_m, _CALM * swift)
    lengths = dict.fromkeys(min(max(length, settings.shortest_m), longest) for length in (*reach, min(soonest, *reach)))
    return tuple(
        way_to(place, PASS, offset_m, length, room_m, max(past, length), back_length)
        for length in lengths
        if length >= swift
    )


def _is_free(
    way: Way, place: Place, wanted_mps: float, futures: Futures, vehicle: Vehicle, settings: PassingSettings
) -> bool:
    """Whether the ego is back before anybody arrives who comes on the strip that it uses."""
    half = 0.5 * vehicle.width_m + settings.edge_m
    boxes = futures.boxes
    on_strip = (boxes[..., D_LOW] < way.offset_m + half) & (boxes[..., D_HIGH] > way.offset_m - half)
    comes = on_strip.any(axis=1) & (boxes[:, 0, SPEED] < -STANDS_MPS) & (boxes[:, 0, S_HIGH] > place.s_m)
    if not comes.any():
        return True
    distance = way.back_m + 0.7 * way.back_length_m
    now, wanted = np.array([place.speed_mps]), np.array([max(wanted_mps, _FASTER_MPS)])
    past_s = float(_gaining_s(np.array([distance]), now, wanted, settings.acceleration_mps2)[0])
    gap = boxes[comes, 0, S_LOW] - place.s_m - distance - vehicle.front_m
    return bool((gap / -boxes[comes, 0, SPEED] > past_s + settings.free_s).all())


def _oncoming_lane_m(lane_map: LaneMap, path: Polyline, from_m: float, to_m: float) -> float:
    """Width of the oncoming lane beside the own one where it may be used all the way, else 0."""
    s = np.arange(from_m, to_m + _STEP_M, _STEP_M)
    lanes, along, _ = lane_map.nearest(path.position(s), path.heading(s))
    beside, marks = (
        (lane_map.left_neighbour, lane_map.left_marks)
        if lane_map.right_hand
        else (lane_map.right_neighbour, lane_map.right_marks)
    )
    narrowest = math.inf
    for lane, at in zip(lanes.tolist(), along.tolist(), strict=True):
        other = int(lane_map.opposite_neighbour[lane])
        here = [mark for mark in marks[lane] if mark.s_m <= at + 1e-3]
        solid = bool(here) and max(here, key=lambda mark: mark.s_m).kind.startswith(("solid", "curb"))
        if beside[lane] >= 0 or other < 0 or solid or lane_map.kinds[other] not in DRIVABLE_KINDS:
            return 0.0
        narrowest = min(narrowest, float(lane_map.widths_m(other).min()))
    return narrowest
