"""Claims on the import of a recorded minute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bus.messages import EgoTruth, GnssFix, Imu
from bus.recording import Recording
from geometry.errors import InputError
from geometry.geodesy import east_north_up_axes
from lanewise.imports.comma2k19 import read_drive
from lanewise.imports.said import write_drive
from lanewise.localization_eval import figures_of, score_drive
from lanewise.replay_imported import replayed


def test_every_row_of_the_tables_is_in_the_recording(data: Path, tmp_path: Path) -> None:
    folder = data / "drives" / "comma2k19"
    out = tmp_path / "drive.mcap"
    write_drive(read_drive(folder), out, "comma2k19")
    counts = {topic.topic: topic.count for topic in Recording.open(out).topics()}
    tables = {
        "/sensor/imu": "imu",
        "/sensor/wheels": "wheel",
        "/sensor/gnss": "gnss_ublox",
        "/truth/ego": "ground_truth",
    }
    for topic, table in tables.items():
        assert counts[topic] == len((folder / f"{table}.csv").read_text().splitlines()) - 1


def test_gravity_points_up_after_the_import(data: Path) -> None:
    said = read_drive(data / "drives" / "comma2k19")
    upward = [one.message.acceleration_mps2[2] for one in said if one.topic == "/sensor/imu"]
    assert sum(upward) / len(upward) == pytest.approx(9.8, abs=0.3)


def test_a_folder_without_tables_is_an_error_that_names_the_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"imu\.csv"):
        read_drive(tmp_path)


def test_a_table_without_its_columns_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "imu.csv").write_text("t,ax\n0,1\n")
    with pytest.raises(InputError, match="gz_raw"):
        read_drive(tmp_path)


@pytest.fixture
def segment(data: Path, tmp_path: Path) -> Path:
    """The real minute in its authors' layout, made back from the neutral tables."""
    folder, boot_s, week = data / "drives" / "comma2k19", 46408.547498, 2012

    def table(name: str) -> dict[str, np.ndarray]:
        rows = np.genfromtxt(folder / f"{name}.csv", delimiter=",", names=True)
        return {column: rows[column] for column in rows.dtype.names}

    def put(path: str, array: np.ndarray) -> None:
        target = tmp_path / "40" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as stream:
            np.save(stream, array)

    def log(name: str, t: np.ndarray, *columns: np.ndarray) -> None:
        put(f"processed_log/{name}/t", t + boot_s)
        put(f"processed_log/{name}/value", np.stack(columns, axis=1) if len(columns) > 1 else columns[0])

    truth, imu, wheel, fix, radar, angle = map(
        table, ("ground_truth", "imu", "wheel", "gnss_ublox", "radar", "steering")
    )
    places = np.stack([truth[f"{axis}_ecef"] for axis in "xyz"], axis=1)
    axes = east_north_up_axes(places[0])
    put("global_pose/frame_times", truth["t"] + boot_s)
    put("global_pose/frame_gps_times", np.stack((np.full(len(places), week), truth["gps_tow"]), axis=1))
    put("global_pose/frame_positions", places)
    put("global_pose/frame_velocities", np.stack([truth[name] for name in ("ve", "vn", "vu")], axis=1) @ axes)
    log("IMU/accelerometer", imu["t"], imu["ax"], imu["ay"], imu["az"])
    log("IMU/gyro_uncalibrated", imu["t"], imu["gx_raw"], imu["gy_raw"], imu["gz_raw"])
    log("CAN/wheel_speed", wheel["t"], *(wheel[f"v_{corner}"] for corner in ("fl", "fr", "rl", "rr")))
    log("CAN/steering_angle", angle["t"], angle["steering_wheel_deg"])
    nothing = np.full(len(radar["t"]), np.nan)
    log("CAN/radar", radar["t"], radar["range_long"], radar["lat_left"], radar["v_rel"], nothing, nothing,
        radar["address"], radar["new_track"])  # fmt: skip
    unix = fix["t_utc"] + boot_s + 357697.849502 + week * 604800.0 + 315964800.0 - 18.0
    log("GNSS/live_gnss_ublox", fix["t_log"], fix["lat"], fix["lon"], fix["speed"], unix, fix["alt"],
        fix["bearing_deg"])  # fmt: skip
    return tmp_path / "40"


def test_the_authors_layout_gives_the_same_drive_as_the_neutral_tables(data: Path, segment: Path) -> None:
    neutral, original = read_drive(data / "drives" / "comma2k19"), read_drive(segment)
    assert [one.topic for one in original] == [one.topic for one in neutral]
    for theirs, ours in zip(neutral, original, strict=True):
        assert ours.received_ns == pytest.approx(theirs.received_ns, abs=5000)
        match ours.message, theirs.message:
            case GnssFix() as a, GnssFix() as b:
                assert ours.measured_ns == pytest.approx(theirs.measured_ns, abs=2_000_000)
                assert (a.x_m, a.y_m, a.vx_mps, a.vy_mps) == pytest.approx((b.x_m, b.y_m, b.vx_mps, b.vy_mps), abs=1e-2)
            case EgoTruth() as a, EgoTruth() as b:
                assert a.world_from_ego.x_m == pytest.approx(b.world_from_ego.x_m, abs=2e-3)
                assert a.world_from_ego.yaw_rad == pytest.approx(b.world_from_ego.yaw_rad, abs=1e-5)
            case Imu() as a, Imu() as b:
                np.testing.assert_array_equal(a.angular_velocity_radps, b.angular_velocity_radps)


def test_a_damaged_array_is_an_error_that_names_it(segment: Path) -> None:
    path = segment / "processed_log" / "CAN" / "wheel_speed" / "value"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="wheel_speed/value"):
        read_drive(segment)
    with path.open("wb") as stream:
        np.save(stream, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(InputError, match=r"wheel_speed/value.*array of numbers"):
        read_drive(segment)


def test_localization_runs_on_the_imported_drive_and_can_be_scored(data: Path, tmp_path: Path) -> None:
    drive, out = tmp_path / "drive.mcap", tmp_path / "localized.mcap"
    write_drive(read_drive(data / "drives" / "comma2k19"), drive, "comma2k19")
    assert sum(replayed(Recording.open(drive), ("localization",), out).values()) > 6000
    figures = figures_of(score_drive(out))
    assert float(figures["heading_rms_deg"]) < 0.3
    assert float(figures["lateral_p95_m"]) < 1.0


def test_only_localization_runs_on_an_imported_drive(data: Path, tmp_path: Path) -> None:
    drive = tmp_path / "drive.mcap"
    write_drive(read_drive(data / "drives" / "comma2k19")[:500], drive, "comma2k19")
    with pytest.raises(InputError, match="--nodes localization"):
        replayed(Recording.open(drive), ("planner",), tmp_path / "out.mcap")
