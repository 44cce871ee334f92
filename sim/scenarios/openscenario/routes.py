"""`<Route>`: waypoints that become a way over the roads when the cast is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from geometry.errors import InputError, Place
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.declarations import read_declarations
from sim.scenarios.openscenario.parameters import declare
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.openscenario.spots import Where
from sim.scenarios.openscenario.ways import Way, way_through

STRATEGIES = ("fastest", "leastIntersections", "random", "shortest")


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a file. Its way is found once, when it is first asked for."""

    name: str
    waypoints: tuple[Where, ...]
    closed: bool
    place: Place
    _found: list[Way] = field(default_factory=list)

    def way(self, cast: Cast) -> Way:
        """The way through all waypoints; ways between them are the shortest, whatever the file's strategy.

        Raises:
            InputError: no roads lead from one waypoint to the next.
        """
        if not self._found:
            places = tuple(where(cast).located(cast) for where in self.waypoints)
            way = way_through(cast.network, (*places, places[0]) if self.closed else places)
            if way is None:
                raise InputError(f"no roads lead through all waypoints of the route {self.name[:100]!r}", self.place)
            self._found.append(way)
        return self._found[0]


def read_route(holder: Node, read_position: Callable[[Node], Where]) -> Route:
    """The route written below an element, or referred to there.

    Raises:
        InputError: fewer than two waypoints.
    """
    node = holder.referenced("Route")
    if node.find("ParameterDeclarations") is not None and holder.find("CatalogReference") is None:
        node = node.within(declare(read_declarations(node), node.scope))
    waypoints = []
    for item in node.allow("ParameterDeclarations", "Waypoint").all("Waypoint"):
        item.choice("routeStrategy", STRATEGIES)
        waypoints.append(read_position(item.child("Position")))
    if len(waypoints) < 2:
        raise InputError("a route needs at least two waypoints", node.place)
    return Route(node.text("name", ""), tuple(waypoints), node.boolean("closed", False), node.place)
