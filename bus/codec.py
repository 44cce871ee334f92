"""One codec between the message dataclasses and Protobuf bytes, driven by the dataclass fields.

In: a message and its envelope; out: the bytes that travel on the wire and stand in recordings, and back. Types with a
Foxglove schema are mapped in `bus.foxglove_mapping`, all others by a plan that is computed once per type. The envelope
is appended as field 1000, which decoders that know only the Foxglove schema skip. Encoding is deterministic: equal
values give equal bytes. Arrays bypass the Protobuf objects: a packed field of fixed-width numbers is its tag, its
length and the array's own bytes, which is many times faster.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, get_type_hints

import numpy as np
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import DecodeError

from bus import foxglove_mapping, messages
from bus.messages import Envelope, Message
from bus.proto import lanewise_pb2
from bus.topics import TOPICS, topic_of
from geometry.errors import ContractError, InputError
from geometry.pose import Pose

MAX_MESSAGE_BYTES = 16 * 2**20
MAX_BYTES: dict[type[Message], int] = {
    messages.ScenarioInfo: 2 * 2**20,
    messages.SceneUpdate: 3 * 2**20,
    messages.FrameTransforms: 256 * 2**10,
    messages.PoseInFrame: 256 * 2**10,
}
"""No message is larger, in both directions, so that a hostile recording cannot exhaust memory. The types of the table
consist of small parts, each of which takes up to a hundred times its size when it is parsed."""

ENVELOPE_TAG = b"\xc2\x3e"
"""Field 1000, length-delimited."""

_WIRE_TYPES: dict[type, Any] = {np.float64: FieldDescriptor.TYPE_DOUBLE, np.int64: FieldDescriptor.TYPE_SFIXED64}


@dataclass(frozen=True, slots=True)
class _Array:
    """How one array field travels: `tag` starts the packed field; `width` is the product of the fixed dimensions."""

    name: str
    tag: bytes
    shape: tuple[int, ...]
    """With -1 for the free dimension."""
    width: int
    dtype: type


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one message type travels: its Protobuf class and its fields."""

    proto: Any
    scalars: tuple[tuple[str, Callable[[Any], Any] | None, Callable[[Any], Any] | None], ...]
    """Name, conversion to the wire, conversion from the wire (None: as it is)."""
    arrays: tuple[_Array, ...]


# --- public ---------------------------------------------------------------------------------------------------------


def encode(message: Message, envelope: Envelope) -> bytes:
    """The message with its envelope as Protobuf bytes.

    Raises:
        ContractError: a field's value does not fit its declared type.
    """
    kind = type(message)
    try:
        if kind in foxglove_mapping.TO_WIRE:
            body = foxglove_mapping.TO_WIRE[kind](message, envelope.measured_ns).SerializeToString()
        else:
            body = _encode_fields(message, _plan_of(kind))
        header = lanewise_pb2.Envelope(
            topic=envelope.topic,
            publisher=envelope.publisher,
            sequence=envelope.sequence,
            measured_ns=envelope.measured_ns,
            published_ns=envelope.published_ns,
            received_ns=envelope.received_ns,
        ).SerializeToString()
    except (TypeError, ValueError, AttributeError) as error:
        raise ContractError(f"{kind.__name__} on {envelope.topic} cannot be encoded: {error}") from error
    data = b"".join((body, ENVELOPE_TAG, _varint(len(header)), header))
    limit = MAX_BYTES.get(kind, MAX_MESSAGE_BYTES)
    if len(data) > limit:
        size = f"{len(data)} bytes, more than {limit}"
        raise ContractError(f"{kind.__name__} on {envelope.topic} takes {size}; publish less at once")
    return data


