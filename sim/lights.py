"""Traffic lights by a fixed programme: each junction serves one axis after the other.

In: a lane map and a time. Out: the state of every light that vehicles obey. Approaches that face each other are green
together; whoever turns across yields. Times after the German guideline for light signals (RiLSA): 1 s red-yellow, 3 s
yellow at 50 km/h, then 2 s in which all are red.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from bus.messages import LightState
from geometry.angles import wrap_rad
from maps.lane_map import LaneMap
from maps.signal_meaning import is_traffic_light

_SAME_AXIS_RAD = math.radians(40.0)
_REACH_LANES = 3
"""A light belongs to the junction that follows within this many lanes."""


@dataclass(frozen=True, slots=True)
class LightTiming:
    """Lengths of the parts of a phase."""

    green_s: float = 12.0
    yellow_s: float = 3.0
    all_red_s: float = 2.0
    red_yellow_s: float = 1.0

    @property
    def phase_s(self) -> float:
        """From one phase's green to the next one's."""
        return self.green_s + self.yellow_s + self.all_red_s


@dataclass(frozen=True, slots=True)
class LightProgramme:
    """The phases of every junction: the ids of the lights that are green together, in order."""

    timing: LightTiming
    junctions: tuple[tuple[tuple[str, ...], ...], ...]


def programme_of(lane_map: LaneMap, timing: LightTiming = LightTiming()) -> LightProgramme:
    """The programme of a map; it has no junctions where the map has no lights."""
    axes: dict[str, list[tuple[float, list[str]]]] = defaultdict(list)
    for signal in lane_map.signals:
        if not is_traffic_light(signal) or not signal.lanes:
            continue
        lane = signal.lanes[0][0]
        yaw = float(lane_map.centre(lane).heading(lane_map.length_m(lane)))
        phases = axes[_junction_of(lane_map, lane, signal.id)]
        for axis, ids in phases:
            if abs(wrap_rad(2.0 * (yaw - axis))) < 2.0 * _SAME_AXIS_RAD:
                if signal.id not in ids:
                    ids.append(signal.id)
                break
        else:
            phases.append((yaw, [signal.id]))
    return LightProgramme(timing, tuple(tuple(tuple(ids) for _, ids in axes[name]) for name in sorted(axes)))


def _junction_of(lane_map: LaneMap, lane: int, alone: str) -> str:
    """The junction that a lane leads to; a light before none (at a crossing) is on its own."""
    for _ in range(_REACH_LANES):
        if lane_map.junction[lane]:
            return f"junction {lane_map.junction[lane]}"
        if not lane_map.successors[lane]:
            break
        lane = lane_map.successors[lane][0]
    return f"light {alone}"


def states_at(programme: LightProgramme, t_s: float) -> Mapping[str, LightState]:
    """The state of each light at a time from the start."""
    return {
        signal: _state(programme.timing, index, max(len(phases), 2), t_s)
        for phases in programme.junctions
        for index, ids in enumerate(phases)
        for signal in ids
    }


def _state(timing: LightTiming, index: int, phases: int, t_s: float) -> LightState:
    """Phase `index` of a cycle of so many; a light on its own has an empty phase beside it for those who cross."""
    cycle_s = phases * timing.phase_s
    since_green_s = math.fmod(t_s - index * timing.phase_s + phases * cycle_s, cycle_s)
    if since_green_s < timing.green_s:
        return LightState.GREEN
    if since_green_s < timing.green_s + timing.yellow_s:
        return LightState.YELLOW
    if since_green_s >= cycle_s - timing.red_yellow_s:
        return LightState.RED_YELLOW
    return LightState.RED
