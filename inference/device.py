"""Which GPU is there, told by the driver itself: no library of ours or theirs in between that could guess."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of the CUDA driver API."""
_LIBRARIES = ("libcuda.so.1", "libcuda.so", "nvcuda.dll")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as its driver describes it; `driver` is the highest CUDA version that the driver speaks."""

    name: str
    driver: str
    compute_capability: str
    memory_bytes: int


Probe = Callable[[int], Gpu | None]


def find_gpu(index: int = 0) -> Gpu | None:
    """The GPU of this number, None where there is no driver or no such GPU."""
    for name in _LIBRARIES:
        try:
            return ask_driver(ctypes.CDLL(name), index)
        except OSError:
            continue
    return None


def ask_driver(cuda: Any, index: int) -> Gpu | None:
    """What the CUDA driver API says; `cuda` is the library, each call gives 0 if it worked."""
    device, number, memory, text = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t(), ctypes.create_string_buffer(256)

    def attribute(which: int) -> int:
        value = ctypes.c_int()
        cuda.cuDeviceGetAttribute(ctypes.byref(value), which, device)
        return value.value

    if cuda.cuInit(0) != 0 or cuda.cuDeviceGet(ctypes.byref(device), index) != 0:
        return None
    cuda.cuDriverGetVersion(ctypes.byref(number))
    cuda.cuDeviceGetName(text, len(text), device)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    version = f"{number.value // 1000}.{number.value % 1000 // 10}"
    return Gpu(text.value.decode(), version, f"{attribute(_MAJOR)}.{attribute(_MINOR)}", memory.value)
