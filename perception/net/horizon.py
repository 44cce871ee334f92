"""How a camera leans in each picture: the net says where it sees the horizon, and the camera is levelled by that.

The body pitches from picture to picture, which calibration cannot know. What stays the same for all pictures is partly
an error of the mounting, which is to be taken out as well, and partly the net's own, which is not; a Kalman filter
with the two unknowns tells what changes from what stays (Kalman, Journal of Basic Engineering 82, 1960).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.camera import Camera
from perception.net.classes import CHANNELS, HORIZON_REACH_PX, OFFSET_PX, OUTPUTS, STRIDE
from perception.net.picture import margin_of

BODY_DEG, MOUNT_DEG = 0.1, 0.05
"""1-sigma of the body's pitch, new in each picture, and of the mounting's error."""
NOISE_SHARE, BIAS_SHARE = 0.15, 0.5
"""Of what the net says of the error of one cell's horizon: how much is new in each picture, and how much is the same
for all cells of all pictures. Measured on drives: pitches of front_long and front_wide differ by 0.11 to 0.14 of it;
all that look along the car see the horizon 1.3 to 1.6 pixels too high, half of it."""
KEPT = 0.995
"""Of what is the same, how much is still so in the next picture: 20 s at 10 Hz."""
LAPLACE_SIGMA = math.sqrt(2.0)
"""Standard deviation of a Laplace distribution of scale 1."""


@dataclass(frozen=True, slots=True)
class Offset:
    """How many pixels lower than calibrated the net sees a camera's horizon in all pictures, and the variance of it."""

    px: float
    variance_px2: float


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The camera as it looked when it took a picture, what is left of the 1-sigma of its pitch, and what stays."""

    camera: Camera
    pitch_rad: float
    offset: Offset | None


def levelled(grid: NDArray[np.float32], camera: Camera, before: Offset | None = None) -> Level:
    """Level a camera by one picture's grid (OUTPUTS, h, w); `before` is the offset of the picture before it."""
    body, mount = (camera.focal_px * math.radians(sigma) for sigma in (BODY_DEG, MOUNT_DEG))
    seen = seen_px(grid, camera)
    if seen is None:
        return Level(camera, math.hypot(body, mount) / camera.focal_px, before)
    lower, cell_sigma = seen
    bias, noise = BIAS_SHARE * cell_sigma, NOISE_SHARE * cell_sigma
    usual = mount**2 + bias**2
    offset, variance = (0.0, usual) if before is None else (before.px * KEPT, before.variance_px2 * KEPT**2)
    if before is not None:
        variance += (1.0 - KEPT**2) * usual
    spread = variance + body**2 + noise**2
    miss = lower - offset
    pitched, offset = body**2 / spread * miss, offset + variance / spread * miss
    # What is left: of the body's pitch, of the offset, of the two together, and of the mounting's share in the offset.
    of_mount = mount**2 / usual
    left = body**2 * (1.0 - body**2 / spread) + mount**2 * (1.0 - of_mount)
    left += of_mount**2 * variance * (1.0 - variance / spread) - 2.0 * of_mount * body**2 * variance / spread
    tilt = (pitched + of_mount * offset) / camera.focal_px
    after = Offset(offset, variance * (1.0 - variance / spread))
    return Level(camera.tilted(tilt), math.sqrt(max(left, 0.0)) / camera.focal_px, after)


def seen_px(grid: NDArray[np.float32], camera: Camera) -> tuple[float, float] | None:
    """How much lower than calibrated the horizon is seen, and the mean 1-sigma of one cell; None where it is not."""
    if len(grid) < OUTPUTS:
        return None  # a net that was trained before the horizon was learned
    away, log_scale = grid[CHANNELS["horizon"]].astype(np.float64)
    height, width = away.shape
    top, left = margin_of(camera.height, camera.width)
    level = _horizon_rows(
        camera.width, camera.height, camera.matrix.tobytes(), camera.distortion.tobytes(),
        camera.ego_from_camera.tobytes(), width, left,
    )  # fmt: skip
    beyond = (np.arange(height)[:, None] + 0.5) * STRIDE - 0.5 + top - level  # rows from the calibrated horizon
    near = np.abs(beyond) < HORIZON_REACH_PX - 2.0 * camera.focal_px * math.radians(math.hypot(BODY_DEG, MOUNT_DEG))
    near &= np.isfinite(away) & np.isfinite(log_scale)  # what is told here stays in the memory of all pictures to come
    if not near.any():
        return None
    scale = OFFSET_PX * LAPLACE_SIGMA * np.exp(np.clip(log_scale[near], -5.0, 3.0))
    weight = scale**-2 / (scale**-2).sum()
    return float((weight * (beyond[near] + OFFSET_PX * away[near])).sum()), float((weight * scale).sum())


@lru_cache(maxsize=64)
def _horizon_rows(
    width: int, height: int, matrix: bytes, distortion: bytes, turn: bytes, cells: int, left_px: int
) -> Floats:
    """Rows of the calibrated horizon over the grid's columns: the same for all pictures of a camera, slow to find."""
    lens, bend, ego_from_camera = (np.frombuffer(raw) for raw in (matrix, distortion, turn))
    camera = Camera(width, height, lens.reshape(3, 3), bend, np.zeros(3), ego_from_camera.reshape(3, 3))
    columns: Floats = (np.arange(cells, dtype=np.float64) + 0.5) * STRIDE - 0.5 + left_px
    rows = camera.horizon_rows(columns)
    rows.setflags(write=False)
    return rows
