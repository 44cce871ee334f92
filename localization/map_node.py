"""Localization on the map: GNSS, IMU, wheels, lane marks and landmarks to a pose with an honest bound.

In: `/sensor/*`, `/perception/lane_marks`, `/perception/landmarks` and the map. Out: `/localization/odometry` (IMU and
wheels alone, at every IMU sample), `/localization/pose` and `/localization/status` at 10 Hz, `/diagnostics`.

Cameras and receivers speak late. So the filters lag: they stand at the time of the newest picture, and IMU samples wait
until a picture (or `lag_s` without one) lets them advance. What is published is `world_from_odom` at that time;
odometry carries it to now, and its drift over a fraction of a second is millimetres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from bus.finite import first_non_finite
from bus.messages import Diagnostic, Level, LocalizationStatus, Odometry, PoseEstimate, PoseStatus
from bus.node import Node, Publication, Received, Tick
from geometry.pose import IDENTITY, Pose
from localization.estimate_pose import pose_covariance, pose_of
from localization.integrity import judged
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
from localization.pose_filter import Inertial, odometry_step
from maps.landmarks import map_landmarks
from maps.lane_map import LaneMap
from maps.mark_lines import mark_lines

_PERIOD_NS = 100_000_000
_WHEELS_AGE_S = 0.2
_TRAIL_S = 1.0
_SAME_NS = 30_000_000
"""A picture this close to the filters' time counts as taken then."""


@dataclass(frozen=True, slots=True)
class OdomPoint:
    """Where the ego was in `odom`."""

    stamp_ns: int
    odom_from_ego: Pose


@dataclass(frozen=True, slots=True, eq=False)
class MapMemory:
    """The bank (None before the first start), what waits for it, and the odometry's recent way."""

    bank: LaneBank | None = None
    waiting: tuple[Inertial, ...] = ()
    fixes: tuple[Received, ...] = ()
    trail: tuple[OdomPoint, ...] = ()
    complaint: str = ""
    said: str = ""


def node(settings: MapSettings, lane_map: LaneMap) -> Node:
    """The node to hand to the executor, for a car whose own map is the given one."""
    return node_for(settings, MapKnowledge(lane_map, mark_lines(lane_map), map_landmarks(lane_map)))


def node_for(settings: MapSettings, known: MapKnowledge) -> Node:
    """The node for a car that knows these lanes, lines and landmarks."""
    topics = ("/sensor/gnss", "/sensor/imu", "/sensor/wheels", "/perception/lane_marks", "/perception/landmarks")
    return Node(
        name="localization",
        priority=10,
        step=lambda memory, tick: step(settings, known, memory, tick),
        memory=MapMemory(),
        inputs=topics,
        outputs=("/localization/odometry", "/localization/pose", "/localization/status", "/diagnostics"),
        period_ns=_PERIOD_NS,
        triggers=tuple(topic for topic in topics if topic != "/sensor/wheels"),
    )


def step(
    settings: MapSettings, known: MapKnowledge, memory: MapMemory, tick: Tick
) -> tuple[MapMemory, tuple[Publication, ...]]:
    """One call: by a measurement, or by the timer, which publishes the pose."""
    if tick.trigger is None:
        return _published(settings, known, memory, tick)
    complaint = _refused(memory, tick.trigger)
    if complaint:
        return replace(memory, complaint=complaint), ()
    match tick.trigger.envelope.topic:
        case "/sensor/imu":
            return _with_imu(memory, tick)
        case "/sensor/gnss":
            return replace(memory, fixes=(*memory.fixes[-9:], tick.trigger)), ()
        case topic:
            return _with_sight(settings, known, memory, topic, tick.trigger), ()


def _refused(memory: MapMemory, received: Received) -> str:
    """Why a measurement cannot be used; empty if it can."""
    stamp_ns, topic = received.envelope.measured_ns, received.envelope.topic
    if topic == "/sensor/imu" and memory.trail and stamp_ns <= memory.trail[-1].stamp_ns:
        return f"an IMU sample at {stamp_ns * 1e-9:.3f} s is not newer than the last one"
    if first_non_finite(received.message) is not None:
        return f"a message on {topic} holds a number that is not finite"
    return ""


