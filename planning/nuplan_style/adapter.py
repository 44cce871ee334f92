"""Planners of the nuPlan devkit in our loop: their objects are made from the scene, their trajectory becomes a plan.

Such a planner keeps its memory in itself. What our loop keeps is the number of the cycle, so that a replay from the
middle of a drive, which cannot restore it, is refused with a sentence. In: scene in `world`. Out: plan in `world`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from geometry.angles import Floats, wrap_rad
from geometry.errors import InputError
from planning.nuplan_style.interface import (
    PlannerInitialization,
    PlannerInput,
    SimulationHistoryBuffer,
    SimulationIteration,
)
from planning.nuplan_style.map_api import MapApi
from planning.nuplan_style.observation import DetectionsTracks, lights_of, observation_of
from planning.nuplan_style.state import EgoState, StateSE2, StateVector2D, TimePoint, VehicleParameters
from planning.planner import Plan, States
from planning.scene import Context, Scene
from planning.speed_profile import stop_profile

METHODS = ("initialize", "compute_planner_trajectory", "name", "observation_type")
"""By these a class is taken for a planner of the devkit."""
HISTORY_S = 2.0
STEP_S = 0.1
STOP_MPS2 = 3.5
"""Of the fallback stop that the safety gate holds."""
STANDING_M = 1e-3
"""A shorter way between two states has no curvature."""


@dataclass(frozen=True, slots=True)
class NuplanMemory:
    """The number of the next cycle."""

    iteration: int


@dataclass(slots=True, eq=False)
class _Run:
    """What belongs to one drive: the devkit's map, the last cycles, and how many there were."""

    map_api: MapApi
    egos: list[EgoState] = field(default_factory=list)
    seen: list[DetectionsTracks] = field(default_factory=list)
    iteration: int = 0

    def forget(self, now_s: float) -> None:
        """Take back the last cycle where it was this instant's, because it is asked once more."""
        if self.egos and self.egos[-1].time_us == round(now_s * 1e6):
            self.egos, self.seen, self.iteration = self.egos[:-1], self.seen[:-1], self.iteration - 1


class NuplanPlanner:
    """A planner of the devkit as one of ours."""

    def __init__(self, planner: Any) -> None:
        self._planner = planner
        self._run: _Run | None = None

    def start(self, context: Context) -> NuplanMemory:
        """Initialize the planner for a drive."""
        map_api = MapApi(context.lane_map)
        path = context.mission.route.path
        x, y = (float(v) for v in path.points[-1])
        goal = StateSE2(x, y, float(path.yaw_rad[-1]))
        blocks = list(dict.fromkeys(map_api.block_id(lane) for lane in context.mission.route.lanes))
        self._planner.initialize(PlannerInitialization(blocks, goal, map_api))
        self._run = _Run(map_api)
        return NuplanMemory(0)

    def plan(self, scene: Scene, memory: NuplanMemory) -> tuple[Plan, NuplanMemory]:
        """One cycle.

        Raises:
            InputError: the planner gives no trajectory that can be driven, or its drive did not begin here.
        """
        run = self._run
        if run is not None and run.iteration == memory.iteration + 1:
            run.forget(scene.now_s)
        if run is None or run.iteration != memory.iteration:
            raise InputError(
                f"the planner {self._name()} keeps its memory in itself, so that a drive with it can be played again "
                f"from its beginning only; use --start 0"
            )
        ego = ego_state(scene)
        keep = max(round(HISTORY_S / scene.context.dt_s), 1) + 1
        run.egos = [*run.egos, ego][-keep:]
        run.seen = [*run.seen, observation_of(scene.agents, ego.time_us)][-keep:]
        given = PlannerInput(
            SimulationIteration(ego.time_point, run.iteration),
            SimulationHistoryBuffer(list(run.egos), list(run.seen), scene.context.dt_s),
            lights_of(scene.context.lane_map, scene.lights, ego.time_us),
        )
        states = states_of(self._planner.compute_planner_trajectory(given), ego, self._name())
        run.iteration += 1
        plan = Plan(states, stop_along(states, ego), self._name(), f"trajectory of {self._name()}")
        return plan, NuplanMemory(run.iteration)

    def _name(self) -> str:
        return str(self._planner.name())


def ego_state(scene: Scene) -> EgoState:
    """The scene's ego as the devkit has it."""
    ego, vehicle = scene.ego, scene.context.vehicle
    sizes = VehicleParameters(vehicle.width_m, vehicle.front_m, vehicle.rear_m, vehicle.wheelbase_m, vehicle.centre_x_m)
    pose = ego.world_from_ego
    return EgoState.build_from_rear_axle(
        StateSE2(pose.x_m, pose.y_m, pose.yaw_rad),
        StateVector2D(ego.speed_mps, 0.0),
        StateVector2D(ego.acceleration_mps2, 0.0),
        ego.steering_rad,
        TimePoint(round(scene.now_s * 1e6)),
        sizes,
        angular_vel=ego.speed_mps * float(np.tan(ego.steering_rad)) / vehicle.wheelbase_m,
    )


