"""Thousands of broken maps: each is read, or refused by a typed error with a place; none crashes, hangs or explodes."""

import resource
import time
from pathlib import Path

import numpy as np
import pytest

from geometry.errors import InputError
from lanewise.scenarios.catalog import FOLDER
from maps.check import defects_of
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive

WORDS = (b"NaN", b"INF", b"-1", b"1e308", b"0", b"", b"x" * 50, b"-0.0", b"99999999999", b"&#0;", b"true", b"\xff\xfe")


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes: a value replaced, bytes flipped, a stretch cut, doubled or moved."""
    for _ in range(int(rng.integers(1, 5))):
        data = MUTATIONS[int(rng.integers(len(MUTATIONS)))](data, rng)
    return data


def _value(data: bytes, rng: np.random.Generator) -> bytes:
    quotes = [i for i in range(len(data)) if data[i : i + 2] == b'="']
    if not quotes:
        return data
    begin = quotes[int(rng.integers(len(quotes)))] + 2
    end = data.find(b'"', begin)
    return data[:begin] + WORDS[int(rng.integers(len(WORDS)))] + data[max(end, begin) :]


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    changed[int(rng.integers(len(data)))] = int(rng.integers(256))
    return bytes(changed)


def _span(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    begin = int(rng.integers(len(data)))
    return begin, min(begin + int(rng.integers(1, 400)), len(data))


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    begin, end = _span(data, rng)
    return data[:begin] + data[end:] or b"<"


def _double(data: bytes, rng: np.random.Generator) -> bytes:
    begin, end = _span(data, rng)
    return data[:end] + data[begin:]


def _lines(data: bytes, rng: np.random.Generator) -> bytes:
    """Take a line out, or put one somewhere else: the file mostly stays well-formed."""
    lines = data.split(b"\n")
    line = lines.pop(int(rng.integers(len(lines))))
    if lines and rng.random() < 0.6:
        lines.insert(int(rng.integers(len(lines))), line)
    return b"\n".join(lines) or b"<"


MUTATIONS = (_value, _value, _value, _flip, _cut, _double, _lines)


def peak_mib() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def survive(path: Path) -> str:
    """What became of the file: `read` or `refused`, within five seconds."""
    begin_s = time.process_time()
    try:
        network = read_opendrive(path)
        defects_of(network)
        sample_lanes(network)
    except InputError as error:
        assert error.place is not None
        return "refused"
    finally:
        assert time.process_time() - begin_s < 5.0
    return "read"


def sources() -> list[bytes]:
    return [path.read_bytes() for path in sorted((FOLDER / "maps").glob("*.xodr"))]


@pytest.mark.parametrize("count", [250, pytest.param(10_000, marks=pytest.mark.full)])
def test_broken_maps_are_read_or_refused(count: int, tmp_path: Path) -> None:
    rng = np.random.Generator(np.random.PCG64(count))
    maps, path = sources(), tmp_path / "map.xodr"
    outcomes, before_mib = [], peak_mib()
    for _ in range(count):
        path.write_bytes(mutated(maps[int(rng.integers(len(maps)))], rng))
        outcomes.append(survive(path))
    assert {"read", "refused"} <= set(outcomes)
    assert peak_mib() - before_mib < 512.0
