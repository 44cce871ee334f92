"""What an action is: read once from the file, then a small running object for each entity that performs it.

A running action is stepped once per simulation step until it says that it is done. Actions on the same channel of one
entity (longitudinal, lateral) exclude each other: the newer one ends the older.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.mover import Mover

LONGITUDINAL, LATERAL, BOTH, NEITHER = "longitudinal", "lateral", "longitudinal lateral", ""


class Running(Protocol):
    """An action on one entity, under way."""

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:
        """Go on for `dt_s` from `t_s`; True when it is done."""
        ...


Start = Callable[[Cast, Mover, float], Running]


@dataclass(frozen=True, slots=True)
class Action:
    """A private action as the file has it: its element, which channels it takes, and how it starts.

    `set_speed_mps`: the absolute speed it asks for, if it does. `activates`: it hands the entity to a controller.
    `remark`: what a user should know about how it is performed here.
    """

    kind: str
    channels: str
    start: Start
    set_speed_mps: float | None = None
    activates: bool = False
    remark: str = ""


@dataclass(frozen=True, slots=True)
class GlobalAction:
    """An action on the stage or on the cast as a whole, done in the moment it starts (at time t_s)."""

    kind: str
    perform: Callable[[Cast, float], None]


@dataclass(frozen=True, slots=True)
class Done:
    """An action that was done in the moment it started."""

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:  # noqa: ARG002 - the protocol's arguments
        return True


def at_once(kind: str, channels: str, do: Callable[[Cast, Mover], None]) -> Action:
    """A private action without duration."""

    def start(cast: Cast, mover: Mover, _t_s: float) -> Running:
        do(cast, mover)
        return Done()

    return Action(kind, channels, start)


def set_speed(mover: Mover, speed_mps: float, dt_s: float) -> None:
    """Give an entity a speed, within what it can do."""
    bounded = min(speed_mps, mover.limits.speed_mps)
    mover.acceleration_mps2 = (bounded - mover.speed_mps) / dt_s if dt_s > 0.0 else 0.0
    mover.speed_mps = bounded
