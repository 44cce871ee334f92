"""PDMS and EPDMS of one simulated proposal, each sub-score with time, place and cause.

PDMS  = NC * DAC * (5 EP + 5 TTC + 2 C) / 12
EPDMS = NC * DAC * DDC * TLC * (5 EP + 5 TTC + 2 LK + 2 HC + 2 EC) / 16
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.polyline import Polyline
from motion.bicycle import Vehicle
from planning.metrics.navsim.extended import (
    ASIDE_M,
    ASIDE_S,
    changed_mind,
    off_centre_step,
    red_light_step,
    uncomfortable_with_history,
)
from planning.metrics.navsim.scores import LEAST_PROGRESS_M, NEVER, SubScores
from planning.metrics.result import MetricResult


@dataclass(frozen=True, slots=True, eq=False)
class NavsimScore:
    """The score in [0, 1] and its parts, multiplied ones first."""

    total: float
    results: tuple[MetricResult, ...]

    def part(self, name: str) -> float:
        """The value of a sub-score, such as `NC`."""
        return next(result.value for result in self.results if result.name == name)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One proposal among those of `scores`: its number, its states (T, 8) and the time step.

    `reference_m` is progress times multiplied sub-scores of `pdm-closed` in the same scene.
    """

    scores: SubScores
    index: int
    states: Floats
    dt_s: float
    reference_m: float

    def result(self, name: str, value: float, step: int | None, cause: str) -> MetricResult:
        """A sub-score; without a step nothing can be pointed at."""
        if step is None or step == NEVER:
            return MetricResult(name, value >= 1.0, value, "", 1.0, cause)
        x_m, y_m = (float(v) for v in self.states[step, :2])
        at_s = step * self.dt_s
        return MetricResult(name, value >= 1.0, value, "", 1.0, f"{cause} at t = {at_s:.1f} s", at_s, x_m, y_m)


def pdms(judged: Judged) -> NavsimScore:
    """Predictive driver model score (NAVSIM v1)."""
    multiplied = float(judged.scores.no_collision[judged.index] * judged.scores.drivable_area[judged.index])
    progress = _progress(judged, multiplied, multiplied)
    comfort = _comfort(judged)
    parts = (_collision(judged), _drivable(judged), progress, _ttc(judged), comfort)
    total = multiplied * (5.0 * progress.value + 5.0 * parts[3].value + 2.0 * comfort.value) / 12.0
    return NavsimScore(total, parts)


@dataclass(frozen=True, slots=True, eq=False)
class ExtendedInputs:
    """What EPDMS needs besides: red areas, where the ego crosses junctions (T,), past (H, 8), plan before and its age.

    Without a plan before, there is no change of mind.
    """

    vehicle: Vehicle
    centre_line: Polyline
    red: Sequence[shapely.Geometry]
    crossing: NDArray[np.bool_]
    history: Floats
    previous: Floats | None
    previous_steps: int


def epdms(judged: Judged, extended: ExtendedInputs) -> NavsimScore:
    """Extended predictive driver model score (NAVSIM v2)."""
    states, dt_s = judged.states, judged.dt_s
    red = red_light_step(states, extended.vehicle, extended.red)
    light = judged.result(
        "TLC", 0.0 if red is not None else 1.0, red, "red light" if red is not None else "no red light"
    )
    gates = (_collision(judged), _drivable(judged), _direction(judged), light)
    multiplied = float(np.prod([gate.value for gate in gates]))
    aside = off_centre_step(states, extended.vehicle, extended.centre_line, extended.crossing, dt_s)
    off = f"more than {ASIDE_M} m off the centre for {ASIDE_S:.0f} s" if aside is not None else "kept to the centre"
    harsh = uncomfortable_with_history(states, extended.history, dt_s)
    change = None
    if extended.previous is not None:
        change = changed_mind(states, extended.previous, extended.previous_steps, dt_s)
    weighed = (
        _progress(judged, multiplied, 1.0),
        _ttc(judged),
        judged.result("LK", 0.0 if aside is not None else 1.0, aside, off),
        judged.result("HC", 0.0 if harsh else 1.0, None, harsh or "comfortable"),
        judged.result("EC", 0.0 if change else 1.0, None, change or "consistent with the plan before"),
    )
    weights = (5.0, 5.0, 2.0, 2.0, 2.0)
    sum_ = sum(weight * part.value for weight, part in zip(weights, weighed, strict=True))
    return NavsimScore(multiplied * sum_ / 16.0, (*gates, *weighed))


def _collision(judged: Judged) -> MetricResult:
    value, step = float(judged.scores.no_collision[judged.index]), int(judged.scores.collision_step[judged.index])
    who = int(judged.scores.hit[judged.index])
    cause = "no collision by own fault" if step == NEVER else f"collision with object {who} by own fault"
    return judged.result("NC", value, step, cause)


def _drivable(judged: Judged) -> MetricResult:
    value, step = float(judged.scores.drivable_area[judged.index]), int(judged.scores.drivable_step[judged.index])
    return judged.result("DAC", value, step, "on the road" if step == NEVER else "a corner leaves the road")


def _direction(judged: Judged) -> MetricResult:
    value, step = float(judged.scores.direction[judged.index]), int(judged.scores.direction_step[judged.index])
    return judged.result(
        "DDC", value, step, "on its route" if step == NEVER else "drives where its route does not lead"
    )


def _ttc(judged: Judged) -> MetricResult:
    value, step = float(judged.scores.time_to_collision[judged.index]), int(judged.scores.ttc_step[judged.index])
    return judged.result("TTC", value, step, "nobody near" if step == NEVER else "less than 1 s to a contact")


def _comfort(judged: Judged) -> MetricResult:
    value, step = float(judged.scores.comfort[judged.index]), int(judged.scores.comfort_step[judged.index])
    return judged.result("C", value, step, "comfortable" if step == NEVER else "a comfort bound is exceeded")


def _progress(judged: Judged, multiplied: float, share: float) -> MetricResult:
    """EP: own progress (times `share`) over the better of the reference's and the own, each times its gates."""
    own = max(float(judged.scores.progress_m[judged.index]), 0.0)
    best = max(own * multiplied, judged.reference_m)
    if best <= LEAST_PROGRESS_M:
        return judged.result("EP", 1.0, None, f"nobody gets further than {LEAST_PROGRESS_M:.0f} m here")
    value = min(max(own * share / best, 0.0), 1.0)
    cause = f"{own:.1f} m along the route, pdm-closed {judged.reference_m:.1f} m"
    return judged.result("EP", value, None, cause)
