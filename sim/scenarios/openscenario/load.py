"""From a scenario file to an engine: parameters, catalogs, map, cast, init, storyboard.

Everything that the reader does not know is refused by name with file and line; nothing is skipped in silence.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from geometry.errors import InputError, LanewiseError, Place, UnsupportedError
from maps.opendrive import read_opendrive
from maps.road_network import RoadNetwork
from maps.strict_xml import place_of, read_xml
from sim.scenarios.openscenario.action import Action
from sim.scenarios.openscenario.actions import read_global_action, read_private_action
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.conditions import read_trigger
from sim.scenarios.openscenario.declarations import read_declarations
from sim.scenarios.openscenario.elements import Elements
from sim.scenarios.openscenario.engine import StoryboardEngine
from sim.scenarios.openscenario.entities import KINDS_OF_TYPE, TYPES, Catalogs, EntityType, Trailer
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.parameters import KINDS, Scope, declare
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.openscenario.stage import Phase, SignalController, Stage
from sim.scenarios.openscenario.storyboard import NamedAction, Storyboard, read_stories
from sim.scenarios.openscenario.swarm import reserve_of
from sim.scenarios.openscenario.trailers import Tow
from sim.scenarios.references import Reference, References

ALKS_CONTROLLER = "ALKSController"
ALKS_SPEED_MPS = 60.0 / 3.6
"""Highest set speed in scenarios of UN R157 in its first version."""

_TOP = (
    "FileHeader", "ParameterDeclarations", "VariableDeclarations", "MonitorDeclarations", "CatalogLocations",
    "RoadNetwork", "Entities", "Storyboard",
)  # fmt: skip


def load_scenario(
    path: Path, *, parameters: Mapping[str, str] | None = None, root: Path | None = None, ego_driver: str = "stack"
) -> StoryboardEngine:
    """Read a `.xosc` scenario and set its cast up at t = 0.

    Args:
        parameters: values for declared parameters, in the file's own units.
        root: the folder that references may not leave; default as `sim.scenarios.references` says.
        ego_driver: `stack` or `scripted`.

    Raises:
        InputError: something in the file, its catalogs or its map is wrong; the message names file and line.
        UnsupportedError: the file needs something that this engine does not do.
    """
    document = Node(read_xml(path), Scope())
    if document.tag != "OpenSCENARIO":
        raise InputError(f"the root element is <{document.tag}>; an OpenSCENARIO file was expected", document.place)
    if document.find("ParameterValueDistribution") is not None:
        raise InputError("this is a parameter variation, not a scenario; run it with --sample or --all", document.place)
    document.allow(*_TOP)
    document = document.within(_declared(document, parameters or {}, path))
    road = document.child("RoadNetwork").allow("LogicFile", "SceneGraphFile", "TrafficSignals").child("LogicFile")
    map_reference = Reference(road.text("filepath"), road.place)
    folders = Catalogs.folders_of(document.find("CatalogLocations"))
    references = References.of(path, (map_reference, *folders), root)
    map_file = references.existing_file(map_reference, "the map")
    document = dataclasses.replace(document, catalogs=Catalogs(references, folders))
    network = _network(map_file, map_file.stat().st_mtime_ns)
    cast, controllers = _cast(document, network, _stage(document))
    _check_entities(document.child("Storyboard").allow("Init", "Story", "StopTrigger"), cast)
    return _engine(document, path, cast, controllers, map_file, ego_driver)


def _declared(document: Node, given: Mapping[str, str], path: Path) -> Scope:
    try:
        return declare(read_declarations(document), Scope(), given)
    except InputError as error:
        raise error if error.place is not None else InputError(str(error), path) from None


def _stage(document: Node) -> Stage:
    """Parameters, variables and traffic signals at the start."""
    stage = Stage()
    stage.declare(read_declarations(document), dict(document.scope.values))
    variables = document.find("VariableDeclarations")
    for item in () if variables is None else variables.allow("VariableDeclaration"):
        stage.declare_variable(item.raw("name"), item.choice("variableType", KINDS), item.text("value"), item.place)
    monitors = document.find("MonitorDeclarations")
    for item in () if monitors is None else monitors.allow("MonitorDeclaration"):
        stage.monitors[item.text("name")] = item.boolean("value", False)
    signals = document.child("RoadNetwork").find("TrafficSignals")
    for item in () if signals is None else signals.allow("TrafficSignalController"):
        controller = _signal_controller(item)
        stage.controllers[controller.name] = controller
    return stage


def _signal_controller(node: Node) -> SignalController:
    phases = tuple(
        Phase(
            phase.text("name"),
            phase.number("duration", math.inf, least=0.0),
            tuple((state.text("trafficSignalId"), state.text("state")) for state in phase.all("TrafficSignalState")),
        )
        for phase in node.allow("Phase")
    )
    if phases and not sum(phase.duration_s for phase in phases) > 0.0:
        raise InputError("the phases of a traffic signal controller take no time at all", node.place)
    return SignalController(node.text("name"), phases, node.number("delay", 0.0, least=0.0), node.text("reference", ""))


@lru_cache(maxsize=8)
def _network(map_file: Path, modified_ns: int) -> RoadNetwork:  # noqa: ARG001 - part of the cache's key
    """The roads of a map; a batch of scenarios on one map reads it once."""
    return read_opendrive(map_file)


def _cast(document: Node, network: RoadNetwork, stage: Stage) -> tuple[Cast, dict[str, tuple[str, ...]]]:
    """Movers in the file's order, trailers behind what tows them, and the controllers of each entity."""
    entities = document.child("Entities")
    movers: dict[str, Mover] = {}
    controllers: dict[str, tuple[str, ...]] = {}
    towed: list[tuple[Mover, Trailer]] = []
    for item in entities.allow("ScenarioObject", "EntitySelection").all("ScenarioObject"):
        name = item.text("name")
        kind = _entity_type(item.allow(*TYPES, "CatalogReference", "ObjectController"))
        _add_mover(movers, name, kind, item.place, towed)
        controllers[name] = tuple(_controller_name(c) for c in item.all("ObjectController") if len(c.element))
    if not movers:
        raise InputError("the scenario has no entity", entities.place)
    for element in document.element.iter("TrafficAction"):
        for name, kind in reserve_of(dataclasses.replace(document, element=element)).items():
            if name not in movers:  # swarms of one name share their vehicles
                _add_mover(movers, name, kind, place_of(element), towed)
    cast = Cast(network, tuple(movers.values()), movers, stage)
    for item in entities.all("EntitySelection"):
        cast.selections[item.text("name")] = _selected(item, cast)
    for front, trailer in towed:
        cast.tows.append(Tow(front, cast.mover(trailer.entity, trailer.place)))
    return cast, controllers


