"""What a satellite fix says about an estimate, though it describes the past and is off by a slow error.

In: fixes with the receiver's stamp, the estimate, the car's trail. A fix is compared with where the car was then, by
its own trail: the motion since that moment is known to millimetres, so that the fix corrects today's pose through it.
Out: the estimate after it, or the first estimate there is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bus.messages import GnssFix
from geometry.pose import Pose
from localization.estimator import (
    CLIMB,
    GNSS_X,
    GNSS_Y,
    LATENCY,
    SIDE,
    SLIP,
    SPEED,
    STATES,
    WHEEL_SCALE,
    YAW,
    Estimate,
    EstimatorSettings,
    X,
    Y,
    corrected,
    levelled,
)
from localization.odometer import out_of_order
from localization.trail import Trail, TrailPoint


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """How fixes are judged by themselves.

    `future_s`: stamps this far ahead of the newest other one are a broken clock. `late_s`: older fixes are of no use.
    `frozen`: fixes at one place while the wheels turn before the receiver counts as frozen.
    """

    future_s: float = 0.5
    late_s: float = 1.0
    frozen: int = 3


@dataclass(frozen=True, slots=True)
class Receiver:
    """What the receiver said last, and how often it has repeated that."""

    fix_ns: int = -1
    x_m: float = math.nan
    y_m: float = math.nan
    same: int = 0


def heard(
    receiver: Receiver, fix: GnssFix, fix_ns: int, now: TrailPoint, settings: ReceiverSettings
) -> tuple[Receiver, bool, str]:
    """After a fix, stamped `fix_ns`: whether it is of use, and what is wrong with it (empty if nothing is)."""
    if not fix.valid:
        return receiver, False, ""
    numbers = (fix.x_m, fix.y_m, fix.vx_mps, fix.vy_mps, fix.accuracy_m, fix.speed_accuracy_mps)
    if not all(map(math.isfinite, numbers)) or fix.accuracy_m <= 0.0 or fix.speed_accuracy_mps <= 0.0:
        return receiver, False, "the satellite receiver says a number that is not finite, or an accuracy of none"
    if refusal := out_of_order(receiver.fix_ns, fix_ns, "satellite fix"):
        return receiver, False, refusal
    age_s = (now.stamp_ns - fix_ns) * 1e-9
    if not -settings.future_s <= age_s <= settings.late_s:
        return receiver, False, f"a satellite fix is {age_s:.1f} s old"
    same = receiver.same + 1 if (fix.x_m, fix.y_m) == (receiver.x_m, receiver.y_m) else 0
    after = Receiver(fix_ns, fix.x_m, fix.y_m, same)
    if same >= 1 and now.speed_mps > 1.0:
        return after, False, "the satellite receiver repeats itself" if same >= settings.frozen else ""
    return after, True, ""


def doubted(estimate: Estimate, sigma_m: float) -> Estimate:
    """The same estimate, less sure of place and of the satellites' error: one of the two has jumped."""
    covariance = estimate.covariance.copy()
    for index in (X, Y, GNSS_X, GNSS_Y):
        covariance[index, index] += sigma_m**2
    covariance[YAW, YAW] += 0.05**2
    return replace(estimate, covariance=covariance)


def started(fix: GnssFix, fix_ns: int, now: TrailPoint, settings: EstimatorSettings) -> Estimate:
    """An estimate at `now` from one fix of a moving car, stamped `fix_ns`; all else is as wide as the devices allow."""
    ahead_s = (now.stamp_ns - fix_ns) * 1e-9 + settings.latency_s
    speed = math.hypot(fix.vx_mps, fix.vy_mps)
    place = Pose(
        fix.x_m + fix.vx_mps * ahead_s, fix.y_m + fix.vy_mps * ahead_s, math.atan2(fix.vy_mps, fix.vx_mps)
    )  # fmt: skip
    noise_m, noise_mps = settings.fix_factor * fix.accuracy_m, settings.fix_factor * fix.speed_accuracy_mps
    estimate = placed(place, (noise_m, noise_mps / speed), now, settings)
    covariance = estimate.covariance
    # place = fix - bias + speed * lag: what is not known of these is not known of the place, and in step with it
    for index, bias, velocity in ((X, GNSS_X, fix.vx_mps), (Y, GNSS_Y, fix.vy_mps)):
        row = np.zeros(STATES)
        row[bias], row[LATENCY] = -1.0, velocity
        shared = covariance @ row
        covariance[index, :] += shared
        covariance[:, index] += shared
        covariance[index, index] += float(row @ shared) - float(shared[index])
    covariance[X, Y] = covariance[Y, X] = fix.vx_mps * fix.vy_mps * settings.latency_sigma_s**2
    return estimate


