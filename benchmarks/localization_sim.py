"""Localization on the map over hours of simulated driving: errors, wrong lanes and broken bounds, counted.

    python benchmarks/localization_sim.py [FOLDER...] [--seed N] [--short] [--hours H] [--workers N]

Drives along random ways of our own maps and of every .xodr file in the folders (lane changes, stops, curve-limited
speed; kinematic, open loop). GNSS is biased by up to 5 m, jumps in towns and fails for 60 s; wheels are off by 1 %
(1 sigma); of the marks in the car's map 10 % are moved by 0.2 to 0.5 m or missing; the weather varies. Four drives in
five have landmarks (the map's own, and a sign or post about every 60 m in towns and 150 m on highways). Lane marks come
from an error model that is fitted to the shipped net, landmarks from one whose figures are assumptions (`sim/sensors`).
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bus.messages import WeatherKind
from geometry.errors import LanewiseError
from lanewise.localization_trial import SensorSet, Trial, TrialResult, run_trial
from localization.map_filter import MapKnowledge, MapSettings
from localization.map_node import node_for
from localization.metrics import Spread, exceedances, intervals, rate_bound, stanford
from maps.dashes import with_dashes
from maps.landmarks import MapLandmarks
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.mark_lines import MarkLines, mark_lines
from maps.opendrive import read_opendrive
from sim.lane_drive import DriveStyle, random_drive
from sim.map_errors import furnished, with_map_errors
from sim.sensors.gnss import RECEIVERS
from sim.weather import CLEAR_DAY

OWN_MAPS = Path(__file__).resolve().parents[1] / "lanewise" / "scenarios" / "maps"
SHORTEST_S, LONGEST_S = 40.0, 600.0
SIGN_EVERY_TOWN_M, SIGN_EVERY_HIGHWAY_M = 60.0, 150.0
WRONG_MARKS = 0.1
OUTAGE_EVERY_S, OUTAGE_S = 300.0, 60.0
ALERT_M = 1.0
"""Lateral alert limit of the Stanford diagram: half a lane less half a car."""
SHORT_HOURS = 1.5

WEATHERS = (
    CLEAR_DAY,
    CLEAR_DAY,
    replace(CLEAR_DAY, kind=WeatherKind.RAIN, precipitation_mmph=4.0, visibility_m=2000.0, friction=0.6, wetness=0.7),
    replace(CLEAR_DAY, kind=WeatherKind.NIGHT, sun_elevation_rad=-0.5),
    replace(CLEAR_DAY, kind=WeatherKind.FOG, visibility_m=100.0),
    replace(CLEAR_DAY, kind=WeatherKind.SNOW, visibility_m=500.0, friction=0.3, wetness=0.3),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One drive: map, number (from which all that is random follows), and whether there are landmarks."""

    map_file: str
    seed: int
    number: int

    @property
    def has_landmarks(self) -> bool:
        """Four drives in five."""
        return self.number % 5 != 4


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came out of a drive; `outage` (N,) marks where satellites were out."""

    case: Case
    town: bool
    weather: WeatherKind
    result: TrialResult
    outage: NDArray[np.bool_]


@cache
def world_of(map_file: str) -> tuple[LaneMap, MarkLines, bool]:
    """A map, its true lines, and whether it is a town (a tenth of its lanes lie in junctions)."""
    lane_map = with_dashes(sample_lanes(read_opendrive(Path(map_file))))
    return lane_map, mark_lines(lane_map), sum(1 for name in lane_map.junction if name) > 0.1 * lane_map.size


def drive_case(case: Case) -> Outcome | None:
    """Simulate one case; None where the map offers no way that is long enough."""
    lane_map, lines, town = world_of(case.map_file)
    rng = np.random.default_rng((case.seed, case.number))
    style = DriveStyle(free_mps=13.9, stop_per_m=1.0 / 500.0) if town else DriveStyle(free_mps=30.0)
    try:
        drive = random_drive(lane_map, style, LONGEST_S, SHORTEST_S, rng)
    except LanewiseError:
        return None
    every_m = SIGN_EVERY_TOWN_M if town else SIGN_EVERY_HIGHWAY_M
    seen = furnished(lane_map, every_m, rng) if case.has_landmarks else MapLandmarks.none()
    known = MapKnowledge(lane_map, with_map_errors(lines, WRONG_MARKS, rng), seen)
    first = float(rng.uniform(20.0, 120.0))
    outages = tuple((at, at + OUTAGE_S) for at in np.arange(first, LONGEST_S, OUTAGE_EVERY_S).tolist())
    receiver = RECEIVERS["single-frequency-town" if town else "single-frequency"]
    weather = WEATHERS[int(rng.integers(len(WEATHERS)))]
    sensors = SensorSet(gnss=replace(receiver, bias_sigma_m=2.5, outages_s=outages))
    trial = Trial(drive, lines, seen, weather, sensors)
    result = run_trial(trial, node_for(MapSettings(), known), lane_map, int(rng.integers(2**31)))
    t_s = result.errors.t_s
    outage = np.any([(t_s >= a) & (t_s < b) for a, b in outages], axis=0)
    return Outcome(case, town, weather.kind, result, outage)


def cases_of(maps: Sequence[Path], seed: int) -> Iterator[Case]:
    """Drives over all maps in turn, without end."""
    for number in count():
        yield Case(str(maps[number % len(maps)]), seed, number)


def outcomes_of(maps: Sequence[Path], seed: int, hours: float, workers: int) -> Iterator[Outcome]:
    """Drives in parallel processes until they make so many hours; the same ones whatever the number of workers."""
    cases, driven_s = cases_of(maps, seed), 0.0
    with ProcessPoolExecutor(workers) as pool:
        while driven_s < hours * 3600.0:
            batch = [next(cases) for _ in range(2 * workers)]
            for outcome in pool.map(drive_case, batch):
                if outcome is None or driven_s >= hours * 3600.0:
                    continue
                driven_s += float(outcome.result.errors.t_s[-1])
                print(f"  {driven_s / 3600.0:6.2f} h", file=sys.stderr, flush=True)
                yield outcome


def usable_maps(folders: Iterable[Path]) -> list[Path]:
    """The maps that offer a drive of `SHORTEST_S`; the others are named."""
    usable = []
    for path in sorted(file for folder in (OWN_MAPS, *folders) for file in folder.glob("*.xodr")):
        lane_map, _, town = world_of(str(path))
        try:
            random_drive(
                lane_map, DriveStyle(free_mps=13.9 if town else 30.0), 60.0, SHORTEST_S, np.random.default_rng(0)
            )
        except LanewiseError as error:
            print(f"left out {path.name}: {error}")
            continue
        usable.append(path)
    return usable


def joined(parts: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """All samples of all drives."""
    return np.concatenate(list(parts) or [np.empty(0)])


def figures_of(outcomes: Sequence[Outcome]) -> dict[str, float | int]:
    """The figures over drives, errors while lane-certain."""
    with_signs = [o for o in outcomes if o.case.has_landmarks]
    without = [o for o in outcomes if not o.case.has_landmarks]
    certain = [(o, o.result.errors.where(o.result.errors.certain)) for o in outcomes]
    longitudinal = {o: e.longitudinal_m for o, e in certain}
    wrong = [i for o in outcomes for i in intervals(o.result.errors.t_s, o.result.wrong_lane & o.result.errors.certain)]
    posed = [o.result.errors.where(np.isfinite(o.result.errors.lateral_m)) for o in outcomes]
    samples = sum(len(e.t_s) for e in posed)
    hours = sum(float(o.result.errors.t_s[-1]) for o in outcomes) / 3600.0
    certain_hours = sum(len(e.t_s) for _, e in certain) / 36000.0
    unflagged = sum(1 for i in wrong if i.length_s > 1.0)
    after = [o.result.errors.certain[_decided_at(o) :] for o in outcomes]
    return {
        "lateral_p95_m": Spread.of(joined(e.lateral_m for _, e in certain)).p95,
        "longitudinal_p95_m": Spread.of(joined(longitudinal[o] for o in with_signs)).p95,
        "longitudinal_p95_without_landmarks_m": Spread.of(joined(longitudinal[o] for o in without)).p95,
        "heading_p95_deg": math.degrees(Spread.of(joined(e.heading_rad for _, e in certain)).p95),
        "unflagged_wrong_lane_intervals": unflagged,
        "wrong_lane_intervals_any_length": len(wrong),
        "wrong_lane_rate_bound_per_hour": rate_bound(unflagged, certain_hours),
        "protection_exceeded_share": sum(int(exceedances(e).sum()) for e in posed) / max(samples, 1),
        "lane_certain_share_outside_outages": float(
            joined(o.result.errors.certain[~o.outage] for o in outcomes).mean()
        ),
        "lane_certain_share_after_start": float(joined(after).mean()),
        "lane_certain_share": float(joined(o.result.errors.certain for o in outcomes).mean()),
        "update_ms": 1e3 * sum(o.result.spent_s for o in outcomes) / max(sum(o.result.steps for o in outcomes), 1),
        "drives": len(outcomes),
        "hours": hours,
    }


def _decided_at(outcome: Outcome) -> int:
    """The first certain sample of a drive (its end if there is none)."""
    certain = np.flatnonzero(outcome.result.errors.certain)
    return int(certain[0]) if len(certain) else len(outcome.result.errors.t_s)


def print_table(title: str, groups: dict[str, list[Outcome]]) -> None:
    """One line per group of drives."""
    heads = f"{'h':>6s} {'lat95':>6s} {'lon95':>6s} {'head95':>7s} {'wrong':>5s} {'exceeded':>9s} {'certain':>8s}"
    print(f"\n{title:44s} {heads}")
    for name, outcomes in sorted(groups.items()):
        f = figures_of(outcomes)
        print(
            f"{name[:44]:44s} {f['hours']:6.2f} {f['lateral_p95_m']:6.3f} {f['longitudinal_p95_m']:6.3f} "
            f"{f['heading_p95_deg']:7.3f} {f['unflagged_wrong_lane_intervals']:5d} "
            f"{f['protection_exceeded_share']:9.2e} {f['lane_certain_share_outside_outages']:8.4f}"
        )


def print_tables(outcomes: Sequence[Outcome]) -> None:
    """By map, by weather, by place; and the Stanford diagram of the lateral error."""
    for title, key in (
        ("map", lambda o: Path(o.case.map_file).stem),
        ("weather", lambda o: o.weather.name.lower()),
        ("place", lambda o: ("town" if o.town else "highway") + ("" if o.case.has_landmarks else ", no landmarks")),
    ):
        groups: dict[str, list[Outcome]] = {}
        for outcome in outcomes:
            groups.setdefault(key(outcome), []).append(outcome)
        print_table(title, groups)
    lateral = joined(o.result.errors.lateral_m for o in outcomes)
    levels = joined(o.result.errors.protection_lateral_m for o in outcomes)
    posed = np.isfinite(lateral)
    diagram = stanford(lateral[posed], levels[posed], ALERT_M)
    print(f"\nlateral error (rows) by protection level (columns), samples; alert limit {ALERT_M} m")
    print(" " * 10 + "".join(f"{f'>={edge:g}':>10s}" for edge in diagram.edges_m))
    for edge, row in zip(diagram.edges_m, diagram.counts, strict=True):
        print(f"{f'>={edge:g} m':>10s}" + "".join(f"{value:10d}" for value in row))
    print(
        f"nominal {diagram.nominal}, unavailable {diagram.unavailable}, misleading {diagram.misleading}, "
        f"hazardous {diagram.hazardous}"
    )


def print_events(outcomes: Sequence[Outcome]) -> None:
    """Each unflagged wrong lane and each broken bound, with where it can be seen again."""
    for o in outcomes:
        errors = o.result.errors
        where = f"{Path(o.case.map_file).stem} drive {o.case.number} ({o.weather.name.lower()})"
        for i in intervals(errors.t_s, o.result.wrong_lane & errors.certain):
            print(f"wrong lane, unflagged: {where} at {i.first_s:.1f} s for {i.length_s:.1f} s")
        for i in intervals(errors.t_s, exceedances(errors)):
            print(f"bound broken: {where} at {i.first_s:.1f} s for {i.length_s:.1f} s")


def main() -> None:
    """Drive all cases and print the tables and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", nargs="*", type=Path, help="folders with further .xodr maps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help=f"{SHORT_HOURS} hours, about five minutes on two cores")
    parser.add_argument("--hours", type=float, default=10.0, help="simulated hours")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    hours = SHORT_HOURS if arguments.short else arguments.hours
    maps = usable_maps(arguments.folders)
    outcomes = list(outcomes_of(maps, arguments.seed, hours, arguments.workers))
    print_events(outcomes)
    print_tables(outcomes)
    figures = figures_of(outcomes)
    print(
        f"\n{figures['unflagged_wrong_lane_intervals']} unflagged wrong-lane intervals over 1 s in "
        f"{figures['hours']:.1f} h: with 95 % confidence fewer than {figures['wrong_lane_rate_bound_per_hour']:.2f} "
        "per hour of certain driving"
    )
    print(json.dumps({name: round(value, 5) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
