"""`lanewise model optimize`: smaller nets, each with a proof on the hold-out and refused where it loses too much."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geometry.errors import InputError
from inference.engines.catalog import engine_named
from inference.engines.engine import EngineOptions
from inference.optimize import Allowed, Way, half_way, int8_ways, optimized
from inference.store import StoredModel, verify
from inference.tensors import Arrays
from lanewise.cache import cache_folder
from lanewise.inferring import model_named, model_store
from lanewise.progress import progress_of
from lanewise.training_data import SPLITS, generate

if TYPE_CHECKING:
    from perception.net.model import CameraNet
    from perception.training.loop import Progress
    from perception.training.prune import Pruned

EVERY = 15
"""So many pictures lie between two that are calibrated on."""
MEASURED, BATCH = 12, 4
"""Batches, and pictures in each, on which contributions are measured before pruning."""
PRUNED_RATE = 5e-4
"""Learning rate after pruning: a fifth of what a fresh net begins with."""


def optimize(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="NAME or NAME/VERSION of an fp32 model.")],
    version: Annotated[str, typer.Option(help="Version of the smaller model.")],
    precision: Annotated[str, typer.Option(help="int8, fp16, bf16 (weights only), or fp32 with --prune.")] = "int8",
    prune: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of the multiplications to take out, with fine-tuning.")
    ] = 0.0,
    minutes: Annotated[float, typer.Option(min=0.0, help="Of fine-tuning after pruning.")] = 10.0,
    allowed_drop: Annotated[float, typer.Option(min=0.0, help="Points of mAP that may be lost.")] = 0.5,
    shards: Annotated[int, typer.Option(min=1, help="Shards of training pictures to calibrate or learn on.")] = 8,
    holdout: Annotated[int, typer.Option(min=1, help="Shards of hold-out pictures to prove it on.")] = 8,
    data: Annotated[Path | None, typer.Option(help="Folder of the shards; default in the cache folder.")] = None,
    store: Annotated[Path | None, typer.Option("--store", help="Where it goes; default in the cache folder.")] = None,
) -> None:
    """Make a net smaller; it is refused if it loses more on the hold-out than allowed."""
    if (precision == "fp32") != (prune > 0.0):
        raise InputError("--prune SHARE goes with --precision fp32: a pruned net is optimised further in a second step")
    name, _, wanted = model.partition("/")
    source = model_named(name, wanted, store)
    if precision not in ("int8", "fp32"):
        half_way(source, precision)
    folder = data or cache_folder() / "training"
    learn: tuple[Path, ...] = ()
    if precision in ("int8", "fp32"):
        with progress_of("render training pictures", shards, "shards") as told:
            learn = generate(SPLITS["train"], shards, folder, told)
    with progress_of("render hold-out pictures", holdout, "shards") as told:
        judge = generate(SPLITS["holdout"], holdout, folder, told)
    ways: tuple[Way, ...]
    if precision == "int8":
        ways = int8_ways(source, calibration_of(learn))
    elif precision == "fp32":
        ways = (pruned_way(source, prune, learn, 60.0 * minutes),)
    else:
        ways = (half_way(source, precision),)
    result, proof = optimized(
        source, model_store(store), version, ways, lambda m: scores_of(m, judge), Allowed(drop_points=allowed_drop)
    )
    for what, scores in (("before", proof.before), *((tried.what, tried.scores) for tried in proof.tries)):
        typer.echo(f"{what:55} " + "  ".join(f"{key} {value:.3f}" for key, value in scores.items()))
    typer.echo(f"{result.name}: {result.path.parent}")
    typer.echo(json.dumps({"model": result.name, "map_drop_points": round(proof.drop_points("map_50"), 3)}))


def pruned_way(model: StoredModel, share: float, shards: tuple[Path, ...], seconds: float) -> Way:
    """Channels that contribute least go, then the net learns on for a while."""

    def make(target: Path) -> None:
        from perception.training.export import export
        from perception.training.loop import LoopSettings, train
        from perception.training.prune import widths_text
        from perception.training.warm_start import pictures_of, take_over, weights_in

        weights, pictures = weights_in(verify(model).onnx, model.path), pictures_of(shards)

        def begin(net: CameraNet) -> None:
            take_over(net, weights, pictures)
            typer.echo(widths_text(_cut(net, share, shards)))

        settings = LoopSettings(rate=PRUNED_RATE, frozen_norms=True)
        with progress_of("learn on", seconds, "s") as told:
            net = train(shards, seconds, time.monotonic, settings, begin_with=begin, told=_seconds(told))
        export(net, target.parent)

    return Way(
        f"{100.0 * share:.0f} % of the multiplications pruned, {seconds / 60.0:g} minutes learned on", "fp32", make
    )


def _cut(net: CameraNet, share: float, shards: tuple[Path, ...]) -> Pruned:
    """Measure contributions on some batches and prune."""
    import numpy as np

    from perception.training.loop import batch_of
    from perception.training.prune import contributions, pruned
    from perception.training.sample import samples_in

    rng = np.random.Generator(np.random.PCG64(0))
    shown = [sample for sample in samples_in(shards) if len(sample.answer.objects)]
    chosen = [shown[i] for i in rng.permutation(len(shown))[: MEASURED * BATCH]]
    batches = (batch_of(chosen[at : at + BATCH], rng, None) for at in range(0, len(chosen), BATCH))
    return pruned(net, share, contributions(net, batches))


def _seconds(told: Callable[[float], None]) -> Callable[[Progress], None]:
    return lambda progress: told(progress.seconds)


def calibration_of(shards: tuple[Path, ...]) -> list[Arrays]:
    """Every so many pictures of some shards, one a call."""
    from perception.net.picture import cropped
    from perception.training.sample import picture_of, read_shard

    return [
        {"images": cropped(picture_of(sample))[None]} for path in shards for sample in read_shard(path).samples[::EVERY]
    ]


def scores_of(
    model: StoredModel, shards: tuple[Path, ...], engine: str = "onnxruntime", options: EngineOptions | None = None
) -> Mapping[str, float]:
    """What a detector scores on hold-out pictures; on one thread where no options say otherwise."""
    from perception.training import scores
    from perception.training.sample import samples_in

    session = engine_named(engine).load(model, options or EngineOptions())
    tally = scores.judge(samples_in(shards), model.manifest.name, lambda _, arrays: session.infer(arrays))
    session.close()
    return {name: value for name, value in scores.summary(tally).items() if math.isfinite(value)}
