"""Shapes of people, two-wheelers with their riders, animals and things that lie on roads.

Frame: the box centre on the ground, x forward, y left, z up.
"""

from __future__ import annotations

import numpy as np

from sim.sensors.camera.mesh import Colour, Mesh, box, disc, facing_x, loft, merged
from sim.sensors.camera.vehicles import HEAD, RIM, RUBBER, TAIL, TRIM, Lamps, paint_of

SKINS = ((236.0, 196.0, 168.0), (198.0, 146.0, 112.0), (128.0, 86.0, 62.0), (82.0, 56.0, 42.0))
HAIR: Colour = (46.0, 36.0, 30.0)


def pedestrian(length_m: float, width_m: float, height_m: float, lamps: Lamps, rng: np.random.Generator) -> Mesh:
    """Somebody in mid-step. The body keeps human proportions whatever the box's length."""
    del length_m, lamps
    h, shoulder = height_m, 0.5 * min(max(width_m, 0.4), 0.6)
    stride = rng.uniform(-0.16, 0.16) * h
    skin = SKINS[rng.integers(len(SKINS))]
    coat, trousers = _cloth(rng), _cloth(rng)
    hip = 0.48 * h
    parts = []
    for side in (1.0, -1.0):
        foot, y = side * stride, side * 0.09
        parts.append(
            loft(((foot - 0.09, foot + 0.13, 0.06, 0.0), (foot - 0.07, foot + 0.07, 0.07, 0.1 * h),
                  (-0.08, 0.08, 0.085, hip)), trousers, y_m=y)
        )  # fmt: skip
        hand = -side * 0.8 * stride
        parts.append(
            loft(((hand - 0.04, hand + 0.05, 0.045, 0.42 * h), (-0.05, 0.06, 0.055, 0.8 * h)), coat,
                 y_m=side * (shoulder - 0.04))
        )  # fmt: skip
    parts.append(
        loft(((-0.11, 0.11, 0.7 * shoulder, hip - 0.06), (-0.12, 0.13, 0.85 * shoulder, 0.7 * h),
              (-0.1, 0.1, shoulder - 0.05, 0.82 * h), (-0.06, 0.06, 0.07, 0.86 * h)), coat)
    )  # fmt: skip
    parts.append(_head(0.02, 0.85 * h, h, skin, HAIR))
    return merged(parts)


def _head(x_m: float, z0: float, z1: float, skin: Colour, hair: Colour) -> Mesh:
    middle = 0.5 * (z0 + z1)
    face = loft(((x_m - 0.06, x_m + 0.07, 0.05, z0), (x_m - 0.09, x_m + 0.1, 0.08, middle)), skin)
    crown = loft(((x_m - 0.1, x_m + 0.1, 0.08, middle), (x_m - 0.07, x_m + 0.06, 0.06, z1)), hair)
    return merged([face, crown])


def _cloth(rng: np.random.Generator) -> Colour:
    return paint_of(rng) if rng.random() < 0.6 else (52.0, 56.0, 70.0)


def bicycle(length_m: float, width_m: float, height_m: float, lamps: Lamps, rng: np.random.Generator) -> Mesh:
    """A bicycle with its rider."""
    radius = min(0.34, 0.2 * length_m)
    frame = paint_of(rng)
    front, rear = 0.5 * length_m - radius, -0.5 * length_m + radius
    parts = [_thin_wheel(front, radius, 0.025), _thin_wheel(rear, radius, 0.025)]
    parts.append(box(rear, front - 0.1, -0.03, 0.03, 1.5 * radius, 1.5 * radius + 0.06, frame))
    parts.append(box(-0.25, -0.19, -0.03, 0.03, radius, 2.6 * radius, frame))
    parts.append(box(front - 0.2, front - 0.12, -0.25, 0.25, 2.8 * radius, 2.8 * radius + 0.05, TRIM))
    parts.append(_rider(-0.2, 2.55 * radius, height_m, 0.34, rng))
    parts.append(_small_lamps(front + 0.3 * radius, rear - radius, 2.3 * radius, lamps))
    del width_m
    return merged(parts)


