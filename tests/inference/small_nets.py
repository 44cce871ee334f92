"""Small ONNX files for the tests, written with the onnx package: an implementation apart from ours."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inference.store import Manifest, Store, StoredModel, TensorSpec


def scaling_net(factor: float = 2.0) -> onnx.ModelProto:
    """`y = factor * x` for x of shape (batch, 3)."""
    return net_of(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        {"x": (TensorProto.FLOAT, ["batch", 3])}, {"y": (TensorProto.FLOAT, ["batch", 3])},
        {"factor": np.array(factor, np.float32)},
    )  # fmt: skip


def net_of(nodes, inputs, outputs, weights, opset=18, domains=()) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
        [helper.make_tensor_value_info(name, *kind) for name, kind in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


SCALING = Manifest(
    "scaling", "1", "0" * 64, "fp32", {"x": TensorSpec("float32", ("batch", 3))},
    {"y": TensorSpec("float32", ("batch", 3))},
)  # fmt: skip


def stored_net(folder: Path, net: onnx.ModelProto | None = None, manifest: Manifest = SCALING) -> StoredModel:
    """A net in a store of its own under `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "new.onnx"
    path.write_bytes((net or scaling_net()).SerializeToString())
    return Store(folder / "store").add(path, manifest, "# card\n")
