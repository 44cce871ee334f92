"""Reactive traffic, one step on: a pure function of the state; the same start gives the same traffic.

In: all vehicles and people, the roads, the lights and the ego's place. Out: the same a moment later. Vehicles keep
their distance (Intelligent Driver Model, Treiber et al. 2000), change lanes (MOBIL, Kesting et al. 2007), wait their
turn at junctions and stop for people at crossings. All have goals.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Mapping
from dataclasses import replace

from bus.messages import LightState
from sim.traffic.crossings import Crossings
from sim.traffic.errands import with_errand
from sim.traffic.lane_changes import with_lane_change
from sim.traffic.pavement import Pavement
from sim.traffic.roads import Roads
from sim.traffic.turns import NO_LIGHTS, Way, turns
from sim.traffic.vehicles import (
    Car,
    DriverSettings,
    Ego,
    Lanes,
    Lead,
    Traffic,
    Turn,
    acceleration_on,
    follow,
    next_lane,
)
from sim.traffic.walkers import walk

ENTRY_M = 3.0
"""Where on a lane vehicles enter the map."""
ENTRY_GAP_M = 40.0


def step(
    traffic: Traffic, roads: Roads, settings: DriverSettings, ego: Ego | None, dt_s: float,
    lights: Mapping[str, LightState] = NO_LIGHTS, pavement: Pavement | None = None,
) -> Traffic:  # fmt: skip
    """The traffic `dt_s` later; lights that are not named are off. People on foot need the pavement."""
    lanes = Lanes.of(traffic, ego, roads)
    stepped = frozenset(walker.crosses for walker in traffic.walkers if walker.crosses >= 0)
    wanted = frozenset(walker.waits for walker in traffic.walkers if walker.waits >= 0)
    crossings = Crossings.of(lanes, roads, stepped, wanted, lights, bool(traffic.walkers))
    ways, granted = turns(traffic, lanes, roads, ego, lights)
    cars = []
    for car in traffic.cars:
        if car.lane < 0:
            cars.append(_entered(car, lanes, roads, settings))
            continue
        changed = with_lane_change(car, lanes, roads, settings, dt_s)
        turned = _with_turn(changed, ways.get(car.number), car.number in granted, traffic.t_s)
        acceleration = _acceleration(turned, ways.get(car.number), crossings, lanes, roads, settings)
        cars.append(_moved(turned, acceleration, roads, settings, dt_s))
    walkers = traffic.walkers
    if pavement is not None:
        walkers = tuple(walk(walker, pavement, crossings.may_step, dt_s) for walker in walkers)
    return Traffic(traffic.t_s + dt_s, tuple(cars), walkers)


def _with_turn(car: Car, way: Way | None, granted: bool, t_s: float) -> Car:
    """What a vehicle remembers of the junction ahead: it asks once, and forgets what lies behind."""
    if way is None:
        return replace(car, turn=None)
    entry = way.lanes[0]
    asked_s = car.turn.asked_s if car.turn is not None and car.turn.entry == entry else t_s
    return replace(car, turn=Turn(entry, asked_s, granted))


def _acceleration(
    car: Car, way: Way | None, crossings: Crossings, lanes: Lanes, roads: Roads, settings: DriverSettings
) -> float:
    limit_mps = roads.limit_mps[car.lane]
    wanted = acceleration_on(car, car.lane, car.s_m, lanes, roads, settings)
    if car.from_lane >= 0:
        share = roads.length_m[car.from_lane] / roads.length_m[car.lane]
        wanted = min(wanted, acceleration_on(car, car.from_lane, car.s_m * share, lanes, roads, settings))
    if way is not None and car.turn is not None and not car.turn.granted:
        wanted = min(wanted, follow(car, Lead(max(way.stop_m, 0.05), 0.0), limit_mps, settings))
    people = crossings.stop_for(car)
    return wanted if people is None else min(wanted, follow(car, people, limit_mps, settings))


def _moved(car: Car, acceleration_mps2: float, roads: Roads, settings: DriverSettings, dt_s: float) -> Car:
    acceleration = max(acceleration_mps2, -settings.hardest_mps2, -car.speed_mps / dt_s)
    moved_m = car.speed_mps * dt_s + 0.5 * acceleration * dt_s * dt_s
    speed = max(car.speed_mps + acceleration * dt_s, 0.0)
    car = replace(car, s_m=car.s_m + moved_m, speed_mps=speed, acceleration_mps2=acceleration)
    while car.s_m >= roads.length_m[car.lane]:
        after, rest = next_lane(car, 1, roads), car.s_m - roads.length_m[car.lane]
        if after is None:
            return replace(car, lane=-1, s_m=0.0, hops=car.hops + 1, from_lane=-1, route=())
        car = replace(
            car, lane=after, s_m=rest, hops=car.hops + 1, from_lane=-1, change_s=0.0, route=car.route[1:]
        )  # fmt: skip
    return with_errand(car, roads)


def _entered(car: Car, lanes: Lanes, roads: Roads, settings: DriverSettings) -> Car:
    """Who has left the map comes back where it begins, as soon as there is room, no faster than it can stop."""
    for k in range(len(roads.entries)):
        lane = roads.entries[(car.number + car.hops + k) % len(roads.entries)]
        first = lanes.on.get(lane)
        if first and first[0][0] <= ENTRY_GAP_M:
            continue
        stops = math.sqrt(settings.deceleration_mps2 * max(roads.length_m[lane] - ENTRY_M - car.length_m, 0.5))
        ahead = lanes.cars[first[0][1]].speed_mps if first and first[0][1] in lanes.cars else math.inf
        speed = min(car.desired_mps, roads.limit_mps[lane], ahead, stops)
        insort(lanes.on[lane], (ENTRY_M, car.number))
        entered = replace(car, lane=lane, s_m=ENTRY_M, speed_mps=speed, from_lane=-1, change_s=0.0, turn=None)
        lanes.cars[car.number] = entered
        return with_errand(entered, roads)
    return car
