"""Odometry from IMU and wheels, fed in order of arrival: what of them is believed, what is refused and why.

In: values of IMU and wheels with the stamp of their measurement, in any order and any quality. Out: the next
`Odometer`, the steps that every filter has to make, and a complaint where something was refused (empty otherwise).
The way in `odom` is made by IMU and wheels alone, so that it stays continuous whatever satellites and marks say; of
an estimate it takes the calibration only. Wheel words wait for the IMU sample that closes their stretch of time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from geometry.angles import Floats
from localization.estimator import Calibration, InertialStep
from localization.trail import Trail, TrailPoint

_LEAST_UP_MPS2 = 5.0
"""With less weight than this on it (a pothole, a broken sensor) an IMU says nothing of how it sits."""
_ROLLING_MPS = 5.0
"""Faster than this a car turns as its wheels are steered, and the gyro says how far that is."""
_STRAIGHT_RAD = 0.1
"""Less than this the steering's gear is even and tyres do not slip."""
_STEERING_WORDS = 1000
"""Words of the steering over which its offset is averaged."""
_WAITING = 8
"""Wheel words that are kept for the next IMU sample."""


@dataclass(frozen=True, slots=True)
class OdometerSettings:
    """How IMU and wheels are judged.

    `still_s`: wheels at zero for this long are a standing car, as a wheel's sensor says nothing at a crawl.
    `silent_s`: without a word of the wheels for so long there is no odometry. `follow_radps`: bandwidth with which the
    speed follows the wheels; above it the accelerometer rules, whose bias (and the road's grade) is found meanwhile,
    for the first time after `grade_s`. `smooth_s`: over which vibration and roll are smoothed; `force_s`: over which
    the force on the tyres is, whose vibration would pass for slip. `roll_bias_s` finds the bias of the roll rate.
    `antenna_up_m` is the antenna above the roll axis. `tilt_s`: over which the tilt of the IMU is averaged. The
    `wheelbase_m` tells by how much a steered car turns.
    """

    still_s: float = 0.3
    silent_s: float = 0.2
    follow_radps: float = 2.0
    grade_s: float = 2.0
    smooth_s: float = 0.1
    force_s: float = 0.5
    roll_bias_s: float = 10.0
    antenna_up_m: float = 1.0
    tilt_s: float = 60.0
    wheelbase_m: float = 2.8


@dataclass(frozen=True, slots=True)
class Tilt:
    """How an IMU sits in the car, from running means since `since_ns` (-1 before the first sample).

    `x`, `y` are the mean specific force across its vertical axis, per unit along it; the means of the turning rates
    about x and y are their biases, as a car does not turn over.
    """

    since_ns: int = -1
    x: float = 0.0
    y: float = 0.0
    x_radps: float = 0.0
    y_radps: float = 0.0

    def upright_radps(self, turning_radps: Floats) -> float:
        """Yaw rate about the vertical of what a tilted gyro (3,) says: hills and crossfall leak into its own axis."""
        x, y, z = turning_radps.tolist()
        return float(z + self.x * (x - self.x_radps) + self.y * (y - self.y_radps))


@dataclass(frozen=True, slots=True, eq=False)
class Odometer:
    """The way so far (None before IMU and wheels have spoken), and what the sensors said last."""

    trail: Trail | None = None
    imu_ns: int = -1
    yaw_rate_radps: float = 0.0
    pull_mps2: float = 0.0
    force_mps2: float = 0.0
    roll_radps: float = 0.0
    roll_bias_radps: float = 0.0
    wheels_ns: int = -1
    wheel_mps: float = 0.0
    waiting: tuple[tuple[int, float], ...] = ()
    """Stamps and speeds of wheel words later than the newest IMU sample."""
    moved_ns: int = -1
    grade_mps2: float = 0.0
    """What the accelerometer feels beside acceleration: its bias and the road's grade."""
    followed_s: float = 0.0
    """For how long the speed has followed the wheels, which is how that is found."""
    tilt: Tilt = Tilt()
    still_radps: float = 0.0
    """The gyro's bias as last seen at rest, for the time before there is an estimate."""
    steering_offset_rad: float = 0.0
    """What the steering says when the car drives straight, as learnt from the gyro over so many words."""
    steering_words: int = 0


Steps = tuple[InertialStep, ...]


def with_wheels(odometer: Odometer, stamp_ns: int, wheel_mps: float) -> tuple[Odometer, str]:
    """After a wheel speed; it is used when the IMU has come as far."""
    if not math.isfinite(wheel_mps):
        return odometer, "the wheels say a number that is not finite"
    newest_ns = odometer.waiting[-1][0] if odometer.waiting else odometer.wheels_ns
    if refusal := out_of_order(newest_ns, stamp_ns, "wheel speed"):
        return odometer, refusal
    return replace(odometer, waiting=(*odometer.waiting[1 - _WAITING :], (stamp_ns, wheel_mps))), ""


