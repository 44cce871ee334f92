"""Reactive traffic: vehicles that keep their distance, change lanes, and wait their turn at junctions.

In: a lane map and the ego's place. Out: the next state of N vehicles. Longitudinal: Intelligent Driver Model (Treiber
et al. 2000). Lane changes: MOBIL (Kesting et al. 2007). Junctions: whoever asked first drives first, if the lanes that
cross its way and the space behind the junction are free. Everything is a pure function of the state; which way a
vehicle turns follows from its number and how many lanes it has driven: the same start gives the same traffic.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from bus.messages import LightState
from geometry.errors import SceneError
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS
from maps.route_rules import lights_by_lane
from motion.car_following import idm_acceleration

EGO = -1
"""The number under which the ego stands among the vehicles."""

LOOK_M = 120.0
ASK_M = 40.0
"""From this far before a junction, or from where it can still stop in comfort, a vehicle asks for its turn."""

UNSIGNED_MPS = 15.0
"""Speed where the map names no limit."""

CHANGE_S = 4.0
CLEAR_M = 30.0
"""Lanes are not changed so near to their beginning, and twice that before their end."""

WIDE_M = 2.8
MISSES = 400
"""So many places in a row that are taken mean that the map is full."""

ENTRY_M = 3.0
"""Where on a lane vehicles enter the map."""

STANDING_MPS = 0.1

FORK_M = 6.0
"""Lanes that part from one lane share their surface for about this length."""

STOPPING_MPS2 = 3.0
"""Nobody has to brake harder than this for a light or for those who cross."""

NO_LIGHTS: Mapping[str, LightState] = MappingProxyType({})
_STOP = frozenset({LightState.RED, LightState.RED_YELLOW, LightState.YELLOW, LightState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """IDM and MOBIL parameters of all vehicles; each one's desired speed is its own."""

    headway_s: float = 1.4
    min_gap_m: float = 2.0
    acceleration_mps2: float = 1.5
    deceleration_mps2: float = 2.0
    exponent: float = 4.0
    hardest_mps2: float = 8.0
    politeness: float = 0.3
    gain_mps2: float = 0.2
    """A lane change has to win this much acceleration."""
    safe_mps2: float = 3.0
    """No lane change makes the new follower brake harder than this."""
    lateral_mps2: float = 2.0
    """Comfortable in curves; sets the speed there."""


@dataclass(frozen=True, slots=True)
class Car:
    """One vehicle: its lane and the arc length of its middle, and what it remembers.

    While it changes lanes, `from_lane` and `from_s_m` say where it comes from and `change_s` for how long it has been
    changing. `asked_s` is when it asked for its turn at the junction ahead (infinite: it has not).
    """

    number: int
    lane: int
    s_m: float
    speed_mps: float
    desired_mps: float
    length_m: float = 4.6
    acceleration_mps2: float = 0.0
    hops: int = 0
    from_lane: int = -1
    change_s: float = 0.0
    asked_s: float = math.inf
    granted: bool = False


@dataclass(frozen=True, slots=True)
class Traffic:
    """All vehicles at one instant."""

    t_s: float
    cars: tuple[Car, ...]


@dataclass(frozen=True, slots=True)
class Ego:
    """Where the ego is among the lanes. `committed`: junction lanes that it will enter because it cannot stop."""

    lane: int
    s_m: float
    speed_mps: float
    length_m: float
    committed: tuple[int, ...] = ()


