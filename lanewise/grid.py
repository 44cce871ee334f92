"""Planners in the grid world of UN R157: a straight road of three lanes, and a planner as the grid's driver.

A planner that is `evasive` may also steer into a free lane; control follows its plan as in a drive.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bus.messages import EntityKind, Odometry, PoseStatus
from geometry.pose import Pose
from maps.lane_map import LaneMap
from maps.route import follow_lane
from motion.bicycle import Vehicle
from motion.tracking import TrackingSettings, lateral_gains
from planning.control import track
from planning.planner import Planner, trajectory_message
from planning.scene import Agents, Context, EgoState, Mission, Scene
from sim.scenarios.r157_cases import CAR_LENGTH_M, CAR_WIDTH_M, DT_S, LANE_WIDTH_M, Traffic
from sim.scenarios.r157_grid import Actuator, Driver, Outcome, Sight, SteeringDriver, drive, drive_steering

ROAD_FROM_M, ROAD_TO_M, POINT_STEP_M = -200.0, 2200.0, 25.0
EGO = Vehicle(wheelbase_m=2.6, length_m=CAR_LENGTH_M, width_m=CAR_WIDTH_M, centre_x_m=1.3)


def straight_road() -> LaneMap:
    """Three lanes along x, the middle one centred on y = 0: `left`, `ego`, `right`."""
    x = np.arange(ROAD_FROM_M, ROAD_TO_M + POINT_STEP_M, POINT_STEP_M)
    centres = (LANE_WIDTH_M, 0.0, -LANE_WIDTH_M)

    def points(shift_m: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.concatenate([np.stack((x, np.full(len(x), centre + shift_m)), axis=-1) for centre in centres])

    arc = np.tile(x - x[0], 3)
    return LaneMap(
        ids=("left", "ego", "right"), kinds=("driving",) * 3, starts=np.arange(4) * len(x),
        centre_points=points(0.0), left_points=points(0.5 * LANE_WIDTH_M), right_points=points(-0.5 * LANE_WIDTH_M),
        s_m=arc, source_s_m=arc.copy(), speed_limit_mps=np.full(len(arc), np.nan),
        left_marks=((),) * 3, right_marks=((),) * 3, successors=((),) * 3, predecessors=((),) * 3,
        left_neighbour=np.array([-1, 0, 1]), right_neighbour=np.array([1, 2, -1]),
        opposite_neighbour=np.full(3, -1), junction=("",) * 3, conflicts=((),) * 3, signals=(), stop_lines=(),
        crossings=(), right_hand=True,
    )  # fmt: skip


def grid_context(lane_map: LaneMap, traffic: Traffic, evasive: bool = False) -> Context:
    """The planner's task in a case: follow the middle lane at the initial speed; `evasive`: or leave it where braking
    does not help."""
    route = follow_lane(lane_map, lane_map.index("ego"), -ROAD_FROM_M, ROAD_TO_M)
    mission = Mission(route, traffic.ego_mps, keep_lane=True, may_pass=False, may_evade=evasive)
    return Context(lane_map, EGO, mission, DT_S)


def scene_of(context: Context, sight: Sight) -> Scene:
    """What the grid shows to its driver, as a planner's scene."""
    count = len(sight.ids)
    agents = Agents(
        ids=sight.ids, kinds=np.full(count, int(EntityKind.CAR)), x_m=sight.other_x_m, y_m=sight.other_y_m,
        yaw_rad=np.zeros(count), vx_mps=sight.other_vx_mps, vy_mps=sight.other_vy_mps,
        acceleration_mps2=sight.other_ax_mps2, yaw_rate_radps=np.zeros(count), length_m=sight.other_length_m,
        width_m=np.full(count, CAR_WIDTH_M), existence=np.ones(count), covariance=np.zeros((count, 4, 4)),
    )  # fmt: skip
    ego = EgoState(_rear_axle(sight), sight.speed_mps, sight.acceleration_mps2, sight.steering_rad)
    return Scene(context, sight.t_s, ego, agents, PoseStatus.LANE_CERTAIN)


def _rear_axle(sight: Sight) -> Pose:
    return Pose(sight.x_m, sight.y_m, sight.yaw_rad) @ Pose(-EGO.centre_x_m, 0.0, 0.0)


def planner_driver(planner: Planner, context: Context) -> Driver:
    """A planner as the grid's driver: the acceleration that its plan begins with; its steering is not asked for."""
    memory = planner.start(context)

    def demand(sight: Sight) -> float:
        nonlocal memory
        plan, memory = planner.plan(scene_of(context, sight), memory)
        return float(plan.states.acceleration_mps2[0])

    return demand


def evasive_driver(planner: Planner, context: Context) -> SteeringDriver:
    """A planner that also steers: its plan is followed by control, whose commands are held for a step."""
    memory, settings = planner.start(context), TrackingSettings()
    gains = lateral_gains(EGO, settings, DT_S)

    def demand(sight: Sight) -> tuple[float, float]:
        nonlocal memory
        plan, memory = planner.plan(scene_of(context, sight), memory)
        odometry = Odometry(
            _rear_axle(sight), sight.speed_mps, sight.acceleration_mps2, 0.0, sight.steering_rad, engaged=True
        )
        command = track(trajectory_message(plan, Pose(0.0, 0.0, 0.0)), odometry, 0.0, EGO, settings, gains)
        return float(plan.states.acceleration_mps2[0]), command.steering_rad

    return demand


def drive_planner(
    planner: Planner, traffic: Traffic, lane_map: LaneMap, actuator: Actuator | None = None, latency_s: float = 0.0,
    evasive: bool = False,
) -> Outcome:  # fmt: skip
    """One case with a planner, whose perception is ideal but `latency_s` old."""
    context = grid_context(lane_map, traffic, evasive)
    if evasive:
        return drive_steering(traffic, evasive_driver(planner, context), EGO, actuator, latency_s)
    return drive(traffic, planner_driver(planner, context), actuator, latency_s)
