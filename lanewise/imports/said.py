"""What a drive of a data set says, message by message, and the recording made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bus.messages import Envelope, Message
from bus.recording import Recorder

PUBLISHER = "import"


@dataclass(frozen=True, slots=True)
class Said:
    """One message with the times of its measurement and of its arrival."""

    topic: str
    measured_ns: int
    received_ns: int
    message: Message


def write_drive(said: Sequence[Said], out: Path, source: str) -> None:
    """The messages, in order of arrival, as a recording that names the data set it comes from.

    Raises:
        InputError: the file exists or cannot be written.
    """
    counts: dict[str, int] = {}
    with Recorder.create(out, {"import": {"source": source}}) as recorder:
        for one in said:
            sequence = counts.get(one.topic, 0)
            counts[one.topic] = sequence + 1
            times = (one.measured_ns, one.received_ns, one.received_ns)
            recorder.write(Envelope(one.topic, PUBLISHER, sequence, *times), one.message)
