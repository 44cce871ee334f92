"""Defects of a lane map that has no road network behind it (Lanelet2, CommonRoad, Argoverse 2).

In: a `LaneMap`. Out: defects with the lane, the arc length and the numbers; none for a sound map.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from geometry.angles import wrap_rad
from maps.check import EDGE_GAP_M, NARROW_M, TAPER_M
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS

_KINK_RAD = 0.7
"""Polylines bend at their points; more than this between two segments is no drivable path."""
_MEETS_M, _MEETS_RAD = 0.5, 0.2
"""A lane that begins this near to where another ends, and heads the same way, should follow it."""


@dataclass(frozen=True, slots=True)
class LaneDefect:
    """One thing that is wrong; `kind` is a word to filter by."""

    kind: str
    lane_id: str
    s_m: float
    text: str

    def __str__(self) -> str:
        return f"lane {self.lane_id} at s = {self.s_m:.2f} m: {self.text} [{self.kind}]"


def lane_defects(lane_map: LaneMap) -> tuple[LaneDefect, ...]:
    """All defects of drivable lanes, by kind, then in the order of the lanes."""
    lanes = [i for i, kind in enumerate(lane_map.kinds) if kind in DRIVABLE_KINDS]
    return tuple(defect for check in CHECKS for defect in check(lane_map, lanes))


def _gaps(lane_map: LaneMap, lanes: list[int]) -> Iterator[LaneDefect]:
    """Lanes that follow each other but do not meet."""
    for lane in lanes:
        end = lane_map.centre(lane).points[-1]
        for after in lane_map.successors[lane]:
            gap = math.dist(end, lane_map.centre(after).points[0])
            if gap > EDGE_GAP_M:
                text = f"ends {gap:.2f} m away from lane {lane_map.ids[after]}, which follows it"
                yield LaneDefect("lane-gap", lane_map.ids[lane], lane_map.length_m(lane), text)


def _kinks(lane_map: LaneMap, lanes: list[int]) -> Iterator[LaneDefect]:
    """Middles that bend sharply between two of their segments, or from one lane to the next."""
    for lane in lanes:
        line = lane_map.centre(lane)
        turns = np.abs(np.diff(line.yaw_rad))
        for row in np.flatnonzero(turns > _KINK_RAD).tolist():
            text = f"bends by {math.degrees(turns[row]):.0f} degrees at a point"
            yield LaneDefect("kink", lane_map.ids[lane], float(line.s_m[row + 1]), text)
        for after in lane_map.successors[lane]:
            turn = abs(wrap_rad(float(lane_map.centre(after).yaw_rad[0] - line.yaw_rad[-1])))
            if turn > _KINK_RAD:
                text = f"meets lane {lane_map.ids[after]} at an angle of {math.degrees(turn):.0f} degrees"
                yield LaneDefect("kink", lane_map.ids[lane], line.length_m, text)


def _widths(lane_map: LaneMap, lanes: list[int]) -> Iterator[LaneDefect]:
    """Lanes that nobody fits through."""
    for lane in lanes:
        widest = float(lane_map.widths_m(lane).max())
        if widest < NARROW_M and lane_map.length_m(lane) > TAPER_M / 6.0:
            yield LaneDefect("narrow", lane_map.ids[lane], 0.0, f"is at most {widest:.2f} m wide")


def _sides(lane_map: LaneMap, lanes: list[int]) -> Iterator[LaneDefect]:
    """Lanes whose left edge lies to the right of their middle."""
    for lane in lanes:
        _, left_m = lane_map.centre(lane).project(lane_map.left_edge(lane))
        wrong = np.flatnonzero(left_m < -0.1)
        if len(wrong):
            s_m = float(lane_map.s_m[lane_map.rows(lane)][wrong[0]])
            yield LaneDefect(
                "crossed", lane_map.ids[lane], s_m, f"its left edge is {-left_m[wrong[0]]:.2f} m right of it"
            )


def _dead_ends(lane_map: LaneMap, lanes: list[int]) -> Iterator[LaneDefect]:
    """Lanes that nothing follows although one begins where they end."""
    begins = np.array([lane_map.centre(lane).points[0] for lane in lanes]).reshape(-1, 2)
    headings = np.array([lane_map.centre(lane).yaw_rad[0] for lane in lanes])
    for lane in lanes:
        line = lane_map.centre(lane)
        if lane_map.successors[lane]:
            continue
        near = np.hypot(*(begins - line.points[-1]).T) < _MEETS_M
        same = np.abs(wrap_rad(headings - line.yaw_rad[-1])) < _MEETS_RAD
        for other in np.flatnonzero(near & same).tolist():
            text = f"nothing follows it, though lane {lane_map.ids[lanes[other]]} begins where it ends"
            yield LaneDefect("dead-end", lane_map.ids[lane], line.length_m, text)


CHECKS: tuple[Callable[[LaneMap, list[int]], Iterator[LaneDefect]], ...] = (
    _gaps, _kinks, _widths, _sides, _dead_ends,
)  # fmt: skip
