"""Is the grid world of UN R157 right, and how does a planner fare in it?

    python benchmarks/r157.py DATA [--driver cc] [--planner NAME] [--evasive] [--beyond MODEL] [--sample N]
        [--seed 0] [--workers 2]

DATA holds the published outcomes of the reference drivers (`cut_in.csv.gz`, `cut_out.csv.gz`, `car_following.csv.gz`).
`driver_agree` of `driver_cases` cut-in cases (all but those that float rounding decides) end as for the reference's
competent and careful driver. A planner sees all others ideally, but 0.35 s late. `must_avoid_collisions` counts its
contacts in cases that the careful driver avoids, `*_avoided` the cases without contact beside those of the reference
drivers (at the common time gap of 2 s), `needless_brakes` brakings above 1 m/s^2 behind a car that keeps its lane and
is more than 10 s away; the speed loss is how far the speed falls in cut-ins that all four reference drivers avoid.
`--sample N` takes about N cases: the grids and the cars that keep their lane by their number, but each a twentieth of
the sample at least, evenly over its sorted cases. With `--evasive` the planner may also steer into a free lane.
`--beyond MODEL` takes the cut-ins that the careful driver avoids and another reference driver does not: beyond `rss`
mostly those that only going on passes.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lanewise.grid import drive_planner, straight_road
from lanewise.planners import build_planner
from maps.lane_map import LaneMap
from motion.fuzzy_driver import drive_fuzzy_cut_in
from sim.scenarios.r157_cases import (
    CAR_LENGTH_M,
    CAR_WIDTH_M,
    DT_S,
    KPH,
    BrakingLead,
    Case,
    CutIn,
    CutOut,
    Traffic,
    traffic_of,
)
from sim.scenarios.r157_grid import Outcome, drive_careful

CC = "CC_human_driver"
MODELS: Mapping[str, str] = MappingProxyType({"cc": CC, "rss": "RSS", "reg157": "Reg157", "fsm": "FSM"})
LATENCY_S = 0.35
CALM_MPS2, CALM_S = 1.0, 10.0
"""Harder braking behind a car that keeps its lane and is further away in time is needless."""
LEAST_SHARE = 0.05
"""So much of a sample is each kind of case at least."""


@dataclass(frozen=True, slots=True)
class Row:
    """A published case: what happens, and whether the careful driver has a contact in it."""

    id: str
    case: Case
    crash: bool
    exact: bool
    """Whether the outcome does not hang on float rounding."""
    avoided_by: frozenset[str] = frozenset()
    """Reference drivers without contact (at the common time gap)."""


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


def _avoided_by(row: dict[str, str], prefix: str) -> frozenset[str]:
    return frozenset(name for name, column in MODELS.items() if row[prefix + column] == "0")


def _cut_in(row: dict[str, str]) -> Row:
    speeds = float(row["ego_speed_kph"]), float(row["cutin_speed_kph"])
    case = CutIn(*speeds, float(row["clear_gap_m"]), _tenths(row["lat_speed_mps"]))
    return Row(row["case_id"], case, row[f"crash_{CC}"] == "1", row["knife_edge"] == "0", _avoided_by(row, "crash_"))


def _cut_out(row: dict[str, str]) -> Row:
    lateral, gap_m = _tenths(row["lat_speed_mps"]), float(row[f"init_gap_m_{CC}"])
    case = CutOut(float(row["ego_speed_kph"]), float(row["front_distance_m"]), lateral, gap_m)
    return Row(row["case_id"], case, row[f"crash_{CC}"] == "1", True, _avoided_by(row, "crash_2s_"))


def _braking(row: dict[str, str]) -> Row:
    case = BrakingLead(float(row["speed_kph"]), float(row["lead_decel_mps2"]), float(row[f"init_gap_m_{CC}"]))
    return Row(row["case_id"], case, row[f"crash_{CC}"] == "1", True, _avoided_by(row, "crash_2s_"))


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


def sampled(grids: Mapping[str, Sequence[Row]], count: int | None, seed: int) -> dict[str, list[Row]]:
    """About `count` cases in all, by kind (the grids, and those of them in which nobody comes into the ego's way); all
    where it is None."""
    total = sum(len(cases) for cases in grids.values())
    if count is None or count >= total:
        return {grid: list(cases) for grid, cases in grids.items()}
    rng, chosen = random.Random(seed), {}
    for grid, cases in grids.items():
        kinds = [[row for row in cases if is_calm(row.case) is calm] for calm in (False, True)]
        shares = [max(count * len(kind) / total, LEAST_SHARE * count) for kind in kinds]
        chosen[grid] = [row for kind, share in zip(kinds, shares, strict=True) for row in _evenly(kind, share, rng)]
    return chosen


def beyond(grids: Mapping[str, Sequence[Row]], model: str) -> dict[str, list[Row]]:
    """The cut-ins that the careful driver avoids, but for float rounding, and a reference driver does not."""
    return {"cut-in": [row for row in grids["cut-in"] if row.exact and not row.crash and model not in row.avoided_by]}


def _evenly(cases: Sequence[Row], count: float, rng: random.Random) -> Iterator[Row]:
    """So many of the sorted cases, from a random start on."""
    stride = max(len(cases) / count, 1.0)
    start = rng.random() * stride
    places = (int(start + i * stride) for i in range(math.ceil(count)))
    return (cases[place] for place in places if place < len(cases))


@cache
def _road() -> LaneMap:
    return straight_road()


def drive_row(planner: str, evasive: bool, row: Row) -> Outcome:
    """One case with a planner. Behind a car that keeps its lane the ego drives from the beginning."""
    traffic = traffic_of(row.case)
    if isinstance(row.case, CutIn) and row.case.lateral_mps == 0.0:
        traffic = replace(traffic, release=0)
    return drive_planner(build_planner(planner, None), traffic, _road(), latency_s=LATENCY_S, evasive=evasive)


def fuzzy_loss_mps(traffic: Traffic) -> float:
    """Speed that the fuzzy safety model loses in a cut-in."""
    driven = drive_fuzzy_cut_in(
        traffic.ego_x_m, traffic.ego_mps, traffic.x_m[:, 0], traffic.y_m[:, 0], traffic.vx_mps[:, 0],
        traffic.vy_mps[:, 0], DT_S, CAR_LENGTH_M, CAR_WIDTH_M,
    )  # fmt: skip
    return traffic.ego_mps - driven.lowest_mps


def is_calm(case: Case) -> bool:
    """Whether nobody comes into the ego's way and the one beside is far away in time."""
    if not isinstance(case, CutIn) or case.lateral_mps > 0.0:
        return False
    return case.gap_m > CALM_S * (case.ego_kph - case.other_kph) * KPH


def check_planner(grids: Mapping[str, Sequence[Row]], planner: str, evasive: bool, workers: int) -> dict[str, Any]:
    """A planner in the cases, beside the reference drivers; `evasive`: it may steer."""
    figures: dict[str, Any] = {"must_avoid_collisions": 0, "needless_brakes": 0}
    with ProcessPoolExecutor(workers) as pool:
        for grid, cases in grids.items():
            begin = time.perf_counter()
            outcomes = list(pool.map(partial(drive_row, planner, evasive), cases, chunksize=8))
            spent_s = time.perf_counter() - begin
            figures |= _grid_figures(grid, cases, outcomes)
            missed = [r.id for r, o in zip(cases, outcomes, strict=True) if r.exact and not r.crash and not o.avoided]
            figures["must_avoid_collisions"] += len(missed)
            calm = [o.deceleration_mps2 for r, o in zip(cases, outcomes, strict=True) if is_calm(r.case)]
            figures["needless_brakes"] += sum(brake > CALM_MPS2 for brake in calm)
            print(f"    contacts that the careful driver avoids: {len(missed)} {missed[:8]}, {spent_s:.0f} s")
            if grid == "cut-in":
                figures |= {"control_cases": len(calm)} | _speed_losses(cases, outcomes)
    return figures


def _grid_figures(grid: str, cases: Sequence[Row], outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Cases without contact: the planner's and those of the reference drivers."""
    key = {"cut-in": "cut_in", "cut-out": "cut_out", "braking-lead": "following"}[grid]
    figures = {f"{key}_cases": len(cases), f"{key}_avoided": sum(outcome.avoided for outcome in outcomes)}
    suffix = "" if grid == "cut-in" else "_2s"
    for name in MODELS:
        figures[f"{key}_avoided_{name}{suffix}"] = sum(name in row.avoided_by for row in cases)
    print(f"{grid:13} " + ", ".join(f"{name} {value}" for name, value in figures.items()))
    return figures


def _speed_losses(cases: Sequence[Row], outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Mean speed that the planner and the fuzzy safety model lose where all reference drivers avoid contact."""
    both = [(o.lost_mps, fuzzy_loss_mps(traffic_of(r.case))) for r, o in zip(cases, outcomes, strict=True)
            if len(r.avoided_by) == len(MODELS)]  # fmt: skip
    own, fuzzy = (sum(column) / max(len(both), 1) for column in zip(*both, strict=True)) if both else (0.0, 0.0)
    print(f"    mean speed lost where all avoid contact ({len(both)} cases): {own:.2f} m/s, FSM {fuzzy:.2f} m/s")
    return {"mean_speed_loss_mps": round(own, 3), "mean_speed_loss_fsm_mps": round(fuzzy, 3)}


def main() -> None:
    """Print the tables and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--driver", choices=["cc"], help="check the world with this reference driver")
    parser.add_argument("--planner", help="a name, module:Class or file.py:Class")
    parser.add_argument("--evasive", action="store_true", help="the planner may steer into a free lane")
    parser.add_argument("--beyond", choices=[name for name in MODELS if name != "cc"], metavar="MODEL",
                        help="only cut-ins that the careful driver avoids and this one does not")  # fmt: skip
    parser.add_argument("--sample", type=int, help="cases for the planner; all where not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    if not (arguments.data / "cut_in.csv.gz").is_file():
        parser.error(f"{arguments.data}: there is no cut_in.csv.gz; give the folder of the published outcomes")
    if arguments.beyond and not arguments.planner:
        parser.error("--beyond chooses cases for a planner: name one with --planner")
    grids = rows(arguments.data)
    figures: dict[str, Any] = {}
    if arguments.driver or not arguments.planner:
        figures |= check_driver(grids)
    if arguments.planner:
        grids = beyond(grids, arguments.beyond) if arguments.beyond else grids
        chosen = sampled(grids, arguments.sample, arguments.seed)
        figures |= check_planner(chosen, arguments.planner, arguments.evasive, arguments.workers)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
