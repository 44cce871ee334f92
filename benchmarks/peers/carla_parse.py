"""Run by the peers' interpreter: how long `carla.Map` takes to read OpenDRIVE files, without its simulator.

    python carla_parse.py FILE...

Prints one JSON object on the last line: file name to milliseconds (the best of three), null where it refuses the file.
"""

import json
import sys
import time
from pathlib import Path

import carla  # type: ignore[import-not-found]  # only in the peers' environment


def best_ms(text: str) -> float | None:
    """The shortest of three readings."""
    found = []
    for _ in range(3):
        started = time.perf_counter()
        try:
            carla.Map("map", text)
        except RuntimeError:
            return None
        found.append(1e3 * (time.perf_counter() - started))
    return round(min(found), 3)


print(json.dumps({Path(name).name: best_ms(Path(name).read_text()) for name in sys.argv[1:]}))
