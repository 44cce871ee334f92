"""The lane that the ego is to keep, as metrics need it: a centre line, its edges, and where they are marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.errors import ContractError
from geometry.polyline import Polyline
from maps.lane_map import LaneMap, MarkSpan
from maps.route import Route

UNMARKED = frozenset({"none"})
CROSSABLE = frozenset({"none", "broken", "broken broken"})
"""Kinds of edges that traffic may cross to pass or to change lanes; who has to keep its lane may cross `UNMARKED` ones
only (UN R157 5.2.1)."""


@dataclass(frozen=True, slots=True, eq=False)
class LaneCorridor:
    """The ego's lane in `world`: centre line of P points with columns of shape (P,).

    `left_m`, `right_m` are the distances to the edges, both >= 0; `left_marked`, `right_marked` say whether a mark that
    must not be crossed is painted on the edge from that point on.

    Raises:
        ContractError: a column does not match the points of the path, or a distance is negative.
    """

    path: Polyline
    left_m: Floats
    right_m: Floats
    left_marked: NDArray[np.bool_]
    right_marked: NDArray[np.bool_]

    def __post_init__(self) -> None:
        columns = {"left_m": np.float64, "right_m": np.float64, "left_marked": np.bool_, "right_marked": np.bool_}
        for name, dtype in columns.items():
            value: NDArray[np.generic] = np.array(getattr(self, name), dtype=dtype)
            if value.shape != self.path.s_m.shape:
                raise ContractError(f"LaneCorridor.{name} has shape {value.shape}, expected {self.path.s_m.shape}")
            if not np.greater_equal(value, 0).all():
                raise ContractError(f"LaneCorridor.{name} has a negative distance to an edge")
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    def sides(self, s_m: Floats) -> tuple[Floats, Floats]:
        """Distances to the left and the right edge at arc lengths of any shape; NaN where s is."""
        path_s = self.path.s_m
        return np.interp(s_m, path_s, self.left_m), np.interp(s_m, path_s, self.right_m)

    def marked(self, s_m: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether the left and the right edge are marked at arc lengths of any shape."""
        row = np.clip(np.searchsorted(self.path.s_m, s_m, side="right") - 1, 0, len(self.left_marked) - 1)
        return self.left_marked[row], self.right_marked[row]


def corridor_of(route: Route, lane_map: LaneMap, crossable: frozenset[str] = UNMARKED) -> LaneCorridor:
    """The corridor of a route, with the marks that the map has on the edges of the lanes it runs through, but for those
    of the kinds that may be crossed.

    Raises:
        SceneError: the map has no drivable lane.
    """
    path = route.path
    lanes, along, _ = lane_map.nearest(path.points, path.heading(path.s_m))
    left = [_is_marked(lane_map.left_marks[lane], s, crossable) for lane, s in zip(lanes, along, strict=True)]
    right = [_is_marked(lane_map.right_marks[lane], s, crossable) for lane, s in zip(lanes, along, strict=True)]
    return LaneCorridor(path, route.left_m, route.right_m, np.array(left), np.array(right))


def _is_marked(spans: tuple[MarkSpan, ...], s_m: float, crossable: frozenset[str]) -> bool:
    """Whether the edge with these marks has one at an arc length of its lane that must not be crossed."""
    # Points lie on the starts of spans; a millimetre keeps rounding from finding the span before.
    here = [span for span in spans if span.s_m <= s_m + 1e-3]
    return bool(here) and max(here, key=lambda span: span.s_m).kind not in crossable
