"""Which rules a drive is judged by: the regulation that its scenario names, else the general ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from geometry.errors import InputError
from motion.rollout import Rollout
from planning.metrics import general, r157
from planning.metrics.corridor import LaneCorridor
from planning.metrics.result import Verdict

VERDICTS: Mapping[str, Callable[[Rollout, LaneCorridor], Verdict]] = {
    "un-r157": r157.verdict,
    "": general.verdict,
}


def judge(rollout: Rollout, corridor: LaneCorridor, regulation: str) -> Verdict:
    """Judge a drive by a regulation (`bus.messages.ScenarioInfo.regulation`).

    Raises:
        InputError: no rules are known by that name.
    """
    if regulation not in VERDICTS:
        known = ", ".join(repr(name) for name in VERDICTS)
        raise InputError(f"no rules for the regulation {regulation!r}; known are {known} (empty: the general rules)")
    return VERDICTS[regulation](rollout, corridor)
