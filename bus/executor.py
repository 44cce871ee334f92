"""The ordered executor: one thread, one queue, simulated time; the reason why the same seed gives the same bytes.

Events are ordered by (time, priority of the speaker or of the node to call, call before delivery, name, topic,
sequence).
Each message goes to the sink (the recorder) when it is published and to its readers when it is received. A node that
raises or publishes non-finite values keeps its old memory, and the fault is reported on `/diagnostics`; late, repeated
and reordered messages are refused and reported.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bus.finite import first_non_finite
from bus.messages import Diagnostic, Envelope, Level, Message, NodeState
from bus.node import Node, Publication, Received, Tick
from bus.topics import STATE_PREFIX, topic_of
from geometry.errors import ContractError

SNAPSHOT_PERIOD_NS = 5_000_000_000
"""How often the memory of every node is recorded."""

Sink = Callable[[Envelope, Message], None]
MemoryEncoder = Callable[[Any], bytes]

_CALL, _DELIVERY, _SNAPSHOT = 0, 1, 2
_LAST = 1_000_000
_SUPERVISOR = "executor"


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a replay goes on: the instant, memories and generators of the nodes, and what was said up to then."""

    now_ns: int
    memories: Mapping[str, Any]
    generators: Mapping[str, np.random.Generator]
    history: tuple[Received, ...]
    """In recorded order, of each (publisher, topic): the newest message received, and all still on their way."""


@dataclass(slots=True)
class _Slot:
    """What the executor keeps beside a node."""

    node: Node
    memory: Any
    rng: np.random.Generator
    inbox: dict[str, Received] = field(default_factory=dict)


