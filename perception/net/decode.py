"""From the net's grid to objects and lights in `ego`: where calibration enters; other cameras need no retraining.

In: a grid (OUTPUTS, h, w) of one picture and the camera as calibrated. The range of an object has two sources: its size
in the picture (the net's normalised depth times the focal length of the lens at that place) and the row of its foot on
the ground plane (mounting height and pitch). Both carry a variance; they are fused by it. The camera is levelled by the
horizon that the net sees before anything is put on the ground. No torch here: this runs in the car.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats, wrap_rad
from geometry.camera import Camera, distorted
from perception.net.classes import (
    CHANNELS,
    DEPTH_M,
    FOCAL_PX,
    OBJECTS,
    OFFSET_PX,
    OUTPUTS,
    SHARED_SIZE_M,
    STATE_OF_CLASS,
    STRIDE,
)
from perception.net.horizon import LAPLACE_SIGMA, Level, levelled
from perception.net.picture import margin_of

Grid = NDArray[np.float32]
Depths = tuple[Floats, Floats]
"""Depths (N,) along the optical axis [m] and their relative 1-sigma."""
UNKNOWN_M = 1e6
"""1-sigma of a range that is not known."""
_NEAREST_M = 0.3
"""What of a body is nearer to the camera's plane than this is put there, so that it has a place in the picture."""
_CORNERS = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)])


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """`least_score` of a peak; when two detections are one object."""

    least_score: float = 0.2
    most: int = 48
    least_relative_sigma: float = 0.015
    lateral_px: float = 1.5
    same_m: float = 1.2
    same_share: float = 0.10
    """Detections within `same_m` plus this share of the range are the same object."""
    trusted_share: float = 0.6
    """Of one object's detections, those with this share of the best score may say where it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """N objects in `ego`: class index, score, box by its centre, covariance (N, 2, 2) of (x, y).

    `ranges_m` (N, 4) are the two distances from the origin of `ego` that a picture tells, each with its 1-sigma: by the
    size of what is seen, and by where it meets the ground. They are left out by who measures ranges otherwise.
    """

    classes: NDArray[np.int64]
    score: Floats
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    length_m: Floats
    width_m: Floats
    height_m: Floats
    covariance: Floats
    ranges_m: Floats = field(default_factory=lambda: np.zeros((0, 4)))

    def chosen(self, rows: NDArray[np.int64]) -> Detections:
        """Some of them, in the order of `rows`."""
        columns = {item.name: getattr(self, item.name) for item in fields(self)}
        return Detections(**{name: column[rows] if len(column) else column for name, column in columns.items()})


@dataclass(frozen=True, slots=True, eq=False)
class SeenLights:
    """L traffic lights in `ego`; `state` holds LightState."""

    x_m: Floats
    y_m: Floats
    state: NDArray[np.int64]
    score: Floats


def sigmoid(x: Floats | Grid) -> Floats:
    """1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, dtype=np.float64)))


def peaks(
    heat: Grid, least: float, most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Floats]:
    """Class, row, column and score of local maxima of logits (C, h, w), the best first."""
    level = math.log(least / (1.0 - least))
    found = []
    for kind, plane in enumerate(heat):
        if plane.max() < level:
            continue
        around = cv2.dilate(plane, np.ones((3, 3), np.uint8))
        rows, columns = np.nonzero((plane >= around) & (plane > level))
        found += [(kind, int(v), int(u), float(plane[v, u])) for v, u in zip(rows, columns, strict=True)]
    found.sort(key=lambda item: -item[3])
    table = np.array(found[:most], dtype=np.float64).reshape(-1, 4)
    kinds, v, u = (table[:, k].astype(np.int64) for k in range(3))
    return kinds, v, u, sigmoid(table[:, 3])


