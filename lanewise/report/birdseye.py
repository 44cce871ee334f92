"""One moment of a drive from above, as a picture: the same road, drawings and colours as the page.

In: `ReportData` and a time. Out: an RGB image. The ego heads right, as in the page's first view.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from bus.messages import SafetyMode
from geometry.angles import Floats
from lanewise.report.artwork import artwork
from lanewise.report.palette import Palette, body_role, rgb, speed_color, tinted
from lanewise.report.scene import LineStyle, ReportData, Road, RoadLine, SignalKind, latest
from maps.dashes import strokes

Image = NDArray[np.uint8]

SUBPIXEL_BITS = 4
"""OpenCV draws polygons with this many fractional bits."""

BRAKING_MPS2 = -0.6
BLINK_S = 0.8
_LAMPS = {
    "red": ("braking",), "red_yellow": ("braking", "indicator"), "yellow": ("indicator",), "green": ("fast",),
    "flashing": ("indicator",),
}  # fmt: skip
_SIGNS = {
    SignalKind.STOP: (8, math.pi / 8, 1.2, "fail", "panel"),
    SignalKind.YIELD: (3, math.pi / 2, 1.2, "panel", "fail"),
    SignalKind.PRIORITY: (4, 0.0, 1.2, "mark-yellow", "panel"),
    SignalKind.LIMIT: (24, 0.0, 1.2, "panel", "fail"),
    SignalKind.SIGN: (24, 0.0, 0.5, "faint", "panel"),
}
"""Corners, turn [rad], radius in sizes, colour inside and of the edge."""
_PAINT = {"yellow": "mark-yellow", "blue": "mark-blue", "red": "mark-red", "orange": "mark-yellow"}


@dataclass(frozen=True, slots=True)
class View:
    """Where the picture looks: `world` point that stands at the anchor, heading that points right, scale."""

    EGO_SHARE: ClassVar[float] = 0.28
    """Where the anchor (the ego) stands across the picture, from the left."""

    x_m: float
    y_m: float
    yaw_rad: float
    px_per_m: float
    size_px: tuple[int, int]

    def pixels(self, points: Floats) -> Floats:
        """World points (K, 2) as pixels (K, 2), x right, y down."""
        cos, sin = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        dx, dy = points[:, 0] - self.x_m, points[:, 1] - self.y_m
        ahead, left = cos * dx + sin * dy, cos * dy - sin * dx
        width, height = self.size_px
        return np.stack((self.EGO_SHARE * width + self.px_per_m * ahead, 0.5 * height - self.px_per_m * left), axis=-1)


def draw_birdseye(
    data: ReportData, t_s: float, palette: Palette, size_px: tuple[int, int] = (1280, 720), px_per_m: float = 10.0
) -> Image:
    """The moment `t_s` as an RGB image of shape (height, width, 3)."""
    width, height = size_px
    image = np.empty((height, width, 3), dtype=np.uint8)
    image[:] = rgb(palette["ground"])
    row = int(np.clip(np.searchsorted(data.rollout.t_s, t_s + 1e-6, side="right") - 1, 0, len(data.rollout.t_s) - 1))
    ego = data.rollout.ego
    view = View(float(ego.x_m[row]), float(ego.y_m[row]), float(ego.yaw_rad[row]), px_per_m, size_px)
    draw_road(image, data.road, view, palette)
    _draw_plan(image, data, t_s, view, palette)
    for column, index in enumerate(data.rollout.other_ids):
        if data.rollout.others.present[row, column]:
            _draw_other(image, data, (row, column, int(index)), view, palette)
    _draw_ego(image, data, row, t_s, view, palette)
    draw_signals(image, data.road, t_s, view, palette)
    _draw_caption(image, data, row, t_s, palette)
    return image


def _fill(image: Image, pixels: Floats, color: tuple[int, int, int]) -> None:
    """A filled polygon; one that lies outside the picture or is wildly larger is left to OpenCV's clipping."""
    if not _touches(image, pixels):
        return
    fixed = np.round(pixels * 2**SUBPIXEL_BITS).clip(-(2**30), 2**30).astype(np.int32)
    cv2.fillPoly(image, [fixed], color, cv2.LINE_AA, SUBPIXEL_BITS)


def _stroke(image: Image, pixels: Floats, color: tuple[int, int, int], width_px: float) -> None:
    if not _touches(image, pixels):
        return
    fixed = np.round(pixels * 2**SUBPIXEL_BITS).clip(-(2**30), 2**30).astype(np.int32)
    cv2.polylines(image, [fixed], False, color, max(1, round(width_px)), cv2.LINE_AA, SUBPIXEL_BITS)


def _touches(image: Image, pixels: Floats) -> bool:
    height, width = image.shape[:2]
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return bool(low[0] < width and low[1] < height and high[0] > 0 and high[1] > 0)


def draw_road(image: Image, road: Road, view: View, palette: Palette) -> None:
    """Surfaces and paint, into an image."""
    for surface in road.surfaces:
        for ring in surface.rings:
            _fill(image, view.pixels(ring), rgb(palette[surface.kind.value]))
    for line in road.lines:
        role = {LineStyle.CENTRE: "centre", LineStyle.EDGE: "edge"}.get(line.style, _PAINT.get(line.color, "mark"))
        for points in _dashes(line):
            _stroke(image, view.pixels(points), rgb(palette[role]), line.width_m * view.px_per_m)


