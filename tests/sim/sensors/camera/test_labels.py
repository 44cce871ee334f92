"""Labels against the agents they are made of."""

from types import ModuleType

import numpy as np
import pytest

from bus.messages import EntityKind
from geometry.camera import camera_of
from sim.sensors.camera.labels import Labels, labels
from sim.sensors.camera.renderer import Scenery, WorldView, draw, scene_of
from sim.weather import CLEAR_DAY

CAMERA = camera_of(640, 360, 500.0, (1.9, 0.0, 1.35))


def labels_of(view: WorldView) -> Labels:
    scene = scene_of(view, CLEAR_DAY)
    return labels(scene, CAMERA, draw(scene, CAMERA, np.random.Generator(np.random.PCG64(0))))


def test_free_object_is_wholly_visible_with_its_box_in_ego(rig: ModuleType, scenery: Scenery) -> None:
    found = labels_of(rig.view_of(scenery, (EntityKind.CAR, 25.0, -1.5, 0.3)))
    assert found.visible == pytest.approx([1.0], abs=0.03)
    assert (found.x_m[0], found.y_m[0], found.yaw_rad[0]) == pytest.approx((25.0, -1.5, 0.3))
    assert tuple(found.kinds) == (EntityKind.CAR,)


def test_half_hidden_object_is_half_visible(rig: ModuleType, scenery: Scenery) -> None:
    """A truck 10 m ahead covers all to the right of its left edge; the car behind it is centred on that line."""
    edge = 1.25 * (30.0 - 1.9) / (15.0 - 6.0 - 1.9)
    found = labels_of(rig.view_of(scenery, (EntityKind.TRUCK, 15.0, 0.0, 0.0), (EntityKind.CAR, 32.3, edge, 0.0)))
    assert found.visible[found.kinds == EntityKind.CAR] == pytest.approx([0.5], abs=0.15)


def test_object_cut_by_the_border_counts_what_is_inside(rig: ModuleType, scenery: Scenery) -> None:
    reach = 0.64 * (12.0 - 2.3 - 1.9)
    found = labels_of(rig.view_of(scenery, (EntityKind.CAR, 12.0, reach, 0.0)))
    assert 0.15 < found.visible[0] < 0.75


def test_hidden_object_has_no_label(rig: ModuleType, scenery: Scenery) -> None:
    found = labels_of(rig.view_of(scenery, (EntityKind.TRUCK, 15.0, 0.0, 0.0), (EntityKind.CAR, 40.0, 0.0, 0.0)))
    assert tuple(found.rows) == (0,)


def test_marks_of_the_own_lane_are_labelled_beside_the_ego(rig: ModuleType, scenery: Scenery) -> None:
    found = labels_of(rig.view_of(scenery))
    pieces = np.split(found.mark_xy, found.mark_start[1:-1])
    near = sorted(float(piece[:, 1].mean()) for piece in pieces if abs(piece[:, 1].mean()) < 3.0)
    assert near == pytest.approx([-1.875, 1.875], abs=0.01)
    assert len(found.mark_type) == len(pieces)


def test_boxes_of_pixels_enclose_what_is_seen(rig: ModuleType, scenery: Scenery) -> None:
    found = labels_of(rig.view_of(scenery, (EntityKind.PEDESTRIAN, 15.0, 2.0, 0.0)))
    left, top, right, bottom = found.box_px[0]
    (u, v), _ = (item[0] for item in CAMERA.pixels_of(np.array([[15.0, 2.0, 0.9]])))
    assert left < u < right
    assert top < v < bottom
    assert bottom - top == pytest.approx(500.0 * 1.75 / 13.1, abs=3.0)
