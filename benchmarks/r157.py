"""Is the grid world of UN R157 right, and how does a planner fare in it?

    python benchmarks/r157.py DATA [--driver cc] [--planner NAME] [--sample N] [--seed 0]

DATA holds the published outcomes of the reference drivers (`cut_in.csv.gz`, `cut_out.csv.gz`, `car_following.csv.gz`).
`driver_agree` of `driver_cases` cut-in cases (all but those that float rounding decides) end as for the reference's
competent and careful driver. With a planner, `missed` counts cases in which it has a contact that this driver avoids.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lanewise.grid import drive_planner, straight_road
from lanewise.planners import build_planner
from sim.scenarios.r157_cases import BrakingLead, Case, CutIn, CutOut, Traffic, traffic_of
from sim.scenarios.r157_grid import Outcome, drive_careful

CC = "CC_human_driver"


@dataclass(frozen=True, slots=True)
class Row:
    """A published case: what happens, and whether the careful driver has a contact in it."""

    id: str
    case: Case
    crash: bool
    exact: bool
    """Whether the outcome does not hang on float rounding."""


def rows(data: Path) -> dict[str, list[Row]]:
    """All cases by grid."""
    return {
        "cut-in": [_cut_in(row) for row in _table(data / "cut_in.csv.gz")],
        "cut-out": [_cut_out(row) for row in _table(data / "cut_out.csv.gz")],
        "braking-lead": [_braking(row) for row in _table(data / "car_following.csv.gz")],
    }


def _table(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as stream:
        yield from csv.DictReader(stream)


def _tenths(text: str) -> float:
    return 0.1 * round(10.0 * abs(float(text)))


def _cut_in(row: dict[str, str]) -> Row:
    speeds = float(row["ego_speed_kph"]), float(row["cutin_speed_kph"])
    case = CutIn(*speeds, float(row["clear_gap_m"]), _tenths(row["lat_speed_mps"]))
    return Row(row["case_id"], case, row[f"crash_{CC}"] == "1", row["knife_edge"] == "0")


def _cut_out(row: dict[str, str]) -> Row:
    lateral, gap_m = _tenths(row["lat_speed_mps"]), float(row[f"init_gap_m_{CC}"])
    case = CutOut(float(row["ego_speed_kph"]), float(row["front_distance_m"]), lateral, gap_m)
    return Row(row["case_id"], case, row[f"crash_{CC}"] == "1", True)


def _braking(row: dict[str, str]) -> Row:
    case = BrakingLead(float(row["speed_kph"]), float(row["lead_decel_mps2"]), float(row[f"init_gap_m_{CC}"]))
    return Row(row["case_id"], case, row[f"crash_{CC}"] == "1", True)


def check_driver(grids: dict[str, list[Row]]) -> dict[str, Any]:
    """The careful driver in our world beside the published outcomes."""
    figures: dict[str, Any] = {}
    for grid, cases in grids.items():
        exact = [row for row in cases if row.exact]
        wrong = [row for row in exact if drive_careful(traffic_of(row.case)).avoided is row.crash]
        print(f"careful driver, {grid:13} {len(exact) - len(wrong):6} of {len(exact):6} end as published")
        for row in wrong[:20]:
            print(f"    {row.id}: published {'contact' if row.crash else 'none'}, ours the other; {row.case}")
        prefix = "driver" if grid == "cut-in" else f"driver_{grid.replace('-', '_')}"
        figures |= {f"{prefix}_cases": len(exact), f"{prefix}_agree": len(exact) - len(wrong)}
    return figures


def check_planner(
    grids: dict[str, list[Row]], run: Callable[[Traffic], Outcome], sample: int | None, seed: int
) -> dict[str, Any]:
    """A planner in all (or a sample of the) cases beside the careful driver."""
    figures: dict[str, Any] = {}
    for grid, cases in grids.items():
        chosen: Sequence[Row] = cases
        if sample is not None and sample < len(cases):
            chosen = random.Random(seed).sample(cases, sample)
        begin = time.perf_counter()
        missed = [row.id for row in chosen if not row.crash and not run(traffic_of(row.case)).avoided]
        avoidable = sum(not row.crash for row in chosen)
        spent = time.perf_counter() - begin
        print(
            f"planner, {grid:13} {len(missed):5} contacts in {avoidable:6} avoidable cases, {spent:.0f} s {missed[:5]}"
        )
        key = grid.replace("-", "_")
        figures |= {f"planner_{key}_avoidable": avoidable, f"planner_{key}_missed": len(missed)}
    return figures


def main() -> None:
    """Print the tables and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--driver", choices=["cc"], help="check the world with this reference driver")
    parser.add_argument("--planner", help="a name, module:Class or file.py:Class")
    parser.add_argument("--sample", type=int, help="cases per grid for the planner; all where not given")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    grids = rows(arguments.data)
    figures: dict[str, Any] = {}
    if arguments.driver or not arguments.planner:
        figures |= check_driver(grids)
    if arguments.planner:
        planner, road = build_planner(arguments.planner, None), straight_road()
        figures |= check_planner(
            grids, lambda traffic: drive_planner(planner, traffic, road), arguments.sample, arguments.seed
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
