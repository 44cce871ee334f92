"""The filter: exact motion, honest spread, and calibrations found from driving."""

import math

import numpy as np
import pytest

from bus.messages import GnssFix
from geometry.pose import IDENTITY
from localization.estimator import (
    ACCEL_BIAS,
    CLIMB,
    GYRO_BIAS,
    LATENCY,
    SIDE,
    SLIP,
    SPEED,
    STATES,
    WHEEL_SCALE,
    YAW,
    Calibration,
    Estimate,
    EstimatorSettings,
    InertialStep,
    X,
    Y,
    corrected,
    propagated,
    stepped,
)
from localization.satellites import placed, started, with_fix
from localization.trail import Trail, TrailPoint

SETTINGS = EstimatorSettings()
DT_NS = 20_000_000


def fix_at(x_m: float, y_m: float, vx_mps: float, vy_mps: float) -> GnssFix:
    return GnssFix(x_m, y_m, 1.0, vx_mps, vy_mps, 0.1, True)


def beginning(vx_mps: float = 10.0, vy_mps: float = 0.0) -> Estimate:
    now = TrailPoint(0, 0.0, 0.0, 0.0, math.hypot(vx_mps, vy_mps), 0.0)
    return started(fix_at(0.0, 0.0, vx_mps, vy_mps), 0, now, SETTINGS)


def moved(estimate: Estimate, steps: int, rate: float = 0.0, pull: float = 0.0) -> Estimate:
    for _ in range(steps):
        estimate = propagated(estimate, estimate.stamp_ns + DT_NS, rate, pull, SETTINGS)
    return estimate


def test_it_starts_at_the_fix_heading_where_the_velocity_points() -> None:
    estimate = beginning(0.0, 10.0)
    assert estimate.mean[[X, Y]] == pytest.approx([0.0, 0.0], abs=1e-12)
    assert estimate.mean[YAW] == pytest.approx(math.pi / 2)
    assert estimate.sigma(X) > SETTINGS.bias_m
    assert np.linalg.eigvalsh(estimate.covariance).min() > 0.0


def test_a_circle_at_constant_rate_closes() -> None:
    estimate = moved(beginning(), 1000, 2.0 * math.pi / 20.0)
    assert estimate.mean[[X, Y]] == pytest.approx([0.0, 0.0], abs=1e-3)
    assert estimate.mean[YAW] == pytest.approx(2.0 * math.pi)


def test_a_time_that_is_not_later_changes_nothing() -> None:
    estimate = moved(beginning(), 5)
    assert propagated(estimate, 3 * DT_NS, 1.0, 1.0, SETTINGS) is estimate


@pytest.mark.parametrize("index", [YAW, SPEED, GYRO_BIAS, ACCEL_BIAS, CLIMB, SIDE])
def test_the_covariance_moves_as_differences_of_the_motion_do(index: int) -> None:
    """The oracle is the nominal motion itself, begun beside the mean."""
    small = 1e-5
    here = beginning()
    here = Estimate(0, here.mean + 0.03 * np.eye(STATES)[CLIMB], here.covariance)
    beside = Estimate(0, here.mean + small * np.eye(STATES)[index], here.covariance)
    only = Estimate(0, here.mean, np.diag(np.eye(STATES)[index]))
    rate, pull = 0.2, 0.5
    slope = (moved(beside, 50, rate, pull).mean - moved(here, 50, rate, pull).mean) / small
    noise = moved(Estimate(0, here.mean, np.zeros((STATES, STATES))), 50, rate, pull).covariance
    spread = moved(only, 50, rate, pull).covariance - noise
    assert spread == pytest.approx(np.outer(slope, slope), rel=0.02, abs=2e-3)


def test_a_standing_car_learns_the_bias_of_its_gyro_and_stays() -> None:
    estimate = placed(IDENTITY, (1.0, 0.02), TrailPoint(0, 0.0, 0.0, 0.0, 0.0, 0.0), SETTINGS)
    before = estimate.sigma(Y)
    for k in range(1, 500):
        estimate, believed = stepped(estimate, InertialStep(k * DT_NS, 0.004, 0.0, 0.0, 0.0, still=True), SETTINGS)
        assert believed
    assert estimate.mean[GYRO_BIAS] == pytest.approx(0.004, abs=5e-4)
    assert estimate.mean[YAW] == pytest.approx(0.0, abs=2e-3)
    assert estimate.sigma(Y) <= before + 1e-3


