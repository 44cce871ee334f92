"""The world of the UN R157 grids: steps of 0.1 s, an ego that is a point mass on a line, and a contact test.

The ego holds its speed until the case releases it and never steers. Two kinds of drivers: the competent and careful
human (`drive_careful`, whose outcome the regulation compares with) and any function of what the ego sees (`drive`),
behind an actuator with the careful driver's own brake: jerk 12.65 m/s^3, at most 0.774 g. Speeds are updated first and
positions with the new speed, as in the reference. Outside the comparison an ego may also steer (`drive_steering`): it
is a kinematic bicycle then, and leaving the road counts as a contact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.boxes import boxes_overlap
from motion.bicycle import Vehicle
from motion.careful_driver import CAREFUL, CarefulDriver, careful_step, cut_in_is_dangerous
from sim.scenarios.r157_cases import CAR_LENGTH_M, CAR_WIDTH_M, DT_S, LANE_WIDTH_M, Traffic

GRAZE_M = 1e-9
"""Sums of steps end up within rounding of the edges; this near the boxes touch, which is lateral overlap, no
contact."""


@dataclass(frozen=True, slots=True)
class Actuator:
    """What the ego's drive train and brake do with a demanded acceleration: limited change and limited range."""

    jerk_mps3: float = CAREFUL.jerk_mps3
    braking_mps2: float = CAREFUL.braking_mps2
    accelerating_mps2: float = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended: index of the first contact (-1: none), with whom, closing speed then, hardest deceleration.

    `lost_mps` is how far the speed fell below the initial one at most (NaN where it was not watched).
    """

    contact: int
    other: int
    impact_mps: float
    deceleration_mps2: float
    lost_mps: float = math.nan

    @property
    def avoided(self) -> bool:
        return self.contact < 0


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What the ego knows at an index: itself, and the visible others (box centres; arrays of shape (V,))."""

    index: int
    t_s: float
    x_m: float
    speed_mps: float
    acceleration_mps2: float
    ids: NDArray[np.int64]
    other_x_m: Floats
    other_y_m: Floats
    other_vx_mps: Floats
    other_vy_mps: Floats
    other_ax_mps2: Floats
    other_length_m: Floats
    y_m: float = 0.0
    yaw_rad: float = 0.0
    steering_rad: float = 0.0


Driver = Callable[[Sight], float]
"""Demands an acceleration [m/s^2]; called once per step from the release on."""
SteeringDriver = Callable[[Sight], tuple[float, float]]
"""Demands an acceleration and a front-wheel angle [rad]."""
EDGE_M = 1.5 * LANE_WIDTH_M
"""From the middle of the three lanes to the road's edge."""


@njit(cache=True)
def contact_with(
    x_m: float, other_x_m: float, other_y_m: float, other_length_m: float, length_m: float, width_m: float
) -> bool:
    """Whether the ego's box on the lane centre overlaps another; touching is none."""
    return bool(
        abs(other_y_m) < width_m - GRAZE_M and abs(other_x_m - x_m) < 0.5 * (length_m + other_length_m) - GRAZE_M
    )


def drive_careful(traffic: Traffic, driver: CarefulDriver = CAREFUL) -> Outcome:
    """The competent and careful human driver in a case."""
    numbers = (driver.release_mps2, driver.jerk_mps3, driver.braking_mps2)
    contact, other, impact, hardest = _careful(
        traffic.ego_x_m, traffic.ego_mps, traffic.x_m, traffic.y_m, traffic.vx_mps, traffic.length_m,
        traffic.release, traffic.reacts_always, driver.reaction_s, driver.cut_in_ttc_s, numbers,
        DT_S, CAR_LENGTH_M, CAR_WIDTH_M,
    )  # fmt: skip
    return Outcome(int(contact), int(other), float(impact), float(hardest))


