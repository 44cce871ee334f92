"""Localization by satellites, IMU and wheels alone: the filter fed in order of arrival.

In: values of the three sensors with the stamp of their measurement, in any order and any quality. Out: the next
`Fusion` and a complaint where something was refused (empty otherwise).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from bus.messages import GnssFix
from geometry.angles import Floats
from geometry.polyline import Polyline
from geometry.pose import Pose
from localization import odometer, satellites
from localization.estimator import Calibration, Estimate, EstimatorSettings, calibration_of, stepped
from localization.odometer import Odometer, OdometerSettings
from localization.satellites import Receiver, ReceiverSettings


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """Settings of the filter, and how fixes that contradict it are treated.

    `use_gnss`: otherwise satellites give the start only. `again_s`: fixes that contradict the estimate but agree with
    each other this long are believed again, with `again_m` of doubt added to the place. A start on a known way is known
    to `start_m` and `start_rad`.
    """

    estimator: EstimatorSettings = field(default_factory=EstimatorSettings)
    odometer: OdometerSettings = field(default_factory=OdometerSettings)
    receiver: ReceiverSettings = field(default_factory=ReceiverSettings)
    use_gnss: bool = True
    again_s: float = 10.0
    again_m: float = 10.0
    start_m: float = 1.5
    start_rad: float = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """The estimate (None before it has begun), odometry, the receiver, and when a fix was last believed."""

    odometer: Odometer = field(default_factory=Odometer)
    receiver: Receiver = field(default_factory=Receiver)
    estimate: Estimate | None = None
    believed_ns: int = -1

    @property
    def calibration(self) -> Calibration | None:
        """What the estimate knows of the sensors."""
        return None if self.estimate is None else calibration_of(self.estimate)


def with_imu(
    fusion: Fusion, stamp_ns: int, turning_radps: Floats, force_mps2: Floats, settings: FusionSettings
) -> tuple[Fusion, str]:
    """After an IMU sample (3,), (3,) in `ego` axes."""
    moved, steps, complaint = odometer.with_imu(
        fusion.odometer, stamp_ns, turning_radps, force_mps2, fusion.calibration, settings.odometer
    )
    estimate = fusion.estimate
    for step in steps:
        if estimate is None:
            break
        estimate, believed = stepped(estimate, step, settings.estimator)
        complaint = complaint if believed else "the wheels slip or lock"
    return replace(fusion, odometer=moved, estimate=estimate), complaint


def with_steering(fusion: Fusion, steering_rad: float, settings: FusionSettings) -> Fusion:
    """After a steering angle."""
    return replace(fusion, odometer=odometer.with_steering(fusion.odometer, steering_rad, settings.odometer))


def with_wheel_speed(fusion: Fusion, stamp_ns: int, wheel_mps: float) -> tuple[Fusion, str]:
    """After a wheel speed."""
    heard, complaint = odometer.with_wheels(fusion.odometer, stamp_ns, wheel_mps)
    return replace(fusion, odometer=heard), complaint


def with_gnss(
    fusion: Fusion, stamp_ns: int, fix: GnssFix, settings: FusionSettings, way: Polyline | None = None
) -> tuple[Fusion, str]:
    """After a satellite fix, stamped by the receiver; `way` is where the car is known to begin, if it is."""
    trail = fusion.odometer.trail
    if trail is None or not (settings.use_gnss or fusion.estimate is None):
        return fusion, ""
    receiver, useful, complaint = satellites.heard(fusion.receiver, fix, stamp_ns, trail.newest, settings.receiver)
    fusion = replace(fusion, receiver=receiver)
    if not useful:
        return fusion, complaint
    if fusion.estimate is None:
        return replace(fusion, estimate=_begun(fusion, stamp_ns, fix, settings, way), believed_ns=stamp_ns), ""
    estimate, believed = satellites.with_fix(fusion.estimate, trail, fix, stamp_ns, settings.estimator)
    if believed:
        return replace(fusion, estimate=estimate, believed_ns=stamp_ns), ""
    if (stamp_ns - fusion.believed_ns) * 1e-9 > settings.again_s:
        doubtful = satellites.doubted(fusion.estimate, settings.again_m)
        return replace(fusion, estimate=doubtful, believed_ns=stamp_ns), "satellites insist: the place is in doubt"
    return fusion, "a satellite fix contradicts the motion"


def _begun(
    fusion: Fusion, stamp_ns: int, fix: GnssFix, settings: FusionSettings, way: Polyline | None
) -> Estimate | None:
    """The first estimate: on the known way, else from a moving car's fix; None while that cannot be."""
    assert fusion.odometer.trail is not None
    now = fusion.odometer.trail.newest
    if way is not None:
        spread = settings.start_m, settings.start_rad
        return satellites.placed(on_way(way, fix, stamp_ns, now.stamp_ns), spread, now, settings.estimator)
    if math.hypot(fix.vx_mps, fix.vy_mps) < settings.estimator.start_speed_mps:
        return None
    return satellites.started(fix, stamp_ns, now, settings.estimator)


def on_way(way: Polyline, fix: GnssFix, fix_ns: int, now_ns: int) -> Pose:
    """The pose on a way that is nearest to where a fix says the car is now."""
    ahead_s = (now_ns - fix_ns) * 1e-9
    along, _ = way.project(np.array(((fix.x_m + ahead_s * fix.vx_mps, fix.y_m + ahead_s * fix.vy_mps),)))
    x_m, y_m = way.position(float(along[0]))
    return Pose(float(x_m), float(y_m), float(way.heading(float(along[0]))))
