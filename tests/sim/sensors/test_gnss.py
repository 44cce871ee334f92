"""The satellite receiver: its errors have the size that its settings say, and it is silent when it should be."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bus.messages import EgoTruth, Envelope
from bus.node import Received, Tick
from geometry.pose import Pose
from sim.sensors import gnss
from sim.sensors.gnss import RECEIVERS, GnssMemory, GnssSettings, Tunnel, measure

PERFECT = GnssSettings(noise_m=0.0, bias_sigma_m=0.0, velocity_noise_mps=0.0)


def ego(x_m: float = 0.0, y_m: float = 0.0, yaw_rad: float = 0.0, yaw_rate_radps: float = 0.0) -> EgoTruth:
    return EgoTruth(Pose(x_m, y_m, yaw_rad), 10.0, 0.0, yaw_rate_radps, 0.0, True)


def errors_of(settings: GnssSettings, count: int, seed: int = 1) -> np.ndarray:
    rng, memory, rows = np.random.default_rng(seed), GnssMemory(), []
    for k in range(count):
        memory, fix = measure(settings, memory, ego(), k * 100_000_000, rng)
        rows.append((np.nan, np.nan) if fix is None else (fix.x_m, fix.y_m))
    return np.array(rows)


def test_a_perfect_receiver_says_the_antennas_place_and_velocity_in_a_turn() -> None:
    settings = replace(PERFECT, antenna_x_m=2.0, antenna_y_m=1.0)
    _, fix = measure(settings, GnssMemory(), ego(5.0, 6.0, math.pi / 2, 0.5), 0, np.random.default_rng(0))
    assert fix is not None
    assert (fix.x_m, fix.y_m) == pytest.approx((4.0, 8.0))
    # v + omega x r, by hand: 10 m/s north, lever (-1, 2) in world, omega 0.5
    assert (fix.vx_mps, fix.vy_mps) == pytest.approx((-0.5 * 2.0, 10.0 - 0.5 * 1.0))


def test_the_bias_has_the_stated_spread_over_many_drives_and_stays_within_its_limit() -> None:
    settings = replace(PERFECT, bias_sigma_m=2.0, bias_limit_m=5.0)
    first = np.array([errors_of(settings, 1, seed)[0] for seed in range(2000)])
    assert first.std(axis=0) == pytest.approx([2.0, 2.0], rel=0.1)
    assert np.hypot(first[:, 0], first[:, 1]).max() <= 5.0 + 1e-9


def test_the_bias_walks_slowly_and_forgets_within_its_time_constant() -> None:
    walk = np.stack([errors_of(replace(PERFECT, bias_sigma_m=1.0, bias_time_s=10.0), 400, s)[:, 0] for s in range(150)])
    step = np.corrcoef(walk[:, 200], walk[:, 201])[0, 1]
    later = np.corrcoef(walk[:, 0], walk[:, 399])[0, 1]
    assert step > 0.97
    assert abs(later) < 0.3


def test_multipath_jumps_in_a_town_are_metres_large_and_end() -> None:
    away = np.hypot(*errors_of(replace(PERFECT, multipath_rate_hz=1 / 30.0), 6000).T)
    assert (away > 3.0).any()
    assert 0.5 < (away == 0.0).mean() < 0.98


def test_no_fix_in_an_outage_or_a_tunnel() -> None:
    settings = replace(PERFECT, outages_s=((1.0, 2.0),), tunnels=(Tunnel(100.0, 0.0, 20.0),))
    silent = np.isnan(errors_of(settings, 40)[:, 0])
    assert silent.tolist() == [10 <= k < 20 for k in range(40)]
    assert measure(settings, GnssMemory(), ego(90.0), 0, np.random.default_rng(0))[1] is None


def test_random_outages_come_at_their_rate_and_last_their_time() -> None:
    settings = replace(PERFECT, outage_rate_hz=1 / 100.0, outage_time_s=60.0)
    share = np.isnan(errors_of(settings, 40_000)[:, 0]).mean()
    assert share == pytest.approx(60.0 / 160.0, abs=0.12)


def test_the_node_stamps_a_fix_earlier_than_the_motion_it_describes() -> None:
    node = gnss.node(GnssSettings())
    envelope = Envelope("/truth/ego", "simulator", 0, 1_000_000_000, 1_000_000_000, 1_000_000_000)
    tick = Tick(1_000_000_000, {}, Received(envelope, ego()), np.random.default_rng(0))
    _, (said,) = node.step(node.memory, tick)
    assert said.measured_ns == 857_000_000
    assert node.latency_ns == 60_000_000


@pytest.mark.parametrize("name", RECEIVERS)
def test_the_same_seed_gives_the_same_fixes(name: str) -> None:
    assert np.array_equal(errors_of(RECEIVERS[name], 50), errors_of(RECEIVERS[name], 50), equal_nan=True)
