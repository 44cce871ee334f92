"""Range and presence of those ahead, as a follower needs them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perception.metrics.frames import Frame, box_set
from perception.metrics.own_lane import LaneFrame, known_in_lane, range_errors

CAR, PEDESTRIAN = 0, 4


def _frame(truth: list[tuple[int, int, float]], found: list[tuple[int, float]]) -> Frame:
    """Objects by (class, id, x) and tracks by (class, x), all straight ahead."""
    said = [(kind, k, 0.9, x, 0.0, 0.0, 4.5, 1.8, 1.5, 0.0, 0.0) for k, (kind, x) in enumerate(found)]
    there = [(kind, row, 1.0, x, 0.0, 0.0, 4.5, 1.8, 1.5, 0.0, 0.0) for kind, row, x in truth]
    return Frame(box_set(said), box_set(there), np.zeros((0, 2)))


def test_a_car_that_is_said_two_percent_too_far_is_off_by_that_share() -> None:
    frames = [_frame([(CAR, 1, 50.0)], [(CAR, 51.0)]), _frame([(CAR, 1, 40.0)], [(CAR, 39.2)])]
    assert range_errors(frames, CAR, 30.0, 60.0) == pytest.approx([0.02, -0.02])


def test_cars_outside_the_ring_and_tracks_of_nobody_are_not_asked() -> None:
    frames = [_frame([(CAR, 1, 20.0), (CAR, 2, 45.0)], [(CAR, 20.0), (CAR, 58.0)])]
    assert len(range_errors(frames, CAR, 30.0, 60.0)) == 0


def _drive(name: str, tracked_from: int, frames: int = 10) -> list[LaneFrame]:
    return [
        LaneFrame(name, 0.1 * k, _frame([(CAR, 1, 30.0)], [(CAR, 30.5)] if k >= tracked_from else []), np.array([True]))
        for k in range(frames)
    ]


def test_the_first_three_frames_of_sight_are_not_asked() -> None:
    assert known_in_lane(_drive("a", 3), [CAR], 60.0) == (7, 7)
    assert known_in_lane(_drive("a", 5), [CAR], 60.0) == (5, 7)


def test_who_was_in_sight_in_another_drive_begins_anew() -> None:
    assert known_in_lane([*_drive("a", 3), *_drive("b", 3)], [CAR], 60.0) == (14, 14)


def test_only_the_own_lane_within_range_counts() -> None:
    aside = [replace(frame, in_lane=np.array([False])) for frame in _drive("a", 99)]
    assert known_in_lane(aside, [CAR], 60.0) == (0, 0)
    assert known_in_lane(_drive("a", 99), [CAR], 20.0) == (0, 0)
    assert known_in_lane(_drive("a", 99), [PEDESTRIAN], 60.0) == (0, 0)


def test_a_far_car_may_be_said_nearer_and_is_known_all_the_same() -> None:
    def drive(said_m: float) -> list[LaneFrame]:
        frame = _frame([(CAR, 1, 50.0)], [(CAR, said_m)])
        return [LaneFrame("a", 0.1 * k, frame, np.array([True])) for k in range(4)]

    assert known_in_lane(drive(45.0), [CAR], 60.0) == (1, 1)
    assert known_in_lane(drive(41.0), [CAR], 60.0) == (0, 1)
