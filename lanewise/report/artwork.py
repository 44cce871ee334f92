"""How road users look from above: polygons in metres that the page and the drawn frames fill in the same way.

Frame of a drawing: origin at the centre of the entity's box, x forward, y left. The drawing fills the box, so that what
touches in the simulation touches in the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from bus.messages import EntityKind
from geometry.angles import Floats

Corner = tuple[float, float, float]
"""x, y and the radius of the rounding, in metres."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One polygon of shape (K, 2), filled with the colour of `role` mixed by `tint` (`palette.tinted`).

    The role `body` is the entity's own colour, `tail` lights up when it brakes, `indicator` is there only while the
    hazard lights blink; all others are names of the palette.
    """

    role: str
    points: Floats
    tint: float = 0.0


def artwork(kind: int, length_m: float, width_m: float) -> tuple[Layer, ...]:
    """The drawing of an entity, from the lowest layer to the highest."""
    return _DRAWINGS[EntityKind(kind)](length_m, width_m)


def _car(length: float, width: float) -> tuple[Layer, ...]:
    half = 0.5 * width
    body = [(0.5, 0.62, 0.10), (0.46, 0.93, 0.12), (0.20, 1.0, 0.5), (-0.30, 1.0, 0.5), (-0.5, 0.86, 0.09)]
    cabin = [(0.215, 0.70, 0.05), (0.10, 0.86, 0.03), (-0.26, 0.86, 0.03), (-0.375, 0.68, 0.05)]
    roof = [(0.085, 0.70, 0.04), (0.02, 0.74, 0.04), (-0.20, 0.74, 0.04), (-0.255, 0.70, 0.04)]
    return (
        *_body(body, length, half),
        Layer("glass", _outline(_scaled(cabin, length, half))),
        Layer("body", _outline(_scaled(roof, length, half)), 0.14),
        *_lamps(length, half, 0.80, 0.17),
    )


def _van(length: float, width: float) -> tuple[Layer, ...]:
    half = 0.5 * width
    nose = 0.5 * length - 0.75
    roof = [(nose - 0.62, 0.84 * half, 0.08), (0.04 - 0.5 * length, 0.88 * half, 0.10)]
    screen = [(nose, 0.72 * half, 0.06), (nose - 0.40, 0.86 * half, 0.03), (nose - 0.62, 0.86 * half, 0.03)]
    body = [(0.5 * length, 0.66 * half, 0.16), (0.5 * length - 0.5, half, 0.30), (-0.5 * length, 0.97 * half, 0.10)]
    return (
        Layer("body", _outline(body)),
        Layer("glass", _outline(screen)),
        Layer("body", _outline(roof), 0.12),
        *_lamps(length, half, 0.80, 0.17),
    )


def _truck(length: float, width: float) -> tuple[Layer, ...]:
    half, front = 0.5 * width, 0.5 * length
    cab = min(2.3, 0.32 * length)
    box_front, box_rear = front - cab - 0.25, -front
    screen = [(front - 0.12, 0.82 * half, 0.06), (front - 0.50, 0.86 * half, 0.04)]
    frame = [(front - cab + 0.1, 0.45 * half, 0.02), (box_front - 0.2, 0.45 * half, 0.02)]
    return (
        Layer("tyre", _outline(frame)),
        Layer("body", _outline([(front, 0.92 * half, 0.22), (front - cab, 0.95 * half, 0.12)])),
        Layer("glass", _outline(screen)),
        Layer("body", _outline([(front - 0.60, 0.80 * half, 0.10), (front - cab + 0.15, 0.80 * half, 0.10)]), 0.14),
        *_cargo(box_front, box_rear, half),
        *_lamps(length, half, 0.74, 0.26),
    )


def _trailer(length: float, width: float) -> tuple[Layer, ...]:
    half = 0.5 * width
    return (*_cargo(0.5 * length, -0.5 * length, half), *_lamps(length, half, 0.74, 0.26)[2:])


def _cargo(front: float, rear: float, half: float) -> tuple[Layer, ...]:
    """A box body with the ribs of its roof, about 1.4 m apart."""
    count = max(round((front - rear) / 1.4), 2)
    ribs = np.linspace(front, rear, count + 1)[1:-1]
    return (
        Layer("body", _outline([(front, half, 0.08), (rear, half, 0.08)])),
        Layer("cargo", _outline([(front - 0.09, 0.93 * half, 0.05), (rear + 0.09, 0.93 * half, 0.05)])),
        *(
            Layer("cargo", _outline([(x + 0.035, 0.93 * half, 0.0), (x - 0.035, 0.93 * half, 0.0)]), -0.13)
            for x in ribs
        ),
    )


def _bus(length: float, width: float) -> tuple[Layer, ...]:
    half, front = 0.5 * width, 0.5 * length
    roof = [(front - 0.55, 0.82 * half, 0.12), (-front + 0.22, 0.82 * half, 0.12)]
    hatches = [h for h in np.linspace(front - 2.6, -front + 2.2, 3) if length > 7.0]
    return (
        Layer("body", _outline([(front, 0.94 * half, 0.30), (-front, 0.96 * half, 0.16)])),
        Layer("glass", _outline([(front - 0.10, 0.88 * half, 0.14), (-front + 0.14, 0.90 * half, 0.08)])),
        Layer("body", _outline(roof), 0.16),
        *(Layer("body", _outline([(x + 0.5, 0.36 * half, 0.1), (x - 0.5, 0.36 * half, 0.1)]), -0.08) for x in hatches),
        *_lamps(length, half, 0.78, 0.24),
    )


def _motorcycle(length: float, width: float) -> tuple[Layer, ...]:
    return _rider(length, width, Rider("body", 0.26, 0.30))


def _bicycle(length: float, width: float) -> tuple[Layer, ...]:
    return _rider(length, width, Rider("tyre", 0.10, 0.24))


@dataclass(frozen=True, slots=True)
class Rider:
    """What distinguishes two-wheelers: the frame's role, its share of the width, the rider's depth in metres."""

    frame: str
    frame_share: float
    depth_m: float


def _rider(length: float, width: float, rider: Rider) -> tuple[Layer, ...]:
    half, front = 0.5 * width, 0.5 * length
    wheel = max(0.10 * half, 0.04)
    bar = 0.20 * length
    tank = [(0.26 * length, rider.frame_share * half, 0.05), (-0.36 * length, rider.frame_share * half, 0.05)]
    return (
        Layer("tyre", _outline([(front, wheel, wheel), (0.5 * front, wheel, wheel)])),
        Layer("tyre", _outline([(-0.4 * front, wheel, wheel), (-front, wheel, wheel)])),
        Layer(rider.frame, _outline(tank)),
        Layer("tyre", _outline([(bar + 0.04, half, 0.03), (bar - 0.04, half, 0.03)])),
        Layer("body", _oval(-0.06 * length, rider.depth_m * 0.75, 0.80 * half), 0.10),
        Layer("body", _oval(-0.03 * length, 0.15, 0.13), -0.45),
        Layer("lamp", _outline([(front - 0.10, wheel, 0.02), (front - 0.20, wheel, 0.02)])),
        Layer("tail", _outline([(-front + 0.20, wheel, 0.02), (-front + 0.10, wheel, 0.02)])),
    )


def _pedestrian(length: float, width: float) -> tuple[Layer, ...]:
    half, depth = 0.5 * width, 0.5 * length
    return (
        Layer("tyre", _oval(0.45 * depth, 0.5 * depth, 0.22 * half, 0.40 * half), 0.1),
        Layer("tyre", _oval(-0.35 * depth, 0.5 * depth, 0.22 * half, -0.40 * half), 0.1),
        Layer("body", _oval(0.0, 0.55 * depth, half)),
        Layer("body", _oval(0.05 * depth, min(0.46 * depth, 0.14), min(0.42 * half, 0.13)), -0.45),
    )


def _animal(length: float, width: float) -> tuple[Layer, ...]:
    half = 0.5 * width
    return (
        Layer("body", _oval(-0.08 * length, 0.42 * length, 0.80 * half), -0.15),
        Layer("body", _oval(0.36 * length, 0.14 * length, 0.42 * half), 0.1),
    )


def _thing(length: float, width: float) -> tuple[Layer, ...]:
    """Something on the road: a box with slanted stripes."""
    front, half = 0.5 * length, 0.5 * width
    step = max(min(length, 2.0) / 4.0, 0.15)
    slant = min(0.5 * step, 0.25 * length)
    starts = np.arange(-front + 0.5 * step, front - slant - 0.25 * step, step)
    stripes = [
        np.array([(x + slant, half), (x + slant + 0.4 * step, half), (x + 0.4 * step, -half), (x, -half)]) * (1.0, 0.92)
        for x in starts
    ]
    return (
        Layer("thing", _outline([(front, half, 0.05), (-front, half, 0.05)])),
        *(Layer("thing", stripe, 0.62) for stripe in stripes if stripe[:, 0].max() <= front),
    )


_DRAWINGS: Mapping[EntityKind, Callable[[float, float], tuple[Layer, ...]]] = MappingProxyType(
    {
        EntityKind.CAR: _car,
        EntityKind.TRUCK: _truck,
        EntityKind.BUS: _bus,
        EntityKind.VAN: _van,
        EntityKind.MOTORCYCLE: _motorcycle,
        EntityKind.BICYCLE: _bicycle,
        EntityKind.PEDESTRIAN: _pedestrian,
        EntityKind.OBSTACLE: _thing,
        EntityKind.TRAILER: _trailer,
        EntityKind.ANIMAL: _animal,
    }
)


def _body(corners: Iterable[Corner], length: float, half: float) -> tuple[Layer, ...]:
    return (Layer("body", _outline(_scaled(corners, length, half))),)


def _scaled(corners: Iterable[Corner], length: float, half: float) -> list[Corner]:
    """Corners given as shares of length and half width; radii as shares of the length."""
    return [(x * length, y * half, r * length) for x, y, r in corners]


def _lamps(length: float, half: float, across: float, size: float) -> tuple[Layer, ...]:
    """Head lamps, tail lamps and indicators, left and right, each `2 * size * half` wide."""
    front = 0.5 * length
    layers = []
    for role, x, depth in (("lamp", front - 0.20, 0.13), ("tail", -front + 0.04, 0.14)):
        for side in (1.0, -1.0):
            y = side * across * half
            layers.append(Layer(role, _patch(x, x + depth, y, size * half)))
    for x in (front - 0.30, -front + 0.04):
        for side in (1.0, -1.0):
            layers.append(Layer("indicator", _patch(x, x + 0.22, side * 0.93 * half, 0.10 * half)))
    return tuple(layers)


def _patch(x0: float, x1: float, y: float, reach: float) -> Floats:
    return np.array([(x0, y - reach), (x1, y - reach), (x1, y + reach), (x0, y + reach)])


def _oval(x: float, along: float, across: float, y: float = 0.0) -> Floats:
    angle = np.arange(18) * (2.0 * math.pi / 18)
    return np.stack((x + along * np.cos(angle), y + across * np.sin(angle)), axis=-1)


def _outline(left: Iterable[Corner]) -> Floats:
    """The closed outline of something symmetric: its left half from front to rear, mirrored, corners rounded."""
    left = list(left)
    corners = left + [(x, -y, r) for x, y, r in reversed(left)]
    points: list[Floats] = []
    for i, (x, y, radius) in enumerate(corners):
        here = np.array((x, y))
        before, after = (np.array(corners[(i + step) % len(corners)][:2]) for step in (-1, 1))
        points.extend(_rounded(before, here, after, radius))
    return np.array(points)


def _rounded(before: Floats, here: Floats, after: Floats, radius: float) -> list[Floats]:
    """A corner replaced by a parabola (a quadratic Bezier curve) that starts at most `radius` away from it."""
    reach = min(radius, 0.5 * math.dist(before, here), 0.5 * math.dist(after, here))
    if reach < 1e-3:
        return [here]
    start = here + (before - here) * (reach / math.dist(before, here))
    end = here + (after - here) * (reach / math.dist(after, here))
    return [(1 - u) ** 2 * start + 2 * u * (1 - u) * here + u**2 * end for u in np.linspace(0.0, 1.0, 5)]
