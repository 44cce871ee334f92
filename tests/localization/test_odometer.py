"""The way by IMU and wheels: what a gyro that sits askew says on hills is no turn."""

import math

import numpy as np
import pytest

from localization import odometer
from localization.odometer import Odometer, OdometerSettings

GRAVITY_MPS2, BIAS_RADPS = 9.81, np.array((0.01, 0.035, 0.0))


def over_hills(tilt_rad: float, duration_s: float) -> tuple[Odometer, np.ndarray]:
    """Straight on at 15 m/s over hills of three degrees, with an IMU that is rolled by `tilt_rad` in its mount.

    Also the heading that it claims, degrees, at each sample.
    """
    cos, sin = math.cos(tilt_rad), math.sin(tilt_rad)
    car, headings = Odometer(), []
    for k in range(round(duration_s * 50.0)):
        t = 0.02 * k
        pitch, rate = math.radians(3.0) * math.sin(0.3 * t), math.radians(3.0) * 0.3 * math.cos(0.3 * t)
        # the car's lateral axis and its vertical as the askew IMU has them
        turning = rate * np.array((0.0, cos, -sin)) + BIAS_RADPS
        force = GRAVITY_MPS2 * np.array((math.sin(pitch), sin * math.cos(pitch), cos * math.cos(pitch)))
        at_ns = k * 20_000_000
        car, _ = odometer.with_wheels(car, at_ns, 15.0)
        car, _, complaint = odometer.with_imu(car, at_ns, turning, force, None, OdometerSettings())
        assert complaint == ""
        headings.append(0.0 if car.trail is None else math.degrees(car.trail.newest.yaw_rad))
    return car, np.array(headings)


@pytest.mark.parametrize("tilt_rad", [-0.05, 0.0, 0.05])
def test_hills_hardly_turn_a_car_whose_imu_sits_askew(tilt_rad: float) -> None:
    late = over_hills(tilt_rad, 120.0)[1][3000:]
    believed_whole_deg = 6.0 * abs(math.sin(tilt_rad))
    assert np.ptp(late) < 0.25 * believed_whole_deg + 1e-6


def test_how_an_imu_sits_is_known_from_gravity() -> None:
    assert over_hills(0.05, 60.0)[0].tilt.y == pytest.approx(math.tan(0.05), rel=0.02)


def test_an_imu_without_weight_on_it_says_nothing_of_how_it_sits() -> None:
    falling, _, _ = odometer.with_imu(Odometer(), 0, np.zeros(3), np.zeros(3), None, OdometerSettings())
    assert falling.tilt.since_ns == -1
    assert falling.tilt.upright_radps(np.array((1.0, 1.0, 0.5))) == 0.5


@pytest.mark.parametrize("curvature_radpm", [0.0, 0.01])
def test_the_offset_of_the_steering_is_learnt_on_the_road(curvature_radpm: float) -> None:
    settings, car = OdometerSettings(wheelbase_m=3.0), Odometer()
    steered = math.atan(3.0 * curvature_radpm)
    for k in range(600):
        at_ns = k * 20_000_000
        car, _ = odometer.with_wheels(car, at_ns, 15.0)
        car, _, _ = odometer.with_imu(
            car, at_ns, np.array((0.0, 0.0, 15.0 * curvature_radpm)), np.array((0.0, 0.0, GRAVITY_MPS2)), None, settings
        )  # fmt: skip
        car = odometer.with_steering(car, steered + 0.004, settings)
    assert car.steering_offset_rad == pytest.approx(0.004, abs=2e-4)


def test_a_car_that_parks_learns_nothing_of_its_steering() -> None:
    car = over_hills(0.0, 2.0)[0]
    assert odometer.with_steering(car, math.nan, OdometerSettings()) == car
    assert odometer.with_steering(car, 0.4, OdometerSettings()).steering_words == 0
    assert odometer.with_steering(Odometer(), 0.004, OdometerSettings()).steering_words == 0
