"""Shapes of motor vehicles: hood, cabin with windows, wheels and lamps, lofted to the size of the box they stand in.

Frame: the box centre on the ground, x forward, y left, z up. Everything is drawn from a generator, so that no two cars
look alike; lamps are parts of their own because they change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.sensors.camera.mesh import Colour, Mesh, Ring, box, disc, facing_x, loft, merged, polygon, quads

GLASS: Colour = (38.0, 46.0, 54.0)
RUBBER: Colour = (24.0, 24.0, 26.0)
RIM: Colour = (140.0, 142.0, 146.0)
TRIM: Colour = (36.0, 37.0, 40.0)
PLATE: Colour = (225.0, 225.0, 215.0)
HEAD: Colour = (255.0, 250.0, 232.0)
TAIL: Colour = (205.0, 24.0, 20.0)
PAINTS = np.array([
    (238, 238, 236), (206, 208, 210), (150, 153, 157), (96, 99, 104), (34, 35, 38), (28, 48, 96), (52, 96, 158),
    (148, 26, 28), (190, 40, 34), (94, 24, 28), (34, 72, 52), (196, 178, 142), (224, 150, 40), (120, 90, 62),
], dtype=np.float64)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lamps:
    """What the driver has switched on."""

    front: bool = False
    brake: bool = False


@dataclass(frozen=True, slots=True)
class _Cabin:
    """Where the glasshouse of a car begins and ends, as shares of the length from the front, and its slants."""

    hood: float
    screen: float
    roof_end: float
    back: float
    belt: float
    tumble: float
    nose_drop: float


def paint_of(rng: np.random.Generator) -> Colour:
    """A usual colour of a car, a little off."""
    red, green, blue = np.clip(PAINTS[rng.integers(len(PAINTS))] + rng.normal(0.0, 8.0, 3), 8.0, 248.0)
    return float(red), float(green), float(blue)


def car(length_m: float, width_m: float, height_m: float, lamps: Lamps, rng: np.random.Generator) -> Mesh:
    """Saloon, hatchback, estate or off-roader, by chance."""
    cabin = _cabin(rng)
    paint, half_l, half_w = paint_of(rng), 0.5 * length_m, 0.5 * width_m
    sill, belt = 0.16 * height_m, cabin.belt * height_m
    hood_x, back_x = half_l - cabin.hood * length_m, half_l - cabin.back * length_m
    screen_x, roof_x = half_l - cabin.screen * length_m, half_l - cabin.roof_end * length_m
    nose = belt - cabin.nose_drop * height_m
    body = loft(
        (
            (-half_l + 0.06, half_l - 0.08, half_w - 0.06, sill),
            (-half_l, half_l, half_w, sill + 0.14 * height_m),
            (-half_l, half_l - 0.03, half_w, nose - 0.04),
            (-half_l + 0.04, half_l - 0.14, half_w - 0.02, nose),
        ),
        paint,
        bottom=True,
    )
    deck = loft(
        ((-half_l + 0.05, half_l - 0.2, half_w - 0.02, nose), (-half_l + 0.1, hood_x, half_w - 0.04, belt)), paint
    )
    roof = height_m - 0.01
    top_half = half_w - cabin.tumble
    house = loft(((back_x, hood_x, half_w - 0.05, belt), (roof_x, screen_x, top_half, roof)), paint)
    glass = _glasshouse(back_x, hood_x, half_w - 0.05, belt, roof_x, screen_x, top_half, roof)
    wheels = _wheels((half_l - 0.19 * length_m, -half_l + 0.2 * length_m), half_w, 0.225 * height_m)
    ends = _car_ends(half_l, half_w, sill, nose, lamps)
    mirrors = [
        box(hood_x - 0.45, hood_x - 0.3, y - 0.09, y + 0.09, belt, belt + 0.14, paint)
        for y in (half_w + 0.05, -half_w - 0.05)
    ]
    return merged([body, deck, house, glass, wheels, ends, *mirrors])


def _cabin(rng: np.random.Generator) -> _Cabin:
    nose_drop, tumble = rng.uniform(0.06, 0.13), rng.uniform(0.12, 0.2)
    match rng.integers(4):
        case 0:  # saloon
            return _Cabin(rng.uniform(0.25, 0.3), rng.uniform(0.42, 0.46), rng.uniform(0.7, 0.76),
                          rng.uniform(0.84, 0.88), 0.62, tumble, nose_drop)  # fmt: skip
        case 1:  # hatchback
            return _Cabin(rng.uniform(0.22, 0.26), rng.uniform(0.38, 0.43), rng.uniform(0.84, 0.9),
                          0.975, 0.62, tumble, nose_drop)  # fmt: skip
        case 2:  # estate
            return _Cabin(rng.uniform(0.25, 0.28), rng.uniform(0.4, 0.44), rng.uniform(0.91, 0.95),
                          0.985, 0.62, tumble, nose_drop)  # fmt: skip
        case _:  # off-roader
            return _Cabin(rng.uniform(0.23, 0.27), rng.uniform(0.34, 0.39), rng.uniform(0.92, 0.95),
                          0.985, 0.6, 0.6 * tumble, 0.6 * nose_drop)  # fmt: skip


def _glasshouse(
    back: float, front: float, half: float, belt: float, roof_back: float, roof_front: float, roof_half: float,
    roof: float,
) -> Mesh:  # fmt: skip
    """Windows all round as darker quadrilaterals on the cabin's sides, with pillars left between them."""

    def at(x_share: float, z_share: float) -> tuple[float, float, float]:
        """x, half width and z on the side of the cabin."""
        low, high = back + x_share * (front - back), roof_back + x_share * (roof_front - roof_back)
        return low + z_share * (high - low), half + z_share * (roof_half - half), belt + z_share * (roof - belt)

    panes = []
    for a, b in ((0.06, 0.47), (0.53, 0.93)):
        corners = [at(a, 0.06), at(b, 0.06), at(b, 0.86), at(a, 0.86)]
        panes.append([(x, -w - 0.01, z) for x, w, z in corners])
        panes.append([(x, w + 0.01, z) for x, w, z in corners[::-1]])
    for x_share, out in ((0.0, -0.01), (1.0, 0.01)):
        low, high = at(x_share, 0.06), at(x_share, 0.9)
        pane = [
            (low[0] + out, -0.9 * low[1], low[2]), (low[0] + out, 0.9 * low[1], low[2]),
            (high[0] + out, 0.9 * high[1], high[2]), (high[0] + out, -0.9 * high[1], high[2]),
        ]  # fmt: skip
        panes.append(pane if x_share > 0.5 else pane[::-1])
    return quads(np.array(panes), GLASS, layer=1)


