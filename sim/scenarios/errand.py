"""An errand: the ego on a map, from a place to a place, alone or among reactive traffic.

The engine of `lanewise run MAP.xodr --start X,Y --goal X,Y`. It ends when the ego comes to the goal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bus.messages import EntityKind, LightState, Weather
from geometry.angles import Floats, wrap_rad
from geometry.pose import Pose
from maps.route import Route
from maps.route_rules import route_rules
from motion.rollout import EntityShape
from sim.lights import LightProgramme, states_at
from sim.scenarios.recorded.traffic import RecordedTraffic
from sim.scenarios.scenario import EngineEvent, Limits
from sim.scenarios.traffic_cast import cast_of, states_of
from sim.traffic.pavement import Pavement
from sim.traffic.roads import Roads
from sim.traffic.step import step
from sim.traffic.vehicles import DriverSettings, Ego, Traffic
from sim.weather import CLEAR_DAY
from sim.world import Drive, Setpoints, WorldState

EGO = EntityShape("Ego", EntityKind.CAR, 4.65, 1.83, 1.45, 1.4, 2.72)
EGO_LIMITS = Limits(50.0, 4.0, 9.0, 0.6)
REACH_M = 6.0
"""The goal is reached when the middle of the rear axle comes this near, in the goal's lane and direction: who passes
it on the other side of the road has not arrived."""
REACH_ACROSS_M = 1.75
REACH_YAW_RAD = math.pi / 4

LOOK_S = 0.1
"""How often the others look around."""

COMMITTED_MPS2 = 2.5
"""An ego that would have to brake harder to stop before a junction is taken to enter it."""


@dataclass
class ErrandEngine:
    """Implements `sim.scenarios.scenario.ScenarioEngine` for an ego among reactive or replayed traffic, or alone."""

    name: str
    start: Pose
    goal: Pose
    """A place on a lane, in its driving direction."""
    route: Route
    """The way that the ego is expected to take: others see from it which junction lanes it is about to enter."""
    set_speed_mps: float
    roads: Roads
    traffic: Traffic
    pavement: Pavement
    programme: LightProgramme
    replayed: RecordedTraffic | None = None
    """Where others shall not react to the ego: what they do instead of the traffic."""
    start_mps: float = 0.0
    settings: DriverSettings = DriverSettings()
    weather: Weather = CLEAR_DAY
    lights: Mapping[str, LightState] = field(default_factory=dict)
    regulation: str = "errand"
    ego_id: int = 0
    ego_engaged: bool = True
    finished: bool = False
    _ego_s_m: float = 0.0
    _rows: tuple[Floats, Floats] | None = None
    """States of the others at the last two moments at which they looked around."""
    _events: list[EngineEvent] = field(default_factory=list)

    @property
    def cast(self) -> tuple[EntityShape, ...]:
        if self.replayed is not None:
            return (EGO, *(track.shape for track in self.replayed.tracks))
        return (EGO, *cast_of(self.traffic))

    @property
    def limits(self) -> tuple[Limits, ...]:
        return (EGO_LIMITS,) * len(self.cast)

    def advance(self, view: WorldState, t_ns: int, dt_ns: int) -> Setpoints:
        """See `ScenarioEngine.advance`."""
        setpoints = Setpoints.empty(1, len(self.cast))
        self.lights = states_at(self.programme, (t_ns + dt_ns) * 1e-9)
        if dt_ns == 0:
            setpoints.drive[0, 0] = Drive.POSE
            pose = self.start
            setpoints.x_m[0, 0], setpoints.y_m[0, 0], setpoints.yaw_rad[0, 0] = pose.x_m, pose.y_m, pose.yaw_rad
            setpoints.speed_mps[0, 0] = self.start_mps
        else:
            setpoints.drive[0, 0] = Drive.CONTROLS
            self._watch_goal(view, t_ns)
        if self.replayed is not None:
            self.replayed.step(setpoints, (t_ns + dt_ns) * 1e-9, dt_ns * 1e-9, None, departed=False)
            return setpoints
        if self.traffic.cars or self.traffic.walkers:
            self._place_traffic(setpoints, view, (t_ns + dt_ns) * 1e-9)
        return setpoints

    def take_events(self) -> tuple[EngineEvent, ...]:
        """See `ScenarioEngine.take_events`."""
        events, self._events = tuple(self._events), []
        return events

    def _watch_goal(self, view: WorldState, t_ns: int) -> None:
        x_m, y_m = float(view.x_m[0, 0]) - self.goal.x_m, float(view.y_m[0, 0]) - self.goal.y_m
        across_m = math.cos(self.goal.yaw_rad) * y_m - math.sin(self.goal.yaw_rad) * x_m
        turn_rad = wrap_rad(float(view.yaw_rad[0, 0]) - self.goal.yaw_rad)
        there = math.hypot(x_m, y_m) <= REACH_M and abs(across_m) <= REACH_ACROSS_M and abs(turn_rad) <= REACH_YAW_RAD
        if there and not self.finished:
            self.finished = True
            self._events.append(EngineEvent(t_ns, "end", "goal reached", "endTransition"))

    def _ego(self, view: WorldState) -> Ego:
        """The ego on the lane that it is nearest to."""
        yaw = float(view.yaw_rad[0, 0])
        x_m = float(view.x_m[0, 0]) + EGO.centre_x_m * math.cos(yaw)
        y_m = float(view.y_m[0, 0]) + EGO.centre_x_m * math.sin(yaw)
        lanes, along, _ = self.roads.lane_map.nearest(np.array([[x_m, y_m]]), np.array([yaw]))
        speed = float(view.speed_mps[0, 0])
        window, begin_m = self.route.path.window(self._ego_s_m - 20.0, self._ego_s_m + 50.0)
        self._ego_s_m = begin_m + float(window.project(np.array([[x_m, y_m]]))[0][0])
        return Ego(int(lanes[0]), float(along[0]), speed, EGO.length_m, self._committed(speed))

    def _committed(self, speed_mps: float) -> tuple[int, ...]:
        """Lanes of the junction that the ego is in, or can no longer stop before in comfort."""
        front_m = self._ego_s_m + 0.5 * EGO.length_m
        for junction in route_rules(self.roads.lane_map, self.route).junctions:
            if junction.begin_m <= front_m < junction.end_m + EGO.length_m:
                return junction.lanes
            if front_m < junction.begin_m < front_m + 60.0:
                stops_m = speed_mps * speed_mps / (2.0 * COMMITTED_MPS2)
                return junction.lanes if speed_mps > 1.0 and stops_m > junction.stop_m - front_m else ()
        return ()

    def _place_traffic(self, setpoints: Setpoints, view: WorldState, t_s: float) -> None:
        """Where the others are at `t_s`: they look around every `LOOK_S` and go on evenly in between."""
        before, after = self._rows or (states_of(self.traffic, self.roads, self.pavement),) * 2
        while t_s > self.traffic.t_s + 1e-9:
            ego = self._ego(view)
            self.traffic = step(self.traffic, self.roads, self.settings, ego, LOOK_S, self.lights, self.pavement)
            before, after = after, states_of(self.traffic, self.roads, self.pavement)
        self._rows = before, after
        share = 1.0 - (self.traffic.t_s - t_s) / LOOK_S
        for column, state in enumerate(_between(before, after, share), start=1):
            if np.isfinite(state[0]):
                setpoints.drive[0, column] = Drive.POSE
                setpoints.x_m[0, column], setpoints.y_m[0, column], setpoints.yaw_rad[0, column] = state[:3]
                setpoints.speed_mps[0, column], setpoints.acceleration_mps2[0, column] = state[3:]


def _between(before: Floats, after: Floats, share: float) -> Floats:
    """Rows (N, 5) of x, y, yaw, speed, acceleration between two moments; who is absent at one of them is absent."""
    change = after - before
    change[:, 2] = wrap_rad(change[:, 2])
    rows: Floats = before + share * change
    rows[:, 2] = wrap_rad(rows[:, 2])
    return rows
