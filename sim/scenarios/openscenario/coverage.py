"""What of OpenSCENARIO XML the engine does, read off its own tables: the page `docs/openscenario.md`.

python -m sim.scenarios.openscenario.coverage > docs/openscenario.md
"""

from __future__ import annotations

from collections.abc import Iterable

from sim.scenarios.openscenario.actions import LATERAL_ACTIONS, LONGITUDINAL_ACTIONS, PRIVATE, ROUTING_ACTIONS
from sim.scenarios.openscenario.conditions import EDGES
from sim.scenarios.openscenario.conditions_by_entity import BY_ENTITY
from sim.scenarios.openscenario.conditions_by_value import BY_VALUE
from sim.scenarios.openscenario.distances import SYSTEMS
from sim.scenarios.openscenario.distribution import DETERMINISTIC, STOCHASTIC
from sim.scenarios.openscenario.dynamics import DIMENSIONS, SHAPES
from sim.scenarios.openscenario.elements import STATES
from sim.scenarios.openscenario.entities import CATALOG_KINDS, TYPES
from sim.scenarios.openscenario.expressions import CONSTANTS, FUNCTIONS
from sim.scenarios.openscenario.global_actions import APPLIED_TO_SIGNALS, GLOBAL
from sim.scenarios.openscenario.parameters import KINDS, RULES
from sim.scenarios.openscenario.positions import POSITIONS
from sim.scenarios.openscenario.private_actions import APPEARANCE_ACTIONS, TRAILER_ACTIONS
from sim.scenarios.openscenario.storyboard import PRIORITIES
from sim.scenarios.openscenario.trajectories import TRAJECTORY_SHAPES

SUPPORTED: dict[str, Iterable[str]] = {
    "Entities": (*TYPES, "CatalogReference", "EntitySelection", "ObjectController", "Trailer"),
    "Catalogs": CATALOG_KINDS,
    "Longitudinal actions": LONGITUDINAL_ACTIONS,
    "Lateral actions": LATERAL_ACTIONS,
    "Routing actions": ROUTING_ACTIONS,
    "Other private actions": [
        name for name in PRIVATE if name not in ("LongitudinalAction", "LateralAction", "RoutingAction")
    ],
    "Appearance actions": APPEARANCE_ACTIONS,
    "Trailer actions": TRAILER_ACTIONS,
    "Global actions": GLOBAL,
    "Traffic signal actions": APPLIED_TO_SIGNALS,
    "Traffic actions": ("TrafficSwarmAction", "TrafficStopAction"),
    "Trajectory shapes": TRAJECTORY_SHAPES,
    "Positions": POSITIONS,
    "Conditions by entity": BY_ENTITY,
    "Conditions by value": BY_VALUE,
    "Condition edges": EDGES,
    "Storyboard states and transitions": STATES,
    "Event priorities": PRIORITIES,
    "Dynamics shapes": SHAPES,
    "Dynamics dimensions": DIMENSIONS,
    "Coordinate systems of distances": [name for name in SYSTEMS if name != "trajectory"],
    "Deterministic distributions": DETERMINISTIC,
    "Stochastic distributions": STOCHASTIC,
    "Parameter and variable types": KINDS,
    "Rules": RULES,
    "Functions in expressions": FUNCTIONS,
    "Constants in expressions": CONSTANTS,
}

REFUSED: dict[str, str] = {
    "TrafficSourceAction": "sources, sinks and areas of traffic are not done yet; swarms are",
    "TrafficSinkAction": "sources, sinks and areas of traffic are not done yet; swarms are",
    "TrafficAreaAction": "sources, sinks and areas of traffic are not done yet; swarms are",
    "RandomRouteAction": "a random route is another one for every tool",
    "UserDefinedAction": "means something only to the tool that wrote it",
    "UserDefinedValueCondition": "means something only to the tool that wrote it",
    "UserDefinedDistribution": "means something only to the tool that wrote it",
    "Sensor": "the car that is driven has its own sensors",
    "ExternalObjectReference": "names an object of another file",
}
"""Elements of the standard that are refused by name, and why."""

NOTES = (
    "Speeds change within what `<Performance>` allows; a change that is asked to be faster takes longer.",
    "A rate is the largest slope of its shape. A speed change over a distance is driven at the mean of both speeds.",
    "Lanes to the left, offsets to the left and distances ahead are meant as the entity faces.",
    "Distances that are kept within bounds are approached like a critically damped spring; its stiffness is 0.4/m of "
    "the largest acceleration allowed.",
    "Geographic positions need a map with a geo reference: a PROJ string, an EPSG number or WKT.",
    "Routes take the shortest way between waypoints, over lanes of the driving direction where there are any. On a "
    "route, lanes are counted as on its first road.",
    "A headway or time to collision is undefined, and its condition false, towards what is behind.",
    "Off the road is where no lane of a kind other than `none` lies.",
    "Conditions see that an element has started in the same step, anything else in the next one.",
    "A reference to a storyboard element means the closest one of that name; more names are joined by `::`.",
    "Trailers that a vehicle brings along are named after it with a `+` each.",
    "Vehicles of a swarm are called after its `trafficName` and numbered; they keep lane and distance. A swarm has to "
    "stand in the scenario file itself.",
    "Visibility, lights and animations are kept with the entity and move nobody. Overridden pedals move nobody either; "
    "the event log says so.",
    "Parameters set while the scenario runs are seen by conditions; attributes keep the values they were read with.",
    "In a text, `+` joins: `${name + _ + $index}`. A text that is a number counts as one.",
)


def coverage_page() -> str:
    """The page as Markdown."""
    lines = [
        "# OpenSCENARIO XML: what runs and what is refused",
        "",
        "Generated from the reader's own tables by `python -m sim.scenarios.openscenario.coverage`; a test keeps it "
        "current. Versions 1.0 to 1.3. Whatever is not named here is refused with its name, file and line; nothing is "
        "skipped in silence.",
        "",
        "## Supported",
        "",
        "| what | elements |",
        "| --- | --- |",
        *(f"| {what} | {', '.join(f'`{name}`' for name in names)} |" for what, names in SUPPORTED.items()),
        "",
        "## Refused",
        "",
        "| element | why |",
        "| --- | --- |",
        *(f"| `{name}` | {why} |" for name, why in REFUSED.items()),
        "",
        "## How it is done here",
        "",
        *(f"- {note}" for note in NOTES),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(coverage_page(), end="")
