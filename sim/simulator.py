"""The simulator as a node of the bus: the scenario engine and the world on one side, `/truth/*` on the other.

In: `/vehicle/command`. Out: the cast of the drive, the true states, contacts and storyboard events. It stops the ego by
itself when the commands fall silent, as a vehicle's own brake controller does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bus.messages import (
    AgentTruth,
    Contact,
    EgoTruth,
    LightState,
    LightTruth,
    ScenarioEvent,
    ScenarioInfo,
    VehicleCommand,
    Weather,
)
from bus.node import Node, Publication, Tick
from geometry.pose import Pose
from motion.bicycle import Vehicle
from motion.contact import overlapping_pairs
from motion.rollout import EntityShape
from sim.scenarios.scenario import Limits, ScenarioEngine
from sim.world import Setpoints, VehicleTable, WorldState, empty_world, step

COMMAND_SILENCE_S = 0.5
"""Commands older than this make the vehicle stop by itself."""

SELF_STOP_MPS2 = 4.0
"""Deceleration of that stop: the limit of a minimal-risk manoeuvre (UN R157, 5.5.1)."""

AGENT_PERIOD_NS = 100_000_000
"""How often the states of the others are published."""

PUBLISHED = (
    "/truth/scenario", "/truth/weather", "/truth/lights", "/truth/ego", "/truth/agents", "/truth/contact",
    "/truth/event",
)  # fmt: skip
"""All that the simulator says."""

WorldObserver = Callable[[int, WorldState], None]


@dataclass(frozen=True, slots=True, eq=False)
class SimulatorMemory:
    """World, which pairs touch, and the weather last told; the storyboard keeps its own state in the engine."""

    world: WorldState
    touching: frozenset[tuple[int, int]]
    weather: Weather | None = None


def vehicle_of(shape: EntityShape, limits: Limits) -> Vehicle:
    """Bicycle parameters of a member of the cast; what has no axles gets half its length as wheelbase."""
    return Vehicle(
        wheelbase_m=shape.wheelbase_m if shape.wheelbase_m > 0.0 else max(0.5 * shape.length_m, 0.1),
        length_m=shape.length_m,
        width_m=shape.width_m,
        centre_x_m=shape.centre_x_m,
        max_steering_rad=limits.steering_rad,
        max_steering_rate_radps=limits.steering_rate_radps,
        max_acceleration_mps2=limits.acceleration_mps2,
        max_deceleration_mps2=limits.deceleration_mps2,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Simulator:
    """Binds one scenario engine to the world; `observe` sees every state (for state files)."""

    engine: ScenarioEngine
    step_ns: int
    observe: WorldObserver | None = None

    def node(self) -> Node:
        """The node to hand to the executor."""
        memory = SimulatorMemory(empty_world(1, len(self.engine.cast)), frozenset())
        vehicles = VehicleTable.of(
            [vehicle_of(*pair) for pair in zip(self.engine.cast, self.engine.limits, strict=True)]
        )
        return Node(
            name="simulator",
            priority=0,
            step=lambda memory, tick: self._step(memory, tick, vehicles),
            memory=memory,
            inputs=("/vehicle/command",),
            outputs=PUBLISHED,
            period_ns=self.step_ns,
            snapshot=False,
            essential=True,
        )

    def _step(
        self, memory: SimulatorMemory, tick: Tick, vehicles: VehicleTable
    ) -> tuple[SimulatorMemory, tuple[Publication, ...]]:
        before_ns = max(tick.now_ns - self.step_ns, 0)
        dt_ns = tick.now_ns - before_ns
        setpoints = self.engine.advance(memory.world, before_ns, dt_ns)
        if self.engine.ego_engaged:
            self._fill_controls(setpoints, memory.world, tick)
        weather = self.engine.weather
        world = step(memory.world, setpoints, vehicles, dt_ns * 1e-9, weather.friction)
        if self.observe is not None:
            self.observe(tick.now_ns, world)
        touching, contacts = self._contacts(world, memory.touching)
        publications = [Publication("/truth/scenario", scenario_info(self.engine))] if tick.now_ns == 0 else []
        if weather is not memory.weather:
            publications.append(Publication("/truth/weather", weather))
        publications.append(Publication("/truth/ego", self._ego_truth(world)))
        if tick.now_ns % AGENT_PERIOD_NS == 0:
            if self.engine.lights:
                publications.append(Publication("/truth/lights", light_truth(self.engine.lights)))
            publications.append(Publication("/truth/agents", self._agent_truth(world)))
        publications.extend(Publication("/truth/contact", contact) for contact in contacts)
        publications.extend(
            Publication("/truth/event", ScenarioEvent(event.element, event.name, event.transition), event.t_ns)
            for event in self.engine.take_events()
        )
        return SimulatorMemory(world, touching, weather), tuple(publications)

    def _fill_controls(self, setpoints: Setpoints, world: WorldState, tick: Tick) -> None:
        ego = self.engine.ego_id
        command: VehicleCommand | None = tick.fresh("/vehicle/command", COMMAND_SILENCE_S)
        if command is None:
            setpoints.control_acceleration_mps2[0, ego] = -SELF_STOP_MPS2
            setpoints.control_steering_rad[0, ego] = world.steering_rad[0, ego]
        else:
            setpoints.control_acceleration_mps2[0, ego] = command.acceleration_mps2
            setpoints.control_steering_rad[0, ego] = command.steering_rad

    def _contacts(
        self, world: WorldState, touching: frozenset[tuple[int, int]]
    ) -> tuple[frozenset[tuple[int, int]], list[Contact]]:
        x, y = _centres(world, self.engine.cast)
        length = np.array([shape.length_m for shape in self.engine.cast])
        width = np.array([shape.width_m for shape in self.engine.cast])
        pairs = overlapping_pairs(x, y, world.yaw_rad[0], length, width, world.present[0])
        now = frozenset((int(a), int(b)) for a, b in pairs)
        begun = sorted(now - touching)
        speed = world.speed_mps[0]
        return now, [
            Contact(a, b, float(0.5 * (x[a] + x[b])), float(0.5 * (y[a] + y[b])), float(speed[a]), float(speed[b]))
            for a, b in begun
        ]

    def _ego_truth(self, world: WorldState) -> EgoTruth:
        ego = self.engine.ego_id
        return EgoTruth(
            world_from_ego=Pose(float(world.x_m[0, ego]), float(world.y_m[0, ego]), float(world.yaw_rad[0, ego])),
            speed_mps=float(world.speed_mps[0, ego]),
            acceleration_mps2=float(world.acceleration_mps2[0, ego]),
            yaw_rate_radps=float(world.yaw_rate_radps[0, ego]),
            steering_rad=float(world.steering_rad[0, ego]),
            engaged=self.engine.ego_engaged,
        )

    def _agent_truth(self, world: WorldState) -> AgentTruth:
        present = world.present[0].copy()
        present[self.engine.ego_id] = False
        ids = np.flatnonzero(present)
        x, y = _centres(world, self.engine.cast)
        yaw, speed, rate = world.yaw_rad[0, ids], world.speed_mps[0, ids], world.yaw_rate_radps[0, ids]
        lever = np.array([self.engine.cast[i].centre_x_m for i in ids])
        cos, sin = np.cos(yaw), np.sin(yaw)
        return AgentTruth(
            ids=ids,
            x_m=x[ids],
            y_m=y[ids],
            yaw_rad=yaw,
            speed_mps=speed,
            vx_mps=world.vx_mps[0, ids] - rate * lever * sin,
            vy_mps=world.vy_mps[0, ids] + rate * lever * cos,
            acceleration_mps2=world.acceleration_mps2[0, ids],
        )


def scenario_info(engine: ScenarioEngine) -> ScenarioInfo:
    """The first message of a drive: who takes part."""
    cast = engine.cast
    return ScenarioInfo(
        name=engine.name,
        ego_id=engine.ego_id,
        set_speed_mps=engine.set_speed_mps,
        regulation=engine.regulation,
        names=tuple(shape.name for shape in cast),
        kinds=np.array([shape.kind for shape in cast]),
        length_m=np.array([shape.length_m for shape in cast]),
        width_m=np.array([shape.width_m for shape in cast]),
        height_m=np.array([shape.height_m for shape in cast]),
        centre_x_m=np.array([shape.centre_x_m for shape in cast]),
        wheelbase_m=np.array([shape.wheelbase_m for shape in cast]),
    )


def light_truth(lights: Mapping[str, LightState]) -> LightTruth:
    """The states of all lights in use, in the order of their ids."""
    names = tuple(sorted(lights))
    return LightTruth(names, np.array([lights[name] for name in names], dtype=np.int64))


def _centres(world: WorldState, cast: tuple[EntityShape, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Box centres (N,), (N,) of world 0."""
    lever = np.array([shape.centre_x_m for shape in cast])
    return world.x_m[0] + lever * np.cos(world.yaw_rad[0]), world.y_m[0] + lever * np.sin(world.yaw_rad[0])
