"""Training pictures from our own simulator: which maps, seeds and weathers make the splits, and their shards on disk.

Training and hold-out share neither maps' scenery nor seeds; `suburb` and `highway_merge` are seen in the hold-out only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bus.messages import EntityKind, LightState, MarkType
from geometry.angles import wrap_rad
from geometry.errors import InputError
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from perception.net.classes import CLASS_OF_KIND, LIGHT_CLASS, STRIDE
from perception.net.targets import LIGHT_COLUMNS, MARK_COLUMNS, OBJECT_COLUMNS, Answer
from perception.training.sample import Sample, jpeg_of, read_shard, rows_of, write_shard
from sim.sensors.camera.random_scenes import HARD, USUAL, Mixture, Shot, marks_in_pixels, moments
from sim.sensors.camera.renderer import scenery_of
from sim.sensors.camera.rig import DEFAULT_CAMERAS, CameraSpec

MAPS = Path(__file__).parent / "scenarios" / "maps"
MOMENTS = 24
"""Rig frames per shard; they share a map, its scenery and the lenses."""
NEAREST_M = 1.0
MARK_CLASS = {MarkType.SOLID: 0, MarkType.BROKEN: 1}


@dataclass(frozen=True, slots=True)
class Split:
    """Maps and the seeds of shards: shard i has the seed `first_seed + i`."""

    name: str
    maps: tuple[str, ...]
    first_seed: int
    randomise: bool
    cameras: tuple[CameraSpec, ...] = DEFAULT_CAMERAS
    mixture: Mixture = USUAL


TRAIN_MAPS = ("highway_curve", "town", "highway_straight", "town", "roundabout")
HOLDOUT_MAPS = ("suburb", "highway_merge", "town", "highway_curve")
UNSEEN_CAMERAS = tuple(replace(spec, focal_px=1.4 * spec.focal_px, z_m=spec.z_m + 1.0) for spec in DEFAULT_CAMERAS)
"""Lenses and mounting heights beyond what training varies them by (0.78 to 1.25, -0.2 to 0.6 m)."""

SPLITS = {
    "train": Split(
        "train", ("highway_curve", "town", "highway_straight", "town", "roundabout"), 1_000_000, True, mixture=HARD
    ),
    "holdout": Split("holdout", HOLDOUT_MAPS, 9_000_000, False),
    "unseen-camera": Split("unseen-camera", HOLDOUT_MAPS, 8_000_000, False, UNSEEN_CAMERAS),
}


def generate(split: Split, count: int, folder: Path, told: Callable[[float], None]) -> tuple[Path, ...]:
    """The first `count` shards of a split in a folder; those that are there already are kept.

    Raises:
        InputError: a map of the split is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    maps: dict[str, LaneMap] = {}
    paths = []
    for index in range(count):
        path = folder / f"{split.name}-{split.first_seed + index}.npz"
        if not _whole(path):
            name = split.maps[index % len(split.maps)]
            lane_map = maps.setdefault(name, _lane_map(name)) if name not in maps else maps[name]
            write_shard(path, list(samples_of(lane_map, split, index, MOMENTS)))
        paths.append(path)
        told(index + 1)
    return tuple(paths)


def _whole(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        read_shard(path)
    except InputError:
        return False
    return True


def _lane_map(name: str) -> LaneMap:
    return sample_lanes(read_opendrive(MAPS / f"{name}.xodr"))


def samples_of(lane_map: LaneMap, split: Split, index: int, count: int) -> Iterator[Sample]:
    """Samples of the first `count` rig frames of a shard."""
    seed = split.first_seed + index
    rng = np.random.Generator(np.random.PCG64(seed))
    scenery = scenery_of(lane_map, seed)
    for shots in moments(
        lane_map, scenery, count, rng, randomise=split.randomise, cameras=split.cameras, mixture=split.mixture
    ):
        for shot in shots:
            yield sample_of(shot)


def sample_of(shot: Shot) -> Sample:
    """What training keeps of a shot."""
    truth, height, width = shot.labels, *shot.image.shape[:2]
    columns = (np.arange(-(-width // STRIDE)) + 0.5) * STRIDE - 0.5
    answer = Answer(
        height,
        width,
        rows_of(list(_objects(shot)), OBJECT_COLUMNS),
        rows_of(list(_lights(shot)), LIGHT_COLUMNS),
        rows_of(
            [(*r[:3], MARK_CLASS.get(MarkType(int(r[3])), 2), *r[4:]) for r in marks_in_pixels(shot)], MARK_COLUMNS
        ),
        shot.drivable,
        shot.true_camera.horizon_rows(columns),
        int(truth.weather.kind),
    )
    return Sample(jpeg_of(shot.image), shot.camera, answer, shot.moment, truth.weather.visibility_m)


def _objects(shot: Shot) -> Iterator[tuple[float, ...]]:
    truth, camera = shot.labels, shot.true_camera
    for i in range(len(truth.rows)):
        x, y, tall = float(truth.x_m[i]), float(truth.y_m[i]), float(truth.height_m[i])
        (middle, foot), depth = camera.pixels_of(np.array([(x, y, 0.5 * tall), (x, y, 0.0)]))
        beside = depth.min() < NEAREST_M  # there is no middle to point at: nobody has to find it in this picture
        if beside:
            middle, foot, depth = np.zeros(2), np.zeros(2), np.full(2, NEAREST_M)
        box = truth.box_px[i]
        focal = camera.local_focal_px(0.5 * (box[:2] + box[2:])[None] - 0.5)[0]
        azimuth = np.arctan2(y - camera.position_m[1], x - camera.position_m[0])
        yield (
            CLASS_OF_KIND[EntityKind(int(truth.kinds[i]))], *box, *middle, depth[0], foot[1], truth.length_m[i],
            truth.width_m[i], tall, float(wrap_rad(truth.yaw_rad[i] - azimuth)), 0.0 if beside else truth.visible[i],
            x, y, truth.yaw_rad[i], focal,
        )  # fmt: skip


def _lights(shot: Shot) -> Iterator[tuple[float, ...]]:
    truth, camera = shot.labels, shot.true_camera
    for i in range(len(truth.light_state)):
        depth = float(camera.in_camera(truth.light_xyz[i : i + 1])[0, 2])
        kind = LIGHT_CLASS[LightState(int(truth.light_state[i]))]
        yield kind, *truth.light_px[i], depth, camera.local_focal_px(truth.light_px[i : i + 1])[0]
