"""What goes into a net or a kernel and what comes out: named arrays, and what is promised of each.

Every array has a dtype and a shape; a dimension that may differ from call to call has a name. Names stand for the same
number wherever they occur in one call: `("batch", 352, 640, 3)` and `("batch", 6)` have equally many rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geometry.errors import ContractError

Array = NDArray[np.generic]
Arrays = Mapping[str, Array]
Shape = tuple[int, ...]

DTYPES = (
    "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16",
    "uint8", "bool",
)  # fmt: skip

_NUMPY = {name: np.dtype(name) for name in DTYPES if name != "bfloat16"}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Dtype and shape of one named array; free dimensions are names.

    Raises:
        ContractError: a dtype that does not exist, or a dimension that is neither a size nor a name.
    """

    dtype: str
    shape: tuple[int | str, ...]

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ContractError(f"dtype {self.dtype!r} is unknown; known are {', '.join(DTYPES)}")
        for size in self.shape:
            if (isinstance(size, int) and size < 0) or size == "":
                raise ContractError(f"dimension {size!r} of {self.shape} is neither a size >= 0 nor a name")

    @property
    def text(self) -> str:
        """As people read it: `uint8 (batch, 352, 640, 3)`."""
        return f"{self.dtype} ({', '.join(map(str, self.shape))})"


def check_arrays(arrays: Arrays, specs: Mapping[str, TensorSpec], what: str) -> dict[str, int]:
    """Sizes that the named dimensions have in these arrays.

    Raises:
        ContractError: an array is missing, unknown, of another dtype or shape, or one name stands for two sizes.
    """
    if arrays.keys() != specs.keys():
        raise ContractError(f"{what} takes {', '.join(specs) or 'nothing'}; found {', '.join(arrays) or 'nothing'}")
    sizes: dict[str, int] = {}
    for name, spec in specs.items():
        array = arrays[name]
        if array.dtype != _NUMPY.get(spec.dtype) or not _fits(array.shape, spec.shape, sizes):
            known = f" with {sizes}" if sizes else ""
            raise ContractError(f"{what}: {name} is {array.dtype} {array.shape}; {spec.text}{known} was expected")
    return sizes


def _fits(found: Shape, shape: tuple[int | str, ...], sizes: dict[str, int]) -> bool:
    """Whether a shape is the promised one; binds names that had no size yet."""
    if len(found) != len(shape):
        return False
    for size, expected in zip(found, shape, strict=True):
        if size != (sizes.setdefault(expected, size) if isinstance(expected, str) else expected):
            return False
    return True


def shape_of(spec: TensorSpec, sizes: Mapping[str, int]) -> Shape:
    """The shape once its named dimensions have sizes.

    Raises:
        ContractError: a name has no size.
    """
    try:
        return tuple([sizes[size] if isinstance(size, str) else size for size in spec.shape])
    except KeyError as missing:
        raise ContractError(f"{spec.text} needs a size for {missing.args[0]}; known are {dict(sizes)}") from missing


def zeros(specs: Mapping[str, TensorSpec], sizes: Mapping[str, int]) -> dict[str, Array]:
    """Arrays of zeros as `specs` promises them."""
    return {name: np.zeros(shape_of(spec, sizes), numpy_dtype(spec.dtype)) for name, spec in specs.items()}


def numpy_dtype(name: str) -> np.dtype[np.generic]:
    """The numpy dtype of a name.

    Raises:
        ContractError: numpy has none (bfloat16).
    """
    if name not in _NUMPY:
        raise ContractError("numpy holds no bfloat16; nets take and give float32 where they compute in bfloat16")
    return _NUMPY[name]
