"""Benchmarks start from their own folder, whatever their files are called."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("name", ["inference", "town_routes"])
def test_a_file_called_like_a_package_does_not_hide_it(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, BENCHMARKS / f"{name}.py", "--help"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout


@pytest.mark.full
@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("*.py")), ids=lambda path: path.stem)
def test_every_benchmark_explains_itself(path: Path, tmp_path: Path) -> None:
    if path.stem == "engine_ways":
        pytest.skip("the inner part of benchmarks/inference.py")
    done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
