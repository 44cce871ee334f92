"""The cast at run time: the movers by name on one road network, and what can be asked about two of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from geometry.errors import InputError, Place
from maps.road_network import RoadNetwork, RoadPosition
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.stage import Stage
from sim.scenarios.openscenario.trailers import Tow
from sim.scenarios.scenario import MissingLaneError


class Crowd(Protocol):
    """Traffic that comes and goes by itself; `reserve` are the names of its entities."""

    reserve: tuple[str, ...]

    def step(self, cast: Cast, dt_s: float) -> None:
        """Let vehicles leave and appear, and give each its speed for the next step."""
        ...


@dataclass(frozen=True, slots=True)
class Cast:
    """All entities of a scenario, the roads they are on, and what else the storyboard changes."""

    network: RoadNetwork
    movers: tuple[Mover, ...]
    by_name: dict[str, Mover]
    stage: Stage = field(default_factory=Stage)
    tows: list[Tow] = field(default_factory=list)
    swarms: dict[str, Crowd] = field(default_factory=dict)
    selections: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of entities by the name of their selection."""

    def mover(self, name: str, place: Place | None = None) -> Mover:
        """The entity of that name.

        Raises:
            InputError: there is none.
        """
        found = self.by_name.get(name)
        if found is None:
            raise InputError(f"there is no entity {name[:100]!r}; there are {', '.join(self.by_name)}", place)
        return found

    def members(self, name: str, place: Place | None = None) -> tuple[Mover, ...]:
        """The entities of a selection, or the one entity of that name.

        Raises:
            InputError: there is neither.
        """
        if name in self.selections:
            return tuple(self.mover(member, place) for member in self.selections[name])
        return (self.mover(name, place),)

    def lane_beside(self, mover: Mover, lanes: int, place: Place | None = None) -> RoadPosition:
        """The lane `lanes` to the left (positive) as the entity faces, lane 0 passed over, at the lane's centre.

        Raises:
            InputError: the entity is not on the road, or the road has no such lane.
        """
        road = mover.road
        if road is None:
            raise InputError(f"{mover.shape.name} is not on the road, so no lane lies beside it", place)
        across = lanes if mover.heads_along(self.network) else -lanes
        lane_id = road.lane_id + across
        if (lane_id <= 0 < road.lane_id) or (road.lane_id < 0 <= lane_id):
            lane_id += 1 if across > 0 else -1
        known = self.network.lane_ids(road.road_id, road.s_m)
        if lane_id not in known:
            raise MissingLaneError(
                f"road {road.road_id} has no lane {lane_id} at s = {road.s_m:.1f} m; it has "
                f"{', '.join(str(i) for i in known)}",
                place,
            )
        return replace(road, lane_id=lane_id, offset_m=0.0)
