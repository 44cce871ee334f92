"""`lanewise new`: what it writes runs as it is, and nothing is overwritten."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from geometry.errors import InputError
from lanewise.cli import app
from lanewise.config import RunConfig, StackChoice
from lanewise.new_commands import checked, class_name, write
from lanewise.run import Outputs, run


def new(*words: str) -> str:
    done = CliRunner().invoke(app, ["new", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_new_planner_drives_and_its_test_passes(tmp_path: Path) -> None:
    told = new("planner", "my-first", "--in", str(tmp_path))
    assert f"--planner {tmp_path / 'my_first.py'}:MyFirst" in told
    text = (tmp_path / "my_first.py").read_text()
    assert len([line for line in text.splitlines() if line.strip()]) <= 40
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
                          capture_output=True, text=True, cwd=tmp_path, check=False)  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout


def test_a_new_detector_sees_what_its_test_shows_it(tmp_path: Path) -> None:
    told = new("detector", "red-lamps", "--in", str(tmp_path))
    assert f"--detector {tmp_path / 'red_lamps.py'}:RedLamps" in told
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
                          capture_output=True, text=True, cwd=tmp_path, check=False)  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout


def test_a_new_scenario_runs_with_a_new_planner(tmp_path: Path) -> None:
    new("planner", "p", "--in", str(tmp_path))
    new("scenario", "slow-car", "--in", str(tmp_path))
    config = RunConfig(
        scenario=str(tmp_path / "slow-car.xosc"), stack=StackChoice(planner=f"{tmp_path / 'p.py'}:P"),
        parameters={"SlowSpeed_kmh": "50"},
    )  # fmt: skip
    result = run(config, tmp_path / "run", Outputs(record=False, report=False), lambda _: None)
    assert result.verdict.passed, result.verdict.cause


def test_two_scenarios_share_what_they_refer_to(tmp_path: Path) -> None:
    new("scenario", "a", "--in", str(tmp_path))
    told = new("scenario", "b", "--in", str(tmp_path))
    assert "maps" not in told
    assert (tmp_path / "maps" / "highway_straight.xodr").is_file()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        write({tmp_path / "a.txt": "new", tmp_path / "b.txt": "new"})
    assert (tmp_path / "b.txt").read_text() == "mine"
    assert not (tmp_path / "a.txt").exists()


@pytest.mark.parametrize("name", ["", "../up", "a b", "a/b", "ä", "-x", "a" * 65, "a.py"])
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="a name of letters"):
        checked(name)


@pytest.mark.parametrize("name", ["class", "3d", "import"])
def test_a_planners_name_has_to_be_a_module(name: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["new", "planner", name, "--in", str(tmp_path)])
    assert isinstance(done.exception, InputError)
    assert not list(tmp_path.iterdir())


def test_class_names() -> None:
    assert {stem: class_name(stem) for stem in ("a", "my_first", "MyOwn")} == {
        "a": "A", "my_first": "MyFirst", "MyOwn": "MyOwn"
    }  # fmt: skip