@dataclass(slots=True)
class Executor:
    """Runs nodes in simulated time.

    `outside` maps the names of publishers that are not run here (replayed sources) to their priorities.

    Raises:
        ContractError: two nodes share a name or publish the same topic, or a node names an unknown topic.
    """

    nodes: tuple[Node, ...]
    seed: int
    sink: Sink
    encode_memory: MemoryEncoder
    encode_generator: Callable[[np.random.Generator], bytes]
    outside: Mapping[str, int] = field(default_factory=dict)
    now_ns: int = 0
    _queue: list[tuple[Any, ...]] = field(default_factory=list)
    _pushed: int = 0
    _slots: dict[str, _Slot] = field(default_factory=dict)
    _readers: dict[str, list[_Slot]] = field(default_factory=dict)
    _sequences: dict[tuple[str, str], int] = field(default_factory=dict)
    _heard: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        speakers: dict[str, str] = {}
        for node in sorted(self.nodes, key=lambda n: (n.priority, n.name)):
            if node.name in self._slots:
                raise ContractError(f"two nodes are named {node.name}")
            self._check_topics(node)
            for topic in node.outputs:
                if topic_of(topic).shared:
                    continue
                if speakers.setdefault(topic, node.name) != node.name:
                    raise ContractError(f"both {speakers[topic]} and {node.name} publish {topic}")
            slot = _Slot(node, node.memory, generator_for(self.seed, node.name))
            self._slots[node.name] = slot
            for topic in node.inputs:
                self._readers.setdefault(topic, []).append(slot)
            if node.period_ns is not None:
                self._push_call(0, slot, None)
        self._push_snapshot(SNAPSHOT_PERIOD_NS)

    def _check_topics(self, node: Node) -> None:
        for topic in (*node.inputs, *node.outputs):
            try:
                topic_of(topic)
            except KeyError:
                unknown = f"node {node.name} names the topic {topic}, which bus/topics.py does not list"
                raise ContractError(unknown) from None
        for topic in node.triggers:
            if topic not in node.inputs:
                raise ContractError(f"node {node.name} is triggered by {topic}, which is not among its inputs")

    # --- time ---

    def run_until(self, end_ns: int) -> None:
        """Process every event up to and including `end_ns`."""
        queue = self._queue
        while queue and queue[0][0] <= end_ns:
            event = heapq.heappop(queue)
            self.now_ns, phase = event[0], event[2]
            if phase == _CALL:
                self._call(event[7], event[8])
            elif phase == _DELIVERY:
                self._deliver(event[7])
            else:
                self._snapshot()
        self.now_ns = max(self.now_ns, end_ns)

    def inject(self, received: Received) -> None:
        """Queue a message of a publisher that is not run here; it is also recorded, at its turn.

        One that should have arrived before now takes its turn at once, to be refused: time never runs backwards.
        """
        self._push_delivery(received)

    # --- events ---

    def _push_call(self, at_ns: int, slot: _Slot, trigger: Received | None) -> None:
        topic, sequence = ("", 0) if trigger is None else (trigger.envelope.topic, trigger.envelope.sequence)
        self._push((at_ns, slot.node.priority, _CALL, slot.node.name, topic, sequence), slot, trigger)

    def _push_delivery(self, received: Received) -> None:
        envelope = received.envelope
        slot = self._slots.get(envelope.publisher)
        priority = slot.node.priority if slot is not None else self.outside.get(envelope.publisher, _LAST - 1)
        at_ns = max(envelope.received_ns, self.now_ns)
        self._push((at_ns, priority, _DELIVERY, envelope.publisher, envelope.topic, envelope.sequence), received)

    def _push_snapshot(self, at_ns: int) -> None:
        self._push((at_ns, _LAST, _SNAPSHOT, _SUPERVISOR, "", 0))

    def _push(self, key: tuple[int, int, int, str, str, int], *what: Any) -> None:
        """Queue an event; what is repeated at one instant keeps the order in which it came."""
        self._pushed += 1
        heapq.heappush(self._queue, (*key, self._pushed, *what))

    def _call(self, slot: _Slot, trigger: Received | None) -> None:
        node = slot.node
        if trigger is None and node.period_ns is not None:
            self._push_call(self.now_ns + node.period_ns, slot, None)
        tick = Tick(self.now_ns, slot.inbox, trigger, slot.rng)
        try:
            memory, publications = node.step(slot.memory, tick)
            self._check(node, publications)
        except Exception as error:  # a node must never take the bus down with it, whatever it raises
            if node.essential:
                raise
            self._report(node.name, f"{type(error).__name__}: {error}")
            return
        slot.memory = memory
        for publication in publications:
            self._publish(node, publication)

    def _check(self, node: Node, publications: Iterable[Publication]) -> None:
        for publication in publications:
            if publication.topic not in node.outputs:
                raise ContractError(f"published on {publication.topic}, which is not among its outputs")
            expected = topic_of(publication.topic).type
            found = type(publication.message)
            if found is not expected:
                raise ContractError(f"{publication.topic} carries {expected.__name__}, not {found.__name__}")
            if publication.measured_ns is not None and publication.measured_ns > self.now_ns:
                raise ContractError(f"{publication.topic} was measured at {publication.measured_ns} ns, in the future")
            field_name = first_non_finite(publication.message)
            if field_name is not None:
                raise ContractError(f"{publication.topic}.{field_name} is not finite; the message was withheld")

    def _publish(self, node: Node, publication: Publication) -> None:
        measured_ns = self.now_ns if publication.measured_ns is None else publication.measured_ns
        envelope = self._envelope(publication.topic, node.name, measured_ns, self.now_ns + node.latency_ns)
        self._send(Received(envelope, publication.message))

    def _envelope(self, topic: str, publisher: str, measured_ns: int, received_ns: int) -> Envelope:
        key = (publisher, topic)
        sequence = self._sequences.get(key, 0)
        self._sequences[key] = sequence + 1
        return Envelope(topic, publisher, sequence, measured_ns, self.now_ns, received_ns)

    def _send(self, received: Received) -> None:
        self.sink(received.envelope, received.message)
        if received.envelope.topic in self._readers:
            self._push_delivery(received)

    def _deliver(self, received: Received) -> None:
        envelope = received.envelope
        if envelope.publisher not in self._slots and envelope.publisher != _SUPERVISOR:
            self.sink(envelope, received.message)
            fault = self._fault_of(received)
            if fault is not None:
                self._report(_SUPERVISOR, fault)
                return
        for slot in self._readers.get(envelope.topic, ()):
            slot.inbox[envelope.topic] = received
            if envelope.topic in slot.node.triggers:
                self._push_call(self.now_ns, slot, received)

    def _fault_of(self, received: Received) -> str | None:
        """Why a message from outside has to be refused: repeated, reordered, late, from the future, or not finite."""
        envelope = received.envelope
        refused = f"{envelope.topic} #{envelope.sequence} of {envelope.publisher} refused"
        key = (envelope.publisher, envelope.topic)
        newest = self._heard.get(key, -1)
        if envelope.sequence <= newest:
            kind = "repeated" if envelope.sequence == newest else "reordered"
            return f"{refused}: {kind}, #{newest} was heard before"
        if envelope.received_ns < self.now_ns:
            return f"{refused}: late, it should have arrived {(self.now_ns - envelope.received_ns) * 1e-9:.3f} s ago"
        if envelope.measured_ns > envelope.received_ns:
            return f"{refused}: measured after it was received"
        field_name = first_non_finite(received.message)
        if field_name is not None:
            return f"{refused}: {field_name} is not finite"
        self._heard[key] = envelope.sequence
        return None

    def _report(self, node: str, text: str) -> None:
        envelope = self._envelope("/diagnostics", _SUPERVISOR, self.now_ns, self.now_ns)
        self._send(Received(envelope, Diagnostic(node, Level.ERROR, text)))

    # --- snapshots ---

    def _snapshot(self) -> None:
        for slot in self._slots.values():
            if slot.node.snapshot:
                name = slot.node.name
                state = NodeState(name, self.encode_memory(slot.memory), self.encode_generator(slot.rng))
                envelope = self._envelope(STATE_PREFIX + name, _SUPERVISOR, self.now_ns, self.now_ns)
                self.sink(envelope, state)
        self._push_snapshot(self.now_ns + SNAPSHOT_PERIOD_NS)

    def resume(self, resume: Resume) -> None:
        """Take up a recorded drive right after the snapshot at `resume.now_ns`; call before `run_until`."""
        self.now_ns = resume.now_ns
        self._queue.clear()
        for slot in self._slots.values():
            name, period_ns = slot.node.name, slot.node.period_ns
            slot.memory = resume.memories.get(name, slot.memory)
            slot.rng = resume.generators.get(name, slot.rng)
            if period_ns is not None:
                self._push_call((resume.now_ns // period_ns + 1) * period_ns, slot, None)
        self._push_snapshot((resume.now_ns // SNAPSHOT_PERIOD_NS + 1) * SNAPSHOT_PERIOD_NS)
        for received in resume.history:
            self._recall(received)

    def _recall(self, received: Received) -> None:
        envelope = received.envelope
        key = (envelope.publisher, envelope.topic)
        self._sequences[key] = max(self._sequences.get(key, 0), envelope.sequence + 1)
        if envelope.received_ns > self.now_ns:
            if envelope.publisher in self._slots and envelope.topic in self._readers:
                self._push_delivery(received)
            return
        self._heard[key] = max(self._heard.get(key, -1), envelope.sequence)
        for slot in self._readers.get(envelope.topic, ()):
            slot.inbox[envelope.topic] = received


def generator_for(seed: int, name: str) -> np.random.Generator:
    """A node's own generator: depends on the run's seed and the node's name alone."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(name.encode())])))
