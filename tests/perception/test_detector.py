"""The detector as a node: pictures in, what a perfect net says out."""

import cv2
import numpy as np
import pytest

from bus.memory import decode_memory, encode_memory
from bus.messages import CameraCalibration, CameraMount, CompressedImage, EntityKind, Envelope, Message
from bus.node import Received, Tick
from geometry.camera import Camera
from geometry.errors import InputError
from perception.detector import Arrays, DetectorMemory, DetectorSettings, camera_of_messages, decoded, node
from perception.net.horizon import Offset
from tests.perception.net import conftest as made
from tests.perception.net.test_lane_lines import marks_of
from tests.perception.test_dashes import dashes, picture

SETTINGS = DetectorSettings(cameras=("front", "rear"), mark_cameras=("front",))


def messages_of(camera: Camera, name: str) -> dict[str, Message]:
    _, data = cv2.imencode(".jpg", np.full((360, 640, 3), 90 if name == "front" else 30, np.uint8))
    topic = f"/sensor/camera/{name}"
    return {
        topic: CompressedImage(name, "jpeg", bytes(data)),
        f"{topic}/calibration": CameraCalibration(name, 640, 360, "plumb_bob", camera.distortion, camera.matrix),
        f"{topic}/mount": CameraMount(name, camera.position_m, camera.ego_from_camera),
    }


def tick(now_ns: int, taken_ns: dict[str, int], trigger: str) -> Tick:
    inputs = {}
    for name, measured_ns in taken_ns.items():
        for topic, message in messages_of(made.camera(yaw_rad=0.0 if name == "front" else np.pi), name).items():
            inputs[topic] = Received(Envelope(topic, "cameras", 0, measured_ns, measured_ns, now_ns), message)
    rng = np.random.Generator(np.random.PCG64(0))
    return Tick(now_ns, inputs, inputs[f"/sensor/camera/{trigger}"], rng)


def perfect_infer(name: str, arrays: Arrays) -> dict[str, np.ndarray]:
    """A car 25 m ahead in bright pictures, nothing in dark ones; it rains."""
    assert name == "detector"
    (image,) = arrays["images"]
    assert image.shape == (352, 640, 3)
    camera = made.camera()
    seen = [(0, 25.0, 1.0, 0.0, 4.4, 1.8, 1.5)] if image.mean() > 60 else []
    return {"grid": made.grid_of(made.answer_of(camera, *seen))[None], "weather": np.array([[0.0, 9.0, 0, 0, 0, 0]])}


def test_pictures_become_objects_marks_lights_and_weather_of_their_instant() -> None:
    detector = node(SETTINGS, perfect_infer)
    _, said = detector.step(detector.memory, tick(30, {"front": 10, "rear": 10}, "rear"))
    by_topic = {publication.topic: publication for publication in said}
    assert set(by_topic) == set(detector.outputs)
    assert {publication.measured_ns for publication in said} == {10}
    objects = by_topic["/perception/objects"].message
    assert tuple(objects.kinds) == (EntityKind.CAR,)
    assert (objects.x_m[0], objects.y_m[0]) == pytest.approx((25.0, 1.0), abs=0.3)
    assert by_topic["/perception/weather"].message.probabilities.argmax() == 1


def test_waits_for_all_cameras_of_an_instant_and_looks_once() -> None:
    detector = node(SETTINGS, perfect_infer)
    memory, said = detector.step(detector.memory, tick(120, {"front": 110, "rear": 10}, "front"))
    assert not said
    memory, said = detector.step(memory, tick(120, {"front": 110, "rear": 110}, "rear"))
    assert said
    assert not detector.step(memory, tick(120, {"front": 110, "rear": 110}, "front"))[1]


def test_camera_that_has_fallen_silent_is_not_waited_for() -> None:
    detector = node(SETTINGS, perfect_infer)
    second = 1_000_000_000
    _, said = detector.step(
        DetectorMemory(0, np.full(6, 1 / 6), {}), tick(second, {"front": second, "rear": 1}, "front")
    )
    assert len(said) == 4


def test_lens_of_an_unknown_model_is_refused() -> None:
    messages = messages_of(made.camera(), "front")
    calibration = messages["/sensor/camera/front/calibration"]
    assert isinstance(calibration, CameraCalibration)
    fisheye = CameraCalibration("front", 640, 360, "kannala_brandt", calibration.distortion, calibration.matrix)
    mount = messages["/sensor/camera/front/mount"]
    assert isinstance(mount, CameraMount)
    with pytest.raises(InputError, match="plumb_bob was expected"):
        camera_of_messages(fisheye, mount)


def test_bytes_that_are_no_picture_are_refused() -> None:
    with pytest.raises(InputError, match="is not jpeg"):
        decoded(CompressedImage("front", "jpeg", b"not a picture"))


def test_memory_can_be_recorded_and_read_back() -> None:
    memory = DetectorMemory(5, np.full(6, 1 / 6), {"front": Offset(-1.5, 0.25)})
    back = decode_memory(encode_memory(memory))
    assert back.looked_ns == 5
    assert np.array_equal(back.weather, memory.weather)
    assert back.offsets == memory.offsets


def test_dashes_of_a_broken_line_are_said_with_the_lane_marks() -> None:
    camera = made.camera()
    road = np.arange(4.0, 60.0)
    marks = marks_of(camera, (np.column_stack((road, np.full(len(road), 1.75))), 1))
    grid = made.grid_of(made.answer_of(camera, marks=marks))[None]
    topics = messages_of(camera, "front")
    _, data = cv2.imencode(".jpg", picture(camera, *dashes(9.0)))
    topics["/sensor/camera/front"] = CompressedImage("front", "jpeg", bytes(data))
    inputs = {name: Received(Envelope(name, "cameras", 0, 10, 10, 30), message) for name, message in topics.items()}
    look = Tick(30, inputs, inputs["/sensor/camera/front"], np.random.default_rng(0))
    settings = DetectorSettings(cameras=("front",), mark_cameras=("front",), dash_cameras=("front",))
    detector = node(settings, lambda *_: {"grid": grid, "weather": np.zeros((1, 6))})
    _, said = detector.step(detector.memory, look)
    (seen,) = (publication.message for publication in said if publication.topic == "/perception/lane_marks")
    assert seen.dash_xy_m == pytest.approx(np.array([[9.0, 1.75]]), abs=0.1)
    assert seen.dash_length_m == pytest.approx([3.0], abs=0.15)
