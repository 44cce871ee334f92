"""Oriented boxes in the plane, given by their centre, heading, length and width (SI, one frame for all).

Overlap by the separating-axis theorem; distance by corners against edges. Scalar kernels compiled with numba.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from geometry.angles import Floats


@njit(cache=True)
def boxes_overlap(
    ax: float, ay: float, a_yaw: float, a_length: float, a_width: float,
    bx: float, by: float, b_yaw: float, b_length: float, b_width: float,
) -> bool:  # fmt: skip
    """Whether two boxes share a point; touching counts."""
    dx, dy = bx - ax, by - ay
    reach = 0.5 * (math.hypot(a_length, a_width) + math.hypot(b_length, b_width))
    if dx * dx + dy * dy > reach * reach:
        return False
    cos_a, sin_a, cos_b, sin_b = math.cos(a_yaw), math.sin(a_yaw), math.cos(b_yaw), math.sin(b_yaw)
    cos_ab, sin_ab = abs(cos_a * cos_b + sin_a * sin_b), abs(cos_a * sin_b - sin_a * cos_b)
    al, aw, bl, bw = 0.5 * a_length, 0.5 * a_width, 0.5 * b_length, 0.5 * b_width
    return (
        abs(dx * cos_a + dy * sin_a) <= al + bl * cos_ab + bw * sin_ab
        and abs(dy * cos_a - dx * sin_a) <= aw + bl * sin_ab + bw * cos_ab
        and abs(dx * cos_b + dy * sin_b) <= bl + al * cos_ab + aw * sin_ab
        and abs(dy * cos_b - dx * sin_b) <= bw + al * sin_ab + aw * cos_ab
    )


def box_corners(x_m: Floats, y_m: Floats, yaw_rad: Floats, length_m: Floats, width_m: Floats) -> Floats:
    """Corners front-left, rear-left, rear-right, front-right: shape (..., 4, 2) for inputs of shape (...)."""
    half_l, half_w = 0.5 * np.asarray(length_m), 0.5 * np.asarray(width_m)
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    along = np.stack((half_l, -half_l, -half_l, half_l), axis=-1)
    across = np.stack((half_w, half_w, -half_w, -half_w), axis=-1)
    x = np.asarray(x_m)[..., None] + along * np.asarray(cos)[..., None] - across * np.asarray(sin)[..., None]
    y = np.asarray(y_m)[..., None] + along * np.asarray(sin)[..., None] + across * np.asarray(cos)[..., None]
    return np.stack((x, y), axis=-1)


def box_distance(a_corners: Floats, b_corners: Floats) -> float:
    """Smallest distance [m] between two convex quadrilaterals of shape (4, 2) that do not overlap."""
    return min(_corner_to_edge(a_corners, b_corners), _corner_to_edge(b_corners, a_corners))


def _corner_to_edge(corners: Floats, polygon: Floats) -> float:
    start = polygon
    step = np.roll(polygon, -1, axis=0) - polygon
    offset = corners[:, None, :] - start[None, :, :]
    share = np.einsum("csk,sk->cs", offset, step) / np.maximum(np.einsum("sk,sk->s", step, step), 1e-12)
    foot = offset - np.clip(share, 0.0, 1.0)[..., None] * step
    return float(np.sqrt(np.einsum("csk,csk->cs", foot, foot).min()))
