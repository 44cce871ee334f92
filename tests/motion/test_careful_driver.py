"""The competent and careful driver: stopping distances by formula, and the outcomes of the reference's grids."""

from __future__ import annotations

import csv
import gzip
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from motion.careful_driver import CAREFUL, careful_step, cut_in_is_dangerous, react_at_once, react_to_cut_in

GRID_DT_S = 0.1
GRID_STEPS = 350
CAR_LENGTH_M, CAR_WIDTH_M = 4.3, 1.9
PARKED_LENGTH_M = 5.0
"""Of the stationary car in the cut-out grid; the others are as long as the ego."""


def stopping_distance_m(speed_mps: float) -> float:
    """Distance from the trigger to standstill by integrating the model's three phases by hand."""
    t, a = CAREFUL.reaction_s, CAREFUL.release_mps2
    reaction_m, after_reaction = speed_mps * t - 0.5 * a * t**2, speed_mps - a * t
    t, j = (CAREFUL.braking_mps2 - a) / CAREFUL.jerk_mps3, CAREFUL.jerk_mps3
    build_up_m = after_reaction * t - 0.5 * a * t**2 - j * t**3 / 6.0
    after_build_up = after_reaction - a * t - 0.5 * j * t**2
    return reaction_m + build_up_m + after_build_up**2 / (2.0 * CAREFUL.braking_mps2)


@pytest.mark.parametrize("speed_mps", [8.0, 16.7, 36.1])
def test_driver_stops_in_the_distance_that_the_three_phases_take(speed_mps):
    drive = react_at_once(CAREFUL, np.arange(0.0, 10.0, 0.0005), speed_mps)
    assert drive.speed_mps[-1] == 0.0
    assert drive.travelled_m[-1] == pytest.approx(stopping_distance_m(speed_mps), abs=0.02)


def test_driver_holds_its_speed_until_the_trigger():
    t_s = np.arange(0.0, 10.0, 0.02)
    drive = react_at_once(CAREFUL, t_s, 20.0, trigger=100)
    np.testing.assert_allclose(drive.travelled_m[:101], 20.0 * t_s[:101])
    assert drive.travelled_m[-1] == pytest.approx(20.0 * t_s[100] + stopping_distance_m(20.0), abs=0.3)


def test_driver_does_not_react_to_who_stays_beside():
    t_s = np.arange(0.0, 5.0, 0.02)
    beside = np.zeros(len(t_s), dtype=bool)
    drive = react_to_cut_in(CAREFUL, t_s, 20.0, 5.0 + 0.0 * t_s, 10.0 + 0.0 * t_s, beside, 9.0)
    assert drive.trigger == -1
    assert not drive.closed
    assert (drive.speed_mps == 20.0).all()


def test_cut_in_with_more_than_two_seconds_to_collision_closes_the_case():
    t_s = np.arange(0.0, 5.0, 0.02)
    inside = t_s > 1.0
    drive = react_to_cut_in(CAREFUL, t_s, 20.0, 36.0 + 10.0 * t_s, 10.0 + 0.0 * t_s, inside, 9.0)
    assert drive.closed
    drive = react_to_cut_in(CAREFUL, t_s, 20.0, 24.0 + 10.0 * t_s, 10.0 + 0.0 * t_s, inside, 9.0)
    assert not drive.closed
    assert t_s[drive.trigger] == pytest.approx(1.02)


def test_brake_is_held_off_while_the_danger_is_away_and_found_where_it_was():
    state = (20.0, CAREFUL.reaction_s, CAREFUL.release_mps2)
    numbers = (CAREFUL.release_mps2, CAREFUL.jerk_mps3, CAREFUL.braking_mps2)
    for _ in range(10):
        state = careful_step(*state, True, GRID_DT_S, *numbers)
    held = careful_step(*state, False, GRID_DT_S, *numbers)
    assert held == state
    speed, _, deceleration = careful_step(*held, True, GRID_DT_S, *numbers)
    assert deceleration == pytest.approx(CAREFUL.release_mps2 + 3 * CAREFUL.jerk_mps3 * GRID_DT_S)
    assert speed == pytest.approx(state[0] - deceleration * GRID_DT_S)


# --- the regulation's grids: each world moves 4.3 m x 1.9 m cars on a straight road in steps of 0.1 s ----------------


@dataclass(slots=True)
class GridEgo:
    """The driver as a point mass that moves with the speed at the end of the step."""

    x_m: float
    speed_mps: float
    reaction_left_s: float = CAREFUL.reaction_s
    deceleration_mps2: float = CAREFUL.release_mps2

    def step(self, reacts: bool) -> None:
        self.speed_mps, self.reaction_left_s, self.deceleration_mps2 = careful_step(
            self.speed_mps, self.reaction_left_s, self.deceleration_mps2, reacts, GRID_DT_S,
            CAREFUL.release_mps2, CAREFUL.jerk_mps3, CAREFUL.braking_mps2,
        )  # fmt: skip
        self.x_m += self.speed_mps * GRID_DT_S


