"""Who is in the ego's way: other road users in the Frenet frame of the route, now and in the next seconds.

In: agents in `world`, the route's centre line. Out: obstacles with gap, speed along the route, and the time in which
they are in the ego's corridor (the strip of ego width plus a margin around the path that the ego drives).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats
from geometry.boxes import box_corners
from geometry.polyline import Polyline
from motion.bicycle import Vehicle
from planning.scene import Agents


@dataclass(frozen=True, slots=True)
class CorridorSettings:
    """How wide the corridor is and how far ahead in time others are expected to enter it."""

    side_margin_m: float = 0.3
    moving_margin_m: float = 0.15
    """Margin towards those who drive along: in a curve the corners of a long vehicle that keeps its lane come
    nearer."""
    entry_horizon_s: float = 2.5
    """A vehicle that will enter within this time counts as the lead already."""
    crossing_horizon_s: float = 6.0
    """Who crosses the road is looked at this far ahead."""
    crossing_margin_s: float = 1.0
    """Slack between the ego's arrival and the crossing one's being in the corridor."""
    lateral_speed_mps: float = 0.2
    """Slower sideways motion is wandering within the own lane, not an intention."""
    along_speed_mps: float = 2.0
    """Who moves along the road slower than this and sideways is crossing it."""
    doubt_sigmas: float = 2.0
    """So many 1-sigma of its place sideways are added to the margin of one that does not drive along: who stands at
    the corridor's edge is in the way until perception is sure that it is not."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A road user that matters for the speed. Gaps are bumper to bumper along the route."""

    track_id: int
    gap_m: float
    speed_mps: float
    """Along the route; negative when it comes towards the ego."""
    acceleration_mps2: float
    enter_s: float
    """When it enters the corridor; 0 when it is inside."""
    leave_s: float
    """When it has left the corridor; infinite when it stays."""


def obstacles_in_corridor(
    agents: Agents, path: Polyline, ego_s_m: float, ego_d_m: float, ego_speed_mps: float, vehicle: Vehicle,
    settings: CorridorSettings,
) -> tuple[Obstacle, ...]:  # fmt: skip
    """All obstacles ahead, in the order of the agents. `ego_s_m`, `ego_d_m`: the rear axle on `path`."""
    if len(agents.ids) == 0:
        return ()
    corners = box_corners(agents.x_m, agents.y_m, agents.yaw_rad, agents.length_m, agents.width_m)
    s, d = path.project(corners.reshape(-1, 2))
    s, d = s.reshape(-1, 4), d.reshape(-1, 4)
    s_centre, _ = path.project(np.stack((agents.x_m, agents.y_m), axis=-1))
    yaw = path.heading(s_centre)
    along = agents.vx_mps * np.cos(yaw) + agents.vy_mps * np.sin(yaw)
    across = agents.vy_mps * np.cos(yaw) - agents.vx_mps * np.sin(yaw)
    drives_along = np.abs(along) >= settings.along_speed_mps
    left = np.stack((-np.sin(yaw), np.cos(yaw)), axis=-1)
    doubt_m = settings.doubt_sigmas * np.sqrt(np.einsum("ni,nij,nj->n", left, agents.covariance[:, :2, :2], left))
    margin = np.where(drives_along, settings.moving_margin_m, settings.side_margin_m + doubt_m)
    half = 0.5 * vehicle.width_m + margin
    low, high = min(ego_d_m, 0.0) - half, max(ego_d_m, 0.0) + half
    enter, leave = _occupancy(d.min(axis=1), d.max(axis=1), across, low, high)
    gap = s.min(axis=1) - (ego_s_m + vehicle.front_m)
    ahead = s_centre > ego_s_m + vehicle.centre_x_m
    found = []
    for i in np.flatnonzero(ahead & np.isfinite(enter)):
        obstacle = Obstacle(
            int(agents.ids[i]), float(gap[i]), float(along[i]), float(agents.acceleration_mps2[i]),
            float(enter[i]), float(leave[i]),
        )  # fmt: skip
        if _matters(obstacle, float(across[i]), ego_speed_mps, settings):
            found.append(obstacle)
    return tuple(found)


def _occupancy(d_min: Floats, d_max: Floats, across: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """When each agent enters and leaves the strip [low, high] at constant lateral speed (inf: never)."""
    inside = (d_max > low) & (d_min < high)
    with np.errstate(divide="ignore", invalid="ignore"):
        to_enter = np.where(d_min >= high, (d_min - high) / -across, (low - d_max) / across)
        to_leave = np.where(across > 0.0, (high - d_min) / across, (low - d_max) / across)
    approaching = np.where(d_min >= high, across < 0.0, across > 0.0)
    enter = np.where(inside, 0.0, np.where(approaching, to_enter, np.inf))
    leave = np.where(np.abs(across) > 1e-9, to_leave, np.inf)
    return enter, leave


def _matters(obstacle: Obstacle, across_mps: float, ego_speed_mps: float, settings: CorridorSettings) -> bool:
    if obstacle.enter_s <= 0.0:
        return not _clears_in_time(obstacle, across_mps, ego_speed_mps, settings)
    if abs(across_mps) < settings.lateral_speed_mps:
        return False
    if abs(obstacle.speed_mps) >= settings.along_speed_mps:
        return obstacle.enter_s <= settings.entry_horizon_s
    if obstacle.enter_s > settings.crossing_horizon_s:
        return False
    arrival_s = max(obstacle.gap_m, 0.0) / max(ego_speed_mps, 0.1)
    return (
        obstacle.enter_s < arrival_s + settings.crossing_margin_s
        and obstacle.leave_s > arrival_s - settings.crossing_margin_s
    )


def _clears_in_time(obstacle: Obstacle, across_mps: float, ego_speed_mps: float, settings: CorridorSettings) -> bool:
    """Whether one that crosses the road will have left the corridor well before the ego arrives."""
    crossing = abs(obstacle.speed_mps) < settings.along_speed_mps and abs(across_mps) >= settings.lateral_speed_mps
    arrival_s = max(obstacle.gap_m, 0.0) / max(ego_speed_mps, 0.1)
    return crossing and math.isfinite(obstacle.leave_s) and obstacle.leave_s < arrival_s - settings.crossing_margin_s
