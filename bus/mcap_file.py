"""The container level of reading: walks an MCAP file under limits, whatever it claims about itself.

In: an open binary file; out: where its chunks lie, its metadata and channels, and the messages of one chunk. The file's
own index is not trusted and not needed: the walk visits each record head once and verifies the data section's checksum;
so an unfinished file (killed writer, full disk) opens like a finished one, up to where it breaks off. Every declared
size is checked before anything of that size is allocated. Format: https://mcap.dev/spec.
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
from mcap.records import Channel, Chunk, DataEnd, Metadata, Schema

from geometry.errors import InputError, UnsupportedError

MAGIC = b"\x89MCAP0\r\n"

MAX_CHUNK_BYTES = 32 * 2**20
"""Compressed or not; a chunk holds 64 KiB and one message more."""
MAX_DEFINITION_BYTES = 2**20
"""A schema or channel record, and anything else that is not data."""
MAX_METADATA_BYTES = 4 * 2**20
"""All metadata records together."""
MAX_NAME_LENGTH = 1000
_EXPANDED_BYTES = 2 * 2**30
_EXPANSION = 400
"""Chunks may unpack to 2 GiB plus 400 times the file, together: far above any drive, far below a bomb."""
_FREE_RECORDS = 100_000
_BYTES_PER_RECORD = 64
_FREE_MESSAGES = 500_000
_BYTES_PER_MESSAGE = 4
"""A file may hold 100 000 records and 500 000 messages, and more only where it is large enough for them."""

_HEAD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
_CHUNK = struct.Struct("<QQQI")


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
    encoding: str
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

    def learn(self, opcode: int, body: bytes) -> None:
        """Take up a schema or channel record; ValueError if it contradicts an earlier one or is malformed."""
        if len(body) > MAX_DEFINITION_BYTES:
            raise ValueError(f"a definition of {len(body)} bytes, more than {MAX_DEFINITION_BYTES}")
        if opcode == Opcode.SCHEMA:
            schema = Schema.read(_ExactStream(body))
            known = self.schemas.setdefault(schema.id, schema.name[: MAX_NAME_LENGTH + 1])
            if known != schema.name:
                raise ValueError(f"schema {schema.id} is defined twice or has an endless name")
        elif opcode == Opcode.CHANNEL:
            channel = Channel.read(_ExactStream(body))
            info = ChannelInfo(
                channel.topic[: MAX_NAME_LENGTH + 1], channel.message_encoding[:MAX_NAME_LENGTH], channel.schema_id
            )
            if self.channels.setdefault(channel.id, info) != info or len(info.topic) > MAX_NAME_LENGTH:
                raise ValueError(f"channel {channel.id} is defined twice or has an endless topic")


@dataclass(frozen=True, slots=True)
class Survey:
    """What the walk through a file found."""

    file: Path
    size: int
    chunks: tuple[ChunkPlace, ...]
    metadata: dict[str, dict[str, str]]
    definitions: Definitions
    damage: str
    """Why and where an unfinished file breaks off; empty for a whole one."""


class _ExactStream(ReadDataStream):  # type: ignore[misc]
    """A record body; a field that claims more bytes than are left is an error, not a short value."""

    def __init__(self, body: bytes) -> None:
        super().__init__(BytesIO(body))

    def read(self, length: int) -> bytes:
        data: bytes = super().read(length)
        if len(data) != length:
            raise ValueError(f"a field claims {length} bytes, only {len(data)} are left")
        return data


class _Unreadable(Exception):
    """What stands at an offset cannot be a record; the file is damaged, hostile, or simply ends there."""


_MALFORMED = (_Unreadable, McapError, ValueError, struct.error, zstandard.ZstdError)


# --- walk -------------------------------------------------------------------------------------------------------------


def survey(file: Path) -> Survey:
    """Walk through a file.

    Raises:
        InputError: the file is no MCAP file, or it was finished and is damaged since.
    """
    with _open(file) as stream:
        walk = _Walk(stream, file, os.fstat(stream.fileno()).st_size)
        walk.start()
        try:
            walk.run()
        except _MALFORMED as error:
            damage = f"it breaks off at byte {walk.offset} of {walk.size}: {error}"
            if walk.finished:
                raise InputError(f"the recording is damaged; {damage}", file) from error
        else:
            damage = ""
        if damage:
            walk.drop_torn_chunk()
        found = Survey(file, walk.size, tuple(walk.chunks), walk.metadata, walk.definitions, damage)
    _check_expansion(found)
    return found


def _open(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise InputError(f"cannot open the recording: {error.strerror}", file) from error


def _check_expansion(found: Survey) -> None:
    limit = _EXPANDED_BYTES + _EXPANSION * found.size
    expanded = 0
    for place in found.chunks:
        expanded += place.expanded_bytes
        if expanded > limit:
            raise InputError(
                f"the chunks up to byte {place.offset} would unpack to more than {limit} bytes", found.file
            )


@dataclass(slots=True)
class _Walk:
    """One pass over the record heads of a file; `offset` is where the next record begins."""

    stream: BinaryIO
    file: Path
    size: int
    offset: int = len(MAGIC)
    finished: bool = False
    """Whether the file ends as a closed writer leaves it."""
    checksum: int = 0
    in_data: bool = True
    chunks: list[ChunkPlace] = field(default_factory=list)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    metadata_bytes: int = 0
    definitions: Definitions = field(default_factory=Definitions)

    def start(self) -> None:
        if self.stream.read(len(MAGIC)) != MAGIC:
            raise InputError("this is no MCAP recording: it does not begin with the MCAP magic", self.file)
        if self.size >= 2 * len(MAGIC):
            self.stream.seek(-len(MAGIC), os.SEEK_END)
            self.finished = self.stream.read() == MAGIC
            self.stream.seek(len(MAGIC))
        self.checksum = zlib.crc32(MAGIC)

    def run(self) -> None:
        """Visit all records up to the footer; raises one of `_MALFORMED` at the first that cannot be."""
        limit = _FREE_RECORDS + self.size // _BYTES_PER_RECORD
        for _ in range(limit):
            head = self.stream.read(_HEAD.size)
            if len(head) < _HEAD.size:
                raise _Unreadable("the footer is missing")
            opcode, length = _HEAD.unpack(head)
            body = self._body(opcode, length)
            if opcode == Opcode.DATA_END:
                self._check_data(DataEnd.read(_ExactStream(body)).data_section_crc)
            elif self.in_data:
                self.checksum = zlib.crc32(body, zlib.crc32(head, self.checksum))
            self._visit(opcode, body)
            self.offset += _HEAD.size + length
            if opcode == Opcode.FOOTER:
                break
        else:
            raise _Unreadable(f"it holds more than {limit} records")
        if self.stream.read() != MAGIC:
            raise _Unreadable("the footer is not followed by the MCAP magic and the end of the file")

    def _body(self, opcode: int, length: int) -> bytes:
        if opcode == 0:
            raise _Unreadable("a record has the opcode 0, which does not exist")
        left = self.size - self.offset - _HEAD.size
        if length > left:
            raise _Unreadable(f"a record claims {length} bytes, {left} are left")
        limit = MAX_CHUNK_BYTES if opcode in (Opcode.CHUNK, Opcode.ATTACHMENT) else MAX_METADATA_BYTES
        if length > limit:
            raise _Unreadable(f"a record claims {length} bytes, at most {limit} are allowed")
        body = self.stream.read(length)
        if len(body) < length:
            raise _Unreadable("the file shrank while it was read")
        return body

    def _check_data(self, expected: int) -> None:
        """Compare the checksum of everything before the DataEnd record (0: the writer computed none)."""
        self.in_data = False
        if expected in (0, self.checksum):
            return
        for place in self.chunks:  # name the damaged chunk, if it is one
            load_chunk(self.stream, self.file, place)
        raise InputError(f"the data before byte {self.offset} does not match its checksum: damaged", self.file)

    def _visit(self, opcode: int, body: bytes) -> None:
        if opcode == Opcode.CHUNK:
            start_ns, end_ns, expanded_bytes, _ = _CHUNK.unpack_from(body)
            if expanded_bytes > MAX_CHUNK_BYTES:
                raise _Unreadable(f"a chunk claims {expanded_bytes} bytes, at most {MAX_CHUNK_BYTES} are allowed")
            self.chunks.append(ChunkPlace(self.offset, len(body), start_ns, end_ns, expanded_bytes))
        elif opcode == Opcode.METADATA:
            self._visit_metadata(body)
        elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
            self.definitions.learn(opcode, body)
        elif opcode == Opcode.MESSAGE:
            raise UnsupportedError(f"byte {self.offset}: messages outside of chunks are not supported", self.file)

    def _visit_metadata(self, body: bytes) -> None:
        self.metadata_bytes += len(body)
        if self.metadata_bytes > MAX_METADATA_BYTES:
            raise _Unreadable(f"the metadata take more than {MAX_METADATA_BYTES} bytes")
        record = Metadata.read(_ExactStream(body))
        if record.name in self.metadata:
            raise _Unreadable(f"the metadata {record.name[:100]!r} are there twice")
        self.metadata[record.name] = record.metadata

    def drop_torn_chunk(self) -> None:
        """The last chunk of an unfinished file may have its place on the disk, but not yet all its bytes."""
        if self.chunks:
            try:
                load_chunk(self.stream, self.file, self.chunks[-1])
            except InputError:
                del self.chunks[-1]


# --- chunks -----------------------------------------------------------------------------------------------------------


def load_chunk(stream: BinaryIO, file: Path, place: ChunkPlace) -> bytes:
    """Unpack a chunk.

    Raises:
        InputError: it does not unpack to the size it claims, or its checksum is wrong.
        UnsupportedError: it is compressed by something else than zstd.
    """
    stream.seek(place.offset + _HEAD.size)
    try:
        chunk = Chunk.read(_ExactStream(stream.read(place.length)))
        if chunk.compression not in ("", "zstd"):
            raise UnsupportedError(f"byte {place.offset}: chunks compressed by {chunk.compression[:20]!r}", file)
        data = chunk.data if chunk.compression == "" else _unpack(chunk.data, place.expanded_bytes)
    except _MALFORMED as error:
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


def messages_of(found: Survey, definitions: Definitions, places: tuple[ChunkPlace, ...]) -> Iterator[StoredMessage]:
    """The messages of the given chunks as they stand in the file; schemas and channels go to `definitions`.

    Raises:
        InputError: a chunk is damaged; the error names its byte offset.
    """
    budget = _FREE_MESSAGES + found.size // _BYTES_PER_MESSAGE
    with _open(found.file) as stream:
        for place in places:
            data = load_chunk(stream, found.file, place)
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
            except _MALFORMED as error:
                raise InputError(f"the chunk at byte {place.offset} is damaged: {error}", found.file) from error


def _split(data: bytes, definitions: Definitions) -> Iterator[StoredMessage]:
    position = 0
    while position < len(data):
        opcode, length = _HEAD.unpack_from(data, position)
        begin = position + _HEAD.size
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
