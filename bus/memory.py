"""Node memories as bytes: any nested value of plain data, and back, bit for bit.

A memory is None, bool, int, float, str, bytes, a numpy array, an IntEnum, a tuple, a dict with string keys, or a
frozen dataclass of the project, nested up to 64 deep. Enums and dataclasses travel under their name `module:Class`. A
recording is untrusted: only frozen dataclasses and IntEnums of the project's own packages are ever built, under exactly
their fields; anything else is an InputError. Numpy scalars come back as Python numbers of the same value, arrays
read-only.
"""

from __future__ import annotations

import importlib
import inspect
import math
import re
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from bus.proto.lanewise_pb2 import Value
from geometry.errors import ContractError, InputError

PACKAGES = frozenset(("geometry", "motion", "bus", "maps", "perception", "localization", "planning", "sim", "lanewise"))
"""Where the classes of a memory may come from."""

MAX_DEPTH = 64
MAX_MEMORY_BYTES = 4 * 2**20
"""A tree of tiny values takes some fifty times its size when parsed; this bounds it well below 512 MB."""

_DTYPES = {name: np.dtype(name) for name in ("float64", "int64", "int8", "bool")}
_INT64 = range(-(2**63), 2**63)
_MAX_INT_BYTES = 32
_CLASS_NAME = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*):([A-Za-z_][A-Za-z0-9_.]*)")


# --- encode -----------------------------------------------------------------------------------------------------------


def encode_memory(value: Any) -> bytes:
    """A nested value as bytes; equal values give equal bytes.

    Raises:
        ContractError: the value holds something that a memory may not hold, is too deep or too large.
    """
    try:
        data = _to_wire(value, 0).SerializeToString(deterministic=True)
    except (ValueError, TypeError) as error:  # lone surrogates in a string, for example
        raise ContractError(f"this memory cannot be encoded: {error}") from error
    if len(data) > MAX_MEMORY_BYTES:
        raise ContractError(f"this memory takes {len(data)} bytes, more than {MAX_MEMORY_BYTES}")
    return bytes(data)


def _to_wire(value: Any, depth: int) -> Value:
    if depth > MAX_DEPTH:
        raise ContractError(f"a memory is nested more than {MAX_DEPTH} deep")
    if isinstance(value, np.generic):
        value = value.item()
    atom = _atom_to_wire(value)
    if atom is not None:
        return atom
    if type(value) is tuple:
        return Value(kind=Value.TUPLE, items=[_to_wire(item, depth + 1) for item in value])
    if type(value) is dict:
        return _mapping_to_wire(value, depth)
    if is_dataclass(value) and not isinstance(value, type):
        return _record_to_wire(value, depth)
    name = type(value).__qualname__
    raise ContractError(
        f"a memory may not hold a {name}; use None, bool, int, float, str, bytes, tuple, dict, IntEnum, "
        "arrays of float64, int64, int8 or bool, and frozen dataclasses"
    )


def _atom_to_wire(value: Any) -> Value | None:
    """The wire form of a value without parts, None if it has parts."""
    if value is None:
        return Value(kind=Value.NONE)
    if isinstance(value, IntEnum):
        return Value(kind=Value.ENUM, text=_name_of(type(value)), integer=int(value))
    kind = type(value)
    if kind is bool:
        return Value(kind=Value.BOOL, integer=int(value))
    if kind is int:
        return _int_to_wire(value)
    if kind is float:
        return Value(kind=Value.FLOAT, real=value)
    if kind is str:
        return Value(kind=Value.TEXT, text=value)
    if kind is bytes:
        return Value(kind=Value.BYTES, blob=value)
    if kind is np.ndarray:
        return _array_to_wire(value)
    return None


def _int_to_wire(value: int) -> Value:
    if value in _INT64:
        return Value(kind=Value.INT, integer=value)
    size = value.bit_length() // 8 + 1
    if size > _MAX_INT_BYTES:
        raise ContractError(f"a memory may not hold an integer of {value.bit_length()} bits")
    return Value(kind=Value.INT, blob=value.to_bytes(size, "little", signed=True))


