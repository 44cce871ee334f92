"""A CommonRoad scenario as a scenario engine: recorded traffic replayed, the ego driven by the stack to its goal.

Recorded states stand at the scenario's time steps and are interpolated between them; who has no state is not there. The
run ends when the goal is reached or its time is over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bus.messages import EntityKind, LightState, Weather
from geometry.angles import Floats
from geometry.errors import InputError
from motion.rollout import EntityShape
from sim.scenarios.commonroad.goal import missing
from sim.scenarios.commonroad.model import CommonRoadScenario, Obstacle, PlanningProblem
from sim.scenarios.commonroad.vehicle import BMW_320I, SingleTrack
from sim.scenarios.recorded.log import Track
from sim.scenarios.recorded.traffic import Box, RecordedTraffic
from sim.scenarios.scenario import EngineEvent, Limits
from sim.weather import CLEAR_DAY
from sim.world import Drive, Setpoints, WorldState

KINDS: Mapping[str, EntityKind] = {
    "pedestrian": EntityKind.PEDESTRIAN, "bicycle": EntityKind.BICYCLE, "motorcycle": EntityKind.MOTORCYCLE,
    "truck": EntityKind.TRUCK, "bus": EntityKind.BUS,
}  # fmt: skip
HEIGHT_M = 1.5
SHORTEST_STEPS = 3
"""A trajectory of fewer steps is no solution, even where the ego begins in its goal."""
RATE_SHARE = 0.95
"""Of the steering rate that the checker allows; it measures the rate by differences of rounded states."""
CONTRADICTS_M, CONTRADICTS_SHARE = 2.0, 0.2
"""So far apart, and as a share of the way, what the speeds add up to and the places contradict each other."""
WANTED_MPS = 13.9
"""Cruising speed where neither goal nor map says one."""


@dataclass
class CommonRoadEngine:
    """Implements `sim.scenarios.scenario.ScenarioEngine`; the ego is entity 0."""

    scenario: CommonRoadScenario
    problem: PlanningProblem
    traffic: RecordedTraffic
    """Nobody recorded the ego: reactive traffic reacts from the start."""
    vehicle: SingleTrack = BMW_320I
    regulation: str = "commonroad"
    ego_id: int = 0
    finished: bool = False
    weather: Weather = CLEAR_DAY
    lights: Mapping[str, LightState] = field(default_factory=dict)
    """CommonRoad's lights run by their own cycles, which are not read: all are off."""
    _events: list[EngineEvent] = field(default_factory=list)

    @staticmethod
    def of(scenario: CommonRoadScenario, problem_id: int | None = None, reactive: bool = False) -> CommonRoadEngine:
        """The engine of one planning problem, by default the first, with replayed or reactive traffic.

        Raises:
            InputError: the scenario has no such problem, or the problem no goal.
        """
        chosen = [item for item in scenario.problems if problem_id is None or item.id == problem_id]
        if not chosen:
            known = ", ".join(str(item.id) for item in scenario.problems) or "none"
            raise InputError(f"{scenario.benchmark_id} has no planning problem {problem_id}; it has {known}")
        if not chosen[0].goals:
            raise InputError(f"planning problem {chosen[0].id} of {scenario.benchmark_id} has no goal")
        first_step = chosen[0].initial.time_step
        tracks = tuple(_track(item, scenario, first_step) for item in scenario.obstacles)
        return CommonRoadEngine(scenario, chosen[0], RecordedTraffic(tracks, reactive))

    @property
    def name(self) -> str:
        return self.scenario.benchmark_id

    @property
    def cast(self) -> tuple[EntityShape, ...]:
        car = self.vehicle
        ego = EntityShape("Ego", EntityKind.CAR, car.length_m, car.width_m, HEIGHT_M, car.rear_m, car.wheelbase_m)
        return (ego, *(_shape(item) for item in self.scenario.obstacles))

    @property
    def limits(self) -> tuple[Limits, ...]:
        car = self.vehicle
        most = (car.fastest_mps, car.acceleration_mps2, car.acceleration_mps2, car.steering_rad)
        own = Limits(*most, car.steering_rate_radps * RATE_SHARE)
        return (own, *(Limits(100.0, 20.0, 20.0, 1.0) for _ in self.scenario.obstacles))

    @property
    def set_speed_mps(self) -> float:
        """The middle of the goal's speeds, else the initial speed, but no less than a town's."""
        speeds = [goal.speed_mps.middle for goal in self.problem.goals if goal.speed_mps is not None]
        return max(min(speeds, default=max(self.problem.initial.speed_mps, WANTED_MPS)), 0.0) or WANTED_MPS

    @property
    def ego_engaged(self) -> bool:
        return True

    def advance(self, view: WorldState, t_ns: int, dt_ns: int) -> Setpoints:
        """See `ScenarioEngine.advance`."""
        setpoints = Setpoints.empty(1, 1 + len(self.scenario.obstacles))
        ego: Box | None = None
        if dt_ns == 0:
            self._place_ego(setpoints)
        else:
            setpoints.drive[0, 0] = Drive.CONTROLS
            self._watch_goal(view, t_ns)
            ego = self._ego_box(view)
        self.traffic.step(setpoints, (t_ns + dt_ns) * 1e-9, dt_ns * 1e-9, ego, dt_ns > 0)
        return setpoints

    def take_events(self) -> tuple[EngineEvent, ...]:
        """See `ScenarioEngine.take_events`."""
        events, self._events = tuple(self._events), []
        return events

    def _ego_box(self, view: WorldState) -> Box:
        yaw, car = float(view.yaw_rad[0, 0]), self.vehicle
        x_m = float(view.x_m[0, 0]) + car.rear_m * math.cos(yaw)
        y_m = float(view.y_m[0, 0]) + car.rear_m * math.sin(yaw)
        return Box(x_m, y_m, yaw, car.length_m, car.width_m, float(view.speed_mps[0, 0]))

    def _place_ego(self, setpoints: Setpoints) -> None:
        initial = self.problem.initial
        setpoints.drive[0, 0] = Drive.POSE
        setpoints.x_m[0, 0] = initial.x_m - self.vehicle.rear_m * math.cos(initial.yaw_rad)
        setpoints.y_m[0, 0] = initial.y_m - self.vehicle.rear_m * math.sin(initial.yaw_rad)
        setpoints.yaw_rad[0, 0] = initial.yaw_rad
        setpoints.speed_mps[0, 0] = initial.speed_mps
        setpoints.acceleration_mps2[0, 0] = initial.acceleration_mps2

    def _watch_goal(self, view: WorldState, t_ns: int) -> None:
        """End the run once the ego has reached a goal or can no longer do so."""
        step = self.problem.initial.time_step + t_ns * 1e-9 / self.scenario.dt_s
        yaw = float(view.yaw_rad[0, 0])
        x_m = float(view.x_m[0, 0]) + self.vehicle.rear_m * math.cos(yaw)
        y_m = float(view.y_m[0, 0]) + self.vehicle.rear_m * math.sin(yaw)
        # Goals are defined at the scenario's time steps.
        at_step = abs(step - round(step)) < 1e-6 and step - self.problem.initial.time_step >= SHORTEST_STEPS - 1e-6
        speed = float(view.speed_mps[0, 0])
        there = at_step and any(
            not missing(goal, round(step), x_m, y_m, yaw, speed) for goal in self.problem.goals
        )  # fmt: skip
        if (there or step > self.problem.last_time_step) and not self.finished:
            self.finished = True
            self._events.append(EngineEvent(t_ns, "end", "goal reached" if there else "time over", "endTransition"))


