"""Contacts of the ego: when, with whom, how fast, and who ran into whom."""

from __future__ import annotations

import math
from dataclasses import dataclass

from motion.contact import half_extent
from planning.metrics.lane_view import LaneView, first_ego_contact, result_at
from planning.metrics.result import MetricResult

NAME = "collision"
STANDING_MPS = 0.05
"""Slower than this the ego stands (nuPlan devkit, `no_ego_at_fault_collisions`)."""


@dataclass(frozen=True, slots=True)
class EgoContact:
    """The first contact of the ego: sample, column of the other, and how it came about.

    `side` is where the ego was struck: `front`, `rear`, `left`, `right`. `closing_mps` is how fast the ego drove into
    the other along its own heading (negative: the other was faster). `by_other` says that the ego could do nothing
    about it: it was run into from behind, or stood.
    """

    index: int
    column: int
    side: str
    ego_mps: float
    other_mps: float
    closing_mps: float
    by_other: bool
    sentence: str


def compute(view: LaneView) -> MetricResult:
    """Speed [m/s] at which the ego drove into somebody; fails unless it was run into from behind or while standing."""
    contact = first_contact(view)
    if contact is None:
        return result_at(view, None, NAME, True, 0.0, "m/s", 0.0, "no contact")
    value = max(contact.closing_mps, 0.0)
    return result_at(view, contact.index, NAME, contact.by_other, value, "m/s", 0.0, contact.sentence)


def first_contact(view: LaneView) -> EgoContact | None:
    """The first contact while the stack drives; what happens after it is physics that no metric judges."""
    event = first_ego_contact(view.rollout)
    if event is None:
        return None
    ego_first = event.first_id == view.rollout.ego_id
    other_id = event.second_id if ego_first else event.first_id
    column = list(view.rollout.other_ids).index(other_id)
    ego_mps = event.first_speed_mps if ego_first else event.second_speed_mps
    other_mps = event.second_speed_mps if ego_first else event.first_speed_mps
    index = view.sample(event.t_s)
    side = struck_side(view, index, column)
    closing = closing_mps(view, index, column, ego_mps)
    at = f"at t = {event.t_s:.2f} s, ego {ego_mps * 3.6:.1f} km/h, other {other_mps * 3.6:.1f} km/h"
    by_other, what = _who_ran_into_whom(view, index, column, side, closing, ego_mps <= STANDING_MPS)
    return EgoContact(index, column, side, ego_mps, other_mps, closing, by_other, f"{what} {at}")


def _who_ran_into_whom(
    view: LaneView, index: int, column: int, side: str, closing: float, stood: bool
) -> tuple[bool, str]:
    """Whether the ego could do nothing about it, and the words for what happened."""
    name = view.shape(column).name
    if stood:
        return True, f"{name} ran into the {side} of the standing ego"
    if side == "rear" and closing < 0.0:
        return True, f"{name} ran into the rear of the ego"
    if side == "front":
        return False, f"ego ran into {name}"
    return False, f"{_mover(view, index, column)} ({side} of the ego)"


def closing_mps(view: LaneView, index: int, column: int, ego_mps: float) -> float:
    """How much faster along its own heading the ego is than the other."""
    yaw = view.rollout.ego.yaw_rad[index]
    return float(ego_mps - view.vx_mps[index, column] * math.cos(yaw) - view.vy_mps[index, column] * math.sin(yaw))


def struck_side(view: LaneView, index: int, column: int) -> str:
    """Which side of the ego's box met the other: the one across which the boxes came to overlap last."""
    ego, others, shape = view.rollout.ego, view.rollout.others, view.ego_shape
    yaw, turn = ego.yaw_rad[index], others.yaw_rad[index, column] - ego.yaw_rad[index]
    cos, sin = math.cos(yaw), math.sin(yaw)
    dx, dy = others.x_m[index, column] - view.ego_x_m[index], others.y_m[index, column] - view.ego_y_m[index]
    vx = view.vx_mps[index, column] - ego.speed_mps[index] * cos
    vy = view.vy_mps[index, column] - ego.speed_mps[index] * sin
    length, width = view.length_m[column], view.width_m[column]
    along, across = dx * cos + dy * sin, dy * cos - dx * sin
    depth_along = 0.5 * shape.length_m + half_extent(turn, length, width) - abs(along)
    depth_across = 0.5 * shape.width_m + half_extent(turn + 0.5 * math.pi, length, width) - abs(across)
    along_s = _since(depth_along, -math.copysign(1.0, along) * (vx * cos + vy * sin))
    across_s = _since(depth_across, -math.copysign(1.0, across) * (vy * cos - vx * sin))
    if math.isinf(along_s) and math.isinf(across_s):
        along_s, across_s = depth_along, depth_across
    if along_s <= across_s:
        return "front" if along > 0.0 else "rear"
    return "left" if across > 0.0 else "right"


def _since(depth_m: float, approach_mps: float) -> float:
    """For how long two extents that approach each other have overlapped by `depth_m`."""
    return max(depth_m, 0.0) / approach_mps if approach_mps > 1e-3 else math.inf


def _mover(view: LaneView, index: int, column: int) -> str:
    """Who moved sideways into whom, along the lane."""
    name = view.shape(column).name
    side = 1.0 if view.d_m[index, column] > view.ego_d_m[index] else -1.0
    before = max(index - 5, 0)
    dt_s = float(view.rollout.t_s[index] - view.rollout.t_s[before])
    ego_mps = float(view.ego_d_m[index] - view.ego_d_m[before]) / dt_s if dt_s > 0.0 else 0.0
    if side * ego_mps > -side * float(view.across_mps[index, column]):
        return f"ego moved sideways into {name}"
    return f"{name} moved sideways into the ego"
