"""How long one planning cycle takes, on one core, among other road users, and how long a thousand candidates.

    python benchmarks/planner_cycle.py [--planner idm] [--others 20] [--repeat 300] [--peers PYTHON]

Prints median and 99th percentile in milliseconds of CPU time per planner (`lanewise` and `pdm-closed` always); the
cycle's period is 100 ms. `ms_per_1000_candidates` is the rollout and scoring call of `lanewise` alone. With the Python
of the peers' environment, the Frenet sampler `frenetix` (C++) is measured beside it in the same scene: what a thousand
of its trajectories take to be sampled and checked, and to be scored as well (`benchmarks/peers/frenetix_sampling.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np

from bus.messages import EntityKind, PoseStatus
from geometry.pose import Pose
from lanewise.grid import EGO, ROAD_FROM_M, straight_road
from lanewise.planners import build_planner
from maps.route import follow_lane
from planning.lanewise_planner import LanewisePlanner
from planning.scene import Agents, Context, EgoState, Mission, Scene

SPEED_MPS = 15.0
SAMPLER = Path(__file__).parent / "peers" / "frenetix_sampling.py"


def crowded_scene(others: int, seed: int) -> Scene:
    """A three-lane road with cars around the ego and a few walkers and cyclists beside it."""
    rng = np.random.default_rng(seed)
    road = straight_road()
    context = Context(road, EGO, Mission(follow_lane(road, road.index("ego"), -ROAD_FROM_M, 1500.0), 20.0), 0.1)
    x = rng.uniform(-80.0, 150.0, others)
    lane = rng.choice([-3.5, 3.5], others)
    lane[::10] = 8.0
    kinds = np.full(others, int(EntityKind.CAR))
    kinds[::10], kinds[5::10] = int(EntityKind.PEDESTRIAN), int(EntityKind.BICYCLE)
    speed = rng.uniform(5.0, 20.0, others)
    agents = Agents(
        np.arange(others), kinds, x, lane, np.zeros(others), speed, np.zeros(others), np.zeros(others),
        np.zeros(others), np.full(others, 4.5), np.full(others, 1.9), np.ones(others), np.zeros((others, 4, 4)),
    )  # fmt: skip
    return Scene(context, 0.0, EgoState(Pose(0.0, 0.0, 0.0), SPEED_MPS, 0.0, 0.0), agents, PoseStatus.LANE_CERTAIN)


def cycle_ms(name: str, scene: Scene, repeat: int) -> tuple[float, float]:
    """Median and 99th percentile; the first cycles compile and are not counted."""
    planner = build_planner(name, None)
    memory = planner.start(scene.context)
    for _ in range(3):
        _, memory = planner.plan(scene, memory)
    spent = []
    for _ in range(repeat):
        begin = time.thread_time()
        planner.plan(scene, memory)
        spent.append(1e3 * (time.thread_time() - begin))
    return float(np.median(spent)), float(np.percentile(spent, 99))


def scoring_ms(scene: Scene, repeat: int) -> tuple[float, int]:
    """Median time of the one call that rolls all candidates out and scores them, and their number."""
    planner = LanewisePlanner()
    memory = planner.start(scene.context)
    for _ in range(3):
        _, memory = planner.plan(scene, memory)
    call = planner.scoring_call(scene, memory)
    spent = []
    for _ in range(repeat):
        begin = time.thread_time()
        scored = call()
        spent.append(1e3 * (time.thread_time() - begin))
    return float(np.median(spent)), len(scored.terms)


def frenetix_figures(scene: Scene, repeat: int, python: Path) -> dict[str, Any]:
    """What the Frenet sampler takes in the same scene, on the route as its reference path."""
    agents, ego, path = scene.agents, scene.ego, scene.context.mission.route.path
    columns = (
        agents.x_m, agents.y_m, agents.yaw_rad, np.hypot(agents.vx_mps, agents.vy_mps), agents.length_m, agents.width_m
    )  # fmt: skip
    s = np.arange(0.0, 600.0)
    task = {
        "path": path.position(s).tolist(),
        "s_m": float(path.project(np.array([[ego.world_from_ego.x_m, ego.world_from_ego.y_m]]))[0][0]),
        "speed_mps": ego.speed_mps,
        "wish_mps": scene.context.mission.set_speed_mps,
        "length_m": scene.context.vehicle.length_m,
        "width_m": scene.context.vehicle.width_m,
        "wheelbase_m": scene.context.vehicle.wheelbase_m,
        "others": np.stack(columns, axis=-1).tolist(),
        "repeat": repeat,
    }
    if not python.is_file():
        raise SystemExit(f"there is no Python at {python}; `make peers` makes .venv-peers/bin/python")
    done = subprocess.run([python, SAMPLER], input=json.dumps(task), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{python} {SAMPLER} failed; `make peers` makes its environment: {done.stderr.strip()[-300:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    per_1000 = {name: round(1e3 * told[name] / told["trajectories"], 3) for name in ("sampled", "scored")}
    print(f"frenetix: {told['trajectories']} trajectories, {told['feasible']} of them feasible, "
          f"{told['sampled']:.2f} ms to sample and check them, {told['scored']:.2f} ms with costs")  # fmt: skip
    return {f"frenetix_ms_per_1000_{name}": value for name, value in per_1000.items()}


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--planner", action="append", default=[], help="a further planner; may be repeated")
    parser.add_argument("--others", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=300)
    parser.add_argument("--peers", type=Path, help="Python of the peers' environment (`make peers`)")
    arguments = parser.parse_args()
    scene = crowded_scene(arguments.others, seed=1)
    figures: dict[str, float] = {"others": arguments.others}
    spent_ms, candidates = scoring_ms(scene, arguments.repeat)
    print(f"rollout and scoring of {candidates} candidates: {spent_ms:.2f} ms")
    figures |= {"candidates": candidates, "ms_per_1000_candidates": round(1e3 * spent_ms / candidates, 3)}
    for name in ("lanewise", "pdm-closed", *arguments.planner):
        median, slow = cycle_ms(name, scene, arguments.repeat)
        print(f"{name:12} {median:7.2f} ms median, {slow:7.2f} ms 99th percentile, {arguments.others} others")
        key = "cycle" if name == "lanewise" else name.replace("-", "_")
        figures |= {f"{key}_p50_ms": round(median, 3), f"{key}_p99_ms": round(slow, 3)}
    if arguments.peers is not None:
        figures |= frenetix_figures(scene, arguments.repeat, arguments.peers)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
