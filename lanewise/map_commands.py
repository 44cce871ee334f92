"""`lanewise map`: look at maps, list their defects, write them anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from geometry.errors import InputError
from lanewise.map_drawing import LARGEST_PX, draw_map, map_page
from lanewise.trajectory_file import read_trajectory
from localization.lane_matching import LaneMatch, LaneMatchSettings, match_lanes, stretches
from maps.argoverse2 import read_argoverse2_map
from maps.check import defects_of
from maps.commonroad import commonroad_map, read_lanelets
from maps.lane_check import lane_defects
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.lanelet2 import read_lanelet2
from maps.opendrive import read_opendrive
from maps.opendrive_writer import opendrive_text
from maps.road_model import DRIVABLE_KINDS
from maps.strict_xml import read_xml

app = typer.Typer(name="map", help="Look at maps, check and convert them.", no_args_is_help=True)

EXIT_DEFECTS = 1
LANE_FORMATS = (".osm", ".xml", ".json")
"""Formats of lanes without roads."""
MapFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="OpenDRIVE (.xodr), Lanelet2 (.osm), CommonRoad (.xml) or Argoverse 2 (.json)."
    ),
]


@app.command("show")
def show(
    file: MapFile,
    out: Annotated[Path | None, typer.Option(help="Where to: .html or .png; default FILE's name with .html.")] = None,
    width: Annotated[int, typer.Option(min=64, max=LARGEST_PX, help="Width of a picture in pixels.")] = 1600,
) -> None:
    """Draw a map: a page to zoom and read lane ids in, or a picture."""
    lane_map = read_map(file)
    target = out or Path(f"{file.stem}.html")
    try:
        if target.suffix == ".html":
            target.write_text(map_page(lane_map, file.stem), encoding="utf-8")
        elif target.suffix == ".png":
            done, data = cv2.imencode(".png", cv2.cvtColor(draw_map(lane_map, width), cv2.COLOR_RGB2BGR))
            target.write_bytes(data.tobytes() if done else b"")
        else:
            raise InputError("the drawing needs a name that ends in .html or .png", target)
    except OSError as error:
        raise InputError(f"cannot write the drawing: {error.strerror}", target) from error
    driving = sum(kind in DRIVABLE_KINDS for kind in lane_map.kinds)
    typer.echo(f"{file.name}: {driving} driving lanes of {lane_map.size}; drawn in {target}")


@app.command("check")
def check(file: MapFile) -> None:
    """List the defects of a map with their places; exit code 1 if there are any."""
    found: Sequence[object]
    if file.suffix.lower() in LANE_FORMATS:
        found = lane_defects(read_map(file))
    else:
        found = defects_of(read_opendrive(_opendrive(file)))
    for defect in found:
        typer.echo(f"{file}: {defect}")
    typer.echo(f"{file}: {len(found)} defects" if found else f"{file}: no defects")
    if found:
        raise typer.Exit(EXIT_DEFECTS)


@app.command("convert")
def convert(file: MapFile, out: Annotated[Path, typer.Argument(metavar="OUT.xodr", help="The new file.")]) -> None:
    """Write an OpenDRIVE map of any supported version anew: same roads, links, marks and signals, one clean form."""
    if out.exists():
        raise InputError("exists already; choose another name, so that no map is lost", out)
    if out.suffix != ".xodr":
        raise InputError("the new map needs a name that ends in .xodr", out)
    data = opendrive_text(read_opendrive(_opendrive(file)), out.stem)
    try:
        out.write_bytes(data)
    except OSError as error:
        raise InputError(f"cannot write the map: {error.strerror}", out) from error
    typer.echo(f"{out}: {len(data)} bytes")


@app.command("match")
def match(
    file: MapFile,
    trajectory: Annotated[
        Path, typer.Argument(metavar="TRAJECTORY", help="A table t,x,y (.csv; s, m of the map) or a drive (.mcap).")
    ],
    of: Annotated[str, typer.Option("--of", help="What of a drive: gnss or truth.")] = "gnss",
    sigma: Annotated[float, typer.Option(min=0.01, max=100.0, help="1-sigma of the positions [m].")] = 1.0,
    correlation: Annotated[
        float, typer.Option(min=0.0, max=1000.0, help="How long an error lasts [s]; 0: each position errs anew.")
    ] = 0.0,
    out: Annotated[Path | None, typer.Option(metavar="LANES.csv", help="Lane, s, d, probability per sample.")] = None,
) -> None:
    """Find the lanes that a recorded trajectory ran on: the most probable way by a hidden Markov model."""
    lane_map = read_map(file)
    t_s, points = read_trajectory(trajectory, of)
    matched = match_lanes(lane_map, t_s, points, LaneMatchSettings(sigma_m=sigma, correlation_s=correlation))
    for begin, end in stretches(matched.lane):
        lane = int(matched.lane[begin])
        name = "no lane" if lane < 0 else f"lane {lane_map.ids[lane]}"
        sure = "" if lane < 0 else f"  sure {float(np.mean(matched.probability[begin:end])):.3f}"
        typer.echo(f"{t_s[begin]:10.2f} s to {t_s[end - 1]:10.2f} s  {name}{sure}")
    if out is not None:
        _write_lanes(matched, lane_map, out)


def _write_lanes(matched: LaneMatch, lane_map: LaneMap, out: Path) -> None:
    columns = (matched.t_s, matched.lane, matched.s_m, matched.d_m, matched.probability)
    rows = [
        f"{t:.6f},{lane_map.ids[lane]},{s:.3f},{d:.3f},{sure:.6f}" if lane >= 0 else f"{t:.6f},,,,"
        for t, lane, s, d, sure in zip(*columns, strict=True)
    ]
    try:
        with out.open("x", encoding="utf-8") as stream:
            stream.write("\n".join(("t,lane,s,d,probability", *rows, "")))
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", out) from error


def read_map(path: Path) -> LaneMap:
    """The lane map of a file of any supported format.

    Raises:
        InputError: an unknown suffix, or a wrong file.
    """
    if path.suffix.lower() == ".xml":
        return commonroad_map(read_lanelets(read_xml(path, root="commonRoad")))
    if path.suffix.lower() == ".osm":
        return read_lanelet2(path)
    if path.suffix.lower() == ".json":
        return read_argoverse2_map(path)
    return sample_lanes(read_opendrive(_opendrive(path)))


def _opendrive(path: Path) -> Path:
    if path.suffix.lower() != ".xodr":
        raise InputError(f"an OpenDRIVE file (.xodr) was expected, not {path.suffix!r}", path)
    return path
