"""People on foot: each walks to a goal on the pavements, waits at crossings until it may go, then has a new goal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sim.traffic.pavement import Footway, Pavement, Spot, Stretch

KERB_M = 0.4
"""Who waits at a crossing stands so far before it."""
SIZE_M = 0.6

MayCross = Callable[[int, float], bool]
"""Whether one may step onto a crossing (its index) that takes so many seconds."""


@dataclass(frozen=True, slots=True)
class Walker:
    """One person, `s_m` along its way from `start` to `goal`. `waits` and `crosses` name crossings (-1: none)."""

    number: int
    start: Spot
    goal: Spot
    s_m: float
    speed_mps: float
    """How fast it walks when it walks."""
    trips: int = 0
    waits: int = -1
    crosses: int = -1


def walk(walker: Walker, pavement: Pavement, may_cross: MayCross, dt_s: float) -> Walker:
    """The person `dt_s` later."""
    way = pavement.way(walker.start, walker.goal)
    if walker.s_m >= way.path.length_m - 1e-6:
        goal = goal_of(walker.number, walker.trips + 1, walker.goal, pavement)
        return replace(walker, start=walker.goal, goal=goal, s_m=0.0, trips=walker.trips + 1, waits=-1, crosses=-1)
    ahead = walker.s_m + walker.speed_mps * dt_s
    entered = _entered(way, walker.s_m, ahead)
    if entered is not None and entered.crossing != walker.crosses:
        kerb = max(entered.begin_m - KERB_M, walker.s_m)
        if not may_cross(entered.crossing, (entered.end_m - kerb) / walker.speed_mps):
            return replace(walker, s_m=kerb, waits=entered.crossing, crosses=-1)
        return replace(walker, s_m=ahead, waits=-1, crosses=entered.crossing)
    on = walker.crosses if any(s.crossing == walker.crosses and ahead < s.end_m for s in way.stretches) else -1
    return replace(walker, s_m=ahead, waits=-1, crosses=on)


def _entered(way: Footway, s_m: float, ahead_m: float) -> Stretch | None:
    """The crossing whose kerb lies at the person, or is passed now."""
    for stretch in way.stretches:
        if s_m <= stretch.begin_m and ahead_m > stretch.begin_m - KERB_M:
            return stretch
    return None


def goal_of(number: int, trips: int, start: Spot, pavement: Pavement) -> Spot:
    """Where a person goes next, from its number and how often it has arrived: somewhere on the pavements in reach."""
    lanes = pavement.reach[start[0]]
    lane = lanes[(number * 7919 + trips * 104_729) % len(lanes)]
    share = 0.1 + 0.8 * ((number * 31 + trips * 17) % 97) / 97.0
    return lane, share * pavement.lane_map.length_m(lane)


def send_out(pavement: Pavement, count: int, rng: np.random.Generator) -> tuple[Walker, ...]:
    """`count` people anywhere on the pavements; none where the map has none."""
    lanes = sorted(pavement.reach)
    if not lanes or not count:
        return ()
    weights = np.array([pavement.lane_map.length_m(lane) for lane in lanes])
    found = []
    for number in range(count):
        lane = lanes[int(rng.choice(len(lanes), p=weights / weights.sum()))]
        start = lane, float(rng.uniform(0.0, pavement.lane_map.length_m(lane)))
        found.append(Walker(number, start, goal_of(number, 0, start, pavement), 0.0, float(rng.uniform(0.9, 1.7))))
    return tuple(found)


def places_on_foot(walkers: tuple[Walker, ...], pavement: Pavement) -> tuple[np.ndarray, np.ndarray]:
    """Middles (W, 2) and headings (W,) in world."""
    points, yaws = np.empty((len(walkers), 2)), np.empty(len(walkers))
    for i, walker in enumerate(walkers):
        path = pavement.way(walker.start, walker.goal).path
        s_m = min(walker.s_m, path.length_m)
        points[i], yaws[i] = path.position(np.array([s_m]))[0], float(path.heading(s_m))
    return points, yaws
