"""The inertial unit: what it says of known motion, and how its errors grow."""

import numpy as np
import pytest

from bus.messages import EgoTruth
from geometry.pose import IDENTITY
from sim.sensors.imu import IMUS, ImuMemory, ImuSettings, measure

STILL = EgoTruth(IDENTITY, 0.0, 0.0, 0.0, 0.0, False)
PERFECT = ImuSettings(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def rates_of(settings: ImuSettings, count: int, seed: int, ego: EgoTruth = STILL) -> np.ndarray:
    rng, memory, rows = np.random.default_rng(seed), ImuMemory(), []
    for k in range(count):
        memory, imu = measure(settings, memory, ego, k * 20_000_000, rng)
        rows.append(imu.angular_velocity_radps[2])
    return np.array(rows)


def test_specific_force_is_gravity_at_rest_and_centripetal_in_a_turn() -> None:
    rng = np.random.default_rng(0)
    _, rest = measure(PERFECT, ImuMemory(), STILL, 0, rng)
    assert rest.acceleration_mps2 == pytest.approx([0.0, 0.0, 9.81])
    turn = EgoTruth(IDENTITY, 20.0, -1.5, 0.2, 0.0, True)
    _, turning = measure(PERFECT, ImuMemory(), turn, 0, rng)
    assert turning.acceleration_mps2 == pytest.approx([-1.5, 4.0, 9.81])
    assert turning.angular_velocity_radps == pytest.approx([0.0, 0.0, 0.2])


def test_integrated_white_noise_grows_with_the_root_of_time_as_its_density_says() -> None:
    settings = ImuSettings(1e-3, 0.0, 0.0, 0.0)
    angles = np.stack([np.cumsum(rates_of(settings, 500, s)) * 0.02 for s in range(150)])
    # angle random walk: density times root of time
    assert angles[:, -1].std() == pytest.approx(1e-3 * np.sqrt(10.0), rel=0.2)


def test_the_bias_is_constant_in_a_drive_but_for_its_walk_and_differs_between_devices() -> None:
    settings = ImuSettings(0.0, 3e-3, 0.0, 0.0)
    biases = [rates_of(settings, 20, seed) for seed in range(200)]
    assert all(np.ptp(bias) < 1e-12 for bias in biases)
    assert np.std([bias[0] for bias in biases]) == pytest.approx(3e-3, rel=0.2)
    walking = rates_of(ImuSettings(0.0, 0.0, 1e-3, 0.0), 2000, 1)
    assert np.ptp(walking) > 1e-3


@pytest.mark.parametrize("name", IMUS)
def test_the_same_seed_gives_the_same_samples(name: str) -> None:
    assert np.array_equal(rates_of(IMUS[name], 30, 5), rates_of(IMUS[name], 30, 5))
