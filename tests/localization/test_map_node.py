"""The node of localization on the map: it starts by itself, survives bad input, and its memory can be recorded."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bus.memory import decode_memory, encode_memory
from bus.messages import (
    Envelope,
    GnssFix,
    Imu,
    LandmarkKind,
    Landmarks,
    LaneMarks,
    Message,
    Odometry,
    PoseEstimate,
    PoseStatus,
    Wheels,
)
from bus.node import Publication, Received, Tick
from geometry.pose import Pose
from localization.map_filter import MapKnowledge, MapSettings
from localization.map_node import node_for
from maps.landmarks import MapLandmarks
from maps.mark_lines import mark_lines
from tests.localization.road import in_lane, seen_from, straight_road

ROAD = straight_road(3)
KNOWN = MapKnowledge(ROAD, mark_lines(ROAD), MapLandmarks.none())
SPEED_MPS = 15.0
STEP_NS = 20_000_000


class Car:
    """Drives along the middle lane at constant speed and feeds the node."""

    def __init__(self, lane: int | None = None, speed_mps: float = SPEED_MPS, known: MapKnowledge = KNOWN) -> None:
        """With a lane, that is where the mission says that it begins."""
        way = None if lane is None else ROAD.centre(lane)
        self.node = node_for(MapSettings(), known, way)
        self.speed_mps = speed_mps
        self.memory: Any = self.node.memory
        self.inbox: dict[str, Received] = {}
        self.said: list[Publication] = []
        self.k = 0

    @property
    def now_ns(self) -> int:
        return self.k * STEP_NS

    @property
    def pose(self) -> Pose:
        return in_lane(1, x_m=100.0 + self.speed_mps * self.now_ns * 1e-9, left_m=0.3)

    def hear(self, topic: str, message: Message, stamp_ns: int | None = None) -> None:
        stamp = self.now_ns if stamp_ns is None else stamp_ns
        received = Received(Envelope(topic, "test", self.k, stamp, self.now_ns, self.now_ns), message)
        self.inbox[topic] = received
        if topic in self.node.triggers:
            self._call(received)

    def _call(self, received: Received | None) -> None:
        tick = Tick(self.now_ns, dict(self.inbox), received, np.random.default_rng(0))
        self.memory, said = self.node.step(self.memory, tick)
        self.said += said

    def drive(
        self, seconds: float, fixes: bool = True, marks: bool = True, jump_m: float = 0.0, age_s: float = 0.1,
        frozen: bool = False, twice: bool = False,
    ) -> None:  # fmt: skip
        still = self.pose
        for _ in range(round(seconds * 50)):
            self.k += 1
            self.hear("/sensor/wheels", Wheels(self.speed_mps, math.nan, True))
            self.hear("/sensor/imu", Imu(np.array((0.0, 0.0, 9.81)), np.zeros(3)))
            if self.k % 5 == 0:
                if fixes:
                    place = still if frozen else self.pose
                    x, y = place.x_m + 1.5, place.y_m - 1.0 + jump_m
                    fix = GnssFix(x, y, 1.5, self.speed_mps, 0.0, 0.1, True)
                    stamp_ns = self.now_ns - round(age_s * 1e9)
                    self.hear("/sensor/gnss", fix, stamp_ns)
                    if twice:
                        self.hear("/sensor/gnss", replace(fix, x_m=x - 3.0), stamp_ns - 60_000_000)
                if marks:
                    self.hear("/perception/lane_marks", seen_from(KNOWN.lines, self.pose))
                self._call(None)

    def newest(self, kind: type) -> Any:
        return next(one.message for one in reversed(self.said) if isinstance(one.message, kind))

    @property
    def estimate(self) -> Pose:
        found: Pose = self.newest(PoseEstimate).world_from_odom @ self.newest(Odometry).odom_from_ego
        return found

    @property
    def complaints(self) -> list[str]:
        return [one.message.text for one in self.said if one.topic == "/diagnostics"]  # type: ignore[attr-defined]


def test_without_a_fix_it_is_lost_and_says_why() -> None:
    car = Car()
    car.drive(2.0, fixes=False)
    statuses = [one.message for one in car.said if one.topic == "/localization/status"]
    assert statuses and all(one.status == PoseStatus.LOST for one in statuses)  # type: ignore[attr-defined]
    assert not any(one.topic == "/localization/pose" for one in car.said)


def test_it_finds_the_lane_despite_a_satellite_bias_of_two_metres() -> None:
    car = Car()
    car.drive(20.0)
    assert car.newest(PoseEstimate).status == PoseStatus.LANE_CERTAIN
    assert car.estimate.y_m == pytest.approx(car.pose.y_m, abs=0.05)


def test_a_car_that_stands_where_its_mission_begins_is_certain_of_its_lane() -> None:
    standing = Car(lane=1, speed_mps=0.0)
    standing.drive(2.0)
    assert standing.newest(PoseEstimate).status == PoseStatus.LANE_CERTAIN
    assert standing.estimate.y_m == pytest.approx(standing.pose.y_m, abs=0.1)


def test_a_mission_that_begins_on_a_wrong_lane_is_overruled_by_what_is_seen() -> None:
    car = Car(lane=0)
    claims = 0
    for _ in range(100):
        car.drive(0.2)
        said = car.newest(PoseEstimate)
        off_m = abs(car.estimate.y_m - car.pose.y_m)
        claims += said.status == PoseStatus.LANE_CERTAIN and off_m > 1.5
    assert claims == 0
    assert said.status == PoseStatus.LANE_CERTAIN
    assert off_m < 0.1


def test_an_outage_of_a_minute_is_bridged_by_the_lane_marks() -> None:
    car = Car()
    car.drive(15.0)
    car.drive(60.0, fixes=False)
    assert car.newest(PoseEstimate).status == PoseStatus.LANE_CERTAIN
    assert car.estimate.y_m == pytest.approx(car.pose.y_m, abs=0.05)


def test_without_marks_the_bound_grows_until_the_lane_is_no_longer_claimed() -> None:
    car = Car()
    car.drive(15.0)
    sharp = car.newest(PoseEstimate).protection_lateral_m
    car.drive(60.0, fixes=False, marks=False)
    after = car.newest(PoseEstimate)
    assert after.protection_lateral_m > sharp
    assert abs(car.estimate.y_m - car.pose.y_m) <= after.protection_lateral_m


def test_a_jump_of_ten_metres_does_not_move_the_pose() -> None:
    car = Car()
    car.drive(15.0)
    car.drive(5.0, jump_m=10.0)
    assert car.estimate.y_m == pytest.approx(car.pose.y_m, abs=0.1)


def test_a_fix_that_stays_elsewhere_is_at_last_a_doubt() -> None:
    car = Car()
    car.drive(15.0)
    car.drive(12.0, jump_m=40.0)
    assert car.newest(PoseEstimate).status != PoseStatus.LANE_CERTAIN


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ({"jump_m": 10.0}, "contradicts"),
        ({"frozen": True}, "repeats itself"),
        ({"twice": True}, "out of order"),
        ({"age_s": 3.0}, "old"),
    ],
)
def test_a_receiver_that_lies_is_reported_and_the_lane_is_kept(fault: dict[str, Any], word: str) -> None:
    car = Car()
    car.drive(15.0)
    for _ in range(10):
        car.drive(0.5, **fault)
        bound_m = car.newest(PoseEstimate).protection_lateral_m
        assert abs(car.estimate.y_m - car.pose.y_m) <= min(bound_m, 0.15)
    assert any(word in text for text in car.complaints), car.complaints


@pytest.mark.parametrize(
    ("topic", "message", "word"),
    [
        ("/sensor/imu", Imu(np.array((np.nan, 0.0, 9.81)), np.zeros(3)), "finite"),
        ("/sensor/gnss", GnssFix(math.nan, 0.0, 1.0, 0.0, 0.0, 0.1, True), "finite"),
        (
            "/perception/lane_marks",
            LaneMarks(np.array([0, 1]), np.array([(np.inf, 0.0)]), np.ones(1), np.ones(1), np.ones(1)),
            "finite",
        ),
    ],
)
def test_numbers_that_are_not_finite_are_refused_and_reported(topic: str, message: Message, word: str) -> None:
    car = Car()
    car.drive(15.0)
    car.k += 1
    car.hear(topic, message)
    car.drive(1.0)
    assert any(word in text for text in car.complaints)
    assert car.estimate.y_m == pytest.approx(car.pose.y_m, abs=0.1)


def test_a_repeated_imu_sample_is_refused_and_reported() -> None:
    car = Car()
    car.drive(15.0)
    before = car.memory.odometer.trail.newest
    car.hear("/sensor/imu", Imu(np.array((0.0, 0.0, 9.81)), np.array((0.0, 0.0, 3.0))))
    assert car.memory.odometer.trail.newest == before
    car.drive(0.2)
    assert any("repeated" in text for text in car.complaints)


def test_an_old_picture_is_not_taken_for_a_new_one() -> None:
    car = Car()
    car.drive(15.0)
    old = seen_from(KNOWN.lines, replace(car.pose, y_m=car.pose.y_m + 1.0))
    car.hear("/perception/lane_marks", old, car.now_ns - 2_000_000_000)
    car.drive(0.2)
    assert car.estimate.y_m == pytest.approx(car.pose.y_m, abs=0.05)


def test_its_memory_survives_recording() -> None:
    car = Car()
    car.drive(10.0)
    data = encode_memory(car.memory)
    restored = decode_memory(data)
    assert encode_memory(restored) == data
    car.memory = restored
    car.drive(1.0)
    assert car.estimate.y_m == pytest.approx(car.pose.y_m, abs=0.1)


def test_a_landmark_counts_once_a_second_picture_shows_it_and_what_was_seen_is_recorded() -> None:
    sign = MapLandmarks(np.zeros(1, dtype=np.int64), np.array([(460.0, -2.0)]), np.zeros(1))
    car = Car(known=replace(KNOWN, landmarks=sign))
    car.drive(21.5)
    off_m = abs(car.estimate.x_m - car.pose.x_m)
    assert off_m > 0.5

    def see() -> float:
        x_m, y_m = (car.pose.inverse() @ sign.points)[0]
        one = np.array([x_m]), np.array([y_m]), np.array([np.eye(2) * 0.01])
        car.hear("/perception/landmarks", Landmarks(np.array([int(LandmarkKind.SIGN)]), np.ones(1), *one))
        car.drive(0.1, fixes=False)
        return abs(car.estimate.x_m - car.pose.x_m)

    assert see() == pytest.approx(off_m, abs=0.1)
    car.memory = decode_memory(encode_memory(car.memory))
    assert see() < 0.5 * off_m
