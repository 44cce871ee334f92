"""The lane that the ego is to keep, as metrics need it: a centre line and how far the marks lie to both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats
from geometry.errors import ContractError
from geometry.polyline import Polyline


@dataclass(frozen=True, slots=True, eq=False)
class LaneCorridor:
    """The ego's lane in `world`: centre line of P points, positive distances `left_m`, `right_m` (P,) to the marks.

    `marked` is False on roads without marks; then the distances are those to the lane's edges: no mark can be crossed.

    Raises:
        ContractError: the distances do not match the points of the path, or one is not positive.
    """

    path: Polyline
    left_m: Floats
    right_m: Floats
    marked: bool

    def __post_init__(self) -> None:
        for name in ("left_m", "right_m"):
            value = np.array(getattr(self, name), dtype=np.float64)
            if value.shape != self.path.s_m.shape:
                raise ContractError(f"LaneCorridor.{name} has shape {value.shape}, expected {self.path.s_m.shape}")
            if not (value > 0.0).all():
                raise ContractError(f"LaneCorridor.{name} must be positive: distances to the marks on either side")
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    def sides(self, s_m: Floats) -> tuple[Floats, Floats]:
        """Distances to the left and the right mark at arc lengths of any shape; NaN where s is."""
        path_s = self.path.s_m
        return np.interp(s_m, path_s, self.left_m), np.interp(s_m, path_s, self.right_m)
