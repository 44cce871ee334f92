"""The inference that a stack's nets and kernels share."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lanewise.config import RunConfig
from perception.detector import Arrays, Infer

MODELS = Path(__file__).parent / "models"


def infer_with(config: RunConfig) -> Infer:
    """Runs models of the store by name."""
    del config

    def infer(name: str, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
        session = _session(name)
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, dict(arrays)), strict=True))

    return infer


@cache
def _session(name: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(MODELS / name / "1" / "model.onnx"), options)
