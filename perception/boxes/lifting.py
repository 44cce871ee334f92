"""From a box in a picture to an object on the road: calibration, how tall its class is, and the ground plane.

In: `Boxes` and the camera as calibrated. Out: `Detections` in `ego` with covariance. The near end of an object has two
ranges: by the height of the box (focal length times height over pixels), unsure as its class is of different heights,
and by the row in which the box meets the ground, unsure as the car pitches. They are fused by their variances; of a box
that is cut by the edge of the picture only what is not cut counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats, wrap_rad
from geometry.camera import Camera
from perception.boxes.form import Boxes
from perception.net.classes import MEAN_SIZE_M, OBJECTS
from perception.net.decode import Detections, fused

HEIGHT_SHARE = np.array((0.12, 0.3, 0.15, 0.12, 0.1, 0.5))
"""1-sigma of the height within each class, as a share of its mean: vans beside saloons, buses beside lorries."""


@dataclass(frozen=True, slots=True)
class LiftSettings:
    """How sure edges and ground are."""

    edge_share: float = 0.04
    """1-sigma of the edges as a share of the box's height, on top of what the net's pixels allow."""
    pitch_deg: float = 0.3
    """1-sigma of pitch against the road, mounting error included."""
    cut_px: float = 3.0
    """A box this near to the edge of the picture may go on beyond it."""
    nearest_m: float = 1.0
    farthest_m: float = 200.0


def lifted(
    boxes: Boxes,
    camera: Camera,
    *,
    edge_px: float,
    settings: LiftSettings = LiftSettings(),
    heights_m: Mapping[str, float] | None = None,
) -> Detections:
    """Objects of the boxes; those whose range nothing tells are left out.

    `edge_px` is the 1-sigma of an edge in pixels of the picture.
    """
    kind = np.array([OBJECTS.index(name) for name in boxes.names], dtype=np.int64)
    size = MEAN_SIZE_M[kind].copy()
    for name, height_m in (heights_m or {}).items():
        size[kind == OBJECTS.index(name), 2] = height_m
    left, top, right, bottom = boxes.edges_px.T
    sigma_px = np.hypot(edge_px, settings.edge_share * (bottom - top))
    by_height, height_sigma = _by_height(boxes, camera, size[:, 2], HEIGHT_SHARE[kind], sigma_px, settings)
    by_ground, ground_sigma = _by_ground(boxes, camera, sigma_px, settings)
    depth, relative = fused((by_height, height_sigma), (by_ground, ground_sigma))
    rays = camera.rays_at(np.column_stack((0.5 * (left + right), 0.5 * (top + bottom))))
    near = camera.position_m + rays * depth[:, None]
    sight = near[:, :2] - camera.position_m[:2]
    azimuth = np.arctan2(sight[:, 1], sight[:, 0])
    seen_m = (right - left) * depth / camera.matrix[0, 0]
    yaw, reach = _yaw(azimuth, size, seen_m)
    cut = (left < settings.cut_px) | (right > camera.width - 1 - settings.cut_px)
    # What is unsure of an object's own length lies along the line of sight; what is cut away lies across.
    along = np.hypot(np.hypot(sight[:, 0], sight[:, 1]) * relative, 0.25 * reach)
    across = np.hypot(depth * sigma_px / camera.matrix[0, 0], 0.1 + 0.5 * cut * size[:, 1])
    kept = np.flatnonzero((relative < 1e3) & (depth > settings.nearest_m) & (depth < settings.farthest_m))
    return Detections(
        classes=kind,
        score=boxes.score,
        x_m=near[:, 0] + reach * np.cos(azimuth),
        y_m=near[:, 1] + reach * np.sin(azimuth),
        yaw_rad=yaw,
        length_m=size[:, 0],
        width_m=size[:, 1],
        height_m=size[:, 2],
        covariance=turned_covariance(along, across, azimuth),
    ).chosen(kept)


def _by_height(
    boxes: Boxes, camera: Camera, height_m: Floats, share: Floats, sigma_px: Floats, settings: LiftSettings
) -> tuple[Floats, Floats]:
    """Depth along the optical axis and its relative 1-sigma; infinite where top or bottom is cut."""
    top, bottom = boxes.edges_px[:, 1], boxes.edges_px[:, 3]
    tall_px = np.maximum(bottom - top, 1.0)
    sigma = np.hypot(share, math.sqrt(2.0) * sigma_px / tall_px)
    cut = (top < settings.cut_px) | (bottom > camera.height - 1 - settings.cut_px)
    return camera.focal_px * height_m / tall_px, np.where(cut, np.inf, sigma)


def _by_ground(boxes: Boxes, camera: Camera, sigma_px: Floats, settings: LiftSettings) -> tuple[Floats, Floats]:
    """Depth of the point where the middle of the box's lower edge meets the ground, and its relative 1-sigma."""
    left, _, right, bottom = boxes.edges_px.T
    ground = camera.ground_at(np.column_stack((0.5 * (left + right), bottom)))
    depth = camera.in_camera(np.column_stack((ground, np.zeros(len(ground)))))[:, 2]
    usable = np.isfinite(depth) & (depth > settings.nearest_m) & (depth < settings.farthest_m)
    usable &= bottom <= camera.height - 1 - settings.cut_px
    depth = np.where(usable, depth, 1.0)
    row_px = np.hypot(sigma_px, camera.focal_px * math.radians(settings.pitch_deg))
    # Of a flat road the row is f * h / depth below the horizon, so log depth changes by depth / (f * h) per row.
    return depth, np.where(usable, row_px * depth / (camera.focal_px * camera.position_m[2]), np.inf)


def _yaw(azimuth: Floats, size_m: Floats, seen_m: Floats) -> tuple[Floats, Floats]:
    """Heading, and how far the middle lies behind the near end along the line of sight.

    A box does not say which way its object heads. Along the road or across it, whichever fits the width that is seen;
    the tracker learns the rest from how it moves.
    """
    length, width = size_m[:, 0], size_m[:, 1]
    turn = np.abs(azimuth)
    along = length * np.abs(np.sin(turn)) + width * np.abs(np.cos(turn))
    across = length * np.abs(np.cos(turn)) + width * np.abs(np.sin(turn))
    crossing = np.abs(seen_m - across) < np.abs(seen_m - along)
    yaw = np.where(crossing, 0.5 * math.pi, 0.0)
    ahead = np.abs(np.cos(wrap_rad(yaw - azimuth)))
    reach = 0.5 * (length * ahead + width * np.sqrt(np.clip(1.0 - ahead**2, 0.0, 1.0)))
    return yaw, reach


def turned_covariance(along: Floats, across: Floats, azimuth: Floats) -> Floats:
    """Covariances (N, 2, 2) of (x, y) with the given sigmas along and across the line of sight."""
    cos, sin = np.cos(azimuth), np.sin(azimuth)
    turn = np.stack((np.stack((cos, -sin), axis=-1), np.stack((sin, cos), axis=-1)), axis=-2)
    spread = np.zeros((len(along), 2, 2))
    spread[:, 0, 0], spread[:, 1, 1] = along**2, across**2
    return np.asarray(turn @ spread @ turn.swapaxes(1, 2))
