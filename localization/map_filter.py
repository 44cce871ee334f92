"""The filter behind localization on the map: a bank of lane hypotheses that is begun, advanced and corrected.

In: IMU samples with the wheel speed, satellite fixes, seen lines and landmarks, each at its own time. Out: the bank at
that time. All functions are pure; who calls them brings the measurements into order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from bus.messages import Landmarks, LaneMarks
from bus.node import Received
from localization import pose_filter
from localization.estimate_pose import pose_covariance, pose_of, state_jacobian
from localization.integrity import IntegritySettings
from localization.landmark_matching import LandmarkModel, landmark_correction
from localization.lane_hypotheses import LaneBank, LaneSettings, margin_nats, start_bank, with_marks
from localization.map_matching import MarkModel, seen_lines
from localization.pose_filter import Estimate, FilterSettings, Inertial, corrected, propagated, started
from maps.landmarks import MapLandmarks
from maps.lane_map import LaneMap
from maps.mark_lines import MarkLines

_FORGIVEN = 3
"""How many strange fixes one that agrees makes up for."""


@dataclass(frozen=True, slots=True)
class MapSettings:
    """Settings of localization on the map.

    `start_speed_mps`: from that speed on, a fix's velocity gives the first heading. `snap_m`: spread across the lane
    with which a hypothesis begins in the middle of it.
    `picture_s` is the time between pictures.
    `off_road_m`: after so far beside all lanes the bank begins again. `lag_s`: how far the filters stand behind when no
    picture comes.
    """

    motion: FilterSettings = field(default_factory=FilterSettings)
    marks: MarkModel = field(default_factory=MarkModel)
    landmarks: LandmarkModel = field(default_factory=LandmarkModel)
    lanes: LaneSettings = field(default_factory=LaneSettings)
    integrity: IntegritySettings = field(default_factory=IntegritySettings)
    start_speed_mps: float = 3.0
    snap_m: float = 0.8
    picture_s: float = 0.1
    off_road_m: float = 30.0
    lag_s: float = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class MapKnowledge:
    """What localization knows of the world: lanes, their lines and landmarks, as the car's own map has them."""

    lane_map: LaneMap
    lines: MarkLines
    landmarks: MapLandmarks


def each(bank: LaneBank, change: Callable[[Estimate], Estimate]) -> LaneBank:
    """The bank with leader and copies changed alike."""
    return replace(bank, leader=change(bank.leader), copies=tuple((label, change(one)) for label, one in bank.copies))


def begun(estimate: Estimate, known: MapKnowledge, settings: MapSettings) -> LaneBank:
    """The bank that begins with an estimate from satellites alone: in the middle of the nearest lane, undecided."""
    bank = start_bank(estimate, known.lane_map, settings.lanes)
    yaw = pose_of(estimate).yaw_rad
    across = np.array(((-math.sin(yaw), math.cos(yaw), 0.0),))
    rows = state_jacobian(across)
    leader = corrected(bank.leader, np.zeros(1), rows, np.array(((settings.snap_m**2,),)))
    return replace(bank, leader=leader)


def with_picture(bank: LaneBank, marks: LaneMarks, known: MapKnowledge, settings: MapSettings) -> LaneBank:
    """The bank after a picture's lane marks, taken at the bank's time."""
    seen = seen_lines(marks, settings.marks)
    return with_marks(bank, seen, known.lines, known.lane_map, settings.marks, settings.lanes)


def with_landmarks(bank: LaneBank, seen: Landmarks, known: MapKnowledge, settings: MapSettings) -> LaneBank:
    """The bank after a picture's landmarks, taken at the bank's time."""
    if len(seen.kinds) == 0 or known.landmarks.size == 0:
        return bank
    moved_m = bank.leader.speed_mps * settings.picture_s

    def matched(estimate: Estimate) -> Estimate:
        pose, covariance = pose_of(estimate), pose_covariance(estimate)
        told = landmark_correction(pose, covariance, seen, known.landmarks, settings.landmarks, moved_m)
        if told.matched == 0:
            return estimate
        rows = state_jacobian(told.jacobian)
        return corrected(estimate, told.residual_m, rows, told.noise)

    return each(bank, matched)


def advanced(bank: LaneBank, samples: Sequence[Inertial], settings: MapSettings) -> LaneBank:
    """The bank at the time of the last of these samples, oldest first."""
    for sample in samples:
        before_ns = bank.leader.stamp_ns
        bank = each(bank, partial(propagated, sample=sample, settings=settings.motion))
        gone = bank.leader.speed_mps * (bank.leader.stamp_ns - before_ns) * 1e-9
        bank = replace(bank, moved_m=bank.moved_m + gone, looked_m=bank.looked_m + gone)
    return bank


def with_fix(bank: LaneBank, received: Received, settings: MapSettings) -> LaneBank:
    """The bank after a satellite fix; fixes that the leader cannot believe are counted against it."""
    fix, stamp_ns = received.message, received.envelope.measured_ns
    if bank.leader.sample.wheel_mps == 0.0:
        return bank  # where the car stands, reflections stay the same: hundreds of fixes would say it as one
    believed = pose_filter.with_fix(bank.leader, fix, stamp_ns, settings.motion)[1]
    strange = max(bank.strange_fixes - _FORGIVEN, 0) if believed else bank.strange_fixes + 1
    bank = each(bank, lambda estimate: pose_filter.with_fix(estimate, fix, stamp_ns, settings.motion)[0])
    return replace(bank, strange_fixes=strange)


def is_hopeless(bank: LaneBank, settings: MapSettings) -> bool:
    """Whether the bank contradicts the satellites or the map for so long that it must begin again."""
    strange, limit = bank.strange_fixes, settings.integrity.strange_fixes
    undecided = margin_nats(bank) < settings.lanes.certain_nats
    return strange >= 3 * limit or (undecided and strange >= limit) or bank.off_road_m > settings.off_road_m


def begun_by(
    received: Received, samples: Sequence[Inertial], known: MapKnowledge, settings: MapSettings
) -> LaneBank | None:
    """The bank that a fix of a moving car begins, None while it stands or before the first IMU sample."""
    fix = received.message
    if not samples or math.hypot(fix.vx_mps, fix.vy_mps) < settings.start_speed_mps:
        return None
    return begun(started(fix, received.envelope.measured_ns, samples[-1], settings.motion), known, settings)
