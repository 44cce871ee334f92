"""Who steps out behind a parked car, who comes on a lane behind a truck: what is hidden is possibly occupied."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import EntityKind, PoseStatus
from geometry.angles import Floats
from geometry.pose import Pose
from lanewise.scenarios.catalog import FOLDER
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.route import shortest_route
from maps.route_rules import RouteJunction, route_rules
from planning.hidden import HiddenSettings, hidden_ceiling_mps, passing_mps, sees
from planning.lanewise_planner import LanewisePlanner
from planning.scene import Context, EgoState, Mission, Scene
from tests.planning.conftest import CAR, SceneMaker, agents_of

SETTINGS = HiddenSettings()
CELLS = np.arange(0.0, 100.0, 2.0)
STREET_MPS = 50.0 / 3.6


def ceiling(scene: Scene, limit_mps: float = STREET_MPS) -> Floats:
    """The ceiling before the ego, in cells of 2 m."""
    path = scene.context.mission.route.path
    here = scene.ego.world_from_ego
    s = float(path.project(np.array([[here.x_m, here.y_m]]))[0][0])
    return hidden_ceiling_mps(scene, path, 0.0, s + CELLS, np.full(len(CELLS), limit_mps), SETTINGS)


def parked(scene: SceneMaker, gap_m: float, kind: EntityKind = EntityKind.VAN, speed_mps: float = 0.0) -> Scene:
    """Somebody 40 m ahead, so far beside the ego's right side."""
    left_m = -0.5 * (CAR.width_m + 1.8) - gap_m
    return scene(STREET_MPS, {"ahead_m": 40.0, "left_m": left_m, "kinds": int(kind), "vx_mps": speed_mps})


@given(st.floats(0.8, 3.0), st.floats(0.0, 60.0))
def test_at_that_speed_the_ego_is_past_before_who_steps_out_or_stands_before_him(gap_m: float, away_m: float) -> None:
    v = float(passing_mps(np.array([gap_m]), SETTINGS)[0])
    past = away_m <= v * gap_m / SETTINGS.walking_mps + 1e-9
    stands = v * SETTINGS.late_s + v * v / (2.0 * SETTINGS.braking_mps2) <= away_m + 1e-9
    assert past or stands


def test_more_room_is_passed_faster_and_no_room_as_slowly_as_the_least() -> None:
    speeds = passing_mps(np.linspace(-1.0, 3.0, 41), SETTINGS)
    assert (np.diff(speeds) >= 0.0).all()
    assert speeds[0] == float(passing_mps(np.array([SETTINGS.least_gap_m]), SETTINGS)[0]) > 4.0
    assert speeds[-1] > STREET_MPS


def test_beside_a_parked_van_the_ego_is_slow_and_free_again_when_past(scene: SceneMaker) -> None:
    found = ceiling(parked(scene, 1.0))
    front = CELLS + CAR.front_m
    slow = np.isfinite(found)
    assert found[slow] == pytest.approx(float(passing_mps(np.array([1.0]), SETTINGS)[0]), rel=0.02)
    assert front[slow].max() < 40.0 + CAR.centre_x_m + 0.5 * 4.5 + 2.0
    assert np.isinf(found[front < 30.0]).all()


@pytest.mark.parametrize("free", ["far beside", "moves", "on foot", "motorway", "no limit"])
def test_where_nobody_can_be_hidden_nothing_is_slower(scene: SceneMaker, free: str) -> None:
    limit = {"motorway": 130.0 / 3.6, "no limit": np.inf}.get(free, STREET_MPS)
    gap = 3.0 if free == "far beside" else 1.0
    kind = EntityKind.PEDESTRIAN if free == "on foot" else EntityKind.VAN
    assert np.isinf(ceiling(parked(scene, gap, kind, 5.0 if free == "moves" else 0.0), limit)).all()