def decode_objects(
    grid: Grid, camera: Camera, settings: DecodeSettings = DecodeSettings(), level: Level | None = None
) -> Detections:
    """Objects of one picture; `grid` belongs to the picture that `picture.cropped` makes of the camera's.

    `level` is what earlier pictures and this one tell of how the camera leans; left out, this one alone.
    """
    kinds, v, u, score = peaks(grid[CHANNELS["heat"]][: len(OBJECTS)], settings.least_score, settings.most)
    level = level or levelled(grid, camera)
    camera, pitch_rad = level.camera, level.pitch_rad
    cells = grid[:, v, u].astype(np.float64)
    cell_px = _cell_pixels(u, v, camera)
    pixels = cell_px + OFFSET_PX * cells[CHANNELS["offset"]].T
    focal = focal_at(grid, cell_px, camera)
    by_size, by_ground = _depths(cells, pixels, cell_px, focal, camera, pitch_rad, settings)
    depth, relative = fused(by_size, by_ground)
    relative = np.maximum(relative, settings.least_relative_sigma)
    rays = camera.rays_at(pixels)
    centres = camera.position_m + rays * depth[:, None]
    ahead = centres[:, :2] - camera.position_m[:2]
    azimuth = np.arctan2(ahead[:, 1], ahead[:, 0])
    sine, cosine = cells[CHANNELS["yaw"]]
    size = np.exp(np.clip(cells[CHANNELS["size"]], -4.0, 4.0)) * np.array(SHARED_SIZE_M)[:, None]
    along, across = np.hypot(ahead[:, 0], ahead[:, 1]) * relative, depth * settings.lateral_px / camera.focal_px + 0.05
    return Detections(
        classes=kinds,
        score=score,
        x_m=centres[:, 0],
        y_m=centres[:, 1],
        yaw_rad=wrap_rad(np.arctan2(sine, cosine) + azimuth),
        length_m=size[0],
        width_m=size[1],
        height_m=size[2],
        covariance=_turned(along, across, azimuth),
        ranges_m=_ranges_of(camera.position_m, rays, by_size, by_ground),
    )


def fused(by_size: Depths, by_ground: Depths) -> Depths:
    """Two depths as one, weighted in their logarithms."""
    weights = by_size[1] ** -2, by_ground[1] ** -2
    both = np.maximum(weights[0] + weights[1], UNKNOWN_M**-2)
    return np.exp((weights[0] * np.log(by_size[0]) + weights[1] * np.log(by_ground[0])) / both), both**-0.5


def _ranges_of(eye_m: Floats, rays: Floats, by_size: Depths, by_ground: Depths) -> Floats:
    """`Detections.ranges_m` of depths along rays (N, 3) from a camera at `eye_m`."""
    found = []
    for depth, relative in (by_size, by_ground):
        away = rays[:, :2] * depth[:, None]
        far = np.hypot(away[:, 0], away[:, 1])
        place = eye_m[:2] + away
        found += [np.hypot(place[:, 0], place[:, 1]), np.minimum(relative * far, UNKNOWN_M)]
    return np.stack(found, axis=-1)


def _cell_pixels(u: NDArray[np.int64], v: NDArray[np.int64], camera: Camera) -> Floats:
    """Middles of cells in pixels of the whole picture."""
    top, left = margin_of(camera.height, camera.width)
    return np.column_stack(((u + 0.5) * STRIDE - 0.5 + left, (v + 0.5) * STRIDE - 0.5 + top))


def focal_at(grid: Grid, pixels: Floats, camera: Camera) -> Floats:
    """Focal length that normalised depths at pixels (N, 2) belong to, (N,): the lens's own at that place.

    Nets that were trained before the horizon was learned know one focal length for the whole picture.
    """
    if len(grid) < OUTPUTS:
        return np.full(len(pixels), camera.focal_px)
    return camera.local_focal_px(pixels)


def _depths(
    cells: Floats,
    pixels: Floats,
    cell_px: Floats,
    focal_px: Floats,
    camera: Camera,
    pitch_rad: float,
    settings: DecodeSettings,
) -> tuple[Depths, Depths]:
    """Depths along the optical axis by size and by ground."""
    log_depth, log_scale = cells[CHANNELS["depth"]]
    by_size = np.exp(np.clip(log_depth, -4.0, 4.0)) * DEPTH_M * focal_px / FOCAL_PX
    size_sigma = np.maximum(LAPLACE_SIGMA * np.exp(np.clip(log_scale, -5.0, 3.0)), settings.least_relative_sigma)
    foot, foot_scale = cells[CHANNELS["contact"]]
    foot_px = np.column_stack((pixels[:, 0], cell_px[:, 1] + OFFSET_PX * foot))
    ground = camera.ground_at(foot_px)
    points = np.column_stack((ground, np.zeros(len(ground))))
    by_ground = camera.in_camera(points)[:, 2]
    row_sigma = OFFSET_PX * LAPLACE_SIGMA * np.exp(np.clip(foot_scale, -5.0, 3.0))
    pitch_px = camera.focal_px * pitch_rad
    usable = np.isfinite(by_ground) & (by_ground > 0.5) & (by_ground < 250.0)
    by_ground = np.where(usable, by_ground, by_size)
    slope = by_ground / (camera.focal_px * camera.position_m[2])  # of log depth over rows, for a flat road
    ground_sigma = np.where(usable, np.hypot(row_sigma, pitch_px) * slope, np.inf)
    return (by_size, size_sigma), (by_ground, ground_sigma)


