"""Drives made by formula: a straight road of two lanes along x, an ego that keeps its speed, tracks by formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from planning.metrics.nuplan.drive import (
    REFERENCE_SHAPE,
    STATIC,
    Drive,
    EgoMotion,
    LaneObject,
    RoadMap,
    Trace,
    TrackSet,
)

DT_S = 0.1
STEPS = 81


def box(x0, y0, x1, y1):
    return shapely.box(x0, y0, x1, y1)


def straight_roads(limit_mps=15.0):
    """Lane `right` (y -2..2), lane `left` in the same direction (y 2..6), a shoulder of 1 m to the right."""
    lanes = tuple(
        LaneObject(
            name, True, box(-50, y - 2, 500, y + 2), shapely.LineString([(-50, y), (500, y)]), limit_mps, "b", (), ()
        )
        for name, y in (("right", 0.0), ("left", 4.0))
    )
    return RoadMap(lanes, {"b": box(-50, -2, 500, 6)}, (), (box(-50, -3, 500, 6),))


def trace(x, y=0.0, yaw=0.0):
    x = np.asarray(x, dtype=float)
    times = 7_000_000 + np.round(np.arange(len(x)) * DT_S * 1e6).astype(np.int64)
    return Trace(times, x, np.broadcast_to(np.asarray(y, float), x.shape).copy(), np.broadcast_to(yaw, x.shape).copy())


def motion(speed, ax=0.0, ay=0.0):
    speed = np.asarray(speed, dtype=float)
    columns = [np.broadcast_to(np.asarray(v, float), speed.shape).copy() for v in (0.0, ax, ay, 0.0, 0.0)]
    return EgoMotion(speed, *columns)


def track_set(*tracks, steps=STEPS):
    """Each track: (kind, x (T,) or number, y, yaw, speed); NaN where absent."""
    columns = [np.full((steps, len(tracks)), np.nan) for _ in range(4)]
    for number, one in enumerate(tracks):
        for column, values in zip(columns, one[1:], strict=True):
            column[:, number] = values
    kinds = tuple(t[0] for t in tracks)
    speed = np.where(np.array([k in STATIC for k in kinds], dtype=bool), 0.0, columns[3])
    sizes = np.array([(4.0, 2.0) if k == "vehicle" else (0.6, 0.6) for k in kinds]).reshape(-1, 2)
    return TrackSet(
        tuple(f"t{i}" for i in range(len(tracks))), kinds, sizes[:, 0], sizes[:, 1], *columns[:3], speed,
        np.isfinite(columns[0]),
    )  # fmt: skip


class Build:
    """The builder that tests get as the fixture `build`."""

    dt_s, steps = DT_S, STEPS
    t_s = np.arange(STEPS) * DT_S
    trace = staticmethod(trace)
    motion = staticmethod(motion)
    roads = staticmethod(straight_roads)
    tracks = staticmethod(track_set)
    replace = staticmethod(replace)

    @staticmethod
    def cruise(speed=10.0, *tracks, y=0.0, yaw=0.0, roads=None, expert_speed=None):
        x = speed * np.arange(STEPS) * DT_S
        expert = trace((speed if expert_speed is None else expert_speed) * np.arange(STEPS) * DT_S)
        return Drive(
            REFERENCE_SHAPE, trace(x, y, yaw), motion(np.full(STEPS, abs(speed) if yaw else speed)),
            track_set(*tracks), roads or straight_roads(), expert,
        )  # fmt: skip


@pytest.fixture
def build():
    return Build
