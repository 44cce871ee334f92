"""Hostile and damaged recordings end in a clear error or in recovery, within 5 s and well below 512 MB."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from bus.codec import encode, schema_of
from bus.messages import Envelope, Message, NodeState, VehicleCommand
from bus.proto.lanewise_pb2 import Value
from bus.recording import Recorder, Recording
from bus.topics import TOPICS
from geometry.errors import InputError

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, INDEX, METADATA, DATA_END = 1, 2, 3, 4, 5, 6, 7, 12, 15
MAX_SECONDS = 5.0
MAX_MIB = 400.0
"""The whole program has some 100 MiB more than this test's process before it reads anything."""

READER = Path(__file__).with_name("read_everything.py")


# --- an MCAP writer that lies -----------------------------------------------------------------------------------------


def record(opcode: int, body: bytes, claimed: int | None = None) -> bytes:
    return struct.pack("<BQ", opcode, len(body) if claimed is None else claimed) + body


def text(value: str | bytes, claimed: int | None = None) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<I", len(data) if claimed is None else claimed) + data


def chunk(
    data: bytes, size: int | None = None, packed: bytes | None = None, end_ns: int = 0, codec: str = "zstd"
) -> bytes:
    packed = zstandard.compress(data) if packed is None else packed
    size = len(data) if size is None else size
    head = struct.pack("<QQQI", 0, end_ns, size, zlib.crc32(data) if data else 0)
    return record(CHUNK, head + text(codec) + struct.pack("<Q", len(packed)) + packed)


def schema(name: str = "lanewise.VehicleCommand", identity: int = 1) -> bytes:
    return record(SCHEMA, struct.pack("<H", identity) + text(name) + text("protobuf") + text(b""))


def channel(topic: str = "/vehicle/command", identity: int = 1) -> bytes:
    return record(CHANNEL, struct.pack("<HH", identity, 1) + text(topic) + text("protobuf") + text(b""))


def message(data: bytes, identity: int = 1, log_ns: int = 0) -> bytes:
    return record(MESSAGE, struct.pack("<HIQQ", identity, 0, log_ns, log_ns) + data)


def metadata(name: str, entries: int) -> bytes:
    return record(METADATA, text(name) + text(b"".join(text(str(n)) * 2 for n in range(entries))))


def mcap(*records: bytes) -> bytes:
    """A finished file."""
    end = record(DATA_END, bytes(4)) + record(FOOTER, bytes(20))
    return MAGIC + record(HEADER, text("") + text("")) + b"".join(records) + end + MAGIC


def carrying(topic: str, payload: bytes) -> bytes:
    row = TOPICS.get(topic)
    name, _ = schema_of(NodeState if topic.startswith("/state/") else row.type if row else VehicleCommand)
    return mcap(chunk(schema(name) + channel(topic) + message(payload)))


def length_delimited(tag: bytes, body: bytes) -> bytes:
    size, length = bytearray(), len(body)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return tag + bytes(size) + bytes([length]) + body


