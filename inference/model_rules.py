"""Which nets are let in: known operations, no control flow, no other files, no constants that grow to gigabytes.

An engine executes what the file says. These rules keep out what a perception net never needs and a hostile file would.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from geometry.errors import InputError, UnsupportedError
from inference.onnx_file import OnnxGraph, OnnxModel, OnnxNode, Weights
from inference.tensors import Array

DOMAINS = ("", "com.microsoft", "com.microsoft.nchwc")
"""ONNX itself, and what ONNX Runtime's own optimiser and quantiser write."""
REFUSED_OPS = {
    "EPContext": "it names other files",
    "PyOp": "it runs Python",
    "Loop": "a loop may never end",
    "Scan": "a loop may never end",
    "SequenceMap": "a loop may never end",
}
MAX_NODES = 20_000
MAX_ELEMENTS = 2**26
"""Of one array that a few bytes ask for: 256 MiB as float32, sixteen times the largest of our nets."""
MAX_OPSET = 30
MAX_RANK = 16
_SIZES_AT = {"ConstantOfShape": 0, "Expand": 1, "Resize": 3, "Reshape": 1}
"""Which input holds the shape of the output."""


def check_rules(model: OnnxModel, place: str) -> None:
    """Nothing if the net may be loaded.

    Raises:
        InputError: a hostile or broken graph.
        UnsupportedError: operations that are not let in.
    """
    for domain, version in model.opsets.items():
        if domain in ("", "ai.onnx") and not 1 <= version <= MAX_OPSET:
            raise InputError(f"operator set {version} does not exist; expected 1 to {MAX_OPSET}", place)
    _check_graph(model.graph, place)
    _check_wiring(model.graph, place)


def _check_graph(graph: OnnxGraph, place: str) -> None:
    if len(graph.nodes) > MAX_NODES:
        raise InputError(f"{len(graph.nodes):,} operations are more than the {MAX_NODES:,} of a net", place)
    asked = _asked_sizes(graph)
    for node in graph.nodes:
        _check_operation(node, place)
        elements = _elements(node, asked, graph)
        if elements > MAX_ELEMENTS:
            raise InputError(
                f"the operation {node.op} asks for an array of {elements:.3g} numbers; {MAX_ELEMENTS:.3g} are allowed",
                place,
            )
        for value in node.attributes.values():
            for inner in value if isinstance(value, tuple) else (value,):
                if isinstance(inner, OnnxGraph):
                    _check_graph(inner, place)


def _check_operation(node: OnnxNode, place: str) -> None:
    if node.domain not in DOMAINS:
        known = ", ".join(domain or "ai.onnx" for domain in DOMAINS)
        raise UnsupportedError(
            f"the operation {node.op} is of the domain {node.domain!r}; only {known} are let in, "
            "export the net with standard operations",
            place,
        )
    if node.op in REFUSED_OPS:
        raise UnsupportedError(f"the operation {node.op} is refused: {REFUSED_OPS[node.op]}", place)


def _asked_sizes(graph: OnnxGraph) -> dict[str, float]:
    """Product of the whole numbers of each constant, as a float: hostile products exceed any integer type."""
    asked = {name: _product(weights.array()) for name, weights in graph.weights.items() if _is_shape(weights)}
    for node in graph.nodes:
        value = node.attributes.get("value", node.attributes.get("value_ints"))
        if node.op != "Constant" or not node.outputs:
            continue
        if isinstance(value, Weights) and _is_shape(value):
            asked[node.outputs[0]] = _product(value.array())
        elif isinstance(value, tuple):
            asked[node.outputs[0]] = _product(np.array(value, np.float64))
    return asked


def _is_shape(weights: Weights) -> bool:
    return weights.dtype in ("int64", "int32") and len(weights.shape) == 1 and weights.shape[0] <= MAX_RANK


def _product(sizes: Array) -> float:
    return float(np.prod(np.maximum(sizes.astype(np.float64), 1.0)))


def _elements(node: OnnxNode, asked: Mapping[str, float], graph: OnnxGraph) -> float:
    """How many numbers a constant says that the output has; 0 where no constant says it."""
    if node.op == "Tile" and len(node.inputs) == 2:
        base = graph.weights.get(node.inputs[0])
        return asked.get(node.inputs[1], 0.0) * (math.prod(base.shape) if base is not None else 1)
    at = _SIZES_AT.get(node.op, len(node.inputs))
    return asked.get(node.inputs[at], 0.0) if at < len(node.inputs) else 0.0


def _check_wiring(graph: OnnxGraph, place: str) -> None:
    """Every array is made before it is read, and made once."""
    known = {"", *graph.inputs, *graph.weights}
    for node in graph.nodes:
        unknown = [name for name in node.inputs if name not in known]
        if unknown:
            raise InputError(f"the operation {node.op} reads {unknown[0]!r}, which nothing before it makes", place)
        twice = [name for name in node.outputs if name and name in known]
        if twice:
            raise InputError(f"the operation {node.op} makes {twice[0]!r}, which exists already", place)
        known.update(node.outputs)
    missing = [name for name in graph.outputs if name not in known]
    if missing:
        raise InputError(f"nothing makes the output {missing[0]!r}", place)