# --- from trajectory to plan ------------------------------------------------------------------------------------------


def states_of(trajectory: Any, ego: EgoState, name: str) -> States:
    """A trajectory at steps of 0.1 s from now on; speed, acceleration and curvature follow from its poses, as there.

    Raises:
        InputError: it has no states, they are not numbers, not in the order of time, or do not reach 0.2 s ahead.
    """
    t_s, x, y, yaw = _rows(trajectory, ego, name)
    if not all(np.isfinite(column).all() for column in (t_s, x, y, yaw)):
        raise InputError(f"a state in the trajectory of {name} is not a number")
    if (np.diff(t_s) <= 0.0).any():
        raise InputError(f"the states in the trajectory of {name} are not in the order of their time")
    if t_s[0] > 1e-3 or t_s[-1] < 2.0 * STEP_S:
        raise InputError(
            f"the trajectory of {name} reaches from {t_s[0]:.2f} s to {t_s[-1]:.2f} s from now; "
            f"it has to begin now and reach {2.0 * STEP_S} s ahead at least"
        )
    steps: Floats = STEP_S * np.arange(int(t_s[-1] / STEP_S + 1e-6) + 1, dtype=np.float64)
    px, py = np.interp(steps, t_s, x), np.interp(steps, t_s, y)
    heading = np.interp(steps, t_s, np.unwrap(yaw))
    return _driven(steps, px, py, heading)


def _driven(t_s: Floats, x: Floats, y: Floats, yaw: Floats) -> States:
    """Speed, acceleration and curvature of poses; driving backwards has a negative speed."""
    middle = 0.5 * (yaw[:-1] + yaw[1:])
    way = np.diff(x) * np.cos(middle) + np.diff(y) * np.sin(middle)
    centre_s = 0.5 * (t_s[:-1] + t_s[1:])
    pace = way / np.diff(t_s)
    speed = _extended(t_s, centre_s, pace)
    acceleration = np.gradient(speed, t_s)
    bend = np.divide(np.diff(yaw), way, out=np.zeros(len(way)), where=np.abs(way) > STANDING_M)
    return States(t_s, x, y, wrap_rad(yaw), speed, acceleration, _extended(t_s, centre_s, bend))


def _extended(t_s: Floats, centre_s: Floats, series: Floats) -> Floats:
    """Values between the states, at the states; straight on at both ends."""
    out = np.interp(t_s, centre_s, series)
    if len(series) > 1:
        out[0] = 1.5 * series[0] - 0.5 * series[1]
        out[-1] = 1.5 * series[-1] - 0.5 * series[-2]
    return np.asarray(out, dtype=np.float64)


def _rows(trajectory: Any, ego: EgoState, name: str) -> tuple[Floats, Floats, Floats, Floats]:
    sampled = getattr(trajectory, "get_sampled_trajectory", None)
    states: Sequence[Any] = sampled() if callable(sampled) else trajectory
    try:
        rows = [
            (1e-6 * (state.time_us - ego.time_us), state.rear_axle.x, state.rear_axle.y, state.rear_axle.heading)
            for state in states
        ]
    except (TypeError, AttributeError) as error:
        raise InputError(
            f"{name} gave no trajectory: it needs get_sampled_trajectory(), a list of states with time_us and "
            f"rear_axle (x, y, heading); {error}"
        ) from error
    if len(rows) < 2:
        raise InputError(f"the trajectory of {name} has {len(rows)} states; two at least are needed")
    t_s, x, y, yaw = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return t_s, x, y, yaw


def stop_along(states: States, ego: EgoState) -> States:
    """Braking to standstill along the planned path, straight on where that ends."""
    speed = max(ego.dynamic_car_state.rear_axle_velocity_2d.x, 0.0)
    profile = stop_profile(speed, STOP_MPS2)
    way = np.append(0.0, np.cumsum(np.hypot(np.diff(states.x_m), np.diff(states.y_m))))
    moves = np.append(True, np.diff(way) > STANDING_M)
    s, x, y = way[moves], states.x_m[moves], states.y_m[moves]
    yaw, bend = np.unwrap(states.yaw_rad)[moves], states.curvature_radpm[moves]
    wanted = profile.distance_m
    beyond = np.maximum(wanted - s[-1], 0.0)
    heading = np.interp(wanted, s, yaw)
    return States(
        profile.t_s, np.interp(wanted, s, x) + beyond * np.cos(heading), np.interp(wanted, s, y)
        + beyond * np.sin(heading), wrap_rad(heading), profile.speed_mps, profile.acceleration_mps2,
        np.where(beyond > 0.0, 0.0, np.interp(wanted, s, bend)),
    )  # fmt: skip
