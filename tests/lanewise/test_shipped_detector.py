"""The shipped camera net on pictures of the shipped rig: from the renderer over the bus to objects."""

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

import lanewise
from bus.messages import AgentTruth, EgoTruth, EntityKind, Envelope, LaneMarks, Message, Objects, ScenarioInfo
from bus.node import Received, Tick
from geometry.pose import Pose
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from perception.detector import Arrays, DetectorSettings
from perception.detector import node as detector_node
from sim.sensors.camera.node import node as camera_node
from sim.sensors.camera.renderer import scenery_of
from sim.sensors.camera.rig import RigSettings

onnxruntime = pytest.importorskip("onnxruntime")

PACKAGE = Path(lanewise.__file__).parent
MODEL = PACKAGE / "models" / "detector" / "4"
EGO = Pose(300.0, -7.625, 0.0)


def test_model_is_the_one_that_its_manifest_describes() -> None:
    manifest = tomllib.loads((MODEL / "manifest.toml").read_text())
    assert manifest["sha256"] == hashlib.sha256((MODEL / "model.onnx").read_bytes()).hexdigest()
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 20e6


def test_no_shipped_model_tells_where_it_was_made() -> None:
    models = sorted((PACKAGE / "models").glob("*/*/model.onnx"))
    assert models
    for path in models:
        content = path.read_bytes()
        assert b'File "' not in content, path
        assert b"site-packages" not in content, path


def infer(name: str, arrays: Arrays) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(MODEL / "model.onnx"), options, providers=["CPUExecutionProvider"])
    assert name == "detector"
    grid, weather = session.run(["grid", "weather"], dict(arrays))
    return {"grid": grid, "weather": weather}


def seen(*ahead_m: float) -> dict[str, Message]:
    """What the stack says of cars so far ahead in the ego's lane on the straight motorway."""
    lane_map = sample_lanes(read_opendrive(PACKAGE / "scenarios" / "maps" / "highway_straight.xodr"))
    cameras = camera_node(RigSettings(), lambda: scenery_of(lane_map, 4))
    count = len(ahead_m) + 1
    one = np.ones(count)
    cast = ScenarioInfo(
        "test", 0, 20.0, "", tuple("abcdefgh"[:count]), np.zeros(count), 4.5 * one, 1.85 * one, 1.5 * one, 1.4 * one,
        2.7 * one,
    )  # fmt: skip
    places = np.array(ahead_m)
    still = 0.0 * places
    agents = AgentTruth(np.arange(1, count), EGO.x_m + places, EGO.y_m + still, still, still, still, still, still)
    truth: dict[str, Message] = {
        "/truth/scenario": cast,
        "/truth/ego": EgoTruth(EGO, 20.0, 0.0, 0.0, 0.0, True),
        "/truth/agents": agents,
    }
    rng = np.random.Generator(np.random.PCG64(1))
    _, pictures = cameras.step(cameras.memory, Tick(0, _received(truth), None, rng))
    said = _received({publication.topic: publication.message for publication in pictures})
    detector = detector_node(DetectorSettings(), infer)
    _, found = detector.step(detector.memory, Tick(0, said, said["/sensor/camera/rear"], rng))
    return {publication.topic: publication.message for publication in found}


def _received(messages: dict[str, Message]) -> dict[str, Received]:
    return {topic: Received(Envelope(topic, "test", 0, 0, 0, 0), message) for topic, message in messages.items()}


@pytest.mark.parametrize("ahead_m", [12.0, 25.0])
def test_car_in_the_own_lane_is_seen_where_it_is(ahead_m: float) -> None:
    objects = seen(ahead_m)["/perception/objects"]
    assert isinstance(objects, Objects)
    cars = [i for i in range(len(objects.kinds)) if objects.kinds[i] == EntityKind.CAR and objects.score[i] > 0.3]
    gaps = [np.hypot(objects.x_m[i] - ahead_m, objects.y_m[i]) for i in cars]
    assert min(gaps) < 0.08 * ahead_m + 0.5


def test_empty_road_holds_no_sure_object_and_its_lane_has_marks() -> None:
    said = seen()
    objects, marks = said["/perception/objects"], said["/perception/lane_marks"]
    assert isinstance(objects, Objects)
    assert isinstance(marks, LaneMarks)
    assert not (objects.score > 0.5).any()
    sides = [float(np.median(marks.xy_m[a:b, 1])) for a, b in zip(marks.start[:-1], marks.start[1:], strict=True)]
    for side in (-1.875, 1.875):
        assert min(abs(y - side) for y in sides) < 0.3
