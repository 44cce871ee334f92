"""Claims on localization without a map: it finds itself, and broken sensors are reported and bounded."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from bus.messages import Diagnostic, Envelope, GnssFix, Imu, Message, Odometry, PoseEstimate, Wheels
from bus.node import Received, Tick
from geometry.pose import Pose
from localization.node import LocalizationMemory, LocalizationSettings, step

RADIUS_M, SPEED_MPS, GYRO_BIAS, WHEEL_SCALE, LAG_S = 200.0, 12.0, 0.01, 1.01, 0.1
BEGIN_S = 100.0


@dataclass(frozen=True)
class Driven:
    """What the node said, with the error (lateral and along together) of each pose and its bound."""

    errors_m: np.ndarray
    bounds_m: np.ndarray
    complaints: tuple[str, ...]
    odometry: tuple[Odometry, ...]


Fault = Callable[[int, Message], list[tuple[int, Message]]]


def true_pose(t_s: float) -> Pose:
    angle = SPEED_MPS * t_s / RADIUS_M
    return Pose(RADIUS_M * math.sin(angle), RADIUS_M * (1.0 - math.cos(angle)), angle)


def driven(fault: Fault | None = None, span_s: tuple[float, float] = (20.0, 26.0), duration_s: float = 40.0) -> Driven:
    """A car on a circle with biased gyro, wrong wheels and a receiver that stamps late, through a fault of sensors."""
    settings, memory, rng = LocalizationSettings(), LocalizationMemory(), np.random.default_rng(5)
    inputs: dict[str, Received] = {}
    errors, bounds, complaints, odometry = [], [], [], []
    for k in range(round(duration_s * 50)):
        t_s = k * 0.02
        now_ns = round((BEGIN_S + t_s) * 1e9)
        turning = np.array((0.0, 0.0, SPEED_MPS / RADIUS_M + GYRO_BIAS)) + rng.normal(0.0, 1e-3, 3)
        said: list[tuple[str, Message]] = [
            ("/sensor/imu", Imu(acceleration_mps2=(0.0, 0.7, 9.81), angular_velocity_radps=turning)),
            ("/sensor/wheels", Wheels(SPEED_MPS * WHEEL_SCALE, math.nan, True)),
        ]
        if k % 5 == 0:
            then = true_pose(t_s - LAG_S)
            noise = rng.normal(0.0, 0.3, 2)
            velocity = SPEED_MPS * np.array((math.cos(then.yaw_rad), math.sin(then.yaw_rad))) + rng.normal(0.0, 0.05, 2)
            fix = GnssFix(then.x_m + noise[0], then.y_m + noise[1], 1.0, velocity[0], velocity[1], 0.05, True)
            said.append(("/sensor/gnss", fix))
        for topic, message in said:
            is_broken = fault is not None and span_s[0] <= t_s < span_s[1]
            for stamp_ns, broken in fault(now_ns, message) if fault and is_broken else [(now_ns, message)]:
                received = Received(Envelope(topic, "car", k, stamp_ns, now_ns, now_ns), broken)
                inputs[topic] = received
                memory, publications = step(settings, memory, Tick(now_ns, inputs, received, rng))
                odometry += [one.message for one in publications if isinstance(one.message, Odometry)]
        if k % 5 == 0:
            memory, publications = step(settings, memory, Tick(now_ns, inputs, None, rng))
            for one in publications:
                if isinstance(one.message, Diagnostic):
                    complaints.append(one.message.text)
                if isinstance(one.message, PoseEstimate) and odometry:
                    pose = one.message.world_from_odom @ odometry[-1].odom_from_ego
                    true = true_pose(t_s)
                    errors.append(math.hypot(pose.x_m - true.x_m, pose.y_m - true.y_m))
                    level = one.message.protection_lateral_m, one.message.protection_longitudinal_m
                    bounds.append(math.hypot(*level))
    return Driven(np.array(errors), np.array(bounds), tuple(complaints), tuple(odometry))


def not_a_number(stamp_ns: int, message: Message) -> list[tuple[int, Message]]:
    match message:
        case GnssFix() as fix:
            return [(stamp_ns, replace(fix, x_m=math.nan))]
        case Wheels() as wheels:
            return (
                [(stamp_ns, replace(wheels, speed_mps=math.nan))]
                if stamp_ns // 20_000_000 % 2
                else [(stamp_ns, wheels)]
            )
    return [(stamp_ns, message)]


def repeated(stamp_ns: int, message: Message) -> list[tuple[int, Message]]:
    return [(stamp_ns, message)] * 2


def reordered(stamp_ns: int, message: Message) -> list[tuple[int, Message]]:
    return [(stamp_ns, message), (stamp_ns - 30_000_000, message)]


def late(stamp_ns: int, message: Message) -> list[tuple[int, Message]]:
    return [(stamp_ns - 3_000_000_000 if isinstance(message, GnssFix) else stamp_ns, message)]


def silent(stamp_ns: int, message: Message) -> list[tuple[int, Message]]:
    return [] if isinstance(message, GnssFix) else [(stamp_ns, message)]


def frozen(stamp_ns: int, message: Message) -> list[tuple[int, Message]]:
    place = true_pose(20.0)
    return [(stamp_ns, replace(message, x_m=place.x_m, y_m=place.y_m) if isinstance(message, GnssFix) else message)]


def jumped(stamp_ns: int, message: Message) -> list[tuple[int, Message]]:
    return [(stamp_ns, replace(message, x_m=message.x_m + 10.0) if isinstance(message, GnssFix) else message)]


def test_finds_itself_without_a_prior() -> None:
    run = driven()
    assert run.errors_m[-50:].max() < 2.5
    assert (run.errors_m <= run.bounds_m).all()
    assert run.complaints == ()


def test_passes_on_who_drives() -> None:
    assert all(one.engaged for one in driven(duration_s=2.0).odometry)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (not_a_number, "not finite"),
        (repeated, "repeated"),
        (reordered, "out of order"),
        (late, "old"),
        (silent, "silent"),
        (frozen, "repeats itself"),
        (jumped, "contradicts"),
    ],
)
def test_a_broken_sensor_is_reported_and_bounded(fault: Fault, complaint: str) -> None:
    run = driven(fault)
    assert any(complaint in text for text in run.complaints), run.complaints
    assert (run.errors_m <= run.bounds_m).all()
    assert run.errors_m.max() < 6.0


def test_a_minute_without_satellites_stays_within_its_bound() -> None:
    run = driven(silent, (30.0, 90.0), 90.0)
    assert (run.errors_m <= run.bounds_m).all()
    assert run.bounds_m[-1] > run.bounds_m[280]


def test_odometry_never_jumps_when_satellites_do() -> None:
    run = driven(jumped, (20.0, 40.0))
    places = np.array([(one.odom_from_ego.x_m, one.odom_from_ego.y_m) for one in run.odometry])
    steps = np.hypot(*np.diff(places, axis=0).T)
    assert steps.max() < 1.1 * SPEED_MPS * WHEEL_SCALE * 0.02
