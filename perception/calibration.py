"""What a camera is, from pictures that it took: lens from chessboards, direction and height from a straight road.

In: pictures (H, W) or (H, W, 3), the corners of the board, the width of the lane. Out: intrinsics, and pitch, yaw and
height over the road. The lens is Zhang's method (A flexible new technique for camera calibration, 2000) by OpenCV.
Two parallel lines on a flat road meet in the vanishing point: its row is the horizon, and how fast they part below it
is the lane's width over the camera's height.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.camera import undistorted
from geometry.errors import InputError

Picture = NDArray[np.uint8]
REFINED = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 60, 1e-4)

SAME_LINE = 0.13
"""Slopes that differ by less are the two edges of one painted line: 0.15 m over the height of a camera."""


@dataclass(frozen=True, slots=True, eq=False)
class Lens:
    """Intrinsics of a picture size: `matrix` (3, 3), `distortion` (5,) in OpenCV's order.

    `error_px` is the root mean square of what is left over, `boards` of how many pictures.
    """

    width: int
    height: int
    matrix: Floats
    distortion: Floats
    error_px: float
    boards: int


@dataclass(frozen=True, slots=True)
class View:
    """How a camera looks at a road: pitch positive downwards, yaw positive to the left of it, height over it."""

    pitch_rad: float
    yaw_rad: float
    height_m: float


def lens_of(pictures: Sequence[Picture], columns: int, rows: int) -> Lens:
    """The lens, from pictures of a board with so many inner corners; one row or column may be cut off.

    Raises:
        InputError: pictures of different sizes, or a board in fewer than two of them.
    """
    sizes = {picture.shape[:2] for picture in pictures}
    if len(sizes) != 1:
        raise InputError(f"pictures of one size were expected; found {sorted(sizes)}")
    ((height, width),) = sizes
    found = [board for board in (_board(picture, columns, rows) for picture in pictures) if board is not None]
    if len(found) < 2:
        raise InputError(
            f"a chessboard of {columns} x {rows} inner corners was found in {len(found)} of {len(pictures)} pictures; "
            "at least two are needed, three or more from different sides are better"
        )
    places, corners = zip(*found, strict=True)
    # The tangential part and the third radial one are not to be had from a few boards.
    flags = cv2.CALIB_FIX_K3 | cv2.CALIB_ZERO_TANGENT_DIST
    error, matrix, bend, _, _ = cv2.calibrateCamera(places, corners, (width, height), None, None, flags=flags)
    return Lens(width, height, np.asarray(matrix, np.float64), np.ravel(bend)[:5], float(error), len(found))


def _board(picture: Picture, columns: int, rows: int) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Places on the board, in squares, and pixels of its corners, (N, 3) and (N, 1, 2)."""
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    for across, down in ((columns, rows), (columns, rows - 1), (columns - 1, rows)):
        seen, corners = cv2.findChessboardCorners(grey, (across, down))
        if seen:
            fine = cv2.cornerSubPix(grey, corners, (7, 7), (-1, -1), REFINED)
            v, u = np.mgrid[0:down, 0:across]
            return np.column_stack((u.ravel(), v.ravel(), np.zeros(u.size))).astype(np.float32), fine
    return None


def scaled(lens: Lens, width: int, height: int) -> Lens:
    """The lens for pictures of another size that show the same.

    Raises:
        InputError: they have another shape, so that they show something else.
    """
    ratio = width / lens.width
    if abs(height / lens.height - ratio) > 0.005 * ratio:
        raise InputError(
            f"the pictures have {width} x {height} pixels, the calibration is of {lens.width} x {lens.height}: "
            "another shape; calibrate with stills of the same camera mode"
        )
    matrix = lens.matrix * np.array([[ratio], [ratio], [1.0]])
    # Middles of pixels: the first one's edge, not its middle, stays where it is.
    matrix[:2, 2] += 0.5 * ratio - 0.5
    return Lens(width, height, matrix, lens.distortion, lens.error_px * ratio, lens.boards)


def view_of(picture: Picture, lens: Lens, lane_width_m: float) -> View:
    """Pitch, yaw and height, from a picture of a straight flat road between two painted lines.

    Raises:
        InputError: no line on either side is found.
    """
    left, right = (_strongest(side) for side in _sides(_flat_lines(picture, lens)))
    if left is None or right is None:
        raise InputError("two painted lines, left and right of the camera, were expected on a straight road")
    # Lines x = a + b * y of the normalised image plane; at the vanishing point (x0, y0) they meet.
    y0 = (left[0] - right[0]) / (right[1] - left[1])
    x0 = left[0] + left[1] * y0
    pitch = -math.atan(y0)
    # Per unit of y below the horizon the lane grows by width over height, both seen under the pitch.
    height = lane_width_m / ((right[1] - left[1]) * math.cos(pitch) ** 2)
    return View(pitch, math.atan(x0 * math.cos(pitch)), height)


def _flat_lines(picture: Picture, lens: Lens) -> Floats:
    """Segments of painted lines in the lower part of a picture, (N, 4) on the normalised image plane without bend."""
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV), np.float32)
    paint = (grey[..., 2] > 190) | ((grey[..., 1] > 90) & (np.abs(grey[..., 0] - 22) < 10) & (grey[..., 2] > 110))
    paint[: round(0.6 * paint.shape[0])] = False
    paint[round(0.97 * paint.shape[0]) :] = False
    edges = cv2.Canny((255 * paint).astype(np.uint8), 60, 180)
    shortest = lens.height // 18
    found = cv2.HoughLinesP(edges, 1.0, math.radians(0.5), 25, minLineLength=shortest, maxLineGap=lens.height // 25)
    if found is None:
        return np.zeros((0, 4))
    points = found.reshape(-1, 2).astype(np.float64)
    plane = (points - lens.matrix[:2, 2]) / (lens.matrix[0, 0], lens.matrix[1, 1])
    return undistorted(plane, lens.distortion).reshape(-1, 4)


def _sides(segments: Floats) -> tuple[Floats, Floats]:
    """Segments that lean as lines left and right of the camera do, as rows of a, b, length, and where they cross."""
    dx, dy = segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1]
    steep = np.abs(dy) > 0.15 * np.abs(dx)
    segments, dx, dy = segments[steep], dx[steep], dy[steep]
    slope = dx / dy
    start = segments[:, 0] - slope * segments[:, 1]
    table = np.column_stack((start, slope, np.hypot(dx, dy)))
    low = start + slope * 0.3  # on the road, some metres ahead
    near = np.abs(low) < 0.9
    return table[near & (slope < -0.2) & (low < 0.0)], table[near & (slope > 0.2) & (low > 0.0)]


def _strongest(side: Floats) -> tuple[float, float] | None:
    """The line that most of the painted length agrees with, of the nearest ones: a + b * y."""
    if not len(side):
        return None
    order = np.argsort(np.abs(side[:, 1]), kind="stable")
    agree = [side[np.abs(side[:, 1] - side[k, 1]) < SAME_LINE] for k in order]
    weights = np.array([group[:, 2].sum() for group in agree])
    # The own lane's lines are steeper than the next ones': the first that is nearly as strong as the strongest.
    best = agree[int(np.flatnonzero(weights >= 0.6 * weights.max())[0])]
    a, b = np.average(best[:, :2], axis=0, weights=best[:, 2])
    return float(a), float(b)