def _with_imu(memory: MapMemory, tick: Tick) -> tuple[MapMemory, tuple[Publication, ...]]:
    """Odometry one sample on; the sample waits for the filters."""
    assert tick.trigger is not None
    stamp_ns, imu = tick.trigger.envelope.measured_ns, tick.trigger.message
    wheels = tick.fresh("/sensor/wheels", _WHEELS_AGE_S)
    if wheels is None:
        return replace(memory, complaint="the wheels are silent"), ()
    sample = Inertial(
        stamp_ns=stamp_ns,
        yaw_rate_radps=float(imu.angular_velocity_radps[2]),
        acceleration_mps2=float(imu.acceleration_mps2[0]),
        wheel_mps=float(wheels.speed_mps),
    )
    leader = None if memory.bank is None else memory.bank.leader
    before = memory.trail[-1] if memory.trail else OdomPoint(stamp_ns, IDENTITY)
    moved = odometry_step(leader, sample, (stamp_ns - before.stamp_ns) * 1e-9)
    here = OdomPoint(stamp_ns, before.odom_from_ego @ moved.step)
    odometry = Odometry(
        odom_from_ego=here.odom_from_ego,
        speed_mps=moved.speed_mps,
        acceleration_mps2=moved.acceleration_mps2,
        yaw_rate_radps=moved.yaw_rate_radps,
        steering_rad=0.0 if math.isnan(wheels.steering_rad) else wheels.steering_rad,
        engaged=wheels.engaged,
    )
    oldest_ns = stamp_ns - round(_TRAIL_S * 1e9)
    trail = tuple(point for point in memory.trail if point.stamp_ns >= oldest_ns)
    waiting = tuple(one for one in memory.waiting if one.stamp_ns >= oldest_ns)
    memory = replace(memory, trail=(*trail, here), waiting=(*waiting, sample))
    return memory, (Publication("/localization/odometry", odometry, stamp_ns),)


def _with_sight(
    settings: MapSettings, known: MapKnowledge, memory: MapMemory, topic: str, received: Received
) -> MapMemory:
    """The bank at a picture's time, corrected by it; pictures older than the bank are of no use."""
    stamp_ns = received.envelope.measured_ns
    memory = _caught_up(settings, known, memory, stamp_ns)
    bank = memory.bank
    if bank is None or abs(bank.leader.stamp_ns - stamp_ns) > _SAME_NS:
        return memory
    if topic == "/perception/lane_marks":
        bank = with_picture(bank, received.message, known, settings)
    else:
        bank = with_landmarks(bank, received.message, known, settings)
    return replace(memory, bank=bank)


def _caught_up(settings: MapSettings, known: MapKnowledge, memory: MapMemory, until_ns: int) -> MapMemory:
    """The bank advanced to a time by what waits; satellite fixes are used on the way, or begin the bank."""
    due = tuple(sample for sample in memory.waiting if sample.stamp_ns <= until_ns)
    later = memory.waiting[len(due) :]
    bank = memory.bank
    if not due:
        return memory
    if bank is not None:
        bank = advanced(bank, due, settings)
    for fix in memory.fixes:
        if bank is None or is_hopeless(bank, settings):
            bank = begun_by(fix, due, known, settings)
        else:
            bank = with_fix(bank, fix, settings)
    return replace(memory, bank=bank, waiting=later, fixes=())


def _published(
    settings: MapSettings, known: MapKnowledge, memory: MapMemory, tick: Tick
) -> tuple[MapMemory, tuple[Publication, ...]]:
    """Pose, status and complaints, by the timer."""
    memory = _caught_up(settings, known, memory, tick.now_ns - round(settings.lag_s * 1e9))
    said = list(_pose_and_status(memory, settings))
    if memory.complaint and memory.complaint != memory.said:
        said.append(Publication("/diagnostics", Diagnostic("localization", Level.WARNING, memory.complaint)))
    return replace(memory, said=memory.complaint, complaint=""), tuple(said)


def _pose_and_status(memory: MapMemory, settings: MapSettings) -> tuple[Publication, ...]:
    bank = memory.bank
    odom_from_ego = None if bank is None else _odom_at(memory.trail, bank.leader.stamp_ns)
    if bank is None or odom_from_ego is None:
        status = LocalizationStatus(PoseStatus.LOST, 0, "no satellite fix of a moving car yet")
        return (Publication("/localization/status", status),)
    judgement = judged(bank, settings.integrity, settings.lanes)
    estimate = PoseEstimate(
        world_from_odom=pose_of(bank.leader) @ odom_from_ego.inverse(),
        status=judgement.status,
        protection_lateral_m=judgement.protection.lateral_m,
        protection_longitudinal_m=judgement.protection.longitudinal_m,
        protection_heading_rad=judgement.protection.heading_rad,
        covariance=pose_covariance(bank.leader),
    )
    status = LocalizationStatus(judgement.status, len(bank.copies) + 1, judgement.reason)
    return Publication("/localization/pose", estimate), Publication("/localization/status", status)


def _odom_at(trail: tuple[OdomPoint, ...], stamp_ns: int) -> Pose | None:
    """Where the ego was in `odom` at a time, None if that is further back than the trail."""
    if not trail or stamp_ns < trail[0].stamp_ns - _SAME_NS:
        return None
    return min(trail, key=lambda point: abs(point.stamp_ns - stamp_ns)).odom_from_ego
