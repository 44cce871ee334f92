"""A picture in another size shows the same rays."""

import numpy as np
import pytest

from geometry.camera import camera_of
from perception.resizing import resized


@pytest.mark.parametrize("size", [(960, 540), (1280, 960), (1600, 600), (320, 180)])
def test_what_is_seen_stays_in_its_direction(size: tuple[int, int]) -> None:
    camera = camera_of(*size, 0.9 * size[0], (1.5, 0.0, 1.3), (0.0, 0.02, 0.0), (-0.2, 0.05, 0.0, 0.0, 0.0))
    image = np.zeros((size[1], size[0], 3), np.uint8)
    place = np.array([[30.0, 2.0, 0.8]])
    (pixel,), _ = camera.pixels_of(place)
    reach = size[0] // 80
    u, v = pixel.round().astype(int)
    image[v - reach : v + reach + 1, u - reach : u + reach + 1] = 255
    small, seen_by = resized(image, camera, (640, 360))
    assert small.shape == (360, 640, 3)
    rows, columns = np.nonzero(small[..., 0] > 100)
    (expected,), _ = seen_by.pixels_of(place)
    assert (columns.mean(), rows.mean()) == pytest.approx(expected, abs=1.0)


def test_a_picture_of_the_right_size_is_left_alone() -> None:
    camera = camera_of(640, 360, 500.0, (1.5, 0.0, 1.3))
    image = np.zeros((360, 640, 3), np.uint8)
    assert resized(image, camera, (640, 360)) == (image, camera)
