"""Do our nuPlan closed-loop scores and CommonRoad costs equal those of the reference implementations?

    python benchmarks/nuplan_oracle.py DATA [--scenarios FOLDER]

DATA holds `scenes/*.json.gz`: drives with the scores and series that the reference gives them. A scene agrees when all
eight sub-scores, the total and every series behind them are equal (1e-6; discrete fields exactly). It also holds
`commonroad/cr_*.json.gz`: trajectories with their costs, in scenarios that lie in FOLDER (default DATA/../commonroad).
A rollout agrees when the terms without lane coordinates are equal to 1e-6 and those with them within 2 %; where its
scenario is missing, lane coordinates are taken from the file and only the integration is tested (counted apart).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geometry.errors import LanewiseError
from motion.car_trajectory import CarTrajectory
from planning.metrics.commonroad.costs import LANE_TERMS, cost
from planning.metrics.commonroad.lane_states import LaneStates, lane_states
from planning.metrics.commonroad.lanelet_route import LaneletNetwork, lanelet_route
from planning.metrics.commonroad.surroundings import Surroundings
from planning.metrics.nuplan.drive import STATIC, VEHICLES, VULNERABLE
from planning.metrics.nuplan.drive_file import drive_of, read_record
from planning.metrics.nuplan.score import Score, score
from sim.scenarios.commonroad.model import centres_by_step
from sim.scenarios.commonroad.read import read_commonroad

TOLERANCE = 1e-6
LANE_TOLERANCE = 0.02
STATE_KEYS = ("x", "y", "steering_angle", "velocity", "orientation")


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


def same_cost(term: str, ours: float, theirs: float) -> bool:
    """Within the tolerance of the term."""
    share = LANE_TOLERANCE if term in LANE_TERMS else TOLERANCE
    return abs(ours - theirs) <= max(share * abs(theirs), TOLERANCE)


def cost_differences(record: Mapping[str, Any], scenario: Path | None) -> Iterator[str]:
    """Names of all cost terms and totals that differ."""
    inputs, expected = record["inputs"], record["expected"]
    states = inputs["trajectory"]
    x, y, steering, speed, yaw = (np.array([state[key] for state in states], dtype=np.float64) for key in STATE_KEYS)
    steps = np.array([state["time_step"] for state in states], dtype=np.int64)
    trajectory = CarTrajectory(
        float(inputs["dt"]), steps, x, y, steering, speed, yaw, float(inputs["vehicle"]["width"])
    )
    lane = _published_lane(expected["intermediate"]) if scenario is None else _own_lane(trajectory, scenario)
    goal_mps = min(inputs["goal_velocity_start"], default=None)
    for name, theirs in expected["costs"].items():
        ours = cost(name, trajectory, lane, goal_mps)
        for term, value in theirs["partial"].items():
            if not same_cost(term, ours.partial[term], value):
                yield f"{name}.{term} {ours.partial[term]:.6g} instead of {value:.6g}"
        exact = LANE_TERMS.isdisjoint(theirs["partial"])
        if not same_cost("A" if exact else "D", ours.total, theirs["total"]):
            yield f"{name} {ours.total:.6g} instead of {theirs['total']:.6g}"


def _published_lane(intermediate: Mapping[str, Any]) -> LaneStates:
    columns = ("lon_position", "lat_position", "delta_orientation", "lon_jerk", "min_gap")
    return LaneStates(*(np.array([np.inf if v is None else v for v in intermediate[key]]) for key in columns))


def _own_lane(trajectory: CarTrajectory, scenario: Path) -> LaneStates:
    read = read_commonroad(scenario)
    network = LaneletNetwork.of(read.lanelets)
    surroundings = Surroundings(*centres_by_step(read.obstacles))
    return lane_states(network, trajectory, lanelet_route(network, trajectory), surroundings)


def _scenario(record: Mapping[str, Any], folder: Path) -> Path | None:
    """The scenario's file, None where it is missing or another version."""
    path = folder / record["inputs"]["scenario_file"]
    if not path.is_file():
        return None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path if digest == record["inputs"]["scenario_sha256"] else None


def check_costs(data: Path, scenarios: Path) -> tuple[int, int]:
    """Number of rollouts, and of those that agree."""
    files = sorted((data / "commonroad").glob("cr_*.json.gz"))
    agree, without = 0, 0
    for path in files:
        record = read_record(path)
        scenario = _scenario(record, scenarios)
        without += scenario is None
        try:
            found = list(cost_differences(record, scenario))
        except LanewiseError as error:
            found = [f"not evaluated: {error}"]
        agree += not found
        if found:
            print(f"{path.name}: {', '.join(found)}")
    print(f"CommonRoad costs: {agree} of {len(files)} rollouts agree ({without} without their scenario)")
    return len(files), agree


def check_scenes(data: Path) -> tuple[int, int]:
    """Number of scenes, and of those that agree."""
    files = sorted((data / "scenes").glob("*.json.gz"))
    agree, spent_s = 0, 0.0
    for path in files:
        record = read_record(path)
        begin = time.perf_counter()
        try:
            found = list(differences(score(drive_of(record, path)), expected_of(record)))
        except LanewiseError as error:
            found = [f"not evaluated: {error}"]
        spent_s += time.perf_counter() - begin
        agree += not found
        if found:
            print(f"{path.name}: {', '.join(found)}")
    print(f"nuPlan scenes: {agree} of {len(files)} agree in every score and series; {spent_s:.1f} s")
    return len(files), agree


def main() -> None:
    """Print the deviations and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--scenarios", type=Path, help="CommonRoad scenarios; default DATA/../commonroad")
    arguments = parser.parse_args()
    scenes, agree = check_scenes(arguments.data)
    scenarios = arguments.scenarios or arguments.data.resolve().parent / "commonroad"
    rollouts, cost_agree = check_costs(arguments.data, scenarios)
    print(json.dumps({"scenes": scenes, "agree": agree, "cost_rollouts": rollouts, "cost_agree": cost_agree}))


if __name__ == "__main__":
    main()
