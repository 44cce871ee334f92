"""Recorded traffic that is replayed, or reacts once the ego has left its own log.

Replayed: everybody is where the record says. Reactive: from the moment at which the ego has departed from its log,
every vehicle drives on along its recorded path with the Intelligent Driver Model, as fast as it was recorded at most,
and keeps its distance from whoever is in its way, the ego included. People on foot go on as recorded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bus.messages import EntityKind
from geometry.angles import Floats
from geometry.polyline import Polyline
from motion.car_following import idm_acceleration
from sim.scenarios.recorded.log import Track
from sim.world import Drive, Setpoints

DEPARTED_M = 2.0
"""So far from where its log has it, the ego has departed from it (nuPlan compares positions the same way)."""

_REACTS = (EntityKind.CAR, EntityKind.TRUCK, EntityKind.BUS, EntityKind.VAN, EntityKind.MOTORCYCLE, EntityKind.BICYCLE)
_HEADWAY_S, _MIN_GAP_M, _ACCELERATION_MPS2, _DECELERATION_MPS2, _EXPONENT = 1.4, 2.0, 1.5, 2.0, 4.0
_HARDEST_MPS2 = 8.0
_LOOK_M = 60.0
_SIDE_M = 0.2
_STEP_S = 0.1
"""How often drivers look around; in between they keep their acceleration."""
_SHORTEST_PATH_M = 2.0


@dataclass(frozen=True, slots=True)
class Mover:
    """A vehicle that has left its record: arc length on its recorded path, speed and acceleration."""

    s_m: float
    speed_mps: float
    acceleration_mps2: float


@dataclass(frozen=True, slots=True)
class Movers:
    """All that drive by themselves, by the index of their track; empty while everybody follows the record."""

    by_track: tuple[tuple[int, Mover], ...] = ()
    decided_s: float = -math.inf


@dataclass(frozen=True, slots=True)
class Box:
    """Somebody else in a driver's way: box centre, heading, size and speed."""

    x_m: float
    y_m: float
    yaw_rad: float
    length_m: float
    width_m: float
    speed_mps: float


def depart(tracks: Sequence[Track], t_s: float) -> Movers:
    """Everybody who can drive goes on from where the record has it now."""
    found = []
    for index, track in enumerate(tracks):
        if track.present(t_s) and track.shape.kind in _REACTS and (path := path_of(track)) is not None:
            x, y, _, speed = track.at(t_s)
            found.append((index, Mover(float(path.project(np.array([[x, y]]))[0][0]), speed, 0.0)))
    return Movers(tuple(found), -math.inf)


def path_of(track: Track) -> Polyline | None:
    """The recorded way, None for who hardly moved. It goes on straight where the record ends."""
    steps = np.hypot(np.diff(track.x_m), np.diff(track.y_m))
    keep = [0]
    for i in range(1, len(track.x_m)):
        if math.dist((track.x_m[i], track.y_m[i]), (track.x_m[keep[-1]], track.y_m[keep[-1]])) > 0.5:
            keep.append(i)
    if float(steps.sum()) < _SHORTEST_PATH_M or len(keep) < 2:
        return None
    points = np.stack((track.x_m[keep], track.y_m[keep]), axis=-1)
    last = points[-1] - points[-2]
    beyond = points[-1] + 200.0 * last / np.hypot(*last)
    return Polyline.through(np.vstack((points, beyond)))


