"""Which lane: several copies of the estimate, one per lane that is still possible, until the evidence decides.

In: an estimate, seen lines, landmarks, the map. Out: the leading estimate, how much better it explains what was seen
than each lane beside it, and copies for those lanes that cannot be excluded yet.

The lanes beside the leader are labelled -3 (right) to 3 (left). For each, `deficit` holds by how many nats its
likelihood falls short of the leader's. Pictures are not independent (the same worn line is misread again and again), so
evidence counts by the distance driven, each look is bounded, and a car that stands learns nothing new. A lane whose
deficit is small has a filter of its own, since its lines differ from the leader's; the others are only scored, at the
leader's pose moved over, by the same kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.pose import IDENTITY, Pose
from inference.here import RunKernel, run_here
from localization.dash_phase import NO_DASHES, DashCorrection, DashModel, SeenDashes, dash_correction
from localization.estimate_pose import (
    covariance_as_seen,
    covariance_then,
    lateral_sigma_m,
    longitudinal_sigma_m,
    pose_as_seen,
    pose_of,
    pose_then,
    seen_jacobian,
    shifted,
    state_jacobian,
    widened,
    widened_along,
)
from localization.estimator import Estimate, corrected
from localization.line_ends import EndModel, end_correction, sight_after
from localization.map_matching import LineCorrection, MarkModel, SeenLines, line_correction, score_poses
from maps.lane_map import LaneMap
from maps.mark_lines import MarkLines
from maps.road_model import DRIVABLE_KINDS

REACH = 3
"""Lanes to each side that are considered."""
LABELS = np.arange(-REACH, REACH + 1)
_NARROWEST_M = 1.5
_ALONGSIDE = 0.9
"""Lanes whose cosine with the road is less cross it."""
_BELIEVED, _BELIEF_LINES = 0.6, 3.0
_VOUCHED, _VOUCHED_M = 0.75, 40.0
"""Share of lines and dashes that have to agree to speak against satellites, and over how far."""
_OBJECTION_M = 20.0
"""How much further a start goes for a lane in its own direction rather than none."""


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """How evidence is weighed, in nats (10 nats are odds of 22,000 to 1).

    A look is worth at most `look_nats` and counts as independent after `look_m`. From `certain_nats` on over every
    other lane, the lane is certain; a lane below `copy_nats` has its own filter until it is above `drop_nats`.
    `off_road_nats` is what a look says against a place where the map has no lane, `oncoming_nats` against a lane of
    oncoming traffic; at such a place a drive begins less than once in a hundred times, `elsewhere_nats`. What was
    learnt along the road by another leader may have been learnt from wrong lines: one that took over begins with a
    spread of `rethink_m` along the road once it is decided, on which satellites, off by `satellites_m`, have their say
    again. `trust` is the smallest share of matched lines that must
    agree with the filter, `trust_m` the distance over which that share is averaged, longer than paint is missing or
    moved at a stretch; certainty needs `certain_trust`. `alone_m` is the distance over which it is averaged whether
    two lines agree.
    """

    look_m: float = 12.0
    look_nats: float = 3.0
    certain_nats: float = 9.0
    copy_nats: float = 5.0
    drop_nats: float = 9.0
    cap_nats: float = 25.0
    off_road_nats: float = 1.0
    oncoming_nats: float = 0.5
    elsewhere_nats: float = 4.5
    rethink_m: float = 4.0
    satellites_m: float = 2.5
    most_copies: int = 4
    certain_sigma_m: float = 0.35
    trust: float = 0.4
    certain_trust: float = 0.45
    trust_m: float = 100.0
    alone_m: float = 30.0
    usual_width_m: float = 3.5


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """The lines of one picture, those of the map, how they are compared, and where the ego was when it was taken."""

    seen: SeenLines
    lines: MarkLines
    model: MarkModel
    now_from_then: Pose = IDENTITY
    run: RunKernel = run_here
    """Runs the kernel that scores lanes."""
    ends: EndModel = EndModel()
    dashes: SeenDashes = NO_DASHES
    phase: DashModel = DashModel()


@dataclass(frozen=True, slots=True, eq=False)
class LanesBeside:
    """Where the lanes labelled -3 .. 3 lie: lateral offsets (7,) of their centres from the own one, and which exist.

    `against_nats` (7,) is what each look says against being there: no lane, or one of oncoming traffic.
    """

    offset_m: Floats
    exists: NDArray[np.bool_]
    against_nats: Floats
    from_centre_m: float
    """The pose's own offset from the centre of the place labelled 0."""


