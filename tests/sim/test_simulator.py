"""The simulator's node: hand-over without a jump, contacts told once, its own stop when nobody commands."""

import math
from typing import ClassVar

import numpy as np
import pytest

from bus.messages import Envelope, LightState, VehicleCommand
from bus.node import Received, Tick
from geometry.errors import InputError
from motion.rollout import EntityShape
from sim.scenarios.scenario import EngineEvent, Limits
from sim.simulator import COMMAND_SILENCE_S, SELF_STOP_MPS2, Simulator
from sim.weather import CLEAR_DAY
from sim.world import Drive, Setpoints, WorldState

STEP_NS = 20_000_000
CAR = EntityShape("Ego", 0, 4.8, 1.9, 1.5, 1.4, 2.8)
LIMITS = Limits(60.0, 4.0, 9.0, 0.6)


class TwoCars:
    """The ego drives straight at 10 m/s, engaged from `engaged_s` on; another stands `ahead_m` before it."""

    name, cast, limits, ego_id, regulation = "two", (CAR, CAR), (LIMITS, LIMITS), 0, ""
    set_speed_mps, finished, weather = 10.0, False, CLEAR_DAY
    lights: ClassVar[dict[str, LightState]] = {}

    def __init__(self, ahead_m: float = 100.0, engaged_s: float = 1.0) -> None:
        self.ahead_m, self.engaged_s, self.ego_engaged = ahead_m, engaged_s, False

    def advance(self, view: WorldState, t_ns: int, dt_ns: int) -> Setpoints:
        self.ego_engaged = t_ns * 1e-9 >= self.engaged_s
        setpoints = Setpoints.empty(1, 2)
        setpoints.drive[0] = Drive.POSE
        setpoints.x_m[0] = (view.x_m[0, 0] + 10.0 * dt_ns * 1e-9 if dt_ns else 0.0, self.ahead_m)
        setpoints.speed_mps[0, 0] = 10.0
        if self.ego_engaged and dt_ns:
            setpoints.drive[0, 0] = Drive.CONTROLS
        return setpoints

    def take_events(self) -> tuple[EngineEvent, ...]:
        return ()


def play(engine: TwoCars, seconds: float, command: VehicleCommand | None, until_s: float = math.inf):
    """All publications as (t_s, topic, message); the command is repeated until a time."""
    node = Simulator(engine, STEP_NS).node()
    memory, said, inputs = node.memory, [], {}
    for now in range(0, round(seconds * 1e9) + 1, STEP_NS):
        if command is not None and now * 1e-9 < until_s:
            inputs["/vehicle/command"] = Received(Envelope("/vehicle/command", "t", 0, now, now, now), command)
        memory, publications = node.step(memory, Tick(now, inputs, None, np.random.default_rng(0)))
        said += [(now * 1e-9, p.topic, p.message) for p in publications]
    return said


def of(said, topic):
    return [(t, message) for t, name, message in said if name == topic]


def test_the_cast_is_told_first_and_once() -> None:
    said = play(TwoCars(), 0.5, None)
    assert said[0][1] == "/truth/scenario"
    assert len(of(said, "/truth/scenario")) == 1
    assert len(of(said, "/truth/agents")) == 6


def test_taking_over_makes_no_jump() -> None:
    said = play(TwoCars(), 3.0, VehicleCommand(0.0, 0.0, hazard_lights=False, emergency=False))
    x = np.array([message.world_from_ego.x_m for _, message in of(said, "/truth/ego")])
    np.testing.assert_allclose(np.diff(x), 0.2, atol=1e-9)
    engaged = [message.engaged for _, message in of(said, "/truth/ego")]
    assert engaged.index(True) * 0.02 == pytest.approx(1.0, abs=0.03)


def test_the_ego_stops_by_itself_when_commands_fall_silent() -> None:
    command = VehicleCommand(0.0, 0.0, hazard_lights=False, emergency=False)
    said = play(TwoCars(), 6.0, command, until_s=2.0)
    speed = {round(t, 2): message.speed_mps for t, message in of(said, "/truth/ego")}
    assert speed[round(2.0 + COMMAND_SILENCE_S - 0.04, 2)] == pytest.approx(10.0)
    assert speed[6.0] == 0.0
    deceleration = [-message.acceleration_mps2 for _, message in of(said, "/truth/ego")]
    assert max(deceleration) <= SELF_STOP_MPS2 + 1e-9


def test_a_contact_is_told_once_with_both_speeds() -> None:
    said = play(TwoCars(ahead_m=20.0, engaged_s=99.0), 4.0, None)
    ((t_s, contact),) = of(said, "/truth/contact")
    assert t_s == pytest.approx((20.0 - 4.8) / 10.0, abs=0.03)
    assert (contact.first_id, contact.second_id, contact.first_speed_mps, contact.second_speed_mps) == (0, 1, 10.0, 0.0)


def test_what_the_scenario_engine_raises_ends_the_run() -> None:
    from bus.executor import Executor
    from bus.memory import encode_generator, encode_memory

    class Broken(TwoCars):
        def advance(self, view: WorldState, t_ns: int, dt_ns: int) -> Setpoints:
            if t_ns > 1_000_000_000:
                raise InputError("the lane ends", "file.xosc")
            return super().advance(view, t_ns, dt_ns)

    executor = Executor((Simulator(Broken(), STEP_NS).node(),), 0, lambda *_: None, encode_memory, encode_generator)
    with pytest.raises(InputError, match="the lane ends"):
        executor.run_until(3_000_000_000)
