"""Drives on disk: MCAP files with one channel a topic, Protobuf payloads, zstd chunks of 64 KiB.

In: messages with their envelopes, in the order in which they were published; out: the same again, in the same order.
The container's log time is the envelope's `published_ns`; all else that ordering and hashes need stands in the payload.
A file is written at its final place, a whole chunk at a time, so that a killed writer leaves every closed chunk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import foxglove
from foxglove.mcap import MCAPCompression, MCAPWriteOptions

from bus.codec import decode, encode, schema_of, type_of
from bus.mcap_chunks import Definitions, messages_of
from bus.mcap_survey import Survey, survey
from bus.messages import Envelope, Message
from bus.topics import topic_of
from geometry.errors import ContractError, InputError

CHUNK_BYTES = 64 * 1024


# --- writing ----------------------------------------------------------------------------------------------------------


class _Sink:
    """The file below the MCAP writer, which swallows errors: the first one is kept here, and nothing follows it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: OSError | None = None
        try:
            self._file = FileIO(path, "xb")
        except FileExistsError as error:
            raise InputError("the recording exists already; remove it or choose another place", path) from error
        except OSError as error:
            raise InputError(f"cannot create the recording: {error.strerror}", path) from error

    def write(self, data: bytes) -> int:
        if self.error is not None:
            raise self.error
        left = memoryview(data)
        try:
            while left:  # a raw file may take less than it is given
                left = left[self._file.write(left) or 0 :]
        except OSError as error:
            self.error = error
            raise
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def flush(self) -> None:
        """Nothing is buffered."""

    def close(self) -> None:
        self._file.close()


class _Hash:
    """SHA-256 of a sequence of payloads; their lengths are hashed too, so that no two sequences read alike."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self._sha.update(len(data).to_bytes(8, "little"))
        self._sha.update(data)

    def hex(self) -> str:
        return self._sha.hexdigest()


@dataclass(slots=True)
class _Track:
    """One topic of the file being written."""

    kind: type[Message]
    channel: foxglove.Channel | None
    """None for topics that are not recorded."""
    digest: _Hash = field(default_factory=_Hash)


class Recorder:
    """Writes one drive. Use it in a `with` block, or `close` it; without either only closed chunks are on the disk."""

    def __init__(self, sink: _Sink, metadata: Mapping[str, Mapping[str, str]]) -> None:
        """Use `Recorder.create`."""
        self._sink = sink
        self._tracks: dict[str, _Track] = {}
        self._context = foxglove.Context()
        self._closed = False
        options = MCAPWriteOptions(
            compression=MCAPCompression.Zstd,
            chunk_size=CHUNK_BYTES,
            compression_threads=0,
            disable_seeking=True,  # a chunk goes to the file whole, never with a head that is patched later
            profile="lanewise",
        )
        self._writer = foxglove.open_mcap(sink, context=self._context, writer_options=options)  # type: ignore[arg-type]
        for name, entries in metadata.items():
            self._writer.write_metadata(name, dict(entries))
        self._check()

    @staticmethod
    def create(path: Path, metadata: Mapping[str, Mapping[str, str]]) -> Recorder:
        """A new file that begins with the metadata (name to entries; a name without entries is not kept).

        Raises:
            InputError: the file exists already or cannot be created.
        """
        return Recorder(_Sink(path), metadata)

    def write(self, envelope: Envelope, message: Message) -> None:
        """Append a message; topics whose row says so are skipped.

        Raises:
            ContractError: the message does not fit its topic, or the recorder is closed.
            InputError: the disk is full or the file cannot be written any more.
        """
        track = self._tracks.get(envelope.topic)
        if track is None:
            track = self._tracks[envelope.topic] = self._open_track(envelope.topic)
        if type(message) is not track.kind:
            raise ContractError(f"{envelope.topic} carries {track.kind.__name__}, not {type(message).__name__}")
        if self._closed:
            raise ContractError(f"the recorder of {self._sink.path} is closed")
        if track.channel is None:
            return
        if envelope.published_ns < 0:
            raise ContractError(f"{envelope.topic} was published at {envelope.published_ns} ns, before time 0")
        data = encode(message, envelope)
        track.channel.log(data, log_time=envelope.published_ns)
        track.digest.add(data)
        self._check()

    def _open_track(self, topic: str) -> _Track:
        try:
            kind = type_of(topic)
        except InputError as error:
            raise ContractError(str(error)) from error
        if not topic_of(topic).recorded:
            return _Track(kind, None)
        name, data = schema_of(kind)
        schema = foxglove.Schema(name=name, encoding="protobuf", data=data)
        return _Track(kind, foxglove.Channel(topic, message_encoding="protobuf", schema=schema, context=self._context))

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the payloads of each topic so far, as `digests(path)` finds them in the closed file."""
        recorded = sorted((topic, track) for topic, track in self._tracks.items() if track.channel is not None)
        return {topic: track.digest.hex() for topic, track in recorded}

    def close(self) -> None:
        """Write the open chunk and the index. Closing twice does nothing.

        Raises:
            InputError: the disk is full; the chunks written before stay readable.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._writer.close()
        except Exception as error:  # the writer wraps the file's error in one of its own
            self._check()
            raise InputError(f"cannot finish the recording: {error}", self._sink.path) from error
        finally:
            self._sink.close()
        self._check()

    def _check(self) -> None:
        error = self._sink.error
        if error is not None:
            hint = "free some space or choose another disk; what was written before stays readable"
            raise InputError(f"cannot write the recording: {error.strerror}; {hint}", self._sink.path) from error

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A recorded message; `data` are its bytes as recorded."""

    envelope: Envelope
    message: Message
    data: bytes


