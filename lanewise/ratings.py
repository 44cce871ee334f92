"""What outside rules say of a drive besides its verdict: Euro NCAP points, CommonRoad costs.

In: a drive and its assignment, which hold all that is needed, so that a recording can be rated again without the
scenario's file. Out: metric results that inform; they decide no verdict.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from geometry.errors import InputError, SceneError
from lanewise.solution import trajectory_of
from motion.car_trajectory import CarTrajectory
from motion.rollout import Rollout
from planning.metrics.commonroad.cost_results import cost_results
from planning.metrics.commonroad.lane_states import LaneStates, lane_states
from planning.metrics.commonroad.lanelet_route import LaneletNetwork, lanelet_route
from planning.metrics.commonroad.surroundings import Surroundings
from planning.metrics.lane_view import first_ego_contact
from planning.metrics.ncap.from_rollout import run_of
from planning.metrics.ncap.points import Colour, colour, is_warning_test, rated_test
from planning.metrics.result import MetricResult
from sim.scenarios.commonroad.model import CommonRoadScenario, centres_by_step
from sim.scenarios.commonroad.read import read_commonroad
from sim.scenarios.openscenario.engine import StoryboardEngine
from sim.scenarios.scenario import ScenarioEngine

NCAP = "euro_ncap"
"""Name of the result that says how much of the points of its test a drive has won."""
TEST_PARAMETER, SPEED_PARAMETER = "Scenario_ID", "Ego_speed_kph"
"""Parameters by which Euro NCAP scenario files name their test and the car's speed in it."""
REVERSING = "CPRA"
"""Tests in which the car reverses; they are known, but no forward driver can run them."""


@dataclass(frozen=True, slots=True)
class NcapTest:
    """Which permutation of which test a scenario is; `name` as the protocol has it (`CPNA-25`)."""

    name: str
    speed_kph: float


def ncap_test(engine: ScenarioEngine) -> NcapTest | None:
    """The Euro NCAP test that a scenario declares itself to be, None for other scenarios."""
    if not isinstance(engine, StoryboardEngine):
        return None
    parameters: Mapping[str, Any] = engine.runtime.stage.parameters
    name, speed = parameters.get(TEST_PARAMETER), parameters.get(SPEED_PARAMETER)
    if not isinstance(name, str) or not isinstance(speed, float) or not 0.0 < speed < math.inf:
        return None
    known = rated_test(name) is not None or name.startswith(REVERSING)
    return NcapTest(name, speed) if known else None


def ratings(
    rollout: Rollout, test: NcapTest | None, map_format: str, map_data: bytes, warning_ttc_s: float | None = None
) -> tuple[MetricResult, ...]:
    """Ratings of a drive, empty where no outside rules apply.

    Args:
        rollout: the drive.
        test: the Euro NCAP test that it was.
        map_format: of the assignment; `commonroad` means that `map_data` is the whole scenario.
        map_data: the map file's bytes.
        warning_ttc_s: time to collision at the first warning to the driver, None where none was given.
    """
    found: tuple[MetricResult, ...] = ()
    if test is not None and rated_test(test.name) is not None:
        found += (ncap_result(rollout, test, warning_ttc_s),)
    if map_format == "commonroad":
        found += commonroad_results(rollout, scenario_of(map_data))
    return found


def ncap_result(rollout: Rollout, test: NcapTest, warning_ttc_s: float | None = None) -> MetricResult:
    """The share of a test's points that a drive is worth, with the contact that cost the rest."""
    warned_s = (-math.inf if warning_ttc_s is None else warning_ttc_s) if is_warning_test(test.name) else None
    run = run_of(rollout, test.name, test.speed_kph, warned_s)
    rating = colour(run)
    told = f"{test.name} at {test.speed_kph:g} km/h: {rating.name.lower()}"
    contact = first_ego_contact(rollout)
    if contact is None or run.impact_kph is None:
        return MetricResult(NCAP, True, rating.value, "", 1.0, f"{told}, nobody was touched")
    other = contact.second_id if contact.first_id == rollout.ego_id else contact.first_id
    warned = "" if warned_s is None or math.isfinite(warned_s) else ", and nobody was warned"
    cause = (
        f"{told}, {rollout.cast[other].name} touched at t = {contact.t_s:.2f} s with {run.impact_kph:.1f} km/h"
        f" ({run.reduction_kph:.1f} km/h taken off){warned}"
    )
    return MetricResult(
        NCAP, rating is Colour.GREEN, rating.value, "", 1.0, cause, contact.t_s, contact.x_m, contact.y_m
    )


def commonroad_results(rollout: Rollout, scenario: CommonRoadScenario) -> tuple[MetricResult, ...]:
    """All cost terms and functions for the first planning problem; none where the drive is too short to have any."""
    try:
        trajectory = trajectory_of(scenario, rollout)
    except InputError:
        return ()
    return costs_of(scenario, trajectory)


def costs_of(scenario: CommonRoadScenario, trajectory: CarTrajectory) -> tuple[MetricResult, ...]:
    """The same of a trajectory, whoever drove it."""
    return cost_results(trajectory, _lane_of(scenario, trajectory), scenario.problems[0].goal_speed_mps)


def _lane_of(scenario: CommonRoadScenario, trajectory: CarTrajectory) -> LaneStates | None:
    """Lane coordinates; None where the drive left its lanelets, which has no place in them."""
    network = LaneletNetwork.of(scenario.lanelets)
    surroundings = Surroundings(*centres_by_step(scenario.obstacles))
    try:
        return lane_states(network, trajectory, lanelet_route(network, trajectory), surroundings)
    except SceneError:
        return None


@lru_cache(maxsize=4)
def scenario_of(data: bytes) -> CommonRoadScenario:
    """The CommonRoad scenario of a file's bytes."""
    with tempfile.TemporaryDirectory(prefix="lanewise-") as folder:  # the reader takes files, as its errors name one
        path = Path(folder) / "scenario.xml"
        path.write_bytes(data)
        return read_commonroad(path)
