"""A shuttle's stops: where to stand next, and when the doors have been open for long enough.

In: a scene whose mission has `halts`, the arc length of the front bumper on the route, what has been served. Out: the
place that the front bumper must not pass, if a stop is still to be served, and the memory of the next cycle.
"""

from __future__ import annotations

from dataclasses import dataclass

from planning.right_of_way import RuleStop
from planning.scene import Scene

AT_STOP_M = 2.0
"""So near to its stop the ego's middle has to stand for the doors to open."""
SHORT_M = 2.0
"""So far short of a place that it must not pass the ego likes to stand."""
STANDING_MPS = 0.1


@dataclass(frozen=True, slots=True)
class Calls:
    """How many of the mission's stops have been served, and how long the doors have been open at the next one."""

    served: int = 0
    open_s: float = 0.0


def next_call(scene: Scene, front_m: float, calls: Calls) -> tuple[RuleStop | None, Calls]:
    """The next stop as a place not to be passed (None: all are served), and what is known after this cycle."""
    halts = scene.context.mission.halts
    if calls.served >= len(halts):
        return None, calls
    halt = halts[calls.served]
    stop_m = halt.s_m + 0.5 * scene.context.vehicle.length_m
    stands = scene.ego.speed_mps < STANDING_MPS and abs(stop_m - front_m) <= AT_STOP_M
    open_s = calls.open_s + scene.context.dt_s if stands else calls.open_s
    if open_s >= halt.doors_open_s:
        return next_call(scene, front_m, Calls(calls.served + 1))
    said = f"doors open for {halt.doors_open_s - open_s:.0f} s more" if stands else "a stop to be served"
    return RuleStop(stop_m + SHORT_M, f"{said}, {calls.served + 1} of {len(halts)}"), Calls(calls.served, open_s)
