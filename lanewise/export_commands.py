"""`lanewise report` and `lanewise export`: recorded drives as pages and videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bus.recording import Recording
from geometry.errors import InputError
from lanewise.contact_sheet import write_sheet
from lanewise.progress import progress_of
from lanewise.recorded import recorded_report
from lanewise.report.page import write_report
from lanewise.report.video import write_video

app = typer.Typer(name="export", help="Recorded drives in other forms.", no_args_is_help=True)

DriveArgument = Annotated[Path, typer.Argument(metavar="DRIVE", help="A run folder or its drive.mcap.")]


def report_command(
    drive: DriveArgument,
    out: Annotated[Path | None, typer.Option(help="The page; default report.html beside the drive.")] = None,
) -> None:
    """Judge a recorded drive again and write its report."""
    path = drive_file(drive)
    page = out or path.parent / "report.html"
    write_report(recorded_report(path), page)
    typer.echo(f"report: {page}")


@app.command("video")
def video(
    drive: DriveArgument,
    out: Annotated[Path | None, typer.Option(help="The film; default drive.webm beside the drive.")] = None,
    fps: Annotated[float, typer.Option(min=1.0, max=60.0, help="Frames per second.")] = 25.0,
    size: Annotated[str, typer.Option(help="Width x height in pixels.")] = "1280x720",
) -> None:
    """The drive from above, as a WebM film."""
    path = drive_file(drive)
    film = out or path.parent / "drive.webm"
    data = recorded_report(path)
    with progress_of(film.name, data.end_s, "s") as progress:
        write_video(data, film, fps=fps, size_px=_size(size), progress=progress)
    typer.echo(f"video: {film}")


@app.command("sheet")
def sheet(
    drive: DriveArgument,
    out: Annotated[Path | None, typer.Option(help="The picture; default sheet.jpg beside the drive.")] = None,
    camera: Annotated[str, typer.Option(help="Whose pictures; default the first in the drive.")] = "",
    pictures: Annotated[int, typer.Option(min=1, max=60, help="So many, evenly over the drive.")] = 12,
) -> None:
    """A contact sheet: pictures of a camera with the detections and tracks of their instants."""
    path = drive_file(drive)
    page = out or path.parent / "sheet.jpg"
    write_sheet(Recording.open(path), page, camera, pictures)
    typer.echo(f"sheet: {page}")


def drive_file(path: Path) -> Path:
    """The recording of a run folder, or the recording itself."""
    return path / "drive.mcap" if path.is_dir() else path


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not cross or not (width.isdigit() and height.isdigit()):
        raise InputError(f"--size needs WIDTHxHEIGHT in pixels, for example 1280x720; found {text!r}")
    return int(width), int(height)
