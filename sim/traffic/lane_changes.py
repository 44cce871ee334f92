"""Lane changes of traffic: MOBIL (Kesting et al. 2007), and leaving a lane that ends."""

from __future__ import annotations

import math
from dataclasses import replace

from bus.messages import EntityKind
from sim.traffic.roads import CLEAR_M, Roads
from sim.traffic.vehicles import EGO, Car, DriverSettings, Lanes, Lead, acceleration_on, follow, next_lane

CHANGE_S = 4.0
SLOWEST_MPS = 3.0
"""Nobody changes lanes slower than this without need."""
EGO_GAP_M = 10.0
"""Nobody cuts in nearer before the ego."""


def with_lane_change(car: Car, lanes: Lanes, roads: Roads, settings: DriverSettings, dt_s: float) -> Car:
    """Carry a lane change on, or begin one that MOBIL finds worth it. Cyclists keep their lane until it ends."""
    if car.from_lane >= 0:
        change_s = car.change_s + dt_s
        return replace(car, from_lane=-1, change_s=0.0) if change_s >= CHANGE_S else replace(car, change_s=change_s)
    must = _must_leave(car, roads)
    clear = car.kind is not EntityKind.BICYCLE and CLEAR_M < car.s_m < roads.length_m[car.lane] - 2.0 * CLEAR_M
    if roads.lane_map.junction[car.lane] or not (must or (clear and car.speed_mps >= SLOWEST_MPS)):
        return car
    here = acceleration_on(car, car.lane, car.s_m, lanes, roads, settings)
    best, target = -math.inf if must else settings.gain_mps2, -1
    for beside in (int(roads.lane_map.left_neighbour[car.lane]), int(roads.lane_map.right_neighbour[car.lane])):
        if _is_open(car, beside, must, roads):
            gain = _gain(car, beside, here, lanes, roads, settings)
            if gain > best:
                best, target = gain, beside
    if target < 0:
        return car
    s_m = car.s_m * roads.length_m[target] / roads.length_m[car.lane]
    return replace(car, lane=target, s_m=s_m, from_lane=car.lane, change_s=0.0, route=())


def _is_open(car: Car, beside: int, must: bool, roads: Roads) -> bool:
    """Whether a vehicle may drive on the lane beside it. One without a speed is none: a border, a shoulder."""
    if beside < 0 or roads.limit_mps[beside] == 0.0 or roads.ends[beside]:
        return False
    return roads.lane_map.may_change(car.lane, beside) and (must or roads.is_wide(beside, car.s_m))


def _must_leave(car: Car, roads: Roads) -> bool:
    """Whether the vehicle's lane, or the next one on its way, ends while the one beside goes on."""
    after = next_lane(car, 1, roads)
    return roads.ends[car.lane] or (after is not None and roads.ends[after])


def _gain(car: Car, beside: int, here: float, lanes: Lanes, roads: Roads, settings: DriverSettings) -> float:
    """What MOBIL weighs: own gain, less the politeness times the loss of the new follower; -inf where it is unsafe."""
    s_m = car.s_m * roads.length_m[beside] / roads.length_m[car.lane]
    there = acceleration_on(car, beside, s_m, lanes, roads, settings)
    follower = lanes.behind(beside, s_m)
    if follower is None:
        return there - here if there > -settings.safe_mps2 else -math.inf
    s_behind, number = follower
    other = lanes.cars[number]
    gap = s_m - s_behind - 0.5 * (car.length_m + other.length_m)
    if gap < settings.min_gap_m or (number == EGO and gap < EGO_GAP_M):
        return -math.inf
    after = follow(other, Lead(gap, car.speed_mps), roads.limit_mps[beside], settings)
    if after < -settings.safe_mps2 or there < -settings.safe_mps2:
        return -math.inf
    before = acceleration_on(other, beside, s_behind, lanes, roads, settings) if number != EGO else 0.0
    return there - here - settings.politeness * max(before - after, 0.0)
