"""A scenario that plays by itself: nobody drives the ego but the file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim.scenarios.scenario import ScenarioEngine
from sim.simulator import vehicle_of
from sim.world import VehicleTable, WorldState, empty_world, step


def scripted_states(engine: ScenarioEngine, step_ns: int, end_ns: int) -> Iterator[tuple[int, WorldState]]:
    """(time [ns], world) from 0 on every `step_ns`, until the scenario ends or `end_ns` is reached."""
    vehicles = VehicleTable.of([vehicle_of(*pair) for pair in zip(engine.cast, engine.limits, strict=True)])
    world = step(
        empty_world(1, len(engine.cast)), engine.advance(empty_world(1, len(engine.cast)), 0, 0), vehicles, 0.0
    )
    yield 0, world
    for t_ns in np.arange(step_ns, end_ns + 1, step_ns, dtype=np.int64).tolist():
        setpoints = engine.advance(world, t_ns - step_ns, step_ns)
        if engine.finished:
            return
        world = step(world, setpoints, vehicles, step_ns * 1e-9)
        yield t_ns, world
