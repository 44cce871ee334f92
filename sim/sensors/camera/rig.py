"""The cameras of a car: what is configured, where calibration believes them to be, and where they really look.

A rig is plain numbers that a configuration file can override. The true camera differs from the calibrated one by the
mounting error, drawn once per drive, and by body pitch and roll, drawn for each picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from geometry.camera import Camera, camera_of

FRONT_LENS = (-0.06, 0.01, 0.0, 0.0, 0.0)
WIDE_LENS = (-0.20, 0.045, 0.0003, -0.0002, 0.0)
SIDE_LENS = (-0.16, 0.020, -0.0002, 0.0003, 0.0)


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One camera: intrinsics in pixels, place and angles in `ego` (positive pitch looks down)."""

    name: str
    focal_px: float
    x_m: float
    y_m: float
    z_m: float
    yaw_deg: float
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    width: int = 640
    height: int = 360
    distortion: tuple[float, float, float, float, float] = WIDE_LENS
    exposure_s: float = 0.004
    """By daylight; at night it is longer."""

    def calibrated(self) -> Camera:
        """The camera as its calibration file says."""
        angles = (math.radians(self.roll_deg), math.radians(self.pitch_deg), math.radians(self.yaw_deg))
        place = (self.x_m, self.y_m, self.z_m)
        return camera_of(self.width, self.height, self.focal_px, place, angles, self.distortion)


@dataclass(frozen=True, slots=True)
class RigErrors:
    """1-sigma of what the calibration does not know: mounting angles (fixed per drive) and the body's motion."""

    calibration_deg: float = 0.05
    body_pitch_deg: float = 0.1
    body_roll_deg: float = 0.1


DEFAULT_CAMERAS = (
    CameraSpec("front_long", 1250.0, 1.9, 0.0, 1.35, 0.0, distortion=FRONT_LENS),
    CameraSpec("front_wide", 430.0, 1.9, 0.0, 1.35, 0.0, 1.5),
    CameraSpec("left", 290.0, 1.7, 0.92, 1.05, 85.0, 5.0, distortion=SIDE_LENS),
    CameraSpec("right", 290.0, 1.7, -0.92, 1.05, -85.0, 5.0, distortion=SIDE_LENS),
    CameraSpec("rear", 340.0, -0.9, 0.0, 1.1, 180.0, 4.0),
)


@dataclass(frozen=True, slots=True)
class RigSettings:
    """All cameras, their rate, how long a picture takes to arrive, and JPEG quality (1 to 100)."""

    cameras: tuple[CameraSpec, ...] = DEFAULT_CAMERAS
    errors: RigErrors = RigErrors()
    period_s: float = 0.1
    latency_s: float = 0.03
    jpeg_quality: int = 92


def mounted(spec: CameraSpec, errors: RigErrors, rng: np.random.Generator) -> Camera:
    """The camera as it is really fixed, for one drive."""
    roll, pitch, yaw = np.radians(errors.calibration_deg) * rng.standard_normal(3)
    return spec.calibrated().turned(float(roll), float(pitch), float(yaw))


def swayed(cameras: tuple[Camera, ...], errors: RigErrors, rng: np.random.Generator) -> tuple[Camera, ...]:
    """All cameras at one instant: the body has pitched and rolled, and they with it."""
    roll = math.radians(errors.body_roll_deg) * float(rng.standard_normal())
    pitch = math.radians(errors.body_pitch_deg) * float(rng.standard_normal())
    return tuple(camera.turned(roll, pitch, 0.0) for camera in cameras)
