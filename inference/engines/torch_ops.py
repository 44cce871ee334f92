"""ONNX operations written in torch, as far as camera nets use them. Semantics: ONNX Operators, operator sets 11 to 23.

Each takes the node's attributes and its inputs (None where one is left out). Tested one by one against ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from geometry.errors import UnsupportedError
from inference.onnx_file import DTYPE_OF_CODE, Weights

Attributes = Mapping[str, Any]
Op = Callable[..., Any]


def tensor_of(weights: Weights) -> Tensor:
    """A constant of the graph."""
    if weights.dtype == "bfloat16":
        bits = torch.from_numpy(np.frombuffer(weights.data, np.int16).copy())
        return bits.view(torch.bfloat16).reshape(weights.shape)
    return torch.from_numpy(weights.array().copy())


def _sizes(value: Tensor) -> list[int]:
    return [int(size) for size in value.tolist()]


def _text(attributes: Attributes, name: str, otherwise: str) -> str:
    value = attributes.get(name)
    return otherwise if value is None else bytes(value).decode()


# --- windows: convolutions and pools ---


def _padding(attributes: Attributes, x: Tensor, window: Sequence[int]) -> tuple[int, ...]:
    """Padding before each side, then after each, of the spatial dimensions."""
    sides = len(window)
    auto = _text(attributes, "auto_pad", "NOTSET")
    if auto in ("NOTSET", "VALID"):
        return tuple(attributes.get("pads", ())) or (0,) * (2 * sides)
    strides = attributes.get("strides", (1,) * sides)
    dilations = attributes.get("dilations", (1,) * sides)
    begin, end = [], []
    for size, length, stride, dilation in zip(x.shape[2:], window, strides, dilations, strict=True):
        total = max((-(-size // stride) - 1) * stride + dilation * (length - 1) + 1 - size, 0)
        less, more = total // 2, total - total // 2
        begin.append(less if auto == "SAME_UPPER" else more)
        end.append(more if auto == "SAME_UPPER" else less)
    return (*begin, *end)


def _padded(x: Tensor, padding: Sequence[int], value: float) -> Tensor:
    """Padded on its last dimensions; torch counts from the last one."""
    sides = len(padding) // 2
    flat = [padding[side + part * sides] for side in reversed(range(sides)) for part in (0, 1)]
    return functional.pad(x, flat, value=value) if any(flat) else x


def _convolution(attributes: Attributes, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    sides = w.dim() - 2
    padding = _padding(attributes, x, w.shape[2:])
    even = padding[:sides] == padding[sides:]
    x = x if even else _padded(x, padding, 0.0)
    convolve: Op = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}[sides]
    result: Tensor = convolve(
        x, w, b, attributes.get("strides", (1,) * sides), padding[:sides] if even else 0,
        attributes.get("dilations", (1,) * sides), attributes.get("group", 1),
    )  # fmt: skip
    return result


def _transposed_convolution(attributes: Attributes, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    sides = w.dim() - 2
    padding = tuple(attributes.get("pads", (0,) * (2 * sides)))
    if padding[:sides] != padding[sides:] or "output_shape" in attributes or sides != 2:
        raise UnsupportedError("the torch engine knows ConvTranspose in 2D with even padding only")
    return functional.conv_transpose2d(
        x, w, b, attributes.get("strides", (1, 1)), padding[:sides], attributes.get("output_padding", (0, 0)),
        attributes.get("group", 1), attributes.get("dilations", (1, 1)),
    )  # fmt: skip


def _max_pool(attributes: Attributes, x: Tensor) -> Tensor:
    window = attributes["kernel_shape"]
    if attributes.get("ceil_mode", 0) or len(window) != 2:
        raise UnsupportedError("the torch engine knows MaxPool in 2D without ceil_mode only")
    x = _padded(x, _padding(attributes, x, window), float("-inf"))
    return functional.max_pool2d(
        x, window, attributes.get("strides", (1, 1)), 0, attributes.get("dilations", (1, 1))
    )  # fmt: skip


def _average_pool(attributes: Attributes, x: Tensor) -> Tensor:
    window = attributes["kernel_shape"]
    padding = _padding(attributes, x, window)
    if attributes.get("ceil_mode", 0) or len(window) != 2:
        raise UnsupportedError("the torch engine knows AveragePool in 2D without ceil_mode only")
    strides = attributes.get("strides", (1, 1))
    sums = functional.avg_pool2d(_padded(x, padding, 0.0), window, strides)
    if attributes.get("count_include_pad", 0) or not any(padding):
        return sums
    inside = functional.avg_pool2d(_padded(torch.ones_like(x[:1, :1]), padding, 0.0), window, strides)
    return sums / inside


def _resize(attributes: Attributes, x: Tensor, *rest: Tensor | None) -> Tensor:
    scales = rest[1] if len(rest) > 1 and rest[1] is not None and rest[1].numel() else None
    sizes = rest[2] if len(rest) > 2 and rest[2] is not None and rest[2].numel() else None
    mode = _text(attributes, "mode", "nearest")
    place = _text(attributes, "coordinate_transformation_mode", "half_pixel")
    if x.dim() != 4 or attributes.get("antialias", 0):
        raise UnsupportedError("the torch engine knows Resize of pictures (N, C, H, W) without antialias only")
    if sizes is not None:
        target = _sizes(sizes)[2:]
    else:
        assert scales is not None
        target = [int(np.floor(size * scale)) for size, scale in zip(x.shape, scales.tolist(), strict=True)][2:]
    if mode == "nearest":
        rounding = _text(attributes, "nearest_mode", "round_prefer_floor")
        return x[:, :, _nearest(x.shape[2], target[0], place, rounding)][
            :, :, :, _nearest(x.shape[3], target[1], place, rounding)
        ]
    if mode == "linear" and place in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        return functional.interpolate(x, target, mode="bilinear", align_corners=place == "align_corners")
    raise UnsupportedError(f"the torch engine does not know Resize {mode} with {place}")


def _nearest(size: int, target: int, place: str, rounding: str) -> Tensor:
    """Which of `size` pixels each of `target` pixels takes."""
    out, scale = np.arange(target, dtype=np.float64), target / size
    if place == "asymmetric":
        at = out / scale
    elif place == "align_corners":
        at = out * (size - 1) / max(target - 1, 1)
    else:
        at = (out + 0.5) / scale - 0.5
    roundings: Mapping[str, Callable[[Any], Any]] = {
        "floor": np.floor, "ceil": np.ceil, "round_prefer_floor": lambda v: np.ceil(v - 0.5),
        "round_prefer_ceil": lambda v: np.floor(v + 0.5),
    }  # fmt: skip
    return torch.from_numpy(np.clip(roundings[rounding](at), 0, size - 1).astype(np.int64))


# --- shapes ---


def _reshape(attributes: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    keeps = not attributes.get("allowzero", 0)
    return x.reshape([x.shape[i] if size == 0 and keeps else size for i, size in enumerate(_sizes(shape))])


def _slice(attributes: Attributes, x: Tensor, *rest: Tensor | None) -> Tensor:
    del attributes
    starts, ends = (_sizes(value) for value in rest[:2] if value is not None)
    axes = _sizes(rest[2]) if len(rest) > 2 and rest[2] is not None else list(range(len(starts)))
    steps = _sizes(rest[3]) if len(rest) > 3 and rest[3] is not None else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step < 1:
            raise UnsupportedError("the torch engine does not know Slice with negative steps")
        chosen = range(x.shape[axis])[start:end:step]
        x = x.narrow(axis, chosen.start, len(chosen) and chosen[-1] - chosen.start + 1)
        x = x if step == 1 else x.index_select(axis, torch.arange(0, x.shape[axis], step))
    return x


def _split(attributes: Attributes, x: Tensor, sizes: Tensor | None = None) -> tuple[Tensor, ...]:
    axis = attributes.get("axis", 0)
    if sizes is not None:
        return torch.split(x, _sizes(sizes), axis)
    if "split" in attributes:
        return torch.split(x, list(attributes["split"]), axis)
    return torch.chunk(x, attributes.get("num_outputs", 2), axis)


def _axes(attributes: Attributes, given: Tensor | None) -> list[int] | None:
    if given is not None:
        return _sizes(given)
    return list(attributes["axes"]) if "axes" in attributes else None


def _squeeze(attributes: Attributes, x: Tensor, given: Tensor | None = None) -> Tensor:
    axes = _axes(attributes, given)
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


def _unsqueeze(attributes: Attributes, x: Tensor, given: Tensor | None = None) -> Tensor:
    axes = _axes(attributes, given) or []
    rank = x.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _flatten(attributes: Attributes, x: Tensor) -> Tensor:
    axis = attributes.get("axis", 1)
    return x.reshape(int(np.prod(x.shape[:axis], dtype=np.int64)), -1)


def _gather(attributes: Attributes, x: Tensor, index: Tensor) -> Tensor:
    axis = attributes.get("axis", 0) % x.dim()
    flat = torch.where(index < 0, index + x.shape[axis], index).reshape(-1).to(x.device)
    taken = x.index_select(axis, flat)
    return taken.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


def _pad(attributes: Attributes, x: Tensor, pads: Tensor, value: Tensor | None = None, axes: Any = None) -> Tensor:
    if _text(attributes, "mode", "constant") != "constant" or axes is not None:
        raise UnsupportedError("the torch engine knows Pad with constants on all axes only")
    return _padded(x, _sizes(pads), 0.0 if value is None else float(value))


def _constant(attributes: Attributes) -> Tensor:
    for name in ("value", "value_int", "value_ints", "value_float", "value_floats"):
        if name in attributes:
            value = attributes[name]
            return tensor_of(value) if isinstance(value, Weights) else torch.tensor(value)
    raise UnsupportedError("the torch engine knows Constant with numbers only")


def _filled(attributes: Attributes, shape: Tensor) -> Tensor:
    value = attributes.get("value")
    filling = tensor_of(value) if isinstance(value, Weights) else torch.zeros(1)
    return torch.full(_sizes(shape), filling.item(), dtype=filling.dtype)


def _expand(attributes: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    del attributes
    return x * torch.ones(_sizes(shape), dtype=x.dtype, device=x.device)


def _transpose(attributes: Attributes, x: Tensor) -> Tensor:
    return x.permute(attributes.get("perm", tuple(reversed(range(x.dim())))))


# --- arithmetic ---


def _clip(attributes: Attributes, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    if low is None and high is None:
        return torch.clamp(x, attributes.get("min"), attributes.get("max")) if attributes else x
    return torch.clamp(x, low, high)


def _cast(attributes: Attributes, x: Tensor) -> Tensor:
    return x.to(getattr(torch, DTYPE_OF_CODE[attributes["to"]]))


def _product(attributes: Attributes, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    """Gemm."""
    left = a.T if attributes.get("transA", 0) else a
    right = b.T if attributes.get("transB", 0) else b
    result: Tensor = attributes.get("alpha", 1.0) * (left @ right)
    return result if c is None else result + attributes.get("beta", 1.0) * c


def _divided(attributes: Attributes, a: Tensor, b: Tensor) -> Tensor:
    del attributes
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _batch_normalised(attributes: Attributes, x: Tensor, *numbers: Tensor) -> Tensor:
    scale, shift, mean, variance = numbers
    return functional.batch_norm(x, mean, variance, scale, shift, eps=attributes.get("epsilon", 1e-5))


def _reduced(function: Op) -> Op:
    def run(attributes: Attributes, x: Tensor, given: Tensor | None = None) -> Tensor:
        axes = _axes(attributes, given)
        if axes is None:
            if attributes.get("noop_with_empty_axes", 0):
                return x
            axes = list(range(x.dim()))
        result: Tensor = function(x, axes, keepdim=bool(attributes.get("keepdims", 1)))
        return result

    return run


def _quantised(attributes: Attributes, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    """QuantizeLinear: round half to even, saturate."""
    kind = torch.uint8 if zero is None else zero.dtype
    limits = torch.iinfo(kind)
    shape = _per_channel(attributes, x, scale)
    offset = 0.0 if zero is None else zero.reshape(shape).to(x.dtype)
    return torch.clamp(torch.round(x / scale.reshape(shape)) + offset, limits.min, limits.max).to(kind)


def _dequantised(attributes: Attributes, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    shape = _per_channel(attributes, x, scale)
    centred = x.to(torch.int32) - (0 if zero is None else zero.reshape(shape).to(torch.int32))
    return centred.to(scale.dtype) * scale.reshape(shape)


def _per_channel(attributes: Attributes, x: Tensor, scale: Tensor) -> list[int]:
    """The shape that lays one number per channel over the array."""
    if scale.numel() == 1:
        return []
    shape = [1] * x.dim()
    shape[attributes.get("axis", 1)] = scale.numel()
    return shape


def _each(function: Op) -> Op:
    """An operation without attributes."""
    return lambda _, *inputs: function(*inputs)


def _softmax(attributes: Attributes, x: Tensor) -> Tensor:
    return torch.softmax(x, attributes.get("axis", -1))


OPS: Mapping[str, Op] = {
    "Add": _each(torch.add),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalised,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda attributes, *inputs: torch.cat(inputs, attributes["axis"]),
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "DequantizeLinear": _dequantised,
    "Div": _divided,
    "Exp": _each(torch.exp),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _each(torch.floor),
    "Gather": _gather,
    "Gemm": _product,
    "GlobalAveragePool": _each(lambda x: x.mean(tuple(range(2, x.dim())), keepdim=True)),
    "HardSigmoid": lambda a, x: torch.clamp(a.get("alpha", 0.2) * x + a.get("beta", 0.5), 0.0, 1.0),
    "HardSwish": _each(functional.hardswish),
    "Identity": _each(lambda x: x),
    "LeakyRelu": lambda a, x: functional.leaky_relu(x, a.get("alpha", 0.01)),
    "Log": _each(torch.log),
    "MatMul": _each(torch.matmul),
    "Max": _each(lambda *inputs: reduce(torch.maximum, inputs)),
    "MaxPool": _max_pool,
    "Min": _each(lambda *inputs: reduce(torch.minimum, inputs)),
    "Mul": _each(torch.mul),
    "Neg": _each(torch.neg),
    "Pad": _pad,
    "Pow": _each(torch.pow),
    "QuantizeLinear": _quantised,
    "ReduceMax": _reduced(torch.amax),
    "ReduceMean": _reduced(torch.mean),
    "ReduceSum": _reduced(torch.sum),
    "Relu": _each(torch.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _each(lambda x: torch.tensor(x.shape, dtype=torch.int64)),
    "Sigmoid": _each(torch.sigmoid),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Sqrt": _each(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _each(torch.sub),
    "Tanh": _each(torch.tanh),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
