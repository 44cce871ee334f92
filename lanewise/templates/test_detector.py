"""What the detector is expected to see; run with `pytest`."""

import runpy
from pathlib import Path

import numpy as np

from geometry.camera import camera_of
from perception.boxes.detector import looked

NewDetector = runpy.run_path(str(Path(__file__).parent / "FILE"))["NewDetector"]
FRONT = camera_of(640, 360, 600.0, (1.5, 0.0, 1.4))


def test_two_red_lamps_are_a_car_some_way_ahead() -> None:
    image = np.full((360, 640, 3), 90, np.uint8)
    for left in (290, 322):
        image[190:198, left : left + 20] = (230, 20, 20)
    found = looked(NewDetector(), image, FRONT)
    assert len(found.score) == 1
    assert 10.0 < found.x_m[0] < 40.0
    assert abs(found.y_m[0]) < 1.0


def test_an_empty_road_is_empty() -> None:
    assert not len(looked(NewDetector(), np.full((360, 640, 3), 90, np.uint8), FRONT).score)
