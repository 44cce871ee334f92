"""The search over time, place and speed: what it finds can be driven, is the cheapest, and touches nobody."""

import numpy as np
import pytest

from geometry.angles import Floats
from planning.space_time import CELL_M, CONTACT, FREE, Aim, SpaceTimeDrive, SpaceTimeSettings, cheapest_drive, closeness

SETTINGS = SpaceTimeSettings()
CELLS, STEPS, STEP_S = 200, 25, 0.2
ROAD = np.stack((CELL_M * np.arange(CELLS), np.zeros(CELLS), np.zeros(CELLS)), axis=-1)
OPEN = np.full(CELLS, 20.0)


def search(close: np.ndarray, from_m: float, to_m: float, speed_mps: float = 10.0, ceiling: Floats = OPEN,
           low: float = 0.0, high: float = 30.0, first: int = STEPS) -> SpaceTimeDrive | None:  # fmt: skip
    place = ROAD[:, 0]
    aim = Aim(first, (place >= from_m) & (place <= to_m), low, high, speed_mps)
    return cheapest_drive(close, ceiling, (speed_mps, 0.0), STEP_S, aim, SETTINGS)


def empty() -> np.ndarray:
    return np.zeros((2 * STEPS + 1, CELLS), dtype=np.uint8)


def test_on_an_empty_road_the_cheapest_drive_keeps_its_speed() -> None:
    drive = search(empty(), 49.0, 51.0)
    assert drive is not None
    assert drive.speed_mps == pytest.approx(np.full(STEPS + 1, 10.0))
    assert drive.distance_m[-1] == pytest.approx(50.0)


def test_what_is_found_obeys_the_laws_of_motion() -> None:
    drive = search(empty(), 30.0, 32.0)
    assert drive is not None
    v, a = drive.speed_mps, drive.acceleration_mps2
    assert np.diff(v) == pytest.approx(np.maximum(a * STEP_S, -v[:-1]))
    moved = np.where(v[1:] > 0.0, 0.5 * (v[1:] + v[:-1]) * STEP_S, 0.5 * v[:-1] ** 2 / np.maximum(-a, 1e-9))
    assert np.diff(drive.distance_m) == pytest.approx(moved)


def test_speed_at_the_goal_is_kept_within_its_bounds() -> None:
    drive = search(empty(), 35.0, 45.0, low=4.0, high=5.0)
    assert drive is not None
    assert 4.0 <= drive.speed_mps[-1] <= 5.0


def test_a_goal_out_of_reach_is_no_drive() -> None:
    assert search(empty(), 90.0, 95.0) is None


def test_a_crossing_car_is_let_through() -> None:
    close = empty()
    close[10:31, 50:60] = CONTACT  # from 1 s to 3 s, at 25 to 30 m
    drive = search(close, 33.0, 50.0)
    assert drive is not None
    t = STEP_S * np.arange(STEPS + 1)
    inside = (drive.distance_m > 25.0) & (drive.distance_m < 29.5)
    assert not (inside & (t >= 1.0) & (t <= 3.0)).any()
    assert drive.distance_m[-1] >= 33.0


def test_where_the_road_ends_nobody_jumps_over_the_gap() -> None:
    ceiling = OPEN.copy()
    ceiling[70] = 0.0
    assert search(empty(), 40.0, 60.0, ceiling=ceiling) is None


def test_a_bend_is_driven_at_its_speed() -> None:
    ceiling = OPEN.copy()
    ceiling[50:70] = 6.0
    drive = search(empty(), 36.0, 60.0, ceiling=ceiling)
    assert drive is not None
    in_bend = (drive.distance_m > 25.5) & (drive.distance_m < 34.0)
    assert drive.speed_mps[in_bend].max() < 7.0


def test_closeness_grows_from_free_to_contact() -> None:
    others = np.array([[[50.0, 0.0, 0.0, 4.0, 2.0]], [[50.0, 0.0, 0.0, 0.0, 0.0]]])
    close = closeness(ROAD, (4.0, 2.0), others, SETTINGS)
    assert close[0, 100] == CONTACT
    assert close[0, 0] == FREE
    assert np.all(np.diff(close[0, :101].astype(int)) >= 0)
    assert not close[1].any()  # nobody is there any more


@pytest.mark.parametrize(("gap_m", "touched"), [(0.03, True), (0.05, False)])
def test_nobody_is_let_nearer_than_the_clearance(gap_m: float, touched: bool) -> None:
    others = np.array([[[50.0, 2.0 + gap_m, 0.0, 4.0, 2.0]]])
    close = closeness(ROAD, (4.0, 2.0), others, SETTINGS)
    assert (close[0, 100] == CONTACT) == touched