@dataclass(slots=True)
class Roads:
    """What traffic asks of the lane map, computed once."""

    lane_map: LaneMap
    length_m: list[float]
    limit_mps: list[float]
    ways_on: list[tuple[int, ...]]
    entries: tuple[int, ...]
    """Lanes that vehicles enter the map by."""
    conflicts: list[frozenset[int]]
    ends: list[bool]
    """Whether a lane ends while the one beside it goes on, so that one has to leave it."""
    light_ids: Mapping[int, tuple[str, ...]]
    """The traffic lights that hold for each lane."""

    @staticmethod
    def of(lane_map: LaneMap, settings: DriverSettings) -> Roads:
        """Collect lengths, speeds (limit and curves), successors and conflicts."""
        driving = [kind in DRIVABLE_KINDS and kind != "stop" for kind in lane_map.kinds]
        ways = [tuple(i for i in lane_map.successors[lane] if driving[i]) for lane in range(lane_map.size)]
        entries = tuple(
            lane
            for lane in range(lane_map.size)
            if driving[lane]
            and not any(driving[i] for i in lane_map.predecessors[lane])
            and float(lane_map.widths_m(lane)[0]) >= WIDE_M  # a lane that opens beside another is no way in
            and not lane_map.junction[lane]
        )
        conflicts = [_conflicts(lane_map, lane, ways) for lane in range(lane_map.size)]
        return Roads(
            lane_map,
            [lane_map.length_m(lane) for lane in range(lane_map.size)],
            [
                _lane_speed(lane_map, lane, settings.lateral_mps2) if driving[lane] else 0.0
                for lane in range(lane_map.size)
            ],
            ways,
            entries,
            conflicts,
            [
                driving[lane] and not ways[lane] and _goes_on_beside(lane_map, lane, ways)
                for lane in range(lane_map.size)
            ],
            {lane: tuple(name for name, _ in found) for lane, found in lights_by_lane(lane_map).items()},
        )

    def is_wide(self, lane: int, s_m: float) -> bool:
        """Whether a lane has its full width from here on for a lane change."""
        rows = self.lane_map.rows(lane)
        s, widths = self.lane_map.s_m[rows], self.lane_map.widths_m(lane)
        stations = np.linspace(s_m - 10.0, s_m + 2.0 * CLEAR_M, 8)
        return bool(np.interp(stations, s, widths).min() >= WIDE_M)

    def next_lane(self, car: Car, ahead: int) -> int | None:
        """The lane that a vehicle takes after `ahead` more lanes; None where the map ends."""
        lane = car.lane
        for step in range(ahead):
            ways = self.ways_on[lane]
            if not ways:
                return None
            # Multiplying by primes spreads numbers and hops over the ways without a generator.
            lane = ways[(car.number * 7919 + (car.hops + step) * 104_729) // 13 % len(ways)]
        return lane


def _conflicts(lane_map: LaneMap, lane: int, ways: Sequence[tuple[int, ...]]) -> frozenset[int]:
    """Lanes of the same junction that cross or join this one, but not those that only part from the same lane."""
    if not lane_map.junction[lane]:
        return frozenset()
    siblings = {other for before in lane_map.predecessors[lane] for other in ways[before]}
    after = [other for way in ways[lane] for other in lane_map.predecessors[way]]
    joined = {other for other in after if lane_map.junction[other]}
    return frozenset((set(lane_map.conflicts[lane]) | joined) - siblings - {lane})


def _goes_on_beside(lane_map: LaneMap, lane: int, ways: Sequence[tuple[int, ...]]) -> bool:
    beside = (int(lane_map.left_neighbour[lane]), int(lane_map.right_neighbour[lane]))
    return any(other >= 0 and ways[other] for other in beside)


def _lane_speed(lane_map: LaneMap, lane: int, lateral_mps2: float) -> float:
    """The highest speed on a lane: its limit, and its sharpest curve over 10 m."""
    rows = lane_map.rows(lane)
    limits = lane_map.speed_limit_mps[rows]
    limit = float(np.nanmin(limits)) if np.isfinite(limits).any() else UNSIGNED_MPS
    centre = lane_map.centre(lane)
    s = np.arange(0.0, max(centre.length_m - 10.0, 0.0) + 1e-9, 2.0)
    turn = np.abs(np.asarray(centre.heading(np.minimum(s + 10.0, centre.length_m))) - np.asarray(centre.heading(s)))
    sharpest = float(turn.max()) / min(10.0, max(centre.length_m, 1.0))
    return min(limit, math.sqrt(lateral_mps2 / sharpest) if sharpest > 1e-6 else math.inf)


# --- the state of the lanes -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lanes:
    """Who is on each lane, sorted by arc length: (s, number); and everybody by number."""

    on: dict[int, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    cars: dict[int, Car] = field(default_factory=dict)

    def add(self, car: Car, roads: Roads) -> None:
        self.cars[car.number] = car
        insort(self.on[car.lane], (car.s_m, car.number))
        if car.from_lane >= 0:
            share = roads.length_m[car.from_lane] / roads.length_m[car.lane]
            insort(self.on[car.from_lane], (car.s_m * share, car.number))

    def ahead(self, lane: int, s_m: float, number: int) -> tuple[float, int] | None:
        """The next one on the lane beyond s."""
        row = self.on.get(lane, [])
        i = bisect_left(row, (s_m, number))
        while i < len(row) and row[i][1] == number:
            i += 1
        return row[i] if i < len(row) else None

    def behind(self, lane: int, s_m: float) -> tuple[float, int] | None:
        """The last one on the lane before s."""
        row = self.on.get(lane, [])
        i = bisect_left(row, (s_m, -(10**9)))
        return row[i - 1] if i > 0 else None


@dataclass(frozen=True, slots=True)
class _Lead:
    """What a vehicle follows: bumper-to-bumper gap and speed."""

    gap_m: float
    speed_mps: float


_FREE = _Lead(math.inf, 0.0)


def _lead(car: Car, lane: int, s_m: float, lanes: _Lanes, roads: Roads) -> _Lead:
    """The first one ahead along the vehicle's way, within LOOK_M."""
    found, base, here = lanes.ahead(lane, s_m, car.number), -s_m, lane
    hops = 0
    while found is None:
        base += roads.length_m[here]
        if base > LOOK_M:
            return _FREE
        hops += 1
        following = roads.next_lane(replace(car, lane=lane), hops)
        if following is None:
            return _FREE
        here = following
        found = lanes.ahead(here, -1e9, car.number)
    s_other, number = found
    other = lanes.cars[number]
    return _Lead(base + s_other - 0.5 * (car.length_m + other.length_m), other.speed_mps)


# --- driving ----------------------------------------------------------------------------------------------------------


def step(
    traffic: Traffic, roads: Roads, settings: DriverSettings, ego: Ego | None, dt_s: float,
    lights: Mapping[str, LightState] = NO_LIGHTS,
) -> Traffic:  # fmt: skip
    """The traffic `dt_s` later; lights that are not named are off."""
    lanes = _Lanes()
    for car in traffic.cars:
        lanes.add(car, roads)
    if ego is not None:
        lanes.add(Car(EGO, ego.lane, ego.s_m, ego.speed_mps, ego.speed_mps, ego.length_m, granted=True), roads)
        for lane in _beside_at_fork(ego, roads):
            insort(lanes.on[lane], (ego.s_m, EGO))
    granted = _turns(traffic, lanes, roads, ego, lights)
    moved = [_drive(car, lanes, roads, settings, granted, traffic.t_s, dt_s) for car in traffic.cars]
    return Traffic(traffic.t_s + dt_s, tuple(_respawned(car, lanes, roads, settings) for car in moved))


def _beside_at_fork(ego: Ego, roads: Roads) -> set[int]:
    """Lanes that part from the ego's where its tail still stands on them."""
    if ego.s_m - 0.5 * ego.length_m > FORK_M:
        return set()
    before = roads.lane_map.predecessors[ego.lane]
    return {other for lane in before for other in roads.ways_on[lane]} - {ego.lane}


def _respawned(car: Car, lanes: _Lanes, roads: Roads, settings: DriverSettings) -> Car:
    """Who has left the map comes back where it begins, as soon as there is room, no faster than it can stop."""
    if car.lane >= 0:
        return car
    for k in range(len(roads.entries)):
        lane = roads.entries[(car.number + car.hops + k) % len(roads.entries)]
        first = lanes.on.get(lane)
        if first and first[0][0] <= 40.0:
            continue
        stops = math.sqrt(settings.deceleration_mps2 * max(roads.length_m[lane] - ENTRY_M - car.length_m, 0.5))
        ahead = lanes.cars[first[0][1]].speed_mps if first and first[0][1] in lanes.cars else math.inf
        speed = min(car.desired_mps, roads.limit_mps[lane], ahead, stops)
        insort(lanes.on[lane], (ENTRY_M, car.number))
        return replace(
            car, lane=lane, s_m=ENTRY_M, speed_mps=speed, from_lane=-1, change_s=0.0, asked_s=math.inf, granted=False
        )
    return car


@dataclass(frozen=True, slots=True)
class _Way:
    """The lanes by which a vehicle will cross the junction ahead, how far its front is from them, and from where."""

    lanes: tuple[int, ...]
    distance_m: float
    before: int

    def can_stop(self, speed_mps: float) -> bool:
        """Whether there is still room to stop before the junction in comfort."""
        return speed_mps * speed_mps <= 2.0 * STOPPING_MPS2 * max(self.distance_m - 1.0, 0.0)


def _junction_ahead(car: Car, roads: Roads) -> _Way | None:
    """The next junction on the vehicle's way that it has not entered yet, within the distance in which it can stop."""
    distance = roads.length_m[car.lane] - car.s_m
    horizon_m = max(ASK_M, 10.0 + car.speed_mps**2 / 3.0)
    hops, before = 1, car.lane
    while distance < horizon_m:
        lane = roads.next_lane(car, hops)
        if lane is None:
            return None
        if roads.lane_map.junction[lane] and not roads.lane_map.junction[before]:
            return _Way(_through(car, hops, roads), distance - 0.5 * car.length_m, before)
        distance += roads.length_m[lane]
        hops, before = hops + 1, lane
    return None


def _through(car: Car, hops: int, roads: Roads) -> tuple[int, ...]:
    """The vehicle's lanes inside a junction, from its lane after `hops` on."""
    lanes: list[int] = []
    while (lane := roads.next_lane(car, hops)) is not None and roads.lane_map.junction[lane] and len(lanes) < 20:
        lanes.append(lane)
        hops += 1
    return tuple(lanes)


def _turns(
    traffic: Traffic, lanes: _Lanes, roads: Roads, ego: Ego | None, lights: Mapping[str, LightState]
) -> Mapping[int, bool]:
    """Who may enter the junction ahead: granted ones keep their turn, others get it in the order of asking.

    A turn is lost to a light that turns red, and to the ego once that can no longer stop.
    """
    taken = set(ego.committed) if ego is not None else set()
    by_ego = frozenset(taken)
    for car in lanes.cars.values():
        if car.lane >= 0 and roads.lane_map.junction[car.lane]:
            taken.update(_through(car, 0, roads) if car.number != EGO else (car.lane,))
    _keep_tails(taken, lanes, roads)
    ways = {car.number: _junction_ahead(car, roads) for car in traffic.cars if car.lane >= 0}
    keeps = {car.number for car in traffic.cars if _keeps_turn(car, ways.get(car.number), by_ego, roads, lights)}
    for number in sorted(keeps):
        way = ways[number]
        assert way is not None
        taken.update(way.lanes)
    granted: dict[int, bool] = {}
    for car in sorted(traffic.cars, key=lambda c: (c.number not in keeps, c.asked_s, c.number)):
        way = ways.get(car.number)
        if way is None:
            continue
        if car.number in keeps:
            granted[car.number] = True
        elif math.isfinite(car.asked_s) and not _red(way, roads, lights) and _is_free(car, way, taken, lanes, roads):
            granted[car.number] = True
            taken.update(way.lanes)
    return granted


def _keeps_turn(
    car: Car, way: _Way | None, by_ego: frozenset[int], roads: Roads, lights: Mapping[str, LightState]
) -> bool:
    """Whether a vehicle that has been granted its turn still has it."""
    if way is None or not car.granted:
        return False
    lost = _red(way, roads, lights) or any(not by_ego.isdisjoint(roads.conflicts[lane]) for lane in way.lanes)
    return not (lost and way.can_stop(car.speed_mps))


def _red(way: _Way, roads: Roads, lights: Mapping[str, LightState]) -> bool:
    """Whether a light says stop where the vehicle would enter the junction."""
    ids = (*roads.light_ids.get(way.before, ()), *roads.light_ids.get(way.lanes[0], ()))
    return any(lights.get(name, LightState.OFF) in _STOP for name in ids)


def _is_free(car: Car, way: _Way, taken: set[int], lanes: _Lanes, roads: Roads) -> bool:
    """Whether a vehicle may enter the junction now: no crossing lane taken, room behind, nobody between."""
    crossed = any(other in taken for lane in way.lanes for other in roads.conflicts[lane])
    return not crossed and _room_behind(car, way, lanes, roads) and _is_first(car, way, lanes, roads)


def _keep_tails(taken: set[int], lanes: _Lanes, roads: Roads) -> None:
    """A vehicle whose tail still stands in the junction keeps the lanes that it may have come by."""
    for lane, row in lanes.on.items():
        if roads.lane_map.junction[lane]:
            continue
        for s, number in row:
            if s > 0.5 * lanes.cars[number].length_m + 1.0:
                break
            taken.update(before for before in roads.lane_map.predecessors[lane] if roads.lane_map.junction[before])


def _room_behind(car: Car, way: _Way, lanes: _Lanes, roads: Roads) -> bool:
    """Whether the lane behind the junction has room for the vehicle and for all that are ahead of it in the junction.

    Only standing room counts: who drives off ahead may have to stop, and a blocked junction can block a town.
    """
    hops, crossing = 1, False
    inside = sum(len(lanes.on.get(lane, ())) for lane in way.lanes)
    while (after := roads.next_lane(car, hops)) is not None:
        hops += 1
        if roads.lane_map.junction[after]:
            crossing = True
        elif crossing:
            row = lanes.on.get(after)
            if not row:
                return inside == 0 or roads.length_m[after] > (1 + inside) * (car.length_m + 3.0)
            last = lanes.cars[row[0][1]]
            return row[0][0] - 0.5 * last.length_m > (1 + inside) * (car.length_m + 3.0)
    return True


def _is_first(car: Car, way: _Way, lanes: _Lanes, roads: Roads) -> bool:
    """Whether nobody is between the vehicle and the junction: who waits behind another must not hold a turn."""
    return _lead(car, car.lane, car.s_m, lanes, roads).gap_m > way.distance_m


def _drive(
    car: Car,
    lanes: _Lanes,
    roads: Roads,
    settings: DriverSettings,
    granted: Mapping[int, bool],
    t_s: float,
    dt_s: float,
) -> Car:
    if car.lane < 0:
        return car
    car = _with_lane_change(car, lanes, roads, settings, dt_s)
    way = _junction_ahead(car, roads)
    may_enter = granted.get(car.number, False)
    acceleration = _acceleration(car, car.lane, car.s_m, lanes, roads, settings)
    if car.from_lane >= 0:
        share = roads.length_m[car.from_lane] / roads.length_m[car.lane]
        beside = _acceleration(car, car.from_lane, car.s_m * share, lanes, roads, settings)
        acceleration = min(acceleration, beside)
    asked = car.asked_s
    if way is None:
        asked = math.inf
    else:
        asked = min(asked, t_s)
        if not may_enter:
            stop = _Lead(max(way.distance_m - 1.0, 0.05), 0.0)
            acceleration = min(acceleration, _idm(car, stop, roads.limit_mps[car.lane], settings))
    acceleration = max(acceleration, -settings.hardest_mps2, -car.speed_mps / dt_s)
    moved = car.speed_mps * dt_s + 0.5 * acceleration * dt_s * dt_s
    speed = max(car.speed_mps + acceleration * dt_s, 0.0)
    driven = replace(
        car, s_m=car.s_m + moved, speed_mps=speed, acceleration_mps2=acceleration, asked_s=asked,
        granted=may_enter and way is not None,
    )  # fmt: skip
    return _onto_next(driven, roads)


def _onto_next(car: Car, roads: Roads) -> Car:
    while car.lane >= 0 and car.s_m >= roads.length_m[car.lane]:
        after = roads.next_lane(car, 1)
        rest = car.s_m - roads.length_m[car.lane]
        if after is None:
            return replace(car, lane=-1, s_m=0.0, hops=car.hops + 1, from_lane=-1)
        car = replace(car, lane=after, s_m=rest, hops=car.hops + 1, from_lane=-1, change_s=0.0)
    return car


def _acceleration(car: Car, lane: int, s_m: float, lanes: _Lanes, roads: Roads, settings: DriverSettings) -> float:
    """IDM towards the one ahead; the desired speed is that of the lane, and of the next one in time to slow down."""
    wanted = _idm(car, _lead(car, lane, s_m, lanes, roads), roads.limit_mps[lane], settings)
    after = roads.next_lane(replace(car, lane=lane), 1)
    left = roads.length_m[lane] - s_m
    if after is None:
        if roads.ends[lane]:
            wanted = min(wanted, _idm(car, _Lead(max(left - 5.0, 0.05), 0.0), roads.limit_mps[lane], settings))
        return wanted
    slower = roads.limit_mps[after]
    if slower < car.speed_mps and left < LOOK_M:
        needed = (car.speed_mps**2 - slower**2) / (2.0 * max(left, 1.0))
        if needed > 0.5 * settings.deceleration_mps2:
            wanted = min(wanted, -min(needed, settings.hardest_mps2))
    return wanted


def _idm(car: Car, lead: _Lead, limit_mps: float, settings: DriverSettings) -> float:
    return float(idm_acceleration(
        car.speed_mps, min(car.desired_mps, limit_mps), lead.gap_m, lead.speed_mps, settings.headway_s,
        settings.min_gap_m, settings.acceleration_mps2, settings.deceleration_mps2, settings.exponent,
    ))  # fmt: skip


# --- lane changes -----------------------------------------------------------------------------------------------------


def _with_lane_change(car: Car, lanes: _Lanes, roads: Roads, settings: DriverSettings, dt_s: float) -> Car:
    """Carry a lane change on, or begin one that MOBIL finds worth it."""
    if car.from_lane >= 0:
        change_s = car.change_s + dt_s
        return replace(car, from_lane=-1, change_s=0.0) if change_s >= CHANGE_S else replace(car, change_s=change_s)
    must = _must_leave(car, roads)
    clear = CLEAR_M < car.s_m < roads.length_m[car.lane] - 2.0 * CLEAR_M
    if roads.lane_map.junction[car.lane] or not (must or (clear and car.speed_mps >= 3.0)):
        return car
    here = _acceleration(car, car.lane, car.s_m, lanes, roads, settings)
    best, target = -math.inf if must else settings.gain_mps2, -1
    for beside in (int(roads.lane_map.left_neighbour[car.lane]), int(roads.lane_map.right_neighbour[car.lane])):
        # A lane without a speed is none to drive on: a border, a shoulder.
        if beside < 0 or roads.limit_mps[beside] == 0.0 or roads.ends[beside]:
            continue
        if not roads.lane_map.may_change(car.lane, beside):
            continue
        if not must and not roads.is_wide(beside, car.s_m):
            continue
        gain = _gain(car, beside, here, lanes, roads, settings)
        if gain > best:
            best, target = gain, beside
    if target < 0:
        return car
    s_m = car.s_m * roads.length_m[target] / roads.length_m[car.lane]
    return replace(car, lane=target, s_m=s_m, from_lane=car.lane, change_s=0.0)


def _must_leave(car: Car, roads: Roads) -> bool:
    """Whether the vehicle's lane, or the next one on its way, ends while the one beside goes on."""
    after = roads.next_lane(car, 1)
    return roads.ends[car.lane] or (after is not None and roads.ends[after])


def _gain(car: Car, beside: int, here: float, lanes: _Lanes, roads: Roads, settings: DriverSettings) -> float:
    """What MOBIL weighs: own gain, less the politeness times the loss of the new follower; -inf where it is unsafe."""
    s_m = car.s_m * roads.length_m[beside] / roads.length_m[car.lane]
    there = _acceleration(car, beside, s_m, lanes, roads, settings)
    follower = lanes.behind(beside, s_m)
    if follower is None:
        return there - here if there > -settings.safe_mps2 else -math.inf
    s_behind, number = follower
    other = lanes.cars[number]
    gap = s_m - s_behind - 0.5 * (car.length_m + other.length_m)
    if gap < settings.min_gap_m or (number == EGO and gap < 10.0):
        return -math.inf
    after = _idm(other, _Lead(gap, car.speed_mps), roads.limit_mps[beside], settings)
    if after < -settings.safe_mps2 or there < -settings.safe_mps2:
        return -math.inf
    before = _acceleration(other, beside, s_behind, lanes, roads, settings) if number != EGO else 0.0
    return there - here - settings.politeness * max(before - after, 0.0)


# --- beginning --------------------------------------------------------------------------------------------------------


def populate(
    roads: Roads, count: int, rng: np.random.Generator, keep_free: Sequence[tuple[int, float]] = ()
) -> Traffic:
    """`count` vehicles on lanes outside junctions, at least 20 m apart and from the places that stay free.

    Raises:
        SceneError: the map has no room for so many.
    """
    lanes = [i for i in range(roads.lane_map.size)
             if roads.limit_mps[i] > 0.0 and not roads.lane_map.junction[i] and roads.length_m[i] > 15.0
             and not roads.ends[i]]  # fmt: skip
    weights = np.array([roads.length_m[lane] for lane in lanes])
    placed: dict[int, list[float]] = defaultdict(list)
    for lane, s in keep_free:
        placed[lane].append(s)
    cars: list[Car] = []
    misses = 0
    while len(cars) < count and misses < MISSES:
        misses += 1
        lane = lanes[int(rng.choice(len(lanes), p=weights / weights.sum()))]
        s = float(rng.uniform(5.0, roads.length_m[lane] - 5.0))
        if roads.is_wide(lane, s) and all(abs(s - other) > 20.0 for other in placed[lane]):
            misses = 0
            placed[lane].append(s)
            desired = float(rng.uniform(0.8, 1.1)) * min(roads.limit_mps[lane], 33.0)
            cars.append(Car(len(cars), lane, s, 0.8 * min(desired, roads.limit_mps[lane]), max(desired, 5.0)))
    if len(cars) < count:
        raise SceneError(f"the map has room for {len(cars)} vehicles, not for {count}")
    return Traffic(0.0, tuple(cars))


def places(traffic: Traffic, roads: Roads) -> tuple[np.ndarray, np.ndarray]:
    """Middles (N, 2) and yaws (N,) in world; NaN for those that are off the map. Lane changes follow half a cosine."""
    points, yaws = np.full((len(traffic.cars), 2), np.nan), np.full(len(traffic.cars), np.nan)
    for i, car in enumerate(traffic.cars):
        if car.lane < 0:
            continue
        points[i], yaws[i] = _place(roads, car.lane, car.s_m)
        if car.from_lane >= 0:
            share = roads.length_m[car.from_lane] / roads.length_m[car.lane]
            old, _ = _place(roads, car.from_lane, car.s_m * share)
            done = 0.5 - 0.5 * math.cos(math.pi * car.change_s / CHANGE_S)
            points[i] = (1.0 - done) * old + done * points[i]
    return points, yaws


def _place(roads: Roads, lane: int, s_m: float) -> tuple[np.ndarray, float]:
    centre = roads.lane_map.centre(lane)
    return centre.position(np.array([s_m]), np.zeros(1))[0], float(centre.heading(np.array([s_m]))[0])
