"""What the net has to learn, decoded again: nothing may be lost, whatever the camera."""

import math
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometry.angles import wrap_rad
from perception.net.classes import CHANNELS
from perception.net.decode import DecodeSettings, decode_lights, decode_objects, merged
from perception.net.horizon import levelled
from tests.perception.net import conftest as made

CAR = (0, 25.0, 1.5, 0.4, 4.5, 1.8, 1.5)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(8.0, 70.0), st.floats(-0.3, 0.3), st.floats(-3.1, 3.1), st.floats(350.0, 1300.0), st.floats(1.0, 2.6),
    st.floats(-0.03, 0.03),
)  # fmt: skip
def test_box_comes_back_whatever_focal_length_height_and_pitch(
    far: float, bearing: float, yaw: float, focal_px: float, z_m: float, pitch: float
) -> None:
    camera = made.camera(focal_px, z_m, pitch)
    x, y = 1.9 + far * math.cos(bearing), far * math.sin(bearing)
    answer = made.answer_of(camera, (0, x, y, yaw, 4.4, 1.8, 1.5))
    u, v = answer.objects[0, 5:7]
    if not (4.0 < u < 636.0 and 8.0 < v < 350.0):
        return
    found = decode_objects(made.grid_of(answer), camera)
    assert len(found.score) == 1
    assert (found.x_m[0], found.y_m[0]) == pytest.approx((x, y), abs=0.02 * far)
    assert abs(wrap_rad(found.yaw_rad[0] - yaw)) < 0.02
    assert (found.length_m[0], found.width_m[0], found.height_m[0]) == pytest.approx((4.4, 1.8, 1.5), rel=0.01)


def test_foot_on_the_ground_corrects_a_wrong_size_prior(perfect: ModuleType) -> None:
    """A car that looks nearer than it is, by 20 %, as its size is unusual: the ground plane knows better."""
    camera = perfect.camera()
    answer = perfect.answer_of(camera, CAR)
    wrong = perfect.grid_of(answer, depth_sigma=-1.0)
    wrong[perfect.CHANNELS["depth"].start] += math.log(0.8)
    found = decode_objects(wrong, camera)
    assert found.x_m[0] == pytest.approx(25.0, abs=0.8)


def test_mounting_height_enters_the_range(perfect: ModuleType) -> None:
    """The same picture seen from twice as high means twice as far, when only the foot is trusted."""
    low, high = perfect.camera(z_m=1.2), perfect.camera(z_m=2.4)
    grid = perfect.grid_of(perfect.answer_of(low, CAR), depth_sigma=3.0)
    near, far = decode_objects(grid, low), decode_objects(grid, high)
    assert far.x_m[0] - 1.9 == pytest.approx(2.0 * (near.x_m[0] - 1.9), rel=0.05)


def test_stated_sigma_follows_the_nets_doubt(perfect: ModuleType) -> None:
    camera = perfect.camera()
    answer = perfect.answer_of(camera, CAR)
    sure, unsure = (
        float(np.trace(decode_objects(perfect.grid_of(answer, s, s), camera).covariance[0])) for s in (-4.0, -1.5)
    )
    assert unsure > 4.0 * sure


def test_covariance_is_long_along_the_line_of_sight(perfect: ModuleType) -> None:
    camera = perfect.camera()
    found = decode_objects(perfect.grid_of(perfect.answer_of(camera, (0, 40.0, 0.0, 0.0, 4.4, 1.8, 1.5))), camera)
    assert found.covariance[0, 0, 0] > 4.0 * found.covariance[0, 1, 1]


def test_one_object_in_two_cameras_is_one_object(perfect: ModuleType) -> None:
    parts = [
        decode_objects(perfect.grid_of(perfect.answer_of(camera, CAR)), camera)
        for camera in (perfect.camera(430.0), perfect.camera(1000.0))
    ]
    assert len(merged(parts).score) == 1


def test_weak_guess_of_another_class_does_not_rename_an_object(perfect: ModuleType) -> None:
    """Even where it is surer of the place."""
    camera = perfect.camera()
    car = decode_objects(perfect.grid_of(perfect.answer_of(camera, CAR), -2.0, -2.0), camera)
    truck = decode_objects(perfect.grid_of(perfect.answer_of(camera, (1, *CAR[1:]))), camera)
    both = merged([car, replace(truck, score=np.array([0.1]))])
    assert both.classes.tolist() == [0]
    assert both.score == pytest.approx(car.score)


def test_surer_camera_says_where_an_object_is(perfect: ModuleType) -> None:
    camera = perfect.camera()
    answer = perfect.answer_of(camera, CAR)
    sure, unsure = (decode_objects(perfect.grid_of(answer, s, s), camera) for s in (-4.0, -2.0))
    moved = replace(unsure, x_m=unsure.x_m + 1.0)
    assert merged([moved, sure]).x_m == pytest.approx(sure.x_m)


def test_two_cars_side_by_side_stay_two(perfect: ModuleType) -> None:
    camera = perfect.camera()
    boxes = [(0, 30.0, side * 1.8, 0.0, 4.4, 1.8, 1.5) for side in (-1.0, 1.0)]
    found = merged([decode_objects(perfect.grid_of(perfect.answer_of(camera, *boxes)), camera)])
    assert sorted(found.y_m) == pytest.approx([-1.8, 1.8], abs=0.2)


