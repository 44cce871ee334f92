"""The ground that cameras see."""

from dataclasses import replace

import numpy as np

from maps.lane_map import LaneMap
from sim.sensors.camera.renderer import scenery_of


def test_a_road_without_marks_has_ground_and_no_lines(straight: LaneMap) -> None:
    none = ((),) * straight.size
    road = scenery_of(replace(straight, left_marks=none, right_marks=none), 0).road
    assert road.lines == ()
    assert len(road.ground.centres()) > 100
    assert np.isfinite(road.ground.centres()).all()
