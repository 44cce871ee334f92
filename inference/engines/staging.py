"""Host buffers that a GPU copies from: pinned (page-locked) memory, which the copy engine reads directly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.tensors import Array, Shape


@dataclass(frozen=True, slots=True)
class Staging:
    """One buffer per input, filled again for every call."""

    buffers: Mapping[str, Array]

    def filled(self, name: str, array: Array) -> Array:
        """The input's buffer with these numbers in it."""
        np.copyto(self.buffers[name], array, casting="no")
        return self.buffers[name]


def pinned(shape: Shape, dtype: np.dtype[Any]) -> Any:
    """A page-locked array."""
    from numba import cuda  # only where there is a GPU: it starts the driver

    return cuda.pinned_array(shape, dtype)
