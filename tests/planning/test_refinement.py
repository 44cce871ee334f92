"""The winner refined: smoother, inside its own corridor, and driven as it is where there is no solution."""

import math
from dataclasses import replace

import numpy as np
import pytest

from planning import lanewise_planner
from planning.candidates import KEEP, Way, quintic
from planning.lanewise_planner import LanewisePlanner
from planning.prediction import TIMES_S, Futures
from planning.refinement import Candidate, Program, RefinementSettings, SmoothWay, refine, solve
from planning.scoring import EgoOnPath, Road
from tests.planning.conftest import SceneMaker

SETTINGS = RefinementSettings()
STRAIGHT = Way(KEEP, 0.0, 30.0, quintic(0.0, 0.0, 0.0, 0.0, 30.0), 1.75, 1.75)
CALM = 3.0
NOBODY = Futures(
    np.zeros((0, len(TIMES_S), 6)), np.zeros(0), np.zeros(0, dtype=np.int64), (), np.zeros((len(TIMES_S), 2)),
    np.zeros(0, dtype=np.int64),
)  # fmt: skip


def motion_of(speed_mps: float, acceleration_mps2: np.ndarray) -> np.ndarray:
    """Motion (K, 4) with a given acceleration at `TIMES_S`, standing once it stands."""
    dt = np.diff(TIMES_S)
    speed = np.maximum(speed_mps + np.concatenate(([0.0], np.cumsum(acceleration_mps2[:-1] * dt))), 0.0)
    distance = np.concatenate(([0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]) * dt)))
    return np.stack((distance, speed, acceleration_mps2, np.zeros(len(TIMES_S))), axis=-1)


def candidate(
    motion: np.ndarray, way: Way = STRAIGHT, others: Futures = NOBODY, bend_radpm: np.ndarray | None = None
) -> Candidate:
    speed = float(motion[0, 1])
    ego = EgoOnPath(100.0, speed, 0.0, 3.8, 1.0, 1.9, 20.0, 0.0, 0.0)
    bends = np.zeros(150) if bend_radpm is None else bend_radpm
    return Candidate(way, motion, ego, Road(np.full(150, 20.0), np.full(150, math.inf), bends), others)


def standing(rear_m: float, low_m: float, high_m: float) -> Futures:
    boxes = np.zeros((1, len(TIMES_S), 6))
    boxes[..., :4] = (rear_m, rear_m + 4.5, low_m, high_m)
    return Futures(
        boxes,
        np.ones(1),
        np.zeros(1, dtype=np.int64),
        ("keep",),
        np.zeros((len(TIMES_S), 2)),
        np.zeros(1, dtype=np.int64),
    )


def jerk(motion: np.ndarray) -> np.ndarray:
    return np.diff(motion[:, 2]) / np.diff(TIMES_S)


def test_a_step_of_the_acceleration_becomes_a_ramp_that_ends_at_nearly_the_same_place_and_speed() -> None:
    rough = motion_of(15.0, np.where(TIMES_S < 0.05, 0.0, np.where(TIMES_S < 3.0, -1.5, 0.0)))
    refined = refine(candidate(rough), SETTINGS)
    assert refined.left_out == ""
    assert np.abs(jerk(refined.motion)).max() <= SETTINGS.most_jerk_mps3 + 1e-4 < np.abs(jerk(rough)).max()
    assert refined.motion[-1, :2] == pytest.approx(rough[-1, :2], abs=0.5)
    assert refined.motion[0] == pytest.approx(rough[0, :3])


def test_speed_is_the_integral_of_acceleration_and_place_that_of_speed() -> None:
    refined = refine(candidate(motion_of(10.0, np.where(TIMES_S < 2.0, 1.0, 0.0))), SETTINGS).motion
    dt = np.diff(TIMES_S)
    speed = 0.5 * dt * (refined[1:, 2] + refined[:-1, 2])
    assert np.diff(refined[:, 1]) == pytest.approx(speed, abs=1e-6)
    place = dt * refined[:-1, 1] + dt * dt * (2.0 * refined[:-1, 2] + refined[1:, 2]) / 6.0
    assert np.diff(refined[:, 0]) == pytest.approx(place, abs=1e-6)


@pytest.mark.parametrize("gap_m", [40.0, 50.0, 60.0])
def test_who_stops_behind_somebody_comes_no_nearer_by_being_refined(gap_m: float) -> None:
    rough = motion_of(14.0, np.where(TIMES_S < 0.05, 0.0, -2.6))
    refined = refine(candidate(rough, others=standing(103.8 + gap_m, -0.9, 0.9)), SETTINGS)
    wanted = gap_m - SETTINGS.gap_m - SETTINGS.gap_s * rough[:, 1]
    assert np.all(refined.motion[:, 0] <= np.maximum(rough[:, 0], wanted) + 0.03)
    assert np.all(refined.motion[:, 1] >= 0.0)


