"""The training loop: batches from shards, bfloat16 on CPU or GPU, averaged weights, checkpoints to go on from.

In: shards, a time budget and a clock. Out: the net with averaged weights, and a log. The order of pictures follows from
the seed and the step alone.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from geometry.errors import InputError
from perception.net.losses import Batch, losses_of, total_of
from perception.net.model import CameraNet, NetSettings
from perception.net.picture import cropped
from perception.net.targets import Targets, targets_of
from perception.training.sample import Sample, fitted, mirrored, picture_of, read_shard, windowed


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How to learn."""

    seed: int = 0
    batch: int = 8
    rate: float = 2.5e-3
    output_rate: float = 1.0
    """Times the rate for the last layer: more where outputs are new to a net that has learned the others."""
    weight_decay: float = 1e-2
    warm_up: float = 0.03
    """Share of the time in which the rate rises."""
    average: float = 0.997
    clip: float = 5.0
    shards_open: int = 6
    """Pictures are mixed over so many shards."""
    window: tuple[int, int] = (224, 384)
    """Most batches are of windows of this height and width, each with `window_batch` pictures."""
    window_batch: int = 16
    whole_share: float = 0.25
    """Share of the batches that are of whole pictures."""
    frozen_norms: bool = False
    """Batch norms keep their means and variances, for a net that has them from before."""
    empty_share: float = 0.3
    """Of the pictures without an object or a light so many are kept."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after each step."""

    step: int
    pictures: int
    seconds: float
    losses: dict[str, float]


def train(
    shards: Sequence[Path],
    seconds: float,
    clock: Callable[[], float],
    settings: LoopSettings,
    *,
    net_settings: NetSettings | None = None,
    begin_with: Callable[[CameraNet], None] = lambda _: None,
    checkpoint: Path | None = None,
    device: str = "cpu",
    told: Callable[[Progress], None] = lambda _: None,
) -> CameraNet:
    """Learn for so many seconds (on top of none that a checkpoint has used) and return the averaged net.

    `begin_with` may put weights into the fresh net; a checkpoint that is there goes before it.

    Raises:
        InputError: there are no shards, or the device is not there.
    """
    if not shards:
        raise InputError("no shards to learn from; generate some first")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"the device {device} is not there; use cpu")
    torch.manual_seed(settings.seed)
    fresh = checkpoint is None or not checkpoint.exists()
    net = _begun(CameraNet(net_settings or NetSettings()), settings, begin_with if fresh else lambda _: None).to(device)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(net)
    optimiser = torch.optim.AdamW(_groups(net, settings), settings.rate, weight_decay=settings.weight_decay)
    step, used, pictures = 0, 0.0, 0
    if checkpoint is not None and not fresh:
        step, used, pictures = _restore(checkpoint, net, average, optimiser)
    begin = clock()
    for batch in _batches(shards, settings, step):
        spent = used + clock() - begin
        if spent >= seconds:
            break
        rate = _rate(settings, spent / seconds)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["times"]
        losses = _step(net, optimiser, batch, device, settings.clip)
        step, pictures = step + 1, pictures + len(batch.images)
        _follow(average, net, min(settings.average, (1.0 + step) / (10.0 + step)))
        told(Progress(step, pictures, spent, losses))
        if checkpoint is not None and step % 200 == 0:
            _keep(checkpoint, net, average, optimiser, (step, used + clock() - begin, pictures))
    if checkpoint is not None:
        _keep(checkpoint, net, average, optimiser, (step, used + clock() - begin, pictures))
    average.eval()
    return average


def _begun(net: CameraNet, settings: LoopSettings, begin_with: Callable[[CameraNet], None]) -> CameraNet:
    """The net ready to learn."""
    begin_with(net)
    net.train()
    if settings.frozen_norms:
        for norm in (module for module in net.modules() if isinstance(module, nn.BatchNorm2d)):
            norm.eval()
    return net


def _groups(net: CameraNet, settings: LoopSettings) -> list[dict[str, object]]:
    """Parameters and what their rate is multiplied by."""
    last = {id(parameter) for parameter in net.grid.parameters()}
    others = [parameter for parameter in net.parameters() if id(parameter) not in last]
    return [
        {"params": others, "times": 1.0},
        {"params": list(net.grid.parameters()), "times": settings.output_rate},
    ]


def _rate(settings: LoopSettings, share: float) -> float:
    """Linear rise, then half a cosine down to a hundredth."""
    if share < settings.warm_up:
        return settings.rate * max(share / settings.warm_up, 0.02)
    after = (share - settings.warm_up) / (1.0 - settings.warm_up)
    return settings.rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(after, 1.0))))


