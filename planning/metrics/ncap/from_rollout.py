"""A drive of our own simulator as a run of a Euro NCAP test."""

from __future__ import annotations

import math

import numpy as np

from motion.rollout import Rollout
from planning.metrics.lane_view import first_ego_contact
from planning.metrics.ncap.points import Run

KPH = 3.6


def run_of(rollout: Rollout, test: str, speed_kph: float, warning_ttc_s: float | None = None) -> Run:
    """The run that a drive was.

    Args:
        rollout: the drive.
        test: the protocol's name of the test.
        speed_kph: the car's test speed.
        warning_ttc_s: in warning tests the time to collision at the first warning, -inf without one.

    The relative impact speed counts along the ego's heading: what crosses its path adds nothing to it.
    """
    contact = first_ego_contact(rollout)
    if contact is None:
        return Run(test, speed_kph, None, 0.0, warning_ttc_s)
    ego_first = contact.first_id == rollout.ego_id
    other_id = contact.second_id if ego_first else contact.first_id
    ego_mps, other_mps = contact.first_speed_mps, contact.second_speed_mps
    if not ego_first:
        ego_mps, other_mps = other_mps, ego_mps
    index = min(int(np.searchsorted(rollout.t_s, contact.t_s - 1e-9)), len(rollout.t_s) - 1)
    column = rollout.other_ids.tolist().index(other_id)
    turn = float(rollout.others.yaw_rad[index, column] - rollout.ego.yaw_rad[index])
    closing_mps = max(ego_mps - other_mps * math.cos(turn), 0.0)
    reduction_kph = max(speed_kph - KPH * ego_mps, 0.0)
    return Run(test, speed_kph, KPH * closing_mps, reduction_kph, warning_ttc_s)
