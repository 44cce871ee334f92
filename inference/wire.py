"""The Protobuf wire format, read without trust: fields of a message, every length checked before it is followed.

Model files come from outside. This reader allocates nothing but small tuples, so that a file of a few bytes cannot ask
for gigabytes, and counts the fields that it has read, so that none can keep it busy for long.
Source: Protocol Buffers documentation, "Encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from geometry.errors import InputError

MAX_FIELDS = 2_000_000
"""About two seconds of reading; a net of 20 MB has some thousands."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
Value = int | memoryview


@dataclass(slots=True)
class WireReader:
    """Reads messages of one file; counts over all of them."""

    place: str
    left: int = MAX_FIELDS

    def fields(self, data: memoryview) -> Iterator[tuple[int, Value]]:
        """Number and value of each field: integers as they are, the rest as bytes (4 or 8 of them for floats).

        Raises:
            InputError: the bytes end too early, are no Protobuf, or hold too many fields.
        """
        at = 0
        while at < len(data):
            self._count(1)
            key, at = self.varint(data, at)
            number, kind = key >> 3, key & 7
            if number == 0:
                raise self.refused("it is not an ONNX file (a field without a number)")
            if kind == _VARINT:
                value, at = self.varint(data, at)
                yield number, value
                continue
            length, at = self._length(kind, data, at)
            if at + length > len(data):
                raise self.refused(f"it is truncated: {length} bytes were promised where {len(data) - at} are left")
            yield number, data[at : at + length]
            at += length

    def _length(self, kind: int, data: memoryview, at: int) -> tuple[int, int]:
        if kind == _BYTES:
            return self.varint(data, at)
        if kind in (_FIXED32, _FIXED64):
            return (4 if kind == _FIXED32 else 8), at
        raise self.refused(f"it is not an ONNX file (wire type {kind})")

    def varint(self, data: memoryview, at: int) -> tuple[int, int]:
        """An unsigned integer of up to 64 bits, and the place behind it."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= len(data):
                raise self.refused("it is truncated inside a number")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFFFFFFFFFFFFFF, at
        raise self.refused("it is not an ONNX file (a number of more than ten bytes)")

    def signed(self, value: Value) -> int:
        """An int64 field."""
        if not isinstance(value, int):
            raise self.refused("bytes stand where a number was expected")
        return value - (1 << 64) if value >= 1 << 63 else value

    def integers(self, value: Value) -> tuple[int, ...]:
        """What one field adds to a repeated int64: one number, or many packed ones."""
        if isinstance(value, int):
            return (self.signed(value),)
        found: list[int] = []
        at = 0
        while at < len(value):
            self._count(1)
            number, at = self.varint(value, at)
            found.append(self.signed(number))
        return tuple(found)

    def floats(self, value: Value) -> tuple[float, ...]:
        """What one field adds to a repeated float: one, or many packed ones."""
        data = self.data(value)
        if len(data) % 4:
            raise self.refused(f"{len(data)} bytes are no float32 numbers")
        self._count(len(data) // 4)
        return struct.unpack(f"<{len(data) // 4}f", data)

    def data(self, value: Value) -> memoryview:
        """A field of bytes."""
        if isinstance(value, int):
            raise self.refused("a number stands where bytes were expected")
        return value

    def text(self, value: Value) -> str:
        """A field of UTF-8."""
        try:
            return bytes(self.data(value)).decode()
        except UnicodeDecodeError:
            raise self.refused("a name is not UTF-8") from None

    def refused(self, why: str) -> InputError:
        """The error to raise."""
        return InputError(f"this model cannot be read: {why}; get it again from its source", self.place)

    def _count(self, fields: int) -> None:
        self.left -= fields
        if self.left < 0:
            raise InputError(
                f"this model has more than {MAX_FIELDS:,} fields; nets of that kind are not read", self.place
            )
