"""Drive a recorded drive again: chosen nodes run anew on what the others said then, and the two are compared.

In: a recording of `lanewise run`. Out: `Comparison`: a hash per topic then and now, and the first difference.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from bus.codec import decode, encode
from bus.executor import SNAPSHOT_PERIOD_NS, Executor, Resume
from bus.memory import decode_generator, decode_memory, encode_generator, encode_memory
from bus.messages import Envelope, Message, NodeState
from bus.node import Node, Received
from bus.recording import Record, Recording
from bus.topics import STATE_PREFIX
from geometry.errors import InputError
from lanewise.assignment import Assignment
from lanewise.config import RunConfig
from lanewise.stack import sensor_nodes, stack_nodes

SLICE_NS = 1_000_000_000
"""Recorded messages are fed in stretches of this length, so that memory stays bounded."""

SOURCE_PRIORITY = 0
"""A replayed publisher speaks first in its instant, as the simulator does."""

SUPERVISOR = "executor"

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a topic first differs from the recording: the message's place and the field with both values."""

    topic: str
    t_s: float
    sequence: int
    what: str


@dataclass(frozen=True, slots=True)
class TopicComparison:
    """One topic: messages and SHA-256 of their payloads, in the recording and now."""

    topic: str
    recorded_count: int
    replayed_count: int
    recorded_hash: str
    replayed_hash: str

    @property
    def same(self) -> bool:
        """Whether all payloads are equal."""
        return self.recorded_hash == self.replayed_hash


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of a replay: all topics that the run nodes publish, and the earliest difference if there is one."""

    start_s: float
    end_s: float
    nodes: tuple[str, ...]
    topics: tuple[TopicComparison, ...]
    first: Difference | None

    @property
    def same(self) -> bool:
        """Whether the replay is bit-identical."""
        return all(topic.same for topic in self.topics)


@dataclass(slots=True)
class _Track:
    """A topic while it is compared: what the recording has to say next, and counts and hashes so far."""

    expected: deque[Record] = field(default_factory=deque)
    recorded_count: int = 0
    replayed_count: int = 0
    recorded: Any = field(default_factory=hashlib.sha256)
    replayed: Any = field(default_factory=hashlib.sha256)
    first: Difference | None = None


def snapshots_s(recording: Recording) -> tuple[float, ...]:
    """The instants from which a replay can start, beside 0: those at which the state of the nodes was recorded."""
    times = {raw.published_ns for raw in recording.raw() if raw.topic.startswith(STATE_PREFIX)}
    return tuple(time * 1e-9 for time in sorted(times))


def replay(
    recording: Recording, config: RunConfig, assignment: Assignment, only: Sequence[str], start_s: float,
    progress: Progress,
) -> Comparison:  # fmt: skip
    """Run nodes again on a recorded drive.

    Args:
        recording: the drive.
        config: its configuration, perhaps changed.
        assignment: its map, vehicle and mission.
        only: names of the nodes to run; empty for the whole stack. All others are replayed.
        start_s: 0, or an instant after the first snapshot; the replay begins at the last snapshot up to then.
        progress: called with the drive's time.

    Raises:
        InputError: no such node, no snapshot up to `start_s`, or a damaged recording.
    """
    context = assignment.context(config.planner.period_s)
    stack = stack_nodes(config, context)
    nodes = _chosen(stack, only)
    names = {node.name for node in nodes}
    begin_ns = _begin_ns(recording, start_s)
    tracks: dict[str, _Track] = {}
    # What was said at one instant comes in the same order as it did: devices after the simulator, by their priorities.
    said_at = {node.name: node.priority for node in (*sensor_nodes(config, context), *stack)}
    outside = {name: said_at.get(name, SOURCE_PRIORITY) for name in _publishers(recording) - names - {SUPERVISOR}}
    executor = Executor(
        nodes, config.seed, lambda envelope, message: _compare(tracks, names, envelope, message),
        encode_memory, encode_generator, outside,
    )  # fmt: skip
    if begin_ns > 0:
        executor.resume(_resume(recording, begin_ns, names))
    end_ns = recording.end_ns
    for at_ns in range(begin_ns, end_ns + 1, SLICE_NS):
        _feed(recording, executor, tracks, names, (at_ns, at_ns + SLICE_NS), begin_ns)
        executor.run_until(min(at_ns + SLICE_NS - 1, end_ns))
        progress(executor.now_ns * 1e-9)
    return _outcome(tracks, tuple(sorted(names)), begin_ns, end_ns)


def _chosen(nodes: tuple[Node, ...], only: Sequence[str]) -> tuple[Node, ...]:
    known = [node.name for node in nodes]
    for name in only:
        if name not in known:
            raise InputError(f"there is no node {name!r} in the stack; there are {', '.join(known)}")
    return tuple(node for node in nodes if not only or node.name in only)


def _begin_ns(recording: Recording, start_s: float) -> int:
    if start_s <= 0.0:
        return 0
    usable = [time for time in snapshots_s(recording) if time <= start_s + 1e-9]
    if not usable:
        raise InputError(
            f"no snapshot lies before {start_s:g} s; the first is at {SNAPSHOT_PERIOD_NS * 1e-9:g} s, or start at 0",
            recording.path,
        )
    return round(usable[-1] * 1e9)


def _publishers(recording: Recording) -> set[str]:
    """Everybody who speaks in the recording."""
    return {record.envelope.publisher for record in recording.messages()}


def _is_ours(envelope: Envelope, names: set[str]) -> bool:
    """Whether a message is one that the replay makes itself: of a node that runs, or of the executor about one."""
    if envelope.publisher != SUPERVISOR:
        return envelope.publisher in names
    return envelope.topic.startswith(STATE_PREFIX) and envelope.topic.removeprefix(STATE_PREFIX) in names


def _resume(recording: Recording, begin_ns: int, names: set[str]) -> Resume:
    """Memories at the snapshot; of each topic the newest message received by then, and all still on their way."""
    memories: dict[str, Any] = {}
    generators: dict[str, np.random.Generator] = {}
    newest: dict[tuple[str, str], Received] = {}
    underway: list[Received] = []
    for record in recording.messages(end_ns=begin_ns + 1):
        envelope, message = record.envelope, record.message
        if isinstance(message, NodeState) and envelope.published_ns == begin_ns and message.node in names:
            memories[message.node] = decode_memory(message.memory)
            generators[message.node] = decode_generator(message.generator)
        received = Received(envelope, message)
        if envelope.received_ns > begin_ns:
            underway.append(received)
        else:
            newest[(envelope.publisher, envelope.topic)] = received
    return Resume(begin_ns, memories, generators, (*newest.values(), *underway))


def _feed(
    recording: Recording, executor: Executor, tracks: dict[str, _Track], names: set[str], span_ns: tuple[int, int],
    begin_ns: int,
) -> None:  # fmt: skip
    """Hand what was published in [from, to) to the executor, or to the comparison where the replay makes it itself."""
    for record in recording.messages(start_ns=span_ns[0], end_ns=span_ns[1]):
        envelope = record.envelope
        if begin_ns > 0 and envelope.published_ns <= begin_ns:
            if not _is_ours(envelope, names) and envelope.received_ns > begin_ns:
                executor.inject(Received(envelope, record.message))
        elif _is_ours(envelope, names):
            _expect(tracks.setdefault(envelope.topic, _Track()), record)
        elif envelope.publisher != SUPERVISOR:
            executor.inject(Received(envelope, record.message))


def _expect(track: _Track, record: Record) -> None:
    track.recorded.update(record.data)
    track.recorded_count += 1
    if track.first is None:
        track.expected.append(record)


def _compare(tracks: dict[str, _Track], names: set[str], envelope: Envelope, message: Message) -> None:
    if not _is_ours(envelope, names):
        return
    track = tracks.setdefault(envelope.topic, _Track())
    data = encode(message, envelope)
    track.replayed.update(data)
    track.replayed_count += 1
    if track.first is not None:
        return
    if not track.expected:
        track.first = _difference(envelope, "said now, not in the recording")
        return
    record = track.expected.popleft()
    if record.data != data:
        track.first = _difference(record.envelope, _what_differs(record, data))
        track.expected.clear()


def _difference(envelope: Envelope, what: str) -> Difference:
    return Difference(envelope.topic, envelope.published_ns * 1e-9, envelope.sequence, what)


def _outcome(tracks: dict[str, _Track], names: tuple[str, ...], begin_ns: int, end_ns: int) -> Comparison:
    topics = []
    for topic, track in sorted(tracks.items()):
        if track.first is None and track.expected:
            track.first = _difference(track.expected[0].envelope, "in the recording, not said now")
        hashes = track.recorded.hexdigest(), track.replayed.hexdigest()
        topics.append(TopicComparison(topic, track.recorded_count, track.replayed_count, *hashes))
    found = [track.first for track in tracks.values() if track.first is not None]
    first = min(found, key=lambda difference: (difference.t_s, _chain(difference.topic)), default=None)
    return Comparison(begin_ns * 1e-9, end_ns * 1e-9, names, tuple(topics), first)


_CHAIN = ("/localization", "/perception", "/planning", "/control", "/vehicle", "/safety", "/view", "/state")


def _chain(topic: str) -> int:
    """Place of a topic in the data flow, so that of two differences in one instant the cause comes first."""
    return next((i for i, prefix in enumerate(_CHAIN) if topic.startswith(prefix)), len(_CHAIN))


def _what_differs(record: Record, data: bytes) -> str:
    """Compared as read back, so that both sides went through the same encoding."""
    envelope, message = decode(record.envelope.topic, data)
    if envelope != record.envelope:
        return first_difference(record.envelope, envelope)
    return first_difference(record.message, message)


def first_difference(then: Any, now: Any) -> str:
    """Path and both values of the first part in which two values differ."""
    return next(_differences(then, now, ""), "the same values, encoded differently")


def _differences(then: Any, now: Any, path: str) -> Iterator[str]:
    if isinstance(then, np.ndarray) and isinstance(now, np.ndarray):
        if then.shape != now.shape:
            yield f"{path}: shape {then.shape} in the recording, {now.shape} now"
        else:
            for index in np.argwhere(~((then == now) | ((then != then) & (now != now))))[:1]:
                at = tuple(index.tolist())
                yield f"{path}{list(at)}: {then[at].item()!r} in the recording, {now[at].item()!r} now"
    elif is_dataclass(then) and type(then) is type(now) and not isinstance(then, type):
        for item in fields(then):
            inner = f"{path}.{item.name}" if path else item.name
            yield from _differences(getattr(then, item.name), getattr(now, item.name), inner)
    elif isinstance(then, tuple) and isinstance(now, tuple) and len(then) == len(now):
        for i, (a, b) in enumerate(zip(then, now, strict=True)):
            yield from _differences(a, b, f"{path}[{i}]")
    elif isinstance(then, bytes) and isinstance(now, bytes) and then != now:
        yield f"{path}: {_memories(then, now)}"
    elif then != now:
        yield f"{path}: {then!r} in the recording, {now!r} now"


def _memories(then: bytes, now: bytes) -> str:
    """The first difference of two node memories, where the bytes are that."""
    try:
        return first_difference(decode_memory(then), decode_memory(now))
    except InputError:
        return f"{len(then)} bytes in the recording, {len(now)} other bytes now"