def with_steering(odometer: Odometer, steering_rad: float, settings: OdometerSettings) -> Odometer:
    """After a word of the steering: its offset is what remains beside the angle that explains the yaw rate."""
    if odometer.trail is None or not math.isfinite(steering_rad):
        return odometer
    here, offset = odometer.trail.newest, odometer.steering_offset_rad
    if here.speed_mps < _ROLLING_MPS or abs(steering_rad - offset) > _STRAIGHT_RAD:
        return odometer
    turned = math.atan(settings.wheelbase_m * here.yaw_rate_radps / here.speed_mps)
    words = min(odometer.steering_words + 1, _STEERING_WORDS)
    learnt = offset + (steering_rad - turned - offset) / words
    return replace(odometer, steering_offset_rad=learnt, steering_words=words)


def with_imu(
    odometer: Odometer, stamp_ns: int, turning_radps: Floats, force_mps2: Floats, calibration: Calibration | None,
    settings: OdometerSettings,
) -> tuple[Odometer, Steps, str]:  # fmt: skip
    """After an IMU sample (3,), (3,) in `ego` axes: the way up to its time, and the steps of the filters."""
    if not (np.isfinite(turning_radps).all() and np.isfinite(force_mps2).all()):
        return odometer, (), "the IMU says a number that is not finite"
    if refusal := out_of_order(odometer.imu_ns, stamp_ns, "IMU sample"):
        return odometer, (), refusal
    odometer = replace(odometer, tilt=_tilted(odometer, stamp_ns, turning_radps, force_mps2, settings))
    rate, pull = odometer.tilt.upright_radps(turning_radps), float(force_mps2[0])
    odometer = replace(odometer, force_mps2=_felt(odometer, stamp_ns, pull, settings))
    known = calibration or Calibration(odometer.still_radps, accel_bias_mps2=odometer.grade_mps2)
    moved, steps = odometer, []
    for step in _steps_to(odometer, stamp_ns, rate, pull, settings):
        if not math.isnan(step.wheel_mps):
            moved_ns = step.stamp_ns if step.wheel_mps != 0.0 or moved.wheels_ns < 0 else moved.moved_ns
            moved = replace(moved, wheels_ns=step.stamp_ns, wheel_mps=step.wheel_mps, moved_ns=moved_ns)
        still = moved.wheels_ns >= 0 and (step.stamp_ns - moved.moved_ns) * 1e-9 >= settings.still_s
        grade = moved.grade_mps2 if moved.followed_s > settings.grade_s else math.nan
        steps.append(replace(step, still=still, grade_mps2=grade))
        moved = _gone(moved, steps[-1], known, settings)
    later = tuple(word for word in odometer.waiting if word[0] > stamp_ns)
    moved = replace(_rolled(moved, stamp_ns, float(turning_radps[0]), settings), waiting=later)
    if steps and steps[-1].still:
        moved = replace(moved, still_radps=moved.still_radps + 0.05 * (rate - moved.still_radps))
    return replace(moved, imu_ns=stamp_ns, yaw_rate_radps=rate, pull_mps2=pull), tuple(steps), ""


def is_rolling_blind(odometer: Odometer, settings: OdometerSettings) -> bool:
    """Whether the wheels have been silent for so long that the way is no longer known."""
    return odometer.wheels_ns < 0 or (odometer.imu_ns - odometer.wheels_ns) * 1e-9 > settings.silent_s


def out_of_order(last_ns: int, stamp_ns: int, what: str) -> str:
    """Why a measurement that follows one of `last_ns` is refused; empty if it is newer."""
    if stamp_ns > last_ns:
        return ""
    return f"{what} repeated" if stamp_ns == last_ns else f"{what} out of order"


def _steps_to(
    odometer: Odometer, stamp_ns: int, rate: float, pull: float, settings: OdometerSettings
) -> list[InertialStep]:
    """Steps from the last IMU sample to this one, cut where wheel words lie; means by the trapezoidal rule."""
    due = [word for word in odometer.waiting if word[0] <= stamp_ns]
    if odometer.imu_ns < 0 or (stamp_ns - odometer.imu_ns) * 1e-9 > settings.silent_s:
        wheel = due[-1][1] if due else math.nan
        return [InertialStep(stamp_ns, rate, pull, odometer.force_mps2, wheel)]
    words = [(max(at, odometer.imu_ns), wheel) for at, wheel in due]
    if not words or words[-1][0] < stamp_ns:
        words.append((stamp_ns, math.nan))
    span = stamp_ns - odometer.imu_ns
    steps, from_ns = [], odometer.imu_ns
    for at_ns, wheel in words:
        share = (0.5 * (from_ns + at_ns) - odometer.imu_ns) / span
        mean_rate = odometer.yaw_rate_radps + share * (rate - odometer.yaw_rate_radps)
        mean_pull = odometer.pull_mps2 + share * (pull - odometer.pull_mps2)
        steps.append(InertialStep(at_ns, mean_rate, mean_pull, odometer.force_mps2, wheel))
        from_ns = at_ns
    return steps