class RawRecord(NamedTuple):
    """A recorded message that was not decoded; `schema` is the full name of its Protobuf type."""

    topic: str
    schema: str
    published_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class TopicSummary:
    """What a recording holds of one topic. `rate_hz` is None for less than two messages or no time between them."""

    topic: str
    type: str
    count: int
    first_ns: int
    last_ns: int
    rate_hz: float | None


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded drive. The file is opened anew for each pass and never held."""

    path: Path
    survey: Survey

    @staticmethod
    def open(path: Path) -> Recording:
        """Survey a file; an unfinished one is recovered up to its last closed chunk.

        Raises:
            InputError: the file is missing, is no MCAP file, or was finished and is damaged since.
        """
        return Recording(path, survey(path))

    @property
    def recovered(self) -> bool:
        """Whether the file was never finished, so that it may lack the end of the drive."""
        return bool(self.survey.damage)

    @property
    def damage(self) -> str:
        """Where and why an unfinished file breaks off; empty for a whole one."""
        return self.survey.damage

    @property
    def metadata(self) -> dict[str, dict[str, str]]:
        """Metadata by name, as handed to `Recorder.create`."""
        return {name: dict(entries) for name, entries in self.survey.metadata.items()}

    @property
    def end_ns(self) -> int:
        """When the last message was published; 0 for an empty drive."""
        return max((place.end_ns for place in self.survey.chunks), default=0)

    def raw(
        self, topics: Iterable[str] | None = None, start_ns: int | None = None, end_ns: int | None = None
    ) -> Iterator[RawRecord]:
        """Messages published in [start_ns, end_ns) in recorded order, not decoded.

        Raises:
            InputError: the file is damaged; the error names the byte offset.
        """
        wanted = None if topics is None else frozenset(topics)
        first_ns = 0 if start_ns is None else start_ns
        last_ns = self.end_ns if end_ns is None else end_ns - 1
        for record in self._stored(first_ns, last_ns):
            if first_ns <= record.published_ns <= last_ns and (wanted is None or record.topic in wanted):
                yield record

    def messages(
        self, topics: Iterable[str] | None = None, start_ns: int | None = None, end_ns: int | None = None
    ) -> Iterator[Record]:
        """Messages published in [start_ns, end_ns) in recorded order, each decoded when it is asked for.

        Raises:
            InputError: the file is damaged, or a message is not what its topic carries.
        """
        for raw in self.raw(topics, start_ns, end_ns):
            try:
                yield _decoded(raw)
            except InputError as error:
                raise InputError(f"message published at {raw.published_ns} ns: {error}", self.path) from error

    def topics(self) -> tuple[TopicSummary, ...]:
        """Counts, times and rates per topic, by name; reads the whole file once."""
        schemas: dict[str, str] = {}
        times_ns: dict[str, tuple[int, int, int]] = {}
        for raw in self.raw():
            count, first_ns, last_ns = times_ns.get(raw.topic, (0, raw.published_ns, raw.published_ns))
            times_ns[raw.topic] = (count + 1, min(first_ns, raw.published_ns), max(last_ns, raw.published_ns))
            schemas[raw.topic] = raw.schema
        return tuple(_summary(topic, schemas[topic], *times_ns[topic]) for topic in sorted(schemas))

    def _stored(self, first_ns: int, last_ns: int) -> Iterator[RawRecord]:
        """All messages of the chunks that reach into [first_ns, last_ns]."""
        known, chunks = self.survey.definitions, self.survey.chunks
        definitions = Definitions(dict(known.schemas), dict(known.channels))
        wanted = tuple(place for place in chunks if place.end_ns >= first_ns and place.start_ns <= last_ns)
        for message in messages_of(self.path, wanted, definitions):
            channel = definitions.channels.get(message.channel_id)
            if channel is None:  # defined in a chunk that was left out, in a file without summary
                for _ in messages_of(self.path, chunks, definitions):
                    pass
                channel = definitions.channels.get(message.channel_id)
            if channel is None:
                raise InputError(f"a message names the channel {message.channel_id}, which does not exist", self.path)
            schema = definitions.schemas.get(channel.schema_id, "")
            yield RawRecord(channel.topic, schema, message.log_ns, message.data)


def _decoded(raw: RawRecord) -> Record:
    expected, _ = schema_of(type_of(raw.topic))
    if raw.schema != expected:
        raise InputError(f"{raw.topic} holds messages of the type {raw.schema!r}, expected {expected!r}")
    envelope, message = decode(raw.topic, raw.data)
    if envelope.published_ns != raw.published_ns:
        raise InputError(f"{raw.topic} holds a message that was published at {envelope.published_ns} ns")
    return Record(envelope, message, raw.data)


def _summary(topic: str, kind: str, count: int, first_ns: int, last_ns: int) -> TopicSummary:
    rate_hz = (count - 1) / ((last_ns - first_ns) * 1e-9) if last_ns > first_ns else None
    return TopicSummary(topic, kind, count, first_ns, last_ns, rate_hz)


# --- hashes -----------------------------------------------------------------------------------------------------------


def digests(path: Path) -> dict[str, str]:
    """SHA-256 of the payloads of each topic of a recording, by topic name.

    Raises:
        InputError: the file is damaged or unreadable.
    """
    found: dict[str, _Hash] = {}
    for record in Recording.open(path).raw():
        found.setdefault(record.topic, _Hash()).add(record.data)
    return {topic: found[topic].hex() for topic in sorted(found)}


def drive_hash(topic_digests: Mapping[str, str]) -> str:
    """One SHA-256 over the topics' names and digests in order of name: equal for equal drives."""
    total = hashlib.sha256()
    for topic in sorted(topic_digests):
        total.update(f"{topic} {topic_digests[topic]}\n".encode())
    return total.hexdigest()
