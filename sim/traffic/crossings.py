"""Vehicles and people at pedestrian crossings: who goes first, and when it is safe to step onto the road.

Vehicles stop for everybody on a crossing, and for those who wait at one without lights, as long as they can do so in
comfort and nobody blocks it. People step out when all that come can still stop for them, or come later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bus.messages import LightState
from sim.traffic.roads import Roads, Zone
from sim.traffic.turns import BEFORE_M, STOPPING_MPS2
from sim.traffic.vehicles import EGO, LOOK_M, Car, Lanes, Lead, lanes_ahead

TRUSTED_MPS2 = 2.0
"""Who steps out counts on others braking this hard."""
SPARE_S = 1.0
STANDING_MPS = 0.3
_BRANCHES = 3


@dataclass(frozen=True, slots=True)
class Approach:
    """A vehicle that comes to a crossing, or is on it: the way from its front to it (negative: it is there)."""

    car: Car
    distance_m: float

    def can_stop(self, deceleration_mps2: float) -> bool:
        """Whether there is room to stop before it."""
        room_m = max(self.distance_m - BEFORE_M, 0.0)
        return self.distance_m > 0.0 and self.car.speed_mps**2 <= 2.0 * deceleration_mps2 * room_m

    def is_later(self, seconds: float) -> bool:
        """Whether it comes later than so, even if it speeds up a little."""
        return self.distance_m > (self.car.speed_mps + 1.0) * (seconds + SPARE_S)


@dataclass(frozen=True, slots=True)
class Crossings:
    """What happens at the crossings now."""

    roads: Roads
    approaches: Mapping[int, Sequence[Approach]]
    by_car: Mapping[int, Sequence[tuple[int, float]]]
    """The crossings ahead of each vehicle, and how far."""
    stepped: frozenset[int]
    """Crossings with people on them."""
    wanted: frozenset[int]
    lights: Mapping[str, LightState]

    @staticmethod
    def of(
        lanes: Lanes,
        roads: Roads,
        stepped: frozenset[int],
        wanted: frozenset[int],
        lights: Mapping[str, LightState],
        used: bool,
    ) -> Crossings:
        """Find who comes to which crossing, where these are `used` at all."""
        approaches: dict[int, list[Approach]] = defaultdict(list)
        by_car: dict[int, list[tuple[int, float]]] = defaultdict(list)
        if used and roads.zones:
            for car in lanes.cars.values():
                for zone, distance in _zones_ahead(car, roads):
                    approaches[zone.crossing].append(Approach(car, distance))
                    if distance > 0.0:
                        by_car[car.number].append((zone.crossing, distance))
        return Crossings(roads, approaches, by_car, stepped, wanted, lights)

    def may_step(self, crossing: int, seconds: float) -> bool:
        """Whether a person who needs so long may step onto a crossing."""
        if any(state not in (LightState.RED, LightState.OFF) for state in self._lights_at(crossing)):
            return False
        return all(
            approach.distance_m > 0.0
            and (
                approach.car.speed_mps < STANDING_MPS
                or approach.can_stop(TRUSTED_MPS2)
                or approach.is_later(seconds)
            )
            for approach in self.approaches.get(crossing, ())
        )  # fmt: skip

    def stop_for(self, car: Car) -> Lead | None:
        """Where a vehicle has to stop for people, as a standing leader; None where it need not."""
        for crossing, distance in self.by_car.get(car.number, ()):
            if crossing in self.stepped or (
                self._is_owed(crossing) and Approach(car, distance).can_stop(STOPPING_MPS2)
            ):
                return Lead(max(distance, 0.05), 0.0)
        return None

    def _is_owed(self, crossing: int) -> bool:
        """Whether those who wait at a crossing go first: where no lights say otherwise and nobody stands on it."""
        if crossing not in self.wanted or any(state != LightState.OFF for state in self._lights_at(crossing)):
            return False
        return all(approach.distance_m > 0.0 for approach in self.approaches.get(crossing, ()))

    def _lights_at(self, crossing: int) -> list[LightState]:
        lanes = self.roads.lane_map.crossings[crossing].lanes
        ids = {name for lane in lanes for name in self.roads.light_ids.get(lane, ())}
        return [self.lights.get(name, LightState.OFF) for name in sorted(ids)]


def _zones_ahead(car: Car, roads: Roads) -> list[tuple[Zone, float]]:
    """Crossings that a vehicle is on or comes to, and how far its front is from them."""
    ways = _all_ways(car, roads) if car.number == EGO else lanes_ahead(car, roads, LOOK_M)
    front, found = 0.5 * car.length_m, []
    for lane, begin in ways:
        for zone in roads.zones.get(lane, ()):
            if begin + zone.end_m > -front:
                found.append((zone, begin + zone.begin_m - front))
    return found


def _all_ways(car: Car, roads: Roads) -> list[tuple[int, float]]:
    """All lanes that may come after the ego's: nobody knows which one it takes."""
    found, edge = [(car.lane, -car.s_m)], [(car.lane, roads.length_m[car.lane] - car.s_m)]
    for _ in range(_BRANCHES):
        edge = [(way, begin) for lane, begin in edge if begin < LOOK_M for way in roads.ways_on[lane]]
        found += edge
        edge = [(lane, begin + roads.length_m[lane]) for lane, begin in edge]
    return found
