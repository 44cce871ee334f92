"""The kernels of planner and localization are fit for a GPU: the CUDA simulator of numba comes to the same numbers.

The simulator runs thread by thread in Python and has to be chosen before numba is imported, so it has a process of its
own; functions that kernels call are then plain Python as well.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from geometry.errors import UnsupportedError
from inference.here import run_here
from inference.kernel_engines import ptx_of
from inference.kernels import Kernel
from lanewise.inferring import KERNELS
from localization.map_matching import LANE_HYPOTHESES, MarkModel, score_poses, seen_lines
from planning.scoring import score
from planning.scoring_kernel import CANDIDATE_SCORING
from tests.localization.road import in_lane, lines_of, seen_from
from tests.planning.test_scoring import FOLLOW, HOLD, SETTINGS, STRAIGHT, braking, ego, futures, road

ROOT = Path(__file__).parents[2]
SIMULATED = """
import sys
import numpy as np
from inference.engines.engine import EngineOptions
from inference.kernel_engines import load_kernel
from lanewise.inferring import KERNELS
kernel = next(one for one in KERNELS if one.name == sys.argv[1])
answer = load_kernel(kernel, EngineOptions(provider="cuda")).infer(dict(np.load(sys.argv[2])))
np.savez(sys.argv[3], **answer)
"""


def asked() -> Iterator[tuple[Kernel, Mapping[str, np.ndarray], Mapping[str, np.ndarray]]]:
    """Each kernel, with what its module asks of it and what a CPU answers."""
    heard: list[tuple[Kernel, Mapping[str, np.ndarray], Mapping[str, np.ndarray]]] = []

    def listening(kernel: Kernel, arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        heard.append((kernel, arrays, run_here(kernel, arrays)))
        return heard[-1][2]

    others = futures((125.0, 12.0, 0.2, 0.0, 1.0), (118.0, 20.0, 3.5, -0.8, 0.4))
    policies = np.array([HOLD, FOLLOW, braking(4.0)])
    score(np.array([STRAIGHT.row()]), policies, ego(), road(), others, SETTINGS, listening)
    lines, model = lines_of(3), MarkModel()
    poses = np.array([(pose.x_m, pose.y_m, pose.yaw_rad) for pose in (in_lane(k, left_m=0.2) for k in range(3))])
    score_poses(poses, seen_lines(seen_from(lines, in_lane(1, left_m=0.2)), model), lines, model, listening)
    yield from heard


def test_the_simulator_of_a_gpu_comes_to_the_numbers_of_the_cpu(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    names = set()
    for kernel, arrays, answer in asked():
        given, found = tmp_path / f"{kernel.name}.npz", tmp_path / f"{kernel.name}-found.npz"
        np.savez(given, **arrays)
        command = [sys.executable, "-c", SIMULATED, kernel.name, str(given), str(found)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, env=environment)
        assert done.returncode == 0, done.stderr[-1500:]
        simulated = np.load(found)
        for name, expected in answer.items():
            np.testing.assert_allclose(simulated[name], expected, rtol=1e-12, atol=1e-12, err_msg=name)
        names.add(kernel.name)
    assert names == {kernel.name for kernel in KERNELS}


@pytest.mark.parametrize("kernel", [CANDIDATE_SCORING, LANE_HYPOTHESES], ids=lambda kernel: kernel.name)
def test_they_compile_for_a_gpu_where_the_compiler_is(kernel: Kernel) -> None:
    try:
        text = ptx_of(kernel)
    except UnsupportedError as error:
        pytest.skip(f"no PTX here: {error}")
    assert ".visible .entry" in text
