"""Do our nuPlan closed-loop scores equal those of the reference implementation?

    python benchmarks/nuplan_oracle.py DATA

DATA holds `scenes/*.json.gz`: drives with the scores and series that the reference gives them. A scene agrees when all
eight sub-scores, the total and every series behind them are equal (1e-6; discrete fields exactly).
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from planning.metrics.nuplan.drive import STATIC, VEHICLES, VULNERABLE
from planning.metrics.nuplan.drive_file import drive_of, read_record
from planning.metrics.nuplan.score import Score, score

TOLERANCE = 1e-6


def expected_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the reference says; with the clipped bearing where rounding left it undefined."""
    clipped = "nan_bearing" in record["tags"] and record.get("expected_clipped")
    return {**record["expected"], **record["expected_clipped"]} if clipped else record["expected"]


def same(ours: Any, theirs: Any) -> bool:
    """Equal within the tolerance; None stands for no number (infinite or NaN)."""
    ours, theirs = (np.array([np.inf if v is None else v for v in np.atleast_1d(x)], float) for x in (ours, theirs))
    if ours.shape != theirs.shape:
        return False
    return bool(
        np.array_equal(np.isinf(ours), np.isinf(theirs)) and np.allclose(ours, theirs, rtol=0.0, atol=TOLERANCE)
    )


def run_lengths(names: Sequence[Sequence[str]]) -> list[list[Any]]:
    """[step, names] where the names change."""
    return [[i, list(x)] for i, x in enumerate(names) if i == 0 or list(x) != list(names[i - 1])]


def differences(ours: Score, theirs: Mapping[str, Any]) -> Iterator[str]:
    """Names of all fields that differ."""
    sub_scores = ours.sub_scores()
    yield from (f"scores.{k}" for k, v in theirs["scores"].items() if not same(sub_scores[k], v))
    for name, (our_value, their_value) in _pairs(ours, theirs).items():
        if not same(our_value, their_value):
            yield name
    yield from _discrete(ours, theirs)
    within = {result.name: result.passed for result in ours.comfort.results}
    for name, bound in theirs["comf"].items():
        series = ours.comfort.signals[name]
        # Where it is largest is compared by the value there: rounded to 8 decimals, several steps may hold it.
        at_theirs = abs(series[bound["argmax_abs"]])
        values = (series.min(), series.max(), at_theirs, within[f"comfort_{name}"])
        if not same(values, (bound["min"], bound["max"], np.abs(series).max(), bound["within_bound"])):
            yield f"comf.{name}"


def _pairs(ours: Score, theirs: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    pairs = {
        "score": (ours.total, theirs["score"]),
        "ddc.progress_last_second": (ours.direction.last_second_m, theirs["ddc"]["progress_last_second"]),
        "ddc.min_progress": (min(ours.direction.last_second_m.min(), 0.0), theirs["ddc"]["min_progress"]),
        "ep.ratio": (ours.progress.score, theirs["ep"]["ratio"]),
        "ttc.per_step": (ours.time_to_collision.per_step_s, theirs["ttc"]["per_step"]),
        "ttc.min": (ours.time_to_collision.per_step_s.min(), theirs["ttc"]["min"]),
        "spd.overspeed": (ours.speed_limit.excess_mps, theirs["spd"]["overspeed"]),
    }
    if theirs["ep"]["has_expert_route"]:
        per_step = () if ours.progress.per_step_m is None else ours.progress.per_step_m
        pairs["ep.ego_progress_per_step"] = (per_step, theirs["ep"]["ego_progress_per_step"])
        pairs["ep.ego_progress"] = (ours.progress.ego_m, theirs["ep"]["ego_progress"])
        pairs["ep.expert_progress"] = (ours.progress.expert_m, theirs["ep"]["expert_progress"])
    return pairs


def _discrete(ours: Score, theirs: Mapping[str, Any]) -> Iterator[str]:
    lanes, objects = ours.view.lanes, ours.view.drive.roads.objects
    centre = run_lengths([[objects[item].id for item in held] for held in lanes.centre])
    groups = {"vru": VULNERABLE, "vehicle": VEHICLES, "object": STATIC}
    counts = {name: ours.collisions.count(ours.view, kinds) for name, kinds in groups.items()}
    fields = {
        "lane_state.in_lane": (lanes.in_lane.astype(int).tolist(), theirs["lane_state"]["in_lane"]),
        "lane_state.centre": (centre, theirs["lane_state"]["centre_lanes_from_step"]),
        "nc.n_at_fault": (counts, theirs["nc"]["n_at_fault"]),
        "dac.corners": (
            ours.drivable_area.corners_inside.astype(int).tolist(), theirs["dac"]["corners_in_drivable_area"],
        ),
        "dac.first": (ours.drivable_area.first_violation, theirs["dac"]["first_violation_step"]),
        "ep.has_expert_route": (ours.progress.per_step_m is not None, theirs["ep"]["has_expert_route"]),
        "spd.n_violation_intervals": (ours.speed_limit.violations, theirs["spd"]["n_violation_intervals"]),
    }  # fmt: skip
    yield from (name for name, (mine, other) in fields.items() if mine != other)
    tracks = ours.view.drive.tracks.ids
    mine = sorted((hit.step, tracks[hit.track], hit.kind, hit.at_fault) for hit in ours.collisions.collisions)
    other = sorted((hit["step"], hit["track"], hit["type"], hit["at_fault"]) for hit in theirs["nc"]["collisions"])
    if mine != other:
        yield "nc.collisions"
    speeds = {tracks[hit.track]: hit.delta_v_mps for hit in ours.collisions.collisions}
    if any(not same(speeds.get(hit["track"], math.nan), hit["delta_v"]) for hit in theirs["nc"]["collisions"]):
        yield "nc.delta_v"


def main() -> None:
    """Print the deviations and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args()
    files = sorted((arguments.data / "scenes").glob("*.json.gz"))
    agree, spent_s = 0, 0.0
    for path in files:
        record = read_record(path)
        begin = time.perf_counter()
        ours = score(drive_of(record, path))
        spent_s += time.perf_counter() - begin
        found = list(differences(ours, expected_of(record)))
        agree += not found
        if found:
            print(f"{path.name}: {', '.join(found)}")
    print(f"nuPlan scenes: {agree} of {len(files)} agree in every score and series; {spent_s:.1f} s")
    print(json.dumps({"scenes": len(files), "agree": agree}))


if __name__ == "__main__":
    main()
