"""Files as KITTI and nuScenes write them, made by hand of known scenes, are read as what they show."""

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from geometry.camera import CAMERA_AXES
from geometry.errors import InputError
from perception.net.classes import OBJECTS
from perception.net.targets import OBJECT_COLUMNS, targets_of
from perception.training.real import kitti, nuscenes
from perception.training.real.labelled import UNKNOWN, samples_of
from perception.training.sample import fitted, read_shard, write_shard

U, V, DEPTH, VISIBLE, X, Y, YAW = (
    OBJECT_COLUMNS.index(n) for n in ("u", "v", "depth_m", "visible", "x_m", "y_m", "yaw_rad")
)
FOCAL, CU, CV = 721.5, 609.6, 172.9
P2 = f"P2: {FOCAL} 0 {CU} 44.86 0 {FOCAL} {CV} 0.2164 0 0 1 0.002746"
CAR = "Car 0.00 0 -1.5 0 0 0 0 1.50 1.70 4.20 2.00 1.65 20.00 -1.57"
"""A car that stands on the ground 20 m before camera 0 and 2 m to the right, heading away."""


def picture(path: Path, size: tuple[int, int] = (1242, 375)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((size[1], size[0], 3), 90, np.uint8))


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    picture(tmp_path / "image_2" / "000007.png")
    for folder, text in (
        ("label_2", f"{CAR}\nDontCare -1 -1 -10 503 169 590 190 -1 -1 -1 -1000 -1000 -1000 -10\n"
                    "Pedestrian 0.50 3 0 0 0 0 0 1.8 0.6 0.6 -4.0 1.65 12.0 0.0\n"), ("calib", f"P0: 0\n{P2}\n"),
    ):  # fmt: skip
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "000007.txt").write_text(text)
    return tmp_path


def test_a_car_of_kitti_is_where_its_label_puts_it(objects: Path) -> None:
    (one,) = kitti.pictures_in(objects)
    car, person = one.boxes
    assert (OBJECTS[car.kind], OBJECTS[person.kind]) == ("car", "pedestrian")
    assert (car.x_m, car.y_m, car.foot_z_m) == pytest.approx((21.68, -2.0, 0.0))
    assert car.yaw_rad == pytest.approx(0.0, abs=0.01)
    assert (car.visible, person.visible) == pytest.approx((1.0, 0.05))
    (middle,), depth = one.camera.pixels_of(np.array([(car.x_m, car.y_m, 0.75)]))
    # Camera 2 by its own projection matrix, as the development kit does it.
    place = np.array((2.0, 1.65 - 0.75, 20.0, 1.0))
    projected = np.array(P2.split()[1:], float).reshape(3, 4) @ place
    assert middle == pytest.approx(projected[:2] / projected[2], abs=0.01)
    assert depth[0] == pytest.approx(20.0, abs=0.01)


def test_a_sample_of_it_has_the_car_in_the_pixels_of_the_resized_picture(objects: Path) -> None:
    (sample,) = samples_of(kitti.pictures_in(objects))
    assert (sample.camera.width, sample.camera.height) == (640, 360)
    car, person, nobody = sample.answer.objects
    (middle,), _ = sample.camera.pixels_of(np.array([(car[X], car[Y], 0.75)]))
    assert (car[U], car[V]) == pytest.approx(tuple(middle))
    assert person[VISIBLE] < 0.25 < car[VISIBLE]
    assert nobody[VISIBLE] == 0.0
    ratio = 640 / 1242
    assert nobody[1:5:2] == pytest.approx((503 * ratio, 590 * ratio), abs=0.5)
    assert sample.answer.weather == UNKNOWN


def test_the_net_is_told_to_find_the_car_and_not_to_care_where_nobody_looked(objects: Path) -> None:
    (sample,) = samples_of(kitti.pictures_in(objects))
    targets = targets_of(fitted(sample.answer))
    assert (targets.heat[OBJECTS.index("car")] > 0.999).sum() == 1
    assert targets.heat[OBJECTS.index("pedestrian")].max() == 0.0
    assert (targets.care[: len(OBJECTS)] == 0.0).any()


def test_samples_of_real_pictures_fit_into_shards(objects: Path, tmp_path: Path) -> None:
    samples = list(samples_of(kitti.pictures_in(objects)))
    write_shard(tmp_path / "real.npz", samples)
    (back,) = read_shard(tmp_path / "real.npz").samples
    np.testing.assert_allclose(back.answer.objects, samples[0].answer.objects, rtol=1e-4, atol=1e-4)
    assert back.answer.weather == UNKNOWN


