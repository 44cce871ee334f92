"""The verdict of UN Regulation 157 (automated lane keeping) on a drive.

A drive fails on (a) a collision that had to be avoided, or one harder than the careful driver's, (b) crossing a lane
mark, (c) a following distance not restored in time or restored harshly, (d) emergency braking without need, (e)
hindering others. The modules named below define each exactly.
"""

from __future__ import annotations

from motion.rollout import Rollout
from planning.metrics.corridor import LaneCorridor
from planning.metrics.lane_view import lane_view
from planning.metrics.result import Verdict, decide
from planning.metrics.table import evaluate

DECISIVE = ("avoidable_collision", "lane_departure", "following", "demand", "hindering")


def verdict(rollout: Rollout, corridor: LaneCorridor) -> Verdict:
    """Judge a drive in the ego's lane. A drive in which the stack never took over is no evidence and fails."""
    if not rollout.engaged.any():
        return Verdict(False, "the stack never took over, so there is nothing to judge", None, ())
    return decide(evaluate(lane_view(rollout, corridor)), DECISIVE)
