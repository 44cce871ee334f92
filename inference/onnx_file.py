"""An ONNX file as a value: its graph, its weights as views of the file, nothing executed and nothing else opened.

This reader exists beside the engines' own for two reasons: a hostile file is refused before an engine sees it, and the
reference engine runs the very graph that the others were given. Field numbers are those of onnx.proto (ONNX 1.23).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from geometry.errors import ContractError, InputError, UnsupportedError
from inference.tensors import Array, TensorSpec, numpy_dtype
from inference.wire import Value, WireReader

MAX_BYTES = 256 * 2**20
MAX_DEPTH = 8
"""Graphs inside attributes of nodes."""
DTYPE_OF_CODE: Mapping[int, str] = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16",
}  # fmt: skip
_BYTES_OF = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2, "bool": 1} | {
    f"{sign}int{bits}": bits // 8 for sign in ("", "u") for bits in (8, 16, 32, 64)
}


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A constant of the graph; `data` is little-endian, in C order."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: memoryview | bytes

    def array(self) -> Array:
        """Read-only, a view where it can be.

        Raises:
            ContractError: bfloat16, which numpy does not hold.
        """
        array = np.frombuffer(self.data, numpy_dtype(self.dtype).newbyteorder("<")).reshape(self.shape)
        array.flags.writeable = False
        return array


@dataclass(frozen=True, slots=True, eq=False)
class OnnxNode:
    """One operation. Attributes are ints, floats, bytes, tuples of these, `Weights` or an `OnnxGraph`."""

    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class OnnxGraph:
    """Nodes in order of execution, constants, and what goes in and out (constants are not among the inputs)."""

    nodes: tuple[OnnxNode, ...]
    weights: Mapping[str, Weights]
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


@dataclass(frozen=True, slots=True, eq=False)
class OnnxModel:
    """A graph, and the version of each set of operations that it uses (`""` is ONNX itself)."""

    graph: OnnxGraph
    opsets: Mapping[str, int]


def read_onnx(path: Path) -> OnnxModel:
    """The model in a file.

    Raises:
        InputError: not an ONNX file, truncated, too large, or weights that lie outside the file or do not fit.
        UnsupportedError: ONNX that is not read here (local functions, strings, four-bit weights).
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{size / 2**20:.0f} MiB are more than the {MAX_BYTES // 2**20} MiB of a model", path)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the model: {error.strerror}", path) from error
    return parse_onnx(memoryview(data), str(path))


def parse_onnx(data: memoryview, place: str) -> OnnxModel:
    """The model in these bytes; errors as `read_onnx`, which name `place`."""
    reader = WireReader(place)
    opsets: dict[str, int] = {}
    graph: OnnxGraph | None = None
    for number, value in reader.fields(data):
        if number == 7:
            graph = _graph(reader, reader.data(value), 0)
        elif number == 8:
            opset = {n: v for n, v in reader.fields(reader.data(value))}
            opsets[reader.text(opset.get(1, memoryview(b"")))] = reader.signed(opset.get(2, 0))
        elif number == 25:
            raise UnsupportedError("the model has local functions; export it with them inlined", place)
    if graph is None or not opsets:
        raise reader.refused("it is not an ONNX file (no graph, or no operator set)")
    return OnnxModel(graph, opsets)


def _graph(reader: WireReader, data: memoryview, depth: int) -> OnnxGraph:
    if depth > MAX_DEPTH:
        raise InputError(f"graphs inside graphs, more than {MAX_DEPTH} deep; that is not a net", reader.place)
    nodes: list[OnnxNode] = []
    weights: dict[str, Weights] = {}
    inputs: dict[str, TensorSpec] = {}
    outputs: dict[str, TensorSpec] = {}
    for number, value in reader.fields(data):
        if number == 1:
            nodes.append(_node(reader, reader.data(value), depth))
        elif number == 5:
            tensor = _tensor(reader, reader.data(value))
            weights[tensor.name] = tensor
        elif number in (11, 12):
            name, spec = _value_info(reader, reader.data(value), depth)
            (inputs if number == 11 else outputs)[name] = spec
        elif number == 15:
            raise UnsupportedError("the model has sparse weights, which are not read; make them dense", reader.place)
    free = {name: spec for name, spec in inputs.items() if name not in weights}
    return OnnxGraph(tuple(nodes), weights, free, outputs)


def _node(reader: WireReader, data: memoryview, depth: int) -> OnnxNode:
    inputs: list[str] = []
    outputs: list[str] = []
    attributes: dict[str, Any] = {}
    op = domain = ""
    for number, value in reader.fields(data):
        if number == 1:
            inputs.append(reader.text(value))
        elif number == 2:
            outputs.append(reader.text(value))
        elif number == 4:
            op = reader.text(value)
        elif number == 5:
            name, found = _attribute(reader, reader.data(value), depth)
            attributes[name] = found
        elif number == 7:
            domain = reader.text(value)
    return OnnxNode(op, "" if domain == "ai.onnx" else domain, tuple(inputs), tuple(outputs), attributes)


@dataclass(slots=True)
class _Attribute:
    name: str = ""
    value: Any = None
    many: list[Any] = field(default_factory=list)
    kind: int = 0


def _attribute(reader: WireReader, data: memoryview, depth: int) -> tuple[str, Any]:
    """Name and value; of repeated values a tuple, also where it is empty."""
    found = _Attribute()
    single: Mapping[int, Callable[[Value], Any]] = {
        2: lambda v: reader.floats(v)[0], 3: reader.signed, 4: lambda v: bytes(reader.data(v)),
        5: lambda v: _tensor(reader, reader.data(v)), 6: lambda v: _graph(reader, reader.data(v), depth + 1),
    }  # fmt: skip
    repeated: Mapping[int, Callable[[Value], Any]] = {
        7: reader.floats, 8: reader.integers, 9: lambda v: (bytes(reader.data(v)),),
        10: lambda v: (_tensor(reader, reader.data(v)),), 11: lambda v: (_graph(reader, reader.data(v), depth + 1),),
    }  # fmt: skip
    for number, value in reader.fields(data):
        if number == 1:
            found.name = reader.text(value)
        elif number == 20:
            found.kind = reader.signed(value)
        elif number in single:
            found.value = single[number](value)
        elif number in repeated:
            found.many.extend(repeated[number](value))
        elif number in (22, 23):
            raise UnsupportedError("the model has sparse weights, which are not read; make them dense", reader.place)
    listed = 6 <= found.kind <= 10 or bool(found.many)
    return found.name, tuple(found.many) if listed else found.value


@dataclass(slots=True)
class _Tensor:
    """A constant while its fields are read; its numbers stand in one of three kinds of fields."""

    name: str = ""
    code: int = 0
    shape: list[int] = field(default_factory=list)
    raw: memoryview | None = None
    integers: list[int] = field(default_factory=list)
    floats: list[bytes] = field(default_factory=list)


def _tensor(reader: WireReader, data: memoryview) -> Weights:
    """A constant, whichever field holds its numbers."""
    found = _Tensor()
    into: Mapping[int, Callable[[Value], Any]] = {
        1: lambda v: found.shape.extend(reader.integers(v)), 4: lambda v: found.floats.append(bytes(reader.data(v))),
        5: lambda v: found.integers.extend(reader.integers(v)), 7: lambda v: found.integers.extend(reader.integers(v)),
        10: lambda v: found.floats.append(bytes(reader.data(v))),
        11: lambda v: found.integers.extend(reader.integers(v)),
    }  # fmt: skip
    for number, value in reader.fields(data):
        if number in into:
            into[number](value)
        elif number == 2:
            found.code = reader.signed(value)
        elif number == 8:
            found.name = reader.text(value)
        elif number == 9:
            found.raw = reader.data(value)
        elif number == 13 or (number == 14 and value == 1):
            raise InputError(
                f"weights ({found.name or 'unnamed'}) lie in another file; a model must hold its weights itself, "
                "save it without external data",
                reader.place,
            )
    return _weights(reader, found)


def _weights(reader: WireReader, found: _Tensor) -> Weights:
    if found.code not in DTYPE_OF_CODE:
        raise UnsupportedError(f"the weights {found.name!r} are of ONNX data type {found.code}", reader.place)
    dtype = DTYPE_OF_CODE[found.code]
    content: memoryview | bytes
    if found.raw is not None:
        content = found.raw
    elif found.floats:
        content = b"".join(found.floats)
    else:
        content = _packed(reader, found.integers, dtype)
    return _checked(reader, Weights(found.name, dtype, tuple(found.shape), content))


def _packed(reader: WireReader, numbers: list[int], dtype: str) -> bytes:
    """Numbers of the typed fields as raw bytes; halves are stored as their bit patterns."""
    stored = "uint16" if dtype in ("float16", "bfloat16") else dtype
    if stored.startswith("float") and numbers:
        raise reader.refused("whole numbers stand where floats were promised")
    try:
        return np.array(numbers, dtype=np.dtype(stored).newbyteorder("<")).tobytes()
    except (OverflowError, ValueError):
        raise reader.refused(f"a weight does not fit into {dtype}") from None


def _checked(reader: WireReader, tensor: Weights) -> Weights:
    if any(size < 0 for size in tensor.shape):
        raise reader.refused(f"the weights {tensor.name!r} have a negative size")
    needed = math.prod(tensor.shape) * _BYTES_OF[tensor.dtype]
    if needed != len(tensor.data):
        raise reader.refused(
            f"the weights {tensor.name!r} are {tensor.dtype} {tensor.shape}, which needs {needed} bytes; "
            f"it holds {len(tensor.data)}"
        )
    return tensor


def _value_info(reader: WireReader, data: memoryview, depth: int) -> tuple[str, TensorSpec]:
    """Name and promise of an input or output; those of inner graphs may leave the type open."""
    found = {number: value for number, value in reader.fields(data)}
    name = reader.text(found.get(1, memoryview(b"")))
    kind = {number: value for number, value in reader.fields(reader.data(found.get(2, memoryview(b""))))}
    if 1 not in kind:
        if depth == 0:
            raise UnsupportedError(f"the model's input or output {name!r} is no tensor", reader.place)
        return name, TensorSpec("float32", ())
    code = 0
    shape: list[int | str] = []
    for number, value in reader.fields(reader.data(kind[1])):
        if number == 1:
            code = reader.signed(value)
        elif number == 2:
            for inner, size in reader.fields(reader.data(value)):
                if inner == 1:
                    shape.append(_dimension(reader, reader.data(size), len(shape)))
    if code not in DTYPE_OF_CODE:
        raise UnsupportedError(f"{name!r} is of ONNX data type {code}, which is not read", reader.place)
    try:
        return name, TensorSpec(DTYPE_OF_CODE[code], tuple(shape))
    except ContractError as error:
        raise reader.refused(str(error)) from None


def _dimension(reader: WireReader, data: memoryview, index: int) -> int | str:
    """A size, or a name; one that is left open gets the name of its place."""
    found = {number: value for number, value in reader.fields(data)}
    if 1 in found:
        return reader.signed(found[1])
    return (reader.text(found[2]) if 2 in found else "") or f"dim{index}"