def test_sequences_of_the_tracking_benchmark_are_read_frame_by_frame(tmp_path: Path) -> None:
    for frame in (0, 3):
        picture(tmp_path / "image_02" / "0001" / f"{frame:06d}.png")
    (tmp_path / "label_02").mkdir()
    (tmp_path / "calib").mkdir()
    (tmp_path / "calib" / "0001.txt").write_text(P2)
    (tmp_path / "label_02" / "0001.txt").write_text(f"0 5 {CAR}\n3 5 {CAR}\n3 6 {CAR.replace('Car', 'Van')}\n")
    found = kitti.pictures_in(tmp_path)
    assert [(len(one.boxes), one.moment) for one in found] == [(1, 0), (2, 1)]


@pytest.mark.parametrize(
    ("text", "word"),
    [("Car 0 0", "15 words"), (CAR.replace("Car", "Ship"), "'Ship' is unknown"),
     (CAR.replace("20.00", "far"), "numbers"), (CAR.replace("20.00", "nan"), "finite")],
)  # fmt: skip
def test_a_wrong_label_is_refused_with_its_line(objects: Path, text: str, word: str) -> None:
    label = objects / "label_2" / "000007.txt"
    label.write_text(f"{CAR}\n{text}\n")
    with pytest.raises(InputError, match=word) as caught:
        kitti.pictures_in(objects)
    assert f"{label}:2" in str(caught.value)


def test_missing_pictures_and_calibrations_are_named(objects: Path) -> None:
    (objects / "image_2" / "000007.png").unlink()
    with pytest.raises(InputError, match=r"000007\.png"):
        kitti.pictures_in(objects)
    picture(objects / "image_2" / "000007.png")
    (objects / "calib" / "000007.txt").write_text("P0: 1 2 3\n" + "P1: " + "0 " * 12)
    with pytest.raises(InputError, match="P2, the projection"):
        kitti.pictures_in(objects)
    with pytest.raises(InputError, match="no labels of KITTI"):
        kitti.pictures_in(objects / "nowhere")


# --- nuScenes ---


def quaternion(yaw: float) -> list[float]:
    return [math.cos(0.5 * yaw), 0.0, 0.0, math.sin(0.5 * yaw)]


def tables() -> dict[str, list[dict[str, Any]]]:
    """The ego at (100, 50), heading north; a car 20 m ahead of it that heads west; a camera that looks to the left."""
    half = math.sqrt(0.5)
    return {
        "sensor": [{"token": "s", "channel": "CAM_LEFT", "modality": "camera"},
                   {"token": "l", "channel": "LIDAR_TOP", "modality": "lidar"}],
        "calibrated_sensor": [
            # x right is ego's x, y down is -z, z forward is ego's y
            {"token": "c", "sensor_token": "s", "translation": [1.0, 0.5, 1.5], "rotation": [half, -half, 0.0, 0.0],
             "camera_intrinsic": [[1000, 0, 800], [0, 1000, 450], [0, 0, 1]]},
            {"token": "d", "sensor_token": "l", "translation": [0, 0, 2], "rotation": [1, 0, 0, 0],
             "camera_intrinsic": []},
        ],
        "ego_pose": [{"token": "e", "translation": [100.0, 50.0, 7.0], "rotation": quaternion(math.pi / 2)}],
        "sample_data": [
            {"token": "1", "sample_token": "m", "ego_pose_token": "e", "calibrated_sensor_token": "c", "width": 1600,
             "height": 900, "filename": "samples/CAM_LEFT/a.jpg", "is_key_frame": True, "timestamp": 5},
            {"token": "2", "sample_token": "m", "ego_pose_token": "e", "calibrated_sensor_token": "c", "width": 1600,
             "height": 900, "filename": "sweeps/b.jpg", "is_key_frame": False, "timestamp": 6},
            {"token": "3", "sample_token": "m", "ego_pose_token": "e", "calibrated_sensor_token": "d", "width": 0,
             "height": 0, "filename": "samples/LIDAR_TOP/c.bin", "is_key_frame": True, "timestamp": 5},
        ],
        "category": [{"token": "k", "name": "vehicle.car"}, {"token": "q", "name": "animal"}],
        "instance": [{"token": "i", "category_token": "k"}, {"token": "j", "category_token": "q"}],
        "sample_annotation": [
            {"token": "x", "sample_token": "m", "instance_token": "i", "visibility_token": "4", "size": [1.8, 4.4, 1.5],
             "translation": [80.0, 50.0, 7.75], "rotation": quaternion(math.pi)},
            {"token": "y", "sample_token": "m", "instance_token": "j", "visibility_token": "4", "size": [1, 1, 1],
             "translation": [80.0, 50.0, 7.5], "rotation": quaternion(0.0)},
        ],
    }  # fmt: skip