def test_nobody_brakes_or_speeds_up_harder_than_the_candidate() -> None:
    rough = motion_of(12.0, np.where(TIMES_S < 0.05, 0.0, np.where(TIMES_S < 2.0, -3.4, 0.8)))
    refined = refine(candidate(rough), SETTINGS).motion
    assert refined[:, 2].min() >= rough[:, 2].min() - 0.021
    assert refined[:, 2].max() <= rough[:, 2].max() + 0.021


def test_the_ceiling_of_the_speed_holds() -> None:
    speeding = motion_of(19.0, np.where(TIMES_S < 0.7, 1.4, 0.0))
    assert refine(candidate(speeding), SETTINGS).motion[:, 1].max() <= max(20.0, speeding[:, 1].max()) + 0.06


def test_who_brakes_hard_is_driven_as_it_is() -> None:
    hard = motion_of(14.0, np.where(TIMES_S < 1.5, -7.5, 0.0))
    refined = refine(candidate(hard), SETTINGS)
    assert np.array_equal(refined.motion, hard[:, :3])
    assert refined.way is STRAIGHT


def test_a_kink_of_the_road_is_rounded_within_the_lane() -> None:
    curved = np.where(np.arange(150) < 8, 0.08, 0.0)  # an arc that ends without a transition after 16 m
    steady = motion_of(6.0, np.zeros(len(TIMES_S)))
    refined = refine(candidate(steady, bend_radpm=curved), SETTINGS)
    assert isinstance(refined.way, SmoothWay)
    x = np.linspace(0.0, 30.0, 121)
    offset, _, bend = refined.way.at(x)
    total = bend + np.interp(x, refined.way.x_m, refined.way.road_radpm)
    of_road = np.interp(x, 2.0 * np.arange(150), curved)
    assert np.abs(np.gradient(total, x)).max() < 0.6 * np.abs(np.gradient(of_road, x)).max()
    assert 0.02 < np.abs(offset).max() < 1.75 - 0.95


def test_the_refined_way_is_one_curve_and_joins_the_candidate() -> None:
    way = Way(KEEP, 0.0, 25.0, quintic(0.8, 0.0, 0.0, 0.0, 25.0), 2.5, 2.5)
    steady = motion_of(8.0, np.zeros(len(TIMES_S)))
    smooth = refine(candidate(steady, way), SETTINGS).way
    assert isinstance(smooth, SmoothWay)
    x = np.linspace(0.5, 47.0, 400)
    offset, slope, bend = smooth.at(x)
    assert np.gradient(offset, x)[1:-1] == pytest.approx(slope[1:-1], abs=1e-3)
    assert np.gradient(slope, x)[1:-1] == pytest.approx(bend[1:-1], abs=2e-3)
    for at_m in (0.0, 48.0, 60.0):
        both = [[float(part) for part in line.at(np.array(at_m))[:2]] for line in (smooth, way)]
        assert both[0] == pytest.approx(both[1], abs=1e-5)


def test_somebody_beside_the_way_is_given_no_less_room() -> None:
    way = Way(KEEP, 0.0, 25.0, quintic(0.8, 0.0, 0.0, 0.0, 25.0), 2.5, 2.5)
    steady = motion_of(8.0, np.zeros(len(TIMES_S)))
    beside = standing(112.0, -3.0, -1.0)  # half a metre away once the ego is in the middle
    smooth = refine(candidate(steady, way, beside), SETTINGS).way
    x = np.linspace(8.5, 17.0, 50)
    wanted = -1.0 + 0.95 + SETTINGS.side_m
    assert np.all(smooth.at(x)[0] >= np.minimum(way.at(x)[0], wanted) - 0.05)


def without_solution(_: Program) -> np.ndarray | None:
    return None


def test_without_a_solution_the_candidate_is_driven_and_the_reason_says_so(
    scene: SceneMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = motion_of(10.0, np.where(TIMES_S < 2.0, 1.0, 0.0))
    refined = refine(candidate(steady), SETTINGS, without_solution)
    assert np.array_equal(refined.motion, steady[:, :3])
    assert refined.way is STRAIGHT
    assert "not refined" in refined.left_out

    monkeypatch.setattr(lanewise_planner, "refine", lambda found, settings: refine(found, settings, without_solution))
    made = scene(20.0)
    planner = LanewisePlanner()
    plan, _ = planner.plan(made, planner.start(made.context))
    assert "speed and way not refined: no solution within the bounds" in plan.reason
    assert np.isfinite(plan.states.speed_mps).all()


def test_bounds_that_contradict_each_other_have_no_solution() -> None:
    one = np.eye(1)
    program = Program(one, np.zeros(1), one, np.array([2.0]), np.array([3.0]), one, np.array([1.0]))
    assert solve(program) is None
    found = solve(replace(program, low=np.array([0.0])))
    assert found is not None
    assert found == pytest.approx([1.0], abs=1e-6)


def test_a_program_of_impossible_bounds_leaves_the_candidate_as_it_is() -> None:
    steady = motion_of(10.0, np.where(TIMES_S < 0.05, 0.0, 2.0))
    still = replace(SETTINGS, most_jerk_mps3=-1.0)
    refined = refine(candidate(steady), still)
    assert np.array_equal(refined.motion, steady[:, :3])
    assert refined.left_out.startswith("speed not refined")
