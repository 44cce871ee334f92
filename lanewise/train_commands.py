"""`lanewise train detector`: data from our own scenarios, the loop, the scores, and a model for the store."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geometry.errors import InputError
from lanewise.cache import cache_folder
from lanewise.progress import progress_of

if TYPE_CHECKING:
    from torch import Tensor

    from perception.net.model import CameraNet
    from perception.training.loop import LoopSettings, Progress

app = typer.Typer(help="Train the nets that Lanewise ships.", no_args_is_help=True)

SHARDS, HOLDOUT_SHARDS = 170, 24
"""Of 24 rig frames with five pictures each."""
NEW_OUTPUTS = 5.0
"""How much faster the last layer learns than the rest when a net goes on from a stored one."""


@app.callback()
def group() -> None:
    """Train the nets that Lanewise ships."""


@app.command("detector")
def detector(
    minutes: Annotated[float, typer.Option(min=0.1, help="Time to learn; data and scores come on top.")] = 40.0,
    out: Annotated[Path, typer.Option(help="Folder for checkpoint, log and the model.")] = Path("runs/detector"),
    version: Annotated[str, typer.Option(help="Version of the model in its manifest.")] = "1",
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights and order; the data has seeds of its own.")] = 0,
    shards: Annotated[int, typer.Option(min=1, help="Shards of training pictures (120 each).")] = SHARDS,
    holdout: Annotated[int, typer.Option(min=1, help="Shards of pictures to judge by.")] = HOLDOUT_SHARDS,
    data: Annotated[Path | None, typer.Option(help="Folder of the shards; default in the cache folder.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    begin: Annotated[
        str, typer.Option("--from", metavar="NAME/VERSION", help="Stored fp32 net to learn on from; default: none.")
    ] = "",
    rate: Annotated[float, typer.Option(min=1e-6, max=0.1, help="Highest learning rate.")] = 2.5e-3,
    real: Annotated[
        list[Path] | None, typer.Option(help="Labelled pictures of your own beside ours, KITTI or nuScenes; repeat.")
    ] = None,
) -> None:
    """Render pictures, learn from them, judge on others, write ONNX, manifest and card. Goes on where it stopped."""
    from lanewise.real_data import real_shards
    from lanewise.training_data import SPLITS, generate
    from perception.training.loop import LoopSettings

    weights = _weights_of(begin) if begin else None  # first: what is wrong with it is told before pictures are rendered
    folder = data or cache_folder() / "training"
    out.mkdir(parents=True, exist_ok=True)
    with progress_of("render training pictures", shards, "shards") as told:
        learn = generate(SPLITS["train"], shards, folder, told)
    with progress_of("render hold-out pictures", holdout, "shards") as told:
        judge = generate(SPLITS["holdout"], holdout, folder, told)
    for source in real or []:
        with progress_of(f"read {source}", 0.0, "shards") as told:
            learn += real_shards(source, folder, told)
    command = (
        f"lanewise train detector --minutes {minutes:g} --seed {seed} --shards {shards} --holdout {holdout} "
        f"--version {version} --device {device} --rate {rate:g}"
        + (f" --from {begin}" if begin else "")
        + "".join(f" --real {source}" for source in real or [])
    )
    settings = LoopSettings(seed=seed, rate=rate)
    if begin:
        settings = replace(settings, frozen_norms=True, output_rate=NEW_OUTPUTS)
    plan = _Plan(learn, judge, minutes, out, version, device, command, weights)
    _learn_and_judge(plan, settings)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a run was asked for: shards to learn from and to judge by, and where results go."""

    learn: tuple[Path, ...]
    judge: tuple[Path, ...]
    minutes: float
    out: Path
    version: str
    device: str
    command: str
    weights: Mapping[str, Tensor] | None
    """Of the stored net that is gone on from."""


def _learn_and_judge(plan: _Plan, settings: LoopSettings) -> None:
    """Train, score, export. Torch is imported here, so that other commands start without it."""
    import torch

    from perception.training import scores
    from perception.training.export import Provenance, TorchInfer, describe, export
    from perception.training.loop import train
    from perception.training.sample import samples_in

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    log, seconds = plan.out / "log.csv", plan.minutes * 60.0
    with progress_of("learn", seconds, "s") as told:
        net = train(
            plan.learn, seconds, time.monotonic, settings, begin_with=_beginning(plan),
            checkpoint=plan.out / "checkpoint.npz", device=plan.device, told=_logged(log, told),
        )  # fmt: skip
    tally = scores.judge(samples_in(plan.judge), "detector", TorchInfer(net.cpu()))
    said = scores.summary(tally)
    pictures, curve = _curve(log)
    real = sum(path.name.startswith("real-") for path in plan.learn)
    text = f"{len(plan.learn) - real} shards of rendered pictures" + (f" and {real} of real ones" if real else "")
    provenance = Provenance(plan.command, text, pictures, seconds, said, scores.by_weather(tally), curve)
    digest = export(net, plan.out / "model")
    describe(net, plan.out / "model", plan.version, digest, provenance)
    for name, value in said.items():
        typer.echo(f"{name:24} {value:8.3f}")
    typer.echo(f"{plan.out / 'model'} (sha256 {digest[:12]})")


def _weights_of(begin: str) -> Mapping[str, Tensor]:
    """Weights of the stored net that was named.

    Raises:
        InputError: there is none, or it cannot be learned on from.
    """
    from inference.store import verify
    from lanewise.inferring import model_named
    from perception.training.warm_start import weights_in

    name, _, version = begin.partition("/")
    model = model_named(name, version)
    if model.manifest.precision != "fp32":
        raise InputError(f"{model.name} is {model.manifest.precision}; an fp32 camera net is needed to learn on from")
    return weights_in(verify(model).onnx, model.path)


def _beginning(plan: _Plan) -> Callable[[CameraNet], None]:
    """What puts weights into the fresh net: those of the stored net, or nothing."""
    from perception.training.warm_start import pictures_of, take_over

    weights = plan.weights
    return lambda net: None if weights is None else take_over(net, weights, pictures_of(plan.learn))


def _curve(log: Path) -> tuple[int, tuple[str, ...]]:
    """Pictures seen, and about ten rows of the log for the card."""
    rows = [line.split(",") for line in log.read_text().splitlines()[1:]] if log.exists() else []
    if not rows:
        raise InputError("no step was taken in that time; give more --minutes", log)
    chosen = rows[:: max(len(rows) // 10, 1)]
    return int(rows[-1][1]), tuple(f"| {pictures} | {loss} | {seconds} |" for _, pictures, loss, seconds in chosen)


def _logged(log: Path, told: Callable[[float], None]) -> Callable[[Progress], None]:
    """Write a line at the first and at every 100th step, with the mean loss of the last 100."""
    if not log.exists():
        log.write_text("step,pictures,loss,seconds\n")
    recent: deque[float] = deque(maxlen=100)

    def tell(progress: Progress) -> None:
        recent.append(progress.losses["total"])
        told(progress.seconds)
        if len(recent) == 1 or progress.step % 100 == 0:
            mean = sum(recent) / len(recent)
            with log.open("a") as stream:
                stream.write(f"{progress.step},{progress.pictures},{mean:.4f},{progress.seconds:.1f}\n")

    return tell