@dataclass(slots=True)
class RecordedTraffic:
    """Fills the setpoints of recorded road users, whose columns begin at `first_column`."""

    tracks: tuple[Track, ...]
    reactive: bool
    first_column: int = 1
    movers: Movers | None = None
    _paths: dict[int, Polyline] | None = None

    def step(self, setpoints: Setpoints, t_s: float, dt_s: float, ego: Box | None, departed: bool) -> None:
        """Where everybody is at `t_s`, `dt_s` after the step before."""
        if self.reactive and departed and self.movers is None:
            self.movers = depart(self.tracks, t_s - dt_s)
            self._paths = {i: path for i, t in enumerate(self.tracks) if (path := path_of(t)) is not None}
        if self.movers is not None:
            self._drive(t_s, dt_s, ego)
        driven = dict(self.movers.by_track) if self.movers is not None else {}
        for index, track in enumerate(self.tracks):
            column = self.first_column + index
            if index in driven:
                assert self._paths is not None
                mover, path = driven[index], self._paths[index]
                x, y = (float(v) for v in path.position(np.array([mover.s_m]))[0])
                _place(
                    setpoints, column, (x, y, float(path.heading(mover.s_m)), mover.speed_mps), mover.acceleration_mps2
                )
            elif track.present(t_s):
                _place(setpoints, column, track.at(t_s), track.acceleration(t_s))

    def _drive(self, t_s: float, dt_s: float, ego: Box | None) -> None:
        assert self.movers is not None
        assert self._paths is not None
        movers = self.movers
        if t_s - movers.decided_s >= _STEP_S - 1e-9:
            boxes = self._boxes(t_s, ego)
            decided = tuple((index, self._decided(index, mover, boxes)) for index, mover in movers.by_track)
            movers = Movers(decided, t_s)
        moved = tuple((index, _moved(mover, dt_s)) for index, mover in movers.by_track)
        self.movers = replace(movers, by_track=moved)

    def _boxes(self, t_s: float, ego: Box | None) -> list[tuple[int, Box]]:
        assert self.movers is not None
        assert self._paths is not None
        boxes = [] if ego is None else [(-1, ego)]
        driven = dict(self.movers.by_track)
        for index, track in enumerate(self.tracks):
            shape = track.shape
            if index in driven:
                path, mover = self._paths[index], driven[index]
                x, y = (float(v) for v in path.position(np.array([mover.s_m]))[0])
                place = (x, y, float(path.heading(mover.s_m)), mover.speed_mps)
            elif track.present(t_s):
                place = track.at(t_s)
            else:
                continue
            boxes.append((index, Box(*place[:3], shape.length_m, shape.width_m, place[3])))
        return boxes

    def _decided(self, index: int, mover: Mover, boxes: Sequence[tuple[int, Box]]) -> Mover:
        """The driver's new acceleration: IDM behind the nearest one in its way."""
        assert self._paths is not None
        track, path = self.tracks[index], self._paths[index]
        gap, lead_mps = _lead(path, mover, track, [box for other, box in boxes if other != index])
        wanted = max(float(track.speed_mps.max()), 3.0)
        acceleration = float(idm_acceleration(
            mover.speed_mps, wanted, gap, lead_mps, _HEADWAY_S, _MIN_GAP_M, _ACCELERATION_MPS2, _DECELERATION_MPS2,
            _EXPONENT,
        ))  # fmt: skip
        return replace(mover, acceleration_mps2=max(acceleration, -_HARDEST_MPS2))


def _lead(path: Polyline, mover: Mover, track: Track, boxes: Sequence[Box]) -> tuple[float, float]:
    """Gap to, and speed along the path of, the first one whose box reaches into the driver's way."""
    if not boxes:
        return math.inf, 0.0
    window, begin_m = path.window(mover.s_m - 5.0, mover.s_m + _LOOK_M)
    s, d = window.project(np.array([(box.x_m, box.y_m) for box in boxes]))
    turn = np.array([box.yaw_rad for box in boxes]) - window.heading(s)
    length, width = (np.array([getattr(box, name) for box in boxes]) for name in ("length_m", "width_m"))
    reach_along = 0.5 * (length * np.abs(np.cos(turn)) + width * np.abs(np.sin(turn)))
    reach_aside = 0.5 * (length * np.abs(np.sin(turn)) + width * np.abs(np.cos(turn)))
    ahead: Floats = begin_m + s - mover.s_m
    in_way = (np.abs(d) < reach_aside + 0.5 * track.shape.width_m + _SIDE_M) & (ahead > 0.5) & (ahead < _LOOK_M)
    if not in_way.any():
        return math.inf, 0.0
    gaps = np.where(in_way, ahead - reach_along - 0.5 * track.shape.length_m, np.inf)
    nearest = int(np.argmin(gaps))
    return float(max(gaps[nearest], 0.05)), float(boxes[nearest].speed_mps * np.cos(turn[nearest]))


def _moved(mover: Mover, dt_s: float) -> Mover:
    acceleration = max(mover.acceleration_mps2, -mover.speed_mps / dt_s) if dt_s > 0.0 else 0.0
    moved_m = mover.speed_mps * dt_s + 0.5 * acceleration * dt_s * dt_s
    return replace(mover, s_m=mover.s_m + moved_m, speed_mps=max(mover.speed_mps + acceleration * dt_s, 0.0))


def _place(setpoints: Setpoints, column: int, state: tuple[float, float, float, float], acceleration: float) -> None:
    setpoints.drive[0, column] = Drive.POSE
    setpoints.x_m[0, column], setpoints.y_m[0, column], setpoints.yaw_rad[0, column] = state[:3]
    setpoints.speed_mps[0, column] = state[3]
    setpoints.acceleration_mps2[0, column] = acceleration