@njit(cache=True)
def _careful(  # type: ignore[no-untyped-def]
    x, speed, other_x, other_y, other_vx, other_length, release, always, reaction_s, ttc_s, numbers, dt, length, width
):
    release_mps2, jerk, braking = numbers
    left, deceleration, hardest, triggered = reaction_s, release_mps2, 0.0, False
    for i in range(len(other_x)):
        for n in range(other_x.shape[1]):
            if contact_with(x, other_x[i, n], other_y[i, n], other_length[n], length, width):
                return i, n, speed - other_vx[i, n], hardest
        reacts = always and i >= release
        if not always and abs(other_y[i, 0]) <= width + GRAZE_M:
            gap = other_x[i, 0] - x - 0.5 * (length + other_length[0])
            reacts = cut_in_is_dangerous(gap, speed - other_vx[i, 0], length + other_length[0], ttc_s)
            if not reacts and not triggered:
                return -1, -1, 0.0, hardest  # no danger when it came into the path: the regulation's model ends here
        triggered = triggered or reacts
        before = speed
        speed, left, deceleration = careful_step(
            speed, left, deceleration, reacts, dt, release_mps2, jerk, braking
        )  # fmt: skip
        hardest = max(hardest, (before - speed) / dt)
        x += speed * dt
    return -1, -1, 0.0, hardest


def drive(traffic: Traffic, driver: Driver, actuator: Actuator | None = None, latency_s: float = 0.0) -> Outcome:
    """Any driver in a case, until contact, until it can no longer come to one, or until the case ends.

    The driver knows of the others what was so `latency_s` ago, moved on at constant velocity.
    """
    actuator = actuator or Actuator()
    x_m, speed, acceleration, hardest, lowest = traffic.ego_x_m, traffic.ego_mps, 0.0, 0.0, traffic.ego_mps
    for i in range(len(traffic.x_m)):
        other = _touched(traffic, i, x_m)
        if other >= 0:
            lost = traffic.ego_mps - lowest
            return Outcome(i, other, speed - float(traffic.vx_mps[i, other]), hardest, lost)
        if i >= traffic.release:
            if _is_over(traffic, i, x_m, speed):
                break
            demand = driver(sight_at(traffic, i, x_m, speed, acceleration, latency_s))
            acceleration = _obeyed(demand, acceleration, actuator)
        before = speed
        speed = max(speed + acceleration * DT_S, 0.0)
        acceleration = (speed - before) / DT_S
        hardest, lowest = max(hardest, -acceleration), min(lowest, speed)
        x_m += speed * DT_S
    return Outcome(-1, -1, 0.0, hardest, traffic.ego_mps - lowest)


def drive_steering(
    traffic: Traffic, driver: SteeringDriver, vehicle: Vehicle, actuator: Actuator | None = None,
    latency_s: float = 0.0,
) -> Outcome:  # fmt: skip
    """Like `drive`, with an ego that may leave its lane; leaving the road is a contact with nobody (-1)."""
    actuator = actuator or Actuator()
    x_m, y_m, yaw, steering = traffic.ego_x_m, 0.0, 0.0, 0.0
    speed, acceleration, hardest, lowest = traffic.ego_mps, 0.0, 0.0, traffic.ego_mps
    for i in range(len(traffic.x_m)):
        other = _overlapped(traffic, i, x_m, y_m, yaw)
        if other is not None:
            against = 0.0 if other < 0 else float(traffic.vx_mps[i, other])
            return Outcome(i, other, speed - against, hardest, traffic.ego_mps - lowest)
        wanted = 0.0
        if i >= traffic.release:
            if _is_over(traffic, i, x_m, speed):
                break
            seen = sight_at(traffic, i, x_m, speed, acceleration, latency_s)
            demand, wanted = driver(replace(seen, y_m=y_m, yaw_rad=yaw, steering_rad=steering))
            acceleration = _obeyed(demand, acceleration, actuator)
        before, most = speed, vehicle.max_steering_rate_radps * DT_S
        speed = max(speed + acceleration * DT_S, 0.0)
        acceleration = (speed - before) / DT_S
        hardest, lowest = max(hardest, -acceleration), min(lowest, speed)
        turned = min(max(wanted, steering - most), steering + most)
        x_m, y_m, yaw = _moved(x_m, y_m, yaw, speed * DT_S, 0.5 * (steering + turned), vehicle)
        steering = turned
    return Outcome(-1, -1, 0.0, hardest, traffic.ego_mps - lowest)


