"""Argoverse 2 logs: everybody where the annotations say, and broken files refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from bus.messages import EntityKind
from geometry.errors import InputError
from sim.scenarios.recorded.argoverse2 import is_argoverse2, map_file, read_argoverse2

TURN = {"qw": np.cos(np.pi / 4), "qx": 0.0, "qy": 0.0, "qz": np.sin(np.pi / 4)}
"""A quarter turn to the left."""


def sensor_log(folder: Path) -> Path:
    """The ego drives north at 10 m/s; a car stays 20 m ahead of it, as boxes in the ego's frame say."""
    stamps = 1_000_000_000 + 100_000_000 * np.arange(30)
    n = len(stamps)
    turn = {name: np.full(n, value) for name, value in TURN.items()}
    poses = {"timestamp_ns": stamps, **turn, "tx_m": np.full(n, 5.0), "ty_m": np.arange(n) * 1.0, "tz_m": np.zeros(n)}
    straight = {"qw": np.ones(n), "qx": np.zeros(n), "qy": np.zeros(n), "qz": np.zeros(n)}
    boxes = {
        "timestamp_ns": stamps, "track_uuid": np.full(n, "abc"), "category": np.full(n, "REGULAR_VEHICLE"),
        "length_m": np.full(n, 4.5), "width_m": np.full(n, 1.9), "height_m": np.full(n, 1.6), **straight,
        "tx_m": np.full(n, 20.0), "ty_m": np.zeros(n), "tz_m": np.zeros(n),
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.feather.write_feather(pa.table(poses), folder / "city_SE3_egovehicle.feather")
    pyarrow.feather.write_feather(pa.table(boxes), folder / "annotations.feather")
    return folder


def test_boxes_move_from_the_egos_frame_to_the_citys(tmp_path: Path) -> None:
    log = read_argoverse2(sensor_log(tmp_path / "log"))
    (car,) = log.others
    assert car.shape.kind is EntityKind.CAR
    np.testing.assert_allclose(car.x_m, 5.0, atol=1e-9)
    np.testing.assert_allclose(car.y_m, np.arange(30) + 20.0, atol=1e-9)
    np.testing.assert_allclose(car.yaw_rad, np.pi / 2)
    np.testing.assert_allclose(car.speed_mps, 10.0)
    assert log.duration_s == pytest.approx(2.9)


def test_real_logs_are_whole(data: Path) -> None:
    folders = [path.parent for path in sorted((data / "drives" / "argoverse2").rglob("annotations.feather"))]
    assert len(folders) == 2
    for folder in folders:
        assert is_argoverse2(folder)
        log = read_argoverse2(folder)
        assert log.duration_s == pytest.approx(15.5, abs=0.5)
        assert float(log.ego.speed_mps.max()) < 25.0
        assert len(log.others) > 30
        assert max(float(track.speed_mps.max()) for track in log.others) < 40.0
        assert map_file(folder).suffix == ".json"


def test_a_forecasting_scenario_has_the_recording_car_as_ego(data: Path) -> None:
    (folder,) = [path.parent for path in (data / "drives" / "argoverse2").rglob("scenario_*.parquet")]
    log = read_argoverse2(folder)
    assert log.ego.shape.name == "Ego"
    assert log.duration_s == pytest.approx(10.9, abs=0.2)


@pytest.mark.parametrize("name", ["annotations.feather", "city_SE3_egovehicle.feather"])
@pytest.mark.parametrize("keep", [0, 40, 200])
def test_a_truncated_table_is_refused_with_its_name(tmp_path: Path, name: str, keep: int) -> None:
    folder = sensor_log(tmp_path / "log")
    (folder / name).write_bytes((folder / name).read_bytes()[:keep])
    with pytest.raises(InputError, match=name.split(".")[0]):
        read_argoverse2(folder)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    folder = sensor_log(tmp_path / "log")
    table = pyarrow.feather.read_table(folder / "annotations.feather")
    column = table["tx_m"].to_numpy().copy()
    column[3] = np.nan
    changed = table.set_column(table.schema.get_field_index("tx_m"), "tx_m", pa.array(column))
    pyarrow.feather.write_feather(changed, folder / "annotations.feather")
    with pytest.raises(InputError, match="tx_m"):
        read_argoverse2(folder)


def test_a_log_without_its_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="log_map_archive"):
        map_file(sensor_log(tmp_path / "log"))
