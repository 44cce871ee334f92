"""Routes through towns: does the ego arrive, in its lane, without touching anything?

    python benchmarks/town_routes.py MAP.xodr... [--planner lanewise] [--localization map] [--routes 10] [--seed 0]
        [--traffic 0]

Start and goal are drawn from the driving lanes outside junctions, at least 100 m of way apart. Keys: `routes`,
`arrived`, `clean` (arrived without leaving the lane, a contact or a red light run), `comfortable`
(within nuPlan's bounds of comfort all the way). Lights run by their programme.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from geometry.errors import LanewiseError, SceneError
from lanewise.config import configured
from lanewise.run import Outputs, run
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.route import shortest_route

SHORTEST_M = 100.0
COMFORT = ("longitudinal_acceleration", "lateral_acceleration", "jerk")


def drawn_routes(lane_map: LaneMap, count: int, rng: np.random.Generator) -> list[tuple[str, str, float]]:
    """Pairs of places `x,y` with a way between them, and its length."""
    lanes = [i for i in range(lane_map.size) if lane_map.kinds[i] == "driving" and not lane_map.junction[i]]
    lanes = [lane for lane in lanes if lane_map.length_m(lane) > 12.0]
    found: list[tuple[str, str, float]] = []
    for _ in range(200 * count):
        if len(found) == count:
            break
        pair = [int(lane) for lane in rng.choice(lanes, 2)]
        s = [float(rng.uniform(5.0, lane_map.length_m(lane) - 5.0)) for lane in pair]
        try:
            length = shortest_route(lane_map, pair[0], pair[1], s[0], s[1], behind_m=0.0).path.length_m
        except (SceneError, LanewiseError):
            continue
        if length >= SHORTEST_M:
            start, goal = (_place(lane_map, lane, at) for lane, at in zip(pair, s, strict=True))
            found.append((start, goal, length))
    return found


def _place(lane_map: LaneMap, lane: int, s_m: float) -> str:
    x_m, y_m = lane_map.centre(lane).position(np.array([s_m]), np.zeros(1))[0]
    return f"{x_m:.2f},{y_m:.2f}"


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("maps", nargs="+", type=Path)
    parser.add_argument("--planner", default="lanewise")
    parser.add_argument("--routes", type=int, default=10, help="routes on each map")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traffic", type=int, default=0, help="cars on each map")
    parser.add_argument("--localization", default="ground-truth", help="who tells the pose")
    arguments = parser.parse_args()
    figures = {"routes": 0, "arrived": 0, "clean": 0, "comfortable": 0}
    for path in arguments.maps:
        rng = np.random.Generator(np.random.PCG64(arguments.seed))
        for start, goal, length in drawn_routes(sample_lanes(read_opendrive(path)), arguments.routes, rng):
            parameters = {"start": start, "goal": goal, "traffic": str(arguments.traffic)}
            config = configured({
                "scenario": str(path), "parameters": parameters, "simulation": {"timeout_s": 400.0},
                "stack": {"planner": arguments.planner, "localization": arguments.localization},
            })  # fmt: skip
            with tempfile.TemporaryDirectory() as folder:
                result = run(config, Path(folder) / "run", Outputs(record=False, report=False), lambda _: None)
            arrived = next(metric.passed for metric in result.verdict.results if metric.name == "goal")
            figures["routes"] += 1
            figures["arrived"] += arrived
            figures["clean"] += result.verdict.passed
            harsh = [metric for metric in result.verdict.results if metric.name in COMFORT and not metric.passed]
            figures["comfortable"] += not harsh
            cause = "; ".join(metric.cause for metric in harsh) if result.verdict.passed else result.verdict.cause
            print(f"{path.stem[:34]:34} {start:>16} -> {goal:>16} {length:7.0f} m {result.duration_s:6.1f} s  {cause}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