def _moved(
    x_m: float, y_m: float, yaw_rad: float, way_m: float, steering_rad: float, vehicle: Vehicle
) -> tuple[float, float, float]:
    """Centre and heading of a bicycle after a way."""
    ahead, turn = vehicle.centre_x_m, way_m * math.tan(steering_rad) / vehicle.wheelbase_m
    middle, yaw = yaw_rad + 0.5 * turn, yaw_rad + turn
    x = x_m - ahead * math.cos(yaw_rad) + way_m * math.cos(middle) + ahead * math.cos(yaw)
    y = y_m - ahead * math.sin(yaw_rad) + way_m * math.sin(middle) + ahead * math.sin(yaw)
    return x, y, yaw


def _overlapped(traffic: Traffic, index: int, x_m: float, y_m: float, yaw_rad: float) -> int | None:
    """With whom the ego's box overlaps; -1: it has left the road; None: neither."""
    length, width = CAR_LENGTH_M - 2.0 * GRAZE_M, CAR_WIDTH_M - 2.0 * GRAZE_M
    for n in range(traffic.x_m.shape[1]):
        x, y, long = (float(column) for column in (traffic.x_m[index, n], traffic.y_m[index, n], traffic.length_m[n]))
        if boxes_overlap(x_m, y_m, yaw_rad, length, width, x, y, 0.0, long, CAR_WIDTH_M):
            return n
    reach = 0.5 * (CAR_WIDTH_M * abs(math.cos(yaw_rad)) + CAR_LENGTH_M * abs(math.sin(yaw_rad)))
    return -1 if abs(y_m) + reach > EDGE_M else None


def _obeyed(demand: float, acceleration: float, actuator: Actuator) -> float:
    """The acceleration that a demand leads to in a step."""
    change = actuator.jerk_mps3 * DT_S
    acceleration = min(max(demand, acceleration - change), acceleration + change)
    return min(max(acceleration, -actuator.braking_mps2), actuator.accelerating_mps2)


def _touched(traffic: Traffic, index: int, x_m: float) -> int:
    for n in range(traffic.x_m.shape[1]):
        if contact_with(
            x_m, traffic.x_m[index, n], traffic.y_m[index, n], traffic.length_m[n], CAR_LENGTH_M, CAR_WIDTH_M
        ):
            return n
    return -1


def _is_over(traffic: Traffic, index: int, x_m: float, speed_mps: float) -> bool:
    """Whether nothing more can happen: all stand, or all others are behind and not faster."""
    moving = bool(traffic.vx_mps[index:].any() or traffic.vy_mps[index:].any())
    behind = traffic.x_m[index] + 0.5 * traffic.length_m < x_m - 0.5 * CAR_LENGTH_M
    slower = traffic.vx_mps[index:].max(axis=0) <= speed_mps
    return (speed_mps == 0.0 and not moving) or bool(np.all(behind & slower) and speed_mps >= traffic.ego_mps)


def sight_at(
    traffic: Traffic, index: int, x_m: float, speed_mps: float, acceleration_mps2: float, latency_s: float = 0.0
) -> Sight:
    """What the ego knows at an index; before the case began, all moved at their first velocity."""
    old = index - latency_s / DT_S
    before = max(math.floor(old + 1e-9), 0)
    seen = np.flatnonzero(traffic.visible <= old + 1e-9) if old >= 0.0 else np.flatnonzero(traffic.visible <= 0)
    vx, vy = traffic.vx_mps[before, seen], traffic.vy_mps[before, seen]
    gained = vx - traffic.vx_mps[max(before - 1, 0), seen]
    since_s = (index - before) * DT_S
    return Sight(
        index, index * DT_S, x_m, speed_mps, acceleration_mps2, seen, traffic.x_m[before, seen] + since_s * vx,
        traffic.y_m[before, seen] + since_s * vy, vx, vy, gained / DT_S, traffic.length_m[seen],
    )  # fmt: skip
