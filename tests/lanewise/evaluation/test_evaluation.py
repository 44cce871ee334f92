"""Evaluation: suites expand, batches resume to the same bytes, comparisons are honest, outputs are read by others."""

import json
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import Any

import junitparser
import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometry.errors import InputError
from lanewise.config import RunConfig, configured
from lanewise.evaluation import batch
from lanewise.evaluation.batch import evaluate, jobs_of
from lanewise.evaluation.comparison import interval_of, paired_differences, planner_scores
from lanewise.evaluation.outputs import junit_xml, write_tables
from lanewise.evaluation.suite import load_suite, shipped_suites
from lanewise.run import Judged, judged, scenario_file
from lanewise.sources import load_source

SHORT = configured({"simulation": {"timeout_s": 2.0}})


def suite_file(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


TWO = '[[scenario]]\nfile = "curve"\ntags = ["a"]\n[scenario.parameters]\nEgoSpeed_kmh = [80, 90]\n'


def test_every_combination_of_the_values_is_a_case(tmp_path: Path) -> None:
    grid = '[scenario.parameters]\na = [1, 2]\nb = ["x", "y", "z"]\n'
    path = suite_file(tmp_path, f'name = "m"\n[[scenario]]\nfile = "cut-in"\n{grid}')
    suite = load_suite(str(path))
    assert [tuple(case.parameters.values()) for case in suite.cases] == [
        ("1", "x"), ("1", "y"), ("1", "z"), ("2", "x"), ("2", "y"), ("2", "z")
    ]  # fmt: skip
    assert suite.cases[0].name == "cut-in[a=1,b=x]"


def test_shipped_suites_name_parameters_that_their_scenarios_declare(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANEWISE_DATA", str(data))
    for name in shipped_suites():
        suite = load_suite(name)
        for case in suite.cases[:: max(len(suite.cases) // 12, 1)]:
            load_source(scenario_file(case.scenario), case.parameters)


def test_own_suites_keep_tuning_and_evaluation_apart_and_cover_what_they_promise() -> None:
    own = [case for name in ("highway", "town") for case in load_suite(name).cases]
    assert len(own) >= 150
    situations = ("highway", "merge", "roundabout", "junction", "narrow", "jaywalker", "occlusion", "stopped", "route",
                  "mixed", "reactive", "replay")  # fmt: skip
    for part in ("tuning", "evaluation"):
        tags = {tag for case in own if part in case.tags for tag in case.tags}
        assert set(situations) <= tags
    assert all(("tuning" in case.tags) != ("evaluation" in case.tags) for case in own)
    seeds = {part: {case.parameters.get("traffic_seed") for case in own if part in case.tags}
             for part in ("tuning", "evaluation")}  # fmt: skip
    assert (seeds["tuning"] & seeds["evaluation"]) <= {None}


def test_a_file_of_variations_gives_all_its_cases(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANEWISE_DATA", str(data))
    cases = load_suite("ncap").cases
    assert len(cases) == 292
    assert all("Scenario_ID" in case.parameters for case in cases)
    assert not any("CPRA" in case.name for case in cases)


def test_the_alks_suite_takes_as_many_variations_of_each_file_as_it_can(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANEWISE_DATA", str(data))
    cases = load_suite("alks").cases
    varied = Counter(case.name.split("[")[0] for case in cases if "variation" in case.tags)
    assert (len(cases), sum(varied.values())) == (2015, 2000)
    counts = sorted(varied.values())
    assert counts[:4] == [2, 6, 12, 120], "files that have no more give all they have"
    assert set(counts[4:]) == {169, 170}
    assert load_suite("alks").cases == cases


def test_a_case_without_an_expert_is_judged_by_its_verdict_alone(tmp_path: Path) -> None:
    suite = load_suite(str(suite_file(tmp_path, 'name = "m"\n[[scenario]]\nfile = "curve"\nexpert = false\n')))
    rows = list(evaluate(jobs_of(suite, SHORT, ["idm"], [0], tmp_path / "e"), 1, lambda _: None))
    assert rows[0]["passed"] is not None
    assert rows[0]["nuplan_score"] is None
    assert not list((tmp_path / "e" / "experts").iterdir())
    with_expert = load_suite(str(suite_file(tmp_path, 'name = "m"\n[[scenario]]\nfile = "curve"\n')))
    (job,), (other,) = (jobs_of(each, SHORT, ["idm"], [0], tmp_path / "e") for each in (suite, with_expert))
    assert job.key != other.key


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("sample = 3", "curve is no file of variations to take a sample of"),
        ("sample = 0", "sample = 0 of curve is not a count of variations"),
        ('expert = "no"', "expert = 'no' of curve is neither true nor false"),
    ],
)
def test_a_suite_says_what_it_cannot_sample(tmp_path: Path, entry: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        load_suite(str(suite_file(tmp_path, f'[[scenario]]\nfile = "curve"\n{entry}\n')))


def test_a_suite_says_which_variable_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANEWISE_DATA", raising=False)
    with pytest.raises(InputError, match="needs the environment variable LANEWISE_DATA, which is not set"):
        load_suite("commonroad")
    monkeypatch.setenv("LANEWISE_DATA", str(tmp_path))
    with pytest.raises(InputError, match="no file matches"):
        load_suite("commonroad")


def test_tags_choose_and_leave_out() -> None:
    suite = load_suite("highway")
    merges = suite.filtered(["merge"])
    assert {case.scenario for case in merges.cases} == {"merge", "highway_merge"}
    assert len(suite.filtered(["!merge"]).cases) == len(suite.cases) - len(merges.cases)
    assert {case.scenario for case in suite.filtered(["merge", "dense"]).cases} == {"highway_merge"}
    with pytest.raises(InputError, match="no case of highway matches boats; tags are curve, cut-in"):
        suite.filtered(["boats"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = 3 4", "not valid TOML"),
        ("", "lists no"),
        ("nam = 'x'", "unknown key nam; known are name, scenario"),
        ("[[scenario]]\nfil = 'x'", "unknown key fil"),
        ("[[scenario]]\ntags = []", "needs file"),
        (TWO + TWO, "two cases of the suite are the same"),
        ('[[scenario]]\nfile = "curve"\n[scenario.parameters]\na = []', "has 0 values"),
    ],
)
def test_a_wrong_suite_is_refused_with_its_file(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        load_suite(str(suite_file(tmp_path, text)))
    assert "mine.toml" in str(caught.value)


def test_results_are_found_again_and_not_driven_twice(tmp_path: Path) -> None:
    suite = load_suite(str(suite_file(tmp_path, TWO)))
    jobs = jobs_of(suite, SHORT, ("idm",), (0, 1), tmp_path / "out")
    rows = list(evaluate(jobs, 1, lambda _: None))
    assert [row["outcome"] for row in rows] == ["pass"] * 4
    assert all(0.0 <= row["nuplan_score"] <= 1.0 for row in rows)
    assert len(list((tmp_path / "out" / "experts").iterdir())) == 4
    marked = tmp_path / "out" / "results" / f"{jobs[2].key}.json"
    told = json.loads(marked.read_text()) | {"cause": "read from the file"}
    marked.write_text(json.dumps(told))
    again = list(evaluate(jobs, 1, lambda _: None))
    assert again[2]["cause"] == "read from the file"
    assert again[:2] == rows[:2]
    assert (
        jobs[0].key != jobs_of(suite, configured({"simulation": {"timeout_s": 2.5}}), ("idm",), (0,), tmp_path)[0].key
    )


def test_the_expert_drives_each_case_once_whoever_else_drives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driven: list[str] = []

    def counted(config: RunConfig, *rest: Any) -> Judged:
        driven.append(config.stack.planner)
        return judged(config, *rest)

    monkeypatch.setattr(batch, "judged", counted)
    suite = load_suite(str(suite_file(tmp_path, TWO)))
    rows = list(evaluate(jobs_of(suite, SHORT, ("idm", "pdm-closed"), (0,), tmp_path / "out"), 1, lambda _: None))
    assert sorted(driven) == ["idm", "idm", "pdm-closed", "pdm-closed"]
    assert [row["planner"] for row in rows] == ["idm", "pdm-closed"] * 2
    assert all(row["nuplan_ego_progress_along_expert_route"] == 1.0 for row in rows[1::2])


def test_what_cannot_be_run_and_what_is_wrong_are_told_apart(tmp_path: Path) -> None:
    text = TWO + '[[scenario]]\nfile = "curve"\n[scenario.parameters]\nWarp = [9]\n'
    jobs = jobs_of(load_suite(str(suite_file(tmp_path, text))), SHORT, ("idm",), (0,), tmp_path / "out")
    rows = list(evaluate(jobs, 1, lambda _: None))
    assert rows[-1]["outcome"] == "error"
    assert "there is no parameter Warp" in rows[-1]["cause"]
    root = ElementTree.fromstring(junit_xml(rows, "mine"))
    (element,) = root.iter("testsuite")
    assert (element.get("tests"), element.get("errors"), element.get("failures")) == ("3", "1", "0")
    assert len(list(root.iter("testcase"))) == 3


def test_a_standard_parser_reads_the_junit_file() -> None:
    outcomes = {"pass": "", "fail": 'ran \x07 into <Lead> & "Truck"', "error": "no file", "not runnable": "no lane"}
    rows = [
        {"case": f"a[{i}]", "seed": 1, "planner": "idm", "outcome": outcome, "cause": cause, "duration_s": 2.5}
        for i, (outcome, cause) in enumerate(outcomes.items())
    ]
    (suite,) = junitparser.JUnitXml.fromstring(junit_xml(rows, "mine"))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 1, 1)
    kinds = [type(result) for case in suite for result in case.result]
    assert kinds == [junitparser.Failure, junitparser.Error, junitparser.Skipped]
    failed = list(suite)[1]
    assert (failed.name, failed.classname, failed.time) == ("a[1] seed 1", "mine.idm", 2.5)
    assert failed.result[0].message == 'ran   into <Lead> & "Truck"'


def test_tables_hold_the_same_rows_in_every_form(tmp_path: Path) -> None:
    rows = [{"case": "a", "x": 1.5, "passed": True}, {"case": "b", "x": None, "passed": None, "more": "m"}]
    write_tables([{**row, "seed": 0, "planner": "p", "outcome": "pass", "cause": ""} for row in rows], "s", tmp_path)
    table = pyarrow.parquet.read_table(tmp_path / "results.parquet").to_pylist()
    assert [row["x"] for row in table] == [1.5, None]
    assert [row["more"] for row in table] == [None, "m"]
    assert [row["case"] for row in json.loads((tmp_path / "results.json").read_text())] == ["a", "b"]


def rows_of(planner: str, passed: list[bool]) -> list[dict[str, object]]:
    return [
        {"case": f"c{i}", "seed": 0, "planner": planner, "passed": won, "mean_speed_mps": 20.0 + i}
        for i, won in enumerate(passed)
    ]


def test_scores_are_means_over_what_was_driven() -> None:
    rows = [*rows_of("a", [True, True, False, False]), {"case": "z", "seed": 0, "planner": "a", "passed": None}]
    (score,) = [s for s in planner_scores(rows) if s.score == "passed"]
    assert (score.mean, score.cases) == (0.5, 4)


def test_a_difference_counts_only_common_cases_and_has_its_sign() -> None:
    rows = [*rows_of("a", [False] * 6), *rows_of("b", [True] * 4)]
    (difference,) = [d for d in paired_differences(rows) if d.score == "passed"]
    assert (difference.mean, difference.low, difference.high, difference.cases) == (1.0, 1.0, 1.0, 4)


def test_seeds_of_one_case_are_one_piece_of_evidence() -> None:
    won = [{"case": f"c{i}", "seed": s, "planner": p, "passed": p == "b" and i < 2} for i in range(4) for s in range(9)
           for p in "ab"]  # fmt: skip
    (difference,) = [d for d in paired_differences(won) if d.score == "passed"]
    assert (difference.mean, difference.cases) == (0.5, 4)
    assert (difference.low, difference.high) == (0.0, 1.0)  # four cases say little, however often each is driven


@settings(max_examples=15, deadline=None)
@given(mean=st.floats(-2.0, 2.0), spread=st.floats(0.1, 3.0), seed=st.integers(0, 1000))
def test_the_interval_is_that_of_the_normal_approximation(mean: float, spread: float, seed: int) -> None:
    differences = np.random.default_rng(seed).normal(mean, spread, 400)
    low, high = interval_of(differences, 0)
    half = 1.96 * differences.std() / np.sqrt(400)
    assert low == pytest.approx(differences.mean() - half, abs=0.15 * half)
    assert high == pytest.approx(differences.mean() + half, abs=0.15 * half)


def evaluate_command(suite: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "lanewise", "eval", str(suite), "--workers", "1", "--out", str(out),
            "--set", "simulation.timeout_s=3"]  # fmt: skip


def test_a_killed_batch_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    suite = suite_file(tmp_path, TWO.replace("[80, 90]", "[70, 75, 80, 85, 90]"))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(evaluate_command(suite, whole), check=True, capture_output=True, cwd=tmp_path)
    for wanted in (1, 3):
        command, nowhere = evaluate_command(suite, killed), subprocess.DEVNULL
        process = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, cwd=tmp_path)
        until = time.monotonic() + 120.0
        while len(list(killed.glob("results/*.json"))) < wanted and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (killed / "results.json").exists()
    subprocess.run(evaluate_command(suite, killed), check=True, capture_output=True, cwd=tmp_path)
    for name in ("results.json", "results.parquet", "junit.xml", "index.html"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()


def test_a_planner_from_a_file_travels_to_the_workers() -> None:
    import pickle

    planner = Path(__file__).resolve().parents[3] / "examples" / "careful_planner.py"
    config = configured({"stack": {"planner": f"{planner}:CarefulPlanner"}, "planning": {"share": 0.8}})
    again = pickle.loads(pickle.dumps(config))
    assert isinstance(again, RunConfig)
    assert again.to_toml() == config.to_toml()
    assert again.planning.share == 0.8
