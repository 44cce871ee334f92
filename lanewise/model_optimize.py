"""`lanewise model optimize`: INT8 with calibration on training pictures and a proof on the hold-out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from geometry.errors import InputError
from inference.engines.catalog import engine_named
from inference.engines.engine import EngineOptions
from inference.optimize import Allowed, optimized_int8
from inference.store import StoredModel
from inference.tensors import Arrays
from lanewise.cache import cache_folder
from lanewise.inferring import model_named, model_store
from lanewise.progress import progress_of
from lanewise.training_data import SPLITS, generate

EVERY = 15
"""So many pictures lie between two that are calibrated on."""


def optimize(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="NAME or NAME/VERSION of an fp32 model.")],
    version: Annotated[str, typer.Option(help="Version of the faster model.")],
    precision: Annotated[str, typer.Option(help="int8.")] = "int8",
    allowed_drop: Annotated[float, typer.Option(min=0.0, help="Points of mAP that may be lost.")] = 0.5,
    shards: Annotated[int, typer.Option(min=1, help="Shards of training pictures to calibrate on.")] = 8,
    holdout: Annotated[int, typer.Option(min=1, help="Shards of hold-out pictures to prove it on.")] = 8,
    data: Annotated[Path | None, typer.Option(help="Folder of the shards; default in the cache folder.")] = None,
    store: Annotated[Path | None, typer.Option("--store", help="Where it goes; default in the cache folder.")] = None,
) -> None:
    """Make a net faster; it is refused if it loses more on the hold-out than allowed."""
    if precision != "int8":
        raise InputError(
            f"--precision {precision}: int8 was expected; fp16 and bf16 are chosen by `lanewise model tune`"
        )
    name, _, wanted = model.partition("/")
    source = model_named(name, wanted, store)
    folder = data or cache_folder() / "training"
    with progress_of("render training pictures", shards, "shards") as told:
        learn = generate(SPLITS["train"], shards, folder, told)
    with progress_of("render hold-out pictures", holdout, "shards") as told:
        judge = generate(SPLITS["holdout"], holdout, folder, told)
    result, proof = optimized_int8(
        source,
        model_store(store),
        version,
        calibration_of(learn),
        lambda m: scores_of(m, judge),
        Allowed(drop_points=allowed_drop),
    )
    for what, scores in (("before", proof.before), *((tried.what, tried.scores) for tried in proof.tries)):
        typer.echo(f"{what:55} " + "  ".join(f"{key} {value:.3f}" for key, value in scores.items()))
    typer.echo(f"{result.name}: {result.path.parent}")
    typer.echo(json.dumps({"model": result.name, "map_drop_points": round(proof.drop_points("map_50"), 3)}))


def calibration_of(shards: tuple[Path, ...]) -> list[Arrays]:
    """Every so many pictures of some shards, one a call."""
    from perception.net.picture import cropped
    from perception.training.sample import picture_of, read_shard

    return [
        {"images": cropped(picture_of(sample))[None]} for path in shards for sample in read_shard(path).samples[::EVERY]
    ]


def scores_of(model: StoredModel, shards: tuple[Path, ...]) -> Mapping[str, float]:
    """What a detector scores on hold-out pictures, run by ONNX Runtime on one thread."""
    from perception.training import scores
    from perception.training.sample import samples_in

    session = engine_named("onnxruntime").load(model, EngineOptions())
    tally = scores.judge(samples_in(shards), model.manifest.name, lambda _, arrays: session.infer(arrays))
    session.close()
    return {name: value for name, value in scores.summary(tally).items() if math.isfinite(value)}
