"""The codec: every message comes back bit for bit, and plain Protobuf reads what it writes."""

from __future__ import annotations

import dataclasses
import struct
from enum import IntEnum
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bus import codec, foxglove_mapping
from bus.messages import (
    CameraCalibration,
    CameraMount,
    CompressedImage,
    Contact,
    Diagnostic,
    Envelope,
    Message,
    NodeState,
    Objects,
    PoseEstimate,
    PoseStatus,
    SafetyMode,
    SafetyStatus,
    ScenarioEvent,
    ScenarioInfo,
    Tracks,
    VehicleCommand,
)
from bus.proto import lanewise_pb2
from bus.topics import TOPICS
from geometry.errors import ContractError, InputError
from geometry.pose import Pose

OWN_TYPES = [kind for kind in codec.message_types() if kind not in foxglove_mapping.PROTOS]
CAMERA_TOPICS = {
    CompressedImage: "/sensor/camera/front",
    CameraCalibration: "/sensor/camera/front/calibration",
    CameraMount: "/sensor/camera/front/mount",
}
TOPIC_OF = {row.type: name for name, row in TOPICS.items()} | {NodeState: "/state/planner"} | CAMERA_TOPICS

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
FLOAT = st.floats()


def same(first: Any, second: Any) -> bool:
    """Bitwise equality: NaN equals NaN, 0.0 differs from -0.0, and types count."""
    if type(first) is not type(second):
        return False
    if isinstance(first, np.ndarray):
        return (first.dtype, first.shape, first.tobytes()) == (second.dtype, second.shape, second.tobytes())
    if isinstance(first, float):
        return struct.pack("<d", first) == struct.pack("<d", second)
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if dataclasses.is_dataclass(first):
        return all(same(getattr(first, f.name), getattr(second, f.name)) for f in dataclasses.fields(first))
    return bool(first == second)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    simple = {float: FLOAT, int: INT64, str: TEXT, bool: st.booleans(), bytes: st.binary(max_size=30)}
    if hint in simple:
        return simple[hint]
    if hint is Pose:
        return st.builds(Pose, FLOAT, FLOAT, FLOAT)
    if hint == tuple[str, ...]:
        return st.lists(TEXT, max_size=4).map(tuple)
    assert issubclass(hint, IntEnum), f"no strategy for {hint}"
    return st.sampled_from(hint)


@st.composite
def messages_of(draw: st.DrawFn, kind: type[Message]) -> Message:
    """Any message of a type, built from its fields alone: dimensions with the same letter agree."""
    hints = get_type_hints(kind)
    sizes: dict[str, int] = {}
    values = {}
    for item in dataclasses.fields(kind):
        if "shape" not in item.metadata:
            values[item.name] = draw(values_of(hints[item.name]))
            continue
        for n in item.metadata["shape"]:
            if isinstance(n, str) and n not in sizes:
                sizes[n] = draw(st.integers(0, 5))
        shape = tuple(n if isinstance(n, int) else sizes[n] for n in item.metadata["shape"])
        elements = FLOAT if item.metadata["dtype"] is np.float64 else INT64
        values[item.name] = draw(hnp.arrays(item.metadata["dtype"], shape, elements=elements))
    return kind(**values)


def envelopes_of(topic: str) -> st.SearchStrategy[Envelope]:
    return st.builds(Envelope, st.just(topic), TEXT, st.integers(0, 2**64 - 1), INT64, INT64, INT64)


def envelope(topic: str) -> Envelope:
    return Envelope(topic, "node", 7, 1, 2, 3)


# --- round trips ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OWN_TYPES, ids=lambda kind: kind.__name__)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_own_message_comes_back_bit_for_bit(kind: type[Message], data: st.DataObject) -> None:
    topic = TOPIC_OF[kind]
    sent, header = data.draw(messages_of(kind)), data.draw(envelopes_of(topic))
    received_header, received = codec.decode(topic, codec.encode(sent, header))
    assert received_header == header
    assert same(received, sent)


def test_every_type_of_the_topic_table_has_a_schema() -> None:
    kinds = {row.type for row in TOPICS.values()} | {NodeState}
    assert kinds <= set(codec.message_types())
    for kind in codec.message_types():
        name, data = codec.schema_of(kind)
        assert name.split(".")[-1] == kind.__name__
        assert data


