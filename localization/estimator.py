"""Pose from satellites, gyro, accelerometer and wheels: an error-state filter on the plane that calibrates itself.

In: IMU samples, wheel speeds and satellite fixes in time order of their arrival. Out: `Estimate` in `world`, with the
covariance of all that is estimated. The nominal state is moved by the full equations of motion, the covariance by their
linearisation about it (Sola, Quaternion kinematics for the error-state Kalman filter, 2017, section 5, reduced to the
plane). A fix that describes the past is compared with where the car was then, by its own trail: the estimate's motion
since that moment is known to millimetres, so that the fix corrects today's pose through it.

Nothing is known in advance but how good the devices of a class are: the scale of the wheels, the biases of gyro and
accelerometer, the lag of the receiver and its slow error are all states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bus.messages import GnssFix
from geometry.angles import Floats
from localization.trail import Trail, TrailPoint

X, Y, YAW, SPEED, GYRO_BIAS, ACCEL_BIAS, WHEEL_SCALE, LATENCY, GNSS_X, GNSS_Y = range(10)
"""Indices into the state: m, m, rad, m/s, rad/s, m/s^2, share, s, m, m."""
STATES = 10
_EYE = np.eye(STATES)


@dataclass(frozen=True, slots=True)
class EstimatorSettings:
    """Noise of a consumer receiver and MEMS inertial sensors; walks and densities are per square root of second.

    Gyro and accelerometer: the zero-rate levels and noise densities of data sheets of phone-grade parts; `pull_mps2` is
    vibration, `accel_bias_walk` the change of the road's grade. `across_share` is side slip in metres of spread per
    metre per second of speed. Wheels: 2 % covers wear and pressure, the walk is warming tyres and their slip under
    power. `antenna_up_m` is how far the antenna sits above the body's roll axis, `roll_s` and `roll_bias_s` smooth the
    roll rate and find its bias. Satellites: `bias_m` and `bias_s` are atmosphere and orbits. A receiver filters, so
    that its places are alike for a second: `fix_factor` is what ten alike fixes a second have their sigma widened by.
    Doppler is measured anew each time and needs less, `velocity_factor`; its lag may differ by `velocity_lag_s`. `gate`
    is the chi-square of two degrees of freedom beyond which a fix is refused, 1e-5 of the good ones.
    """

    yaw_walk_rad: float = 2.0e-4
    turn_share: float = 1.0e-3
    gyro_bias_radps: float = 0.1
    gyro_bias_walk: float = 5.0e-5
    still_radps: float = 2.0e-3
    pull_mps2: float = 0.1
    accel_bias_mps2: float = 1.0
    accel_bias_walk: float = 0.05
    across_share: float = 5.0e-4
    antenna_up_m: float = 1.0
    roll_s: float = 0.1
    roll_bias_s: float = 10.0
    wheel_noise_mps: float = 0.05
    wheel_scale: float = 0.02
    wheel_scale_walk: float = 3.0e-4
    still_mps: float = 0.01
    latency_s: float = 0.0
    latency_sigma_s: float = 0.2
    bias_m: float = 2.0
    bias_s: float = 300.0
    fix_factor: float = 3.0
    velocity_factor: float = 2.0
    velocity_lag_s: float = 0.1
    gate: float = 23.0
    wheel_gate: float = 25.0
    start_speed_mps: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """State `mean` (10,) with `covariance` (10, 10) at `stamp_ns`; the indices are named in this module."""

    stamp_ns: int
    mean: Floats
    covariance: Floats

    def sigma(self, index: int) -> float:
        """1-sigma of a state."""
        return math.sqrt(max(float(self.covariance[index, index]), 0.0))


def started(fix: GnssFix, fix_ns: int, now: TrailPoint, settings: EstimatorSettings) -> Estimate:
    """An estimate at `now` from one fix of a moving car, stamped `fix_ns`; all else is as wide as the devices allow."""
    ahead_s = (now.stamp_ns - fix_ns) * 1e-9 + settings.latency_s
    speed = math.hypot(fix.vx_mps, fix.vy_mps)
    mean = np.zeros(STATES)
    mean[X], mean[Y] = fix.x_m + fix.vx_mps * ahead_s, fix.y_m + fix.vy_mps * ahead_s
    mean[YAW], mean[SPEED] = math.atan2(fix.vy_mps, fix.vx_mps), now.speed_mps
    mean[LATENCY] = settings.latency_s
    noise_m, noise_mps = settings.fix_factor * fix.accuracy_m, settings.fix_factor * fix.speed_accuracy_mps
    wheel_mps = settings.wheel_scale * speed + settings.wheel_noise_mps
    sigma = (
        noise_m, noise_m, noise_mps / speed, wheel_mps, settings.gyro_bias_radps, settings.accel_bias_mps2,
        settings.wheel_scale, settings.latency_sigma_s, settings.bias_m, settings.bias_m,
    )  # fmt: skip
    covariance = np.diag(np.square(sigma))
    # place = fix - bias + speed * lag: what is not known of these is not known of the place, and in step with it
    for place, bias, velocity in ((X, GNSS_X, fix.vx_mps), (Y, GNSS_Y, fix.vy_mps)):
        row = np.zeros(STATES)
        row[bias], row[LATENCY] = -1.0, velocity
        shared = covariance @ row
        covariance[place, :] += shared
        covariance[:, place] += shared
        covariance[place, place] += float(row @ shared) - float(shared[place])
    covariance[X, Y] = covariance[Y, X] = fix.vx_mps * fix.vy_mps * settings.latency_sigma_s**2
    covariance[SPEED, WHEEL_SCALE] = covariance[WHEEL_SCALE, SPEED] = -speed * settings.wheel_scale**2
    return Estimate(now.stamp_ns, mean, covariance)


def propagated(
    estimate: Estimate, stamp_ns: int, yaw_rate_radps: float, acceleration_mps2: float, settings: EstimatorSettings
) -> Estimate:
    """The estimate moved on to `stamp_ns` by the gyro's and the accelerometer's mean since its time.

    A time that is not later changes nothing.
    """
    dt = (stamp_ns - estimate.stamp_ns) * 1e-9
    if dt <= 0.0:
        return estimate
    mean = estimate.mean.copy()
    rate = yaw_rate_radps - mean[GYRO_BIAS]
    pull = acceleration_mps2 - mean[ACCEL_BIAS]
    gone = (mean[SPEED] + 0.5 * pull * dt) * dt
    heading = mean[YAW] + 0.5 * rate * dt
    cos, sin = math.cos(heading), math.sin(heading)
    fade = math.exp(-dt / settings.bias_s)
    mean[X] += gone * cos
    mean[Y] += gone * sin
    mean[YAW] += rate * dt
    mean[SPEED] += pull * dt
    mean[GNSS_X] *= fade
    mean[GNSS_Y] *= fade
    by_state = _EYE.copy()
    by_state[X, YAW], by_state[Y, YAW] = -gone * sin, gone * cos
    by_state[X, SPEED], by_state[Y, SPEED] = dt * cos, dt * sin
    by_state[YAW, GYRO_BIAS] = by_state[SPEED, ACCEL_BIAS] = -dt
    by_state[GNSS_X, GNSS_X] = by_state[GNSS_Y, GNSS_Y] = fade
    covariance = by_state @ estimate.covariance @ by_state.T
    across = (settings.across_share * float(mean[SPEED])) ** 2 * dt
    covariance[X, X] += across * sin * sin
    covariance[Y, Y] += across * cos * cos
    covariance[X, Y] -= across * cos * sin
    covariance[Y, X] -= across * cos * sin
    diagonal = covariance.reshape(-1)[:: STATES + 1]
    diagonal[YAW:] += _walks(float(rate), fade, dt, settings)
    return Estimate(stamp_ns, mean, covariance)


def _walks(rate: float, fade: float, dt: float, settings: EstimatorSettings) -> Floats:
    """Variances (8,) from YAW on that `dt` seconds add."""
    bias = (1.0 - fade * fade) * settings.bias_m**2
    yaw = settings.yaw_walk_rad**2 + (settings.turn_share * rate) ** 2
    return np.array((
        yaw * dt, settings.pull_mps2**2 * dt, settings.gyro_bias_walk**2 * dt, settings.accel_bias_walk**2 * dt,
        settings.wheel_scale_walk**2 * dt, 0.0, bias, bias,
    ))  # fmt: skip


def corrected(
    estimate: Estimate, residual: Floats, jacobian: Floats, noise: Floats, gate: float = math.inf
) -> tuple[Estimate, bool]:
    """The estimate after k measured minus expected values (k,), Jacobian (k, 10), noise (k, k), in Joseph's form.

    Beyond `gate` (chi-square of k degrees of freedom) the estimate stays as it is and False is returned.
    """
    cross = jacobian @ estimate.covariance
    spread = cross @ jacobian.T + noise
    if math.isfinite(gate) and float(residual @ np.linalg.solve(spread, residual)) > gate:
        return estimate, False
    gain = np.linalg.solve(spread, cross).T
    keep = _EYE - gain @ jacobian
    covariance = keep @ estimate.covariance @ keep.T + gain @ noise @ gain.T
    moved = replace(estimate, mean=estimate.mean + gain @ residual, covariance=0.5 * (covariance + covariance.T))
    return moved, True


def with_wheels(estimate: Estimate, wheel_mps: float, settings: EstimatorSettings) -> tuple[Estimate, bool]:
    """The estimate after a wheel speed of its own time; False where the wheels slip or lock."""
    row = np.zeros((1, STATES))
    scale = 1.0 + float(estimate.mean[WHEEL_SCALE])
    row[0, SPEED], row[0, WHEEL_SCALE] = scale, estimate.mean[SPEED]
    residual = np.array((wheel_mps - scale * float(estimate.mean[SPEED]),))
    return corrected(estimate, residual, row, np.array(((settings.wheel_noise_mps**2,),)), settings.wheel_gate)


def at_rest(estimate: Estimate, yaw_rate_radps: float, settings: EstimatorSettings) -> Estimate:
    """The estimate of a car that stands: no speed, and what the gyro says is its bias."""
    rows = np.zeros((2, STATES))
    rows[0, SPEED] = rows[1, GYRO_BIAS] = 1.0
    residual = np.array((-estimate.mean[SPEED], yaw_rate_radps - estimate.mean[GYRO_BIAS]))
    return corrected(estimate, residual, rows, np.diag((settings.still_mps**2, settings.still_radps**2)))[0]


def with_fix(
    estimate: Estimate, trail: Trail, fix: GnssFix, fix_ns: int, settings: EstimatorSettings
) -> tuple[Estimate, bool]:
    """The estimate after a fix that the receiver stamped `fix_ns`, and whether its position was believed."""
    after, believed = _with_position(estimate, trail, fix, fix_ns, settings)
    return (_with_velocity(after, trail, fix, fix_ns, settings) if believed else estimate), believed


def _with_position(
    estimate: Estimate, trail: Trail, fix: GnssFix, fix_ns: int, settings: EstimatorSettings
) -> tuple[Estimate, bool]:
    mean = estimate.mean
    then = trail.at(fix_ns - round(float(mean[LATENCY]) * 1e9))
    now = trail.newest
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
    mean = estimate.mean
    then, now = trail.at(fix_ns - round(float(mean[LATENCY]) * 1e9)), trail.newest
    speed = float(mean[SPEED]) + then.speed_mps - now.speed_mps
    if speed < settings.start_speed_mps:
        return estimate
    heading = float(mean[YAW]) + then.yaw_rad - now.yaw_rad
    cos, sin = math.cos(heading), math.sin(heading)
    rows = np.zeros((2, STATES))
    rows[0, SPEED], rows[1, SPEED] = cos, sin
    rows[0, YAW], rows[1, YAW] = -speed * sin, speed * cos
    rows[0, LATENCY], rows[1, LATENCY] = -then.acceleration_mps2 * cos, -then.acceleration_mps2 * sin
    side = then.sideways_mps
    residual = np.array((fix.vx_mps - speed * cos + side * sin, fix.vy_mps - speed * sin - side * cos))
    direction = np.array((cos, sin))
    lag_mps = settings.velocity_lag_s * then.acceleration_mps2
    noise = np.eye(2) * (settings.velocity_factor * fix.speed_accuracy_mps) ** 2
    noise += np.outer(direction, direction) * lag_mps**2
    return corrected(estimate, residual, rows, noise, settings.gate)[0]
