"""Kernels without a server: on the CPU, on the thread that asks. What modules use where nobody hands them a server."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from inference.engines.engine import EngineOptions, Session
from inference.kernel_engines import load_kernel
from inference.kernels import Kernel
from inference.tensors import Arrays

RunKernel = Callable[[Kernel, Arrays], Arrays]
"""Runs a kernel on named arrays: `run_here`, or a request to the server that all modules of a drive share."""


def run_here(kernel: Kernel, arrays: Arrays) -> Arrays:
    """The outputs; errors as `inference.engines.engine.Session.infer`."""
    return _session(kernel).infer(arrays)


@cache
def _session(kernel: Kernel) -> Session:
    return load_kernel(kernel, EngineOptions())
