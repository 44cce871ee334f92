"""A recorder killed at any instant leaves a file that opens with all closed chunks."""

from __future__ import annotations

import random
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from mcap.exceptions import McapError
from mcap.records import Chunk
from mcap.stream_reader import StreamReader, breakup_chunk

from bus.messages import Envelope, Message
from bus.recording import CHUNK_BYTES, Recorder, Recording

WRITER = Path(__file__).with_name("endless_writer.py")
RECORD_HEAD_BYTES = 31
"""What MCAP adds to each message within a chunk."""
CUT_OFF = (McapError, struct.error, ValueError, zstandard.ZstdError)
"""What the plain stream reader raises at the end of a cut file, by where within a record the cut lies."""


MakeDrive = Callable[[int], list[tuple[Envelope, Message]]]


@pytest.fixture(scope="module")
def whole(make_drive: MakeDrive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished recording of several chunks."""
    path = tmp_path_factory.mktemp("whole") / "whole.mcap"
    with Recorder.create(path, {"config": {"seed": "0"}}) as recorder:
        for envelope, message in make_drive(250):
            recorder.write(envelope, message)
    return path


def kill_after(seconds: float, folder: Path) -> tuple[Path, int]:
    """Run the writer, kill it so long after its first chunk; returns the recording and how many messages it got."""
    recording, counter = folder / "drive.mcap", folder / "counter"
    writer = subprocess.Popen([sys.executable, WRITER, recording, counter])
    try:
        deadline = time.monotonic() + 30.0
        while not (recording.exists() and recording.stat().st_size > CHUNK_BYTES):
            assert writer.poll() is None, "the writer ended by itself"
            assert time.monotonic() < deadline, "the writer writes nothing"
            time.sleep(0.002)
        time.sleep(seconds)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    return recording, int.from_bytes(counter.read_bytes(), "little")


def messages_in_closed_chunks(path: Path) -> int:
    """Independent count with the plain stream reader, up to where it gives up."""
    count = 0
    with path.open("rb") as stream:
        try:
            for record in StreamReader(stream, emit_chunks=True, record_size_limit=2**24).records:
                if isinstance(record, Chunk):
                    count += sum(type(item).__name__ == "Message" for item in breakup_chunk(record, validate_crc=True))
        except CUT_OFF:
            return count
    raise AssertionError("a killed recording must have no end")


def check_killed(seconds: float, folder: Path) -> None:
    recording, handed_over = kill_after(seconds, folder)
    opened = Recording.open(recording)
    records = list(opened.messages())
    found = [item.envelope.sequence for item in records]
    smallest = RECORD_HEAD_BYTES + min(len(item.data) for item in records)
    assert opened.recovered
    assert opened.metadata == {"config": {"seed": "0"}}
    assert found == list(range(len(found)))
    assert len(found) == messages_in_closed_chunks(recording) > 0
    assert len(found) <= handed_over + 1  # the last one may not have been counted any more
    assert (handed_over - len(found)) * smallest <= CHUNK_BYTES + smallest, "more than the open chunk is lost"


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_recorder_loses_at_most_the_open_chunk(seed: int, tmp_path: Path) -> None:
    check_killed(random.Random(seed).uniform(0.0, 0.2), tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(100, 120))
def test_a_recorder_killed_at_many_instants_loses_at_most_the_open_chunk(seed: int, tmp_path: Path) -> None:
    check_killed(random.Random(seed).uniform(0.0, 1.0), tmp_path)


def test_a_recorder_that_was_never_closed_leaves_its_metadata(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from bus.recording import Recorder\n"
        "recorder = Recorder.create(Path(sys.argv[1]), {'config': {'seed': '3'}}); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "a.mcap"], check=False)
    opened = Recording.open(tmp_path / "a.mcap")
    assert opened.recovered
    assert opened.metadata == {"config": {"seed": "3"}}
    assert list(opened.messages()) == []


def test_a_file_that_is_being_written_holds_whole_records_only(tmp_path: Path, make_drive: MakeDrive) -> None:
    path, chunks = tmp_path / "a.mcap", set()
    with Recorder.create(path, {"config": {"seed": "0"}}) as recorder:
        for envelope, message in make_drive(150):
            recorder.write(envelope, message)
            opened = Recording.open(path)
            assert "the footer is missing" in opened.damage
            chunks.add(len(opened.survey.chunks))
    assert chunks >= {0, 1, 2}


def test_a_last_chunk_without_its_bytes_is_left_out(whole: Path, tmp_path: Path) -> None:
    chunks, everything = Recording.open(whole).survey.chunks, list(Recording.open(whole).raw())
    torn = bytearray(whole.read_bytes()[: chunks[-1].offset + 9 + chunks[-1].length])
    half = chunks[-1].length // 2
    torn[-half:] = bytes(half)  # as after a power cut: allocated, not written
    path = tmp_path / "torn.mcap"
    path.write_bytes(torn)
    opened = Recording.open(path)
    found = list(opened.raw())
    assert opened.recovered
    assert opened.survey.chunks == chunks[:-1]
    assert 0 < len(found) < len(everything)
    assert found == everything[: len(found)]


def test_a_late_slice_of_an_unfinished_recording_knows_its_channels(whole: Path, tmp_path: Path) -> None:
    last = Recording.open(whole).survey.chunks[-1]
    path = tmp_path / "unfinished.mcap"
    path.write_bytes(whole.read_bytes()[: last.offset + 9 + last.length])
    expected = [item for item in Recording.open(whole).raw() if item.published_ns >= last.start_ns]
    assert list(Recording.open(path).raw(start_ns=last.start_ns)) == expected


def test_a_recording_cut_at_any_byte_opens_with_all_whole_chunks(whole: Path, tmp_path: Path) -> None:
    data = whole.read_bytes()
    everything = [item.data for item in Recording.open(whole).raw()]
    chunks = Recording.open(whole).survey.chunks
    assert len(chunks) > 3
    cuts = [8, 9, len(data) - 1, *range(10, len(data), len(data) // 60)]
    cuts += [
        edge + shift
        for chunk in chunks
        for edge in (chunk.offset, chunk.offset + 9 + chunk.length)
        for shift in (-1, 0, 1)
    ]
    for cut in cuts:
        part = tmp_path / "part.mcap"
        part.write_bytes(data[:cut])
        opened = Recording.open(part)
        assert opened.recovered
        assert f"of {cut}" in opened.damage
        whole_chunks = sum(chunk.offset + 9 + chunk.length <= cut for chunk in chunks)
        found = [item.data for item in opened.raw()]
        assert len(opened.survey.chunks) == whole_chunks
        assert found == everything[: len(found)]
        assert bool(found) == bool(whole_chunks)
