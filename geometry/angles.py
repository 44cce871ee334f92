"""Angles in radians, counter-clockwise positive."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@overload
def wrap_rad(angle_rad: float) -> float: ...
@overload
def wrap_rad(angle_rad: Floats) -> Floats: ...
def wrap_rad(angle_rad: float | Floats) -> float | Floats:
    """The same angle in [-pi, pi). Accepts a scalar or an array of any shape."""
    wrapped = (angle_rad + np.pi) % (2.0 * np.pi) - np.pi
    return wrapped if isinstance(angle_rad, np.ndarray) else float(wrapped)
