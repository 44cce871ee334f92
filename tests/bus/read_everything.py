"""Reads each recording of the command line in every way there is; prints a JSON line of outcome and cost for each."""

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bus.memory import decode_memory
from bus.messages import NodeState
from bus.recording import Recording, digests
from geometry.errors import LanewiseError


def _attempts(path: Path) -> Iterator[str]:
    opened = Recording.open(path)
    yield "recovered" if opened.recovered else "whole"
    for attempt in (opened.topics, lambda: digests(path), lambda: _decode(opened)):
        try:
            attempt()
        except LanewiseError as error:
            yield str(error)


def _decode(opened: Recording) -> None:
    for record in opened.messages():
        if isinstance(record.message, NodeState):
            decode_memory(record.message.memory)


def _peak_mib() -> float:
    """Most memory that this program held; Linux counts what the parent held before `exec` into `ru_maxrss`."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(paths: list[Path]) -> None:
    """The peak of memory is the process's so far, so that the first file that exceeds a limit is the guilty one."""
    for path in paths:
        begin_s = time.process_time()
        outcome: list[str] = []
        try:
            outcome.extend(_attempts(path))
        except LanewiseError as error:
            outcome.append(str(error))
        line = {
            "file": path.name,
            "outcome": outcome,
            "seconds": time.process_time() - begin_s,
            "peak_mib": _peak_mib(),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
