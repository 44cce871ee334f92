"""One drive, from a configuration to a run folder: simulate, record, judge, report.

In: `RunConfig`. Out: a folder with `config.toml`, `versions.json`, `drive.mcap`, `metrics.json`, `report.html`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bus.executor import Executor, Sink
from bus.memory import encode_generator, encode_memory
from bus.messages import Envelope, Message
from bus.node import Node
from bus.recording import Recorder, Recording, drive_hash
from geometry.errors import InputError
from lanewise.assignment import METADATA, Assignment, assignment_of
from lanewise.config import RunConfig
from lanewise.drive import READ, Drive, drive_of
from lanewise.provenance import versions
from lanewise.recorded import read_drive, verdict_of
from lanewise.report.page import write_report
from lanewise.reporting import report_data
from lanewise.scenarios.catalog import shipped_scenario
from lanewise.sources import load_source
from lanewise.stack import sensor_nodes, stack_nodes
from planning.metrics.result import MetricResult, Verdict
from planning.scene import Context
from sim.scenarios.recorded.argoverse2 import is_argoverse2
from sim.scenarios.scenario import ScenarioEngine
from sim.simulator import Simulator

SLICE_NS = 100_000_000
"""How much is simulated between two looks at the end of the scenario and the progress bar."""

Progress = Callable[[float], None]
"""Called with the simulated time [s]."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a run writes beside its configuration and metrics, and the folder that scenario references may not leave."""

    record: bool = True
    report: bool = True
    root: Path | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a drive ended. `drive_hash` is None where nothing was recorded."""

    scenario: str
    folder: Path
    verdict: Verdict
    regulation: str
    duration_s: float
    drive_hash: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """How a drive ended, the drive itself, and what it was driven and judged with."""

    result: RunResult
    drive: Drive
    context: Context
    assignment: Assignment


def scenario_file(name: str) -> Path:
    """The file of a scenario: a path, or the name of a shipped one.

    Raises:
        InputError: neither.
    """
    path = Path(name)
    if path.suffix or path.exists() or os.sep in name:
        if not path.is_file() and not is_argoverse2(path):
            raise InputError("no such scenario file", path)
        return path
    return shipped_scenario(name)


def run(config: RunConfig, folder: Path, outputs: Outputs, progress: Progress) -> RunResult:
    """Drive one scenario closed loop and write the run folder, which must not hold a drive yet.

    Raises:
        InputError: the scenario, its map or the configuration is wrong, or the folder holds a drive already.
    """
    return judged(config, folder, outputs, progress).result


def judged(config: RunConfig, folder: Path, outputs: Outputs, progress: Progress) -> Judged:
    """As `run`, with all that was driven, for whoever asks more of a drive than its verdict."""
    path = scenario_file(config.scenario)
    source = load_source(path, config.parameters, outputs.root)
    engine, assignment = source.engine, assignment_of(source)
    context = assignment.context(config.planner.period_s)
    # what is wrong with the configuration shows before anything is written
    nodes = (*sensor_nodes(config, context), *stack_nodes(config, context))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(config.to_toml())
    (folder / "versions.json").write_text(json.dumps(versions(), indent=2) + "\n")
    if outputs.record:
        messages, found_hash = _recorded(config, engine, nodes, assignment, folder / "drive.mcap", progress)
    else:
        messages, found_hash = _kept(config, engine, nodes, progress), None
    drive = drive_of(messages)
    verdict = verdict_of(drive, context, assignment)
    result = RunResult(engine.name, folder, verdict, drive.info.regulation, float(drive.rollout.t_s[-1]), found_hash)
    (folder / "metrics.json").write_text(json.dumps(metrics_json(result, config), indent=2) + "\n")
    if outputs.report:
        recording = Recording.open(folder / "drive.mcap") if outputs.record else None
        write_report(report_data(drive, verdict, context, config, found_hash or "", recording), folder / "report.html")
    return Judged(result, drive, context, assignment)


def simulate(
    config: RunConfig, engine: ScenarioEngine, stack: tuple[Node, ...], sink: Sink, progress: Progress
) -> None:
    """Run simulator and stack until the scenario ends or the time is up; each message goes to the sink."""
    simulator = Simulator(engine, round(config.simulation.step_s * 1e9)).node()
    executor = Executor((simulator, *stack), config.seed, sink, encode_memory, encode_generator)
    end_ns = round(config.simulation.timeout_s * 1e9)
    while not engine.finished and executor.now_ns < end_ns:
        executor.run_until(min(executor.now_ns + SLICE_NS, end_ns))
        progress(executor.now_ns * 1e-9)


def metadata_of(config: RunConfig, scenario: str, assignment: Assignment) -> dict[str, Mapping[str, str]]:
    """What a recording says about itself, written before its first message."""
    return {
        "run": {"scenario": scenario, "config": config.to_toml(), "threads": "1"},
        METADATA: assignment.to_metadata(),
        "versions": versions(),
    }


def metrics_json(result: RunResult, config: RunConfig) -> dict[str, Any]:
    """The content of `metrics.json`."""
    verdict = result.verdict
    return {
        "scenario": result.scenario,
        "file": config.scenario,
        "parameters": dict(config.parameters),
        "planner": config.stack.planner,
        "seed": config.seed,
        "regulation": result.regulation or "general",
        "passed": verdict.passed,
        "cause": verdict.cause,
        "t_s": verdict.t_s,
        "duration_s": round(result.duration_s, 6),
        "drive_hash": result.drive_hash,
        "metrics": [_metric_json(metric) for metric in verdict.results],
    }


def _metric_json(metric: MetricResult) -> dict[str, Any]:
    """JSON knows no infinity: what has no finite value is null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(metric).items()
    }


def _recorded(
    config: RunConfig,
    engine: ScenarioEngine,
    stack: tuple[Node, ...],
    assignment: Assignment,
    path: Path,
    progress: Progress,
) -> tuple[list[tuple[Envelope, Message]], str]:
    """Drive into a file; what is judged is what the file holds."""
    with Recorder.create(path, metadata_of(config, engine.name, assignment)) as recorder:
        simulate(config, engine, stack, recorder.write, progress)
    return read_drive(Recording.open(path)), drive_hash(recorder.digests)


def _kept(
    config: RunConfig, engine: ScenarioEngine, stack: tuple[Node, ...], progress: Progress
) -> list[tuple[Envelope, Message]]:
    """Drive without a file."""
    kept: list[tuple[Envelope, Message]] = []

    def sink(envelope: Envelope, message: Message) -> None:
        if envelope.topic in READ:
            kept.append((envelope, message))

    simulate(config, engine, stack, sink, progress)
    return kept
