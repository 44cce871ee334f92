"""Does a killed batch end with the same bytes, does its memory stay, and do two workers halve its time?

    python benchmarks/batch.py [--cases 200] [--few 20] [--kills 5] [--seconds 3]

Drives a suite of short cut-ins with `lanewise eval`: once whole with two workers; once killed by SIGKILL as often as
asked, after equal shares of its results, and resumed each time; once with few cases, for the memory; and once with one
worker. Memory is the largest sum of what all processes of a batch hold. On a machine that others use too,
wall time says little, so that the gain by two workers is also given by processor time: all that one worker spends over
what the busiest process spends with two.

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FILES = ("results.json", "results.parquet", "junit.xml", "index.html")
TICKS_1PS = os.sysconf("SC_CLK_TCK")
POLL_S = 0.02


@dataclass
class Batch:
    """What one run of the command took: wall time, the largest memory of its processes, processor time of each."""

    wall_s: float = 0.0
    peak_mb: float = 0.0
    cpu_s: dict[int, float] = field(default_factory=dict)
    code: int = 0


def suite_of(cases: int, folder: Path) -> Path:
    """A suite of so many different cut-ins."""
    speeds = ", ".join(f"{80.0 + 50.0 * k / cases:.3f}" for k in range(cases))
    path = folder / f"cut-ins-{cases}.toml"
    path.write_text(f'[[scenario]]\nfile = "cut-in"\n[scenario.parameters]\nEgoSpeed_kmh = [{speeds}]\n')
    return path


def run_batch(suite: Path, out: Path, workers: int, seconds: float, stop: Callable[[], bool] = lambda: False) -> Batch:
    """Run `lanewise eval`; when `stop` says so, kill all its processes at once."""
    command = [sys.executable, "-m", "lanewise", "eval", str(suite), "--workers", str(workers), "--out", str(out),
               "--set", f"simulation.timeout_s={seconds}"]  # fmt: skip
    begin, batch = time.monotonic(), Batch()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None:
        watch(process.pid, batch)
        if stop():
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(POLL_S)
    batch.code, batch.wall_s = process.wait(), time.monotonic() - begin
    return batch


def watch(group: int, batch: Batch) -> None:
    """Add what the processes of a group hold and have spent by now."""
    total_kb = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            columns = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(columns[2]) != group:
                continue
            batch.cpu_s[int(entry.name)] = (int(columns[11]) + int(columns[12])) / TICKS_1PS
            total_kb += int(columns[21]) * os.sysconf("SC_PAGE_SIZE") // 1024
        except (OSError, IndexError):
            continue  # it has ended meanwhile
    batch.peak_mb = max(batch.peak_mb, total_kb / 1024.0)


def killed_and_resumed(suite: Path, out: Path, cases: int, kills: int, seconds: float) -> int:
    """Kill the batch after equal shares of its results, then let it end; how often it was killed."""
    done = 0
    for kill in range(1, kills + 1):
        wanted = kill * cases // (kills + 1)
        batch = run_batch(suite, out, 2, seconds, lambda: len(list(out.glob("results/*.json"))) >= wanted)  # noqa: B023
        done += batch.code == -signal.SIGKILL
    run_batch(suite, out, 2, seconds)
    return done


def same_bytes(one: Path, two: Path) -> bool:
    """Whether all outputs of two batches are equal."""
    return all((one / name).read_bytes() == (two / name).read_bytes() for name in FILES)


def main() -> None:
    """Print the figures and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--few", type=int, default=20)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite, few = suite_of(arguments.cases, folder), suite_of(arguments.few, folder)
        whole = run_batch(suite, folder / "whole", 2, arguments.seconds)
        print(f"{arguments.cases} cases, two workers: {whole.wall_s:.0f} s, peak {whole.peak_mb:.0f} MB")
        small = run_batch(few, folder / "few", 2, arguments.seconds)
        ratio = whole.peak_mb / small.peak_mb
        print(f"{arguments.few} cases, two workers: {small.wall_s:.0f} s, peak {small.peak_mb:.0f} MB ({ratio:.2f}x)")
        killed = killed_and_resumed(suite, folder / "killed", arguments.cases, arguments.kills, arguments.seconds)
        same = same_bytes(folder / "whole", folder / "killed")
        print(f"killed {killed} times and resumed: {'the same bytes' if same else 'OTHER BYTES'}")
        one = run_batch(suite, folder / "one", 1, arguments.seconds)
        wall, cpu = one.wall_s / whole.wall_s, sum(one.cpu_s.values()) / max(whole.cpu_s.values())
        print(f"two workers over one: {wall:.2f}x by wall time, {cpu:.2f}x by processor time of the busiest process")
        shutil.rmtree(folder / "whole")
    figures = {
        "cases": arguments.cases, "killed": killed, "same_bytes": same, "peak_mb": round(whole.peak_mb, 1),
        "peak_few_mb": round(small.peak_mb, 1), "memory_ratio": round(ratio, 3), "speedup_wall": round(wall, 2),
        "speedup_cpu": round(cpu, 2), "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
