"""The world's one step: posed, driven and absent agents, each as physics and the masks say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from motion.bicycle import Vehicle
from sim.world import Drive, Setpoints, VehicleTable, WorldState, empty_world, step

CAR = Vehicle(wheelbase_m=2.8, length_m=4.8, width_m=1.9, centre_x_m=1.4)
TABLE = VehicleTable.of([CAR, CAR])


def posed(x: float, y: float, yaw: float, speed: float, worlds: int = 1, drive: int = Drive.POSE) -> Setpoints:
    setpoints = Setpoints.empty(worlds, 2)
    setpoints.drive[:, 0] = drive
    for name, value in (("x_m", x), ("y_m", y), ("yaw_rad", yaw), ("speed_mps", speed)):
        getattr(setpoints, name)[:, 0] = value
    return setpoints


def controlled(acceleration: float, steering: float) -> Setpoints:
    setpoints = Setpoints.empty(1, 2)
    setpoints.drive[0, 0] = Drive.CONTROLS
    setpoints.control_acceleration_mps2[0, 0] = acceleration
    setpoints.control_steering_rad[0, 0] = steering
    return setpoints


def started(speed: float = 10.0) -> WorldState:
    return step(empty_world(1, 2), posed(1.0, 2.0, 0.5, speed), TABLE, 0.0)


def test_absent_agents_stay_absent_and_spawned_ones_stand_at_their_pose() -> None:
    world = started()
    assert world.present.tolist() == [[True, False]]
    assert (world.x_m[0, 0], world.y_m[0, 0], world.yaw_rad[0, 0], world.speed_mps[0, 0]) == (1.0, 2.0, 0.5, 10.0)
    gone = step(world, Setpoints.empty(1, 2), TABLE, 0.02)
    assert not gone.present.any()


def test_a_step_changes_none_of_its_inputs() -> None:
    world = started()
    before = world.x_m.copy()
    step(world, controlled(1.0, 0.1), TABLE, 0.02)
    np.testing.assert_array_equal(world.x_m, before)


@given(speed=st.floats(0.5, 30.0), yaw=st.floats(-3.0, 3.0), turn=st.floats(-0.3, 0.3))
def test_poses_give_the_velocity_and_yaw_rate_between_them(speed: float, yaw: float, turn: float) -> None:
    first = step(empty_world(1, 2), posed(0.0, 0.0, yaw, speed), TABLE, 0.0)
    x, y = 0.02 * speed * math.cos(yaw), 0.02 * speed * math.sin(yaw)
    world = step(first, posed(x, y, yaw + 0.02 * turn, speed), TABLE, 0.02)
    assert (world.vx_mps[0, 0], world.vy_mps[0, 0]) == pytest.approx((x / 0.02, y / 0.02))
    assert world.yaw_rate_radps[0, 0] == pytest.approx(turn, abs=1e-9)


def test_a_teleport_is_no_velocity() -> None:
    world = step(started(), posed(500.0, 2.0, 0.5, 10.0), TABLE, 0.02)
    assert math.hypot(world.vx_mps[0, 0], world.vy_mps[0, 0]) == pytest.approx(10.0)


def test_a_pedestrian_that_walks_sideways_has_the_velocity_of_its_path() -> None:
    first = step(empty_world(1, 2), posed(0.0, 0.0, 0.0, 1.5), TABLE, 0.0)
    world = step(first, posed(0.0, 0.03, 0.0, 1.5), TABLE, 0.02)
    assert (world.vx_mps[0, 0], world.vy_mps[0, 0]) == pytest.approx((0.0, 1.5))


@pytest.mark.parametrize(("acceleration", "steering"), [(0.0, 0.05), (1.5, -0.03), (-3.0, 0.02)])
def test_controls_move_the_car_as_the_equations_of_the_bicycle_do(acceleration: float, steering: float) -> None:
    def slope(_t: float, state: np.ndarray) -> list[float]:
        _, _, yaw, speed, a, wheel = state
        return [speed * math.cos(yaw), speed * math.sin(yaw), speed * math.tan(wheel) / CAR.wheelbase_m, a,
                (acceleration - a) / CAR.acceleration_lag_s, (steering - wheel) / CAR.steering_lag_s]  # fmt: skip

    world = started(20.0)
    for _ in range(100):
        world = step(world, controlled(acceleration, steering), TABLE, 0.02)
    exact = solve_ivp(slope, (0.0, 2.0), [1.0, 2.0, 0.5, 20.0, 0.0, 0.0], rtol=1e-9, atol=1e-9).y[:, -1]
    found = [getattr(world, name)[0, 0] for name in ("x_m", "y_m", "yaw_rad", "speed_mps")]
    assert found == pytest.approx(exact[:4].tolist(), abs=0.02)


def test_controls_are_bounded_by_the_vehicle() -> None:
    world = started(20.0)
    for _ in range(100):
        world = step(world, controlled(-50.0, 2.0), TABLE, 0.02)
    assert world.acceleration_mps2[0, 0] >= -CAR.max_deceleration_mps2 - 1e-9
    assert abs(world.steering_rad[0, 0]) <= CAR.max_steering_rad + 1e-9
    for _ in range(200):
        world = step(world, controlled(-50.0, 0.0), TABLE, 0.02)
    assert world.speed_mps[0, 0] == 0.0


def test_worlds_of_a_batch_are_independent() -> None:
    many = step(empty_world(3, 2), posed(1.0, 2.0, 0.5, 10.0, worlds=3), TABLE, 0.0)
    setpoints = Setpoints.empty(3, 2)
    setpoints.drive[:, 0] = Drive.CONTROLS
    setpoints.control_acceleration_mps2[:, 0] = (0.0, 1.0, -1.0)
    after = step(many, setpoints, TABLE, 0.02)
    single = step(started(), controlled(1.0, 0.0), TABLE, 0.02)
    assert after.speed_mps[1, 0] == single.speed_mps[0, 0]
    assert after.speed_mps[0, 0] == 10.0
    assert after.speed_mps[2, 0] < 10.0


@pytest.mark.parametrize("friction", [0.2, 0.5])
def test_braking_is_no_harder_than_the_road_allows(friction: float) -> None:
    world = started(20.0)
    for _ in range(100):
        world = step(world, controlled(-9.0, 0.0), TABLE, 0.02, friction)
    assert world.acceleration_mps2[0, 0] == pytest.approx(-9.81 * friction, abs=0.01)


def test_on_ice_a_turned_wheel_leads_on_in_a_wide_curve() -> None:
    world = started(20.0)
    for _ in range(100):
        world = step(world, controlled(0.0, 0.4), TABLE, 0.02, 0.1)
    sideways = abs(world.yaw_rate_radps[0, 0]) * world.speed_mps[0, 0]
    assert sideways == pytest.approx(0.981, rel=0.02)
