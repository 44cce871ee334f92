"""Do we read CommonRoad scenarios as the official tools do, and judge solutions as they do?

    python benchmarks/commonroad_parity.py SCENARIOS ROLLOUTS --peers PYTHON

SCENARIOS holds the scenario files, ROLLOUTS trajectories as `cr_*.json.gz`, PYTHON is an environment with the tools
(`benchmarks/peers/commonroad_check.py` names them). Lanelet geometry and links have to be equal, and our reasons
against a solution (start, goal, contact, feasibility) have to be the checker's.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from motion.car_trajectory import CarTrajectory
from sim.scenarios.commonroad.check import contact, infeasible, start_mismatch
from sim.scenarios.commonroad.goal import goal_reached
from sim.scenarios.commonroad.model import CommonRoadScenario
from sim.scenarios.commonroad.read import read_commonroad
from sim.scenarios.commonroad.solution import solution_text
from sim.scenarios.commonroad.vehicle import BMW_320I

PEER = Path(__file__).parent / "peers" / "commonroad_check.py"
STATE_KEYS = ("x", "y", "steering_angle", "velocity", "orientation")


def own_verdict(scenario: CommonRoadScenario, problem_id: int, trajectory: CarTrajectory) -> dict[str, bool]:
    """Our own checks of a trajectory."""
    problem = next(item for item in scenario.problems if item.id == problem_id)
    return {
        "goal": goal_reached(problem, trajectory).reached,
        "start": start_mismatch(problem, trajectory) is None,
        "contact": contact(scenario.obstacles, trajectory, BMW_320I) is None,
        "feasible": infeasible(trajectory, BMW_320I) is None,
    }


def trajectory_of(inputs: Mapping[str, Any]) -> CarTrajectory:
    """The trajectory of a rollout file."""
    states = inputs["trajectory"]
    x, y, steering, speed, yaw = (np.array([state[key] for state in states], dtype=np.float64) for key in STATE_KEYS)
    steps = np.array([state["time_step"] for state in states], dtype=np.int64)
    return CarTrajectory(float(inputs["dt"]), steps, x, y, steering, speed, yaw, float(inputs["vehicle"]["width"]))


def same_roads(scenario: CommonRoadScenario, theirs: Mapping[str, Any]) -> bool:
    """Whether lanelets (geometry to 1e-9 m, links) and road users are those that the official reader finds."""
    if sorted(theirs["lanelets"]) != sorted(str(item.id) for item in scenario.lanelets):
        return False
    for item in scenario.lanelets:
        other = theirs["lanelets"][str(item.id)]
        close = all(
            np.allclose(ours, np.array(other[name]), rtol=0.0, atol=1e-9)
            for name, ours in (("centre", item.centre), ("left", item.left))
        )
        links = sorted(item.successors) == other["successors"] and sorted(item.predecessors) == other["predecessors"]
        if not close or not links:
            return False
    return bool(sorted(item.id for item in scenario.obstacles) == theirs["obstacles"])


Read = Mapping[str, CommonRoadScenario]
Verdicts = dict[str, dict[str, bool]]


def write_solutions(read: Read, scenarios: Path, rollouts: Path, folder: Path) -> Verdicts:
    """Solution files for the peer, in `folder`; our own verdict on each."""
    table: dict[str, list[str]] = {path: [] for path in read}
    ours: Verdicts = {}
    for path in sorted(rollouts.glob("cr_*.json.gz")):
        inputs = json.loads(gzip.decompress(path.read_bytes()))["inputs"]
        scenario_path = str((scenarios / inputs["scenario_file"]).resolve())
        if scenario_path not in read:
            continue
        name, trajectory, problem = path.name, trajectory_of(inputs), int(inputs["planning_problem_id"])
        (folder / name).write_bytes(solution_text(read[scenario_path], {problem: trajectory}, "SM1"))
        table[scenario_path].append(name)
        ours[name] = own_verdict(read[scenario_path], problem, trajectory)
    (folder / "scenarios.json").write_text(json.dumps(table))
    return ours


def main() -> None:
    """Print the deviations and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", type=Path)
    parser.add_argument("rollouts", type=Path)
    parser.add_argument("--peers", type=Path, required=True)
    arguments = parser.parse_args()
    read = {str(path.resolve()): read_commonroad(path) for path in sorted(arguments.scenarios.glob("*.xml"))}
    with tempfile.TemporaryDirectory() as folder:
        ours = write_solutions(read, arguments.scenarios, arguments.rollouts, Path(folder))
        done = subprocess.run([str(arguments.peers), str(PEER), folder], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.strip().splitlines()[-1])
    other_roads = [path for path in read if not same_roads(read[path], theirs["scenarios"][path])]
    other_verdicts = [name for name in ours if ours[name] != theirs["verdicts"][name]]
    for path in other_roads:
        print(f"{Path(path).name}: another map or other road users")
    for name in other_verdicts:
        print(f"{name}: ours {ours[name]}, theirs {theirs['verdicts'][name]}")
    same, agree = len(read) - len(other_roads), len(ours) - len(other_verdicts)
    print(f"scenarios read alike: {same} of {len(read)}; solutions judged alike: {agree} of {len(ours)}")
    print(json.dumps({"scenarios": len(read), "same": same, "solutions": len(ours), "verdicts_agree": agree}))


if __name__ == "__main__":
    main()
