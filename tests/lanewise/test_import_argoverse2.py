"""Claims on imported Argoverse 2 logs: everybody is where the log says, and localization runs on simulated sensors."""

from pathlib import Path

import numpy as np
import pytest

from bus.messages import AgentTruth, EgoTruth, ScenarioInfo
from bus.recording import Recording
from geometry.errors import InputError
from lanewise.imports.argoverse2 import motion, read_drive
from lanewise.imports.said import write_drive
from lanewise.localization_eval import figures_of, score_drive
from lanewise.replay_imported import replayed
from lanewise.trajectory_file import read_trajectory
from localization.lane_matching import LaneMatchSettings, match_lanes
from maps.argoverse2 import read_argoverse2_map
from sim.scenarios.recorded.argoverse2 import map_file, read_argoverse2

NAME = "adcf7d18-0510-35b0-a2fa-b4cea13a6d76"


@pytest.fixture(scope="module")
def folder(data: Path) -> Path:
    return data / "drives" / "argoverse2" / NAME


@pytest.fixture(scope="module")
def drive(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("import") / "drive.mcap"
    write_drive(read_drive(folder, sensors_seed=1), path, "argoverse2")
    return path


def test_the_cast_and_all_agents_are_those_of_the_log(folder: Path) -> None:
    log = read_argoverse2(folder)
    said = read_drive(folder)
    (info,) = (one.message for one in said if isinstance(one.message, ScenarioInfo))
    assert info.names == ("Ego", *(track.shape.name for track in log.others))
    times = {one.measured_ns: one.message for one in said if isinstance(one.message, AgentTruth)}
    assert len(times) == len(log.ego.t_s)
    for key, track in list(enumerate(log.others, start=1))[:10]:
        at_ns = round(float(track.t_s[0]) * 1e9)
        row = times[at_ns].ids.tolist().index(key)
        assert (times[at_ns].x_m[row], times[at_ns].y_m[row]) == pytest.approx((track.x_m[0], track.y_m[0]), abs=1e-6)


def test_the_ego_moves_as_recorded_at_50_hz(folder: Path) -> None:
    ego = read_argoverse2(folder).ego
    moved = motion(ego)
    assert np.diff(moved.t_s) == pytest.approx(0.02)
    columns = ((moved.x_m, ego.x_m), (moved.y_m, ego.y_m))
    gap = np.hypot(*(ours - np.interp(moved.t_s, ego.t_s, theirs) for ours, theirs in columns))
    assert gap.max() < 0.02
    assert np.abs(moved.acceleration_mps2).max() < 6.0


def test_without_a_seed_there_are_no_sensors(folder: Path, tmp_path: Path) -> None:
    said = read_drive(folder)
    assert {one.topic for one in said} == {"/truth/scenario", "/truth/ego", "/truth/agents"}
    path = tmp_path / "bare.mcap"
    write_drive(said, path, "argoverse2")
    with pytest.raises(InputError, match="no IMU and wheels"):
        replayed(Recording.open(path), ("localization",), tmp_path / "out.mcap")


def test_localization_on_simulated_sensors_is_scored_by_the_recorded_motion(drive: Path, tmp_path: Path) -> None:
    out = tmp_path / "localized.mcap"
    replayed(Recording.open(drive), ("localization",), out)
    figures = figures_of(score_drive(out))
    assert float(figures["lateral_p95_m"]) < 6.0  # the satellites' own error; no map is heard
    assert float(figures["protection_exceeded_share"]) == 0.0


def test_the_recorded_truth_is_matched_to_the_logs_lanes(folder: Path, drive: Path) -> None:
    t_s, points = read_trajectory(drive, "truth")
    lane_map = read_argoverse2_map(map_file(folder))
    found = match_lanes(lane_map, t_s, points, LaneMatchSettings(sigma_m=0.3))
    states = [record.message for record in Recording.open(drive).messages(("/truth/ego",))]
    yaw = np.array([one.world_from_ego.yaw_rad for one in states if isinstance(one, EgoTruth)])
    assert (found.lane == lane_map.nearest(points, yaw)[0]).mean() > 0.97


def test_a_folder_that_is_no_log_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"city_SE3_egovehicle\.feather"):
        read_drive(tmp_path)
