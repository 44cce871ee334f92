"""The competent and careful driver in the ego's place: would it have avoided this collision, or hit more softly?

The others move as recorded; the driver goes along the ego's path as a point mass with the ego's box. It takes over the
ego's state at the instant at which the conflict begins, because what the ego did before (a larger distance, a lower
speed) belongs to the states that both share:

cut-in   the other's approach to the path begins: speed is held until its box overlaps the path, then the regulation's
         rule decides (react at a time to collision of at most 2 s, else the case is closed as no danger)
cut-out  somebody in between has moved aside by more than the wandering zone, or has itself hit the obstacle behind it
lead     the other is in the way and in view: it brakes, or the gap begins to close
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion.careful_driver import CAREFUL, CarefulDrive, react_at_once, react_to_cut_in
from planning.metrics.collision import EgoContact, closing_mps
from planning.metrics.counterfactual import first_touch
from planning.metrics.intervals import bridged, start_of
from planning.metrics.lane_view import LaneView
from planning.metrics.lead import entry, in_path, is_braking

CLOSING_MPS = 0.5
BRAKING_MPS2 = 0.4
"""A lead that slows down by as much as the driver does when it releases the accelerator."""
PAUSE_S = 0.5
"""A conflict that pauses for no longer than this is one."""
DRIFTING_MPS = 0.05
"""Slower sideways motion is none."""


@dataclass(frozen=True, slots=True)
class CarefulOutcome:
    """How the careful driver fares: `impact_mps` is its closing speed at contact, 0 when it avoids contact.

    `start` is the sample at which it takes over, `trigger` the one at which it begins to react (-1: never).
    """

    kind: str
    avoided: bool
    impact_mps: float
    start: int
    trigger: int
    sentence: str


def careful_outcome(view: LaneView, contact: EgoContact) -> CarefulOutcome:
    """Put the careful driver in the ego's place in the conflict that ended in `contact`."""
    inside = in_path(view)
    came = entry(view, inside, contact.column, contact.index)
    conflict = conflict_start(view, contact)
    if came.sideways and conflict <= came.index:
        start = approach_start(view, contact.column, came.index)
        drive = _against_cut_in(view, inside, contact.column, start)
        if not drive.closed:
            return _outcome(view, contact, "cut-in", start, drive)
        brakes = _braking_after(view, contact.column, came.index, contact.index)
        if brakes is None:
            return CarefulOutcome(
                "cut-in", True, 0.0, start, -1,
                f"the careful driver avoids it: more than {CAREFUL.cut_in_ttc_s:.0f} s to collision when "
                f"{view.shape(contact.column).name} came into the path",
            )  # fmt: skip
        return _at_once(view, contact, "lead", brakes)
    seen = _in_view(view, inside, contact.column, contact.index)
    if seen > conflict:
        return _at_once(view, contact, "cut-out", seen)
    revealed = _revealed(view, inside, contact.column, contact.index)
    if revealed is not None and revealed < conflict:
        return _at_once(view, contact, "cut-out", revealed)
    return _at_once(view, contact, "lead", conflict)


def approach_start(view: LaneView, column: int, index: int) -> int:
    """First sample of the sideways motion towards the ego's path that lasts until `index`."""
    side = np.sign(view.d_m[: index + 1, column] - view.ego_d_m[: index + 1])
    towards = -side * view.across_mps[: index + 1, column] > DRIFTING_MPS
    return start_of(towards & view.judged[: index + 1], index)


def conflict_start(view: LaneView, contact: EgoContact) -> int:
    """First sample from which the ego closed in on the other, or the other braked, until they touched."""
    closing = view.rollout.ego.speed_mps - view.along_mps[:, contact.column] > CLOSING_MPS
    braking = is_braking(view, contact.column, BRAKING_MPS2)
    together = bridged((closing | braking) & view.judged, view.rollout.t_s, PAUSE_S)
    return start_of(together, contact.index)


def _braking_after(view: LaneView, column: int, first: int, last: int) -> int | None:
    braking = is_braking(view, column, BRAKING_MPS2)[first:last]
    return first + int(np.argmax(braking)) if braking.any() else None


def _in_view(view: LaneView, inside: NDArray[np.bool_], column: int, index: int) -> int:
    """First sample from which nobody hides the other from the ego until `index`."""
    between = inside & (view.s_m > view.ego_s_m[:, None]) & (view.s_m < view.s_m[:, column][:, None])
    between[:, column] = False
    between[index:] = False
    hidden = np.flatnonzero(between.any(axis=1))
    judged = int(np.flatnonzero(view.judged)[0])
    if len(hidden) == 0 or hidden[-1] < judged:
        return judged
    hider = int(np.flatnonzero(between[hidden[-1]])[0])
    away = np.abs(view.d_m[: hidden[-1] + 1, hider] - view.ego_d_m[: hidden[-1] + 1]) > CAREFUL.wandering_m
    seen = start_of(away, int(hidden[-1]))
    crash = _touch_of(view, hider, column)
    return max(judged, min(seen, crash))


def _revealed(view: LaneView, inside: NDArray[np.bool_], column: int, index: int) -> int | None:
    """When the one in `column`, by moving aside, gave the view of what it then hit; None where it hit nothing before.

    The driver reacts to the obstacle that comes into view, even if it is the one in between that it meets first.
    """
    crashes = [(_touch_of(view, column, other), other) for other in range(len(view.length_m)) if other != column]
    crash, obstacle = min(crashes, default=(index, column))
    return _in_view(view, inside, obstacle, crash) if crash < index else None


def _touch_of(view: LaneView, first: int, second: int) -> int:
    """Sample at which two others touch, one past the end if they never do."""
    pair = {int(view.rollout.other_ids[first]), int(view.rollout.other_ids[second])}
    times = [contact.t_s for contact in view.rollout.contacts if {contact.first_id, contact.second_id} == pair]
    return view.sample(min(times)) if times else len(view.rollout.t_s)


def _against_cut_in(view: LaneView, inside: NDArray[np.bool_], column: int, start: int) -> CarefulDrive:
    t_s = view.rollout.t_s[start:]
    return react_to_cut_in(
        CAREFUL, t_s - t_s[0], float(view.rollout.ego.speed_mps[start]),
        view.rear_m[start:, column] - view.ego_front_m[start], view.along_mps[start:, column],
        inside[start:, column], float(view.ego_shape.length_m + view.length_m[column]),
    )  # fmt: skip


def _at_once(view: LaneView, contact: EgoContact, kind: str, start: int) -> CarefulOutcome:
    t_s = view.rollout.t_s[start:]
    drive = react_at_once(CAREFUL, t_s - t_s[0], float(view.rollout.ego.speed_mps[start]))
    return _outcome(view, contact, kind, start, drive)


def _outcome(view: LaneView, contact: EgoContact, kind: str, start: int, drive: CarefulDrive) -> CarefulOutcome:
    trigger = start + drive.trigger if drive.trigger >= 0 else -1
    touch = first_touch(view, start, drive.travelled_m, contact.column)
    reacts = f"reacting at t = {view.rollout.t_s[trigger]:.2f} s" if trigger >= 0 else "seeing no danger before"
    if touch is None:
        return CarefulOutcome(kind, True, 0.0, start, trigger, f"the careful driver, {reacts}, avoids it")
    speed = float(drive.speed_mps[touch.index - start])
    impact = closing_mps(view, touch.index, contact.column, speed)
    sentence = f"the careful driver, {reacts}, hits it with {impact * 3.6:.1f} km/h"
    return CarefulOutcome(kind, False, max(impact, 0.0), start, trigger, sentence)
