"""Who is passed, on which side, and when not."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bus.messages import EntityKind, PoseStatus
from geometry.pose import Pose
from lanewise.scenarios.catalog import FOLDER
from maps.lane_map import MarkSpan
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.route import follow_lane
from planning.candidates import PASS, Way
from planning.passing import Limits, PassingSettings, passing, waiting_m
from planning.prediction import PredictionSettings, predict
from planning.scene import Context, EgoState, Mission, Scene
from planning.scoring_kernel import offset_at
from planning.ways import Place, way_to
from tests.planning.conftest import CAR, agents_of

SETTINGS = PassingSettings()
HERE_M = 40.0
PARKED = {"ahead_m": 40.0, "left_m": -1.9}
Street = Callable[..., tuple[Way, ...]]


@pytest.fixture(scope="module")
def context() -> Context:
    """A street with one lane per direction, 3.5 m wide, a broken mark between them."""
    lane_map = sample_lanes(read_opendrive(FOLDER / "maps" / "town.xodr"))
    lane = next(
        i for i in range(lane_map.size) if lane_map.ids[i].startswith("1:0:-1") and lane_map.length_m(i) > 100.0
    )
    return Context(lane_map, CAR, Mission(follow_lane(lane_map, lane, 0.0, 200.0), 12.0), 0.1)


def scene_of(of: Context, speed_mps: float, *rows: dict[str, float]) -> Scene:
    """The ego at `HERE_M` of its route; agents by `ahead_m` and `left_m` of it, moving at `pace_mps` along the
    street."""
    path = of.mission.route.path
    yaw = float(path.heading(HERE_M))
    x, y = (float(v) for v in path.position(np.array([HERE_M]))[0])
    placed = []
    for row in rows:
        pace = row.get("pace_mps", 0.0)
        point = path.position(np.array([HERE_M + row["ahead_m"]]), np.array([row["left_m"]]))[0]
        turned = yaw if pace >= 0.0 else yaw + math.pi
        rest = {name: value for name, value in row.items() if name not in ("ahead_m", "left_m", "pace_mps")}
        placed.append({
            "x_m": float(point[0]), "y_m": float(point[1]), "yaw_rad": turned, "vx_mps": pace * math.cos(yaw),
            "vy_mps": pace * math.sin(yaw), **rest,
        })  # fmt: skip
    ego = EgoState(Pose(x, y, yaw), speed_mps, 0.0, 0.0)
    return Scene(of, 5.0, ego, agents_of(placed), PoseStatus.LANE_CERTAIN)


@pytest.fixture
def street(context: Context) -> Street:
    """The ways past agents, placed as by `scene_of`."""

    def ways(
        *rows: dict[str, float], speed_mps: float = 8.0, stop_m: float = math.inf, begun: bool = False,
        broken: tuple[int, ...] = (), of: Context = context,
    ) -> tuple[Way, ...]:  # fmt: skip
        scene, path = scene_of(of, speed_mps, *rows), of.mission.route.path
        futures = predict(scene, path, PredictionSettings())
        limits = Limits(12.0, (1.75, 1.75), stop_m, begun, broken)
        return tuple(passing(scene, path, Place(HERE_M, 0.0, 0.0, 0.0, speed_mps), limits, futures, SETTINGS))

    return ways


@pytest.fixture
def waits(context: Context) -> Callable[..., float]:
    """How far before the ego's front the place is where it waits for a way past agents."""

    def ahead_m(*rows: dict[str, float], speed_mps: float = 8.0, broken: tuple[int, ...] = ()) -> float:
        scene = scene_of(context, speed_mps, *rows)
        futures = predict(scene, context.mission.route.path, PredictionSettings())
        limits = Limits(12.0, (1.75, 1.75), math.inf, begun=False, broken=broken)
        place = waiting_m(scene, Place(HERE_M, 0.0, 0.0, 0.0, speed_mps), limits, futures, SETTINGS)
        return place - HERE_M - CAR.front_m

    return ahead_m


def test_a_parked_car_is_passed_on_the_left_with_room_and_the_ego_comes_back(street: Street) -> None:
    ways = street(PARKED)
    assert ways
    for way in ways:
        beside = np.linspace(40.0 - 2.25, 40.0 + 2.25, 9)
        assert way.lane == PASS
        assert np.all(way.at(beside)[0] - 0.95 >= -1.9 + 0.9 + min(SETTINGS.room_m) - 1e-6)
        assert way.at(np.array([200.0]))[0] == pytest.approx(0.0, abs=1e-9)


def test_a_car_that_stands_in_the_middle_of_its_lane_is_waited_for(street: Street) -> None:
    assert street({"ahead_m": 40.0, "left_m": -0.2}) == ()


def test_who_has_broken_down_there_is_passed_over_the_oncoming_lane(street: Street) -> None:
    ways = street({"ahead_m": 40.0, "left_m": -0.2}, broken=(0,))
    assert {way.offset_m > 1.75 for way in ways} == {True}
    assert (
        street({"ahead_m": 40.0, "left_m": -0.2}, {"ahead_m": 80.0, "left_m": 3.5, "pace_mps": -8.0}, broken=(0,)) == ()
    )


def test_the_ego_waits_where_it_can_still_steer_out(waits: Callable[..., float]) -> None:
    stands_m = 40.0 - 2.25 - CAR.front_m
    for car, broken in (({"ahead_m": 40.0, "left_m": 0.0}, (0,)), ({"ahead_m": 40.0, "left_m": -0.7}, ())):
        assert waits(car, broken=broken) == pytest.approx(stands_m - SETTINGS.waiting_m, abs=0.05)
    assert waits({"ahead_m": 40.0, "left_m": 0.0}) == math.inf
    assert waits({"ahead_m": 40.0, "left_m": 0.0}, speed_mps=13.0, broken=(0,)) == math.inf
    assert waits({"ahead_m": 14.0, "left_m": 0.0}, speed_mps=0.0, broken=(0,)) == pytest.approx(SETTINGS.short_m)