def _array_to_wire(value: np.ndarray[Any, Any]) -> Value:
    if value.dtype.name not in _DTYPES:
        raise ContractError(f"a memory may not hold an array of {value.dtype}; use {', '.join(_DTYPES)}")
    native = np.asarray(value, dtype=_DTYPES[value.dtype.name])
    return Value(kind=Value.ARRAY, text=value.dtype.name, shape=value.shape, blob=native.tobytes())


def _mapping_to_wire(value: dict[Any, Any], depth: int) -> Value:
    for key in value:
        if type(key) is not str:
            raise ContractError(f"the keys of a memory's dict must be str, {key!r} is not")
    return Value(kind=Value.MAPPING, names=list(value), items=[_to_wire(item, depth + 1) for item in value.values()])


def _record_to_wire(value: Any, depth: int) -> Value:
    name = _name_of(type(value))
    try:
        _class_named(name)
    except InputError as error:
        raise ContractError(str(error)) from error
    names = [item.name for item in fields(value)]
    return Value(
        kind=Value.RECORD, text=name, names=names, items=[_to_wire(getattr(value, item), depth + 1) for item in names]
    )


def _name_of(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


# --- decode -----------------------------------------------------------------------------------------------------------


def decode_memory(data: bytes) -> Any:
    """The value that `encode_memory` wrote.

    Raises:
        InputError: the bytes are no memory, or name a class or field that the project does not have.
    """
    if len(data) > MAX_MEMORY_BYTES:
        raise InputError(f"a memory of {len(data)} bytes is refused; at most {MAX_MEMORY_BYTES} are allowed")
    try:
        wire = Value.FromString(data)
    except DecodeError as error:
        raise InputError(f"these bytes are no node memory: {error}") from error
    return _from_wire(wire, 0)


def _from_wire(wire: Value, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise InputError(f"a memory is nested more than {MAX_DEPTH} deep")
    decoder = _DECODERS.get(wire.kind)
    if decoder is not None:
        return decoder(wire)
    items = [_from_wire(item, depth + 1) for item in wire.items]
    if wire.kind == Value.TUPLE:
        return tuple(items)
    if wire.kind not in (Value.MAPPING, Value.RECORD):
        raise InputError(f"a memory holds a value of the unknown kind {wire.kind}")
    names = list(wire.names)
    if len(names) != len(items) or len(set(names)) != len(names):
        raise InputError(f"a memory holds {len(items)} values under {len(set(names))} different names")
    parts = dict(zip(names, items, strict=True))
    return parts if wire.kind == Value.MAPPING else _record_from_wire(wire.text, parts)


def _int_from_wire(wire: Value) -> int:
    if len(wire.blob) > _MAX_INT_BYTES:
        raise InputError(f"a memory holds an integer of {len(wire.blob)} bytes; at most {_MAX_INT_BYTES} are allowed")
    return int.from_bytes(wire.blob, "little", signed=True) if wire.blob else int(wire.integer)


def _enum_from_wire(wire: Value) -> IntEnum:
    kind = _class_named(wire.text)
    if not issubclass(kind, IntEnum):
        raise InputError(f"a memory names {wire.text} as an enumeration, which it is not")
    try:
        return kind(wire.integer)
    except ValueError as error:
        raise InputError(f"a memory holds an unknown member: {error}") from error


def _array_from_wire(wire: Value) -> np.ndarray[Any, Any]:
    dtype = _DTYPES.get(wire.text)
    shape = tuple(wire.shape)
    if dtype is None or len(shape) > MAX_DEPTH or math.prod(shape) * dtype.itemsize != len(wire.blob):
        raise InputError(
            f"a memory holds an array {wire.text!r} {shape[:8]} of {len(wire.blob)} bytes, which cannot be"
        )
    if wire.text == "bool" and wire.blob.strip(b"\0\1"):
        raise InputError("a memory holds a bool array with bytes other than 0 and 1")
    try:
        # copied: arrays over foreign memory may be misaligned, and sizes beyond the address space are refused here
        value = np.frombuffer(wire.blob, dtype=dtype).reshape(shape).copy()
    except ValueError as error:
        raise InputError(f"a memory holds an array of the impossible shape {shape[:8]}: {error}") from error
    value.setflags(write=False)
    return value


def _record_from_wire(name: str, parts: dict[str, Any]) -> Any:
    kind = _class_named(name)
    if not is_dataclass(kind):
        raise InputError(f"a memory names {name} as a dataclass, which it is not")
    expected = {item.name for item in fields(kind)}
    if set(parts) != expected:
        raise InputError(f"a memory holds {name} with the fields {sorted(parts)}, expected {sorted(expected)}")
    try:
        return kind(**parts)
    except Exception as error:  # what a type's own checks raise for values that they refuse
        raise InputError(f"a memory holds a {name} that cannot be: {error}") from error


_DECODERS = {
    Value.NONE: lambda _: None,
    Value.BOOL: lambda wire: bool(wire.integer),
    Value.INT: _int_from_wire,
    Value.FLOAT: lambda wire: wire.real,
    Value.TEXT: lambda wire: wire.text,
    Value.BYTES: lambda wire: wire.blob,
    Value.ARRAY: _array_from_wire,
    Value.ENUM: _enum_from_wire,
}


_CLASSES: dict[str, type] = {}
OTHER_VERSION = "what another version recorded is replayed from its start"


def _class_named(name: str) -> type:
    """The frozen dataclass or IntEnum `module:Class` of the project; InputError for any other name."""
    known = _CLASSES.get(name)
    if known is not None:
        return known
    match = _CLASS_NAME.fullmatch(name)
    if match is None or match[1].partition(".")[0] not in PACKAGES:
        raise InputError(f"a memory names {name[:100]!r}, which is no `module:Class` of {', '.join(sorted(PACKAGES))}")
    module_name, class_name = match[1], match[2]
    try:
        found: Any = importlib.import_module(module_name)
        for part in class_name.split("."):
            found = inspect.getattr_static(found, part)
    except (ImportError, AttributeError) as error:
        raise InputError(f"a memory names {name[:100]!r}, which does not exist ({error}); {OTHER_VERSION}") from error
    if not isinstance(found, type) or _name_of(found) != name or not _is_plain_data(found):
        told = f"a memory names {name[:100]!r}, which is no frozen dataclass and no IntEnum of that module"
        raise InputError(f"{told}; {OTHER_VERSION}")
    _CLASSES[name] = found
    return found


def _is_plain_data(kind: type) -> bool:
    if issubclass(kind, IntEnum):
        return True
    parameters = getattr(kind, "__dataclass_params__", None)
    return is_dataclass(kind) and getattr(parameters, "frozen", False) and all(item.init for item in fields(kind))


# --- generators -------------------------------------------------------------------------------------------------------


def encode_generator(rng: np.random.Generator) -> bytes:
    """The state of a PCG64 generator.

    Raises:
        ContractError: the generator is of another kind.
    """
    state: Any = rng.bit_generator.state
    if state["bit_generator"] != "PCG64":
        raise ContractError(f"only PCG64 generators can be encoded, not {state['bit_generator']}")
    return encode_memory(
        (state["state"]["state"], state["state"]["inc"], int(state["has_uint32"]), int(state["uinteger"]))
    )


def decode_generator(data: bytes) -> np.random.Generator:
    """The generator that `encode_generator` wrote; it draws the same numbers from there on.

    Raises:
        InputError: the bytes hold no PCG64 state.
    """
    value = decode_memory(data)
    limits = (2**128, 2**128, 2, 2**32)
    if type(value) is not tuple or len(value) != 4 or any(type(number) is not int for number in value):
        raise InputError("these bytes hold no generator state (four integers)")
    if any(not 0 <= number < limit for number, limit in zip(value, limits, strict=True)):
        raise InputError("a number of this generator state is out of range")
    bits = np.random.PCG64(0)
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": value[0], "inc": value[1]},
        "has_uint32": value[2],
        "uinteger": value[3],
    }
    return np.random.Generator(bits)
