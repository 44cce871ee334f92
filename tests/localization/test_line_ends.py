"""Ends of lines: they say where along the road the car is, and only where they are ends and agree."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bus.messages import LaneMarks
from geometry.pose import Pose
from localization.line_ends import BEGIN, END, EndCorrection, EndModel, end_correction, sight_after
from localization.map_matching import MarkModel, SeenLines, seen_lines
from maps.mark_lines import MarkLines

MODEL, MARKS = EndModel(), MarkModel()
MOUTH_M, BEYOND_M = 100.0, 130.0
EYES_M = np.arange(4.0, 40.1, 0.5)


def road(*offsets_m: float) -> MarkLines:
    """Solid lines along x that end at a junction's mouth and go on beyond it."""
    ends, pieces = [], []
    for y_m in offsets_m:
        for begin, end in ((0.0, MOUTH_M), (BEYOND_M, 300.0)):
            ends.append((begin, y_m, end, y_m))
            pieces.append(len(pieces))
    return MarkLines.of(np.array(ends), np.ones(len(ends), dtype=np.int64), np.array(pieces))


ROAD = road(-1.75, 1.75)


def seen_from(pose: Pose, lines: MarkLines = ROAD, range_m: float = 40.0) -> SeenLines:
    """What perfect eyes report up to a range."""
    start, points = [0], []
    for x0, y0, x1, _ in lines.ends:
        x = EYES_M[np.abs(EYES_M - 0.5 * (x0 + x1) + pose.x_m) <= 0.5 * (x1 - x0)]
        x = x[x <= range_m]
        if len(x) > 1:
            points.append(np.stack((x, np.full(len(x), y0 - pose.y_m)), axis=1))
            start.append(start[-1] + len(x))
    xy, count = np.concatenate(points), len(start) - 1
    marks = LaneMarks(np.array(start), xy, np.full(len(xy), 0.05), np.ones(count, dtype=np.int64), np.ones(count))
    return seen_lines(marks, MARKS)


def told(
    pose: Pose, seen: SeenLines, lines: MarkLines = ROAD, sigma_m: float = 2.0, sight_m: float = 40.0
) -> EndCorrection:
    return end_correction(pose, sigma_m, seen, lines, MARKS, MODEL, 1.0, sight_m)


@pytest.mark.parametrize("ahead_m", [-3.0, 0.0, 2.5])
def test_the_mouth_of_a_junction_says_where_along_the_road_the_car_is(ahead_m: float) -> None:
    truth = Pose(MOUTH_M - 15.4, 0.0, 0.0)
    found = told(Pose(truth.x_m + ahead_m, 0.0, 0.0), seen_from(truth))
    assert len(found.residual_m) == 2
    assert found.residual_m == pytest.approx([ahead_m] * 2, abs=0.6)
    assert found.jacobian == pytest.approx(np.array([(-1.0, 0.0, -1.75), (-1.0, 0.0, 1.75)]), abs=0.05)


def test_the_ends_of_bare_edges_count_only_for_a_detector_that_knows_them() -> None:
    pose, bare = Pose(MOUTH_M - 15.4, 0.0, 0.0), replace(ROAD, types=np.zeros_like(ROAD.types))
    seen = replace(seen_from(pose), types=np.zeros(2, dtype=np.int64))
    assert len(told(pose, seen, bare).residual_m) == 0
    known = end_correction(pose, 2.0, seen, bare, MARKS, replace(MODEL, edges=True), 1.0, 40.0)
    assert len(known.residual_m) == 2


def test_where_lines_begin_again_the_place_is_told_as_well() -> None:
    truth = Pose(BEYOND_M - 15.4, 0.0, 0.0)
    found = told(Pose(truth.x_m - 1.0, 0.0, 0.0), seen_from(truth))
    assert found.residual_m == pytest.approx([-1.0, -1.0], abs=0.6)


def test_a_line_that_comes_into_the_picture_from_the_side_does_not_begin_there() -> None:
    truth = Pose(BEYOND_M - 9.4, 0.0, 0.0)
    near, aside = road(-1.75, 1.75), road(-5.25, 5.25)
    assert len(told(truth, seen_from(truth, near), near).residual_m) == 2
    assert len(told(truth, seen_from(truth, aside), aside).residual_m) == 0


