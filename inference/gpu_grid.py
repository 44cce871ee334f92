"""The grid that runs a kernel's function on a GPU; imported only where one is asked for.

It stands apart because numba's simulator exchanges `cuda` among a module's globals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import cuda


def gpu_grid(body: Callable[..., Any]) -> Callable[..., None]:
    """`run(count, arrays)` for `cuda.jit`; a thread per item."""
    on_device = cuda.jit(device=True)(body)

    def run(count: int, arrays: tuple[Any, ...]) -> None:
        item = cuda.grid(1)
        if item < count:
            on_device(item, *arrays)

    return run
