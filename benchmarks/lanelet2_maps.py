"""Lanelet2 maps beside the `lanelet2` package, in one run: what we read of them, and how long queries take.

    python benchmarks/lanelet2_maps.py MAPS [--points N] [--ways N] [--only TEXT]...

MAPS is a folder of `.osm` files (or one file). On how much both do not agree, per map: lanelets; the length of a bound;
pairs of lanelets that follow each other by geometry; lanes that cars may drive (our kinds, their German rules) and what
follows them there; how far random points lie from the nearest lanelet. Times are CPU times, theirs measured in the same
way: load (best of five), nearest lane per point (ours all points at once, theirs one by one), the search for the lanes
of a way, median over ways that exist, and, ours only, the whole route with its path and edges. `make peers` installs
the package; without it ours stand alone. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import shapely

from geometry.angles import Floats
from geometry.errors import SceneError
from maps.lane_map import LaneMap
from maps.lanelet2 import read_lanelet2
from maps.road_model import DRIVABLE_KINDS
from maps.route import cheapest_lanes, shortest_route

PEERS = Path(__file__).resolve().parent.parent / ".venv-peers" / "bin" / "python"
HEADLINE = "Lanelet2__mapping_example"
T = TypeVar("T")


def best_ms(action: Callable[[], T], times: int = 5) -> tuple[T, float]:
    """The result and the shortest time of several."""
    best, result = np.inf, action()
    for _ in range(times):
        begun = time.process_time()
        result = action()
        best = min(best, 1e3 * (time.process_time() - begun))
    return result, best


def sampled_points(lane_map: LaneMap, count: int, rng: np.random.Generator) -> Floats:
    """Points (N, 2) around lane centres, up to 5 m aside."""
    rows = rng.integers(len(lane_map.centre_points), size=count)
    points: Floats = lane_map.centre_points[rows] + rng.uniform(-5.0, 5.0, (count, 2))
    return points


def sampled_ways(lane_map: LaneMap, count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs of driving lanes between which a way leads."""
    lanes = [i for i, kind in enumerate(lane_map.kinds) if kind in DRIVABLE_KINDS and ":" not in lane_map.ids[i]]
    found: list[tuple[int, int]] = []
    for _ in range(100 * count):
        start, goal = (int(lane) for lane in rng.choice(lanes, 2))
        if start != goal and cheapest_lanes(lane_map, start, goal, 0.0, lane_map.length_m(goal)):
            found.append((start, goal))
        if len(found) == count:
            break
    return found


def route_us(lane_map: LaneMap, ways: Sequence[tuple[int, int]]) -> tuple[list[float], list[float]]:
    """Time of each search for lanes, and of each whole route."""
    lanes, routes = [], []
    for start, goal in ways:
        goal_s = lane_map.length_m(goal)
        lanes.append(1e3 * best_ms(lambda a=start, b=goal, s=goal_s: cheapest_lanes(lane_map, a, b, 0.0, s), 3)[1])
        try:
            routes.append(1e3 * best_ms(lambda a=start, b=goal: shortest_route(lane_map, a, b), 3)[1])
        except SceneError:
            continue  # a lane change at the very end of the map leaves no path
    return lanes, routes


