"""The planner `lanewise`: more than a thousand candidates, rolled out against all futures, the cheapest one driven.

One cycle: (1) predict several futures of everybody near the route, (2) lay ways along the route (keep the lane, shift
in it, change to a neighbour) and combine each with all speed policies, (3) roll all of them out and score them in one
compiled call, (4) drive the cheapest. The plan of the cycle before takes part as one more policy, and leaving it costs,
so that the plan changes only for a reason. In: scene in `world`. Out: plan in `world`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from geometry.angles import Floats
from geometry.polyline import Polyline
from inference.here import RunKernel
from planning.appointment import Kept, keep_appointment
from planning.calls import Calls, next_call
from planning.candidates import (
    HOLD_S,
    KEEP,
    PASS,
    CandidateSettings,
    Way,
    policies,
    policy_label,
)
from planning.hidden import HiddenSettings, hidden_ceiling_mps
from planning.laid_ways import Course, Manoeuvre
from planning.passing import Limits, PassingSettings, passing, waiting_m
from planning.planner import Considered, Plan, States
from planning.prediction import (
    D_HIGH,
    D_LOW,
    TIMES_S,
    WAITING,
    Futures,
    PredictionSettings,
    predict,
    with_stop,
    without,
)
from planning.refinement import Candidate, Refined, RefinementSettings, SmoothWay, refine
from planning.right_of_way import RuleMemory, RuleSettings, RuleStop, next_stop, those_who_yield
from planning.scene import Agents, Context, Scene
from planning.scoring import EgoOnPath, Road, Scored, ScoringSettings, score
from planning.scoring_kernel import ACCELERATION, DISTANCE, PROGRESS, SPEED, TERMS
from planning.space_time import SpaceTimeSettings
from planning.speed_profile import CEILING_STEP_M, reachable, speed_ceiling, stop_profile
from planning.standing import Since, StandingSettings, broken_down, standing_since, stranded
from planning.ways import Begun, Place, changing, evading, keeping, place_on

BEHIND_M, AHEAD_M = 80.0, 300.0
"""How much of the route the planner keeps in view."""
SHOWN = [0, 15, 30, 37, 45]
"""Instants at which the paths of all candidates are published."""
ARRIVAL_MARGIN_M = 2.0
"""So far inside the goal's area the ego wants to be."""
STOP_SLACK_M = 2.0
"""So far behind a stop stands the wall that means it: the ego keeps this much from any obstacle."""
ON_MARK_M = 0.1
"""Who rides on the mark is in the lane, as long as his middle is not this far beyond it."""
WAITS_MPS = 2.0
"""Who is slower than this waits behind what it cannot pass; who is faster still comes to it."""
BESIDE_M = 0.4
"""So far out of the lane's middle the ego that passes somebody stops where it is, not back in the middle."""
STRONG_MPS2 = 5.0
"""An appointment that takes harder braking than this is an emergency, as one on a sharp way is."""
TRACKED_MPS2 = 1.5
"""The planned acceleration goes on unless the measured one differs by more than this."""


@dataclass(frozen=True, slots=True)
class LanewiseSettings:
    """Settings, changed in the configuration under `planning`."""

    lane_changes: bool = True
    look_ahead_m: float = 250.0
    lateral_acceleration_mps2: float = 2.0
    """Comfortable in curves; sets the speed there."""
    curve_deceleration_mps2: float = 2.0
    end_margin_m: float = 5.0
    evading: float = 60.0
    """An ego that keeps its lane leaves it only where that costs so much less: where braking would not be enough."""
    waiting: float = 6.0
    """Who waits behind somebody who has broken down goes on losing after the horizon: so much dearer is what still
    waits at its end."""
    stop_deceleration_mps2: float = 3.5
    """Of the fallback stop (UN R157 5.5.1 allows 4)."""
    prediction: PredictionSettings = PredictionSettings()
    candidates: CandidateSettings = CandidateSettings()
    passing: PassingSettings = PassingSettings()
    scoring: ScoringSettings = ScoringSettings()
    refinement: RefinementSettings = RefinementSettings()
    rules: RuleSettings = RuleSettings()
    hidden: HiddenSettings = HiddenSettings()
    standing: StandingSettings = StandingSettings()
    space_time: SpaceTimeSettings = SpaceTimeSettings()


