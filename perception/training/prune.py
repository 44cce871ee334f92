"""Channels that contribute least are taken out of a net: fewer multiplications, to be followed by some more learning.

A channel's contribution is how much the loss would change without it, to first order: the square of activation times
gradient, summed over the picture (Molchanov et al., Importance Estimation for Neural Network Pruning, CVPR 2019), per
multiplication that it costs. Only channels between two convolutions of their own are candidates: where a shortcut or
the pyramid adds two maps, both would have to give up the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from geometry.errors import InputError
from perception.net.losses import Batch, losses_of, total_of
from perception.net.model import CameraNet

CHAINS = (
    ("stem", "stage4.0.0"), ("stage4.0", "stage4.1.0"), ("stage8.1.first", "stage8.1.second.0"),
    ("stage16.1.first", "stage16.1.second.0"), ("stage16.2.first", "stage16.2.second.0"),
    ("stage32.1.first", "stage32.1.second.0"), ("merge4", "grid"),
)  # fmt: skip
"""A block of convolution, norm and rectifier, and the one convolution that reads it."""
STEP, FEWEST = 4, 8
"""Channels go in groups of four, which is what processors compute at once; so many stay at least."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """Channels of each block before and after, and multiplications per picture."""

    widths: Mapping[str, tuple[int, int]]
    before: int
    after: int

    @property
    def share(self) -> float:
        """Of the multiplications, how many are gone."""
        return 1.0 - self.after / self.before


def contributions(net: CameraNet, batches: Iterable[Batch]) -> dict[str, Tensor]:
    """Contribution of each channel of each block, (C,); the net is left as it was."""
    found: dict[str, Tensor] = {}
    training = {name: module.training for name, module in net.named_modules()}
    net.eval()
    for batch in batches:
        seen: dict[str, Tensor] = {}
        hooks = [_keeping(net, name, seen) for name, _ in CHAINS]
        grid, weather = net(batch.images)
        for hook in hooks:
            hook.remove()
        net.zero_grad(set_to_none=True)
        total_of(losses_of(grid.float(), weather.float(), batch)).backward()  # type: ignore[no-untyped-call]
        for name, activation in seen.items():
            assert activation.grad is not None
            change = (activation.detach() * activation.grad).sum(dim=(2, 3)).square().sum(dim=0)
            found[name] = found.get(name, torch.zeros_like(change)) + change
    net.zero_grad(set_to_none=True)
    for name, module in net.named_modules():
        module.training = training[name]
    if not found:
        raise InputError("contributions need pictures to be measured on; none were given")
    return found


def _keeping(net: CameraNet, name: str, seen: dict[str, Tensor]) -> torch.utils.hooks.RemovableHandle:
    def keep(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        output.retain_grad()
        seen[name] = output

    return net.get_submodule(name).register_forward_hook(keep)


def multiplications(net: CameraNet, height: int = 352, width: int = 640) -> dict[str, int]:
    """Of each convolution, for one picture."""
    counts: dict[str, int] = {}

    def count(name: str, convolution: nn.Conv2d, output: Tensor) -> None:
        across = convolution.in_channels * convolution.kernel_size[0] * convolution.kernel_size[1]
        counts[name] = across * convolution.out_channels * output.shape[2] * output.shape[3]

    hooks = [
        module.register_forward_hook(lambda m, _, output, name=name: count(name, m, output))
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    training = net.training
    net.eval()
    with torch.no_grad():
        net(torch.zeros(1, height, width, 3, dtype=torch.uint8))
    net.train(training)
    for hook in hooks:
        hook.remove()
    return counts


def pruned(net: CameraNet, share: float, contribution: Mapping[str, Tensor]) -> Pruned:
    """Take channels out of the net, in place, until so large a share of its multiplications is gone.

    Raises:
        InputError: a share that cannot be reached, as every block keeps some channels.
    """
    if not 0.0 < share < 1.0:
        raise InputError(f"the share of multiplications to prune is {share:g}; between 0 and 1 was expected")
    counts = multiplications(net)
    before = sum(counts.values())
    widths = {name: _convolution(net, name).out_channels for name, _ in CHAINS}
    cost = {name: (counts[f"{name}.0"] + counts[reader]) // widths[name] for name, reader in CHAINS}
    kept, gone = _chosen(contribution, cost, share * before)
    if gone < share * before - max(cost.values()) * STEP:
        raise InputError(
            f"at most {100.0 * gone / before:.0f} % of the multiplications can be pruned, not {100.0 * share:.0f} %"
        )
    for name, reader in CHAINS:
        _narrow(net, name, reader, kept[name])
    after = sum(multiplications(net).values())
    return Pruned({name: (widths[name], len(kept[name])) for name, _ in CHAINS}, before, after)


def _chosen(
    contribution: Mapping[str, Tensor], cost: Mapping[str, int], wanted: float
) -> tuple[dict[str, Tensor], float]:
    """Channels that stay, in order, and the multiplications that go with the others."""
    order = {name: torch.argsort(value) for name, value in contribution.items()}
    groups: list[tuple[float, str]] = []
    for name, value in contribution.items():
        for first in range(0, max(len(value) - FEWEST, 0) // STEP * STEP, STEP):
            lost = float(value[order[name][first : first + STEP]].sum())
            groups.append((lost / (STEP * cost[name]), name))
    gone: dict[str, int] = dict.fromkeys(contribution, 0)
    spared = 0.0
    for _, name in sorted(groups, key=lambda group: group[0]):
        if spared >= wanted:
            break
        gone[name] += STEP
        spared += STEP * cost[name]
    return {name: torch.sort(order[name][gone[name] :]).values for name in contribution}, spared


def _convolution(net: CameraNet, block: str) -> nn.Conv2d:
    found = net.get_submodule(f"{block}.0")
    assert isinstance(found, nn.Conv2d)
    return found


def _narrow(net: CameraNet, block: str, reader: str, kept: Tensor) -> None:
    """Keep these channels of a block, and of what reads it."""
    convolution, norm = _convolution(net, block), net.get_submodule(f"{block}.1")
    assert isinstance(norm, nn.BatchNorm2d)
    _put(net, f"{block}.0", _rows(convolution, kept))
    _put(net, f"{block}.1", _norm(norm, kept))
    following = net.get_submodule(reader)
    assert isinstance(following, nn.Conv2d)
    _put(net, reader, _columns(following, kept))


def _put(net: CameraNet, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(net.get_submodule(parent), own, module)


def _like(old: nn.Conv2d, before: int, after: int, weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    new = nn.Conv2d(before, after, old.kernel_size, old.stride, old.padding, bias=bias is not None)  # type: ignore[arg-type]
    with torch.no_grad():
        new.weight.copy_(weight)
        if bias is not None and new.bias is not None:
            new.bias.copy_(bias)
    return new


def _rows(old: nn.Conv2d, kept: Tensor) -> nn.Conv2d:
    bias = None if old.bias is None else old.bias[kept]
    return _like(old, old.in_channels, len(kept), old.weight[kept], bias)


def _columns(old: nn.Conv2d, kept: Tensor) -> nn.Conv2d:
    return _like(old, len(kept), old.out_channels, old.weight[:, kept], old.bias)


def _norm(old: nn.BatchNorm2d, kept: Tensor) -> nn.BatchNorm2d:
    new = nn.BatchNorm2d(len(kept), old.eps, old.momentum)
    assert old.running_mean is not None
    assert old.running_var is not None
    with torch.no_grad():
        new.weight.copy_(old.weight[kept])
        new.bias.copy_(old.bias[kept])
    new.running_mean, new.running_var = old.running_mean[kept].clone(), old.running_var[kept].clone()
    new.train(old.training)
    return new


def widths_text(result: Pruned) -> str:
    """Which blocks lost channels, for people."""
    changed: Sequence[str] = [
        f"{name} {before} to {after}" for name, (before, after) in result.widths.items() if before != after
    ]
    return f"{100.0 * result.share:.0f} % of the multiplications pruned ({', '.join(changed) or 'nothing'})"
