"""A straight road for the tests of localization: lanes of 3.5 m along x, marks solid at the outside, broken between."""

import numpy as np

from bus.messages import LaneMarks
from geometry.pose import Pose
from maps.lane_map import LaneMap, MarkSpan
from maps.mark_lines import MarkLines, mark_lines, view_from

WIDTH_M = 3.5
LENGTH_M = 2000.0
STATIONS = np.arange(4.0, 40.1, 4.0)


def straight_road(lanes: int = 3, inner: str = "broken", outer: str = "solid") -> LaneMap:
    """Lane 0 is the rightmost; its right edge is y = 0."""
    x = np.arange(0.0, LENGTH_M + 1.0, 10.0)
    count = len(x)

    def line(y_m: float) -> np.ndarray:
        return np.stack((x, np.full(count, y_m)), axis=1)

    def span(kind: str) -> tuple[MarkSpan, ...]:
        return (MarkSpan(0.0, kind, "white", 0.12),)

    index = np.arange(lanes)
    return LaneMap(
        ids=tuple(f"1:0:{-k - 1}" for k in range(lanes)),
        kinds=("driving",) * lanes,
        starts=np.arange(lanes + 1) * count,
        centre_points=np.concatenate([line((k + 0.5) * WIDTH_M) for k in range(lanes)]),
        left_points=np.concatenate([line((k + 1.0) * WIDTH_M) for k in range(lanes)]),
        right_points=np.concatenate([line(k * WIDTH_M) for k in range(lanes)]),
        s_m=np.tile(x, lanes),
        source_s_m=np.tile(x, lanes),
        speed_limit_mps=np.full(lanes * count, np.nan),
        left_marks=tuple(span(outer if k == lanes - 1 else inner) for k in range(lanes)),
        right_marks=tuple(span(outer if k == 0 else inner) for k in range(lanes)),
        successors=((),) * lanes,
        predecessors=((),) * lanes,
        left_neighbour=np.where(index == lanes - 1, -1, index + 1),
        right_neighbour=np.where(index == 0, -1, index - 1),
        opposite_neighbour=np.full(lanes, -1),
        junction=("",) * lanes,
        conflicts=((),) * lanes,
        signals=(),
        stop_lines=(),
        crossings=(),
        right_hand=True,
    )


def lines_of(lanes: int = 3) -> MarkLines:
    """The lines of the road."""
    return mark_lines(straight_road(lanes))


def in_lane(lane: int, x_m: float = 500.0, left_m: float = 0.0, yaw_rad: float = 0.0) -> Pose:
    """A pose in the middle of a lane."""
    return Pose(x_m, (lane + 0.5) * WIDTH_M + left_m, yaw_rad)


def seen_from(lines: MarkLines, pose: Pose, reach_m: float = 11.0, sigma_m: float = 0.05) -> LaneMarks:
    """What perfect eyes report."""
    view = view_from(lines, pose, STATIONS, reach_m)
    start, points = [0], []
    for y_m in view.y_m:
        known = np.isfinite(y_m)
        points.append(np.stack((STATIONS[known], y_m[known]), axis=1))
        start.append(start[-1] + int(known.sum()))
    xy = np.concatenate(points) if points else np.empty((0, 2))
    return LaneMarks(np.array(start), xy, np.full(len(xy), sigma_m), view.types, np.ones(len(view.types)))
