"""Collisions that a lane-keeping system must avoid (UN R157, 5.2.5), and how hard the unavoidable ones may be.

A contact fails the drive where the regulation's condition for a cut-in or a crossing pedestrian holds, or where the
competent and careful driver in the same case avoids it. Elsewhere the impact may be 1 km/h harder than that driver's.
"""

from __future__ import annotations

import numpy as np

from bus.messages import EntityKind
from geometry.angles import Floats
from motion.careful_driver import CAREFUL
from planning.metrics.careful_counterpart import approach_start, careful_outcome, conflict_start
from planning.metrics.collision import EgoContact, first_contact
from planning.metrics.frenet import project_tracks
from planning.metrics.lane_view import LaneView, result_at, tyre_points
from planning.metrics.lead import entry, in_path
from planning.metrics.result import MetricResult

NAME = "avoidable_collision"

INTRUSION_M = 0.3
"""A wheel this far past the mark has entered the lane (5.2.5.2)."""
VISIBLE_S = 0.72
DECELERATION_MPS2 = 6.0
DELAY_S = 0.35
IMPACT_MARGIN_MPS = 1.0 / 3.6

PEDESTRIAN_MPS = 5.0 / 3.6
PEDESTRIAN_OFFSET_M = 0.2
PEDESTRIAN_EGO_MPS = 60.0 / 3.6
ROUNDING_MPS = 0.05
"""Recorded speeds that are meant to equal a limit may lie this much above."""


def compute(view: LaneView) -> MetricResult:
    """Closing speed [m/s] of the first contact against the allowed one: 0 where it must be avoided."""
    contact = first_contact(view)
    if contact is None:
        return result_at(view, None, NAME, True, 0.0, "m/s", 0.0, "no contact")
    value = max(contact.closing_mps, 0.0)
    if contact.by_other:
        return result_at(view, contact.index, NAME, True, value, "m/s", None, contact.sentence)
    duty = _cut_in_duty(view, contact) or _pedestrian_duty(view, contact)
    if duty is not None:
        cause = f"{contact.sentence}; it must be avoided: {duty}"
        return result_at(view, contact.index, NAME, False, value, "m/s", 0.0, cause)
    careful = careful_outcome(view, contact)
    cause = f"{contact.sentence}; {careful.sentence}"
    if careful.avoided:
        return result_at(view, contact.index, NAME, False, value, "m/s", 0.0, cause)
    limit = careful.impact_mps + IMPACT_MARGIN_MPS
    return result_at(view, contact.index, NAME, value <= limit, value, "m/s", limit, cause)


def _cut_in_duty(view: LaneView, contact: EgoContact) -> str | None:
    """Why 5.2.5.2 asks to avoid this cut-in, None where it does not (or it was no cut-in)."""
    column = contact.column
    index = lane_intrusion(view, column, contact.index)
    if index is None or view.rear_m[index, column] < view.ego_front_m[index]:
        return None
    if conflict_start(view, contact) > index:
        return None  # it came in without being a danger and became one later, as any lead vehicle may
    start = approach_start(view, column, index)
    moved = np.abs(view.d_m[start : index + 1, column] - view.d_m[start, column]) > CAREFUL.wandering_m
    if not moved.any():
        return None
    visible_s = float(view.rollout.t_s[index] - view.rollout.t_s[start + int(np.argmax(moved))])
    closing = float(view.rollout.ego.speed_mps[index] - view.along_mps[index, column])
    gap = float(view.rear_m[index, column] - view.ego_front_m[index])
    ttc_s = gap / closing if closing > 0.0 else float("inf")
    needed_s = max(closing, 0.0) / (2.0 * DECELERATION_MPS2) + DELAY_S
    if visible_s < VISIBLE_S or ttc_s <= needed_s:
        return None
    return (
        f"time to collision {ttc_s:.2f} s above {needed_s:.2f} s when a wheel was {INTRUSION_M} m in the lane, "
        f"sideways motion visible {visible_s:.2f} s before (UN R157, 5.2.5.2)"
    )


def lane_intrusion(view: LaneView, column: int, index: int) -> int | None:
    """Sample at which a wheel of the other came 0.3 m past a mark of the ego's lane, looking back from `index`."""
    depth = intrusion_m(view, column)
    outside = np.flatnonzero(~(depth[:index] > INTRUSION_M))
    if not depth[index] > INTRUSION_M or len(outside) == 0:
        return None
    first = int(outside[-1])
    seen = view.judged[first] and view.rollout.others.present[first, column]
    return first + 1 if seen else None


def intrusion_m(view: LaneView, column: int) -> Floats:
    """How far [m] the innermost wheel of an other lies past the nearer mark of the lane: (T,), NaN where absent."""
    others = view.rollout.others
    x = np.where(others.present[:, column], others.x_m[:, column], np.nan)
    x, y = tyre_points(x, others.y_m[:, column], others.yaw_rad[:, column], view.shape(column))
    s, d = project_tracks(view.corridor.path, x, y)
    left, right = view.corridor.sides(s)
    return np.asarray(np.minimum((left - d).max(axis=-1), (d + right).max(axis=-1)))


def _pedestrian_duty(view: LaneView, contact: EgoContact) -> str | None:
    """Why 5.2.5.3 asks to avoid this pedestrian, None where it does not."""
    column = contact.column
    if view.shape(column).kind != EntityKind.PEDESTRIAN:
        return None
    came = entry(view, in_path(view), column, contact.index)
    start = approach_start(view, column, came.index)
    pace = float(
        np.hypot(view.vx_mps[start : contact.index + 1, column], view.vy_mps[start : contact.index + 1, column]).max()
    )
    ego_mps = float(view.rollout.ego.speed_mps[start])
    offset = _impact_offset_m(view, column, start)
    crossing = came.sideways and pace <= PEDESTRIAN_MPS + ROUNDING_MPS
    if not crossing or offset is None or offset > PEDESTRIAN_OFFSET_M or ego_mps > PEDESTRIAN_EGO_MPS + ROUNDING_MPS:
        return None
    return (
        f"a pedestrian crossing at {pace * 3.6:.1f} km/h, expected {offset:.2f} m beside the middle of the ego at "
        f"{ego_mps * 3.6:.0f} km/h (UN R157, 5.2.5.3)"
    )


def _impact_offset_m(view: LaneView, column: int, start: int) -> float | None:
    """How far beside the ego's middle the other would be when the ego's front, at held speed, reaches its centre."""
    t_s = view.rollout.t_s[start:] - view.rollout.t_s[start]
    front = view.ego_front_m[start] + view.rollout.ego.speed_mps[start] * t_s
    reached = np.flatnonzero(front >= view.s_m[start:, column] - 0.5 * view.width_m[column])
    if len(reached) == 0:
        return None
    at = start + int(reached[0])
    return abs(float(view.d_m[at, column] - view.ego_d_m[start]))