@dataclass(frozen=True, slots=True, eq=False)
class LaneBank:
    """The leader, copies on other lanes by label, deficits (7,), and how well lines agreed of late."""

    leader: Estimate
    copies: tuple[tuple[int, Estimate], ...]
    deficit: Floats
    beside: LanesBeside
    agreed: float
    offered: float
    """Seen lines that the map has, and all, of late."""
    dashes_agreed: float
    dashes_offered: float
    """Seen dashes that lie where the map has them, and all that could tell, of late."""
    moved_m: float
    """Distance since the last picture."""
    looked_m: float
    """Distance since the lanes beside were looked up."""
    sight_m: float = 0.0
    """How far lines are seen of late."""
    in_doubt: bool = True
    """Whether the lane was in doubt since it was last decided."""
    switched: bool = True
    """Whether another hypothesis took the lead since the lane was last decided."""
    decided: bool = False
    """Whether the lane was decided at any time."""
    off_road_m: float = 0.0
    """Distance driven where the map has no lane."""
    alone: float = 1.0
    """Share of the way of late on which fewer than two lines agreed."""
    strange_fixes: int = 0
    """Satellite fixes that contradict the leader, less those that agree."""

    @property
    def agreement(self) -> float:
        """Share of the seen lines that are where the map has them; few lines say little, so it begins with a belief."""
        return (self.agreed + _BELIEVED * _BELIEF_LINES) / (self.offered + _BELIEF_LINES)

    @property
    def vouched(self) -> bool:
        """Whether lines and dashes have both been where the map has them for a stretch."""
        dashes = self.dashes_offered > _VOUCHED_M and self.dashes_agreed > _VOUCHED * self.dashes_offered
        return dashes and self.decided and self.agreement > _VOUCHED

    @property
    def on_road(self) -> bool:
        """Whether the map has a lane where the leader is."""
        return bool(self.beside.exists[REACH])


def lanes_beside(lane_map: LaneMap, pose: Pose, settings: LaneSettings) -> LanesBeside:
    """The lanes left and right of a pose, over oncoming ones too; where there is none, places of the usual width."""
    lanes, _, offsets = lane_map.nearest(np.array([(pose.x_m, pose.y_m)]), np.array([pose.yaw_rad]))
    along = _runs_along(lane_map, int(lanes[0]), pose)
    offset, exists, against = _chain(lane_map, int(lanes[0]), along, pose, settings)
    left_m = float(offsets[0]) if along else -float(offsets[0])
    # the pose need not be on the nearest lane: there may be none where it is
    own = int(np.argmin(np.abs(offset - left_m)))
    own = min(max(own, REACH), len(offset) - 1 - REACH)
    window = slice(own - REACH, own + REACH + 1)
    beside = LanesBeside(offset[window] - offset[own], exists[window], against[window], float(left_m - offset[own]))
    return beside if beside.exists.all() else _with_lanes_beyond(beside, lane_map, pose, settings)


