"""The filter behind each lane hypothesis: pose, gyro bias and scale, wheel scale, GNSS latency and bias.

In: IMU samples with the wheel speed of their time, satellite fixes, and rows that others derive from lane marks and
landmarks. Out: an estimate in `world` with covariance. An extended Kalman filter on the plane (Thrun, Burgard, Fox,
Probabilistic Robotics, 3.3): the car moves along its heading by what the wheels say and turns by what the gyro says;
what both have wrong is part of the state, as is the slow part of the satellites' error, so that hundreds of fixes with
the same bias are not taken for hundreds of independent ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bus.messages import GnssFix
from geometry.angles import Floats
from geometry.pose import Pose

X, Y, YAW, GYRO_BIAS, GYRO_SCALE, WHEEL_SCALE, LATENCY, GNSS_X, GNSS_Y = range(9)
"""Indices into the state: m, m, rad, rad/s, share, share, s, m, m."""
STATES = 9


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """Noise of motion and satellites; densities are per square root of second.

    `along_share` and `across_share` are what the motion of a metre per second adds to the position's spread,
    `slip_share` that of each metre per second squared on the wheels, `turn_share` that of turning by a radian.
    `still_radps` is the gyro's noise at rest. `gnss_bias_m` and `gnss_bias_s` describe the satellites' slow error,
    `gnss_factor` how far to mistrust the accuracy that the receiver states, `gate` the chi-square (2 degrees of
    freedom) beyond which a fix is refused.
    """

    along_m: float = 0.005
    along_share: float = 2.5e-3
    across_share: float = 7.0e-4
    slip_share: float = 6.0e-3
    yaw_rad: float = 2.0e-4
    turn_share: float = 1.0e-3
    gyro_bias_walk: float = 2.0e-5
    wheel_scale_walk: float = 2.0e-5
    gyro_bias_radps: float = 1.0e-2
    gyro_scale: float = 5.0e-3
    wheel_scale: float = 2.0e-2
    still_radps: float = 2.0e-3
    latency_s: float = 0.1
    latency_sigma_s: float = 0.1
    gnss_bias_m: float = 3.0
    gnss_bias_s: float = 150.0
    gnss_factor: float = 3.0
    gate: float = 20.0
    start_yaw_rad: float = 0.03


@dataclass(frozen=True, slots=True)
class Inertial:
    """An IMU sample with the wheel speed of its time."""

    stamp_ns: int
    yaw_rate_radps: float
    acceleration_mps2: float
    wheel_mps: float


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """State `mean` (9,) with `covariance` (9, 9) at `stamp_ns`, and the sample that holds then."""

    stamp_ns: int
    mean: Floats
    covariance: Floats
    sample: Inertial

    @property
    def speed_mps(self) -> float:
        """Speed by the calibrated wheels."""
        return self.sample.wheel_mps / (1.0 + float(self.mean[WHEEL_SCALE]))

    @property
    def yaw_rate_radps(self) -> float:
        """Yaw rate by the calibrated gyro."""
        return _turning(self.mean, self.sample.yaw_rate_radps)


def started(fix: GnssFix, stamp_ns: int, sample: Inertial, settings: FilterSettings) -> Estimate:
    """An estimate of a moving car from one fix, stamped `stamp_ns` by the receiver, carried to the sample's time."""
    mean, covariance = np.zeros(STATES), np.zeros((STATES, STATES))
    ahead_s = (sample.stamp_ns - stamp_ns) * 1e-9 - settings.latency_s
    mean[X], mean[Y] = fix.x_m + fix.vx_mps * ahead_s, fix.y_m + fix.vy_mps * ahead_s
    mean[YAW], mean[LATENCY] = math.atan2(fix.vy_mps, fix.vx_mps), settings.latency_s
    spread = (
        settings.start_yaw_rad, settings.gyro_bias_radps, settings.gyro_scale, settings.wheel_scale,
        settings.latency_sigma_s, settings.gnss_bias_m, settings.gnss_bias_m,
    )  # fmt: skip
    covariance[np.arange(YAW, STATES), np.arange(YAW, STATES)] = np.square(spread)
    # the fix is place plus bias plus noise: the less is known of the bias, the less of the place
    noise = (settings.gnss_factor * fix.accuracy_m) ** 2
    velocity = {X: fix.vx_mps, Y: fix.vy_mps}
    for place, bias in ((X, GNSS_X), (Y, GNSS_Y)):
        covariance[place, bias] = covariance[bias, place] = -(settings.gnss_bias_m**2)
        covariance[place, LATENCY] = covariance[LATENCY, place] = -velocity[place] * settings.latency_sigma_s**2
    rows = np.array((fix.vx_mps, fix.vy_mps))
    block = np.outer(rows, rows) * settings.latency_sigma_s**2 + np.eye(2) * (settings.gnss_bias_m**2 + noise)
    covariance[:2, :2] = block
    return Estimate(sample.stamp_ns, mean, covariance, sample)


