"""Kernels: compiled functions with named arrays in and out, the second kind of work of the inference server.

A kernel is one scalar function per item: `body(item, *inputs, *outputs, *scratch)`, with `math` only, every array owned
by the caller and of a fixed dtype. From this one source numba compiles a loop for the CPU and a grid for a GPU; items
must not read what others write. A folder makes its kernel where its function stands:

    SCORING = kernel(
        "candidate-scoring", "1", body,
        inputs={"ways": "float64 (items, 11)", "road": "float64 (3, cells)"}, outputs={"terms": "float64 (items, 12)"},
    )

and the application hands it to the server.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from geometry.errors import ContractError
from inference.tensors import TensorSpec

_SPEC = re.compile(r"\s*(\w+)\s*\(([^()]*)\)\s*")


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A function per item of the dimension `items`, and what it takes and gives; order is that of its arguments.

    `body` is a plain function or one compiled by `numba.njit` (which then may be cached on disk).

    Raises:
        ContractError: names that repeat, or a number of arguments that `body` does not take.
    """

    name: str
    version: str
    body: Callable[..., Any]
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    scratch: Mapping[str, TensorSpec] = field(default_factory=dict)
    items: str = "items"

    def __post_init__(self) -> None:
        names = [*self.inputs, *self.outputs, *self.scratch]
        if len(set(names)) < len(names) or not self.outputs:
            raise ContractError(f"kernel {self.name}: arrays need different names and one output; found {names}")
        taken = len(inspect.signature(self.source).parameters)
        if taken != len(names) + 1:
            raise ContractError(
                f"kernel {self.name}: its function takes {taken} arguments, not item, {', '.join(names)}"
            )
        bound = {size for spec in self.inputs.values() for size in spec.shape}
        for name, spec in {**self.outputs, **self.scratch}.items():
            unbound = [size for size in spec.shape if isinstance(size, str) and size not in bound]
            if unbound:
                raise ContractError(f"kernel {self.name}: no input says how large {unbound[0]} of {name} is")
        if self.items not in bound:
            raise ContractError(f"kernel {self.name}: no input has the dimension {self.items}")

    @property
    def source(self) -> Callable[..., Any]:
        """The function as Python."""
        plain: Callable[..., Any] = getattr(self.body, "py_func", self.body)
        return plain

    @property
    def sha256(self) -> str:
        """Of what the kernel promises and of the file that its function stands in, with those that it calls there."""
        return _digest(self)


@cache
def _digest(kernel: Kernel) -> str:
    """Read once in a process, as the function is."""
    total = hashlib.sha256(f"{kernel.name} {kernel.version} {kernel.items}".encode())
    for specs in (kernel.inputs, kernel.outputs, kernel.scratch):
        total.update(repr([(name, spec.text) for name, spec in specs.items()]).encode())
    file = inspect.getsourcefile(kernel.source)
    total.update(Path(file).read_bytes() if file is not None else b"")
    return total.hexdigest()


def kernel(
    name: str, version: str, body: Callable[..., Any], *, inputs: Mapping[str, str], outputs: Mapping[str, str],
    scratch: Mapping[str, str] | None = None, items: str = "items",
) -> Kernel:  # fmt: skip
    """A kernel whose arrays are described by texts such as `float64 (items, 5)`."""
    return Kernel(name, version, body, _specs(inputs), _specs(outputs), _specs(scratch or {}), items)


def _specs(texts: Mapping[str, str]) -> dict[str, TensorSpec]:
    return {name: spec_of(text) for name, text in texts.items()}


def spec_of(text: str) -> TensorSpec:
    """The spec in a text: a dtype, then sizes and names in brackets.

    Raises:
        ContractError: the text is not of that form.
    """
    found = _SPEC.fullmatch(text)
    if found is None:
        raise ContractError(f"{text!r}: a dtype and sizes such as 'float64 (items, 5)' were expected")
    sizes = [size.strip() for size in found[2].split(",") if size.strip()]
    return TensorSpec(found[1], tuple(int(size) if size.isdigit() else size for size in sizes))
