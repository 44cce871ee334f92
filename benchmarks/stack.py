"""How fast the whole stack runs with its cameras, and where the time goes.

    python benchmarks/stack.py [MAP or SCENARIO] [--traffic 20] [--seconds 20] [--repeat 3] [--localization map]

A drive through a map with reactive traffic: five cameras at 10 Hz are rendered, compressed, recorded, decoded and
looked at by the net; tracker, planner, control and the safety gate follow. `real_time_factor` is simulated over wall
time, with everything included but loading and compiling. The table gives wall time per node and second of driving.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np

from bus.executor import Executor
from bus.memory import encode_generator, encode_memory
from bus.messages import Envelope, Message
from bus.node import Node
from bus.recording import Recorder
from lanewise.assignment import assignment_of
from lanewise.config import RunConfig, StackChoice
from lanewise.run import SLICE_NS, metadata_of, scenario_file
from lanewise.sources import load_source
from lanewise.stack import sensor_nodes, stack_nodes
from sim.simulator import Simulator

WARM_UP_S = 1.0
"""So much of the drive is not counted: pictures, kernels and the net are compiled and loaded in it."""


def timed(node: Node, spent_s: dict[str, float]) -> Node:
    """The node, with the wall time of its steps counted."""

    def step(memory: object, tick: object) -> object:
        begin = time.perf_counter()
        try:
            return node.step(memory, tick)  # type: ignore[arg-type]
        finally:
            spent_s[node.name] += time.perf_counter() - begin

    return replace(node, step=step)  # type: ignore[arg-type]


def drive(config: RunConfig, seconds: float) -> tuple[float, dict[str, float], int]:
    """Real-time factor of one drive, wall seconds by node, and how many others there were."""
    source = load_source(scenario_file(config.scenario), config.parameters)
    engine, assignment = source.engine, assignment_of(source)
    context = assignment.context(config.planner.period_s)
    spent_s: dict[str, float] = defaultdict(float)
    simulator = Simulator(engine, round(config.simulation.step_s * 1e9)).node()
    nodes = (simulator, *sensor_nodes(config, context), *stack_nodes(config, context))
    with tempfile.TemporaryDirectory() as folder:
        metadata = metadata_of(config, engine.name, assignment)
        with Recorder.create(Path(folder) / "drive.mcap", metadata) as recorder:

            def sink(envelope: Envelope, message: Message) -> None:
                begin = time.perf_counter()
                recorder.write(envelope, message)
                spent_s["recording"] += time.perf_counter() - begin

            executor = Executor(
                tuple(timed(node, spent_s) for node in nodes), config.seed, sink, encode_memory, encode_generator
            )
            executor.run_until(round(WARM_UP_S * 1e9))
            spent_s.clear()
            begin, begin_ns = time.perf_counter(), executor.now_ns
            while executor.now_ns < (WARM_UP_S + seconds) * 1e9 and not engine.finished:
                executor.run_until(executor.now_ns + SLICE_NS)
            wall_s = time.perf_counter() - begin
    return (executor.now_ns - begin_ns) * 1e-9 / wall_s, {**spent_s, "wall": wall_s}, len(engine.cast) - 1


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="?", default="town", help="a map or a scenario, file or shipped name")
    parser.add_argument("--start", default="418.25,74.04", help="on a map: where to begin, X,Y")
    parser.add_argument("--goal", default="187.35,138.25", help="on a map: where to drive to, X,Y")
    parser.add_argument("--traffic", type=int, default=20, help="on a map: reactive cars")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--localization", default="ground-truth")
    parser.add_argument("--perception", default="camera")
    arguments = parser.parse_args()
    is_map = scenario_file(arguments.scenario).suffix == ".xodr"
    places = {name: str(getattr(arguments, name)) for name in ("start", "goal", "traffic")}
    config = RunConfig(
        scenario=arguments.scenario,
        parameters=places if is_map else {},
        stack=StackChoice(perception=arguments.perception, localization=arguments.localization),
    )
    drives = [drive(config, arguments.seconds) for _ in range(arguments.repeat)]
    factors = [factor for factor, _, _ in drives]
    _, spent_s, others = drives[int(np.argsort(factors)[len(factors) // 2])]
    wall_s = spent_s.pop("wall")
    cores = len(os.sched_getaffinity(0))
    print(f"{arguments.scenario}, {others} others, {len(config.sensors.rig.cameras)} cameras, {cores} cores")
    print(f"{'node':16}{'share':>8}{'ms per second of driving':>28}")
    driven_s = wall_s * float(np.median(factors))
    for name, value in sorted([*spent_s.items(), ("executor", wall_s - sum(spent_s.values()))], key=lambda i: -i[1]):
        print(f"{name:16}{100.0 * value / wall_s:7.1f}%{1e3 * value / driven_s:28.1f}")
    print(f"real-time factors of the drives: {', '.join(f'{factor:.2f}' for factor in factors)}")
    figures = {
        "real_time_factor": round(float(np.median(factors)), 3),
        "cameras": len(config.sensors.rig.cameras),
        "others": others,
        "cores": cores,
        "ms_per_driven_second": {name: round(1e3 * value / driven_s, 1) for name, value in spent_s.items()},
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