def test_quiet_grid_holds_nothing(perfect: ModuleType) -> None:
    camera = perfect.camera()
    grid = perfect.grid_of(perfect.answer_of(camera))
    assert not len(decode_objects(grid, camera).score)
    assert not len(merged([decode_objects(grid, camera)]).score)


def test_weak_peaks_are_left_out(perfect: ModuleType) -> None:
    camera = perfect.camera()
    grid = perfect.grid_of(perfect.answer_of(camera, CAR))
    grid[: perfect.HEAT] -= 8.0
    assert not len(decode_objects(grid, camera, DecodeSettings(least_score=0.5)).score)


def test_light_comes_back_with_place_and_state(perfect: ModuleType) -> None:
    camera = perfect.camera()
    pixel, depth = camera.pixels_of(np.array([[35.0, -3.0, 3.2]]))
    answer = perfect.answer_of(camera)
    answer = replace(answer, lights=np.array([[2.0, *pixel[0], depth[0], camera.focal_px]]))
    lights = decode_lights(perfect.grid_of(answer), camera)
    assert tuple(lights.state) == (3,)  # green
    assert (lights.x_m[0], lights.y_m[0]) == pytest.approx((35.0, -3.0), abs=0.3)


@pytest.mark.parametrize("pitch_deg", [-0.3, 0.3])
def test_horizon_in_the_picture_levels_a_car_that_pitches(perfect: ModuleType, pitch_deg: float) -> None:
    """The foot alone says the range; 0.3 degrees are a fifth of it at 60 m, unless the horizon is seen."""
    believed = perfect.camera(1250.0)
    true = believed.turned(0.0, math.radians(pitch_deg), 0.0)
    answer = perfect.answer_of(true, (0, 60.0, 0.0, 0.0, 4.4, 1.8, 1.5))
    grid = perfect.grid_of(answer, depth_sigma=3.0)
    assert decode_objects(grid, believed).x_m[0] == pytest.approx(60.0, rel=0.03)
    grid[perfect.CHANNELS["horizon"]][1] = 3.0  # a net that does not see it
    assert abs(decode_objects(grid, believed).x_m[0] - 60.0) > 8.0


def test_horizon_that_is_doubted_leaves_the_calibration_as_it_is(perfect: ModuleType) -> None:
    camera = perfect.camera()
    grid = perfect.grid_of(perfect.answer_of(camera))
    sure = levelled(grid, camera).pitch_rad
    grid[perfect.CHANNELS["horizon"]][0] += 1.0
    grid[perfect.CHANNELS["horizon"]][1] = 3.0
    level = levelled(grid, camera)
    doubt = level.pitch_rad
    assert np.allclose(level.camera.ego_from_camera, camera.ego_from_camera, atol=1e-4)
    assert sure < 0.3 * doubt
    assert doubt == pytest.approx(math.radians(0.112), rel=0.05)


def test_bent_lens_does_not_make_objects_at_its_edge_look_farther(perfect: ModuleType) -> None:
    """A barrel lens shrinks what is off its axis; a net that says sizes in pixels has to be read with that lens."""
    bend = (-0.2, 0.045, 0.0, 0.0, 0.0)
    camera = replace(perfect.camera(430.0), distortion=np.array(bend))
    x, y = 20.0, 11.0
    (middle, low, high), depth = camera.pixels_of(np.array([(x, y, z) for z in (0.75, 0.0, 1.5)]))
    answer = perfect.answer_of(camera, (0, x, y, 0.0, 4.4, 1.8, 1.5))
    rows = answer.objects.copy()
    rows[0, 17] = (low[1] - high[1]) * depth[0] / 1.5  # as the picture shows it
    grid = perfect.grid_of(replace(answer, objects=rows), foot_sigma=3.0)
    found = decode_objects(grid, camera)
    assert rows[0, 17] < 0.94 * camera.focal_px
    assert (found.x_m[0], found.y_m[0]) == pytest.approx((x, y), abs=0.3)
    assert 0.0 < middle[0] < 640.0


def test_a_car_that_is_taller_than_most_seems_near_by_its_size_but_not_by_its_foot(perfect: ModuleType) -> None:
    camera = perfect.camera(1250.0)
    grid = perfect.grid_of(perfect.answer_of(camera, (0, 41.9, 2.0, 0.0, 4.4, 1.8, 1.5)))
    far = math.hypot(41.9, 2.0)
    by_size, _, by_ground, _ = decode_objects(grid, camera).ranges_m[0]
    assert (by_size, by_ground) == pytest.approx((far, far), rel=0.02)
    grid[CHANNELS["depth"]][0] += math.log(0.9)
    found = decode_objects(grid, camera)
    by_size, size_sigma, by_ground, ground_sigma = found.ranges_m[0]
    assert by_size == pytest.approx(1.9 + 0.9 * 40.0, rel=0.02)
    assert by_ground == pytest.approx(far, rel=0.02)
    assert by_size < math.hypot(found.x_m[0], found.y_m[0]) < by_ground
    assert min(size_sigma, ground_sigma) > 0.0


def test_ranges_of_all_cameras_stay_with_their_objects(perfect: ModuleType) -> None:
    camera = perfect.camera()
    parts = [
        decode_objects(perfect.grid_of(perfect.answer_of(camera, (0, x, 0.0, 0.0, 4.4, 1.8, 1.5))), camera)
        for x in (20.0, 45.0)
    ]
    found = merged(parts)
    assert found.ranges_m[:, 0] == pytest.approx(np.hypot(found.x_m, found.y_m), rel=0.03)