def _wheels(axles_x: tuple[float, ...], half_w: float, radius_m: float) -> Mesh:
    parts = []
    for x in axles_x:
        for left, side in ((True, 1.0), (False, -1.0)):
            parts.append(disc(x, side * (half_w + 0.005), 1.2 * radius_m, 1.18 * radius_m, TRIM, left=left, layer=1))
            parts.append(disc(x, side * (half_w + 0.01), radius_m, radius_m, RUBBER, left=left, layer=2))
            parts.append(disc(x, side * (half_w + 0.015), radius_m, 0.6 * radius_m, RIM, left=left, layer=3))
        parts.append(box(x - 0.8 * radius_m, x + 0.8 * radius_m, -half_w + 0.03, half_w - 0.03, 0.0, radius_m, RUBBER))
    return merged(parts)


def _car_ends(half_l: float, half_w: float, sill: float, nose: float, lamps: Lamps) -> Mesh:
    """Lamps, plates, grille and bumpers."""
    low, high = nose - 0.2, nose - 0.05
    front, rear = half_l + 0.005, -half_l - 0.005
    parts = [
        facing_x(front, -0.45 * half_w, 0.45 * half_w, low - 0.08, high - 0.02, TRIM, ahead=True),
        facing_x(front, -0.26, 0.26, sill + 0.08, sill + 0.19, PLATE, ahead=True, layer=2),
        facing_x(rear, -0.26, 0.26, nose - 0.26, nose - 0.15, PLATE, ahead=False, layer=2, glow=-0.6),
        facing_x(rear, -0.9 * half_w, 0.9 * half_w, sill + 0.02, sill + 0.16, TRIM, ahead=False),
    ]
    for side in (-1.0, 1.0):
        y0, y1 = sorted((side * 0.55 * half_w, side * 0.95 * half_w))
        parts.append(facing_x(front, y0, y1, low, high, HEAD, ahead=True, glow=1.2 if lamps.front else 0.0, layer=2))
        y0, y1 = sorted((side * 0.66 * half_w, side * 0.97 * half_w))
        parts.append(facing_x(rear, y0, y1, low - 0.02, high + 0.02, TAIL, ahead=False, glow=_tail(lamps), layer=2))
    return merged(parts)


