"""A drive with what several sub-scores derive from it, computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats
from planning.metrics.nuplan.drive import Drive, LaneObject
from planning.metrics.nuplan.lane_state import LaneState, lane_state
from planning.metrics.result import MetricResult


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """`centre_m` (T, 2), `corners_m` (T, 4, 2), `speed_mps` (T,) of the ego; `bearing_rad` (T, N) of the tracks.

    The bearing is the angle at the rear axle between the ego's heading and a track's centre, in [0, pi].
    """

    drive: Drive
    lanes: LaneState
    centre_m: Floats
    corners_m: Floats
    speed_mps: Floats
    bearing_rad: Floats

    def first_object(self, step: int) -> LaneObject | None:
        """The first lane object of the ego's centre."""
        held = self.lanes.centre[step]
        return self.drive.roads.objects[held[0]] if held else None

    def result(self, step: int | None, name: str, value: float, cause: str) -> MetricResult:
        """A sub-score in [0, 1]; it passes where nothing is lost. `step` says when and where, None where nothing
        can."""
        if step is None:
            return MetricResult(name, value >= 1.0, value, "", 1.0, cause)
        x_m, y_m = (float(v) for v in self.centre_m[step])
        return MetricResult(name, value >= 1.0, value, "", 1.0, cause, self.drive.t_s(step), x_m, y_m)

    def place(self, step: int) -> str:
        """Time of a step in words."""
        return f"at t = {self.drive.t_s(step):.1f} s"


def view_of(drive: Drive) -> View:
    """Derive the view of a drive."""
    return View(
        drive, lane_state(drive), drive.ego.centres(drive.shape), drive.corners(), drive.speed_mps, _bearings(drive)
    )


def _bearings(drive: Drive) -> Floats:
    """Angle to each track; clipped where rounding gives a cosine beyond 1, where the reference has no number.

    A track centred on the rear axle itself has no direction and counts as ahead.
    """
    ego, tracks = drive.ego, drive.tracks
    dx, dy = tracks.x_m - ego.x_m[:, None], tracks.y_m - ego.y_m[:, None]
    distance = np.hypot(dx, dy)
    along = dx * np.cos(ego.yaw_rad)[:, None] + dy * np.sin(ego.yaw_rad)[:, None]
    cosine = np.divide(along, distance, out=np.ones_like(along), where=distance > 0.0)
    return np.arccos(np.clip(cosine, -1.0, 1.0))