def draw_signals(image: Image, road: Road, t_s: float, view: View, palette: Palette) -> None:
    """Signs and lights as they are at a time, upright and large enough to be seen."""
    size = float(np.clip(0.9 * view.px_per_m, 3.0, 9.0))
    for signal in road.signals:
        middle = view.pixels(np.array([[signal.x_m, signal.y_m]]))
        if signal.kind is SignalKind.LIGHT:
            lit = _LAMPS.get(signal.state_at(t_s), ("muted",))
            half = np.array([1.4 * size, (len(lit) + 0.4) * size])
            _fill(image, middle + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]), rgb(palette["glass"]))
            for i, role in enumerate(lit):
                lamp = middle + np.array([0.0, (2 * i + 1 - len(lit)) * size])
                _fill(image, lamp + 0.85 * size * _corners(24, 0.0), rgb(palette[role]))
            continue
        corners, turn_rad, radius, inside, edge = _SIGNS[signal.kind]
        ring = middle + radius * size * _corners(corners, turn_rad)
        _fill(image, ring, rgb(palette[inside]))
        _stroke(image, np.concatenate((ring, ring[:1])), rgb(palette[edge]), 0.3 * size)


def _corners(count: int, turn_rad: float) -> Floats:
    angle = turn_rad + 2.0 * np.pi * np.arange(count) / count
    return np.stack((np.cos(angle), np.sin(angle)), axis=-1)


def _dashes(line: RoadLine) -> list[Floats]:
    """The painted parts of a line; the middle of a lane is not painted at all in pictures."""
    if line.style is LineStyle.CENTRE:
        return []
    if line.style is not LineStyle.BROKEN or line.dashes is None:
        return [line.points]
    along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(line.points, axis=0).T))))
    painted = []
    for low, high in strokes(line.dashes, 0.0, float(along[-1])):
        stations = np.array([low, *along[(along > low) & (along < high)], high])
        painted.append(np.stack([np.interp(stations, along, line.points[:, axis]) for axis in range(2)], axis=-1))
    return painted


def _draw_plan(image: Image, data: ReportData, t_s: float, view: View, palette: Palette) -> None:
    index = latest(data.plans, t_s)
    if index < 0 or len(data.plans[index].points) < 2:
        return
    plan = data.plans[index]
    pixels = view.pixels(plan.points)
    fastest = max(data.rollout.set_speed_mps, float(data.rollout.ego.speed_mps.max()), 1.0)
    for k in range(len(pixels) - 1):
        share = 0.5 * (plan.speed_mps[k] + plan.speed_mps[k + 1]) / fastest
        _stroke(image, pixels[k : k + 2], rgb(speed_color(float(share), palette)), 0.7 * view.px_per_m)


def _draw_other(image: Image, data: ReportData, at: tuple[int, int, int], view: View, palette: Palette) -> None:
    row, column, index = at
    others = data.rollout.others
    centre = np.array([others.x_m[row, column], others.y_m[row, column]])
    braking = bool(others.acceleration_mps2[row, column] < BRAKING_MPS2)
    _draw_entity(image, data, index, (centre, float(others.yaw_rad[row, column]), braking, False), view, palette)


def _draw_ego(image: Image, data: ReportData, row: int, t_s: float, view: View, palette: Palette) -> None:
    ego, shape = data.rollout.ego, data.rollout.cast[data.rollout.ego_id]
    yaw = float(ego.yaw_rad[row])
    centre = np.array([ego.x_m[row], ego.y_m[row]]) + shape.centre_x_m * np.array([math.cos(yaw), math.sin(yaw)])
    hazard = any(start <= t_s <= end for start, end in data.hazard_spans_s) and t_s % BLINK_S < 0.5 * BLINK_S
    braking = bool(ego.acceleration_mps2[row] < BRAKING_MPS2)
    _draw_entity(image, data, data.rollout.ego_id, (centre, yaw, braking, hazard), view, palette)


def _draw_entity(
    image: Image, data: ReportData, index: int, state: tuple[Floats, float, bool, bool], view: View, palette: Palette
) -> None:
    """`state`: box centre in world, yaw, whether it brakes, whether its hazard lights are lit."""
    centre, yaw, braking, hazard = state
    shape = data.rollout.cast[index]
    body = body_role(shape.kind, index == data.rollout.ego_id)
    turn = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    for layer in artwork(shape.kind, shape.length_m, shape.width_m):
        if layer.role == "indicator" and not hazard:
            continue
        role = {"body": body, "tail": "braking" if braking else "tail"}.get(layer.role, layer.role)
        _fill(image, view.pixels(centre + layer.points @ turn), rgb(tinted(palette[role], layer.tint)))


def _draw_caption(image: Image, data: ReportData, row: int, t_s: float, palette: Palette) -> None:
    texts = [f"{t_s:6.2f} s   {3.6 * data.rollout.ego.speed_mps[row]:3.0f} km/h"]
    mode = latest(data.modes, t_s)
    if mode >= 0 and data.modes[mode].mode is not SafetyMode.NORMAL:
        texts.append(data.modes[mode].mode.name.lower().replace("_", " "))
    scale = image.shape[0] / 720.0
    size = 0.8 * scale
    thick = max(1, round(2 * scale))
    for line, text in enumerate(texts):
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
        x, y = round(18 * scale), round((34 + 40 * line) * scale)
        pad = round(9 * scale)
        cv2.rectangle(image, (x - pad, y - height - pad), (x + width + pad, y + pad), rgb(palette["panel"]), cv2.FILLED)
        cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, rgb(palette["ink"]), thick, cv2.LINE_AA)
