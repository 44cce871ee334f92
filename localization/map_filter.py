"""The filter behind localization on the map: a bank of lane hypotheses that is begun, advanced and corrected.

In: steps of IMU and wheels, satellite fixes, seen lines and landmarks, each of its own time. Out: the bank now. What
describes the past is compared with where the car was then, by its trail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bus.messages import GnssFix, Landmarks, LaneMarks
from geometry.polyline import Polyline
from geometry.pose import Pose
from inference.here import RunKernel, run_here
from localization import satellites
from localization.dash_phase import DashModel, seen_dashes
from localization.estimate_pose import covariance_then, pose_of, pose_then, state_jacobian
from localization.estimator import Estimate, EstimatorSettings, InertialStep, corrected, stepped
from localization.fusion import on_way
from localization.integrity import IntegritySettings, limit_of
from localization.landmark_matching import LandmarkModel, landmark_correction
from localization.lane_hypotheses import LABELS, LaneBank, LaneSettings, Picture, margin_nats, start_bank, with_marks
from localization.line_ends import EndModel
from localization.map_matching import MarkModel, seen_lines
from localization.odometer import OdometerSettings
from localization.satellites import ReceiverSettings
from localization.trail import Trail, TrailPoint
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
    `picture_s` is the time between pictures. `off_road_m`: after so far beside all lanes the bank begins again. A start
    on a known way is known to `start_m` and `start_rad`; that its lane is the right one counts `start_nats`, odds of
    660 to 1: a car that stands learns nothing more, and one that is not sure may not drive off.
    """

    motion: EstimatorSettings = field(default_factory=EstimatorSettings)
    odometer: OdometerSettings = field(default_factory=OdometerSettings)
    receiver: ReceiverSettings = field(default_factory=ReceiverSettings)
    marks: MarkModel = field(default_factory=MarkModel)
    landmarks: LandmarkModel = field(default_factory=LandmarkModel)
    ends: EndModel = field(default_factory=EndModel)
    dashes: DashModel = field(default_factory=DashModel)
    lanes: LaneSettings = field(default_factory=LaneSettings)
    integrity: IntegritySettings = field(default_factory=IntegritySettings)
    start_speed_mps: float = 3.0
    snap_m: float = 0.8
    picture_s: float = 0.1
    off_road_m: float = 30.0
    start_m: float = 3.0
    start_rad: float = 0.05
    start_nats: float = 6.5


@dataclass(frozen=True, slots=True, eq=False)
class MapKnowledge:
    """What localization knows of the world: lanes, their lines and landmarks, as the car's own map has them."""

    lane_map: LaneMap
    lines: MarkLines
    landmarks: MapLandmarks
    run: RunKernel = run_here
    """Runs localization's kernel; in a drive a request to the server that all modules share."""


def begun(estimate: Estimate, known: MapKnowledge, settings: MapSettings) -> LaneBank:
    """The bank that begins with an estimate from satellites alone: in the middle of the nearest lane, undecided."""
    bank = start_bank(estimate, known.lane_map, settings.lanes)
    yaw = pose_of(estimate).yaw_rad
    rows = state_jacobian(np.array(((-math.sin(yaw), math.cos(yaw), 0.0),)), estimate)
    leader, _ = corrected(bank.leader, np.zeros(1), rows, np.array(((settings.snap_m**2,),)))
    return replace(bank, leader=leader)


def with_picture(
    bank: LaneBank, marks: LaneMarks, now_from_then: Pose, known: MapKnowledge, settings: MapSettings
) -> LaneBank:
    """The bank after a picture's lane marks, taken where the ego was then."""
    picture = Picture(
        seen_lines(marks, settings.marks), known.lines, settings.marks, now_from_then, known.run, settings.ends,
        seen_dashes(marks), settings.dashes,
    )  # fmt: skip
    return with_marks(bank, picture, known.lane_map, settings.lanes)