def _gone(odometer: Odometer, step: InertialStep, known: Calibration, settings: OdometerSettings) -> Odometer:
    """The way one step on."""
    if odometer.wheels_ns < 0:
        return odometer
    said = known.speed_mps(odometer.wheel_mps, step.force_mps2)
    if odometer.trail is None:
        return replace(odometer, trail=Trail((TrailPoint(step.stamp_ns, 0.0, 0.0, 0.0, said, 0.0),)))
    before = odometer.trail.newest
    dt = (step.stamp_ns - before.stamp_ns) * 1e-9
    if dt <= 0.0:
        return odometer
    speed, pull, grade = _speed(odometer, before, said, step.pull_mps2, dt, settings)
    rate = 0.0 if odometer.wheel_mps == 0.0 else known.yaw_rate_radps(step.yaw_rate_radps)
    heading, gone = before.yaw_rad + 0.5 * rate * dt, 0.5 * (before.speed_mps + speed) * dt
    point = TrailPoint(
        step.stamp_ns, before.x_m + gone * math.cos(heading), before.y_m + gone * math.sin(heading),
        before.yaw_rad + rate * dt, speed, pull, -odometer.roll_radps * settings.antenna_up_m, rate,
    )  # fmt: skip
    return replace(
        odometer, trail=odometer.trail.with_point(point), grade_mps2=grade, followed_s=odometer.followed_s + dt
    )


def _speed(
    odometer: Odometer, before: TrailPoint, said_mps: float, pull_mps2: float, dt: float, settings: OdometerSettings
) -> tuple[float, float, float]:
    """Speed, acceleration and grade after `dt`: wheels observed, accelerometer integrated.

    Wheels alone would say every step of their resolution as an acceleration, the accelerometer alone every hill.
    """
    if odometer.wheel_mps == 0.0:
        return 0.0, 0.0, odometer.grade_mps2
    pull = pull_mps2 - odometer.grade_mps2
    foreseen = before.speed_mps + pull * dt
    gap, bandwidth = said_mps - foreseen, min(settings.follow_radps, 0.5 / dt)
    smooth = before.acceleration_mps2 + min(dt / settings.smooth_s, 1.0) * (pull - before.acceleration_mps2)
    return foreseen + 2.0 * bandwidth * dt * gap, smooth, odometer.grade_mps2 - bandwidth**2 * dt * gap


def _tilted(
    odometer: Odometer, stamp_ns: int, turning_radps: Floats, force_mps2: Floats, settings: OdometerSettings
) -> Tilt:
    """The tilt after a sample."""
    tilt, up = odometer.tilt, float(force_mps2[2])
    if up < _LEAST_UP_MPS2:
        return tilt
    said = (float(force_mps2[0]) / up, float(force_mps2[1]) / up, float(turning_radps[0]), float(turning_radps[1]))
    if tilt.since_ns < 0:
        return Tilt(stamp_ns, *said)
    age_s, dt = (stamp_ns - tilt.since_ns) * 1e-9, (stamp_ns - odometer.imu_ns) * 1e-9
    gain = min(dt / min(max(age_s, dt), settings.tilt_s), 1.0)
    mean = (tilt.x, tilt.y, tilt.x_radps, tilt.y_radps)
    return Tilt(tilt.since_ns, *(old + gain * (new - old) for old, new in zip(mean, said, strict=True)))


def _felt(odometer: Odometer, stamp_ns: int, pull_mps2: float, settings: OdometerSettings) -> float:
    """The force along the car without vibration, after a sample."""
    if odometer.imu_ns < 0:
        return pull_mps2
    share = min((stamp_ns - odometer.imu_ns) * 1e-9 / settings.force_s, 1.0)
    return odometer.force_mps2 + share * (pull_mps2 - odometer.force_mps2)


def _rolled(odometer: Odometer, stamp_ns: int, roll_rate_radps: float, settings: OdometerSettings) -> Odometer:
    """With the roll rate, smoothed and without its bias: a car does not roll over, so that its mean is the bias."""
    if odometer.imu_ns < 0:
        return replace(odometer, roll_bias_radps=roll_rate_radps)
    dt = (stamp_ns - odometer.imu_ns) * 1e-9
    bias = odometer.roll_bias_radps
    bias += min(dt / settings.roll_bias_s, 1.0) * (roll_rate_radps - bias)
    roll = odometer.roll_radps + min(dt / settings.smooth_s, 1.0) * (roll_rate_radps - bias - odometer.roll_radps)
    return replace(odometer, roll_radps=roll, roll_bias_radps=bias)
