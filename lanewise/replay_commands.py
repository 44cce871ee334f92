"""`lanewise replay`: recorded drives through the stack again, imported ones through its first modules."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from bus.recording import Recording
from lanewise.config import RunConfig, configured, with_settings
from lanewise.contact_sheet import vehicle_tracks
from lanewise.progress import progress_of
from lanewise.recorded import recorded_run
from lanewise.replay import Comparison, replay, snapshots_s
from lanewise.replay_imported import faults_in, is_imported, replayed
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
    detector: Annotated[
        str, typer.Option(help="A detector of your own: FILE.onnx, module:Class or file.py:Class.")
    ] = "",
    detector_form: Annotated[
        str, typer.Option(help="How FILE.onnx is fed and read: a TOML file or a shipped form (yolov8, ...).")
    ] = "",
    snapshots: Annotated[bool, typer.Option("--snapshots", help="Only list the times to start at.")] = False,
) -> None:
    """Feed a recorded drive to the stack again and compare what it says with what it said, bit for bit."""
    recording = Recording.open(drive)
    if recording.recovered:
        typer.echo(f"warning: {drive} was never finished, its end may be missing; {recording.damage}", err=True)
    if snapshots:
        typer.echo(" ".join(f"{time:g}" for time in (0.0, *snapshots_s(recording))))
        return
    settings = [*(setting or [])]
    settings += [f'stack.detector="{detector}"'] if detector else []
    settings += [f'stack.detector_form="{detector_form}"'] if detector_form else []
    chosen = tuple(name.strip() for name in nodes.split(",") if name.strip())
    if is_imported(recording):
        own = configured(with_settings({}, settings))
        _replay_imported(recording, chosen, out or drive.with_name(f"{drive.stem}-replayed.mcap"), own)
        return
    config, assignment = recorded_run(recording)
    if settings:
        config = configured(with_settings(tomllib.loads(config.to_toml()), settings))
    with progress_of(f"replay {drive.name}", recording.end_ns * 1e-9, "s") as progress:
        comparison: Comparison = replay(recording, config, assignment, chosen, start, progress)
    print_comparison(comparison)
    if verify and not comparison.same:
        raise typer.Exit(EXIT_FAILED)


def _replay_imported(recording: Recording, nodes: tuple[str, ...], out: Path, config: RunConfig) -> None:
    """Run nodes on a real drive and say what they said, and how fast."""
    began_s = time.perf_counter()
    with progress_of(f"replay {recording.path.name}", recording.end_ns * 1e-9, "s") as progress:
        counts = replayed(recording, nodes, out, config, progress)
    took_s = time.perf_counter() - began_s
    typer.echo(f"{out}: " + ", ".join(f"{count} x {topic}" for topic, count in sorted(counts.items())))
    for fault, count in faults_in(Recording.open(out)).items():
        typer.echo(f"warning: {count} times {fault}", err=True)
    if "localization" in nodes:
        typer.echo(f"score them: lanewise eval localization {out}")
    if "perception" in nodes:
        frames = counts.get("/perception/objects", 0)
        vehicles = vehicle_tracks(Recording.open(out))
        typer.echo(f"{frames} frames at {frames / took_s:.1f} frames/s, {len(vehicles)} vehicle tracks")
        typer.echo(f"look at them: lanewise export sheet {out}")
