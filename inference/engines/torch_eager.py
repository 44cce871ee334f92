"""Torch, operation by operation: the reference that faster engines are held against (the extra `[train]`).

It interprets the graph of the stored ONNX file itself, so that what is compared is the engine and nothing else.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geometry.errors import UnsupportedError
from inference.engines.engine import EngineOptions, Session
from inference.errors import EngineError, OutOfMemoryError
from inference.onnx_file import OnnxGraph, OnnxModel
from inference.store import StoredModel, verify
from inference.tensors import Arrays, Shape, TensorSpec, check_arrays

OLDEST_OPSET = 11


@dataclass(frozen=True, slots=True)
class TorchEngine:
    """Eager torch on the CPU, or on CUDA."""

    name: str = "torch"

    def load(self, model: StoredModel, options: EngineOptions) -> Session:
        """A session; the graph may only hold operations of `torch_ops.OPS`."""
        onnx = verify(model).onnx
        try:
            torch = importlib.import_module("torch")
            ops = importlib.import_module("inference.engines.torch_ops")
        except ImportError as error:
            raise UnsupportedError("torch is not installed; install lanewise[train]") from error
        device = _device(torch, options)
        _check(onnx, model, ops.OPS)
        weights = {name: ops.tensor_of(value).to(device) for name, value in onnx.graph.weights.items()}
        return TorchSession(
            model.name, onnx.graph, model.manifest.inputs, weights, ops.OPS, torch, device, options.threads
        )


def _device(torch: Any, options: EngineOptions) -> str:
    if options.provider == "tensorrt":
        raise UnsupportedError("torch does not run on tensorrt; choose the engine onnxruntime, or the provider cuda")
    if options.provider == "cpu":
        return "cpu"
    if not torch.cuda.is_available() or options.device >= torch.cuda.device_count():
        raise UnsupportedError(
            f"the provider cuda needs NVIDIA GPU {options.device} and a torch built for it, which are not here; "
            'choose provider = "cpu"'
        )
    return f"cuda:{options.device}"


def _check(onnx: OnnxModel, model: StoredModel, ops: Mapping[str, Any]) -> None:
    if onnx.opsets.get("", OLDEST_OPSET) < OLDEST_OPSET:
        raise UnsupportedError(f"operator set {onnx.opsets['']} is older than {OLDEST_OPSET}", model.path)
    unknown = sorted({node.op for node in onnx.graph.nodes if node.domain or node.op not in ops})
    if unknown:
        raise UnsupportedError(f"the torch engine does not interpret {', '.join(unknown)}", model.path)


@dataclass(slots=True)
class TorchSession:
    """Walks the graph; arrays are forgotten after their last use."""

    name: str
    graph: OnnxGraph
    inputs: Mapping[str, TensorSpec]
    weights: Mapping[str, Any]
    ops: Mapping[str, Any]
    torch: Any
    device: str
    threads: int
    last_use: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        self.last_use = {name: i for i, node in enumerate(self.graph.nodes) for name in node.inputs}

    @property
    def providers(self) -> tuple[str, ...]:
        """`torch cpu` or `torch cuda:0`."""
        return (f"torch {self.device}",)

    def infer(self, arrays: Arrays) -> Arrays:
        """All outputs."""
        check_arrays(arrays, self.inputs, self.name)
        if self.last_use is None:
            raise EngineError(f"{self.name}: the session is closed")
        if self.torch.get_num_threads() != self.threads:
            self.torch.set_num_threads(self.threads)  # torch has one number for the whole process
        try:
            with self.torch.inference_mode():
                return self._walk(arrays)
        except self.torch.OutOfMemoryError as error:
            raise OutOfMemoryError(f"{self.name}: the batch does not fit into the GPU's memory") from error
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            raise EngineError(f"{self.name}: torch failed: {str(error).splitlines()[0][:200]}") from error

    def _walk(self, arrays: Arrays) -> Arrays:
        values: dict[str, Any] = {"": None}
        for name, array in arrays.items():
            # Arrays from outside may be read-only, which torch cannot express: such a view is copied.
            held = array if array.flags.writeable and array.flags.c_contiguous else np.array(array)
            values[name] = self.torch.from_numpy(held).to(self.device)
        last_use = self.last_use or {}
        for i, node in enumerate(self.graph.nodes):
            taken = [self.weights.get(name, values.get(name)) for name in node.inputs]
            made = self.ops[node.op](node.attributes, *taken)
            made = made if isinstance(made, tuple) else (made,)
            values.update(zip(node.outputs, made, strict=False))
            for name in node.inputs:
                if last_use[name] == i and name not in self.graph.outputs and name:
                    values.pop(name, None)
        return {name: self.weights.get(name, values.get(name)).cpu().numpy() for name in self.graph.outputs}

    def warm_up(self, shapes: Sequence[Mapping[str, Shape]]) -> None:
        """Run on zeros."""
        for chosen in shapes:
            self.infer({name: np.zeros(shape, self.inputs[name].dtype) for name, shape in chosen.items()})

    def close(self) -> None:
        """Give back memory."""
        self.weights, self.last_use = {}, None
