"""Lines painted into the grid come back in `ego` where they are."""

from types import ModuleType

import numpy as np
import pytest

from bus.messages import MarkType
from geometry.camera import Camera
from perception.net.lane_lines import decode_lines, message_of


def marks_of(camera: Camera, *lines: tuple[np.ndarray, int]) -> np.ndarray:
    rows = []
    for number, (points, kind) in enumerate(lines):
        pixels, depth = camera.pixels_of(np.column_stack((points, np.zeros(len(points)))))
        inside = (depth > 1.0) & (pixels[:, 0] > 0) & (pixels[:, 0] < 640) & (pixels[:, 1] < 360)
        rows += [(number, u, v, kind) for u, v in pixels[inside]]
    return np.array(rows)


def straight(y_m: float, curvature: float = 0.0) -> np.ndarray:
    x = np.arange(4.0, 60.0)
    return np.column_stack((x, y_m + 0.5 * curvature * x**2))


@pytest.mark.parametrize("focal_px", [430.0, 900.0])
@pytest.mark.parametrize("curvature", [0.0, 0.002])
def test_lines_of_the_own_lane_come_back(perfect: ModuleType, focal_px: float, curvature: float) -> None:
    camera = perfect.camera(focal_px)
    marks = marks_of(camera, (straight(1.8, curvature), 0), (straight(-1.8, curvature), 1))
    lines = decode_lines(perfect.grid_of(perfect.answer_of(camera, marks=marks)), camera)
    assert sorted(line.type for line in lines) == [MarkType.SOLID, MarkType.BROKEN]
    for line in lines:
        side = 1.8 if line.type is MarkType.SOLID else -1.8
        x, y = line.points.T
        near = x < 25.0
        assert np.abs(y - side - 0.5 * curvature * x**2)[near].max() < 0.05
        assert x.max() > 30.0


def test_stated_sigma_grows_with_range(perfect: ModuleType) -> None:
    camera = perfect.camera()
    line = decode_lines(perfect.grid_of(perfect.answer_of(camera, marks=marks_of(camera, (straight(1.8), 0)))), camera)[
        0
    ]
    far = np.argsort(line.points[:, 0])
    assert line.sigma_m[far[-1]] > 2.0 * line.sigma_m[far[0]]


def test_message_holds_all_lines_one_after_the_other(perfect: ModuleType) -> None:
    camera = perfect.camera()
    marks = marks_of(camera, (straight(1.8), 0), (straight(-1.8), 1))
    lines = decode_lines(perfect.grid_of(perfect.answer_of(camera, marks=marks)), camera)
    message = message_of(lines)
    assert message.start[0] == 0
    assert message.start[-1] == len(message.xy_m) == sum(len(line.points) for line in lines)


def test_empty_road_gives_an_empty_message(perfect: ModuleType) -> None:
    camera = perfect.camera()
    message = message_of(decode_lines(perfect.grid_of(perfect.answer_of(camera)), camera))
    assert tuple(message.start) == (0,)
    assert message.xy_m.shape == (0, 2)


def test_lines_of_the_neighbouring_lanes_come_back(perfect: ModuleType) -> None:
    """They cross many columns from one row to the next."""
    camera = perfect.camera(430.0)
    sides = (-5.4, -1.8, 1.8, 5.4)
    marks = marks_of(camera, *((straight(side), 0) for side in sides))
    lines = decode_lines(perfect.grid_of(perfect.answer_of(camera, marks=marks)), camera)
    assert sorted(float(np.median(line.points[:, 1])) for line in lines) == pytest.approx(sides, abs=0.1)
    assert all(line.points[:, 0].min() < 12.0 and line.points[:, 0].max() > 30.0 for line in lines)
