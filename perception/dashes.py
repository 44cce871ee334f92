"""The dashes of broken lines, measured in the full picture along the lines that the net has said.

In: a picture (H, W, 3) uint8 RGB, its camera as levelled for its lines, those lines, and the bodies that it shows. Out:
middle, length and 1-sigma along the line of each dash that is seen whole, in `ego`. The net's lines run on across gaps;
here the brightness of the ground is read along them and beside them, and the ends of the paint are where it falls to
half. Nothing is learned; where paint and gaps are not two distinct levels, nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from bus.messages import LaneMarks, MarkType
from geometry.angles import Floats
from geometry.camera import Camera
from perception.net.decode import Detections, boxes_px
from perception.net.lane_lines import SeenLine

_DEGREE = 2
"""A line within the range of dashes is a polynomial of this degree."""


@dataclass(frozen=True, slots=True)
class DashSettings:
    """Where dashes are looked for, what counts as paint, and how well its ends are told.

    Brightness is read each `step_m` along a line up to `range_m` from the camera, from `ahead_m` before the line's
    first point; across it at `stroke_m`, and on both sides at `beside_m` for the asphalt. Its contrast is what the
    paint is brighter than the asphalt, as a share of the latter plus `dark` grey levels. Paint and gaps are distinct if
    their levels are `least_contrast` apart, explain `least_share` of the profile's variance, and the gaps differ from
    the asphalt beside by no more than `gap_share` of that.
    """

    range_m: float = 22.0
    step_m: float = 0.1
    ahead_m: float = 1.0
    stroke_m: tuple[float, ...] = (-0.04, 0.0, 0.04)
    beside_m: tuple[float, ...] = (-0.45, -0.35, 0.35, 0.45)
    dark: float = 8.0
    least_contrast: float = 0.25
    least_share: float = 0.75
    gap_share: float = 0.3
    shortest_m: float = 0.8
    longest_m: float = 8.0
    margin_m: float = 0.5
    """This much of the gaps before and after a dash has to be seen."""
    most_residual_m: float = 0.08
    hidden_px: float = 4.0
    edge_px: float = 0.3
    least_sigma_m: float = 0.03
    most_sigma_m: float = 0.3
    """Dashes whose place is known less well are not said."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenDashes:
    """D dashes in `ego`: middles (D, 2), lengths (D,), 1-sigma (D,) of the middle along the line."""

    xy_m: Floats
    length_m: Floats
    sigma_m: Floats

    @staticmethod
    def joined(parts: Sequence[SeenDashes]) -> SeenDashes:
        """All of them; of those that lie upon each other, seen by two cameras, the surest."""
        xy = np.concatenate([*(part.xy_m for part in parts), np.zeros((0, 2))])
        length = np.concatenate([*(part.length_m for part in parts), np.zeros(0)])
        sigma = np.concatenate([*(part.sigma_m for part in parts), np.zeros(0)])
        kept: list[int] = []
        for row in np.argsort(sigma, kind="stable").tolist():
            if all(math.hypot(*(xy[row] - xy[other])) > 0.5 * length[other] for other in kept):
                kept.append(row)
        return SeenDashes(xy[kept], length[kept], sigma[kept])


@dataclass(frozen=True, slots=True, eq=False)
class _Profile:
    """What is seen along one line: arc length (M,), points (M, 2) in `ego`, contrast (M,), what bodies hide (M,)."""

    s_m: Floats
    points: Floats
    contrast: Floats
    hidden: NDArray[np.bool_]

    def at(self, s_m: float) -> tuple[float, float]:
        """The point at an arc length."""
        x, y = (float(np.interp(s_m, self.s_m, self.points[:, k])) for k in range(2))
        return x, y


def seen_dashes(
    picture: NDArray[np.uint8],
    camera: Camera,
    pitch_rad: float,
    lines: Sequence[SeenLine],
    bodies: Detections,
    settings: DashSettings = DashSettings(),
) -> SeenDashes:
    """The dashes of one picture; `pitch_rad` is the 1-sigma of the pitch that the levelled camera still has."""
    hidden = boxes_px(bodies, camera)
    found = []
    for line in lines:
        profile = _profile(picture, camera, line, hidden, settings) if line.type is MarkType.BROKEN else None
        if profile is None:
            continue
        for begin, end in _painted(profile, settings):
            sigma = _sigma_m(profile, begin, end, camera, pitch_rad, settings)
            if sigma <= settings.most_sigma_m:
                found.append((*profile.at(0.5 * (begin + end)), end - begin, sigma))
    table = np.array(found, dtype=np.float64).reshape(-1, 4)
    return SeenDashes(table[:, :2], table[:, 2], table[:, 3])


def with_dashes(marks: LaneMarks, dashes: SeenDashes) -> LaneMarks:
    """Lane marks that say dashes too."""
    return replace(marks, dash_xy_m=dashes.xy_m, dash_length_m=dashes.length_m, dash_sigma_m=dashes.sigma_m)


# --- brightness along a line ------------------------------------------------------------------------------------------


