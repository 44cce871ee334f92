"""A planner written for the nuPlan devkit, driven without the devkit: along the route's lanes at the speed limit, two
seconds behind whoever is ahead.

lanewise run stopped-lead --planner examples/nuplan_style_planner.py:LaneFollower
"""

import math

import shapely

from planning.nuplan_style import (
    AbstractPlanner,
    EgoState,
    InterpolatedTrajectory,
    PlannerInitialization,
    PlannerInput,
    SemanticMapLayer,
    StateSE2,
    StateVector2D,
    TimePoint,
)

LANES = [SemanticMapLayer.LANE, SemanticMapLayer.LANE_CONNECTOR]


class LaneFollower(AbstractPlanner):
    """Follows the lane that the ego is in."""

    def name(self) -> str:
        return "lane follower"

    def initialize(self, initialization: PlannerInitialization) -> None:
        self.map_api, self.route = initialization.map_api, set(initialization.route_roadblock_ids)

    def compute_planner_trajectory(self, current_input: PlannerInput) -> InterpolatedTrajectory:
        ego, observation = current_input.history.current_state
        line, limit = self.line_ahead(ego)
        way, speed = line.project(shapely.Point(ego.rear_axle.array)), ego.dynamic_car_state.rear_axle_velocity_2d.x
        front = way + ego.car_footprint.vehicle_parameters.front_length
        gap, ahead_mps = leader(line, front, observation.tracked_objects)
        wanted = min(limit, max(ahead_mps + 0.4 * (gap - 5.0 - 2.0 * speed), 0.0))
        states = []
        for step in range(41):
            time = ego.time_point + TimePoint(100_000 * step)
            still = StateVector2D(0.0, 0.0)
            sizes = ego.car_footprint.vehicle_parameters
            states.append(EgoState.build_from_rear_axle(pose_at(line, way), still, still, 0.0, time, sizes))
            speed = max(speed + 0.1 * min(max(wanted - speed, -4.0), 1.5), 0.0)
            way += 0.1 * speed
        return InterpolatedTrajectory(states)

    def line_ahead(self, ego: EgoState) -> tuple[shapely.LineString, float]:
        """Centre line of the next 200 m along the route, and the speed limit."""
        near = [
            lane
            for found in self.map_api.get_proximal_map_objects(ego.rear_axle, 2.0, LANES).values()
            for lane in found
        ]
        here = shapely.Point(ego.rear_axle.array)
        lanes = [min(near, key=lambda lane: (not self.on_route(lane), lane.baseline_path.linestring.distance(here)))]
        while lanes[-1].outgoing_edges and sum(lane.baseline_path.length for lane in lanes[1:]) < 200.0:
            lanes.append(max(lanes[-1].outgoing_edges, key=self.on_route))
        points = [point for lane in lanes for point in lane.baseline_path.linestring.coords]
        return shapely.LineString(points), lanes[0].speed_limit_mps or 15.0

    def on_route(self, lane) -> bool:
        return lane.get_roadblock_id() in self.route


def leader(line: shapely.LineString, front: float, others) -> tuple[float, float]:
    """Gap and speed of the nearest one ahead in the lane."""
    best = (math.inf, 0.0)
    for other in others:
        middle = shapely.Point(other.center.array)
        gap = line.project(middle) - 0.5 * other.box.length - front
        if line.distance(middle) < 1.8 and -1.0 < gap < best[0]:
            best = (gap, other.velocity.magnitude())
    return best


def pose_at(line: shapely.LineString, way: float) -> StateSE2:
    here, after = line.interpolate(way), line.interpolate(way + 1.0)
    return StateSE2(here.x, here.y, math.atan2(after.y - here.y, after.x - here.x))
