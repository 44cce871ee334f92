"""Recorded traffic: replayed to the centimetre, and considerate once the ego has left its log."""

import math

import numpy as np
import pytest

from bus.messages import EntityKind
from motion.rollout import EntityShape
from sim.scenarios.recorded.engine import LogEngine
from sim.scenarios.recorded.log import Log, Track, accelerations, speeds
from sim.simulator import vehicle_of
from sim.world import Setpoints, VehicleTable, WorldState, empty_world, step

CAR = EntityShape("car", EntityKind.CAR, 4.6, 1.8, 1.5, 0.0, 0.0)
EGO = EntityShape("Ego", EntityKind.CAR, 4.87, 1.85, 1.48, 1.42, 2.85)
DT_NS = 20_000_000


def track(shape: EntityShape, x0_m: float, speed_mps: float, y_m: float = 0.0, end_s: float = 12.0) -> Track:
    t = np.arange(0.0, end_s + 1e-9, 0.1)
    x = x0_m + speed_mps * t
    y = np.full(len(t), y_m)
    speed = speeds(t, x, y)
    return Track(shape, t, x, y, np.zeros(len(t)), speed, accelerations(t, speed))


def run(engine: LogEngine, seconds: float, command_mps2: float = 0.0) -> list[WorldState]:
    """The ego holds an acceleration and goes straight on."""
    vehicles = VehicleTable.of([vehicle_of(*pair) for pair in zip(engine.cast, engine.limits, strict=True)])
    world, states = empty_world(1, len(engine.cast)), []
    for k in range(round(seconds * 50) + 1):
        before = max(k - 1, 0) * DT_NS
        setpoints: Setpoints = engine.advance(world, before, k * DT_NS - before)
        setpoints.control_acceleration_mps2[0, 0] = command_mps2
        world = step(world, setpoints, vehicles, (k * DT_NS - before) * 1e-9)
        states.append(world)
    return states


def test_replayed_cars_are_where_the_record_has_them() -> None:
    log = Log("log", track(EGO, 0.0, 10.0), (track(CAR, -30.0, 12.0),))
    for world in run(LogEngine.of(log, reactive=False), 5.0, -3.0)[::50]:
        t_s = (world.x_m[0, 1] + 30.0) / 12.0
        assert t_s == pytest.approx(round(t_s * 50) / 50, abs=1e-6)
    assert run(LogEngine.of(log, reactive=False), 5.0)[-1].x_m[0, 1] == pytest.approx(30.0)


def gaps(states: list[WorldState]) -> np.ndarray:
    """Bumper to bumper from the car behind to the ego."""
    return np.array([w.x_m[0, 0] + EGO.centre_x_m - w.x_m[0, 1] - 0.5 * (EGO.length_m + CAR.length_m) for w in states])


def test_a_replayed_car_runs_into_an_ego_that_brakes_a_reactive_one_does_not() -> None:
    log = Log("log", track(EGO, 0.0, 10.0), (track(CAR, -25.0, 10.0),))
    assert gaps(run(LogEngine.of(log, reactive=False), 10.0, -4.0)).min() < 0.0
    reactive = gaps(run(LogEngine.of(log, reactive=True), 10.0, -4.0))
    assert reactive.min() > 0.5


def test_reactive_cars_follow_the_record_as_long_as_the_ego_follows_its_log() -> None:
    log = Log("log", track(EGO, 0.0, 10.0), (track(CAR, -25.0, 10.0),))
    engine = LogEngine.of(log, reactive=True)
    states = run(engine, 6.0)
    assert not engine.departed
    assert states[-1].x_m[0, 1] == pytest.approx(35.0)


def test_taking_over_makes_no_jump() -> None:
    log = Log("log", track(EGO, 0.0, 10.0), (track(CAR, -25.0, 10.0), track(CAR, 40.0, 8.0, 3.5)))
    states = run(LogEngine.of(log, reactive=True), 8.0, -2.0)
    for column in (1, 2):
        steps = np.diff([world.x_m[0, column] for world in states])
        assert steps.max() <= 10.5 * 0.02
        assert steps.min() >= -1e-6


def test_people_on_foot_go_on_as_recorded() -> None:
    walker = EntityShape("walker", EntityKind.PEDESTRIAN, 0.6, 0.6, 1.8, 0.0, 0.0)
    log = Log("log", track(EGO, 0.0, 10.0), (track(walker, 50.0, 1.5, 6.0),))
    states = run(LogEngine.of(log, reactive=True), 6.0, -3.0)
    assert states[-1].x_m[0, 1] == pytest.approx(59.0)


def test_who_is_not_recorded_yet_is_absent() -> None:
    late = track(CAR, 0.0, 5.0)
    late = Track(CAR, late.t_s + 3.0, late.x_m, late.y_m, late.yaw_rad, late.speed_mps, late.acceleration_mps2)
    states = run(LogEngine.of(Log("log", track(EGO, 0.0, 10.0), (late,)), reactive=False), 4.0)
    assert not states[100].present[0, 1]
    assert states[180].present[0, 1]


def test_the_run_ends_with_the_log() -> None:
    engine = LogEngine.of(Log("log", track(EGO, 0.0, 10.0, end_s=2.0), ()), reactive=False)
    run(engine, 2.1)
    assert engine.finished
    assert math.isclose(engine.log.duration_s, 2.0)
