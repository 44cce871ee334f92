"""Sixteen bits in the place of thirty-two: a net that computes in FP16, or one whose weights are kept in BF16.

FP16 computes in half precision from the first operation to the last; inputs and outputs stay what they were. On a GPU
that is the fast way; on a CPU ONNX Runtime has few such kernels and goes back to FP32 around the others. BF16 halves
the file only: weights are kept with the upper half of their bits and widened when the net is loaded, as no CPU provider
convolves in it.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from geometry.errors import UnsupportedError

SMALLEST = 128
"""Weights with fewer numbers stay as they are: shapes, scales, biases."""


def to_fp16(source: Path, target: Path) -> None:
    """Write the net in half precision.

    Raises:
        UnsupportedError: the packages that write ONNX files are not installed.
    """
    onnx = _onnx()
    from onnxruntime.transformers.float16 import convert_float_to_float16

    # An interpolation's scales are FP32 by ONNX's own rules.
    made = convert_float_to_float16(onnx.load(str(source)), keep_io_types=True, op_block_list=["Resize"])
    _sort(made.graph)
    onnx.save(made, str(target))


def to_bf16_weights(source: Path, target: Path) -> None:
    """Write the net with its large weights in BF16, each followed by a cast; errors as `to_fp16`."""
    onnx = _onnx()
    model = onnx.load(str(source))
    graph = model.graph
    kept, casts = [], []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < SMALLEST:
            kept.append(tensor)
            continue
        name = f"{tensor.name}__bf16"
        kept.append(_bf16_tensor(onnx, name, values))
        casts.append(onnx.helper.make_node("Cast", [name], [tensor.name], to=onnx.TensorProto.FLOAT))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for node in reversed(casts):
        graph.node.insert(0, node)
    onnx.save(model, str(target))


def rounded_to_bf16(values: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """The upper sixteen bits of each number, rounded to the nearest, ties to even."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def _bf16_tensor(onnx: Any, name: str, values: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
    tensor = onnx.TensorProto(name=name, data_type=onnx.TensorProto.BFLOAT16, dims=values.shape)
    tensor.raw_data = rounded_to_bf16(values).tobytes()
    return tensor


def _sort(graph: Any) -> None:
    """Put the operations in an order in which each reads what is made already: the conversion appends its casts."""
    known = {"", *(item.name for item in graph.input), *(item.name for item in graph.initializer)}
    left, ordered = list(graph.node), []
    while left:
        ready = [node for node in left if known.issuperset(node.input)]
        assert ready, "a graph without a beginning"
        ordered += ready
        known.update(name for node in ready for name in node.output)
        left = [node for node in left if node not in ready]
    del graph.node[:]
    graph.node.extend(ordered)


def _onnx() -> Any:
    try:
        onnx = importlib.import_module("onnx")
        importlib.import_module("onnx.numpy_helper")
    except ImportError as error:
        raise UnsupportedError("writing models needs the package onnx: pip install 'lanewise[train]'") from error
    return onnx
