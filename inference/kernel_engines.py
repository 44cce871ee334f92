"""Kernels compiled: a loop for the CPU by numba, a grid for an NVIDIA GPU by numba-cuda, from the same function."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from threading import Lock
from typing import Any

import numba
import numpy as np

from geometry.errors import UnsupportedError
from inference.engines.engine import EngineOptions, Session
from inference.errors import EngineError, OutOfMemoryError
from inference.kernels import Kernel
from inference.tensors import Array, Arrays, Shape, check_arrays, numpy_dtype, zeros

THREADS_PER_BLOCK = 128
NUMERICS = {"error_model": "numpy", "fastmath": False}


def load_kernel(kernel: Kernel, options: EngineOptions) -> Session:
    """A session for a kernel; it compiles when it is warmed up or first asked.

    Raises:
        UnsupportedError: a GPU is asked for and not there, or `tensorrt`, which runs nets only.
    """
    if options.provider == "cpu":
        return CpuKernel(kernel, options.threads, cpu_loop(kernel))
    if options.provider == "tensorrt":
        raise UnsupportedError(f"TensorRT runs nets, not kernels; choose the provider cuda for {kernel.name}")
    cuda = importlib.import_module("numba.cuda")
    if not cuda.is_available() or options.device >= len(cuda.gpus):
        raise UnsupportedError(
            f"the kernel {kernel.name} was to run on NVIDIA GPU {options.device}, which is not there; "
            'check nvidia-smi or choose provider = "cpu"'
        )
    grid = importlib.import_module("inference.gpu_grid")
    return GpuKernel(kernel, options.device, cuda, cuda.jit(grid.gpu_grid(kernel.source)))


@cache
def cpu_loop(kernel: Kernel) -> Any:
    """`run(first, last, arrays)`, compiled at its first call and once in a process; items are done in order."""
    body = kernel.body if hasattr(kernel.body, "py_func") else numba.njit(**NUMERICS)(kernel.body)

    def run(first: int, last: int, arrays: tuple[Any, ...]) -> None:
        for item in range(first, last):
            body(item, *arrays)

    return numba.njit(nogil=True, **NUMERICS)(run)


def ptx_of(kernel: Kernel, capability: tuple[int, int] = (8, 0)) -> str:
    """The kernel as PTX for GPUs of a compute capability; needs NVVM and, where functions are called, a CUDA driver.

    Raises:
        UnsupportedError: one of them is not found.
    """
    cuda, grid = importlib.import_module("numba.cuda"), importlib.import_module("inference.gpu_grid")
    specs = [*kernel.inputs.values(), *kernel.outputs.values(), *kernel.scratch.values()]
    arrays = [numba.types.Array(numba.from_dtype(numpy_dtype(spec.dtype)), len(spec.shape), "C") for spec in specs]
    signature = numba.void(numba.int64, numba.types.Tuple(arrays))
    try:
        text, _ = cuda.compile_ptx(grid.gpu_grid(kernel.source), signature, cc=capability)
    except Exception as error:
        if "nvvm" in str(error).lower():
            raise UnsupportedError("NVVM is not found; install a CUDA toolkit or nvidia-cuda-nvcc") from error
        if type(error).__name__ == "CudaSupportError":
            raise UnsupportedError("a CUDA driver is not found; kernels that call functions need one") from error
        raise
    return str(text)


@dataclass(slots=True)
class CpuKernel:
    """Items in order; with several threads each takes a run of them, so that the bits stay the same."""

    kernel: Kernel
    threads: int
    run: Any

    @property
    def providers(self) -> tuple[str, ...]:
        """Numba."""
        return ("numba cpu",)

    def infer(self, arrays: Arrays) -> Arrays:
        """All outputs."""
        if self.run is None:
            raise EngineError(f"{self.kernel.name}: the kernel is closed")
        count, inputs, outputs, scratch = _prepared(self.kernel, arrays)
        every = (*inputs, *outputs.values(), *scratch)
        if self.threads == 1 or count < 2 * self.threads:
            self.run(0, count, every)
            return outputs
        edges = [count * part // self.threads for part in range(self.threads + 1)]
        with ThreadPoolExecutor(self.threads) as pool:
            parts = [pool.submit(self.run, first, last, every) for first, last in pairwise(edges)]
            for done in parts:
                done.result()
        return outputs

    def warm_up(self, shapes: Sequence[Mapping[str, Shape]]) -> None:
        """Compile, by running over no item at all: zeros need not be inputs that make sense."""
        for chosen in shapes:
            _, inputs, outputs, scratch = _prepared(self.kernel, _zeros(self.kernel, chosen))
            self.run(0, 0, (*inputs, *outputs.values(), *scratch))

    def close(self) -> None:
        """Forget the compiled loop."""
        self.run = None


@dataclass(slots=True)
class GpuKernel:
    """A grid on one GPU, with a stream of its own; calls take turns."""

    kernel: Kernel
    device: int
    cuda: Any
    grid: Any
    stream: Any = None
    lock: Lock = field(default_factory=Lock)

    @property
    def providers(self) -> tuple[str, ...]:
        """Numba on that GPU."""
        return (f"numba cuda:{self.device}",)

    def infer(self, arrays: Arrays) -> Arrays:
        """All outputs, copied off the device."""
        if self.grid is None:
            raise EngineError(f"{self.kernel.name}: the kernel is closed")
        count, inputs, outputs, scratch = _prepared(self.kernel, arrays)
        with self.lock, self.cuda.gpus[self.device]:
            try:
                self._launch(count, inputs, outputs, scratch)
            except MemoryError as error:
                raise OutOfMemoryError(f"{self.kernel.name}: {count} items do not fit into GPU memory") from error
            except Exception as error:  # the driver's errors share no class
                if "OUT_OF_MEMORY" in str(error):
                    raise OutOfMemoryError(f"{self.kernel.name}: {count} items do not fit into GPU memory") from error
                raise EngineError(f"{self.kernel.name}: the GPU failed: {str(error)[:200]}") from error
        return outputs

    def _launch(
        self, count: int, inputs: tuple[Array, ...], outputs: Mapping[str, Array], scratch: tuple[Array, ...]
    ) -> None:
        if self.stream is None:
            self.stream = self.cuda.stream()
        every = (*inputs, *outputs.values(), *scratch)
        on_device = tuple(self.cuda.to_device(array, stream=self.stream) for array in every)
        if count:
            blocks = -(-count // THREADS_PER_BLOCK)
            self.grid[blocks, THREADS_PER_BLOCK, self.stream](count, on_device)
        for array, found in zip(outputs.values(), on_device[len(inputs) :], strict=False):
            found.copy_to_host(array, stream=self.stream)
        self.stream.synchronize()

    def warm_up(self, shapes: Sequence[Mapping[str, Shape]]) -> None:
        """Compile, by launching over no item at all."""
        for chosen in shapes:
            _, inputs, outputs, scratch = _prepared(self.kernel, _zeros(self.kernel, chosen))
            with self.lock, self.cuda.gpus[self.device]:
                every = tuple(self.cuda.to_device(array) for array in (*inputs, *outputs.values(), *scratch))
                self.grid[1, THREADS_PER_BLOCK](0, every)

    def close(self) -> None:
        """Forget the compiled grid."""
        self.grid = None


def _prepared(
    kernel: Kernel, arrays: Arrays
) -> tuple[int, tuple[Array, ...], dict[str, Array], tuple[Array, ...]]:  # fmt: skip
    """Number of items; inputs in order and contiguous; outputs and scratch of zeros."""
    sizes = check_arrays(arrays, kernel.inputs, f"kernel {kernel.name}")
    inputs = tuple(_read_only(arrays[name]) for name in kernel.inputs)
    return sizes[kernel.items], inputs, zeros(kernel.outputs, sizes), tuple(zeros(kernel.scratch, sizes).values())


def _read_only(array: Array) -> Array:
    """As kernels take inputs, always: one type to compile for, and a kernel that writes to one does not compile."""
    view = np.require(array, requirements=["C", "A"]).view()
    view.flags.writeable = False
    return view


def _zeros(kernel: Kernel, shapes: Mapping[str, Shape]) -> dict[str, Array]:
    return {name: np.zeros(shapes[name], numpy_dtype(spec.dtype)) for name, spec in kernel.inputs.items()}
