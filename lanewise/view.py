"""What viewers show (Foxglove and others): frames, the ego, boxes, plan and the map around the route.

In: truth and plan. Out: `/view/*`, Foxglove schemas, in `world`. Nothing of the stack reads them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bus.messages import (
    AgentTruth,
    EgoTruth,
    FrameTransforms,
    PoseEstimate,
    PoseInFrame,
    ScenarioInfo,
    SceneUpdate,
    Trajectory,
)
from bus.node import Node, Publication, Tick
from geometry.angles import Floats
from geometry.pose import Pose
from maps.lane_map import LaneMap
from maps.route import Route

PERIOD_NS = 100_000_000
EGO_COLOUR = (0.04, 0.37, 0.76, 0.9)
AGENT_COLOUR = (0.30, 0.34, 0.38, 0.9)
PLAN_COLOUR = (0.04, 0.37, 0.76, 1.0)
EDGE_COLOUR = (0.75, 0.77, 0.79, 1.0)
MAP_REACH_M = 300.0
"""Lanes further than this from the route are left out of `/view/map`."""

MAP_POINTS = 50_000
"""More points of edges than this are thinned evenly, to stay below the size limit of a message."""


def node(lane_map: LaneMap, route: Route) -> Node:
    """The node to hand to the executor."""
    return Node(
        name="view",
        priority=60,
        step=lambda memory, tick: _step(lane_map, route, memory, tick),
        memory=False,
        inputs=("/truth/scenario", "/truth/ego", "/truth/agents", "/localization/pose", "/planning/trajectory"),
        outputs=("/view/tf", "/view/ego", "/view/scene", "/view/map"),
        period_ns=PERIOD_NS,
    )


def _step(lane_map: LaneMap, route: Route, map_shown: bool, tick: Tick) -> tuple[bool, tuple[Publication, ...]]:
    newest: dict[str, Any] = {topic: received.message for topic, received in tick.inputs.items()}
    info: ScenarioInfo | None = newest.get("/truth/scenario")
    ego: EgoTruth | None = newest.get("/truth/ego")
    if info is None or ego is None:
        return map_shown, ()
    pose: PoseEstimate | None = newest.get("/localization/pose")
    publications = [
        Publication("/view/tf", _frames(ego, pose)),
        Publication("/view/ego", PoseInFrame("world", ego.world_from_ego)),
        Publication("/view/scene", _scene(info, ego, newest, pose)),
    ]
    if not map_shown:
        publications.append(Publication("/view/map", _map(lane_map, route)))
    return True, tuple(publications)


def _frames(ego: EgoTruth, pose: PoseEstimate | None) -> FrameTransforms:
    if pose is None:
        return FrameTransforms(("world",), ("ego",), (ego.world_from_ego,))
    odom_from_ego = pose.world_from_odom.inverse() @ ego.world_from_ego
    return FrameTransforms(("world", "odom"), ("odom", "ego"), (pose.world_from_odom, odom_from_ego))


def _scene(info: ScenarioInfo, ego: EgoTruth, newest: dict[str, Any], pose: PoseEstimate | None) -> SceneUpdate:
    agents: AgentTruth | None = newest.get("/truth/agents")
    ids = [info.ego_id] if agents is None else [info.ego_id, *agents.ids.tolist()]
    centre = ego.world_from_ego @ np.array([[info.centre_x_m[info.ego_id], 0.0]])
    xy = centre if agents is None else np.concatenate((centre, np.stack((agents.x_m, agents.y_m), axis=-1)))
    yaw = np.array([ego.world_from_ego.yaw_rad, *(() if agents is None else agents.yaw_rad)])
    size = np.stack((info.length_m, info.width_m, info.height_m), axis=-1)[ids]
    plan = _plan_line(newest.get("/planning/trajectory"), pose)
    return SceneUpdate(
        frame="world",
        box_names=tuple(info.names[i] for i in ids),
        line_names=("plan",) if len(plan) else (),
        box_xyz_m=np.column_stack((xy, 0.5 * size[:, 2])),
        box_yaw_rad=yaw,
        box_size_m=size,
        colours=np.array([EGO_COLOUR, *[AGENT_COLOUR] * (len(ids) - 1)]),
        line_start=np.array([0, len(plan)]) if len(plan) else np.zeros(1, dtype=np.int64),
        line_xy_m=plan,
        line_colours=np.array([PLAN_COLOUR]) if len(plan) else np.zeros((0, 4)),
    )


def _plan_line(plan: Trajectory | None, pose: PoseEstimate | None) -> Floats:
    """Points (K, 2) of the plan in `world`, K = 0 without one."""
    if plan is None or pose is None or len(plan.x_m) < 2:
        return np.zeros((0, 2))
    world_from_odom: Pose = pose.world_from_odom
    return world_from_odom @ np.stack((plan.x_m, plan.y_m), axis=-1)


def _map(lane_map: LaneMap, route: Route) -> SceneUpdate:
    low, high = route.path.points.min(axis=0) - MAP_REACH_M, route.path.points.max(axis=0) + MAP_REACH_M
    lines: list[Floats] = []
    names: list[str] = []
    for lane in range(lane_map.size):
        for side, edge in (("left", lane_map.left_edge(lane)), ("right", lane_map.right_edge(lane))):
            near = ((edge >= low) & (edge <= high)).all(axis=1)
            if near.any():
                lines.append(edge)
                names.append(f"{lane_map.ids[lane]} {side}")
    stride = max(1, -(-sum(map(len, lines)) // MAP_POINTS))
    thinned = [np.concatenate((line[:-1:stride], line[-1:])) for line in lines]
    return SceneUpdate(
        frame="world",
        box_names=(),
        line_names=tuple(names),
        box_xyz_m=np.zeros((0, 3)),
        box_yaw_rad=np.zeros(0),
        box_size_m=np.zeros((0, 3)),
        colours=np.zeros((0, 4)),
        line_start=np.cumsum([0, *map(len, thinned)]),
        line_xy_m=np.concatenate(thinned) if thinned else np.zeros((0, 2)),
        line_colours=np.tile(EDGE_COLOUR, (len(thinned), 1)) if thinned else np.zeros((0, 4)),
    )
