"""Whatever fails while the car drives, it ends in a safe state: a stop in its lane, hazard lights on, nobody hit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bus.executor import Executor
from bus.memory import encode_generator, encode_memory
from bus.messages import (
    Envelope,
    Message,
    PoseEstimate,
    PoseStatus,
    SafetyMode,
    SafetyStatus,
    Tracks,
    Trajectory,
)
from bus.node import Node, Publication, Received, Tick
from geometry.pose import Pose
from lanewise.assignment import assignment_of
from lanewise.config import RunConfig, configured
from lanewise.drive import Drive, drive_of, worst_mode
from lanewise.recorded import verdict_of
from lanewise.run import scenario_file
from lanewise.sources import load_source
from lanewise.stack import stack_nodes
from planning import lanewise_planner
from planning.refinement import refine
from planning.scene import Context
from sim.simulator import Simulator

FAIL_S = 6.0
NEVER = 10_000_000
"""A sequence number that was not heard before."""
Said = list[tuple[Envelope, Message]]
Step = Callable[[Any, Tick], tuple[Any, tuple[Publication, ...]]]


def drive(scenario: str, name: str = "", change: Callable[[Node], Node] = lambda node: node,
          end_s: float = 20.0, planner: str = "") -> tuple[Drive, Said, Context]:  # fmt: skip
    """Drive a shipped scenario with one node of the stack changed."""
    config = configured({"scenario": scenario, "stack": {"planner": planner}} if planner else {"scenario": scenario})
    source = load_source(scenario_file(scenario), {})
    engine, context = source.engine, assignment_of(source).context(config.planner.period_s)
    nodes = tuple(change(node) if node.name == name else node for node in stack_nodes(config, context))
    said: Said = []
    world = Simulator(engine, 20_000_000).node()
    executor = Executor((world, *nodes), 0, lambda e, m: said.append((e, m)), encode_memory, encode_generator)
    executor.run_until(round(end_s * 1e9))
    return drive_of(said), said, context


def from_then_on(
    fault: Callable[[Step, Any, Tick], tuple[Any, tuple[Publication, ...]]], fail_s: float = FAIL_S
) -> Callable[[Node], Node]:
    """A node that behaves until `fail_s` and then does what `fault` says."""

    def changed(node: Node) -> Node:
        def step(memory: Any, tick: Tick) -> tuple[Any, tuple[Publication, ...]]:
            return node.step(memory, tick) if tick.now_ns < fail_s * 1e9 else fault(node.step, memory, tick)

        return replace(node, step=step)

    return changed


def raises(_step: Step, _memory: Any, _tick: Tick) -> tuple[Any, tuple[Publication, ...]]:
    raise RuntimeError("sensor unplugged")


def falls_silent(_step: Step, memory: Any, _tick: Tick) -> tuple[Any, tuple[Publication, ...]]:
    return memory, ()


def says_nan(step: Step, memory: Any, tick: Tick) -> tuple[Any, tuple[Publication, ...]]:
    memory, said = step(memory, tick)
    return memory, tuple(replace(p, message=_with_nan(p.message)) for p in said)


def _with_nan(message: Any) -> Any:
    for name in ("acceleration_mps2", "speed_mps", "protection_lateral_m"):
        if isinstance(getattr(message, name, None), float):
            return replace(message, **{name: float("nan")})
    columns = [name for name in ("x_m", "score") if np.size(getattr(message, name, ()))]
    return replace(message, **{columns[0]: getattr(message, columns[0]) * np.nan}) if columns else message


def repeats_itself(step: Step, memory: Any, tick: Tick) -> tuple[Any, tuple[Publication, ...]]:
    """A frozen sensor: new messages of an old instant."""
    memory, said = step(memory, tick)
    return memory, tuple(replace(p, measured_ns=round(FAIL_S * 1e9)) for p in said)


def check_safe_state(driven: Drive, context: Context) -> None:
    """At rest in its own lane, by the minimal-risk stop, having hit nobody."""
    rollout = driven.rollout
    assert worst_mode(driven) is SafetyMode.MINIMAL_RISK
    assert rollout.ego.speed_mps[-1] == 0.0
    assert driven.hazard_spans_s[-1][1] == rollout.t_s[-1]
    results = {result.name: result for result in verdict_of(driven, context).results}
    assert results["lane_departure"].passed
    for contact in rollout.contacts:
        if rollout.ego_id in (contact.first_id, contact.second_id):
            at = int(np.searchsorted(rollout.t_s, contact.t_s)) - 1
            ego = Pose(rollout.ego.x_m[at], rollout.ego.y_m[at], rollout.ego.yaw_rad[at])
            touched = ego.inverse() @ np.array([contact.x_m, contact.y_m])
            assert touched[0] < context.vehicle.front_m - 0.5  # scripted cars do not brake for one that stands


@pytest.mark.parametrize("fault", [raises, falls_silent, says_nan])
@pytest.mark.parametrize("name", ["localization", "perception", "planner", "control"])
def test_a_lost_node_ends_in_a_stop_in_the_lane(name: str, fault: Any) -> None:
    driven, _, context = drive("curve", name, from_then_on(fault))
    check_safe_state(driven, context)
    rollout = driven.rollout
    assert rollout.ego.acceleration_mps2[rollout.t_s > FAIL_S + 1.0].min() >= -4.0
    reported = any(moment.message.node == name for moment in driven.diagnostics)
    assert reported == (fault is not falls_silent)


@pytest.mark.parametrize("name", ["localization", "perception"])
def test_a_frozen_sensor_is_a_lost_sensor(name: str) -> None:
    driven, _, context = drive("curve", name, from_then_on(repeats_itself))
    check_safe_state(driven, context)


@pytest.mark.parametrize("fail_s", [10.7, 13.0])
def test_localization_lost_where_a_curve_begins_and_ends_does_not_lead_off_the_lane(fail_s: float) -> None:
    driven, _, context = drive("curve", "localization", from_then_on(falls_silent, fail_s), end_s=fail_s + 10.0)
    check_safe_state(driven, context)


@pytest.mark.full
@pytest.mark.parametrize("scenario", ["curve", "cut-in", "cut-out", "merge", "stopped-lead"])
@pytest.mark.parametrize("name", ["localization", "perception", "planner", "control"])
def test_whatever_is_lost_at_any_time_the_state_is_safe(scenario: str, name: str) -> None:
    for fail_s in np.arange(1.4, 20.0, 1.3):
        driven, _, context = drive(scenario, name, from_then_on(falls_silent, float(fail_s)), end_s=fail_s + 14.0)
        check_safe_state(driven, context)


def test_bad_messages_from_outside_are_reported_and_change_nothing() -> None:
    """Perception outside the process says everything twice, late, in a wrong order, from the future and with NaN."""
    alone, said, _ = drive("cut-in", end_s=8.0)
    heard = [Received(e, m) for e, m in said if e.publisher == "perception"]
    rng = np.random.default_rng(5)
    disturbed, reports = drive_with_outside_perception("cut-in", heard, rng, 8.0)
    np.testing.assert_array_equal(disturbed.rollout.ego.x_m, alone.rollout.ego.x_m)
    np.testing.assert_array_equal(disturbed.rollout.ego.y_m, alone.rollout.ego.y_m)
    for kind in ("repeated", "reordered", "late", "measured after", "not finite"):
        assert any(kind in report for report in reports)


def drive_with_outside_perception(
    scenario: str, heard: list[Received], rng: np.random.Generator, end_s: float
) -> tuple[Drive, list[str]]:
    """A drive whose perception is recorded messages, one in two of them followed by a broken copy."""
    config = RunConfig(scenario=scenario)
    source = load_source(scenario_file(scenario), {})
    context = assignment_of(source).context(config.planner.period_s)
    stack = stack_nodes(config, context)
    outside = {node.name: node.priority for node in stack if node.name == "perception"}
    world = Simulator(source.engine, 20_000_000).node()
    nodes = (world, *(node for node in stack if node.name not in outside))
    said: Said = []
    executor = Executor(
        nodes, 0, lambda e, m: said.append((e, m)), encode_memory, encode_generator, outside=outside
    )  # fmt: skip
    for received in heard:
        executor.inject(received)
    breaks = (_as_it_was, _again_later, _after_newer, _from_the_future, _not_finite, _too_late)
    for at, received in enumerate(heard):
        if rng.random() < 0.5 and received.envelope.received_ns < (end_s - 1.0) * 1e9:
            executor.run_until(received.envelope.received_ns + 20_000_000)
            executor.inject(breaks[at % len(breaks)](received))
    executor.run_until(round(end_s * 1e9))
    drive = drive_of([(e, m) for e, m in said if e.publisher != "perception"])
    return drive, [moment.message.text for moment in drive.diagnostics]


def _shifted(received: Received, by_ns: int, **changes: Any) -> Received:
    envelope = received.envelope
    later = replace(envelope, published_ns=envelope.published_ns + by_ns, received_ns=envelope.received_ns + by_ns)
    return replace(received, envelope=replace(later, **changes))


def _as_it_was(received: Received) -> Received:
    return received


def _again_later(received: Received) -> Received:
    return _shifted(received, 40_000_000)


def _after_newer(received: Received) -> Received:
    return _shifted(received, 40_000_000, sequence=max(received.envelope.sequence - 3, 0))


def _from_the_future(received: Received) -> Received:
    return _shifted(received, 40_000_000, sequence=NEVER, measured_ns=received.envelope.received_ns + 90_000_000)


def _not_finite(received: Received) -> Received:
    return replace(_shifted(received, 40_000_000, sequence=NEVER), message=_with_nan(received.message))


def _too_late(received: Received) -> Received:
    return _shifted(received, 0, sequence=NEVER)


def test_a_dead_safety_gate_leaves_a_car_that_stops_by_itself() -> None:
    driven, _, _ = drive("curve", "safety", from_then_on(falls_silent))
    rollout = driven.rollout
    assert rollout.ego.speed_mps[-1] == 0.0
    assert rollout.ego.acceleration_mps2.min() >= -4.0 - 1e-6


def test_a_ghost_of_a_single_frame_causes_no_stop() -> None:
    def with_ghost(node: Node) -> Node:
        def step(memory: Any, tick: Tick) -> tuple[Any, tuple[Publication, ...]]:
            memory, said = node.step(memory, tick)
            if tick.now_ns != 6_000_000_000:
                return memory, said
            odometry = tick.inputs["/localization/odometry"].message.odom_from_ego
            return memory, tuple(
                replace(p, message=_haunted(p.message, odometry)) if p.topic == "/perception/tracks" else p
                for p in said
            )

        return replace(node, step=step)

    calm, _, _ = drive("curve", end_s=9.0)
    haunted, _, _ = drive("curve", "perception", with_ghost, end_s=9.0)
    assert haunted.rollout.ego.speed_mps[-1] > calm.rollout.ego.speed_mps[-1] - 2.5
    assert worst_mode(haunted) is SafetyMode.NORMAL


def _haunted(tracks: Tracks, odom_from_ego: Any) -> Tracks:
    """The same tracks and a standing car 40 m ahead."""
    place = odom_from_ego @ np.array([40.0, 0.0])
    extra = {"ids": 99, "kinds": 0, "existence": 1.0, "x_m": place[0], "y_m": place[1], "length_m": 4.5, "width_m": 1.8,
             "height_m": 1.5}  # fmt: skip
    columns = {}
    for name in Tracks.__dataclass_fields__:
        column = getattr(tracks, name)
        added = np.full((1, *column.shape[1:]), extra.get(name, 0), dtype=column.dtype)
        columns[name] = np.concatenate((column, added))
    return Tracks(**columns)


# --- the planner `lanewise` -------------------------------------------------------------------------------------------


def changed_said(change: Callable[[Message, Tick], Message | None]) -> Callable[[Node], Node]:
    """A node each of whose messages is changed, or withheld where the change gives none."""

    def changed(node: Node) -> Node:
        def step(memory: Any, tick: Tick) -> tuple[Any, tuple[Publication, ...]]:
            memory, said = node.step(memory, tick)
            others = [(p, change(p.message, tick)) for p in said]
            return memory, tuple(replace(p, message=message) for p, message in others if message is not None)

        return replace(node, step=step)

    return changed


def test_flickering_detections_are_driven_through() -> None:
    """Each track is missing in one frame of three, at random."""
    rng = np.random.default_rng(3)

    def flicker(message: Message, _: Tick) -> Message:
        if not isinstance(message, Tracks):
            return message
        seen = rng.random(len(message.ids)) > 1.0 / 3.0
        return Tracks(**{name: getattr(message, name)[seen] for name in Tracks.__dataclass_fields__})

    driven, _, context = drive("stopped-lead", "perception", changed_said(flicker), 22.0, planner="lanewise")
    assert not driven.rollout.contacts
    assert worst_mode(driven) is not SafetyMode.MINIMAL_RISK
    assert driven.rollout.ego.acceleration_mps2.min() > -5.0
    results = {result.name: result for result in verdict_of(driven, context).results}
    assert results["lane_departure"].passed


def test_perception_that_is_silent_for_a_second_ends_in_a_reported_stop() -> None:
    def pause(message: Message, tick: Tick) -> Message | None:
        return None if FAIL_S * 1e9 <= tick.now_ns < (FAIL_S + 1.0) * 1e9 else message

    driven, said, context = drive("curve", "perception", changed_said(pause), planner="lanewise")
    check_safe_state(driven, context)
    reasons = [m.reason for _, m in said if isinstance(m, SafetyStatus)]
    assert any("/perception/tracks" in reason for reason in reasons)


def test_localization_that_says_it_is_lost_ends_in_a_reported_stop() -> None:
    def lose(message: Message, tick: Tick) -> Message:
        lost = isinstance(message, PoseEstimate) and tick.now_ns >= FAIL_S * 1e9
        return replace(message, status=PoseStatus.LOST) if lost else message

    driven, said, context = drive("curve", "localization", changed_said(lose), planner="lanewise")
    check_safe_state(driven, context)
    assert any("localization is lost" in m.reason for _, m in said if isinstance(m, SafetyStatus))


@pytest.mark.parametrize(("name", "fault"), [("planner", raises), ("control", falls_silent)])
def test_its_own_node_lost_ends_in_a_stop_in_the_lane(name: str, fault: Any) -> None:
    driven, _, context = drive("curve", name, from_then_on(fault), planner="lanewise")
    check_safe_state(driven, context)


def test_a_solver_without_solutions_changes_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        lanewise_planner, "refine", lambda found, settings: refine(found, settings, lambda _program: None)
    )
    driven, said, context = drive("stopped-lead", end_s=22.0, planner="lanewise")
    assert verdict_of(driven, context).passed
    assert worst_mode(driven) is SafetyMode.NORMAL
    plans = [m for _, m in said if isinstance(m, Trajectory)]
    assert sum("not refined" in plan.reason for plan in plans) > 0.5 * len(plans)


def test_what_a_node_says_late_is_refused_and_the_drive_goes_on() -> None:
    """Perception with 150 ms of latency is old, but within its age: the drive stays normal."""
    slow, _, _ = drive("stopped-lead", "perception", lambda node: replace(node, latency_ns=150_000_000), end_s=22.0)
    assert worst_mode(slow) is SafetyMode.NORMAL
    assert not slow.rollout.contacts


@pytest.mark.parametrize("scenario", ["cut-in", "cut-out", "curve", "merge", "stopped-lead"])
def test_every_shipped_scenario_is_driven_without_a_loss(scenario: str) -> None:
    driven, _, context = drive(scenario, end_s=32.0)
    assert verdict_of(driven, context).passed
    assert worst_mode(driven) is SafetyMode.NORMAL
    assert not driven.diagnostics
