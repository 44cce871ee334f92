"""Roll all candidates out against all futures and score them: one call of one compiled kernel per way.

In: ways and policies as rows, the road's speed ceiling and room, the futures' boxes, all in the Frenet frame of the
route. Out: the cost terms of each candidate (`TERMS`) and its motion. SI throughout.

The terms speak of what the metrics measure: contact, time to collision and gaps against each future, weighed by the
future's probability; road edges, progress, comfort, lane keeping; and how far the plan departs from the one before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from geometry.angles import Floats
from inference.here import RunKernel, run_here
from planning.candidates import KEEP
from planning.prediction import D_HIGH, D_LOW, S_HIGH, TIMES_S, WAITING, Futures
from planning.scoring_kernel import (
    ASIDE_M,
    BACK_X,
    C0,
    C5,
    CANDIDATE_SCORING,
    END_D,
    END_X,
    LANE_SIDE,
    TERMS,
    W_GAP,
)
from planning.speed_profile import CEILING_STEP_M

GAP_RULE_MPS = 60.0 / 3.6 + 0.1
"""Up to this set speed the gap that UN R157 asks for is wanted in full."""
BENDS_AHEAD_M, STRAIGHT_RADPM = 60, 0.008
"""Where no bend of at least this curvature comes within this distance, nobody beside is met by going straight on."""
SIDE_REACH_M, BEHIND_REACH_M = 1.2, 30.0
"""Who never comes this near beside the ego's strip, or stays this far behind, is not looked at."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What a term costs; the unit is about one comfortable brake application."""

    contact: float = 300.0
    time_to_collision: float = 6.0
    gap: float = 20.0
    braking: float = 1.0
    """For the braking that a lead will need, at the end of the horizon in full."""
    road: float = 60.0
    progress: float = 12.0
    acceleration: float = 0.6
    jerk: float = 0.15
    sideways: float = 0.5
    harsh: float = 8.0
    """For braking harder than passengers bear well: no gap is made good that way (UN R157 5.2.3.3)."""
    strong: float = 6.0
    """Per m/s^2 of it."""
    emergency: float = 40.0
    """For braking that counts as an emergency, or more than half the grip sideways."""
    offset: float = 0.5
    lane_change: float = 1.5
    switch_lane: float = 1.5
    back: float = 0.3
    """For coming back from a lane beside the route's, instead of `switch_lane`."""
    switch_speed: float = 0.4
    arrival: float = 8.0
    """Per metre beside the place at which the ego has to be in time."""


@dataclass(frozen=True, slots=True)
class ScoringSettings:
    """Bounds of the terms."""

    calm_s: float = 3.0
    """Times to collision above this cost nothing."""
    gap_time_s: float = 1.6
    least_gap_m: float = 3.0
    """The gap that is asked for is that of UN R157 5.2.3.3, v * (1 s + v / 100 km/h), its time capped by the first, not
    shorter than the second."""
    late_s: float = 1.0
    answer_mps2: float = 3.0
    imminent_mps2: float = 7.0
    """A future less likely than even counts as far as it could not be answered by braking that begins in `late_s`: not
    at all where `answer_mps2` would do, fully where `imminent_mps2` would not."""
    comfort_mps2: float = 3.0
    strong_mps2: float = 5.0
    sideways_mps2: float = 2.5
    side_margin_m: float = 0.25
    """Who is this near beside the ego's way is followed."""
    jerk_mps3: float = 2.5
    hard_jerk_mps3: float = 12.0
    edge_margin_m: float = 0.1
    min_gap_m: float = 3.0
    acceleration_mps2: float = 1.5
    deceleration_mps2: float = 2.0
    easy_mps2: float = 1.0
    clear_m: float = 2.0
    """The braking that is needed to stay `clear_m` behind somebody costs nothing up to `easy_mps2`."""
    fast_gap_share: float = 0.25
    """Share of the gap's weight where the set speed is above 60 km/h, which the rule does not cover."""
    weights: Weights = Weights()

    def numbers(self) -> Floats:
        """As the kernel reads them: the bounds, then the weights."""
        own = [
            float(getattr(self, item.name)) for item in fields(self) if item.name not in ("weights", "fast_gap_share")
        ]
        return np.array([*own, *(float(getattr(self.weights, item.name)) for item in fields(self.weights))])


