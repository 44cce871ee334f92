"""What stands beside roads: buildings, trees, bushes, lamp posts, guard rails, signs and traffic lights.

In: a lane map and a generator (seeded by the map). Out: bodies in `world`. Nothing stands on a lane.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely

from bus.messages import LightState
from geometry.angles import Floats
from maps.lane_map import LaneMap, MapSignal
from maps.signal_meaning import is_traffic_light
from sim.sensors.camera.mesh import Colour, Mesh, box, loft, merged, polygon, quads, shaded_by

URBAN_MPS = 17.0
POLE: Colour = (118.0, 120.0, 122.0)
BOARD: Colour = (26.0, 28.0, 30.0)
LAMP_COLOURS: tuple[Colour, ...] = ((255.0, 40.0, 30.0), (255.0, 190.0, 30.0), (40.0, 240.0, 140.0))
_LIT = {
    LightState.RED: (True, False, False),
    LightState.YELLOW: (False, True, False),
    LightState.GREEN: (False, False, True),
    LightState.RED_YELLOW: (True, True, False),
    LightState.FLASHING: (False, True, False),
}
LENS_M, PITCH_M = 0.12, 0.32
"""Radius of a lamp's lens and the distance between lenses."""


@dataclass(frozen=True, slots=True)
class LightHead:
    """A traffic light's head: the middle of its lenses and the way it faces, in `world`."""

    id: str
    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float


def roadside(lane_map: LaneMap, rng: np.random.Generator) -> Mesh:
    """All bodies beside the roads of a map, but for lamps that change."""
    parts = [_signal(signal, rng) for signal in lane_map.signals]
    surfaces = [lane_map.surface(lane) for lane in range(lane_map.size)]
    tree = shapely.STRtree(surfaces)
    limits = lane_map.speed_limit_mps
    for edge, outward, lane in _borders(lane_map):
        limit = float(limits[lane_map.starts[lane]])
        urban = not limit > URBAN_MPS
        parts += list(_row(edge, outward, urban, tree, rng))
        if not urban and lane_map.kinds[lane] != "sidewalk" and rng.random() < 0.6:
            parts.append(_guard_rail(edge, outward, tree))
    return merged(parts)


def _borders(lane_map: LaneMap) -> Iterator[tuple[Floats, float, int]]:
    """Outermost edges of the roads with the sign of the outward side (+1 left)."""
    for lane in range(lane_map.size):
        if lane_map.junction[lane] or lane_map.length_m(lane) < 5.0:
            continue
        if lane_map.right_neighbour[lane] < 0:
            yield lane_map.right_edge(lane), -1.0, lane
        if lane_map.left_neighbour[lane] < 0 and lane_map.opposite_neighbour[lane] < 0:
            yield lane_map.left_edge(lane), 1.0, lane


def _row(edge: Floats, outward: float, urban: bool, tree: shapely.STRtree, rng: np.random.Generator) -> Iterator[Mesh]:
    """Things along one border, wherever they stand clear of all lanes."""
    steps = np.hypot(*np.diff(edge, axis=0).T)
    along = np.concatenate(([0.0], np.cumsum(steps)))
    s = float(rng.uniform(0.0, 8.0))
    while s < along[-1]:
        x, y = (float(np.interp(s, along, edge[:, k])) for k in range(2))
        k = min(int(np.searchsorted(along, s, side="right")) - 1, len(steps) - 1)
        yaw = math.atan2(edge[k + 1, 1] - edge[k, 1], edge[k + 1, 0] - edge[k, 0])
        mesh, away, reach = _thing(urban, rng)
        px, py = x - outward * away * math.sin(yaw), y + outward * away * math.cos(yaw)
        if not len(tree.query(shapely.Point(px, py).buffer(reach), predicate="intersects")):
            yield mesh.placed(px, py, yaw if outward < 0.0 else yaw + math.pi)
        s += float(rng.uniform(5.0, 14.0)) if urban else float(rng.uniform(7.0, 26.0))


def _thing(urban: bool, rng: np.random.Generator) -> tuple[Mesh, float, float]:
    """Something with its distance from the border and its radius."""
    pick = rng.random()
    if pick < (0.36 if urban else 0.05):
        length, depth = float(rng.uniform(8.0, 22.0)), float(rng.uniform(7.0, 14.0))
        return (
            _building(length, depth, rng),
            float(rng.uniform(4.0, 14.0)) + 0.5 * depth,
            0.5 * math.hypot(length, depth),
        )
    if pick < 0.5:
        return _lamp_post(rng), float(rng.uniform(0.5, 1.5)), 0.25
    if pick < 0.62:
        return _bush(rng), float(rng.uniform(1.5, 8.0)), 0.9
    return _tree(rng), float(rng.uniform(2.5, 24.0)), 1.2


