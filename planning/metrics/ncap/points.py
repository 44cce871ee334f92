"""Euro NCAP points: what each run of a test is worth, and what the tests add up to.

Bands of the relative impact speed and points per test as in the 2026 rating tool of Euro NCAP. Every permutation of a
test weighs the same, every test weighs its points; full avoidance is always worth all. Speeds in km/h, as the protocols
write them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from geometry.errors import InputError


class Colour(Enum):
    """Rating of a run and the share of its points."""

    GREEN = 1.0
    YELLOW = 0.75
    ORANGE = 0.5
    BROWN = 0.25
    RED = 0.0


POINTS: Mapping[str, float] = {
    "CCRs": 1.2, "CCRm": 2.4, "CCRb": 1.6, "CCFhos": 2.0, "CCFhol": 2.0, "CCFtap": 4.0, "CCCscp": 6.0,
    "CMRs": 1.2, "CMRb": 1.6, "CMFtap": 4.0, "CMCscp": 6.0, "CPLA": 2.0, "CBLA": 2.0, "CPTA": 2.0, "CBTA": 2.0,
    "CPNA": 1.0, "CPFA": 1.0, "CPNCO": 2.0, "CBNA": 1.0, "CBFA": 1.0, "CBNAO": 2.0,
}  # fmt: skip
"""Points of each test."""
BINARY = frozenset({"CCFtap", "CMFtap", "CCCscp", "CMCscp", "CPTA", "CBTA"})
"""Turning and crossing tests: avoided or not."""
HEAD_ON = frozenset({"CCFhos", "CCFhol"})
"""Rated by how much speed the car takes off."""
WARNING_TTC_S = 1.7
WARNING_TESTS = ("CPLA-25", "CBLA-25")

_Bands = tuple[tuple[float, Colour], ...]
_IMPACT: Mapping[int, _Bands] = {
    10: ((math.inf, Colour.RED),),
    20: ((math.inf, Colour.RED),),
    30: ((10.0, Colour.BROWN), (math.inf, Colour.RED)),
    40: ((10.0, Colour.ORANGE), (20.0, Colour.BROWN), (math.inf, Colour.RED)),
    50: ((10.0, Colour.YELLOW), (20.0, Colour.ORANGE), (30.0, Colour.BROWN), (math.inf, Colour.RED)),
}
"""Upper end of each band of the relative impact speed, by the car's test speed; a speed between takes the lower."""
_REDUCTION: _Bands = (
    (10.0, Colour.RED), (20.0, Colour.ORANGE), (30.0, Colour.GREEN), (math.inf, Colour.RED),
)  # fmt: skip
"""Bands of the speed reduction; beyond 30 km/h as the rating tool has it."""


@dataclass(frozen=True, slots=True)
class Run:
    """One permutation as driven.

    `test` is its name in the protocol, with or without what follows (`CPNA-25`, `CPTAfo-50`); `impact_kph` the relative
    speed at contact, None without one; `reduction_kph` how much of the test speed the car had taken off by then.
    `warning_ttc_s` is set in warning tests only: time to collision when the driver was warned, -inf for never.
    """

    test: str
    speed_kph: float
    impact_kph: float | None
    reduction_kph: float = 0.0
    warning_ttc_s: float | None = None


@dataclass(frozen=True, slots=True)
class PointsOfTest:
    """A test's runs, points and maximum."""

    test: str
    runs: int
    points: float
    maximum: float


@dataclass(frozen=True, slots=True)
class NcapScore:
    """Points per test, their sum, the maximum of the tests that were driven; `apart` counts runs outside the rating."""

    tests: tuple[PointsOfTest, ...]
    points: float
    maximum: float
    apart: int

    @property
    def share(self) -> float:
        """Points over maximum, 0 without any test."""
        return self.points / self.maximum if self.maximum > 0.0 else 0.0


def rated_test(name: str) -> str | None:
    """The protocol's test that a scenario's name begins with, None where the rating has none."""
    found = [test for test in POINTS if name.startswith(test)]
    return max(found, key=len, default=None)


def is_warning_test(name: str) -> bool:
    """Whether a test rates the warning of the driver: those named so, and the ones along the road at 25 % overlap."""
    return "FCW" in name or name.startswith(WARNING_TESTS)


def colour(run: Run) -> Colour:
    """How a run is rated.

    Raises:
        InputError: its test is not part of the rating, or a number is not one.
    """
    test = rated_test(run.test)
    if test is None:
        raise InputError(f"{run.test!r} is no Euro NCAP test that is rated; known are {', '.join(POINTS)}")
    if not 0.0 < run.speed_kph < math.inf or not (run.impact_kph is None or run.impact_kph >= 0.0):
        raise InputError(f"a run of {run.test} needs a test speed above 0 and an impact speed of at least 0 km/h")
    if run.impact_kph is None:
        return Colour.GREEN
    if run.warning_ttc_s is not None:
        return Colour.GREEN if run.warning_ttc_s >= WARNING_TTC_S else Colour.RED
    if test in BINARY:
        return Colour.RED
    if test in HEAD_ON:
        return _band(_REDUCTION, run.reduction_kph)
    band = max((speed for speed in _IMPACT if speed <= run.speed_kph), default=min(_IMPACT))
    return _band(_IMPACT[band], run.impact_kph)


def _band(bands: _Bands, value: float) -> Colour:
    return next(colour for upper, colour in bands if value < upper)


def score(runs: Iterable[Run]) -> NcapScore:
    """Points of all runs; those whose test is not rated (such as reversing, CPRA) are counted apart."""
    return sum_of((run.test, colour(run).value if rated_test(run.test) is not None else 0.0) for run in runs)


def sum_of(rated: Iterable[tuple[str, float]]) -> NcapScore:
    """Points of runs given as test and share of its points; tests that are not rated are counted apart."""
    shares: dict[str, list[float]] = {}
    apart = 0
    for name, share in rated:
        test = rated_test(name)
        if test is None:
            apart += 1
        else:
            shares.setdefault(test, []).append(share)
    tests = tuple(
        PointsOfTest(test, len(shares[test]), POINTS[test] * sum(shares[test]) / len(shares[test]), POINTS[test])
        for test in POINTS
        if test in shares
    )
    return NcapScore(tests, sum(test.points for test in tests), sum(test.maximum for test in tests), apart)
