"""The OpenSCENARIO engine: a storyboard that moves its cast over a road network, one step at a time.

The stack may drive the ego: from the moment a controller is activated on it (from the start where the file activates
none) the world's state of the ego is read back, and later motion actions on it are reported as overridden.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bus import messages
from bus.messages import LightState
from geometry.pose import Pose
from maps.road_network import RoadNetwork, RoadPosition
from motion.rollout import EntityShape
from sim.scenarios.openscenario.action import BOTH, NEITHER, Action, GlobalAction, Running
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.stage import Weather, as_message, light_state
from sim.scenarios.openscenario.storyboard import NamedAction, Storyboard
from sim.scenarios.scenario import EngineEvent, Limits
from sim.world import Drive, Setpoints, WorldState

IDLE_END_S = 15.0
"""A file without stop trigger ends this long after its last event."""


@dataclass(slots=True)
class StoryboardEngine:
    """See `sim.scenarios.scenario.ScenarioEngine`. Beyond it: the roads, the map's file, where the ego starts."""

    name: str
    runtime: Cast
    storyboard: Storyboard
    init: tuple[tuple[NamedAction, str], ...]
    """Actions of the storyboard's init, with the entity of each (empty: a global one), in the file's order."""
    ego_id: int
    regulation: str
    map_file: Path
    ego_driver: str
    engages_later: bool
    speed_cap_mps: float = math.inf
    cast: tuple[EntityShape, ...] = ()
    limits: tuple[Limits, ...] = ()
    parameters: dict[str, str] = field(default_factory=dict)
    ego_start: RoadPosition | None = None
    ego_engaged: bool = False
    finished: bool = False
    _set_speed_mps: float = 0.0
    _ego_goal: Pose | None = None
    _events: list[EngineEvent] = field(default_factory=list)
    _weather: tuple[Weather, messages.Weather] | None = None
    _now_ns: int = 0
    _last_event_ns: int = 0

    def __post_init__(self) -> None:
        self.cast = tuple(mover.shape for mover in self.runtime.movers)
        self.limits = tuple(mover.limits for mover in self.runtime.movers)
        self.storyboard.begin = self._begin
        self.storyboard.announce = self._announce
        self.runtime.stage.start_signals()
        for named, entity in self.init:
            self._begin_init(named, entity)
        self._pull_trailers(0.0)
        ego = self.runtime.movers[self.ego_id]
        self.ego_start = ego.road
        if ego.curve is not None:
            self._ego_goal = ego.curve.at(ego.curve.length_m)
        elif ego.way is not None:
            self._ego_goal = self.network.world_pose(ego.way.goal(self.network))
        if self.ego_driver == "stack" and not self.engages_later:
            self._engage()

    def _begin_init(self, named: NamedAction, entity: str) -> None:
        action = named.action
        if isinstance(action, GlobalAction):
            action.perform(self.runtime, 0.0)
            return
        for mover in self.runtime.members(entity, named.place):
            self._begin_init_of(named, action, mover)

    def _begin_init_of(self, named: NamedAction, action: Action, mover: Mover) -> None:
        if mover.index == self.ego_id:
            if action.set_speed_mps is not None:
                self._set_speed_mps = action.set_speed_mps
            if action.activates:
                return  # counts from the first step on, see `engages_later`
        if action.channels != NEITHER:
            self.storyboard.displace(mover, action.channels, named)
        running = action.start(self.runtime, mover, 0.0)
        if not running.step(self.runtime, mover, 0.0, 0.0):
            self.storyboard.opening.append((named, mover, running))

    @property
    def network(self) -> RoadNetwork:
        """The roads."""
        return self.runtime.network

    @property
    def ego_goal(self) -> Pose | None:
        """Where the route or trajectory that the file gives the ego at the start ends; None where it gives none."""
        return self._ego_goal

    @property
    def weather(self) -> messages.Weather:
        """See the protocol; the same object as long as nothing changes."""
        stage = self.runtime.stage
        if self._weather is None or self._weather[0] is not stage.weather:
            self._weather = (stage.weather, as_message(stage.weather, stage.time_of_day_s))
        return self._weather[1]

    @property
    def lights(self) -> Mapping[str, LightState]:
        """See the protocol."""
        return {name: light_state(text) for name, text in self.runtime.stage.signals.items()}

    @property
    def set_speed_mps(self) -> float:
        """The last absolute speed that the file asks of the ego, within the cap of its regulation."""
        return min(self._set_speed_mps, self.speed_cap_mps)

    def advance(self, view: WorldState, t_ns: int, dt_ns: int) -> Setpoints:
        """See the protocol."""
        if dt_ns > 0:
            self._now_ns = t_ns
            t_s, dt_s = t_ns * 1e-9, dt_ns * 1e-9
            self._read_ego(view, dt_s)
            for mover in self.runtime.movers:
                mover.guided, mover.share_along, mover.acceleration_mps2 = False, 1.0, 0.0
            if not self.finished and self.storyboard.step(self.runtime, t_s, dt_s):
                self._end("stop trigger")
            for swarm in self.runtime.swarms.values():
                swarm.step(self.runtime, dt_s)
            self._move_unguided(dt_s)
            self._pull_trailers(dt_s)
            self.runtime.stage.advance(t_s + dt_s)
            for mover in self.runtime.movers:
                mover.tick(self.network, dt_s)
            self._end_when_idle()
        return self._setpoints(self.ego_engaged and dt_ns > 0)

    def take_events(self) -> tuple[EngineEvent, ...]:
        """See the protocol."""
        events, self._events = tuple(self._events), []
        return events

    def _read_ego(self, view: WorldState, dt_s: float) -> None:
        if not self.ego_engaged:
            return
        i, mover = self.ego_id, self.runtime.movers[self.ego_id]
        pose = Pose(float(view.x_m[0, i]), float(view.y_m[0, i]), float(view.yaw_rad[0, i]))
        mover.follow(self.network, pose, float(view.speed_mps[0, i]), dt_s)

    def _move_unguided(self, dt_s: float) -> None:
        towed = {tow.rear.index for tow in self.runtime.tows}
        for mover in self.runtime.movers:
            driven = self.ego_engaged and mover.index == self.ego_id
            if mover.present and not mover.guided and not driven and mover.index not in towed:
                mover.drive(self.network, mover.speed_mps * dt_s * mover.share_along)

    def _pull_trailers(self, dt_s: float) -> None:
        for tow in self.runtime.tows:
            tow.pull(self.network, dt_s)

    def _engage(self) -> None:
        """From now on the stack drives the ego: what the script was doing with it ends."""
        self.ego_engaged = True
        for named in self.storyboard.displace(self.runtime.movers[self.ego_id], BOTH):
            self._log("override", named.name, f"{named.action.kind} ends: the stack drives")

    def _begin(self, named: NamedAction, mover: Mover, t_s: float) -> Running | None:
        action = named.action
        assert isinstance(action, Action)
        if mover.index == self.ego_id and self.ego_driver == "stack":
            if action.activates and not self.ego_engaged:
                self._engage()
                self._log("ego", named.name, "stack takes over")
                return None
            if action.set_speed_mps is not None and not self.ego_engaged:
                self._set_speed_mps = action.set_speed_mps
            if self.ego_engaged and action.channels != NEITHER:
                self._log("override", named.name, f"{action.kind} on {mover.shape.name} left to the stack")
                return None
        if action.remark:
            self._log("remark", named.name, f"{action.kind} {action.remark}")
        if action.channels != NEITHER:
            self.storyboard.displace(mover, action.channels, named)
        return action.start(self.runtime, mover, t_s)

    def _announce(self, kind: str, name: str, transition: str) -> None:
        if kind == "event" and transition in ("startTransition", "endTransition"):
            self._last_event_ns = self._now_ns
        self._log(kind, name, transition)

    def _log(self, element: str, name: str, transition: str) -> None:
        self._events.append(EngineEvent(self._now_ns, element, name, transition))

    def _end(self, cause: str) -> None:
        self.finished = True
        self._log("end", self.name, cause)

    def _end_when_idle(self) -> None:
        if self.finished or self.storyboard.stop is not None:
            return
        busy = any(event.running for event in self.storyboard.events())
        if not busy and (self._now_ns - self._last_event_ns) * 1e-9 >= IDLE_END_S:
            self._end(f"{IDLE_END_S:g} s after the last event")

    def _setpoints(self, ego_driven: bool) -> Setpoints:
        movers = self.runtime.movers
        setpoints = Setpoints.empty(1, len(movers))
        for i, mover in enumerate(movers):
            if not mover.present:
                continue
            setpoints.drive[0, i] = Drive.POSE
            setpoints.x_m[0, i], setpoints.y_m[0, i] = mover.pose.x_m, mover.pose.y_m
            setpoints.yaw_rad[0, i], setpoints.speed_mps[0, i] = mover.pose.yaw_rad, mover.speed_mps
            setpoints.acceleration_mps2[0, i] = mover.acceleration_mps2
        if ego_driven:
            setpoints.drive[0, self.ego_id] = Drive.CONTROLS
        return setpoints
