"""Hard braking without need (UN R157, 5.3.1.1): a demand above 5 m/s^2 is an emergency manoeuvre."""

from __future__ import annotations

import numpy as np

from planning.metrics.counterfactual import emergencies
from planning.metrics.lane_view import LaneView, result_at
from planning.metrics.result import MetricResult

NAME = "demand"
EMERGENCY_MPS2 = 5.0
TOLERANCE_MPS2 = 0.01


def compute(view: LaneView) -> MetricResult:
    """Hardest demanded deceleration [m/s^2]; fails above 5 where 5 held from then would have avoided contact."""
    demand = np.where(view.judged, -view.rollout.demand_mps2, 0.0)
    hardest = int(np.argmax(demand))
    value = max(float(demand[hardest]), 0.0)
    strong = demand > EMERGENCY_MPS2 + TOLERANCE_MPS2
    manoeuvres = emergencies(view, strong, EMERGENCY_MPS2)
    needless = next((i for i, emergency in manoeuvres if not emergency), None)
    if needless is not None:
        cause = (
            f"demanded {demand[needless]:.1f} m/s^2 at t = {view.rollout.t_s[needless]:.1f} s, though "
            f"{EMERGENCY_MPS2} m/s^2 held from then would have avoided contact"
        )
        return result_at(view, needless, NAME, False, value, "m/s^2", EMERGENCY_MPS2, cause)
    if manoeuvres:
        cause = f"hardest demand {value:.1f} m/s^2 at t = {view.rollout.t_s[hardest]:.1f} s, in an emergency"
    else:
        cause = f"hardest demand {value:.1f} m/s^2, at most {EMERGENCY_MPS2} m/s^2"
    return result_at(view, hardest if value > 0.0 else None, NAME, True, value, "m/s^2", EMERGENCY_MPS2, cause)
