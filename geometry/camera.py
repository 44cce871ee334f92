"""Pinhole camera with Brown distortion: points to pixels, pixels to rays and to the ground.

Frames: `camera` has x right, y down, z forward (optical axis); `ego` stands on the ground, x forward, y left, z up.
Pixels: u to the right, v down; the centre of the first pixel is (0, 0). Distortion after Brown (1966) with
coefficients k1, k2, p1, p2, k3 in OpenCV's order, on coordinates of the normalised image plane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from geometry.angles import Floats
from geometry.errors import ContractError

_ITERATIONS = 20
"""Fixed-point steps of the undistortion at the most; lenses with a monotonic radius converge long before."""
_ENOUGH = 1e-10
"""Change of a step after which no further one is taken: a millionth of a pixel for any lens."""

_HORIZON_STEPS = 6

CAMERA_AXES = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""`ego_from_camera` of a camera that looks straight ahead: its columns are the camera's axes in `ego`."""


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """Intrinsics and place of one camera.

    `matrix` (3, 3) in pixels; `distortion` (5,); `position_m` (3,) and `ego_from_camera` (3, 3) in `ego`.
    """

    width: int
    height: int
    matrix: Floats
    distortion: Floats
    position_m: Floats
    ego_from_camera: Floats

    def __post_init__(self) -> None:
        shapes = {"matrix": (3, 3), "distortion": (5,), "position_m": (3,), "ego_from_camera": (3, 3)}
        for name, shape in shapes.items():
            value = np.array(getattr(self, name), dtype=np.float64)
            if value.shape != shape or not np.isfinite(value).all():
                raise ContractError(f"Camera.{name} has to be finite and of shape {shape}, not {value.shape}")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if self.width < 1 or self.height < 1 or self.matrix[0, 0] <= 0.0 or self.matrix[1, 1] <= 0.0:
            raise ContractError("a camera needs a positive width, height and focal length")
        turn = self.ego_from_camera
        if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-6) or np.linalg.det(turn) < 0.0:
            raise ContractError("Camera.ego_from_camera is no rotation")

    @property
    def focal_px(self) -> float:
        """Vertical focal length: what turns a height over a distance into pixels."""
        return float(self.matrix[1, 1])

    def in_camera(self, points_ego: Floats) -> Floats:
        """Points (N, 3) of `ego` in `camera`."""
        points: Floats = (np.asarray(points_ego) - self.position_m) @ self.ego_from_camera
        return points

    def pixels_of(self, points_ego: Floats) -> tuple[Floats, Floats]:
        """Pixels (N, 2) and depths (N,) [m] of points (N, 3) in `ego`; NaN pixels where the depth is not positive."""
        points = self.in_camera(points_ego)
        depth = points[:, 2]
        ahead = np.where(depth > 1e-6, depth, np.nan)
        bent = distorted(points[:, :2] / ahead[:, None], self.distortion)
        return bent * (self.matrix[0, 0], self.matrix[1, 1]) + self.matrix[:2, 2], depth

    def rays_at(self, pixels: Floats) -> Floats:
        """Directions (N, 3) in `ego` of the rays through pixels (N, 2); their depth along the optical axis is 1."""
        flat = (np.asarray(pixels) - self.matrix[:2, 2]) / (self.matrix[0, 0], self.matrix[1, 1])
        straight = undistorted(flat, self.distortion)
        return np.column_stack((straight, np.ones(len(straight)))) @ self.ego_from_camera.T

    def ground_at(self, pixels: Floats) -> Floats:
        """Where the rays of pixels (N, 2) meet the ground plane of `ego`: (N, 2), NaN at and above the horizon."""
        rays = self.rays_at(pixels)
        fall = np.where(rays[:, 2] < -1e-9, rays[:, 2], np.nan)
        ground: Floats = self.position_m[:2] + rays[:, :2] * (-self.position_m[2] / fall)[:, None]
        return ground

    def local_focal_px(self, pixels: Floats) -> Floats:
        """Rows per unit of height on the image plane at pixels (N, 2), (N,): the lens shrinks or stretches there."""
        flat = (np.asarray(pixels) - self.matrix[:2, 2]) / (self.matrix[0, 0], self.matrix[1, 1])
        x, y = undistorted(flat, self.distortion).T
        k1, k2, p1, p2, k3 = self.distortion
        r2 = x * x + y * y
        radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
        slope = k1 + r2 * (2.0 * k2 + r2 * 3.0 * k3)
        stretch: Floats = radial + 2.0 * y * y * slope + 6.0 * p1 * y + 2.0 * p2 * x
        return self.focal_px * stretch

    def horizon_rows(self, columns: Floats) -> Floats:
        """Row (C,) in which each pixel column (C,) meets the horizon: where rays are level; in or near the picture."""
        rows = np.full(len(columns), self.matrix[1, 2])
        for _ in range(_HORIZON_STEPS):
            level, below = (self.rays_at(np.column_stack((columns, rows + step)))[:, 2] for step in (0.0, 1.0))
            rows = np.clip(rows - level / (below - level), -self.height, 2.0 * self.height)
        return rows

    def tilted(self, up_rad: float) -> Camera:
        """The camera turned about its own x axis, so that it looks higher by so much."""
        cos, sin = math.cos(up_rad), math.sin(up_rad)
        turn = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
        return replace(self, ego_from_camera=self.ego_from_camera @ turn)

    def turned(self, roll_rad: float, pitch_rad: float, yaw_rad: float) -> Camera:
        """The camera after its carrier has turned about the axes of `ego`, pivoting on the camera itself."""
        return replace(self, ego_from_camera=rotation(roll_rad, pitch_rad, yaw_rad) @ self.ego_from_camera)


