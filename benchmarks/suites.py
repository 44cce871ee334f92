"""The nuPlan score of `lanewise` beside the baselines on the shipped suites.

    python benchmarks/suites.py OUT [--suite highway] [--planner lanewise] [--filter TAG] [--seeds 0] [--sample N]
        [--workers 2]

OUT keeps the drives, so that an interrupted evaluation goes on there. `--sample` takes N cases of each suite, evenly.
Per suite and baseline: the mean difference in points (hundredths of the score) over the same cases and its 95 %
bootstrap interval.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from lanewise.config import configured
from lanewise.evaluation.batch import evaluate, jobs_of
from lanewise.evaluation.comparison import paired_differences, planner_scores
from lanewise.evaluation.suite import load_suite

BASELINES = ("idm", "pdm-closed")
SCORE = "nuplan_score"


def compared(
    suite: str, planner: str, only: list[str], seeds: tuple[int, ...], sample: int | None, out: Path, workers: int
) -> Any:
    """Means of all planners and paired differences to the baselines, in points."""
    chosen = load_suite(suite).filtered(only).sampled(sample)
    base = configured({"stack": {"planner": BASELINES[0]}})
    jobs = jobs_of(chosen, base, (*BASELINES, planner), seeds, out / chosen.name)
    rows = tuple(evaluate(jobs, min(workers, len(jobs)), lambda _: None))
    figures: dict[str, Any] = {"cases": len(rows) // (1 + len(BASELINES))}
    for found in planner_scores(rows):
        if found.score == SCORE:
            figures[found.planner] = round(100.0 * found.mean, 2)
    for pair in paired_differences(rows):
        if pair.score == SCORE and pair.second == planner:
            points = [round(100.0 * value, 2) for value in (pair.mean, pair.low, pair.high)]
            figures[f"minus_{pair.first}"] = points
            print(f"{chosen.name}: {planner} - {pair.first} = {points[0]:+.2f} points [{points[1]}, {points[2]}]")
    return figures


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--suite", action="append", help="may be repeated; default highway and town")
    parser.add_argument("--planner", default="lanewise")
    parser.add_argument("--filter", action="append", default=[])
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--sample", type=int, help="so many cases of each suite; default all")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    seeds = tuple(int(text) for text in arguments.seeds.split(","))
    figures = {
        suite: compared(
            suite, arguments.planner, arguments.filter, seeds, arguments.sample, arguments.out, arguments.workers
        )
        for suite in arguments.suite or ["highway", "town"]
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
