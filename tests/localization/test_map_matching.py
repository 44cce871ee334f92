"""Seen lines against the map: the true lane is the likely one, and corrections lead back to the true pose."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import LandmarkKind, Landmarks, LaneMarks, MarkType
from geometry.pose import Pose
from localization.landmark_matching import LandmarkModel, landmark_correction
from localization.map_matching import MarkModel, line_correction, score_poses, seen_lines
from maps.landmarks import MapLandmarks, map_landmarks
from maps.mark_lines import MarkLines, mark_lines, view_from
from tests.localization.road import STATIONS, WIDTH_M, in_lane, lines_of, seen_from, straight_road

MODEL = MarkModel()


def rows(*poses: Pose) -> np.ndarray:
    return np.array([(pose.x_m, pose.y_m, pose.yaw_rad) for pose in poses])


def test_each_line_of_a_road_is_there_once() -> None:
    lines = mark_lines(straight_road(3))
    view = view_from(lines, in_lane(1), STATIONS, 20.0)
    assert sorted(view.y_m[:, 0].round(2)) == [-5.25, -1.75, 1.75, 5.25]
    assert sorted(view.types.tolist()) == [MarkType.SOLID, MarkType.SOLID, MarkType.BROKEN, MarkType.BROKEN]


def test_an_unpainted_outside_is_the_roads_edge_and_unpainted_between_lanes_is_nothing() -> None:
    lines = mark_lines(straight_road(2, inner="none", outer="none"))
    view = view_from(lines, in_lane(0), STATIONS, 20.0)
    assert view.types.tolist() == [MarkType.NONE, MarkType.NONE]
    assert sorted(view.y_m[:, 0].round(2)) == [-1.75, 5.25]


@pytest.mark.parametrize("lane", [0, 1, 2])
def test_the_true_lane_is_more_likely_than_any_other(lane: int) -> None:
    lines = lines_of(3)
    seen = seen_lines(seen_from(lines, in_lane(lane, left_m=0.2)), MODEL)
    score = score_poses(rows(*(in_lane(k, left_m=0.2) for k in range(-1, 4))), seen, lines, MODEL)
    assert int(np.argmax(score)) == lane + 1
    assert np.sort(score)[-1] - np.sort(score)[-2] > 2.0


def test_two_lanes_that_look_the_same_are_equally_likely() -> None:
    """Five lanes, and eyes that reach only the own lane's marks: the inner three cannot be told apart."""
    lines, short = lines_of(5), replace(MODEL, reach_m=3.0)
    seen = seen_lines(seen_from(lines, in_lane(2), reach_m=3.0), short)
    score = score_poses(rows(in_lane(1), in_lane(2), in_lane(3)), seen, lines, short)
    assert np.ptp(score) < 1e-9


def test_one_misread_type_does_not_outweigh_the_places_of_four_lines() -> None:
    lines = lines_of(3)
    marks = seen_from(lines, in_lane(0))
    types = marks.types.copy()
    types[0] = MarkType.SOLID if types[0] == MarkType.BROKEN else MarkType.BROKEN
    seen = seen_lines(replace(marks, types=types), MODEL)
    score = score_poses(rows(in_lane(0), in_lane(1), in_lane(2)), seen, lines, MODEL)
    assert int(np.argmax(score)) == 0


def test_what_two_cameras_say_of_a_line_is_one_line() -> None:
    lines, true = lines_of(3), in_lane(1)
    near = seen_from(lines, true)
    far = near.xy_m[:, 0] >= 12.0
    counts = [int(far[a:b].sum()) for a, b in zip(near.start[:-1], near.start[1:], strict=True)]
    both = LaneMarks(
        np.concatenate((near.start, near.start[-1] + np.cumsum(counts))),
        np.concatenate((near.xy_m, near.xy_m[far] + (0.0, 0.15))),
        np.concatenate((near.sigma_m, near.sigma_m[far])),
        np.concatenate((near.types, near.types)),
        np.concatenate((near.score, near.score)),
    )
    seen = seen_lines(both, MODEL)
    assert seen.size == seen_lines(near, MODEL).size
    told = line_correction(true, 0.1, seen, lines, MODEL, 100.0)
    assert told.accepted == told.offered > 0


@given(st.floats(-0.4, 0.4), st.floats(-0.02, 0.02), st.sampled_from([0, 1, 2]))
def test_the_correction_leads_back_to_the_true_pose(left_m: float, yaw_rad: float, lane: int) -> None:
    lines = lines_of(3)
    true = in_lane(lane)
    seen = seen_lines(seen_from(lines, true, sigma_m=0.02), MODEL)
    guess = Pose(true.x_m, true.y_m + left_m, yaw_rad)
    told = line_correction(guess, 0.5, seen, lines, replace(MODEL, rejected_slope=0.1), 100.0)
    weight = np.linalg.inv(told.noise)
    across = told.jacobian[:, 1:]
    step = np.linalg.solve(across.T @ weight @ across, across.T @ weight @ told.residual_m)
    assert guess.y_m + step[0] == pytest.approx(true.y_m, abs=0.02)
    assert guess.yaw_rad + step[1] == pytest.approx(0.0, abs=2e-3)


