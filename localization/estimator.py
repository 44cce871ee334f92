"""The one filter of localization: an error-state filter on the plane that calibrates its own sensors.

In: `InertialStep`s (what gyro, accelerometer and wheels say of a short stretch of time), satellite fixes, and rows that
others derive from lane marks and landmarks. Out: `Estimate` in `world`, with the covariance of all that is estimated.
The nominal state is moved by the full equations of motion, the covariance by their linearisation about it (Sola,
Quaternion kinematics for the error-state Kalman filter, 2017, section 5, reduced to the plane).

Nothing is known in advance but how good the devices of a class are: the scales of wheels and gyro, the slip of the
tyres along and across, the biases of gyro and accelerometer, the camera's mount, the lag of the receiver and its slow
error are all states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from geometry.angles import Floats

(
    X, Y, YAW, SPEED, GYRO_BIAS, GYRO_SCALE, ACCEL_BIAS, CLIMB, WHEEL_SCALE, SLIP, SIDE, MOUNT, LATENCY, GNSS_X,
    GNSS_Y,
) = range(15)  # fmt: skip
"""Indices into the state: m, m, rad, m/s along the road, rad/s, share, m/s^2, sine of the slope, share, share per
m/s^2, rad, rad, s, m, m."""
STATES = 15
_GRAVITY_MPS2 = 9.81
_EYE = np.eye(STATES)
DRY_SLIP = 0.0034
"""Slip of a tyre on a dry road per m/s^2."""


@dataclass(frozen=True, slots=True)
class EstimatorSettings:
    """Noise of a consumer receiver and MEMS inertial sensors; walks and densities are per square root of second.

    Gyro and accelerometer: zero-rate levels, noise densities and scale errors of data sheets of phone-grade parts.
    `pull_mps2` is vibration and the pitching of the body, some degrees per g for as long as a car brakes: wheels know
    better within a tenth of a second, and what they have in common with vibration is not slip. Over seconds the two
    average out, `grade_mps2`; the accelerometer's bias holds its tilt in the car too. Roads climb by `climb` (1-sigma);
    their slope and their crossfall last for some hundred metres, `road_m`. `across_share` is side slip in metres of
    spread per metre per second of speed. Wheels: 2 % covers wear and pressure, the walk is warming tyres. `side_rad` is
    how far the motion of the rear axle points off the heading: by crossfall, wind and the slip of tyres sideways.
    `slip_per_mps2`, the slip of a tyre per unit of specific force, is 1 / (C mu g) with a slip stiffness C of 30 loads
    (Rajamani, Vehicle Dynamics and Control, 2nd ed., 4.2): 0.0034 on a dry road, three times that on snow; hence its
    spread. `mount_rad` is how far the camera's mount is turned off its calibration. `antenna_up_m` is how far the
    antenna sits above the body's roll axis. Satellites: `bias_m` and `bias_s` are atmosphere and orbits. A receiver
    filters, so that its places are alike for a second: `fix_factor` is what ten alike fixes a second have their sigma
    widened by. Doppler is measured anew each time and needs less, `velocity_factor`.
    `gate` is the chi-square of two degrees of freedom beyond which a fix is refused, 1e-5 of the good ones.
    """

    yaw_walk_rad: float = 2.0e-4
    turn_share: float = 1.0e-3
    gyro_bias_radps: float = 0.1
    gyro_bias_walk: float = 5.0e-5
    gyro_scale: float = 1.0e-2
    still_radps: float = 2.0e-3
    pull_mps2: float = 1.0
    grade_mps2: float = 0.2
    accel_bias_mps2: float = 1.0
    accel_bias_walk: float = 2.0e-3
    climb: float = 0.04
    road_m: float = 400.0
    across_share: float = 5.0e-4
    antenna_up_m: float = 1.0
    wheel_noise_mps: float = 0.05
    wheel_scale: float = 0.02
    wheel_scale_walk: float = 8.0e-5
    slip_per_mps2: float = DRY_SLIP
    slip_sigma: float = 0.003
    slip_walk: float = 1.0e-4
    side_rad: float = 1.7e-3
    mount_rad: float = 1.0e-3
    mount_walk: float = 1.0e-5
    still_mps: float = 0.01
    latency_s: float = 0.0
    latency_sigma_s: float = 0.2
    bias_m: float = 2.0
    bias_s: float = 300.0
    fix_factor: float = 3.0
    velocity_factor: float = 2.0
    gate: float = 23.0
    wheel_gate: float = 25.0
    start_speed_mps: float = 2.0


@dataclass(frozen=True, slots=True)
class InertialStep:
    """Means of yaw rate and specific force along the car since the last step.

    `force_mps2` is the force without vibration, as tyres feel it. `wheel_mps` is the wheels' word at its end, NaN where
    there is none; `still`: the wheels have stood for a while. `grade_mps2` is what the accelerometer has felt lately
    beside the wheels' acceleration, NaN before that is known.
    """

    stamp_ns: int
    yaw_rate_radps: float
    pull_mps2: float
    force_mps2: float
    wheel_mps: float = math.nan
    still: bool = False
    grade_mps2: float = math.nan


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """State `mean` (15,) with `covariance` (15, 15) at `stamp_ns`; the indices are named in this module."""

    stamp_ns: int
    mean: Floats
    covariance: Floats

    def sigma(self, index: int) -> float:
        """1-sigma of a state."""
        return math.sqrt(max(float(self.covariance[index, index]), 0.0))

    @property
    def speed_mps(self) -> float:
        """Speed along the heading."""
        return float(self.mean[SPEED])


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is wrong with gyro and wheels, as far as it is known."""

    gyro_bias_radps: float = 0.0
    gyro_scale: float = 0.0
    wheel_scale: float = 0.0
    slip_per_mps2: float = DRY_SLIP
    accel_bias_mps2: float = 0.0
    climb: float = 0.0

    def yaw_rate_radps(self, said_radps: float) -> float:
        """Yaw rate behind what the gyro says."""
        return (said_radps - self.gyro_bias_radps) / (1.0 + self.gyro_scale)

    def speed_mps(self, wheel_mps: float, pull_mps2: float) -> float:
        """Speed on the level behind what the wheels say while the accelerometer says `pull_mps2`."""
        force_mps2 = pull_mps2 - self.accel_bias_mps2
        return wheel_mps * levelled(self.climb) / ((1.0 + self.wheel_scale) * (1.0 + self.slip_per_mps2 * force_mps2))


