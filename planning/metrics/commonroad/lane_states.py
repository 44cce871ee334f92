"""A trajectory in the coordinates of the lanelets that it follows: where along, how far aside, how turned, how close.

Lanelets in a row share one coordinate system; on a lane change the next one takes over once its centre line is nearer.
Smoothing, differences and the gap's definition are those of the reference's route matcher.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import savgol_filter

from geometry.angles import Floats, wrap_rad
from geometry.errors import SceneError
from maps.curvilinear import CurvilinearFrame
from maps.lanelets import Lanelet
from motion.car_trajectory import CarTrajectory
from planning.metrics.commonroad.lanelet_route import LaneletNetwork, frame_of, joined_centre
from planning.metrics.commonroad.surroundings import Surroundings

SMOOTHING_STATES = 13
JUMP_M = 1.0
"""A longer unpredicted step along the lane is a change of coordinates, not a motion."""
WINDOW_M = 100.0
LANE_M = 2.8
"""Others within this lateral difference are in the ego's lane."""
SAME_TURN_RAD = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class LaneStates:
    """Arrays of shape (T,) in lane coordinates.

    `lon_m` along the lanelets (smoothed), `lat_m` aside (left positive), `turn_rad` the heading against them,
    `lon_jerk_mps3` is the third difference of `lon_m`; `gap_m` from the ego's disc to the nearest centre ahead in the
    lane, infinite where there is none.
    """

    lon_m: Floats
    lat_m: Floats
    turn_rad: Floats
    lon_jerk_mps3: Floats
    gap_m: Floats


@dataclass(frozen=True, slots=True)
class _Place:
    """A state in the frame `frame`: raw arc length, offset, turn, and arc length over all frames."""

    frame: int
    s_m: float
    d_m: float
    turn_rad: float
    total_m: float


def lane_states(
    network: LaneletNetwork, trajectory: CarTrajectory, route: Sequence[int], surroundings: Surroundings
) -> LaneStates:
    """The trajectory along a route of `lanelet_route`.

    Raises:
        SceneError: the route is empty, or a state has no coordinates in it.
    """
    if not route:
        raise SceneError("the trajectory touches no lanelet, so that it has no lane coordinates")
    sections = _sections(network, route)
    frames = [frame_of(section) for section in sections]
    lengths = [_end_of(frame, section) for frame, section in zip(frames, sections, strict=True)]
    places = _places(trajectory, frames, lengths)
    raw = np.array([place.total_m for place in places])
    lon = _smooth(_without_jumps(raw, float(trajectory.speed_mps[0]), trajectory.dt_s))
    jerk = lon
    for _ in range(3):
        jerk = np.gradient(jerk, trajectory.dt_s)
    gaps = [_gap(frames[place.frame], trajectory, surroundings, i) for i, place in enumerate(places)]
    return LaneStates(
        lon, np.array([place.d_m for place in places]), np.array([place.turn_rad for place in places]), jerk,
        np.array(gaps),
    )  # fmt: skip


def _sections(network: LaneletNetwork, route: Sequence[int]) -> list[list[Lanelet]]:
    """The route cut where it changes lanes."""
    sections = [[network.lanelets[route[0]]]]
    for lanelet in route[1:]:
        following = network.lanelets[lanelet]
        if lanelet in sections[-1][-1].successors:
            sections[-1].append(following)
        else:
            sections.append([following])
    return sections


def _end_of(frame: CurvilinearFrame, section: Sequence[Lanelet]) -> float:
    x, y = (float(v) for v in joined_centre(section)[-1])
    place = frame.project(x, y)
    return frame.s_m[-1] if place is None else place[0]


def _places(trajectory: CarTrajectory, frames: Sequence[CurvilinearFrame], lengths: Sequence[float]) -> list[_Place]:
    places: list[_Place] = []
    present, shift, turned_at = 0, 0.0, None
    against = False
    for x, y, yaw in zip(trajectory.x_m, trajectory.y_m, trajectory.yaw_rad, strict=True):
        here = _project(frames, present, float(x), float(y), float(yaw))
        after = _project(frames, present + 1, float(x), float(y), float(yaw))
        if after is not None and (here is None or _nearer(after, here)):
            if against and turned_at is not None:
                shift += turned_at - (after[0] if here is None else here[0])
                turned_at = turned_at if here is None else lengths[present + 1]
            else:
                shift += lengths[present] if here is None else here[0] - after[0]
            present, here = present + 1, after
        if here is None:
            raise SceneError(f"the trajectory leaves its lanelets near ({x:.1f}, {y:.1f})")
        s, d, turn = here
        against = abs(turn) > 0.5 * math.pi
        if against and turned_at is None:
            turned_at = s
            shift += s
        elif not against:
            turned_at = None
        total = s + shift if turned_at is None else shift + turned_at - s
        places.append(_Place(present, s, d, turn, total))
    return places


def _project(
    frames: Sequence[CurvilinearFrame], index: int, x_m: float, y_m: float, yaw_rad: float
) -> tuple[float, float, float] | None:
    """Arc length, offset and turn in a frame; None where there is no such frame or place."""
    place = frames[index].project(x_m, y_m) if index < len(frames) else None
    return None if place is None else (*place, wrap_rad(yaw_rad - frames[index].heading(place[0])))


def _nearer(after: tuple[float, float, float], here: tuple[float, float, float]) -> bool:
    turns_more = wrap_rad(abs(after[2]) - abs(here[2]))
    return abs(after[1]) < abs(here[1]) and turns_more < SAME_TURN_RAD


def _without_jumps(position_m: Floats, speed_mps: float, dt_s: float) -> Floats:
    """Positions with every step that the last speed does not explain replaced by that speed's."""
    out, removed = position_m.copy(), 0.0
    for i in range(len(out) - 1):
        predicted = position_m[i] + speed_mps * dt_s
        if abs(position_m[i + 1] - predicted) > JUMP_M:
            out[i + 1] = out[i] + speed_mps * dt_s
            removed += predicted - position_m[i + 1]
        else:
            out[i + 1] = position_m[i + 1] + removed
            speed_mps = float(position_m[i + 1] - position_m[i]) / dt_s
    return out


def _smooth(series: Floats) -> Floats:
    """Savitzky-Golay of order 3 over at most 11 states, or two thirds of the series."""
    window = min(math.floor(len(series) / 1.5), SMOOTHING_STATES)
    window -= window % 2 + 1
    return np.asarray(savgol_filter(series, window, 3)) if window > 4 else series


def _gap(frame: CurvilinearFrame, trajectory: CarTrajectory, surroundings: Surroundings, index: int) -> float:
    x, y = float(trajectory.x_m[index]), float(trajectory.y_m[index])
    centres = surroundings.at(int(trajectory.time_step[index]))
    near = centres[np.all(np.abs(centres - (x, y)) <= WINDOW_M, axis=1)]
    ego = frame.project(x, y)
    if ego is None:
        return math.inf
    gaps = [math.inf]
    for other_x, other_y in near:
        other = frame.project(float(other_x), float(other_y))
        if other is not None and other[0] > ego[0] and abs(other[1] - ego[1]) < LANE_M:
            gaps.append(other[0] - ego[0] - trajectory.radius_m)
    return min(gaps)
