"""The verdict on a drive that no regulation's rules apply to: nobody was run into and the lane was kept."""

from __future__ import annotations

from motion.rollout import Rollout
from planning.metrics.corridor import LaneCorridor
from planning.metrics.lane_view import lane_view
from planning.metrics.result import Verdict, decide
from planning.metrics.table import evaluate

DECISIVE = ("collision", "lane_departure")


def verdict(rollout: Rollout, corridor: LaneCorridor) -> Verdict:
    """Judge a drive in the ego's lane; the other metrics inform. A drive without the stack is no evidence and fails."""
    if not rollout.engaged.any():
        return Verdict(False, "the stack never took over, so there is nothing to judge", None, ())
    return decide(evaluate(lane_view(rollout, corridor)), DECISIVE)
