"""What is not sure gets comfortable braking at once and an emergency never; what is sure gets both at once."""

from dataclasses import replace

import numpy as np
import pytest

from bus.messages import EntityKind
from geometry.pose import Pose
from planning.certainty import SURE, CertaintySettings, is_sure, sure_agents
from planning.idm import IdmPlanner
from planning.lanewise_planner import LanewisePlanner
from planning.planner import Plan, Planner, plan_surely
from planning.scene import Agents, Scene
from tests.planning.conftest import SceneMaker

SETTINGS = CertaintySettings()
PLANNERS = [IdmPlanner(), LanewisePlanner()]
EGO_MPS = 16.7
GHOST = {
    "ahead_m": 26.0,
    "left_m": 0.5,
    "kinds": int(EntityKind.PEDESTRIAN),
    "length_m": 0.8,
    "width_m": 0.6,
    "existence": 0.85,
}
"""Somebody seen with doubt nearer than braking with 5 m/s^2 would stop."""


def in_lane(scene: Scene) -> Scene:
    """With a mission that leaves braking as the only answer."""
    mission = replace(scene.context.mission, keep_lane=True, may_pass=False)
    return replace(scene, context=replace(scene.context, mission=mission))


def planned(planner: Planner, scene: Scene) -> Plan:
    scene = in_lane(scene)
    plan, _ = plan_surely(planner, scene, planner.start(scene.context), SETTINGS)
    return plan


def hardest(plan: Plan) -> float:
    return float(-plan.states.acceleration_mps2[plan.states.t_s <= 1.0].min())


def spread(*sigmas: float) -> np.ndarray:
    """Covariance of (x, y, vx, vy) along axes that are the ego's, too."""
    return np.diag(np.square(sigmas))


@pytest.mark.parametrize("planner", PLANNERS)
def test_who_may_not_be_there_gets_the_stop_and_no_emergency(planner: Planner, scene: SceneMaker) -> None:
    plan = planned(planner, scene(EGO_MPS, GHOST))
    assert hardest(plan) == pytest.approx(3.5)
    assert not plan.emergency


@pytest.mark.parametrize("planner", PLANNERS)
def test_who_is_surely_there_gets_the_emergency_at_once(planner: Planner, scene: SceneMaker) -> None:
    plan = planned(planner, scene(EGO_MPS, {**GHOST, "existence": SURE}))
    assert hardest(plan) > 5.0
    assert plan.emergency


def test_a_walker_seen_for_three_frames_with_a_good_score_gets_the_emergency_at_once(scene: SceneMaker) -> None:
    """Of such a track 1.3 m of its place and 1.5 m/s of its speed are not known."""
    seen = {**GHOST, "existence": 0.99, "covariance": spread(1.3, 0.2, 1.5, 0.5)}
    assert planned(IdmPlanner(), scene(EGO_MPS, seen)).emergency


@pytest.mark.parametrize("planner", PLANNERS)
def test_comfortable_braking_is_as_it_was_planned(planner: Planner, scene: SceneMaker) -> None:
    made = in_lane(scene(EGO_MPS, {**GHOST, "ahead_m": 70.0}))
    alone, _ = planner.plan(made, planner.start(made.context))
    assert hardest(alone) > 0.0
    np.testing.assert_array_equal(planned(planner, made).states.acceleration_mps2, alone.states.acceleration_mps2)


def test_somebody_sure_behind_a_ghost_still_gets_the_emergency(scene: SceneMaker) -> None:
    plan = planned(IdmPlanner(), scene(EGO_MPS, GHOST, {"ahead_m": 28.0}))
    assert plan.emergency
    assert plan.lead_id == 2


