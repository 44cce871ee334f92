"""Traffic that has been driven before the ego drives: recorded around a car on the ego's way, to be replayed.

In: the beginning of traffic and the ego's way. Out: tracks in `world`. In the rehearsal a car of the traffic drives the
ego's way, so that the others have left room for somebody there; in the replay they no longer look at anybody.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from geometry.angles import Floats, wrap_rad
from geometry.errors import SceneError
from maps.route import Route
from motion.rollout import EntityShape
from sim.lights import LightProgramme, states_at
from sim.scenarios.recorded.log import Track
from sim.scenarios.traffic_cast import cast_of, states_of
from sim.traffic.pavement import Pavement
from sim.traffic.roads import Roads
from sim.traffic.step import step
from sim.traffic.vehicles import Car, DriverSettings, Traffic

STEP_S = 0.1
LONGEST_S, SPARE_S = 240.0, 60.0
"""It lasts twice as long as the way takes at the wanted speed, and a minute; later nobody is there any more."""


def rehearse(
    traffic: Traffic, roads: Roads, pavement: Pavement, programme: LightProgramme, route: Route, start_m: float,
    speed_mps: float, start_mps: float,
) -> tuple[Track, ...]:  # fmt: skip
    """Tracks of all but the car that takes the ego's place; who leaves the map does not come back.

    Raises:
        SceneError: the ego's way changes lanes, which its stand-in cannot.
    """
    for lane, after in pairwise(route.lanes):
        if after not in roads.ways_on[lane]:
            raise SceneError("traffic cannot be replayed on a way with lane changes; choose other places")
    stand_in = Car(len(traffic.cars), route.lanes[0], start_m, start_mps, speed_mps, route=route.lanes[1:])
    shapes, settings, states = cast_of(traffic), DriverSettings(), []
    moving = replace(traffic, cars=(*traffic.cars, stand_in))
    lasts_s = min(2.0 * route.path.length_m / speed_mps + SPARE_S, LONGEST_S)
    for _ in range(round(lasts_s / STEP_S)):
        seen = replace(moving, cars=moving.cars[: len(traffic.cars)])
        states.append(states_of(seen, roads, pavement))
        moving = step(moving, roads, settings, None, STEP_S, states_at(programme, moving.t_s), pavement)
    table: Floats = np.stack(states)
    t_s: Floats = STEP_S * np.arange(len(states), dtype=np.float64)
    tracks = (_track(shape, t_s, table[:, n]) for n, shape in enumerate(shapes))
    return tuple(track for track in tracks if track is not None)


def _track(shape: EntityShape, t_s: Floats, states: Floats) -> Track | None:
    """The states (T, 5) until the first that is absent."""
    absent = np.flatnonzero(np.isnan(states[:, 0]))
    end = int(absent[0]) if len(absent) else len(states)
    if end == 0:
        return None
    x, y, yaw, speed, acceleration = (np.ascontiguousarray(column) for column in states[:end].T)
    return Track(shape, t_s[:end].copy(), x, y, wrap_rad(yaw), speed, acceleration)
