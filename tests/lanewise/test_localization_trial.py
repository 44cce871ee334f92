"""A simulated drive through sensors, eyes and the localization node: it knows its lane, and its bounds hold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bus.executor import Executor
from bus.memory import encode_generator, encode_memory
from bus.messages import Envelope, Message, PoseEstimate, PoseStatus
from bus.node import Node, Publication, Tick
from lanewise.localization_trial import SensorSet, Trial, TrialResult, run_trial, wrong_lanes
from localization.map_filter import MapKnowledge, MapSettings
from localization.map_node import node_for
from localization.metrics import Spread, exceedances, intervals
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.mark_lines import mark_lines
from maps.opendrive import read_opendrive
from sim.lane_drive import DriveStyle, random_drive
from sim.map_errors import furnished, with_map_errors
from sim.sensors import gnss, imu, landmarks, lane_marks, wheels
from sim.sensors.gnss import GnssSettings
from tests.conftest import REPOSITORY

MAPS = REPOSITORY / "lanewise" / "scenarios" / "maps"


def map_named(name: str) -> LaneMap:
    return sample_lanes(read_opendrive(Path(MAPS / f"{name}.xodr")))


def tried(lane_map: LaneMap, style: DriveStyle, seed: int, seconds: float, outage: bool) -> TrialResult:
    rng = np.random.default_rng(seed)
    drive = random_drive(lane_map, style, seconds, 0.5 * seconds, rng)
    lines, signs = mark_lines(lane_map), furnished(lane_map, 150.0, rng)
    known = MapKnowledge(lane_map, with_map_errors(lines, 0.1, rng), signs)
    receiver = GnssSettings(bias_sigma_m=2.5, outages_s=((15.0, 75.0),) if outage else ())
    trial = Trial(drive, lines, signs, sensors=SensorSet(gnss=receiver))
    return run_trial(trial, node_for(MapSettings(), known), lane_map, seed)


def assert_sound(result: TrialResult) -> None:
    errors = result.errors
    certain = errors.certain
    assert certain[60:].mean() > 0.9
    assert Spread.of(errors.where(certain).lateral_m).p95 < 0.2
    assert not [i for i in intervals(errors.t_s, result.wrong_lane & certain) if i.length_s > 1.0]
    posed = errors.where(np.isfinite(errors.lateral_m))
    assert exceedances(posed).mean() < 0.02


@pytest.mark.parametrize("seed", [0, 1])
def test_a_highway_is_driven_through_an_outage(seed: int) -> None:
    assert_sound(tried(map_named("highway_curve"), DriveStyle(free_mps=30.0), seed, 60.0, outage=True))


def test_the_sensor_nodes_and_the_localization_node_work_together_in_the_executor() -> None:
    lane_map, rng = map_named("highway_curve"), np.random.default_rng(1)
    drive = random_drive(lane_map, DriveStyle(free_mps=30.0), 20.0, 15.0, rng)
    lines, signs = mark_lines(lane_map), furnished(lane_map, 150.0, rng)

    def say_truth(memory: None, tick: Tick) -> tuple[None, tuple[Publication, ...]]:
        row = min(tick.now_ns // 20_000_000, len(drive.t_s) - 1)
        return memory, (Publication("/truth/ego", drive.state(row)),)

    truth = Node("simulator", 0, say_truth, None, (), ("/truth/ego",), period_ns=20_000_000, snapshot=False)
    eyes = lane_marks.node(lane_marks.LaneMarkErrors(), lines), landmarks.node(landmarks.LandmarkErrors(), signs)
    devices = gnss.node(GnssSettings()), imu.node(imu.ImuSettings()), wheels.node(wheels.WheelSettings())
    ours = node_for(MapSettings(), MapKnowledge(lane_map, lines, signs))
    said: list[tuple[Envelope, Message]] = []
    executor = Executor(
        (truth, *devices, *eyes, ours), 1, lambda *one: said.append(one), encode_memory, encode_generator
    )
    executor.run_until(14_000_000_000)
    pose = next(message for _, message in reversed(said) if isinstance(message, PoseEstimate))
    assert pose.status == PoseStatus.LANE_CERTAIN
    assert not [message for envelope, message in said if envelope.topic == "/diagnostics"]
    assert {"/sensor/gnss", "/state/localization"} <= {envelope.topic for envelope, _ in said}


@pytest.mark.full
@pytest.mark.parametrize("seed", range(4))
def test_a_town_is_driven_for_three_minutes(seed: int) -> None:
    style = DriveStyle(free_mps=13.9, stop_per_m=1.0 / 500.0)
    assert_sound(tried(map_named("town"), style, seed, 180.0, outage=True))


def test_a_pose_a_lane_aside_is_in_a_wrong_lane_and_a_small_error_is_not() -> None:
    lane_map = map_named("highway_straight")
    lane = next(i for i in range(lane_map.size) if lane_map.kinds[i] == "driving" and lane_map.left_neighbour[i] >= 0)
    centre = lane_map.centre(lane).points
    ahead = centre[5] - centre[4]
    yaw = float(np.arctan2(ahead[1], ahead[0]))
    truth = np.array([(*centre[4], yaw)] * 3)
    width = float(lane_map.widths_m(lane)[4])
    assert wrong_lanes(lane_map, truth, np.array((0.2, width, np.nan))).tolist() == [False, True, False]


def test_the_same_seeds_give_the_same_errors() -> None:
    lane_map = map_named("highway_straight")
    first, second = (tried(lane_map, DriveStyle(free_mps=30.0), 3, 20.0, outage=False) for _ in range(2))
    assert np.array_equal(first.estimate, second.estimate, equal_nan=True)
    assert replace(first, spent_s=0.0).steps == second.steps
