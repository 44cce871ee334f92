"""ONNX files are read as the onnx package reads them, and files that lie are refused in a sentence."""

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import lanewise  # noqa: E402
from geometry.errors import InputError, LanewiseError, UnsupportedError  # noqa: E402
from inference.model_rules import check_rules  # noqa: E402
from inference.onnx_file import parse_onnx, read_onnx  # noqa: E402
from tests.inference.small_nets import net_of, scaling_net  # noqa: E402

SHIPPED = Path(lanewise.__file__).parent / "models" / "detector" / "4" / "model.onnx"
FLOAT = TensorProto.FLOAT


def refused(net: "onnx.ModelProto | bytes") -> str:
    data = net if isinstance(net, bytes) else net.SerializeToString()
    with pytest.raises(InputError) as caught:
        check_rules(parse_onnx(memoryview(data), "bad.onnx"), "bad.onnx")
    text = str(caught.value)
    assert text.startswith("bad.onnx: ")
    assert "\n" not in text
    return text


def test_shipped_net_is_read_as_the_onnx_package_reads_it() -> None:
    ours, theirs = read_onnx(SHIPPED), onnx.load(SHIPPED)
    assert ours.opsets == {entry.domain: entry.version for entry in theirs.opset_import}
    for mine, node in zip(ours.graph.nodes, theirs.graph.node, strict=True):
        assert (mine.op, mine.inputs, mine.outputs) == (node.op_type, tuple(node.input), tuple(node.output))
        for attribute in node.attribute:
            value = helper.get_attribute_value(attribute)
            assert mine.attributes[attribute.name] == (tuple(value) if isinstance(value, list) else value)
    for weights in theirs.graph.initializer:
        np.testing.assert_array_equal(ours.graph.weights[weights.name].array(), numpy_helper.to_array(weights))


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "int64", "int32", "int8", "uint8", "uint64", "bool"]
)
@pytest.mark.parametrize("raw", [True, False])
def test_weights_are_the_same_in_raw_and_in_typed_fields(dtype: str, raw: bool) -> None:
    values = np.array([[0, 1, 3], [100, 7, 0]]).astype(dtype)
    code = helper.np_dtype_to_tensor_dtype(values.dtype)
    given_values = values.tobytes() if raw else values.flatten().tolist()
    tensor = helper.make_tensor("w", code, values.shape, given_values, raw)
    net = scaling_net()
    net.graph.initializer.append(tensor)
    read = parse_onnx(memoryview(net.SerializeToString()), "net").graph.weights["w"]
    assert read.dtype == dtype
    np.testing.assert_array_equal(read.array(), values)


def test_external_data_is_refused_wherever_it_would_lie() -> None:
    net = scaling_net()
    for location in ("weights.bin", "../../etc/passwd", "/etc/passwd"):
        tensor = net.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value=location)
        assert "another file" in refused(net)


def test_weights_that_promise_more_than_they_hold_are_refused() -> None:
    net = scaling_net()
    net.graph.initializer[0].dims[:] = [1 << 40]
    assert "bytes" in refused(net)
    net.graph.initializer[0].dims[:] = [-1]
    assert "negative" in refused(net)


@pytest.mark.parametrize(
    ("node", "word"),
    [
        (helper.make_node("Evil", ["x"], ["y"], domain="com.evil"), "com.evil"),
        (helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft"), "other files"),
        (helper.make_node("Loop", ["", "", "x"], ["y"]), "never end"),
    ],
)
def test_operations_that_are_not_let_in_are_named(node: "onnx.NodeProto", word: str) -> None:
    kind = {"x": (FLOAT, [1])}
    assert word in refused(net_of([node], kind, {"y": (FLOAT, [1])}, {}))


@pytest.mark.parametrize(
    ("op", "inputs"),
    [("ConstantOfShape", ["huge"]), ("Expand", ["x", "huge"]), ("Tile", ["x", "huge"]), ("Reshape", ["x", "huge"])],
)
def test_a_few_bytes_may_not_ask_for_gigabytes(op: str, inputs: list[str]) -> None:
    node = helper.make_node(op, inputs, ["y"])
    huge = {"huge": np.array([1 << 31, 1 << 31], np.int64)}
    assert "numbers" in refused(net_of([node], {"x": (FLOAT, [1, 1])}, {"y": (FLOAT, ["a", "b"])}, huge))


def test_a_huge_array_inside_a_branch_is_found() -> None:
    huge = helper.make_node("Constant", [], ["shape"], value=numpy_helper.from_array(np.array([1 << 40], np.int64)))
    inner = helper.make_graph(
        [huge, helper.make_node("ConstantOfShape", ["shape"], ["z"])], "inner", [],
        [helper.make_tensor_value_info("z", FLOAT, None)],
    )  # fmt: skip
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    assert "numbers" in refused(net_of([node], {"c": (TensorProto.BOOL, [])}, {"y": (FLOAT, ["n"])}, {}))


def test_graphs_nested_without_end_are_refused() -> None:
    graph = helper.make_graph([], "leaf", [], [])
    for _ in range(20):
        graph = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=graph)], "branch", [], [])
    assert "deep" in refused(helper.make_model(graph))


def test_an_array_that_nothing_makes_is_named() -> None:
    node = helper.make_node("Add", ["x", "ghost"], ["y"])
    assert "'ghost'" in refused(net_of([node], {"x": (FLOAT, [1])}, {"y": (FLOAT, [1])}, {}))


def test_local_functions_are_refused() -> None:
    net = scaling_net()
    net.functions.add(name="f", domain="local")
    with pytest.raises(UnsupportedError, match="inlined"):
        parse_onnx(memoryview(net.SerializeToString()), "net")


@pytest.mark.parametrize("data", [b"", b"\x80\x05]q\x00.", b"PK\x03\x04torch", b"\x00" * 64, b"<xml/>", b"\xff" * 64])
def test_what_is_no_onnx_is_refused(data: bytes) -> None:
    assert "get it again" in refused(data)


def test_a_file_of_millions_of_fields_is_given_up_soon() -> None:
    began, data = time.process_time(), b"\x08\x01" * 6_000_000
    tracemalloc.start()
    assert "fields" in refused(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - began < 30.0  # traced, on a shared core; 1 s untraced
    assert peak < 50e6


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_are_read_or_refused_but_never_crash(data: st.DataObject) -> None:
    sound = scaling_net().SerializeToString()
    cut = data.draw(st.integers(0, len(sound)))
    damaged = bytearray(sound[:cut])
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, max(cut - 1, 0)), st.integers(0, 255)), max_size=4)):
        if damaged:
            damaged[at] = value
    try:
        check_rules(parse_onnx(memoryview(bytes(damaged)), "bad.onnx"), "bad.onnx")
    except LanewiseError as error:
        assert "\n" not in str(error)
