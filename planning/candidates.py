"""The candidates of one cycle: every way along the route combined with every way to choose the speed.

Ways are offsets from the route's centre that are reached over some length (quintics); speeds are policies: an
acceleration that is held for some time, then car-following with a headway, a share of the allowed speed, and a notion
of whom to react to. Both are rows of plain arrays, as the scoring kernel reads them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from geometry.angles import Floats

HOLD_MPS2, HOLD_S, SHARE, HEADWAY, LEAST_CHANCE, LOOK_S, BRAKING = range(7)
"""Columns of a policy: held acceleration and for how long; then share of the allowed speed, headway [s], the least
probability of a future that is reacted to, how far ahead it is looked for [s], and the hardest braking [m/s^2]."""

KEEP, LEFT, RIGHT, PASS = 0, 1, -1, 2
"""What a way does: it keeps the lane, changes to one beside it, or leaves the lane's middle to pass and comes back."""


@dataclass(frozen=True, slots=True)
class CandidateSettings:
    """The grid of candidates."""

    held_mps2: tuple[float, ...] = (
        2.0, 1.0, 0.5, 0.0, -0.5, -1.0, -1.5, -2.0, -2.5, -3.0, -3.5, -4.0, -5.0, -6.0, -7.5, -9.0,
    )  # fmt: skip
    held_s: tuple[float, ...] = (0.5, 1.0, 2.0, 3.0, 6.0)
    shares: tuple[float, ...] = (1.0, 0.85, 0.7, 0.5, 0.25)
    headways_s: tuple[float, ...] = (1.2, 1.7, 2.3)
    minded_chance: tuple[float, ...] = (0.5, 0.5, 0.1, 0.1)
    looked_s: tuple[float, ...] = (0.0, 1.0, 1.0, 2.5)
    """Whom a policy follows: the least probability of a future, and how far ahead it may enter the ego's strip; the two
    belong together."""
    comfort_mps2: float = 3.4
    """How hard car-following brakes: a little less than what may come at once, so that it comes with limited jerk."""
    offsets_m: tuple[float, ...] = (0.0, 0.4, -0.4)
    settle_s: tuple[float, ...] = (3.0, 4.5)
    change_s: tuple[float, ...] = (3.5, 5.0)
    evade_s: tuple[float, ...] = (2.0, 2.5)
    """The same where somebody is evaded: at most 5 m/s^2 sideways for a lane of 3.5 m."""
    shortest_m: float = 12.0
    """No way sideways is shorter than this."""
    calm_m: float = 15.0
    """The second of the ways to another lane is no shorter than this: out from behind somebody, from standstill."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way sideways: lane (KEEP, LEFT, RIGHT, PASS), offset from the route's centre, length until it is reached.

    `coefficients` of the offset's deviation from `offset_m`, lowest first (as in `planning.idm.LateralPath`). From
    `back_m` on it returns to the centre over `back_length_m`; a way that stays where it is has an infinite `back_m`.
    """

    lane: int
    offset_m: float
    length_m: float
    coefficients: tuple[float, float, float, float, float, float]
    left_m: float
    right_m: float
    """Room for the rear axle's offset: it shall stay within [-right_m, left_m]."""
    back_m: float = math.inf
    back_length_m: float = 1.0

    @property
    def label(self) -> str:
        """What the way does."""
        name = {KEEP: "keep", LEFT: "change left", RIGHT: "change right", PASS: "pass"}[self.lane]
        beside = self.lane == PASS or (self.lane == KEEP and self.offset_m != 0.0)
        return f"{name} {self.offset_m:+.1f} m" if beside else name

    def at(self, distance_m: Floats) -> tuple[Floats, Floats, Floats]:
        """Offset, slope and second derivative after distances of any shape."""
        x = np.minimum(np.maximum(distance_m, 0.0), self.length_m)
        within = distance_m < self.length_m
        first = _derivative(self.coefficients)
        rest = [np.where(within, _value(c, x), 0.0) for c in (self.coefficients, first, _derivative(first))]
        if math.isinf(self.back_m):
            return self.offset_m + rest[0], rest[1], rest[2]
        u = np.clip((distance_m - self.back_m) / self.back_length_m, 0.0, 1.0)
        d = self.offset_m / self.back_length_m ** np.arange(3.0)
        home = (
            u**3 * (10.0 - 15.0 * u + 6.0 * u * u),
            30.0 * (u * (1.0 - u)) ** 2,
            60.0 * u * (1.0 - u) * (1.0 - 2.0 * u),
        )
        offset, slope, bend = (part - scale * step for part, scale, step in zip(rest, d, home, strict=True))
        return self.offset_m + offset, slope, bend

    def row(self) -> list[float]:
        """As the kernel reads it."""
        return [
            self.offset_m, self.length_m, *self.coefficients, self.left_m, self.right_m, float(self.lane), self.back_m,
            self.back_length_m,
        ]  # fmt: skip


def _derivative(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(k * c for k, c in enumerate(coefficients))[1:]


def _value(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """A polynomial, lowest coefficient first, by Horner's scheme."""
    value = np.full(np.shape(x), coefficients[-1])
    for c in coefficients[-2::-1]:
        value = c + value * x
    return value


def quintic(
    d_m: float, slope: float, bend: float, offset_m: float, length_m: float
) -> tuple[float, float, float, float, float, float]:
    """Coefficients of the deviation from `offset_m` that goes from (d, slope, bend) to zero over `length_m`.

    Boundary values of position, slope and second derivative (Werling et al. 2010, "Optimal trajectory generation for
    dynamic street scenarios in a Frenet frame"), solved in closed form.
    """
    x = length_m
    c0, c1, c2 = d_m - offset_m, slope, 0.5 * bend
    r0, r1, r2 = -(c0 + c1 * x + c2 * x * x), -(c1 + 2.0 * c2 * x), -2.0 * c2
    c3 = (10.0 * r0 - 4.0 * r1 * x + 0.5 * r2 * x * x) / x**3
    c4 = (-15.0 * r0 + 7.0 * r1 * x - r2 * x * x) / x**4
    c5 = (6.0 * r0 - 3.0 * r1 * x + 0.5 * r2 * x * x) / x**5
    return c0, c1, c2, c3, c4, c5


def policies(settings: CandidateSettings) -> Floats:
    """The longitudinal policies, shape (P, 7)."""
    minded = tuple(zip(settings.minded_chance, settings.looked_s, strict=True))
    rows = [
        [0.0, 0.0, share, headway, chance, look, settings.comfort_mps2]
        for share, headway, (chance, look) in product(settings.shares, settings.headways_s, minded)
    ]
    for held, span in product(settings.held_mps2, settings.held_s):
        limit = max(settings.comfort_mps2, -held)
        rows.append([held, span, 1.0, settings.headways_s[1], *minded[0], limit])
    return np.array(rows, dtype=np.float64)


def policy_label(row: Floats) -> str:
    """What a policy does, in words."""
    if row[HOLD_S] > 0.0:
        return f"{row[HOLD_MPS2]:+.1f} m/s2 for {row[HOLD_S]:.1f} s"
    wary = " wary" if row[LEAST_CHANCE] < 0.5 else ""
    return f"{row[SHARE]:.0%} speed, {row[HEADWAY]:.1f} s headway, looking {row[LOOK_S]:.1f} s ahead{wary}"


def distance_of(speed_mps: float, span_s: float, settings: CandidateSettings) -> float:
    """Length over which a way sideways is driven."""
    return max(speed_mps * span_s, settings.shortest_m)
