"""`lanewise replay`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from bus.recording import Recording
from lanewise.config import configured, with_settings
from lanewise.progress import progress_of
from lanewise.recorded import recorded_run
from lanewise.replay import Comparison, replay, snapshots_s
from lanewise.replay_imported import is_imported, localized
from lanewise.tables import print_comparison

EXIT_FAILED = 1


def replay_command(
    drive: Annotated[Path, typer.Argument(metavar="DRIVE.mcap", help="A drive recorded by `lanewise run`.")],
    verify: Annotated[bool, typer.Option("--verify", help="Exit code 1 unless all is bit-identical.")] = False,
    nodes: Annotated[str, typer.Option(help="Run only these nodes (a,b,c); all others are replayed.")] = "",
    start: Annotated[float, typer.Option(min=0.0, help="Begin at the last snapshot up to this time [s].")] = 0.0,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE of the configuration to change; repeat.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DRIVE.mcap", help="Of an imported drive: where the result goes.")
    ] = None,
    snapshots: Annotated[bool, typer.Option("--snapshots", help="Only list the times to start at.")] = False,
) -> None:
    """Feed a recorded drive to the stack again and compare what it says with what it said, bit for bit."""
    recording = Recording.open(drive)
    if recording.recovered:
        typer.echo(f"warning: {drive} was never finished, its end may be missing; {recording.damage}", err=True)
    if snapshots:
        typer.echo(" ".join(f"{time:g}" for time in (0.0, *snapshots_s(recording))))
        return
    chosen = tuple(name.strip() for name in nodes.split(",") if name.strip())
    if is_imported(recording):
        place = out or drive.with_name(f"{drive.stem}-localized.mcap")
        count = localized(recording, chosen, place)
        typer.echo(f"{place}: {count} messages of localization; score them: lanewise eval localization {place}")
        return
    config, assignment = recorded_run(recording)
    if setting:
        config = configured(with_settings(tomllib.loads(config.to_toml()), setting))
    with progress_of(f"replay {drive.name}", recording.end_ns * 1e-9, "s") as progress:
        comparison: Comparison = replay(recording, config, assignment, chosen, start, progress)
    print_comparison(comparison)
    if verify and not comparison.same:
        raise typer.Exit(EXIT_FAILED)
