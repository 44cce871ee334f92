"""Whose turn it is at a junction: by right of way, then by who asked first, if way through and room behind are free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bus.messages import LightState
from maps.junction_rules import approach
from maps.signal_meaning import Rank
from sim.traffic.roads import Roads
from sim.traffic.vehicles import EGO, Car, Ego, Lanes, Traffic, lead_of, next_lane

ASK_M = 40.0
"""From this far before a junction, or from where it can still stop in comfort, a vehicle asks for its turn."""

STOPPING_MPS2 = 3.0
"""Nobody has to brake harder than this for a light or for those who cross."""

BEFORE_M = 1.0
"""One stops this far before a junction or crossing."""

AT_JUNCTION_M = 6.0
"""A crossing this near before a junction belongs to it: no vehicle fits between."""

PATIENCE_S = 20.0
"""After so long a wait others let one go first."""

ROOM_M = 3.0
"""Free way that each vehicle needs behind a junction, beside its length."""

STOP = frozenset({LightState.RED, LightState.RED_YELLOW, LightState.YELLOW, LightState.UNKNOWN})
NO_LIGHTS: Mapping[str, LightState] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Way:
    """The lanes by which a vehicle will cross the junction ahead from lane `before`, and how far its front is away.

    `stop_m` is how far it is to where one stops: before the pedestrian crossing that lies at the junction, if any.
    """

    lanes: tuple[int, ...]
    distance_m: float
    before: int
    stop_m: float

    def can_stop(self, speed_mps: float) -> bool:
        """Whether there is still room to stop before the junction in comfort."""
        return speed_mps * speed_mps <= 2.0 * STOPPING_MPS2 * max(self.stop_m, 0.0)


def way_ahead(car: Car, roads: Roads) -> Way | None:
    """The next junction on the vehicle's way that it has not entered yet, within the distance in which it can stop."""
    distance = roads.length_m[car.lane] - car.s_m
    horizon_m = max(ASK_M, 10.0 + car.speed_mps**2 / 3.0)
    hops, before = 1, car.lane
    while distance < horizon_m:
        lane = next_lane(car, hops, roads)
        if lane is None:
            return None
        if roads.inside[lane] and not roads.inside[before]:
            front_m = distance - 0.5 * car.length_m
            return Way(_through(car, hops, roads), front_m, before, _stop_m(front_m, before, roads))
        distance += roads.length_m[lane]
        hops, before = hops + 1, lane
    return None


def _stop_m(distance_m: float, before: int, roads: Roads) -> float:
    """How far it is to the place where one stops before a junction that is `distance_m` away."""
    for zone in roads.zones.get(before, ()):
        begin_m = distance_m - (roads.length_m[before] - zone.begin_m) - BEFORE_M
        if roads.length_m[before] - zone.end_m < AT_JUNCTION_M and begin_m > -BEFORE_M:
            return begin_m
    return distance_m - BEFORE_M


def _through(car: Car, hops: int, roads: Roads) -> tuple[int, ...]:
    """The vehicle's lanes inside a junction, from its lane after `hops` on."""
    lanes: list[int] = []
    while (lane := next_lane(car, hops, roads)) is not None and roads.inside[lane] and len(lanes) < 20:
        lanes.append(lane)
        hops += 1
    return tuple(lanes)


def turns(
    traffic: Traffic, lanes: Lanes, roads: Roads, ego: Ego | None, lights: Mapping[str, LightState]
) -> tuple[Mapping[int, Way], frozenset[int]]:
    """The junction ahead of each vehicle (by number), and who may enter it.

    Granted ones keep their turn, others get it by right of way and in the order of asking. A turn is lost to a light
    that turns red, and to the ego once that can no longer stop.
    """
    by_ego = frozenset(ego.committed) if ego is not None else frozenset()
    taken = _taken(lanes, roads, by_ego)
    found = {car.number: way_ahead(car, roads) for car in traffic.cars if car.lane >= 0}
    ways = {number: way for number, way in found.items() if way is not None}
    waiting = [car for car in traffic.cars if car.number in ways]
    granted = {car.number for car in waiting if _keeps_turn(car, ways[car.number], by_ego, roads, lights)}
    for number in granted:
        taken.update(ways[number].lanes)
    asking = [car for car in waiting if car.number not in granted and _asks(car, ways[car.number])]
    for car in sorted(asking, key=lambda car: _order(car, traffic.t_s, roads)):
        way = ways[car.number]
        if _red(way, roads, lights) or not _may_ask(car, way, lanes, roads):
            continue
        free = not any(other in taken for lane in way.lanes for other in roads.conflicts[lane])
        if free:
            granted.add(car.number)
        if free or _is_tired(car, traffic.t_s):  # for who has waited long the way is kept free until all of it is
            taken.update(way.lanes)
    return ways, frozenset(granted)


