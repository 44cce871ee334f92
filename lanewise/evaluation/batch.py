"""Drive a suite with planners and seeds; each result is a file named by what it depends on, so that a batch resumes.

In: cases x planners x seeds. Out: rows in a fixed order. A result is found again when scenario, map, parameters,
configuration and sources are the same; a batch that was killed goes on where it was and ends with the same bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bus.recording import Recording
from geometry.errors import ContractError, LanewiseError
from lanewise.config import RunConfig
from lanewise.drive import drive_of
from lanewise.evaluation.content import content_key
from lanewise.evaluation.grid_suite import GridJob, is_grid
from lanewise.evaluation.suite import Suite, SuiteCase
from lanewise.ratings import NCAP
from lanewise.recorded import read_drive, recorded_report
from lanewise.report.page import write_report
from lanewise.run import Judged, Outputs, Progress, judged, metrics_json, scenario_file
from lanewise.workers import worker_pool
from maps.lane_map import LaneMap
from motion.rollout import Rollout
from planning.metrics.commonroad.cost_results import PREFIX as COMMONROAD
from planning.metrics.nuplan.from_rollout import drive_of_rollout
from planning.metrics.nuplan.score import score
from planning.metrics.table import METRICS
from sim.scenarios.scenario import MissingLaneError

EXPERT = "pdm-closed"
"""Whose progress counts as all that could be made."""
WORTH_A_LOOK = 0.95
"""The report of a drive that passed is kept where its nuPlan score is lower than this."""


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """One case with one planner and seed. `folder` is where the results of the evaluation lie."""

    case: SuiteCase
    config: RunConfig
    folder: Path

    @property
    def key(self) -> str:
        """Content hash of everything that the result depends on."""
        case = repr((self.case.name, self.case.expert)).encode()
        return content_key(self.config, case, scenario_file(self.config.scenario).read_bytes())

    def row(self) -> dict[str, Any]:
        """Drive the case and judge it."""
        return _driven(self)


class Job(Protocol):
    """One row of the table to be: `key` names it by content, `row` makes it."""

    @property
    def case(self) -> SuiteCase: ...
    @property
    def folder(self) -> Path: ...
    @property
    def key(self) -> str: ...
    def row(self) -> dict[str, Any]:
        """Make the row."""
        ...


def jobs_of(
    suite: Suite, base: RunConfig, planners: Sequence[str], seeds: Sequence[int], folder: Path
) -> tuple[Job, ...]:
    """Cases, then planners, then seeds, the last fastest. Settings of a planner hold for the one that `base` names."""
    configs = [base if name == base.stack.planner else _with_planner(base, name) for name in planners]
    return tuple(
        _job(case, replace(config, scenario=case.scenario, parameters=case.parameters, seed=seed), folder)
        for case in suite.cases
        for config in configs
        for seed in seeds
    )


def _job(case: SuiteCase, config: RunConfig, folder: Path) -> Job:
    return GridJob(case, config, folder) if is_grid(case) else EvaluationJob(case, config, folder)


def _with_planner(base: RunConfig, name: str) -> RunConfig:
    return replace(base, stack=replace(base.stack, planner=name), planning=None)


def evaluate(jobs: Sequence[Job], workers: int, progress: Progress) -> Iterator[dict[str, Any]]:
    """One row per job, in their order; what lies in the folder already is not driven again."""
    for folder in {job.folder for job in jobs}:
        for part in ("results", "drives", "experts"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    if workers == 1:
        rows: Iterator[dict[str, Any]] = map(result_of, jobs)
        yield from _counted(rows, progress)
        return
    # All jobs of a case go to one worker, so that its expert drives once.
    together = max(len(jobs) // max(len({job.case.name for job in jobs}), 1), 1)
    with worker_pool(workers) as pool:
        yield from _counted(pool.map(result_of, jobs, chunksize=together), progress)


def _counted(rows: Iterator[dict[str, Any]], progress: Progress) -> Iterator[dict[str, Any]]:
    for done, row in enumerate(rows, start=1):
        progress(done)
        yield row


def result_of(job: Job) -> dict[str, Any]:
    """The row of a job: read where it was driven before, else driven now."""
    path = job.folder / "results" / f"{job.key}.json"
    if path.is_file():
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found
        except json.JSONDecodeError:
            path.unlink()  # cut off by a crash of the machine; driven again
    row = job.row()
    partial = path.with_suffix(f".{os.getpid()}.part")
    partial.write_text(json.dumps(row), encoding="utf-8")
    partial.replace(path)  # whole or not at all
    return row


def _driven(job: EvaluationJob) -> dict[str, Any]:
    config = job.config
    row: dict[str, Any] = {
        "case": job.case.name,
        "scenario": Path(job.case.scenario).stem,
        "tags": " ".join(job.case.tags),
        "planner": config.stack.planner,
        "seed": config.seed,
        "key": job.key,
    }
    folder = job.folder / "drives" / job.key
    try:
        for leftover in folder.glob("*"):
            leftover.unlink()  # of a drive that was cut off
        found = judged(config, folder, Outputs(report=False), lambda _: None)
        if config.stack.planner == EXPERT:
            _keep_as_expert(job, folder)
        return row | _worth(job, folder, found)
    except MissingLaneError as error:
        return {**row, "outcome": "not runnable", "passed": None, "cause": str(error)}
    except LanewiseError as error:
        return {**row, "outcome": "error", "passed": None, "cause": str(error)}
    except Exception as error:  # a defect of ours in one drive must not cost the others
        told = f"internal error, please report it: {type(error).__name__}: {error}"
        return {**row, "outcome": "error", "passed": None, "cause": told}


def _worth(job: EvaluationJob, folder: Path, found: Judged) -> dict[str, Any]:
    """What a drive was worth; its folder is kept where something was lost."""
    told, rollout = metrics_json(found.result, job.config), found.drive.rollout
    moving = rollout.ego.speed_mps[rollout.engaged]
    row: dict[str, Any] = {
        "outcome": "pass" if told["passed"] else "fail",
        "passed": told["passed"],
        "cause": told["cause"],
        "t_s": told["t_s"],
        "duration_s": told["duration_s"],
        "mean_speed_mps": round(float(np.mean(moving)), 4) if len(moving) else None,
        "drive_hash": told["drive_hash"],
    }
    row |= _nuplan(job, rollout, found.context.lane_map)
    if found.assignment.ncap is not None:
        row |= {"ncap_test": found.assignment.ncap.name, "ncap_speed_kph": found.assignment.ncap.speed_kph}
    for metric in told["metrics"]:
        if metric["name"] in METRICS:
            name = metric["name"]
            row |= {f"{name}_passed": metric["passed"], name: metric["value"], f"{name}_t_s": metric["t_s"]}
        elif metric["name"] == NCAP:
            row |= {NCAP: metric["value"], f"{NCAP}_cause": metric["cause"], f"{NCAP}_t_s": metric["t_s"]}
        elif metric["name"].startswith(COMMONROAD):
            row[f"commonroad_{metric['name'].removeprefix(COMMONROAD)}"] = metric["value"]
    row["report"] = _kept(row, folder)
    return row


def _kept(row: Mapping[str, Any], folder: Path) -> bool:
    """Whether a report is kept: what was lost is worth a look, what was won can be made again.

    Of a drive that failed all is kept, of one that passed and lost points the report.
    """
    total, points = row["nuplan_score"], row.get(NCAP)
    lost = (total is not None and total < WORTH_A_LOOK) or (points is not None and points < 1.0)
    if lost or not row["passed"]:
        write_report(recorded_report(folder / "drive.mcap"), folder / "report.html")
    if row["passed"]:
        for part in folder.glob("*"):
            if not lost or part.name != "report.html":
                part.unlink()
        if not lost:
            folder.rmdir()
    return lost or not row["passed"]


# --- the nuPlan score -------------------------------------------------------------------------------------------------


def _nuplan(job: EvaluationJob, rollout: Rollout, lane_map: LaneMap) -> dict[str, Any]:
    """The closed-loop score and its parts; progress is compared with the expert's on the same case.

    Where no human has driven, the frozen `pdm-closed` is the expert; where it cannot drive either, there is none.
    """
    if not job.case.expert:
        return {"nuplan_score": None, "nuplan_cause": "the suite has no expert drive", "nuplan_t_s": None}
    try:
        points = score(drive_of_rollout(rollout, lane_map, _expert(job, rollout)))
    except ContractError as error:
        return {"nuplan_score": None, "nuplan_cause": str(error), "nuplan_t_s": None}
    total, *_ = points.results()
    row: dict[str, Any] = {
        "nuplan_score": round(points.total, 6), "nuplan_cause": total.cause, "nuplan_t_s": total.t_s
    }  # fmt: skip
    for part in points.sub_results():
        name = f"nuplan_{part.name}"
        row |= {name: round(part.value, 6), f"{name}_t_s": part.t_s, f"{name}_cause": part.cause}
    return row


def _expert(job: EvaluationJob, rollout: Rollout) -> Rollout | None:
    """The expert's drive of the same case; its row is a result like any other."""
    if job.config.stack.planner == EXPERT:
        return rollout
    config = replace(job.config, stack=replace(job.config.stack, planner=EXPERT), planning=None)
    expert = EvaluationJob(job.case, config, job.folder)
    drive = _expert_file(expert)
    if not drive.is_file():
        (job.folder / "results" / f"{expert.key}.json").unlink(missing_ok=True)
        result_of(expert)
    return _rollout(drive) if drive.is_file() else None


def _expert_file(job: EvaluationJob) -> Path:
    return job.folder / "experts" / f"{job.key}.mcap"


def _keep_as_expert(job: EvaluationJob, folder: Path) -> None:
    with suppress(FileExistsError):  # of an earlier try; both are the same
        _expert_file(job).hardlink_to(folder / "drive.mcap")


def _rollout(drive: Path) -> Rollout:
    return drive_of(read_drive(Recording.open(drive))).rollout
