"""Private actions that are done at once: teleport, controllers, visibility, lights and animations, trailers."""

from __future__ import annotations

import math
from collections.abc import Callable

from geometry.errors import InputError
from sim.scenarios.openscenario.action import BOTH, NEITHER, Action, Done, at_once
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.positions import read_position
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.openscenario.trailers import Tow

LIGHT_MODES = ("on", "off", "flashing")


def teleport(node: Node) -> Action:
    """`<TeleportAction>`."""
    where = read_position(node.child("Position"))

    def do(cast: Cast, mover: Mover) -> None:
        spot = where(cast)
        mover.place(cast.network, spot.pose, spot.road)
        mover.curve = None

    return at_once("TeleportAction", BOTH, do)


def activate_controller(node: Node) -> Action:
    """`<ActivateControllerAction>`, also where it stands by itself (1.0)."""
    engages = node.boolean("lateral", True) or node.boolean("longitudinal", True)
    return Action("ActivateControllerAction", NEITHER, lambda *_: Done(), activates=engages)


def controller(node: Node) -> Action:
    """`<ControllerAction>`. Overridden pedals move nobody here: whoever follows the script has none."""
    node.allow("AssignControllerAction", "ActivateControllerAction", "OverrideControllerValueAction")
    activate, assign = node.find("ActivateControllerAction"), node.find("AssignControllerAction")
    if activate is not None:
        return activate_controller(activate)
    if assign is not None:
        engages = assign.boolean("activateLateral", False) or assign.boolean("activateLongitudinal", False)
        return Action("AssignControllerAction", NEITHER, lambda *_: Done(), activates=engages)
    node.child("OverrideControllerValueAction")
    return Action(
        "OverrideControllerValueAction", NEITHER, lambda *_: Done(), remark="moves nobody: there are no pedals"
    )


def visibility(node: Node) -> Action:
    """`<VisibilityAction>`."""
    seen = frozenset(name for name in ("graphics", "sensors", "traffic") if node.boolean(name, True))

    def do(_cast: Cast, mover: Mover) -> None:
        mover.visible_to = seen

    return at_once("VisibilityAction", NEITHER, do)


def appearance(node: Node) -> Action:
    """`<AppearanceAction>`: lights and animations, kept with the entity."""
    return node.choose(APPEARANCE_ACTIONS)


def _light_state(node: Node) -> Action:
    kind = node.child("LightType").choose({
        "VehicleLight": lambda n: n.text("vehicleLightType"),
        "UserDefinedLight": lambda n: n.text("userDefinedLightType"),
    })  # fmt: skip
    mode = node.child("LightState").choice("mode", LIGHT_MODES)

    def do(_cast: Cast, mover: Mover) -> None:
        mover.appearance[kind] = mode

    return at_once("LightStateAction", NEITHER, do)


def _animation(node: Node) -> Action:
    kind = node.child("AnimationType").choose({
        "ComponentAnimation": lambda n: n.choose({
            "VehicleComponent": lambda m: m.text("vehicleComponentType"),
            "UserDefinedComponent": lambda m: m.text("userDefinedComponentType"),
        }),
        "PedestrianAnimation": lambda n: n.text("motion", "") or n.text("userDefinedPedestrianAnimation", "animation"),
        "AnimationFile": lambda _n: "animation file",
        "UserDefinedAnimation": lambda n: n.text("userDefinedAnimationType"),
    })  # fmt: skip
    state = node.find("AnimationState")
    value = "on" if state is None else state.text("state")

    def do(_cast: Cast, mover: Mover) -> None:
        mover.appearance[kind] = value

    return at_once("AnimationAction", NEITHER, do)


def trailer(node: Node) -> Action:
    """`<TrailerAction>`: connect or disconnect."""
    return node.choose(TRAILER_ACTIONS)


def _connect(node: Node) -> Action:
    name, place = node.text("trailerRef"), node.place

    def do(cast: Cast, mover: Mover) -> None:
        rear = cast.mover(name, place)
        if rear is mover or any(tow.rear is rear for tow in cast.tows):
            raise InputError(f"{name} cannot be towed by {mover.shape.name}: it is itself or already towed", place)
        if math.isnan(mover.hitch_m) or math.isnan(rear.coupler_m):
            raise InputError(f"{mover.shape.name} needs a <TrailerHitch> and {name} a <TrailerCoupler>", place)
        cast.tows.append(Tow(mover, rear))

    return at_once("ConnectTrailerAction", NEITHER, do)


def _disconnect(_node: Node) -> Action:
    def do(cast: Cast, mover: Mover) -> None:
        for tow in [tow for tow in cast.tows if tow.front is mover]:
            tow.rear.speed_mps = 0.0
            cast.tows.remove(tow)

    return at_once("DisconnectTrailerAction", NEITHER, do)


APPEARANCE_ACTIONS: dict[str, Callable[[Node], Action]] = {
    "LightStateAction": _light_state,
    "AnimationAction": _animation,
    "AnimationStateAction": _animation,
}
TRAILER_ACTIONS: dict[str, Callable[[Node], Action]] = {
    "ConnectTrailerAction": _connect,
    "DisconnectTrailerAction": _disconnect,
}