def cut_in_crashes(case: dict[str, str]) -> bool:
    ego_mps, other_mps = float(case["ego_speed_kph"]) / 3.6, float(case["cutin_speed_kph"]) / 3.6
    ramp, moves, lateral = int(case["n_ramp_steps"]), int(case["n_lateral_steps"]), float(case["lat_speed_mps"])
    ego = GridEgo(-ego_mps * GRID_DT_S * ramp, ego_mps)
    triggered = False
    for i in range(GRID_STEPS + ramp + 1):
        after = i - ramp
        other_x = float(case["clear_gap_m"]) + CAR_LENGTH_M + other_mps * GRID_DT_S * after
        if after >= 0:
            side = 3.5 - min(after, moves) * lateral * GRID_DT_S
        else:
            side = 3.5 + sum(0.15 * step * GRID_DT_S for step in range(i, ramp))
        gap = other_x - ego.x_m - CAR_LENGTH_M
        if abs(side) < CAR_WIDTH_M and abs(other_x - ego.x_m) < CAR_LENGTH_M:
            return True
        if abs(side) - CAR_WIDTH_M > 0.0:
            ego.step(False)
            continue
        closing = ego.speed_mps - other_mps
        danger = cut_in_is_dangerous(gap, closing, 2 * CAR_LENGTH_M, CAREFUL.cut_in_ttc_s)
        if not danger and not triggered:
            return False
        triggered = True
        ego.step(danger)
    return False


def cut_out_impact(case: dict[str, str]) -> tuple[bool, float]:
    """Whether the driver hits the parked car or the leader that hit it, and its speed then."""
    speed, lateral = float(case["ego_speed_kph"]) / 3.6, -float(case["lat_speed_mps"])
    ego = GridEgo(0.0, speed)
    leader_x, leader_y = 2.0 * speed + CAR_LENGTH_M, 0.0
    parked_x = leader_x + float(case["front_distance_m"]) + CAR_LENGTH_M
    contact_m = 0.5 * (CAR_LENGTH_M + PARKED_LENGTH_M)
    frozen = False
    for i in range(GRID_STEPS):
        frozen = frozen or (abs(leader_y) < CAR_WIDTH_M and abs(parked_x - leader_x) < contact_m)
        on_leader = abs(leader_y) < CAR_WIDTH_M and abs(ego.x_m - leader_x) < CAR_LENGTH_M
        if on_leader or abs(ego.x_m - parked_x) < contact_m:
            return True, ego.speed_mps
        ego.step(frozen or leader_y < -CAREFUL.wandering_m)
        if not frozen:
            leader_x += speed * GRID_DT_S
            leader_y = max(-lateral * GRID_DT_S * (i + 1), -4.0)
    return False, 0.0


def car_following_crashes(case: dict[str, str]) -> bool:
    speed, deceleration = float(case["speed_kph"]) / 3.6, float(case["lead_decel_mps2"])
    ego, leader_mps, leader_x = GridEgo(0.0, speed), speed, 2.0 * speed + CAR_LENGTH_M
    for _ in range(GRID_STEPS):
        leader_mps = max(leader_mps - deceleration * GRID_DT_S, 0.0)
        leader_x += leader_mps * GRID_DT_S
        ego.step(True)
        if leader_x - ego.x_m < CAR_LENGTH_M:
            return True
    return False


def grid_cases(data: Path, name: str) -> list[dict[str, str]]:
    with gzip.open(data / "r157" / f"{name}.csv.gz", "rt", encoding="utf-8") as lines:
        return [case for case in csv.DictReader(lines) if case.get("knife_edge", "0") == "0"]


def cut_in_agreement(cases: list[dict[str, str]]) -> float:
    return float(np.mean([cut_in_crashes(case) == (case["crash_CC_human_driver"] == "1") for case in cases]))


def stratified(cases: list[dict[str, str]], per_outcome: int) -> list[dict[str, str]]:
    """As many crashes as escapes, evenly spaced over the grid."""
    sample = []
    for outcome in ("0", "1"):
        group = [case for case in cases if case["crash_CC_human_driver"] == outcome]
        sample += group[:: max(1, math.ceil(len(group) / per_outcome))]
    return sample


def test_a_sample_of_the_cut_in_grid_ends_as_in_the_reference(data):
    sample = stratified(grid_cases(data, "cut_in"), per_outcome=300)
    assert {case["crash_CC_human_driver"] for case in sample} == {"0", "1"}
    assert cut_in_agreement(sample) >= 0.999


@pytest.mark.full
def test_the_cut_in_grid_ends_as_in_the_reference(data):
    cases = grid_cases(data, "cut_in")
    agreement = cut_in_agreement(cases)
    print(f"\nCC driver, cut-in grid: {100.0 * agreement:.3f} % of {len(cases)} cases end as in the reference")
    assert agreement >= 0.999


@pytest.mark.full
def test_the_cut_out_grid_ends_as_in_the_reference_at_the_same_impact_speed(data):
    cases = grid_cases(data, "cut_out")
    agreement = []
    for case in cases:
        crash, impact_mps = cut_out_impact(case)
        expected_mps = float(case["impact_mps_CC_human_driver"])
        agreement.append(crash == (case["crash_CC_human_driver"] == "1") and abs(impact_mps - expected_mps) < 0.02)
    print(f"\nCC driver, cut-out grid: {100.0 * np.mean(agreement):.3f} % of {len(cases)} cases as in the reference")
    assert np.mean(agreement) >= 0.999


def test_a_sample_of_the_cut_out_grid_ends_as_in_the_reference(data):
    for case in stratified(grid_cases(data, "cut_out"), per_outcome=100):
        assert cut_out_impact(case)[0] == (case["crash_CC_human_driver"] == "1"), case["case_id"]


def test_the_car_following_grid_ends_as_in_the_reference(data):
    for case in grid_cases(data, "car_following")[::5]:
        assert car_following_crashes(case) == (case["crash_CC_human_driver"] == "1"), case["case_id"]
