"""Run localization or perception on an imported real drive: it has sensors, but neither map nor mission.

In: a recording of `lanewise import`. Out: the same drive with what the chosen nodes said on it. What localization said
is scored by `lanewise eval localization`, what perception said is drawn by `lanewise export sheet`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bus.executor import Executor
from bus.memory import encode_generator, encode_memory
from bus.messages import Diagnostic, Envelope, Level, Message
from bus.node import Node, Received
from bus.recording import Recorder, Recording
from bus.topics import CAMERA_PREFIX
from geometry.errors import InputError
from lanewise import inference_node
from lanewise.config import RunConfig
from lanewise.detectors import nets_of
from lanewise.inferring import server_of
from lanewise.replay import SOURCE_PRIORITY
from lanewise.stack import camera_nodes
from localization import node as mapless

METADATA = "import"
NODES = ("localization", "perception")
SLICE_NS = 200_000_000
"""How much is replayed between two looks at the progress bar."""


def is_imported(recording: Recording) -> bool:
    """Whether a drive comes from `lanewise import`."""
    return METADATA in recording.metadata


def replayed(
    recording: Recording, only: Sequence[str], out: Path, config: RunConfig | None = None,
    told: Callable[[float], None] = lambda _: None,
) -> dict[str, int]:  # fmt: skip
    """Write the drive with what these nodes say of it; the number of their messages by topic.

    Raises:
        InputError: other nodes are asked for, the drive lacks what they need, or `out` exists already.
    """
    if not only or not set(only) <= set(NODES):
        raise InputError(
            f"an imported drive has sensors only: replay it with --nodes {' or --nodes '.join(NODES)}", recording.path
        )
    nodes = [node for name in dict.fromkeys(only) for node in _nodes(name, recording, config or RunConfig())]
    heard = [(record.envelope, record.message) for record in recording.messages()]
    said: list[tuple[Envelope, Message]] = []
    sources = dict.fromkeys({envelope.publisher for envelope, _ in heard}, SOURCE_PRIORITY)
    executor = Executor(
        tuple(nodes), 0, lambda envelope, message: said.append((envelope, message)), encode_memory, encode_generator,
        sources,
    )  # fmt: skip
    for envelope, message in heard:
        executor.inject(Received(envelope, message))
    for now_ns in (*range(SLICE_NS, recording.end_ns, SLICE_NS), recording.end_ns):
        executor.run_until(now_ns)
        told(now_ns * 1e-9)
    new = [one for one in said if one[0].publisher not in sources]
    with Recorder.create(out, {METADATA: dict(recording.metadata[METADATA])}) as recorder:
        for envelope, message in sorted((*heard, *new), key=lambda one: one[0].published_ns):
            recorder.write(envelope, message)
    counts: dict[str, int] = {}
    for envelope, _ in new:
        counts[envelope.topic] = counts.get(envelope.topic, 0) + 1
    return counts


def cameras_in(recording: Recording) -> tuple[str, ...]:
    """Names of the cameras whose pictures a drive holds."""
    topics = (topic.topic.removeprefix(CAMERA_PREFIX) for topic in recording.topics() if topic.count)
    known = {topic.topic for topic in recording.topics()}
    return tuple(name for name in sorted(topics) if "/" not in name and f"{CAMERA_PREFIX}{name}/mount" in known)


def faults_in(recording: Recording) -> dict[str, int]:
    """What nodes reported as errors, and how often."""
    faults: dict[str, int] = {}
    for record in recording.messages(["/diagnostics"]):
        told = record.message
        if isinstance(told, Diagnostic) and told.level == Level.ERROR:
            faults[f"{told.node}: {told.text}"] = faults.get(f"{told.node}: {told.text}", 0) + 1
    return faults


def _nodes(name: str, recording: Recording, config: RunConfig) -> tuple[Node, ...]:
    if name == "localization":
        known = {topic.topic for topic in recording.topics() if topic.count}
        if not {"/sensor/imu", "/sensor/wheels"} <= known:
            raise InputError("there are no IMU and wheels in this drive for --nodes localization", recording.path)
        return (mapless.node(mapless.LocalizationSettings()),)
    cameras = cameras_in(recording)
    if not cameras:
        raise InputError("there are no pictures in this drive for --nodes perception to look at", recording.path)
    chosen = replace(config, detector=replace(config.detector, cameras=cameras, mark_cameras=cameras))
    server = server_of(chosen.inference, nets_of(chosen))
    return (*camera_nodes(chosen, server), inference_node.node(server.taken_figures))
