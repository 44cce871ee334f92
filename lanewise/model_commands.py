"""`lanewise model`: which nets there are, whether they are sound, how fast each engine runs them, and the choice."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from geometry.errors import InputError, LanewiseError, UnsupportedError
from inference.engines.catalog import ENGINES, engine_named
from inference.engines.engine import PROVIDERS, EngineOptions
from inference.settings import ModelChoice
from inference.store import StoredModel, stored, verify
from inference.threads import usable_cores
from lanewise.inferring import model_named, model_store
from lanewise.model_bench import INT8_TOLERANCE, TOLERANCE, Measured, Variant, difference, made_up_inputs, measure
from lanewise.model_choice import read_before, write_choice
from lanewise.model_optimize import optimize

EXIT_FAILED = 1
SERVING = tuple(name for name in ENGINES if name != "torch")

app = typer.Typer(help="Nets: list, verify, time them, choose the engine that runs them.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="NAME or NAME/VERSION, for example detector.")]
Own = Annotated[Path | None, typer.Option("--store", help="Folder of your own models; default in the cache folder.")]
Engines = Annotated[list[str] | None, typer.Option("--engine", help=f"{', '.join(ENGINES)}; repeat; default all.")]
Threads = Annotated[list[int] | None, typer.Option("--threads", min=1, help="Threads of one call; repeat.")]
Provider = Annotated[str, typer.Option(help=f"Where to run: {', '.join(PROVIDERS)}.")]
Seconds = Annotated[float, typer.Option(min=0.0, help="About how long to measure each way [s].")]
Batch = Annotated[int, typer.Option(min=1, help="Rows per call.")]


@app.callback()
def group() -> None:
    """Nets: list, verify, time them, choose the engine that runs them."""


def list_command(store: Own = None) -> None:
    """Every model with its precision, size and scores; exit code 1 if one is damaged."""
    table = _table("model", "precision", "MB", "scores", "")
    whole = True
    for folder in model_store(store).folders():
        try:
            model = stored(folder)
            verify(model)
        except InputError as error:
            whole = False
            table.add_row(f"{folder.parent.name}/{folder.name}", "-", "-", "-", f"DAMAGED {error}")
            continue
        manifest, size = model.manifest, model.path.stat().st_size / 1e6
        chosen = [
            f"{name} {value:.3f}" for name, value in manifest.scores.items() if name.startswith(("map", "car_ap2"))
        ]
        table.add_row(model.name, manifest.precision, f"{size:.2f}", ", ".join(chosen), str(model.path.parent))
    terminal().print(table)
    if not whole:
        raise typer.Exit(EXIT_FAILED)


def verify_command(
    models: Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", help="Default: all.")] = None,
    store: Own = None,
) -> None:
    """Hold models against their manifests, load them in every engine and compare what the engines say.

    Exit code 1 if a model is damaged, an engine refuses it, or two engines differ by more than rounding.
    """
    found = [_model(name, store) for name in models] if models else list(model_store(store).all())
    sound = True
    for model in found:
        try:
            verify(model)
            typer.echo(
                f"{model.name}: SHA-256 {model.manifest.sha256[:12]}, inputs, outputs and operations as promised"
            )
            sound &= _compared(model)
        except LanewiseError as error:
            sound = False
            typer.echo(f"{model.name}: FAILED: {error}")
    if not sound:
        raise typer.Exit(EXIT_FAILED)


def _compared(model: StoredModel) -> bool:
    """Whether all engines that are here say the same."""
    inputs = made_up_inputs(model, 1)
    reference, fine = None, True
    for name, engine in ENGINES.items():
        try:
            session = engine.load(model, EngineOptions())
        except UnsupportedError as error:
            typer.echo(f"  {name:12} not here: {error}")
            continue
        answer = session.infer(inputs)
        reference = reference or answer
        off = difference(reference, answer)
        within = off <= (INT8_TOLERANCE if model.manifest.precision == "int8" else TOLERANCE)
        fine &= within
        word = "same" if within else "DIFFERENT"
        ran = session.providers[0]
        typer.echo(f"  {name:12} {word:10} largest difference {off:.1e} of the largest output, ran on {ran}")
        session.close()
    return fine


def bench(
    model: Model, engine: Engines = None, threads: Threads = None, provider: Provider = "cpu", batch: Batch = 1,
    seconds: Seconds = 3.0, store: Own = None,
) -> None:  # fmt: skip
    """Time a net under each engine; a table, then one line of JSON."""
    chosen = _model(model, store)
    found = _measured(chosen, engine, threads or [1], provider, batch, seconds)
    rows = [
        {
            "engine": m.variant.engine, "provider": m.variant.provider, "ran_on": m.providers[0],
            "threads": m.variant.threads, "batch": m.batch, "p50_ms": round(1e3 * m.quantile_s(0.5), 3),
            "p99_ms": round(1e3 * m.quantile_s(0.99), 3), "load_ms": round(1e3 * m.load_s, 1), "calls": len(m.times_s),
        }
        for m in found
    ]  # fmt: skip
    typer.echo(json.dumps({"model": chosen.name, "sha256": chosen.manifest.sha256[:12], "variants": rows}))


def tune(
    model: Model, config: Annotated[Path, typer.Option(help="Configuration file to write the choice into.")],
    engine: Engines = None, threads: Threads = None, provider: Provider = "cpu", seconds: Seconds = 3.0,
    store: Own = None,
) -> None:  # fmt: skip
    """Time a net with engines and numbers of threads; the fastest that agrees goes into the configuration.

    Torch, which is the reference, is only considered where it is named.
    """
    chosen = _model(model, store)
    read_before(config)
    counts = threads or list(range(1, usable_cores() + 1))
    found = [m for m in _measured(chosen, engine or SERVING, counts, provider, 1, seconds) if m.difference <= TOLERANCE]
    best = min(found, key=lambda m: m.quantile_s(0.5))
    version = chosen.manifest.version if "/" in model or store is not None else ""
    choice = ModelChoice(
        chosen.manifest.name, version, best.variant.engine, provider, best.variant.threads,
        latency_s=round(best.quantile_s(0.99), 3),
    )  # fmt: skip
    write_choice(config, choice)
    typer.echo(f"{best.variant.text} is fastest ({1e3 * best.quantile_s(0.5):.1f} ms); written to {config}")


def _model(text: str, store: Path | None) -> StoredModel:
    name, _, version = text.partition("/")
    return model_store(store).find(name) if store is not None and not version else model_named(name, version, store)


def _measured(
    model: StoredModel, engines: Sequence[str] | None, threads: Sequence[int], provider: str, batch: int, seconds: float
) -> tuple[Measured, ...]:
    """Measure and print the table.

    Raises:
        InputError: an engine or provider that does not exist.
        UnsupportedError: none of the engines is here.
    """
    if provider not in PROVIDERS:
        raise InputError(f"there is no provider {provider!r}; known are {', '.join(PROVIDERS)}")
    names = [engine_named(name).name for name in engines or ENGINES]
    variants = [Variant(name, provider, count) for name in dict.fromkeys(names) for count in dict.fromkeys(threads)]
    found, missing = measure(model, variants, batch, seconds, time.perf_counter)
    if not found:
        raise UnsupportedError(next(iter(missing.values())))
    _print(model, found, missing)
    return found


def _print(model: StoredModel, found: Sequence[Measured], missing: Mapping[Variant, str]) -> None:
    table = _table("engine", "ran on", "threads", "p50 ms", "p99 ms", "rows/s", "load ms", "difference")
    for m in found:
        p50_s = m.quantile_s(0.5)
        table.add_row(
            m.variant.engine, m.providers[0], str(m.variant.threads), f"{1e3 * p50_s:.2f}",
            f"{1e3 * m.quantile_s(0.99):.2f}", f"{m.batch / p50_s:.1f}", f"{1e3 * m.load_s:.0f}", f"{m.difference:.1e}",
        )  # fmt: skip
    console = terminal()
    console.print(f"{model.name} ({model.manifest.precision}), {found[0].batch} row(s) per call")
    console.print(table)
    for variant, why in missing.items():
        console.print(f"{variant.text}: {why}")


def terminal() -> Console:
    """Plain files and pipes get lines of a fixed width."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=120)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


app.command("list")(list_command)
app.command("verify")(verify_command)
app.command("bench")(bench)
app.command("tune")(tune)
app.command("optimize")(optimize)
