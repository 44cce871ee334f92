"""How fast to drive where somebody may be who cannot be seen: past what stands beside the way, and into a junction
whose lanes are hidden behind it.

In: the scene, the ego's path, cells along it. Out: a ceiling of the speed per cell, infinite where nothing is hidden.
What is hidden is taken as possibly occupied: somebody on foot steps out behind a standing vehicle at any time, and a
car comes on each hidden piece of a lane that goes first. Nobody walks where more than 60 km/h are allowed, or no limit
is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bus.messages import EntityKind, LightState
from geometry.angles import Floats
from geometry.boxes import box_corners
from geometry.polyline import Polyline
from maps.lane_map import LaneMap
from maps.route_rules import RouteZone, route_rules
from planning.scene import Agents, Scene
from planning.speed_profile import CEILING_STEP_M

_TALL = (EntityKind.CAR, EntityKind.VAN, EntityKind.TRUCK, EntityKind.BUS, EntityKind.TRAILER)
_LANE_STEP_M = 3.0
"""How densely lanes are looked along."""
_ON_LANE_M = 1.5
"""Who stands so near to a lane's middle is on it: those behind him do not get past."""


@dataclass(frozen=True, slots=True)
class HiddenSettings:
    """Who may come, and what the ego can do about it."""

    walking_mps: float = 1.4
    """How fast somebody steps out: the speed at which walkers are reckoned with (Highway Capacity Manual: 1.2)."""
    late_s: float = 0.3
    braking_mps2: float = 9.0
    """So long after somebody shows the brakes work, and so hard."""
    least_gap_m: float = 0.8
    """What stands nearer or in the way is passed as if with so much room, at 18 km/h: nobody waits for it for ever, and
    who steps out there is not stopped for in every case."""
    street_mps: float = 60.0 / 3.6
    look_m: float = 60.0
    eye_m: float = 1.5
    """So far behind the front bumper the ego looks out."""
    creep_mps: float = 2.0
    """A junction is entered so fast while a lane that goes first is hidden."""
    crossing_s: float = 4.0
    """So long before it is at the ego's way somebody on that lane counts."""
    usual_mps: float = 50.0 / 3.6
    """How fast he comes where no limit is known."""


def passing_mps(gap_m: Floats, settings: HiddenSettings) -> Floats:
    """The speed at which what stands `gap_m` beside the ego's side is passed.

    Who steps out needs T = gap / walking speed to the ego's way. At v and a distance d the ego is past before where
    d < v T, and stands before where v late + v^2 / (2 b) <= d: one of both holds at every d up to v = 2 b (T - late).
    """
    spare_s = np.maximum(gap_m, settings.least_gap_m) / settings.walking_mps - settings.late_s
    return np.asarray(2.0 * settings.braking_mps2 * spare_s)


def hidden_ceiling_mps(
    scene: Scene, path: Polyline, start_m: float, s_m: Floats, limit_mps: Floats, settings: HiddenSettings
) -> Floats:
    """The ceiling at places of the rear axle.

    Args:
        scene: who is there.
        path: the part of the route that is in view; it begins at `start_m` of the route.
        start_m: see there.
        s_m: arc lengths of the path, rising, the first one the ego's; (M,).
        limit_mps: what the law allows there, infinite where it says nothing; (M,).
        settings: who may come.
    """
    ceiling = np.full(len(s_m), np.inf)
    agents = _standing(scene, settings)
    if not len(agents.ids):
        return ceiling
    front_m, spare_m = scene.context.vehicle.front_m, 0.5 * CEILING_STEP_M
    for first_m, last_m, speed_mps in _beside(scene, agents, path, settings):
        here = (s_m + front_m >= first_m - spare_m) & (s_m + front_m <= last_m + spare_m)
        here &= limit_mps <= settings.street_mps
        ceiling[here] = np.minimum(ceiling[here], speed_mps)
    for first_m, last_m in _entries(scene, agents, float(s_m[0]) + start_m, settings):
        here = (s_m + start_m + front_m >= first_m - spare_m) & (s_m + start_m + front_m <= last_m + spare_m)
        ceiling[here] = np.minimum(ceiling[here], settings.creep_mps)
    return ceiling


def _standing(scene: Scene, settings: HiddenSettings) -> Agents:
    """Vehicles nearby that stand, and which one does not see through."""
    agents, pose = scene.agents, scene.ego.world_from_ego
    near = np.hypot(agents.x_m - pose.x_m, agents.y_m - pose.y_m) < settings.look_m
    stands = np.hypot(agents.vx_mps, agents.vy_mps) < 0.3
    return agents.rows(np.flatnonzero(near & stands & np.isin(agents.kinds, _TALL)))


