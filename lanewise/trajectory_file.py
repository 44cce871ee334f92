"""Recorded trajectories from files: a CSV table of t, x, y, or what a recorded drive says of where the ego was.

In: a path. Out: times (N,) in seconds and positions (N, 2) in the coordinates of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from bus.recording import Recording
from geometry.angles import Floats
from geometry.errors import InputError

MAX_BYTES = 256 * 2**20
COLUMNS = ("t", "x", "y")

SOURCES: Mapping[str, tuple[str, Callable[[Any], tuple[float, float]]]] = MappingProxyType({
    "gnss": ("/sensor/gnss", lambda fix: (fix.x_m, fix.y_m)),
    "truth": ("/truth/ego", lambda ego: (ego.world_from_ego.x_m, ego.world_from_ego.y_m)),
})  # fmt: skip
"""What a recorded drive is asked for: the topic and the position in its messages."""


def read_trajectory(path: Path, source: str = "gnss") -> tuple[Floats, Floats]:
    """A trajectory; `source` says what of a recorded drive is taken.

    Raises:
        InputError: no such file, columns or topic, or something that is no number.
    """
    if path.suffix.lower() == ".mcap":
        return _recorded(path, source)
    return _table(path)


def _recorded(path: Path, source: str) -> tuple[Floats, Floats]:
    if source not in SOURCES:
        raise InputError(f"a trajectory comes from {' or '.join(SOURCES)}, not from {source!r}")
    topic, position = SOURCES[source]
    rows = [
        (record.envelope.measured_ns * 1e-9, *position(record.message))
        for record in Recording.open(path).messages((topic,))
        if getattr(record.message, "valid", True)
    ]
    if len(rows) < 2:
        raise InputError(f"the drive has {len(rows)} usable messages on {topic}; choose another --of", path)
    table = np.array(rows)
    return table[:, 0], table[:, 1:]


def _table(path: Path) -> tuple[Floats, Floats]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"the table is larger than {MAX_BYTES} bytes", path)
        with path.open(encoding="utf-8") as stream:
            header = [name.strip() for name in stream.readline().split(",")]
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                raise InputError(f"a trajectory needs the columns t, x, y; missing: {', '.join(missing)}", path)
            columns = [header.index(name) for name in COLUMNS]
            rows = np.loadtxt(stream, delimiter=",", usecols=columns, ndmin=2)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as a table: {error}", path) from error
    except ValueError as error:
        raise InputError(f"a table of numbers below one header line is expected: {error}", path) from error
    return rows[:, 0], rows[:, 1:]
