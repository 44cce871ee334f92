"""`lanewise demo` and `lanewise run`."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bus.recording import Recording
from geometry.errors import InputError
from lanewise.batch import Job, Outcome, run_jobs
from lanewise.config import RunConfig, StackChoice, configured, with_settings
from lanewise.drive import drive_of
from lanewise.progress import progress_of
from lanewise.recorded import read_drive
from lanewise.run import Outputs, metrics_json
from lanewise.scripted import run_scripted
from lanewise.selection import Case, select
from lanewise.solution import write_solution
from lanewise.tables import print_batch, print_drive

DEMO = "cut-in"
SENSED = {"perception": "camera", "localization": "map"}
TRUTH = {"perception": "ground-truth", "localization": "ground-truth"}
"""Who sees and who tells the pose where nothing else is asked for. Suites of planner metrics stay on the truth, and so
do solutions: they answer a problem that states all exactly."""
EXIT_FAILED, EXIT_BAD_INPUT = 1, 2

Out = Annotated[Path | None, typer.Option(help="Folder of the run (of all runs, for several); default runs/<time>.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all random generators.")]


def demo(out: Out = None, seed: Seed = 0) -> None:
    """Drive one shipped scenario with the whole stack; prints the scores and where the report is."""
    config = RunConfig(scenario=DEMO, seed=seed, stack=StackChoice(**SENSED))
    outcome = _drive([Job(config, _new_folder(out, DEMO), Outputs(), DEMO)], 1)[0]
    print_drive(outcome)
    _leave((outcome,))


def run_command(
    scenarios: Annotated[
        list[str],
        typer.Argument(metavar="SCENARIO...", help="Shipped names, .xosc, CommonRoad .xml, .xodr maps, globs."),
    ],
    planner: Annotated[str | None, typer.Option(help="A name, module:Class or file.py:Class.")] = None,
    perception: Annotated[
        str | None,
        typer.Option(
            help="Who sees: camera (rendered pictures and the net; the default), or ground-truth (the default with "
            "--solution)."
        ),
    ] = None,
    detector: Annotated[
        str | None, typer.Option(help="A detector of your own: FILE.onnx, module:Class or file.py:Class.")
    ] = None,
    detector_form: Annotated[
        str | None, typer.Option(help="How FILE.onnx is fed and read: a TOML file or a shipped form (yolov8, ...).")
    ] = None,
    localization: Annotated[
        str | None,
        typer.Option(
            help="Who tells the pose: map (the default), gnss, odometry, or ground-truth (the default with --solution)."
        ),
    ] = None,
    ego: Annotated[str, typer.Option(help="Who drives the ego: stack, or scripted (the file alone).")] = "stack",
    seed: Seed = 0,
    param: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of a parameter of the scenario; repeat.")] = None,
    start: Annotated[str | None, typer.Option(help="On a map (.xodr): where to begin, X,Y in metres.")] = None,
    goal: Annotated[str | None, typer.Option(help="On a map (.xodr): where to drive to, X,Y in metres.")] = None,
    traffic: Annotated[
        str | None,
        typer.Option(help="On a map: so many reactive cars. In recorded scenarios: replay or reactive."),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE, for example planning.horizon_s=6; repeat."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A configuration file (TOML); --set overrides it.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="So many valid variations, shared by file.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All valid parameter variations.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 takes one per core.")] = 0,
    out: Out = None,
    root: Annotated[Path | None, typer.Option(help="Folder that files named in the scenario may not leave.")] = None,
    timeout: Annotated[float | None, typer.Option(min=0.1, help="End a drive at this time [s]; default 120.")] = None,
    record: Annotated[bool, typer.Option(help="Write drive.mcap.")] = True,
    report: Annotated[bool, typer.Option(help="Write report.html.")] = True,
    solution: Annotated[
        Path | None, typer.Option(help="Write CommonRoad solution files there, and say whether they are valid.")
    ] = None,
    states: Annotated[Path | None, typer.Option(help="With --ego scripted: write the states as CSV.")] = None,
) -> None:
    """Run scenarios closed loop; a run folder each, exit code 1 if a verdict fails, 2 if an input is wrong."""
    parameters = {**_pairs(param or []), **_given(start=start, goal=goal, traffic=traffic)}
    if detector is not None and perception is None:
        perception = "camera"
    choices = _given(
        planner=planner, perception=perception, localization=localization, detector=detector,
        detector_form=detector_form,
    )  # fmt: skip
    base = _base(config, SENSED if solution is None else TRUTH, choices, setting or [], seed, timeout)
    cases = select(scenarios, root, sample, every, seed)
    _check_ego(ego, states, len(cases))
    if ego == "scripted":
        for case in cases:
            _play(case, parameters, base, root, states)
        return
    if solution is not None and not (record and all(case.scenario.endswith(".xml") for case in cases)):
        raise InputError("--solution needs CommonRoad scenarios (.xml) and recorded drives")
    folder = _new_folder(out, cases[0].label if len(cases) == 1 else "batch")
    jobs = _jobs(cases, parameters, base, folder, Outputs(record, report, root))
    outcomes = _drive(jobs, min(workers or cores(), len(jobs)))
    if solution is not None:
        _write_solutions(outcomes, solution)
    _tell(jobs, outcomes)
    _leave(outcomes)


def _given(**options: str | None) -> dict[str, str]:
    """Those that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _check_ego(ego: str, states: Path | None, cases: int) -> None:
    if ego not in ("stack", "scripted"):
        raise InputError(f"--ego {ego}: known are stack and scripted")
    if states is not None and (ego != "scripted" or cases != 1):
        raise InputError("--states needs --ego scripted and one scenario")


