"""The cheapest course that the vehicle itself can drive where no laid way serves: a search over wheels and pedals.

In: the ego's state, the road as a grid, others' boxes at half steps, what has to be reached. Out: states at half steps,
or nothing. Each step tries several wheel speeds and accelerations on the kinematic bicycle with its lag (motion.bicycle
has the same equations), so that what comes out can be steered; of all states that fall into one cell of place, heading,
speed and wheel angle the cheapest goes on, and of those the most promising (beam search). SI, all in one frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.boxes import boxes_overlap
from motion.bicycle import Vehicle

X, Y, YAW, SPEED, ACCELERATION, STEERING = range(6)
"""Columns of a state; the place is the rear axle's."""
PARTS = 2
"""Instants of a step at which contact and road are looked at."""


@dataclass(frozen=True, slots=True)
class CourseSettings:
    """What is tried, and what things cost; costs as in `planning.space_time`, per second."""

    accelerations_mps2: tuple[float, ...] = (-9.0, -6.0, -3.5, -1.5, 0.0, 1.5, 3.0)
    rates: tuple[float, ...] = (-1.0, -0.5, 0.0, 0.5, 1.0)
    """Shares of the wheels' highest rate."""
    rate_share: float = 0.9
    """So much of that rate is used, so that control has some left."""
    sideways_mps2: float = 4.5
    grip_mps2: float = 9.0
    beam: int = 5000
    cell: tuple[float, ...] = (0.5, 0.5, 0.08, 0.8, 2.0, 0.08)
    """Sizes of a cell in each column of a state."""
    clear_m: tuple[float, float] = (0.15, 0.1)
    """Nobody is let nearer than this along and across."""
    near_m: tuple[float, float] = (1.0, 0.4)
    near_cost: float = 6.0
    edge_cost: float = 6.0
    acceleration_cost: float = 1.0
    rate_cost: float = 4.0
    steering_cost: float = 20.0
    pace_cost: float = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A grid of cells of `cell_m`, the first one at (x_m, y_m): 0 off the road, 1 near its edge, 2 well on it; 4 more
    where the middle of the ego is asked to be. Shape (rows along y, columns along x)."""

    x_m: float
    y_m: float
    cell_m: float
    level: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CourseAim:
    """It counts at steps >= `first_step`, at a speed in the bounds and a heading in [low, low + span]; `place` is the
    middle of the area (NaN: any place will do)."""

    first_step: int
    low_mps: float
    high_mps: float
    wish_mps: float
    heading_rad: float
    heading_span_rad: float
    place: tuple[float, float] = (math.nan, math.nan)


def cheapest_course(
    now: Floats, vehicle: Vehicle, ground: Ground, others: Floats, step_s: float, aim: CourseAim,
    settings: CourseSettings,
) -> Floats | None:  # fmt: skip
    """The course from the state `now` (6,) to the aim at half steps, (2 N + 1, 6), None where none is found.

    Args:
        now: x, y, yaw of the rear axle, speed, acceleration, wheel angle.
        vehicle: the ego.
        ground: the road, and the area to be reached.
        others: boxes x, y, yaw, length, width at half steps, shape (2 K + 1, F, 5); absent ones have length 0.
        step_s: length of one of the K steps.
        aim: what has to be reached within them.
        settings: what is tried, costs.
    """
    layer, cost = now[None], np.zeros(1)
    parents: list[NDArray[np.int64]] = []
    tracks: list[Floats] = []
    best: tuple[float, int, int] | None = None
    numbers, body = _numbers(settings, vehicle), np.array([vehicle.length_m, vehicle.width_m, vehicle.centre_x_m])
    table = np.array([(a, r) for a in settings.accelerations_mps2 for r in settings.rates])
    grid = np.array([ground.x_m, ground.y_m, ground.cell_m])
    for k in range((len(others) - 1) // PARTS):
        around = others[PARTS * k + 1 : PARTS * k + 1 + PARTS]
        reached, spent = _expand(
            layer, cost, table, step_s / PARTS, grid, ground.level, around, body, numbers, aim.wish_mps
        )
        if best is not None:
            spent[spent >= best[0]] = np.inf
        chosen = _promising(reached[:, -1], spent, step_s * (k + 1), step_s * ((len(others) - 1) // PARTS), vehicle,
                            aim, settings)  # fmt: skip
        if not len(chosen):
            break
        parents.append(chosen // len(table))
        tracks.append(reached[chosen])
        layer, cost = np.ascontiguousarray(reached[chosen, -1]), spent[chosen]
        if k + 1 >= aim.first_step:
            there = np.flatnonzero(_arrived(layer, vehicle, ground, aim))
            if len(there) and (best is None or cost[there].min() < best[0]):
                row = int(there[np.argmin(cost[there])])
                best = float(cost[row]), k, row
    return None if best is None else _traced(now, tracks, parents, best)


def _traced(
    now: Floats, tracks: list[Floats], parents: list[NDArray[np.int64]], best: tuple[float, int, int]
) -> Floats:
    """States from the start to the best end."""
    _, k, row = best
    parts = []
    for layer in range(k, -1, -1):
        parts.append(tracks[layer][row])
        row = int(parents[layer][row])
    return np.concatenate((now[None], *parts[::-1]))


def _numbers(settings: CourseSettings, vehicle: Vehicle) -> Floats:
    return np.array([
        vehicle.wheelbase_m, vehicle.acceleration_lag_s, settings.rate_share * vehicle.max_steering_rate_radps,
        vehicle.max_steering_rad, settings.sideways_mps2, settings.grip_mps2, *settings.clear_m, *settings.near_m,
        settings.near_cost, settings.edge_cost, settings.acceleration_cost, settings.rate_cost, settings.steering_cost,
        settings.pace_cost,
    ])  # fmt: skip


def _promising(
    states: Floats, cost: Floats, now_s: float, end_s: float, vehicle: Vehicle, aim: CourseAim, settings: CourseSettings
) -> NDArray[np.int64]:
    """Rows of the states that go on: the cheapest of each cell, and of those the ones with the least cost to come."""
    rows = np.flatnonzero(np.isfinite(cost))
    if not len(rows):
        return rows
    total = cost[rows] + _to_come(states[rows], end_s - now_s, vehicle, aim)
    rows, total = rows[np.isfinite(total)], total[np.isfinite(total)]
    if not len(rows):
        return rows
    cells = np.floor(states[rows] / np.array(settings.cell)).astype(np.int64)
    order = np.lexsort((total, *cells.T))
    ranked = cells[order]
    first = np.append(True, (ranked[1:] != ranked[:-1]).any(axis=1))
    rows, total = rows[order][first], total[order][first]
    if len(rows) <= settings.beam:
        return rows
    return rows[np.sort(np.argpartition(total, settings.beam)[: settings.beam])]


def _to_come(states: Floats, left_s: float, vehicle: Vehicle, aim: CourseAim) -> Floats:
    """What is left to pay at least: the acceleration and the turn that the place asks for in the time left."""
    if math.isnan(aim.place[0]):
        return np.zeros(len(states))
    yaw, speed = states[:, YAW], states[:, SPEED]
    dx = aim.place[0] - states[:, X] - vehicle.centre_x_m * np.cos(yaw)
    dy = aim.place[1] - states[:, Y] - vehicle.centre_x_m * np.sin(yaw)
    left = max(left_s, 0.2)
    needed = np.maximum(2.0 * (np.hypot(dx, dy) - 1.0 - speed * left) / left**2, 0.0)
    aside = np.abs(dy * np.cos(yaw) - dx * np.sin(yaw))
    middle = aim.heading_rad + 0.5 * aim.heading_span_rad
    turn = np.abs((yaw - middle + np.pi) % (2.0 * np.pi) - np.pi)
    turned = 10.0 * np.maximum(turn - 0.5 * aim.heading_span_rad, 0.0) if aim.heading_span_rad < 6.0 else 0.0
    return np.asarray(needed**2 * left + 1.0 * aside + turned)


def _arrived(states: Floats, vehicle: Vehicle, ground: Ground, aim: CourseAim) -> NDArray[np.bool_]:
    yaw, speed = states[:, YAW], states[:, SPEED]
    turned = (yaw - aim.heading_rad) % (2.0 * math.pi) <= aim.heading_span_rad
    fine = turned & (speed >= aim.low_mps) & (speed <= aim.high_mps)
    if math.isnan(aim.place[0]):
        return np.asarray(fine)
    column = ((states[:, X] + vehicle.centre_x_m * np.cos(yaw) - ground.x_m) / ground.cell_m + 0.5).astype(np.int64)
    row = ((states[:, Y] + vehicle.centre_x_m * np.sin(yaw) - ground.y_m) / ground.cell_m + 0.5).astype(np.int64)
    return np.asarray(fine & (ground.level[row, column] >= 4))


@njit(cache=True, error_model="numpy")
def _expand(states, costs, table, span, grid, level, around, body, numbers, wish):  # type: ignore[no-untyped-def]
    """States (S * C, PARTS, 6) after a step with each of the C controls, and what they cost; infinite: impossible."""
    count, parts = len(table), len(around)
    out, spent = np.empty((len(states) * count, parts, 6)), np.full(len(states) * count, np.inf)
    for n in range(len(states)):
        for c in range(count):
            row = n * count + c
            spent[row] = costs[n] + _driven(
                states[n], table[c, 0], table[c, 1], span, grid, level, around, body, numbers, wish, out[row]
            )
    return out, spent


@njit(cache=True, error_model="numpy")
def _driven(state, wanted, rate, span, grid, level, around, body, numbers, wish, out):  # type: ignore[no-untyped-def]
    """Writes the states of one step; returns its cost."""
    wheelbase, lag, most_rate, most_angle, sideways, grip = numbers[:6]
    x, y, yaw, v, a, steering = state
    cost, decay = 0.0, math.exp(-span / lag)
    for part in range(len(around)):
        before_a, before_v, before_angle = a, v, steering
        a = wanted + (a - wanted) * decay
        v = v + 0.5 * (before_a + a) * span
        if v <= 0.0:
            v, a = 0.0, max(a, 0.0)
        steering = min(max(steering + rate * most_rate * span, -most_angle), most_angle)
        way = 0.5 * (before_v + v) * span
        turn = way * math.tan(0.5 * (before_angle + steering)) / wheelbase
        x += way * math.cos(yaw + 0.5 * turn)
        y += way * math.sin(yaw + 0.5 * turn)
        yaw += turn
        across = v * v * math.tan(steering) / wheelbase
        if abs(across) > sideways or a * a + across * across > grip * grip:
            return np.inf
        price = _place_price(x, y, yaw, grid, level, around[part], body, numbers)
        if price == np.inf:
            return np.inf
        out[part, 0], out[part, 1], out[part, 2] = x, y, yaw
        out[part, 3], out[part, 4], out[part, 5] = v, a, steering
        price += numbers[12] * a * a + numbers[13] * rate * rate + numbers[14] * steering * steering
        cost += span * (price + numbers[15] * (v - wish) ** 2)
    return cost


@njit(cache=True, error_model="numpy")
def _place_price(x, y, yaw, grid, level, others, body, numbers):  # type: ignore[no-untyped-def]
    """Cost per second of being there: near the road's edge, near somebody; infinite beside the road or in contact."""
    length, width, ahead = body
    cos, sin = math.cos(yaw), math.sin(yaw)
    cx, cy = x + ahead * cos, y + ahead * sin
    price, least = 0.0, 2
    for i in range(-3, 4):
        for side in (-1.0, 1.0):
            along, across = i * length / 6.0, 0.5 * side * width
            column = int((cx + along * cos - across * sin - grid[0]) / grid[2] + 0.5)
            row = int((cy + along * sin + across * cos - grid[1]) / grid[2] + 0.5)
            if row < 0 or column < 0 or row >= level.shape[0] or column >= level.shape[1]:
                return np.inf
            least = min(least, level[row, column] & 3)
    if least == 0:
        return np.inf
    if least == 1:
        price += numbers[11]
    for f in range(len(others)):
        ox, oy, oyaw, long, wide = others[f]
        if long <= 0.0 or abs(ox - cx) > 30.0 or abs(oy - cy) > 30.0:
            continue
        if boxes_overlap(cx, cy, yaw, length + 2.0 * numbers[8], width + 2.0 * numbers[9], ox, oy, oyaw, long, wide):
            if boxes_overlap(
                cx, cy, yaw, length + 2.0 * numbers[6], width + 2.0 * numbers[7], ox, oy, oyaw, long, wide
            ):
                return np.inf
            price += numbers[10]
    return price