def _with_lanes_beyond(beside: LanesBeside, lane_map: LaneMap, pose: Pose, settings: LaneSettings) -> LanesBeside:
    """With the lanes that lie where the chain of neighbours has none: beyond a median lies nobody's neighbour.

    Each such lane fills the place that is nearest to it; lanes that cross the road are none.
    """
    missing = np.flatnonzero(~beside.exists)
    left_m = beside.offset_m[missing] - beside.from_centre_m
    xy = pose @ np.stack((np.zeros(len(missing)), left_m), axis=1)
    lanes, _, off_m = lane_map.nearest(xy, np.full(len(missing), pose.yaw_rad))
    offset, exists, against = beside.offset_m.copy(), beside.exists.copy(), beside.against_nats.copy()
    taken: set[int] = set()
    for place in np.argsort(np.abs(off_m), kind="stable").tolist():
        k, lane, at_m, off = int(missing[place]), int(lanes[place]), float(left_m[place]), float(off_m[place])
        there = pose @ Pose(0.0, at_m, 0.0)
        turned = _cosine_between(lane_map, lane, there)
        fits = 2.0 * abs(off) < (width_m := _width_beside(lane_map, lane, there)) and width_m > _NARROWEST_M
        if lane in taken or not fits or abs(turned) < _ALONGSIDE:
            continue
        taken.add(lane)
        centre_m = at_m - math.copysign(1.0, turned) * off
        offset[k], exists[k] = centre_m + beside.from_centre_m, True
        against[k] = 0.0 if turned > 0.0 else settings.oncoming_nats
    return LanesBeside(offset, exists, against, beside.from_centre_m)


