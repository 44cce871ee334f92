"""A plan judged open loop in one scene: PDMS of what the vehicle makes of it, beside `pdm-closed` in the same scene.

In: scene and plan in `world`, and how the others really moved (or their constant-velocity forecast). Out: the score
with its parts.
"""

from __future__ import annotations

import numpy as np

from planning.metrics.navsim.lane_area import lane_area
from planning.metrics.navsim.pdms import Judged, NavsimScore, pdms
from planning.metrics.navsim.scores import Forecast, sub_scores
from planning.metrics.navsim.simulate import DT_S, STEPS, reference_of, simulate, start_state
from planning.pdm_closed import PdmClosedPlanner
from planning.pdm_proposals import constant_velocity
from planning.planner import Plan, States
from planning.scene import Scene

AHEAD_STEPS = 10
"""Time to collision looks this far beyond the last state."""
RADIUS_M = 120.0


def score_plan(scene: Scene, plan: Plan, future: Forecast | None = None) -> NavsimScore:
    """PDMS of a plan.

    Args:
        scene: what the planner saw.
        plan: its answer.
        future: the others over the next 5 s in steps of 0.1 s; at constant velocity where it is not given.
    """
    ego, context = scene.ego, scene.context
    pose, vehicle = ego.world_from_ego, context.vehicle
    if future is None:
        future = constant_velocity(scene.agents, np.arange(len(scene.agents.ids)), STEPS + AHEAD_STEPS)
    planner = PdmClosedPlanner()
    expert, _ = planner.plan(scene, planner.start(context))
    start = start_state(
        pose.x_m, pose.y_m, pose.yaw_rad, ego.speed_mps, ego.acceleration_mps2, ego.steering_rad, vehicle.wheelbase_m
    )
    references = np.stack([_reference(plan.states), _reference(expert.states)])
    states = simulate(references, start, vehicle)
    area = lane_area(context.lane_map, pose.x_m, pose.y_m, RADIUS_M, context.mission.route.lanes)
    scores = sub_scores(states, vehicle, future, area, context.mission.route.path, DT_S)
    reference_m = max(float(scores.progress_m[1] * scores.no_collision[1] * scores.drivable_area[1]), 0.0)
    return pdms(Judged(scores, 0, states[0], DT_S, reference_m))


def _reference(states: States) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return reference_of(states.t_s, states.x_m, states.y_m, states.yaw_rad)
