"""The baseline `pdm-closed`: fifteen IDM proposals, simulated and scored, the best one driven. Frozen, not to be tuned.

Dauner et al. 2023, "Parting with misconceptions about learning-based vehicle motion planning" (tuplan_garage). What the
planner's interface makes different: the speed never exceeds the mission's set speed; the leader is known from the first
step on (the reference brakes in that step because it has none yet); gaps are measured along the path; a red light is an
obstacle at its stop line (there: the lanes behind it). What follows from the published numbers: nobody is braked for
with more than 3 m/s^2, and others are taken to go on as they do, so that a leader that brakes harder than that is run
into. In: scene in `world`. Out: plan in `world`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bus.messages import LightState
from geometry.angles import Floats, wrap_rad
from geometry.boxes import boxes_overlap
from geometry.polyline import Polyline
from maps.route_rules import route_rules
from motion.lqr_tracker import track_proposals
from planning.metrics.navsim.lane_area import LaneArea, lane_area
from planning.metrics.navsim.scores import NEVER, SubScores, compared_progress, sub_scores
from planning.pdm_proposals import DT_S, IdmPolicy, Start, constant_velocity, nearest_agents, unroll
from planning.planner import Plan, States
from planning.scene import Context, Scene
from planning.speed_profile import stop_profile

LEAST_PROGRESS_M = 0.1
RED = (LightState.RED, LightState.RED_YELLOW)
BEHIND_M, SPARE_M = 30.0, 60.0


@dataclass(frozen=True, slots=True)
class PdmClosedSettings:
    """The published numbers."""

    offsets_m: tuple[float, ...] = (0.0, 1.0, -1.0)
    policy: IdmPolicy = IdmPolicy()
    proposal_steps: int = 40
    plan_steps: int = 80
    emergency_within_s: float = 2.0
    emergency_below_mps: float = 5.0
    emergency_mps2: float = 4.05
    stop_deceleration_mps2: float = 3.5
    """Of the fallback stop that the safety gate holds; not part of the published planner."""


@dataclass(frozen=True, slots=True)
class PdmClosedMemory:
    """What the next cycle needs."""

    s_m: float
    """The ego's arc length on the route (NaN: unknown), around which it is looked for."""
    touched: tuple[int, ...] = ()
    """Ids of those whom the ego has touched; as in the reference they are not looked at any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """P proposals: `along` (P, K, 3) progress, speed, acceleration; `paths` (P, K, 5) x, y, yaw, speed, curvature.

    `simulated` (P, T, 8) is what tracker and vehicle make of them; `leads` (P,) whom each follows, -1 for nobody.
    """

    along: Floats
    paths: Floats
    simulated: Floats
    leads: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PdmClosedPlanner:
    """See the module's first lines."""

    settings: PdmClosedSettings = PdmClosedSettings()

    def start(self, context: Context) -> PdmClosedMemory:  # noqa: ARG002 - part of the interface
        """Nothing is known yet."""
        return PdmClosedMemory(math.nan)

    def plan(self, scene: Scene, memory: PdmClosedMemory) -> tuple[Plan, PdmClosedMemory]:
        """One cycle."""
        path, start_m = self._path_around(scene, memory)
        ego = scene.ego
        s_m = float(path.project(np.array([[ego.world_from_ego.x_m, ego.world_from_ego.y_m]]))[0][0])
        touched = _touched(scene, memory.touched)
        rows = nearest_agents(scene.agents, ego.world_from_ego.x_m, ego.world_from_ego.y_m)
        rows = rows[~np.isin(scene.agents.ids[rows], touched)]
        proposals = self._proposals(scene, path, s_m, start_m, rows)
        steps = self.settings.proposal_steps + 1
        forecast = constant_velocity(scene.agents, rows, steps + 9)
        area = self._area(scene)
        scores = sub_scores(proposals.simulated, scene.context.vehicle, forecast, area, path, DT_S)
        total = total_scores(scores)
        best = int(np.argmax(total))
        return self._answer(scene, path, s_m, proposals, scores, best), PdmClosedMemory(start_m + s_m, touched)

    def _path_around(self, scene: Scene, memory: PdmClosedMemory) -> tuple[Polyline, float]:
        """The part of the route that matters now, and the arc length at which it begins."""
        route = scene.context.mission.route
        if math.isnan(memory.s_m):
            return route.path, 0.0
        reach_m = SPARE_M + DT_S * self.settings.plan_steps * max(scene.ego.speed_mps, self._target_mps(scene, memory))
        return route.path.window(memory.s_m - BEHIND_M, memory.s_m + reach_m)

    def _target_mps(self, scene: Scene, memory: PdmClosedMemory) -> float:
        """The speed limit at the ego, capped by the mission's set speed."""
        mission = scene.context.mission
        place_m = 0.0 if math.isnan(memory.s_m) else memory.s_m
        row = int(np.clip(np.searchsorted(mission.route.path.s_m, place_m, side="right") - 1, 0, None))
        limit = float(mission.route.speed_limit_mps[row])
        return min(self.settings.policy.fallback_mps if math.isnan(limit) else limit, mission.set_speed_mps)

    def _proposals(
        self, scene: Scene, path: Polyline, s_m: float, start_m: float, rows: np.ndarray[tuple[int], np.dtype[np.int64]]
    ) -> Proposals:
        settings, vehicle, ego = self.settings, scene.context.vehicle, scene.ego
        end_m = min(scene.context.mission.route.path.length_m, _red_m(scene, start_m + s_m)) - start_m
        start = Start(s_m, ego.speed_mps, vehicle.front_m, 0.5 * vehicle.width_m, end_m)
        forecast = constant_velocity(scene.agents, rows, settings.plan_steps + 1)
        offsets = np.asarray(settings.offsets_m)
        target = self._target_mps(scene, PdmClosedMemory(start_m + s_m))
        along, leads = unroll(path, start, offsets, target, settings.policy, forecast)
        aside = np.repeat(offsets, len(settings.policy.fractions))[:, None]
        points = path.position(along[..., 0], aside)
        curvature = path.curvature(along[..., 0])
        paths = np.stack((
            points[..., 0], points[..., 1], path.heading(along[..., 0]), along[..., 1],
            curvature / np.maximum(1.0 - aside * curvature, 0.1),
        ), axis=-1)  # fmt: skip
        pose, steering = ego.world_from_ego, ego.steering_rad
        now = np.array([
            pose.x_m, pose.y_m, pose.yaw_rad, ego.speed_mps, ego.acceleration_mps2, steering, 0.0,
            ego.speed_mps * math.tan(steering) / vehicle.wheelbase_m,
        ])  # fmt: skip
        simulated = track_proposals(now, paths[:, : settings.proposal_steps + 1], vehicle.wheelbase_m, DT_S)
        ids = tuple(int(scene.agents.ids[rows[lead]]) if lead >= 0 else -1 for lead in leads)
        return Proposals(along, paths, simulated, ids)

    def _area(self, scene: Scene) -> LaneArea:
        """The lanes that proposals can reach."""
        pose, context = scene.ego.world_from_ego, scene.context
        horizon_s = DT_S * self.settings.proposal_steps
        radius_m = SPARE_M + horizon_s * scene.ego.speed_mps
        return lane_area(context.lane_map, pose.x_m, pose.y_m, radius_m, context.mission.route.lanes)

    def _answer(
        self, scene: Scene, path: Polyline, s_m: float, proposals: Proposals, scores: SubScores, best: int
    ) -> Plan:
        """The best proposal, or an emergency stop where even that one soon collides at low speed."""
        settings, ego = self.settings, scene.ego
        offset_m = settings.offsets_m[best // len(settings.policy.fractions)]
        stop = _stop_states(path, s_m, offset_m, ego.speed_mps, settings.stop_deceleration_mps2)
        hit_s = DT_S * int(scores.collision_step[best])
        lead = proposals.leads[best]
        collides = scores.collision_step[best] != NEVER and hit_s <= settings.emergency_within_s
        if collides and ego.speed_mps <= settings.emergency_below_mps:
            braking = _stop_states(path, s_m, offset_m, ego.speed_mps, settings.emergency_mps2)
            reason = f"every proposal collides, the best one in {hit_s:.1f} s"
            return Plan(braking, stop, "emergency stop", reason, lead, emergency=True)
        fraction = settings.policy.fractions[best % len(settings.policy.fractions)]
        behind = f" behind track {lead}" if lead >= 0 else ""
        reason = f"{fraction:.0%} of the speed limit, {offset_m:+.0f} m from the lane centre{behind}"
        return Plan(_states(proposals, best), stop, f"proposal {best + 1}", reason, lead)


def _red_m(scene: Scene, s_m: float) -> float:
    """Arc length on the route of the next red light's stop line that the ego is not wholly beyond, infinite without."""
    context = scene.context
    rear_m = s_m - context.vehicle.rear_m
    red = [
        light.stop_m
        for light in route_rules(context.lane_map, context.mission.route).lights
        if light.stop_m > rear_m and scene.lights.get(light.signal_id) in RED
    ]
    return min(red, default=math.inf)


def _touched(scene: Scene, before: tuple[int, ...]) -> tuple[int, ...]:
    """Ids of those whom the ego touches now or has touched."""
    agents, pose, vehicle = scene.agents, scene.ego.world_from_ego, scene.context.vehicle
    x = pose.x_m + vehicle.centre_x_m * math.cos(pose.yaw_rad)
    y = pose.y_m + vehicle.centre_x_m * math.sin(pose.yaw_rad)
    near = np.flatnonzero(np.hypot(agents.x_m - x, agents.y_m - y) < vehicle.length_m + agents.length_m)
    ego = (x, y, pose.yaw_rad, vehicle.length_m, vehicle.width_m)
    now = (
        int(agents.ids[n])
        for n in near
        if boxes_overlap(*ego, agents.x_m[n], agents.y_m[n], agents.yaw_rad[n], agents.length_m[n], agents.width_m[n])
    )
    return tuple(sorted({*before, *now}))


def total_scores(scores: SubScores) -> Floats:
    """NC * DAC * DDC * (5 EP + 5 TTC + 2 C) / 12 of each proposal, progress against the best one, (P,)."""
    progress = compared_progress(scores, LEAST_PROGRESS_M)
    return scores.multiplied * (5.0 * progress + 5.0 * scores.time_to_collision + 2.0 * scores.comfort) / 12.0


def _states(proposals: Proposals, index: int) -> States:
    path, along = proposals.paths[index], proposals.along[index]
    t_s: Floats = DT_S * np.arange(len(path), dtype=np.float64)
    return States(t_s, path[:, 0], path[:, 1], wrap_rad(path[:, 2]), along[:, 1], along[:, 2], path[:, 4])


def _stop_states(path: Polyline, s_m: float, offset_m: float, speed_mps: float, deceleration_mps2: float) -> States:
    """Braking to standstill along the path, beside it by the offset."""
    profile = stop_profile(speed_mps, deceleration_mps2)
    s = s_m + profile.distance_m
    points = path.position(s, offset_m)
    return States(
        profile.t_s, points[..., 0], points[..., 1], wrap_rad(path.heading(s)), profile.speed_mps,
        profile.acceleration_mps2, path.curvature(s),
    )  # fmt: skip
