"""The rig on the bus: what it says, when, and what its errors do."""

from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import cv2
import numpy as np
import pytest

from bus.messages import AgentTruth, CompressedImage, EgoTruth, EntityKind, Envelope, Message, ScenarioInfo
from bus.node import Received, Tick
from geometry.errors import InputError
from sim.sensors.camera.node import Each, node
from sim.sensors.camera.renderer import Scenery
from sim.sensors.camera.rig import DEFAULT_CAMERAS, CameraSpec, RigErrors, RigSettings

CAMERAS = (DEFAULT_CAMERAS[1], DEFAULT_CAMERAS[4])


def tick(rig: ModuleType, *, told: bool = True, seed: int = 5) -> Tick:
    length, width, height = rig.SIZES[EntityKind.CAR]
    two = np.full(2, 1.0)
    info = ScenarioInfo(
        "test", 0, 20.0, "", ("Ego", "Other"), np.zeros(2), length * two, width * two, height * two, two, two
    )
    ahead = rig.EGO.x_m + 20.0
    agents = AgentTruth([1], [ahead], [rig.EGO.y_m], [0.0], [10.0], [10.0], [0.0], [0.0])
    messages: dict[str, Message] = {
        "/truth/scenario": info,
        "/truth/ego": EgoTruth(rig.EGO, 20.0, 0.0, 0.0, 0.0, True),
        "/truth/agents": agents,
    }
    inputs = {topic: Received(Envelope(topic, "simulator", 0, 0, 0, 0), message) for topic, message in messages.items()}
    return Tick(0, inputs if told else {}, None, np.random.Generator(np.random.PCG64(seed)))


def test_each_camera_says_its_calibration_once_and_a_jpeg_each_time(rig: ModuleType, scenery: Scenery) -> None:
    cameras = node(RigSettings(CAMERAS), lambda: scenery)
    memory, first = cameras.step(cameras.memory, tick(rig))
    _, second = cameras.step(memory, tick(rig))
    topics = [publication.topic for publication in first]
    assert set(topics) == set(cameras.outputs)
    assert [publication.topic for publication in second] == ["/sensor/camera/front_wide", "/sensor/camera/rear"]
    picture = cv2.imdecode(np.frombuffer(second[0].message.data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (360, 640, 3)


def test_before_the_first_truth_there_is_no_picture(rig: ModuleType, scenery: Scenery) -> None:
    cameras = node(RigSettings(CAMERAS), lambda: scenery)
    _, said = cameras.step(cameras.memory, tick(rig, told=False))
    assert all(p.topic.endswith(("/calibration", "/mount")) for p in said)


def test_mount_is_what_calibration_believes_not_the_truth(rig: ModuleType, scenery: Scenery) -> None:
    def step(errors: RigErrors) -> tuple[np.ndarray, bytes]:
        cameras = node(RigSettings(CAMERAS, errors), lambda: scenery)
        _, said = cameras.step(cameras.memory, tick(rig))
        by_topic = {p.topic: p.message for p in said}
        return by_topic["/sensor/camera/rear/mount"].ego_from_camera, by_topic["/sensor/camera/rear"].data

    (mount, picture), (true_mount, true_picture) = step(RigErrors(0.5, 0.5, 0.5)), step(RigErrors(0.0, 0.0, 0.0))
    assert np.allclose(mount, true_mount)
    assert picture != true_picture


def test_pictures_are_the_same_in_parallel(rig: ModuleType, scenery: Scenery) -> None:
    def pictures(each: Each) -> list[bytes]:
        cameras = node(RigSettings(CAMERAS), lambda: scenery, each)
        _, said = cameras.step(cameras.memory, tick(rig))
        return [p.message.data for p in said if isinstance(p.message, CompressedImage)]

    with ThreadPoolExecutor(2) as pool:
        assert pictures(pool.map) == pictures(map)


def test_two_cameras_of_one_name_are_refused(scenery: Scenery) -> None:
    with pytest.raises(InputError, match="names of their own"):
        node(RigSettings((CAMERAS[0], CAMERAS[0])), lambda: scenery)


def test_front_cameras_of_the_default_rig_overlap_all_round_but_for_slivers() -> None:
    """Every direction but a few degrees lies in some camera's field."""

    def sees(spec: CameraSpec, yaw: float) -> bool:
        camera = spec.calibrated()
        far = np.array([[1000.0 * np.cos(yaw), 1000.0 * np.sin(yaw), 1.0]])
        (u, _), depth = (item[0] for item in camera.pixels_of(far))
        return bool(depth > 0.0 and 0.0 <= u < camera.width)

    seen = [any(sees(spec, yaw) for spec in DEFAULT_CAMERAS) for yaw in np.radians(np.arange(360))]
    assert np.mean(seen) > 0.96
