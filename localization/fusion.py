"""The estimator fed in order of arrival: what of each sensor is believed, what is refused and why.

In: values of IMU, wheels and satellites with the stamp of their measurement, in any order and any quality. Out: the
next `Fusion` and a complaint where something was refused (empty otherwise). Odometry runs on IMU and wheels alone, so
that it stays continuous whatever the satellites say; of the estimate it takes the calibration only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from bus.messages import GnssFix
from geometry.angles import Floats
from localization.estimator import (
    GNSS_X,
    GNSS_Y,
    GYRO_BIAS,
    WHEEL_SCALE,
    YAW,
    Estimate,
    EstimatorSettings,
    X,
    Y,
    at_rest,
    propagated,
    started,
    with_fix,
    with_wheels,
)
from localization.trail import Trail, TrailPoint


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """How measurements are judged.

    `future_s`: stamps this far ahead of the newest other one are a broken clock. `late_s`: older fixes are of no use.
    `still_s`: wheels at zero for this long are a standing car, as a wheel's sensor says nothing at a crawl. `frozen`:
    fixes at one place while the wheels turn before the receiver counts as frozen. `again_s`: fixes that contradict the
    estimate but agree with each other this long are believed again, with `again_m` of doubt added to the place.
    """

    estimator: EstimatorSettings = field(default_factory=EstimatorSettings)
    use_gnss: bool = True
    future_s: float = 0.5
    late_s: float = 1.0
    still_s: float = 0.3
    frozen: int = 3
    again_s: float = 10.0
    again_m: float = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """The estimate (None before the first fix of a moving car), odometry, and what the sensors said last."""

    estimate: Estimate | None = None
    trail: Trail | None = None
    imu_ns: int = -1
    yaw_rate_radps: float = 0.0
    acceleration_mps2: float = 0.0
    roll_radps: float = 0.0
    roll_bias_radps: float = 0.0
    wheels_ns: int = -1
    wheel_mps: float = 0.0
    moved_ns: int = -1
    bias_radps: float = 0.0
    """The gyro's bias as last seen at rest, for the time before there is an estimate."""
    fix_ns: int = -1
    fix_x_m: float = math.nan
    fix_y_m: float = math.nan
    same_fixes: int = 0
    believed_ns: int = -1


@dataclass(frozen=True, slots=True)
class Motion:
    """How the car moves now, by the calibrated wheels and gyro."""

    speed_mps: float
    acceleration_mps2: float
    yaw_rate_radps: float


def motion_of(fusion: Fusion) -> Motion:
    """Speed, acceleration and yaw rate; a car whose wheels stand does not turn."""
    speed = fusion.wheel_mps / (1.0 + _state(fusion, WHEEL_SCALE))
    rate = fusion.yaw_rate_radps - (_state(fusion, GYRO_BIAS) if fusion.estimate else fusion.bias_radps)
    newest = None if fusion.trail is None else fusion.trail.newest
    return Motion(speed, 0.0 if newest is None else newest.acceleration_mps2, rate if fusion.wheel_mps else 0.0)


def with_imu(
    fusion: Fusion, stamp_ns: int, angular_velocity_radps: Floats, specific_force_mps2: Floats, settings: FusionSettings
) -> tuple[Fusion, str]:
    """After an IMU sample (3,), (3,) in `ego` axes."""
    if not (np.isfinite(angular_velocity_radps).all() and np.isfinite(specific_force_mps2).all()):
        return fusion, "the IMU says no number"
    if refusal := _order(fusion.imu_ns, stamp_ns, "IMU"):
        return fusion, refusal
    turn_radps, pull_mps2 = float(angular_velocity_radps[2]), float(specific_force_mps2[0])
    moved = _rolled(fusion, stamp_ns, float(angular_velocity_radps[0]), settings.estimator)
    if fusion.imu_ns >= 0:
        rate, pull = 0.5 * (fusion.yaw_rate_radps + turn_radps), 0.5 * (fusion.acceleration_mps2 + pull_mps2)
        moved = _moved(moved, stamp_ns, rate, pull, settings)
    moved = replace(moved, imu_ns=stamp_ns, yaw_rate_radps=turn_radps, acceleration_mps2=pull_mps2)
    return _rested(moved, settings), ""


