"""INT8: close to what it was made of, proven by a score, refused where it loses too much."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from geometry.errors import InputError
from inference.engines.engine import EngineOptions
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.optimize import Allowed, optimized_int8
from inference.quantize import QuantizeSettings, first_and_last, quantize
from inference.store import Manifest, Store, StoredModel, TensorSpec

onnx = pytest.importorskip("onnx", reason="writing models needs the package onnx")

SHAPE = (1, 3, 16, 16)


def small_net(path: Path) -> None:
    """Three convolutions with rectifiers between them."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(3)
    weights = [
        numpy_helper.from_array(rng.normal(0.0, 0.3, (o, i, 3, 3)).astype(np.float32), f"w{k}")
        for k, (o, i) in enumerate(((8, 3), (8, 8), (4, 8)))
    ]
    nodes = []
    for k, (before, after) in enumerate((("image", "a"), ("b", "c"), ("d", "answer"))):
        nodes.append(helper.make_node("Conv", [before, f"w{k}"], [after], name=f"conv{k}", pads=[1, 1, 1, 1]))
        if after != "answer":
            nodes.append(helper.make_node("Relu", [after], [chr(ord(after) + 1)], name=f"relu{k}"))
    graph = helper.make_graph(
        nodes, "small", [helper.make_tensor_value_info("image", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, (1, 4, 16, 16))], weights,
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), str(path))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    path = tmp_path / "small.onnx"
    small_net(path)
    shown = {"image": TensorSpec("float32", SHAPE)}, {"answer": TensorSpec("float32", (1, 4, 16, 16))}
    made = Store(tmp_path / "models")
    made.add(path, Manifest("small", "1", "0" * 64, "fp32", *shown), "# small")
    return made


def inputs(count: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(5)
    return [{"image": rng.random(SHAPE, dtype=np.float32)} for _ in range(count)]


def answer(model: StoredModel, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    session = OnnxRuntimeEngine().load(model, EngineOptions())
    return np.asarray(session.infer(arrays)["answer"])


def likeness(model: StoredModel, reference: StoredModel) -> float:
    """1 where both say the same."""
    both = [(answer(model, arrays), answer(reference, arrays)) for arrays in inputs(3)]
    return 1.0 - float(np.mean([np.abs(a - b).mean() / np.abs(b).mean() for a, b in both]))


def test_int8_answers_nearly_as_the_net_it_was_made_of(store: Store) -> None:
    source = store.find("small", "1")
    scores = lambda model: {"map_50": likeness(model, source)}  # noqa: E731
    made, proof = optimized_int8(source, store, "2", inputs(8), scores, Allowed(drop_points=10.0))
    assert made.manifest.precision == "int8"
    assert 0.0 < proof.drop_points("map_50") < 10.0
    assert store.find("small").name == "small/2"
    assert store.find("small").manifest.scores["before_map_50"] == 1.0


def test_what_loses_too_much_is_refused_and_leaves_nothing(store: Store) -> None:
    source = store.find("small", "1")

    def scores(model: StoredModel) -> dict[str, float]:
        return {"map_50": 0.5 if model.manifest.precision == "fp32" else 0.48}

    with pytest.raises(InputError, match=r"loses 2\.00 points of map_50"):
        optimized_int8(source, store, "2", inputs(4), scores, Allowed(drop_points=0.5))
    assert [model.name for model in store.all()] == ["small/1"]


def test_first_and_last_convolution_stay_in_floats(store: Store, tmp_path: Path) -> None:
    source = store.find("small", "1").path
    assert first_and_last(source) == ("conv0", "conv2")
    quantize(source, tmp_path / "q.onnx", inputs(4), QuantizeSettings("minmax", first_and_last(source)))
    graph = onnx.load(str(tmp_path / "q.onnx")).graph
    rounded = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    plain = [node.name for node in graph.node if node.op_type == "Conv" and not rounded & set(node.input[1:])]
    assert plain == ["conv0", "conv2"]


def test_nothing_to_calibrate_on_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="calibrate"):
        quantize(store.find("small", "1").path, tmp_path / "q.onnx", [], QuantizeSettings())
