"""The engine of a recorded drive: the stack drives the ego from where its log begins, the others as recorded.

It ends with the log. The log's own ego is the expert: its last place is the goal, its way the way to go.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from bus.messages import LightState, Weather
from geometry.pose import Pose
from motion.rollout import EntityShape
from sim.scenarios.recorded.log import Log
from sim.scenarios.recorded.traffic import DEPARTED_M, Box, RecordedTraffic
from sim.scenarios.scenario import EngineEvent, Limits
from sim.weather import CLEAR_DAY
from sim.world import Drive, Setpoints, WorldState

EGO_LIMITS = Limits(50.0, 4.0, 9.0, 0.6)
OTHER_LIMITS = Limits(100.0, 20.0, 20.0, 1.0)
SET_SPEED_MPS = 13.4
"""30 mph, the common limit in the towns of the recordings, where the expert was not faster."""


@dataclass
class LogEngine:
    """Implements `sim.scenarios.scenario.ScenarioEngine`; the ego is entity 0."""

    log: Log
    traffic: RecordedTraffic
    regulation: str = ""
    ego_id: int = 0
    ego_engaged: bool = True
    finished: bool = False
    weather: Weather = CLEAR_DAY
    lights: Mapping[str, LightState] = field(default_factory=dict)
    departed: bool = False
    _events: list[EngineEvent] = field(default_factory=list)

    @staticmethod
    def of(log: Log, reactive: bool) -> LogEngine:
        """The engine of a log, with replayed or reactive traffic."""
        return LogEngine(log, RecordedTraffic(log.others, reactive))

    @property
    def name(self) -> str:
        return self.log.name

    @property
    def cast(self) -> tuple[EntityShape, ...]:
        return (self.log.ego.shape, *(track.shape for track in self.log.others))

    @property
    def limits(self) -> tuple[Limits, ...]:
        return (EGO_LIMITS, *(OTHER_LIMITS for _ in self.log.others))

    @property
    def set_speed_mps(self) -> float:
        """As fast as the expert was at its fastest, but no less than a town's limit."""
        return max(float(self.log.ego.speed_mps.max()), SET_SPEED_MPS)

    @property
    def start(self) -> Pose:
        """The ego's rear axle at the start."""
        ego = self.log.ego
        return Pose(float(ego.x_m[0]), float(ego.y_m[0]), float(ego.yaw_rad[0]))

    def advance(self, view: WorldState, t_ns: int, dt_ns: int) -> Setpoints:
        """See `ScenarioEngine.advance`."""
        setpoints = Setpoints.empty(1, 1 + len(self.log.others))
        t_s, dt_s = (t_ns + dt_ns) * 1e-9, dt_ns * 1e-9
        ego: Box | None = None
        if dt_ns == 0:
            pose = self.start
            setpoints.drive[0, 0] = Drive.POSE
            setpoints.x_m[0, 0], setpoints.y_m[0, 0], setpoints.yaw_rad[0, 0] = pose.x_m, pose.y_m, pose.yaw_rad
            setpoints.speed_mps[0, 0] = self.log.ego.speed_mps[0]
        else:
            setpoints.drive[0, 0] = Drive.CONTROLS
            ego = self._ego_box(view)
            self._watch(view, t_ns)
        self.traffic.step(setpoints, t_s, dt_s, ego, self.departed)
        return setpoints

    def take_events(self) -> tuple[EngineEvent, ...]:
        """See `ScenarioEngine.take_events`."""
        events, self._events = tuple(self._events), []
        return events

    def _ego_box(self, view: WorldState) -> Box:
        shape, yaw = self.log.ego.shape, float(view.yaw_rad[0, 0])
        x = float(view.x_m[0, 0]) + shape.centre_x_m * math.cos(yaw)
        y = float(view.y_m[0, 0]) + shape.centre_x_m * math.sin(yaw)
        return Box(x, y, yaw, shape.length_m, shape.width_m, float(view.speed_mps[0, 0]))

    def _watch(self, view: WorldState, t_ns: int) -> None:
        """Whether the ego has left its log, and whether the log is over."""
        x, y, _, _ = self.log.ego.at(t_ns * 1e-9)
        away_m = math.dist((x, y), (float(view.x_m[0, 0]), float(view.y_m[0, 0])))
        if away_m > DEPARTED_M and not self.departed:
            self.departed = True
            self._events.append(EngineEvent(t_ns, "ego", "departs from its log", "startTransition"))
        if t_ns * 1e-9 >= self.log.duration_s and not self.finished:
            self.finished = True
            self._events.append(EngineEvent(t_ns, "end", "the log ends", "endTransition"))
