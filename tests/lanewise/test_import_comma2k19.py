"""Claims on the import of a recorded minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.recording import Recording
from geometry.errors import InputError
from lanewise.imports.comma2k19 import read_drive, write_drive
from lanewise.localization_eval import figures_of, score_drive
from lanewise.replay_imported import replayed


def test_every_row_of_the_tables_is_in_the_recording(data: Path, tmp_path: Path) -> None:
    folder = data / "drives" / "comma2k19"
    out = tmp_path / "drive.mcap"
    write_drive(read_drive(folder), out)
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


def test_localization_runs_on_the_imported_drive_and_can_be_scored(data: Path, tmp_path: Path) -> None:
    drive, out = tmp_path / "drive.mcap", tmp_path / "localized.mcap"
    write_drive(read_drive(data / "drives" / "comma2k19"), drive)
    assert sum(replayed(Recording.open(drive), ("localization",), out).values()) > 6000
    figures = figures_of(score_drive(out))
    assert float(figures["heading_rms_deg"]) < 0.3
    assert float(figures["lateral_p95_m"]) < 1.0


def test_only_localization_runs_on_an_imported_drive(data: Path, tmp_path: Path) -> None:
    drive = tmp_path / "drive.mcap"
    write_drive(read_drive(data / "drives" / "comma2k19")[:500], drive)
    with pytest.raises(InputError, match="--nodes localization"):
        replayed(Recording.open(drive), ("planner",), tmp_path / "out.mcap")
