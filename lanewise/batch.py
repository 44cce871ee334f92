"""Many drives, in worker processes; the order and content of the results do not depend on how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from geometry.errors import LanewiseError
from lanewise.config import RunConfig
from lanewise.run import Outputs, Progress, RunResult, run
from lanewise.workers import worker_pool
from sim.scenarios.scenario import MissingLaneError


@dataclass(frozen=True, slots=True)
class Job:
    """One drive to make, and where its run folder goes. `group` is the file that pass rates are told for."""

    config: RunConfig
    folder: Path
    outputs: Outputs
    group: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job: a result, or the sentence that says why there is none.

    `runnable` is False where the scenario is sound but asks for something that its map does not have.
    """

    job: Job
    result: RunResult | None
    error: str = ""
    runnable: bool = True

    @property
    def passed(self) -> bool:
        """Whether it was driven and its verdict is good."""
        return self.result is not None and self.result.verdict.passed


def run_jobs(jobs: Sequence[Job], workers: int, progress: Progress) -> Iterator[Outcome]:
    """Outcomes in the order of the jobs. `progress` gets simulated seconds of a single job, else finished drives."""
    if len(jobs) == 1:
        yield attempt(jobs[0], progress)
        return
    if workers == 1:
        outcomes: Iterator[Outcome] = (attempt(job) for job in jobs)
        yield from _counted(outcomes, progress)
        return
    with worker_pool(workers) as pool:
        yield from _counted(pool.map(attempt, jobs), progress)


def _counted(outcomes: Iterator[Outcome], progress: Progress) -> Iterator[Outcome]:
    for done, outcome in enumerate(outcomes, start=1):
        progress(done)
        yield outcome


def attempt(job: Job, progress: Progress = lambda _: None) -> Outcome:
    """Run a job; what is wrong with its input becomes part of the outcome."""
    try:
        return Outcome(job, run(job.config, job.folder, job.outputs, progress))
    except MissingLaneError as error:
        return Outcome(job, None, str(error), runnable=False)
    except LanewiseError as error:
        return Outcome(job, None, str(error))
    except Exception as error:  # a defect of ours in one drive must not cost the others
        return Outcome(job, None, f"internal error, please report it: {type(error).__name__}: {error}")
