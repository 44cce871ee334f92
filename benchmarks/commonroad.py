"""How many CommonRoad planning problems a planner solves.

    python benchmarks/commonroad.py FOLDER [--planner lanewise] [--predictions given] [--peers PYTHON] [--workers 2]

FOLDER holds scenario files. CommonRoad's problems tell what the others will do; with `--predictions own` the planner
has to predict it itself. `solved` counts those whose drive our own checks find valid (start, goal in its time and at
its speed and heading, no contact, feasible for the vehicle model), `accepted` those that the official checker accepts
as well; it runs in the environment of PYTHON (`benchmarks/peers/commonroad_check.py` names the packages), without which
`accepted` is null. What we refuse is given to it too: of the `written` files, it finds the same of start, goal, contact
and feasibility in `verdicts_agree`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from commonroad_parity import own_verdict

from bus.recording import Recording
from geometry.errors import InputError
from lanewise.batch import Job, Outcome, run_jobs
from lanewise.config import RunConfig, StackChoice
from lanewise.drive import drive_of
from lanewise.recorded import read_drive
from lanewise.run import Outputs
from lanewise.solution import trajectory_of, write_solution
from sim.scenarios.commonroad.read import read_commonroad

PEER = Path(__file__).parent / "peers" / "commonroad_check.py"


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


def own_checks(outcome: Outcome) -> dict[str, bool]:
    """What we find of start, goal, contact and feasibility."""
    assert outcome.result is not None
    scenario = read_commonroad(Path(outcome.job.config.scenario))
    rollout = drive_of(read_drive(Recording.open(outcome.result.folder / "drive.mcap"))).rollout
    return own_verdict(scenario, scenario.problems[0].id, trajectory_of(scenario, rollout))


def accepted(table: dict[str, list[str]], folder: Path, peers: Path) -> dict[str, dict[str, bool]]:
    """The official checker's verdicts, solution file to check to answer."""
    (folder / "scenarios.json").write_text(json.dumps(table))
    done = subprocess.run([str(peers), str(PEER), str(folder)], capture_output=True, text=True, check=True)
    verdicts: dict[str, dict[str, bool]] = json.loads(done.stdout.strip().splitlines()[-1])["verdicts"]
    return verdicts


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
        for outcome in run_jobs(jobs, arguments.workers, lambda _: None):
            path, wrong = solution_of(outcome, out)
            print(f"{Path(outcome.job.config.scenario).stem:40} {wrong or 'solved'}")
            if path is not None:
                table[str(Path(outcome.job.config.scenario).resolve())] = [path.name]
                ours[path.name] = own_checks(outcome)
                if not wrong:
                    solved[path.name] = outcome.job.config.scenario
        figures: dict[str, Any] = {"total": len(files), "solved": len(solved), "accepted": None}
        if arguments.peers is not None:
            verdicts = accepted(table, out, arguments.peers)
            for name in ours:
                for check, fine in verdicts[name].items():
                    if fine != ours[name][check]:
                        print(f"{name}: {check} is {ours[name][check]} for us, {fine} for the official checker")
            figures["accepted"] = sum(all(verdicts[name].values()) for name in solved)
            figures |= {"written": len(ours), "verdicts_agree": sum(ours[name] == verdicts[name] for name in ours)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
