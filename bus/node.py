"""What a node is: a pure function with a declared place in the chain.

A node reads the newest message of each input, keeps its memory as one value that the codec can write, and answers with
the next memory and what it publishes. It reads no clock and draws only from the generator it is handed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bus.messages import Envelope, Message


@dataclass(frozen=True, slots=True)
class Received:
    """A message with its envelope, as a node sees it."""

    envelope: Envelope
    message: Any


@dataclass(frozen=True, slots=True)
class Publication:
    """What a node says. `measured_ns` is when the content was true; None means now."""

    topic: str
    message: Message
    measured_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Why and when a node is called.

    `inputs` holds the newest message of each input topic that has one; `trigger` is the message that caused the call,
    None for a timer.
    """

    now_ns: int
    inputs: Mapping[str, Received]
    trigger: Received | None
    rng: np.random.Generator

    def fresh(self, topic: str, max_age_s: float) -> Any | None:
        """The newest message on `topic`, or None if there is none or it was measured longer ago than `max_age_s`."""
        received = self.inputs.get(topic)
        if received is None or self.now_ns - received.envelope.measured_ns > max_age_s * 1e9:
            return None
        return received.message


Step = Callable[[Any, Tick], tuple[Any, tuple[Publication, ...]]]


@dataclass(frozen=True, slots=True)
class Node:
    """One participant of the bus.

    Called every `period_ns` from t = 0 on (None: never by timer) and for each message on a topic in `triggers`.
    `priority` orders nodes within one instant (low first: the data-flow chain from the simulator to the safety gate).
    What it publishes arrives `latency_ns` later. `snapshot` is False for the world side, which replay does not run. An
    `essential` node is the world itself: without it there is no drive, so what it raises ends the run.
    """

    name: str
    priority: int
    step: Step
    memory: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    period_ns: int | None = None
    triggers: tuple[str, ...] = ()
    latency_ns: int = 0
    snapshot: bool = True
    essential: bool = False
