"""Viewer messages: Foxglove's own schemas read them, and what these schemas hold comes back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from foxglove_schemas_protobuf.CameraCalibration_pb2 import CameraCalibration as WireCameraCalibration
from foxglove_schemas_protobuf.FrameTransforms_pb2 import FrameTransforms as WireFrameTransforms
from foxglove_schemas_protobuf.SceneEntityDeletion_pb2 import SceneEntityDeletion
from foxglove_schemas_protobuf.SceneUpdate_pb2 import SceneUpdate as WireSceneUpdate
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bus import codec
from bus.messages import CameraCalibration, CompressedImage, Envelope, FrameTransforms, PoseInFrame, SceneUpdate
from geometry.errors import ContractError, InputError
from geometry.pose import Pose

NUMBER = st.floats(-1e6, 1e6)
YAW = st.floats(-math.pi, math.pi)
POSE = st.builds(Pose, NUMBER, NUMBER, YAW)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=10)


def envelope(topic: str, measured_ns: int = 1_500_000_000) -> Envelope:
    return Envelope(topic, "viewer", 0, measured_ns, 2_000_000_000, 2_000_000_000)


def same_yaw(first: float, second: float) -> bool:
    return abs(math.remainder(first - second, 2.0 * math.pi)) < 1e-14


@st.composite
def scenes(draw: st.DrawFn) -> SceneUpdate:
    boxes, lengths = draw(st.integers(0, 4)), draw(st.lists(st.integers(0, 5), max_size=3))
    floats = lambda *shape: draw(hnp.arrays(np.float64, shape, elements=NUMBER))  # noqa: E731
    return SceneUpdate(
        frame=draw(TEXT),
        box_names=tuple(draw(TEXT) for _ in range(boxes)),
        line_names=tuple(draw(TEXT) for _ in lengths),
        box_xyz_m=floats(boxes, 3),
        box_yaw_rad=draw(hnp.arrays(np.float64, boxes, elements=YAW)),
        box_size_m=floats(boxes, 3),
        colours=floats(boxes, 4),
        line_start=np.cumsum([0, *lengths]),
        line_xy_m=floats(sum(lengths), 2),
        line_colours=floats(len(lengths), 4),
    )


@settings(max_examples=60, deadline=None)
@given(sent=scenes())
def test_scene_comes_back_with_every_box_and_line(sent: SceneUpdate) -> None:
    _, received = codec.decode("/view/scene", codec.encode(sent, envelope("/view/scene")))
    assert isinstance(received, SceneUpdate)
    assert received.frame == (sent.frame if sent.box_names or sent.line_names else "")
    assert (received.box_names, received.line_names) == (sent.box_names, sent.line_names)
    for name in ("box_xyz_m", "box_size_m", "colours", "line_start", "line_xy_m", "line_colours"):
        np.testing.assert_array_equal(getattr(received, name), getattr(sent, name))
    assert all(map(same_yaw, received.box_yaw_rad, sent.box_yaw_rad))


@settings(max_examples=60, deadline=None)
@given(frames=st.lists(st.tuples(TEXT, TEXT, POSE), max_size=4))
def test_frames_come_back(frames: list[tuple[str, str, Pose]]) -> None:
    parents, children, poses = tuple(zip(*frames, strict=True)) if frames else ((), (), ())
    sent = FrameTransforms(parents, children, poses)
    _, received = codec.decode("/view/tf", codec.encode(sent, envelope("/view/tf")))
    assert isinstance(received, FrameTransforms)
    assert (received.parents, received.children) == (sent.parents, sent.children)
    for first, second in zip(received.poses, sent.poses, strict=True):
        assert (first.x_m, first.y_m) == (second.x_m, second.y_m)
        assert same_yaw(first.yaw_rad, second.yaw_rad)


@settings(max_examples=60, deadline=None)
@given(frame=TEXT, pose=POSE)
def test_pose_in_frame_comes_back(frame: str, pose: Pose) -> None:
    header, received = codec.decode("/view/ego", codec.encode(PoseInFrame(frame, pose), envelope("/view/ego")))
    assert isinstance(received, PoseInFrame)
    assert header == envelope("/view/ego")
    assert received.frame == frame
    assert (received.pose.x_m, received.pose.y_m) == (pose.x_m, pose.y_m)
    assert same_yaw(received.pose.yaw_rad, pose.yaw_rad)


def test_foxglove_sees_the_rotation_as_unit_quaternion_and_the_measured_time() -> None:
    sent = FrameTransforms(("world",), ("ego",), (Pose(3.0, -4.0, math.pi / 2),))
    wire = WireFrameTransforms.FromString(codec.encode(sent, envelope("/view/tf"))).transforms[0]
    turned_x_axis = (wire.rotation.w**2 - wire.rotation.z**2, 2.0 * wire.rotation.w * wire.rotation.z)
    assert turned_x_axis == pytest.approx((0.0, 1.0))
    assert (wire.timestamp.seconds, wire.timestamp.nanos) == (1, 500_000_000)
    assert (wire.parent_frame_id, wire.child_frame_id) == ("world", "ego")


def test_a_scene_replaces_the_one_before_it() -> None:
    empty = SceneUpdate("world", (), (), [], [], [], [], [0], [], [])
    wire = WireSceneUpdate.FromString(codec.encode(empty, envelope("/view/scene")))
    assert [deletion.type for deletion in wire.deletions] == [SceneEntityDeletion.ALL]
    assert not wire.entities


@pytest.mark.parametrize("line_start", [[0, 2], [1, 3], [0, 4], [0, 2, 1, 3]])
def test_lines_that_do_not_tile_the_points_are_not_written(line_start: list[int]) -> None:
    lines = len(line_start) - 1
    points = [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]
    scene = SceneUpdate("world", (), ("line",) * lines, [], [], [], [], line_start, points, [[1.0] * 4] * lines)
    with pytest.raises(ContractError, match="line_start"):
        codec.encode(scene, envelope("/view/scene"))


def test_a_name_without_a_box_is_not_written() -> None:
    scene = SceneUpdate("world", ("car", "van"), (), [[0.0] * 3], [0.0], [[1.0] * 3], [[1.0] * 4], [0], [], [])
    with pytest.raises(ContractError, match="/view/scene"):
        codec.encode(scene, envelope("/view/scene"))


def test_a_foreign_scene_with_other_shapes_is_refused() -> None:
    wire = WireSceneUpdate()
    wire.entities.add(id="ball").spheres.add()
    with pytest.raises(InputError, match="exactly one box or one line"):
        codec.decode("/view/scene", wire.SerializeToString())


# --- cameras ----------------------------------------------------------------------------------------------------------


@given(data=st.binary(max_size=300), frame=TEXT)
def test_a_picture_comes_back_byte_for_byte(data: bytes, frame: str) -> None:
    sent = CompressedImage(frame, "jpeg", data)
    _, received = codec.decode("/sensor/camera/front", codec.encode(sent, envelope("/sensor/camera/front")))
    assert isinstance(received, CompressedImage)
    assert (received.frame, received.format, received.data) == (frame, "jpeg", data)


@given(matrix=hnp.arrays(np.float64, (3, 3), elements=NUMBER), distortion=st.lists(NUMBER, max_size=5))
def test_a_calibration_comes_back_and_its_projection_repeats_the_matrix(
    matrix: np.ndarray, distortion: list[float]
) -> None:
    topic = "/sensor/camera/front/calibration"
    sent = CameraCalibration("front", 640, 360, "plumb_bob", np.array(distortion), matrix)
    data = codec.encode(sent, envelope(topic))
    _, received = codec.decode(topic, data)
    assert isinstance(received, CameraCalibration)
    np.testing.assert_array_equal(received.matrix, matrix)
    np.testing.assert_array_equal(received.distortion, distortion)
    assert (received.width, received.height) == (640, 360)
    projection = np.reshape(WireCameraCalibration.FromString(data).P, (3, 4))
    np.testing.assert_array_equal(projection[:, :3], matrix)


@pytest.mark.parametrize("topic", ["/sensor/camera/", "/sensor/camera//mount", "/sensor/camera/front/lens"])
def test_a_topic_that_no_camera_has_is_refused(topic: str) -> None:
    with pytest.raises(InputError, match="unknown topic"):
        codec.decode(topic, b"")
