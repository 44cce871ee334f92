"""Wheel odometry: scale, slip with the road's friction, resolution and standstill."""

from dataclasses import replace

import numpy as np
import pytest

from bus.messages import EgoTruth
from geometry.pose import IDENTITY
from sim.sensors.wheels import WheelMemory, WheelSettings, measure
from sim.weather import CLEAR_DAY

EXACT = WheelSettings(fixed_scale=0.0, noise_mps=0.0, resolution_mps=0.0)


def driving(speed_mps: float, acceleration_mps2: float = 0.0) -> EgoTruth:
    return EgoTruth(IDENTITY, speed_mps, acceleration_mps2, 0.0, 0.1, True)


def speed_of(settings: WheelSettings, ego: EgoTruth, friction: float = 1.0, seed: int = 0) -> float:
    weather = replace(CLEAR_DAY, friction=friction)
    return measure(settings, WheelMemory(), ego, weather, np.random.default_rng(seed))[1].speed_mps


def test_exact_wheels_say_the_speed() -> None:
    assert speed_of(EXACT, driving(17.3)) == pytest.approx(17.3)


def test_the_scale_error_is_a_constant_share_of_the_speed() -> None:
    settings = replace(EXACT, fixed_scale=-0.01)
    assert speed_of(settings, driving(10.0)) == pytest.approx(9.9)
    assert speed_of(settings, driving(30.0)) == pytest.approx(29.7)
    drawn = [speed_of(replace(EXACT, fixed_scale=None), driving(1.0), seed=s) - 1.0 for s in range(500)]
    assert np.std(drawn) == pytest.approx(0.01, rel=0.15)


def test_wheels_turn_faster_when_driven_and_slower_when_braked_the_more_the_smoother_the_road() -> None:
    driven = [speed_of(EXACT, driving(10.0, 2.0), friction) for friction in (1.0, 0.5, 0.2)]
    braked = [speed_of(EXACT, driving(10.0, -2.0), friction) for friction in (1.0, 0.5, 0.2)]
    assert 10.0 < driven[0] < driven[1] < driven[2]
    assert 10.0 > braked[0] > braked[1] > braked[2]


def test_a_standing_car_has_standing_wheels() -> None:
    assert speed_of(WheelSettings(), driving(0.0)) == 0.0


def test_the_speed_comes_in_steps_of_the_resolution() -> None:
    said = [speed_of(WheelSettings(), driving(12.345), seed=s) for s in range(30)]
    assert np.allclose(np.array(said) / 0.01, np.round(np.array(said) / 0.01), atol=1e-6)


def test_the_offset_of_the_steering_stays_and_the_engaged_flag_passes() -> None:
    rng, memory = np.random.default_rng(3), WheelMemory()
    angles = []
    for _ in range(100):
        memory, wheels = measure(WheelSettings(steering_noise_rad=0.0), memory, driving(5.0), CLEAR_DAY, rng)
        angles.append(wheels.steering_rad)
        assert wheels.engaged
    assert np.ptp(angles) < 1e-12
    assert angles[0] != 0.1