def _shape(item: Obstacle) -> EntityShape:
    kind = KINDS.get(item.kind, EntityKind.CAR)
    return EntityShape(f"{item.kind} {item.id}", kind, item.length_m, item.width_m, HEIGHT_M, 0.0, 0.0)


def _speed_mps(item: Obstacle, t_s: Floats) -> Floats:
    """The speeds that the file tells; those of its places where they do not lead from the first to the last of them."""
    told = np.asarray(item.speed_mps, dtype=np.float64)
    if item.static or len(t_s) < 2:
        return told
    gone_m = np.append(0.0, np.cumsum(np.hypot(np.diff(item.x_m), np.diff(item.y_m))))
    meant_m = float(np.trapezoid(np.abs(told), t_s))
    if abs(meant_m - gone_m[-1]) <= CONTRADICTS_M + CONTRADICTS_SHARE * gone_m[-1]:
        return told
    return np.asarray(np.copysign(np.gradient(gone_m, t_s), told))


ALWAYS_S = 1e6
"""Static obstacles are there from so long before the start to so long after it."""


def _track(item: Obstacle, scenario: CommonRoadScenario, first_step: int) -> Track:
    """An obstacle's record in seconds from the start of the planning problem."""
    t_s = scenario.dt_s * (np.asarray(item.time_step, dtype=np.float64) - first_step)
    acceleration = np.nan_to_num(np.asarray(item.acceleration_mps2, dtype=np.float64), nan=0.0)
    recorded = (item.x_m, item.y_m, item.yaw_rad, _speed_mps(item, t_s), acceleration)
    columns = [np.array(column, dtype=np.float64) for column in recorded]
    if item.static:
        t_s = np.array([-ALWAYS_S, ALWAYS_S])
        columns = [np.repeat(column[:1], 2) for column in columns]
    x_m, y_m, yaw_rad, speed_mps, acceleration_mps2 = columns
    return Track(_shape(item), t_s, x_m, y_m, yaw_rad, speed_mps, acceleration_mps2)
