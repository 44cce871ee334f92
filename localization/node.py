"""Localization without a map: modes `gnss` and `odometry`, from satellites, IMU and wheels alone.

In: `/sensor/gnss`, `/sensor/imu`, `/sensor/wheels`. Out: `/localization/odometry` at the rate of the wheels,
`/localization/pose` and `/localization/status` at 10 Hz, `/diagnostics` when something was refused. Without a map no
lane is ever certain; the protection levels say how wide the doubt is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from bus.messages import Diagnostic, GnssFix, Imu, Level, LocalizationStatus, Odometry, PoseEstimate, PoseStatus, Wheels
from bus.node import Node, Publication, Tick
from geometry.angles import wrap_rad
from geometry.polyline import Polyline
from geometry.pose import Pose
from localization.estimator import YAW, Estimate, X, Y
from localization.fusion import Fusion, FusionSettings, with_gnss, with_imu, with_steering, with_wheel_speed
from localization.odometer import Odometer, OdometerSettings, is_rolling_blind

_PERIOD_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class LocalizationSettings:
    """What is believed of the sensors, and how many sigma a protection level has: 5.33 is 1e-7 of a Gaussian.

    `lost_m` is the protection level beyond which the pose is said to be lost; `silent_s` how long a sensor may be
    silent before that is reported.
    """

    fusion: FusionSettings = field(default_factory=FusionSettings)
    sigmas: float = 5.33
    lost_m: float = 50.0
    silent_s: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class LocalizationMemory:
    """The estimate, and what was complained of since the last report and in it."""

    fusion: Fusion = field(default_factory=Fusion)
    complaint: str = ""
    said: str = ""


def node(settings: LocalizationSettings, way: Polyline | None = None) -> Node:
    """The node to hand to the executor; `way`: the lane on which the drive is known to begin."""
    return Node(
        name="localization",
        priority=10,
        step=lambda memory, tick: step(settings, memory, tick, way),
        memory=LocalizationMemory(),
        inputs=("/sensor/gnss", "/sensor/imu", "/sensor/wheels"),
        outputs=("/localization/odometry", "/localization/pose", "/localization/status", "/diagnostics"),
        period_ns=_PERIOD_NS,
        triggers=("/sensor/gnss", "/sensor/imu", "/sensor/wheels"),
    )


def step(
    settings: LocalizationSettings, memory: LocalizationMemory, tick: Tick, way: Polyline | None = None
) -> tuple[LocalizationMemory, tuple[Publication, ...]]:
    """One measurement, or one report by the timer."""
    if tick.trigger is None:
        return _reported(settings, memory, tick)
    stamp_ns, fusion, said = tick.trigger.envelope.measured_ns, memory.fusion, settings.fusion
    match tick.trigger.message:
        case Imu() as imu:
            fusion, complaint = with_imu(fusion, stamp_ns, imu.angular_velocity_radps, imu.acceleration_mps2, said)
        case Wheels() as wheels:
            fusion, complaint = with_wheel_speed(fusion, stamp_ns, wheels.speed_mps)
            fusion = with_steering(fusion, wheels.steering_rad, said)
        case GnssFix() as fix:
            fusion, complaint = with_gnss(fusion, stamp_ns, fix, said, way)
        case _:
            return memory, ()
    after = replace(memory, fusion=fusion, complaint=complaint or memory.complaint)
    is_news = fusion.odometer.imu_ns > memory.fusion.odometer.imu_ns
    return after, odometry_of(fusion.odometer, tick, said.odometer) if is_news else ()


def odometry_of(odometer: Odometer, tick: Tick, settings: OdometerSettings) -> tuple[Publication, ...]:
    """The newest odometry; none before wheels and IMU have spoken and while the wheels are silent."""
    wheels = tick.inputs.get("/sensor/wheels")
    if odometer.trail is None or wheels is None or is_rolling_blind(odometer, settings):
        return ()
    here, said = odometer.trail.newest, wheels.message
    odometry = Odometry(
        odom_from_ego=Pose(here.x_m, here.y_m, wrap_rad(here.yaw_rad)),
        speed_mps=here.speed_mps,
        acceleration_mps2=here.acceleration_mps2,
        yaw_rate_radps=here.yaw_rate_radps,
        steering_rad=said.steering_rad - odometer.steering_offset_rad if math.isfinite(said.steering_rad) else 0.0,
        engaged=said.engaged,
    )
    return (Publication("/localization/odometry", odometry, here.stamp_ns),)


def _reported(
    settings: LocalizationSettings, memory: LocalizationMemory, tick: Tick
) -> tuple[LocalizationMemory, tuple[Publication, ...]]:
    complaint = memory.complaint or _silence(settings, tick)
    said = _pose_and_status(settings, memory.fusion)
    if complaint and complaint != memory.said:
        said = (*said, Publication("/diagnostics", Diagnostic("localization", Level.WARNING, complaint)))
    return replace(memory, complaint="", said=complaint), said


def _silence(settings: LocalizationSettings, tick: Tick) -> str:
    """Which sensor has spoken once and is silent now, empty if none is."""
    for topic, received in sorted(tick.inputs.items()):
        if tick.now_ns - received.envelope.received_ns > settings.silent_s * 1e9:
            return f"{topic} is silent"
    return ""


def _pose_and_status(settings: LocalizationSettings, fusion: Fusion) -> tuple[Publication, ...]:
    estimate, trail = fusion.estimate, fusion.odometer.trail
    if estimate is None or trail is None:
        status = LocalizationStatus(PoseStatus.LOST, 0, "no satellite fix of a moving car yet")
        return (Publication("/localization/status", status),)
    mean, here = estimate.mean, trail.newest
    lateral_m, longitudinal_m = (settings.sigmas * sigma for sigma in _spread_m(estimate))
    lost = max(lateral_m, longitudinal_m) > settings.lost_m
    pose = PoseEstimate(
        world_from_odom=Pose(float(mean[X]), float(mean[Y]), wrap_rad(float(mean[YAW])))
        @ Pose(here.x_m, here.y_m, here.yaw_rad).inverse(),
        status=PoseStatus.LOST if lost else PoseStatus.LANE_UNCERTAIN,
        protection_lateral_m=lateral_m,
        protection_longitudinal_m=longitudinal_m,
        protection_heading_rad=settings.sigmas * estimate.sigma(YAW),
        covariance=estimate.covariance[:3, :3],
    )
    reason = "the place is too wide to drive on" if lost else "no map to tell the lane by"
    status = LocalizationStatus(pose.status, 1, reason)
    return Publication("/localization/pose", pose, estimate.stamp_ns), Publication("/localization/status", status)


def _spread_m(estimate: Estimate) -> tuple[float, float]:
    """1-sigma across and along the heading."""
    yaw, place = float(estimate.mean[YAW]), estimate.covariance[:2, :2]
    across = np.array((-math.sin(yaw), math.cos(yaw)))
    along = np.array((math.cos(yaw), math.sin(yaw)))
    return math.sqrt(max(float(across @ place @ across), 0.0)), math.sqrt(max(float(along @ place @ along), 0.0))
