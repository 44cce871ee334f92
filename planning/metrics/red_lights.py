"""Red lights run: the front bumper passes a stop line while its light shows red.

In: the ego's motion, its route, and the states of the lights over time. Out: a `MetricResult`; the value counts the
lights that were run. Yellow may be passed (Vienna Convention on Road Signs and Signals, article 23).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np

from bus.messages import LightState
from geometry.angles import Floats
from maps.lane_map import LaneMap
from maps.route import Route
from maps.route_rules import RouteLight, route_rules
from motion.rollout import Rollout
from planning.metrics.result import MetricResult

_RED = (LightState.RED, LightState.RED_YELLOW)
_BACK_M, _AHEAD_M = 10.0, 60.0
"""How far along the route the ego is looked for around its last place: a route may pass a place twice."""

LightStates = Sequence[tuple[float, Mapping[str, LightState]]]
"""Times [s], rising, and the states from then on."""


def red_lights(rollout: Rollout, route: Route, lane_map: LaneMap, states: LightStates) -> MetricResult:
    """All red lights that the stack ran; where the route has no lights the result passes and says so."""
    lights = route_rules(lane_map, route).lights
    if not lights:
        return MetricResult("red_light", True, 0.0, "", 0.0, "no lights on the way")
    front = _front_m(rollout, route)
    run = []
    for light in lights:
        passed = np.flatnonzero((front[:-1] <= light.stop_m) & (front[1:] > light.stop_m) & rollout.engaged[1:])
        rows = [int(k) + 1 for k in passed]
        run += [(k, light.signal_id) for k in rows if _state(states, float(rollout.t_s[k]), light) in _RED]
    if not run:
        return MetricResult("red_light", True, 0.0, "", 0.0, "no red light was run")
    row, signal = min(run)
    t_s = float(rollout.t_s[row])
    place = float(rollout.ego.x_m[row]), float(rollout.ego.y_m[row])
    cause = f"light {signal} was red when its stop line was passed at t = {t_s:.1f} s"
    return MetricResult("red_light", False, float(len(run)), "", 0.0, cause, t_s, *place)


def _state(states: LightStates, t_s: float, light: RouteLight) -> LightState:
    index = bisect_right(states, t_s, key=lambda entry: entry[0]) - 1
    return states[index][1].get(light.signal_id, LightState.OFF) if index >= 0 else LightState.OFF


def _front_m(rollout: Rollout, route: Route) -> Floats:
    """Arc length of the front bumper on the route at every sample, followed from the start on."""
    ego, shape = rollout.ego, rollout.cast[rollout.ego_id]
    ahead_m = shape.centre_x_m + 0.5 * shape.length_m
    points = np.stack((ego.x_m + ahead_m * np.cos(ego.yaw_rad), ego.y_m + ahead_m * np.sin(ego.yaw_rad)), axis=-1)
    front = np.empty(len(points))
    begin, end = 0.0, _AHEAD_M + _BACK_M
    for k in range(len(points)):
        window, start_m = route.path.window(begin, end)
        front[k] = start_m + float(window.project(points[k : k + 1])[0][0])
        begin, end = front[k] - _BACK_M, front[k] + _AHEAD_M
    return front
