"""A user's detector stands where our own does: pictures of an instant in, objects out."""

import numpy as np
import pytest

from bus.messages import EntityKind, Objects
from geometry.camera import Camera
from geometry.errors import InputError
from perception.boxes.detector import Detector, NetDetector, looked, node
from perception.boxes.form import Boxes, NetForm
from perception.detector import DetectorSettings
from perception.net.decode import Detections
from tests.perception.net import conftest as made
from tests.perception.test_detector import tick

SETTINGS = DetectorSettings(cameras=("front", "rear"))


class Bright:
    """Sees a car in bright pictures."""

    def detect(self, image: np.ndarray, camera: Camera) -> Boxes:
        del camera
        seen = ("car",) if image.mean() > 60 else ()
        return Boxes(seen, np.full(len(seen), 0.8), np.array([(280, 190, 350, 250)] * len(seen)))


def test_boxes_of_all_cameras_become_objects_of_their_instant() -> None:
    detector = node(SETTINGS, Bright())
    _, said = detector.step(detector.memory, tick(30, {"front": 10, "rear": 10}, "rear"))
    (one,) = said
    assert (one.topic, one.measured_ns) == ("/perception/objects", 10)
    assert isinstance(one.message, Objects)
    assert tuple(one.message.kinds) == (EntityKind.CAR,)
    assert 8.0 < one.message.x_m[0] < 30.0


def test_it_looks_once_at_an_instant_and_waits_for_all_cameras() -> None:
    detector = node(SETTINGS, Bright())
    memory, said = detector.step(detector.memory, tick(120, {"front": 110, "rear": 10}, "front"))
    assert not said
    memory, said = detector.step(memory, tick(120, {"front": 110, "rear": 110}, "rear"))
    assert said
    assert not detector.step(memory, tick(120, {"front": 110, "rear": 110}, "front"))[1]


def test_detections_in_ego_are_taken_as_they_are_and_others_refused() -> None:
    lifted = looked(Bright(), np.full((360, 640, 3), 90, np.uint8), made.camera())

    class Given:
        def __init__(self, found: object) -> None:
            self.found = found

        def detect(self, image: np.ndarray, camera: Camera) -> object:
            del image, camera
            return self.found

    as_it_is: Detector = Given(lifted)  # type: ignore[assignment]
    assert looked(as_it_is, np.zeros((360, 640, 3), np.uint8), made.camera()) is lifted
    assert isinstance(lifted, Detections)
    wrong: Detector = Given([1, 2])  # type: ignore[assignment]
    with pytest.raises(InputError, match="answered with list"):
        looked(wrong, np.zeros((360, 640, 3), np.uint8), made.camera())


def test_a_net_is_asked_by_its_own_names() -> None:
    form = NetForm(decoding="end-to-end", width=320, height=320, fit="stretch", classes={"2": "car"})

    def infer(name: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        assert name == "own"
        assert arrays["images"].shape == (1, 3, 320, 320)
        return {"boxes": np.array([[(140, 170, 180, 230, 0.9, 2), (0, 0, 9, 9, 0.9, 7)]])}

    detector = NetDetector(form, infer, "own", "images", "boxes")  # type: ignore[arg-type]
    image = np.zeros((360, 640, 3), np.uint8)
    np.testing.assert_allclose(detector.boxes(image).edges_px, [(280, 191.25, 360, 258.75)])
    assert len(detector.detect(image, made.camera()).score) == 1
    with pytest.raises(InputError, match="no decoding 'yolo99'"):
        NetDetector(NetForm(decoding="yolo99", width=320, height=320, classes={"2": "car"}), infer, "n", "i", "o")  # type: ignore[arg-type]