def repeated_frame(size: int) -> bytes:
    """A zstd stream of `size` zeros that does not say how long it is."""
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    block = bytes(2**20)
    parts = [packer.compress(block) for _ in range(size // len(block))]
    return b"".join(parts) + packer.flush()


def node_state(memory: bytes) -> bytes:
    return encode(NodeState("planner", memory, b""), Envelope("/state/planner", "x", 0, 0, 0, 0))


def deep_value() -> bytes:
    value = b""
    for _ in range(20_000):
        value = length_delimited(b"\x08\x06\x3a", value)
    return value


def files() -> dict[str, Callable[[], bytes]]:
    """Contents by name; made on demand, as some are large."""
    small = message(b"")
    good = encode(VehicleCommand(0.0, 0.0, False, False), Envelope("/vehicle/command", "x", 0, 0, 0, 0))
    head = schema() + channel()
    return {
        "empty": lambda: b"",
        "other-format": lambda: b"PK\x03\x04" + bytes(1000),
        "magic-alone": lambda: MAGIC,
        "magic-twice": lambda: MAGIC + MAGIC,
        "endless-record": lambda: mcap(record(CHUNK, b"", 2**64 - 1)),
        "endless-record-unfinished": lambda: MAGIC + record(CHUNK, b"", 2**63),
        "endless-string": lambda: mcap(record(HEADER, text("", 2**32 - 1))),
        "endless-metadata-map": lambda: mcap(record(METADATA, text("x") + text(b"", 2**32 - 1))),
        "endless-chunk-data": lambda: mcap(record(CHUNK, bytes(28) + text("zstd") + struct.pack("<Q", 2**64 - 1))),
        "endless-message-in-chunk": lambda: mcap(chunk(head + record(MESSAGE, bytes(22), 2**63))),
        "short-message-in-chunk": lambda: mcap(chunk(head + record(MESSAGE, bytes(21)))),
        "huge-chunk-claim": lambda: mcap(chunk(b"", size=2**40)),
        "huge-frame-claim": lambda: mcap(
            chunk(b"", size=100, packed=b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 2**40) + b"\x01\x00\x00")
        ),
        "huge-window": lambda: mcap(chunk(b"", size=100, packed=b"\x28\xb5\x2f\xfd\x00\x80\x21\x03\x00" + bytes(100))),
        "zstd-bomb": lambda: mcap(chunk(b"", size=100, packed=repeated_frame(2**30))),
        "zstd-bombs-as-claimed": lambda: mcap(chunk(b"", size=2**25, packed=repeated_frame(2**25)) * 200),
        "chunk-shorter-than-claimed": lambda: mcap(chunk(b"", size=5000, packed=zstandard.compress(bytes(100)))),
        "chunk-with-garbage": lambda: mcap(chunk(b"", size=5000, packed=bytes(100))),
        "chunk-in-lz4": lambda: mcap(chunk(b"x", codec="lz4")),
        "messages-without-end": lambda: mcap(chunk(head + small * 1_000_000)),
        "messages-of-unknown-channel": lambda: mcap(chunk(small)),
        "message-outside-of-chunks": lambda: mcap(head, small),
        "message-outside-of-claimed-times": lambda: mcap(chunk(head + message(good, log_ns=5))),
        "end-of-time-claimed": lambda: mcap(chunk(head + message(good), end_ns=2**63)),
        "definitions-without-end": lambda: mcap(chunk(channel() * 500_000)),
        "channel-twice": lambda: mcap(chunk(head + channel("/control/command") + message(good))),
        "channel-with-endless-topic": lambda: mcap(chunk(channel("/x" * 100_000))),
        "channels-with-long-topics": lambda: mcap(
            *(chunk(b"".join(channel("/" + "x" * 990, n) for n in range(k, k + 8192))) for k in range(0, 65536, 8192))
        ),
        "metadata-without-end": lambda: mcap(*(metadata(str(k), 200_000) for k in range(9))),
        "metadata-twice": lambda: mcap(metadata("x", 1), metadata("x", 1)),
        "records-without-end": lambda: mcap(record(INDEX, bytes(6)) * 2_000_000),
        "opcode-zero-tail": lambda: mcap() [:-8] + bytes(2**20),
        "opcode-unknown": lambda: mcap(record(0x77, b"abc")),
        "data-behind-the-end": lambda: mcap()[:-8] + chunk(head) + MAGIC,
        "metadata-behind-the-end": lambda: MAGIC + record(DATA_END, bytes(4)) + metadata("x", 1) + MAGIC,
        "wrong-data-checksum": lambda: MAGIC + record(DATA_END, b"abcd") + record(FOOTER, bytes(20)) + MAGIC,
        "invalid-utf8": lambda: mcap(record(CHANNEL, struct.pack("<HH", 1, 1) + text(b"\xff") + text("") + text(b""))),
        "payload-of-garbage": lambda: carrying("/vehicle/command", b"\xff" * 1000),
        "payload-too-large": lambda: carrying("/vehicle/command", good + bytes(17 * 2**20)),
        "payload-on-unknown-topic": lambda: carrying("/nothing", good),
        "payload-of-another-time": lambda: mcap(chunk(head + message(good, log_ns=5), end_ns=5)),
        "payload-of-another-topic": lambda: carrying("/control/command", good),
        "scene-of-empty-entities": lambda: carrying("/view/scene", b"\x12\x00" * 1_500_000),
        "scene-of-empty-lines": lambda: carrying("/view/scene", length_delimited(b"\x12", b"\x5a\x00" * 1_500_000)),
        "scene-of-empty-points": lambda: carrying(
            "/view/scene", length_delimited(b"\x12", length_delimited(b"\x5a", b"\x2a\x00" * 1_500_000))
        ),
        "frames-of-nothing": lambda: carrying("/view/tf", b"\x0a\x00" * 130_000),
        "names-without-end": lambda: carrying("/truth/scenario", b"\x2a\x02ab" * 500_000),
        "memory-of-empty-values": lambda: carrying(
            "/state/planner", node_state(b"\x08\x06" + b"\x3a\x00" * (2 * 2**20 - 10))
        ),
        "memory-without-bottom": lambda: carrying("/state/planner", node_state(deep_value())),
        "memory-of-foreign-class": lambda: carrying(
            "/state/planner", node_state(Value(kind=Value.RECORD, text="os:system").SerializeToString())
        ),
        "memory-of-impossible-array": lambda: carrying(
            "/state/planner",
            node_state(Value(kind=Value.ARRAY, text="float64", shape=[2**40], blob=b"").SerializeToString()),
        ),
    }  # fmt: skip


RECOVERED = {"magic-alone", "endless-record-unfinished", "opcode-zero-tail"}
WHOLE = {"memory-of-empty-values", "channels-with-long-topics"}
"""Legal, if odd: to be read within the limits."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What one process makes of all files, one after the other."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, content in files().items():
        (folder / name).write_bytes(content())
    (folder / "sparse").write_bytes(MAGIC + record(CHUNK, b"", 90 * 2**30))
    os.truncate(folder / "sparse", 100 * 2**30)
    paths = [folder / name for name in (*files(), "sparse")]
    result = subprocess.run([sys.executable, READER, *paths], capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr[-2000:]
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {line["file"]: line for line in lines}


@pytest.mark.parametrize("name", [*files(), "sparse"])
def test_hostile_file_ends_in_a_clear_error_or_recovery_within_the_limits(
    name: str, outcomes: dict[str, dict[str, Any]]
) -> None:
    line = outcomes[name]
    assert line["seconds"] < MAX_SECONDS
    assert line["peak_mib"] < MAX_MIB
    if name in WHOLE:
        assert line["outcome"] == ["whole"]
    elif name in RECOVERED or name == "sparse":
        assert line["outcome"] == ["recovered"]
    else:
        errors = [text for text in line["outcome"] if text not in ("whole", "recovered")]
        assert errors
        # the memory is a value within a message: who decodes it knows the file
        assert all(name in error or error.startswith("a memory") or "node memory" in error for error in errors)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("endless-record", "byte 25"),
        ("huge-chunk-claim", "byte 25"),
        ("zstd-bomb", "chunk at byte 25"),
        ("channel-twice", "chunk at byte 25"),
        ("metadata-twice", "byte 53"),
        ("payload-of-garbage", "published at 0 ns"),
        ("message-outside-of-chunks", "byte"),
        ("wrong-data-checksum", "before byte 8"),
        ("huge-window", "too much memory"),
        ("messages-without-end", "more messages than a file of its size can"),
        ("zstd-bombs-as-claimed", "would unpack to more than"),
    ],
)
def test_the_error_names_place_and_reason(name: str, reason: str, outcomes: dict[str, dict[str, Any]]) -> None:
    assert any(reason in error for error in outcomes[name]["outcome"])


def test_folders_and_pipes_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match="not a file"):
            Recording.open(path)
    with pytest.raises(InputError, match="No such file"):
        Recording.open(tmp_path / "missing.mcap")


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(
    make_drive: Callable[[int], list[tuple[Envelope, Message]]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("damage") / "whole.mcap"
    with Recorder.create(path, {"config": {"seed": "0"}}) as recorder:
        for envelope, content in make_drive(250):
            recorder.write(envelope, content)
    return path


def contents(path: Path) -> tuple[dict[str, dict[str, str]], list[tuple[str, int, bytes]]]:
    opened = Recording.open(path)
    return opened.metadata, [(item.topic, item.published_ns, item.data) for item in opened.raw()]


def flips(data: bytes, count: int, seed: int) -> list[int]:
    """Random bits, and all bits of the record heads and of the end, where they do the most harm."""
    rng = random.Random(seed)
    places = [rng.randrange(8 * len(data)) for _ in range(count)]
    return [*places, *range(8 * 120), *range(8 * (len(data) - 60), 8 * len(data))]


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_flipped_bit_never_changes_what_a_finished_recording_says(whole: Path, tmp_path: Path) -> None:
    data, (metadata, everything) = whole.read_bytes(), contents(whole)
    path, refused = tmp_path / "flipped.mcap", 0
    bits = flips(data, 300, seed=1)
    for bit in bits:
        path.write_bytes(flipped(data, bit))
        try:
            assert contents(path) == (metadata, everything)
        except InputError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > len(bits) // 2, "damage must be found, not overlooked"


def test_a_flipped_bit_never_changes_messages_of_an_unfinished_recording(whole: Path, tmp_path: Path) -> None:
    data, (_, everything) = whole.read_bytes(), contents(whole)
    last = Recording.open(whole).survey.chunks[-1]
    unfinished = data[: last.offset + last.length + 9]
    path = tmp_path / "flipped.mcap"
    chunks = Recording.open(whole).survey.chunks
    heads = [8 * chunk.offset + bit for chunk in chunks[:3] for bit in range(8 * 50)]
    for bit in [*flips(unfinished, 200, seed=2), *heads]:
        path.write_bytes(flipped(unfinished, bit))
        try:
            found = contents(path)[1]
        except InputError:
            continue
        assert found == everything[: len(found)], f"bit {bit % 8} of byte {bit // 8}"


def test_a_damaged_chunk_does_not_hide_behind_a_valid_checksum_of_the_file(whole: Path, tmp_path: Path) -> None:
    place = Recording.open(whole).survey.chunks[1]
    path = tmp_path / "flipped.mcap"
    path.write_bytes(flipped(whole.read_bytes(), 8 * (place.offset + place.length // 2)))
    with pytest.raises(InputError, match=f"chunk at byte {place.offset}"):
        Recording.open(path)


def test_a_file_whose_own_schema_contradicts_the_topic_is_refused(tmp_path: Path) -> None:
    name, _ = schema_of(NodeState)
    good = encode(VehicleCommand(0.0, 0.0, False, False), Envelope("/vehicle/command", "x", 0, 0, 0, 0))
    path = tmp_path / "a.mcap"
    path.write_bytes(mcap(chunk(schema(name) + channel() + message(good))))
    with pytest.raises(InputError, match="NodeState"):
        list(Recording.open(path).messages())
