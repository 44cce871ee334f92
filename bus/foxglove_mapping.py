"""Pictures and viewer messages as Foxglove's well-known Protobuf schemas, so that any MCAP viewer shows a drive.

Planar poses become 3D ones: z = 0 and a quaternion about z, so a yaw comes back in [-pi, pi] and exact to rounding.
A SceneUpdate replaces the one before it: it deletes everything older and then adds one entity per box and per line,
named as the box or line is. An empty one has no entity that could hold its frame, which comes back as "".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from foxglove_schemas_protobuf.CameraCalibration_pb2 import CameraCalibration as WireCameraCalibration
from foxglove_schemas_protobuf.Color_pb2 import Color
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage as WireCompressedImage
from foxglove_schemas_protobuf.CubePrimitive_pb2 import CubePrimitive
from foxglove_schemas_protobuf.FrameTransform_pb2 import FrameTransform
from foxglove_schemas_protobuf.FrameTransforms_pb2 import FrameTransforms as WireFrameTransforms
from foxglove_schemas_protobuf.LinePrimitive_pb2 import LinePrimitive
from foxglove_schemas_protobuf.Point3_pb2 import Point3
from foxglove_schemas_protobuf.Pose_pb2 import Pose as WirePose
from foxglove_schemas_protobuf.PoseInFrame_pb2 import PoseInFrame as WirePoseInFrame
from foxglove_schemas_protobuf.Quaternion_pb2 import Quaternion
from foxglove_schemas_protobuf.SceneEntity_pb2 import SceneEntity
from foxglove_schemas_protobuf.SceneEntityDeletion_pb2 import SceneEntityDeletion
from foxglove_schemas_protobuf.SceneUpdate_pb2 import SceneUpdate as WireSceneUpdate
from foxglove_schemas_protobuf.Vector3_pb2 import Vector3
from google.protobuf.timestamp_pb2 import Timestamp

from bus.messages import CameraCalibration, CompressedImage, FrameTransforms, Message, PoseInFrame, SceneUpdate
from geometry.pose import Pose

LINE_WIDTH_PX = 2.0
MAX_ENTITIES = 50_000
MAX_POINTS = 200_000
"""What one scene may hold."""


def _timestamp(stamp_ns: int) -> Timestamp:
    seconds, nanos = divmod(stamp_ns, 1_000_000_000)
    return Timestamp(seconds=seconds, nanos=nanos)


def _about_z(yaw_rad: float) -> Quaternion:
    return Quaternion(x=0.0, y=0.0, z=math.sin(0.5 * yaw_rad), w=math.cos(0.5 * yaw_rad))


def _yaw_rad(rotation: Quaternion) -> float:
    """Heading of a rotation about z; w and z may have any common sign and scale."""
    yaw_rad = 2.0 * math.atan2(rotation.z, rotation.w)
    return math.remainder(yaw_rad, 2.0 * math.pi)


def _pose(pose: Pose) -> WirePose:
    return WirePose(position=Vector3(x=pose.x_m, y=pose.y_m, z=0.0), orientation=_about_z(pose.yaw_rad))


# --- frames ---------------------------------------------------------------------------------------------------------


def _transforms_to_wire(message: FrameTransforms, stamp_ns: int) -> WireFrameTransforms:
    stamp = _timestamp(stamp_ns)
    return WireFrameTransforms(
        transforms=[
            FrameTransform(
                timestamp=stamp,
                parent_frame_id=parent,
                child_frame_id=child,
                translation=Vector3(x=pose.x_m, y=pose.y_m, z=0.0),
                rotation=_about_z(pose.yaw_rad),
            )
            for parent, child, pose in zip(message.parents, message.children, message.poses, strict=True)
        ]
    )


def _transforms_from_wire(data: bytes) -> FrameTransforms:
    transforms = WireFrameTransforms.FromString(data).transforms
    return FrameTransforms(
        parents=tuple(item.parent_frame_id for item in transforms),
        children=tuple(item.child_frame_id for item in transforms),
        poses=tuple(Pose(item.translation.x, item.translation.y, _yaw_rad(item.rotation)) for item in transforms),
    )


def _pose_to_wire(message: PoseInFrame, stamp_ns: int) -> WirePoseInFrame:
    return WirePoseInFrame(timestamp=_timestamp(stamp_ns), frame_id=message.frame, pose=_pose(message.pose))


def _pose_from_wire(data: bytes) -> PoseInFrame:
    wire = WirePoseInFrame.FromString(data)
    position = wire.pose.position
    return PoseInFrame(wire.frame_id, Pose(position.x, position.y, _yaw_rad(wire.pose.orientation)))


# --- scene ----------------------------------------------------------------------------------------------------------


def _scene_to_wire(message: SceneUpdate, stamp_ns: int) -> WireSceneUpdate:
    stamp = _timestamp(stamp_ns)
    boxes = (
        SceneEntity(timestamp=stamp, frame_id=message.frame, id=name, cubes=[cube])
        for name, cube in zip(message.box_names, _cubes(message), strict=True)
    )
    lines = (
        SceneEntity(timestamp=stamp, frame_id=message.frame, id=name, lines=[line])
        for name, line in zip(message.line_names, _lines(message), strict=True)
    )
    if len(message.box_names) + len(message.line_names) > MAX_ENTITIES or len(message.line_xy_m) > MAX_POINTS:
        raise ValueError(f"a scene holds at most {MAX_ENTITIES} entities and {MAX_POINTS} points")
    everything_older = SceneEntityDeletion(timestamp=stamp, type=SceneEntityDeletion.ALL)
    return WireSceneUpdate(deletions=[everything_older], entities=[*boxes, *lines])


def _cubes(message: SceneUpdate) -> list[CubePrimitive]:
    columns = (message.box_xyz_m, message.box_yaw_rad, message.box_size_m, message.colours)
    return [
        CubePrimitive(
            pose=WirePose(position=Vector3(x=x, y=y, z=z), orientation=_about_z(yaw_rad)),
            size=Vector3(x=length, y=width, z=height),
            color=Color(r=red, g=green, b=blue, a=alpha),
        )
        for (x, y, z), yaw_rad, (length, width, height), (red, green, blue, alpha) in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _lines(message: SceneUpdate) -> list[LinePrimitive]:
    starts = message.line_start.tolist() or [0]
    if starts[0] != 0 or starts[-1] != len(message.line_xy_m) or sorted(starts) != starts:
        raise ValueError(f"line_start must rise from 0 to the {len(message.line_xy_m)} points, it is {starts[:10]}")
    points = message.line_xy_m.tolist()
    return [
        LinePrimitive(
            type=LinePrimitive.LINE_STRIP,
            pose=WirePose(position=Vector3(), orientation=_about_z(0.0)),
            thickness=LINE_WIDTH_PX,
            scale_invariant=True,
            points=[Point3(x=x, y=y) for x, y in points[start:end]],
            color=Color(r=red, g=green, b=blue, a=alpha),
        )
        for start, end, (red, green, blue, alpha) in zip(
            starts[:-1], starts[1:], message.line_colours.tolist(), strict=True
        )
    ]


def _scene_from_wire(data: bytes) -> SceneUpdate:
    entities = WireSceneUpdate.FromString(data).entities
    if len(entities) > MAX_ENTITIES:
        raise ValueError(f"the scene has {len(entities)} entities, more than {MAX_ENTITIES}")
    if any(len(entity.cubes) + len(entity.lines) != 1 for entity in entities):
        raise ValueError("an entity of the scene is not exactly one box or one line")
    if len({entity.frame_id for entity in entities}) > 1:
        raise ValueError("the entities of the scene are in different frames")
    boxes = [entity for entity in entities if entity.cubes]
    lines = [entity for entity in entities if entity.lines]
    cubes = [entity.cubes[0] for entity in boxes]
    strips = [entity.lines[0] for entity in lines]
    counts = [len(strip.points) for strip in strips]
    if sum(counts) > MAX_POINTS:
        raise ValueError(f"the scene has {sum(counts)} points, more than {MAX_POINTS}")
    return SceneUpdate(
        frame=entities[0].frame_id if entities else "",
        box_names=tuple(entity.id for entity in boxes),
        line_names=tuple(entity.id for entity in lines),
        box_xyz_m=np.array([(c.pose.position.x, c.pose.position.y, c.pose.position.z) for c in cubes]),
        box_yaw_rad=np.array([_yaw_rad(c.pose.orientation) for c in cubes]),
        box_size_m=np.array([(c.size.x, c.size.y, c.size.z) for c in cubes]),
        colours=np.array([(c.color.r, c.color.g, c.color.b, c.color.a) for c in cubes]),
        line_start=np.cumsum([0, *counts]),
        line_xy_m=np.array([(point.x, point.y) for strip in strips for point in strip.points]),
        line_colours=np.array([(s.color.r, s.color.g, s.color.b, s.color.a) for s in strips]),
    )


# --- cameras --------------------------------------------------------------------------------------------------------


def _image_to_wire(message: CompressedImage, stamp_ns: int) -> WireCompressedImage:
    return WireCompressedImage(
        timestamp=_timestamp(stamp_ns), frame_id=message.frame, data=message.data, format=message.format
    )


def _image_from_wire(data: bytes) -> CompressedImage:
    wire = WireCompressedImage.FromString(data)
    return CompressedImage(wire.frame_id, wire.format, wire.data)


def _calibration_to_wire(message: CameraCalibration, stamp_ns: int) -> WireCameraCalibration:
    """The picture is not rectified: R is the identity and P repeats K."""
    matrix = message.matrix
    return WireCameraCalibration(
        timestamp=_timestamp(stamp_ns),
        frame_id=message.frame,
        width=message.width,
        height=message.height,
        distortion_model=message.distortion_model,
        D=message.distortion.tolist(),
        K=matrix.ravel().tolist(),
        R=np.eye(3).ravel().tolist(),
        P=np.hstack((matrix, np.zeros((3, 1)))).ravel().tolist(),
    )


def _calibration_from_wire(data: bytes) -> CameraCalibration:
    wire = WireCameraCalibration.FromString(data)
    if len(wire.K) != 9:
        raise ValueError(f"the camera matrix K has {len(wire.K)} numbers, expected 9")
    return CameraCalibration(
        wire.frame_id, wire.width, wire.height, wire.distortion_model, np.array(wire.D), np.reshape(wire.K, (3, 3))
    )


# --- table ----------------------------------------------------------------------------------------------------------

PROTOS: dict[type[Message], Any] = {
    CompressedImage: WireCompressedImage,
    CameraCalibration: WireCameraCalibration,
    FrameTransforms: WireFrameTransforms,
    PoseInFrame: WirePoseInFrame,
    SceneUpdate: WireSceneUpdate,
}
TO_WIRE: dict[type[Message], Callable[[Any, int], Any]] = {
    CompressedImage: _image_to_wire,
    CameraCalibration: _calibration_to_wire,
    FrameTransforms: _transforms_to_wire,
    PoseInFrame: _pose_to_wire,
    SceneUpdate: _scene_to_wire,
}
"""Message and time [ns] it was true to the Protobuf object."""
FROM_WIRE: dict[type[Message], Callable[[bytes], Message]] = {
    CompressedImage: _image_from_wire,
    CameraCalibration: _calibration_from_wire,
    FrameTransforms: _transforms_from_wire,
    PoseInFrame: _pose_from_wire,
    SceneUpdate: _scene_from_wire,
}
"""Bytes to the message; raises DecodeError or ValueError."""
