"""The engines by name."""

from __future__ import annotations

from collections.abc import Mapping

from geometry.errors import InputError
from inference.engines.engine import Engine
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.openvino import OpenVinoEngine
from inference.engines.torch_eager import TorchEngine

ENGINES: Mapping[str, Engine] = {
    engine.name: engine for engine in (OnnxRuntimeEngine(), OpenVinoEngine(), TorchEngine())
}


def engine_named(name: str) -> Engine:
    """The engine of this name.

    Raises:
        InputError: there is none.
    """
    if name not in ENGINES:
        raise InputError(f"there is no engine {name!r}; known are {', '.join(ENGINES)}")
    return ENGINES[name]