def camera_of(
    width: int,
    height: int,
    focal_px: float,
    position_m: tuple[float, float, float],
    angles_rad: tuple[float, float, float] = (0.0, 0.0, 0.0),
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0),
) -> Camera:
    """A camera with square pixels and central principal point; roll, pitch (positive looks down) and yaw in `ego`."""
    matrix = np.array([[focal_px, 0.0, 0.5 * (width - 1)], [0.0, focal_px, 0.5 * (height - 1)], [0.0, 0.0, 1.0]])
    turn = rotation(*angles_rad) @ CAMERA_AXES
    return Camera(width, height, matrix, np.array(distortion), np.array(position_m), turn)


def rotation(roll_rad: float, pitch_rad: float, yaw_rad: float) -> Floats:
    """Rotation matrix (3, 3), intrinsic z-y-x: yaw, then pitch (positive lowers the nose), then roll (ISO 8855)."""
    cr, sr = math.cos(roll_rad), math.sin(roll_rad)
    cp, sp = math.cos(pitch_rad), math.sin(pitch_rad)
    cy, sy = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.array([
        [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
        [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
        [-sp, cp * sr, cp * cr],
    ])  # fmt: skip


def distorted(plane: Floats, coefficients: Floats) -> Floats:
    """Points (N, 2) of the normalised image plane after the lens has bent them."""
    x, y = plane[:, 0], plane[:, 1]
    radial, tangential = _bend(x, y, coefficients)
    bent: Floats = np.stack((x * radial + tangential[0], y * radial + tangential[1]), axis=-1)
    return bent


def undistorted(plane: Floats, coefficients: Floats) -> Floats:
    """Inverse of `distorted` by fixed-point iteration, for lenses whose radius grows monotonically."""
    x, y = plane[:, 0], plane[:, 1]
    for _ in range(_ITERATIONS):
        radial, tangential = _bend(x, y, coefficients)
        before = x, y
        x, y = (plane[:, 0] - tangential[0]) / radial, (plane[:, 1] - tangential[1]) / radial
        if np.abs(x - before[0]).max(initial=0.0) + np.abs(y - before[1]).max(initial=0.0) < _ENOUGH:
            break
    return np.stack((x, y), axis=-1)


def _bend(x: Floats, y: Floats, coefficients: Floats) -> tuple[Floats, tuple[Floats, Floats]]:
    k1, k2, p1, p2, k3 = coefficients
    r2 = x * x + y * y
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return radial, (2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x), p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y)
