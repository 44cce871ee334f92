"""What training is told of a picture, against the scene it was rendered from."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lanewise
from bus.messages import WeatherKind
from geometry.pose import Pose
from lanewise.training_data import SPLITS, sample_of
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from sim.sensors.camera.random_scenes import HARD, USUAL, Mixture, moments, random_view, random_weather
from sim.sensors.camera.renderer import Scenery, scenery_of

pytest.importorskip("torch")
TOWN = Path(lanewise.__file__).parent / "scenarios" / "maps" / "town.xodr"


@pytest.fixture(scope="module")
def town() -> LaneMap:
    return sample_lanes(read_opendrive(TOWN))


@pytest.fixture(scope="module")
def scenery(town: LaneMap) -> Scenery:
    return scenery_of(town, 1)


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def test_horizon_of_a_sample_is_that_of_the_camera_that_took_it_not_of_its_calibration(
    town: LaneMap, scenery: Scenery
) -> None:
    (shots,) = moments(town, scenery, 1, generator(2))
    for shot in shots:
        sample = sample_of(shot)
        columns = (np.arange(160) + 0.5) * 4 - 0.5
        assert np.allclose(sample.answer.horizon, shot.true_camera.horizon_rows(columns), atol=1e-3)
        off = np.abs(sample.answer.horizon - sample.camera.horizon_rows(columns)).max() / sample.camera.focal_px
        assert 1e-5 < off < math.radians(1.5)


def test_object_beside_the_camera_is_told_as_one_that_need_not_be_found(town: LaneMap, scenery: Scenery) -> None:
    """Its middle lies behind the picture, though its front is in it: a net must not learn that nothing is there."""
    (shots,) = moments(town, scenery, 1, generator(3), randomise=False)
    wide = shots[1]
    truth = wide.labels
    assert len(truth.rows)
    beside = replace(truth, x_m=np.full(len(truth.rows), 2.0), y_m=np.full(len(truth.rows), 3.0))
    rows = sample_of(replace(wide, labels=beside)).answer.objects
    assert len(rows) == len(truth.rows)
    assert (rows[:, 13] == 0.0).all()
    assert np.allclose(rows[:, 1:5], truth.box_px)


def test_mixture_decides_how_often_weathers_and_lights_come(town: LaneMap, scenery: Scenery) -> None:
    for mixture in (USUAL, HARD):
        assert sum(mixture.kinds.values()) == pytest.approx(1.0)
        assert sum(mixture.weathers.values()) == pytest.approx(1.0)
    rng = generator(4)
    for mixture in (USUAL, HARD):
        nights = np.mean([random_weather(rng, mixture).kind is WeatherKind.NIGHT for _ in range(1500)])
        assert nights == pytest.approx(mixture.weathers[WeatherKind.NIGHT], abs=0.03)
    facing = [
        np.mean([ahead_of(scenery, random_view(town, scenery, rng, replace(USUAL, at_lights=share)).world_from_ego)
                 for _ in range(40)])
        for share in (0.0, 1.0)
    ]  # fmt: skip
    assert facing[1] > facing[0] + 0.4


def ahead_of(scenery: Scenery, ego: Pose) -> bool:
    places = [ego.inverse() @ np.array([head.x_m, head.y_m]) for head in scenery.lights]
    turned = [math.cos(head.yaw_rad - ego.yaw_rad) < -0.6 for head in scenery.lights]
    return any(5.0 < x < 75.0 and abs(y) < 0.6 * x and faces for (x, y), faces in zip(places, turned, strict=True))


def test_training_is_harder_than_what_is_judged() -> None:
    kinds: list[Mixture] = [SPLITS[name].mixture for name in ("train", "holdout", "unseen-camera")]
    assert kinds == [HARD, USUAL, USUAL]
