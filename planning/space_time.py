"""The cheapest speed along a given way among boxes whose motion is known: dynamic programming over time, place, speed.

In: the way as sampled poses of the ego, others' boxes at half time steps. Out: distance and speed at the time steps, or
nothing where no drive reaches the goal. Scalar kernels (numba), SI, all in one frame. Cells of place and speed keep
their cheapest representative (Bellman 1957), whose place and speed stay exact: what comes out can be driven as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.boxes import boxes_overlap

CELL_M = 0.5
"""Spacing of the way's samples."""
SPEED_CELL_MPS = 0.25
FREE, NEAR, TIGHT, CONTACT = range(4)
"""How close somebody is to the ego at a place and time."""
MOST_NODES = 500_000


@dataclass(frozen=True, slots=True)
class SpaceTimeSettings:
    """Margins along and across, accelerations to choose from, and what things cost."""

    clear_m: tuple[float, float] = (0.1, 0.04)
    """Nobody is let nearer than this along and across."""
    tight_m: tuple[float, float] = (0.4, 0.25)
    near_m: tuple[float, float] = (1.5, 0.4)
    accelerations_mps2: tuple[float, ...] = (
        -9.0, -7.0, -5.0, -4.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.4,
    )  # fmt: skip
    near_cost: float = 3.0
    tight_cost: float = 40.0
    """Per second."""
    acceleration_cost: float = 1.0
    jerk_cost: float = 0.03
    pace_cost: float = 0.02
    """Per (m/s)^2 beside the wanted speed and second."""
    asked_cost: float = 0.4
    """The same where a speed is asked for at the end: in CommonRoad's SM1, too, (m/s)^2 cost 0.4 of (m/s^2)^2."""
    fast_cost: float = 40.0
    """Per (m/s)^2 above the ceiling and second."""


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """When and where: it counts at steps >= `first_step` in cells with `inside` (X,), at a speed in the bounds."""

    first_step: int
    inside: NDArray[np.bool_]
    low_mps: float
    high_mps: float
    wish_mps: float


@dataclass(frozen=True, slots=True, eq=False)
class SpaceTimeDrive:
    """Distance, speed at the steps (N+1,), acceleration from each to the next (N,), and the cost."""

    distance_m: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    cost: float


def closeness(
    way: Floats, box_m: tuple[float, float], others: Floats, settings: SpaceTimeSettings
) -> NDArray[np.uint8]:
    """How close others come, (K, X): FREE to CONTACT at each instant and cell of the way.

    Args:
        way: centres of the ego's box and yaw at the cells, shape (X, 3).
        box_m: the ego's length and width.
        others: boxes x, y, yaw, length, width at the instants, shape (K, F, 5); absent ones have length 0.
        settings: margins.
    """
    return np.asarray(_closeness(way, *box_m, others, np.array([settings.near_m, settings.tight_m, settings.clear_m])))


@njit(cache=True)
def _closeness(way, length, width, others, margins):  # type: ignore[no-untyped-def]
    out = np.zeros((len(others), len(way)), dtype=np.uint8)
    for k in range(len(others)):
        for x in range(len(way)):
            for f in range(others.shape[1]):
                if others[k, f, 3] > 0.0 and out[k, x] < 3:
                    out[k, x] = max(out[k, x], _level(way[x], length, width, others[k, f], margins))
    return out


@njit(cache=True)
def _level(ego, length, width, other, margins):  # type: ignore[no-untyped-def]
    """How many of the margins, the widest one first, somebody is within."""
    for level in range(len(margins)):
        long, wide = length + 2.0 * margins[level, 0], width + 2.0 * margins[level, 1]
        if not boxes_overlap(ego[0], ego[1], ego[2], long, wide, other[0], other[1], other[2], other[3], other[4]):
            return level
    return CONTACT


