"""INT8 by calibration: the ranges of all activations are measured on pictures, weights are rounded per channel.

In: an ONNX file and inputs to calibrate on. Out: an ONNX file whose convolutions compute on bytes. The first and the
last convolutions of a net may stay in floats: they are cheap and what is lost there is lost for good (Nagel et al., A
White Paper on Neural Network Quantization, 2021, section 4).
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geometry.errors import InputError, UnsupportedError
from inference.tensors import Arrays

QUANTIZED = ("Conv", "Add", "Resize", "Relu")
RANGES = ("minmax", "percentile")


@dataclass(frozen=True, slots=True)
class QuantizeSettings:
    """`ranges`: how a range is taken from what was measured; `floats` names convolutions that stay as they are."""

    ranges: str = "percentile"
    floats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.ranges not in RANGES:
            raise InputError(f"ranges {self.ranges!r} are unknown; known are {', '.join(RANGES)}")


def first_and_last(path: Path) -> tuple[str, ...]:
    """Names of the first convolution of a net and of those that nothing but an output follows."""
    graph = _onnx().load(str(path)).graph
    ends = {output.name for output in graph.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    last = [node.name for node in convolutions if set(node.output) & ends]
    return (convolutions[0].name, *last) if convolutions else ()


def quantize(source: Path, target: Path, inputs: Iterable[Arrays], settings: QuantizeSettings) -> None:
    """Write the net with INT8 weights and activations.

    Raises:
        InputError: nothing to calibrate on.
        UnsupportedError: the packages that write ONNX files are not installed.
    """
    _onnx()
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    given = iter(inputs)
    first = next(given, None)
    if first is None:
        raise InputError("INT8 needs inputs to calibrate on; none were given")
    methods = {
        "minmax": quantization.CalibrationMethod.MinMax,
        "percentile": quantization.CalibrationMethod.Percentile,
    }
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        # The calibration tells of its progress on stdout, where a command's own result belongs.
        quantization.quantize_static(
            str(prepared), str(target), _reader(_chained(first, given)),
            quant_format=quantization.QuantFormat.QDQ, per_channel=True,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
            calibrate_method=methods[settings.ranges], nodes_to_exclude=list(settings.floats),
            op_types_to_quantize=list(QUANTIZED),
        )  # fmt: skip


def _chained(first: Arrays, rest: Iterator[Arrays]) -> Iterator[Arrays]:
    yield first
    yield from rest


def _reader(inputs: Iterator[Arrays]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands one input after the other to the calibration."""

        def get_next(self) -> dict[str, Any] | None:
            """The next one, None at the end."""
            arrays = next(inputs, None)
            return None if arrays is None else dict(arrays)

    return Reader()


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise UnsupportedError("writing models needs the package onnx: pip install 'lanewise[train]'") from error
    return onnx
