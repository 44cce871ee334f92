"""Which lanelets a trajectory follows: the sequence whose coordinate systems the costs are measured in.

Per state the lanelets that the ego's disc touches are looked up; candidate paths grow along successors and neighbours
of the same direction until one is left. Ties are broken by the mean squared deviation of headings. The rules are those
of the reference's route matcher.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import shapely

from geometry.angles import Floats, wrap_rad
from maps.curvilinear import CurvilinearFrame, smoothed
from maps.lanelets import Lanelet
from motion.car_trajectory import CarTrajectory

Way = tuple[int, ...]
"""Lanelet ids; the first one is part of the route already, or `_OPEN`."""
_OPEN = -1
REACH_M = 10.0
"""How far successors are searched once the ego has left all candidates."""
CURVE_STEP_M, CURVE_EXTEND_M = 2.5, 10.0
ALIGN_STEP_M, ALIGN_EXTEND_M = 2.0, 2.0
DISC_SEGMENTS = 8


@dataclass(frozen=True, slots=True, eq=False)
class LaneletNetwork:
    """Lanelets by id, with surfaces and frames made when first needed."""

    lanelets: Mapping[int, Lanelet]
    tree: shapely.STRtree
    ids: tuple[int, ...]
    _frames: dict[int, CurvilinearFrame] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(lanelets: Sequence[Lanelet]) -> LaneletNetwork:
        """Index lanelets."""
        surfaces = [lanelet.surface() for lanelet in lanelets]
        ids = tuple(lanelet.id for lanelet in lanelets)
        return LaneletNetwork({lanelet.id: lanelet for lanelet in lanelets}, shapely.STRtree(surfaces), ids)

    def touching(self, x_m: float, y_m: float, radius_m: float) -> tuple[int, ...]:
        """Ids of lanelets that a disc touches, in the file's order."""
        disc = shapely.Point(x_m, y_m).buffer(radius_m, quad_segs=DISC_SEGMENTS)
        return tuple(self.ids[i] for i in sorted(self.tree.query(disc, predicate="intersects")))

    def holds(self, lanelet: int, x_m: float, y_m: float) -> bool:
        """Whether a point has coordinates in a lanelet's frame."""
        if lanelet not in self._frames:
            self._frames[lanelet] = frame_of((self.lanelets[lanelet],))
        return self._frames[lanelet].project(x_m, y_m) is not None

    def paths_from(self, lanelet: int, reach_m: float) -> list[Way]:
        """All paths of successors, ended by the first lanelet that reaches `reach_m`, by a dead end or a loop."""
        done: list[Way] = []
        open_paths: list[tuple[Way, float]] = [
            ((first,), self._length(first)) for first in self.lanelets[lanelet].successors
        ]
        while open_paths:
            path, length = open_paths.pop(0)
            following = self.lanelets[path[-1]].successors
            if not following:
                done.append(path)
            for other in following:
                if other in path or other == lanelet or length >= reach_m:
                    done.append(path)
                elif length + self._length(other) < reach_m:
                    open_paths.append(((*path, other), length + self._length(other)))
                else:
                    done.append((*path, other))
        return done

    def _length(self, lanelet: int) -> float:
        return float(np.hypot(*np.diff(self.lanelets[lanelet].centre, axis=0).T).sum())


def frame_of(lanelets: Sequence[Lanelet]) -> CurvilinearFrame:
    """The frame of lanelets in a row; where they meet the shared point stands once."""
    return CurvilinearFrame.along(smoothed(joined_centre(lanelets), CURVE_EXTEND_M, CURVE_STEP_M))


def joined_centre(lanelets: Sequence[Lanelet]) -> Floats:
    """Centre points (K, 2) of lanelets in a row."""
    line = lanelets[0].centre
    for before, after in pairwise(lanelets):
        meets = np.allclose(before.left[-1], after.left[0], rtol=1e-5)
        line = np.concatenate((line, after.centre[1 if meets else 0 :]))
    return line


