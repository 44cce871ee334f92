"""Pictures against the projection, against geometry and against common sense."""

import math
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from bus.messages import EntityKind, Weather, WeatherKind
from geometry.camera import Camera, camera_of
from sim.sensors.camera.raster import FIRST_OBJECT, MARK, SKY
from sim.sensors.camera.renderer import Frame, Scenery, WorldView, agent_shape, draw, render, scene_of
from sim.sensors.camera.rig import DEFAULT_CAMERAS, WIDE_LENS
from sim.weather import CLEAR_DAY

NIGHT = replace(CLEAR_DAY, kind=WeatherKind.NIGHT, sun_elevation_rad=-0.4)
FOG = replace(CLEAR_DAY, kind=WeatherKind.FOG, visibility_m=80.0)
RAIN = replace(CLEAR_DAY, kind=WeatherKind.RAIN, precipitation_mmph=8.0, visibility_m=1500.0, wetness=0.8)
SNOW = replace(CLEAR_DAY, kind=WeatherKind.SNOW, precipitation_mmph=4.0, visibility_m=400.0, friction=0.4)
DUSK = replace(CLEAR_DAY, kind=WeatherKind.DUSK, sun_elevation_rad=-0.02)


def rng() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(3))


def pinhole(focal_px: float = 600.0) -> Camera:
    return camera_of(640, 360, focal_px, (1.9, 0.0, 1.35))


def frame_of(view: WorldView, camera: Camera, weather: Weather = CLEAR_DAY) -> Frame:
    return draw(scene_of(view, weather), camera, rng())


@pytest.mark.parametrize("kind", list(EntityKind))
def test_every_shape_fills_its_box_and_stays_in_it(kind: EntityKind, rig: ModuleType) -> None:
    length, width, height = rig.SIZES[kind]
    for seed in range(6):
        shape = agent_shape(int(kind), seed, length, width, height, False, False)
        points = shape.points
        assert points[:, 2].min() > -0.02
        assert points[:, 2].max() == pytest.approx(height, abs=0.05 + 0.02 * height)
        assert np.abs(points[:, 1]).max() < 0.5 * width + 0.2  # mirrors
        assert np.abs(points[:, 0]).max() < max(0.5 * length, 0.35) + 0.05


@pytest.mark.parametrize("kind", list(EntityKind))
def test_bodies_are_closed_towards_the_camera(kind: EntityKind, rig: ModuleType, scenery: Scenery) -> None:
    """Whatever it is turned to, the middle of what is seen is seen of the agent, not of what lies behind."""
    for yaw in np.linspace(0.0, 2.0 * math.pi, 7):
        frame = frame_of(rig.view_of(scenery, (kind, 14.0, 0.0, float(yaw))), pinhole())
        mine = frame.owner == FIRST_OBJECT
        v = np.nonzero(mine)[0]
        assert mine.sum() > 100
        if kind is not EntityKind.BICYCLE:
            middle = int(np.median(v))
            row = np.flatnonzero(mine[middle])
            assert len(row) >= 0.7 * (row[-1] - row[0] + 1)


@pytest.mark.parametrize("spec", DEFAULT_CAMERAS[:2], ids=lambda spec: spec.name)
def test_car_appears_where_the_camera_model_says(spec: object, rig: ModuleType, scenery: Scenery) -> None:
    camera = spec.calibrated()  # type: ignore[attr-defined]
    view = rig.view_of(scenery, (EntityKind.TRUCK, 40.0, 2.0, 0.0))
    mine = frame_of(view, camera).owner == FIRST_OBJECT
    v, u = np.nonzero(mine)
    length, width, height = rig.SIZES[EntityKind.TRUCK]
    corners = np.array([(40.0 - length / 2, 2.0 + side * width / 2, z) for side in (-1, 1) for z in (0.0, height)])
    expected, _ = camera.pixels_of(corners)
    assert u.min() == pytest.approx(expected[:, 0].min() + 0.5, abs=1.6)
    assert v.max() == pytest.approx(expected[:, 1].max(), abs=3.0)  # the wheels stand a little ahead of the rear
    assert v.min() == pytest.approx(expected[:, 1].min(), abs=1.6)


def test_nearer_object_hides_the_farther_one(rig: ModuleType, scenery: Scenery) -> None:
    near, far = (EntityKind.TRUCK, 15.0, 0.0, 0.0), (EntityKind.CAR, 40.0, 0.0, 0.0)
    for placed in ((near, far), (far, near)):
        owner = frame_of(rig.view_of(scenery, *placed), pinhole()).owner
        hidden = FIRST_OBJECT + placed.index(far)
        assert not (owner == hidden).any()


def test_object_behind_the_camera_is_not_seen(rig: ModuleType, scenery: Scenery) -> None:
    assert frame_of(rig.view_of(scenery, (EntityKind.CAR, -12.0, 0.0, 0.0)), pinhole()).owner.max() < FIRST_OBJECT


def test_object_that_surrounds_the_camera_breaks_nothing(rig: ModuleType, scenery: Scenery) -> None:
    frame = frame_of(rig.view_of(scenery, (EntityKind.BUS, 1.0, 0.3, 0.2)), pinhole())
    assert frame.image.shape == (360, 640, 3)


