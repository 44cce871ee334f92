"""Who counts as in the way: by room, by motion, by time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometry.polyline import Polyline
from planning.corridor import CorridorSettings, obstacles_in_corridor
from tests.planning.conftest import CAR, agents_of

STRAIGHT = Polyline.through(np.stack((np.linspace(0.0, 400.0, 81), np.zeros(81)), axis=-1))


def found(path: Polyline, *rows: dict[str, float], speed_mps: float = 20.0, s_m: float = 50.0):
    return obstacles_in_corridor(agents_of(list(rows)), path, s_m, 0.0, speed_mps, CAR, CorridorSettings())


def arc(radius_m: float) -> Polyline:
    angle = np.linspace(0.0, 1.2, 400)
    return Polyline.through(np.stack((radius_m * np.sin(angle), radius_m * (1.0 - np.cos(angle))), axis=-1))


@given(ahead=st.floats(10.0, 150.0), speed=st.floats(-20.0, 30.0))
def test_the_gap_is_bumper_to_bumper_and_the_speed_along_the_road(ahead: float, speed: float) -> None:
    (one,) = found(STRAIGHT, {"x_m": 50.0 + ahead, "y_m": 0.0, "vx_mps": speed})
    assert one.gap_m == pytest.approx(ahead - 0.5 * 4.5 - CAR.front_m)
    assert one.speed_mps == pytest.approx(speed)
    assert one.enter_s == 0.0


def test_the_neighbour_lane_and_whoever_is_behind_do_not_matter() -> None:
    assert not found(STRAIGHT, {"x_m": 80.0, "y_m": 3.5, "vx_mps": 20.0}, {"x_m": 40.0, "y_m": 0.0, "vx_mps": 25.0})


def test_a_cut_in_matters_before_it_enters_and_wandering_does_not() -> None:
    beside = {"x_m": 80.0, "y_m": 3.5, "vx_mps": 20.0}
    (one,) = found(STRAIGHT, {**beside, "vy_mps": -1.0})
    room = 3.5 - 0.9 - 0.5 * CAR.width_m - CorridorSettings().moving_margin_m
    assert one.enter_s == pytest.approx(room / 1.0)
    assert not found(STRAIGHT, {**beside, "vy_mps": -0.15})
    assert not found(STRAIGHT, {**beside, "vy_mps": 1.0})


def test_a_long_vehicle_beside_the_ego_in_a_curve_is_not_in_its_way() -> None:
    radius, lane = 250.0, 3.5
    path = arc(radius)
    # The rear axle keeps the lane's middle; the middle of an 18.75 m box lies 7 m ahead of it, on the tangent.
    angle = 60.0 / radius
    inner = radius - lane
    rear = np.array([inner * math.sin(angle), radius - inner * math.cos(angle)])
    centre = rear + 7.0 * np.array([math.cos(angle), math.sin(angle)])
    rate = 16.0 / inner
    truck = {
        "x_m": centre[0], "y_m": centre[1], "yaw_rad": angle, "length_m": 18.75, "width_m": 2.5,
        "vx_mps": 16.0 * math.cos(angle) - 7.0 * rate * math.sin(angle),
        "vy_mps": 16.0 * math.sin(angle) + 7.0 * rate * math.cos(angle),
    }  # fmt: skip
    assert not obstacles_in_corridor(agents_of([truck]), path, 62.0, 0.0, 16.0, CAR, CorridorSettings())


def test_a_pedestrian_counts_when_both_would_be_there_at_once() -> None:
    walker = {"y_m": -4.0, "vy_mps": 1.5, "length_m": 0.5, "width_m": 0.5, "kinds": 6}
    assert found(STRAIGHT, {**walker, "x_m": 100.0})
    assert not found(STRAIGHT, {**walker, "x_m": 390.0})
    assert not found(STRAIGHT, {**walker, "x_m": 100.0, "vy_mps": -1.5})


def test_a_standing_car_keeps_more_room_than_one_that_drives_along() -> None:
    close = 0.9 + 0.5 * CAR.width_m + 0.2
    assert found(STRAIGHT, {"x_m": 90.0, "y_m": close})
    assert not found(STRAIGHT, {"x_m": 90.0, "y_m": close, "vx_mps": 20.0})


def test_one_beside_the_corridor_is_in_the_way_until_its_place_is_known_well_enough() -> None:
    beside = {"x_m": 90.0, "y_m": 0.9 + 0.5 * CAR.width_m + 0.3 + 0.1}
    sideways = {"covariance": np.diag((0.0, 0.06**2))}
    assert not found(STRAIGHT, beside)
    assert found(STRAIGHT, {**beside, **sideways})
    assert not found(STRAIGHT, {**beside, "covariance": np.diag((3.0**2, 0.04**2))})
    assert not found(STRAIGHT, {**beside, **sideways, "vx_mps": 20.0}), "a neighbour that drives along is none"


def test_doubt_sideways_is_taken_across_the_road_wherever_the_road_heads() -> None:
    north = Polyline.through(np.stack((np.zeros(81), np.linspace(0.0, 400.0, 81)), axis=-1))
    beside = {"y_m": 90.0, "x_m": 0.9 + 0.5 * CAR.width_m + 0.3 + 0.1, "yaw_rad": 0.5 * math.pi}
    assert found(north, {**beside, "covariance": np.diag((0.06**2, 0.0))})
    assert not found(north, {**beside, "covariance": np.diag((0.04**2, 3.0**2))})
