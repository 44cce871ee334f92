"""A camera whose lens, direction and height are known is found again from what it would see."""

import math

import cv2
import numpy as np
import pytest

from geometry.camera import Camera, camera_of
from geometry.errors import InputError
from perception.calibration import Lens, lens_of, scaled, view_of

SIZE = (720, 1280)


def board_seen(
    focal_px: float, k1: float, turn: tuple[float, float, float], away: float, first_row: int = 0
) -> np.ndarray:
    """A board of 10 x 7 squares before a camera with central principal point; turned, and so many squares away."""
    matrix = np.array([(focal_px, 0, 639.5), (0, focal_px, 359.5), (0, 0, 1)])
    image = np.full(SIZE, 235, np.uint8)
    side, no, full = np.linspace(0.0, 1.0, 8), np.zeros(8), np.ones(8)
    rim = np.stack((np.concatenate((side, full, side[::-1], no)), np.concatenate((no, side, full, side[::-1]))), axis=1)
    for column in range(10):
        for row in range(first_row, 7):
            if (column + row) % 2:
                continue
            square = np.column_stack((rim[:, 0] + column - 5.0, rim[:, 1] + row - 3.5, np.zeros(len(rim))))
            pixels, _ = cv2.projectPoints(square, np.array(turn), np.array((0.0, 0.0, away)), matrix, (k1, 0, 0, 0))
            cv2.fillPoly(image, [np.round(pixels * 16).astype(np.int32)], 20, cv2.LINE_AA, 4)
    return image


def boards(focal_px: float, k1: float) -> list[np.ndarray]:
    turns = [(0.3, 0.2, 0.1), (-0.3, 0.3, -0.1), (0.1, -0.45, 0.2), (-0.35, -0.2, 0.0), (0.45, 0.0, 0.05)]
    return [board_seen(focal_px, k1, turn, 13.0) for turn in turns]


def road_seen(camera: Camera, lane_width_m: float) -> np.ndarray:
    """A grey road with a line on either side, that bends at no place."""
    image = np.full((camera.height, camera.width, 3), 95, np.uint8)
    for y in (-0.5 * lane_width_m, 0.5 * lane_width_m):
        for edge in np.arange(4.0, 60.0, 0.5):
            foot = np.array(
                [(edge, y - 0.07, 0), (edge + 0.52, y - 0.07, 0), (edge + 0.52, y + 0.07, 0), (edge, y + 0.07, 0)]
            )
            pixels, depth = camera.pixels_of(foot)
            if depth.min() > 1.0:
                cv2.fillPoly(image, [np.round(pixels * 16).astype(np.int32)], (240, 240, 240), cv2.LINE_AA, 4)
    return image


def lens_like(camera: Camera) -> Lens:
    return Lens(camera.width, camera.height, camera.matrix, camera.distortion, 0.0, 0)


def test_the_lens_is_found_from_boards() -> None:
    lens = lens_of(boards(1100.0, -0.2), 9, 6)
    assert lens.boards == 5
    assert lens.matrix[0, 0] == pytest.approx(1100.0, rel=0.01)
    assert lens.matrix[:2, 2] == pytest.approx((639.5, 359.5), abs=8.0)
    assert lens.distortion[0] == pytest.approx(-0.2, abs=0.03)
    assert lens.error_px < 0.5


def test_a_board_with_a_row_out_of_sight_still_counts() -> None:
    cut = board_seen(1100.0, 0.0, (0.3, 0.2, 0.1), 13.0, first_row=1)
    assert lens_of([cut, *boards(1100.0, 0.0)], 9, 6).boards == 6


def test_pictures_without_a_board_are_told_by_number() -> None:
    with pytest.raises(InputError, match="found in 0 of 2 pictures"):
        lens_of([np.full(SIZE, 128, np.uint8)] * 2, 9, 6)
    with pytest.raises(InputError, match="one size"):
        lens_of([np.zeros((90, 90), np.uint8), np.zeros((90, 120), np.uint8)], 9, 6)


@pytest.mark.parametrize(("height_m", "pitch_deg", "yaw_deg"), [(1.3, 0.0, 0.0), (1.8, 3.0, 1.0), (1.2, -1.2, -1.3)])
def test_pitch_yaw_and_height_are_found_from_a_straight_road(height_m: float, pitch_deg: float, yaw_deg: float) -> None:
    angles = (0.0, math.radians(pitch_deg), math.radians(yaw_deg))
    camera = camera_of(1280, 720, 1100.0, (0.0, 0.2, height_m), angles, (-0.15, 0.02, 0.0, 0.0, 0.0))
    view = view_of(road_seen(camera, 3.5), lens_like(camera), 3.5)
    assert math.degrees(view.pitch_rad) == pytest.approx(pitch_deg, abs=0.15)
    assert math.degrees(view.yaw_rad) == pytest.approx(yaw_deg, abs=0.15)
    assert view.height_m == pytest.approx(height_m, rel=0.03)


def test_a_road_without_lines_is_refused() -> None:
    camera = camera_of(1280, 720, 1100.0, (0.0, 0.0, 1.3))
    with pytest.raises(InputError, match="two painted lines"):
        view_of(np.full((720, 1280, 3), 95, np.uint8), lens_like(camera), 3.5)


def test_a_lens_is_scaled_to_pictures_of_the_same_shape_only() -> None:
    lens = lens_like(camera_of(1280, 720, 1100.0, (0.0, 0.0, 1.3)))
    half = scaled(lens, 640, 360)
    assert half.matrix[0, 0] == pytest.approx(550.0)
    assert half.matrix[:2, 2] == pytest.approx((319.5, 179.5))
    with pytest.raises(InputError, match="another shape"):
        scaled(lens, 640, 480)
