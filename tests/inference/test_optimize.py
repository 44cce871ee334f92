"""INT8: close to what it was made of, proven by a score, refused where it loses too much."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from geometry.errors import InputError
from inference.engines.engine import EngineOptions
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.half import rounded_to_bf16, to_bf16_weights
from inference.optimize import Allowed, Proof, Score, half_way, int8_ways, optimized
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


def optimized_int8(
    model: StoredModel, store: Store, version: str, calibration: list, score: Score, allowed: Allowed
) -> tuple[StoredModel, Proof]:
    return optimized(model, store, version, int8_ways(model, calibration), score, allowed)


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

    with pytest.raises(InputError, match=r"2\.00 points of map_50 are lost"):
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


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_sixteen_bits_say_nearly_the_same_in_half_the_file(precision: str, store: Store) -> None:
    source = store.find("small", "1")
    scores = lambda model: {"map_50": likeness(model, source)}  # noqa: E731
    made, proof = optimized(source, store, "2", [half_way(source, precision)], scores, Allowed(drop_points=1.0))
    assert made.manifest.precision == precision
    assert proof.drop_points("map_50") < 1.0
    assert 0.0 < 1.0 - made.manifest.scores["map_50"] < 0.01
    assert f"2: {precision.upper()}" in (made.path.parent / "card.md").read_text()


def test_weights_in_bf16_take_half_the_room(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    from tests.inference.small_nets import net_of

    weight = np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32)
    kind = (TensorProto.FLOAT, [1, 64])
    net = net_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": kind}, {"y": kind}, {"w": weight})
    onnx.save(net, str(tmp_path / "wide.onnx"))
    to_bf16_weights(tmp_path / "wide.onnx", tmp_path / "narrow.onnx")
    assert (tmp_path / "narrow.onnx").stat().st_size < 0.55 * (tmp_path / "wide.onnx").stat().st_size


def test_bf16_is_rounded_to_the_nearest() -> None:
    values = np.array([1.0, -2.5, 3.14159265, 1e-30, 6.5e4], np.float32)
    back = (rounded_to_bf16(values).astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_allclose(back, values, rtol=2.0**-8)
    assert back[:2].tolist() == [1.0, -2.5]


def test_a_precision_that_does_not_exist_and_a_net_that_is_small_already_are_refused(store: Store) -> None:
    source = store.find("small", "1")
    with pytest.raises(InputError, match="int8, fp16 or bf16"):
        half_way(source, "fp8")
    small, _ = optimized(source, store, "2", [half_way(source, "bf16")], lambda _: {"map_50": 1.0}, Allowed())
    with pytest.raises(InputError, match="is bf16 already"):
        optimized(small, store, "3", [half_way(small, "bf16")], lambda _: {"map_50": 1.0}, Allowed())
