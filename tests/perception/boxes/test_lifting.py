"""Boxes of known objects are lifted to where these are, and as unsurely as it is said."""

import numpy as np
import pytest

from geometry.camera import Camera, camera_of
from perception.boxes.form import Boxes
from perception.boxes.lifting import LiftSettings, lifted, turned_covariance

FRONT = camera_of(960, 540, 860.0, (1.5, 0.0, 1.4), (0.0, 0.01, 0.0))


def edges_of(camera: Camera, x: float, y: float, size: tuple[float, float, float], yaw: float = 0.0) -> np.ndarray:
    """The rectangle around the corners of a box, (1, 4)."""
    length, width, height = size
    along, across = 0.5 * length * np.array([1, 1, -1, -1]), 0.5 * width * np.array([1, -1, -1, 1])
    flat = np.column_stack(
        (x + along * np.cos(yaw) - across * np.sin(yaw), y + along * np.sin(yaw) + across * np.cos(yaw))
    )
    corners = np.vstack([np.column_stack((flat, np.full(4, z))) for z in (0.0, height)])
    pixels, _ = camera.pixels_of(corners)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    whole = (camera.width - 1, camera.height - 1)
    return np.array([[*np.clip(low, 0, whole), *np.clip(high, 0, whole)]])


def one(edges: np.ndarray, name: str = "car") -> Boxes:
    return Boxes((name,), np.array([0.7]), edges)


@pytest.mark.parametrize("camera", [FRONT, camera_of(640, 360, 1250.0, (1.9, 0.0, 1.35)),
                                    camera_of(640, 360, 340.0, (-0.9, 0.0, 1.1), (0.0, 0.07, np.pi))])  # fmt: skip
@pytest.mark.parametrize(("x", "y"), [(18.0, 0.0), (25.0, 3.0), (50.0, -4.0), (80.0, 1.0)])
def test_a_car_is_lifted_to_where_it_stands(camera: Camera, x: float, y: float) -> None:
    ahead = float(np.cos(np.arctan2(camera.ego_from_camera[1, 2], camera.ego_from_camera[0, 2])))
    found = lifted(one(edges_of(camera, ahead * x, y, (4.5, 1.85, 1.65))), camera, edge_px=1.0)
    assert len(found.score) == 1
    error = np.array((found.x_m[0] - ahead * x, found.y_m[0] - y))
    assert np.hypot(*error) < 0.06 * x + 1.0
    assert error @ np.linalg.inv(found.covariance[0]) @ error < 9.2  # 99 %, chi-square of 2


def test_errors_of_edges_height_and_pitch_are_as_large_as_is_said() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    settings, ratios = LiftSettings(), []
    for _ in range(300):
        x, y = rng.uniform(15.0, 70.0), rng.uniform(-5.0, 5.0)
        size = (4.5 * rng.normal(1.0, 0.1), 1.85, 1.65 * rng.normal(1.0, 0.12))
        true = FRONT.turned(0.0, float(np.radians(rng.normal(0.0, settings.pitch_deg))), 0.0)
        edges = edges_of(true, x, y, size)
        edges += rng.normal(0.0, np.hypot(1.5, settings.edge_share * (edges[0, 3] - edges[0, 1])), (1, 4))
        found = lifted(one(edges), FRONT, edge_px=1.5)
        error = np.array((found.x_m[0] - x, found.y_m[0] - y))
        ratios.append(error @ np.linalg.inv(found.covariance[0]) @ error)
    assert 0.75 < np.mean(np.array(ratios) < 4.61) <= 0.99  # 90 %, chi-square of 2


def test_a_car_across_the_road_is_told_by_its_width() -> None:
    found = lifted(one(edges_of(FRONT, 20.0, 0.0, (4.5, 1.85, 1.65), np.pi / 2)), FRONT, edge_px=1.0)
    assert abs(found.yaw_rad[0]) == pytest.approx(np.pi / 2)
    assert found.x_m[0] == pytest.approx(20.0, abs=1.5)


def test_what_the_picture_cuts_does_not_tell_a_range() -> None:
    near = edges_of(FRONT, 5.0, 0.0, (4.5, 1.85, 1.65))  # the lower edge is out of the picture
    assert near[0, 3] == FRONT.height - 1
    assert not len(lifted(one(near), FRONT, edge_px=1.0).score)
    aside = lifted(one(edges_of(FRONT, 12.0, 6.6, (4.5, 1.85, 1.65))), FRONT, edge_px=1.0)
    whole = lifted(one(edges_of(FRONT, 12.0, 3.0, (4.5, 1.85, 1.65))), FRONT, edge_px=1.0)
    assert np.trace(aside.covariance[0]) > np.trace(whole.covariance[0])


def test_above_the_horizon_only_the_height_tells() -> None:
    high = np.array([[450.0, 150.0, 500.0, 200.0]])
    found = lifted(one(high), FRONT, edge_px=1.0)
    depth = FRONT.focal_px * 1.65 / 50.0
    assert found.x_m[0] == pytest.approx(1.5 + depth + 2.25, rel=0.02)


def test_another_height_of_a_class_moves_what_is_lifted_by_it() -> None:
    high = np.array([[450.0, 150.0, 500.0, 200.0]])
    usual = lifted(one(high, "cyclist"), FRONT, edge_px=1.0)
    low = lifted(one(high, "cyclist"), FRONT, edge_px=1.0, heights_m={"cyclist": 1.1})
    assert low.x_m[0] < 0.75 * usual.x_m[0]
    assert low.height_m[0] == 1.1


def test_covariance_lies_along_the_line_of_sight() -> None:
    spread = turned_covariance(np.array([2.0]), np.array([0.5]), np.array([np.pi / 6]))
    values, vectors = np.linalg.eigh(spread[0])
    np.testing.assert_allclose(values, [0.25, 4.0])
    assert abs(vectors[:, 1] @ (np.cos(np.pi / 6), np.sin(np.pi / 6))) == pytest.approx(1.0)
