"""The baseline `pdm-closed`: it follows the limit, keeps behind others, evades a little, and stops in an emergency."""

from dataclasses import replace

import numpy as np
import pytest

from bus.memory import decode_memory, encode_memory
from bus.messages import EntityKind, LightState, PoseStatus
from geometry.pose import Pose
from lanewise.grid import drive_planner, straight_road
from maps.lane_map import MapSignal, StopLine
from maps.route import follow_lane
from motion.bicycle import Vehicle
from planning.open_loop import score_plan
from planning.pdm_closed import PdmClosedMemory, PdmClosedPlanner
from planning.pdm_proposals import IdmPolicy, Start, constant_velocity, nearest_agents, unroll
from planning.scene import Agents, Context, EgoState, Mission, Scene
from sim.scenarios.r157_cases import BrakingLead, traffic_of

CAR = Vehicle(wheelbase_m=2.8, length_m=4.5, width_m=2.0, centre_x_m=1.4)


def agents(*rows, kinds=None):
    """Each row: x, y, yaw, speed; cars of 4.5 by 2 m."""
    table = np.array(rows, dtype=float).reshape(-1, 4)
    n = len(table)
    return Agents(
        ids=np.arange(n) + 100, kinds=np.zeros(n, dtype=np.int64) if kinds is None else np.asarray(kinds),
        x_m=table[:, 0], y_m=table[:, 1], yaw_rad=table[:, 2], vx_mps=table[:, 3] * np.cos(table[:, 2]),
        vy_mps=table[:, 3] * np.sin(table[:, 2]), acceleration_mps2=np.zeros(n), yaw_rate_radps=np.zeros(n),
        length_m=np.full(n, 4.5), width_m=np.full(n, 2.0), existence=np.ones(n),
        covariance=np.zeros((n, 4, 4)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def road():
    lanes = straight_road()
    return replace(lanes, speed_limit_mps=np.full(len(lanes.s_m), 15.0), _cache={})


@pytest.fixture
def scene(road):
    route = follow_lane(road, road.index("ego"), 200.0, 900.0)
    context = Context(road, CAR, Mission(route, 30.0), 0.1)

    def build(*others, speed=10.0, y=0.0, kinds=None, set_speed=30.0):
        ego = EgoState(Pose(10.0, y, 0.0), speed, 0.0, 0.0)
        mission = replace(context.mission, set_speed_mps=set_speed)
        return Scene(replace(context, mission=mission), 0.0, ego, agents(*others, kinds=kinds), PoseStatus.LANE_CERTAIN)

    return build


def plan(scene):
    planner = PdmClosedPlanner()
    return planner.plan(scene, planner.start(scene.context))[0]


def test_free_road_is_driven_at_the_limit(scene):
    found = plan(scene())
    assert found.reason == "100% of the speed limit, +0 m from the lane centre"
    assert found.states.acceleration_mps2[0] > 0.9
    assert found.states.t_s[-1] == pytest.approx(8.0)
    assert 13.0 < found.states.speed_mps[-1] < 15.0
    assert np.abs(found.states.y_m).max() < 1e-6


def test_set_speed_caps_the_limit(scene):
    assert plan(scene(set_speed=8.0)).states.speed_mps[-1] < 9.0


def test_standing_car_is_stopped_behind(scene):
    found = plan(scene((50.0, 0.0, 0.0, 0.0)))
    assert found.lead_id == 100
    front = found.states.x_m + CAR.front_m
    assert front.max() < 50.0 - 2.25
    assert found.states.speed_mps[-1] < 1.0


def test_car_that_reaches_into_the_lane_is_passed_with_an_offset(scene):
    found = plan(scene((60.0, -1.8, 0.0, 0.0)))
    assert found.states.y_m[-1] == pytest.approx(1.0)
    assert found.states.x_m[-1] > 70.0


def test_slow_ego_that_cannot_avoid_a_collision_stops_in_an_emergency(scene):
    found = plan(scene((16.5, 0.0, 0.0, 0.0), speed=4.5))
    assert found.label == "emergency stop"
    assert found.emergency
    assert found.states.acceleration_mps2[0] == pytest.approx(-4.05)


def test_fast_ego_never_takes_the_emergency_stop(scene):
    assert plan(scene((17.0, 0.0, 0.0, 0.0), speed=8.0)).label.startswith("proposal")


def test_same_scene_same_plan_with_and_without_memory(scene):
    planner = PdmClosedPlanner()
    first, memory = planner.plan(scene((50.0, 0.0, 0.0, 5.0)), planner.start(scene().context))
    again, _ = planner.plan(scene((50.0, 0.0, 0.0, 5.0)), memory)
    assert again.states.x_m == pytest.approx(first.states.x_m, abs=1e-6)
    assert again.states.speed_mps == pytest.approx(first.states.speed_mps, abs=1e-6)


def test_memory_can_be_recorded():
    memory = PdmClosedMemory(12.5)
    assert decode_memory(encode_memory(memory)) == memory


def test_only_the_nearest_of_each_kind_are_forecast():
    kinds = [EntityKind.CAR] * 60 + [EntityKind.BICYCLE] * 12 + [EntityKind.OBSTACLE] * 3
    others = agents(*((float(i), 0.0, 0.0, 0.0) for i in range(75)), kinds=np.array(kinds))
    rows = nearest_agents(others, 0.0, 0.0)
    assert rows.tolist() == [*range(50), *range(60, 70), *range(72, 75)]


def test_others_are_forecast_at_constant_velocity():
    forecast = constant_velocity(agents((0.0, 0.0, 0.5, 10.0)), np.array([0]), 11)
    assert (forecast.x_m[10, 0], forecast.y_m[10, 0]) == pytest.approx((10 * np.cos(0.5), 10 * np.sin(0.5)))


def unrolled(scene, *others, speed=10.0, limit=15.0):
    path = scene().context.mission.route.path
    s_m = float(path.project(np.array([[10.0, 0.0]]))[0][0])
    start = Start(s_m, speed, CAR.front_m, 1.0, path.length_m)
    table = agents(*others)
    forecast = constant_velocity(table, np.arange(len(table.ids)), 81)
    return s_m, *unroll(path, start, np.array([0.0, 1.0, -1.0]), limit, IdmPolicy(), forecast)


def test_proposals_keep_the_bounds_of_their_policy_and_never_reverse(scene):
    _, along, _ = unrolled(scene, (40.0, 0.0, 0.0, 2.0), (80.0, 1.9, 0.0, 0.0))
    assert along.shape == (15, 81, 3)
    assert along[..., 2].min() >= -3.0 - 1e-9
    assert along[..., 2].max() <= 1.5
    assert along[..., 1].min() >= 0.0
    assert np.diff(along[..., 0], axis=1) == pytest.approx(0.1 * along[:, :-1, 1])


def test_free_policies_settle_at_their_fraction_of_the_limit(scene):
    _, along, leads = unrolled(scene, speed=0.0)
    assert along[:5, -1, 1] == pytest.approx(15.0 * np.array([0.2, 0.4, 0.6, 0.8, 1.0]), rel=0.35)
    assert (np.diff(along[:5, -1, 1]) > 0).all()
    assert set(leads) == {-1}


def test_first_step_is_the_published_model(scene):
    s_m, along, leads = unrolled(scene, (40.0, 0.0, 0.0, 6.0))
    gap = 40.0 - 2.25 - 10.0 - CAR.front_m
    wanted = 1.0 + 1.5 * 10.0 + 10.0 * 4.0 / (2.0 * np.sqrt(1.5 * 3.0))
    expected = max(1.5 * (1.0 - (10.0 / 15.0) ** 10 - (wanted / gap) ** 2), -3.0)
    assert along[4, 0, 2] == pytest.approx(expected)
    assert leads[4] == 0
    assert along[4, 0, 0] == s_m


def test_leader_is_only_who_reaches_into_the_corridor_of_the_offset(scene):
    _, _, leads = unrolled(scene, (40.0, 2.5, 0.0, 0.0))
    assert leads.tolist() == [-1] * 5 + [0] * 5 + [-1] * 5


def test_own_plan_scores_what_the_reference_scores(scene):
    free = scene(speed=14.0)
    judged = score_plan(free, plan(free))
    assert judged.part("EP") == pytest.approx(1.0)
    assert judged.total == pytest.approx(1.0)


def test_plan_that_ignores_a_standing_car_scores_zero(scene):
    ahead = plan(scene(speed=14.0))
    assert score_plan(scene((45.0, 0.0, 0.0, 0.0), speed=14.0), ahead).part("NC") == 0.0


def test_plan_that_stops_for_nothing_loses_progress(scene):
    free = scene(speed=14.0)
    stopping = replace(plan(free), states=plan(free).stop)
    judged = score_plan(free, stopping)
    assert 0.2 < judged.part("EP") < 0.7
    assert judged.part("NC") == 1.0


def with_light(road, s_m):
    """The road with a traffic light 60 m and a stop line 50 m ahead of the ego's lane beginning at `s_m`."""
    lane = road.index("ego")
    signal = MapSignal("7", "1000001", "", "OpenDRIVE", True, None, 0.0, 0.0, 5.0, 0.0, ((lane, s_m),))
    return replace(road, signals=(signal,), stop_lines=(StopLine(lane, s_m - 10.0),), _cache={})


def at_light(road, state, speed=10.0, past_m=0.0):
    """A scene with the stop line 40 m ahead of the ego's front, less `past_m`."""
    start_m = 200.0
    lit = with_light(road, start_m + 60.0)
    route = follow_lane(lit, lit.index("ego"), start_m, 900.0)
    context = Context(lit, CAR, Mission(route, 30.0), 0.1)
    place = lit.centre(lit.index("ego")).position(np.array([start_m + 50.0 - 40.0 - CAR.front_m + past_m]), np.zeros(1))
    ego = EgoState(Pose(float(place[0, 0]), float(place[0, 1]), 0.0), speed, 0.0, 0.0)
    return Scene(context, 0.0, ego, agents(), PoseStatus.LANE_CERTAIN, {"7": state})


def test_a_red_light_is_stopped_at(road):
    scene = at_light(road, LightState.RED)
    states = plan(scene).states
    way_m = states.x_m[-1] - scene.ego.world_from_ego.x_m
    assert states.speed_mps[-1] < 1.0
    assert 30.0 < way_m <= 40.0


@pytest.mark.parametrize("state", [LightState.GREEN, LightState.UNKNOWN])
def test_a_light_that_is_not_red_is_driven_through(road, state):
    assert plan(at_light(road, state)).states.speed_mps[-1] > 10.0


def test_a_red_light_behind_the_ego_does_not_matter(road):
    assert plan(at_light(road, LightState.RED, past_m=40.0 + CAR.length_m + 1.0)).states.speed_mps[-1] > 10.0


def test_whom_the_ego_has_touched_is_not_looked_at_any_more(scene):
    planner = PdmClosedPlanner()
    touching = scene([15.0, 0.0, 0.0, 0.0], speed=2.0)
    _, memory = planner.plan(touching, planner.start(touching.context))
    assert memory.touched == (100,)
    later = scene([25.0, 0.0, 0.0, 0.0], speed=2.0)
    found, memory = planner.plan(later, decode_memory(encode_memory(memory)))
    assert found.lead_id == -1
    assert memory.touched == (100,)


def published_model_has_contact(speed_mps, deceleration_mps2, gap_m):
    """The Intelligent Driver Model with the published numbers, driven exactly, behind a leader that brakes."""
    ego_m, ego_mps, lead_m, lead_mps = 0.0, speed_mps, gap_m, speed_mps
    for _ in range(400):
        wanted_m = 1.0 + 1.5 * ego_mps + ego_mps * (ego_mps - lead_mps) / (2.0 * np.sqrt(1.5 * 3.0))
        free = 1.0 - (ego_mps / speed_mps) ** 10 - (wanted_m / max(lead_m - ego_m, 1.0)) ** 2
        ego_m, lead_m = ego_m + 0.1 * ego_mps, lead_m + 0.1 * lead_mps
        ego_mps = max(ego_mps + 0.1 * float(np.clip(1.5 * free, -3.0, 1.5)), 0.0)
        lead_mps = max(lead_mps - 0.1 * deceleration_mps2, 0.0)
        if ego_m >= lead_m:
            return True
    return False


@pytest.mark.parametrize(
    ("speed_kph", "deceleration_mps2"), [(60.0, 2.0), (60.0, 3.5), (90.0, 2.0), (90.0, 5.0), (105.0, 6.0), (120.0, 3.5)]
)
def test_it_runs_into_braking_leaders_where_the_published_model_does(speed_kph, deceleration_mps2):
    lanes = straight_road()
    lanes = replace(lanes, speed_limit_mps=np.full(len(lanes.s_m), 40.0), _cache={})
    speed_mps = speed_kph / 3.6
    case = BrakingLead(speed_kph, deceleration_mps2, 2.0 * speed_mps)
    outcome = drive_planner(PdmClosedPlanner(), traffic_of(case), lanes)
    assert outcome.avoided != published_model_has_contact(speed_mps, deceleration_mps2, case.gap_m)
    assert outcome.deceleration_mps2 <= 3.0 + 1e-6
