"""Satellites, IMU and wheels together: what is learnt of the wheels although the IMU shakes."""

import math

import numpy as np
import pytest

from bus.messages import GnssFix
from localization.estimator import SLIP, WHEEL_SCALE
from localization.fusion import Fusion, FusionSettings, with_gnss, with_imu, with_wheel_speed

SETTINGS = FusionSettings()


def driven(vibration_mps2: float, slip: float, scale: float) -> Fusion:
    """Two minutes straight on at changing speed, 100 IMU samples a second."""
    rng, fusion, x_m = np.random.default_rng(3), Fusion(), 0.0
    for k in range(12_000):
        t = 0.01 * k
        at_ns = k * 10_000_000
        speed, pull = 14.0 + 6.0 * math.sin(0.2 * t), 1.2 * math.cos(0.2 * t)
        fusion, _ = with_wheel_speed(fusion, at_ns, speed * (1.0 + scale) * (1.0 + slip * pull))
        force = np.array((pull + vibration_mps2 * rng.normal(), 0.0, 9.81))
        fusion, _ = with_imu(fusion, at_ns, np.zeros(3), force, SETTINGS)
        if k % 10 == 0:
            fix = GnssFix(x_m, 0.0, 1.5, speed + 0.05 * rng.normal(), 0.05 * rng.normal(), 0.05, True)
            fusion, _ = with_gnss(fusion, at_ns, fix, SETTINGS)
        x_m += 0.01 * speed
    return fusion


@pytest.mark.parametrize(("vibration_mps2", "within"), [(0.0, 1.5e-3), (0.7, 4.5e-3)])
def test_the_slip_of_the_tyres_is_found_though_the_accelerometer_vibrates(vibration_mps2: float, within: float) -> None:
    slip, scale = 0.006, -0.01
    fusion = driven(vibration_mps2, slip, scale)
    assert fusion.estimate is not None
    assert fusion.estimate.mean[SLIP] == pytest.approx(slip, abs=within)
    assert fusion.estimate.mean[WHEEL_SCALE] == pytest.approx(scale, abs=1e-3)
