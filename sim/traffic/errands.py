"""Where vehicles are going: each has a goal and the lanes to it; at the goal it has another one.

Which goal comes next follows from the vehicle's number and how many lanes it has driven. Cyclists keep to roads that
are not too fast for them, and to the right of the lane.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from bus.messages import EntityKind
from sim.traffic.roads import Roads
from sim.traffic.vehicles import Car

CYCLE_LENGTH_M, CYCLE_WIDTH_M = 1.8, 0.6
FASTEST_ROAD_MPS = 17.0
"""No cyclist rides where cars drive faster than this (about 60 km/h)."""
FROM_EDGE_M = 0.9
"""So far from the right edge of the lane they ride."""
LEFT_LANES = 3
"""A new goal is chosen while so many lanes are left, so that the way ahead is known."""


def may_ride(lane: int, roads: Roads) -> bool:
    """Whether a lane is for cyclists too."""
    return 0.0 < roads.limit_mps[lane] <= FASTEST_ROAD_MPS and not roads.ends[lane]


def with_errand(car: Car, roads: Roads) -> Car:
    """Who is about to arrive is given the next goal; where no way leads on, the vehicle leaves the map at its end."""
    if len(car.route) >= LEFT_LANES:
        return car
    last = car.route[-1] if car.route else car.lane
    more = _way_to_goal(last, car.number + car.hops, roads, car.kind is EntityKind.BICYCLE)
    return replace(car, route=(*car.route, *more)) if more else car


def _way_to_goal(lane: int, choice: int, roads: Roads, riding: bool) -> tuple[int, ...]:
    """The fewest lanes to a goal among all that can be driven to; empty where none can."""
    before: dict[int, int] = {}
    queue, reached = deque([lane]), []
    while queue:
        here = queue.popleft()
        for way in roads.ways_on[here]:
            if way not in before and (not riding or may_ride(way, roads)):
                before[way] = here
                queue.append(way)
                if not roads.inside[way]:
                    reached.append(way)
    if not reached:
        return ()
    lanes = [reached[choice * 7919 % len(reached)]]
    while before[lanes[-1]] != lane:
        lanes.append(before[lanes[-1]])
    return tuple(lanes[::-1])


def offset_m(car: Car, roads: Roads) -> float:
    """How far beside the lane's centre a vehicle drives (to the left is positive)."""
    if car.kind is not EntityKind.BICYCLE:
        return 0.0
    rows = roads.lane_map.rows(car.lane)
    width = float(np.interp(car.s_m, roads.lane_map.s_m[rows], roads.lane_map.widths_m(car.lane)))
    return -max(0.5 * width - FROM_EDGE_M, 0.0)
