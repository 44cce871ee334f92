"""The baseline `idm`: follow the lane, keep the distance, brake for what enters the own path.

Longitudinally the Intelligent Driver Model on every road user that is in the ego's corridor or about to enter it,
bounded to comfortable braking, plus kinematic braking where comfort does not suffice; lights, right of way and
crossings are kept. Laterally a quintic back to the
lane centre. It never leaves its lane. In: scene in `world`. Out: plan in `world`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats
from geometry.polyline import Polyline
from motion.car_following import IdmParameters
from planning.corridor import CorridorSettings, Obstacle, obstacles_in_corridor
from planning.planner import Plan, States
from planning.right_of_way import RuleMemory, RuleSettings, RuleStop, next_stop, those_who_yield
from planning.scene import Context, Scene
from planning.speed_profile import Braking, SpeedProfile, speed_ceiling, stop_profile, unroll

BEHIND_M = 60.0
"""How much of the route behind the ego the planner keeps in view."""


RULE = -1
"""Number of the obstacle that a rule of the road puts in the way; it is no track."""

STOP_SLACK_M = 1.6
"""So far behind a stop its obstacle stands: the following law keeps a little more from an obstacle."""

GENTLE_RADPM = 0.02
SETTLE_GAIN_M = 15.0
"""In curves tighter than that a lateral offset is taken back over a shorter way: there is little room for it."""


@dataclass(frozen=True, slots=True)
class IdmSettings:
    """Settings of the baseline, changed in the configuration under `planning`."""

    horizon_s: float = 6.0
    look_ahead_m: float = 250.0
    """At least; as much further as comfortable braking from the present speed needs."""
    lateral_acceleration_mps2: float = 2.0
    """Comfortable in curves; sets the speed there."""
    end_margin_m: float = 5.0
    """How far before the end of the route the front bumper stops."""
    settle_s: float = 3.0
    """Time in which a lateral offset is taken back."""
    stop_deceleration_mps2: float = 3.5
    """Of the fallback stop, below the 4 m/s^2 of UN R157 5.5.1."""
    following: IdmParameters = IdmParameters()
    braking: Braking = Braking()
    corridor: CorridorSettings = CorridorSettings()
    rules: RuleSettings = RuleSettings()


@dataclass(frozen=True, slots=True)
class IdmMemory:
    """What the next cycle needs: the ego's arc length on the route (NaN: unknown), the acceleration planned for now."""

    s_m: float
    acceleration_mps2: float
    braking_hard: bool
    rules: RuleMemory = RuleMemory()


@dataclass(frozen=True, slots=True)
class LateralPath:
    """Offset from the lane centre over distance: a quintic from the present offset to zero, then zero.

    `coefficients` of d(x), lowest first, valid for x in [0, length_m] (boundary values of position, slope and second
    derivative: Werling et al. 2010, "Optimal trajectory generation for dynamic street scenarios").
    """

    coefficients: tuple[float, float, float, float, float, float]
    length_m: float

    def offset(self, distance_m: Floats) -> tuple[Floats, Floats, Floats]:
        """d, dd/dx and d2d/dx2 at each distance."""
        c0, c1, c2, c3, c4, c5 = self.coefficients
        x = np.clip(distance_m, 0.0, self.length_m)
        inside = distance_m < self.length_m
        d = c0 + x * (c1 + x * (c2 + x * (c3 + x * (c4 + x * c5))))
        slope = c1 + x * (2 * c2 + x * (3 * c3 + x * (4 * c4 + x * 5 * c5)))
        bend = 2 * c2 + x * (6 * c3 + x * (12 * c4 + x * 20 * c5))
        return np.where(inside, d, 0.0), np.where(inside, slope, 0.0), np.where(inside, bend, 0.0)


def settle(d_m: float, slope: float, bend: float, length_m: float) -> LateralPath:
    """The quintic that brings offset, slope and bend to zero over `length_m`."""
    x = length_m
    c0, c1, c2 = d_m, slope, 0.5 * bend
    rest = np.array([-(c0 + c1 * x + c2 * x * x), -(c1 + 2 * c2 * x), -2 * c2])
    matrix = np.array([[x**3, x**4, x**5], [3 * x**2, 4 * x**3, 5 * x**4], [6 * x, 12 * x**2, 20 * x**3]])
    c3, c4, c5 = np.linalg.solve(matrix, rest)
    return LateralPath((c0, c1, c2, float(c3), float(c4), float(c5)), length_m)


