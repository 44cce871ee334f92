"""Proposals of the baseline `pdm-closed`: IDM policies unrolled along the route and beside it.

In: the route's path, the ego on it, others with constant-velocity forecast. Out: progress, speed and acceleration of
each proposal. Distances along the path in m from its start, SI.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from bus.messages import EntityKind
from geometry.angles import Floats
from geometry.polyline import Polyline
from motion.contact import half_extent
from planning.metrics.navsim.scores import Forecast
from planning.scene import Agents

DT_S = 0.1
REFRESH_STEPS = 2
"""The leader is looked up anew every so many steps."""
NEAREST = ((50, ("CAR", "TRUCK", "BUS", "VAN", "MOTORCYCLE", "TRAILER")), (25, ("PEDESTRIAN", "ANIMAL")),
           (10, ("BICYCLE",)), (50, ("OBSTACLE",)))  # fmt: skip
"""How many of which kinds are forecast."""


@dataclass(frozen=True, slots=True)
class IdmPolicy:
    """The longitudinal policies: fractions of the speed limit, and the parameters of the model in the paper's terms."""

    fractions: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
    fallback_mps: float = 15.0
    """Speed limit where none is known."""
    min_gap_m: float = 1.0
    headway_s: float = 1.5
    acceleration_mps2: float = 1.5
    deceleration_mps2: float = 3.0
    exponent: float = 10.0


def nearest_agents(agents: Agents, x_m: float, y_m: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Rows of the nearest others of each kind, in ascending order."""
    distance = np.hypot(agents.x_m - x_m, agents.y_m - y_m)
    chosen: list[int] = []
    for most, names in NEAREST:
        rows = np.flatnonzero(np.isin(agents.kinds, [EntityKind[name] for name in names]))
        chosen += rows[np.argsort(distance[rows], kind="stable")][:most].tolist()
    return np.array(sorted(chosen), dtype=np.int64)


def constant_velocity(agents: Agents, rows: np.ndarray[tuple[int], np.dtype[np.int64]], steps: int) -> Forecast:
    """Others going on at constant velocity and heading over so many steps of 0.1 s."""
    t_s = DT_S * np.arange(steps)[:, None]
    shape = (steps, len(rows))
    speed = np.hypot(agents.vx_mps[rows], agents.vy_mps[rows])
    return Forecast(
        x_m=agents.x_m[rows] + t_s * agents.vx_mps[rows],
        y_m=agents.y_m[rows] + t_s * agents.vy_mps[rows],
        yaw_rad=np.broadcast_to(agents.yaw_rad[rows], shape).copy(),
        speed_mps=np.broadcast_to(speed, shape).copy(),
        length_m=agents.length_m[rows],
        width_m=agents.width_m[rows],
        static=agents.kinds[rows] == int(EntityKind.OBSTACLE),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """The ego on the path: rear axle at `s_m`, speed; the path's end `end_m` is a standing leader."""

    s_m: float
    speed_mps: float
    front_m: float
    half_width_m: float
    end_m: float


def unroll(
    path: Polyline, start: Start, offsets_m: Floats, limit_mps: float, policy: IdmPolicy, forecast: Forecast
) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Unroll all policies on all offsets, offset by offset, over the steps of the forecast (K).

    Returns:
        Progress, speed and acceleration, shape (P, K, 3); the column of the first leader (P,), -1 where there is none.
    """
    table = _along_path(
        path.points, path.s_m, path.yaw_rad, forecast.x_m[::REFRESH_STEPS], forecast.y_m[::REFRESH_STEPS],
        forecast.yaw_rad[::REFRESH_STEPS], forecast.speed_mps[::REFRESH_STEPS], forecast.length_m, forecast.width_m,
    )  # fmt: skip
    targets = limit_mps * np.asarray(policy.fractions)
    numbers = (
        policy.min_gap_m, policy.headway_s, policy.acceleration_mps2, policy.deceleration_mps2, policy.exponent,
    )  # fmt: skip
    ego = (start.s_m, start.speed_mps, start.front_m, start.half_width_m, start.end_m)
    states, leads = _unroll(ego, np.asarray(offsets_m), targets, table, numbers, len(forecast.x_m), DT_S)
    return states, leads


@njit(cache=True)
def _along_path(points, s_m, headings, x, y, yaw, speed, length, width):  # type: ignore[no-untyped-def]
    """Others in the frame of the path: (K, N, 5) with rear, centre, lowest and highest offset, speed along it."""
    steps, count = x.shape
    out = np.empty((steps, count, 5))
    for k in range(steps):
        for n in range(count):
            s, d, heading = _project(points, s_m, headings, x[k, n], y[k, n])
            turn = yaw[k, n] - heading
            along = half_extent(turn, length[n], width[n])
            across = half_extent(turn + 0.5 * math.pi, length[n], width[n])
            out[k, n, 0], out[k, n, 1] = s - along, s
            out[k, n, 2], out[k, n, 3] = d - across, d + across
            out[k, n, 4] = speed[k, n] * math.cos(turn)
    return out


@njit(cache=True)
def _project(points, s_m, headings, x, y):  # type: ignore[no-untyped-def]
    best, s, d, heading = np.inf, 0.0, 0.0, 0.0
    last = len(points) - 2
    for i in range(last + 1):
        ux, uy = math.cos(headings[i]), math.sin(headings[i])
        dx, dy = x - points[i, 0], y - points[i, 1]
        along, across = dx * ux + dy * uy, ux * dy - uy * dx
        beyond = max(-along if i > 0 else 0.0, along - (s_m[i + 1] - s_m[i]) if i < last else 0.0, 0.0)
        distance = across * across + beyond * beyond
        if distance < best:
            best, d, heading = distance, across, headings[i]
            s = s_m[i] + (along if i == 0 or i == last else min(max(along, 0.0), s_m[i + 1] - s_m[i]))
    return s, d, heading


@njit(cache=True)
def _unroll(ego, offsets, targets, table, numbers, steps, dt):  # type: ignore[no-untyped-def]
    start, speed, front, half_width, end = ego
    min_gap, headway, most, braking, exponent = numbers
    out = np.empty((len(offsets) * len(targets), steps, 3))
    leads = np.full(len(out), -1)
    for p in range(len(out)):
        offset, target = offsets[p // len(targets)], max(targets[p % len(targets)], 0.1)
        s, v, rear, lead_speed = start, speed, end, 0.0
        for k in range(steps):
            if k % REFRESH_STEPS == 0:
                rear, lead_speed, lead = _leader(table[k // REFRESH_STEPS], s, offset, half_width, end)
                leads[p] = lead if k == 0 else leads[p]
            wanted = min_gap + v * headway + v * (v - lead_speed) / (2.0 * math.sqrt(most * braking))
            gap = max(rear - s - front, min_gap)
            acceleration = most * (1.0 - (v / target) ** exponent - (wanted / gap) ** 2)
            acceleration = max(min(max(acceleration, -braking), most), -v / dt)
            out[p, k, 0], out[p, k, 1], out[p, k, 2] = s, v, acceleration
            s, v = s + v * dt, v + acceleration * dt
    return out, leads


@njit(cache=True)
def _leader(others, s, offset, half_width, end):  # type: ignore[no-untyped-def]
    """Rear, speed and column of the nearest one whose centre is ahead and whose box reaches into the corridor."""
    rear, speed, found = end, 0.0, -1
    for n in range(len(others)):
        inside = others[n, 2] <= offset + half_width and others[n, 3] >= offset - half_width
        if inside and others[n, 1] > s and others[n, 0] < rear:
            rear, speed, found = others[n, 0], others[n, 4], n
    return rear, speed, found