def test_the_jacobian_is_the_derivative_of_the_residual() -> None:
    lines = lines_of(3)
    seen = seen_lines(seen_from(lines, in_lane(1, yaw_rad=0.05)), MODEL)
    at = in_lane(1, left_m=0.1, yaw_rad=0.04)
    told = line_correction(at, 0.5, seen, lines, replace(MODEL, rejected_slope=0.1), 1.0)
    step = 1e-5
    for column, moved in enumerate((
        replace(at, x_m=at.x_m + step), replace(at, y_m=at.y_m + step), replace(at, yaw_rad=at.yaw_rad + step),
    )):  # fmt: skip
        after = line_correction(moved, 0.5, seen, lines, replace(MODEL, rejected_slope=0.1), 1.0)
        slope = (told.residual_m - after.residual_m) / step
        assert told.jacobian[:, column] == pytest.approx(slope, abs=0.03 if column == 2 else 1e-3)


def test_a_straight_road_says_nothing_about_where_along_it_the_car_is() -> None:
    lines = lines_of(3)
    pose = in_lane(1, yaw_rad=0.1)
    told = line_correction(pose, 0.5, seen_lines(seen_from(lines, pose), MODEL), lines, MODEL, 1.0)
    assert told.jacobian[:, 0] == pytest.approx(0.0, abs=1e-9)


def test_a_line_that_the_map_has_elsewhere_is_refused_once_the_pose_is_sharp() -> None:
    lines = lines_of(3)
    ends = lines.ends.copy()
    ends[np.isclose(ends[:, 1], WIDTH_M), 1::2] += 0.4
    moved = MarkLines.of(ends, lines.types, lines.pieces)
    seen = seen_lines(seen_from(lines, in_lane(1)), MODEL)
    told = line_correction(in_lane(1), 0.05, seen, moved, MODEL, 1.0)
    assert (told.offered, told.accepted) == (4, 3)
    assert np.abs(told.residual_m).max() < 0.01


def test_points_that_are_not_finite_and_marks_of_one_point_do_not_count() -> None:
    marks = LaneMarks(
        np.array([0, 3, 4]),
        np.array([(4.0, 1.0), (8.0, np.nan), (12.0, 1.0), (5.0, -2.0)]),
        np.full(4, 0.1),
        np.array([1, 2]),
        np.ones(2),
    )
    seen = seen_lines(marks, MODEL)
    assert seen.size == 1
    assert np.nanmax(seen.y_m) == 1.0


# --- landmarks --------------------------------------------------------------------------------------------------------

SIGNS = MapLandmarks(np.zeros(2, dtype=np.int64), np.array([(530.0, -2.0), (700.0, -2.0)]), np.zeros(2))
WIDE = np.diag([9.0, 1.0, 1e-4])


def sight(x_m: float, y_m: float, kind: LandmarkKind = LandmarkKind.SIGN) -> Landmarks:
    return Landmarks(np.array([kind]), np.ones(1), np.array([x_m]), np.array([y_m]), np.array([np.eye(2) * 0.04]))


def test_a_sign_says_where_along_the_road_the_car_is() -> None:
    told = landmark_correction(Pose(498.0, 0.0, 0.0), WIDE, sight(30.0, -2.0), SIGNS, LandmarkModel(), 1.0)
    assert told.matched == 1
    assert told.residual_m == pytest.approx([2.0, 0.0])
    assert told.jacobian[:, :2] == pytest.approx(np.eye(2))


def test_the_landmark_jacobian_is_the_derivative_of_the_residual() -> None:
    at, step = Pose(499.0, 0.3, 0.2), 1e-6
    told = landmark_correction(at, WIDE, sight(28.0, -8.0), SIGNS, LandmarkModel(), 1.0)
    turned = landmark_correction(Pose(499.0, 0.3, 0.2 + step), WIDE, sight(28.0, -8.0), SIGNS, LandmarkModel(), 1.0)
    assert told.matched == turned.matched == 1
    assert told.jacobian[:, 2] == pytest.approx((told.residual_m - turned.residual_m) / step, abs=1e-3)


def test_a_sight_that_fits_two_landmarks_is_not_guessed() -> None:
    twins = MapLandmarks(np.zeros(2, dtype=np.int64), np.array([(529.0, -2.0), (531.0, -2.0)]), np.zeros(2))
    assert landmark_correction(Pose(500.0, 0.0, 0.0), WIDE, sight(30.0, -2.0), twins, LandmarkModel(), 1.0).matched == 0


def test_a_ghost_and_a_stop_line_match_no_sign() -> None:
    pose = Pose(500.0, 0.0, 0.0)
    assert landmark_correction(pose, WIDE, sight(30.0, 12.0), SIGNS, LandmarkModel(), 1.0).matched == 0
    stop = sight(30.0, -2.0, LandmarkKind.STOP_LINE)
    assert landmark_correction(pose, WIDE, stop, SIGNS, LandmarkModel(), 1.0).matched == 0


def test_a_map_without_furniture_has_no_landmarks() -> None:
    assert map_landmarks(straight_road(2)).size == 0
    assert MapLandmarks.none().size == 0