def _selected(node: Node, cast: Cast) -> tuple[str, ...]:
    """`<EntitySelection>`: entities by name and by type."""
    found: dict[str, None] = {}
    for item in node.child("Members").allow("EntityRef", "ByType"):
        if item.tag == "EntityRef":
            found[cast.mover(item.text("entityRef"), item.place).shape.name] = None
            continue
        kinds = KINDS_OF_TYPE[item.choice("objectType", KINDS_OF_TYPE)]
        found |= {mover.shape.name: None for mover in cast.movers if mover.shape.kind in kinds}
    return tuple(found)


def _add_mover(
    movers: dict[str, Mover], name: str, kind: EntityType, place: Place, towed: list[tuple[Mover, Trailer]]
) -> None:
    """Add an entity and the trailers that come with it; those are called after it, with a `+` each."""
    if name in movers:
        raise InputError(f"two entities are named {name}", place)
    mover = Mover(
        len(movers), dataclasses.replace(kind.shape, name=name), kind.limits, hitch_m=kind.hitch_m,
        coupler_m=kind.coupler_m,
    )  # fmt: skip
    movers[name] = mover
    trailer = kind.trailer
    if trailer is None:
        return
    if trailer.kind is not None:
        _add_mover(movers, f"{name}+", trailer.kind, trailer.place, towed)
        trailer = dataclasses.replace(trailer, entity=f"{name}+")
    # The front one first, so that each trailer follows a hitch that has already moved.
    towed.insert(0, (mover, trailer))


