"""The suite `r157`: the cut-in, cut-out and braking-lead grids of UN R157 in their own world (sim.scenarios.r157_grid).

Each case is a few numbers and a fraction of a second of computing; there is no recording and no report. Perception is
ideal but 0.35 s old. The careful driver, simulated in the same case, says what can be avoided: where it has no contact
the planner must have none, elsewhere it may not hit harder than by 1 km/h more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from lanewise.config import RunConfig
from lanewise.evaluation.content import content_key
from lanewise.evaluation.suite import Suite, SuiteCase
from lanewise.grid import drive_planner, straight_road
from lanewise.planners import build_planner
from maps.lane_map import LaneMap
from sim.scenarios.r157_cases import (
    DT_S,
    KPH,
    BrakingLead,
    Case,
    CutIn,
    CutOut,
    braking_lead_grid,
    cut_in_grid,
    cut_out_grid,
    traffic_of,
)
from sim.scenarios.r157_grid import Outcome, drive_careful

NAME = "r157"
GRIDS: dict[str, type[CutIn] | type[CutOut] | type[BrakingLead]] = {
    "cut-in": CutIn, "cut-out": CutOut, "braking-lead": BrakingLead,
}  # fmt: skip
LATENCY_S = 0.35
HARDER_MPS = 1.0 * KPH
"""A contact that the careful driver has too may be harder than its by this."""


def r157_suite() -> Suite:
    """All 36,941 cases, grid after grid."""
    return Suite(NAME, tuple(_suite_cases()))


def _suite_cases() -> Iterator[SuiteCase]:
    grids = (("cut-in", cut_in_grid()), ("cut-out", cut_out_grid()), ("braking-lead", braking_lead_grid()))
    for grid, cases in grids:
        for case in cases:
            values = {name: f"{value:g}" for name, value in asdict(case).items()}
            label = ",".join(f"{name}={value}" for name, value in values.items())
            yield SuiteCase(f"{grid}[{label}]", f"{NAME}:{grid}", values, (NAME, grid))


def is_grid(case: SuiteCase) -> bool:
    """Whether a case is one of a grid."""
    return case.scenario.startswith(f"{NAME}:")


def case_of(case: SuiteCase) -> Case:
    """The numbers of a grid's case."""
    kind = GRIDS[case.scenario.removeprefix(f"{NAME}:")]
    numbers: Case = kind(**{item.name: float(case.parameters[item.name]) for item in fields(kind)})
    return numbers


@cache
def _road() -> LaneMap:
    return straight_road()


@dataclass(frozen=True, slots=True)
class GridJob:
    """One case of a grid with one planner. `folder` is where the results of the evaluation lie."""

    case: SuiteCase
    config: RunConfig
    folder: Path

    @property
    def key(self) -> str:
        """Content hash of everything that the result depends on."""
        return content_key(self.config, self.case.name.encode())

    def row(self) -> dict[str, Any]:
        """Drive the case and judge it."""
        traffic = traffic_of(case_of(self.case))
        careful = drive_careful(traffic)
        planner = build_planner(self.config.stack.planner, self.config.planning)
        outcome = drive_planner(planner, traffic, _road(), latency_s=LATENCY_S)
        passed, cause = _verdict(outcome, careful)
        return {
            "case": self.case.name,
            "scenario": self.case.scenario.removeprefix(f"{NAME}:"),
            "tags": " ".join((*self.case.tags, "must-avoid" if careful.avoided else "unavoidable")),
            "planner": self.config.stack.planner,
            "seed": self.config.seed,
            "key": self.key,
            "outcome": "pass" if passed else "fail",
            "passed": passed,
            "cause": cause,
            "t_s": None if outcome.avoided else round(outcome.contact * DT_S, 1),
            "duration_s": round(len(traffic.x_m) * DT_S, 1),
            "collision_passed": passed,
            "collision": round(outcome.impact_mps, 4),
            "hardest_braking_mps2": round(outcome.deceleration_mps2, 4),
            "lost_mps": round(outcome.lost_mps, 4),
            "careful_impact_mps": round(careful.impact_mps, 4),
            "report": False,
        }


def _verdict(outcome: Outcome, careful: Outcome) -> tuple[bool, str]:
    if outcome.avoided:
        also = "" if careful.avoided else ", which the careful driver has"
        return True, f"no contact{also}; braked with {outcome.deceleration_mps2:.1f} m/s² at most"
    told = f"contact at t = {outcome.contact * DT_S:.1f} s, {outcome.impact_mps / KPH:.1f} km/h"
    if careful.avoided:
        return False, f"{told}; the careful driver has none"
    limit_mps = careful.impact_mps + HARDER_MPS
    return outcome.impact_mps <= limit_mps, f"{told}; the careful driver {careful.impact_mps / KPH:.1f} km/h"
