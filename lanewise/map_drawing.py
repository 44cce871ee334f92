"""A lane map from above, north up: as a picture, and as a page to zoom and read lane ids in.

In: `LaneMap`. Out: an RGB image, or HTML that holds an SVG and needs no network.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator

import numpy as np

from geometry.angles import Floats
from lanewise.report.birdseye import Image, View, draw_road, draw_signals
from lanewise.report.palette import LIGHT, rgb
from lanewise.report.road import road_around
from lanewise.report.scene import LineStyle, Road, SignalKind, SurfaceKind
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS, Dashes

MARGIN_M = 10.0
LARGEST_PX = 16_384


def draw_map(lane_map: LaneMap, width_px: int) -> Image:
    """The whole map as an RGB image of that width; the height follows."""
    low, high = _bounds(lane_map)
    scale = width_px / (high[0] - low[0])
    height_px = int(min(max(math.ceil((high[1] - low[1]) * scale), 16), LARGEST_PX))
    image = np.empty((height_px, width_px, 3), dtype=np.uint8)
    image[:] = rgb(LIGHT["ground"])
    middle_y = 0.5 * (low[1] + high[1])
    # The view anchors a world point left of the middle of the picture; this one puts the left border at `low`.
    anchor_x = low[0] + View.EGO_SHARE * width_px / scale
    road, view = _road(lane_map), View(anchor_x, middle_y, 0.0, scale, (width_px, height_px))
    draw_road(image, road, view, LIGHT)
    draw_signals(image, road, 0.0, view, LIGHT)
    return image


def map_page(lane_map: LaneMap, title: str) -> str:
    """An HTML page: drag to move, scroll to zoom, hover for lane ids."""
    low, high = _bounds(lane_map)
    size = high - low
    road = _road(lane_map)
    shapes = "\n".join((
        *_surfaces(lane_map, low, high), *_crossings(road, low, high), *_lines(road, low, high),
        *_signals(road, low, high),
    ))  # fmt: skip
    name = html.escape(title)
    lanes = sum(kind in DRIVABLE_KINDS for kind in lane_map.kinds)
    return _PAGE.format(
        title=name, width=f"{size[0]:.1f}", height=f"{size[1]:.1f}", shapes=shapes, ground=LIGHT["ground"],
        ink=LIGHT["ink"], panel=LIGHT["panel"],
        facts=f"{lanes} driving lanes of {lane_map.size}, {size[0]:.0f} x {size[1]:.0f} m",
    )  # fmt: skip


def _bounds(lane_map: LaneMap) -> tuple[Floats, Floats]:
    points = np.concatenate((lane_map.left_points, lane_map.right_points))
    return points.min(axis=0) - MARGIN_M, points.max(axis=0) + MARGIN_M


def _road(lane_map: LaneMap) -> Road:
    return road_around(lane_map, lane_map.centre_points)


def _surfaces(lane_map: LaneMap, low: Floats, high: Floats) -> Iterator[str]:
    order = sorted(range(lane_map.size), key=lambda lane: lane_map.kinds[lane] in DRIVABLE_KINDS)
    for lane in order:
        kind = lane_map.kinds[lane]
        role = "lane" if kind in DRIVABLE_KINDS else "walk" if kind in ("sidewalk", "walking") else "shoulder"
        color = LIGHT[role if kind not in ("none", "border") else "verge"]
        ring = np.concatenate((lane_map.left_edge(lane), lane_map.right_edge(lane)[::-1]))
        label = html.escape(f"{lane_map.ids[lane]} ({kind}), {lane_map.length_m(lane):.1f} m")
        yield f'<path d="{_path(ring, low, high)}Z" fill="{color}"><title>{label}</title></path>'


def _lines(road: Road, low: Floats, high: Floats) -> Iterator[str]:
    for line in road.lines:
        if line.style is LineStyle.CENTRE:
            continue
        dash = _dash_array(line.dashes) if line.style is LineStyle.BROKEN and line.dashes is not None else ""
        color = LIGHT["edge" if line.style is LineStyle.EDGE else "mark-yellow" if line.color == "yellow" else "mark"]
        path = _path(line.points, low, high)
        yield f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{line.width_m:.2f}"{dash}/>'


def _dash_array(dashes: Dashes) -> str:
    begins_at = -dashes.at_m % dashes.period_m
    return f' stroke-dasharray="{dashes.dash_m:g} {dashes.gap_m:g}" stroke-dashoffset="{begins_at:.2f}"'


def _crossings(road: Road, low: Floats, high: Floats) -> Iterator[str]:
    for surface in road.surfaces:
        if surface.kind is SurfaceKind.CROSSING:
            path = _path(surface.rings[0], low, high)
            yield f'<path d="{path}Z" fill="{LIGHT["crossing"]}"><title>pedestrian crossing</title></path>'


_SIGNAL_FILLS = {
    SignalKind.LIGHT: "glass", SignalKind.STOP: "fail", SignalKind.YIELD: "panel", SignalKind.PRIORITY: "mark-yellow",
    SignalKind.LIMIT: "panel", SignalKind.SIGN: "faint",
}  # fmt: skip


def _signals(road: Road, low: Floats, high: Floats) -> Iterator[str]:
    for signal in road.signals:
        edge = LIGHT["fail" if signal.kind in (SignalKind.YIELD, SignalKind.LIMIT) else "panel"]
        label = html.escape(f"{signal.kind.value} {signal.text}")
        yield (
            f'<circle cx="{signal.x_m - low[0]:.2f}" cy="{high[1] - signal.y_m:.2f}" r="0.9" stroke="{edge}"'
            f' stroke-width="0.25" fill="{LIGHT[_SIGNAL_FILLS[signal.kind]]}"><title>{label}</title></circle>'
        )


def _path(points: Floats, low: Floats, high: Floats) -> str:
    """SVG's y runs down."""
    return "M" + "L".join(f"{x - low[0]:.2f} {high[1] - y:.2f}" for x, y in points)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title} – map – Lanewise</title>
<style>html, body {{ margin: 0; height: 100%; background: {ground}; color: {ink}; font: 15px system-ui, sans-serif; }}
svg {{ width: 100%; height: 100%; display: block; cursor: grab; touch-action: none; }}
path:hover {{ filter: brightness(0.93); }}
p {{ position: absolute; left: 12px; top: 12px; margin: 0; padding: 6px 14px; background: {panel};
  border-radius: 8px; }}
</style></head><body>
<svg id="map" viewBox="0 0 {width} {height}" role="img" aria-label="Map {title}">
{shapes}
</svg>
<p><b>{title}</b> · {facts}</p>
<script>
"use strict";
(() => {{
  const svg = document.getElementById("map"), box = svg.viewBox.baseVal;
  const point = (e) => new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse());
  svg.addEventListener("wheel", (e) => {{
    e.preventDefault();
    const p = point(e), k = Math.exp(0.0015 * e.deltaY);
    box.x = p.x - k * (p.x - box.x); box.y = p.y - k * (p.y - box.y); box.width *= k; box.height *= k;
  }}, {{ passive: false }});
  let held = null;
  svg.onpointerdown = (e) => {{ svg.setPointerCapture(e.pointerId); held = point(e); }};
  svg.onpointerup = () => {{ held = null; }};
  svg.onpointermove = (e) => {{ if (held) {{ const p = point(e); box.x += held.x - p.x; box.y += held.y - p.y; }} }};
}})();
</script></body></html>
"""
