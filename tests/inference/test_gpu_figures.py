"""docs/gpu.json tells when it was measured with other nets than those that are shipped."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from inference.device import find_gpu

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_bench", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_of_the_shipped_nets_hold_and_others_are_stale(bench: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "gpu.json"
    assert "no GPU has measured yet" in bench.stale(path)
    models = bench.shipped()
    assert models
    path.write_text(json.dumps({"models": models}))
    assert bench.stale(path) == ""
    name = next(iter(models))
    path.write_text(json.dumps({"models": models | {name: "0" * 64}}))
    assert f"before {name} changed" in bench.stale(path)


def test_the_figures_in_the_documentation_are_current(bench: ModuleType) -> None:
    why = bench.stale()
    if why:
        pytest.skip(f"docs/gpu.json: {why}")


@pytest.mark.skipif(find_gpu() is not None, reason="there is a GPU here")
def test_without_a_gpu_nothing_is_measured_and_nothing_written() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("benchmarks/gpu.py: no NVIDIA GPU")
