"""Lane matching: noise does not change lanes, real changes are found, ways are the map's, bad input is refused."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from geometry.errors import InputError
from lanewise.scenarios.catalog import FOLDER
from localization.lane_matching import LaneMatchSettings, match_lanes, stretches
from maps.argoverse2 import read_argoverse2_map
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from sim.lane_drive import DriveStyle, random_drive
from sim.scenarios.recorded.argoverse2 import map_file, read_argoverse2


@pytest.fixture(scope="module")
def highway() -> LaneMap:
    return sample_lanes(read_opendrive(FOLDER / "maps" / "highway_merge.xodr"))


@pytest.fixture(scope="module")
def town() -> LaneMap:
    return sample_lanes(read_opendrive(FOLDER / "maps" / "town.xodr"))


def along(lane_map: LaneMap, lane: int, offset_m: np.ndarray, t_s: np.ndarray, speed_mps: float = 20.0) -> np.ndarray:
    return lane_map.centre(lane).position(speed_mps * t_s, offset_m)


def longest(lane_map: LaneMap) -> int:
    lanes = [i for i in range(lane_map.size) if lane_map.kinds[i] == "driving" and lane_map.left_neighbour[i] >= 0]
    return max(lanes, key=lane_map.length_m)


def test_a_car_that_stays_in_its_lane_is_matched_to_it_whatever_the_noise(highway: LaneMap) -> None:
    lane, t_s = longest(highway), np.arange(0.0, 10.0, 0.1)
    clean = along(highway, lane, np.zeros(len(t_s)), t_s)
    noisy = clean + np.random.default_rng(1).normal(0.0, 2.0, clean.shape)
    found = match_lanes(highway, t_s, noisy, LaneMatchSettings(sigma_m=2.0))
    assert (found.lane == lane).all()
    assert found.probability.min() > 0.5
    assert (highway.nearest(noisy)[0] == lane).mean() < 0.8  # each position alone would not tell


def test_a_lane_change_is_found_where_it_happens(highway: LaneMap) -> None:
    lane, t_s = longest(highway), np.arange(0.0, 12.0, 0.1)
    width = float(np.median(highway.widths_m(lane)))
    offset = width * np.clip((t_s - 5.0) / 3.0, 0.0, 1.0)
    noisy = along(highway, lane, offset, t_s) + np.random.default_rng(2).normal(0.0, 1.0, (len(t_s), 2))
    found = match_lanes(highway, t_s, noisy, LaneMatchSettings(sigma_m=1.0))
    (_, change), (_, _) = stretches(found.lane)
    assert (found.lane[0], found.lane[-1]) == (lane, highway.left_neighbour[lane])
    assert t_s[change] == pytest.approx(6.5, abs=1.0)


def test_lasting_errors_are_trusted_less_than_fresh_ones(highway: LaneMap) -> None:
    lane, t_s = longest(highway), np.arange(0.0, 20.0, 0.1)
    shifted = along(highway, lane, np.full(len(t_s), 1.2), t_s)
    settings = LaneMatchSettings(sigma_m=1.0), LaneMatchSettings(sigma_m=1.0, correlation_s=20.0)
    fresh, lasting = (match_lanes(highway, t_s, shifted, one).probability.mean() for one in settings)
    assert fresh > 0.99
    assert lasting < fresh - 0.01


def test_lanes_of_a_drive_follow_each_other_on_the_map(town: LaneMap) -> None:
    drive = random_drive(town, DriveStyle(free_mps=13.9), 120.0, 60.0, np.random.default_rng(3))
    rows = slice(None, None, 10)
    clean = np.stack((drive.x_m[rows], drive.y_m[rows]), axis=1)
    truth = town.nearest(clean, drive.yaw_rad[rows])[0]
    noisy = clean + np.random.default_rng(4).normal(0.0, 1.0, clean.shape)
    found = match_lanes(town, drive.t_s[rows], noisy, LaneMatchSettings(sigma_m=1.0)).lane
    assert (found == truth).mean() > 0.95
    for before, after in pairwise(found.tolist()):
        beside = (town.left_neighbour[before], town.right_neighbour[before])
        on = {before, *beside, *town.successors[before]}
        on |= {further for one in town.successors[before] for further in town.successors[one]}
        assert after in on


def test_far_from_all_lanes_there_is_no_lane(highway: LaneMap) -> None:
    lane, t_s = longest(highway), np.arange(0.0, 4.0, 0.1)
    points = along(highway, lane, np.zeros(len(t_s)), t_s)
    points[20:] += 500.0
    found = match_lanes(highway, t_s, points, LaneMatchSettings())
    assert found.lane[0] == lane
    assert found.lane[-1] == -1
    assert np.isnan(found.s_m[-1])
    with pytest.raises(InputError, match="same coordinates"):
        match_lanes(highway, t_s, points + 1e5, LaneMatchSettings())


@pytest.mark.parametrize(
    ("t_s", "points", "said"),
    [
        ([0.0], [[0.0, 0.0]], "two or more"),
        ([0.0, 0.0], [[0.0, 0.0], [1.0, 0.0]], "have to rise; sample 1"),
        ([0.0, 1.0], [[0.0, 0.0], [np.nan, 0.0]], "finite"),
    ],
)
def test_what_is_no_trajectory_is_refused(
    highway: LaneMap, t_s: list[float], points: list[list[float]], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        match_lanes(highway, np.array(t_s), np.array(points), LaneMatchSettings())


def test_recorded_drives_keep_their_lanes_under_noise(data: Path) -> None:
    folder = data / "drives" / "argoverse2" / "adcf7d18-0510-35b0-a2fa-b4cea13a6d76"
    lane_map, ego = read_argoverse2_map(map_file(folder)), read_argoverse2(folder).ego
    clean = np.stack((ego.x_m, ego.y_m), axis=1)
    truth = lane_map.nearest(clean, ego.yaw_rad)[0]
    noisy = clean + np.random.default_rng(0).normal(0.0, 2.0, clean.shape)
    found = match_lanes(lane_map, ego.t_s, noisy, LaneMatchSettings(sigma_m=2.0)).lane
    assert (found == truth).mean() >= 0.93