def theirs(file: Path, points: Floats, ways: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
    """What the package says; None where it is not installed."""
    if not PEERS.exists():
        return None
    script = Path(__file__).parent / "peers" / "lanelet2_map.py"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as questions:
        json.dump({"points": points.tolist(), "ways": [[int(a), int(b)] for a, b in ways]}, questions)
        questions.flush()
        done = subprocess.run([PEERS, script, file, questions.name], capture_output=True, text=True, check=False)
    said: dict[str, Any] | None = json.loads(done.stdout) if done.returncode == 0 else None
    if said is None:
        print(f"  the package gives nothing for {file.name}: {done.stderr.strip().splitlines()[-1:]}")
    return said


def differences(lane_map: LaneMap, points: Floats, said: dict[str, Any]) -> dict[str, float]:
    """On how much both do not agree."""
    forward = {name: i for i, name in enumerate(lane_map.ids) if ":" not in name}
    follows = {(a, lane_map.ids[k]) for a, i in forward.items() for k in lane_map.successors[i]}
    driven = {name: i for i, name in enumerate(lane_map.ids) if lane_map.kinds[i] == "driving"}
    on = {(a, lane_map.ids[k]) for a, i in driven.items() for k in lane_map.successors[i]}
    gaps = [
        abs(_length_m(edge) - length)
        for name, (left, right, _) in said["lanelets"].items()
        for edge, length in zip(_edges(lane_map, forward.get(name)), (left, right), strict=True)
    ]
    return {
        "lanelets": len(set(forward) ^ set(said["lanelets"])),
        "length_m": max(gaps),
        "follows": len({(a, b) for a, b in follows if b in forward} ^ {(a, b) for a, b in said["follows"]}),
        "driven": len(set(driven) ^ set(said["driven"])),
        "driven_follows": len({(a, b) for a, b in on if b in driven} ^ {(a, b) for a, b in said["driven_follows"]}),
        "nearest_m": float(np.max(np.abs(_gaps(lane_map, points) - np.array(said["nearest_m"])), initial=0.0)),
    }


def _edges(lane_map: LaneMap, lane: int | None) -> tuple[Floats, Floats]:
    return (np.empty((0, 2)),) * 2 if lane is None else (lane_map.left_edge(lane), lane_map.right_edge(lane))


def _length_m(points: Floats) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum()) if len(points) else np.inf


def _gaps(lane_map: LaneMap, points: Floats) -> Floats:
    """How far points (N, 2) lie from the lane that we call the nearest."""
    lanes = lane_map.nearest(points, kinds=frozenset(lane_map.kinds))[0]
    surfaces = np.array([lane_map.surface(int(lane)) for lane in lanes], dtype=object)
    gaps: Floats = shapely.distance(surfaces, shapely.points(points))
    return gaps


def row_of(file: Path, points: int, ways: int) -> dict[str, Any]:
    """All figures of a map."""
    rng = np.random.default_rng(0)
    lane_map, load_ms = best_ms(lambda: read_lanelet2(file))
    asked = sampled_points(lane_map, points, rng)
    lane_map.nearest(asked[:2])
    nearest_us = 1e3 * best_ms(lambda: lane_map.nearest(asked))[1] / points
    pairs = sampled_ways(lane_map, ways, rng)
    lanes_us, whole_us = route_us(lane_map, pairs)
    row: dict[str, Any] = {"map": file.stem, "load_ms": load_ms, "nearest_us": nearest_us}
    if pairs:
        row |= {"route_us": float(np.median(lanes_us)), "whole_route_us": float(np.median(whole_us))}
    said = theirs(file, asked, [(lane_map.ids[a], lane_map.ids[b]) for a, b in pairs])
    if said is None:
        return row
    row |= {"their_load_ms": said["load_ms"], "their_nearest_us": said["nearest_us"]}
    if pairs:
        row |= {
            "their_route_us": float(np.median(said["route_us"])),
            "ways_only_ours": said["route_found"].count(False),
        }
    return row | {f"differ_{name}": value for name, value in differences(lane_map, asked, said).items()}


def main() -> None:
    """Print a block per map and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", type=Path)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--ways", type=int, default=200)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="maps whose name contains TEXT")
    arguments = parser.parse_args()
    files = sorted(arguments.maps.glob("*.osm")) if arguments.maps.is_dir() else [arguments.maps]
    files = [file for file in files if not arguments.only or any(text in file.name for text in arguments.only)]
    rows = [row_of(file, arguments.points, arguments.ways) for file in files]
    for row in rows:
        print(row["map"])
        for name, value in list(row.items())[1:]:
            print(f"  {name:24} {value:12.4g}")
    headline = next((row for row in rows if row["map"] == HEADLINE), rows[0])
    kept = [name for name in headline if name.endswith(("_ms", "_us"))]
    figures = {name: round(headline[name], 2) for name in kept}
    worst = {
        name: round(max(row[name] for row in rows if name in row), 6)
        for name in sorted({name for row in rows for name in row if name.startswith("differ_")})
    }
    print(json.dumps({"maps": len(rows), **figures, **worst}))


if __name__ == "__main__":
    main()
