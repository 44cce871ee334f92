"""The bank behind localization on the map: what landmarks say for it, and what it believes where it begins."""

from dataclasses import replace

import numpy as np
import pytest

from bus.messages import LandmarkKind, Landmarks
from geometry.pose import IDENTITY
from localization.estimate_pose import pose_of
from localization.lane_hypotheses import LABELS, LaneBank, start_bank
from localization.map_filter import MapKnowledge, MapSettings, with_landmarks
from maps.landmarks import MapLandmarks
from maps.mark_lines import mark_lines
from tests.localization.road import in_lane, straight_road
from tests.localization.test_lane_hypotheses import estimate_at

ROAD, SETTINGS = straight_road(3), MapSettings()
SIGN = MapLandmarks(np.zeros(1, dtype=np.int64), np.array([(530.0, -2.0)]), np.zeros(1))
KNOWN = MapKnowledge(ROAD, mark_lines(ROAD), SIGN)


def seen(x_m: float) -> Landmarks:
    y_m = np.array([-2.0 - in_lane(1).y_m])
    return Landmarks(np.array([LandmarkKind.SIGN]), np.ones(1), np.array([x_m]), y_m, np.array([np.eye(2) * 0.04]))


def contradicted() -> LaneBank:
    """A bank in the middle lane that satellites have contradicted fifty times."""
    return replace(start_bank(estimate_at(in_lane(1)), ROAD, SETTINGS.lanes), strange_fixes=50)


def test_a_sign_that_stands_where_the_map_has_it_speaks_for_the_place_and_tells_it() -> None:
    after = with_landmarks(contradicted(), seen(28.0), IDENTITY, KNOWN, SETTINGS)
    assert after.strange_fixes == 49
    assert pose_of(after.leader).x_m == pytest.approx(502.0, abs=0.5)


def test_what_stands_nowhere_on_the_map_says_nothing() -> None:
    before = contradicted()
    after = with_landmarks(before, seen(5.0), IDENTITY, KNOWN, SETTINGS)
    assert after.strange_fixes == 50
    assert pose_of(after.leader) == pose_of(before.leader)


def test_without_any_landmark_a_bank_stays_as_it_is() -> None:
    before = contradicted()
    assert (
        with_landmarks(before, seen(28.0), IDENTITY, replace(KNOWN, landmarks=MapLandmarks.none()), SETTINGS) is before
    )


def test_a_drive_hardly_begins_beside_the_lanes_of_its_direction() -> None:
    begun = start_bank(estimate_at(in_lane(1)), ROAD, SETTINGS.lanes)
    beside_the_road = np.abs(LABELS) > 1
    assert (begun.deficit[beside_the_road] == SETTINGS.lanes.elsewhere_nats).all()
    assert (begun.deficit[~beside_the_road] == 0.0).all()
