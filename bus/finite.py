"""Finds the first non-finite number in a message: NaN and infinity never travel on the bus."""

from __future__ import annotations

import functools
import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from bus.messages import Message


@functools.cache
def _numeric_fields(kind: type) -> tuple[str, ...]:
    """Names of the fields that can hold floats: arrays, floats, nested dataclasses and tuples of them."""
    return tuple(
        item.name for item in fields(kind) if item.type not in ("int", "str", "bool", "bytes", "tuple[str, ...]")
    )


def first_non_finite(message: Message) -> str | None:
    """Dotted name of the first field that holds NaN or infinity, or None."""
    return _search(message, "")


def _search(value: Any, path: str) -> str | None:
    if isinstance(value, (float, np.floating)):
        return None if math.isfinite(value) else path
    if isinstance(value, np.ndarray):
        return None if value.dtype.kind != "f" or np.isfinite(value).all() else path
    if isinstance(value, tuple):
        return next((found for item in value if (found := _search(item, path))), None)
    if is_dataclass(value) and not isinstance(value, type):
        for name in _numeric_fields(type(value)):
            inner = getattr(value, name)
            if type(inner) is float and math.isfinite(inner):
                continue  # most fields; the way through the next call is what takes time
            found = _search(inner, f"{path}.{name}" if path else name)
            if found:
                return found
    return None
