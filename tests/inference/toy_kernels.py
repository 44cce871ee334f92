"""Small kernels for the tests: written as planners and localization write theirs."""

import math

from numba import njit

from inference.kernels import kernel


@njit(error_model="numpy")
def squared_gap(x, y):
    """A function that a kernel calls."""
    return (x - y) ** 2


def nearest_body(item, points, targets, distance, index, trail):
    """Distance to the nearest target and which it is; the scratch row holds all distances."""
    best, at = math.inf, -1
    for k in range(targets.shape[0]):
        trail[item, k] = math.sqrt(
            squared_gap(points[item, 0], targets[k, 0]) + squared_gap(points[item, 1], targets[k, 1])
        )
        if trail[item, k] < best:
            best, at = trail[item, k], k
    distance[item] = best
    index[item] = at


NEAREST = kernel(
    "nearest", "1", nearest_body,
    inputs={"points": "float64 (items, 2)", "targets": "float64 (targets, 2)"},
    outputs={"distance": "float64 (items)", "index": "int64 (items)"},
    scratch={"trail": "float64 (items, targets)"},
)  # fmt: skip
