"""The lane map that the whole stack drives on: lanes in travel direction as a struct of arrays, and its queries.

Whatever format a map came from, it ends up here: world frame, SI, left and right as the driver sees them. Point
columns (`centre_points`, ...) hold all lanes one after the other; lane i owns the rows `starts[i]` to `starts[i + 1]`.
Neighbours are lane indices, -1 where there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np
import shapely
from numpy.typing import NDArray

from geometry.angles import Floats, wrap_rad
from geometry.errors import ContractError, SceneError
from geometry.polyline import Polyline
from maps.lane_index import SurfaceIndex, project_on_rows, ring_surface
from maps.road_model import DRIVABLE_KINDS, Dashes

Indices = NDArray[np.int64]
T = TypeVar("T")
_HEADING_WEIGHT_MPRAD = 3.0
"""How many metres of offset one radian of wrong heading is worth when lanes overlap."""


@dataclass(frozen=True, slots=True)
class MarkSpan:
    """A road mark on one edge of a lane, from `s_m` (lane arc length) on; `kind` as in OpenDRIVE (`solid`, ...).

    `dashes` by lane arc length, None where the map does not say where they are.
    """

    s_m: float
    kind: str
    color: str
    width_m: float
    dashes: Dashes | None = None


@dataclass(frozen=True, slots=True)
class MapSignal:
    """A sign or light at (x, y, z) that faces `yaw_rad`, and the lanes it holds for: pairs (lane, s)."""

    id: str
    kind: str
    subkind: str
    country: str
    dynamic: bool
    value: float | None
    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float
    lanes: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class StopLine:
    """Where vehicles on a lane stop."""

    lane: int
    s_m: float


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """A pedestrian crossing: polygon of shape (K, 2) and the drivable lanes that it lies on."""

    polygon: Floats
    lanes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LaneMap:
    """N lanes with P centre points in all. Columns are made read-only."""

    ids: tuple[str, ...]
    """`road:section:lane` for OpenDRIVE."""
    kinds: tuple[str, ...]
    starts: Indices
    """Shape (N + 1,)."""
    centre_points: Floats
    left_points: Floats
    right_points: Floats
    """Shape (P, 2) each; row k of the three belongs together."""
    s_m: Floats
    """Shape (P,): arc length along the lane's centre."""
    source_s_m: Floats
    """Shape (P,): s along the source road, shared by the lanes of a section."""
    speed_limit_mps: Floats
    """Shape (P,): in force from that point on; NaN where there is none."""
    left_marks: tuple[tuple[MarkSpan, ...], ...]
    right_marks: tuple[tuple[MarkSpan, ...], ...]
    successors: tuple[tuple[int, ...], ...]
    predecessors: tuple[tuple[int, ...], ...]
    left_neighbour: Indices
    right_neighbour: Indices
    """Shape (N,): the lane beside it in the same direction."""
    opposite_neighbour: Indices
    """Shape (N,): the lane beside it in the other direction."""
    junction: tuple[str, ...]
    """Id of the junction that the lane lies in, or empty."""
    conflicts: tuple[tuple[int, ...], ...]
    """Lanes of the same junction whose surface it crosses or joins."""
    signals: tuple[MapSignal, ...]
    stop_lines: tuple[StopLine, ...]
    crossings: tuple[Crossing, ...]
    right_hand: bool
    """Whether traffic keeps right."""
    _cache: dict[object, object] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        lanes, points = len(self.ids), len(self.centre_points)
        texts = (self.kinds, self.left_marks, self.right_marks, self.junction)
        links = (self.successors, self.predecessors, self.conflicts)
        beside = (self.left_neighbour, self.right_neighbour, self.opposite_neighbour)
        lengths = {len(column) for column in (*texts, *links, *beside)}
        if lengths != {lanes} or len(self.starts) != lanes + 1:
            raise ContractError(f"a lane map of {lanes} lanes has a column of another length")
        if any(column.shape != (points, 2) for column in (self.centre_points, self.left_points, self.right_points)):
            raise ContractError("centre, left and right of a lane map need the same shape (P, 2)")
        for column in (self.s_m, self.source_s_m, self.speed_limit_mps):
            if column.shape != (points,):
                raise ContractError(f"a point column of a lane map has shape {column.shape}, not ({points},)")
        for array in (self.starts, self.centre_points, self.left_points, self.right_points):
            array.setflags(write=False)
        for array in (self.s_m, self.source_s_m, self.speed_limit_mps):
            array.setflags(write=False)

    @property
    def size(self) -> int:
        """The number of lanes."""
        return len(self.ids)

    def index(self, lane_id: str) -> int:
        """The index of the lane with that id.

        Raises:
            SceneError: there is none.
        """
        table = self._cached("ids", lambda: {name: i for i, name in enumerate(self.ids)})
        if lane_id not in table:
            raise SceneError(f"the map has no lane {lane_id}; its lanes are named like {', '.join(self.ids[:3])}")
        return table[lane_id]

    def rows(self, lane: int) -> slice:
        """The rows of a lane in the point columns."""
        return slice(int(self.starts[lane]), int(self.starts[lane + 1]))

    def centre(self, lane: int) -> Polyline:
        """The centre of a lane; its points are the lane's rows."""
        return self._cached(("centre", lane), lambda: Polyline.through(self.centre_points[self.rows(lane)]))

    def left_edge(self, lane: int) -> Floats:
        """Points (K, 2) of the left edge."""
        return self.left_points[self.rows(lane)]

    def right_edge(self, lane: int) -> Floats:
        """Points (K, 2) of the right edge."""
        return self.right_points[self.rows(lane)]

    def length_m(self, lane: int) -> float:
        """Arc length of the centre."""
        return self._cached("lengths", lambda: tuple(self.s_m[self.starts[1:] - 1].tolist()))[lane]

    def end_width_m(self, lane: int) -> float:
        """Distance between the edges where the lane ends."""

        def widths() -> tuple[float, ...]:
            last = self.starts[1:] - 1
            return tuple(np.hypot(*(self.left_points[last] - self.right_points[last]).T).tolist())

        return self._cached("end widths", widths)[lane]

    def widths_m(self, lane: int) -> Floats:
        """Distance between the edges at each point of the lane, shape (K,)."""
        gap = self.left_edge(lane) - self.right_edge(lane)
        return np.hypot(gap[:, 0], gap[:, 1])

    def surface(self, lane: int) -> shapely.Geometry:
        """The area of a lane (a valid geometry; of no area where the lane has no width)."""
        return self._cached(
            ("surface", lane), lambda: shapely.make_valid(ring_surface(self.left_edge(lane), self.right_edge(lane)))
        )

    def nearest(
        self, points: Floats, yaw_rad: Floats | None = None, kinds: frozenset[str] = DRIVABLE_KINDS
    ) -> tuple[Indices, Floats, Floats]:
        """The nearest lane (M,), its arc length (M,) and the offset from its centre (M,) of points of shape (M, 2).

        Where lanes overlap, the one whose centre is nearest wins; with `yaw_rad` (M,) the heading counts too.

        Raises:
            SceneError: the map has no lane of these kinds.
            ContractError: points of another shape, or not finite.
        """
        points = np.atleast_2d(np.asarray(points, dtype=np.float64))
        if points.shape[1:] != (2,) or not np.isfinite(points).all():
            raise ContractError(f"nearest needs finite points of shape (M, 2), not {points.shape}")
        index = self._index(kinds)
        which, piece = index.covering(points)
        lane = index.lane[piece]
        s, d, heading = project_on_rows(
            points[which],
            self.centre_points,
            self.s_m,
            index.first_row[piece],
            index.last_row[piece],
            self.starts[lane],
            self.starts[lane + 1] - 1,
        )
        cost = np.abs(d)
        if yaw_rad is not None:
            turn = wrap_rad(np.asarray(yaw_rad, dtype=np.float64)[which] - heading)
            cost = cost + _HEADING_WEIGHT_MPRAD * np.abs(turn)
        order = np.lexsort((lane, cost, which))
        best = order[np.unique(which[order], return_index=True)[1]]
        return lane[best], s[best], d[best]

    def lanes_near(self, point: Floats, radius_m: float, kinds: frozenset[str] = DRIVABLE_KINDS) -> Indices:
        """Indices, ascending, of lanes whose surface comes within the radius of a point of shape (2,)."""
        return self._index(kinds).near(point, radius_m)

    def may_change(self, lane: int, neighbour: int) -> bool:
        """Whether somewhere along the lane its mark towards that neighbour may be crossed."""
        if neighbour == self.left_neighbour[lane]:
            marks = self.left_marks[lane]
        elif neighbour == self.right_neighbour[lane]:
            marks = self.right_marks[lane]
        else:
            return False
        return not marks or any(not mark.kind.startswith(("solid", "curb")) for mark in marks)

    def _index(self, kinds: frozenset[str]) -> SurfaceIndex:
        lanes = [i for i, kind in enumerate(self.kinds) if kind in kinds]
        if not lanes:
            raise SceneError(f"the map has no lane of the kinds {', '.join(sorted(kinds))}")
        return self._cached(
            ("index", kinds), lambda: SurfaceIndex.of(lanes, self.starts, self.left_points, self.right_points)
        )

    def _cached(self, key: object, build: Callable[[], T]) -> T:
        if key not in self._cache:
            self._cache[key] = build()
        return cast(T, self._cache[key])
