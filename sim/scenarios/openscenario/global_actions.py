"""Global actions: weather, entities that come and go, parameters and variables, traffic signals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from geometry.errors import InputError
from sim.scenarios.openscenario.action import GlobalAction
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.conditions_by_value import seconds_of_day
from sim.scenarios.openscenario.expressions import Value, as_text
from sim.scenarios.openscenario.parameters import typed
from sim.scenarios.openscenario.positions import read_position
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.openscenario.stage import Weather
from sim.scenarios.openscenario.swarm import traffic

Perform = Callable[[Cast, float], None]


# --- environment ---


def environment(node: Node) -> GlobalAction:
    """`<EnvironmentAction>`: what it does not name stays as it was."""
    found = node.referenced("Environment").allow("ParameterDeclarations", "TimeOfDay", "Weather", "RoadCondition")
    change = _weather(found)
    clock = found.find("TimeOfDay")
    day_s = None if clock is None else seconds_of_day(clock)
    runs = clock is not None and clock.boolean("animation", False)

    def perform(cast: Cast, t_s: float) -> None:
        cast.stage.weather = change(cast.stage.weather)
        if day_s is not None:
            cast.stage.time_of_day_s, cast.stage.clock_runs = day_s - (t_s if runs else 0.0), runs

    return GlobalAction("EnvironmentAction", perform)


def _weather(node: Node) -> Callable[[Weather], Weather]:
    weather, road = node.find("Weather"), node.find("RoadCondition")
    changes: dict[str, object] = {}
    if weather is not None:
        weather.allow("Sun", "Fog", "Precipitation", "Wind", "DomeImage")
        changes |= _sky(weather) | _air(weather)
    if road is not None:
        changes["friction"] = road.number("frictionScaleFactor", 1.0, least=0.0)
        changes["wetness"] = road.text("wetness", "")
    return lambda before: replace(before, **changes)  # type: ignore[arg-type]  # fields of Weather, checked above


def _sky(node: Node) -> dict[str, object]:
    """Clouds, sun and precipitation; 1.0 and 1.1 name some attributes differently."""
    changes: dict[str, object] = {}
    cloud = node.text("fractionalCloudCover", node.text("cloudState", ""))
    if cloud:
        changes["cloud"] = cloud
    sun, rain = node.find("Sun"), node.find("Precipitation")
    if sun is not None:
        changes |= {"sun_elevation_rad": sun.number("elevation"), "sun_azimuth_rad": sun.number("azimuth")}
        light = next((name for name in ("illuminance", "intensity") if sun.has(name)), None)
        changes["sun_illuminance_lux"] = None if light is None else sun.number(light)
    if rain is not None:
        changes["precipitation"] = rain.choice("precipitationType", ("dry", "rain", "snow"))
        amount = "precipitationIntensity" if rain.has("precipitationIntensity") else "intensity"
        changes["precipitation_mmph"] = rain.number(amount, 0.0, least=0.0)
    return changes


def _air(node: Node) -> dict[str, object]:
    changes: dict[str, object] = {}
    fog, wind = node.find("Fog"), node.find("Wind")
    if node.has("temperature"):
        changes["temperature_k"] = node.number("temperature")
    if fog is not None:
        changes["fog_visibility_m"] = fog.number("visualRange", least=0.0)
    if wind is not None:
        changes |= {"wind_speed_mps": wind.number("speed"), "wind_direction_rad": wind.number("direction")}
    return changes


# --- entities ---


def entity(node: Node) -> GlobalAction:
    """`<EntityAction>`."""
    name, place = node.text("entityRef"), node.place
    added = node.allow("AddEntityAction", "DeleteEntityAction").find("AddEntityAction")
    where = None if added is None else read_position(added.child("Position"))
    if where is None:
        node.child("DeleteEntityAction")

    def perform(cast: Cast, _t_s: float) -> None:
        mover = cast.mover(name, place)
        if where is None:
            mover.present = False
            return
        spot = where(cast)
        mover.place(cast.network, spot.pose, spot.road)

    return GlobalAction("EntityAction", perform)


# --- parameters and variables ---


def setting(what: str) -> Callable[[Node], GlobalAction]:
    """`<ParameterAction>` or `<VariableAction>`: set or modify."""

    def read(node: Node) -> GlobalAction:
        name, place = node.raw(f"{what}Ref").removeprefix("$"), node.place
        change = node.choose({
            "SetAction": _set, "ParameterSetAction": _set, "VariableSetAction": _set,
            "ModifyAction": _modify, "ParameterModifyAction": _modify, "VariableModifyAction": _modify,
        })  # fmt: skip

        def perform(cast: Cast, _t_s: float) -> None:
            table = cast.stage.table(what)
            if name not in table:
                known = ", ".join(sorted(table)) or "none"
                raise InputError(f"there is no {what} {name[:100]!r}; declared are {known}", place)
            table[name] = typed(cast.stage.kinds[name], change(table[name]), f"{what} {name}", place)

        return GlobalAction(f"{what.capitalize()}Action", perform)

    return read


def _set(node: Node) -> Callable[[Value], str]:
    value = node.text("value")
    return lambda _before: value


def _modify(node: Node) -> Callable[[Value], str]:
    rule = node.child("Rule").allow("AddValue", "MultiplyByValue")
    added = rule.find("AddValue")
    amount, place = (added or rule.child("MultiplyByValue")).number("value"), node.place

    def change(before: Value) -> str:
        if isinstance(before, (str, bool)):
            raise InputError(f"{before!r} is not a number and cannot be modified", place)
        return as_text(before + amount if added is not None else before * amount)

    return change


# --- infrastructure ---


def infrastructure(node: Node) -> GlobalAction:
    """`<InfrastructureAction>`."""
    return node.choose({"TrafficSignalAction": lambda item: item.choose(APPLIED_TO_SIGNALS)})


def _signal_state(node: Node) -> GlobalAction:
    name, state = node.text("name"), node.text("state")

    def perform(cast: Cast, _t_s: float) -> None:
        cast.stage.signals[name] = state

    return GlobalAction("TrafficSignalStateAction", perform)


def _signal_controller(node: Node) -> GlobalAction:
    name, phase, place = node.text("trafficSignalControllerRef"), node.text("phase"), node.place

    def perform(cast: Cast, t_s: float) -> None:
        controller = cast.stage.controllers.get(name)
        if controller is None:
            known = ", ".join(cast.stage.controllers) or "none"
            raise InputError(f"there is no traffic signal controller {name[:100]!r}; there are {known}", place)
        for index, known_phase in enumerate(controller.phases):
            if known_phase.name == phase:
                controller.enter(index, t_s, cast.stage.signals)
                return
        names = ", ".join(item.name for item in controller.phases)
        raise InputError(f"{name} has no phase {phase[:100]!r}; it has {names}", place)

    return GlobalAction("TrafficSignalControllerAction", perform)


def set_monitor(node: Node) -> GlobalAction:
    """`<SetMonitorAction>` (1.3)."""
    name, value, place = node.text("monitorRef"), node.boolean("value"), node.place

    def perform(cast: Cast, _t_s: float) -> None:
        if name not in cast.stage.monitors:
            known = ", ".join(cast.stage.monitors) or "none"
            raise InputError(f"there is no monitor {name[:100]!r}; declared are {known}", place)
        cast.stage.monitors[name] = value

    return GlobalAction("SetMonitorAction", perform)


APPLIED_TO_SIGNALS: dict[str, Callable[[Node], GlobalAction]] = {
    "TrafficSignalStateAction": _signal_state,
    "TrafficSignalControllerAction": _signal_controller,
}
GLOBAL: dict[str, Callable[[Node], GlobalAction]] = {
    "EnvironmentAction": environment,
    "EntityAction": entity,
    "ParameterAction": setting("parameter"),
    "VariableAction": setting("variable"),
    "InfrastructureAction": infrastructure,
    "SetMonitorAction": set_monitor,
    "TrafficAction": traffic,
}