def calibration_of(estimate: Estimate) -> Calibration:
    """The calibration that an estimate has found."""
    mean = estimate.mean
    return Calibration(*mean[[GYRO_BIAS, GYRO_SCALE, WHEEL_SCALE, SLIP, ACCEL_BIAS, CLIMB]].tolist())


def levelled(climb: float) -> float:
    """Share of a way along a slope with that sine that is gone on the level, its cosine."""
    return 1.0 - 0.5 * climb * climb


def propagated(
    estimate: Estimate, stamp_ns: int, yaw_rate_radps: float, pull_mps2: float, settings: EstimatorSettings
) -> Estimate:
    """The estimate moved on to `stamp_ns` by the gyro's and the accelerometer's mean since its time.

    A time that is not later changes nothing.
    """
    dt = (stamp_ns - estimate.stamp_ns) * 1e-9
    if dt <= 0.0:
        return estimate
    mean = estimate.mean.copy()
    calibration = calibration_of(estimate)
    rate = calibration.yaw_rate_radps(yaw_rate_radps)
    climb = float(mean[CLIMB])
    pull, level = pull_mps2 - float(mean[ACCEL_BIAS]) - _GRAVITY_MPS2 * climb, levelled(climb)
    along = (float(mean[SPEED]) + 0.5 * pull * dt) * dt
    gone = level * along
    heading = float(mean[YAW]) + float(mean[SIDE]) + 0.5 * rate * dt
    cos, sin = math.cos(heading), math.sin(heading)
    fade, same = math.exp(-dt / settings.bias_s), math.exp(-abs(along) / settings.road_m)
    mean[X] += gone * cos
    mean[Y] += gone * sin
    mean[YAW] += rate * dt
    mean[SPEED] += pull * dt
    mean[GNSS_X:] *= fade
    mean[SIDE] *= same
    mean[CLIMB] *= same
    by_state = _EYE.copy()
    by_state[X, YAW] = by_state[X, SIDE] = -gone * sin
    by_state[Y, YAW] = by_state[Y, SIDE] = gone * cos
    by_state[CLIMB, CLIMB] = by_state[SIDE, SIDE] = same
    by_state[X, SPEED], by_state[Y, SPEED] = level * dt * cos, level * dt * sin
    turned = dt / (1.0 + calibration.gyro_scale)
    by_state[YAW, GYRO_BIAS], by_state[YAW, GYRO_SCALE] = -turned, -rate * turned
    by_state[X, GYRO_BIAS], by_state[Y, GYRO_BIAS] = 0.5 * turned * gone * sin, -0.5 * turned * gone * cos
    by_state[SPEED, ACCEL_BIAS], by_state[SPEED, CLIMB] = -dt, -_GRAVITY_MPS2 * dt
    half = 0.5 * level * dt * dt
    by_state[X, ACCEL_BIAS], by_state[Y, ACCEL_BIAS] = -half * cos, -half * sin
    by_climb = -_GRAVITY_MPS2 * half - climb * along
    by_state[X, CLIMB], by_state[Y, CLIMB] = by_climb * cos, by_climb * sin
    by_state[GNSS_X, GNSS_X] = by_state[GNSS_Y, GNSS_Y] = fade
    covariance = by_state @ estimate.covariance @ by_state.T
    across = (settings.across_share * float(mean[SPEED])) ** 2 * dt
    covariance[X, X] += across * sin * sin
    covariance[Y, Y] += across * cos * cos
    covariance[X, Y] -= across * cos * sin
    covariance[Y, X] -= across * cos * sin
    diagonal = covariance.reshape(-1)[:: STATES + 1]
    diagonal[YAW:] += _walks(rate, float(mean[SPEED]), (fade, same), dt, settings)
    return Estimate(stamp_ns, mean, covariance)