def _step(net: CameraNet, optimiser: torch.optim.Optimizer, batch: Batch, device: str, clip: float) -> dict[str, float]:
    kind = "cuda" if device.startswith("cuda") else "cpu"
    with torch.autocast(kind, torch.bfloat16):
        grid, weather = net(batch.images.to(device))
    moved = Batch(**{item.name: getattr(batch, item.name).to(device) for item in fields(Batch)})
    losses = losses_of(grid.float(), weather.float(), moved)
    total = total_of(losses)
    optimiser.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
    optimiser.step()
    return {name: float(loss.detach()) for name, loss in losses.items()} | {"total": float(total.detach())}


@torch.no_grad()
def _follow(average: CameraNet, net: CameraNet, keep: float) -> None:
    """Exponential moving average of weights; statistics of the batch norms too."""
    for mean, now in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(now, 1.0 - keep)
        else:
            mean.copy_(now)


def _batches(shards: Sequence[Path], settings: LoopSettings, first_step: int) -> Iterator[Batch]:
    """Endless batches; a resumed run goes on with fresh mixtures."""
    rng = np.random.Generator(np.random.PCG64([settings.seed, first_step]))
    while True:
        order = rng.permutation(len(shards))
        for at in range(0, len(order), settings.shards_open):
            chosen = order[at : at + settings.shards_open]
            pool = [sample for index in chosen for sample in read_shard(shards[index]).samples]
            pool = [sample for sample in pool if _shows_something(sample) or rng.random() < settings.empty_share]
            mixed, k = rng.permutation(len(pool)), 0
            while k < len(mixed):
                whole = rng.random() < settings.whole_share
                size = settings.batch if whole else settings.window_batch
                yield batch_of([pool[i] for i in mixed[k : k + size]], rng, None if whole else settings.window)
                k += size


def _shows_something(sample: Sample) -> bool:
    return len(sample.answer.objects) > 0 or len(sample.answer.lights) > 0


def batch_of(
    samples: Sequence[Sample], rng: np.random.Generator | None, window: tuple[int, int] | None = None
) -> Batch:
    """Tensors of some samples; with a generator, mirrored by chance, in other colours and cut to windows."""
    images, targets = zip(*(_prepared(sample, rng, window) for sample in samples), strict=True)

    def stacked(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(target, name) for target in targets]))

    weather = torch.tensor([target.weather for target in targets])
    return Batch(
        images=torch.from_numpy(np.stack(images)),
        heat=stacked("heat"),
        care=stacked("care"),
        regression=stacked("regression"),
        drivable=stacked("drivable"),
        marks=stacked("marks"),
        mark_offset=stacked("mark_offset"),
        horizon=stacked("horizon"),
        weather=weather,
    )


def _prepared(
    sample: Sample, rng: np.random.Generator | None, window: tuple[int, int] | None
) -> tuple[NDArray[np.uint8], Targets]:
    image, answer = cropped(picture_of(sample)), fitted(sample.answer)
    if rng is not None:
        if window is not None:
            image, answer = windowed(image, answer, window, rng)
        if rng.random() < 0.5:
            image, answer = mirrored(image, answer)
        gain, lift = float(np.exp(rng.normal(0.0, 0.12))), float(rng.normal(0.0, 5.0))
        levels = np.clip(np.arange(256.0) * gain + lift, 0.0, 255.0).astype(np.uint8)
        image = np.asarray(cv2.LUT(image, levels))
    return image, targets_of(answer)


def _keep(
    path: Path, net: CameraNet, average: CameraNet, optimiser: torch.optim.Optimizer, where: tuple[int, float, int]
) -> None:
    """All that is needed to go on, as plain arrays."""
    columns: dict[str, NDArray[np.generic]] = {"where": np.array(where)}
    for name, model in (("net", net), ("average", average)):
        columns |= {f"{name}/{key}": value.detach().cpu().numpy() for key, value in model.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        for key, value in state.items():
            columns[f"optimiser/{number}/{key}"] = value.detach().cpu().numpy()
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **columns)
    partial.replace(path)


def _restore(
    path: Path, net: CameraNet, average: CameraNet, optimiser: torch.optim.Optimizer
) -> tuple[int, float, int]:
    with np.load(path, allow_pickle=False) as archive:
        columns = {name: archive[name] for name in archive.files}
    for name, model in (("net", net), ("average", average)):
        try:
            model.load_state_dict({key: torch.from_numpy(columns[f"{name}/{key}"]) for key in model.state_dict()})
        except (KeyError, RuntimeError) as error:
            raise InputError(f"the checkpoint is of another net ({error}); delete it", path) from error
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in columns.items():
        if name.startswith("optimiser/"):
            _, number, key = name.split("/")
            state.setdefault(int(number), {})[key] = torch.from_numpy(np.array(value))
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    step, seconds, pictures = columns["where"]
    return int(step), float(seconds), int(pictures)


def restored(path: Path, net_settings: NetSettings) -> CameraNet:
    """The averaged net of a checkpoint.

    Raises:
        InputError: the checkpoint is of another net.
    """
    net, average = CameraNet(net_settings), CameraNet(net_settings)
    _restore(path, net, average, torch.optim.AdamW(_groups(net, LoopSettings())))
    average.eval()
    return average
