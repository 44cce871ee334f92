"""Reactive traffic: keeps its distance, takes its turn, changes lanes for a reason, and is the same every time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geometry.errors import SceneError
from lanewise.scenarios.catalog import FOLDER
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from motion.contact import overlapping_pairs
from sim.traffic import Car, DriverSettings, Ego, Roads, Traffic, places, populate, step

SETTINGS = DriverSettings()
DT_S = 0.2


def roads_of(path: Path) -> Roads:
    return Roads.of(sample_lanes(read_opendrive(path)), SETTINGS)


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
    states = run(populate(roads, cars, np.random.Generator(np.random.PCG64(0))), roads, 60.0 * minutes)
    assert not any(contacts(state, roads) for state in states)
    last_minute = states[-300:]
    moved = [max(car.speed_mps for car in state.cars if car.lane >= 0) for state in last_minute]
    assert max(moved) > 3.0


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