def with_wheel_speed(fusion: Fusion, stamp_ns: int, wheel_mps: float, settings: FusionSettings) -> tuple[Fusion, str]:
    """After a wheel speed; the gyro's last sample is held up to its time."""
    if not math.isfinite(wheel_mps):
        return fusion, "the wheels say no number"
    if refusal := _order(fusion.wheels_ns, stamp_ns, "wheels"):
        return fusion, refusal
    moved = fusion
    if fusion.imu_ns >= 0:
        moved = _moved(fusion, stamp_ns, fusion.yaw_rate_radps, fusion.acceleration_mps2, settings)
    believed = True
    if moved.estimate is not None:
        estimate, believed = with_wheels(moved.estimate, wheel_mps, settings.estimator)
        moved = replace(moved, estimate=estimate)
    moved_ns = stamp_ns if wheel_mps != 0.0 or fusion.wheels_ns < 0 else fusion.moved_ns
    moved = replace(moved, wheels_ns=stamp_ns, wheel_mps=wheel_mps, moved_ns=moved_ns)
    return moved, "" if believed else "the wheels slip or lock"


def with_gnss(fusion: Fusion, stamp_ns: int, fix: GnssFix, settings: FusionSettings) -> tuple[Fusion, str]:
    """After a satellite fix, stamped by the receiver."""
    if not fix.valid or not settings.use_gnss:
        return fusion, ""
    if not all(map(math.isfinite, (fix.x_m, fix.y_m, fix.vx_mps, fix.vy_mps))) or not fix.accuracy_m > 0.0:
        return fusion, "the satellite receiver says no number"
    if refusal := _order(fusion.fix_ns, stamp_ns, "satellite fix"):
        return fusion, refusal
    if fusion.trail is None:
        return fusion, ""
    age_s = (fusion.trail.newest.stamp_ns - stamp_ns) * 1e-9
    if not -settings.future_s <= age_s <= settings.late_s:
        return fusion, f"a satellite fix is {age_s:.1f} s old"
    same = fusion.same_fixes + 1 if (fix.x_m, fix.y_m) == (fusion.fix_x_m, fusion.fix_y_m) else 0
    seen = replace(fusion, fix_ns=stamp_ns, fix_x_m=fix.x_m, fix_y_m=fix.y_m, same_fixes=same)
    if same >= 1 and motion_of(seen).speed_mps > 1.0:
        return seen, "the satellite receiver repeats itself" if same >= settings.frozen else ""
    return _believing(seen, stamp_ns, fix, settings)


def _believing(fusion: Fusion, stamp_ns: int, fix: GnssFix, settings: FusionSettings) -> tuple[Fusion, str]:
    assert fusion.trail is not None
    if fusion.estimate is None:
        if math.hypot(fix.vx_mps, fix.vy_mps) < settings.estimator.start_speed_mps:
            return fusion, ""
        estimate = started(fix, stamp_ns, fusion.trail.newest, settings.estimator)
        return replace(fusion, estimate=estimate, believed_ns=stamp_ns), ""
    estimate, believed = with_fix(fusion.estimate, fusion.trail, fix, stamp_ns, settings.estimator)
    if believed:
        return replace(fusion, estimate=estimate, believed_ns=stamp_ns), ""
    if (stamp_ns - fusion.believed_ns) * 1e-9 > settings.again_s:
        doubtful = _doubted(fusion.estimate, settings.again_m)
        return replace(fusion, estimate=doubtful, believed_ns=stamp_ns), "satellites insist: the place is in doubt"
    return fusion, "a satellite fix contradicts the motion"


