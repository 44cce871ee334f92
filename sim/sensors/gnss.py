"""A satellite receiver: true motion to fixes with noise, walking bias, multipath jumps, outages and a lagging stamp.

In: `/truth/ego`. Out: `/sensor/gnss` (position and velocity of the antenna in `world`). The random processes are a
first-order Gauss-Markov bias (Groves, Principles of GNSS, 2nd ed., 14.2.2), white noise, and jumps that come as a
Poisson process and last for an exponentially distributed time, as reflections in a street do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from bus.messages import EgoTruth, GnssFix
from bus.node import Node, Publication, Tick
from geometry.pose import Pose


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A disc in `world` under which no satellite is seen."""

    x_m: float
    y_m: float
    radius_m: float


@dataclass(frozen=True, slots=True)
class GnssSettings:
    """Errors of a receiver; the defaults are a single-frequency automotive one under open sky.

    `bias_sigma_m` is per axis in steady state, `bias_limit_m` bounds its length. `stamp_lag_s`: the receiver's own
    stamp is that much older than the motion that the fix describes; `delay_s`: from that motion to the delivery.
    `stated_accuracy_m` is what the receiver says of itself, which leaves bias and multipath out, as receivers do.
    `outages_s` are intervals of the drive without any fix; `outage_rate_hz` adds random ones.
    """

    period_s: float = 0.1
    noise_m: float = 0.4
    bias_sigma_m: float = 1.5
    bias_time_s: float = 300.0
    bias_limit_m: float = 5.0
    velocity_noise_mps: float = 0.05
    stated_accuracy_m: float = 1.5
    stated_speed_accuracy_mps: float = 0.1
    multipath_rate_hz: float = 0.0
    multipath_size_m: float = 8.0
    multipath_time_s: float = 6.0
    stamp_lag_s: float = 0.143
    delay_s: float = 0.06
    antenna_x_m: float = 0.0
    antenna_y_m: float = 0.0
    outages_s: tuple[tuple[float, float], ...] = ()
    outage_rate_hz: float = 0.0
    outage_time_s: float = 60.0
    tunnels: tuple[Tunnel, ...] = ()


RECEIVERS: Mapping[str, GnssSettings] = MappingProxyType({
    "single-frequency": GnssSettings(),
    "single-frequency-town": GnssSettings(bias_sigma_m=2.0, noise_m=0.8, multipath_rate_hz=1.0 / 45.0),
    "dual-frequency": GnssSettings(noise_m=0.2, bias_sigma_m=0.6, stated_accuracy_m=0.7, velocity_noise_mps=0.03),
    "rtk": GnssSettings(noise_m=0.01, bias_sigma_m=0.01, stated_accuracy_m=0.02, velocity_noise_mps=0.02),
})  # fmt: skip
"""Receiver classes: u-blox M8 (2.5 m CEP) in the open and between houses, ZED-F9P stand-alone, ZED-F9P with RTK."""


@dataclass(frozen=True, slots=True)
class GnssMemory:
    """Where the random processes stand; `bias_m` is None before the first fix."""

    bias_m: tuple[float, float] | None = None
    jump_m: tuple[float, float] = (0.0, 0.0)
    jump_until_ns: int = 0
    outage_until_ns: int = 0


def node(settings: GnssSettings) -> Node:
    """The node to hand to the executor."""
    return Node(
        name="gnss",
        priority=2,
        step=lambda memory, tick: _step(settings, memory, tick),
        memory=GnssMemory(),
        inputs=("/truth/ego",),
        outputs=("/sensor/gnss",),
        triggers=("/truth/ego",),
        latency_ns=round(settings.delay_s * 1e9),
        snapshot=False,
    )