def motorcycle(length_m: float, width_m: float, height_m: float, lamps: Lamps, rng: np.random.Generator) -> Mesh:
    """A motorcycle with its rider, helmet on."""
    radius, half_w = min(0.33, 0.16 * length_m), 0.5 * min(max(width_m, 0.5), 0.9)
    paint = paint_of(rng)
    front, rear = 0.5 * length_m - radius, -0.5 * length_m + radius
    parts = [_thin_wheel(front, radius, 0.07), _thin_wheel(rear, radius, 0.1)]
    parts.append(
        loft(((rear + 0.1, front - 0.2, 0.2, 0.3), (rear - 0.1, front - 0.05, 0.24, 0.65),
              (rear - 0.25, front - 0.25, 0.16, 0.85)), paint, bottom=True)
    )  # fmt: skip
    parts.append(loft(((front - 0.35, front + 0.1, 0.2, 0.7), (front - 0.3, front - 0.1, 0.14, 1.15)), paint))
    parts.append(box(front - 0.4, front - 0.3, -half_w, half_w, 1.0, 1.06, TRIM))
    parts.append(_rider(-0.15, 0.8, height_m, 0.46, rng))
    parts.append(_small_lamps(front + 0.12, rear - 0.3, 0.8, lamps))
    return merged(parts)


def _thin_wheel(x_m: float, radius_m: float, half_w: float) -> Mesh:
    parts = [box(x_m - 0.3 * radius_m, x_m + 0.3 * radius_m, -half_w, half_w, 0.0, 2.0 * radius_m, RUBBER)]
    for left, side in ((True, 1.0), (False, -1.0)):
        parts.append(disc(x_m, side * (half_w + 0.005), radius_m, radius_m, RUBBER, left=left, layer=1))
        parts.append(disc(x_m, side * (half_w + 0.01), radius_m, 0.82 * radius_m, RIM, left=left, layer=2))
    return merged(parts)


def _rider(seat_x: float, seat_z: float, top_z: float, width_m: float, rng: np.random.Generator) -> Mesh:
    """Leaning forward, knees bent."""
    coat, trousers = _cloth(rng), _cloth(rng)
    neck = top_z - 0.26
    lean = 0.35 * (neck - seat_z)
    back = loft(
        ((seat_x - 0.14, seat_x + 0.16, 0.42 * width_m, seat_z),
         (seat_x + lean - 0.14, seat_x + lean + 0.14, 0.5 * width_m, neck)), coat, bottom=True
    )  # fmt: skip
    parts = [back, _head(seat_x + lean + 0.1, neck - 0.01, top_z, SKINS[rng.integers(len(SKINS))], paint_of(rng))]
    for side in (1.0, -1.0):
        y = side * 0.4 * width_m
        leg = (
            (seat_x + 0.1, seat_x + 0.25, 0.07, 0.25),
            (seat_x + 0.22, seat_x + 0.42, 0.08, seat_z - 0.05),
            (seat_x - 0.05, seat_x + 0.35, 0.08, seat_z + 0.08),
        )
        parts.append(loft(leg, trousers, y_m=y))
        arm = ((seat_x + lean + 0.25, seat_x + lean + 0.4, 0.04, neck - 0.4), (seat_x + lean - 0.05,
                seat_x + lean + 0.1, 0.05, neck - 0.05))  # fmt: skip
        parts.append(loft(arm, coat, y_m=side * 0.48 * width_m))
    return merged(parts)


def _small_lamps(front_x: float, rear_x: float, z_m: float, lamps: Lamps) -> Mesh:
    tail = 1.0 if lamps.brake else 0.7 if lamps.front else -0.8
    return merged(
        [
            facing_x(
                front_x, -0.07, 0.07, z_m, z_m + 0.13, HEAD, ahead=True, glow=1.2 if lamps.front else 0.0, layer=2
            ),
            facing_x(rear_x, -0.06, 0.06, z_m - 0.06, z_m + 0.05, TAIL, ahead=False, glow=tail, layer=2),
        ]
    )


