"""`lanewise calibrate camera`: a calibration file from stills of a chessboard and of a straight road."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from geometry.errors import InputError
from lanewise.camera_file import CameraFile, write_camera
from perception.calibration import Lens, View, lens_of, scaled, view_of

app = typer.Typer(help="Calibrations of devices.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Calibrations of devices."""


@app.command("camera")
def camera(
    stills: Annotated[list[Path], typer.Argument(metavar="STILL...", help="Pictures of a chessboard.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The calibration to write.")] = Path("camera.toml"),
    board: Annotated[str, typer.Option(help="Inner corners of the board, columns x rows.")] = "9x6",
    road: Annotated[
        list[Path] | None, typer.Option(help="A still of a straight road between two painted lines; repeat.")
    ] = None,
    lane_width: Annotated[float, typer.Option(min=1.0, max=10.0, help="Between those lines [m].")] = 3.7,
    ahead: Annotated[float, typer.Option(help="How far ahead of the rear axle the camera sits [m].")] = 1.5,
    name: Annotated[str, typer.Option(help="Name of the camera on the bus.")] = "front",
) -> None:
    """Lens from a chessboard; pitch, yaw and height from stills of a straight road (else level and 1.3 m high)."""
    lens = lens_of([still(path) for path in stills], *_corners(board))
    view = View(0.0, 0.0, 1.3)
    if road:
        views = [_view(path, lens, lane_width) for path in road]
        view = View(
            *(median(column) for column in zip(*((v.pitch_rad, v.yaw_rad, v.height_m) for v in views), strict=True))
        )
    k1, k2, p1, p2, k3 = (round(float(k), 6) for k in lens.distortion)
    made = CameraFile(
        name, lens.width, lens.height,
        (round(float(lens.matrix[0, 0]), 3), round(float(lens.matrix[1, 1]), 3)),
        (round(float(lens.matrix[0, 2]), 3), round(float(lens.matrix[1, 2]), 3)),
        (k1, k2, p1, p2, k3), (ahead, 0.0, round(view.height_m, 3)), 0.0,
        round(math.degrees(view.pitch_rad), 3), round(math.degrees(view.yaw_rad), 3),
    )  # fmt: skip
    remark = f"From {lens.boards} chessboards (error {lens.error_px:.2f} px) and {len(road or [])} stills of a road."
    write_camera(out, made, remark)
    typer.echo(
        f"{out}: focal length {made.focal_px[0]:.0f} px at {made.width} x {made.height}, {lens.boards} boards, error "
        f"{lens.error_px:.2f} px; pitch {made.pitch_deg:.2f} deg, yaw {made.yaw_deg:.2f} deg, "
        f"{made.position_m[2]:.2f} m high"
    )


def _view(path: Path, lens: Lens, lane_width_m: float) -> View:
    picture = still(path)
    try:
        return view_of(picture, scaled(lens, picture.shape[1], picture.shape[0]), lane_width_m)
    except InputError as error:
        raise InputError(str(error), path) from error


def still(path: Path) -> NDArray[np.uint8]:
    """A picture from a file, RGB (H, W, 3).

    Raises:
        InputError: it cannot be read.
    """
    image = cv2.imread(str(path)) if path.is_file() else None
    if image is None:
        raise InputError("cannot be read as a picture", path)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _corners(text: str) -> tuple[int, int]:
    columns, cross, rows = text.lower().partition("x")
    if not cross or not (columns.isdigit() and rows.isdigit()) or min(int(columns), int(rows)) < 3:
        raise InputError(f"--board needs COLUMNSxROWS of inner corners, for example 9x6; found {text!r}")
    return int(columns), int(rows)
