"""Defects of maps of lanes: a sound one has none, each kind is found at its place."""

from dataclasses import replace

import numpy as np
import pytest

from maps.lane_check import lane_defects
from maps.lanelets import Lanelet, lane_map_of


def lanelet(
    number: int, start_m: float, end_m: float, turn_rad: float = 0.0, width_m: float = 3.0, **more: object
) -> Lanelet:
    """A lane of 10 m pieces to the east from (start, 0) on, turned about there."""
    x = np.arange(0.0, end_m - start_m + 1e-9, 10.0)
    cos, sin = np.cos(turn_rad), np.sin(turn_rad)
    left, right = (
        np.stack((start_m + cos * x - sin * y, sin * x + cos * y), axis=1) for y in (0.5 * width_m, -0.5 * width_m)
    )
    plain = Lanelet(number, left, right, (), (), None, None, "driving", None, (), (), False, "")
    return replace(plain, **more)


def kinds(*lanelets: Lanelet) -> list[str]:
    return [defect.kind for defect in lane_defects(lane_map_of(lanelets))]


def test_a_sound_map_has_no_defects() -> None:
    assert kinds(lanelet(1, 0, 50, successors=(2,)), lanelet(2, 50, 90, predecessors=(1,))) == []


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        (lanelet(2, 51, 90, predecessors=(1,)), "lane-gap"),
        (lanelet(2, 50, 90, turn_rad=1.2, predecessors=(1,)), "kink"),
    ],
)
def test_lanes_that_follow_badly_are_named(second: Lanelet, kind: str) -> None:
    (defect,) = lane_defects(lane_map_of((lanelet(1, 0, 50, successors=(2,)), second)))
    assert (defect.kind, defect.lane_id, defect.s_m) == (kind, "1", 50.0)
    assert "lane 2" in str(defect)


def test_a_way_that_ends_where_another_begins_is_a_dead_end() -> None:
    assert kinds(lanelet(1, 0, 50), lanelet(2, 50, 90)) == ["dead-end"]


def test_lanes_that_nobody_fits_through_or_with_crossed_edges_are_named() -> None:
    assert kinds(lanelet(1, 0, 50, width_m=1.0)) == ["narrow"]
    sound = lanelet(1, 0, 50)
    assert kinds(replace(sound, left=sound.right, right=sound.left)) == ["crossed"]


def test_footways_may_be_as_narrow_as_they_like() -> None:
    assert kinds(lanelet(1, 0, 50, width_m=1.0, kind="sidewalk")) == []
