"""An errand: the ego alone on a map, from a place to a place. The engine of `lanewise run MAP.xodr --start --goal`.

It ends when the ego stands or passes within reach of the goal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from bus.messages import EntityKind
from geometry.pose import Pose
from motion.rollout import EntityShape
from sim.scenarios.scenario import EngineEvent, Limits
from sim.world import Drive, Setpoints, WorldState

EGO = EntityShape("Ego", EntityKind.CAR, 4.65, 1.83, 1.45, 1.4, 2.72)
EGO_LIMITS = Limits(50.0, 4.0, 9.0, 0.6)
REACH_M = 6.0
"""The goal is reached when the middle of the rear axle comes this near."""


@dataclass
class ErrandEngine:
    """Implements `sim.scenarios.scenario.ScenarioEngine` for an ego without traffic."""

    name: str
    start: Pose
    goal_xy: tuple[float, float]
    set_speed_mps: float
    regulation: str = "errand"
    ego_id: int = 0
    ego_engaged: bool = True
    finished: bool = False
    cast: tuple[EntityShape, ...] = (EGO,)
    limits: tuple[Limits, ...] = (EGO_LIMITS,)
    _events: list[EngineEvent] = field(default_factory=list)

    def advance(self, view: WorldState, t_ns: int, dt_ns: int) -> Setpoints:
        """See `ScenarioEngine.advance`."""
        setpoints = Setpoints.empty(1, 1)
        if dt_ns == 0:
            setpoints.drive[0, 0] = Drive.POSE
            pose = self.start
            setpoints.x_m[0, 0], setpoints.y_m[0, 0], setpoints.yaw_rad[0, 0] = pose.x_m, pose.y_m, pose.yaw_rad
            return setpoints
        setpoints.drive[0, 0] = Drive.CONTROLS
        away_m = math.dist((float(view.x_m[0, 0]), float(view.y_m[0, 0])), self.goal_xy)
        if away_m <= REACH_M and not self.finished:
            self.finished = True
            self._events.append(EngineEvent(t_ns, "end", "goal reached", "endTransition"))
        return setpoints

    def take_events(self) -> tuple[EngineEvent, ...]:
        """See `ScenarioEngine.take_events`."""
        events, self._events = tuple(self._events), []
        return events