def written(folder: Path, changed: dict[str, Any] | None = None) -> Path:
    (folder / "v1.0-mini").mkdir(parents=True)
    for name, rows in {**tables(), **(changed or {})}.items():
        (folder / "v1.0-mini" / f"{name}.json").write_text(json.dumps(rows))
    picture(folder / "samples" / "CAM_LEFT" / "a.jpg", (1600, 900))
    return folder


def test_a_car_of_nuscenes_is_where_the_ego_sees_it(tmp_path: Path) -> None:
    (one,) = nuscenes.pictures_in(written(tmp_path))
    (car,) = one.boxes
    assert OBJECTS[car.kind] == "car"
    # West of an ego that heads north is to its left; the car heads west, which is left too.
    assert (car.x_m, car.y_m, car.foot_z_m) == pytest.approx((0.0, 20.0, 0.0), abs=1e-9)
    assert car.yaw_rad == pytest.approx(math.pi / 2)
    assert one.camera.ego_from_camera[:, 2] == pytest.approx((0.0, 1.0, 0.0), abs=1e-9)
    (middle,), depth = one.camera.pixels_of(np.array([(1.0, 20.0, 1.5)]))
    assert middle == pytest.approx((800.0, 450.0))
    assert depth[0] == pytest.approx(19.5)
    (sample,) = samples_of([one])
    assert sample.answer.objects[0, DEPTH] == pytest.approx(19.5)
    assert sample.answer.objects[0, YAW] == pytest.approx(math.pi / 2)


def test_a_camera_that_looks_ahead_has_our_axes() -> None:
    np.testing.assert_allclose(nuscenes.turn_of([0.5, -0.5, 0.5, -0.5]), CAMERA_AXES, atol=1e-12)


def test_tables_that_are_not_nuscenes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one folder of tables"):
        nuscenes.pictures_in(tmp_path)
    for name, changed, word in (
        ("a", {"ego_pose": {"token": 1}}, "list of rows"),
        ("b", {"ego_pose": [{"token": "e", "translation": [0, 0, 0], "rotation": [1, 1, 0, 0]}]}, "has the length"),
        ("c", {"instance": []}, "not as nuScenes writes it"),
        ("d", {"sample_data": [{**tables()["sample_data"][0], "filename": "../../etc/passwd"}]}, "outside"),
    ):
        with pytest.raises(InputError, match=word):
            nuscenes.pictures_in(written(tmp_path / name, changed))
    broken = written(tmp_path / "e")
    (broken / "v1.0-mini" / "sensor.json").write_text("[{")
    with pytest.raises(InputError, match="not valid JSON"):
        nuscenes.pictures_in(broken)


def test_a_picture_of_another_size_than_its_calibration_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path)
    picture(folder / "samples" / "CAM_LEFT" / "a.jpg", (800, 450))
    with pytest.raises(InputError, match=r"1600 x 900 pixels, not 800 x 450"):
        list(samples_of(nuscenes.pictures_in(folder)))


def test_nothing_but_boxes_is_learned_from_pictures_that_label_nothing_else(objects: Path) -> None:
    torch = pytest.importorskip("torch")
    from perception.net.classes import OUTPUTS
    from perception.net.losses import losses_of
    from perception.training.loop import batch_of

    batch = batch_of(list(samples_of(kitti.pictures_in(objects))), None)
    torch.manual_seed(1)
    grid, weather = torch.randn(1, OUTPUTS, 88, 160), torch.randn(1, 6)
    losses = losses_of(grid, weather, batch)
    silent = {name for name, loss in losses.items() if float(loss) == 0.0}
    assert silent == {"lights", "drivable", "marks", "mark_offset", "weather"}
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_a_folder_of_real_pictures_becomes_shards_once(objects: Path, tmp_path: Path) -> None:
    from lanewise.real_data import real_shards

    (shard,) = real_shards(objects, tmp_path / "shards")
    assert len(read_shard(shard).samples) == 1
    before = shard.stat().st_mtime_ns
    assert real_shards(objects, tmp_path / "shards") == (shard,)
    assert shard.stat().st_mtime_ns == before
    with pytest.raises(InputError, match="labelled pictures were expected"):
        real_shards(tmp_path / "shards", tmp_path / "other")
