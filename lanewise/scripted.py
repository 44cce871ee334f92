"""A scenario that follows its file alone, ego too: states for comparison with other simulators, contacts, events."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geometry.errors import InputError
from lanewise.run import Progress, scenario_file
from motion.contact import overlapping_pairs
from motion.rollout import EntityShape
from sim.scenarios.openscenario.load import load_scenario
from sim.scenarios.scripted import scripted_states
from sim.world import WorldState

COLUMNS = ("t_s", "entity", "x_m", "y_m", "yaw_rad", "speed_mps")


@dataclass(frozen=True, slots=True)
class ScriptedRun:
    """How a scripted run ended: its duration and the first contact of each pair (time, names)."""

    name: str
    duration_s: float
    contacts: tuple[tuple[float, str, str], ...]


def run_scripted(
    scenario: str, parameters: Mapping[str, str], root: Path | None, step_s: float, timeout_s: float,
    states: Path | None, progress: Progress,
) -> ScriptedRun:  # fmt: skip
    """Play a scenario; with `states`, write a row per step and present entity (origin: rear axle of vehicles).

    Raises:
        InputError: the scenario is wrong, or the file of states cannot be written.
    """
    engine = load_scenario(scenario_file(scenario), parameters=parameters, root=root, ego_driver="scripted")
    names = [shape.name for shape in engine.cast]
    rows: list[tuple[object, ...]] = []
    contacts: dict[tuple[int, int], float] = {}
    t_s = 0.0
    for t_ns, world in scripted_states(engine, round(step_s * 1e9), round(timeout_s * 1e9)):
        t_s = t_ns * 1e-9
        if states is not None:
            rows.extend(_rows(t_s, names, world))
        for pair in _touching(world, engine.cast):
            contacts.setdefault(pair, t_s)
        progress(t_s)
    if states is not None:
        _write(states, rows)
    told = tuple((t, names[a], names[b]) for (a, b), t in sorted(contacts.items(), key=lambda item: item[1]))
    return ScriptedRun(engine.name, t_s, told)


def _rows(t_s: float, names: list[str], world: WorldState) -> list[tuple[object, ...]]:
    columns = (world.x_m[0], world.y_m[0], world.yaw_rad[0], world.speed_mps[0])
    return [
        (f"{t_s:.6f}", names[i], *(f"{float(column[i]):.6f}" for column in columns))
        for i in np.flatnonzero(world.present[0])
    ]


def _touching(world: WorldState, cast: tuple[EntityShape, ...]) -> list[tuple[int, int]]:
    lever = np.array([shape.centre_x_m for shape in cast])
    yaw = world.yaw_rad[0]
    x, y = world.x_m[0] + lever * np.cos(yaw), world.y_m[0] + lever * np.sin(yaw)
    length = np.array([shape.length_m for shape in cast])
    width = np.array([shape.width_m for shape in cast])
    return [(int(a), int(b)) for a, b in overlapping_pairs(x, y, yaw, length, width, world.present[0])]


def _write(path: Path, rows: list[tuple[object, ...]]) -> None:
    try:
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(rows)
    except OSError as error:
        raise InputError(f"cannot write the states: {error.strerror}", path) from error
