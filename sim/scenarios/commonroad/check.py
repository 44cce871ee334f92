"""Whether a trajectory solves its planning problem: start, goal, contact, road, and the vehicle model's abilities.

The rules are those of the official drivability checker, so that what passes here is accepted there; each reason names
time step and numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import shapely

from geometry.angles import wrap_rad
from geometry.boxes import box_corners, boxes_overlap
from maps.lanelets import Lanelet
from motion.car_trajectory import CarTrajectory
from sim.scenarios.commonroad.goal import goal_reached
from sim.scenarios.commonroad.model import CommonRoadScenario, Obstacle, PlanningProblem
from sim.scenarios.commonroad.vehicle import BMW_320I, SingleTrack

POSITION_M, TURN_RAD = 2e-2, 3e-2
"""How far a state may be off what the model reaches from the one before."""
GAP_M = 0.025
"""Neighbours share their bounds only roughly: gaps of twice this width between them are no edge of the road."""
SUBSTEPS = 10
START_TOLERANCE = 1e-3


def problems_with(
    scenario: CommonRoadScenario, problem: PlanningProblem, trajectory: CarTrajectory, vehicle: SingleTrack = BMW_320I
) -> tuple[str, ...]:
    """Reasons why the trajectory is no solution, empty where it is one."""
    reached = goal_reached(problem, trajectory)
    reasons = (
        start_mismatch(problem, trajectory),
        None if reached.reached else reached.cause,
        contact(scenario.obstacles, trajectory, vehicle),
        off_road(scenario.lanelets, trajectory, vehicle),
        infeasible(trajectory, vehicle),
    )
    return tuple(reason for reason in reasons if reason is not None)


def start_mismatch(problem: PlanningProblem, trajectory: CarTrajectory) -> str | None:
    """How the first state differs from the problem's initial one."""
    initial = problem.initial
    pairs = (
        ("time step", trajectory.time_step[0], initial.time_step), ("x", trajectory.x_m[0], initial.x_m),
        ("y", trajectory.y_m[0], initial.y_m), ("velocity", trajectory.speed_mps[0], initial.speed_mps),
    )  # fmt: skip
    for name, ours, theirs in pairs:
        if abs(float(ours) - float(theirs)) > START_TOLERANCE:
            return f"the first state has {name} {float(ours):.6g}, the problem {float(theirs):.6g}"
    if abs(wrap_rad(float(trajectory.yaw_rad[0]) - initial.yaw_rad)) > START_TOLERANCE:
        return f"the first state has orientation {trajectory.yaw_rad[0]:.6g}, the problem {initial.yaw_rad:.6g}"
    return None


def contact(obstacles: Sequence[Obstacle], trajectory: CarTrajectory, vehicle: SingleTrack) -> str | None:
    """The first contact with a recorded road user."""
    for i, step in enumerate(trajectory.time_step):
        for item in obstacles:
            rows = [0] if item.static else np.flatnonzero(item.time_step == step).tolist()
            for row in rows:
                if boxes_overlap(
                    float(trajectory.x_m[i]), float(trajectory.y_m[i]), float(trajectory.yaw_rad[i]),
                    vehicle.length_m, vehicle.width_m, float(item.x_m[row]), float(item.y_m[row]),
                    float(item.yaw_rad[row]), item.length_m, item.width_m,
                ):  # fmt: skip
                    return f"contact with {item.kind} {item.id} at time step {step}"
    return None


def off_road(lanelets: Sequence[Lanelet], trajectory: CarTrajectory, vehicle: SingleTrack) -> str | None:
    """The first state whose box leaves the union of all lanelets."""
    surfaces = [shapely.make_valid(lanelet.surface()).buffer(GAP_M) for lanelet in lanelets]
    road = shapely.union_all(surfaces).buffer(1e-3 - GAP_M)
    shapely.prepare(road)
    corners = box_corners(
        trajectory.x_m, trajectory.y_m, trajectory.yaw_rad, np.asarray(vehicle.length_m), np.asarray(vehicle.width_m)
    )
    outside = np.flatnonzero(~shapely.covers(road, shapely.polygons(corners)))
    return None if len(outside) == 0 else f"the vehicle leaves the road at time step {trajectory.time_step[outside[0]]}"


