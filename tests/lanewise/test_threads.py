"""A drive takes one core, so that as many drives as there are cores run side by side."""

from __future__ import annotations

import os
import subprocess
import sys

ALGEBRA = """
import lanewise, os, numpy, time
matrix = numpy.random.default_rng(0).normal(size=(400, 400))
matrix @ matrix
print(len(os.listdir("/proc/self/task")))
"""


def _threads_of(**environment: str) -> int:
    kept = {
        name: value for name, value in os.environ.items() if name not in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    }
    told = subprocess.run([sys.executable, "-c", ALGEBRA], env=kept | environment, capture_output=True, check=True)
    return int(told.stdout)


def test_linear_algebra_starts_no_thread_of_its_own() -> None:
    assert _threads_of() == _threads_of(OPENBLAS_NUM_THREADS="1")


def test_the_users_number_of_threads_is_kept() -> None:
    assert _threads_of(OPENBLAS_NUM_THREADS="3") > _threads_of()