@dataclass(frozen=True, slots=True)
class EgoOnPath:
    """The ego: arc length of its rear axle on the path, speed, acceleration; its box; and the plan before.

    `before_lane`, `before_mps2`: the lane that was chosen, and the acceleration that was planned for now.
    """

    s_m: float
    speed_mps: float
    acceleration_mps2: float
    front_m: float
    rear_m: float
    width_m: float
    allowed_mps: float
    """The mission's set speed."""
    before_lane: float
    before_mps2: float
    from_s: float = math.inf
    to_s: float = math.inf
    from_m: float = 0.0
    to_m: float = 0.0
    """Where on the path the ego's rear axle has to be, [from_m, to_m], at some time in [from_s, to_s] from now."""
    lane_left_m: float = -math.inf
    lane_right_m: float = -math.inf
    """Whoever has his middle between these offsets, [-right, left], is followed, however narrow he is and however far
    beside the ego: that is how UN R157 finds the vehicle in front. Nobody where the ego may pass."""

    def numbers(self) -> Floats:
        """As the kernel reads them."""
        return np.array([getattr(self, item.name) for item in fields(self)], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Road:
    """Cells of CEILING_STEP_M from the ego on, each (M,): highest sensible speed, limit by law and by what is hidden,
    curvature."""

    ceiling_mps: Floats
    legal_mps: Floats
    curvature_radpm: Floats

    def curvature_at(self, distance_m: Floats) -> Floats:
        """Curvature after distances of any shape."""
        cells = CEILING_STEP_M * np.arange(len(self.curvature_radpm))
        return np.asarray(np.interp(distance_m, cells, self.curvature_radpm))

    def table(self) -> Floats:
        """Shape (3, M)."""
        return np.stack((self.ceiling_mps, self.legal_mps, self.curvature_radpm))


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """C candidates: `index` (C, 2) way and policy, `terms` (C, 12), `motion` (C, K, 4), `lead` (C,) future or -1."""

    index: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    terms: Floats
    motion: Floats
    lead: np.ndarray[tuple[int, ...], np.dtype[np.int64]]

    @property
    def cost(self) -> Floats:
        """Sum of the terms, (C,)."""
        return np.asarray(self.terms.sum(axis=1))


def score(
    ways: Floats, policies: Floats, ego: EgoOnPath, road: Road, futures: Futures, settings: ScoringSettings,
    run: RunKernel = run_here,
) -> Scored:  # fmt: skip
    """Score every way (W, 13) with every policy (P, 7); `run` runs `CANDIDATE_SCORING`."""
    count, each = len(ways) * len(policies), len(policies)
    numbers = settings.numbers()
    if ego.allowed_mps > GAP_RULE_MPS:
        numbers[W_GAP] *= settings.fast_gap_share
    index = np.stack(np.divmod(np.arange(count), each), axis=-1)
    terms, motion = np.zeros((count, len(TERMS))), np.empty((count, len(TIMES_S), 4))
    lead = np.full(count, -1)
    given = {
        "policies": policies, "ego": ego.numbers(), "road": road.table(), "sigma": futures.sigma_m, "times": TIMES_S,
        "numbers": numbers,
    }  # fmt: skip
    bends = np.abs(road.curvature_radpm[: BENDS_AHEAD_M // int(CEILING_STEP_M)]).max() > STRAIGHT_RADPM
    side_m = ASIDE_M if bends else SIDE_REACH_M
    for w, way in enumerate(ways):
        part = slice(w * each, (w + 1) * each)
        minded = _in_reach(way, ego, futures, side_m)
        boxes = np.ascontiguousarray(futures.boxes[minded].swapaxes(0, 1))
        found = run(CANDIDATE_SCORING, {
            **given, "way": way, "boxes": boxes, "chance": futures.probability[minded], "whose": futures.whose[minded],
        })  # fmt: skip
        terms[part], motion[part] = found["terms"], found["motion"]
        lead[part] = np.append(minded, -1)[found["lead"]]
    return Scored(index, terms, motion, lead)


def _in_reach(
    way: Floats, ego: EgoOnPath, futures: Futures, side_m: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Futures whose boxes ever come near the strip that a way covers."""
    x = np.linspace(0.0, way[END_X], 9)
    d = way[END_D] + np.polynomial.polynomial.polyval(x, way[C0 : C5 + 1])
    d = d if math.isinf(way[BACK_X]) else np.append(d, 0.0)
    wide = 0.5 * ego.width_m + side_m
    across = (futures.boxes[..., D_LOW] < d.max() + wide) & (futures.boxes[..., D_HIGH] > d.min() - wide)
    behind = futures.boxes[..., S_HIGH] < ego.s_m - ego.rear_m - BEHIND_REACH_M
    minded = (futures.agent != WAITING) | (way[LANE_SIDE] == KEEP)
    return np.flatnonzero((across & ~behind).any(axis=1) & minded)
