"""The camera model against OpenCV's and by round trip."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometry.camera import CAMERA_AXES, Camera, camera_of, rotation
from geometry.errors import ContractError

DISTORTION = (-0.2, 0.04, 0.001, -0.0005, 0.001)


def wide() -> Camera:
    return camera_of(640, 360, 420.0, (1.9, 0.1, 1.35), (0.01, 0.03, 0.2), DISTORTION)


def test_projection_equals_opencv() -> None:
    camera = wide()
    points = np.array([[10.0, 1.0, 0.5], [30.0, 8.0, 2.0], [5.0, -0.5, 0.0], [80.0, 20.0, 1.0]])
    ours, depth = camera.pixels_of(points)
    turn = camera.ego_from_camera.T
    theirs, _ = cv2.projectPoints(
        points, cv2.Rodrigues(turn)[0], -turn @ camera.position_m, camera.matrix, camera.distortion
    )
    assert np.allclose(ours, theirs[:, 0], atol=1e-6)
    assert (depth > 0).all()


@given(st.floats(0.0, 639.0), st.floats(0.0, 359.0))
def test_ray_of_a_pixel_projects_back_to_it(u: float, v: float) -> None:
    camera = wide()
    ray = camera.rays_at(np.array([[u, v]]))
    pixel, _ = camera.pixels_of(camera.position_m + 7.0 * ray)
    assert np.allclose(pixel, [[u, v]], atol=1e-3)


@given(st.floats(6.0, 90.0), st.floats(-3.0, 3.0))
def test_ground_point_is_found_again(x: float, y: float) -> None:
    camera = camera_of(640, 360, 500.0, (1.9, 0.0, 1.35), (0.02, 0.01, -0.05), DISTORTION)
    pixel, _ = camera.pixels_of(np.array([[x, y, 0.0]]))
    assert np.allclose(camera.ground_at(pixel), [[x, y]], atol=1e-3 * x)


def test_point_behind_the_camera_has_no_pixel() -> None:
    pixel, depth = wide().pixels_of(np.array([[-10.0, 0.0, 1.0]]))
    assert np.isnan(pixel).all()
    assert depth[0] < 0.0


def test_above_the_horizon_there_is_no_ground() -> None:
    assert np.isnan(camera_of(640, 360, 500.0, (0.0, 0.0, 1.5)).ground_at(np.array([[320.0, 100.0]]))).all()


def test_camera_without_angles_looks_ahead() -> None:
    pixel, depth = camera_of(641, 361, 500.0, (0.0, 0.0, 1.5)).pixels_of(np.array([[10.0, 1.0, 1.5]]))
    assert np.allclose(pixel, [[320.0 - 50.0, 180.0]])
    assert depth == pytest.approx([10.0])


def test_positive_pitch_lowers_the_nose() -> None:
    assert (rotation(0.0, 0.1, 0.0) @ np.array([1.0, 0.0, 0.0]))[2] < 0.0
    assert np.allclose(rotation(0.0, 0.0, 0.0) @ CAMERA_AXES, CAMERA_AXES)


def test_matrix_that_is_no_rotation_is_refused() -> None:
    with pytest.raises(ContractError, match="no rotation"):
        Camera(10, 10, np.eye(3), np.zeros(5), np.zeros(3), 2.0 * np.eye(3))


def test_local_focal_length_is_what_a_small_height_measures_there() -> None:
    camera = camera_of(640, 360, 430.0, (1.9, 0.0, 1.35), (0.0, 0.02, 0.0), (-0.2, 0.045, 0.0003, -0.0002, 0.01))
    for x, y, z in ((20.0, 0.0, 1.0), (12.0, 7.5, 0.6), (9.0, -5.0, 3.0)):
        pixels, _ = camera.pixels_of(np.array([(x, y, z)]))
        plane = camera.in_camera(np.array([(x, y, z)]))[0]
        step = 1e-4
        moved = np.array([plane + np.array((0.0, side * step * plane[2], 0.0)) for side in (-0.5, 0.5)])
        rows, _ = camera.pixels_of(moved @ camera.ego_from_camera.T + camera.position_m)
        assert camera.local_focal_px(pixels)[0] == pytest.approx((rows[1, 1] - rows[0, 1]) / step, rel=1e-4)


def test_horizon_is_where_rays_are_level_whatever_the_lens() -> None:
    camera = camera_of(640, 360, 300.0, (0.0, 0.0, 1.2), (0.01, 0.09, 1.4), (-0.16, 0.02, -0.0002, 0.0003, 0.0))
    columns = np.array([0.0, 100.0, 320.0, 639.0])
    rays = camera.rays_at(np.column_stack((columns, camera.horizon_rows(columns))))
    assert np.abs(rays[:, 2]).max() < 1e-4


def test_camera_that_is_tilted_up_sees_the_horizon_lower() -> None:
    camera = camera_of(640, 360, 500.0, (0.0, 0.0, 1.2))
    before, after = (c.horizon_rows(np.array([320.0]))[0] for c in (camera, camera.tilted(0.01)))
    assert after - before == pytest.approx(5.0, abs=0.05)