def test_the_planner_slows_down_for_a_parked_van_only_on_a_street(scene: SceneMaker) -> None:
    start = parked(scene, 0.9)
    planner, speeds = LanewisePlanner(), []
    for limit in (STREET_MPS, 130.0 / 3.6):
        route = start.context.mission.route
        street = replace(route, speed_limit_mps=np.full(len(route.speed_limit_mps), limit))
        context = replace(start.context, mission=Mission(street, STREET_MPS))
        plan, _ = planner.plan(replace(start, context=context), planner.start(context))
        speeds.append(float(plan.states.speed_mps[plan.states.t_s <= 4.0].min()))
    assert speeds[0] < STREET_MPS - 2.0
    assert speeds[1] > STREET_MPS - 0.5


def test_a_truck_hides_what_is_behind_it_and_not_what_is_before_or_beside_it() -> None:
    truck = agents_of([{"x_m": 10.0, "y_m": 0.0, "length_m": 8.0, "width_m": 2.5}])
    points = np.array([[20.0, 0.0], [5.0, 0.0], [20.0, 8.0], [20.0, 1.0], [-5.0, 0.0]])
    assert sees(np.zeros(2), points, truck).tolist() == [False, True, True, False, True]


def test_who_stands_on_the_lane_itself_hides_nobody_who_could_get_past() -> None:
    waiting = agents_of([{"x_m": 10.0, "y_m": 0.0}])
    lane = np.stack((np.full(9, 10.0), np.arange(-4.0, 5.0)), axis=-1)
    assert sees(np.array([0.0, 0.0]), lane, waiting).all()


@pytest.fixture(scope="module")
def approach() -> tuple[Context, RouteJunction]:
    """A route of the shipped suburb whose first junction asks to let others go first."""
    lane_map = sample_lanes(read_opendrive(FOLDER / "maps" / "suburb.xodr"))
    lanes, s, _ = lane_map.nearest(np.array([[152.24, 91.75], [32.75, 155.45]]))
    route = shortest_route(lane_map, int(lanes[0]), int(lanes[1]), float(s[0]))
    context = Context(lane_map, CAR, Mission(route, 8.0), 0.1)
    junction = next(j for j in route_rules(lane_map, route).junctions if any(z.zone.yields for z in j.zones))
    return context, junction


def test_a_junction_whose_lane_is_hidden_is_entered_at_a_creep(approach: tuple[Context, RouteJunction]) -> None:
    context, junction = approach
    path = context.mission.route.path
    s = junction.stop_m - CAR.front_m - 2.0
    x, y = (float(v) for v in path.position(s))
    pose = Pose(x, y, float(path.heading(s)))
    zone = next(zone for zone in junction.zones if zone.zone.yields)
    lane, way_m = max(zone.zone.sources.items(), key=lambda item: item[1])
    coming = context.lane_map.centre(lane).position(max(way_m - 20.0, 0.0))
    eye = pose @ np.array([CAR.front_m - SETTINGS.eye_m, 0.0])
    middle = eye + 0.4 * (coming - eye)
    wall = {"x_m": middle[0], "y_m": middle[1], "kinds": int(EntityKind.TRUCK), "length_m": 8.0, "width_m": 2.5,
            "yaw_rad": float(np.arctan2(*(coming - eye)[::-1])) + 0.5 * np.pi}  # fmt: skip
    found = []
    for rows in ([wall], [{**wall, "x_m": wall["x_m"] + 500.0}]):
        scene = Scene(context, 5.0, EgoState(pose, 5.0, 0.0, 0.0), agents_of(rows), PoseStatus.LANE_CERTAIN)
        limits = np.full(len(CELLS), np.inf)
        found.append(hidden_ceiling_mps(scene, path, 0.0, s + CELLS, limits, SETTINGS))
    front = s + CELLS + CAR.front_m
    inside = (front >= junction.stop_m) & (front <= zone.begin_m)
    assert inside.any()
    assert (found[0][inside] == SETTINGS.creep_mps).all()
    assert np.isinf(found[1]).all()
