"""`lanewise import`: recorded real drives of data sets become recordings that the stack can be run on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lanewise.camera_file import read_camera
from lanewise.imports import argoverse2, comma2k19, video
from lanewise.imports.said import write_drive
from lanewise.progress import progress_of

app = typer.Typer(help="Turn recorded real drives into MCAP.", no_args_is_help=True)


@app.callback()
def _import() -> None:
    """Turn recorded real drives into MCAP."""


@app.command("comma2k19")
def comma2k19_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A segment (processed_log/ ...), or imu.csv ...")],
    out: Annotated[Path, typer.Option(metavar="DRIVE.mcap", help="The recording to write.")] = Path("comma2k19.mcap"),
) -> None:
    """One minute of comma2k19 (the authors' or neutral tables): satellites, IMU, wheels, radar, recorded truth."""
    said = comma2k19.read_drive(folder)
    write_drive(said, out, "comma2k19")
    typer.echo(f"{out}: {len(said)} messages, {said[-1].received_ns * 1e-9:.1f} s")


@app.command("argoverse2")
def argoverse2_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A sensor log or forecasting scenario with its map.")],
    out: Annotated[Path, typer.Option(metavar="DRIVE.mcap", help="The recording to write.")] = Path("argoverse2.mcap"),
    sensors_seed: Annotated[
        int | None,
        typer.Option(min=0, help="Simulate GNSS, IMU and wheels over the recorded motion, as the logs hold none."),
    ] = None,
) -> None:
    """An Argoverse 2 log: the ego's poses, all annotated agents, and simulated sensors if wanted."""
    said = argoverse2.read_drive(folder, sensors_seed)
    simulated = "" if sensors_seed is None else ", sensors simulated"
    write_drive(said, out, f"argoverse2{simulated}")
    typer.echo(f"{out}: {len(said)} messages, {said[-1].received_ns * 1e-9:.1f} s{simulated}")


@app.command("video")
def video_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A video of one camera.")],
    calibration: Annotated[Path, typer.Option(metavar="FILE", help="Of `lanewise calibrate camera`.")],
    out: Annotated[Path, typer.Option(metavar="DRIVE.mcap", help="The recording to write.")] = Path("video.mcap"),
    speed: Annotated[float, typer.Option(min=0.0, help="Speed of the car [km/h], straight ahead; 0: unknown.")] = 0.0,
) -> None:
    """Real footage with its camera's calibration; odometry is a straight line, as a video does not tell it."""
    camera = read_camera(calibration)
    with progress_of(file.name, 0.0, "s") as told:
        count = video.write_drive(file, camera, out, speed / 3.6, told)
    typer.echo(f"{out}: {count} pictures of {camera.name}; look: lanewise replay {out} --nodes perception")
