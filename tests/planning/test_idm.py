"""The baseline driver in closed loop with an ideal vehicle: it stops in time, follows, keeps curves and limits."""

from dataclasses import replace

import numpy as np
import pytest

from planning.idm import IdmPlanner
from planning.scene import Scene
from planning.speed_profile import needed_deceleration, speed_ceiling, stop_profile
from tests.planning.conftest import CAR, SceneMaker


def drive(scene: Scene, seconds: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Speed, acceleration and gap to the first agent over time: the ego does what each plan says for 0.1 s."""
    planner = IdmPlanner()
    memory = planner.start(scene.context)
    path = scene.context.mission.route.path
    rows = []
    for _ in range(round(seconds * 10)):
        plan, memory = planner.plan(scene, memory)
        acceleration = float(plan.states.acceleration_mps2[0])
        speed = scene.ego.speed_mps
        pose = scene.ego.world_from_ego
        if len(scene.agents.ids):
            gap = scene.agents.x_m[0] - pose.x_m - 0.5 * scene.agents.length_m[0] - CAR.front_m
        else:
            gap = np.inf
        rows.append((speed, acceleration, gap))
        after = max(speed + 0.1 * acceleration, 0.0)
        moved = 0.05 * (speed + after)
        ego = replace(scene.ego, world_from_ego=replace(pose, x_m=pose.x_m + moved), speed_mps=after)
        agents = scene.agents
        later = np.maximum(agents.vx_mps + 0.1 * agents.acceleration_mps2, 0.0)
        agents = replace(agents, x_m=agents.x_m + 0.05 * (agents.vx_mps + later), vx_mps=later)
        scene = replace(scene, ego=ego, agents=agents, now_s=scene.now_s + 0.1)
    assert abs(path.points[:, 1].max() - path.points[:, 1].min()) < 1e-6  # the motion above is along x
    return tuple(np.array(rows).T)  # type: ignore[return-value]


def test_a_free_road_is_driven_at_the_set_speed(scene: SceneMaker) -> None:
    speed, acceleration, _ = drive(scene(20.0), 40.0)
    assert speed[-1] == pytest.approx(30.0, abs=0.7)
    assert speed.max() <= 30.0 + 1e-6
    assert acceleration.max() <= 2.0


@pytest.mark.parametrize("speed_mps", [10.0, 20.0, 30.0])
def test_a_standing_car_makes_the_ego_stop_before_it_in_comfort(scene: SceneMaker, speed_mps: float) -> None:
    speed, acceleration, gap = drive(scene(speed_mps, {"ahead_m": 240.0}), 40.0)
    assert speed[-1] < 0.05
    assert 0.5 < gap[-1] < 6.0
    assert acceleration.min() > -3.2


def test_a_slower_lead_is_followed_at_its_headway(scene: SceneMaker) -> None:
    speed, acceleration, gap = drive(scene(28.0, {"ahead_m": 120.0, "vx_mps": 18.0}), 60.0)
    assert speed[-1] == pytest.approx(18.0, abs=0.2)
    assert 18.0 * 1.0 < gap[-1] < 18.0 * 3.0
    assert acceleration.min() > -3.2


def test_a_lead_that_brakes_hard_is_not_hit(scene: SceneMaker) -> None:
    speed, acceleration, gap = drive(scene(25.0, {"ahead_m": 45.0, "vx_mps": 25.0, "acceleration_mps2": -6.0}), 20.0)
    assert gap.min() > 0.0
    assert speed[-1] < 0.05
    assert acceleration.min() >= -9.0


def test_a_gap_cut_short_is_made_good_without_harshness_where_that_keeps_clear(scene: SceneMaker) -> None:
    _, cut_short, gap = drive(scene(16.0, {"ahead_m": 13.3, "vx_mps": 10.0}), 10.0)
    assert -3.5 < cut_short.min() < -3.0
    assert gap.min() > 0.5
    _, nearer, gap = drive(scene(16.0, {"ahead_m": 11.0, "vx_mps": 10.0}), 10.0)
    assert nearer.min() < -3.5
    assert gap.min() > 0.0


def test_an_emergency_is_declared_only_when_less_would_not_do(scene: SceneMaker) -> None:
    planner = IdmPlanner()
    near, far = scene(25.0, {"ahead_m": 48.0}), scene(25.0, {"ahead_m": 120.0})
    emergency, _ = planner.plan(near, planner.start(near.context))
    calm, _ = planner.plan(far, planner.start(far.context))
    assert emergency.emergency
    assert emergency.states.acceleration_mps2[0] < -5.0
    assert not calm.emergency


def test_an_offset_is_taken_back_without_leaving_the_lane(scene: SceneMaker) -> None:
    start = scene(25.0, d_m=0.6)
    plan, _ = IdmPlanner().plan(start, IdmPlanner().start(start.context))
    points = np.stack((plan.states.x_m, plan.states.y_m), axis=-1)
    _, offset = start.context.mission.route.path.project(points)
    assert offset[0] == pytest.approx(0.6, abs=1e-6)
    assert abs(offset[-1]) < 0.02
    assert offset.min() > -0.05
    assert np.abs(plan.states.curvature_radpm * plan.states.speed_mps**2).max() < 2.0


def test_the_end_of_the_road_stops_the_ego(scene: SceneMaker) -> None:
    start = scene(25.0)
    path = start.context.mission.route.path
    start = scene(25.0, s_m=path.length_m - 220.0)
    speed, acceleration, _ = drive(start, 40.0)
    travelled = 0.1 * (speed.sum() - 0.5 * speed[0])
    assert speed[-1] < 0.01
    assert 220.0 - CAR.front_m - 12.0 < travelled < 220.0 - CAR.front_m
    assert acceleration.min() > -3.5


def test_the_reason_names_what_limits_the_speed(scene: SceneMaker) -> None:
    planner = IdmPlanner()
    free, led = scene(25.0), scene(25.0, {"ahead_m": 60.0, "vx_mps": 20.0})
    assert planner.plan(free, planner.start(free.context))[0].reason == "set speed 30.0 m/s"
    plan, _ = planner.plan(led, planner.start(led.context))
    assert plan.lead_id == 1
    assert plan.reason.startswith("track 1 ")


def test_the_ceiling_slows_before_a_curve_and_can_be_reached_by_braking(scene: SceneMaker) -> None:
    path = scene().context.mission.route.path
    limit = np.full(len(path.points), np.nan)
    limit[path.s_m > 300.0] = 10.0
    ceiling = speed_ceiling(path, 100.0, 400.0, limit, 2.0, 1.5, np.inf)
    finite = ceiling[np.isfinite(ceiling)]
    slowing = (finite[:-1] ** 2 - finite[1:] ** 2) / (2.0 * 2.0)
    assert slowing.max() <= 1.5 + 1e-9
    assert ceiling[-1] == 10.0
    assert ceiling[0] > 20.0


def test_the_faster_the_ego_the_further_it_looks_for_what_slows_it(scene: SceneMaker) -> None:
    fast = scene(50.0)
    route = fast.context.mission.route
    limit = np.where(route.path.s_m > 600.0, 8.0, 60.0)
    mission = replace(fast.context.mission, route=replace(route, speed_limit_mps=limit), set_speed_mps=50.0)
    fast = replace(fast, context=replace(fast.context, mission=mission))
    planner = IdmPlanner()
    plan, _ = planner.plan(fast, planner.start(fast.context))
    assert plan.states.speed_mps[-1] < 42.0  # 500 m from 50 to 8 m/s take 2.4 m/s^2


@pytest.mark.parametrize(("speed", "lead"), [(20.0, 5.0), (30.0, 0.0), (12.0, 10.0)])
def test_the_needed_deceleration_just_avoids_contact(speed: float, lead: float) -> None:
    gap = 30.0
    needed = needed_deceleration(gap, speed, lead, 0.0, 0.0)
    time = (speed - lead) / needed
    assert speed * time - 0.5 * needed * time**2 - lead * time == pytest.approx(gap)


def test_the_stop_ends_where_physics_says() -> None:
    profile = stop_profile(20.0, 3.5)
    assert profile.distance_m[-1] == pytest.approx(20.0**2 / 7.0)
    assert profile.speed_mps[-1] == 0.0