def _step(settings: GnssSettings, memory: GnssMemory, tick: Tick) -> tuple[GnssMemory, tuple[Publication, ...]]:
    assert tick.trigger is not None
    at_ns = tick.trigger.envelope.measured_ns
    if at_ns % round(settings.period_s * 1e9) != 0:
        return memory, ()
    memory, fix = measure(settings, memory, tick.trigger.message, at_ns, tick.rng)
    stamp_ns = at_ns - round(settings.stamp_lag_s * 1e9)
    if fix is None or stamp_ns < 0:
        return memory, ()
    return memory, (Publication("/sensor/gnss", fix, stamp_ns),)


def measure(
    settings: GnssSettings, memory: GnssMemory, ego: EgoTruth, at_ns: int, rng: np.random.Generator
) -> tuple[GnssMemory, GnssFix | None]:
    """The fix that describes the motion at `at_ns`, None while no satellite is seen; call it once per period."""
    memory = _advance(settings, memory, at_ns, rng)
    noise = rng.normal(0.0, settings.noise_m, 2)
    velocity_noise = rng.normal(0.0, settings.velocity_noise_mps, 2)
    if _is_blocked(settings, memory, ego.world_from_ego, at_ns):
        return memory, None
    assert memory.bias_m is not None
    lever = np.array((settings.antenna_x_m, settings.antenna_y_m))
    antenna = ego.world_from_ego @ lever
    x, y = antenna + np.array(memory.bias_m) + np.array(memory.jump_m) + noise
    ahead_mps, left_mps = ego.speed_mps - ego.yaw_rate_radps * lever[1], ego.yaw_rate_radps * lever[0]
    turn = Pose(0.0, 0.0, ego.world_from_ego.yaw_rad)
    vx, vy = turn @ np.array((ahead_mps, left_mps)) + velocity_noise
    stated = (settings.stated_accuracy_m, settings.stated_speed_accuracy_mps)
    return memory, GnssFix(float(x), float(y), stated[0], float(vx), float(vy), stated[1], True)


def _advance(settings: GnssSettings, memory: GnssMemory, at_ns: int, rng: np.random.Generator) -> GnssMemory:
    """The random processes one period later."""
    bias = _next_bias(settings, memory.bias_m, rng)
    if at_ns >= memory.jump_until_ns:
        memory = replace(memory, jump_m=(0.0, 0.0))
        if rng.random() < settings.multipath_rate_hz * settings.period_s:
            size, bearing = rng.exponential(settings.multipath_size_m), rng.uniform(-math.pi, math.pi)
            lasting_ns = round(rng.exponential(settings.multipath_time_s) * 1e9)
            jump = (size * math.cos(bearing), size * math.sin(bearing))
            memory = replace(memory, jump_m=jump, jump_until_ns=at_ns + lasting_ns)
    if at_ns >= memory.outage_until_ns and rng.random() < settings.outage_rate_hz * settings.period_s:
        memory = replace(memory, outage_until_ns=at_ns + round(settings.outage_time_s * 1e9))
    return replace(memory, bias_m=bias)


def _next_bias(
    settings: GnssSettings, bias_m: tuple[float, float] | None, rng: np.random.Generator
) -> tuple[float, float]:
    draw = rng.normal(0.0, settings.bias_sigma_m, 2)
    if bias_m is not None:
        keep = math.exp(-settings.period_s / settings.bias_time_s)
        draw = keep * np.array(bias_m) + math.sqrt(1.0 - keep * keep) * draw
    length = math.hypot(draw[0], draw[1])
    scale = min(1.0, settings.bias_limit_m / length) if length > 0.0 else 1.0
    return float(draw[0] * scale), float(draw[1] * scale)


def _is_blocked(settings: GnssSettings, memory: GnssMemory, world_from_ego: Pose, at_ns: int) -> bool:
    t_s = at_ns * 1e-9
    if at_ns < memory.outage_until_ns or any(first <= t_s < last for first, last in settings.outages_s):
        return True
    x, y = world_from_ego.x_m, world_from_ego.y_m
    return any(math.hypot(x - tunnel.x_m, y - tunnel.y_m) <= tunnel.radius_m for tunnel in settings.tunnels)