def test_lane_marks_lie_where_the_map_has_them(rig: ModuleType, scenery: Scenery) -> None:
    camera = camera_of(640, 360, 500.0, (1.9, 0.0, 1.35), (0.0, 0.02, 0.0), WIDE_LENS)
    owner = frame_of(rig.view_of(scenery), camera).owner
    v, u = np.nonzero(owner == MARK)
    near = v > 240
    ground = camera.ground_at(np.column_stack((u[near], v[near])).astype(float))
    lateral = rig.EGO.y_m + ground[:, 1]
    edges = np.array([edge for line in scenery.road.lines for edge in line.points[:1, 1]])
    assert np.abs(lateral[:, None] - edges[None]).min(axis=1).max() < 0.28  # half a wide mark, and a pixel


def test_horizon_is_level_for_a_level_camera(rig: ModuleType, scenery: Scenery) -> None:
    bare = replace(scenery, bodies=replace(scenery.bodies, rgb=scenery.bodies.rgb[:0], starts=np.zeros(1, np.int64)))
    owner = frame_of(rig.view_of(bare), pinhole()).owner
    assert (owner[:179] == SKY).all()
    assert (owner[182:] != SKY).all()


def test_same_generator_same_picture(rig: ModuleType, scenery: Scenery) -> None:
    view = rig.view_of(scenery, (EntityKind.CAR, 20.0, 1.0, 0.1))
    for weather in (CLEAR_DAY, RAIN, SNOW):
        one, two = (render(view, pinhole(), weather, rng()) for _ in range(2))
        assert np.array_equal(one, two)


def test_night_is_darker_than_dusk_and_dusk_than_day(rig: ModuleType, scenery: Scenery) -> None:
    view = rig.view_of(scenery)
    night, dusk, day = (float(render(view, pinhole(), w, rng()).mean()) for w in (NIGHT, DUSK, CLEAR_DAY))
    assert night < 0.6 * dusk
    assert dusk < 0.8 * day


def test_headlights_light_the_road_ahead_at_night(rig: ModuleType, scenery: Scenery) -> None:
    view = rig.view_of(scenery)
    ahead = render(view, camera_of(640, 360, 430.0, (1.9, 0.0, 1.35)), NIGHT, rng())
    behind = render(view, camera_of(640, 360, 430.0, (-0.9, 0.0, 1.35), (0.0, 0.0, math.pi)), NIGHT, rng())
    assert ahead[280:].mean() > 2.0 * behind[280:].mean()


def test_fog_takes_contrast_from_far_objects_only(rig: ModuleType, scenery: Scenery) -> None:
    def contrast(distance: float, weather: Weather) -> float:
        view = rig.view_of(scenery, (EntityKind.TRUCK, distance, 0.0, 0.0))
        frame = frame_of(view, pinhole(), weather)
        return float(frame.image[frame.owner == FIRST_OBJECT].std())

    assert contrast(90.0, FOG) < 0.4 * contrast(90.0, CLEAR_DAY)
    assert contrast(10.0, FOG) > 0.5 * contrast(10.0, CLEAR_DAY)


def test_snow_whitens_the_ground(rig: ModuleType, scenery: Scenery) -> None:
    view = rig.view_of(scenery)
    assert render(view, pinhole(), SNOW, rng())[250:].mean() > 1.3 * render(view, pinhole(), RAIN, rng())[250:].mean()


def test_shadow_falls_away_from_the_sun(rig: ModuleType, scenery: Scenery) -> None:
    """Sun from the left: right of the truck it is darker than left of it."""
    sun = replace(CLEAR_DAY, sun_elevation_rad=0.6, sun_azimuth_rad=math.pi / 2.0)
    bare = rig.view_of(scenery)
    view = rig.view_of(scenery, (EntityKind.TRUCK, 18.0, 0.0, 0.0))
    with_truck, without = (render(v, pinhole(), sun, rng()).astype(int) for v in (view, bare))
    camera = pinhole()

    def darkening(y: float) -> float:
        (u, v), _ = (p[0] for p in camera.pixels_of(np.array([[15.0, y, 0.0]])))
        part = np.s_[int(v) - 2 : int(v) + 3, int(u) - 2 : int(u) + 3]
        return float((without[part] - with_truck[part]).mean())

    assert darkening(-3.0) > 12.0
    assert abs(darkening(3.0)) < 8.0


def test_wet_road_mirrors_lamps(rig: ModuleType, scenery: Scenery) -> None:
    view = rig.view_of(scenery, (EntityKind.CAR, 15.0, 0.0, 0.0))
    dry = replace(RAIN, wetness=0.0)
    wet_red, dry_red = (float(render(view, pinhole(), w, rng())[225:250, 290:350, 0].std()) for w in (RAIN, dry))
    assert wet_red > dry_red


def test_moving_ego_blurs_the_near_road(rig: ModuleType, scenery: Scenery) -> None:
    still = replace(rig.view_of(scenery), speed_mps=0.0)
    side = camera_of(640, 360, 290.0, (1.7, 0.9, 1.05), (0.0, 0.1, math.pi / 2.0))
    scenes = [scene_of(view, CLEAR_DAY) for view in (still, replace(still, speed_mps=35.0))]
    sharp, soft = (draw(scene, side, rng(), exposure_s=0.02).image[300:].astype(float) for scene in scenes)
    assert np.abs(np.diff(soft, axis=1)).mean() < 0.9 * np.abs(np.diff(sharp, axis=1)).mean()
