"""Whatever fails while the car drives, it ends in a safe state: a stop in its lane, hazard lights on, nobody hit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bus.executor import Executor
from bus.memory import encode_generator, encode_memory
from bus.messages import Envelope, Message, SafetyMode, Tracks
from bus.node import Node, Publication, Tick
from lanewise.assignment import assignment_of
from lanewise.config import RunConfig
from lanewise.drive import Drive, drive_of, worst_mode
from lanewise.recorded import verdict_of
from lanewise.run import scenario_file
from lanewise.sources import load_source
from lanewise.stack import stack_nodes
from planning.scene import Context
from sim.simulator import Simulator

FAIL_S = 6.0
Said = list[tuple[Envelope, Message]]
Step = Callable[[Any, Tick], tuple[Any, tuple[Publication, ...]]]


def drive(scenario: str, name: str = "", change: Callable[[Node], Node] = lambda node: node,
          end_s: float = 20.0) -> tuple[Drive, Said, Context]:  # fmt: skip
    """Drive a shipped scenario with one node of the stack changed."""
    config = RunConfig(scenario=scenario)
    source = load_source(scenario_file(scenario), {})
    engine, context = source.engine, assignment_of(source).context(config.planner.period_s)
    nodes = tuple(change(node) if node.name == name else node for node in stack_nodes(config, context))
    said: Said = []
    world = Simulator(engine, 20_000_000).node()
    executor = Executor((world, *nodes), 0, lambda e, m: said.append((e, m)), encode_memory, encode_generator)
    executor.run_until(round(end_s * 1e9))
    return drive_of(said), said, context


def from_then_on(fault: Callable[[Step, Any, Tick], tuple[Any, tuple[Publication, ...]]]) -> Callable[[Node], Node]:
    """A node that behaves until FAIL_S and then does what `fault` says."""

    def changed(node: Node) -> Node:
        def step(memory: Any, tick: Tick) -> tuple[Any, tuple[Publication, ...]]:
            return node.step(memory, tick) if tick.now_ns < FAIL_S * 1e9 else fault(node.step, memory, tick)

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


@pytest.mark.parametrize("fault", [raises, falls_silent, says_nan])
@pytest.mark.parametrize("name", ["localization", "perception", "planner", "control"])
def test_a_lost_node_ends_in_a_stop_in_the_lane(name: str, fault: Any) -> None:
    driven, said, context = drive("curve", name, from_then_on(fault))
    rollout = driven.rollout
    assert worst_mode(driven) is SafetyMode.MINIMAL_RISK
    assert rollout.ego.speed_mps[-1] == 0.0
    after = rollout.t_s > FAIL_S + 1.0
    assert rollout.ego.acceleration_mps2[after].min() >= -4.0
    ego_contacts = [c for c in rollout.contacts if rollout.ego_id in (c.first_id, c.second_id)]
    assert not [c for c in ego_contacts if rollout.ego.speed_mps[np.searchsorted(rollout.t_s, c.t_s) - 1] > 0.1]
    results = {result.name: result for result in verdict_of(driven, context).results}
    assert results["lane_departure"].passed
    last = [message for envelope, message in said if envelope.topic == "/vehicle/command"][-1]
    assert last.hazard_lights
    if fault is not falls_silent:
        assert any(moment.message.node == name for moment in driven.diagnostics)


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
