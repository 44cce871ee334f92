"""The pose filter: exact motion, honest spread, and calibrations found from driving."""

import math

import numpy as np
import pytest

from bus.messages import GnssFix
from localization.pose_filter import (
    GYRO_BIAS,
    LATENCY,
    WHEEL_SCALE,
    YAW,
    Estimate,
    FilterSettings,
    Inertial,
    X,
    Y,
    corrected,
    odometry_step,
    propagated,
    started,
    with_fix,
)

SETTINGS = FilterSettings()
DT_NS = 20_000_000


def fix_at(x_m: float, y_m: float, vx_mps: float, vy_mps: float) -> GnssFix:
    return GnssFix(x_m, y_m, 1.0, vx_mps, vy_mps, 0.1, True)


def sample(k: int, rate: float = 0.0, wheel: float = 10.0) -> Inertial:
    return Inertial(k * DT_NS, rate, 0.0, wheel)


def beginning(vx_mps: float = 10.0, vy_mps: float = 0.0) -> Estimate:
    lag_ns = round(SETTINGS.latency_s * 1e9)
    return started(fix_at(0.0, 0.0, vx_mps, vy_mps), -lag_ns, sample(0), SETTINGS)


def test_it_starts_at_the_fix_heading_where_the_velocity_points() -> None:
    estimate = beginning(0.0, 10.0)
    assert estimate.mean[[X, Y]] == pytest.approx([0.0, 0.0], abs=1e-12)
    assert estimate.mean[YAW] == pytest.approx(math.pi / 2)
    assert math.sqrt(estimate.covariance[X, X]) > SETTINGS.gnss_bias_m


def test_a_circle_at_constant_rate_closes() -> None:
    rate = 2.0 * math.pi / 20.0
    estimate = propagated(beginning(), sample(0, rate), SETTINGS)
    estimate = Estimate(0, estimate.mean, estimate.covariance, sample(0, rate))
    for k in range(1, 1001):
        estimate = propagated(estimate, sample(k, rate), SETTINGS)
    assert estimate.mean[[X, Y]] == pytest.approx([0.0, 0.0], abs=0.02)
    assert estimate.mean[YAW] == pytest.approx(2.0 * math.pi)


def test_an_older_sample_changes_nothing() -> None:
    estimate = propagated(beginning(), sample(5), SETTINGS)
    assert propagated(estimate, sample(3), SETTINGS) is estimate


def test_the_spread_grows_while_driving_and_not_while_standing() -> None:
    moving = beginning()
    for k in range(1, 500):
        moving = propagated(moving, sample(k), SETTINGS)
    assert moving.covariance[Y, Y] > beginning().covariance[Y, Y]
    still = Estimate(0, beginning().mean, beginning().covariance, sample(0, wheel=0.0))
    for k in range(1, 500):
        still = propagated(still, sample(k, rate=0.004, wheel=0.0), SETTINGS)
    assert still.mean[YAW] == pytest.approx(0.0, abs=1e-6)
    assert still.covariance[Y, Y] <= beginning().covariance[Y, Y] + 1e-9
    assert still.mean[GYRO_BIAS] == pytest.approx(0.004, abs=5e-4)


def test_the_jacobian_of_the_motion_carries_a_heading_error_across_the_road() -> None:
    estimate = beginning()
    for k in range(1, 501):
        estimate = propagated(estimate, sample(k), SETTINGS)
    # 100 m on, a heading error of one rad is 100 m across: cov(y, yaw) / var(yaw at the start)
    slope = estimate.covariance[Y, YAW] / SETTINGS.start_yaw_rad**2
    gyro = SETTINGS.gyro_bias_radps**2 / SETTINGS.start_yaw_rad**2
    # by hand: bias b turns the heading by -b t and moves y by -v b t^2 / 2, product v b^2 t^3 / 2
    assert slope == pytest.approx(100.0 + 0.5 * 10.0 * gyro * 10.0**3, rel=0.02)


def test_a_correction_that_measures_all_of_the_place_moves_it_there() -> None:
    rows = np.zeros((2, 9))
    rows[0, X] = rows[1, Y] = 1.0
    after = corrected(beginning(), np.array((3.0, -2.0)), rows, np.eye(2) * 1e-6)
    assert after.mean[[X, Y]] == pytest.approx([3.0, -2.0], abs=1e-3)
    assert np.allclose(after.covariance, after.covariance.T)
    assert np.linalg.eigvalsh(after.covariance).min() > -1e-9


@pytest.mark.parametrize("scale", [-0.01, 0.01])
def test_wheel_scale_gyro_bias_and_latency_are_found_from_fixes_alone(scale: float) -> None:
    """Two minutes of S-curves at changing speed, fixes stamped 0.143 s early, without noise."""
    lag_s, bias = 0.143, 0.005
    x = y = yaw = 0.0
    track: list[tuple[float, float, float, float]] = []
    for k in range(6001):
        t = k * 0.02
        speed, rate = 12.0 + 4.0 * math.sin(0.15 * t), 0.12 * math.sin(0.3 * t)
        track.append((x, y, speed * math.cos(yaw), speed * math.sin(yaw)))
        middle = yaw + 0.01 * rate
        x, y, yaw = x + 0.02 * speed * math.cos(middle), y + 0.02 * speed * math.sin(middle), yaw + 0.02 * rate
    estimate: Estimate | None = None
    for k in range(6001):
        t = k * 0.02
        speed, rate = 12.0 + 4.0 * math.sin(0.15 * t), 0.12 * math.sin(0.3 * t)
        pull = 0.6 * math.cos(0.15 * t)
        said = Inertial(k * DT_NS, rate + bias, pull, speed * (1.0 + scale))
        stamp_ns = k * DT_NS - round(lag_s * 1e9)
        if estimate is None:
            estimate = started(fix_at(*track[k]), stamp_ns, said, SETTINGS)
            continue
        estimate = propagated(estimate, said, SETTINGS)
        if k % 5 == 0:
            estimate, believed = with_fix(estimate, fix_at(*track[k]), stamp_ns, SETTINGS)
            assert believed
    assert estimate is not None
    assert estimate.mean[WHEEL_SCALE] == pytest.approx(scale, abs=2e-3)
    assert estimate.mean[GYRO_BIAS] == pytest.approx(bias, abs=3e-4)
    assert estimate.mean[LATENCY] == pytest.approx(lag_s, abs=0.05)


def test_a_fix_ten_times_its_spread_away_is_refused() -> None:
    estimate = beginning()
    for k in range(1, 200):
        estimate = propagated(estimate, sample(k), SETTINGS)
        if k % 5 == 0:
            estimate, _ = with_fix(estimate, fix_at(0.2 * k, 0.0, 10.0, 0.0), k * DT_NS - 100_000_000, SETTINGS)
    after, believed = with_fix(estimate, fix_at(40.0, 60.0, 10.0, 0.0), 199 * DT_NS - 100_000_000, SETTINGS)
    assert not believed
    assert after is estimate


def test_odometry_takes_the_calibration_off() -> None:
    estimate = beginning()
    mean = estimate.mean.copy()
    mean[GYRO_BIAS], mean[WHEEL_SCALE] = 0.01, 0.02
    calibrated = Estimate(0, mean, estimate.covariance, sample(0))
    step = odometry_step(calibrated, Inertial(DT_NS, 0.01, 0.0, 10.2), 0.02)
    assert (step.speed_mps, step.yaw_rate_radps) == pytest.approx((10.0, 0.0))
    assert step.step.x_m == pytest.approx(0.2)