def infeasible(trajectory: CarTrajectory, vehicle: SingleTrack) -> str | None:
    """The first transition that the kinematic single-track model cannot follow."""
    for i in range(len(trajectory.time_step) - 1):
        reason = _transition(trajectory, i, vehicle)
        if reason is not None:
            return f"{reason} from time step {trajectory.time_step[i]} to the next"
    return None


def _transition(trajectory: CarTrajectory, i: int, vehicle: SingleTrack) -> str | None:
    dt_s = trajectory.dt_s
    rate = float(trajectory.steering_rad[i + 1] - trajectory.steering_rad[i]) / dt_s
    acceleration = float(trajectory.speed_mps[i + 1] - trajectory.speed_mps[i]) / dt_s
    most = vehicle.acceleration_mps2 * min(1.0, vehicle.switching_mps / max(float(trajectory.speed_mps[i]), 1e-9))
    if abs(float(trajectory.steering_rad[i + 1])) > vehicle.steering_rad + 1e-9:
        return f"steering angle {trajectory.steering_rad[i + 1]:.3f} rad exceeds {vehicle.steering_rad}"
    if abs(rate) > vehicle.steering_rate_radps + 1e-6:
        return f"steering rate {rate:.3f} rad/s exceeds {vehicle.steering_rate_radps}"
    if not -vehicle.acceleration_mps2 - 1e-6 <= acceleration <= most + 1e-6:
        bound = most if acceleration > 0.0 else -vehicle.acceleration_mps2
        return f"acceleration {acceleration:.2f} m/s^2 exceeds {bound:.2f}"
    speed = float(trajectory.speed_mps[i])
    sideways = speed * speed * math.tan(float(trajectory.steering_rad[i])) / vehicle.wheelbase_m
    if math.hypot(acceleration, sideways) > vehicle.acceleration_mps2:
        return f"{math.hypot(acceleration, sideways):.1f} m/s^2 in all exceed the tyres' {vehicle.acceleration_mps2}"
    x, y, yaw = _predicted(trajectory, i, rate, acceleration, vehicle)
    off_m = max(abs(x - float(trajectory.x_m[i + 1])), abs(y - float(trajectory.y_m[i + 1])))
    off_rad = abs(wrap_rad(yaw - float(trajectory.yaw_rad[i + 1])))
    if off_m > POSITION_M or off_rad > TURN_RAD:
        return f"the model ends {off_m:.3f} m and {off_rad:.3f} rad off"
    return None


def _predicted(
    trajectory: CarTrajectory, i: int, rate_radps: float, acceleration_mps2: float, vehicle: SingleTrack
) -> tuple[float, float, float]:
    """Reference point and heading after one step of the model, by the midpoint rule in substeps."""
    yaw, ahead = float(trajectory.yaw_rad[i]), vehicle.rear_m
    x = float(trajectory.x_m[i]) - ahead * math.cos(yaw)
    y = float(trajectory.y_m[i]) - ahead * math.sin(yaw)
    h = trajectory.dt_s / SUBSTEPS
    for k in range(SUBSTEPS):
        middle = (k + 0.5) * h
        speed = float(trajectory.speed_mps[i]) + acceleration_mps2 * middle
        steering = float(trajectory.steering_rad[i]) + rate_radps * middle
        turn = speed * h * math.tan(steering) / vehicle.wheelbase_m
        x += speed * h * math.cos(yaw + 0.5 * turn)
        y += speed * h * math.sin(yaw + 0.5 * turn)
        yaw += turn
    return x + ahead * math.cos(yaw), y + ahead * math.sin(yaw), yaw
