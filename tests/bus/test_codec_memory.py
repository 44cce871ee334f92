"""Node memories and generators: they come back exactly, and a hostile memory builds nothing but plain data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bus.memory import (
    MAX_DEPTH,
    MAX_MEMORY_BYTES,
    decode_generator,
    decode_memory,
    encode_generator,
    encode_memory,
)
from bus.messages import Envelope, Odometry, PoseStatus, VehicleCommand
from bus.proto.lanewise_pb2 import Value
from geometry.errors import ContractError, InputError, Place
from geometry.pose import Pose

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
ARRAYS = st.one_of(
    hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    for dtype in (np.float64, np.int64, np.int8, np.bool_)
)
ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**127), 2**127), st.floats(), TEXT, st.binary(max_size=8), ARRAYS,
    st.sampled_from(PoseStatus), st.builds(Pose, st.floats(), st.floats(), st.floats()),
    st.builds(VehicleCommand, st.floats(), st.floats(), st.booleans(), st.booleans()),
)  # fmt: skip
MEMORIES = st.recursive(
    ATOMS, lambda parts: st.lists(parts, max_size=3).map(tuple) | st.dictionaries(TEXT, parts, max_size=3), max_leaves=8
)


def picture(value: Any) -> Any:
    """A value as something that `==` compares exactly: with types, float bits, and the order of dicts."""
    if isinstance(value, np.ndarray):
        return (value.dtype.name, value.shape, value.tobytes())
    if isinstance(value, float):
        return ("float", np.float64(value).tobytes())
    if isinstance(value, tuple):
        return ("tuple", [picture(item) for item in value])
    if isinstance(value, dict):
        return ("dict", [(name, picture(item)) for name, item in value.items()])
    if hasattr(value, "__dataclass_fields__"):
        return (type(value), [picture(getattr(value, name)) for name in value.__dataclass_fields__])
    return (type(value), value)


@settings(max_examples=150, deadline=None)
@given(memory=MEMORIES)
def test_every_memory_comes_back_exactly_and_gives_the_same_bytes_again(memory: Any) -> None:
    data = encode_memory(memory)
    again = decode_memory(data)
    assert picture(again) == picture(memory)
    assert encode_memory(again) == data


def test_messages_and_nested_dataclasses_come_back() -> None:
    memory = {
        "last": (Envelope("/truth/ego", "sim", 3, 1, 2, 3), Odometry(Pose(1.0, 2.0, 3.0), 4.0, 5.0, 6.0, 7.0, True))
    }
    assert picture(decode_memory(encode_memory(memory))) == picture(memory)


def test_numpy_scalars_come_back_as_python_numbers() -> None:
    again = decode_memory(encode_memory((np.float64(0.1), np.int64(-3), np.bool_(True))))
    assert picture(again) == picture((0.1, -3, True))


def test_arrays_come_back_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        decode_memory(encode_memory(np.zeros(3)))[0] = 1.0


def test_the_memory_format_of_older_recordings_stays_readable() -> None:
    recorded = bytes.fromhex("0806 3a04 08021005 3a05 0804 2201 61".replace(" ", ""))
    assert decode_memory(recorded) == (-3, "a")
    assert encode_memory((-3, "a")) == recorded


# --- what a memory may not hold ---------------------------------------------------------------------------------------


class _Outsider:
    pass


@pytest.mark.parametrize(
    "value",
    [
        [1, 2], {1, 2}, {1: 2}, 1j, _Outsider(), _Outsider, Pose, np.zeros(2, dtype=np.float32), np.array(["a"]),
        np.array([None]), InputError("x"), len, 2**300, "\ud800", np.random.default_rng(0), np.zeros(2**20),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_anything_but_plain_data_is_not_written(value: Any) -> None:
    with pytest.raises(ContractError, match="memory"):
        encode_memory({"part": (value,)})


def test_depth_is_bounded_in_both_directions() -> None:
    memory: Any = 1
    wire = Value(kind=Value.INT, integer=1)
    for _ in range(MAX_DEPTH):
        memory, wire = (memory,), Value(kind=Value.TUPLE, items=[wire])
    assert decode_memory(encode_memory(memory)) == memory
    with pytest.raises(ContractError, match="deep"):
        encode_memory((memory,))
    with pytest.raises(InputError, match="deep"):
        decode_memory(Value(kind=Value.TUPLE, items=[wire]).SerializeToString())


@pytest.mark.parametrize(
    "name",
    [
        "os:system", "builtins:eval", "subprocess:Popen", "bus.memory:os", "bus.memory:importlib.import_module",
        "bus.recording:Recorder", "bus.executor:Executor", "geometry.errors:InputError", "bus.messages:np.ndarray",
        "bus.codec:Pose", "bus.messages:Nothing", "bus.nothing:Pose", "bus.messages", "", "bus.messages:", ":Pose",
        "bus..messages:Pose", "bus.messages:EntityKind.__class__", "geometry.pose:Pose.__init__", "tests.conftest:x",
        "bus.proto.lanewise_pb2:Value", "lanewise.__main__:main", "a" * 10_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Value.RECORD, Value.ENUM])
def test_only_plain_data_classes_of_the_project_are_ever_named(name: str, kind: Any) -> None:
    with pytest.raises(InputError):
        decode_memory(Value(kind=kind, text=name).SerializeToString())


@pytest.mark.parametrize(
    "name", ["bus.codec:Pose", "bus.executor:Executor", "bus.recording:Recorder", "bus.memory:decode_memory"]
)
def test_imported_mutable_and_other_objects_are_no_plain_data(name: str) -> None:
    wire = Value.FromString(encode_memory(Pose(1.0, 2.0, 3.0)))
    wire.text = name
    with pytest.raises(InputError, match="no frozen dataclass"):
        decode_memory(wire.SerializeToString())


@pytest.mark.parametrize(
    "name", ["perception.tracker:Population", "perception.no_module:Population", "geometry.pose:No"]
)
def test_what_moved_since_another_version_recorded_it_is_refused_with_what_to_do(name: str) -> None:
    wire = Value(kind=Value.RECORD, text=name, names=[], items=[])
    with pytest.raises(InputError, match="what another version recorded is replayed from its start"):
        decode_memory(wire.SerializeToString())


def test_a_dataclass_under_other_fields_is_refused() -> None:
    one = Value(kind=Value.FLOAT, real=1.0)
    for names in (["x_m", "y_m"], ["x_m", "y_m", "yaw"], ["x_m", "y_m", "yaw_rad", "z_m"], ["x_m", "y_m", "y_m"]):
        wire = Value(kind=Value.RECORD, text="geometry.pose:Pose", names=names, items=[one] * len(names))
        with pytest.raises(InputError, match="memory holds"):
            decode_memory(wire.SerializeToString())


def test_a_dataclass_that_refuses_its_values_is_refused() -> None:
    good = Value.FromString(encode_memory(Place("file", 3)))
    assert decode_memory(good.SerializeToString()) == Place("file", 3)
    message = Value.FromString(encode_memory(VehicleCommand(1.0, 2.0, True, False)))
    message.text = "bus.messages:Objects"
    with pytest.raises(InputError, match="Objects"):
        decode_memory(message.SerializeToString())


@pytest.mark.parametrize(
    "wire",
    [
        Value(kind=Value.ARRAY, text="object", shape=[1], blob=bytes(8)),
        Value(kind=Value.ARRAY, text="float64", shape=[2], blob=bytes(8)),
        Value(kind=Value.ARRAY, text="float64", shape=[2**62, 4], blob=b""),
        Value(kind=Value.ARRAY, text="float64", shape=[0, 2**64 - 1], blob=b""),
        Value(kind=Value.ARRAY, text="float64", shape=[1] * 65, blob=bytes(8)),
        Value(kind=Value.ARRAY, text="bool", shape=[1], blob=b"\x02"),
        Value(kind=Value.INT, blob=bytes(100)),
        Value(kind=Value.ENUM, text="bus.messages:PoseStatus", integer=99),
        Value(kind=Value.RECORD, text="bus.messages:PoseStatus"),
        Value(kind=Value.ENUM, text="geometry.pose:Pose"),
        Value(kind=Value.MAPPING, names=["a", "a"], items=[Value(), Value()]),
        Value(kind=Value.MAPPING, names=["a"]),
        Value(kind=99),
    ],
    ids=range(13),
)
def test_impossible_values_are_refused(wire: Value) -> None:
    with pytest.raises(InputError, match="memory"):
        decode_memory(Value(kind=Value.TUPLE, items=[wire]).SerializeToString())


@settings(max_examples=300, deadline=None)
@given(memory=MEMORIES, data=st.data())
def test_a_damaged_memory_is_read_or_refused_but_never_raises_anything_else(memory: Any, data: st.DataObject) -> None:
    damaged = bytearray(encode_memory(memory) or b"\0")
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    for decode in (decode_memory, decode_generator):
        try:
            decode(bytes(damaged))
        except InputError as error:
            assert str(error)


def test_a_memory_beyond_the_limit_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InputError, match="at most"):
        decode_memory(bytes(MAX_MEMORY_BYTES + 1))


# --- generators -------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**64), draws=st.integers(0, 5))
def test_a_generator_draws_on_as_if_nothing_had_happened(seed: int, draws: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    rng.integers(10, size=draws, dtype=np.int32)  # an odd number leaves half a word in the generator
    again = decode_generator(encode_generator(rng))
    assert again.integers(10, size=5, dtype=np.int32).tolist() == rng.integers(10, size=5, dtype=np.int32).tolist()
    assert again.normal(size=3).tobytes() == rng.normal(size=3).tobytes()


def test_other_generators_and_states_are_refused() -> None:
    with pytest.raises(ContractError, match="PCG64"):
        encode_generator(np.random.Generator(np.random.MT19937(0)))
    for state in (
        (1, 2, 3),
        (1, 2, 0, 2**32),
        (-1, 2, 0, 0),
        (2**128, 2, 0, 0),
        (1, 2, 2, 0),
        (1.0, 2, 0, 0),
        "state",
        None,
    ):
        with pytest.raises(InputError, match="generator state"):
            decode_generator(encode_memory(state))
