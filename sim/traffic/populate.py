"""The beginning of traffic, and where everybody is in `world`."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from bus.messages import EntityKind
from geometry.errors import SceneError
from sim.traffic.errands import CYCLE_LENGTH_M, CYCLE_WIDTH_M, may_ride, offset_m, with_errand
from sim.traffic.lane_changes import CHANGE_S
from sim.traffic.pavement import Pavement
from sim.traffic.roads import Roads
from sim.traffic.vehicles import Car, Traffic
from sim.traffic.walkers import send_out

APART_M = 20.0
MISSES = 400
"""So many places in a row that are taken mean that the map is full."""
FASTEST_MPS = 33.0
CYCLING_MPS = (3.5, 6.0)


def populate(
    roads: Roads, count: int, rng: np.random.Generator, keep_free: Sequence[tuple[int, float]] = (),
    cyclists: int = 0, walkers: int = 0, pavement: Pavement | None = None,
) -> Traffic:  # fmt: skip
    """Cars on lanes outside junctions, at least 20 m apart and from the places that stay free, then cyclists, people.

    Raises:
        SceneError: the map has no room for so many.
    """
    placed: dict[int, list[float]] = defaultdict(list)
    for lane, s in keep_free:
        placed[lane].append(s)
    cars = [_car(number, lane, s, roads, rng) for number, (lane, s) in enumerate(_places(roads, count, placed, rng))]
    for lane, s in _places(roads, cyclists, placed, rng, riding=True):
        cars.append(_cyclist(len(cars), lane, s, roads, rng))
    on_foot = () if pavement is None else send_out(pavement, walkers, rng)
    if len(on_foot) < walkers:
        raise SceneError("the map has no pavements for people on foot")
    return Traffic(0.0, tuple(cars), on_foot)


def _car(number: int, lane: int, s_m: float, roads: Roads, rng: np.random.Generator) -> Car:
    desired = float(rng.uniform(0.8, 1.1)) * min(roads.limit_mps[lane], FASTEST_MPS)
    car = Car(number, lane, s_m, 0.8 * min(desired, roads.limit_mps[lane]), max(desired, 5.0))
    return with_errand(car, roads)


def _cyclist(number: int, lane: int, s_m: float, roads: Roads, rng: np.random.Generator) -> Car:
    desired = float(rng.uniform(*CYCLING_MPS))
    rider = Car(number, lane, s_m, 0.8 * desired, desired, CYCLE_LENGTH_M, CYCLE_WIDTH_M, EntityKind.BICYCLE)
    return with_errand(rider, roads)


def _places(
    roads: Roads, count: int, placed: dict[int, list[float]], rng: np.random.Generator, riding: bool = False
) -> list[tuple[int, float]]:
    """`count` lanes and arc lengths, added to those that are taken."""
    lanes = [
        i for i in range(roads.lane_map.size)
        if roads.limit_mps[i] > 0.0 and not roads.lane_map.junction[i] and roads.length_m[i] > 15.0
        and not roads.ends[i] and (not riding or may_ride(i, roads))
    ]  # fmt: skip
    weights = np.array([roads.length_m[lane] for lane in lanes])
    found: list[tuple[int, float]] = []
    misses = 0
    while lanes and len(found) < count and misses < MISSES:
        misses += 1
        lane = lanes[int(rng.choice(len(lanes), p=weights / weights.sum()))]
        s = float(rng.uniform(5.0, roads.length_m[lane] - 5.0))
        if roads.is_wide(lane, s) and all(abs(s - other) > APART_M for other in placed[lane]):
            misses = 0
            placed[lane].append(s)
            found.append((lane, s))
    if len(found) < count:
        raise SceneError(f"the map has room for {len(found)} {'cyclists' if riding else 'vehicles'}, not for {count}")
    return found


def places(traffic: Traffic, roads: Roads) -> tuple[np.ndarray, np.ndarray]:
    """Middles (N, 2) and yaws (N,) of the vehicles; NaN for those off the map. Lane changes follow half a cosine."""
    points, yaws = np.full((len(traffic.cars), 2), np.nan), np.full(len(traffic.cars), np.nan)
    for i, car in enumerate(traffic.cars):
        if car.lane < 0:
            continue
        points[i], yaws[i] = _place(roads, car.lane, car.s_m, offset_m(car, roads))
        if car.from_lane >= 0:
            share = roads.length_m[car.from_lane] / roads.length_m[car.lane]
            old, _ = _place(roads, car.from_lane, car.s_m * share)
            done = 0.5 - 0.5 * math.cos(math.pi * car.change_s / CHANGE_S)
            points[i] = (1.0 - done) * old + done * points[i]
    return points, yaws


def _place(roads: Roads, lane: int, s_m: float, aside_m: float = 0.0) -> tuple[np.ndarray, float]:
    centre = roads.lane_map.centre(lane)
    return centre.position(np.array([s_m]), np.array([aside_m]))[0], float(centre.heading(np.array([s_m]))[0])
