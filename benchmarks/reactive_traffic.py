"""Reactive traffic alone: hours of driving without contact or deadlock, with flow and headway.

    python benchmarks/reactive_traffic.py MAP.xodr... [--cars 30] [--cyclists 0] [--walkers 0] [--hours 1] [--seed 0]

Lights run by their programme; maps without pavements have no people on foot. A deadlock is a vehicle that has not moved
for three minutes. Flow and density are Edie's (1963): distance and time driven over length of the lanes and time;
headway is the time from one front to the next on the same lane at more than 1 m/s. Keys: `hours` (simulated, all maps
together), `contacts` (of vehicles with each other and with people), `deadlocks`, `vehicle_km`, `walked_km`,
`crossed` (crossings by people), `longest_wait_s`.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from motion.contact import overlapping_pairs
from sim.lights import programme_of, states_at
from sim.traffic.pavement import Pavement
from sim.traffic.populate import places, populate
from sim.traffic.roads import Roads
from sim.traffic.step import step
from sim.traffic.vehicles import DriverSettings, Traffic
from sim.traffic.walkers import SIZE_M, places_on_foot

DT_S = 0.2
STUCK_S = 180.0
MOVING_MPS = 1.0
COUNTED_S = 1.0
"""How often headways are looked at."""


@dataclass
class Figures:
    """What is counted on one map."""

    contacts: int = 0
    deadlocks: int = 0
    metres: float = 0.0
    walked_m: float = 0.0
    crossed: int = 0
    waits_s: float = 0.0
    longest_wait_s: float = 0.0
    headways_s: list[float] = field(default_factory=list)


def contacts_of(traffic: Traffic, roads: Roads, pavement: Pavement) -> set[tuple[int, int]]:
    """Pairs of boxes that overlap, at least one of them a vehicle's."""
    points, yaws = places(traffic, roads)
    feet, turned = places_on_foot(traffic.walkers, pavement)
    cars, people = traffic.cars, len(traffic.walkers)
    xy, yaw = np.concatenate((points, feet)), np.concatenate((yaws, turned))
    length, width = ([getattr(car, name) for car in cars] + [SIZE_M] * people for name in ("length_m", "width_m"))
    pairs = overlapping_pairs(xy[:, 0], xy[:, 1], yaw, np.array(length), np.array(width), np.isfinite(yaw))
    return {(int(a), int(b)) for a, b in pairs if a < len(cars)}


def headways(traffic: Traffic) -> list[float]:
    """Times from front to front on each lane."""
    on: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for car in traffic.cars:
        if car.lane >= 0:
            on[car.lane].append((car.front_m, car.speed_mps))
    found = []
    for row in on.values():
        row.sort()
        for (behind, speed), (ahead, _) in pairwise(row):
            if speed > MOVING_MPS:
                found.append((ahead - behind) / speed)
    return found


def drive(path: Path, arguments: argparse.Namespace) -> tuple[Figures, Roads]:
    """Figures of one map."""
    settings, lane_map = DriverSettings(), sample_lanes(read_opendrive(path))
    roads, pavement, programme = Roads.of(lane_map), Pavement.of(lane_map), programme_of(lane_map)
    walkers = arguments.walkers if pavement.spots else 0
    rng = np.random.Generator(np.random.PCG64(arguments.seed))
    traffic = populate(roads, arguments.cars, rng, (), arguments.cyclists, walkers, pavement)
    figures, touching = Figures(), contacts_of(traffic, roads, pavement)
    still_s = np.zeros(len(traffic.cars))
    for k in range(round(arguments.hours * 3600.0 / DT_S)):
        before = traffic
        traffic = step(traffic, roads, settings, None, DT_S, states_at(programme, traffic.t_s), pavement)
        speeds = np.array([car.speed_mps if car.lane >= 0 else np.inf for car in traffic.cars])
        figures.metres += DT_S * float(speeds[np.isfinite(speeds)].sum())
        figures.waits_s += DT_S * int((speeds < 0.1).sum())
        still_s = np.where(speeds < 0.1, still_s + DT_S, 0.0)
        figures.deadlocks += int(((still_s >= STUCK_S) & (still_s < STUCK_S + DT_S)).sum())
        figures.longest_wait_s = max(figures.longest_wait_s, float(still_s.max(initial=0.0)))
        for old, new in zip(before.walkers, traffic.walkers, strict=True):
            figures.walked_m += new.s_m - old.s_m if new.trips == old.trips else 0.0
            figures.crossed += old.crosses < 0 <= new.crosses
        now = contacts_of(traffic, roads, pavement)
        figures.contacts += len(now - touching)
        touching = now
        if k % round(COUNTED_S / DT_S) == 0:
            figures.headways_s += headways(traffic)
    return figures, roads


def told(path: Path, figures: Figures, roads: Roads, vehicles: int, hours: float) -> str:
    """One line of the table."""
    lanes_m = sum(roads.length_m[i] for i in range(roads.lane_map.size) if roads.limit_mps[i] > 0.0)
    density_1pm = vehicles / lanes_m
    mean_mps = figures.metres / (vehicles * hours * 3600.0)
    low, middle, high = np.percentile(figures.headways_s, (5, 50, 95)) if figures.headways_s else (np.nan,) * 3
    return (
        f"{path.stem[:36]:36} {figures.metres / 1000.0:8.1f} km {3.6 * mean_mps:6.1f} km/h waiting "
        f"{figures.waits_s / (vehicles * hours * 3600.0):5.1%} (longest {figures.longest_wait_s:4.0f} s)  "
        f"flow {3600.0 * density_1pm * mean_mps:5.0f}/h per lane at {1000.0 * density_1pm:4.1f}/km, headway "
        f"p5 {low:.1f} p50 {middle:.1f} p95 {high:.1f} s  contacts {figures.contacts} deadlocks {figures.deadlocks}  "
        f"on foot {figures.walked_m / 1000.0:.1f} km, {figures.crossed} crossings"
    )


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("maps", nargs="+", type=Path)
    parser.add_argument("--cars", type=int, default=30)
    parser.add_argument("--cyclists", type=int, default=0)
    parser.add_argument("--walkers", type=int, default=0)
    parser.add_argument("--hours", type=float, default=1.0, help="simulated hours on each map")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    total = {"hours": 0.0, "contacts": 0, "deadlocks": 0, "vehicle_km": 0.0, "walked_km": 0.0, "crossed": 0,
             "longest_wait_s": 0.0}  # fmt: skip
    for path in arguments.maps:
        figures, roads = drive(path, arguments)
        print(told(path, figures, roads, arguments.cars + arguments.cyclists, arguments.hours), flush=True)
        total["hours"] += arguments.hours
        total["contacts"] += figures.contacts
        total["deadlocks"] += figures.deadlocks
        total["vehicle_km"] += figures.metres / 1000.0
        total["walked_km"] += figures.walked_m / 1000.0
        total["crossed"] += figures.crossed
        total["longest_wait_s"] = max(total["longest_wait_s"], figures.longest_wait_s)
    print(json.dumps({name: round(value, 1) for name, value in total.items()}))


if __name__ == "__main__":
    main()
