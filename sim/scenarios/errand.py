"""An errand: the ego on a map, from a place to a place, alone or among reactive traffic.

The engine of `lanewise run MAP.xodr --start X,Y --goal X,Y`. It ends when the ego comes within reach of the goal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from bus.messages import EntityKind
from geometry.pose import Pose
from motion.rollout import EntityShape
from sim.scenarios.scenario import EngineEvent, Limits
from sim.traffic import DriverSettings, Ego, Roads, Traffic, places, step
from sim.world import Drive, Setpoints, WorldState

EGO = EntityShape("Ego", EntityKind.CAR, 4.65, 1.83, 1.45, 1.4, 2.72)
EGO_LIMITS = Limits(50.0, 4.0, 9.0, 0.6)
REACH_M = 6.0
"""The goal is reached when the middle of the rear axle comes this near."""


CAR = EntityShape("Car", EntityKind.CAR, 4.6, 1.8, 1.5, 0.0, 0.0)
"""Traffic: the origin is the middle of the box."""


@dataclass
class ErrandEngine:
    """Implements `sim.scenarios.scenario.ScenarioEngine` for an ego among reactive traffic, or alone."""

    name: str
    start: Pose
    goal_xy: tuple[float, float]
    set_speed_mps: float
    roads: Roads
    traffic: Traffic
    settings: DriverSettings = DriverSettings()
    regulation: str = "errand"
    ego_id: int = 0
    ego_engaged: bool = True
    finished: bool = False
    _events: list[EngineEvent] = field(default_factory=list)

    @property
    def cast(self) -> tuple[EntityShape, ...]:
        return (EGO, *(replace(CAR, name=f"Car {car.number + 1}") for car in self.traffic.cars))

    @property
    def limits(self) -> tuple[Limits, ...]:
        return (EGO_LIMITS,) * (1 + len(self.traffic.cars))

    def advance(self, view: WorldState, t_ns: int, dt_ns: int) -> Setpoints:
        """See `ScenarioEngine.advance`."""
        setpoints = Setpoints.empty(1, 1 + len(self.traffic.cars))
        if dt_ns == 0:
            setpoints.drive[0, 0] = Drive.POSE
            pose = self.start
            setpoints.x_m[0, 0], setpoints.y_m[0, 0], setpoints.yaw_rad[0, 0] = pose.x_m, pose.y_m, pose.yaw_rad
        else:
            setpoints.drive[0, 0] = Drive.CONTROLS
            self._watch_goal(view, t_ns)
            if self.traffic.cars:
                self.traffic = step(self.traffic, self.roads, self.settings, self._ego(view), dt_ns * 1e-9)
        self._place_traffic(setpoints)
        return setpoints

    def take_events(self) -> tuple[EngineEvent, ...]:
        """See `ScenarioEngine.take_events`."""
        events, self._events = tuple(self._events), []
        return events

    def _watch_goal(self, view: WorldState, t_ns: int) -> None:
        away_m = math.dist((float(view.x_m[0, 0]), float(view.y_m[0, 0])), self.goal_xy)
        if away_m <= REACH_M and not self.finished:
            self.finished = True
            self._events.append(EngineEvent(t_ns, "end", "goal reached", "endTransition"))

    def _ego(self, view: WorldState) -> Ego:
        """The ego on the lane that it is nearest to."""
        yaw = float(view.yaw_rad[0, 0])
        x_m = float(view.x_m[0, 0]) + EGO.centre_x_m * math.cos(yaw)
        y_m = float(view.y_m[0, 0]) + EGO.centre_x_m * math.sin(yaw)
        lanes, along, _ = self.roads.lane_map.nearest(np.array([[x_m, y_m]]), np.array([yaw]))
        return Ego(int(lanes[0]), float(along[0]), float(view.speed_mps[0, 0]), EGO.length_m)

    def _place_traffic(self, setpoints: Setpoints) -> None:
        points, yaws = places(self.traffic, self.roads)
        for i, car in enumerate(self.traffic.cars, start=1):
            if car.lane < 0:
                continue
            setpoints.drive[0, i] = Drive.POSE
            setpoints.x_m[0, i], setpoints.y_m[0, i] = points[i - 1]
            setpoints.yaw_rad[0, i], setpoints.speed_mps[0, i] = yaws[i - 1], car.speed_mps
            setpoints.acceleration_mps2[0, i] = car.acceleration_mps2
