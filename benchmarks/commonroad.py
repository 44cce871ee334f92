"""How many CommonRoad planning problems a planner solves.

    python benchmarks/commonroad.py FOLDER [--planner lanewise] [--predictions given] [--peers PYTHON] [--workers 2]

FOLDER holds scenario files. CommonRoad's problems tell what the others will do; with `--predictions own` the planner
has to predict it itself. `solved` counts those whose drive our own checks find valid (start, goal in its time and at
its speed and heading, no contact, feasible for the vehicle model), `accepted` those that the official checker accepts
as well; it runs in the environment of PYTHON (`benchmarks/peers/commonroad_check.py` names the packages), without which
`accepted` is null. What we refuse is given to it too: of the `written` files, it finds the same of start, goal, contact
and feasibility in `verdicts_agree`.

There the files are also given to `commonroad-reactive-planner` (`benchmarks/peers/commonroad_reactive.py`): of those
that both it and we solve, each with its cost SM1 by our own functions, `sm1_ratio` is the mean (geometric) of our cost
over its; `nearest` is how close a drive comes to others. It is judged by the same checks as we are.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np
import shapely
from commonroad_parity import own_verdict

from bus.recording import Recording
from geometry.angles import Floats
from geometry.boxes import box_corners
from geometry.errors import InputError
from lanewise.batch import Job, Outcome, run_jobs
from lanewise.config import RunConfig, StackChoice
from lanewise.drive import drive_of
from lanewise.ratings import costs_of
from lanewise.recorded import read_drive
from lanewise.run import Outputs
from lanewise.solution import trajectory_of, write_solution
from motion.car_trajectory import CarTrajectory
from planning.metrics.commonroad.cost_results import PREFIX
from sim.scenarios.commonroad.check import problems_with
from sim.scenarios.commonroad.read import read_commonroad
from sim.scenarios.commonroad.vehicle import BMW_320I

PEER = Path(__file__).parent / "peers" / "commonroad_check.py"
MOST_RATIO = 1.1
"""Drives that cost more than so many times the other's are counted."""
RIVAL = Path(__file__).parent / "peers" / "commonroad_reactive.py"


def solution_of(outcome: Outcome, folder: Path) -> tuple[Path | None, str]:
    """The solution file of a drive (None: there is none) and what is wrong with it (empty: nothing)."""
    if outcome.result is None:
        return None, outcome.error
    rollout = drive_of(read_drive(Recording.open(outcome.result.folder / "drive.mcap"))).rollout
    try:
        path, wrong = write_solution(Path(outcome.job.config.scenario), rollout, folder)
    except InputError as error:
        return None, str(error)
    return path, wrong[0] if wrong else ""


def driven(outcome: Outcome) -> CarTrajectory:
    """The trajectory of a drive."""
    assert outcome.result is not None
    rollout = drive_of(read_drive(Recording.open(outcome.result.folder / "drive.mcap"))).rollout
    return trajectory_of(read_commonroad(Path(outcome.job.config.scenario)), rollout)


def own_checks(outcome: Outcome) -> dict[str, bool]:
    """What we find of start, goal, contact and feasibility."""
    scenario = read_commonroad(Path(outcome.job.config.scenario))
    return own_verdict(scenario, scenario.problems[0].id, driven(outcome))


def sm1(scenario_file: str, trajectory: CarTrajectory) -> float:
    """The cost SM1; NaN without lane coordinates."""
    costs = costs_of(read_commonroad(Path(scenario_file)), trajectory)
    return next(item.value for item in costs if item.name == f"{PREFIX}SM1")


def closest_m(scenario_file: str, trajectory: CarTrajectory) -> float:
    """How near the drive comes to any recorded road user; infinite where there is none."""
    least = math.inf
    own = _boxes(trajectory.x_m, trajectory.y_m, trajectory.yaw_rad, BMW_320I.length_m, BMW_320I.width_m)
    for item in read_commonroad(Path(scenario_file)).obstacles:
        boxes = _boxes(item.x_m, item.y_m, item.yaw_rad, item.length_m, item.width_m)
        if item.static:
            least = min(least, float(shapely.distance(own, boxes[0]).min()))
            continue
        _, mine, its = np.intersect1d(trajectory.time_step, item.time_step, return_indices=True)
        least = min(least, float(shapely.distance(own[mine], boxes[its]).min(initial=math.inf)))
    return least


def _boxes(x_m: Floats, y_m: Floats, yaw_rad: Floats, length_m: float, width_m: float) -> Any:
    return shapely.polygons(box_corners(x_m, y_m, yaw_rad, np.asarray(length_m), np.asarray(width_m)))