def _profile(
    picture: NDArray[np.uint8], camera: Camera, line: SeenLine, hidden: Floats, settings: DashSettings
) -> _Profile | None:
    """Contrast along a line; None where it is no smooth line."""
    track = _track(camera, line, settings)
    if track is None:
        return None
    points, side = track
    offsets = np.array((*settings.stroke_m, *settings.beside_m))
    ground = points[:, None] + offsets[:, None] * side[:, None]
    flat = np.column_stack((ground.reshape(-1, 2), np.zeros(ground.shape[0] * ground.shape[1])))
    pixels = camera.pixels_of(flat)[0].reshape(*ground.shape)
    inside = (pixels >= 0.0).all(axis=(1, 2)) & (pixels <= (camera.width - 1, camera.height - 1)).all(axis=(1, 2))
    if inside.sum() < 2:
        return None
    points, pixels = points[inside], pixels[inside]
    u, v = (np.ascontiguousarray(pixels[..., k], dtype=np.float32) for k in range(2))
    bright = cv2.remap(picture, u, v, cv2.INTER_LINEAR)[..., :2].mean(axis=2)  # red and green: yellow paint is bright
    strokes = len(settings.stroke_m)
    paint, asphalt = bright[:, :strokes].mean(axis=1), bright[:, strokes:].mean(axis=1)
    s = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))))
    contrast = (paint - asphalt) / (asphalt + settings.dark)
    return _Profile(s, points, contrast, _covered(pixels[:, 0], hidden, settings.hidden_px))


def _track(camera: Camera, line: SeenLine, settings: DashSettings) -> tuple[Floats, Floats] | None:
    """Points (M, 2) along a line, from near to far, and unit vectors (M, 2) to its left."""
    x, y = line.points.T
    kept = np.hypot(x - camera.position_m[0], y - camera.position_m[1]) < settings.range_m
    x, y, sigma = x[kept], y[kept], line.sigma_m[kept]
    if len(x) <= _DEGREE + 1:
        return None
    sense = 1.0 if camera.ego_from_camera[0, 2] > 0.0 else -1.0
    middle = float(x.mean())
    curve = np.polynomial.Polynomial(np.polynomial.polynomial.polyfit(x - middle, y, _DEGREE, w=1.0 / sigma))
    if float(np.std(curve(x - middle) - y)) > settings.most_residual_m:
        return None
    first, last = (x.min() - settings.ahead_m, x.max()) if sense > 0.0 else (x.max() + settings.ahead_m, x.min())
    stations = np.arange(first, last, sense * settings.step_m)
    slope = sense * curve.deriv()(stations - middle)
    side = np.stack((-slope, np.full(len(slope), sense)), axis=1) / np.hypot(1.0, slope)[:, None]
    return np.stack((stations, curve(stations - middle)), axis=1), side


def _covered(pixels: Floats, boxes: Floats, margin_px: float) -> NDArray[np.bool_]:
    """Which of pixels (M, 2) lie within any of boxes (N, 4) or near it."""
    low, high = boxes[:, None, :2] - margin_px, boxes[:, None, 2:] + margin_px
    return np.asarray(((pixels >= low) & (pixels <= high)).all(axis=2).any(axis=0))


# --- paint and gaps ---------------------------------------------------------------------------------------------------


def _painted(profile: _Profile, settings: DashSettings) -> Iterator[tuple[float, float]]:
    """Begin and end of each dash that is seen whole, as arc lengths of the profile."""
    smooth = cv2.medianBlur(profile.contrast.astype(np.float32)[:, None], 5)[:, 0].astype(np.float64)
    levels = _two_levels(smooth[~profile.hidden], settings)
    if levels is None:
        return
    gap, paint = levels
    on = smooth > 0.5 * (gap + paint)
    edges = np.flatnonzero(np.diff(on, prepend=False, append=False)).reshape(-1, 2)
    margin = math.ceil(settings.margin_m / settings.step_m)
    for first, beyond in edges.tolist():
        low, high = first - margin, beyond + margin
        if low < 0 or high > len(on) or profile.hidden[low:high].any():
            continue
        if on[low:first].any() or on[beyond:high].any():
            continue
        begin = _rise(profile.s_m[low:beyond], smooth[low:beyond], margin)
        end = _rise(profile.s_m[first:high][::-1], smooth[first:high][::-1], margin)
        if settings.shortest_m <= end - begin <= settings.longest_m:
            yield begin, end


def _two_levels(values: Floats, settings: DashSettings) -> tuple[float, float] | None:
    """Levels of gaps and of paint (Otsu 1979); None if the profile is not made of two."""
    if len(values) < 10:
        return None
    ascending = np.sort(values)
    below = np.arange(1, len(values))
    sums = np.cumsum(ascending)
    low, high = sums[:-1] / below, (sums[-1] - sums[:-1]) / (len(values) - below)
    between = below * (len(values) - below) * (high - low) ** 2 / len(values) ** 2
    best = int(between.argmax())
    gap, paint = float(low[best]), float(high[best])
    distinct = (
        paint - gap > settings.least_contrast
        and between[best] > settings.least_share * float(values.var())
        and abs(gap) < settings.gap_share * (paint - gap)
    )
    return (gap, paint) if distinct else None


def _rise(s: Floats, contrast: Floats, gap: int) -> float:
    """Arc length at which the contrast rises to half between the level of the first samples, as many as `gap`, and that
    of the others."""
    half = 0.5 * float(np.median(contrast[:gap]) + np.median(contrast[gap:]))
    rises = np.flatnonzero((contrast[:-1] <= half) & (contrast[1:] > half))
    k = int(rises[np.abs(rises - (gap - 1)).argmin()])
    share = (half - contrast[k]) / (contrast[k + 1] - contrast[k])
    return float(s[k] + share * (s[k + 1] - s[k]))


def _sigma_m(
    profile: _Profile, begin: float, end: float, camera: Camera, pitch_rad: float, settings: DashSettings
) -> float:
    """1-sigma of a dash's middle: the pixels of its ends, and the pitch, which moves both alike."""
    away = np.array((profile.at(begin), profile.at(end))) - camera.position_m[:2]
    metres_per_rad = (away**2).sum(axis=1) / camera.position_m[2]
    pixels = 0.5 * settings.edge_px * float(np.hypot(*metres_per_rad)) / camera.focal_px
    return math.hypot(pixels, pitch_rad * float(metres_per_rad.mean()), settings.least_sigma_m)
