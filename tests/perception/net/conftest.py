"""A perfect net: grids that say exactly what the truth of a made-up picture is."""

import math
import sys
from types import ModuleType

import numpy as np
import pytest

from geometry.camera import Camera, camera_of
from perception.net.classes import CHANNELS, HEAT, OUTPUTS, STRIDE
from perception.net.picture import fitted_size
from perception.net.targets import Answer, targets_of
from perception.training.sample import fitted

SURE = -4.0
"""Log scale of a net that is sure."""


@pytest.fixture(scope="session")
def perfect() -> ModuleType:
    """This module, for its functions."""
    return sys.modules[__name__]


def camera(focal_px: float = 500.0, z_m: float = 1.35, pitch_rad: float = 0.0, yaw_rad: float = 0.0) -> Camera:
    return camera_of(640, 360, focal_px, (1.9, 0.0, z_m), (0.0, pitch_rad, yaw_rad))


def answer_of(
    camera: Camera, *boxes: tuple[int, float, float, float, float, float, float], marks: np.ndarray | None = None
) -> Answer:
    """Boxes are class, x, y, yaw, length, width, height in `ego`; marks are line, u, v, class."""
    rows = []
    for kind, x, y, yaw, length, width, height in boxes:
        (middle, foot), depth = camera.pixels_of(np.array([(x, y, 0.5 * height), (x, y, 0.0)]))
        half_u = 0.5 * camera.focal_px * max(width, 0.4) / depth[0]
        half_v = 0.5 * camera.focal_px * height / depth[0]
        azimuth = math.atan2(y - camera.position_m[1], x - camera.position_m[0])
        rows.append((
            kind, middle[0] - half_u, middle[1] - half_v, middle[0] + half_u, middle[1] + half_v, *middle, depth[0],
            foot[1], length, width, height, yaw - azimuth, 1.0, x, y, yaw, camera.focal_px,
        ))  # fmt: skip
    lines = np.zeros((0, 6)) if marks is None else np.column_stack((marks, np.zeros((len(marks), 2))))
    ground = np.zeros((camera.height // STRIDE, camera.width // STRIDE), np.uint8)
    objects = np.array(rows, dtype=np.float64).reshape(-1, 18)
    horizon = camera.horizon_rows((np.arange(camera.width // STRIDE) + 0.5) * STRIDE - 0.5)
    return Answer(camera.height, camera.width, objects, np.zeros((0, 5)), lines, ground, horizon, 0)


def grid_of(answer: Answer, depth_sigma: float = SURE, foot_sigma: float = SURE) -> np.ndarray:
    """What the net had to say."""
    targets = targets_of(fitted(answer))
    h, w = (size // STRIDE for size in fitted_size(answer.height, answer.width))
    grid = np.zeros((OUTPUTS, h, w), np.float32)
    level = np.clip(targets.heat, 1e-3, 0.999)
    grid[CHANNELS["heat"]] = np.log(level / (1.0 - level))
    said = targets.regression
    grid[CHANNELS["offset"]] = said[:2]
    grid[CHANNELS["depth"]] = np.stack((said[2], np.full((h, w), depth_sigma)))
    grid[CHANNELS["contact"]] = np.stack((said[3], np.full((h, w), foot_sigma)))
    grid[CHANNELS["size"]] = said[4:7]
    grid[CHANNELS["yaw"]] = said[7:9]
    grid[CHANNELS["marks"]] = 12.0 * targets.marks - 6.0
    grid[CHANNELS["mark_offset"]] = np.stack((targets.mark_offset[0], np.full((h, w), SURE)))
    grid[CHANNELS["horizon"]] = np.stack((targets.horizon[0], np.full((h, w), SURE)))
    assert len(targets.heat) == HEAT
    return grid
