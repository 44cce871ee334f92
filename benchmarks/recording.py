"""What recording costs: the share of a drive's wall time that goes into writing it.

    python benchmarks/recording.py [SCENARIO] [--repeat 5]

`share` is the time spent inside `Recorder.write` and `close` over the wall time of the drive, which runs many times
faster than real time; `share_of_real_time` is the same time over the simulated time, as on a car (the aim is 3 %).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from bus.messages import Envelope, Message
from bus.recording import Recorder
from lanewise.assignment import assignment_of
from lanewise.config import RunConfig
from lanewise.run import metadata_of, scenario_file, simulate
from lanewise.sources import load_source
from lanewise.stack import stack_nodes


def measure(scenario: str) -> tuple[float, float, int, int, float]:
    """Wall time of a drive [s], time inside the recorder [s], messages, bytes of the file, simulated time [s]."""
    config = RunConfig(scenario=scenario)
    source = load_source(scenario_file(scenario), {})
    engine, assignment = source.engine, assignment_of(source)
    stack = stack_nodes(config, assignment.context(config.planner.period_s))
    spent, messages, simulated = 0.0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drive.mcap"
        recorder = Recorder.create(path, metadata_of(config, engine.name, assignment))

        def sink(envelope: Envelope, message: Message) -> None:
            nonlocal spent, messages, simulated
            begin = time.perf_counter()
            recorder.write(envelope, message)
            spent += time.perf_counter() - begin
            messages += 1
            simulated = envelope.published_ns

        begin = time.perf_counter()
        simulate(config, engine, stack, sink, lambda _: None)
        closing = time.perf_counter()
        recorder.close()
        end = time.perf_counter()
        return end - begin, spent + end - closing, messages, path.stat().st_size, simulated * 1e-9


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="?", default="cut-in", help="file or shipped name")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    measure(arguments.scenario)  # compiles
    runs = [measure(arguments.scenario) for _ in range(arguments.repeat)]
    share = statistics.median(spent / wall for wall, spent, *_ in runs)
    micros = statistics.median(spent / count * 1e6 for _, spent, count, *_ in runs)
    of_real = statistics.median(spent / simulated for _, spent, _, _, simulated in runs)
    print(f"scenario {arguments.scenario}, median of {arguments.repeat}")
    print(f"{'share of the wall time spent recording':44} {share:8.1%}")
    print(f"{'share of real time (on a car)':44} {of_real:8.2%}")
    print(f"{'time per message':44} {micros:8.1f} us")
    print(f"{'messages':44} {runs[0][2]:8d}")
    print(f"{'file':44} {runs[0][3] / 1024:8.0f} KiB")
    figures = {
        "share": round(share, 4),
        "share_of_real_time": round(of_real, 5),
        "us_per_message": round(micros, 2),
        "messages": runs[0][2],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
