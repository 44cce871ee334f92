"""An inertial measurement unit: true motion to specific force and angular velocity with bias, walk, scale and noise.

In: `/truth/ego`. Out: `/sensor/imu`. Errors as IEEE Std 952 names them: turn-on bias, rate random walk of the bias,
white noise given as density, scale factor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from bus.messages import EgoTruth, Imu
from bus.node import Node, Publication, Tick

GRAVITY_MPS2 = 9.81


@dataclass(frozen=True, slots=True)
class ImuSettings:
    """Errors of an IMU, 1-sigma; densities are per square root of hertz, walks per square root of second."""

    gyro_noise_density: float = 1.2e-4
    gyro_bias_radps: float = 3.0e-3
    gyro_walk: float = 1.0e-5
    gyro_scale: float = 2.0e-3
    accelerometer_noise_density: float = 1.5e-3
    accelerometer_bias_mps2: float = 0.05
    accelerometer_walk: float = 1.0e-4
    accelerometer_scale: float = 3.0e-3
    delay_s: float = 0.0


IMUS: Mapping[str, ImuSettings] = MappingProxyType({
    "automotive": ImuSettings(),
    "consumer": ImuSettings(
        gyro_noise_density=3.0e-4, gyro_bias_radps=1.5e-2, gyro_walk=4.0e-5, gyro_scale=1.0e-2,
        accelerometer_noise_density=3.0e-3, accelerometer_bias_mps2=0.15, accelerometer_scale=1.0e-2,
    ),
})  # fmt: skip
"""Device classes: an automotive MEMS unit after factory calibration, and one out of a phone."""


@dataclass(frozen=True, slots=True, eq=False)
class ImuMemory:
    """Biases and scale errors of this device, shape (3,) each; None before the first sample."""

    gyro_bias_radps: np.ndarray | None = None
    accelerometer_bias_mps2: np.ndarray | None = None
    gyro_scale: np.ndarray | None = None
    accelerometer_scale: np.ndarray | None = None
    stamp_ns: int = 0


def node(settings: ImuSettings) -> Node:
    """The node to hand to the executor."""
    return Node(
        name="imu",
        priority=2,
        step=lambda memory, tick: _step(settings, memory, tick),
        memory=ImuMemory(),
        inputs=("/truth/ego",),
        outputs=("/sensor/imu",),
        triggers=("/truth/ego",),
        latency_ns=round(settings.delay_s * 1e9),
        snapshot=False,
    )


def _step(settings: ImuSettings, memory: ImuMemory, tick: Tick) -> tuple[ImuMemory, tuple[Publication, ...]]:
    assert tick.trigger is not None
    at_ns = tick.trigger.envelope.measured_ns
    memory, imu = measure(settings, memory, tick.trigger.message, at_ns, tick.rng)
    return memory, (Publication("/sensor/imu", imu, at_ns),)


def measure(
    settings: ImuSettings, memory: ImuMemory, ego: EgoTruth, at_ns: int, rng: np.random.Generator
) -> tuple[ImuMemory, Imu]:
    """What the device says of the true motion at `at_ns`; the plane world has neither roll nor pitch."""
    memory, dt_s = _advance(settings, memory, at_ns, rng)
    assert memory.gyro_bias_radps is not None and memory.accelerometer_bias_mps2 is not None
    assert memory.gyro_scale is not None and memory.accelerometer_scale is not None
    force = np.array((ego.acceleration_mps2, ego.speed_mps * ego.yaw_rate_radps, GRAVITY_MPS2))
    rate = np.array((0.0, 0.0, ego.yaw_rate_radps))
    # white noise of density n, averaged over dt, has sigma n / sqrt(dt)
    root = 1.0 / math.sqrt(dt_s)
    force_noise = rng.normal(0.0, settings.accelerometer_noise_density * root, 3)
    rate_noise = rng.normal(0.0, settings.gyro_noise_density * root, 3)
    return memory, Imu(
        acceleration_mps2=force * (1.0 + memory.accelerometer_scale) + memory.accelerometer_bias_mps2 + force_noise,
        angular_velocity_radps=rate * (1.0 + memory.gyro_scale) + memory.gyro_bias_radps + rate_noise,
    )


def _advance(settings: ImuSettings, memory: ImuMemory, at_ns: int, rng: np.random.Generator) -> tuple[ImuMemory, float]:
    """The biases at `at_ns`, and the time since the last sample (0.02 s before the first)."""
    if memory.gyro_bias_radps is None or memory.accelerometer_bias_mps2 is None:
        return (
            ImuMemory(
                gyro_bias_radps=rng.normal(0.0, settings.gyro_bias_radps, 3),
                accelerometer_bias_mps2=rng.normal(0.0, settings.accelerometer_bias_mps2, 3),
                gyro_scale=rng.normal(0.0, settings.gyro_scale, 3),
                accelerometer_scale=rng.normal(0.0, settings.accelerometer_scale, 3),
                stamp_ns=at_ns,
            ),
            0.02,
        )
    dt_s = max((at_ns - memory.stamp_ns) * 1e-9, 1e-3)
    root = math.sqrt(dt_s)
    return (
        ImuMemory(
            gyro_bias_radps=memory.gyro_bias_radps + rng.normal(0.0, settings.gyro_walk * root, 3),
            accelerometer_bias_mps2=memory.accelerometer_bias_mps2
            + rng.normal(0.0, settings.accelerometer_walk * root, 3),
            gyro_scale=memory.gyro_scale,
            accelerometer_scale=memory.accelerometer_scale,
            stamp_ns=at_ns,
        ),
        dt_s,
    )
