"""People on foot: they keep to pavements and crossings, arrive, and nobody is run over."""

from dataclasses import replace

import numpy as np
import pytest
import shapely

from bus.messages import LightState
from geometry.errors import SceneError
from lanewise.scenarios.catalog import FOLDER
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.road_model import DRIVABLE_KINDS
from motion.contact import overlapping_pairs
from sim.lights import programme_of, states_at
from sim.traffic.pavement import Pavement
from sim.traffic.populate import places, populate
from sim.traffic.roads import Roads
from sim.traffic.step import step
from sim.traffic.turns import NO_LIGHTS
from sim.traffic.vehicles import Car, DriverSettings, Ego, Traffic
from sim.traffic.walkers import SIZE_M, Walker, places_on_foot

DT_S = 0.2
Town = tuple[Roads, Pavement]


def town_of(name: str) -> Town:
    lane_map = sample_lanes(read_opendrive(FOLDER / "maps" / f"{name}.xodr"))
    return Roads.of(lane_map), Pavement.of(lane_map)


@pytest.fixture(scope="module")
def suburb() -> Town:
    return town_of("suburb")


@pytest.fixture(scope="module")
def ring() -> Town:
    return town_of("roundabout")


def at_the_kerb(town: Town, speed_mps: float = 1.4) -> Walker:
    """Somebody two metres before the crossing 0."""
    _, pavement = town
    (start, *_), (goal, _) = next(
        ((spot, *ends), ends[0]) for spot, ends in pavement.links.items() if ends[0][1] == 0
    )  # fmt: skip
    begin = pavement.way(start, goal).stretches[0].begin_m
    return Walker(0, start, goal, max(begin - 2.0, 0.0), speed_mps)


def go_on(traffic: Traffic, town: Town, seconds: float, ego: Ego | None = None, lights=NO_LIGHTS) -> list[Traffic]:  # type: ignore[no-untyped-def]
    states = []
    for _ in range(round(seconds / DT_S)):
        traffic = step(traffic, town[0], DriverSettings(), ego, DT_S, lights, town[1])
        states.append(traffic)
    return states


def test_a_car_that_can_stops_for_somebody_at_a_crossing(ring: Town) -> None:
    roads, _ = ring
    lane = max(roads.lane_map.crossings[0].lanes, key=lambda i: roads.zones[i][0].begin_m)
    zone = roads.zones[lane][0]
    car = Car(0, lane, zone.begin_m - 60.0, 12.0, 14.0)
    states = go_on(Traffic(0.0, (car,), (at_the_kerb(ring),)), ring, 10.0)
    crossing = [state for state in states if state.walkers[0].crosses == 0]
    assert crossing
    assert all(state.cars[0].front_m < zone.begin_m for state in crossing if state.cars[0].lane == lane)


def test_nobody_steps_before_an_ego_that_cannot_stop(ring: Town) -> None:
    roads, _ = ring
    lane = max(roads.lane_map.crossings[0].lanes, key=lambda i: roads.zones[i][0].begin_m)
    begin = roads.zones[lane][0].begin_m
    walker = at_the_kerb(ring)
    for away_m, steps in ((12.0, False), (90.0, True)):
        ego = Ego(lane, begin - away_m - 2.3, 12.0, 4.6)
        states = go_on(Traffic(0.0, (), (walker,)), ring, 4.0, ego)
        assert any(state.walkers[0].crosses == 0 for state in states) == steps
        assert any(state.walkers[0].waits == 0 for state in states) != steps


def test_people_wait_while_cars_have_green() -> None:
    town = town_of("town")
    roads, pavement = town
    lit = next(
        index for index, crossing in enumerate(roads.lane_map.crossings)
        if any(roads.light_ids.get(lane) for lane in crossing.lanes)
    )  # fmt: skip
    spot, goal = next((spot, end) for spot, ends in pavement.links.items() for end, crossing in ends if crossing == lit)
    begin = pavement.way(spot, goal).stretches[0].begin_m
    walker = Walker(0, spot, goal, max(begin - 1.0, 0.0), 1.4)
    ids = [name for lane in roads.lane_map.crossings[lit].lanes for name in roads.light_ids.get(lane, ())]
    for state, goes in ((LightState.GREEN, False), (LightState.RED, True)):
        states = go_on(Traffic(0.0, (), (walker,)), town, 4.0, lights=dict.fromkeys(ids, state))
        assert any(one.walkers[0].crosses == lit for one in states) == goes


def test_people_keep_to_pavements_and_crossings_and_arrive(suburb: Town) -> None:
    roads, pavement = suburb
    lane_map = roads.lane_map
    road = shapely.union_all([lane_map.surface(i) for i in range(lane_map.size) if lane_map.kinds[i] in DRIVABLE_KINDS])
    shapely.prepare(road)
    states = go_on(populate(roads, 0, np.random.Generator(np.random.PCG64(3)), (), 0, 12, pavement), suburb, 300.0)
    for state in states[::5]:
        points, _ = places_on_foot(state.walkers, pavement)
        on_road = shapely.contains_xy(road, points[:, 0], points[:, 1])
        assert not any(on and walker.crosses < 0 for on, walker in zip(on_road, state.walkers, strict=True))
    assert sum(walker.trips for walker in states[-1].walkers) >= 12
    assert len({walker.crosses for state in states for walker in state.walkers}) > 4


@pytest.mark.parametrize(("name", "minutes"), [("suburb", 5), ("town", 4), ("roundabout", 5)])
def test_nobody_is_touched_where_cars_cyclists_and_people_meet(name: str, minutes: int) -> None:
    roads, pavement = town_of(name)
    programme, settings = programme_of(roads.lane_map), DriverSettings()
    traffic = populate(roads, 8, np.random.Generator(np.random.PCG64(5)), (), 3, 10, pavement)
    for _ in range(round(60.0 * minutes / DT_S)):
        traffic = step(traffic, roads, settings, None, DT_S, states_at(programme, traffic.t_s), pavement)
        (points, yaws), (feet, turned) = places(traffic, roads), places_on_foot(traffic.walkers, pavement)
        xy, yaw = np.concatenate((points, feet)), np.concatenate((yaws, turned))
        length, width = (
            np.array([getattr(car, name) for car in traffic.cars] + [SIZE_M] * len(feet))
            for name in ("length_m", "width_m")
        )
        pairs = overlapping_pairs(xy[:, 0], xy[:, 1], yaw, length, width, np.isfinite(yaw))
        assert not [pair for pair in pairs if pair[0] < len(yaws)]  # people may brush past each other


def test_the_same_start_gives_the_same_walks(suburb: Town) -> None:
    roads, pavement = suburb
    one, two = (populate(roads, 3, np.random.Generator(np.random.PCG64(7)), (), 1, 4, pavement) for _ in range(2))
    assert go_on(one, suburb, 30.0)[-1] == go_on(two, suburb, 30.0)[-1]
    assert replace(one, walkers=()) != one


def test_a_map_without_pavements_has_nobody_on_foot() -> None:
    roads, pavement = town_of("highway_straight")
    with pytest.raises(SceneError, match="no pavements"):
        populate(roads, 0, np.random.Generator(np.random.PCG64(0)), (), 0, 1, pavement)
