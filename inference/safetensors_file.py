"""A safetensors file held against its own header before anything is made of it.

Eight bytes with the header's length, a JSON header, then the numbers. Format: safetensors documentation, "Format".
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from geometry.errors import InputError

MAX_HEADER_BYTES = 2**20
_BYTES_OF = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2,
    "U8": 1, "BOOL": 1,
}  # fmt: skip


def check_safetensors(path: Path) -> tuple[str, ...]:
    """Names of the tensors in a sound file, in the order in which they lie there.

    Raises:
        InputError: not safetensors, truncated, or tensors that overlap, leave gaps or lie outside the file.
    """
    header, content_bytes = _header(path)
    spans = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        spans.append((*_span(path, name, entry), name))
    at = 0
    for begin, end, name in sorted(spans):
        if begin != at:
            raise InputError(f"the tensor {name!r} begins at byte {begin} where {at} was expected", path)
        at = end
    if at != content_bytes:
        raise InputError(f"its tensors take {at} bytes, but {content_bytes} follow the header; it is damaged", path)
    return tuple(name for *_, name in sorted(spans))


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The header, and how many bytes follow it."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if size < 8 or length > min(MAX_HEADER_BYTES, size - 8):
                raise InputError("not a safetensors file, or truncated: its header is longer than the file", path)
            header = json.loads(stream.read(length))
    except OSError as error:
        raise InputError(f"cannot read the weights: {error.strerror}", path) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"not a safetensors file: {error}", path) from None
    if not isinstance(header, dict):
        raise InputError("not a safetensors file: the header is no JSON object", path)
    return header, size - 8 - length


def _span(path: Path, name: str, entry: Any) -> tuple[int, int]:
    """First byte of a tensor and the one behind it."""
    try:
        begin, end = entry["data_offsets"]
        needed = math.prod(entry["shape"]) * _BYTES_OF[entry["dtype"]]
        sound = all(isinstance(value, int) and value >= 0 for value in (begin, end, *entry["shape"]))
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"the tensor {name!r} has no dtype, shape and data_offsets as safetensors have", path
        ) from None
    if not sound or end - begin != needed:
        raise InputError(f"the tensor {name!r} needs {needed} bytes; its offsets are {begin} to {end}", path)
    return begin, end