def with_landmarks(
    bank: LaneBank, seen: Landmarks, now_from_then: Pose, known: MapKnowledge, settings: MapSettings
) -> LaneBank:
    """The bank after a picture's landmarks, taken where the ego was then."""
    if len(seen.kinds) == 0 or known.landmarks.size == 0:
        return bank
    moved_m = bank.leader.speed_mps * settings.picture_s

    def matched(estimate: Estimate) -> tuple[Estimate, int]:
        pose, covariance = pose_then(estimate, now_from_then), covariance_then(estimate, now_from_then)
        told = landmark_correction(pose, covariance, seen, known.landmarks, settings.landmarks, moved_m)
        if told.matched == 0:
            return estimate, 0
        rows = state_jacobian(told.jacobian, estimate, now_from_then)
        return corrected(estimate, told.residual_m, rows, told.noise)[0], told.matched

    leader, found = matched(bank.leader)
    copies = tuple((label, matched(one)[0]) for label, one in bank.copies)
    # what stands where the map has it speaks for the place, whatever satellites say between houses
    strange = max(bank.strange_fixes - found, 0)
    return replace(bank, leader=leader, copies=copies, strange_fixes=strange)


def advanced(bank: LaneBank, steps: Sequence[InertialStep], settings: MapSettings) -> tuple[LaneBank, bool]:
    """The bank after these steps; False where the leader did not believe the wheels."""
    believed = True
    for step in steps:
        gone = max(bank.leader.speed_mps, 0.0) * max(step.stamp_ns - bank.leader.stamp_ns, 0) * 1e-9
        leader, sure = stepped(bank.leader, step, settings.motion)
        copies = tuple((label, stepped(one, step, settings.motion)[0]) for label, one in bank.copies)
        believed = believed and sure
        bank = replace(
            bank, leader=leader, copies=copies, moved_m=bank.moved_m + gone, looked_m=bank.looked_m + gone
        )  # fmt: skip
    return bank, believed


def with_fix(bank: LaneBank, trail: Trail, fix: GnssFix, fix_ns: int, settings: MapSettings) -> tuple[LaneBank, bool]:
    """The bank after a satellite fix; fixes that the leader cannot believe (False) are counted against it."""
    leader, believed = satellites.with_fix(bank.leader, trail, fix, fix_ns, settings.motion)
    strange = max(bank.strange_fixes - _FORGIVEN, 0) if believed else bank.strange_fixes + 1
    copies = tuple((k, satellites.with_fix(one, trail, fix, fix_ns, settings.motion)[0]) for k, one in bank.copies)
    return replace(bank, leader=leader, copies=copies, strange_fixes=strange), believed


def is_hopeless(bank: LaneBank, settings: MapSettings) -> bool:
    """Whether the bank contradicts the satellites or the map for so long that it must begin again."""
    strange, limit = bank.strange_fixes, limit_of(bank, settings.integrity)
    undecided = margin_nats(bank) < settings.lanes.certain_nats
    return strange >= 3 * limit or (undecided and strange >= limit) or bank.off_road_m > settings.off_road_m


def begun_by(
    fix: GnssFix, fix_ns: int, now: TrailPoint, known: MapKnowledge, settings: MapSettings, way: Polyline | None
) -> LaneBank | None:
    """The bank that a fix begins, on the known way or by the velocity of a moving car; None while that cannot be."""
    if way is not None:
        spread = settings.start_m, settings.start_rad
        estimate = satellites.placed(on_way(way, fix, fix_ns, now.stamp_ns), spread, now, settings.motion)
        bank = begun(estimate, known, settings)
        # nobody else has led: nothing was learnt from wrong lines
        return replace(bank, deficit=np.where(LABELS == 0, 0.0, settings.start_nats), switched=False)
    if math.hypot(fix.vx_mps, fix.vy_mps) < settings.start_speed_mps:
        return None
    return begun(satellites.started(fix, fix_ns, now, settings.motion), known, settings)
