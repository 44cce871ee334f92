"""What a scenario engine offers to the simulator, whatever file it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bus.messages import LightState, Weather
from geometry.errors import InputError
from motion.rollout import EntityShape
from sim.world import Setpoints, WorldState


class MissingLaneError(InputError):
    """A sound scenario asks for a lane that its road does not have there: this case cannot be run on this map."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an entity can do at most: speed, acceleration, deceleration (positive), front-wheel angle and its rate."""

    speed_mps: float
    acceleration_mps2: float
    deceleration_mps2: float
    steering_rad: float
    steering_rate_radps: float = 0.8


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """A storyboard transition, an override of an ego action, or the end of the run."""

    t_ns: int
    element: str
    """`action`, `event`, `maneuver`, `maneuverGroup`, `act`, `story`, `override`, `end`."""
    name: str
    transition: str


class ScenarioEngine(Protocol):
    """Drives everything but the ego (and the ego too until the stack takes over).

    `cast` and `limits` are fixed for the run and aligned; `ego_id` indexes them. `regulation` is `un-r157` where that
    regulation's rules apply, else empty. `set_speed_mps` is what the ego shall cruise at.
    """

    @property
    def name(self) -> str: ...

    @property
    def cast(self) -> tuple[EntityShape, ...]: ...

    @property
    def limits(self) -> tuple[Limits, ...]: ...

    @property
    def ego_id(self) -> int: ...

    @property
    def regulation(self) -> str: ...

    @property
    def set_speed_mps(self) -> float: ...

    @property
    def ego_engaged(self) -> bool:
        """Whether the ego is to be driven by the stack from now on."""
        ...

    @property
    def finished(self) -> bool: ...

    @property
    def weather(self) -> Weather:
        """Weather and light now."""
        ...

    @property
    def lights(self) -> Mapping[str, LightState]:
        """States of the traffic lights that are in use, by the map's ids; all others are off."""
        ...

    def advance(self, view: WorldState, t_ns: int, dt_ns: int) -> Setpoints:
        """Setpoints (B = 1) that bring every entity from its state at `t_ns` (`view`) to `t_ns + dt_ns`.

        The first call has t_ns = 0, dt_ns = 0 and an all-absent view: its setpoints are the initial states. Where the
        ego is engaged its column says CONTROLS and the simulator fills in the controls.
        """
        ...

    def take_events(self) -> tuple[EngineEvent, ...]:
        """Events since the last call, in order."""
        ...
