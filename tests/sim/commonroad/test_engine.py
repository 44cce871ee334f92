"""Goals, replayed traffic, solution files."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from geometry.errors import InputError
from maps.commonroad_values import Interval
from motion.car_trajectory import CarTrajectory
from sim.scenarios.commonroad.check import infeasible, problems_with
from sim.scenarios.commonroad.engine import CommonRoadEngine
from sim.scenarios.commonroad.goal import goal_reached, missing
from sim.scenarios.commonroad.model import Goal
from sim.scenarios.commonroad.read import read_commonroad
from sim.scenarios.commonroad.solution import solution_text
from sim.scenarios.commonroad.vehicle import BMW_320I
from sim.world import Drive, empty_world
from tests.sim.commonroad.conftest import moving

STEP_NS = 20_000_000


@pytest.fixture
def scenario(files):
    return read_commonroad(files.write(files.standard))


def straight(speed=10.0, count=31, y=0.0, x0=5.0, dt_s=0.1):
    steps = np.arange(count)
    zeros = np.zeros(count)
    return CarTrajectory(dt_s, steps, x0 + speed * dt_s * steps, zeros + y, zeros, zeros + speed, zeros, 1.61)


def test_goal_needs_time_place_heading_and_speed_at_once(scenario):
    (problem,) = scenario.problems
    reached = goal_reached(problem, straight())
    # x = 25 m is reached after 2 s.
    assert (reached.time_step, reached.goal) == (20, 0)
    assert "position" in goal_reached(problem, straight(y=3.0)).cause
    assert "velocity" in goal_reached(problem, straight(speed=16.0)).cause


@settings(max_examples=60, deadline=None)
@given(st.floats(-3.0, 3.0), st.integers(-2, 2))
def test_heading_within_its_interval_counts_in_any_full_turn(yaw, turns):
    goal = Goal(Interval(0, 0), None, Interval(yaw - 0.1, yaw + 0.1), None)
    shifted = yaw + turns * 2.0 * np.pi
    assert missing(goal, 0, 0.0, 0.0, shifted, 0.0) == ()
    assert missing(goal, 0, 0.0, 0.0, shifted + 0.2, 0.0) == ("orientation",)


def test_traffic_is_replayed_between_its_time_steps_and_absent_outside(scenario):
    engine = CommonRoadEngine.of(scenario)
    world = empty_world(1, 2)
    first = engine.advance(world, 0, 0)
    assert first.drive[0].tolist() == [Drive.POSE, Drive.POSE]
    assert first.x_m[0, 0] == pytest.approx(5.0 - BMW_320I.rear_m)
    between = engine.advance(world, 0, STEP_NS)
    assert between.drive[0].tolist() == [Drive.CONTROLS, Drive.POSE]
    assert between.x_m[0, 1] == pytest.approx(20.2)
    assert engine.advance(world, 190_000_000, STEP_NS).drive[0, 1] == Drive.ABSENT


def test_whose_recorded_speed_contradicts_its_places_is_as_fast_as_these(files):
    told = moving(steps=tuple(range(21)))
    for car in (told, told.replace("<velocity><exact>10.0", "<velocity><exact>4.0")):
        engine = CommonRoadEngine.of(read_commonroad(files.write(files.standard.replace(moving(), car))))
        assert engine.advance(empty_world(1, 2), 0, 0).speed_mps[0, 1] == pytest.approx(10.0)


def test_run_ends_at_the_goal_and_when_its_time_is_over(scenario):
    for x_m, t_ns, reason in ((30.0, 2_000_000_000, "goal reached"), (50.0, 3_100_000_000, "time over")):
        engine = CommonRoadEngine.of(scenario)
        world = empty_world(1, 2)
        place = world.x_m.copy()
        place[0, 0] = x_m
        speed = world.speed_mps.copy()
        speed[0, 0] = 10.0
        engine.advance(replace(world, x_m=place, speed_mps=speed), t_ns, STEP_NS)
        assert engine.finished
        assert [event.name for event in engine.take_events()] == [reason]
        assert engine.take_events() == ()


def test_engine_of_an_unknown_problem_lists_the_known_ones(scenario):
    with pytest.raises(InputError, match="it has 55"):
        CommonRoadEngine.of(scenario, 7)


def test_solution_file_holds_the_states_and_names_model_cost_and_scenario(scenario):
    root = etree.fromstring(solution_text(scenario, {55: straight(count=5)}, "SM1"))
    assert root.get("benchmark_id") == "KS2:SM1:ZAM_Test-1_1_T-1:2020a"
    assert [float(x.text) for x in root.iterfind("ksTrajectory/ksState/x")] == straight(count=5).x_m.tolist()
    with pytest.raises(InputError, match="55"):
        solution_text(scenario, {56: straight()}, "SM1")


def test_driving_straight_to_the_goal_is_a_solution(files):
    body = files.standard.replace(files.moving(), files.moving(x0=40.0))
    scenario = read_commonroad(files.write(body))
    assert problems_with(scenario, scenario.problems[0], straight()) == ()


def test_every_flaw_of_a_solution_is_named(scenario):
    (problem,) = scenario.problems
    assert "contact with car 7 at time step 0" in problems_with(scenario, problem, straight(x0=18.0))[1]
    assert any("leaves the road" in reason for reason in problems_with(scenario, problem, straight(y=-1.5)))
    assert any("has velocity 16" in reason for reason in problems_with(scenario, problem, straight(speed=16.0)))


def circle(radius_m, speed=5.0, count=40, dt_s=0.1):
    """The reference point of a car whose rear axle drives a circle."""
    steps = np.arange(count)
    yaw = speed / radius_m * dt_s * steps
    x, y = radius_m * np.sin(yaw), radius_m * (1.0 - np.cos(yaw))
    steering = np.full(count, np.arctan(BMW_320I.wheelbase_m / radius_m))
    ahead = BMW_320I.rear_m
    return CarTrajectory(
        dt_s, steps, x + ahead * np.cos(yaw), y + ahead * np.sin(yaw), steering, np.full(count, speed), yaw, 1.61
    )  # fmt: skip


def test_circle_driven_faster_than_the_tyres_hold_is_refused():
    assert infeasible(circle(40.0, speed=21.0), BMW_320I) is None
    assert "tyres" in infeasible(circle(40.0, speed=22.0), BMW_320I)


@settings(max_examples=60, deadline=None)
@given(st.floats(4.0, 200.0), st.sampled_from([1.0, -1.0]))
def test_circle_of_the_rear_axle_is_feasible(radius_m, side):
    assert infeasible(circle(side * radius_m), BMW_320I) is None


def test_impossible_motions_are_refused_with_their_numbers():
    drive = straight()
    jump = replace(drive, y_m=np.where(drive.time_step > 10, 0.05, 0.0))
    assert "0.050 m" in infeasible(jump, BMW_320I)
    turn = replace(drive, steering_rad=0.1 * drive.time_step)
    assert "steering rate 1.000 rad/s" in infeasible(turn, BMW_320I)
    launch = replace(drive, speed_mps=10.0 + 1.0 * drive.time_step)
    assert "acceleration 10.00 m/s^2 exceeds 8.4" in infeasible(launch, BMW_320I)
