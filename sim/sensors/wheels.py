"""Wheel speed and steering angle as the car's own bus says them: scale error, slip that grows with friction's lack.

In: `/truth/ego`, `/truth/weather`. Out: `/sensor/wheels`. Slip in the linear range of the tyre is force over slip
stiffness; with the stiffness per unit of load C that is slip = a / (C mu g) (Rajamani, Vehicle Dynamics and Control,
2nd ed., 4.2), bounded where the tyre leaves that range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bus.messages import EgoTruth, Weather, Wheels
from bus.node import Node, Publication, Tick
from sim.weather import CLEAR_DAY

_GRAVITY_MPS2 = 9.81
_LARGEST_SLIP = 0.2


@dataclass(frozen=True, slots=True)
class WheelSettings:
    """`scale` is the 1-sigma of a constant scale error (tyre radius), unless `fixed_scale` gives it.

    `slip_stiffness` is C above, in units of load; `resolution_mps` the step of the wheel-speed word on the car's bus.
    """

    period_s: float = 0.02
    scale: float = 0.01
    fixed_scale: float | None = None
    noise_mps: float = 0.02
    resolution_mps: float = 0.01
    slip_stiffness: float = 30.0
    steering_noise_rad: float = 2.0e-4
    steering_offset_rad: float = 3.0e-3
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class WheelMemory:
    """This car's scale error and steering offset; None before the first sample."""

    scale: float | None = None
    steering_offset_rad: float = 0.0


def node(settings: WheelSettings) -> Node:
    """The node to hand to the executor."""
    return Node(
        name="wheels",
        priority=2,
        step=lambda memory, tick: _step(settings, memory, tick),
        memory=WheelMemory(),
        inputs=("/truth/ego", "/truth/weather"),
        outputs=("/sensor/wheels",),
        triggers=("/truth/ego",),
        latency_ns=round(settings.delay_s * 1e9),
        snapshot=False,
    )


def _step(settings: WheelSettings, memory: WheelMemory, tick: Tick) -> tuple[WheelMemory, tuple[Publication, ...]]:
    assert tick.trigger is not None
    at_ns = tick.trigger.envelope.measured_ns
    if at_ns % round(settings.period_s * 1e9) != 0:
        return memory, ()
    said = tick.inputs.get("/truth/weather")
    weather = CLEAR_DAY if said is None else said.message
    memory, wheels = measure(settings, memory, tick.trigger.message, weather, tick.rng)
    return memory, (Publication("/sensor/wheels", wheels, at_ns),)


def measure(
    settings: WheelSettings, memory: WheelMemory, ego: EgoTruth, weather: Weather, rng: np.random.Generator
) -> tuple[WheelMemory, Wheels]:
    """What the car's bus says of the true motion; a standing wheel is exactly still."""
    if memory.scale is None:
        drawn = rng.normal(0.0, settings.scale) if settings.fixed_scale is None else settings.fixed_scale
        memory = WheelMemory(float(drawn), float(rng.normal(0.0, settings.steering_offset_rad)))
    assert memory.scale is not None
    speed_noise, steering_noise = rng.normal(0.0, 1.0, 2)
    speed = 0.0
    if abs(ego.speed_mps) > 1e-3:
        slip = ego.acceleration_mps2 / (settings.slip_stiffness * max(weather.friction, 0.05) * _GRAVITY_MPS2)
        slip = min(max(slip, -_LARGEST_SLIP), _LARGEST_SLIP)
        speed = ego.speed_mps * (1.0 + memory.scale) * (1.0 + slip) + settings.noise_mps * speed_noise
    if settings.resolution_mps > 0.0:
        speed = round(speed / settings.resolution_mps) * settings.resolution_mps
    steering = ego.steering_rad + memory.steering_offset_rad + settings.steering_noise_rad * steering_noise
    return memory, Wheels(speed_mps=float(speed), steering_rad=float(steering), engaged=ego.engaged)