def test_the_jacobian_is_the_derivative_of_the_expected_end() -> None:
    """By moving or turning the map instead of the car."""
    seen, turn = seen_from(Pose(85.0, 0.0, 0.0)), 0.05
    at = told(Pose(85.0, 0.0, 0.0), seen)
    cos, sin = math.cos(turn), math.sin(turn)
    about = np.array((85.0, 0.0))
    ends = (ROAD.ends.reshape(-1, 2) - about) @ np.array(((cos, sin), (-sin, cos))) + about
    turned = MarkLines.of(ends.reshape(-1, 4), ROAD.types, ROAD.pieces)
    wide = replace(MARKS, gate_m=3.0)
    after = end_correction(Pose(85.0, 0.0, turn), 2.0, seen, turned, wide, MODEL, 1.0, 40.0)
    assert after.residual_m == pytest.approx(at.residual_m, abs=0.6)
    assert after.jacobian[:, 0] == pytest.approx([-cos, -cos])
    assert after.jacobian[:, 1] == pytest.approx([-sin, -sin])


def test_where_sight_is_short_nothing_ends() -> None:
    truth = Pose(50.0, 0.0, 0.0)
    fog = seen_from(truth, range_m=14.0)
    assert len(told(Pose(MOUTH_M - 12.0, 0.0, 0.0), fog, sight_m=sight_after(40.0, fog, 200.0, MODEL)).residual_m) == 0
    # while other lines are seen farther, it is an end
    assert len(told(Pose(MOUTH_M - 12.0, 0.0, 0.0), fog, sigma_m=3.0).residual_m) == 2


def test_sight_is_remembered_for_a_while_and_grows_at_once() -> None:
    near, far = seen_from(Pose(50.0, 0.0, 0.0), range_m=14.0), seen_from(Pose(50.0, 0.0, 0.0))
    assert sight_after(40.0, near, 50.0, MODEL) == pytest.approx(40.0 - 50.0 * MODEL.fading)
    assert sight_after(20.0, far, 0.0, MODEL) == pytest.approx(40.25)
    none = SeenLines(*(np.empty(0) for _ in range(3)), np.empty(0, dtype=np.int64), np.empty((0, 2)), np.empty((0, 2)))
    assert sight_after(0.0, none, 1.0, MODEL) == 0.0


def test_one_end_alone_is_not_believed_while_the_place_is_unsure() -> None:
    lone, truth = road(1.75), Pose(MOUTH_M - 15.4, 0.0, 0.0)
    seen = seen_from(truth, lone)
    assert len(told(truth, seen, lone, sigma_m=2.0).residual_m) == 0
    assert len(told(truth, seen, lone, sigma_m=1.0).residual_m) == 1


def test_ends_that_disagree_are_not_believed_while_the_place_is_unsure() -> None:
    truth = Pose(MOUTH_M - 15.4, 0.0, 0.0)
    worn = MarkLines.of(ROAD.ends - np.array((0.0, 0.0, 6.0, 0.0)) * (ROAD.ends[:, 1:2] > 0.0), ROAD.types, ROAD.pieces)
    assert len(told(truth, seen_from(truth, worn)).residual_m) == 0


def test_a_line_that_goes_on_beyond_the_view_has_no_end_to_compare() -> None:
    truth, far = Pose(MOUTH_M - 15.4, 0.0, 0.0), Pose(20.0, 0.0, 0.0)
    assert len(told(far, seen_from(truth), sigma_m=50.0).residual_m) == 0


def test_an_end_far_from_where_the_map_has_it_is_refused() -> None:
    truth = Pose(MOUTH_M - 15.4, 0.0, 0.0)
    assert len(told(Pose(truth.x_m - 8.0, 0.0, 0.0), seen_from(truth), sigma_m=0.5).residual_m) == 0


def test_lines_far_aside_and_ends_far_ahead_are_not_looked_at() -> None:
    wide = road(-9.0, 9.0)
    truth = Pose(MOUTH_M - 15.4, 0.0, 0.0)
    assert len(told(truth, seen_from(truth, wide), wide).residual_m) == 0
    early = Pose(MOUTH_M - 26.0, 0.0, 0.0)
    assert len(told(early, seen_from(early)).residual_m) == 0


def test_the_error_of_an_end_counts_as_the_spacing_of_its_points_allows() -> None:
    coarse, truth = np.arange(4.0, 40.1, 4.0), Pose(MOUTH_M - 15.4, 0.0, 0.0)
    points = np.stack((coarse[coarse < 15.0], np.full(3, 1.75)), axis=1)
    marks = LaneMarks(np.array((0, 3)), points, np.full(3, 0.05), np.ones(1, dtype=np.int64), np.ones(1))
    seen = seen_lines(marks, MARKS)
    assert seen.span_m[0, [BEGIN, END]] == pytest.approx([2.0, 14.0])
    assert seen.span_sigma_m[0] == pytest.approx([2.0 / math.sqrt(3.0)] * 2)
    noise = told(truth, seen, sigma_m=1.0).noise
    assert noise[0, 0] > MODEL.repeats * 4.0 / 3.0