def _building(length: float, depth: float, rng: np.random.Generator) -> Mesh:
    floors = int(rng.integers(1, 6))
    height = 3.1 * floors + 0.8
    wall = tuple(float(v) for v in np.clip(rng.uniform(110.0, 225.0) * rng.uniform(0.85, 1.05, 3), 60.0, 245.0))
    a, b = 0.5 * length, 0.5 * depth
    parts = [box(-a, a, -b, b, 0.0, height, (wall[0], wall[1], wall[2]))]
    columns = max(int(length / 3.0), 2)
    panes: list[list[tuple[float, float, float]]] = []
    lit: list[list[tuple[float, float, float]]] = []
    for floor in range(floors):
        z0 = 3.1 * floor + 1.0
        for k in range(columns):
            x0 = -a + (k + 0.28) * length / columns
            x1 = -a + (k + 0.72) * length / columns
            for side in (1.0, -1.0):
                y = side * (b + 0.02)
                ring = [(x0, y, z0), (x1, y, z0), (x1, y, z0 + 1.4), (x0, y, z0 + 1.4)]
                (lit if rng.random() < 0.15 else panes).append(ring if side < 0 else ring[::-1])
    if panes:
        parts.append(quads(np.array(panes), (52.0, 60.0, 70.0), layer=1))
    if lit:
        parts.append(quads(np.array(lit), (120.0, 104.0, 70.0), glow=0.35, layer=1))
    if rng.random() < 0.6:
        ridge = height + rng.uniform(1.5, 4.0)
        roof: Colour = (126.0, 66.0, 52.0) if rng.random() < 0.6 else (74.0, 74.0, 80.0)
        parts.append(loft(((-a - 0.3, a + 0.3, b + 0.3, height), (-a, a, 0.2, ridge)), roof))
    return merged(parts)


def _tree(rng: np.random.Generator) -> Mesh:
    height, girth = float(rng.uniform(4.0, 12.0)), float(rng.uniform(0.12, 0.3))
    crown = float(rng.uniform(1.2, 3.2))
    tint = rng.uniform(0.7, 1.2)
    leaf: Colour = (58.0 * tint, float(rng.uniform(80.0, 112.0)) * tint, 40.0 * tint)
    low = 0.3 * height
    trunk = loft(
        ((-girth, girth, girth, 0.0), (-0.7 * girth, 0.7 * girth, 0.7 * girth, 0.6 * height)), (84.0, 66.0, 50.0)
    )
    parts = [trunk]
    for turn, size, shade in ((0.0, 1.0, 1.0), (math.pi / 4.0, 0.95, 0.88), (0.4, 0.8, 1.1)):
        r, base = crown * size, low * rng.uniform(0.9, 1.25)
        body = loft(
            ((-0.5 * r, 0.5 * r, 0.5 * r, base), (-r, r, r, base + 0.35 * (height - base)),
             (-0.75 * r, 0.75 * r, 0.75 * r, base + 0.7 * (height - base)), (-0.15 * r, 0.15 * r, 0.15 * r, height)),
            leaf, bottom=True,
        )  # fmt: skip
        dx, dy = rng.uniform(-0.2, 0.2, 2) * crown
        parts.append(shaded_by(body.placed(float(dx), float(dy), turn), shade))
    return merged(parts)


def _bush(rng: np.random.Generator) -> Mesh:
    r, h = float(rng.uniform(0.4, 1.0)), float(rng.uniform(0.5, 1.6))
    tint = rng.uniform(0.7, 1.2)
    leaf: Colour = (62.0 * tint, 92.0 * tint, 42.0 * tint)
    return merged([
        loft(((-0.7 * r, 0.7 * r, 0.7 * r, 0.0), (-r, r, r, 0.5 * h), (-0.4 * r, 0.4 * r, 0.4 * r, h)), leaf).placed(
            0.0, 0.0, turn)
        for turn in (0.0, math.pi / 4.0)
    ])  # fmt: skip


def _lamp_post(rng: np.random.Generator) -> Mesh:
    """The arm reaches to the left, over the road, as the border runs with the road on its left."""
    height = float(rng.uniform(5.0, 9.0))
    return merged(
        [
            box(-0.07, 0.07, -0.07, 0.07, 0.0, height, POLE),
            box(-0.05, 0.05, 0.0, 1.6, height - 0.1, height, POLE),
            box(-0.14, 0.14, 1.1, 1.8, height - 0.22, height - 0.1, (255.0, 226.0, 170.0), glow=0.7),
        ]
    )


