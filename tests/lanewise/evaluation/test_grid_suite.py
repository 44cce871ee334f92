"""The suite r157: all cases of the three grids, judged by what the careful driver makes of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lanewise.config import RunConfig, configured
from lanewise.evaluation.batch import evaluate, jobs_of
from lanewise.evaluation.grid_suite import GridJob, _verdict, case_of, is_grid, r157_suite
from lanewise.evaluation.suite import Suite
from sim.scenarios.r157_cases import BrakingLead, CutIn, CutOut, traffic_of
from sim.scenarios.r157_grid import Outcome, drive_careful


def named(suite: Suite, name: str) -> Suite:
    return Suite(suite.name, tuple(case for case in suite.cases if case.name == name))


@pytest.fixture(scope="module")
def suite() -> Suite:
    return r157_suite()


def test_the_suite_holds_every_case_of_the_three_grids_once(suite: Suite) -> None:
    counts = {grid: len(suite.filtered([grid]).cases) for grid in ("cut-in", "cut-out", "braking-lead")}
    assert counts == {"cut-in": 29_970, "cut-out": 5_850, "braking-lead": 1_121}
    assert len({case.name for case in suite.cases}) == 36_941
    assert all(is_grid(case) for case in suite.cases)
    kinds = {type(case_of(case)) for case in suite.sampled(50).cases}
    assert kinds == {CutIn, CutOut, BrakingLead}


def test_a_sample_is_even_and_the_same_every_time(suite: Suite) -> None:
    sample = suite.sampled(100)
    assert sample == suite.sampled(100)
    share = len(sample.filtered(["cut-in"]).cases) / 100
    assert share == pytest.approx(29_970 / 36_941, abs=0.02)
    assert suite.sampled(10**6) is suite


def test_numbers_survive_their_names(suite: Suite) -> None:
    assert case_of(named(suite, "cut-in[ego_kph=130,other_kph=40,gap_m=75,lateral_mps=1.7]").cases[0]) == CutIn(
        130.0, 40.0, 75.0, 1.7
    )


def test_the_baseline_is_judged_beside_the_careful_driver_and_found_again(suite: Suite, tmp_path: Path) -> None:
    easy = "cut-in[ego_kph=60,other_kph=50,gap_m=40,lateral_mps=0.5]"
    hopeless = next(
        case for case in suite.sampled(2000).cases if not drive_careful(traffic_of(case_of(case))).avoided
    )  # fmt: skip
    chosen = Suite("r157", (*named(suite, easy).cases, hopeless))
    jobs = jobs_of(chosen, configured({"stack": {"planner": "idm"}}), ("idm",), (0,), tmp_path)
    assert all(isinstance(job, GridJob) for job in jobs)
    rows = list(evaluate(jobs, 1, lambda _: None))
    assert "must-avoid" in rows[0]["tags"]
    assert rows[0]["outcome"] == "pass"
    assert "unavoidable" in rows[1]["tags"]
    marked = tmp_path / "results" / f"{jobs[0].key}.json"
    marked.write_text(json.dumps({**rows[0], "cause": "found"}))
    assert next(iter(evaluate(jobs, 1, lambda _: None)))["cause"] == "found"


def test_who_does_not_brake_fails_where_the_careful_driver_avoids(suite: Suite, tmp_path: Path) -> None:
    blind = tmp_path / "blind.py"
    blind.write_text(
        "from dataclasses import dataclass, replace\n"
        "import numpy as np\n"
        "from planning.idm import IdmPlanner\n"
        "@dataclass(frozen=True)\n"
        "class Blind:\n"
        "    def start(self, context):\n"
        "        return IdmPlanner().start(context)\n"
        "    def plan(self, scene, memory):\n"
        "        plan, memory = IdmPlanner().plan(scene, memory)\n"
        "        states = replace(plan.states, acceleration_mps2=0.0 * plan.states.acceleration_mps2)\n"
        "        return replace(plan, states=states), memory\n"
    )
    case = named(suite, "braking-lead[ego_kph=60,deceleration_mps2=4.905,gap_m=33.3333]").cases[0]
    assert drive_careful(traffic_of(case_of(case))).avoided
    row = GridJob(case, configured({"stack": {"planner": f"{blind}:Blind"}}), tmp_path).row()
    assert row["outcome"] == "fail"
    assert "the careful driver has none" in row["cause"]


@pytest.mark.parametrize(("impact_mps", "passed"), [(4.9, True), (5.2, True), (5.4, False)])
def test_where_nobody_could_avoid_it_the_contact_may_not_be_much_harder(impact_mps: float, passed: bool) -> None:
    careful = Outcome(contact=20, other=0, impact_mps=5.0, deceleration_mps2=7.6)
    assert _verdict(replace(careful, impact_mps=impact_mps), careful)[0] is passed


def test_another_planner_or_setting_has_another_key(suite: Suite, tmp_path: Path) -> None:
    case, config = suite.cases[0], RunConfig()
    other = configured({"stack": {"planner": "pdm-closed"}})
    assert GridJob(case, config, tmp_path).key != GridJob(case, other, tmp_path).key
    assert GridJob(case, config, tmp_path).key != GridJob(suite.cases[1], config, tmp_path).key
