"""A net that goes on from a stored one: weights out of its ONNX file, batch norms measured anew on pictures.

The export folds each batch norm into its convolution. To learn on, the two are taken apart again: the convolution gets
the folded weights in one usual size (steps of Adam are absolute: small weights would be overrun by them), the norm the
mean and variance that its input has on some pictures, and a scale and shift that undo both. So the net answers as the
stored one did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from geometry.errors import InputError
from inference.onnx_file import OnnxModel
from perception.net.model import CameraNet
from perception.net.picture import cropped
from perception.training.sample import picture_of, read_shard

_FOLDED = "weight_bias"
"""What the export adds to the name of a convolution for the bias that its norm became."""

MEASURED_SHARDS, MEASURED_EVERY = 8, 10
WEIGHT_SIGMA = 0.07
"""Standard deviation of each convolution's weights before its norm."""


@dataclass(slots=True)
class _Moments:
    """Mean and variance per channel of what a norm was given."""

    count: int = 0
    total: Tensor = field(default_factory=lambda: torch.zeros(1))
    squares: Tensor = field(default_factory=lambda: torch.zeros(1))

    def see(self, x: Tensor) -> None:
        """One batch (N, C, h, w)."""
        self.count += x.numel() // x.shape[1]
        self.total = self.total + x.double().sum(dim=(0, 2, 3))
        self.squares = self.squares + x.double().square().sum(dim=(0, 2, 3))


def weights_in(model: OnnxModel, path: Path) -> dict[str, Tensor]:
    """Floating-point constants of a model by name.

    Raises:
        InputError: it is no fp32 camera net.
    """
    found = {
        name: torch.from_numpy(np.array(weights.array()))
        for name, weights in model.graph.weights.items()
        if weights.dtype == "float32"
    }
    if "stem.0.weight" not in found or "grid.weight" not in found:
        raise InputError("to learn on from needs an fp32 camera net of ours; INT8 and other nets are refused", path)
    return found


def pictures_of(shards: Sequence[Path]) -> NDArray[np.uint8]:
    """Some whole pictures (N, H, W, 3) of the first shards, to measure norms on."""
    samples = [sample for path in shards[:MEASURED_SHARDS] for sample in read_shard(path).samples[::MEASURED_EVERY]]
    return np.stack([cropped(picture_of(sample)) for sample in samples])


def take_over(net: CameraNet, weights: Mapping[str, Tensor], pictures: NDArray[np.uint8]) -> None:
    """Give the net the weights of a stored one; `pictures` (N, H, W, 3) are what its norms are measured on.

    Outputs that the stored net does not have keep the weights that they begin with.

    Raises:
        InputError: the stored net has other widths.
    """
    norms = {name: module for name, module in net.named_modules() if isinstance(module, nn.BatchNorm2d)}
    convolution_of = {name: f"{name.rsplit('.', 1)[0]}.0" for name in norms}
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.rsplit(".", 1)[0] not in norms:
                _copy(parameter, weights.get(name), name)
        for name, norm in norms.items():
            _plain(norm, weights.get(f"{convolution_of[name]}.{_FOLDED}"), name)
        for name in norms:
            convolution = net.get_submodule(convolution_of[name])
            assert isinstance(convolution, nn.Conv2d)
            _undo_scale(convolution.weight, norms[name])
        moments = _measured(net, norms, pictures)
        for name, norm in norms.items():
            _undoing(norm, moments[name])


def _copy(parameter: Tensor, stored: Tensor | None, name: str) -> None:
    """All of it, or the first rows of an output that has grown."""
    grown = stored is not None and name.startswith("grid.") and len(stored) <= len(parameter)
    if stored is None or (stored.shape != parameter.shape and not (grown and stored.shape[1:] == parameter.shape[1:])):
        said = "is missing" if stored is None else f"has the shape {tuple(stored.shape)}, not {tuple(parameter.shape)}"
        raise InputError(f"the stored net is another one: {name} {said}")
    parameter[: len(stored)] = stored


def _plain(norm: nn.BatchNorm2d, bias: Tensor | None, name: str) -> None:
    """A norm that only adds the folded bias."""
    if bias is None or bias.shape != norm.bias.shape:
        raise InputError(f"the stored net is another one: the bias of {name} is missing or of another width")
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0 - norm.eps)
    norm.weight.fill_(1.0)
    norm.bias.copy_(bias)


def _undo_scale(weight: Tensor, norm: nn.BatchNorm2d) -> None:
    """Weights of the usual size, and a norm that takes it back."""
    scale = WEIGHT_SIGMA / float(weight.std())
    weight.mul_(scale)
    norm.weight.div_(scale)


def _measured(net: CameraNet, norms: Mapping[str, nn.BatchNorm2d], pictures: NDArray[np.uint8]) -> dict[str, _Moments]:
    """What each norm is given while the net looks at pictures."""
    moments = {name: _Moments() for name in norms}
    hooks = [
        norm.register_forward_pre_hook(lambda _, x, name=name: moments[name].see(x[0])) for name, norm in norms.items()
    ]
    net.eval()
    for at in range(0, len(pictures), 8):
        net(torch.from_numpy(np.ascontiguousarray(pictures[at : at + 8])))
    for hook in hooks:
        hook.remove()
    net.train()
    return moments


def _undoing(norm: nn.BatchNorm2d, seen: _Moments) -> None:
    """Mean and variance as measured; scale and shift so that nothing changes."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean = seen.total / seen.count
    variance = (seen.squares / seen.count - mean.square()).clamp(min=1e-8)
    norm.bias.add_(norm.weight * mean)
    norm.weight.mul_((variance + norm.eps).sqrt())
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