def _taken(lanes: Lanes, roads: Roads, by_ego: frozenset[int]) -> set[int]:
    """Junction lanes that somebody drives on, will drive on, or whose end a tail still stands in."""
    taken = set(by_ego)
    for car in lanes.cars.values():
        if roads.inside[car.lane]:
            taken.update(_through(car, 0, roads) if car.number != EGO else (car.lane,))
    for lane, row in lanes.on.items():
        if roads.inside[lane]:
            continue
        for s, number in row:
            if s > 0.5 * lanes.cars[number].length_m + 1.0:
                break
            taken.update(before for before in roads.lane_map.predecessors[lane] if roads.lane_map.junction[before])
    return taken


def _asks(car: Car, way: Way) -> bool:
    return car.turn is not None and car.turn.entry == way.lanes[0]


def _order(car: Car, t_s: float, roads: Roads) -> tuple[int, float, int]:
    """Who has the right of way comes first, then who has asked first."""
    assert car.turn is not None
    rank = Rank.PRIORITY if _is_tired(car, t_s) else approach(roads.lane_map, car.turn.entry).rank
    return -rank, car.turn.asked_s, car.number


def _is_tired(car: Car, t_s: float) -> bool:
    return car.turn is not None and t_s - car.turn.asked_s > PATIENCE_S


def _keeps_turn(
    car: Car, way: Way, by_ego: frozenset[int], roads: Roads, lights: Mapping[str, LightState]
) -> bool:  # fmt: skip
    """Whether a vehicle that has been granted its turn at this junction still has it."""
    if car.turn is None or not car.turn.granted or car.turn.entry != way.lanes[0]:
        return False
    lost = _red(way, roads, lights) or any(not by_ego.isdisjoint(roads.conflicts[lane]) for lane in way.lanes)
    return not (lost and way.can_stop(car.speed_mps))


def _red(way: Way, roads: Roads, lights: Mapping[str, LightState]) -> bool:
    """Whether a light says stop where the vehicle would enter the junction."""
    ids = (*roads.light_ids.get(way.before, ()), *roads.light_ids.get(way.lanes[0], ()))
    return any(lights.get(name, LightState.OFF) in STOP for name in ids)


def _may_ask(car: Car, way: Way, lanes: Lanes, roads: Roads) -> bool:
    """Whether it is worth keeping the way free: nobody is between, and there is room behind."""
    return _is_first(car, way, lanes, roads) and _room_behind(car, way, lanes, roads)


def _room_behind(car: Car, way: Way, lanes: Lanes, roads: Roads) -> bool:
    """Whether the lane behind the junction has room for the vehicle and for all that are ahead of it in the junction.

    Only standing room counts: who drives off ahead may have to stop, and a blocked junction can block a town.
    """
    hops, crossing = 1, False
    ahead = [lanes.cars[number] for lane in way.lanes for _, number in lanes.on.get(lane, ())]
    inside_m = sum(other.length_m + ROOM_M for other in ahead)
    needed_m = car.length_m + ROOM_M + inside_m
    while (after := next_lane(car, hops, roads)) is not None:
        hops += 1
        if roads.inside[after]:
            crossing = True
        elif crossing:
            row = lanes.on.get(after)
            if not row:
                return not ahead or roads.length_m[after] > needed_m
            last = lanes.cars[row[0][1]]
            return row[0][0] - 0.5 * last.length_m > needed_m
    return True


def _is_first(car: Car, way: Way, lanes: Lanes, roads: Roads) -> bool:
    """Whether nobody is between the vehicle and the junction: who waits behind another must not hold a turn."""
    return lead_of(car, car.lane, car.s_m, lanes, roads).gap_m > way.distance_m
