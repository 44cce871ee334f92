"""Reactive traffic: keeps its distance, takes its turn, changes lanes for a reason, and is the same every time."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bus.messages import EntityKind
from geometry.errors import SceneError
from lanewise.scenarios.catalog import FOLDER
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from motion.contact import overlapping_pairs
from sim.traffic.errands import CYCLE_LENGTH_M, CYCLE_WIDTH_M, LEFT_LANES
from sim.traffic.populate import places, populate
from sim.traffic.roads import Roads
from sim.traffic.step import step
from sim.traffic.vehicles import Car, DriverSettings, Ego, Traffic

SETTINGS = DriverSettings()
DT_S = 0.2


def roads_of(path: Path) -> Roads:
    return Roads.of(sample_lanes(read_opendrive(path)))


@pytest.fixture(scope="module")
def motorway() -> Roads:
    return roads_of(FOLDER / "maps" / "highway_straight.xodr")


def run(traffic: Traffic, roads: Roads, seconds: float, ego: Ego | None = None) -> list[Traffic]:
    states = []
    for _ in range(round(seconds / DT_S)):
        traffic = step(traffic, roads, SETTINGS, ego, DT_S)
        states.append(traffic)
    return states


def contacts(traffic: Traffic, roads: Roads) -> int:
    points, yaws = places(traffic, roads)
    lengths, widths = np.array([car.length_m for car in traffic.cars]), np.full(len(yaws), 1.8)
    return len(overlapping_pairs(points[:, 0], points[:, 1], yaws, lengths, widths, np.isfinite(yaws)))


def test_cars_stop_behind_a_standing_ego(motorway: Roads) -> None:
    lane = motorway.lane_map.index("1:0:-2")
    traffic = Traffic(0.0, (Car(0, lane, 100.0, 25.0, 30.0),))
    only = replace_neighbours(motorway)
    last = run(traffic, only, 40.0, Ego(lane, 400.0, 0.0, 4.6))[-1].cars[0]
    assert last.speed_mps < 0.1
    assert 1.0 < 400.0 - last.s_m - 4.6 < 6.0


def replace_neighbours(roads: Roads) -> Roads:
    """The same roads, but nobody may change lanes."""
    nobody = np.full(roads.lane_map.size, -1, dtype=np.int64)
    return replace(roads, lane_map=replace(roads.lane_map, left_neighbour=nobody, right_neighbour=nobody))


def test_a_fast_car_overtakes_a_slow_one(motorway: Roads) -> None:
    lane = motorway.lane_map.index("1:0:-2")
    slow, fast = Car(0, lane, 200.0, 15.0, 15.0), Car(1, lane, 100.0, 28.0, 30.0)
    states = run(Traffic(0.0, (slow, fast)), motorway, 30.0)
    assert {car.lane for state in states for car in state.cars[1:]} != {lane}
    assert states[-1].cars[1].s_m > states[-1].cars[0].s_m or states[-1].cars[1].lane < 0
    assert not any(contacts(state, motorway) for state in states)


def test_a_follower_settles_at_its_headway(motorway: Roads) -> None:
    lane, alone = motorway.lane_map.index("1:0:-2"), replace_neighbours(motorway)
    lead, follower = Car(0, lane, 150.0, 12.0, 12.0), Car(1, lane, 60.0, 20.0, 30.0)
    last = run(Traffic(0.0, (lead, follower)), alone, 60.0)[-1]
    gap = last.cars[0].s_m - last.cars[1].s_m - 4.6
    assert last.cars[1].speed_mps == pytest.approx(12.0, abs=0.2)
    assert gap == pytest.approx(SETTINGS.min_gap_m + 12.0 * SETTINGS.headway_s, rel=0.15)


def test_traffic_is_the_same_every_time_and_another_with_another_seed(motorway: Roads) -> None:
    one, two, other = (populate(motorway, 20, np.random.Generator(np.random.PCG64(seed))) for seed in (1, 1, 2))
    assert one == two
    assert one != other
    assert run(one, motorway, 20.0)[-1] == run(two, motorway, 20.0)[-1]


def test_nobody_starts_near_the_places_that_stay_free(motorway: Roads) -> None:
    lane = motorway.lane_map.index("1:0:-2")
    traffic = populate(motorway, 30, np.random.Generator(np.random.PCG64(0)), [(lane, 300.0)])
    assert all(abs(car.s_m - 300.0) > 20.0 for car in traffic.cars if car.lane == lane)
    with pytest.raises(SceneError, match="has room for"):
        populate(motorway, 100_000, np.random.Generator(np.random.PCG64(0)))


@pytest.mark.parametrize(
    ("name", "cars", "minutes"),
    [("esmini__fabriksgatan", 8, 8), ("esmini__multi_intersections", 25, 3),
     ("carla_opendrive-test-files__Town01", 30, 2),
     pytest.param("carla_opendrive-test-files__Town01", 40, 60, marks=pytest.mark.full)],
)  # fmt: skip
def test_town_traffic_takes_its_turns_without_contact_or_deadlock(
    data: Path, name: str, cars: int, minutes: int
) -> None:
    roads = roads_of(data / "maps" / "opendrive" / f"{name}.xodr")
    flows_without_contact(roads, cars, minutes)


def flows_without_contact(roads: Roads, cars: int, minutes: int) -> None:
    """Nobody touches, and everybody has moved within the last three minutes."""
    states = run(populate(roads, cars, np.random.Generator(np.random.PCG64(0))), roads, 60.0 * minutes)
    assert not any(contacts(state, roads) for state in states)
    last = states[-900:]
    fastest = np.max([[car.speed_mps if car.lane >= 0 else np.inf for car in state.cars] for state in last], axis=0)
    assert fastest.min() > 1.0


@pytest.mark.parametrize("cars", [6, 12])
def test_a_full_roundabout_neither_stands_nor_lets_cars_touch(cars: int) -> None:
    flows_without_contact(roads_of(FOLDER / "maps" / "roundabout.xodr"), cars, 5)


def test_a_turn_at_one_junction_is_none_at_the_next() -> None:
    roads = roads_of(FOLDER / "maps" / "roundabout.xodr")
    states = run(populate(roads, 8, np.random.Generator(np.random.PCG64(0))), roads, 120.0)
    for before, after in pairwise(states):
        for one, two in zip(before.cars, after.cars, strict=True):
            if two.turn is not None and two.turn.granted:
                assert one.turn is not None
                assert one.turn.entry == two.turn.entry


def test_who_stops_at_a_fork_stops_those_who_go_the_other_way() -> None:
    roads = roads_of(FOLDER / "maps" / "roundabout.xodr")
    fork = next(lane for lane in range(roads.lane_map.size) if roads.siblings[lane] and roads.limit_mps[lane] > 0.0)
    other = roads.siblings[fork][0]
    before = roads.lane_map.predecessors[fork][0]
    behind = Car(1, before, roads.length_m[before] - 30.0, 8.0, 10.0, route=(other,))
    standing = Ego(fork, 3.0, 0.0, 4.6)
    last = run(Traffic(0.0, (behind,)), roads, 30.0, standing)[-1].cars[0]
    assert last.lane == before
    assert last.speed_mps < 0.1


def test_a_cyclist_rides_to_one_goal_after_the_other_on_the_right() -> None:
    roads = roads_of(FOLDER / "maps" / "suburb.xodr")
    start = populate(roads, 0, np.random.Generator(np.random.PCG64(1)), cyclists=2)
    states = run(start, roads, 240.0)
    assert all(car.kind is EntityKind.BICYCLE and car.speed_mps <= 6.1 for state in states for car in state.cars)
    assert min(car.hops for car in states[-1].cars) > LEFT_LANES  # goals have been reached
    points, _ = places(states[-1], roads)
    for car, point in zip(states[-1].cars, points, strict=True):
        _, aside = roads.lane_map.centre(car.lane).project(point[None])
        assert -1.2 < float(aside[0]) < -0.4


def test_merging_traffic_on_the_shipped_ramp_has_no_contact() -> None:
    roads = roads_of(FOLDER / "maps" / "highway_merge.xodr")
    states = run(populate(roads, 30, np.random.Generator(np.random.PCG64(3))), roads, 180.0)
    assert not any(contacts(state, roads) for state in states)
    assert len({car.hops for car in states[-1].cars}) > 1  # some have left the map and come back


def test_who_comes_up_the_ramp_joins_the_motorway_before_its_lane_ends() -> None:
    roads = roads_of(FOLDER / "maps" / "highway_merge.xodr")
    ramp = roads.lane_map.index("2:0:-1")
    states = run(Traffic(0.0, (Car(0, ramp, 20.0, 15.0, 25.0),)), roads, 60.0)
    lanes = [roads.lane_map.ids[state.cars[0].lane] for state in states if state.cars[0].lane >= 0]
    assert any(lane.endswith(":-3") for lane in lanes)
    assert not any(roads.ends[state.cars[0].lane] and state.cars[0].speed_mps < 1.0 for state in states)


def test_a_cyclist_leaves_a_lane_that_ends() -> None:
    roads = roads_of(FOLDER / "maps" / "highway_merge.xodr")
    ramp = next(lane for lane in range(roads.lane_map.size) if roads.ends[lane])
    before = roads.lane_map.predecessors[ramp][0]
    rider = Car(0, before, 10.0, 5.0, 6.0, CYCLE_LENGTH_M, CYCLE_WIDTH_M, EntityKind.BICYCLE)
    states = run(Traffic(0.0, (rider,)), roads, 120.0)
    assert not roads.ends[states[-1].cars[0].lane]
    assert states[-1].cars[0].speed_mps > 3.0