def decode(topic: str, data: bytes) -> tuple[Envelope, Message]:
    """Envelope and message of what `encode` wrote for `topic`.

    Raises:
        InputError: the topic is unknown, or the bytes are not a message of its type with an envelope of that topic.
    """
    kind = type_of(topic)
    limit = MAX_BYTES.get(kind, MAX_MESSAGE_BYTES)
    if len(data) > limit:
        raise InputError(f"{topic} holds a message of {len(data)} bytes; at most {limit} are allowed")
    try:
        if kind in foxglove_mapping.FROM_WIRE:
            message = foxglove_mapping.FROM_WIRE[kind](data)
        else:
            message = _decode_fields(kind, _plan_of(kind), data)
        envelope = _envelope_of(data)
    except (DecodeError, ContractError, ValueError) as error:
        raise InputError(f"{topic} holds bytes that are no {kind.__name__}: {error}") from error
    if envelope.topic != topic:
        raise InputError(f"{topic} holds a message whose envelope says {envelope.topic!r}")
    return envelope, message


def _envelope_of(data: bytes) -> Envelope:
    """Raises ValueError where there is none."""
    wire = lanewise_pb2.Enveloped.FromString(data)
    if not wire.HasField("envelope"):
        raise ValueError("it has no envelope (field 1000); was it recorded by another program?")
    header = wire.envelope
    return Envelope(
        header.topic, header.publisher, header.sequence, header.measured_ns, header.published_ns, header.received_ns
    )


def type_of(topic: str) -> type[Message]:
    """The message type that a topic carries.

    Raises:
        InputError: the topic table has no such topic; the error lists those it has.
    """
    try:
        return topic_of(topic).type
    except KeyError:
        raise InputError(f"unknown topic {topic!r}; known are {', '.join(TOPICS)} and /state/<node>") from None


def schema_of(message_type: type[Message]) -> tuple[str, bytes]:
    """Full Protobuf name and serialised FileDescriptorSet (with all imports) of a message type."""
    known = _SCHEMAS.get(message_type)
    if known is None:
        known = _SCHEMAS[message_type] = _make_schema(message_type)
    return known


def message_types() -> tuple[type[Message], ...]:
    """All message types, in the order of `bus/messages.py`."""
    found = vars(messages).values()
    return tuple(kind for kind in found if inspect.isclass(kind) and issubclass(kind, Message) and kind is not Message)


# --- fields ---------------------------------------------------------------------------------------------------------


def _encode_fields(message: Message, plan: _Plan) -> bytes:
    values = {
        name: getattr(message, name) if to_wire is None else to_wire(getattr(message, name))
        for name, to_wire, _ in plan.scalars
    }
    if None in values.values():
        raise ValueError("a field is None")  # Protobuf would write the field's default instead
    parts = [plan.proto(**values).SerializeToString()]
    for column in plan.arrays:
        value = getattr(message, column.name)
        if value.size:
            parts += (column.tag, _varint(value.nbytes), value.tobytes())
    return b"".join(parts)


def _decode_fields(kind: type[Message], plan: _Plan, data: bytes) -> Message:
    wire = plan.proto.FromString(data)
    values = {}
    for name, _, from_wire in plan.scalars:
        value = getattr(wire, name)
        values[name] = value if from_wire is None else from_wire(value)
    for column in plan.arrays:
        values[column.name] = _array_from_wire(getattr(wire, column.name), column)
    return kind(**values)