def test_a_gap_is_restored_no_harder_than_the_stop_where_only_doubt_asks_for_more(scene: SceneMaker) -> None:
    """The lead seems slower than it is by as much as is not known of its speed: 2.3 m ahead, 3.5 m/s slower."""
    lead = {"ahead_m": 8.4, "length_m": 4.6, "vx_mps": 10.2}
    true, doubted = scene(13.7, lead), scene(13.7, {**lead, "covariance": spread(0.3, 0.05, 0.7, 0.5)})
    assert hardest(planned(IdmPlanner(), true)) == pytest.approx(5.0)
    assert hardest(planned(IdmPlanner(), doubted)) <= 3.5


def test_where_the_truth_is_told_a_planner_is_asked_once(scene: SceneMaker) -> None:
    class Counted:
        asked = 0

        def start(self, context: object) -> int:  # noqa: ARG002 - part of the interface
            return 0

        def plan(self, scene: Scene, memory: int) -> tuple[Plan, int]:
            self.asked += 1
            plan, _ = IdmPlanner().plan(scene, IdmPlanner().start(scene.context))
            return plan, memory + 1

    for row, times in (({**GHOST, "existence": 1.0}, 1), (GHOST, 2)):
        counted, made = Counted(), scene(EGO_MPS, row)
        _, memory = plan_surely(counted, made, 0, SETTINGS)
        assert (counted.asked, memory) == (times, 1)


def test_the_sure_are_as_harmless_as_is_known_of_them(scene: SceneMaker) -> None:
    known = spread(1.0, 0.3, 2.0, 0.5)
    made = scene(
        EGO_MPS,
        {"ahead_m": 30.0, "vx_mps": 10.0, "vy_mps": 0.8, "covariance": known},
        {"ahead_m": -30.0, "vx_mps": 20.0, "vy_mps": -0.4, "covariance": known},
        {"ahead_m": 20.0, "existence": 0.94},
    )
    assert not is_sure(made.agents)
    sure = sure_agents(made.agents, made.ego, SETTINGS)
    assert sure.ids.tolist() == [1, 2]
    np.testing.assert_allclose(sure.x_m - made.agents.x_m[:2], (1.0, 0.0))
    np.testing.assert_allclose(sure.vx_mps, (12.0, 20.0))
    np.testing.assert_allclose(sure.vy_mps, (0.3, 0.0), atol=1e-12)
    assert is_sure(replace(sure, existence=np.ones(2)))


def turned(agents: Agents, by: Pose) -> Agents:
    """Agents moved and turned as a whole."""
    axes = Pose(0.0, 0.0, by.yaw_rad)
    places = by @ np.stack((agents.x_m, agents.y_m), axis=-1)
    velocities = axes @ np.stack((agents.vx_mps, agents.vy_mps), axis=-1)
    block = np.kron(np.eye(2), axes @ np.eye(2))
    return replace(
        agents, x_m=places[:, 0], y_m=places[:, 1], vx_mps=velocities[:, 0], vy_mps=velocities[:, 1],
        covariance=block.T @ agents.covariance @ block,
    )  # fmt: skip


def test_what_is_sure_does_not_depend_on_where_the_ego_heads(scene: SceneMaker) -> None:
    known = spread(1.0, 0.3, 2.0, 0.5)
    ahead = {"ahead_m": 30.0, "left_m": 20.0, "vx_mps": 10.0, "vy_mps": 0.8, "covariance": known}
    behind = {"ahead_m": -3.0, "left_m": -40.0, "vx_mps": 20.0, "vy_mps": -2.0, "covariance": known}
    made, by = scene(EGO_MPS, ahead, behind), Pose(200.0, -70.0, 2.2)
    ego = replace(made.ego, world_from_ego=by @ made.ego.world_from_ego)
    here, there = sure_agents(made.agents, made.ego, SETTINGS), sure_agents(turned(made.agents, by), ego, SETTINGS)
    for name in ("x_m", "y_m", "vx_mps", "vy_mps"):
        np.testing.assert_allclose(getattr(there, name), getattr(turned(here, by), name), atol=1e-9)
