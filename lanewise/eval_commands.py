"""`lanewise eval`: a suite, driven by planners and seeds, as one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bus.recording import Recording
from geometry.errors import InputError
from lanewise import open_loop_eval
from lanewise.config import configured, with_settings
from lanewise.evaluation.batch import evaluate, jobs_of
from lanewise.evaluation.comparison import paired_differences, planner_scores
from lanewise.evaluation.grid_suite import NAME as R157
from lanewise.evaluation.grid_suite import r157_suite
from lanewise.evaluation.outputs import write_tables
from lanewise.evaluation.suite import load_suite
from lanewise.evaluation.summary import write_summary
from lanewise.export_commands import drive_file
from lanewise.localization_eval import print_scores, score_drive
from lanewise.perception_eval import print_score, score_drives
from lanewise.perception_page import write_page
from lanewise.planners import planner_class
from lanewise.progress import progress_of
from lanewise.run_commands import cores
from lanewise.tables import print_evaluation

EXIT_FAILED, EXIT_BAD_INPUT = 1, 2
LOCALIZATION, PERCEPTION, OPEN_LOOP = "localization", "perception", "open-loop"


def eval_command(
    suite: Annotated[
        str,
        typer.Argument(
            metavar="SUITE",
            help="quick, highway, town, alks, r157, ncap, commonroad, a .toml file; "
            "localization, perception, open-loop.",
        ),
    ],
    drives: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DRIVE.mcap...]", help="After localization, perception or open-loop: the drives."),
    ] = None,
    planner: Annotated[list[str] | None, typer.Option(help="A planner; repeat to compare. Default idm.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, for example 0,1,2.")] = "0",
    only: Annotated[
        list[str] | None, typer.Option("--filter", help="A tag or part of a name, !TAG to leave out; repeat.")
    ] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of the configuration; repeat.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="So many of the cases, evenly over the suite; default all.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 takes one per core.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the evaluation; one that was interrupted goes on there.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Of `perception`: judge every so-manieth rig frame.")] = 2,
) -> None:
    """Drive a suite and write results.parquet, results.json, junit.xml and index.html. Exit code 1 on a lost case.

    `lanewise eval localization DRIVE.mcap...` scores the recorded pose of drives against the recorded truth instead,
    `lanewise eval open-loop DRIVE.mcap...` each plan against what then happened (PDMS, EPDMS, displacement), and
    `lanewise eval perception DRIVE.mcap...` what cameras and tracker said in them, with the worst frames on a page.
    """
    if suite in (LOCALIZATION, OPEN_LOOP):
        (_eval_localization if suite == LOCALIZATION else _eval_open_loop)(drives or [])
        return
    if suite == PERCEPTION:
        _eval_perception(drives or [], every, out)
        return
    if drives:
        raise InputError(
            f"only {LOCALIZATION}, {PERCEPTION} and {OPEN_LOOP} take recorded drives, not the suite {suite!r}"
        )
    whole = r157_suite() if suite == R157 else load_suite(suite)
    chosen = whole.filtered(only or []).sampled(sample)
    planners = tuple(dict.fromkeys(planner or ["idm"]))
    for name in planners:
        planner_class(name)
    base = configured(with_settings({"stack": {"planner": planners[0]}}, setting or []))
    folder = out or Path("runs") / f"eval-{chosen.name}"
    jobs = jobs_of(chosen, base, planners, _seeds(seeds), folder)
    with progress_of(f"{len(jobs)} drives", len(jobs), "drives") as progress:
        rows = tuple(evaluate(jobs, min(workers or cores(), len(jobs)), progress))
    write_tables(rows, chosen.name, folder)
    scores, differences = planner_scores(rows), paired_differences(rows)
    write_summary(rows, chosen.name, scores, differences, folder / "index.html")
    print_evaluation(rows, scores, differences, folder)
    if any(row["outcome"] == "error" for row in rows):
        raise typer.Exit(EXIT_BAD_INPUT)
    if any(row["outcome"] == "fail" for row in rows):
        raise typer.Exit(EXIT_FAILED)


def _eval_open_loop(drives: list[Path]) -> None:
    if not drives:
        raise InputError(f"`lanewise eval {OPEN_LOOP}` needs recorded drives, for example runs/demo/drive.mcap")
    open_loop_eval.print_scores([open_loop_eval.score_drive(path) for path in drives])


def _eval_localization(drives: list[Path]) -> None:
    if not drives:
        raise InputError(f"`lanewise eval {LOCALIZATION}` needs recorded drives, for example runs/demo/drive.mcap")
    print_scores(tuple(score_drive(path) for path in drives))


def _eval_perception(drives: list[Path], every: int, out: Path | None) -> None:
    if not drives:
        raise InputError(f"`lanewise eval {PERCEPTION}` needs drives with cameras, for example runs/demo/drive.mcap")
    files = [drive_file(path) for path in drives]
    with progress_of(f"{len(files)} drives", Recording.open(files[0]).end_ns * 1e-9, "s") as told:
        found, score = score_drives(files, every, told)
    print_score(score)
    folder = out or files[0].parent
    folder.mkdir(parents=True, exist_ok=True)
    write_page(found, score, folder / "perception.html")
    typer.echo(f"page: {folder / 'perception.html'}", err=True)


def _seeds(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdigit() for part in parts):
        raise InputError(f"--seeds needs numbers, for example 0,1,2; found {text!r}")
    return tuple(dict.fromkeys(int(part) for part in parts))
