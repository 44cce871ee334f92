"""OpenVINO on the CPU (the extra `[openvino]`): about 1.3 times as fast as ONNX Runtime for eight-bit nets."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from geometry.errors import InputError, UnsupportedError
from inference.engines.engine import EngineOptions, Session
from inference.errors import EngineError
from inference.store import StoredModel, verify
from inference.tensors import Arrays, Shape, TensorSpec, check_arrays


@dataclass(frozen=True, slots=True)
class OpenVinoEngine:
    """Compiles the net for the CPU that is there."""

    name: str = "openvino"

    def load(self, model: StoredModel, options: EngineOptions) -> Session:
        """A session on the CPU; this engine has no NVIDIA GPUs."""
        if options.provider != "cpu":
            raise UnsupportedError(
                f"OpenVINO does not run on {options.provider}; choose the engine onnxruntime, or the provider cpu"
            )
        data = verify(model).data
        try:
            openvino = importlib.import_module("openvino")
        except ImportError as error:
            raise UnsupportedError("OpenVINO is not installed; install lanewise[openvino]") from error
        try:
            core = openvino.Core()
            compiled = core.compile_model(core.read_model(data, b""), "CPU", _hints(options))
            used = tuple(str(device) for device in compiled.get_property("EXECUTION_DEVICES"))
        except RuntimeError as error:
            raise InputError(f"OpenVINO refuses the model: {_line(error)}", model.path) from error
        return OpenVinoSession(model.name, compiled, used, model.manifest.inputs, tuple(model.manifest.outputs))


def _hints(options: EngineOptions) -> dict[str, Any]:
    """fp32 unless half precision is allowed: else OpenVINO takes bf16 wherever the CPU has it, and results differ."""
    return {
        "INFERENCE_NUM_THREADS": options.threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if options.half else "f32",
        "ENABLE_CPU_PINNING": False,
    }


@dataclass(slots=True)
class OpenVinoSession:
    """A compiled net, with as many requests as were ever needed at once."""

    name: str
    compiled: Any
    providers: tuple[str, ...]
    inputs: Mapping[str, TensorSpec]
    outputs: tuple[str, ...]
    idle: list[Any] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def infer(self, arrays: Arrays) -> Arrays:
        """All outputs."""
        check_arrays(arrays, self.inputs, self.name)
        try:
            with self.lock:
                request = self.idle.pop() if self.idle else self.compiled.create_infer_request()
            request.infer({name: np.ascontiguousarray(array) for name, array in arrays.items()}, share_inputs=True)
            answers = {name: request.get_tensor(name).data.copy() for name in self.outputs}
        except (RuntimeError, AttributeError) as error:
            raise EngineError(f"{self.name}: OpenVINO failed: {_line(error)}") from error
        with self.lock:
            self.idle.append(request)
        return answers

    def warm_up(self, shapes: Sequence[Mapping[str, Shape]]) -> None:
        """Run on zeros."""
        for chosen in shapes:
            self.infer({name: np.zeros(shape, self.inputs[name].dtype) for name, shape in chosen.items()})

    def close(self) -> None:
        """Give back memory."""
        self.idle.clear()
        self.compiled = None


def _line(error: Exception) -> str:
    """The last telling line: OpenVINO begins with places in its own sources."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1][:200]