def placed(place: Pose, spread: tuple[float, float], now: TrailPoint, settings: EstimatorSettings) -> Estimate:
    """An estimate at `now` at a place known to `spread` (m, rad); all else is as wide as the devices allow."""
    mean = np.zeros(STATES)
    mean[X], mean[Y], mean[YAW], mean[SPEED] = place.x_m, place.y_m, place.yaw_rad, now.speed_mps
    mean[LATENCY], mean[SLIP] = settings.latency_s, settings.slip_per_mps2
    wheel_mps = settings.wheel_scale * now.speed_mps + settings.wheel_noise_mps
    sigma = (
        spread[0], spread[0], spread[1], wheel_mps, settings.gyro_bias_radps, settings.gyro_scale,
        settings.accel_bias_mps2, settings.climb, settings.wheel_scale, settings.slip_sigma, settings.side_rad,
        settings.mount_rad, settings.latency_sigma_s, settings.bias_m, settings.bias_m,
    )  # fmt: skip
    covariance = np.diag(np.square(sigma))
    covariance[SPEED, WHEEL_SCALE] = covariance[WHEEL_SCALE, SPEED] = -now.speed_mps * settings.wheel_scale**2
    return Estimate(now.stamp_ns, mean, covariance)


def with_fix(
    estimate: Estimate, trail: Trail, fix: GnssFix, fix_ns: int, settings: EstimatorSettings
) -> tuple[Estimate, bool]:
    """The estimate after a fix that the receiver stamped `fix_ns`, and whether its position was believed."""
    after, believed = _with_position(estimate, trail, fix, fix_ns, settings)
    return (_with_velocity(after, trail, fix, fix_ns, settings) if believed else estimate), believed


def _then(estimate: Estimate, trail: Trail, fix_ns: int) -> TrailPoint:
    """The trail's point at the time that a fix describes."""
    return trail.at(fix_ns - round(float(estimate.mean[LATENCY]) * 1e9))


def _with_position(
    estimate: Estimate, trail: Trail, fix: GnssFix, fix_ns: int, settings: EstimatorSettings
) -> tuple[Estimate, bool]:
    mean, now, then = estimate.mean, trail.newest, _then(estimate, trail, fix_ns)
    turn = float(mean[YAW]) - now.yaw_rad
    cos, sin = math.cos(turn), math.sin(turn)
    dx, dy = then.x_m - now.x_m, then.y_m - now.y_m
    back = np.array((cos * dx - sin * dy, sin * dx + cos * dy))
    heading = then.yaw_rad + turn
    rows = np.zeros((2, STATES))
    rows[0, X] = rows[1, Y] = rows[0, GNSS_X] = rows[1, GNSS_Y] = 1.0
    rows[0, YAW], rows[1, YAW] = -back[1], back[0]
    rows[0, LATENCY], rows[1, LATENCY] = -then.speed_mps * math.cos(heading), -then.speed_mps * math.sin(heading)
    residual = np.array((fix.x_m, fix.y_m)) - (mean[[X, Y]] + mean[[GNSS_X, GNSS_Y]] + back)
    # many alike fixes say little more than one, but one fix errs no more than its receiver states
    spread = rows @ estimate.covariance @ rows.T + np.eye(2) * fix.accuracy_m**2
    if float(residual @ np.linalg.solve(spread, residual)) > settings.gate:
        return estimate, False
    return corrected(estimate, residual, rows, np.eye(2) * (settings.fix_factor * fix.accuracy_m) ** 2)


def _with_velocity(
    estimate: Estimate, trail: Trail, fix: GnssFix, fix_ns: int, settings: EstimatorSettings
) -> Estimate:
    """The estimate after a fix's velocity: its direction is the heading of then, its length the speed of then."""
    mean, now, then = estimate.mean, trail.newest, _then(estimate, trail, fix_ns)
    level = levelled(float(mean[CLIMB]))
    speed = level * float(mean[SPEED]) + then.speed_mps - now.speed_mps
    if speed < settings.start_speed_mps:
        return estimate
    heading = float(mean[YAW]) + float(mean[SIDE]) + then.yaw_rad - now.yaw_rad
    cos, sin = math.cos(heading), math.sin(heading)
    rows = np.zeros((2, STATES))
    rows[0, SPEED], rows[1, SPEED] = level * cos, level * sin
    rows[0, CLIMB], rows[1, CLIMB] = (-float(mean[CLIMB] * mean[SPEED]) * u for u in (cos, sin))
    rows[0, YAW] = rows[0, SIDE] = -speed * sin
    rows[1, YAW] = rows[1, SIDE] = speed * cos
    # a lag shows in the speed where the car brakes, in the direction where it turns
    change = np.array((cos, sin)) * then.acceleration_mps2 + np.array((-sin, cos)) * speed * then.yaw_rate_radps
    rows[:, LATENCY] = -change
    side = then.sideways_mps
    residual = np.array((fix.vx_mps - speed * cos + side * sin, fix.vy_mps - speed * sin - side * cos))
    noise = np.eye(2) * (settings.velocity_factor * fix.speed_accuracy_mps) ** 2
    return corrected(estimate, residual, rows, noise, settings.gate)[0]