def _doubted(estimate: Estimate, sigma_m: float) -> Estimate:
    """The same estimate, less sure of place and of the satellites' error: one of the two has jumped."""
    covariance = estimate.covariance.copy()
    for index in (X, Y, GNSS_X, GNSS_Y):
        covariance[index, index] += sigma_m**2
    covariance[YAW, YAW] += 0.05**2
    return replace(estimate, covariance=covariance)


def _order(last_ns: int, stamp_ns: int, what: str) -> str:
    if stamp_ns == last_ns:
        return f"{what} repeated"
    return f"{what} out of order" if stamp_ns < last_ns else ""


def _state(fusion: Fusion, index: int) -> float:
    return 0.0 if fusion.estimate is None else float(fusion.estimate.mean[index])


def _moved(
    fusion: Fusion, stamp_ns: int, yaw_rate_radps: float, acceleration_mps2: float, settings: FusionSettings
) -> Fusion:
    """Estimate and odometry at a later time; earlier times change nothing."""
    motion = motion_of(replace(fusion, yaw_rate_radps=yaw_rate_radps))
    if fusion.wheels_ns < 0 and fusion.trail is None:
        return fusion
    if fusion.trail is None:
        return replace(fusion, trail=Trail((TrailPoint(stamp_ns, 0.0, 0.0, 0.0, motion.speed_mps, 0.0),)))
    before = fusion.trail.newest
    dt = (stamp_ns - before.stamp_ns) * 1e-9
    if dt <= 0.0:
        return fusion
    heading, gone = before.yaw_rad + 0.5 * motion.yaw_rate_radps * dt, motion.speed_mps * dt
    # the accelerometer also feels the road's grade; what the wheels gained over half a second does not
    pull = before.acceleration_mps2 + min(dt / 0.2, 1.0) * (
        (motion.speed_mps - before.speed_mps) / dt - before.acceleration_mps2
    )
    point = TrailPoint(
        stamp_ns, before.x_m + gone * math.cos(heading), before.y_m + gone * math.sin(heading),
        before.yaw_rad + motion.yaw_rate_radps * dt, motion.speed_mps, pull,
        -fusion.roll_radps * settings.estimator.antenna_up_m,
    )  # fmt: skip
    estimate = fusion.estimate
    if estimate is not None:
        estimate = propagated(estimate, stamp_ns, yaw_rate_radps, acceleration_mps2, settings.estimator)
    return replace(fusion, trail=fusion.trail.with_point(point), estimate=estimate)


def _rolled(fusion: Fusion, stamp_ns: int, roll_rate_radps: float, settings: EstimatorSettings) -> Fusion:
    """With the roll rate, smoothed and without its bias: a car does not roll over, so that its mean is the bias."""
    if fusion.imu_ns < 0:
        return replace(fusion, roll_bias_radps=roll_rate_radps)
    dt = (stamp_ns - fusion.imu_ns) * 1e-9
    bias = fusion.roll_bias_radps + min(dt / settings.roll_bias_s, 1.0) * (roll_rate_radps - fusion.roll_bias_radps)
    roll = fusion.roll_radps + min(dt / settings.roll_s, 1.0) * (roll_rate_radps - bias - fusion.roll_radps)
    return replace(fusion, roll_radps=roll, roll_bias_radps=bias)


def _rested(fusion: Fusion, settings: FusionSettings) -> Fusion:
    """With what a standing car tells: no speed, and the gyro's bias."""
    if fusion.wheels_ns < 0 or fusion.wheel_mps != 0.0:
        return fusion
    if (fusion.imu_ns - fusion.moved_ns) * 1e-9 < settings.still_s:
        return fusion
    if fusion.estimate is None:
        bias = fusion.bias_radps + 0.05 * (fusion.yaw_rate_radps - fusion.bias_radps)
        return replace(fusion, bias_radps=bias)
    return replace(fusion, estimate=at_rest(fusion.estimate, fusion.yaw_rate_radps, settings.estimator))
