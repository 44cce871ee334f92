"""A plan judged open loop in one scene: PDMS and EPDMS of what the vehicle makes of it, beside `pdm-closed` there.

In: scene and plan in `world`, and how the others really moved (or their constant-velocity forecast). Out: the scores
with their parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from bus.messages import LightState
from geometry.angles import Floats
from maps.route_rules import route_rules
from planning.metrics.navsim.extended import red_light_step
from planning.metrics.navsim.lane_area import LaneArea, lane_area
from planning.metrics.navsim.pdms import ExtendedInputs, Judged, NavsimScore, epdms, pdms
from planning.metrics.navsim.scores import Forecast, SubScores, centres_of, sub_scores
from planning.metrics.navsim.simulate import DT_S, STEPS, reference_of, simulate, start_state
from planning.pdm_closed import PdmClosedPlanner
from planning.pdm_proposals import constant_velocity
from planning.planner import Plan, States
from planning.scene import Scene

AHEAD_STEPS = 10
"""Time to collision looks this far beyond the last state."""
RADIUS_M = 120.0


RED = (LightState.RED, LightState.RED_YELLOW)
BEHIND_LINE_M, HALF_LANE_M = 3.0, 1.5
"""The area behind a red light's stop line that the ego may not touch."""


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """The plan judged before, simulated (STEPS, 8), and when it was made."""

    t_s: float
    states: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Simulated:
    """The plan and `pdm-closed`'s, simulated (2, STEPS, 8), and their sub-scores."""

    states: Floats
    scores: SubScores
    area: LaneArea


def score_plan(scene: Scene, plan: Plan, future: Forecast | None = None) -> NavsimScore:
    """PDMS of a plan.

    Args:
        scene: what the planner saw.
        plan: its answer.
        future: the others over the next 5 s in steps of 0.1 s; at constant velocity where it is not given.
    """
    found = _simulated(scene, plan, future)
    scores = found.scores
    reference_m = max(float(scores.progress_m[1] * scores.no_collision[1] * scores.drivable_area[1]), 0.0)
    return pdms(Judged(scores, 0, found.states[0], DT_S, reference_m))


def extended_score(
    scene: Scene, plan: Plan, future: Forecast | None, history: Floats, before: Before | None
) -> tuple[NavsimScore, Before]:
    """EPDMS of a plan, and what the next one is compared with.

    Args:
        scene: what the planner saw.
        plan: its answer.
        future: as for `score_plan`.
        history: the ego's recorded states (H, 8) before the scene, steps of 0.1 s.
        before: the plan judged before, if any.
    """
    found, context = _simulated(scene, plan, future), scene.context
    scores, red = found.scores, _red_areas(scene)
    lights = 0.0 if red_light_step(found.states[1], context.vehicle, red) is not None else 1.0
    reference_m = max(float(scores.progress_m[1] * scores.multiplied[1]) * lights, 0.0)
    lanes = found.area.lanes_at(centres_of(found.states[:1], context.vehicle)[0])
    crossing: NDArray[np.bool_] = np.any(found.area.junction[np.maximum(lanes, 0)] & (lanes >= 0), axis=-1)
    age = STEPS if before is None else round((scene.now_s - before.t_s) / DT_S)
    inputs = ExtendedInputs(
        context.vehicle, context.mission.route.path, red, crossing, history,
        before.states if before is not None and age < STEPS - 2 else None, age,
    )  # fmt: skip
    judged = Judged(scores, 0, found.states[0], DT_S, reference_m)
    return epdms(judged, inputs), Before(scene.now_s, found.states[0])


def _simulated(scene: Scene, plan: Plan, future: Forecast | None) -> _Simulated:
    ego, context = scene.ego, scene.context
    pose, vehicle = ego.world_from_ego, context.vehicle
    if future is None:
        future = constant_velocity(scene.agents, np.arange(len(scene.agents.ids)), STEPS + AHEAD_STEPS)
    planner = PdmClosedPlanner()
    expert, _ = planner.plan(scene, planner.start(context))
    start = start_state(
        pose.x_m, pose.y_m, pose.yaw_rad, ego.speed_mps, ego.acceleration_mps2, ego.steering_rad, vehicle.wheelbase_m
    )
    states = simulate(np.stack([_reference(plan.states), _reference(expert.states)]), start, vehicle)
    area = lane_area(context.lane_map, pose.x_m, pose.y_m, RADIUS_M, context.mission.route.lanes)
    return _Simulated(states, sub_scores(states, vehicle, future, area, context.mission.route.path, DT_S), area)


def _red_areas(scene: Scene) -> list[shapely.Geometry]:
    """Behind the stop lines of red lights that the ego has not passed."""
    context, pose = scene.context, scene.ego.world_from_ego
    path = context.mission.route.path
    front_m = float(path.project(np.array([[pose.x_m, pose.y_m]]))[0][0]) + context.vehicle.front_m
    areas = []
    for light in route_rules(context.lane_map, context.mission.route).lights:
        if scene.lights.get(light.signal_id) in RED and light.stop_m > front_m:
            along = np.array([light.stop_m, light.stop_m, light.stop_m + BEHIND_LINE_M, light.stop_m + BEHIND_LINE_M])
            aside = np.array([HALF_LANE_M, -HALF_LANE_M, -HALF_LANE_M, HALF_LANE_M])
            areas.append(shapely.Polygon(path.position(along, aside)))
    return areas


def _reference(states: States) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return reference_of(states.t_s, states.x_m, states.y_m, states.yaw_rad)