# --- beside the way ---------------------------------------------------------------------------------------------------


def _beside(
    scene: Scene, agents: Agents, path: Polyline, settings: HiddenSettings
) -> Iterator[tuple[float, float, float]]:
    """Where the front bumper is when it is too late to stop, and how fast the ego may be there."""
    half = 0.5 * scene.context.vehicle.width_m
    corners = box_corners(agents.x_m, agents.y_m, agents.yaw_rad, agents.length_m, agents.width_m)
    s, d = (column.reshape(-1, 4) for column in path.project(corners.reshape(-1, 2)))
    gap_m = np.maximum(d.min(axis=1), -d.max(axis=1)) - half
    speed_mps = passing_mps(gap_m, settings)
    past_m = speed_mps * np.maximum(gap_m, settings.least_gap_m) / settings.walking_mps
    for row in np.flatnonzero(speed_mps < settings.street_mps).tolist():
        last_m = float(s[row].max())
        yield last_m - float(past_m[row]), last_m, float(speed_mps[row])


# --- junctions --------------------------------------------------------------------------------------------------------


def _entries(scene: Scene, agents: Agents, rear_m: float, settings: HiddenSettings) -> Iterator[tuple[float, float]]:
    """Arc lengths of the route over which the front bumper creeps into a junction: from its stop to the hidden lane."""
    context = scene.context
    front_m = rear_m + context.vehicle.front_m
    for junction in route_rules(context.lane_map, context.mission.route).junctions:
        if not junction.begin_m - settings.look_m < front_m < junction.end_m:
            continue
        green = any(scene.lights.get(light) == LightState.GREEN for light in junction.light_ids)
        for zone in junction.zones:
            yields = zone.zone.yields_at_green if green else zone.zone.yields
            if yields and zone.begin_m > front_m and _is_hidden(scene, agents, zone, settings):
                yield junction.stop_m, zone.begin_m


def _is_hidden(scene: Scene, agents: Agents, zone: RouteZone, settings: HiddenSettings) -> bool:
    """Whether somebody whom the ego does not see may come to the zone soon."""
    pose, vehicle = scene.ego.world_from_ego, scene.context.vehicle
    eye = pose @ np.array([vehicle.front_m - settings.eye_m, 0.0])
    for lane, way_m in zone.zone.sources.items():
        points = _coming(scene.context.lane_map, lane, way_m, settings)
        if len(points) and bool((~sees(eye, points, agents)).any()):
            return True
    return False


def _coming(lane_map: LaneMap, lane: int, way_m: float, settings: HiddenSettings) -> Floats:
    """Places of a lane (K, 2) from which the zone, which lies `way_m` from its beginning, is reached soon."""
    limit = float(np.nanmin(lane_map.speed_limit_mps[lane_map.rows(lane)], initial=np.inf))
    reach_m = (limit if np.isfinite(limit) else settings.usual_mps) * settings.crossing_s
    s = np.arange(max(way_m - reach_m, 0.0), min(way_m, lane_map.length_m(lane)), _LANE_STEP_M)
    return lane_map.centre(lane).position(s)


def sees(eye: Floats, points: Floats, agents: Agents) -> NDArray[np.bool_]:
    """Whether nobody of the agents stands between the eye (2,) and each of the points (K, 2).

    Who stands on the points' own way, or around the eye, hides nothing.
    """
    seen = np.ones(len(points), dtype=bool)
    for row in range(len(agents.ids)):
        middle = np.array([agents.x_m[row], agents.y_m[row]])
        if np.hypot(*(points - middle).T).min() < _ON_LANE_M:
            continue
        cos, sin = np.cos(agents.yaw_rad[row]), np.sin(agents.yaw_rad[row])
        into = np.array([[cos, sin], [-sin, cos]])
        half = 0.5 * np.array([agents.length_m[row], agents.width_m[row]])
        begin, ray = into @ (eye - middle), (points - eye) @ into.T
        ray = np.where(np.abs(ray) < 1e-9, 1e-9, ray)
        enter, leave = np.sort(np.stack(((-half - begin) / ray, (half - begin) / ray)), axis=0)
        first, last = enter.max(axis=1), leave.min(axis=1)
        seen &= ~((first < last) & (first > 0.0) & (first < 1.0))
    return seen