def _array_from_wire(numbers: Any, column: _Array) -> Any:
    count = len(numbers)
    if -1 in column.shape:
        if count % column.width:
            raise ValueError(f"{column.name} has {count} numbers, expected a multiple of {column.width}")
    elif count != column.width:
        raise ValueError(f"{column.name} has {count} numbers, expected {column.width}")
    # reshape(-1) cannot infer a dimension of an empty array
    shape = tuple(count // column.width if n == -1 else n for n in column.shape)
    return np.fromiter(numbers, dtype=column.dtype, count=count).reshape(shape)


# --- plans ----------------------------------------------------------------------------------------------------------


_PLANS: dict[type[Message], _Plan] = {}
_SCHEMAS: dict[type[Message], tuple[str, bytes]] = {}


def _plan_of(kind: type[Message]) -> _Plan:
    plan = _PLANS.get(kind)
    if plan is None:
        plan = _PLANS[kind] = _make_plan(kind)
    return plan


def _make_plan(kind: type[Message]) -> _Plan:
    """Raises ContractError where `lanewise.proto` and the dataclass disagree."""
    proto = getattr(lanewise_pb2, kind.__name__, None)
    if proto is None:
        raise ContractError(f"bus/proto/lanewise.proto has no message {kind.__name__}")
    hints = get_type_hints(kind)
    declared = {descriptor.name: descriptor for descriptor in proto.DESCRIPTOR.fields}
    names = [item.name for item in fields(kind)]
    if set(declared) != {*names, "envelope"}:
        difference = sorted(set(declared) ^ {*names, "envelope"})
        raise ContractError(f"{kind.__name__} and bus/proto/lanewise.proto disagree about the fields {difference}")
    scalars, arrays = [], []
    for item in fields(kind):
        if "shape" in item.metadata:
            arrays.append(_plan_array(item.name, item.metadata["shape"], item.metadata["dtype"], declared[item.name]))
        else:
            scalars.append((item.name, *_conversions(hints[item.name], f"{kind.__name__}.{item.name}")))
    return _Plan(proto, tuple(scalars), tuple(arrays))


def _plan_array(name: str, shape: tuple[int | str, ...], dtype: type, declared: FieldDescriptor) -> _Array:
    if sum(isinstance(n, str) for n in shape) > 1:
        raise ContractError(f"{name} has more than one free dimension; flattened, its shape would be lost")
    if declared.type != _WIRE_TYPES.get(dtype) or not declared.is_packed:
        raise ContractError(
            f"{name} must be `repeated {'double' if dtype is np.float64 else 'sfixed64'}` in lanewise.proto"
        )
    tag = _varint(declared.number << 3 | 2)
    width = math.prod(n for n in shape if isinstance(n, int))
    return _Array(name, tag, tuple(-1 if isinstance(n, str) else n for n in shape), width, dtype)


def _conversions(hint: Any, name: str) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
    """How a scalar field of this type goes to the wire and comes back."""
    if hint in (bool, int, float, str, bytes):
        return None, None
    if hint is Pose:
        return _pose_to_wire, _pose_from_wire
    if hint == tuple[str, ...]:
        return None, tuple
    if inspect.isclass(hint) and issubclass(hint, IntEnum):
        return int, hint
    raise ContractError(f"{name} has the type {hint}, which the codec does not know")


def _pose_to_wire(pose: Pose) -> Any:
    return lanewise_pb2.Pose(x_m=pose.x_m, y_m=pose.y_m, yaw_rad=pose.yaw_rad)


def _pose_from_wire(wire: Any) -> Pose:
    return Pose(wire.x_m, wire.y_m, wire.yaw_rad)


def _varint(value: int) -> bytes:
    """Protobuf's base-128 number, low groups first."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _make_schema(message_type: type[Message]) -> tuple[str, bytes]:
    proto = foxglove_mapping.PROTOS.get(message_type) or _plan_of(message_type).proto
    seen: dict[str, FileDescriptor] = {}
    _collect_files(proto.DESCRIPTOR.file, seen)
    files = FileDescriptorSet()
    for descriptor in seen.values():
        descriptor.CopyToProto(files.file.add())
    return str(proto.DESCRIPTOR.full_name), files.SerializeToString(deterministic=True)


def _collect_files(descriptor: FileDescriptor, seen: dict[str, FileDescriptor]) -> None:
    """Imports before importers, as Protobuf's descriptor pools need them."""
    for dependency in descriptor.dependencies:
        if dependency.name not in seen:
            _collect_files(dependency, seen)
    seen[descriptor.name] = descriptor