def _turning(mean: Floats, said_radps: float) -> float:
    """Yaw rate behind what the gyro says."""
    return (said_radps - float(mean[GYRO_BIAS])) / (1.0 + float(mean[GYRO_SCALE]))


def propagated(estimate: Estimate, sample: Inertial, settings: FilterSettings) -> Estimate:
    """The estimate at the sample's time; between two samples their mean holds. Older samples change nothing."""
    dt = (sample.stamp_ns - estimate.stamp_ns) * 1e-9
    if dt <= 0.0:
        return estimate
    mean = estimate.mean.copy()
    wheel = 0.5 * (sample.wheel_mps + estimate.sample.wheel_mps)
    if wheel == 0.0:
        return _standing(estimate, sample, settings)
    rate = _turning(mean, 0.5 * (sample.yaw_rate_radps + estimate.sample.yaw_rate_radps))
    scale = 1.0 + mean[WHEEL_SCALE]
    gone = wheel / scale * dt
    heading = mean[YAW] + 0.5 * rate * dt
    cos, sin = math.cos(heading), math.sin(heading)
    mean[X] += gone * cos
    mean[Y] += gone * sin
    mean[YAW] += rate * dt
    fade = math.exp(-dt / settings.gnss_bias_s)
    mean[GNSS_X] *= fade
    mean[GNSS_Y] *= fade
    by_state = np.eye(STATES)
    by_state[X, YAW], by_state[Y, YAW] = -gone * sin, gone * cos
    by_state[X, WHEEL_SCALE], by_state[Y, WHEEL_SCALE] = -gone / scale * cos, -gone / scale * sin
    by_state[YAW, GYRO_BIAS], by_state[YAW, GYRO_SCALE] = -dt, -rate * dt
    by_state[X, GYRO_BIAS], by_state[Y, GYRO_BIAS] = 0.5 * dt * gone * sin, -0.5 * dt * gone * cos
    by_state[GNSS_X, GNSS_X] = by_state[GNSS_Y, GNSS_Y] = fade
    covariance = by_state @ estimate.covariance @ by_state.T
    _add_noise(covariance, abs(wheel), rate, sample.acceleration_mps2, cos, sin, dt, fade, settings)
    return Estimate(sample.stamp_ns, mean, covariance, sample)


def _standing(estimate: Estimate, sample: Inertial, settings: FilterSettings) -> Estimate:
    """The estimate of a car at rest: what the gyro says then is its bias."""
    row = np.zeros((1, STATES))
    row[0, GYRO_BIAS] = 1.0
    residual = np.array((sample.yaw_rate_radps - estimate.mean[GYRO_BIAS],))
    still = replace(estimate, stamp_ns=sample.stamp_ns, sample=sample)
    return corrected(still, residual, row, np.array(((settings.still_radps**2,),)))


def _add_noise(
    covariance: Floats, speed: float, rate: float, pull: float, cos: float, sin: float, dt: float, fade: float,
    settings: FilterSettings,
) -> None:  # fmt: skip
    """Add to a covariance, in place, what the motion of `dt` seconds makes uncertain."""
    moving = 1.0 if speed > 0.0 else 0.0
    along = moving * settings.along_m + speed * (settings.along_share + settings.slip_share * min(abs(pull), 4.0))
    along, across = along**2 * dt, (settings.across_share * speed) ** 2 * dt
    covariance[X, X] += along * cos * cos + across * sin * sin
    covariance[Y, Y] += along * sin * sin + across * cos * cos
    covariance[X, Y] += (along - across) * cos * sin
    covariance[Y, X] += (along - across) * cos * sin
    covariance[YAW, YAW] += (moving * settings.yaw_rad**2 + (settings.turn_share * rate) ** 2) * dt
    covariance[GYRO_BIAS, GYRO_BIAS] += settings.gyro_bias_walk**2 * dt
    covariance[WHEEL_SCALE, WHEEL_SCALE] += settings.wheel_scale_walk**2 * dt
    bias = (1.0 - fade * fade) * settings.gnss_bias_m**2
    covariance[GNSS_X, GNSS_X] += bias
    covariance[GNSS_Y, GNSS_Y] += bias