def test_arrays_in_any_memory_order_give_the_same_bytes() -> None:
    covariance = np.arange(9.0).reshape(3, 3)
    sent = [
        PoseEstimate(Pose(0.0, 0.0, 0.0), PoseStatus.LOST, 1.0, 2.0, 3.0, array)
        for array in (covariance, np.asfortranarray(covariance), covariance.T.copy().T)
    ]
    assert len({codec.encode(message, envelope("/localization/pose")) for message in sent}) == 1


# --- against plain Protobuf -------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(tracks=messages_of(Tracks), header=envelopes_of("/perception/tracks"))
def test_plain_protobuf_with_the_schema_alone_reads_the_same_numbers(tracks: Tracks, header: Envelope) -> None:
    name, schema = codec.schema_of(Tracks)
    pool = descriptor_pool.DescriptorPool()
    for file in FileDescriptorSet.FromString(schema).file:
        pool.Add(file)
    wire = message_factory.GetMessageClass(pool.FindMessageTypeByName(name)).FromString(codec.encode(tracks, header))
    assert list(wire.ids) == tracks.ids.tolist()
    assert same(np.array(wire.covariance, dtype=np.float64), tracks.covariance.reshape(-1))
    assert same(np.array(wire.y_m, dtype=np.float64), tracks.y_m)
    assert wire.envelope.publisher == header.publisher
    assert wire.envelope.measured_ns == header.measured_ns


def test_bytes_that_plain_protobuf_wrote_decode_to_the_same_message() -> None:
    wire = lanewise_pb2.Objects(
        kinds=[3, 6], score=[0.5, 0.25], envelope=lanewise_pb2.Envelope(topic="/perception/objects")
    )
    for name in ("x_m", "y_m", "yaw_rad", "length_m", "width_m", "height_m"):
        getattr(wire, name).extend([1.0, -2.0])
    wire.covariance.extend(range(8))
    _, message = codec.decode("/perception/objects", wire.SerializeToString())
    assert isinstance(message, Objects)
    assert message.kinds.tolist() == [3, 6]
    assert message.width_m.tolist() == [1.0, -2.0]
    assert message.covariance[1].tolist() == [[4.0, 5.0], [6.0, 7.0]]
    assert message.ranges_m.shape == (0, 4), "detectors of earlier versions told one range"


def test_the_wire_format_of_older_recordings_stays_readable() -> None:
    numbers = bytes.fromhex("09000000000000f03f 11000000000000e0bf 2001")
    wire = numbers + b"\xc2\x3e\x1d\x0a\x10/vehicle/command" + bytes.fromhex("12016e 1807 2001 2802 3003")
    header, message = codec.decode("/vehicle/command", wire)
    assert header == Envelope("/vehicle/command", "n", 7, 1, 2, 3)
    assert same(message, VehicleCommand(1.0, -0.5, False, True))
    assert codec.encode(message, header) == wire