def test_a_correction_that_measures_all_of_the_place_moves_it_there() -> None:
    rows = np.zeros((2, STATES))
    rows[0, X] = rows[1, Y] = 1.0
    after, _ = corrected(beginning(), np.array((3.0, -2.0)), rows, np.eye(2) * 1e-6)
    assert after.mean[[X, Y]] == pytest.approx([3.0, -2.0], abs=1e-3)
    assert np.allclose(after.covariance, after.covariance.T)
    assert np.linalg.eigvalsh(after.covariance).min() > -1e-9


@pytest.mark.parametrize("scale", [-0.01, 0.01])
def test_wheels_gyro_tyres_and_latency_are_found_from_fixes_alone(scale: float) -> None:
    """Four minutes of S-curves at changing speed on snow, fixes stamped 0.143 s early, without noise."""
    lag_s, bias, slip = 0.143, 0.02, 0.0113
    x = y = yaw = 0.0
    estimate, trail = None, Trail((TrailPoint(0, 0.0, 0.0, 0.0, 12.0, 0.0),))
    for k in range(12_001):
        t = k * 0.02
        speed, rate, pull = 12.0 + 6.0 * math.sin(0.2 * t), 0.12 * math.sin(0.3 * t), 1.2 * math.cos(0.2 * t)
        stamp_ns = round(t * 1e9)
        if k:
            trail = trail.with_point(TrailPoint(stamp_ns, x, y, yaw, speed, pull))
        if estimate is not None:
            wheel = speed * (1.0 + scale) * (1.0 + slip * pull)
            estimate, believed = stepped(estimate, InertialStep(stamp_ns, rate + bias, pull, pull, wheel), SETTINGS)
            assert believed
        if k % 5 == 0:
            fix = fix_at(x, y, speed * math.cos(yaw), speed * math.sin(yaw))
            fix_ns = stamp_ns - round(lag_s * 1e9)
            if estimate is None:
                estimate = started(fix, fix_ns, trail.newest, SETTINGS)
            else:
                estimate, believed = with_fix(estimate, trail, fix, fix_ns, SETTINGS)
                assert believed
        middle = yaw + 0.01 * rate
        x, y, yaw = x + 0.02 * speed * math.cos(middle), y + 0.02 * speed * math.sin(middle), yaw + 0.02 * rate
    assert estimate is not None
    assert estimate.mean[WHEEL_SCALE] == pytest.approx(scale, abs=2e-3)
    assert estimate.mean[SLIP] == pytest.approx(slip, abs=3e-3)
    assert estimate.mean[GYRO_BIAS] == pytest.approx(bias, abs=3e-4)
    assert estimate.mean[LATENCY] == pytest.approx(-lag_s, abs=0.03)


def test_in_a_turn_the_velocity_says_the_lag_and_not_a_wrong_heading() -> None:
    lag_s, speed, rate = 0.15, 15.0, 0.2
    times = [k * 20_000_000 for k in range(-75, 1)]

    def heading(stamp_ns: float) -> float:
        return rate * stamp_ns * 1e-9

    def place(stamp_ns: float) -> tuple[float, float]:
        return speed / rate * math.sin(heading(stamp_ns)), speed / rate * (1.0 - math.cos(heading(stamp_ns)))

    points = [TrailPoint(t, *place(t), heading(t), speed, 0.0, 0.0, rate) for t in times]
    trail = Trail(tuple(points))
    estimate = placed(IDENTITY, (3.0, 0.002), trail.newest, SETTINGS)  # the heading is known, the place is not
    then_ns = -round(lag_s * 1e9)
    direction = heading(then_ns)
    fix = fix_at(*place(then_ns), speed * math.cos(direction), speed * math.sin(direction))
    after, believed = with_fix(estimate, trail, fix, 0, SETTINGS)
    assert believed
    assert abs(after.mean[YAW]) < 0.002
    assert after.mean[LATENCY] > 0.05