def _tail(lamps: Lamps) -> float:
    return 1.0 if lamps.brake else 0.6 if lamps.front else -0.8


def boxy(length_m: float, width_m: float, height_m: float, lamps: Lamps, rng: np.random.Generator) -> Mesh:
    """A van: one volume with a slanted nose and a screen."""
    paint, half_l, half_w = paint_of(rng), 0.5 * length_m, 0.5 * width_m
    belt, sill = 0.5 * height_m, 0.12 * height_m
    nose, roof_front = half_l - 0.12 * length_m, half_l - rng.uniform(0.2, 0.27) * length_m
    body = loft(
        (
            (-half_l, half_l - 0.05, half_w - 0.04, sill),
            (-half_l, half_l, half_w, 0.2 * height_m),
            (-half_l, half_l - 0.1, half_w, 0.4 * height_m),
            (-half_l, nose, half_w, belt),
            (-half_l + 0.03, roof_front, half_w - 0.1, height_m - 0.01),
        ),
        paint,
        bottom=True,
    )
    screen = polygon(
        [(nose, -0.9 * half_w, belt + 0.04), (nose, 0.9 * half_w, belt + 0.04),
         (roof_front + 0.08, 0.8 * half_w, height_m - 0.2), (roof_front + 0.08, -0.8 * half_w, height_m - 0.2)],
        GLASS, layer=1,
    )  # fmt: skip
    parts = [body, screen, _wheels((0.32 * length_m, -0.28 * length_m), half_w, 0.34)]
    back = -half_l + 0.1 * length_m if rng.random() < 0.5 else roof_front - 0.22 * length_m
    for side in (1.0, -1.0):
        pane = [(back, belt + 0.06), (nose - 0.3, belt + 0.06), (roof_front, height_m - 0.3), (back, height_m - 0.3)]
        ring = [(x, side * (half_w - 0.02 if z < height_m - 0.4 else half_w - 0.07), z) for x, z in pane]
        parts.append(polygon(ring if side < 0 else ring[::-1], GLASS, layer=1))
    rear_pane = facing_x(-half_l - 0.01, -0.8 * half_w, 0.8 * half_w, belt, height_m - 0.3, GLASS, ahead=False)
    return merged([*parts, rear_pane, _car_ends(half_l, half_w, sill, 0.42 * height_m, lamps)])


def bus(length_m: float, width_m: float, height_m: float, lamps: Lamps, rng: np.random.Generator) -> Mesh:
    """A long box with a band of windows."""
    paint, half_l, half_w = paint_of(rng), 0.5 * length_m, 0.5 * width_m
    low, high = 0.42 * height_m, 0.82 * height_m
    side = ((-half_l, half_l, half_w, 0.3), (-half_l, half_l, half_w, high))
    body = loft((*side, (-half_l, half_l - 0.1, half_w - 0.06, height_m)), paint, bottom=True)
    count = max(int(length_m / 1.7), 2)
    edges = np.linspace(-half_l + 0.3, half_l - 0.3, count + 1)
    panes = []
    for a, b in zip(edges[:-1], edges[1:] - 0.12, strict=True):
        ring = [
            (a, -half_w - 0.01, low),
            (b, -half_w - 0.01, low),
            (b, -half_w - 0.01, high),
            (a, -half_w - 0.01, high),
        ]
        panes += [ring, [(x, -y, z) for x, y, z in ring[::-1]]]
    glass = quads(np.array(panes), GLASS, layer=1)
    front = facing_x(half_l + 0.01, -0.92 * half_w, 0.92 * half_w, 0.36 * height_m, high, GLASS, ahead=True)
    rear = facing_x(-half_l - 0.01, -0.8 * half_w, 0.8 * half_w, 0.55 * height_m, high, GLASS, ahead=False)
    wheels = _wheels((half_l - 0.22 * length_m, -half_l + 0.25 * length_m), half_w, 0.48)
    return merged([body, glass, front, rear, wheels, _car_ends(half_l, half_w, 0.3, 0.36 * height_m, lamps)])