def test_generated_modules_belong_to_the_proto_file(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    from bus.proto import generate

    assert generate.main(tmp_path) == 0
    for name in ("lanewise_pb2.py", "lanewise_pb2.pyi"):
        committed = Path(generate.__file__).with_name(name)
        assert (tmp_path / "bus" / "proto" / name).read_text() == committed.read_text(), (
            "run python -m bus.proto.generate"
        )


# --- refusals ---------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(topic=st.sampled_from(sorted(TOPICS)), data=st.binary(max_size=200))
def test_random_bytes_are_refused_as_wrong_input(topic: str, data: bytes) -> None:
    with pytest.raises(InputError, match=topic):
        codec.decode(topic, data)


@pytest.mark.parametrize("topic", ["/view/tf", "/view/scene", "/truth/scenario", "/vehicle/command"])
def test_bytes_beyond_the_limit_of_the_type_are_refused_before_they_are_parsed(topic: str) -> None:
    kind = codec.type_of(topic)
    limit = codec.MAX_BYTES.get(kind, codec.MAX_MESSAGE_BYTES)
    with pytest.raises(InputError, match=f"at most {limit}"):
        codec.decode(topic, bytes(limit + 1))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_message_decodes_or_is_refused_but_never_raises_anything_else(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(OWN_TYPES))
    good = bytearray(codec.encode(data.draw(messages_of(kind)), envelope(TOPIC_OF[kind])))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        _, message = codec.decode(TOPIC_OF[kind], bytes(good))
    except InputError:
        return
    assert type(message) is kind


def _tracks_wire(**columns: list[float]) -> bytes:
    wire = lanewise_pb2.Tracks(envelope=lanewise_pb2.Envelope(topic="/perception/tracks"))
    for descriptor in wire.DESCRIPTOR.fields:
        if descriptor.name != "envelope":
            count = 32 if descriptor.name == "covariance" else 2
            values: list[Any] = columns.get(descriptor.name, [0] * count)
            getattr(wire, descriptor.name).extend(values)
    return wire.SerializeToString()


def test_columns_of_different_lengths_are_refused() -> None:
    codec.decode("/perception/tracks", _tracks_wire())
    with pytest.raises(InputError, match="x_m"):
        codec.decode("/perception/tracks", _tracks_wire(x_m=[1.0, 2.0, 3.0]))


def test_a_matrix_column_with_a_number_missing_is_refused() -> None:
    with pytest.raises(InputError, match="covariance has 31 numbers"):
        codec.decode("/perception/tracks", _tracks_wire(covariance=[0.0] * 31))


def test_a_fixed_shape_with_no_numbers_is_refused() -> None:
    wire = lanewise_pb2.PoseEstimate(envelope=lanewise_pb2.Envelope(topic="/localization/pose"))
    with pytest.raises(InputError, match="covariance has 0 numbers, expected 9"):
        codec.decode("/localization/pose", wire.SerializeToString())


def test_an_unknown_member_of_an_enumeration_is_refused() -> None:
    wire = lanewise_pb2.SafetyStatus(mode=77, envelope=lanewise_pb2.Envelope(topic="/safety/status"))
    with pytest.raises(InputError, match="77"):
        codec.decode("/safety/status", wire.SerializeToString())


def test_a_message_without_envelope_is_refused() -> None:
    with pytest.raises(InputError, match="no envelope"):
        codec.decode("/vehicle/command", lanewise_pb2.VehicleCommand(steering_rad=1.0).SerializeToString())


def test_an_envelope_of_another_topic_is_refused() -> None:
    data = codec.encode(VehicleCommand(0.0, 0.0, False, False), envelope("/control/command"))
    with pytest.raises(InputError, match="/control/command"):
        codec.decode("/vehicle/command", data)


def test_an_unknown_topic_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="/vehicle/command"):
        codec.decode("/vehicle/comand", b"")


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("/safety/status", SafetyStatus(SafetyMode.NORMAL, None)),  # type: ignore[arg-type]
        ("/safety/status", SafetyStatus(SafetyMode.NORMAL, "lone surrogate \ud800")),
        ("/truth/contact", Contact(2**63, 0, 0.0, 0.0, 0.0, 0.0)),
        ("/truth/event", ScenarioEvent("act", 5, "start")),  # type: ignore[arg-type]
        ("/vehicle/command", VehicleCommand("fast", 0.0, False, False)),  # type: ignore[arg-type]
        ("/diagnostics", Diagnostic("node", None, "text")),  # type: ignore[arg-type]
    ],
    ids=["none", "surrogate", "65-bit", "int-for-str", "str-for-float", "none-for-enum"],
)
def test_a_value_that_does_not_fit_its_field_is_not_written(topic: str, message: Message) -> None:
    with pytest.raises(ContractError, match=topic):
        codec.encode(message, envelope(topic))


def test_a_message_that_no_reader_would_accept_is_not_written() -> None:
    names = ("n" * 1000,) * 3000
    columns = [np.zeros(3000)] * 5
    cast = ScenarioInfo("big", 0, 10.0, "", names, np.zeros(3000), *columns)
    with pytest.raises(ContractError, match="publish less"):
        codec.encode(cast, envelope("/truth/scenario"))


def test_numpy_scalars_are_written_as_the_numbers_they_are() -> None:
    sent = VehicleCommand(np.float64(1.5), np.float64(-0.0), np.bool_(True), False)  # type: ignore[arg-type]
    _, received = codec.decode("/vehicle/command", codec.encode(sent, envelope("/vehicle/command")))
    assert same(received, VehicleCommand(1.5, -0.0, True, False))