def test_nobody_waits_behind_who_goes_on(waits: Callable[..., float]) -> None:
    cyclist = {"ahead_m": 40.0, "left_m": -0.8, "kinds": int(EntityKind.BICYCLE), "length_m": 1.8, "width_m": 0.6}
    assert waits({**cyclist, "pace_mps": 4.0}) == math.inf


def test_from_where_it_waits_a_way_leads_out_that_the_wheels_can_steer(street: Street) -> None:
    gap_m = CAR.front_m + SETTINGS.waiting_m + 2.25
    ways = street({"ahead_m": gap_m, "left_m": 0.0}, speed_mps=0.0, broken=(0,))
    bends = [np.abs(way.at(np.linspace(0.0, way.length_m, 99))[2]).max() for way in ways]
    assert min(bends) < math.tan(0.45) / CAR.wheelbase_m


def test_what_leaves_room_enough_is_not_passed_but_driven_by(street: Street) -> None:
    assert street({"ahead_m": 40.0, "left_m": -2.9}) == ()


def test_an_obstacle_in_the_middle_is_passed(street: Street) -> None:
    cone = {"ahead_m": 40.0, "left_m": 0.0, "kinds": int(EntityKind.OBSTACLE), "length_m": 0.5, "width_m": 0.5}
    assert street(cone)


def test_who_crosses_on_foot_is_waited_for(street: Street) -> None:
    walker = {"ahead_m": 40.0, "left_m": -0.8, "kinds": int(EntityKind.PEDESTRIAN), "length_m": 0.5, "width_m": 0.5}
    assert street(walker) == ()


def test_a_cyclist_is_passed_with_a_metre_of_room_but_not_one_who_is_nearly_as_fast(street: Street) -> None:
    cyclist = {"ahead_m": 30.0, "left_m": -0.8, "kinds": int(EntityKind.BICYCLE), "length_m": 1.8, "width_m": 0.6}
    assert min(way.offset_m for way in street({**cyclist, "pace_mps": 4.0})) == pytest.approx(-0.8 + 0.3 + 1.0 + 0.95)
    assert street({**cyclist, "pace_mps": 9.0}) == ()


def test_a_faster_one_is_passed_over_a_longer_way(street: Street) -> None:
    cyclist = {"ahead_m": 30.0, "left_m": -0.8, "kinds": int(EntityKind.BICYCLE), "length_m": 1.8, "width_m": 0.6}
    slow, fast = (max(way.back_m for way in street({**cyclist, "pace_mps": pace})) for pace in (2.0, 5.0))
    assert fast > slow + 15.0


def test_the_oncoming_lane_is_left_to_who_comes_there(street: Street) -> None:
    blocking = {"ahead_m": 40.0, "left_m": -0.6}
    near, far = ({"ahead_m": ahead, "left_m": 3.5, "pace_mps": -10.0} for ahead in (90.0, 170.0))
    assert street(blocking)
    assert street(blocking, near) == ()
    assert street(blocking, near, begun=True)
    assert street(blocking, {**far, "pace_mps": -2.0})


def test_who_fits_beside_it_in_the_own_lane_need_not_wait_for_the_oncoming(street: Street) -> None:
    assert street(PARKED, {"ahead_m": 60.0, "left_m": 3.5, "pace_mps": -10.0})


def test_a_solid_mark_is_not_crossed(street: Street, context: Context) -> None:
    solid = ((MarkSpan(0.0, "solid", "white", 0.12),),) * context.lane_map.size
    closed = replace(context, lane_map=replace(context.lane_map, left_marks=solid, _cache={}))
    assert street({"ahead_m": 40.0, "left_m": -1.2}, of=closed) == ()


def test_cars_parked_on_both_sides_are_passed_between_them(street: Street) -> None:
    ways = street(PARKED, {"ahead_m": 48.0, "left_m": 3.4})
    assert ways
    assert all(way.offset_m + 0.95 < 3.4 - 0.9 for way in ways)
    assert street({"ahead_m": 40.0, "left_m": -1.2}, {"ahead_m": 48.0, "left_m": 2.2}) == ()


def test_nobody_is_passed_before_a_place_to_stop(street: Street) -> None:
    assert street(PARKED, stop_m=HERE_M + 48.0) == ()
    assert street(PARKED, stop_m=HERE_M + 70.0)


def test_who_has_come_too_near_too_fast_is_not_passed(street: Street) -> None:
    near = {**PARKED, "ahead_m": 14.0}
    assert street(near, speed_mps=14.0) == ()
    assert street(near, speed_mps=3.0)


@pytest.mark.parametrize("distance_m", [0.0, 4.0, 11.9, 12.0, 20.0, 30.0, 36.0, 41.9, 50.0])
def test_the_kernel_drives_the_way_that_is_published(distance_m: float) -> None:
    way = way_to(Place(0.0, 0.3, 0.05, 0.01, 8.0), PASS, 1.6, 12.0, (5.0, 2.0), back_m=30.0, back_length_m=12.0)
    told = [float(part) for part in way.at(np.array(distance_m))]
    assert offset_at(np.array(way.row()), distance_m) == pytest.approx(told, abs=1e-12)
    step = 1e-4
    around = way.at(np.array([distance_m - step, distance_m, distance_m + step]))
    if distance_m > 0.0:
        assert (around[0][2] - around[0][0]) / (2.0 * step) == pytest.approx(around[1][1], abs=1e-5)
        assert (around[1][2] - around[1][0]) / (2.0 * step) == pytest.approx(around[2][1], abs=1e-4)
