"""SynchronizeAction: an entity changes its speed so that it is at its target when its master is at its own.

The speed over time is a straight line or two lines of equal and opposite slope. With distance d, time T, the present
speed v0 and the final speed v1 the slope a of two lines solves T^2 a^2 - 4 (d - m T) a - (v1 - v0)^2 = 0 with
m = (v0 + v1) / 2 (equal areas below the lines); it is computed anew in every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from geometry.errors import InputError
from sim.scenarios.openscenario.action import LONGITUDINAL, Action, Running, set_speed
from sim.scenarios.openscenario.cast import Cast
from sim.scenarios.openscenario.distances import to_target_m
from sim.scenarios.openscenario.mover import Mover
from sim.scenarios.openscenario.positions import read_position
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.openscenario.spots import Spot, Where

TOLERANCE_M = 1.0
"""How close counts as there, where the file does not say."""
ON_LINE_MPS = 0.1
"""Closer than this to the straight line of speeds, the line is followed."""


@dataclass(frozen=True, slots=True)
class _FinalSpeed:
    """The speed to arrive with, and how long before (s) or how far before (m) it shall be reached."""

    speed: Callable[[Cast], float]
    steady_s: float = 0.0
    steady_m: float = 0.0

    @property
    def steady(self) -> bool:
        return self.steady_s > 0.0 or self.steady_m > 0.0


@dataclass(slots=True)
class _Synchronize:
    """`phase`: `shape` (two lines), `line`, `wait` (standing until the line begins), `steady`."""

    master: Mover
    master_at: Spot
    own_at: Spot
    master_tolerance_m: float
    tolerance_m: float
    final: _FinalSpeed | None
    phase: str = "shape"

    def step(self, cast: Cast, mover: Mover, t_s: float, dt_s: float) -> bool:  # noqa: ARG002
        master_m, own_m = to_target_m(cast, self.master, self.master_at), to_target_m(cast, mover, self.own_at)
        if master_m <= self.master_tolerance_m or own_m <= self.tolerance_m:
            if self.final is not None:
                set_speed(mover, max(self.final.speed(cast), 0.0), dt_s)
            return True
        if abs(self.master.speed_mps) < 1e-6:
            return False
        time_s = master_m / abs(self.master.speed_mps)
        if self.final is None:
            set_speed(mover, own_m / time_s, dt_s)
            return False
        final_mps = max(self.final.speed(cast), 0.0)
        set_speed(mover, self._speed(mover.speed_mps, final_mps, own_m, time_s, dt_s), dt_s)
        return False

    def _speed(self, now_mps: float, final_mps: float, own_m: float, time_s: float, dt_s: float) -> float:
        """The speed for this step; changes the phase."""
        assert self.final is not None
        if self.phase != "steady" and self.final.steady:
            steady_s = self.final.steady_s or self.final.steady_m / max(final_mps, 1e-6)
            own_m, time_s = own_m - (self.final.steady_m or final_mps * self.final.steady_s), time_s - steady_s
            if time_s < 1e-6 or own_m < 1e-6:
                self.phase = "steady"
        if self.phase == "steady":
            return final_mps
        line_mps = 2.0 * own_m / time_s - final_mps
        if self.phase == "wait":
            self.phase = "line" if line_mps > 0.0 else "wait"
            return now_mps if self.phase == "line" else 0.0
        if self.phase == "shape" and abs(line_mps - now_mps) < ON_LINE_MPS:
            self.phase = "line"
        if self.phase == "line":
            return max(line_mps, 0.0)
        return self._two_lines(now_mps, final_mps, own_m, time_s, dt_s)

    def _two_lines(self, now_mps: float, final_mps: float, own_m: float, time_s: float, dt_s: float) -> float:
        extra_m = own_m - 0.5 * (now_mps + final_mps) * time_s
        root = math.sqrt(4.0 * extra_m**2 + (time_s * (final_mps - now_mps)) ** 2)
        slope = (2.0 * extra_m + math.copysign(root, extra_m)) / time_s**2
        turning_mps = 0.5 * (now_mps + final_mps) + 0.5 * slope * time_s
        if turning_mps < 0.0:
            self.phase = "wait"
            return self._stop(now_mps, slope, dt_s)
        return max(now_mps + slope * dt_s, 0.0)

    def _stop(self, now_mps: float, slope: float, dt_s: float) -> float:
        """There is time to stand: brake to a stop, and go on shaping while still rolling."""
        slower = now_mps + slope * dt_s
        if slower > 0.0:
            self.phase = "shape"
        return max(slower, 0.0)


def synchronize(node: Node) -> Action:
    """`<SynchronizeAction>`."""
    node.allow("TargetPositionMaster", "TargetPosition", "FinalSpeed")
    name, place = node.text("masterEntityRef"), node.place
    wheres: tuple[Where, Where] = (
        read_position(node.child("TargetPositionMaster")),
        read_position(node.child("TargetPosition")),
    )
    tolerances = (
        node.number("targetToleranceMaster", TOLERANCE_M, least=0.0),
        node.number("targetTolerance", TOLERANCE_M, least=0.0),
    )
    final_node = node.find("FinalSpeed")
    read_final = None if final_node is None else _final(final_node, name)

    def start(cast: Cast, mover: Mover, _t_s: float) -> Running:
        master = cast.mover(name, place)
        if master is mover:
            raise InputError(f"{name} cannot be synchronized with itself", place)
        return _Synchronize(master, wheres[0](cast), wheres[1](cast), *tolerances, read_final)

    return Action("SynchronizeAction", LONGITUDINAL, start)


def _final(node: Node, master: str) -> _FinalSpeed:
    absolute = node.allow("AbsoluteSpeed", "RelativeSpeedToMaster").find("AbsoluteSpeed")
    if absolute is not None:
        speed_mps = absolute.number("value")
        return _FinalSpeed(lambda _cast: speed_mps, *_steady(absolute))
    relative = node.child("RelativeSpeedToMaster")
    value, place = relative.number("value"), relative.place
    factor = relative.choice("speedTargetValueType", ("delta", "factor"), "delta") == "factor"

    def speed(cast: Cast) -> float:
        base = cast.mover(master, place).speed_mps
        return base * value if factor else base + value

    return _FinalSpeed(speed, *_steady(relative))


def _steady(node: Node) -> tuple[float, float]:
    """Time and distance of the steady state before the target."""
    node.allow("TargetTimeSteadyState", "TargetDistanceSteadyState")
    by_time, by_distance = node.find("TargetTimeSteadyState"), node.find("TargetDistanceSteadyState")
    return (
        0.0 if by_time is None else by_time.number("time", least=0.0),
        0.0 if by_distance is None else by_distance.number("distance", least=0.0),
    )
