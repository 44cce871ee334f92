"""Seen lines against the map: the true lane is the likely one, and corrections lead back to the true pose."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import LandmarkKind, Landmarks, LaneMarks, MarkType
from geometry.pose import Pose
from localization.landmark_matching import LandmarkModel, landmark_correction, seen_again
from localization.map_matching import MarkModel, line_correction, score_poses, seen_lines
from maps.landmarks import MapLandmarks, map_landmarks
from maps.mark_lines import MarkLines, mark_lines, view_from
from tests.localization.road import STATIONS, WIDTH_M, in_lane, lines_of, seen_from, straight_road

MODEL = MarkModel()


def rows(*poses: Pose) -> np.ndarray:
    return np.array([(pose.x_m, pose.y_m, pose.yaw_rad) for pose in poses])


def spread(sigma_m: float, sigma_rad: float = 2e-3) -> np.ndarray:
    return np.diag([sigma_m**2, sigma_m**2, sigma_rad**2])


def moved_aside(lines: MarkLines, y_m: float, from_m: float, by_m: float) -> MarkLines:
    """The map with the line at `y_m` moved from a place along the road on."""
    ends = lines.ends.copy()
    ends[np.isclose(ends[:, 1], y_m) & (ends[:, 0] >= from_m - 1e-6), 1::2] += by_m
    return MarkLines.of(ends, lines.types, lines.pieces)


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
    told = line_correction(true, spread(0.1), seen, lines, MODEL, 100.0)
    assert told.accepted == told.offered > 0


@given(st.floats(-0.4, 0.4), st.floats(-0.02, 0.02), st.sampled_from([0, 1, 2]))
def test_the_correction_leads_back_to_the_true_pose(left_m: float, yaw_rad: float, lane: int) -> None:
    lines = lines_of(3)
    true = in_lane(lane)
    seen = seen_lines(seen_from(lines, true, sigma_m=0.02), MODEL)
    guess = Pose(true.x_m, true.y_m + left_m, yaw_rad)
    told = line_correction(guess, spread(0.5, 0.05), seen, lines, MODEL, 100.0)
    weight = np.linalg.inv(told.noise)
    across = told.jacobian[:, 1:]
    step = np.linalg.solve(across.T @ weight @ across, across.T @ weight @ told.residual_m)
    assert guess.y_m + step[0] == pytest.approx(true.y_m, abs=0.02)
    assert guess.yaw_rad + step[1] == pytest.approx(0.0, abs=2e-3)


def test_the_jacobian_is_the_derivative_of_the_residual() -> None:
    lines = lines_of(3)
    seen = seen_lines(seen_from(lines, in_lane(1, yaw_rad=0.05)), MODEL)
    at = in_lane(1, left_m=0.1, yaw_rad=0.04)
    told = line_correction(at, spread(0.5, 0.05), seen, lines, MODEL, 1.0)
    step = 1e-5
    for column, moved in enumerate((
        replace(at, x_m=at.x_m + step), replace(at, y_m=at.y_m + step), replace(at, yaw_rad=at.yaw_rad + step),
    )):  # fmt: skip
        after = line_correction(moved, spread(0.5, 0.05), seen, lines, MODEL, 1.0)
        slope = (told.residual_m - after.residual_m) / step
        assert told.jacobian[:, column] == pytest.approx(slope, abs=0.03 if column == 2 else 1e-3)


def test_a_straight_road_says_nothing_about_where_along_it_the_car_is() -> None:
    lines = lines_of(3)
    pose = in_lane(1, yaw_rad=0.1)
    told = line_correction(pose, spread(0.5), seen_lines(seen_from(lines, pose), MODEL), lines, MODEL, 1.0)
    assert told.jacobian[:, 0] == pytest.approx(0.0, abs=1e-9)


def test_a_line_that_the_map_has_elsewhere_is_refused_once_the_pose_is_sharp() -> None:
    lines = lines_of(3)
    moved = moved_aside(lines, WIDTH_M, 0.0, 0.4)
    seen = seen_lines(seen_from(lines, in_lane(1)), MODEL)
    told = line_correction(in_lane(1), spread(0.05), seen, moved, MODEL, 1.0)
    assert (told.offered, told.accepted) == (4, 3)
    assert np.abs(told.residual_m).max() < 0.01


@pytest.mark.parametrize("moved_from_m", [516.0, 524.0])
def test_where_a_line_steps_aside_in_the_map_only_the_part_that_agrees_counts(moved_from_m: float) -> None:
    """A pose known to 0.15 m could be drawn to either side of the step."""
    at = in_lane(0, x_m=500.0)
    lines = moved_aside(lines_of(1), WIDTH_M, np.ceil(moved_from_m / 10.0) * 10.0, 0.3)
    told = line_correction(at, spread(0.15), seen_lines(seen_from(lines_of(1), at), MODEL), lines, MODEL, 1.0)
    assert told.accepted == told.offered == 2
    assert np.abs(told.residual_m).max() < 1e-6


def test_a_slanted_heading_is_no_step() -> None:
    lines, guess = lines_of(3), in_lane(1, yaw_rad=0.02)
    told = line_correction(guess, spread(0.1, 0.02), seen_lines(seen_from(lines, in_lane(1)), MODEL), lines, MODEL, 1.0)
    assert told.accepted == told.offered == 4
    assert len(told.residual_m) == 8


def test_a_car_that_stands_learns_next_to_nothing_from_the_same_picture_again() -> None:
    lines, at = lines_of(3), in_lane(1)
    seen = seen_lines(seen_from(lines, at), MODEL)
    still = line_correction(at, spread(0.1), seen, lines, MODEL, 0.0).noise
    rolling = line_correction(at, spread(0.1), seen, lines, MODEL, 0.5).noise
    assert np.diag(still).min() > 300.0 * np.diag(rolling).min()


def test_lines_aside_that_begin_where_they_come_into_the_picture_count() -> None:
    """The lane beside is 5.25 m aside: such a line leaves the picture nearer than some 9 m."""
    lines, at = lines_of(3), in_lane(1)
    marks = seen_from(lines, at)
    ahead = np.abs(marks.xy_m[:, 1]) <= 0.5 * marks.xy_m[:, 0]
    counts = [int(ahead[a:b].sum()) for a, b in zip(marks.start[:-1], marks.start[1:], strict=True)]
    start = np.concatenate(([0], np.cumsum(counts)))
    cut = LaneMarks(start, marks.xy_m[ahead], marks.sigma_m[ahead], marks.types, marks.score)
    assert line_correction(at, spread(0.1), seen_lines(cut, MODEL), lines, MODEL, 1.0).offered == 4


def test_a_lane_whose_outer_line_is_not_seen_is_not_the_likely_one() -> None:
    """From the right lane of three a line 8.75 m aside would be seen, from 18 m on."""
    lines = lines_of(3)
    seen = seen_lines(seen_from(lines, in_lane(0), reach_m=6.0), MODEL)
    there = replace(MODEL, reach_m=9.0)
    near = replace(MODEL, reach_m=6.0)
    assert score_poses(rows(in_lane(0)), seen, lines, near)[0] > score_poses(rows(in_lane(0)), seen, lines, there)[0]


@pytest.mark.parametrize("outer", ["none", "solid"])
def test_road_edges_tell_the_lane_where_they_are_said(outer: str) -> None:
    lines = mark_lines(straight_road(2, inner="broken", outer=outer))
    seen = seen_lines(seen_from(lines, in_lane(0)), MODEL)
    score = score_poses(rows(in_lane(0), in_lane(1)), seen, lines, MODEL)
    assert score[0] > score[1] + 1.0


def test_a_bare_edge_tells_the_place_less_than_paint_and_less_the_further_aside() -> None:
    def told_m(outer: str, lane: int) -> float:
        """1-sigma across the road by the line to the right alone."""
        lines = mark_lines(straight_road(2, inner="none", outer=outer))
        outside = np.isclose(lines.ends[:, 1], lines.ends[:, 1].min())
        right = MarkLines.of(lines.ends[outside], lines.types[outside], lines.pieces[outside])
        seen = seen_lines(seen_from(right, in_lane(lane)), MODEL)
        found = line_correction(in_lane(lane), spread(0.3, 0.01), seen, right, MODEL, 1.0)
        return float(np.sqrt(found.noise[0, 0]))

    assert told_m("none", 0) > 1.5 * told_m("solid", 0)
    assert told_m("none", 1) > 1.3 * told_m("none", 0)


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


@pytest.mark.parametrize(("before_m", "kept"), [(32.0, 1), (30.0, 0), (38.0, 0)])
def test_only_what_the_picture_before_showed_at_the_same_place_counts(before_m: float, kept: int) -> None:
    again = seen_again(sight(before_m, -2.0), Pose(-2.0, 0.0, 0.0), sight(30.0, -2.0), LandmarkModel())
    assert len(again.kinds) == kept


def test_a_stop_line_is_no_second_look_at_a_sign_and_a_first_picture_shows_nothing_again() -> None:
    none, here = sight(30.0, -2.0), Pose(0.0, 0.0, 0.0)
    empty = Landmarks(none.kinds[:0], none.score[:0], none.x_m[:0], none.y_m[:0], none.covariance[:0])
    assert len(seen_again(sight(30.0, -2.0, LandmarkKind.STOP_LINE), here, none, LandmarkModel()).kinds) == 0
    assert len(seen_again(empty, here, none, LandmarkModel()).kinds) == 0


def test_a_map_without_furniture_has_no_landmarks() -> None:
    assert map_landmarks(straight_road(2)).size == 0
    assert MapLandmarks.none().size == 0
