"""Courses that the vehicle itself can drive: what they reach, whom they avoid, and that the model can follow them."""

import math

import numpy as np

from geometry.angles import Floats
from geometry.boxes import boxes_overlap
from motion.bicycle import Vehicle
from planning.free_course import (
    ACCELERATION,
    SPEED,
    STEERING,
    YAW,
    CourseAim,
    CourseSettings,
    Ground,
    X,
    Y,
    cheapest_course,
)

CAR = Vehicle(2.6, 4.5, 1.7, 1.3, max_steering_rate_radps=0.4)
SETTINGS = CourseSettings()
STEP_S, STEPS = 0.2, 10
CELL_M, LEFT_M, LOW_M = 0.1, -10.0, -10.0
NOW = np.array([0.0, 0.0, 0.0, 8.0, 0.0, 0.0])
ANY = 2.0 * math.pi


def ground(half_m: float = 9.0, area: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)) -> Ground:
    """A straight road along x, as wide to both sides, and an area (left, low, right, high)."""
    x, y = np.meshgrid(LEFT_M + CELL_M * np.arange(500), LOW_M + CELL_M * np.arange(200))
    level = (np.abs(y) < half_m).astype(np.uint8) + (np.abs(y) < half_m - 0.2)
    there = (x >= area[0]) & (x <= area[2]) & (y >= area[1]) & (y <= area[3])
    return Ground(LEFT_M, LOW_M, CELL_M, (level + 4 * there).astype(np.uint8))


def aim(first: int, heading: tuple[float, float] = (0.0, ANY), place: tuple[float, float] = (math.nan, math.nan),
        speed: tuple[float, float] = (0.0, 60.0)) -> CourseAim:  # fmt: skip
    return CourseAim(first, *speed, 8.0, *heading, place)


def nobody() -> Floats:
    return np.zeros((2 * STEPS + 1, 0, 5))


def standing(x: float, y: float) -> Floats:
    return np.tile(np.array([x, y, 0.0, 4.5, 1.8]), (2 * STEPS + 1, 1, 1))


def search(over: Ground, others: Floats, to: CourseAim) -> Floats | None:
    return cheapest_course(NOW, CAR, over, others, STEP_S, to, SETTINGS)


def test_the_area_is_reached_at_the_heading_asked_for() -> None:
    area = (12.0, 1.0, 16.0, 4.0)
    course = search(ground(area=area), nobody(), aim(8, (0.35, 0.15), (14.0, 2.5)))
    assert course is not None
    x, y, yaw = course[-1, [X, Y, YAW]]
    assert 0.35 <= yaw <= 0.5
    assert area[0] - CELL_M <= x + CAR.centre_x_m * math.cos(yaw) <= area[2] + CELL_M
    assert area[1] - CELL_M <= y + CAR.centre_x_m * math.sin(yaw) <= area[3] + CELL_M


def test_wheels_and_pedals_of_a_course_stay_within_what_the_vehicle_can_do() -> None:
    course = search(ground(area=(12.0, 1.0, 16.0, 4.0)), nobody(), aim(8, (0.35, 0.15), (14.0, 2.5)))
    assert course is not None
    half_s = 0.5 * STEP_S
    assert np.abs(np.diff(course[:, STEERING])).max() <= CAR.max_steering_rate_radps * half_s + 1e-9
    assert np.abs(course[:, SPEED] ** 2 * np.tan(course[:, STEERING]) / CAR.wheelbase_m).max() <= SETTINGS.sideways_mps2
    gained = 0.5 * (course[1:, ACCELERATION] + course[:-1, ACCELERATION]) * half_s
    assert np.allclose(np.diff(course[:, SPEED]), gained)
    turn = 0.5 * (course[1:, SPEED] + course[:-1, SPEED]) * half_s
    bend = np.tan(0.5 * (course[1:, STEERING] + course[:-1, STEERING])) / CAR.wheelbase_m
    assert np.allclose(np.diff(course[:, YAW]), turn * bend)


def test_who_stands_in_the_way_is_kept_clear_of() -> None:
    others = standing(14.0, 0.0)
    course = search(ground(), others, aim(STEPS, speed=(6.0, 60.0)))
    assert course is not None
    for x, y, yaw in course[:, [X, Y, YAW]]:
        middle = x + CAR.centre_x_m * math.cos(yaw), y + CAR.centre_x_m * math.sin(yaw)
        assert not boxes_overlap(*middle, yaw, CAR.length_m + 0.2, CAR.width_m + 0.1, 14.0, 0.0, 0.0, 4.5, 1.8)


def test_where_there_is_no_room_to_pass_there_is_no_course_but_to_stop() -> None:
    assert search(ground(1.5), standing(14.0, 0.0), aim(STEPS, speed=(6.0, 60.0))) is None
    course = search(ground(1.5), standing(14.0, 0.0), aim(STEPS))
    assert course is not None
    assert course[-1, SPEED] < 4.0


def test_nothing_further_away_than_can_be_driven_is_reached() -> None:
    assert search(ground(area=(34.0, -2.0, 38.0, 2.0)), nobody(), aim(1, place=(36.0, 0.0))) is None
