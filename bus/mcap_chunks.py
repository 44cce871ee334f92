"""The chunks of an MCAP file: unpacked, verified and split into messages under limits, whatever they claim.

In: an open file and the places of its chunks (`bus.mcap_survey`); out: raw messages in the order of the file, and the
schemas and channels that stand between them. Every declared size is checked before anything of that size is allocated.
Format: https://mcap.dev/spec.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Schema

from geometry.errors import InputError, UnsupportedError

MAX_CHUNK_BYTES = 32 * 2**20
"""Compressed or not; a chunk holds 64 KiB and one message more."""
MAX_DEFINITION_BYTES = 2**20
"""A schema or channel record, and anything else that is not data."""
MAX_DEFINITIONS = 100_000
MAX_NAME_LENGTH = 1000
_FREE_MESSAGES = 500_000
_BYTES_PER_MESSAGE = 4
"""A file may hold 500 000 messages, and more only where it is large enough for them."""

RECORD_HEAD = struct.Struct("<BQ")
"""Opcode and length."""
_MESSAGE = struct.Struct("<HIQQ")


class ChunkPlace(NamedTuple):
    """Where a chunk record lies in the file, and the times [ns] that it claims for its messages."""

    offset: int
    length: int
    start_ns: int
    end_ns: int
    expanded_bytes: int


class ChannelInfo(NamedTuple):
    """What a channel record says that reading needs."""

    topic: str
    schema_id: int


class StoredMessage(NamedTuple):
    """A message as it stands in the file."""

    channel_id: int
    log_ns: int
    data: bytes


@dataclass(slots=True)
class Definitions:
    """Schemas and channels met so far."""

    schemas: dict[int, str] = field(default_factory=dict)
    """Schema id to full name."""
    channels: dict[int, ChannelInfo] = field(default_factory=dict)
    records: int = 0
    """How many records were taken up, repeated ones too."""

    def learn(self, opcode: int, body: bytes) -> None:
        """Take up a schema or channel record; ValueError if it contradicts an earlier one or is malformed."""
        self.records += 1
        if self.records > MAX_DEFINITIONS:
            raise ValueError(f"more than {MAX_DEFINITIONS} definitions")
        if len(body) > MAX_DEFINITION_BYTES:
            raise ValueError(f"a definition of {len(body)} bytes, more than {MAX_DEFINITION_BYTES}")
        if opcode == Opcode.SCHEMA:
            schema = Schema.read(ExactStream(body))
            known = self.schemas.setdefault(schema.id, schema.name[: MAX_NAME_LENGTH + 1])
            if known != schema.name:
                raise ValueError(f"schema {schema.id} is defined twice or has an endless name")
        elif opcode == Opcode.CHANNEL:
            channel = Channel.read(ExactStream(body))
            info = ChannelInfo(channel.topic[: MAX_NAME_LENGTH + 1], channel.schema_id)
            if self.channels.setdefault(channel.id, info) != info or len(info.topic) > MAX_NAME_LENGTH:
                raise ValueError(f"channel {channel.id} is defined twice or has an endless topic")


class ExactStream(ReadDataStream):  # type: ignore[misc]
    """A record body; a field that claims more bytes than are left is an error, not a short value."""

    def __init__(self, body: bytes) -> None:
        super().__init__(BytesIO(body))
        self._size = len(body)

    def read(self, length: int) -> bytes:
        left = self._size - self.count
        if length > left:
            raise ValueError(f"a field claims {length} bytes, {left} are left")
        return bytes(super().read(length))


class Unreadable(Exception):
    """What stands at an offset cannot be a record; the file is damaged, hostile, or simply ends there."""


MALFORMED = (Unreadable, McapError, ValueError, struct.error, zstandard.ZstdError)


def open_file(file: Path) -> BinaryIO:
    """Open a regular file for reading; InputError for anything else."""
    if file.exists() and not file.is_file():  # opening a pipe would wait for its other end
        raise InputError("the recording is not a file", file)
    try:
        return file.open("rb")
    except OSError as error:
        raise InputError(f"cannot open the recording: {error.strerror}", file) from error


def load_chunk(stream: BinaryIO, file: Path, place: ChunkPlace) -> bytes:
    """Unpack a chunk.

    Raises:
        InputError: it does not unpack to the size it claims, or its checksum is wrong.
        UnsupportedError: it is compressed by something else than zstd.
    """
    stream.seek(place.offset + RECORD_HEAD.size)
    try:
        chunk = Chunk.read(ExactStream(stream.read(place.length)))
        if chunk.compression not in ("", "zstd"):
            codec = chunk.compression[:20]
            raise UnsupportedError(
                f"byte {place.offset}: chunks compressed by {codec!r} are not supported, only zstd", file
            )
        data = chunk.data if chunk.compression == "" else _unpack(chunk.data, place.expanded_bytes)
    except MALFORMED as error:
        raise InputError(f"the chunk at byte {place.offset} is damaged: {error}", file) from error
    if len(data) != place.expanded_bytes:
        claim = f"unpacks to {len(data)} bytes or more and claims {place.expanded_bytes}"
        raise InputError(f"the chunk at byte {place.offset} is damaged: it {claim}", file)
    if chunk.uncompressed_crc not in (0, zlib.crc32(data)):
        raise InputError(f"the chunk at byte {place.offset} does not match its checksum: damaged", file)
    return data


def _unpack(packed: bytes, size: int) -> bytes:
    """At most `size + 1` bytes of what a zstd frame holds; the size that the frame itself claims is not trusted."""
    with zstandard.ZstdDecompressor(max_window_size=MAX_CHUNK_BYTES).stream_reader(packed) as reader:
        return bytes(reader.read(size + 1))


def messages_of(file: Path, places: tuple[ChunkPlace, ...], definitions: Definitions) -> Iterator[StoredMessage]:
    """The messages of the given chunks as they stand in the file; schemas and channels go to `definitions`.

    Raises:
        InputError: a chunk is damaged; the error names its byte offset.
    """
    with open_file(file) as stream:
        budget = _FREE_MESSAGES + os.fstat(stream.fileno()).st_size // _BYTES_PER_MESSAGE
        for place in places:
            data = load_chunk(stream, file, place)
            latest_ns = 0
            try:
                for message in _split(data, definitions):
                    latest_ns = max(latest_ns, message.log_ns)
                    if not place.start_ns <= message.log_ns <= place.end_ns:
                        raise ValueError("a message lies outside of the times that the chunk claims")
                    if budget == 0:
                        raise ValueError("the recording holds more messages than a file of its size can")
                    budget -= 1
                    yield message
                if latest_ns != place.end_ns:
                    raise ValueError(
                        f"it claims to reach until {place.end_ns} ns, its last message is of {latest_ns} ns"
                    )
            except MALFORMED as error:
                raise InputError(f"the chunk at byte {place.offset} is damaged: {error}", file) from error


def _split(data: bytes, definitions: Definitions) -> Iterator[StoredMessage]:
    position = 0
    while position < len(data):
        opcode, length = RECORD_HEAD.unpack_from(data, position)
        begin = position + RECORD_HEAD.size
        position = begin + length
        if position > len(data):
            raise ValueError(f"a record claims {length} bytes, {len(data) - begin} are left")
        if opcode == Opcode.MESSAGE:
            if length < _MESSAGE.size:
                raise ValueError(f"a message record has {length} bytes, at least {_MESSAGE.size} are needed")
            channel_id, _, log_ns, _ = _MESSAGE.unpack_from(data, begin)
            yield StoredMessage(channel_id, log_ns, data[begin + _MESSAGE.size : position])
        else:
            definitions.learn(opcode, data[begin:position])