def _turned(along: Floats, across: Floats, azimuth: Floats) -> Floats:
    """Covariances (N, 2, 2) with the given sigmas along and across the line of sight."""
    cos, sin = np.cos(azimuth), np.sin(azimuth)
    a, b = along**2, across**2
    xx, yy, xy = a * cos**2 + b * sin**2, a * sin**2 + b * cos**2, (a - b) * cos * sin
    return np.stack((np.stack((xx, xy), axis=-1), np.stack((xy, yy), axis=-1)), axis=-2)


def merged(parts: list[Detections], settings: DecodeSettings = DecodeSettings()) -> Detections:
    """Detections of all cameras as one list: of those that mean one object, the surest place, the best score."""
    everything = Detections(
        **{item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Detections)}
    )
    order = np.argsort(-everything.score, kind="stable")
    spread = np.trace(everything.covariance, axis1=1, axis2=2)
    left = [int(row) for row in order]
    best: list[int] = []
    surest: list[int] = []
    while left:
        first = left[0]
        group = [row for row in left if row == first or _same(everything, first, row, settings)]
        trusted = [
            row
            for row in group
            if everything.score[row] >= settings.trusted_share * everything.score[first]
            and everything.classes[row] == everything.classes[first]
        ]
        best.append(first)
        surest.append(min(trusted, key=lambda row: float(spread[row])))
        gone = set(group)
        left = [row for row in left if row not in gone]
    said, placed = (everything.chosen(np.array(rows, dtype=np.int64)) for rows in (best, surest))
    return replace(placed, score=said.score)


def _same(found: Detections, a: int, b: int, settings: DecodeSettings) -> bool:
    """Whether two detections mean one object: apart by less than their uncertainty of range, and in one direction."""
    dx, dy = float(found.x_m[a] - found.x_m[b]), float(found.y_m[a] - found.y_m[b])
    far = math.hypot(float(found.x_m[a]), float(found.y_m[a]))
    bearing = math.atan2(float(found.y_m[a]), float(found.x_m[a]))
    along = abs(dx * math.cos(bearing) + dy * math.sin(bearing))
    across = abs(dy * math.cos(bearing) - dx * math.sin(bearing))
    small = 0.5 * min(float(found.width_m[a]), float(found.width_m[b]))
    return along < settings.same_m + settings.same_share * far and across < max(small, 0.3) + 0.01 * far


def boxes_px(found: Detections, camera: Camera) -> Floats:
    """Upright boxes (N, 4) in the picture around the bodies of detections: left, top, right, bottom [px]."""
    sizes = np.column_stack((found.length_m, found.width_m, found.height_m))
    flat = _CORNERS[None] * sizes[:, None]
    cos, sin = np.cos(found.yaw_rad)[:, None], np.sin(found.yaw_rad)[:, None]
    x = found.x_m[:, None] + cos * flat[..., 0] - sin * flat[..., 1]
    y = found.y_m[:, None] + sin * flat[..., 0] + cos * flat[..., 1]
    corners = np.stack((x, y, flat[..., 2]), axis=-1).reshape(-1, 3)
    points = camera.in_camera(corners)
    plane = np.clip(points[:, :2] / np.maximum(points[:, 2:], _NEAREST_M), -1.5, 1.5)
    pixels = distorted(plane, camera.distortion) * (camera.matrix[0, 0], camera.matrix[1, 1]) + camera.matrix[:2, 2]
    pixels = pixels.reshape(-1, 8, 2)
    boxes = np.concatenate((pixels.min(axis=1), pixels.max(axis=1)), axis=1)
    seen: Floats = boxes[points[:, 2].reshape(-1, 8).max(axis=1) > _NEAREST_M]
    return seen


def decode_lights(grid: Grid, camera: Camera, settings: DecodeSettings = DecodeSettings()) -> SeenLights:
    """Traffic lights of one picture."""
    kinds, v, u, score = peaks(grid[CHANNELS["heat"]][len(OBJECTS) :], settings.least_score, settings.most)
    cells = grid[:, v, u].astype(np.float64)
    pixels = _cell_pixels(u, v, camera) + OFFSET_PX * cells[CHANNELS["offset"]].T
    focal = focal_at(grid, _cell_pixels(u, v, camera), camera)
    depth = np.exp(np.clip(cells[CHANNELS["depth"]][0], -4.0, 4.0)) * DEPTH_M * focal / FOCAL_PX
    centres = camera.position_m + camera.rays_at(pixels) * depth[:, None]
    state = np.array([int(STATE_OF_CLASS[kind]) for kind in kinds], dtype=np.int64)
    return SeenLights(centres[:, 0], centres[:, 1], state, score)