def _entity_type(node: Node) -> EntityType:
    for child in node:
        if child.tag == "ObjectController":
            continue
        found = node.catalogs.entry(child) if child.tag == "CatalogReference" else child
        if found.tag not in TYPES:
            raise UnsupportedError(f"<{found.tag}> is no entity that is supported", child.place)
        return TYPES[found.tag](found)
    raise InputError(f"<{node.tag}> needs one of {', '.join(TYPES)}, CatalogReference", node.place)


def _controller_name(node: Node) -> str:
    return node.allow("Controller", "CatalogReference").referenced("Controller").text("name")


def _engine(
    document: Node, path: Path, cast: Cast, controllers: dict[str, tuple[str, ...]], map_file: Path, ego_driver: str
) -> StoryboardEngine:
    storyboard, elements = document.child("Storyboard"), Elements()
    stories = read_stories(storyboard, elements)
    stop = read_trigger(storyboard.find("StopTrigger"))
    ego = _ego(cast, controllers)
    init = _init(storyboard.find("Init"))
    activated = [named for named, entity in init if _activates(named) and entity == ego.shape.name]
    board = Storyboard(stories, stop, elements, lambda *_: None, lambda *_: None)
    later = any(_activates(named) for event in board.events() for named in event.actions)
    description = document.child("FileHeader").text("description", "")
    alks = description.startswith("ALKS Scenario") or ALKS_CONTROLLER in controllers[ego.shape.name]
    try:
        return StoryboardEngine(
            name=path.stem,
            runtime=cast,
            storyboard=board,
            init=init,
            ego_id=ego.index,
            regulation="un-r157" if alks else "",
            map_file=map_file,
            ego_driver=ego_driver,
            engages_later=later and not activated,
            speed_cap_mps=ALKS_SPEED_MPS if alks else float("inf"),
            parameters={name: str(value) for name, value in document.scope.values.items()},
        )
    except InputError as error:
        raise error if error.place is not None else InputError(str(error), path) from error
    except LanewiseError as error:
        raise InputError(str(error), path) from error


def _activates(named: NamedAction) -> bool:
    return isinstance(named.action, Action) and named.action.activates


def _ego(cast: Cast, controllers: dict[str, tuple[str, ...]]) -> Mover:
    """The entity named Ego, else the first with a controller, else the first vehicle, else the first."""
    if "Ego" in cast.by_name:
        return cast.by_name["Ego"]
    controlled = [name for name, names in controllers.items() if names]
    if controlled:
        return cast.by_name[controlled[0]]
    vehicles = [mover for mover in cast.movers if mover.shape.wheelbase_m > 0.0]
    return vehicles[0] if vehicles else cast.movers[0]


def _check_entities(storyboard: Node, cast: Cast) -> None:
    """Names of entities are checked before anything moves; those given by a parameter when they are needed."""
    for element in storyboard.element.iter():
        name = element.get("entityRef")
        if name is not None and "$" not in name and name not in cast.by_name and name not in cast.selections:
            known = ", ".join(cast.by_name)
            raise InputError(f"there is no entity {name[:100]!r}; there are {known}", place_of(element))


def _init(node: Node | None) -> tuple[tuple[NamedAction, str], ...]:
    """The init's actions with the entity of each; none for global ones."""
    if node is None:
        return ()
    actions: list[tuple[NamedAction, str]] = []
    for item in node.child("Actions").allow("GlobalAction", "Private"):
        if item.tag == "GlobalAction":
            globally = read_global_action(item)
            actions.append((NamedAction(("action", (f"init {globally.kind}",), 0), globally, item.place), ""))
            continue
        entity = item.text("entityRef")
        for private in item.allow("PrivateAction"):
            action = read_private_action(private)
            actions.append((NamedAction(("action", (f"init {action.kind}",), 0), action, private.place), entity))
    return tuple(actions)
