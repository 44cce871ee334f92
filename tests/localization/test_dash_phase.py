"""Dashes: what they say of the place along the road, and when they say nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import LaneMarks
from geometry.angles import Floats
from geometry.pose import Pose
from localization.dash_phase import NO_DASHES, DashModel, SeenDashes, dash_correction, seen_dashes
from maps.dashes import dashes_around, with_dashes
from maps.mark_lines import MarkLines, mark_lines
from tests.localization.road import in_lane, straight_road

ROAD = straight_road(3)
LINES = mark_lines(with_dashes(ROAD))
MODEL = DashModel()
PERIOD_M = 9.0


def seen_by(pose: Pose, lines: MarkLines = LINES, sigma_m: float = 0.1) -> SeenDashes:
    """What perfect eyes report."""
    view = dashes_around(lines, pose, 5.0, 20.0, 11.0)
    return SeenDashes(view.xy_m, view.length_m, np.full(len(view.length_m), sigma_m))


def spread(along_m: float) -> Floats:
    return np.diag((along_m**2, 0.1**2, 0.005**2))


@given(st.floats(-3.0, 3.0), st.floats(400.0, 600.0), st.sampled_from((0.0, np.pi)))
def test_dashes_tell_how_far_a_pose_is_off_along_the_road(off_m: float, x_m: float, yaw_rad: float) -> None:
    truth = in_lane(1, x_m, yaw_rad=yaw_rad)
    believed = truth @ Pose(off_m, 0.0, 0.0)
    told = dash_correction(believed, spread(0.7), seen_by(truth), LINES, MODEL, 1.0)
    if len(told.residual_m):
        step = np.linalg.lstsq(told.jacobian, told.residual_m, rcond=None)[0]
        assert step[0] == pytest.approx(-off_m * np.cos(yaw_rad), abs=1e-6)
    else:
        assert abs(off_m) > 2.0


def test_the_jacobian_is_the_derivative() -> None:
    truth, step = Pose(500.0, 5.3, 0.05), 1e-5
    seen = seen_by(truth)

    def residual(pose: Pose) -> Floats:
        return dash_correction(pose, spread(0.5), seen, LINES, MODEL, 1.0).residual_m

    told = dash_correction(truth, spread(0.5), seen, LINES, MODEL, 1.0)
    for axis, moved in enumerate(((step, 0.0, 0.0), (0.0, step, 0.0), (0.0, 0.0, step))):
        there = Pose(truth.x_m + moved[0], truth.y_m + moved[1], truth.yaw_rad + moved[2])
        assert -(residual(there) - residual(truth)) / step == pytest.approx(told.jacobian[:, axis], abs=1e-3)


def test_what_may_as_well_be_the_next_dash_says_nothing() -> None:
    truth = in_lane(1)
    for along_m in (5.0, 10.0):
        assert dash_correction(truth, spread(along_m), seen_by(truth), LINES, MODEL, 1.0).offered == 0
    halfway = truth @ Pose(0.5 * PERIOD_M, 0.0, 0.0)
    assert dash_correction(halfway, spread(0.5), seen_by(truth), LINES, MODEL, 1.0).offered == 0


def test_dashes_beside_the_lines_or_of_another_length_are_not_the_maps() -> None:
    truth = in_lane(1)
    seen = seen_by(truth)
    aside = SeenDashes(seen.xy_m + np.array((0.0, 0.4)), seen.length_m, seen.sigma_m)
    longer = SeenDashes(seen.xy_m, seen.length_m + 1.5, seen.sigma_m)
    for other in (aside, longer, NO_DASHES):
        assert len(dash_correction(truth, spread(0.5), other, LINES, MODEL, 1.0).residual_m) == 0


def test_a_map_without_dashes_is_no_witness() -> None:
    truth = in_lane(1)
    assert dash_correction(truth, spread(0.5), seen_by(truth), mark_lines(ROAD), MODEL, 1.0).offered == 0


def test_dashes_far_from_where_they_should_be_are_refused_but_counted() -> None:
    truth = in_lane(1)
    told = dash_correction(truth @ Pose(2.5, 0.0, 0.0), spread(0.05), seen_by(truth), LINES, MODEL, 1.0)
    assert told.offered > 0
    assert len(told.residual_m) == 0


def test_a_standing_car_learns_little_from_the_same_dashes() -> None:
    truth = in_lane(1)
    moving, standing = (dash_correction(truth, spread(0.5), seen_by(truth), LINES, MODEL, m) for m in (2.0, 0.0))
    assert np.linalg.inv(standing.noise).sum() < 0.05 * np.linalg.inv(moving.noise).sum()


def test_numbers_that_are_none_are_left_out() -> None:
    empty = np.zeros(0)
    marks = LaneMarks(
        np.zeros(1), np.zeros((0, 2)), empty, empty, empty,
        np.array([(np.nan, 0.0), (8.0, np.inf), (9.0, 1.0), (10.0, 1.0), (11.0, 1.0)]),
        np.array([3.0, 3.0, np.nan, 3.0, 3.0]), np.array([0.1, 0.1, 0.1, -1.0, 0.2]),
    )  # fmt: skip
    assert seen_dashes(marks).xy_m.tolist() == [[11.0, 1.0]]


def test_a_picture_of_repainted_dashes_does_not_outweigh_the_stretch_before() -> None:
    """One piece of line tells its place only once, however many pictures show it."""
    truth = in_lane(1)
    told = dash_correction(truth, spread(0.5), seen_by(truth), LINES, replace(MODEL, piece_m=0.3), 1.0)
    assert np.linalg.inv(told.noise).sum() < 1.0 / 0.3**2 / 10.0
