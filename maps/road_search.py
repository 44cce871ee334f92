"""Where on the road network a point lies: the nearest lane, by an index of lane centres or from a hint.

Points and roads in world [m].
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geometry.angles import Floats
from maps.road_model import DRIVABLE_KINDS, LaneSection, Road

_SPACING_M = 4.0
_CANDIDATES = 24
"""Lane centres to look at; enough to see every road of a crowded junction."""


@dataclass(frozen=True, slots=True)
class Foot:
    """Where a point stands on one road: lane, s, and offset from the lane's centre in t; `gap_m` is 0 on the lane."""

    road_id: str
    s_m: float
    lane_id: int
    offset_m: float
    gap_m: float
    drivable: bool

    def rank(self) -> tuple[float, bool, float]:
        """Smaller is the better answer: on the lane, drivable, near its centre."""
        return self.gap_m, not self.drivable, abs(self.offset_m)


@dataclass(frozen=True, slots=True, eq=False)
class LaneIndex:
    """Lane-centre points of all roads: `s_m` and `road` (index into `road_ids`) of shape (N,)."""

    tree: cKDTree
    road_ids: tuple[str, ...]
    road: NDArray[np.int64]
    s_m: Floats

    @staticmethod
    def of(roads: Mapping[str, Road]) -> LaneIndex:
        """Index the lanes of all roads about every 4 m."""
        points, owners, stations = [], [], []
        for index, road in enumerate(roads.values()):
            for section in road.sections:
                s, centres = _centres(road, section)
                points.append(centres)
                owners.append(np.full(len(s), index))
                stations.append(s)
        tree = cKDTree(np.concatenate(points))
        return LaneIndex(tree, tuple(roads), np.concatenate(owners), np.concatenate(stations))

    def candidates(self, x_m: float, y_m: float) -> list[tuple[str, float]]:
        """Roads near a point with a rough s on each, nearest first."""
        count = min(_CANDIDATES, len(self.s_m))
        _, nearest = self.tree.query((x_m, y_m), k=count)
        found: dict[str, float] = {}
        for i in np.atleast_1d(nearest):
            found.setdefault(self.road_ids[self.road[i]], float(self.s_m[i]))
        return list(found.items())


def _centres(road: Road, section: LaneSection) -> tuple[Floats, Floats]:
    """Stations and centre points (N, 2) of all lanes of a section (of its middle where it has none)."""
    count = max(3, math.ceil((section.end_m - section.s_m) / _SPACING_M) + 1)
    s = np.linspace(section.s_m, section.end_m, count)
    x, y, yaw, _ = road.line.sample(s)
    lanes = section.ids or (0,)
    t = np.concatenate([section.lanes[lane].centre_t.sample(s) for lane in lanes])
    x, y, yaw, s = (np.tile(column, len(lanes)) for column in (x, y, yaw, s))
    return s, np.stack((x - t * np.sin(yaw), y + t * np.cos(yaw)), axis=1)


def foot_on_road(road: Road, x_m: float, y_m: float, guess_s_m: float) -> Foot:
    """The lane of one road that is nearest to a point, from a guess of s."""
    s = road.line.nearest_s(x_m, y_m, guess_s_m, road.length_m)
    px, py, yaw, _ = road.line.at(s)
    cos, sin = math.cos(yaw), math.sin(yaw)
    along = (x_m - px) * cos + (y_m - py) * sin
    t = (y_m - py) * cos - (x_m - px) * sin
    section = road.section(s)
    lane_id, aside = _lane_at(section, s, t)
    lane = section.lanes[lane_id]
    gap = math.hypot(along, aside) if abs(along) > 1e-6 else aside
    return Foot(road.id, s, lane_id, t - lane.centre_t.at(s), gap, lane.kind in DRIVABLE_KINDS)


def _lane_at(section: LaneSection, s_m: float, t_m: float) -> tuple[int, float]:
    """The lane at t and how far outside of it t lies; lanes without width count only where nothing else is near."""
    best, best_key = 0, (math.inf, math.inf)
    for lane_id in section.ids or (0,):
        lane = section.lanes[lane_id]
        inner, outer = lane.inner_t.at(s_m), lane.outer_t.at(s_m)
        aside = max(min(inner, outer) - t_m, t_m - max(inner, outer), 0.0)
        key = (aside, abs(t_m - 0.5 * (inner + outer)) if abs(outer - inner) > 1e-3 else math.inf)
        if key < best_key or best == 0:
            best, best_key = lane_id, key
    return best, best_key[0]


def nearest_foot(roads: Mapping[str, Road], index: LaneIndex, x_m: float, y_m: float) -> Foot:
    """The best answer over all roads near the point."""
    feet: Sequence[Foot] = [foot_on_road(roads[road], x_m, y_m, s) for road, s in index.candidates(x_m, y_m)]
    return min(feet, key=Foot.rank)
