"""Reactive traffic alone: hours of driving without contact or deadlock, with flow and headway.

    python benchmarks/reactive_traffic.py MAP.xodr... [--cars 30] [--hours 1] [--seed 0]

Keys: `hours` (simulated, all maps together), `contacts`, `deadlocks` (nobody moved for a minute), `vehicle_km`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from motion.contact import overlapping_pairs
from sim.traffic import DriverSettings, Roads, Traffic, places, populate, step

DT_S = 0.2
WIDTH_M = 1.8
STUCK_S = 60.0


def contacts_of(traffic: Traffic, roads: Roads) -> set[tuple[int, int]]:
    """Pairs of vehicles whose boxes overlap."""
    points, yaws = places(traffic, roads)
    lengths = np.array([car.length_m for car in traffic.cars])
    present = np.isfinite(yaws)
    pairs = overlapping_pairs(points[:, 0], points[:, 1], yaws, lengths, np.full(len(yaws), WIDTH_M), present)
    return {(int(a), int(b)) for a, b in pairs}


def drive(path: Path, cars: int, hours: float, seed: int) -> dict[str, float]:
    """Figures of one map."""
    settings = DriverSettings()
    roads = Roads.of(sample_lanes(read_opendrive(path)), settings)
    traffic = populate(roads, cars, np.random.Generator(np.random.PCG64(seed)))
    touching: set[tuple[int, int]] = set()
    contacts = deadlocks = 0
    metres, still_s, waits = 0.0, 0.0, 0.0
    for _ in range(round(hours * 3600.0 / DT_S)):
        traffic = step(traffic, roads, settings, None, DT_S)
        speeds = [car.speed_mps for car in traffic.cars if car.lane >= 0]
        metres += DT_S * sum(speeds)
        waits += DT_S * sum(speed < 0.1 for speed in speeds)
        still_s = still_s + DT_S if speeds and max(speeds) < 0.1 else 0.0
        if still_s >= STUCK_S:
            deadlocks, still_s = deadlocks + 1, 0.0
        now = contacts_of(traffic, roads)
        contacts += len(now - touching)
        touching = now
    return {"hours": hours, "contacts": contacts, "deadlocks": deadlocks, "vehicle_km": metres / 1000.0,
            "mean_kmh": 3.6 * metres / (cars * hours * 3600.0), "waiting": waits / (cars * hours * 3600.0)}  # fmt: skip


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("maps", nargs="+", type=Path)
    parser.add_argument("--cars", type=int, default=30)
    parser.add_argument("--hours", type=float, default=1.0, help="simulated hours on each map")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    total = {"hours": 0.0, "contacts": 0, "deadlocks": 0, "vehicle_km": 0.0}
    for path in arguments.maps:
        figures = drive(path, arguments.cars, arguments.hours, arguments.seed)
        for key in total:
            total[key] += figures[key]
        print(
            f"{path.stem[:40]:40} {figures['vehicle_km']:8.1f} km {figures['mean_kmh']:6.1f} km/h waiting "
            f"{figures['waiting']:6.1%} contacts {figures['contacts']:3.0f} deadlocks {figures['deadlocks']:2.0f}"
        )
    print(json.dumps(total))


if __name__ == "__main__":
    main()
