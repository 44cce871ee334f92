"""Localization on the map: GNSS, IMU, wheels, lane marks and landmarks to a pose with an honest bound.

In: `/sensor/*`, `/perception/lane_marks`, `/perception/landmarks` and the map. Out: `/localization/odometry` (IMU and
wheels alone, at every IMU sample), `/localization/pose` and `/localization/status` at 10 Hz, `/diagnostics`.

Cameras and receivers speak late: what they say is compared with where the car was then, by its own trail.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from bus.finite import first_non_finite
from bus.messages import (
    Diagnostic,
    GnssFix,
    Imu,
    Landmarks,
    LaneMarks,
    Level,
    LocalizationStatus,
    PoseEstimate,
    PoseStatus,
    Wheels,
)
from bus.node import Node, Publication, Tick
from geometry.polyline import Polyline
from geometry.pose import Pose
from inference.here import RunKernel, run_here
from localization import odometer, satellites
from localization.estimate_pose import pose_covariance, pose_of
from localization.estimator import calibration_of
from localization.integrity import judged
from localization.landmark_matching import seen_again
from localization.lane_hypotheses import LaneBank
from localization.map_filter import (
    MapKnowledge,
    MapSettings,
    advanced,
    begun_by,
    is_hopeless,
    with_fix,
    with_landmarks,
    with_picture,
)
from localization.node import odometry_of
from localization.odometer import Odometer
from localization.satellites import Receiver
from localization.trail import Trail
from maps.landmarks import map_landmarks
from maps.lane_map import LaneMap
from maps.mark_lines import mark_lines

_PERIOD_NS = 100_000_000
_TRIGGERS = ("/sensor/gnss", "/sensor/imu", "/sensor/wheels", "/perception/lane_marks", "/perception/landmarks")


@dataclass(frozen=True, slots=True, eq=False)
class MapMemory:
    """The bank (None before the first start), odometry, and what the receiver and the eyes said last."""

    bank: LaneBank | None = None
    odometer: Odometer = field(default_factory=Odometer)
    receiver: Receiver = field(default_factory=Receiver)
    marks_ns: int = -1
    landmarks: Landmarks | None = None
    landmarks_ns: int = -1
    complaint: str = ""
    said: str = ""


def node(settings: MapSettings, lane_map: LaneMap, way: Polyline | None = None, run: RunKernel = run_here) -> Node:
    """The node to hand to the executor, for a car whose own map is the given one; `run` runs its kernel."""
    return node_for(settings, MapKnowledge(lane_map, mark_lines(lane_map), map_landmarks(lane_map), run), way)


def node_for(settings: MapSettings, known: MapKnowledge, way: Polyline | None = None) -> Node:
    """The node for a car that knows these lanes, lines and landmarks; `way`: the lane on which the drive begins."""
    return Node(
        name="localization",
        priority=10,
        step=lambda memory, tick: step(settings, known, memory, tick, way),
        memory=MapMemory(),
        inputs=_TRIGGERS,
        outputs=("/localization/odometry", "/localization/pose", "/localization/status", "/diagnostics"),
        period_ns=_PERIOD_NS,
        triggers=_TRIGGERS,
    )


def step(
    settings: MapSettings, known: MapKnowledge, memory: MapMemory, tick: Tick, way: Polyline | None = None
) -> tuple[MapMemory, tuple[Publication, ...]]:
    """One call: by a measurement, or by the timer, which publishes the pose."""
    if tick.trigger is None:
        return _published(settings, memory)
    stamp_ns = tick.trigger.envelope.measured_ns
    match tick.trigger.message:
        case Imu() as imu:
            return _with_imu(settings, memory, tick, imu)
        case Wheels() as wheels:
            heard, complaint = odometer.with_wheels(memory.odometer, stamp_ns, wheels.speed_mps)
            heard = odometer.with_steering(heard, wheels.steering_rad, settings.odometer)
            return _complaining(replace(memory, odometer=heard), complaint), ()
        case GnssFix() as fix:
            return _with_gnss(settings, known, memory, stamp_ns, fix, way), ()
        case LaneMarks() | Landmarks() as sight:
            return _with_sight(settings, known, memory, stamp_ns, sight), ()
        case _:
            return memory, ()


def _complaining(memory: MapMemory, complaint: str) -> MapMemory:
    return replace(memory, complaint=complaint) if complaint else memory


def _with_imu(
    settings: MapSettings, memory: MapMemory, tick: Tick, imu: Imu
) -> tuple[MapMemory, tuple[Publication, ...]]:
    """Odometry and bank one sample on."""
    assert tick.trigger is not None
    bank = memory.bank
    known = None if bank is None else calibration_of(bank.leader)
    stamp_ns, turning, force = tick.trigger.envelope.measured_ns, imu.angular_velocity_radps, imu.acceleration_mps2
    moved, steps, complaint = odometer.with_imu(memory.odometer, stamp_ns, turning, force, known, settings.odometer)
    if complaint:
        return _complaining(memory, complaint), ()
    if bank is not None:
        bank, believed = advanced(bank, steps, settings)
        complaint = "" if believed else "the wheels slip or lock"
    if moved.trail is not None and odometer.is_rolling_blind(moved, settings.odometer):
        complaint = "the wheels are silent"
    after = _complaining(replace(memory, odometer=moved, bank=bank), complaint)
    return after, odometry_of(moved, tick, settings.odometer)


def _with_gnss(
    settings: MapSettings, known: MapKnowledge, memory: MapMemory, stamp_ns: int, fix: GnssFix, way: Polyline | None
) -> MapMemory:
    """The bank corrected or begun by a fix."""
    trail, bank = memory.odometer.trail, memory.bank
    if trail is None:
        return memory
    receiver, useful, complaint = satellites.heard(memory.receiver, fix, stamp_ns, trail.newest, settings.receiver)
    memory = _complaining(replace(memory, receiver=receiver), complaint)
    if not useful:
        return memory
    if bank is None:
        return replace(memory, bank=begun_by(fix, stamp_ns, trail.newest, known, settings, way))
    if is_hopeless(bank, settings):
        return replace(memory, bank=begun_by(fix, stamp_ns, trail.newest, known, settings, None))
    if memory.odometer.wheel_mps == 0.0:
        return memory  # where the car stands, reflections stay the same: hundreds of fixes would say it as one
    bank, believed = with_fix(bank, trail, fix, stamp_ns, settings)
    return _complaining(replace(memory, bank=bank), "" if believed else "a satellite fix contradicts the motion")


def _with_sight(
    settings: MapSettings, known: MapKnowledge, memory: MapMemory, stamp_ns: int, sight: LaneMarks | Landmarks
) -> MapMemory:
    """The bank corrected by a picture; one that is older than the trail is of no use."""
    is_marks = isinstance(sight, LaneMarks)
    what = "a picture's lane marks" if is_marks else "a picture's landmarks"
    trail, bank = memory.odometer.trail, memory.bank
    if first_non_finite(sight) is not None:
        return _complaining(memory, f"{what} hold a number that is not finite")
    if refusal := odometer.out_of_order(memory.marks_ns if is_marks else memory.landmarks_ns, stamp_ns, what):
        return _complaining(memory, refusal)
    if trail is None or bank is None:
        return memory
    if not trail.covers(stamp_ns, settings.receiver.future_s):
        return _complaining(memory, f"{what} are {(trail.newest.stamp_ns - stamp_ns) * 1e-9:.1f} s old")
    then = trail.now_from_then(stamp_ns)
    if isinstance(sight, LaneMarks):
        return replace(memory, bank=with_picture(bank, sight, then, known, settings), marks_ns=stamp_ns)
    again = _seen_again(settings, memory, trail, stamp_ns, sight)
    if again is not None:
        bank = with_landmarks(bank, again, then, known, settings)
    return replace(memory, bank=bank, landmarks=sight, landmarks_ns=stamp_ns)


def _seen_again(
    settings: MapSettings, memory: MapMemory, trail: Trail, stamp_ns: int, sight: Landmarks
) -> Landmarks | None:
    """The landmarks that the last picture showed too; None where that was too long ago to be compared."""
    if memory.landmarks is None or not trail.covers(memory.landmarks_ns):
        return None
    then_from_before = trail.now_from_then(stamp_ns).inverse() @ trail.now_from_then(memory.landmarks_ns)
    return seen_again(memory.landmarks, then_from_before, sight, settings.landmarks)


def _published(settings: MapSettings, memory: MapMemory) -> tuple[MapMemory, tuple[Publication, ...]]:
    """Pose, status and complaints, by the timer."""
    said: list[Any] = list(_pose_and_status(memory, settings))
    if memory.complaint and memory.complaint != memory.said:
        said.append(Publication("/diagnostics", Diagnostic("localization", Level.WARNING, memory.complaint)))
    return replace(memory, said=memory.complaint, complaint=""), tuple(said)


def _pose_and_status(memory: MapMemory, settings: MapSettings) -> tuple[Publication, ...]:
    bank, trail = memory.bank, memory.odometer.trail
    if bank is None or trail is None:
        reason = "IMU and wheels have not spoken yet" if trail is None else "no satellite fix of a moving car yet"
        status = LocalizationStatus(PoseStatus.LOST, 0, reason)
        return (Publication("/localization/status", status),)
    judgement, here = judged(bank, settings.integrity, settings.lanes), trail.newest
    estimate = PoseEstimate(
        world_from_odom=pose_of(bank.leader) @ Pose(here.x_m, here.y_m, here.yaw_rad).inverse(),
        status=judgement.status,
        protection_lateral_m=judgement.protection.lateral_m,
        protection_longitudinal_m=judgement.protection.longitudinal_m,
        protection_heading_rad=judgement.protection.heading_rad,
        covariance=pose_covariance(bank.leader),
    )
    status = LocalizationStatus(judgement.status, len(bank.copies) + 1, judgement.reason)
    return Publication("/localization/pose", estimate, here.stamp_ns), Publication("/localization/status", status)