def corrected(estimate: Estimate, residual: Floats, jacobian: Floats, noise: Floats) -> Estimate:
    """The estimate after k measured minus expected values with Jacobian (k, 9) and noise (k, k); Joseph's form."""
    spread = jacobian @ estimate.covariance @ jacobian.T + noise
    gain = np.linalg.solve(spread, jacobian @ estimate.covariance).T
    keep = np.eye(STATES) - gain @ jacobian
    covariance = keep @ estimate.covariance @ keep.T + gain @ noise @ gain.T
    return replace(estimate, mean=estimate.mean + gain @ residual, covariance=0.5 * (covariance + covariance.T))


def with_fix(estimate: Estimate, fix: GnssFix, stamp_ns: int, settings: FilterSettings) -> tuple[Estimate, bool]:
    """The estimate after a fix that the receiver stamped `stamp_ns`, and whether its position was believed."""
    mean, speed = estimate.mean, estimate.speed_mps
    cos, sin = math.cos(mean[YAW]), math.sin(mean[YAW])
    late_s = (estimate.stamp_ns - stamp_ns) * 1e-9 - float(mean[LATENCY])
    rows = np.zeros((2, STATES))
    rows[0, X] = rows[1, Y] = rows[0, GNSS_X] = rows[1, GNSS_Y] = 1.0
    rows[0, YAW], rows[1, YAW] = late_s * speed * sin, -late_s * speed * cos
    rows[0, LATENCY], rows[1, LATENCY] = speed * cos, speed * sin
    expected = mean[[X, Y]] + mean[[GNSS_X, GNSS_Y]] - late_s * speed * np.array((cos, sin))
    residual = np.array((fix.x_m, fix.y_m)) - expected
    noise = np.eye(2) * (settings.gnss_factor * fix.accuracy_m) ** 2
    spread = rows @ estimate.covariance @ rows.T + noise
    if float(residual @ np.linalg.solve(spread, residual)) > settings.gate:
        return estimate, False
    return _with_velocity(corrected(estimate, residual, rows, noise), fix, late_s, settings), True


def _with_velocity(estimate: Estimate, fix: GnssFix, late_s: float, settings: FilterSettings) -> Estimate:
    """The estimate after the velocity of a fix that describes the motion `late_s` ago."""
    speed = max(estimate.speed_mps - estimate.sample.acceleration_mps2 * late_s, 0.0)
    if speed < 1.0:
        return estimate
    heading = estimate.mean[YAW] - estimate.yaw_rate_radps * late_s
    cos, sin = math.cos(heading), math.sin(heading)
    rows = np.zeros((2, STATES))
    rows[0, YAW], rows[1, YAW] = -speed * sin, speed * cos
    scale = 1.0 + estimate.mean[WHEEL_SCALE]
    rows[0, WHEEL_SCALE], rows[1, WHEEL_SCALE] = -speed / scale * cos, -speed / scale * sin
    residual = np.array((fix.vx_mps - speed * cos, fix.vy_mps - speed * sin))
    slip = 2.0 * settings.slip_share * speed * min(abs(estimate.sample.acceleration_mps2), 4.0)
    noise = np.eye(2) * (settings.gnss_factor * fix.speed_accuracy_mps + slip) ** 2
    spread = rows @ estimate.covariance @ rows.T + noise
    if float(residual @ np.linalg.solve(spread, residual)) > settings.gate:
        return estimate
    return corrected(estimate, residual, rows, noise)


@dataclass(frozen=True, slots=True)
class OdometryStep:
    """What IMU and wheels say of one sample: the motion since the last one, and how fast the car moves."""

    step: Pose
    speed_mps: float
    acceleration_mps2: float
    yaw_rate_radps: float


def odometry_step(estimate: Estimate | None, sample: Inertial, dt_s: float) -> OdometryStep:
    """The motion over the last `dt_s` by IMU and wheels, with the estimate's calibration where there is one."""
    scale = 1.0 if estimate is None else 1.0 + float(estimate.mean[WHEEL_SCALE])
    speed = sample.wheel_mps / scale
    rate = sample.yaw_rate_radps if estimate is None else _turning(estimate.mean, sample.yaw_rate_radps)
    rate = 0.0 if speed == 0.0 else rate
    gone, half = speed * dt_s, 0.5 * rate * dt_s
    step = Pose(gone * math.cos(half), gone * math.sin(half), rate * dt_s)
    return OdometryStep(step, speed, sample.acceleration_mps2, rate)
