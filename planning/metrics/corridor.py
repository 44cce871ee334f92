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

_MOST_LANES = 16
"""No road is wider."""


@dataclass(frozen=True, slots=True, eq=False)
class LaneCorridor:
    """The ego's lane in `world`: centre line of P points with columns of shape (P,).

    `left_m`, `right_m` are the distances to the edges, both >= 0; `left_marked`, `right_marked` say whether there is a
    mark on that side, from that point on, that must not be crossed, and `left_beyond_m`, `right_beyond_m` how far
    beyond the edge it lies: on the far side of the lanes that one may change to (0, if not given).

    Raises:
        ContractError: a column does not match the points of the path, or a distance is negative.
    """

    path: Polyline
    left_m: Floats
    right_m: Floats
    left_marked: NDArray[np.bool_]
    right_marked: NDArray[np.bool_]
    left_beyond_m: Floats | float = 0.0
    right_beyond_m: Floats | float = 0.0

    def __post_init__(self) -> None:
        columns = {"left_m": np.float64, "right_m": np.float64, "left_marked": np.bool_, "right_marked": np.bool_}
        for name in ("left_beyond_m", "right_beyond_m"):
            object.__setattr__(self, name, np.broadcast_to(np.asarray(getattr(self, name)), self.path.s_m.shape))
            columns[name] = np.float64
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

    def mark_sides(self, s_m: Floats) -> tuple[Floats, Floats]:
        """Distances to the left and the right mark that must not be crossed, where there is one."""
        left, right = self.sides(s_m)
        path_s = self.path.s_m
        return left + np.interp(s_m, path_s, self.left_beyond_m), right + np.interp(s_m, path_s, self.right_beyond_m)

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
    left = [_mark(lane_map, int(lane), float(s), True, crossable) for lane, s in zip(lanes, along, strict=True)]
    right = [_mark(lane_map, int(lane), float(s), False, crossable) for lane, s in zip(lanes, along, strict=True)]
    (left_marked, left_beyond), (right_marked, right_beyond) = (zip(*rows, strict=True) for rows in (left, right))
    return LaneCorridor(
        path, route.left_m, route.right_m, np.array(left_marked), np.array(right_marked), np.array(left_beyond),
        np.array(right_beyond),
    )  # fmt: skip


def _mark(
    lane_map: LaneMap, lane: int, s_m: float, on_left: bool, crossable: frozenset[str]
) -> tuple[bool, float]:  # fmt: skip
    """Whether a side of a lane has a mark that must not be crossed, and how far beyond the lane's edge.

    Marks that may be crossed lead on to the lane behind them. An edge without a mark has none, and so has a mark behind
    which no lane is.
    """
    beyond_m = 0.0
    for _ in range(_MOST_LANES):
        kind = _kind((lane_map.left_marks if on_left else lane_map.right_marks)[lane], s_m)
        if kind is None or kind in UNMARKED:
            return False, beyond_m
        if kind not in crossable:
            return True, beyond_m
        share = s_m / max(lane_map.length_m(lane), 1e-6)
        beside = int((lane_map.left_neighbour if on_left else lane_map.right_neighbour)[lane])
        if beside < 0 and on_left == lane_map.right_hand:  # the middle of the road; beyond it sides change
            beside, on_left, share = int(lane_map.opposite_neighbour[lane]), not on_left, 1.0 - share
        if beside < 0:
            return False, beyond_m
        lane, s_m = beside, share * lane_map.length_m(beside)
        widths = lane_map.widths_m(lane)
        beyond_m += float(np.interp(s_m, lane_map.s_m[lane_map.rows(lane)], widths))
    return False, beyond_m


def _kind(spans: tuple[MarkSpan, ...], s_m: float) -> str | None:
    """The mark of an edge with these marks at an arc length of its lane."""
    # Points lie on the starts of spans; a millimetre keeps rounding from finding the span before.
    here = [span for span in spans if span.s_m <= s_m + 1e-3]
    return max(here, key=lambda span: span.s_m).kind if here else None