def truck(length_m: float, width_m: float, height_m: float, lamps: Lamps, rng: np.random.Generator) -> Mesh:
    """A cab and a box, tarpaulin, tank or flat bed behind it; a tractor with trailer where it is long."""
    half_l, half_w = 0.5 * length_m, 0.5 * width_m
    cab_m = min(2.3, 0.35 * length_m)
    cab_paint = paint_of(rng)
    cab_top = min(height_m, rng.uniform(2.8, 3.6))
    cab: tuple[Ring, ...] = (
        (half_l - cab_m, half_l, half_w - 0.03, 0.45),
        (half_l - cab_m, half_l, half_w - 0.03, 0.55 * cab_top),
        (half_l - cab_m, half_l - 0.12, half_w - 0.08, cab_top),
    )
    screen = polygon(
        [(half_l + 0.005, -0.88 * half_w, 0.52 * cab_top), (half_l + 0.005, 0.88 * half_w, 0.52 * cab_top),
         (half_l - 0.06, 0.84 * half_w, 0.82 * cab_top), (half_l - 0.06, -0.84 * half_w, 0.82 * cab_top)],
        GLASS, layer=2,
    )  # fmt: skip
    parts = [loft(cab, cab_paint, bottom=True), screen]
    for side in (1.0, -1.0):
        y = side * (half_w - 0.02)
        ring = [(half_l - 1.3, y, 0.52 * cab_top), (half_l - 0.25, y, 0.52 * cab_top), (half_l - 0.3, y, 0.8 * cab_top),
                (half_l - 1.3, y, 0.8 * cab_top)]  # fmt: skip
        parts.append(polygon(ring if side < 0 else ring[::-1], GLASS, layer=1))
    parts.append(_load(-half_l, half_l - cab_m - 0.25, half_w, height_m, rng))
    parts.append(box(-half_l + 0.1, half_l - cab_m, -0.45 * half_w, 0.45 * half_w, 0.55, 1.0, TRIM))
    axles = (half_l - 1.3, *(-half_l + 1.2 + 1.3 * k for k in range(3 if length_m > 10.0 else 1)))
    parts.append(_wheels(axles, half_w, 0.5))
    return merged([*parts, _car_ends(half_l, half_w, 0.45, 1.15, Lamps(lamps.front, lamps.brake))])


def trailer(length_m: float, width_m: float, height_m: float, lamps: Lamps, rng: np.random.Generator) -> Mesh:
    """A box on wheels."""
    half_l, half_w = 0.5 * length_m, 0.5 * width_m
    wheels = _wheels((-0.2 * length_m,), half_w, min(0.45, 0.25 * height_m))
    return merged([_load(-half_l, half_l, half_w, height_m, rng), wheels, _rear_lamps(half_l, half_w, 0.9, lamps)])


def _load(x0: float, x1: float, half_w: float, height_m: float, rng: np.random.Generator) -> Mesh:
    """What a lorry carries, with ribs or a stripe on its sides and the seam of its doors."""
    colour = paint_of(rng) if rng.random() < 0.6 else (222.0, 222.0, 218.0)
    floor = 0.95 if height_m > 2.0 else 0.3 * height_m
    body = box(x0, x1, -half_w, half_w, floor, height_m, colour)
    stripe = paint_of(rng)
    z0, z1 = floor + 0.15 * (height_m - floor), floor + rng.uniform(0.3, 0.6) * (height_m - floor)
    decals = []
    for side in (1.0, -1.0):
        y = side * (half_w + 0.01)
        ring = [(x0 + 0.4, y, z0), (x1 - 0.4, y, z0), (x1 - 0.8, y, z1), (x0 + 0.8, y, z1)]
        decals.append(polygon(ring if side < 0 else ring[::-1], stripe, layer=1))
    seam = facing_x(x0 - 0.01, -0.02, 0.02, floor, height_m, TRIM, ahead=False)
    sill = facing_x(x0 - 0.01, -half_w, half_w, floor, floor + 0.1, TRIM, ahead=False)
    return merged([body, *decals, seam, sill, _rear_lamps(-x0, half_w, floor, Lamps())])


def _rear_lamps(half_l: float, half_w: float, z_m: float, lamps: Lamps) -> Mesh:
    parts = []
    for side in (1.0, -1.0):
        y0, y1 = sorted((side * 0.6 * half_w, side * 0.95 * half_w))
        parts.append(
            facing_x(-half_l - 0.02, y0, y1, z_m - 0.2, z_m - 0.05, TAIL, ahead=False, glow=_tail(lamps), layer=2)
        )
    return merged(parts)
