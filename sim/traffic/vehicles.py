"""Vehicles, who is where on the lanes, and whom a vehicle follows. All values; SI, arc lengths of lane centres."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bus.messages import EntityKind
from motion.car_following import idm_acceleration
from sim.traffic.roads import Roads
from sim.traffic.walkers import Walker

EGO = -1
"""The number under which the ego stands among the vehicles."""

LOOK_M = 120.0

FORK_M = 6.0
"""Lanes that part from one lane share their surface for about this length."""


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


@dataclass(frozen=True, slots=True)
class Turn:
    """A vehicle's turn at the junction ahead, entered by lane `entry`: since when it asks, and whether it goes."""

    entry: int
    asked_s: float
    granted: bool = False


@dataclass(frozen=True, slots=True)
class Car:
    """One vehicle: its lane and the arc length of its middle, and what it remembers.

    While it changes lanes, `from_lane` and `from_s_m` say where it comes from and `change_s` for how long it has been
    changing. `route` are the lanes still to drive to the vehicle's goal.
    """

    number: int
    lane: int
    s_m: float
    speed_mps: float
    desired_mps: float
    length_m: float = 4.6
    width_m: float = 1.8
    kind: EntityKind = EntityKind.CAR
    acceleration_mps2: float = 0.0
    hops: int = 0
    from_lane: int = -1
    change_s: float = 0.0
    turn: Turn | None = None
    route: tuple[int, ...] = ()

    @property
    def front_m(self) -> float:
        """Arc length of its front."""
        return self.s_m + 0.5 * self.length_m


@dataclass(frozen=True, slots=True)
class Traffic:
    """All vehicles and people on foot at one instant."""

    t_s: float
    cars: tuple[Car, ...]
    walkers: tuple[Walker, ...] = ()


@dataclass(frozen=True, slots=True)
class Ego:
    """Where the ego is among the lanes. `committed`: junction lanes that it will enter because it cannot stop."""

    lane: int
    s_m: float
    speed_mps: float
    length_m: float
    committed: tuple[int, ...] = ()

    def as_car(self) -> Car:
        """The ego as others see it."""
        return Car(EGO, self.lane, self.s_m, self.speed_mps, self.speed_mps, self.length_m)


def next_lane(car: Car, ahead: int, roads: Roads) -> int | None:
    """The lane that a vehicle takes after `ahead` more lanes; None where the map ends.

    Of a vehicle without a route (the ego, or one that looks at the lane beside it) nobody knows; one way is assumed.
    """
    if car.route:
        return car.lane if ahead == 0 else car.route[ahead - 1] if ahead <= len(car.route) else None
    lane = car.lane
    for step in range(ahead):
        ways = roads.ways_on[lane]
        if not ways:
            return None
        # Multiplying by primes spreads numbers and hops over the ways without a generator.
        lane = ways[(car.number * 7919 + (car.hops + step) * 104_729) // 13 % len(ways)]
    return lane


@dataclass(slots=True)
class Lanes:
    """Who is on each lane, sorted by arc length: (s, number); and everybody by number."""

    on: dict[int, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    cars: dict[int, Car] = field(default_factory=dict)

    @staticmethod
    def of(traffic: Traffic, ego: Ego | None, roads: Roads) -> Lanes:
        """Everybody; whose tail still stands where lanes part stands on all of them."""
        lanes = Lanes()
        for car in (*traffic.cars, *(() if ego is None else (ego.as_car(),))):
            if car.lane >= 0:
                lanes._add(car, roads)
        return lanes

    def _add(self, car: Car, roads: Roads) -> None:
        self.cars[car.number] = car
        insort(self.on[car.lane], (car.s_m, car.number))
        if car.s_m - 0.5 * car.length_m <= FORK_M:
            for lane in roads.siblings[car.lane]:
                insort(self.on[lane], (car.s_m, car.number))
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
class Lead:
    """What a vehicle follows: bumper-to-bumper gap and speed."""

    gap_m: float
    speed_mps: float


FREE = Lead(math.inf, 0.0)


def lead_of(car: Car, lane: int, s_m: float, lanes: Lanes, roads: Roads) -> Lead:
    """The first one ahead along the vehicle's way, were it at `s_m` of `lane`, within LOOK_M."""
    found, base, here = lanes.ahead(lane, s_m, car.number), -s_m, lane
    moved = car if lane == car.lane else replace(car, lane=lane, route=())
    hops = 0
    while found is None:
        base += roads.length_m[here]
        if base > LOOK_M:
            return FREE
        hops += 1
        following = next_lane(moved, hops, roads)
        if following is None:
            return FREE
        here = following
        found = lanes.ahead(here, -1e9, car.number)
    s_other, number = found
    other = lanes.cars[number]
    return Lead(base + s_other - 0.5 * (car.length_m + other.length_m), other.speed_mps)


def follow(car: Car, lead: Lead, limit_mps: float, settings: DriverSettings) -> float:
    """Acceleration of the Intelligent Driver Model."""
    return float(idm_acceleration(
        car.speed_mps, min(car.desired_mps, limit_mps), lead.gap_m, lead.speed_mps, settings.headway_s,
        settings.min_gap_m, settings.acceleration_mps2, settings.deceleration_mps2, settings.exponent,
    ))  # fmt: skip


def acceleration_on(
    car: Car, lane: int, s_m: float, lanes: Lanes, roads: Roads, settings: DriverSettings
) -> float:  # fmt: skip
    """IDM towards the one ahead; the desired speed is that of the lane, and of the next one in time to slow down."""
    wanted = follow(car, lead_of(car, lane, s_m, lanes, roads), roads.limit_mps[lane], settings)
    after = next_lane(car if lane == car.lane else replace(car, lane=lane, route=()), 1, roads)
    left = roads.length_m[lane] - s_m
    if after is None:
        if roads.ends[lane]:
            wanted = min(wanted, follow(car, Lead(max(left - 5.0, 0.05), 0.0), roads.limit_mps[lane], settings))
        return wanted
    slower = roads.limit_mps[after]
    if slower < car.speed_mps and left < LOOK_M:
        needed = (car.speed_mps**2 - slower**2) / (2.0 * max(left, 1.0))
        if needed > 0.5 * settings.deceleration_mps2:
            wanted = min(wanted, -min(needed, settings.hardest_mps2))
    return wanted


def lanes_ahead(car: Car, roads: Roads, horizon_m: float) -> Sequence[tuple[int, float]]:
    """The vehicle's lane and those after it, each with the way from the vehicle's middle to where the lane begins."""
    found, begin, hops = [(car.lane, -car.s_m)], roads.length_m[car.lane] - car.s_m, 1
    while begin < horizon_m and (lane := next_lane(car, hops, roads)) is not None:
        found.append((lane, begin))
        begin, hops = begin + roads.length_m[lane], hops + 1
    return found
