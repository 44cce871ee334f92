"""The container level of reading: walks an MCAP file under limits, whatever it claims about itself.

In: a file; out: where its chunks lie, its metadata and channels, and where it breaks off if it was never finished. The
file's own index is not trusted and not needed: the walk visits each record head once and verifies the checksum of the
data section; so an unfinished file (killed writer, full disk) opens like a finished one, up to where it breaks off.
Every declared size is checked before anything of that size is allocated. Format: https://mcap.dev/spec.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from mcap import records
from mcap.opcode import Opcode
from mcap.records import DataEnd, Metadata

from bus.mcap_chunks import (
    MALFORMED,
    MAX_CHUNK_BYTES,
    RECORD_HEAD,
    ChunkPlace,
    Definitions,
    ExactStream,
    Unreadable,
    load_chunk,
    open_file,
)
from geometry.errors import InputError, UnsupportedError

MAGIC = b"\x89MCAP0\r\n"

MAX_METADATA_BYTES = 4 * 2**20
"""All metadata records together, and any other record that is no chunk."""
_EXPANDED_BYTES = 2**30
_EXPANSION = 400
"""Chunks may unpack to 1 GiB plus 400 times the file, together: far above any drive, far below a bomb."""
_FREE_RECORDS = 100_000
_BYTES_PER_RECORD = 64
"""A file may hold 100 000 records, and more only where it is large enough for them."""

_CHUNK = struct.Struct("<QQQI")
_COUNT = struct.Struct("<I")
_MESSAGE_INDEX = struct.Struct("<HI")
_LONG_RECORDS = {Opcode.STATISTICS: (42, 46), Opcode.CHUNK_INDEX: (32, 64)}
"""Where these records say how many bytes their table has, and how many all else takes, without the name of a codec."""
_MAX_CODEC_NAME = 8
_SHORT_RECORDS: dict[int, Any] = {
    Opcode.HEADER: records.Header,
    Opcode.FOOTER: records.Footer,
    Opcode.DATA_END: records.DataEnd,
    Opcode.ATTACHMENT_INDEX: records.AttachmentIndex,
    Opcode.METADATA_INDEX: records.MetadataIndex,
    Opcode.SUMMARY_OFFSET: records.SummaryOffset,
}


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


# --- walk -------------------------------------------------------------------------------------------------------------


def survey(file: Path) -> Survey:
    """Walk through a file.

    Raises:
        InputError: the file is no MCAP file, or it was finished and is damaged since.
    """
    with open_file(file) as stream:
        walk = _Walk(stream, file, os.fstat(stream.fileno()).st_size)
        walk.start()
        try:
            walk.run()
        except MALFORMED as error:
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
        """Visit all records up to the footer; raises one of `MALFORMED` at the first that cannot be."""
        limit = _FREE_RECORDS + self.size // _BYTES_PER_RECORD
        for _ in range(limit):
            head = self.stream.read(RECORD_HEAD.size)
            if len(head) < RECORD_HEAD.size:
                raise Unreadable("the footer is missing")
            opcode, length = RECORD_HEAD.unpack(head)
            body = self._body(opcode, length)
            if opcode == Opcode.DATA_END:
                self._check_data(DataEnd.read(ExactStream(body)).data_section_crc)
            elif self.in_data:
                self.checksum = zlib.crc32(body, zlib.crc32(head, self.checksum))
            self._visit(opcode, body)
            self.offset += RECORD_HEAD.size + length
            if opcode == Opcode.FOOTER:
                break
        else:
            raise Unreadable(f"it holds more than {limit} records")
        if self.stream.read(len(MAGIC) + 1) != MAGIC:
            raise Unreadable("the footer is not followed by the MCAP magic and the end of the file")

    def _body(self, opcode: int, length: int) -> bytes:
        left = self.size - self.offset - RECORD_HEAD.size
        if length > left:
            raise Unreadable(f"a record claims {length} bytes, {left} are left")
        limit = MAX_CHUNK_BYTES if opcode in (Opcode.CHUNK, Opcode.ATTACHMENT) else MAX_METADATA_BYTES
        if length > limit:
            raise Unreadable(f"a record claims {length} bytes, at most {limit} are allowed")
        body = self.stream.read(length)
        if len(body) < length:
            raise Unreadable("the file shrank while it was read")
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
        if not self.in_data and opcode in (Opcode.CHUNK, Opcode.METADATA):
            raise Unreadable("a record of the data section stands behind its end")
        if opcode == Opcode.CHUNK:
            start_ns, end_ns, expanded_bytes, _ = _CHUNK.unpack_from(body)
            if expanded_bytes > MAX_CHUNK_BYTES:
                raise Unreadable(f"a chunk claims {expanded_bytes} bytes, at most {MAX_CHUNK_BYTES} are allowed")
            self.chunks.append(ChunkPlace(self.offset, len(body), start_ns, end_ns, expanded_bytes))
        elif opcode == Opcode.METADATA:
            self._visit_metadata(body)
        elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
            self.definitions.learn(opcode, body)
        elif opcode == Opcode.MESSAGE:
            raise UnsupportedError(f"byte {self.offset}: messages outside of chunks are not supported", self.file)
        elif opcode == Opcode.MESSAGE_INDEX:
            self._check_message_index(body)
        elif opcode != Opcode.ATTACHMENT:
            _check_unused(opcode, body)

    def _check_message_index(self, body: bytes) -> None:
        """An index is not needed, but a chunk whose opcode lost a bit shall not pass for one."""
        _, table_bytes = _MESSAGE_INDEX.unpack_from(body)
        if table_bytes != len(body) - _MESSAGE_INDEX.size or table_bytes % 16:
            raise Unreadable(f"a message index of {len(body)} bytes claims {table_bytes}")
        if not table_bytes:
            return
        log_ns, offset = np.frombuffer(body, dtype="<u8", offset=_MESSAGE_INDEX.size).reshape(-1, 2).T
        chunk = self.chunks[-1] if self.chunks else ChunkPlace(0, 0, 0, 0, 0)
        if log_ns.min() < chunk.start_ns or log_ns.max() > chunk.end_ns or offset.max() >= chunk.expanded_bytes:
            raise Unreadable("a message index does not fit the chunk before it")

    def _visit_metadata(self, body: bytes) -> None:
        self.metadata_bytes += len(body)
        if self.metadata_bytes > MAX_METADATA_BYTES:
            raise Unreadable(f"the metadata take more than {MAX_METADATA_BYTES} bytes")
        record = Metadata.read(ExactStream(body))
        if record.name in self.metadata:
            raise Unreadable(f"the metadata {record.name[:100]!r} are there twice")
        self.metadata[record.name] = record.metadata

    def drop_torn_chunk(self) -> None:
        """The last chunk of an unfinished file may have its place on the disk, but not yet all its bytes."""
        if self.chunks:
            try:
                load_chunk(self.stream, self.file, self.chunks[-1])
            except InputError:
                del self.chunks[-1]


def _check_unused(opcode: int, body: bytes) -> None:
    """Other records that are not needed must still be what they claim."""
    if opcode in _LONG_RECORDS:
        position, fixed = _LONG_RECORDS[Opcode(opcode)]
        table = _COUNT.unpack_from(body, position)[0]
        if not 0 <= len(body) - fixed - table <= _MAX_CODEC_NAME:
            raise Unreadable(f"a record with opcode {opcode} has {len(body)} bytes, {table} of them in its table")
        return
    kind = _SHORT_RECORDS.get(opcode)
    if kind is None:
        raise Unreadable(f"a record has the opcode {opcode}, which does not exist")
    parts = ExactStream(body)
    kind.read(parts)
    if parts.count != len(body):
        raise Unreadable(f"a {kind.__name__} record has {len(body)} bytes, its fields {parts.count}")
