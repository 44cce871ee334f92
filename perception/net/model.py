"""The camera net: one small residual backbone with a feature pyramid, shared by all cameras, and thin heads on it.

In: pictures (N, H, W, 3) uint8, RGB. Out: a grid (N, OUTPUTS, H / 4, W / 4) as named by `classes.CHANNELS`, and weather
logits (N, 6). About 1.1 million parameters; the anchor-free head follows CenterNet (Zhou et al. 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from perception.net.classes import CHANNELS, HEAT, OUTPUTS, WEATHERS

PRIOR = 0.01
"""Heat that an untrained net says everywhere, so that the many empty cells do not drown the first steps."""


@dataclass(frozen=True, slots=True)
class NetSettings:
    """Widths of the backbone at strides 2, 4, 8, 16 and 32, of the pyramid and of the head."""

    widths: tuple[int, int, int, int, int] = (16, 32, 64, 112, 128)
    pyramid: int = 32
    head: int = 64


class Conv(nn.Sequential):
    """Convolution, batch norm, rectifier."""

    def __init__(self, before: int, after: int, stride: int = 1, kernel: int = 3) -> None:
        super().__init__(
            nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU()
        )


class Residual(nn.Module):
    """Two convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Conv(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        return torch.relu(x + self.second(self.first(x)))


class CameraNet(nn.Module):
    """Backbone, pyramid, heads."""

    def __init__(self, settings: NetSettings = NetSettings()) -> None:
        super().__init__()
        w2, w4, w8, w16, w32 = settings.widths
        self.stem = Conv(3, w2, 2)
        self.stage4 = nn.Sequential(Conv(w2, w4, 2), Conv(w4, w4))
        self.stage8 = nn.Sequential(Conv(w4, w8, 2), Residual(w8))
        self.stage16 = nn.Sequential(Conv(w8, w16, 2), Residual(w16), Residual(w16))
        self.stage32 = nn.Sequential(Conv(w16, w32, 2), Residual(w32))
        p = settings.pyramid
        self.lateral4, self.lateral8 = nn.Conv2d(w4, p, 1), nn.Conv2d(w8, 2 * p, 1)
        self.lateral16, self.lateral32 = nn.Conv2d(w16, 2 * p, 1), nn.Conv2d(w32, 2 * p, 1)
        self.merge16, self.merge8 = Conv(2 * p, 2 * p), Conv(2 * p, p)
        self.merge4 = Conv(p, settings.head)
        self.grid = nn.Conv2d(settings.head, OUTPUTS, 1)
        self.weather = nn.Linear(w32 + w8, len(WEATHERS))
        self._begin()

    def _begin(self) -> None:
        bias = self.grid.bias
        assert bias is not None
        with torch.no_grad():
            bias.zero_()
            level = float(torch.logit(torch.tensor(PRIOR)))
            bias[:HEAT] = level
            bias[CHANNELS["marks"]] = level
        self.grid.weight.data.mul_(0.3)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Grid and weather logits."""
        x = images.permute(0, 3, 1, 2).to(self.grid.weight.dtype) * (1.0 / 127.5) - 1.0
        x4 = self.stage4(self.stem(x.contiguous(memory_format=torch.channels_last)))
        x8 = self.stage8(x4)
        x16 = self.stage16(x8)
        x32 = self.stage32(x16)
        p16 = self.merge16(self.lateral16(x16) + _doubled(self.lateral32(x32)))
        p8 = self.merge8(self.lateral8(x8) + _doubled(p16))
        p4 = self.merge4(self.lateral4(x4) + _doubled(p8))
        seen = torch.cat((x32.mean(dim=(2, 3)), x8.mean(dim=(2, 3))), dim=1)
        return self.grid(p4), self.weather(seen)


def _doubled(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")


def parameters_of(net: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(p.numel() for p in net.parameters())