def lanelet_route(network: LaneletNetwork, trajectory: CarTrajectory) -> tuple[int, ...]:
    """The lanelets that the trajectory follows, in order; lane changes stand as neighbours in the sequence."""
    search = _Search(network, trajectory)
    route: list[int] = []
    candidates: list[Way] = []
    for step in range(len(trajectory.x_m)):
        if not search.held[step]:
            continue
        before = candidates or ([(route[-1],)] if route else [])
        candidates = [longer for path in before for longer in search.onward(path, step)]
        if not before:
            candidates = [(_OPEN, lanelet) for lanelet in search.held[step]]
        if not candidates:
            candidates = [kept for path in before if (kept := search.astray(path, step)) is not None]
        if not candidates and before:
            route += search.best(before)[1:]
            candidates = [(_OPEN, lanelet) for lanelet in search.held[step]]
        if len(candidates) == 1:
            route += candidates[0][1:]
            candidates = []
    if candidates:
        route += search.best(candidates)[1:]
    return tuple(route)


class _Search:
    """Lookups for one trajectory: which lanelets each state touches, and how candidate paths go on."""

    def __init__(self, network: LaneletNetwork, trajectory: CarTrajectory) -> None:
        self.network, self.trajectory = network, trajectory
        self.step_m = float(trajectory.speed_mps.max()) * trajectory.dt_s
        points = zip(trajectory.x_m, trajectory.y_m, strict=True)
        self.held = [network.touching(x, y, trajectory.radius_m) for x, y in points]

    def onward(self, path: Way, step: int) -> list[Way]:
        """The path itself while it holds the state, else its continuations to a lanelet that does."""
        held = set(self.held[step])
        if set(path) & held:
            return [path]
        longer = [
            path + way[: 1 + next(i for i, lanelet in enumerate(way) if lanelet in held)]
            for way in self.network.paths_from(path[-1], self.step_m)
            if set(way) & held
        ]
        if longer:
            return longer
        lanelet = self.network.lanelets[path[-1]]
        beside = [item for item in (lanelet.beside_left, lanelet.beside_right) if item is not None]
        return [(*path, item.id) for item in beside if item.same_direction and item.id in held]

    def astray(self, path: Way, step: int) -> Way | None:
        """Where no candidate goes on: the path, if its last lanelet still gives coordinates, or one to a successor."""
        x, y = float(self.trajectory.x_m[step]), float(self.trajectory.y_m[step])
        if self.network.holds(path[-1], x, y):
            return path
        ways = []
        for way in self.network.paths_from(path[-1], REACH_M):
            holding = [self.network.holds(lanelet, x, y) for lanelet in way]
            if holding[0]:
                ways.append(path + way[: len(holding) if all(holding) else holding.index(False) + 1])
        return self.best(ways)[1:] if ways else None

    def best(self, paths: Sequence[Way]) -> Way:
        """The path whose headings deviate least from those of the states on it."""
        if len(paths) == 1:
            return paths[0]
        deviations = [self._deviation(path) for path in paths]
        return paths[int(np.argmin(deviations))]

    def _deviation(self, path: Way) -> float:
        lanelets = [self.network.lanelets[lanelet] for lanelet in path if lanelet != _OPEN]
        line = np.concatenate([lanelet.centre for lanelet in lanelets])
        line = smoothed(line, ALIGN_EXTEND_M, ALIGN_STEP_M)
        frame = CurvilinearFrame.along(_prolonged(line, 3))
        squares = []
        for lanelet in lanelets:
            for step in (i for i, held in enumerate(self.held) if lanelet.id in held):
                place = frame.project(float(self.trajectory.x_m[step]), float(self.trajectory.y_m[step]))
                if place is not None:
                    turn = wrap_rad(float(self.trajectory.yaw_rad[step]) - frame.heading(place[0]))
                    squares.append(turn * turn)
        return float(np.mean(squares)) if squares else float("inf")


def _prolonged(line: Floats, pieces: int) -> Floats:
    """A line with so many more points at both ends, in its end segments' directions and lengths."""
    more = np.arange(1.0, pieces + 1.0)[:, None]
    return np.concatenate((line[0] + more[::-1] * (line[0] - line[1]), line, line[-1] + more * (line[-1] - line[-2])))
