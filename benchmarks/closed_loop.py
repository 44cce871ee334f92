"""How fast a drive runs: a highway scenario with three cars, whole stack, without cameras, on one core.

    python benchmarks/closed_loop.py [SCENARIO] [--repeat 5] [--peers .venv-peers/bin/python]

`real_time_factor` is simulated time over wall time of stack and simulator together, with recording;
`engine_us_per_step` the time of the scenario engine alone (storyboard, actions, conditions) for one 20 ms step. With a
peers' environment, HighwayEnv drives its IDM vehicles on its own highway beside it, at the same rate and number of
cars.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np

from bus.recording import Recorder
from lanewise.assignment import assignment_of
from lanewise.config import RunConfig
from lanewise.run import metadata_of, scenario_file, simulate
from lanewise.sources import load_source
from lanewise.stack import stack_nodes
from sim.scenarios.openscenario.load import load_scenario
from sim.world import empty_world

PEER = Path(__file__).parent / "peers" / "highway_env_drive.py"


def drive_s(scenario: str, record: bool) -> tuple[float, float]:
    """Simulated and wall seconds of one drive; loading is not counted."""
    config = RunConfig(scenario=scenario)
    source = load_source(scenario_file(scenario), {})
    engine, assignment = source.engine, assignment_of(source)
    stack = stack_nodes(config, assignment.context(config.planner.period_s))
    simulated = [0.0]

    def progress(t_s: float) -> None:
        simulated[0] = t_s

    with tempfile.TemporaryDirectory() as folder:
        if record:
            metadata = metadata_of(config, engine.name, assignment)
            begin = time.perf_counter()
            with Recorder.create(Path(folder) / "drive.mcap", metadata) as recorder:
                simulate(config, engine, stack, recorder.write, progress)
        else:
            begin = time.perf_counter()
            simulate(config, engine, stack, lambda *_: None, progress)
        return simulated[0], time.perf_counter() - begin


def engine_us(scenario: str, step_ns: int = 20_000_000) -> float:
    """Microseconds of one step of the storyboard engine, ego scripted, until the scenario ends."""
    engine = load_scenario(scenario_file(scenario), ego_driver="scripted")
    view = empty_world(1, len(engine.cast))
    engine.advance(view, 0, 0)
    steps = 0
    begin = time.perf_counter()
    while not engine.finished and steps < 3000:
        engine.advance(view, steps * step_ns, step_ns)
        engine.take_events()
        steps += 1
    return (time.perf_counter() - begin) / max(steps, 1) * 1e6


def peer_factor(python: Path, cars: int, repeat: int) -> float | None:
    """Real-time factor of the peer, None where it is not installed."""
    if not python.is_file():
        return None
    command = [str(python), str(PEER), "--cars", str(cars), "--repeat", str(repeat)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"peer not run: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}")
        return None
    return float(json.loads(done.stdout.strip().splitlines()[-1])["real_time_factor"])


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="?", default="cut-in", help="file or shipped name")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers/bin/python"))
    arguments = parser.parse_args()
    cars = len(load_scenario(scenario_file(arguments.scenario)).cast)
    drive_s(arguments.scenario, record=True)  # compiles
    factors: dict[str, list[float]] = {"recorded": [], "unrecorded": []}
    for _ in range(arguments.repeat):
        for name, values in factors.items():
            simulated, wall = drive_s(arguments.scenario, record=name == "recorded")
            values.append(simulated / wall)
    engine = min(engine_us(arguments.scenario) for _ in range(arguments.repeat))
    recorded, unrecorded = (float(np.median(values)) for values in factors.values())
    peer = peer_factor(arguments.peers, cars, arguments.repeat)
    print(f"scenario {arguments.scenario}, {cars} entities, one core, median of {arguments.repeat}")
    print(f"{'stack and simulator, recorded':44} {recorded:8.1f} x real time")
    print(f"{'stack and simulator, unrecorded':44} {unrecorded:8.1f} x real time")
    print(f"{'scenario engine alone':44} {engine:8.1f} us per step")
    if peer is not None:
        print(f"{'HighwayEnv, IDM vehicles, no stack':44} {peer:8.1f} x real time")
    figures = {
        "real_time_factor": round(recorded, 2),
        "real_time_factor_unrecorded": round(unrecorded, 2),
        "engine_us_per_step": round(engine, 1),
        "highway_env_real_time_factor": None if peer is None else round(peer, 2),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