@dataclass(frozen=True, slots=True)
class LanewiseMemory:
    """The ego's arc length on the route (NaN: unknown) and the choice before.

    `lane` and `way_end_m` (arc length on the route): the way that was chosen; `policy`: its row, () for none;
    `acceleration_mps2`: what it planned for now. `rules`: how long it has waited where.
    """

    s_m: float
    lane: int
    way_offset_m: float
    way_end_m: float
    policy: tuple[float, ...]
    acceleration_mps2: float
    rules: RuleMemory = RuleMemory()
    manoeuvre: Manoeuvre | Course | None = None
    """How the appointment is being kept."""
    calls: Calls = Calls()
    """Which of the mission's stops have been served."""
    agents: Agents | None = None
    """The others as they were then."""
    since: Since = ()
    """Who of them stands, and since when."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """What one cycle has to weigh."""

    path: Polyline
    start_m: float
    ways: tuple[Way, ...]
    policies: Floats
    ego: EgoOnPath
    road: Road
    futures: Futures
    stop: RuleStop | None
    waiting: RuleStop | None
    """Where the ego stops as long as it keeps the lane, so that it can still steer out of it."""
    rules: RuleMemory
    calls: Calls
    since: Since

    def score(self, settings: ScoringSettings, run: RunKernel) -> Scored:
        """All ways with all policies."""
        ways = np.array([way.row() for way in self.ways])
        return score(ways, self.policies, self.ego, self.road, self.futures, settings, run)


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """All that one cycle weighed: for the recording, the report and tests."""

    layout: Layout
    scored: Scored
    best: int

    @property
    def way(self) -> Way:
        """The way of the best candidate."""
        return self.layout.ways[self.scored.index[self.best, 0]]

    @property
    def policy(self) -> Floats:
        """The policy of the best candidate."""
        return np.asarray(self.layout.policies[self.scored.index[self.best, 1]])

    @property
    def stop(self) -> RuleStop | None:
        """What the best candidate stops for."""
        waits = self.way.lane == KEEP and self.layout.waiting is not None
        return self.layout.waiting if waits else self.layout.stop

    def candidate(self) -> Candidate:
        """The best one, to be refined."""
        layout = self.layout
        futures = layout.futures if self.way.lane == KEEP else without(layout.futures, [WAITING])
        return Candidate(self.way, self.scored.motion[self.best], layout.ego, layout.road, futures)

    def considered(self) -> Considered:
        """All candidates with their cost terms; paths at `SHOWN` of the instants."""
        points, layout = np.empty((len(self.scored.terms), len(SHOWN), 2)), self.layout
        for w, way in enumerate(layout.ways):
            rows = self.scored.index[:, 0] == w
            distance = self.scored.motion[rows][:, SHOWN, DISTANCE]
            points[rows] = layout.path.position(layout.ego.s_m + distance, way.at(distance)[0])
        policies = [policy_label(policy) for policy in layout.policies]
        labels = tuple(f"{layout.ways[way].label}, {policies[policy]}" for way, policy in self.scored.index)
        return Considered(labels, TERMS, self.best, points, self.scored.terms)

    def label(self, candidate: int) -> str:
        """What a candidate does."""
        way, policy = self.scored.index[candidate]
        return f"{self.layout.ways[way].label}, {policy_label(self.layout.policies[policy])}"


@dataclass(frozen=True, slots=True)
class LanewisePlanner:
    """See the module's first lines."""

    settings: LanewiseSettings = LanewiseSettings()

    def start(self, context: Context) -> LanewiseMemory:  # noqa: ARG002 - part of the interface
        """Nothing is known yet."""
        return LanewiseMemory(math.nan, KEEP, 0.0, -math.inf, (), math.nan)

    def plan(self, scene: Scene, memory: LanewiseMemory) -> tuple[Plan, LanewiseMemory]:
        """One cycle."""
        kept = self._appointment(scene, memory)
        if kept is not None:
            return _kept_plan(kept), replace(self.start(scene.context), manoeuvre=kept.manoeuvre)
        if not scene.ego.engaged:
            memory = replace(
                self.start(scene.context), s_m=memory.s_m, rules=memory.rules, calls=memory.calls, since=memory.since
            )
        weighed = self.weigh(scene, memory)
        refined = refine(weighed.candidate(), self.settings.refinement)
        return self._answer(scene, weighed, refined), _remembered(scene, weighed, refined)

    def _appointment(self, scene: Scene, memory: LanewiseMemory) -> Kept | None:
        """The drive to the appointment, where the mission has one and tells what the others will do."""
        arrival = scene.context.mission.arrival
        if arrival is None or not scene.context.foretold or scene.now_s > arrival.to_s - 0.05:
            return None
        return keep_appointment(scene, memory.manoeuvre, self.settings.space_time)

    def plan_batch(
        self, scenes: Sequence[Scene], memories: Sequence[LanewiseMemory]
    ) -> list[tuple[Plan, LanewiseMemory]]:
        """Each scene planned as by `plan`."""
        return [self.plan(scene, memory) for scene, memory in zip(scenes, memories, strict=True)]

    def weigh(self, scene: Scene, memory: LanewiseMemory) -> Weighed:
        """Predict, lay out and score."""
        layout = self._layout(scene, memory)
        scored = layout.score(self.settings.scoring, scene.context.run)
        if layout.waiting is not None and scene.ego.speed_mps < WAITS_MPS:
            scored.terms[scored.motion[:, -1, SPEED] < WAITS_MPS, PROGRESS] += self.settings.waiting
        leaves = np.array([way.lane not in (KEEP, PASS, memory.lane) for way in layout.ways])[scored.index[:, 0]]
        dearer = self.settings.evading * leaves if scene.context.mission.keep_lane else 0.0
        return Weighed(layout, scored, int(np.argmin(scored.cost + dearer)))

    def scoring_call(self, scene: Scene, memory: LanewiseMemory) -> Callable[[], Scored]:
        """The rollout and scoring of one cycle alone, to be measured."""
        layout = self._layout(scene, memory)
        return lambda: layout.score(self.settings.scoring, scene.context.run)

    def _layout(self, scene: Scene, memory: LanewiseMemory) -> Layout:
        settings, context, ego = self.settings, scene.context, scene.ego
        route, vehicle, known = context.mission.route, context.vehicle, not math.isnan(memory.s_m)
        near, far = (memory.s_m - BEHIND_M, memory.s_m + AHEAD_M) if known else (0.0, route.path.length_m)
        path, start_m = route.path.window(near, far)
        s, d = (float(v[0]) for v in path.project(np.array([[ego.world_from_ego.x_m, ego.world_from_ego.y_m]])))
        first = int(np.searchsorted(route.path.s_m, start_m))
        rows = slice(first, first + len(path.points))
        front_m = start_m + s + vehicle.front_m
        stop, rules = next_stop(scene, front_m, memory.rules, settings.rules)
        halt, calls = next_call(scene, front_m, memory.calls)
        stop = min((item for item in (stop, halt) if item is not None), key=lambda item: item.stop_m, default=None)
        planned, measured = memory.acceleration_mps2, ego.acceleration_mps2
        now = measured if math.isnan(planned) else min(max(planned, measured - TRACKED_MPS2), measured + TRACKED_MPS2)
        stop_m = math.inf if stop is None else stop.stop_m - start_m
        futures = self._futures(scene, path, memory.agents, front_m, stop_m)
        pace = _pace_mps(scene, start_m + s + vehicle.centre_x_m)
        road = self._road(scene, path, s, rows, start_m)
        room = (float(np.interp(s, path.s_m, side[rows])) for side in (route.left_m, route.right_m))
        since = standing_since(scene, memory.since)
        passes = context.mission.may_pass and context.mission.arrival is None
        idle = stranded(scene, start_m, futures, settings.standing) if passes else ()
        begun = memory.lane == PASS
        limits = Limits(
            min(pace, float(road.ceiling_mps[0])), (next(room), next(room)), stop_m, begun,
            idle if begun else broken_down(scene, idle, since, settings.standing),
        )  # fmt: skip
        place = place_on(path, scene, s, d)
        ways = self._ways(
            scene, path, place, limits, futures, Begun(memory.lane, memory.way_end_m - start_m),
            context.mission.goal_m - start_m,
        )  # fmt: skip
        wait_m = (
            waiting_m(scene, place, replace(limits, broken=idle), futures, settings.passing) if passes else math.inf
        )
        waiting = RuleStop(start_m + wait_m, "waits until it can pass") if wait_m < stop_m else None
        if waiting is not None:
            futures = with_stop(futures, wait_m + STOP_SLACK_M, WAITING)
        mark_m = -math.inf if context.mission.may_pass else ON_MARK_M
        return Layout(
            path=path,
            start_m=start_m,
            ways=ways,
            policies=self._policies(memory, context.dt_s),
            ego=EgoOnPath(
                s, ego.speed_mps, now, vehicle.front_m, vehicle.rear_m, vehicle.width_m,
                pace, float(memory.lane), now, *_arrival(scene, start_m),
                limits.room_m[0] + mark_m, limits.room_m[1] + mark_m,
            ),
            road=road,
            futures=futures,
            stop=stop,
            waiting=waiting,
            rules=rules,
            calls=calls,
            since=since,
        )  # fmt: skip

    def _futures(self, scene: Scene, path: Polyline, before: Agents | None, front_m: float, stop_m: float) -> Futures:
        """What the others may do, without those who will let the ego through, and the stop that the rules ask for."""
        futures = predict(scene, path, self.settings.prediction, before)
        yields = those_who_yield(scene, front_m, self.settings.rules)
        if yields:
            half = 0.5 * scene.context.vehicle.width_m
            now = futures.boxes[:, 0]
            inside = set(futures.agent[(now[:, D_LOW] < half) & (now[:, D_HIGH] > -half)].tolist())
            rows = np.flatnonzero(np.isin(scene.agents.ids, list(yields))).tolist()
            futures = without(futures, [row for row in rows if row not in inside])
        return futures if math.isinf(stop_m) else with_stop(futures, stop_m + STOP_SLACK_M)

    def _road(self, scene: Scene, path: Polyline, s_m: float, rows: slice, start_m: float) -> Road:
        settings, mission = self.settings, scene.context.mission
        limit = mission.route.speed_limit_mps[rows]
        end_m = math.inf if mission.open_end else path.length_m - scene.context.vehicle.front_m - settings.end_margin_m
        ceiling = speed_ceiling(
            path, s_m, settings.look_ahead_m, limit, settings.lateral_acceleration_mps2,
            settings.curve_deceleration_mps2, end_m,
        )  # fmt: skip
        s: Floats = s_m + CEILING_STEP_M * np.arange(len(ceiling), dtype=np.float64)
        at = np.clip(np.searchsorted(path.s_m, s, side="right") - 1, 0, len(limit) - 1)
        legal = np.where(np.isnan(limit[at]), np.inf, limit[at])
        hidden = hidden_ceiling_mps(scene, path, start_m, s, legal, settings.hidden)
        if np.isfinite(hidden).any():
            ceiling = reachable(np.minimum(ceiling, hidden), settings.curve_deceleration_mps2)
            legal = np.minimum(legal, hidden)
        return Road(ceiling, legal, path.curvature(s))

    def _policies(self, memory: LanewiseMemory, dt_s: float) -> Floats:
        """The grid of policies, and the one before with what is left of its first part."""
        table = policies(self.settings.candidates)
        if not memory.policy:
            return table
        before = np.array(memory.policy)
        before[HOLD_S] = max(before[HOLD_S] - dt_s, 0.0)
        return np.concatenate((table, before[None]))

    def _ways(
        self, scene: Scene, path: Polyline, place: Place, limits: Limits, futures: Futures, begun: Begun, goal_m: float
    ) -> tuple[Way, ...]:
        settings, mission = self.settings, scene.context.mission
        found = list(keeping(place, limits.room_m, scene.context.vehicle, settings.candidates))
        if mission.arrival is not None:
            return tuple(found)
        given = scene.context.lane_map, path, place, limits.room_m, begun, settings.candidates
        if settings.lane_changes and not mission.keep_lane:
            found += changing(*given, goal_m)
        elif mission.may_evade:
            found += evading(*given)
        if mission.may_pass:
            found += passing(scene, path, place, limits, futures, settings.passing)
        return tuple(found)

    def _answer(self, scene: Scene, weighed: Weighed, refined: Refined) -> Plan:
        layout, way, motion = weighed.layout, weighed.way, refined.motion
        lead = int(weighed.scored.lead[weighed.best])
        # Lanes are left only on purpose: the fallback stop stays in the lane that the ego is in, unless it is beside
        # somebody there already.
        beside = way.lane == PASS and abs(float(way.at(np.zeros(1))[0][0])) > BESIDE_M
        keep = way if beside else next(w for w in layout.ways if w.lane == KEEP)
        stop = stop_profile(scene.ego.speed_mps, self.settings.stop_deceleration_mps2)
        hardest = float(motion[:11, ACCELERATION].min())
        agent = int(layout.futures.agent[lead]) if lead >= 0 else -1
        track = int(scene.agents.ids[agent]) if agent >= 0 else -1
        return Plan(
            states=_states(layout.path, layout.ego.s_m, refined.way, TIMES_S, motion),
            stop=_states(
                layout.path, layout.ego.s_m, keep, stop.t_s,
                np.stack((stop.distance_m, stop.speed_mps, stop.acceleration_mps2), axis=-1),
            ),
            label=weighed.label(weighed.best),
            reason=_reason(weighed, track, refined.left_out),
            lead_id=track,
            emergency=hardest < -self.settings.scoring.strong_mps2 - 1e-6,
            considered=weighed.considered,
        )  # fmt: skip


