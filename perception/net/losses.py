"""What training makes small: one number per task, summed with fixed weights.

Heat: focal loss of CenterNet (Zhou et al. 2019, eq. 1). Depth, contact and mark offset: negative log-likelihood of a
Laplace distribution, whose learned scale is the net's own uncertainty (Kendall and Gal 2017). The rest: L1, squared
error, binary cross-entropy.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from perception.net.classes import CHANNELS, OBJECTS

WEIGHTS = MappingProxyType({
    "heat": 1.0, "lights": 0.3, "offset": 1.0, "depth": 0.6, "contact": 0.4, "size": 0.5, "yaw": 0.8, "drivable": 0.3,
    "marks": 0.35, "mark_offset": 0.15, "horizon": 0.3, "weather": 0.15,
})  # fmt: skip
_SCALE_FLOOR = -5.0
OBJECT = len(OBJECTS)


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of B pictures: shapes as in `targets.Targets` with B in front; images (B, H, W, 3) uint8."""

    images: Tensor
    heat: Tensor
    care: Tensor
    regression: Tensor
    drivable: Tensor
    marks: Tensor
    mark_offset: Tensor
    horizon: Tensor
    weather: Tensor


def losses_of(grid: Tensor, weather: Tensor, batch: Batch) -> dict[str, Tensor]:
    """Loss per task, unweighted; grid (B, OUTPUTS, h, w) in float32.

    Pictures of weather -1 are of data sets that label boxes alone: nothing else is learned from them.
    """
    labelled = (batch.weather >= 0).float()[:, None, None, None]

    # Split once: the gradient of a slice is a whole grid of zeros, that of a split is not.
    sizes = [channels.stop - channels.start for channels in CHANNELS.values()]
    parts = dict(zip(CHANNELS, torch.split(grid, sizes, dim=1), strict=True))

    def part(name: str) -> Tensor:
        return parts[name]

    wanted, weight = batch.regression[:, :9], batch.regression[:, 9:]
    full, near = weight.clamp(min=0.0), weight.abs()
    count, all_count = full.sum().clamp(min=1.0), near.sum().clamp(min=1.0)
    return {
        # Apart, as lights are so few beside objects that a common mean would hardly know them.
        "heat": focal(part("heat")[:, :OBJECT], batch.heat[:, :OBJECT], batch.care[:, :OBJECT]),
        "lights": focal(part("heat")[:, OBJECT:], batch.heat[:, OBJECT:], batch.care[:, OBJECT:] * labelled),
        # Relative for far offsets: those of objects that reach beyond the picture are large and need not be exact.
        "offset": ((part("offset") - wanted[:, :2]).abs() / (1.0 + wanted[:, :2].abs()) * near).sum() / all_count,
        "depth": (laplace(part("depth"), wanted[:, 2:3]) * near).sum() / all_count,
        "contact": (laplace(part("contact"), wanted[:, 3:4]) * full).sum() / count,
        "size": ((part("size") - wanted[:, 4:7]).abs() * full).sum() / count,
        # Squared: where front and rear look alike, L1 would learn neither of them.
        "yaw": ((part("yaw") - wanted[:, 7:9]).square() * full).sum() / count,
        "drivable": _mean(
            nn.functional.binary_cross_entropy_with_logits(part("drivable")[:, 0], batch.drivable, reduction="none"),
            labelled[:, 0],
        ),
        "marks": _mark_loss(part("marks"), batch, labelled),
        "mark_offset": (laplace(part("mark_offset"), batch.mark_offset[:, :1]) * batch.mark_offset[:, 1:]).sum()
        / batch.mark_offset[:, 1:].sum().clamp(min=1.0),
        "horizon": (laplace(part("horizon"), batch.horizon[:, :1]) * batch.horizon[:, 1:]).sum()
        / batch.horizon[:, 1:].sum().clamp(min=1.0),
        "weather": nn.functional.cross_entropy(weather, batch.weather, ignore_index=-1, reduction="sum")
        / labelled.sum().clamp(min=1.0),
    }


def total_of(losses: dict[str, Tensor]) -> Tensor:
    """The weighted sum."""
    return torch.stack([WEIGHTS[name] * loss for name, loss in losses.items()]).sum()


def focal(logits: Tensor, wanted: Tensor, care: Tensor) -> Tensor:
    """Penalty-reduced focal loss with alpha 2 and beta 4, over the number of peaks."""
    p = torch.sigmoid(logits).clamp(1e-4, 1.0 - 1e-4)
    peak = (wanted > 0.999).float()
    hit = peak * (1.0 - p) ** 2 * torch.log(p)
    miss = (1.0 - peak) * (1.0 - wanted) ** 4 * p**2 * torch.log(1.0 - p)
    return -((hit + miss) * torch.maximum(care, peak)).sum() / peak.sum().clamp(min=1.0)


def laplace(said: Tensor, wanted: Tensor) -> Tensor:
    """Negative log-likelihood; `said` has value and log scale in its two channels."""
    log_scale = said[:, 1:].clamp(_SCALE_FLOOR, 3.0)
    return (said[:, :1] - wanted).abs() * torch.exp(-log_scale) + log_scale


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    """Mean over what counts; zero where nothing does."""
    return (values * counts).sum() / counts.expand_as(values).sum().clamp(min=1.0)


def _mark_loss(logits: Tensor, batch: Batch, labelled: Tensor) -> Tensor:
    """Focal over cells; the cells right beside a line count half, as the line touches them too."""
    touched = batch.mark_offset[:, 1:] * (1.0 - batch.marks.amax(dim=1, keepdim=True))
    p = torch.sigmoid(logits).clamp(1e-4, 1.0 - 1e-4)
    hit = batch.marks * (1.0 - p) ** 2 * torch.log(p)
    miss = (1.0 - batch.marks) * (1.0 - 0.8 * touched) * p**2 * torch.log(1.0 - p)
    return -((hit + miss) * labelled).sum() / batch.marks.sum().clamp(min=1.0)
