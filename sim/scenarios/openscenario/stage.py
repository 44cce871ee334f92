"""What the storyboard changes beside its cast: variables, parameters, traffic signals, weather and time of day."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from bus import messages
from bus.messages import LightState
from geometry.errors import InputError, Place
from sim.scenarios.openscenario.expressions import Value
from sim.scenarios.openscenario.parameters import Declaration, typed
from sim.weather import CLEAR_DAY, CLEAR_VISIBILITY_M, kind_of, sun_at


@dataclass(frozen=True, slots=True)
class Weather:
    """SI units; None where the file says nothing. `friction` scales the road's own."""

    precipitation: str = "dry"
    precipitation_mmph: float = 0.0
    fog_visibility_m: float | None = None
    cloud: str = ""
    sun_elevation_rad: float | None = None
    sun_azimuth_rad: float | None = None
    sun_illuminance_lux: float | None = None
    wind_speed_mps: float = 0.0
    wind_direction_rad: float = 0.0
    temperature_k: float | None = None
    friction: float = 1.0
    wetness: str = ""


_WETNESS = {"dry": 0.0, "moist": 0.2, "wetWithPuddles": 0.6, "lowFlooded": 0.9, "highFlooded": 1.0}


def as_message(weather: Weather, time_of_day_s: float | None) -> messages.Weather:
    """The weather as the world has it; where the file is silent, the clear day or the hour decides."""
    elevation, azimuth = weather.sun_elevation_rad, weather.sun_azimuth_rad
    if time_of_day_s is not None and elevation is None:
        elevation, azimuth = sun_at(time_of_day_s)
    elevation = CLEAR_DAY.sun_elevation_rad if elevation is None else elevation
    visibility_m = CLEAR_VISIBILITY_M if weather.fog_visibility_m is None else weather.fog_visibility_m
    return messages.Weather(
        kind=kind_of(weather.precipitation, weather.precipitation_mmph, visibility_m, elevation),
        precipitation_mmph=weather.precipitation_mmph,
        visibility_m=visibility_m,
        sun_elevation_rad=elevation,
        # OpenSCENARIO counts clockwise from north.
        sun_azimuth_rad=CLEAR_DAY.sun_azimuth_rad
        if azimuth is None
        else math.remainder(0.5 * math.pi - azimuth, math.tau),
        friction=CLEAR_DAY.friction * weather.friction,
        wetness=_WETNESS.get(weather.wetness, 0.0),
    )


_BULBS = {
    (True, False, False): LightState.RED,
    (True, True, False): LightState.RED_YELLOW,
    (False, True, False): LightState.YELLOW,
    (False, False, True): LightState.GREEN,
    (False, False, False): LightState.OFF,
}
_WORDS = {
    "red": LightState.RED,
    "stop": LightState.RED,
    "yellow": LightState.YELLOW,
    "amber": LightState.YELLOW,
    "attention": LightState.YELLOW,
    "green": LightState.GREEN,
    "go": LightState.GREEN,
    "redyellow": LightState.RED_YELLOW,
    "red_yellow": LightState.RED_YELLOW,
    "flashing": LightState.FLASHING,
    "off": LightState.OFF,
}


def light_state(text: str) -> LightState:
    """A light's state as files write it: a word, or `on`, `off`, `flashing` of its bulbs from the top (`on;off;off`).

    Anything else is UNKNOWN: a driver has to stop at a light that it does not understand.
    """
    parts = [part.strip().lower() for part in text.split(";") if part.strip()]
    if len(parts) == 1:
        return _WORDS.get(parts[0], LightState.UNKNOWN)
    if "flashing" in parts:
        return LightState.FLASHING
    if len(parts) == 3 and set(parts) <= {"on", "off"}:
        return _BULBS.get((parts[0] == "on", parts[1] == "on", parts[2] == "on"), LightState.UNKNOWN)
    return LightState.UNKNOWN


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a traffic signal controller; an infinite duration never ends by itself."""

    name: str
    duration_s: float
    states: tuple[tuple[str, str], ...]
    """(signal, state)."""


@dataclass(slots=True)
class SignalController:
    """A cycle of phases; `begun_s` is when the current phase began (negative: before the start)."""

    name: str
    phases: tuple[Phase, ...]
    delay_s: float = 0.0
    reference: str = ""
    current: int = 0
    begun_s: float = 0.0

    def enter(self, index: int, t_s: float, signals: dict[str, str]) -> None:
        """Switch to a phase, and its signals with it."""
        self.current, self.begun_s = index, t_s
        signals.update(self.phases[index].states)

    def advance(self, t_s: float, signals: dict[str, str]) -> None:
        """Go on to the phases that have become due."""
        for _ in self.phases:
            duration_s = self.phases[self.current].duration_s
            if t_s - self.begun_s < duration_s - 1e-9:
                return
            self.enter((self.current + 1) % len(self.phases), self.begun_s + duration_s, signals)


@dataclass(slots=True)
class Stage:
    """Changed by actions, read by conditions and by the simulator."""

    variables: dict[str, Value] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    """Types of parameters and variables."""
    parameters: dict[str, Value] = field(default_factory=dict)
    monitors: dict[str, bool] = field(default_factory=dict)
    signals: dict[str, str] = field(default_factory=dict)
    controllers: dict[str, SignalController] = field(default_factory=dict)
    weather: Weather = Weather()
    time_of_day_s: float | None = None
    """Seconds since midnight at the storyboard's start."""
    clock_runs: bool = False

    def declare(self, declarations: tuple[Declaration, ...], values: dict[str, Value]) -> None:
        """Take over the scenario's parameters."""
        self.parameters = dict(values)
        self.kinds |= {item.name: item.kind for item in declarations}

    def declare_variable(self, name: str, kind: str, text: str, place: Place) -> None:
        """Declare a variable with its first value.

        Raises:
            InputError: declared twice, or a value of another type.
        """
        if name in self.variables:
            raise InputError(f"the variable {name[:100]!r} is declared twice", place)
        self.variables[name] = typed(kind, text, f"variable {name}", place)
        self.kinds[name] = kind

    def table(self, what: str) -> dict[str, Value]:
        """`variable` or `parameter` values by name."""
        return self.variables if what == "variable" else self.parameters

    def start_signals(self) -> None:
        """Put every controller into its first phase; delayed ones wait for the one they refer to."""
        for controller in self.controllers.values():
            if controller.phases:
                controller.enter(0, self._start_s(controller, set()), self.signals)

    def _start_s(self, controller: SignalController, seen: set[str]) -> float:
        if controller.reference not in self.controllers or controller.name in seen:
            return controller.delay_s
        before = self.controllers[controller.reference]
        return controller.delay_s + self._start_s(before, seen | {controller.name})

    def advance(self, t_s: float) -> None:
        """Switch the signals that are due at `t_s`."""
        for controller in self.controllers.values():
            if controller.phases:
                controller.advance(t_s, self.signals)
