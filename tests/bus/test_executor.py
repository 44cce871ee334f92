"""The executor: order, isolation, refusal, latency, and going on from a snapshot to the same bytes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from bus.executor import SNAPSHOT_PERIOD_NS, Executor, Resume
from bus.finite import first_non_finite
from bus.memory import decode_generator, decode_memory, encode_generator, encode_memory
from bus.messages import Diagnostic, Envelope, Message, NodeState, Odometry, PoseEstimate, PoseStatus, VehicleCommand
from bus.node import Node, Publication, Received, Tick
from geometry.errors import ContractError
from geometry.pose import Pose

MS = 1_000_000
ODOMETRY, COMMAND, VEHICLE = "/localization/odometry", "/control/command", "/vehicle/command"


def command(value: float) -> VehicleCommand:
    return VehicleCommand(value, 0.0, False, False)


def odometry(x_m: float) -> Odometry:
    return Odometry(Pose(x_m, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0, False)


@dataclass
class Bus:
    """An executor with all that it recorded."""

    nodes: tuple[Node, ...]
    seed: int = 1
    outside: dict[str, int] = field(default_factory=dict)
    log: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        def sink(envelope: Envelope, message: Message) -> None:
            self.log.append(Received(envelope, message))

        self.executor = Executor(self.nodes, self.seed, sink, encode_memory, encode_generator, self.outside)

    def run(self, end_ns: int) -> "Bus":
        self.executor.run_until(end_ns)
        return self

    def texts(self) -> list[str]:
        return [r.message.text for r in self.log if isinstance(r.message, Diagnostic)]

    def on(self, topic: str) -> list[Received]:
        return [r for r in self.log if r.envelope.topic == topic]

    def inject(self, sequence: int, message: Message, at_ns: int, measured_ns: int | None = None) -> None:
        measured = at_ns if measured_ns is None else measured_ns
        self.executor.inject(Received(Envelope(ODOMETRY, "car", sequence, measured, at_ns, at_ns), message))


def source(name: str = "source", priority: int = 0, latency_ns: int = 0, period_ns: int = 20 * MS) -> Node:
    """Publishes odometry: a random walk whose position is its memory."""

    def step(memory: float, tick: Tick) -> tuple[float, tuple[Publication, ...]]:
        after = memory + float(tick.rng.normal())
        return after, (Publication(ODOMETRY, odometry(after)),)

    return Node(name, priority, step, 0.0, (), (ODOMETRY,), period_ns=period_ns, latency_ns=latency_ns)


def follower(priority: int = 10, triggers: tuple[str, ...] = (ODOMETRY,), period_ns: int | None = None) -> Node:
    """Says how many calls it has had and what it sees of the source, with noise of its own."""

    def step(memory: int, tick: Tick) -> tuple[int, tuple[Publication, ...]]:
        seen = tick.inputs.get(ODOMETRY)
        x_m = 0.0 if seen is None else seen.message.odom_from_ego.x_m
        said = VehicleCommand(x_m, float(memory) + float(tick.rng.random()), False, False)
        return memory + 1, (Publication(COMMAND, said),)

    return Node("follower", priority, step, 0, (ODOMETRY,), (COMMAND,), triggers=triggers, period_ns=period_ns)


def relay(step: Callable[[Any, Tick], Any], memory: Any = None, period_ns: int = 20 * MS, name: str = "relay") -> Node:
    return Node(name, 30, step, memory, (ODOMETRY, COMMAND), (VEHICLE,), period_ns=period_ns)


def told(log: list[Received]) -> list[tuple[Envelope, str]]:
    """A log as comparable values."""
    return [(r.envelope, repr(r.message)) for r in log]


# --- order and seeds --------------------------------------------------------------------------------------------------


def test_same_seed_gives_the_same_envelopes_and_messages_and_another_does_not() -> None:
    runs = [told(Bus((source(), follower()), seed).run(6000 * MS).log) for seed in (3, 3, 4)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_order_of_nodes_handed_in_does_not_matter() -> None:
    nodes = (source(), follower())
    assert told(Bus(nodes).run(900 * MS).log) == told(Bus(nodes[::-1]).run(900 * MS).log)


def test_one_nodes_draws_do_not_change_anothers() -> None:
    alone = Bus((source(),)).run(900 * MS).on(ODOMETRY)
    together = Bus((source(), follower())).run(900 * MS).on(ODOMETRY)
    assert told(alone) == told(together)


@pytest.mark.parametrize(("triggers", "period_ns"), [((ODOMETRY,), None), ((), 20 * MS)])
def test_later_priority_sees_what_was_said_at_the_same_instant(triggers: tuple[str, ...], period_ns: int) -> None:
    bus = Bus((follower(10, triggers, period_ns), source())).run(100 * MS)
    said = {r.envelope.published_ns: r.message.odom_from_ego.x_m for r in bus.on(ODOMETRY)}
    heard = {r.envelope.published_ns: r.message.acceleration_mps2 for r in bus.on(COMMAND)}
    assert len(said) == 6
    assert heard == said


def test_earlier_priority_sees_what_was_said_one_instant_before() -> None:
    bus = Bus((follower(0, (), 20 * MS), source(priority=10))).run(100 * MS)
    said = [r.message.odom_from_ego.x_m for r in bus.on(ODOMETRY)]
    heard = [r.message.acceleration_mps2 for r in bus.on(COMMAND)]
    assert heard == [0.0, *said[:-1]]


def test_latency_delays_delivery_and_stands_in_the_envelope() -> None:
    bus = Bus((source(latency_ns=50 * MS), follower())).run(200 * MS)
    assert all(r.envelope.received_ns - r.envelope.published_ns == 50 * MS for r in bus.on(ODOMETRY))
    said = [(r.envelope.received_ns, r.message.odom_from_ego.x_m) for r in bus.on(ODOMETRY)]
    heard = [(r.envelope.published_ns, r.message.acceleration_mps2) for r in bus.on(COMMAND)]
    assert heard == [pair for pair in said if pair[0] <= 200 * MS]
    assert heard[0][0] == 50 * MS


def test_sequences_count_from_zero_without_gaps() -> None:
    bus = Bus((source(), follower())).run(500 * MS)
    for topic in (ODOMETRY, COMMAND):
        assert [r.envelope.sequence for r in bus.on(topic)] == list(range(26))


def test_running_in_pieces_equals_running_at_once() -> None:
    whole = Bus((source(latency_ns=30 * MS), follower())).run(5500 * MS)
    pieces = Bus((source(latency_ns=30 * MS), follower()))
    for end_ns in (7 * MS, 20 * MS, 20 * MS, 5000 * MS, 5500 * MS):
        pieces.run(end_ns)
    assert told(pieces.log) == told(whole.log)


# --- faults of nodes --------------------------------------------------------------------------------------------------


def test_raising_node_is_reported_and_keeps_its_memory_while_others_go_on() -> None:
    def step(memory: int, tick: Tick) -> tuple[int, tuple[Publication, ...]]:
        if tick.now_ns == 40 * MS:
            raise ZeroDivisionError("no road left")
        return memory + 1, (Publication(VEHICLE, command(memory)),)

    bus = Bus((source(), relay(step, 0))).run(100 * MS)
    assert [r.message.acceleration_mps2 for r in bus.on(VEHICLE)] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert len(bus.on(ODOMETRY)) == 6
    (report,) = bus.on("/diagnostics")
    assert report.message.node == "relay"
    assert "no road left" in report.message.text
    assert report.envelope.published_ns == 40 * MS


NAN = float("nan")
WRONG: dict[str, tuple[Publication, ...]] = {
    "acceleration_mps2 is not finite": (Publication(VEHICLE, command(NAN)),),
    "steering_rad is not finite": (Publication(VEHICLE, VehicleCommand(0.0, np.float32("inf"), False, False)),),
    "not among its outputs": (Publication(COMMAND, command(0.0)),),
    "carries VehicleCommand, not Odometry": (Publication(VEHICLE, odometry(0.0)),),
    "in the future": (Publication(VEHICLE, command(0.0), measured_ns=10_000 * MS),),
    "is not finite": (Publication(VEHICLE, command(0.0)), Publication(VEHICLE, command(-np.inf))),
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_publication_is_withheld_and_reported(text: str) -> None:
    bus = Bus((relay(lambda memory, _: (memory, WRONG[text])),)).run(0)
    assert not bus.on(VEHICLE)
    assert len(bus.texts()) == 1
    assert text in bus.texts()[0]


@pytest.mark.parametrize("answer", [None, (1,), (1, None), (1, ("nonsense",))])
def test_answer_of_the_wrong_form_is_reported(answer: Any) -> None:
    bus = Bus((relay(lambda *_: answer), source())).run(40 * MS)
    assert len(bus.texts()) == 3
    assert len(bus.on(ODOMETRY)) == 3


def test_non_finite_numbers_are_found_in_arrays_and_nested_poses() -> None:
    assert first_non_finite(odometry(1.0)) is None
    assert first_non_finite(odometry(NAN)) == "odom_from_ego.x_m"
    pose = PoseEstimate(Pose(0.0, 0.0, 0.0), PoseStatus.LOST, 0.0, 0.0, 0.0, np.diag([1.0, np.inf, 1.0]))
    assert first_non_finite(pose) == "covariance"


def test_contradictory_wiring_is_refused() -> None:
    with pytest.raises(ContractError, match="two nodes are named"):
        Bus((source(), source()))
    with pytest.raises(ContractError, match="publish /localization/odometry"):
        Bus((source("one"), source("two")))
    with pytest.raises(ContractError, match="/no/such"):
        Bus((replace(source(), outputs=("/no/such",)),))
    with pytest.raises(ContractError, match="not among its inputs"):
        Bus((replace(source(), triggers=(COMMAND,)),))


# --- messages from outside --------------------------------------------------------------------------------------------


def test_good_message_from_outside_is_recorded_and_delivered() -> None:
    bus = Bus((follower(),), outside={"car": 0})
    bus.inject(7, odometry(5.0), 30 * MS)
    bus.run(100 * MS)
    assert [r.envelope.sequence for r in bus.on(ODOMETRY)] == [7]
    assert [r.message.acceleration_mps2 for r in bus.on(COMMAND)] == [5.0]
    assert not bus.texts()


def test_message_from_outside_comes_before_the_timers_of_the_same_instant() -> None:
    bus = Bus((follower(10, (), 20 * MS),), outside={"car": 0})
    bus.inject(0, odometry(5.0), 20 * MS)
    assert [r.message.acceleration_mps2 for r in bus.run(20 * MS).on(COMMAND)] == [0.0, 5.0]


@pytest.mark.parametrize(
    ("sequence", "x_m", "measured_ns", "reason"),
    [
        (3, 2.0, 40 * MS, "repeated"),
        (2, 2.0, 40 * MS, "reordered"),
        (4, 2.0, 41 * MS, "measured after"),
        (4, NAN, 40 * MS, "odom_from_ego.x_m is not finite"),
    ],
)
def test_bad_message_from_outside_is_refused_and_reported(
    sequence: int, x_m: float, measured_ns: int, reason: str
) -> None:
    bus = Bus((follower(),), outside={"car": 0})
    bus.inject(3, odometry(1.0), 20 * MS)
    bus.inject(sequence, odometry(x_m), 40 * MS, measured_ns)
    bus.inject(5, odometry(3.0), 60 * MS)
    bus.run(100 * MS)
    assert [r.message.acceleration_mps2 for r in bus.on(COMMAND)] == [1.0, 3.0]
    (text,) = bus.texts()
    assert reason in text
    assert ODOMETRY in text


def test_message_repeated_at_the_same_instant_is_refused_too() -> None:
    bus = Bus((follower(),), outside={"car": 0})
    for value in (1.0, 2.0):
        bus.inject(3, odometry(value), 20 * MS)
    bus.run(100 * MS)
    assert [r.message.acceleration_mps2 for r in bus.on(COMMAND)] == [1.0]
    assert "repeated" in bus.texts()[0]


def test_late_message_is_refused_and_time_does_not_run_backwards() -> None:
    bus = Bus((follower(),), outside={"car": 0}).run(100 * MS)
    bus.inject(0, odometry(1.0), 60 * MS)
    bus.run(200 * MS)
    assert not bus.on(COMMAND)
    (report,) = bus.on("/diagnostics")
    assert "late" in report.message.text
    assert report.envelope.published_ns == 100 * MS


# --- snapshots --------------------------------------------------------------------------------------------------------


def resume_of(log: list[Received], now_ns: int) -> Resume:
    """What a recording tells about the instant of a snapshot."""
    past = [r for r in log if r.envelope.published_ns <= now_ns]
    states = {r.message.node: r.message for r in past if isinstance(r.message, NodeState)}
    return Resume(
        now_ns,
        {name: decode_memory(state.memory) for name, state in states.items()},
        {name: decode_generator(state.generator) for name, state in states.items()},
        tuple(past),
    )


@pytest.mark.parametrize("latency_ns", [0, 7 * MS, 50 * MS])
@pytest.mark.parametrize("snapshot", [1, 2])
def test_resumed_drive_goes_on_bit_for_bit(latency_ns: int, snapshot: int) -> None:
    nodes = (source(latency_ns=latency_ns), follower(), relay(lambda m, t: (m + t.rng.random(), (_echo(t),)), 0.0))
    whole = Bus(nodes).run(12_000 * MS)
    now_ns = snapshot * SNAPSHOT_PERIOD_NS
    resumed = Bus(nodes, seed=99)
    resumed.executor.resume(resume_of(whole.log, now_ns))
    resumed.run(12_000 * MS)
    rest = [r for r in whole.log if r.envelope.published_ns > now_ns]
    assert len(rest) >= 300
    assert told(resumed.log) == told(rest)


def _echo(tick: Tick) -> Publication:
    heard = tick.inputs.get(COMMAND)
    return Publication(VEHICLE, command(-1.0) if heard is None else heard.message)


def test_snapshot_comes_every_five_seconds_after_everything_of_its_instant() -> None:
    world = replace(source(), name="world", snapshot=False)
    bus = Bus((world, follower())).run(10_000 * MS)
    states = [i for i, r in enumerate(bus.log) if isinstance(r.message, NodeState)]
    assert [bus.log[i].envelope.published_ns for i in states] == [5_000 * MS, 10_000 * MS]
    assert {bus.log[i].message.node for i in states} == {"follower"}
    assert decode_memory(bus.log[states[0]].message.memory) == 251
    assert states[-1] == len(bus.log) - 1


def test_message_from_outside_that_was_heard_before_the_snapshot_is_refused_after_it() -> None:
    bus = Bus((follower(),), outside={"car": 0})
    past = Received(Envelope(ODOMETRY, "car", 8, 0, 0, 0), odometry(4.0))
    bus.executor.resume(Resume(5_000 * MS, {}, {}, (past,)))
    bus.inject(8, odometry(9.0), 5_020 * MS)
    bus.inject(9, odometry(5.0), 5_040 * MS)
    bus.run(5_100 * MS)
    assert [r.message.acceleration_mps2 for r in bus.on(COMMAND)] == [5.0]
    assert "repeated" in bus.texts()[0]