@dataclass(frozen=True, slots=True)
class IdmPlanner:
    """See the module's first lines."""

    settings: IdmSettings = IdmSettings()

    def start(self, context: Context) -> IdmMemory:  # noqa: ARG002 - part of the interface
        """Nothing is known yet."""
        return IdmMemory(math.nan, 0.0, False)

    def plan(self, scene: Scene, memory: IdmMemory) -> tuple[Plan, IdmMemory]:
        """One cycle."""
        settings, context = self.settings, scene.context
        route, vehicle = context.mission.route, context.vehicle
        known = not math.isnan(memory.s_m)
        look_m = self._look_ahead_m(scene.ego.speed_mps)
        ahead_m = look_m + 50.0
        near, far = (memory.s_m - BEHIND_M, memory.s_m + ahead_m) if known else (0.0, route.path.length_m)
        path, start_m = route.path.window(near, far)
        ego = scene.ego
        s, d = (float(v[0]) for v in path.project(np.array([[ego.world_from_ego.x_m, ego.world_from_ego.y_m]])))
        lateral = self._lateral(scene, path, s, d)
        first = int(np.searchsorted(route.path.s_m, start_m))
        stop, rules = next_stop(scene, start_m + s + vehicle.front_m, memory.rules, settings.rules)
        ceiling = speed_ceiling(
            path, s, look_m, route.speed_limit_mps[first : first + len(path.points)],
            settings.lateral_acceleration_mps2, settings.following.deceleration_mps2,
            math.inf if context.mission.open_end else path.length_m - vehicle.front_m - settings.end_margin_m,
        )  # fmt: skip
        waiting = those_who_yield(scene, start_m + s + vehicle.front_m, settings.rules)
        obstacles = tuple(
            obstacle
            for obstacle in obstacles_in_corridor(scene.agents, path, s, d, ego.speed_mps, vehicle, settings.corridor)
            if obstacle.enter_s <= 0.0 or obstacle.track_id not in waiting
        ) + _at_stop(stop, start_m + s + vehicle.front_m)
        profile = unroll(
            ego.speed_mps, memory.acceleration_mps2, memory.braking_hard, context.mission.set_speed_mps, ceiling,
            obstacles, settings.following, settings.braking, settings.horizon_s,
        )  # fmt: skip
        plan = Plan(
            states=_states(path, s, lateral, profile),
            stop=_states(path, s, lateral, stop_profile(ego.speed_mps, settings.stop_deceleration_mps2)),
            label=_label(profile),
            reason=_reason(profile, obstacles, ceiling[0], context.mission.set_speed_mps, stop),
            lead_id=obstacles[profile.lead].track_id if profile.lead >= 0 else -1,
            emergency=bool(profile.acceleration_mps2[0] < -settings.braking.strong_mps2 - 1e-6),
        )
        hard = bool(profile.acceleration_mps2[0] < -settings.braking.comfort_mps2 - 1e-6)
        later = float(np.interp(context.dt_s, profile.t_s, profile.acceleration_mps2))
        return plan, IdmMemory(start_m + s, later, hard, rules)

    def _look_ahead_m(self, speed_mps: float) -> float:
        braking_m = speed_mps * speed_mps / (2.0 * self.settings.following.deceleration_mps2)
        return max(self.settings.look_ahead_m, braking_m + 2.0 * speed_mps)

    def _lateral(self, scene: Scene, path: Polyline, s_m: float, d_m: float) -> LateralPath:
        ego = scene.ego
        ahead = path.curvature(s_m + np.linspace(0.0, ego.speed_mps + 4.0, 5))
        tightness = max(float(np.abs(ahead).max()) - GENTLE_RADPM, 0.0)
        length_m = max(ego.speed_mps * self.settings.settle_s, 12.0) / (1.0 + SETTLE_GAIN_M * tightness)
        error = path.heading_error(s_m, ego.world_from_ego.yaw_rad)
        slope = math.tan(min(max(error, -0.7), 0.7))
        bend = math.tan(ego.steering_rad) / scene.context.vehicle.wheelbase_m - float(path.curvature(s_m))
        return settle(d_m, slope, min(max(bend, -0.3), 0.3), length_m)


def _at_stop(stop: RuleStop | None, front_m: float) -> tuple[Obstacle, ...]:
    """A stop by the rules as somebody who stands behind it, so that the bumper comes to rest just before it."""
    if stop is None:
        return ()
    return (Obstacle(RULE, stop.stop_m - front_m + STOP_SLACK_M, 0.0, 0.0, 0.0, math.inf),)


def _states(path: Polyline, s_m: float, lateral: LateralPath, profile: SpeedProfile) -> States:
    """Trajectory in `world` from a speed profile along a lateral path."""
    s = s_m + profile.distance_m
    d, slope, bend = lateral.offset(profile.distance_m)
    points = path.position(s, d)
    return States(
        t_s=profile.t_s,
        x_m=points[..., 0],
        y_m=points[..., 1],
        yaw_rad=path.heading(s) + np.arctan(slope),
        speed_mps=profile.speed_mps,
        acceleration_mps2=profile.acceleration_mps2,
        curvature_radpm=path.curvature(s) + bend,
    )


def _label(profile: SpeedProfile) -> str:
    if profile.speed_mps[0] < 0.1 and profile.acceleration_mps2[0] < 0.1:
        return "stand"
    if profile.acceleration_mps2[0] < -5.0:
        return "emergency brake"
    return "follow" if profile.lead >= 0 else "cruise"


def _reason(
    profile: SpeedProfile, obstacles: tuple[Obstacle, ...], ceiling_mps: float, set_speed_mps: float,
    stop: RuleStop | None,
) -> str:  # fmt: skip
    if profile.lead < 0:
        if ceiling_mps < set_speed_mps - 0.1:
            return f"curve, limit or end of the road allows {ceiling_mps:.1f} m/s"
        return f"set speed {set_speed_mps:.1f} m/s"
    lead = obstacles[profile.lead]
    if stop is not None and lead.track_id == RULE:
        return f"stop in {lead.gap_m - STOP_SLACK_M:.0f} m: {stop.reason}"
    entering = f", entering in {lead.enter_s:.1f} s" if lead.enter_s > 0.0 else ""
    return f"track {lead.track_id} {lead.gap_m:.1f} m ahead at {lead.speed_mps:.1f} m/s{entering}"