def accepted(table: dict[str, list[str]], folder: Path, peers: Path) -> dict[str, dict[str, bool]]:
    """The official checker's verdicts, solution file to check to answer."""
    (folder / "scenarios.json").write_text(json.dumps(table))
    done = subprocess.run([str(peers), str(PEER), str(folder)], capture_output=True, text=True, check=True)
    verdicts: dict[str, dict[str, bool]] = json.loads(done.stdout.strip().splitlines()[-1])["verdicts"]
    return verdicts


def rivals(files: list[str], folder: Path, peers: Path) -> dict[str, tuple[float, float] | str]:
    """SM1 and closest approach of the drives of the reactive planner, by file; where it solves nothing, why."""
    (folder / "scenarios.json").write_text(json.dumps(files))
    done = subprocess.run([str(peers), str(RIVAL), str(folder)], capture_output=True, text=True, check=True)
    drives: dict[str, list[list[float]] | str] = json.loads(done.stdout.strip().splitlines()[-1])
    return {file: rows if isinstance(rows, str) else rival_cost(file, rows) for file, rows in drives.items()}


def rival_cost(file: str, rows: list[list[float]]) -> tuple[float, float] | str:
    """SM1 and closest approach of a drive given as states, or what is wrong with it."""
    if len(rows) < 4:
        return f"it stops after {len(rows)} states"
    scenario = read_commonroad(Path(file))
    step, x, y, steering, speed, yaw = np.array(rows).T
    trajectory = CarTrajectory(
        scenario.dt_s, step.astype(np.int64), x, y, steering, speed, np.unwrap(yaw), BMW_320I.width_m
    )
    wrong = problems_with(scenario, scenario.problems[0], trajectory)
    return wrong[0] if wrong else (sm1(file, trajectory), closest_m(file, trajectory))


def compared(ours: dict[str, tuple[float, float]], theirs: dict[str, tuple[float, float] | str]) -> dict[str, Any]:
    """Our costs beside theirs where both solve, and how near each drive comes to others."""
    ratios = []
    for file, other in theirs.items():
        own, near_m = ours.get(file, (math.nan, math.nan))
        told = other if isinstance(other, str) else f"{other[0]:.1f}, nearest {other[1]:.2f} m"
        print(f"{Path(file).stem:40} SM1 {own:10.1f}, nearest {near_m:.2f} m, reactive planner {told}")
        if not isinstance(other, str) and math.isfinite(other[0]) and math.isfinite(own):
            ratios.append(own / other[0])
    return {
        "rival_solved": sum(not isinstance(other, str) for other in theirs.values()),
        "sm1_compared": len(ratios),
        "sm1_ratio": round(geometric_mean(ratios), 3) if ratios else None,
        "sm1_dearer": sum(ratio > MOST_RATIO for ratio in ratios),
    }


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--planner", default="lanewise")
    parser.add_argument("--predictions", choices=("given", "own"), default="given")
    parser.add_argument("--peers", type=Path, help="Python of the environment with the official tools")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    files = sorted(arguments.folder.glob("*.xml"))
    told = {"predictions": arguments.predictions}
    config = RunConfig(stack=replace(StackChoice(), planner=arguments.planner))
    with tempfile.TemporaryDirectory(prefix="lanewise-") as place:
        out = Path(place)
        jobs = [
            Job(replace(config, scenario=str(file), parameters=told), out / file.stem, Outputs(report=False))
            for file in files
        ]
        table: dict[str, list[str]] = {}
        ours: dict[str, dict[str, bool]] = {}
        solved: dict[str, str] = {}
        costs: dict[str, tuple[float, float]] = {}
        for outcome in run_jobs(jobs, arguments.workers, lambda _: None):
            path, wrong = solution_of(outcome, out)
            print(f"{Path(outcome.job.config.scenario).stem:40} {wrong or 'solved'}")
            if path is not None:
                table[str(Path(outcome.job.config.scenario).resolve())] = [path.name]
                ours[path.name] = own_checks(outcome)
                if not wrong:
                    solved[path.name] = outcome.job.config.scenario
                    file, trajectory = outcome.job.config.scenario, driven(outcome)
                    costs[file] = sm1(file, trajectory), closest_m(file, trajectory)
        figures: dict[str, Any] = {"total": len(files), "solved": len(solved), "accepted": None}
        if arguments.peers is not None:
            verdicts = accepted(table, out, arguments.peers)
            for name in ours:
                for check, fine in verdicts[name].items():
                    if fine != ours[name][check]:
                        print(f"{name}: {check} is {ours[name][check]} for us, {fine} for the official checker")
            figures["accepted"] = sum(all(verdicts[name].values()) for name in solved)
            figures |= {"written": len(ours), "verdicts_agree": sum(ours[name] == verdicts[name] for name in ours)}
            figures |= compared(costs, rivals([str(file) for file in files], out, arguments.peers))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
