"""What the pose may be trusted with: protection levels and the status, never better than the evidence.

In: the bank of lane hypotheses. Out: bounds of the lateral, longitudinal and heading error, and lane-certain,
lane-uncertain or lost with the sentence that says why. A level is the filter's own spread times a quantile plus what no
filter sees because it does not average out: errors of the map and of the camera's mount. While several lanes are
possible, the lateral bound reaches over all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bus.messages import PoseStatus
from localization.estimate_pose import heading_sigma_rad, lateral_sigma_m, longitudinal_sigma_m
from localization.lane_hypotheses import LaneBank, LaneSettings, farthest_m, margin_nats


@dataclass(frozen=True, slots=True)
class IntegritySettings:
    """`quantile` times sigma plus the allowances; beyond `lost_m` of lateral spread the pose is lost.

    `alone_m` is allowed across the road where one line alone tells the place: it may be one that was moved; and
    `alone_rad` of the heading, as the way onto that line passes for a turn.
    `undecided_m` and `undecided_rad` are its bounds before the lane was ever decided, and while `strange_fixes`
    contradict it; `vouched_factor` times as many where lines and dashes speak for it. Reflections between houses last
    for seconds, and what is seen is then the better witness.
    """

    quantile: float = 4.5
    lateral_m: float = 0.15
    alone_m: float = 0.2
    alone_rad: float = math.radians(0.5)
    longitudinal_m: float = 0.3
    heading_rad: float = math.radians(0.25)
    undecided_m: float = 25.0
    undecided_rad: float = math.radians(10.0)
    lost_m: float = 8.0
    strange_fixes: int = 80
    vouched_factor: int = 3


@dataclass(frozen=True, slots=True)
class Protection:
    """Bounds of the pose error in the vehicle frame."""

    lateral_m: float
    longitudinal_m: float
    heading_rad: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """Status of a pose, its protection levels and the reason in a sentence."""

    status: PoseStatus
    protection: Protection
    reason: str


def judged(bank: LaneBank, settings: IntegritySettings, lanes: LaneSettings) -> Judgement:
    """Status and bounds of the leading hypothesis."""
    protection = protection_of(bank, settings, lanes)
    sigma_m, margin = lateral_sigma_m(bank.leader), margin_nats(bank)
    if sigma_m > settings.lost_m:
        return Judgement(PoseStatus.LOST, protection, f"the position is known to {sigma_m:.1f} m only")
    if bank.copies:
        reason = f"{len(bank.copies) + 1} lanes are possible"
    elif sigma_m > lanes.certain_sigma_m:
        reason = f"the lateral position is known to {sigma_m:.2f} m only"
    elif bank.agreement < lanes.certain_trust:
        reason = f"only {100.0 * bank.agreement:.0f} % of the seen lines are where the map has them"
    elif margin < lanes.certain_nats:
        reason = f"another lane is only {margin:.1f} nats less likely"
    elif bank.strange_fixes >= limit_of(bank, settings):
        reason = "satellites say another place"
    elif not bank.on_road:
        reason = "the map has no lane here"
    else:
        return Judgement(PoseStatus.LANE_CERTAIN, protection, f"all other lanes are {margin:.0f} nats less likely")
    return Judgement(PoseStatus.LANE_UNCERTAIN, protection, reason)


def limit_of(bank: LaneBank, settings: IntegritySettings) -> int:
    """How many fixes may contradict the leader before it is doubted: more while what is seen speaks for it."""
    return settings.strange_fixes * (settings.vouched_factor if bank.vouched else 1)


def protection_of(bank: LaneBank, settings: IntegritySettings, lanes: LaneSettings) -> Protection:
    """Bounds that hold for every place that is not excluded; before the first decision, for what satellites may do."""
    leader = bank.leader
    undecided = not bank.decided or bank.strange_fixes >= limit_of(bank, settings)
    least_m, least_rad = (settings.undecided_m, settings.undecided_rad) if undecided else (0.0, 0.0)
    allowed_m = settings.lateral_m + settings.alone_m * bank.alone
    allowed_rad = settings.heading_rad + settings.alone_rad * bank.alone
    lateral_m = settings.quantile * lateral_sigma_m(leader) + allowed_m + farthest_m(bank, lanes)
    return Protection(
        lateral_m=max(lateral_m, least_m),
        longitudinal_m=max(settings.quantile * longitudinal_sigma_m(leader) + settings.longitudinal_m, least_m),
        heading_rad=max(settings.quantile * heading_sigma_rad(leader) + allowed_rad, least_rad),
    )
