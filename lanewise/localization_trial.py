"""One simulated drive for localization: true motion to sensors to the localization node, and what came out of it.

In: a map, a drive along its lanes, what the car's own map says, weather and sensors. Out: errors and statuses at 10 Hz.
The node is the one that drives, fed through its own `step` with each message at the time at which it would arrive; only
the executor's recording and checks are left out, which keeps hours affordable.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bus.messages import Envelope, Message, Odometry, PoseEstimate, PoseStatus, Weather, Wheels
from bus.node import Node, Publication, Received, Tick
from geometry.angles import Floats
from geometry.pose import Pose
from localization.metrics import PoseErrors, pose_errors
from maps.landmarks import MapLandmarks
from maps.lane_map import LaneMap
from maps.mark_lines import MarkLines
from sim.lane_drive import LaneDrive
from sim.sensors import gnss, imu, landmarks, lane_marks, wheels
from sim.weather import CLEAR_DAY

_SAMPLE_ROWS = 5
_HUGE_M = 1.0e6


@dataclass(frozen=True, slots=True)
class SensorSet:
    """The devices of the car and the eyes' error models."""

    gnss: gnss.GnssSettings = field(default_factory=gnss.GnssSettings)
    imu: imu.ImuSettings = field(default_factory=imu.ImuSettings)
    wheels: wheels.WheelSettings = field(default_factory=wheels.WheelSettings)
    lane_marks: lane_marks.LaneMarkErrors = field(default_factory=lane_marks.LaneMarkErrors)
    landmarks: landmarks.LandmarkErrors = field(default_factory=landmarks.LandmarkErrors)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A drive and what the eyes can see on it: the true lines and landmarks."""

    drive: LaneDrive
    lines: MarkLines
    landmarks: MapLandmarks
    weather: Weather = CLEAR_DAY
    sensors: SensorSet = field(default_factory=SensorSet)


@dataclass(frozen=True, slots=True, eq=False)
class TrialResult:
    """Errors at N instants, 10 a second; `truth` and `estimate` (N, 3); `wrong_lane` (N,); time spent in the node."""

    errors: PoseErrors
    truth: Floats
    estimate: Floats
    wrong_lane: NDArray[np.bool_]
    reasons: tuple[str, ...]
    spent_s: float
    steps: int


def run_trial(trial: Trial, node: Node, lane_map: LaneMap, seed: int) -> TrialResult:
    """Drive and localize."""
    listener = _Listener(node, np.random.default_rng(seed + 1))
    rows: list[tuple[float, ...]] = []
    reasons: list[str] = []
    for row, due in enumerate(measurements(trial, np.random.default_rng(seed))):
        for received in due:
            listener.hear(received)
        if row % _SAMPLE_ROWS == 0:
            now_ns = _time_ns(trial.drive, row)
            listener.hear(None, now_ns)
            rows.append(listener.sample())
            reasons.append(listener.reason)
    table = np.array(rows)
    at = np.arange(len(rows)) * _SAMPLE_ROWS
    truth = np.stack((trial.drive.x_m[at], trial.drive.y_m[at], trial.drive.yaw_rad[at]), axis=1)
    errors = pose_errors(trial.drive.t_s[at], truth, table[:, :3], table[:, 3:6], table[:, 6].astype(np.int64))
    wrong = wrong_lanes(lane_map, truth, errors.lateral_m)
    return TrialResult(errors, truth, table[:, :3], wrong, tuple(reasons), listener.spent_s, listener.steps)


def wrong_lanes(lane_map: LaneMap, truth: Floats, lateral_m: Floats) -> NDArray[np.bool_]:
    """Where a lateral error (N,) moves a true pose (N, 3) onto a lane that the true pose is not on, shape (N,)."""
    wrong = np.zeros(len(truth), dtype=bool)
    suspect = np.flatnonzero(np.isfinite(lateral_m) & (np.abs(lateral_m) > 0.05))
    if len(suspect) == 0:
        return wrong
    yaw = truth[suspect, 2]
    aside = lateral_m[suspect, None] * np.stack((-np.sin(yaw), np.cos(yaw)), axis=1)
    here = lane_map.nearest(truth[suspect, :2], yaw)[0]
    there = lane_map.nearest(truth[suspect, :2] + aside, yaw)[0]
    for k in np.flatnonzero(here != there):
        # lanes that lie upon each other (a junction's turns, a split) are one place
        covering = lane_map.lanes_near(truth[suspect[k], :2], 0.0)
        wrong[suspect[k]] = there[k] not in covering
    return wrong


def _time_ns(drive: LaneDrive, row: int) -> int:
    return round(float(drive.t_s[row]) * 1e9)


@dataclass(slots=True)
class _Listener:
    """The node, its inbox and its newest words."""

    node: Node
    rng: np.random.Generator
    memory: Any = None
    inbox: dict[str, Received] = field(default_factory=dict)
    odometry: Odometry | None = None
    pose: PoseEstimate | None = None
    reason: str = ""
    spent_s: float = 0.0
    steps: int = 0

    def __post_init__(self) -> None:
        self.memory = self.node.memory

    def hear(self, received: Received | None, now_ns: int = 0) -> None:
        """One message, or the timer at `now_ns`."""
        if received is not None:
            now_ns = received.envelope.received_ns
            self.inbox[received.envelope.topic] = received
            if received.envelope.topic not in self.node.triggers:
                return
        begun = time.process_time()
        self.memory, said = self.node.step(self.memory, Tick(now_ns, self.inbox, received, self.rng))
        self.spent_s += time.process_time() - begun
        self.steps += 1
        for publication in said:
            self._note(publication)

    def _note(self, publication: Publication) -> None:
        match publication.topic:
            case "/localization/odometry":
                assert isinstance(publication.message, Odometry)
                self.odometry = publication.message
            case "/localization/pose":
                assert isinstance(publication.message, PoseEstimate)
                self.pose = publication.message
            case "/localization/status":
                self.reason = str(getattr(publication.message, "reason", ""))

    def sample(self) -> tuple[float, ...]:
        """x, y, yaw, lateral, longitudinal and heading bound, status; NaN and boundless before the first pose."""
        if self.pose is None or self.odometry is None:
            return (np.nan, np.nan, np.nan, _HUGE_M, _HUGE_M, np.pi, float(PoseStatus.LOST))
        here: Pose = self.pose.world_from_odom @ self.odometry.odom_from_ego
        bounds = self.pose.protection_lateral_m, self.pose.protection_longitudinal_m, self.pose.protection_heading_rad
        return (here.x_m, here.y_m, here.yaw_rad, *bounds, float(self.pose.status))


def measurements(trial: Trial, rng: np.random.Generator) -> Iterator[list[Received]]:
    """For each state of the drive, the messages that arrive then, in order."""
    sensors = trial.sensors
    queue: list[tuple[int, int, Received]] = []
    devices = _Devices(trial, rng)
    count = 0
    for row in range(len(trial.drive.t_s)):
        now_ns = _time_ns(trial.drive, row)
        for topic, message, stamp_ns, delay_s in devices.measure(row, now_ns, sensors):
            arrives_ns = now_ns + round(delay_s * 1e9)
            envelope = Envelope(topic, "trial", count, stamp_ns, now_ns, arrives_ns)
            heapq.heappush(queue, (arrives_ns, count, Received(envelope, message)))
            count += 1
        due = []
        while queue and queue[0][0] <= now_ns:
            due.append(heapq.heappop(queue)[2])
        yield due


@dataclass(slots=True)
class _Devices:
    """The devices' memories over a drive."""

    trial: Trial
    rng: np.random.Generator
    gnss: gnss.GnssMemory = field(default_factory=gnss.GnssMemory)
    imu: imu.ImuMemory = field(default_factory=imu.ImuMemory)
    wheels: wheels.WheelMemory = field(default_factory=wheels.WheelMemory)
    lane_marks: lane_marks.LaneMarkMemory = field(default_factory=lane_marks.LaneMarkMemory)
    landmarks: landmarks.LandmarkMemory = field(default_factory=landmarks.LandmarkMemory)

    def measure(self, row: int, now_ns: int, sensors: SensorSet) -> Iterator[tuple[str, Message, int, float]]:
        """Topic, message, stamp and delay of what is measured at a state of the drive."""
        trial, rng = self.trial, self.rng
        ego = trial.drive.state(row)
        said: Message
        self.wheels, said = wheels.measure(sensors.wheels, self.wheels, ego, trial.weather, rng)
        assert isinstance(said, Wheels)
        yield "/sensor/wheels", said, now_ns, sensors.wheels.delay_s
        self.imu, said = imu.measure(sensors.imu, self.imu, ego, now_ns, rng)
        yield "/sensor/imu", said, now_ns, sensors.imu.delay_s
        if row % _SAMPLE_ROWS:
            return
        self.gnss, fix = gnss.measure(sensors.gnss, self.gnss, ego, now_ns, rng)
        if fix is not None:
            yield "/sensor/gnss", fix, now_ns - round(sensors.gnss.stamp_lag_s * 1e9), sensors.gnss.delay_s
        self.lane_marks, said = lane_marks.measure(
            sensors.lane_marks, trial.lines, self.lane_marks, ego, trial.weather, now_ns, rng
        )
        yield "/perception/lane_marks", said, now_ns, sensors.lane_marks.delay_s
        self.landmarks, said = landmarks.measure(
            sensors.landmarks, trial.landmarks, self.landmarks, ego, trial.weather, rng
        )
        yield "/perception/landmarks", said, now_ns, sensors.landmarks.delay_s
