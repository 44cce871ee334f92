"""`lanewise map`: look at maps, list their defects, write them anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import typer

from geometry.errors import InputError
from lanewise.map_drawing import LARGEST_PX, draw_map, map_page
from maps.argoverse2 import read_argoverse2_map
from maps.check import defects_of
from maps.commonroad import commonroad_map, read_lanelets
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.lanelet2 import read_lanelet2
from maps.opendrive import read_opendrive
from maps.opendrive_writer import opendrive_text
from maps.road_model import DRIVABLE_KINDS
from maps.strict_xml import read_xml

app = typer.Typer(name="map", help="Look at maps, check and convert them.", no_args_is_help=True)

EXIT_DEFECTS = 1
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
    """List the defects of an OpenDRIVE map with their places; exit code 1 if there are any."""
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