def _remembered(scene: Scene, weighed: Weighed, refined: Refined) -> LanewiseMemory:
    layout, way = weighed.layout, weighed.way
    later = float(np.interp(scene.context.dt_s, TIMES_S, refined.motion[:, ACCELERATION]))
    s_m = layout.start_m + layout.ego.s_m
    return LanewiseMemory(
        s_m, way.lane, way.offset_m, s_m + way.length_m, tuple(weighed.policy.tolist()), later, layout.rules,
        None, layout.calls, scene.agents, layout.since,
    )  # fmt: skip


def _kept_plan(kept: Kept) -> Plan:
    """The drive to the appointment as a plan."""
    states, soon = kept.states, slice(11)
    hardest = float(states.acceleration_mps2[soon].min())
    reason = f"keeps the appointment among foretold traffic: cheapest of {kept.tried} ways, cost {kept.cost:.1f}"
    emergency = hardest < -STRONG_MPS2 - 1e-6 or (isinstance(kept.manoeuvre, Manoeuvre) and kept.manoeuvre.sharp)
    return Plan(states, kept.stop, "appointment", reason, emergency=emergency)


def _arrival(scene: Scene, start_m: float) -> tuple[float, float, float, float]:
    """When and where on the path the rear axle has to be, as `EgoOnPath` holds it."""
    arrival, centre_m = scene.context.mission.arrival, scene.context.vehicle.centre_x_m
    if arrival is None:
        return math.inf, math.inf, 0.0, 0.0
    margin_m = min(ARRIVAL_MARGIN_M, 0.3 * (arrival.to_m - arrival.from_m))
    first_m, last_m = arrival.from_m + margin_m, arrival.to_m - margin_m
    return (
        arrival.from_s - scene.now_s, arrival.to_s - scene.now_s, first_m - start_m - centre_m,
        last_m - start_m - centre_m,
    )  # fmt: skip


