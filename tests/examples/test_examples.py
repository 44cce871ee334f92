"""The examples run as their first lines say."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TOLD = ("--no-report", "--perception", "ground-truth")


def run(*words: object, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_planner_of_ones_own_drives_and_takes_its_settings(tmp_path: Path) -> None:
    planner = f"{REPOSITORY / 'examples' / 'careful_planner.py'}:CarefulPlanner"
    words = ("-m", "lanewise", "run", "stopped-lead", "--planner", planner, *TOLD, "--timeout", 8)
    assert "PASS" in run(*words, "--out", "a", cwd=tmp_path)
    run(*words, "--out", "b", "--set", "planning.share=0.5", cwd=tmp_path)
    assert "share = 0.5" in (tmp_path / "b" / "config.toml").read_text()


def test_a_recorded_drive_can_be_read_in_a_few_lines(tmp_path: Path) -> None:
    run("-m", "lanewise", "run", "merge", *TOLD, "--timeout", 20, "--out", "merge", cwd=tmp_path)
    told = run(REPOSITORY / "examples" / "read_a_drive.py", tmp_path / "merge" / "drive.mcap", cwd=REPOSITORY)
    assert "fastest: 100.9 km/h" in told
    assert "behind its lead" in told


def test_examples_stay_short() -> None:
    assert all(len(path.read_text().splitlines()) < 100 for path in (REPOSITORY / "examples").glob("*.py"))
