"""Levelling by the horizon: what changes from picture to picture is the body's pitch, what stays is mostly not."""

import math
from types import ModuleType

import numpy as np
import pytest

from geometry.camera import Camera
from perception.net.classes import CHANNELS, OFFSET_PX
from perception.net.horizon import BIAS_SHARE, BODY_DEG, MOUNT_DEG, NOISE_SHARE, Level, levelled

CELL_PX = 3.0
"""1-sigma that the net says of one cell's horizon."""


def pictures(
    made: ModuleType, believed: Camera, mount_rad: float, bias_px: float, pitches_rad: np.ndarray
) -> list[np.ndarray]:
    """Grids of a camera that is mounted askew, on a body that pitches, by a net whose horizons lie `bias_px` lower."""
    grids = []
    for pitch_rad in pitches_rad:
        grid = made.grid_of(made.answer_of(believed.tilted(mount_rad + float(pitch_rad))))
        away, log_scale = CHANNELS["horizon"].start, CHANNELS["horizon"].start + 1
        grid[away] += bias_px / OFFSET_PX
        grid[log_scale] = math.log(CELL_PX / (OFFSET_PX * math.sqrt(2.0)))
        grids.append(grid)
    return grids


def levels(grids: list[np.ndarray], camera: Camera) -> list[Level]:
    found, offset = list[Level](), None
    for grid in grids:
        found.append(levelled(grid, camera, offset))
        offset = found[-1].offset
    return found


def lean_px(camera: Camera, other: Camera) -> float:
    """By how many pixels the horizon of one camera lies lower than that of the other."""
    middle = np.array([0.5 * camera.width])
    return float((other.horizon_rows(middle) - camera.horizon_rows(middle))[0])


@pytest.mark.parametrize("focal_px", [430.0, 1250.0])
def test_pitch_of_each_picture_is_found_though_the_net_sees_all_horizons_too_high(
    perfect: ModuleType, focal_px: float
) -> None:
    camera = perfect.camera(focal_px)
    pitches = math.radians(BODY_DEG) * np.random.default_rng(0).standard_normal(60)
    found = levels(pictures(perfect, camera, 0.0, -0.5 * CELL_PX, pitches), camera)
    told = np.array([lean_px(camera, level.camera) for level in found[20:]])
    true = np.array([lean_px(camera, camera.tilted(float(pitch))) for pitch in pitches[20:]])
    assert np.std(told - true) < 0.45 * np.std(true)
    assert abs(np.mean(told - true)) < 0.6 * (0.5 * CELL_PX)
    alone = [lean_px(camera, levelled(grid, camera).camera) for grid in pictures(perfect, camera, 0.0, -1.5, pitches)]
    assert np.mean((told - true) ** 2) < np.mean((np.array(alone[20:]) - true) ** 2)


def test_what_is_left_of_the_pitch_is_what_the_levels_are_off_by(perfect: ModuleType) -> None:
    rng, camera = np.random.default_rng(3), perfect.camera(1250.0)
    squares, told = [], []
    for _ in range(30):
        mount = math.radians(MOUNT_DEG) * float(rng.standard_normal())
        bias = BIAS_SHARE * CELL_PX * float(rng.standard_normal())
        pitches = math.radians(BODY_DEG) * rng.standard_normal(25)
        grids = pictures(perfect, camera, mount, bias, pitches)
        for grid in grids:
            grid[CHANNELS["horizon"].start] += NOISE_SHARE * CELL_PX / OFFSET_PX * rng.standard_normal()
        last = levels(grids, camera)[-1]
        squares.append(lean_px(camera.tilted(mount + float(pitches[-1])), last.camera) ** 2)
        told.append((last.pitch_rad * camera.focal_px) ** 2)
    assert 0.5 < np.mean(squares) / np.mean(told) < 2.0


def test_a_camera_without_a_horizon_stays_as_calibrated(perfect: ModuleType) -> None:
    camera = perfect.camera().tilted(0.6)
    level = levelled(perfect.grid_of(perfect.answer_of(camera)), camera)
    assert level.offset is None
    assert np.array_equal(level.camera.ego_from_camera, camera.ego_from_camera)
    assert level.pitch_rad == pytest.approx(math.radians(math.hypot(BODY_DEG, MOUNT_DEG)))


def test_a_picture_whose_horizon_is_no_number_does_not_spoil_those_after_it(perfect: ModuleType) -> None:
    camera = perfect.camera()
    before = levelled(perfect.grid_of(perfect.answer_of(camera)), camera).offset
    broken = perfect.grid_of(perfect.answer_of(camera))
    broken[CHANNELS["horizon"]] = np.nan
    level = levelled(broken, camera, before)
    assert level.offset == before
    assert np.array_equal(level.camera.ego_from_camera, camera.ego_from_camera)
    assert np.isfinite(level.pitch_rad)
