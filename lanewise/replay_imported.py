"""Run localization on an imported real drive: it has sensors and truth, but neither map nor mission nor configuration.

In: a recording of `lanewise import`. Out: the same drive with what localization said on it, which
`lanewise eval localization` scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bus.executor import Executor
from bus.memory import encode_generator, encode_memory
from bus.messages import Envelope, Message
from bus.node import Received
from bus.recording import Recorder, Recording
from geometry.errors import InputError
from lanewise.replay import SOURCE_PRIORITY
from localization import node as mapless

METADATA = "import"
NODES = ("localization",)


def is_imported(recording: Recording) -> bool:
    """Whether a drive comes from `lanewise import`."""
    return METADATA in recording.metadata


def localized(recording: Recording, only: Sequence[str], out: Path) -> int:
    """Write the drive with localization by satellites, IMU and wheels; the number of messages that it said.

    Raises:
        InputError: other nodes are asked for, or `out` exists already.
    """
    if tuple(only) != NODES:
        raise InputError("an imported drive has sensors only: replay it with --nodes localization", recording.path)
    heard = [(record.envelope, record.message) for record in recording.messages()]
    said: list[tuple[Envelope, Message]] = []
    sources = dict.fromkeys({envelope.publisher for envelope, _ in heard}, SOURCE_PRIORITY)
    executor = Executor(
        (mapless.node(mapless.LocalizationSettings()),), 0, lambda envelope, message: said.append((envelope, message)),
        encode_memory, encode_generator, sources,
    )  # fmt: skip
    for envelope, message in heard:
        executor.inject(Received(envelope, message))
    executor.run_until(recording.end_ns)
    new = [one for one in said if one[0].publisher not in sources]
    with Recorder.create(out, {METADATA: dict(recording.metadata[METADATA])}) as recorder:
        for envelope, message in sorted((*heard, *new), key=lambda one: one[0].published_ns):
            recorder.write(envelope, message)
    return len(new)