def _chain(
    lane_map: LaneMap, lane: int, along_pose: bool, pose: Pose, settings: LaneSettings
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Offsets, existence and objections of the places from six lanes to the right of a lane to six to its left."""
    count = 2 * (2 * REACH) + 1
    middle = count // 2
    offset, exists, against = np.zeros(count), np.zeros(count, dtype=bool), np.full(count, settings.off_road_nats)
    exists[middle], against[middle] = True, 0.0 if along_pose else settings.oncoming_nats
    own_width = _width_beside(lane_map, lane, pose)
    for side in (-1, 1):
        at, width, reached, along = lane, own_width, 0.0, along_pose
        for step in range(1, middle + 1):
            at, along = (-1, True) if at < 0 else _next_lane(lane_map, at, side if along else -side, along)
            next_width = settings.usual_width_m if at < 0 else _width_beside(lane_map, at, pose)
            reached += 0.5 * (width + next_width)
            width = next_width
            index = middle + side * step
            offset[index] = side * reached
            exists[index] = at >= 0 and next_width > _NARROWEST_M
            if exists[index]:
                against[index] = 0.0 if along else settings.oncoming_nats
    return offset, exists, against


def _next_lane(lane_map: LaneMap, lane: int, side: int, along: bool) -> tuple[int, bool]:
    """The drivable lane on a side (in the lane's own direction; 1 is left) and whether it runs along the pose."""
    beside = int((lane_map.left_neighbour if side > 0 else lane_map.right_neighbour)[lane])
    oncoming = int(lane_map.opposite_neighbour[lane])
    inner = side > 0 if lane_map.right_hand else side < 0
    if beside < 0 and inner and oncoming >= 0:
        beside, along = oncoming, not along
    if beside < 0 or lane_map.kinds[beside] not in DRIVABLE_KINDS:
        return -1, True
    return beside, along


def _row_beside(lane_map: LaneMap, lane: int, pose: Pose) -> int:
    """The row of a lane's point that is nearest to a pose."""
    rows = lane_map.rows(lane)
    gap = lane_map.centre_points[rows] - np.array((pose.x_m, pose.y_m))
    return int(rows.start) + int(np.argmin(gap[:, 0] ** 2 + gap[:, 1] ** 2))


def _runs_along(lane_map: LaneMap, lane: int, pose: Pose) -> bool:
    """Whether a lane's traffic goes where the pose heads."""
    return _cosine_between(lane_map, lane, pose) > 0.0


def _cosine_between(lane_map: LaneMap, lane: int, pose: Pose) -> float:
    """Cosine of the angle between a lane, where it is nearest to a pose, and the pose's heading."""
    row = min(_row_beside(lane_map, lane, pose), int(lane_map.starts[lane + 1]) - 2)
    ahead = lane_map.centre_points[row + 1] - lane_map.centre_points[row]
    length_m = max(math.hypot(ahead[0], ahead[1]), 1e-9)
    return float(ahead[0] * math.cos(pose.yaw_rad) + ahead[1] * math.sin(pose.yaw_rad)) / length_m


def _width_beside(lane_map: LaneMap, lane: int, pose: Pose) -> float:
    """Width of a lane where it is nearest to a pose."""
    at = _row_beside(lane_map, lane, pose)
    across = lane_map.left_points[at] - lane_map.right_points[at]
    return float(math.hypot(across[0], across[1]))


def start_bank(estimate: Estimate, lane_map: LaneMap, settings: LaneSettings) -> LaneBank:
    """A bank that knows nothing of its lane: the leader stands in the middle of the nearest one in its direction."""
    beside = lanes_beside(lane_map, pose_of(estimate), settings)
    to_centre = beside.offset_m - beside.from_centre_m
    cost = np.abs(to_centre) + _OBJECTION_M * beside.against_nats
    leader = _moved(estimate, float(to_centre[int(np.argmin(cost))]))
    beside = lanes_beside(lane_map, pose_of(leader), settings)
    worse = beside.against_nats > beside.against_nats[REACH]
    return LaneBank(
        leader=leader,
        copies=(),
        deficit=np.where(worse, settings.elsewhere_nats, 0.0),
        beside=beside,
        agreed=0.0,
        offered=0.0,
        dashes_agreed=0.0,
        dashes_offered=0.0,
        moved_m=settings.look_m,
        looked_m=0.0,
    )


def _moved(estimate: Estimate, left_m: float) -> Estimate:
    yaw = pose_of(estimate).yaw_rad
    return shifted(estimate, -left_m * math.sin(yaw), left_m * math.cos(yaw))


def with_marks(bank: LaneBank, picture: Picture, lane_map: LaneMap, settings: LaneSettings) -> LaneBank:
    """The bank after a picture."""
    if picture.seen.size == 0:
        return bank
    if bank.looked_m > 5.0:
        beside = lanes_beside(lane_map, pose_of(bank.leader), settings)
        off_road_m = 0.0 if beside.exists[REACH] else bank.off_road_m + bank.looked_m
        bank = replace(bank, beside=beside, looked_m=0.0, off_road_m=off_road_m)
    share = min(bank.moved_m / settings.look_m, 1.0)
    bank = replace(bank, sight_m=sight_after(bank.sight_m, picture.seen, bank.moved_m, picture.ends))
    # before the lines pull the pose onto the nearest lane: until then it may have slipped by one
    bank = replace(bank, deficit=np.minimum(bank.deficit, _cap(bank, settings)))
    bank = _corrected_by_dashes(_corrected(bank, picture, settings), picture, settings)
    bank = _weighed(bank, picture, settings, share)
    bank = _decided(_with_copies(_led_by_best(bank), settings), settings)
    return replace(bank, moved_m=0.0)


def _decided(bank: LaneBank, settings: LaneSettings) -> LaneBank:
    """Notes doubt, and its end, at which a leader that has changed forgets what it learnt along the road meanwhile."""
    margin = margin_nats(bank)
    if margin < settings.copy_nats:
        return replace(bank, in_doubt=True)
    if bank.in_doubt and margin >= settings.certain_nats and not bank.copies:
        leader = widened_along(bank.leader, settings.rethink_m, settings.satellites_m) if bank.switched else bank.leader
        return replace(bank, leader=leader, in_doubt=False, switched=False, decided=True)
    return bank


def _corrected(bank: LaneBank, picture: Picture, settings: LaneSettings) -> LaneBank:
    """Leader and copies, each corrected by the lines that it explains."""
    leader, told = corrected_by_lines(bank.leader, picture, bank.moved_m)
    leader = _corrected_by_ends(leader, picture, bank)
    copies = tuple(
        (k, _corrected_by_ends(corrected_by_lines(one, picture, bank.moved_m)[0], picture, bank))
        for k, one in bank.copies
    )
    keep = math.exp(-bank.moved_m / settings.trust_m) if told.offered else 1.0
    # as with all evidence, a line counts by the distance over which it is seen
    share = min(bank.moved_m / settings.look_m, 1.0)
    agreed, offered = keep * bank.agreed + share * told.accepted, keep * bank.offered + share * told.offered
    fresh = 1.0 - math.exp(-bank.moved_m / settings.alone_m)
    alone = bank.alone + fresh * (float(told.accepted < 2) - bank.alone)
    bank = replace(bank, agreed=agreed, offered=offered, alone=alone)
    if bank.agreement < settings.trust:
        # map, pose or eyes are wrong, and the filter cannot tell which: it must be able to move again
        leader = widened(leader, settings.certain_sigma_m * 2.0, math.radians(1.0))
        bank = replace(bank, deficit=np.minimum(bank.deficit, 0.0), agreed=0.0, offered=0.0)
    return replace(bank, leader=leader, copies=copies)


def corrected_by_lines(estimate: Estimate, picture: Picture, moved_m: float) -> tuple[Estimate, LineCorrection]:
    """An estimate after the lines that it explains, and what was used."""
    then = pose_as_seen(estimate, picture.now_from_then)
    spread = covariance_as_seen(estimate, picture.now_from_then)
    told = line_correction(then, spread, picture.seen, picture.lines, picture.model, moved_m)
    if len(told.residual_m) == 0:
        return estimate, told
    rows = seen_jacobian(told.jacobian, estimate, picture.now_from_then)
    return corrected(estimate, told.residual_m, rows, told.noise)[0], told


def _corrected_by_ends(estimate: Estimate, picture: Picture, bank: LaneBank) -> Estimate:
    """An estimate after the ends of lines that it explains."""
    then, along_m = pose_then(estimate, picture.now_from_then), longitudinal_sigma_m(estimate)
    told = end_correction(
        then, along_m, picture.seen, picture.lines, picture.model, picture.ends, bank.moved_m, bank.sight_m
    )
    if len(told.residual_m) == 0:
        return estimate
    rows = state_jacobian(told.jacobian, estimate, picture.now_from_then)
    return corrected(estimate, told.residual_m, rows, told.noise)[0]


def _corrected_by_dashes(bank: LaneBank, picture: Picture, settings: LaneSettings) -> LaneBank:
    """The bank after the dashes that it explains; where too few do, it has counted wrong and must look again."""
    model, moved_m = picture.phase, bank.moved_m
    if picture.dashes.size == 0:
        return bank

    def told(estimate: Estimate) -> tuple[Estimate, DashCorrection]:
        then = pose_then(estimate, picture.now_from_then)
        spread = covariance_then(estimate, picture.now_from_then)
        said = dash_correction(then, spread, picture.dashes, picture.lines, model, moved_m)
        if len(said.residual_m) == 0:
            return estimate, said
        rows = state_jacobian(said.jacobian, estimate, picture.now_from_then)
        return corrected(estimate, said.residual_m, rows, said.noise)[0], said

    leader, said = told(bank.leader)
    copies = tuple((label, told(one)[0]) for label, one in bank.copies)
    keep = math.exp(-moved_m / model.trust_m) if said.offered else 1.0
    share = min(moved_m, model.trust_m) if said.offered else 0.0
    agreed = keep * bank.dashes_agreed + share * len(said.residual_m) / max(said.offered, 1)
    offered = keep * bank.dashes_offered + share
    if offered > 0.5 * model.trust_m and agreed < model.trust * offered:
        leader, agreed, offered = widened_along(leader, model.rethink_m, settings.satellites_m), 0.0, 0.0
    return replace(bank, leader=leader, copies=copies, dashes_agreed=agreed, dashes_offered=offered)


def _weighed(bank: LaneBank, picture: Picture, settings: LaneSettings, share: float) -> LaneBank:
    """Deficits after this picture's evidence."""
    copies = dict(bank.copies)
    places = [_place(copies.get(int(k)), bank, int(k)) @ picture.now_from_then for k in LABELS]
    poses = np.array([(place.x_m, place.y_m, place.yaw_rad) for place in places])
    score = score_poses(poses, picture.seen, picture.lines, picture.model, picture.run)
    gain = np.clip(score[REACH] - score, -settings.look_nats, settings.look_nats)
    gain = gain + bank.beside.against_nats - bank.beside.against_nats[REACH]
    deficit = np.minimum(bank.deficit + share * gain, settings.cap_nats)
    deficit[REACH] = 0.0
    return replace(bank, deficit=deficit)


def _place(copy: Estimate | None, bank: LaneBank, label: int) -> Pose:
    """The hypothesis with that label: its own filter's pose, or the leader's moved over."""
    if copy is not None:
        return pose_of(copy)
    return pose_of(bank.leader) @ Pose(0.0, float(bank.beside.offset_m[REACH + label]), 0.0)


def _cap(bank: LaneBank, settings: LaneSettings) -> Floats:
    """No lane can be excluded further than the leader's own lateral spread allows, shape (7,)."""
    sigma = max(lateral_sigma_m(bank.leader), 1e-3)
    apart = np.maximum(np.abs(bank.beside.offset_m), 1.0)
    return np.minimum(settings.cap_nats, 0.5 * (apart / sigma) ** 2)


def _led_by_best(bank: LaneBank) -> LaneBank:
    """The most likely hypothesis leads; labels are counted from the leader."""
    best = int(np.argmin(np.where(bank.beside.exists, bank.deficit, np.inf)))
    if best == REACH or bank.deficit[best] > -1.0:
        return bank
    step = best - REACH
    copies = dict(bank.copies)
    leader = copies.pop(step, None) or _moved(bank.leader, float(bank.beside.offset_m[best]))
    relabelled = [(k - step, one) for k, one in copies.items() if abs(k - step) <= REACH]
    if abs(step) <= REACH:
        relabelled.append((-step, bank.leader))
    deficit = np.zeros(2 * REACH + 1)
    for k in LABELS.tolist():
        if abs(k + step) <= REACH:
            deficit[REACH + k] = bank.deficit[REACH + k + step] - bank.deficit[best]
    return replace(
        bank, leader=leader, copies=tuple(sorted(relabelled, key=lambda pair: pair[0])), deficit=deficit, looked_m=9.0,
        switched=True,
    )  # fmt: skip


def _with_copies(bank: LaneBank, settings: LaneSettings) -> LaneBank:
    """A filter for each lane that is still possible, none for those that are not."""
    copies = {k: one for k, one in bank.copies if bank.deficit[REACH + k] < settings.drop_nats}
    here = pose_of(bank.leader)
    copies = {k: one for k, one in copies.items() if _apart_m(here, pose_of(one)) > 1.0}
    order = np.argsort(bank.deficit, kind="stable")
    for index in order.tolist():
        label = index - REACH
        possible = bank.deficit[index] < settings.copy_nats and bank.beside.exists[index]
        if label and possible and label not in copies and len(copies) < settings.most_copies:
            copies[label] = _moved(bank.leader, float(bank.beside.offset_m[index]))
    return replace(bank, copies=tuple(sorted(copies.items())))


def _apart_m(first: Pose, second: Pose) -> float:
    return math.hypot(first.x_m - second.x_m, first.y_m - second.y_m)


def margin_nats(bank: LaneBank) -> float:
    """By how much the leader beats the best other lane."""
    others = np.delete(bank.deficit, REACH)
    return float(others.min())


def farthest_m(bank: LaneBank, settings: LaneSettings) -> float:
    """How far aside the farthest place lies that is not excluded, 0 where the leader's is the only one."""
    here = pose_of(bank.leader)
    left = np.array((-math.sin(here.yaw_rad), math.cos(here.yaw_rad)))
    copies = [np.array((pose_of(one).x_m - here.x_m, pose_of(one).y_m - here.y_m)) @ left for _, one in bank.copies]
    places = bank.beside.offset_m[bank.deficit < settings.certain_nats]
    return float(max(np.abs(np.concatenate((copies, places, [0.0])))))