def cheapest_drive(
    close: NDArray[np.uint8], ceiling_mps: Floats, now: tuple[float, float], step_s: float, aim: Aim,
    settings: SpaceTimeSettings,
) -> SpaceTimeDrive | None:  # fmt: skip
    """The cheapest drive to the aim, None where there is none.

    Args:
        close: closeness at half steps, shape (2 N + 1, X).
        ceiling_mps: comfortable speed per cell, (X,); where it is 0 there is no road.
        now: speed and acceleration.
        step_s: length of a step.
        aim: what has to be reached within the N steps.
        settings: accelerations and costs.
    """
    weights = np.array([
        settings.near_cost, settings.tight_cost, settings.acceleration_cost, settings.jerk_cost, settings.pace_cost,
        settings.fast_cost,
    ])  # fmt: skip
    nodes, parents, cost = _search(
        close, ceiling_mps, now[0], now[1], step_s, np.array(settings.accelerations_mps2), aim.first_step, aim.inside,
        aim.low_mps, aim.high_mps, aim.wish_mps, weights,
    )  # fmt: skip
    if not math.isfinite(cost):
        return None
    chain = [len(nodes) - 1]
    while parents[chain[-1]] >= 0:
        chain.append(int(parents[chain[-1]]))
    found = nodes[chain[::-1]]
    return SpaceTimeDrive(found[:, 0], found[:, 1], found[1:, 2], float(cost))


@njit(cache=True, inline="always")
def _driven(x, v, a, span):  # type: ignore[no-untyped-def]
    """Place and speed after a span; who stands stays."""
    if v + a * span < 0.0:
        return x - 0.5 * v * v / a, 0.0
    return x + v * span + 0.5 * a * span * span, v + a * span


@njit(cache=True, inline="always")
def _price(level, v, a, before, ceiling, wish, span, weights):  # type: ignore[no-untyped-def]
    """Cost of one step; infinite in contact."""
    if level == 3:
        return np.inf
    near = weights[0] if level >= 1 else 0.0
    tight = weights[1] if level == 2 else 0.0
    over = max(v - ceiling, 0.0)
    jerk = (a - before) / span
    return span * (
        near + tight + weights[2] * a * a + weights[3] * jerk * jerk + weights[4] * (v - wish) ** 2
        + weights[5] * over * over
    )  # fmt: skip


@njit(cache=True, inline="always")
def _slot(node_of, slot, count, costs):  # type: ignore[no-untyped-def]
    """The node of a cell, a new one where it has none (-1: no room for more), and how many there are."""
    node = node_of[slot]
    if node >= 0 or count >= MOST_NODES - 1:
        return node, count
    node_of[slot], costs[count] = count, np.inf
    return count, count + 1


@njit(cache=True)
def _search(close, ceiling, v0, a0, span, choices, first, inside, low, high, wish, weights):  # type: ignore[no-untyped-def]
    """Nodes (M, 3) place, speed, acceleration that led there; parents (M,); cost of the last one, which is the goal."""
    steps, cells = (len(close) - 1) // 2, len(ceiling)
    barred = np.cumsum((ceiling <= 0.0).astype(np.int64))
    speeds = int((v0 + choices.max() * span * steps) / SPEED_CELL_MPS) + 2
    nodes, parents = np.empty((MOST_NODES, 3)), np.full(MOST_NODES, -1, dtype=np.int64)
    costs = np.full(MOST_NODES, np.inf)
    nodes[0, 0], nodes[0, 1], nodes[0, 2], costs[0] = 0.0, v0, a0, 0.0
    begin, end, best, best_cost = 0, 1, -1, np.inf
    for k in range(steps):
        node_of, count = np.full(cells * speeds, -1, dtype=np.int64), end
        for n in range(begin, end):
            x, v, before = nodes[n, 0], nodes[n, 1], nodes[n, 2]
            for a in choices:
                middle, _ = _driven(x, v, a, 0.5 * span)
                after, speed = _driven(x, v, a, span)
                cell = int(after / CELL_M + 0.5)
                if cell >= cells or barred[cell] > barred[int(x / CELL_M + 0.5)]:
                    continue
                level = max(close[2 * k + 1, int(middle / CELL_M + 0.5)], close[2 * k + 2, cell])
                cost = costs[n] + _price(level, speed, a, before, ceiling[cell], wish, span, weights)
                if not cost < best_cost:
                    continue
                node, count = _slot(node_of, cell * speeds + int(speed / SPEED_CELL_MPS), count, costs)
                if node < 0 or cost >= costs[node]:
                    continue
                costs[node], parents[node] = cost, n
                nodes[node, 0], nodes[node, 1], nodes[node, 2] = after, speed, a
                if k + 1 >= first and inside[cell] and low <= speed <= high:
                    best, best_cost = node, cost
        begin, end = end, count
    if best < 0:
        return nodes[:1], parents[:1], np.inf
    nodes[end], parents[end] = nodes[best], parents[best]
    return nodes[: end + 1], parents[: end + 1], best_cost
