"""Labels against the agents they are made of."""

import math
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from bus.messages import EntityKind, LightState
from geometry.angles import wrap_rad
from geometry.camera import camera_of
from geometry.pose import Pose
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from sim.sensors.camera.labels import Labels, labels
from sim.sensors.camera.renderer import Agents, Scenery, WorldView, draw, scene_of, scenery_of
from sim.weather import CLEAR_DAY
from tests.sim.sensors.camera.conftest import MAPS

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


@pytest.fixture(scope="module")
def crossing() -> Scenery:
    return scenery_of(sample_lanes(read_opendrive(MAPS / "town.xodr")), 1)


def before_a_light(scenery: Scenery, *trucks_m: float, visibility_m: float = 3000.0) -> Labels:
    """What is labelled 20 m before the first light, with a truck so far ahead in between."""
    head = scenery.lights[0]
    toward = Pose(head.x_m, head.y_m, wrap_rad(head.yaw_rad + math.pi))
    ego = toward @ Pose(-20.0, 0.0, 0.0)
    places = [ego @ Pose(far, 0.0, 0.5 * math.pi) for far in trucks_m]
    x, y, yaw = (np.array([getattr(place, name) for place in places]) for name in ("x_m", "y_m", "yaw_rad"))
    one, kinds = np.ones(len(places)), np.full(len(places), int(EntityKind.TRUCK))
    agents = Agents(np.arange(len(places)), kinds, x, y, yaw, 12.0 * one, 2.5 * one, 3.8 * one, 0.0 * one)
    states = (int(LightState.RED),) * len(scenery.lights)
    scene = scene_of(WorldView(scenery, agents, ego, 0.0, states), replace(CLEAR_DAY, visibility_m=visibility_m))
    return labels(scene, CAMERA, draw(scene, CAMERA, np.random.Generator(np.random.PCG64(0))))


def lights_at_20_m(found: Labels) -> int:
    return int((np.abs(found.light_xyz[:, 0] - 20.0) < 0.5).sum())


def test_light_that_faces_the_camera_is_labelled(crossing: Scenery) -> None:
    assert lights_at_20_m(before_a_light(crossing)) == 1


def test_light_behind_a_truck_has_no_label(crossing: Scenery) -> None:
    assert lights_at_20_m(before_a_light(crossing, 10.0)) == 0


def test_truck_behind_a_light_hides_nothing(crossing: Scenery) -> None:
    assert lights_at_20_m(before_a_light(crossing, 24.0)) == 1


def test_light_beyond_the_visibility_has_no_label(crossing: Scenery) -> None:
    assert lights_at_20_m(before_a_light(crossing, visibility_m=15.0)) == 0
