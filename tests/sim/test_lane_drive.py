"""Kinematic drives along a map: they stay on it, keep their limits, and their columns agree with each other."""

import numpy as np
import pytest
import shapely

from geometry.errors import SceneError
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.mark_lines import mark_lines
from maps.opendrive import read_opendrive
from sim.lane_drive import DriveStyle, random_drive
from sim.map_errors import furnished, with_map_errors
from tests.conftest import REPOSITORY

MAPS = REPOSITORY / "lanewise" / "scenarios" / "maps"
STYLE = DriveStyle(free_mps=30.0, stop_per_m=1.0 / 800.0)


@pytest.fixture(scope="module")
def curve() -> LaneMap:
    return sample_lanes(read_opendrive(MAPS / "highway_curve.xodr"))


@pytest.mark.parametrize("seed", range(4))
def test_position_speed_heading_and_yaw_rate_agree(curve: LaneMap, seed: int) -> None:
    drive = random_drive(curve, STYLE, 60.0, 30.0, np.random.default_rng(seed))
    dt = STYLE.period_s
    vx, vy = np.gradient(drive.x_m, dt), np.gradient(drive.y_m, dt)
    ahead = vx * np.cos(drive.yaw_rad) + vy * np.sin(drive.yaw_rad)
    aside = vy * np.cos(drive.yaw_rad) - vx * np.sin(drive.yaw_rad)
    assert ahead[1:-1] == pytest.approx(drive.speed_mps[1:-1], abs=0.1)
    assert np.abs(aside).max() < 0.15
    turned = np.concatenate(([0.0], np.cumsum(drive.yaw_rate_radps[1:] * dt)))
    assert drive.yaw_rad - drive.yaw_rad[0] == pytest.approx(turned, abs=5e-3)


@pytest.mark.parametrize("seed", range(4))
def test_accelerations_keep_the_style(curve: LaneMap, seed: int) -> None:
    drive = random_drive(curve, STYLE, 60.0, 30.0, np.random.default_rng(seed))
    assert drive.acceleration_mps2.min() >= -STYLE.brake_mps2 - 0.1
    assert drive.acceleration_mps2.max() <= STYLE.accelerate_mps2 + 0.1
    assert np.abs(drive.speed_mps * drive.yaw_rate_radps).max() <= 1.5 * STYLE.lateral_mps2


def test_a_drive_stays_on_the_lanes(curve: LaneMap) -> None:
    drive = random_drive(curve, STYLE, 60.0, 30.0, np.random.default_rng(5))
    points = np.stack((drive.x_m, drive.y_m), axis=1)[::25]
    lanes, _, offset = curve.nearest(points, drive.yaw_rad[::25])
    widths = np.array([curve.widths_m(int(lane)).max() for lane in lanes])
    assert (np.abs(offset) <= 0.5 * widths + 0.1).all()


def test_the_same_seed_gives_the_same_drive(curve: LaneMap) -> None:
    first, second = (random_drive(curve, STYLE, 40.0, 30.0, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first.x_m, second.x_m)


def test_a_map_that_is_too_short_is_refused(curve: LaneMap) -> None:
    with pytest.raises(SceneError, match="no drive of 5000 s"):
        random_drive(curve, STYLE, 6000.0, 5000.0, np.random.default_rng(0))


def test_an_aged_map_has_its_share_of_pieces_missing_or_moved(curve: LaneMap) -> None:
    lines = mark_lines(curve)
    aged = with_map_errors(lines, 0.2, np.random.default_rng(1))
    gone = set(lines.pieces.tolist()) - set(aged.pieces.tolist())
    assert len(gone) / lines.piece_count == pytest.approx(0.1, abs=0.03)
    kept = np.isin(lines.pieces, aged.pieces)
    away = np.hypot(*(aged.ends[:, :2] - lines.ends[kept, :2]).T)
    moved = away > 1e-9
    assert moved.mean() == pytest.approx(0.1 / 0.9, abs=0.04)
    assert away[moved].min() >= 0.2 - 1e-9 and away[moved].max() <= 0.5 + 1e-9


def test_signs_stand_beside_the_road_and_face_its_traffic(curve: LaneMap) -> None:
    signs = furnished(curve, 150.0, np.random.default_rng(2))
    assert signs.size > 10
    lanes, _, _ = curve.nearest(signs.points)
    beyond = [
        curve.surface(int(lane)).distance(shapely.Point(place)) for lane, place in zip(lanes, signs.points, strict=True)
    ]
    assert min(beyond) > 0.5