def test_a_car_that_goes_crabwise_keeps_its_heading() -> None:
    crab_rad, speed = 1.5e-3, 15.0
    trail = Trail((TrailPoint(-1_000_000_000, -speed, 0.0, 0.0, speed, 0.0), TrailPoint(0, 0.0, 0.0, 0.0, speed, 0.0)))
    estimate = placed(IDENTITY, (1.0, 2e-4), trail.newest, SETTINGS)
    for _ in range(500):
        fix = fix_at(0.0, 0.0, speed * math.cos(crab_rad), speed * math.sin(crab_rad))
        estimate, _ = with_fix(estimate, trail, fix, 0, SETTINGS)
    assert estimate.mean[SIDE] == pytest.approx(crab_rad, rel=0.3)
    assert abs(estimate.mean[YAW]) < 0.1 * crab_rad
    went = moved(estimate, 50).mean
    assert went[Y] / went[X] > 0.5 * crab_rad


def test_on_hills_the_slope_is_felt_and_the_way_on_the_level_is_shorter_than_the_wheels_say() -> None:
    """A minute on the level, then 8 % up, at constant speed; the accelerometer is askew by 0.3 m/s^2."""
    speed, askew, steep = 15.0, 0.3, 0.08
    estimate = placed(IDENTITY, (1.0, 1e-3), TrailPoint(0, 0.0, 0.0, 0.0, speed, 0.0), SETTINGS)
    foot = 0.0
    for k in range(1, 4001):
        climb = steep if k > 3000 else 0.0
        force = 9.81 * climb + askew
        wheel = speed * (1.0 + SETTINGS.slip_per_mps2 * 9.81 * climb)
        estimate, believed = stepped(
            estimate, InertialStep(k * DT_NS, 0.0, force, force, wheel, grade_mps2=force), SETTINGS
        )
        assert believed
        if k <= 3000:
            trail = Trail((TrailPoint(k * DT_NS, 0.02 * speed * k, 0.0, 0.0, speed, 0.0),))
            estimate, _ = with_fix(estimate, trail, fix_at(0.02 * speed * k, 0.0, speed, 0.0), k * DT_NS, SETTINGS)
            foot = float(estimate.mean[X])
    assert estimate.mean[CLIMB] == pytest.approx(steep, abs=0.03)
    along = speed * 1000 * DT_NS * 1e-9
    level = along * math.cos(math.asin(steep))
    assert float(estimate.mean[X]) - foot == pytest.approx(level, abs=0.6 * (along - level))


def test_a_fix_ten_times_its_spread_away_is_refused() -> None:
    estimate, trail = beginning(), Trail((TrailPoint(0, 0.0, 0.0, 0.0, 10.0, 0.0),))
    for k in range(1, 400):
        estimate, _ = stepped(estimate, InertialStep(k * DT_NS, 0.0, 0.0, 0.0, 10.0), SETTINGS)
        trail = trail.with_point(TrailPoint(k * DT_NS, 0.2 * k, 0.0, 0.0, 10.0, 0.0))
        if k % 5 == 0:
            estimate, believed = with_fix(estimate, trail, fix_at(0.2 * k, 0.0, 10.0, 0.0), k * DT_NS, SETTINGS)
            assert believed
    after, believed = with_fix(estimate, trail, fix_at(80.0, 60.0, 10.0, 0.0), 399 * DT_NS, SETTINGS)
    assert not believed
    assert after is estimate


def test_wheels_that_lock_are_not_believed() -> None:
    estimate = beginning()
    for k in range(1, 50):
        estimate, _ = stepped(estimate, InertialStep(k * DT_NS, 0.0, 0.0, 0.0, 10.0), SETTINGS)
    after, believed = stepped(estimate, InertialStep(50 * DT_NS, 0.0, 0.0, 0.0, 4.0), SETTINGS)
    assert not believed
    assert after.mean[SPEED] == pytest.approx(10.0, abs=0.1)


def test_a_calibration_takes_off_what_is_wrong() -> None:
    known = Calibration(gyro_bias_radps=0.01, gyro_scale=0.01, wheel_scale=0.02, slip_per_mps2=0.01)
    assert known.yaw_rate_radps(0.01 + 0.2 * 1.01) == pytest.approx(0.2)
    assert known.speed_mps(10.0 * 1.02 * 1.01, 1.0) == pytest.approx(10.0)
    uphill = Calibration(slip_per_mps2=0.01, accel_bias_mps2=0.5, climb=0.1)
    assert uphill.speed_mps(10.0 * 1.01, 1.5) == pytest.approx(10.0 * math.cos(math.asin(0.1)), rel=1e-4)