def _guard_rail(edge: Floats, outward: float, tree: shapely.STRtree) -> Mesh:
    """A rail on posts half a metre outside of the border; it stops where another lane comes."""
    steps = np.hypot(*np.diff(edge, axis=0).T)
    along = np.concatenate(([0.0], np.cumsum(steps)))
    stations = np.arange(0.0, along[-1], 8.0)
    points = np.column_stack([np.interp(stations, along, edge[:, k]) for k in range(2)])
    if len(points) < 2:
        return merged([])
    step = np.gradient(points, axis=0)
    step /= np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)[:, None]
    points = points + outward * 0.7 * np.column_stack((-step[:, 1], step[:, 0]))
    free = np.array([not len(tree.query(shapely.Point(*p).buffer(0.3), predicate="intersects")) for p in points])
    rail = []
    for k in np.flatnonzero(free[:-1] & free[1:]):
        a, b = points[k], points[k + 1]
        face = [(*a, 0.45), (*b, 0.45), (*b, 0.75), (*a, 0.75)]
        rail += [face, face[::-1]]
    posts = [box(-0.05, 0.05, -0.05, 0.05, 0.0, 0.7, POLE).placed(float(p[0]), float(p[1]), 0.0) for p in points[free]]
    return merged([quads(np.array(rail), (164.0, 166.0, 168.0)), *posts]) if rail else merged(posts)


def light_heads(lane_map: LaneMap) -> tuple[LightHead, ...]:
    """Where the traffic lights of a map hang; files that say no height get the usual one."""
    return tuple(
        LightHead(s.id, s.x_m, s.y_m, s.z_m if s.z_m > 1.8 else 2.9, s.yaw_rad)
        for s in lane_map.signals
        if is_traffic_light(s)
    )


def light_stand(head: LightHead) -> Mesh:
    """Post, board and hood of a traffic light."""
    parts = [
        box(-0.16, -0.04, -0.07, 0.07, 0.0, head.z_m, POLE),
        box(-0.1, 0.08, -0.2, 0.2, head.z_m - 0.55, head.z_m + 0.55, BOARD),
    ]
    return merged(parts).placed(head.x_m, head.y_m, head.yaw_rad)


def light_lamps(head: LightHead, state: int) -> Mesh:
    """The three lenses, lit or dark."""
    lit = _LIT.get(LightState(state), (False, False, False))
    angles = np.arange(8) * (math.pi / 4.0)
    parts = []
    for k, (colour, on) in enumerate(zip(LAMP_COLOURS, lit, strict=True)):
        z = head.z_m + (1 - k) * PITCH_M
        ring = np.column_stack((np.full(8, 0.09), LENS_M * np.cos(angles), z + LENS_M * np.sin(angles)))
        parts.append(polygon(ring, colour if on else (36.0, 34.0, 34.0), glow=1.0 if on else 0.0, layer=1))
    return merged(parts).placed(head.x_m, head.y_m, head.yaw_rad)


def _signal(signal: MapSignal, rng: np.random.Generator) -> Mesh:
    """A sign on its pole, or the stand of a light; the plate's shape follows from the kind, roughly."""
    if is_traffic_light(signal):
        head = LightHead(signal.id, signal.x_m, signal.y_m, signal.z_m if signal.z_m > 1.8 else 2.9, signal.yaw_rad)
        return light_stand(head)
    middle = signal.z_m if signal.z_m > 1.0 else float(rng.uniform(2.1, 2.6))
    corners, face = _plate(signal.kind)
    angles = 2.0 * math.pi * (np.arange(corners) + 0.5) / corners + (math.pi / 6.0 if corners == 3 else 0.0)
    parts = [box(-0.08, -0.02, -0.03, 0.03, 0.0, middle + 0.3, POLE)]
    for layer, radius, colour in (
        (1, 0.42, face),
        (2, 0.31, (240.0, 240.0, 240.0) if face != (30.0, 74.0, 160.0) else face),
    ):
        ring = np.column_stack(
            (np.full(corners, 0.01 * layer), radius * np.cos(angles), middle + radius * np.sin(angles))
        )
        parts.append(polygon(ring, colour, glow=-0.8, layer=layer))
        if layer == 1:
            parts.append(polygon(ring[::-1] - (0.05, 0.0, 0.0), (120.0, 122.0, 124.0)))
    return merged(parts).placed(signal.x_m, signal.y_m, signal.yaw_rad)


def _plate(kind: str) -> tuple[int, Colour]:
    """Corners and rim colour by the German catalogue's hundreds: warnings, orders, guides."""
    if kind in ("206", "R1-1"):
        return 8, (190.0, 24.0, 30.0)
    if kind == "205" or kind.startswith("1"):
        return 3, (200.0, 30.0, 34.0)
    if kind.startswith("2"):
        return 12, (200.0, 30.0, 34.0)
    return 4, (30.0, 74.0, 160.0)