def obstacle(length_m: float, width_m: float, height_m: float, lamps: Lamps, rng: np.random.Generator) -> Mesh:
    """Something that should not lie there: a crate, a barrier with stripes, a cone, a sack."""
    del lamps
    half_l, half_w, h = 0.5 * length_m, 0.5 * width_m, height_m
    match rng.integers(3):
        case 0:
            wood: Colour = (158.0, 118.0, 74.0)
            crate = box(-half_l, half_l, -half_w, half_w, 0.0, h, wood)
            bands = [
                facing_x(side * (half_l + 0.01), -half_w, half_w, share * h, (share + 0.12) * h, (112.0, 80.0, 48.0),
                         ahead=side > 0)
                for side in (1.0, -1.0) for share in (0.1, 0.45, 0.8)
            ]  # fmt: skip
            return merged([crate, *bands])
        case 1:
            plank = box(-half_l, half_l, -half_w, half_w, 0.1 * h, h, (232.0, 232.0, 228.0))
            edges = np.linspace(-half_w, half_w, 9)
            stripes = [
                facing_x(side * (half_l + 0.01), edges[k], edges[k + 1], 0.3 * h, 0.9 * h, (212.0, 40.0, 30.0),
                         ahead=side > 0, glow=-0.7)
                for side in (1.0, -1.0) for k in range(0, 8, 2)
            ]  # fmt: skip
            return merged([plank, *stripes])
        case _:
            orange: Colour = (236.0, 92.0, 26.0)
            foot = box(-half_l, half_l, -half_w, half_w, 0.0, 0.08 * h, TRIM)
            body = loft(((-0.8 * half_l, 0.8 * half_l, 0.8 * half_w, 0.08 * h),
                         (-0.55 * half_l, 0.55 * half_l, 0.55 * half_w, 0.4 * h)), orange)  # fmt: skip
            band = loft(((-0.55 * half_l, 0.55 * half_l, 0.55 * half_w, 0.4 * h),
                         (-0.38 * half_l, 0.38 * half_l, 0.38 * half_w, 0.65 * h)), (240.0, 240.0, 240.0))  # fmt: skip
            tip = loft(((-0.38 * half_l, 0.38 * half_l, 0.38 * half_w, 0.65 * h),
                        (-0.15 * half_l, 0.15 * half_l, 0.15 * half_w, h)), orange)  # fmt: skip
            return merged([foot, body, band, tip])


def animal(length_m: float, width_m: float, height_m: float, lamps: Lamps, rng: np.random.Generator) -> Mesh:
    """A dog, a deer: a barrel on four legs."""
    del lamps
    half_l, half_w, h = 0.5 * length_m, 0.5 * width_m, height_m
    tint = float(rng.uniform(0.5, 1.2))
    fur: Colour = (132.0 * tint, 96.0 * tint, 62.0 * tint)
    barrel = (
        (-0.8 * half_l, 0.6 * half_l, 0.8 * half_w, 0.4 * h),
        (-0.85 * half_l, 0.65 * half_l, half_w, 0.6 * h),
        (-0.75 * half_l, 0.6 * half_l, 0.6 * half_w, 0.8 * h),
    )
    parts = [loft(barrel, fur, bottom=True)]
    parts.append(
        loft(((0.5 * half_l, 0.8 * half_l, 0.4 * half_w, 0.65 * h), (0.7 * half_l, half_l, 0.4 * half_w, h)), fur)
    )
    leg = 0.1 * half_l
    for x in (-0.65 * half_l, 0.5 * half_l):
        for side in (1.0, -1.0):
            y = side * 0.6 * half_w
            parts.append(box(x - leg, x + leg, y - 0.18 * half_w, y + 0.18 * half_w, 0.0, 0.5 * h, fur))
    return merged(parts)
