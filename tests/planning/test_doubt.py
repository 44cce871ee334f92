"""How fast an unsure pose is driven on: a turn within the doubt slows, at last to walking pace; a straight road does
not."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bus.messages import Odometry, PoseEstimate, PoseStatus, Trajectory
from geometry.pose import IDENTITY, Pose
from planning.doubt import DoubtSettings, pace_mps
from tests.planning.test_control_and_planner_node import circle

SETTINGS = DoubtSettings()
EGO = Odometry(IDENTITY, 8.0, 0.0, 0.0, 0.0, True)


def way(straight_m: float, radius_m: float, turn_rad: float) -> Trajectory:
    """A plan that goes straight on along x and then turns left."""
    length_m = straight_m + radius_m * turn_rad
    s_m = np.arange(0.0, length_m, 0.5)
    yaw = np.maximum(s_m - straight_m, 0.0) / radius_m
    x, y = (np.concatenate(([0.0], np.cumsum(0.5 * of(yaw[:-1])))) for of in (np.cos, np.sin))
    columns = {"t_s": s_m / 8.0, "x_m": x, "y_m": y, "yaw_rad": yaw, "speed_mps": np.full(len(x), 8.0)}
    still = {"acceleration_mps2": np.zeros(len(x)), "curvature_radpm": np.zeros(len(x))}
    return replace(circle(1e6, 8.0, 0.0), **columns, **still)


def known_to(along_m: float, across_m: float, yaw_rad: float = 0.0) -> PoseEstimate:
    """A pose with 1-sigma along and across an ego that heads to `yaw_rad` in the world."""
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    turn = np.array(((cos, -sin), (sin, cos)))
    covariance = np.zeros((3, 3))
    covariance[:2, :2] = turn @ np.diag((along_m**2, across_m**2)) @ turn.T
    return PoseEstimate(Pose(10.0, 20.0, yaw_rad), PoseStatus.LANE_CERTAIN, 0.5, 10.0, 0.01, covariance)


JUNCTION = way(20.0, 8.0, 0.5 * math.pi)
NEAR = replace(EGO, odom_from_ego=Pose(18.5, 0.0, 0.0))


def test_a_known_place_is_driven_on_without_a_bound() -> None:
    assert pace_mps(JUNCTION, EGO, known_to(0.3, 0.1), SETTINGS) == math.inf


def test_on_a_straight_road_it_does_not_matter_where_along_it_the_car_is() -> None:
    assert pace_mps(way(100.0, 8.0, 0.0), EGO, known_to(5.0, 0.1), SETTINGS) == math.inf


def test_the_curve_of_a_highway_does_not_slow() -> None:
    assert pace_mps(way(10.0, 400.0, 0.5), EGO, known_to(3.0, 0.1), SETTINGS) == math.inf


def test_a_turn_is_approached_at_walking_pace_from_where_it_may_begin() -> None:
    unsure = known_to(3.0, 0.1)
    at = [
        pace_mps(JUNCTION, replace(EGO, odom_from_ego=Pose(x, 0.0, 0.0)), unsure, SETTINGS) for x in (0.0, 10.0, 14.0)
    ]
    assert at == sorted(at, reverse=True)
    assert at[0] > 7.0
    # nine metres (three sigmas) before the turn is tight enough to matter
    assert at[2] < 3.0
    assert pace_mps(JUNCTION, NEAR, unsure, SETTINGS) == SETTINGS.creep_mps


def test_from_the_pace_of_a_place_braking_gently_reaches_that_of_the_next() -> None:
    unsure, step_m = known_to(3.0, 0.1), 1.0
    pace = [
        pace_mps(JUNCTION, replace(EGO, odom_from_ego=Pose(x, 0.0, 0.0)), unsure, SETTINGS)
        for x in np.arange(0.0, 18.0, step_m)
    ]
    drop = np.diff(np.square(pace)) / (2.0 * step_m)
    assert (drop >= -SETTINGS.slowing_mps2 - 1e-6).all()


def test_right_and_left_turns_slow_alike_whichever_way_the_road_heads() -> None:
    mirrored = replace(JUNCTION, y_m=-JUNCTION.y_m, yaw_rad=-JUNCTION.yaw_rad)
    expected = pace_mps(JUNCTION, EGO, known_to(2.0, 0.1), SETTINGS)
    assert pace_mps(mirrored, EGO, known_to(2.0, 0.1), SETTINGS) == pytest.approx(expected)
    assert pace_mps(JUNCTION, EGO, known_to(2.0, 0.1, yaw_rad=2.5), SETTINGS) == pytest.approx(expected)


def test_the_less_is_known_the_slower() -> None:
    at = [pace_mps(JUNCTION, NEAR, known_to(sigma, 0.1), SETTINGS) for sigma in (0.39, 0.5, 0.6, 0.7, 2.0)]
    assert at == sorted(at, reverse=True)
    assert at[0] == math.inf
    assert at[1] > at[2] > at[3] > at[4] == SETTINGS.creep_mps


def test_a_place_that_is_unsure_across_the_road_slows_without_any_turn() -> None:
    straight = way(100.0, 8.0, 0.0)
    assert pace_mps(straight, EGO, known_to(0.1, 0.39), SETTINGS) == math.inf
    assert SETTINGS.creep_mps < pace_mps(straight, EGO, known_to(0.1, 0.6), SETTINGS) < SETTINGS.slow_mps
    assert pace_mps(straight, EGO, known_to(0.1, 1.0), SETTINGS) == SETTINGS.creep_mps


def test_what_has_been_turned_is_behind() -> None:
    end = Pose(float(JUNCTION.x_m[-1]), float(JUNCTION.y_m[-1]), 0.5 * math.pi)
    unsure = replace(known_to(3.0, 0.1, 0.5 * math.pi), world_from_odom=Pose(0.0, 0.0, 0.0))
    assert pace_mps(JUNCTION, replace(EGO, odom_from_ego=end), unsure, SETTINGS) == math.inf


def test_a_plan_of_one_point_turns_nowhere() -> None:
    columns = {name: np.zeros(1) for name in ("t_s", "x_m", "y_m", "yaw_rad", "speed_mps")}
    point = replace(JUNCTION, **columns, acceleration_mps2=np.zeros(1), curvature_radpm=np.zeros(1))
    assert pace_mps(point, EGO, known_to(5.0, 0.1), SETTINGS) == math.inf
