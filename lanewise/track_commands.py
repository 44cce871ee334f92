"""`lanewise track kitti`: the stack's tracker on detection files in KITTI's frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geometry.errors import InputError
from lanewise.progress import progress_of
from perception.kitti_tracks import read_detections, read_oxts, tracked

app = typer.Typer(help="Run the tracker on detections of others.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Run the tracker on detections of others."""


@app.command("kitti")
def kitti(
    detections: Annotated[Path, typer.Argument(help="Folder of AB3DMOT detection files, one per sequence.")],
    out: Annotated[Path, typer.Option(help="Folder of the results, in KITTI's tracking format.")],
    calib: Annotated[
        Path | None, typer.Option(help="Folder of KITTI calibration files; each sequence needs one if given.")
    ] = None,
    oxts: Annotated[
        Path | None, typer.Option(help="Folder of KITTI oxts files: the ego's motion; without it none is assumed.")
    ] = None,
) -> None:
    """Track all sequences of a folder."""
    files = sorted(detections.glob("*.txt")) if detections.is_dir() else []
    if not files:
        raise InputError("a folder with detection files *.txt was expected", detections)
    for folder in (folder for folder in (calib, oxts) if folder is not None):
        missing = [file.name for file in files if not (folder / file.name).is_file()]
        if missing:
            raise InputError(f"there is no {missing[0]}, which the sequence of that name needs", folder)
    out.mkdir(parents=True, exist_ok=True)
    with progress_of("track", len(files), "sequences") as told:
        for done, file in enumerate(files, start=1):
            found = read_detections(file)
            poses = read_oxts(oxts / file.name) if oxts is not None else {}
            lines = list(tracked(found, poses)) if found else []
            (out / file.name).write_text("".join(f"{line}\n" for line in lines))
            told(done)
            ids = len({line.split()[1] for line in lines})
            typer.echo(f"{file.name}: {len(found)} detections, {ids} tracks, {len(lines)} boxes")