def _tell(jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
    """The table of one drive, or of many, whose results are written beside them."""
    if len(outcomes) == 1:
        print_drive(outcomes[0])
        return
    _write_results(jobs, outcomes)
    print_batch(outcomes)


def _base(
    path: Path | None, usual: Mapping[str, str], choices: Mapping[str, str], settings: Sequence[str], seed: int,
    timeout_s: float | None,
) -> RunConfig:  # fmt: skip
    """The configuration that all drives of a command share: file, then options, then `--set`.

    `usual` is who does what where none of them says so.
    """
    tree = _read(path) if path is not None else {}
    stack = {**usual, **tree.get("stack", {}), **choices}
    tree = {**tree, "stack": stack, "seed": seed or tree.get("seed", 0)}
    if timeout_s is not None:
        tree["simulation"] = {**tree.get("simulation", {}), "timeout_s": timeout_s}
    return configured(with_settings(tree, settings), path)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"cannot read the configuration: {error.strerror}", path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not valid TOML: {error}", path) from error


def _jobs(
    cases: Sequence[Case], parameters: dict[str, str], base: RunConfig, folder: Path, outputs: Outputs
) -> list[Job]:
    jobs = []
    for number, case in enumerate(cases):
        config = replace(base, scenario=case.scenario, parameters={**case.parameters, **parameters})
        own = folder if len(cases) == 1 else folder / f"{number:05d}-{case.label}"
        jobs.append(Job(config, own, outputs, case.group))
    return jobs


def _drive(jobs: Sequence[Job], workers: int) -> tuple[Outcome, ...]:
    if len(jobs) == 1:
        config = jobs[0].config
        with progress_of(Path(config.scenario).stem, config.simulation.timeout_s, "s") as progress:
            return tuple(run_jobs(jobs, 1, progress))
    with progress_of(f"{len(jobs)} drives", len(jobs), "drives") as progress:
        return tuple(run_jobs(jobs, workers, progress))


def _play(case: Case, parameters: dict[str, str], base: RunConfig, root: Path | None, states: Path | None) -> None:
    simulation = base.simulation
    with progress_of(case.label, simulation.timeout_s, "s") as progress:
        played = run_scripted(
            case.scenario, {**case.parameters, **parameters}, root, simulation.step_s, simulation.timeout_s, states,
            progress,
        )  # fmt: skip
    typer.echo(f"{case.label}: {played.duration_s:.2f} s, {len(played.contacts)} contacts")
    for t_s, first, second in played.contacts:
        typer.echo(f"  {t_s:.2f} s  {first} and {second} touch")
    if states is not None:
        typer.echo(f"states: {states}")


def _write_results(jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
    rows = [_row(outcome) for outcome in outcomes]
    (jobs[0].folder.parent / "results.json").write_text(json.dumps(rows, indent=1) + "\n")


def _write_solutions(outcomes: Sequence[Outcome], folder: Path) -> None:
    valid = 0
    for outcome in outcomes:
        if outcome.result is None:
            continue
        rollout = drive_of(read_drive(Recording.open(outcome.result.folder / "drive.mcap"))).rollout
        try:
            path, wrong = write_solution(Path(outcome.job.config.scenario), rollout, folder)
        except InputError as error:
            typer.echo(str(error))
            continue
        valid += not wrong
        typer.echo(f"{path.name}: {'valid' if not wrong else 'refused: ' + wrong[0]}")
    typer.echo(f"solutions: {valid} of {len(outcomes)} valid, in {folder}")


def _row(outcome: Outcome) -> dict[str, Any]:
    config = outcome.job.config
    if outcome.result is None:
        named = {"file": config.scenario, "parameters": dict(config.parameters)}
        return {**named, "error": outcome.error, "runnable": outcome.runnable}
    return {"folder": outcome.job.folder.name, **metrics_json(outcome.result, config)}


def _leave(outcomes: Sequence[Outcome]) -> None:
    if any(outcome.result is None and outcome.runnable for outcome in outcomes):
        raise typer.Exit(EXIT_BAD_INPUT)
    if not all(outcome.passed for outcome in outcomes if outcome.runnable):
        raise typer.Exit(EXIT_FAILED)


def _new_folder(out: Path | None, label: str) -> Path:
    """Where the runs go; a folder that exists already must be empty."""
    if out is None:
        out = Path("runs") / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{label}"
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError("exists and is not an empty folder; choose another --out, so that no run is lost", out)
    return out


def _pairs(assignments: Sequence[str]) -> dict[str, str]:
    pairs = [assignment.partition("=") for assignment in assignments]
    for (name, equals, _), assignment in zip(pairs, assignments, strict=True):
        if not name or not equals:
            raise InputError(f"--param needs NAME=VALUE; found {assignment!r}")
    return {name: value for name, _, value in pairs}


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
