"""Distance to the vehicle in front (UN R157, 5.2.3.3).

While the ego moves, the gap to the lead is at least max(2 m, v * t_front(v)). A shortfall that another road user causes
by cutting in or braking is allowed for a while, if it is made good without harsh braking.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats
from planning.metrics.counterfactual import emergencies
from planning.metrics.intervals import bridged, stretches
from planning.metrics.lane_view import LaneView, result_at
from planning.metrics.lead import Leads, entry, is_braking, leads
from planning.metrics.result import MetricResult

NAME = "following"

TABLE_KPH = (7.2, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 200.0)
TABLE_S = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 3.0)
"""Time gaps of 5.2.3.3; beyond 60 km/h the table's own line 1 + v / 100 goes on."""

MIN_GAP_M = 2.0
RESTORE_S = 5.0
"""A shortfall may last this long after its cause."""
HARSH_MPS2 = 3.5
"""Harder braking while a cut-in's shortfall is made good is harsh, unless contact could not be avoided with this."""
TOLERANCE_MPS2 = 0.05
TOLERANCE_M = 0.01
LEAD_BRAKES_MPS2 = 0.5
"""A lead that slows down more than this makes the gap shrink; the time to restore it runs from the end of that."""
STANDSTILL_MPS = 0.1
RULE_UP_TO_MPS = 60.0 / 3.6
"""The rule applies to drives with at most this set speed."""


def required_gap_m(speed_mps: Floats | float) -> Floats:
    """Smallest allowed gap [m] to the lead at a speed; same shape."""
    speed = np.asarray(speed_mps, dtype=np.float64)
    return np.maximum(MIN_GAP_M, speed * np.interp(speed * 3.6, TABLE_KPH, TABLE_S))


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A stretch of samples with too small a gap to one lead: longest unexcused time, when it ended, how all began."""

    first: int
    last: int
    column: int
    cut_in: bool
    unexcused_s: float
    worst: int


def compute(view: LaneView) -> MetricResult:
    """Longest unexcused time [s] with too small a gap; fails above 5 s, or when a gap is made good harshly."""
    if view.rollout.set_speed_mps > RULE_UP_TO_MPS + 0.1:
        cause = f"not applied: set speed {view.rollout.set_speed_mps * 3.6:.0f} km/h is above 60 km/h"
        return result_at(view, None, NAME, True, 0.0, "s", None, cause)
    ahead = leads(view)
    short = shortfalls(view, ahead)
    if not short:
        return result_at(view, None, NAME, True, 0.0, "s", RESTORE_S, "the gap to the lead was never too small")
    for shortfall in short:
        harsh = _harsh_index(view, shortfall)
        if harsh is not None:
            cause = (
                f"braked harder than {HARSH_MPS2} m/s^2 at t = {view.rollout.t_s[harsh]:.1f} s to restore the gap "
                f"after {view.shape(shortfall.column).name} cut in, though {HARSH_MPS2} m/s^2 would have sufficed"
            )
            return result_at(view, harsh, NAME, False, shortfall.unexcused_s, "s", RESTORE_S, cause)
    worst = max(short, key=lambda shortfall: shortfall.unexcused_s)
    passed = worst.unexcused_s <= RESTORE_S
    return result_at(view, worst.worst, NAME, passed, worst.unexcused_s, "s", RESTORE_S, _sentence(view, ahead, worst))


def shortfalls(view: LaneView, ahead: Leads) -> list[Shortfall]:
    """All stretches with too small a gap while the ego moves and is judged."""
    speed = view.rollout.ego.speed_mps
    small = view.judged & (speed > STANDSTILL_MPS) & (ahead.gap_m < required_gap_m(speed) - TOLERANCE_M)
    found = []
    for column in np.unique(ahead.column[small]):
        of_this = small & (ahead.column == column)
        for first, last in stretches(bridged(of_this, view.rollout.t_s, 0.5)):
            found.append(_shortfall(view, ahead, int(column), first, last))
    return sorted(found, key=lambda shortfall: shortfall.first)


def _shortfall(view: LaneView, ahead: Leads, column: int, first: int, last: int) -> Shortfall:
    t_s = view.rollout.t_s[first : last + 1]
    braking = is_braking(view, column, LEAD_BRAKES_MPS2)[first : last + 1]
    # The clock starts with the shortfall and again at each sample at which the lead still brakes.
    clock_s = np.maximum.accumulate(np.where(braking, t_s, t_s[0]))
    unexcused = t_s - clock_s
    worst = int(np.argmax(unexcused))
    came = entry(view, ahead.in_way, column, first)
    cut_in = came.sideways and view.rollout.t_s[first] - view.rollout.t_s[came.index] < RESTORE_S
    return Shortfall(first, last, column, bool(cut_in), float(unexcused[worst]), first + worst)


def _harsh_index(view: LaneView, shortfall: Shortfall) -> int | None:
    """Where braking to make good a cut-in's shortfall began to be harsh without need."""
    if not shortfall.cut_in:
        return None
    strong = np.zeros(len(view.judged), dtype=bool)
    part = slice(shortfall.first, shortfall.last + 1)
    strong[part] = view.rollout.ego.acceleration_mps2[part] < -HARSH_MPS2 - TOLERANCE_MPS2
    return next((i for i, emergency in emergencies(view, strong, HARSH_MPS2) if not emergency), None)


def _sentence(view: LaneView, ahead: Leads, worst: Shortfall) -> str:
    part = slice(worst.first, worst.last + 1)
    lack = required_gap_m(view.rollout.ego.speed_mps[part]) - ahead.gap_m[part]
    at = worst.first + int(np.argmax(np.where(np.isfinite(lack), lack, -np.inf)))
    return (
        f"gap {ahead.gap_m[at]:.1f} m to {view.shape(worst.column).name} below the required "
        f"{float(required_gap_m(view.rollout.ego.speed_mps[at])):.1f} m at t = {view.rollout.t_s[at]:.1f} s, "
        f"{'after it cut in, ' if worst.cut_in else ''}not restored for {worst.unexcused_s:.1f} s "
        f"(at most {RESTORE_S:.0f} s)"
    )