def _pace_mps(scene: Scene, centre_m: float) -> float:
    """The set speed, or as much faster or slower as arriving in time needs."""
    mission = scene.context.mission
    arrival, wish = mission.arrival, mission.set_speed_mps
    if arrival is None or centre_m > arrival.to_m or scene.now_s >= arrival.to_s:
        return wish
    margin_m = min(ARRIVAL_MARGIN_M, 0.3 * (arrival.to_m - arrival.from_m))
    least = (arrival.from_m + margin_m - centre_m) / max(arrival.to_s - scene.now_s, 0.1)
    most = (arrival.to_m - margin_m - centre_m) / max(arrival.from_s - scene.now_s, 0.1)
    return max(min(max(wish, least), most), 0.3)


def _states(path: Polyline, s_m: float, way: Way | SmoothWay, t_s: Floats, motion: Floats) -> States:
    """Trajectory in `world` of a motion (K, 3) along a way."""
    s = s_m + motion[:, DISTANCE]
    d, slope, bend = way.at(motion[:, DISTANCE])
    points, curvature = path.position(s, d), path.curvature(s)
    if isinstance(way, SmoothWay):
        within = motion[:, DISTANCE] < way.x_m[-1]
        curvature = np.where(within, np.interp(motion[:, DISTANCE], way.x_m, way.road_radpm), curvature)
    return States(
        t_s, points[..., 0], points[..., 1], path.heading(s) + np.arctan(slope), motion[:, SPEED],
        motion[:, ACCELERATION], curvature / np.maximum(1.0 - d * curvature, 0.1) + bend,
    )  # fmt: skip


def _reason(weighed: Weighed, track: int, left_out: str) -> str:
    """Why the best candidate is the best: its largest terms; and what could not be refined."""
    terms, stop = weighed.scored.terms[weighed.best], weighed.stop
    most = np.argsort(-terms, kind="stable")[:3]
    costs = ", ".join(f"{TERMS[i]} {terms[i]:.1f}" for i in most if terms[i] > 0.05)
    behind = f" behind track {track}" if track >= 0 else ""
    if stop is not None:
        behind += f", stop ahead ({stop.reason})"
    told = f"cheapest of {len(weighed.scored.terms)}{behind}: {costs or 'free road'}"
    return f"{told}; {left_out}" if left_out else told
