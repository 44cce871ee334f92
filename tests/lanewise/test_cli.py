"""The command as a user types it: output, exit codes, one sentence for what is wrong."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from lanewise.scenarios.catalog import FOLDER

TOLD = ("--perception", "ground-truth")
"""Cameras take their time; these drives are told who is around."""


def lanewise(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lanewise", *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=300)


def test_run_prints_scores_and_where_the_report_is(tmp_path: Path) -> None:
    done = lanewise("run", "cut-in", *TOLD, "--out", "here", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cut-in: PASS by general rules" in done.stdout
    assert "lane_departure" in done.stdout
    assert "here/report.html" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"here"}


def test_a_failed_verdict_exits_with_1_and_says_why(tmp_path: Path) -> None:
    planner = tmp_path / "drifter.py"
    planner.write_text(
        "from dataclasses import replace\n"
        "from planning.idm import IdmPlanner\n"
        "class Drifter:\n"
        "    '''Keeps three metres to the left of its lane.'''\n"
        "    def start(self, context):\n"
        "        return IdmPlanner().start(context)\n"
        "    def plan(self, scene, memory):\n"
        "        plan, memory = IdmPlanner().plan(scene, memory)\n"
        "        return replace(plan, states=replace(plan.states, y_m=plan.states.y_m + 3.0)), memory\n"
    )
    told = (*TOLD, "--localization", "ground-truth", "--out", "r", "--no-report")
    done = lanewise("run", "merge", "--planner", f"{planner}:Drifter", *told, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "merge: FAIL" in done.stdout
    assert "over the left mark" in done.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run", "no-such"], "there is no scenario file or shipped scenario 'no-such'; shipped are curve, cut-in"),
        (["run", "missing/*.xosc"], "no file matches"),
        (["run", "cut-in", "--planner", "best"], "there is no planner 'best'; known are idm"),
        (["run", "cut-in", "--set", "planning.horizont_s=3"], "unknown key planning.horizont_s; known are horizon_s"),
        (
            ["run", "cut-in", "--set", "planning.horizon_s=far"],
            "horizon_s = 'far': input should be a valid number",
        ),
        (["run", "cut-in", "--perception", "radar"], "there is no perception 'radar'; known are camera, ground-truth"),
        (["run", "cut-in", "--param", "speed"], "--param needs NAME=VALUE"),
        (["run", "cut-in", "--sample", "3"], "need a file of parameter variations"),
        (["run", "cut-in", "--states", "out.csv"], "--states needs --ego scripted"),
        (["run", "cut-in", "--ego", "me"], "--ego me: known are stack and scripted"),
        (["run", "cut-in", "--config", "none.toml"], "none.toml: cannot read the configuration"),
        (["replay", "none.mcap"], "none.mcap"),
        (["topic", "list", "none.mcap"], "none.mcap"),
        (["export", "video", "none.mcap"], "none.mcap"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(words: list[str], complaint: str, tmp_path: Path) -> None:
    done = lanewise(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("r*/**/drive.mcap"))


def test_scripted_states_have_the_documented_columns(tmp_path: Path) -> None:
    done = lanewise("run", "cut-in", "--ego", "scripted", "--states", "out.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["t_s", "entity", "x_m", "y_m", "yaw_rad", "speed_mps"]
    ego = [row for row in rows if row["entity"] == "Ego"]
    assert float(ego[1]["t_s"]) == pytest.approx(0.02)
    travelled = float(ego[50]["x_m"]) - float(ego[0]["x_m"])
    assert travelled == pytest.approx(float(ego[0]["speed_mps"]) * 1.0, rel=0.02)


def test_run_sees_through_cameras_and_finds_itself_on_the_map(tmp_path: Path) -> None:
    done = lanewise("run", "curve", "--timeout", 2, "--no-report", "--out", "c", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "c" / "config.toml").read_text()
    assert 'perception = "camera"' in said
    assert 'localization = "map"' in said


@pytest.mark.parametrize(
    "words",
    [("--localization", "ground-truth"), ("--config", "mine.toml"), ("--set", "stack.localization=ground-truth")],
)
def test_who_tells_the_pose_can_be_chosen(words: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[stack]\nlocalization = "ground-truth"\n')
    done = lanewise(
        "run", "curve", "--timeout", 3, "--no-report", "--no-record", *TOLD, *words, "--out", "c", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert 'localization = "ground-truth"' in (tmp_path / "c" / "config.toml").read_text()


def test_a_batch_prints_a_line_for_each_and_the_sum(tmp_path: Path) -> None:
    done = lanewise(
        "run", "curve", "merge", "--workers", 2, "--timeout", 3, "--no-report", *TOLD, "--out", "b", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "all: 2 of 2 pass (100.0%)" in done.stdout
    assert (tmp_path / "b" / "00000-curve" / "metrics.json").is_file()
    assert (tmp_path / "b" / "results.json").is_file()


def test_a_glob_in_quotes_is_expanded(tmp_path: Path) -> None:
    words = ("run", f"{FOLDER}/cu*.xosc", "--timeout", 1.5, "--no-report", "--no-record", "--workers", 1, *TOLD)
    done = lanewise(*words, "--out", "g", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "all: 3 of 3 pass" in done.stdout


def test_doctor_and_version_answer(tmp_path: Path) -> None:
    doctor, version = lanewise("doctor", cwd=tmp_path), lanewise("version", cwd=tmp_path)
    assert doctor.returncode == 0, doctor.stdout
    assert "cache folder" in doctor.stdout
    assert version.stdout.startswith("lanewise 0.")
    assert not list(tmp_path.iterdir())
