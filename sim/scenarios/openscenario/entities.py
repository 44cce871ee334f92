"""Entities and catalogs: from `<Vehicle>`, `<Pedestrian>`, `<MiscObject>` or a reference to one, to box and limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bus.messages import EntityKind
from geometry.errors import InputError, Place
from maps.strict_xml import read_xml
from motion.rollout import EntityShape
from sim.scenarios.openscenario.declarations import read_declarations
from sim.scenarios.openscenario.parameters import Scope, declare
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.references import Reference, References
from sim.scenarios.scenario import Limits

_VEHICLES = {
    "car": EntityKind.CAR,
    "truck": EntityKind.TRUCK,
    "semitrailer": EntityKind.TRAILER,
    "trailer": EntityKind.TRAILER,
    "bus": EntityKind.BUS,
    "van": EntityKind.VAN,
    "motorbike": EntityKind.MOTORCYCLE,
    "bicycle": EntityKind.BICYCLE,
    "train": EntityKind.BUS,
    "tram": EntityKind.BUS,
}
_PEDESTRIANS = {
    "pedestrian": EntityKind.PEDESTRIAN,
    "wheelchair": EntityKind.PEDESTRIAN,
    "animal": EntityKind.ANIMAL,
}


@dataclass(frozen=True, slots=True)
class EntityType:
    """What an entity is: box, kind and limits; its name comes from the scenario."""

    shape: EntityShape
    limits: Limits
    hitch_m: float = math.nan
    coupler_m: float = math.nan
    trailer: Trailer | None = None


@dataclass(frozen=True, slots=True)
class Trailer:
    """What a vehicle tows: another entity of the scenario by name, or a vehicle that comes with it."""

    entity: str
    kind: EntityType | None
    place: Place


def _shape(node: Node, kind: EntityKind, wheelbase_m: float) -> EntityShape:
    box = node.child("BoundingBox")
    centre, size = box.child("Center"), box.child("Dimensions")
    return EntityShape(
        name=node.text("name"),
        kind=int(kind),
        length_m=size.number("length", least=0.01, most=200.0),
        width_m=size.number("width", least=0.01, most=50.0),
        height_m=size.number("height", least=0.0, most=50.0),
        centre_x_m=centre.number("x", least=-100.0, most=100.0),
        wheelbase_m=wheelbase_m,
    )


def _vehicle(node: Node) -> EntityType:
    kind = _VEHICLES[node.choice("vehicleCategory", _VEHICLES)]
    axles, performance = node.child("Axles"), node.child("Performance")
    front, rear = axles.find("FrontAxle"), axles.child("RearAxle")
    wheelbase_m = 0.0 if front is None else front.number("positionX") - rear.number("positionX")
    limits = Limits(
        speed_mps=performance.number("maxSpeed", least=0.0),
        acceleration_mps2=performance.number("maxAcceleration", least=0.0),
        deceleration_mps2=performance.number("maxDeceleration", least=0.0),
        steering_rad=0.6 if front is None else min(max(front.number("maxSteering"), 0.1), 1.2),
    )
    hitch, coupler = node.find("TrailerHitch"), node.find("TrailerCoupler")
    return EntityType(
        _shape(node, kind, max(wheelbase_m, 0.0)),
        limits,
        math.nan if hitch is None else hitch.number("dx", least=-100.0, most=100.0),
        math.nan if coupler is None else coupler.number("dx", least=0.0, most=100.0),
        _trailer(node.find("Trailer")),
    )


def _trailer(node: Node | None) -> Trailer | None:
    """`<Trailer>` of a vehicle; none where its reference is empty."""
    if node is None:
        return None
    reference = node.allow("TrailerRef", "Trailer").find("TrailerRef")
    if reference is not None:
        name = reference.text("entityRef")
        return Trailer(name, None, reference.place) if name else None
    return Trailer("", _vehicle(node.child("Trailer").referenced("Vehicle")), node.place)


def _pedestrian(node: Node) -> EntityType:
    kind = _PEDESTRIANS[node.choice("pedestrianCategory", _PEDESTRIANS, "pedestrian")]
    return EntityType(_shape(node, kind, 0.0), Limits(12.0, 5.0, 5.0, 0.6))


def _misc(node: Node) -> EntityType:
    return EntityType(_shape(node, EntityKind.OBSTACLE, 0.0), Limits(100.0, 10.0, 10.0, 0.6))


TYPES: Mapping[str, Callable[[Node], EntityType]] = {
    "Vehicle": _vehicle,
    "Pedestrian": _pedestrian,
    "MiscObject": _misc,
}

KINDS_OF_TYPE: Mapping[str, frozenset[int]] = {
    "pedestrian": frozenset(int(kind) for kind in _PEDESTRIANS.values()),
    "vehicle": frozenset(int(kind) for kind in _VEHICLES.values()),
    "miscellaneous": frozenset({int(EntityKind.OBSTACLE)}),
}
"""Kinds of entities by the standard's object types."""

CATALOG_KINDS = (
    "VehicleCatalog", "ControllerCatalog", "PedestrianCatalog", "MiscObjectCatalog", "EnvironmentCatalog",
    "ManeuverCatalog", "TrajectoryCatalog", "RouteCatalog", "SensorCatalog",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Catalogs:
    """All catalog entries below the scenario's catalog folders, by (catalog name, entry name)."""

    references: References
    folders: tuple[Reference, ...]
    _loaded: dict[str, dict[str, Node]] = field(default_factory=dict)

    @staticmethod
    def folders_of(locations: Node | None) -> tuple[Reference, ...]:
        """`<CatalogLocations>`."""
        if locations is None:
            return ()
        return tuple(
            Reference(kind.child("Directory").text("path"), kind.place) for kind in locations.allow(*CATALOG_KINDS)
        )

    def entry(self, node: Node) -> Node:
        """The element that a `<CatalogReference>` names, in the scope of the reference and its own parameters.

        Raises:
            InputError: no such catalog or entry, or a wrong assignment.
        """
        catalog, name = node.text("catalogName"), node.text("entryName")
        entries = self._catalogs().get(catalog)
        if entries is None:
            known = ", ".join(sorted(self._loaded)) or "none"
            raise InputError(f"there is no catalog {catalog[:100]!r}; the catalog folders hold {known}", node.place)
        if name not in entries:
            raise InputError(f"catalog {catalog} has no entry {name[:100]!r}; it has {', '.join(entries)}", node.place)
        entry = entries[name]
        assignments = node.allow("ParameterAssignments").find("ParameterAssignments")
        # Some files write the name of the assigned parameter with the `$` of its use.
        given = {} if assignments is None else {
            item.raw("parameterRef").removeprefix("$"): item.text("value")
            for item in assignments.all("ParameterAssignment")
        }  # fmt: skip
        entry = replace(entry, catalogs=node.catalogs, path=node.path)
        try:
            return entry.within(declare(read_declarations(entry), node.scope, given))
        except InputError as error:
            raise error if error.place is not None else InputError(str(error), node.place) from None

    def _catalogs(self) -> dict[str, dict[str, Node]]:
        if not self._loaded:
            for folder in self.folders:
                for path in sorted(self.references.resolve(folder).glob("*.xosc")):
                    self._load(path)
        return self._loaded

    def _load(self, path: Path) -> None:
        root = Node(read_xml(path), Scope())
        catalog = root.find("Catalog")
        if catalog is None or catalog.text("name") in self._loaded:
            return  # another kind of file may lie in the folder; the same folder may be named for several kinds
        self._loaded[catalog.text("name")] = {entry.text("name"): entry for entry in catalog}
