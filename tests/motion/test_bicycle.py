"""The kinematic bicycle against circles, braking distances and the time constants of its lags."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motion.bicycle import Vehicle, step_bicycle

CAR = Vehicle(wheelbase_m=2.8, length_m=4.6, width_m=1.9, centre_x_m=1.4)
DT_S = 0.01


@dataclass(frozen=True)
class Moving:
    x_m: float = 0.0
    y_m: float = 0.0
    yaw_rad: float = 0.0
    speed_mps: float = 0.0
    acceleration_mps2: float = 0.0
    steering_rad: float = 0.0

    def after(self, command_mps2: float, command_rad: float, dt_s: float = DT_S, car: Vehicle = CAR) -> "Moving":
        return Moving(*step_bicycle(
            self.x_m, self.y_m, self.yaw_rad, self.speed_mps, self.acceleration_mps2, self.steering_rad,
            command_mps2, command_rad, car.wheelbase_m, car.max_steering_rad, car.max_steering_rate_radps,
            car.acceleration_lag_s, car.steering_lag_s, dt_s,
        )[:6])  # fmt: skip


@pytest.mark.parametrize("steering_rad", [-0.4, -0.05, 0.02, 0.3])
def test_constant_steering_traces_the_circle_of_radius_wheelbase_over_tangent(steering_rad: float) -> None:
    radius_m = CAR.wheelbase_m / math.tan(steering_rad)
    car = Moving(speed_mps=8.0, steering_rad=steering_rad)
    for _ in range(1500):
        car = car.after(0.0, steering_rad)
        assert math.hypot(car.x_m, car.y_m - radius_m) == pytest.approx(abs(radius_m), rel=1e-4)
    assert car.speed_mps == 8.0


@pytest.mark.parametrize(("speed_mps", "deceleration_mps2"), [(5.0, 1.0), (20.0, 4.0), (36.0, 9.0)])
def test_braking_distance_is_speed_squared_over_twice_the_deceleration(
    speed_mps: float, deceleration_mps2: float
) -> None:
    car = Moving(speed_mps=speed_mps, acceleration_mps2=-deceleration_mps2)
    while car.speed_mps > 0.0:
        car = car.after(-deceleration_mps2, 0.0)
    assert car.x_m == pytest.approx(speed_mps**2 / (2.0 * deceleration_mps2), rel=1e-9)


@given(st.floats(0.0, 40.0), st.floats(-9.0, 4.0), st.floats(-9.0, 0.0), st.floats(0.001, 0.5), st.floats(-1.0, 1.0))
def test_never_rolls_back(speed: float, acceleration: float, command: float, dt_s: float, steering: float) -> None:
    car = Moving(speed_mps=speed, acceleration_mps2=acceleration)
    for _ in range(20):
        before, car = car, car.after(command, steering, dt_s)
        forward = (car.x_m - before.x_m) * math.cos(before.yaw_rad) + (car.y_m - before.y_m) * math.sin(before.yaw_rad)
        assert car.speed_mps >= 0.0
        if abs(before.yaw_rad - car.yaw_rad) < 1.0:
            assert forward >= 0.0
    if car.speed_mps == 0.0:
        stood = car.after(command, steering, dt_s)
        assert (stood.x_m, stood.y_m) == (car.x_m, car.y_m)


def test_lags_reach_63_percent_after_one_time_constant() -> None:
    car = replace(CAR, max_steering_rate_radps=100.0)
    moving = Moving(speed_mps=10.0)
    for _ in range(20):
        moving = moving.after(2.0, 0.0, car=car)
    assert moving.acceleration_mps2 == pytest.approx(2.0 * (1.0 - math.exp(-1.0)))
    moving = Moving(speed_mps=10.0)
    for _ in range(5):
        moving = moving.after(0.0, 0.1, car=car)
    assert moving.steering_rad == pytest.approx(0.1 * (1.0 - math.exp(-1.0)))


def test_steering_obeys_its_limit_and_rate() -> None:
    car = Moving(speed_mps=5.0)
    for _ in range(300):
        before, car = car, car.after(0.0, 2.0)
        assert abs(car.steering_rad - before.steering_rad) <= CAR.max_steering_rate_radps * DT_S + 1e-12
    assert car.steering_rad == pytest.approx(CAR.max_steering_rad)


def test_result_hardly_depends_on_the_step() -> None:
    ends = []
    for dt_s in (0.001, 0.02):
        car = Moving(speed_mps=15.0)
        for k in range(round(4.0 / dt_s)):
            car = car.after(1.0, 0.05 * math.sin(k * dt_s), dt_s)
        ends.append((car.x_m, car.y_m))
    assert np.hypot(*np.subtract(*ends)) < 0.12


def test_bumpers_lie_half_a_length_from_the_centre() -> None:
    assert CAR.front_m + CAR.rear_m == pytest.approx(CAR.length_m)
    assert CAR.front_m - CAR.rear_m == pytest.approx(2.0 * CAR.centre_x_m)
