"""The gate's tests reach every branch of it and notice when it changes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = "tests/planning/test_safety.py"


def said(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.full
def test_every_branch_of_the_gate_is_tested(tmp_path: Path) -> None:
    data = f"--data-file={tmp_path / 'coverage'}"
    said("-m", "coverage", "run", "--branch", data, "--include=planning/safety.py", "-m", "pytest", "-q", TESTS)
    assert said("-m", "coverage", "report", data, "--format=total").strip() == "100"


@pytest.mark.full
def test_nine_of_ten_changes_of_the_gate_are_noticed() -> None:
    figures = json.loads(said("tests/planning/mutants.py", "planning.safety", TESTS).splitlines()[-1])
    assert figures["mutants"] > 80
    assert figures["share"] >= 0.9