def _walks(rate: float, speed: float, kept: tuple[float, float], dt: float, settings: EstimatorSettings) -> Floats:
    """Variances (13,) from YAW on that `dt` seconds add; `kept` are the shares of slow states that stay."""
    fade, same = kept
    bias, new = (1.0 - fade * fade) * settings.bias_m**2, 1.0 - same * same
    yaw = settings.yaw_walk_rad**2 + (settings.turn_share * rate) ** 2
    rolling = dt if speed > 0.5 else 0.0  # tyres do not warm and roads do not change while the car stands
    return np.array((
        yaw * dt, settings.pull_mps2**2 * dt, settings.gyro_bias_walk**2 * dt, 0.0, settings.accel_bias_walk**2 * dt,
        new * settings.climb**2, settings.wheel_scale_walk**2 * rolling, settings.slip_walk**2 * rolling,
        new * settings.side_rad**2, settings.mount_walk**2 * rolling, 0.0, bias, bias,
    ))  # fmt: skip


def corrected(
    estimate: Estimate, residual: Floats, jacobian: Floats, noise: Floats, gate: float = math.inf
) -> tuple[Estimate, bool]:
    """The estimate after k measured minus expected values (k,), Jacobian (k, 15), noise (k, k), in Joseph's form.

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


def _told(estimate: Estimate, residual: float, row: Floats, variance: float, gate: float) -> tuple[Estimate, bool]:
    """`corrected` for one value with its row (15,): the same without solving, as it runs at the rate of the wheels."""
    cross = estimate.covariance @ row
    spread = float(row @ cross) + variance
    if residual * residual > gate * spread:
        return estimate, False
    covariance = estimate.covariance - np.outer(cross, cross / spread)
    return replace(estimate, mean=estimate.mean + cross * (residual / spread), covariance=covariance), True


def stepped(estimate: Estimate, step: InertialStep, settings: EstimatorSettings) -> tuple[Estimate, bool]:
    """The estimate at the end of a step; False where its wheels slip or lock and were not believed."""
    moved = propagated(estimate, step.stamp_ns, step.yaw_rate_radps, step.pull_mps2, settings)
    if step.still:
        return at_rest(moved, step.yaw_rate_radps, settings), True
    if math.isnan(step.wheel_mps):
        return moved, True
    if not math.isnan(step.grade_mps2):
        moved = _with_grade(moved, step.grade_mps2, (step.stamp_ns - estimate.stamp_ns) * 1e-9, settings)
    return with_wheels(moved, step.wheel_mps, step.force_mps2, settings)


def _with_grade(estimate: Estimate, grade_mps2: float, dt: float, settings: EstimatorSettings) -> Estimate:
    """The estimate after `dt` seconds in which the accelerometer felt that much beside the wheels' acceleration."""
    if dt <= 0.0:
        return estimate
    row = np.zeros(STATES)
    row[ACCEL_BIAS], row[CLIMB] = 1.0, _GRAVITY_MPS2
    residual = grade_mps2 - float(row @ estimate.mean)
    return _told(estimate, residual, row, settings.grade_mps2**2 / dt, math.inf)[0]


def with_wheels(
    estimate: Estimate, wheel_mps: float, force_mps2: float, settings: EstimatorSettings
) -> tuple[Estimate, bool]:
    """The estimate after a wheel speed of its own time; False where the wheels slip or lock.

    wheel = speed (1 + scale) (1 + slip force): tyres push against inertia and slope, which the accelerometer feels.
    """
    mean = estimate.mean
    scale, force = 1.0 + float(mean[WHEEL_SCALE]), force_mps2 - float(mean[ACCEL_BIAS])
    slipped, speed = 1.0 + float(mean[SLIP]) * force, float(mean[SPEED])
    row = np.zeros(STATES)
    row[SPEED], row[WHEEL_SCALE] = scale * slipped, speed * slipped
    row[SLIP], row[ACCEL_BIAS] = speed * scale * force, -speed * scale * float(mean[SLIP])
    residual = wheel_mps - speed * scale * slipped
    return _told(estimate, residual, row, settings.wheel_noise_mps**2, settings.wheel_gate)


def at_rest(estimate: Estimate, yaw_rate_radps: float, settings: EstimatorSettings) -> Estimate:
    """The estimate of a car that stands: no speed, and what the gyro says is its bias."""
    rows = np.zeros((2, STATES))
    rows[0, SPEED] = rows[1, GYRO_BIAS] = 1.0
    residual = np.array((-estimate.mean[SPEED], yaw_rate_radps - estimate.mean[GYRO_BIAS]))
    return corrected(estimate, residual, rows, np.diag((settings.still_mps**2, settings.still_radps**2)))[0]
