"""The surface of a street painted into the grid: its edges come back, bodies and paint have none."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from bus.messages import MarkType
from geometry.angles import Floats
from geometry.camera import Camera
from perception.net.classes import CHANNELS, STRIDE
from perception.net.decode import Detections, Grid, decode_objects
from perception.net.lane_lines import SeenLine
from perception.net.picture import margin_of
from perception.net.road_edges import EdgeSettings, decode_edges, hidden_cells

LEFT_M, RIGHT_M = 5.25, -1.75
NOBODY = Detections(np.zeros(0, np.int64), *(np.zeros(0) for _ in range(7)), np.zeros((0, 2, 2)))
PARKED = (0, 14.0, -1.0, 0.0, 4.4, 1.8, 1.5)
"""A car that stands over the right edge."""


def street_grid(
    perfect: ModuleType, camera: Camera, *boxes: tuple[float, ...], curvature: float = 0.0, ends_m: float = 1e3
) -> Grid:
    """What a net says that knows which share of each cell shows the street; where bodies stand it shows none.

    The street ends at `ends_m`.
    """
    grid = perfect.grid_of(perfect.answer_of(camera, *boxes))
    h, w = grid.shape[1:]
    top, left = margin_of(camera.height, camera.width)
    fine = np.arange(-0.375 * STRIDE, 0.5 * STRIDE, 0.25 * STRIDE)
    v = (STRIDE * (np.arange(h)[:, None] + 0.5) + top + fine).ravel()
    u = (STRIDE * (np.arange(w)[:, None] + 0.5) + left + fine).ravel()
    ground = camera.ground_at(np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2))
    bend = 0.5 * curvature * ground[:, 0] ** 2
    on = (ground[:, 1] < LEFT_M + bend) & (ground[:, 1] > RIGHT_M + bend) & (ground[:, 0] < ends_m)
    share = on.reshape(h, 4, w, 4).mean(axis=(1, 3))
    if boxes:
        bare = EdgeSettings(hidden_px=0.0, hidden_share=0.0)
        share[hidden_cells(decode_objects(grid, camera), camera, (h, w), bare)] = 0.0
    share = np.clip(share, 0.002, 0.998)
    grid[CHANNELS["drivable"]][0] = np.log(share / (1.0 - share))
    return grid


def offsets(line: SeenLine, curvature: float = 0.0) -> Floats:
    """How far the points lie to the left of the ego's own way, (K,)."""
    x, y = line.points.T
    return np.asarray(y - 0.5 * curvature * x**2)


@pytest.mark.parametrize("curvature", [0.0, 0.004, -0.004])
def test_both_edges_of_a_street_come_back_better_than_a_cell(perfect: ModuleType, curvature: float) -> None:
    camera = perfect.camera(430.0)
    edges = decode_edges(street_grid(perfect, camera, curvature=curvature), camera, NOBODY, [])
    assert [edge.type for edge in edges] == [MarkType.NONE, MarkType.NONE]
    for edge, side in zip(edges, (LEFT_M, RIGHT_M), strict=True):
        assert np.abs(np.median(offsets(edge, curvature)) - side) < 0.03
        assert np.abs(offsets(edge, curvature) - side).max() < 0.15  # a cell is 0.2 m wide at 22 m
        assert edge.points[:, 0].min() < 11.0
        assert edge.points[:, 0].max() > 20.0


def test_what_is_further_aside_is_known_less(perfect: ModuleType) -> None:
    camera = perfect.camera(430.0)
    left, right = decode_edges(street_grid(perfect, camera), camera, NOBODY, [])
    assert np.median(left.sigma_m) > 2.0 * np.median(right.sigma_m)
    assert np.median(right.sigma_m) < 0.1


def test_a_car_over_the_edge_hides_it_and_has_none(perfect: ModuleType) -> None:
    camera = perfect.camera(430.0)
    grid = street_grid(perfect, camera, PARKED)
    found = decode_objects(grid, camera)
    left, right = decode_edges(grid, camera, found, [])
    for edge, side in ((left, LEFT_M), (right, RIGHT_M)):
        assert np.abs(offsets(edge) - side).max() < 0.15
    assert right.points[:, 0].max() < PARKED[1] - 0.5 * PARKED[4]


def test_a_car_that_nobody_found_has_no_edge_either(perfect: ModuleType) -> None:
    """Its upright border is a line that runs towards the camera, not past it."""
    camera = perfect.camera(430.0)
    edges = decode_edges(street_grid(perfect, camera, PARKED), camera, NOBODY, [])
    assert all(min(np.abs(offsets(edge) - side).max() for side in (LEFT_M, RIGHT_M)) < 0.3 for edge in edges)


def test_a_car_ahead_in_the_middle_leaves_both_edges(perfect: ModuleType) -> None:
    camera = perfect.camera(430.0)
    grid = street_grid(perfect, camera, (0, 12.0, 1.0, 0.0, 4.4, 1.8, 1.5))
    edges = decode_edges(grid, camera, decode_objects(grid, camera), [])
    assert [float(np.median(edge.points[:, 1])) for edge in edges] == pytest.approx([LEFT_M, RIGHT_M], abs=0.05)
    assert edges[1].points[:, 0].max() > 20.0


def test_where_something_is_painted_no_edge_is_said(perfect: ModuleType) -> None:
    camera = perfect.camera(430.0)
    x = np.arange(4.0, 40.0)
    paint = SeenLine(np.column_stack((x, np.full(len(x), RIGHT_M + 0.1))), np.full(len(x), 0.03), MarkType.SOLID, 0.9)
    edges = decode_edges(street_grid(perfect, camera), camera, NOBODY, [paint])
    assert [float(np.median(edge.points[:, 1])) > 0.0 for edge in edges] == [True]


def test_without_a_road_there_is_no_edge(perfect: ModuleType) -> None:
    camera = perfect.camera(430.0)
    grid = street_grid(perfect, camera)
    for logit in (-6.0, 6.0):
        grid[CHANNELS["drivable"]] = logit
        assert decode_edges(grid, camera, NOBODY, []) == []


def test_an_unsure_net_says_no_edge(perfect: ModuleType) -> None:
    camera = perfect.camera(430.0)
    grid = street_grid(perfect, camera)
    grid[CHANNELS["drivable"]] *= 0.1
    assert decode_edges(grid, camera, NOBODY, []) == []


def test_edges_end_where_the_street_does(perfect: ModuleType) -> None:
    camera = perfect.camera(430.0)
    for edge in decode_edges(street_grid(perfect, camera, ends_m=16.0), camera, NOBODY, []):
        assert 14.0 < edge.points[:, 0].max() < 17.0
        assert np.ptp(edge.points[:, 1]) < 0.2


def test_a_tilted_body_moves_no_edge(perfect: ModuleType) -> None:
    """The camera is levelled by the horizon that the net sees."""
    camera = perfect.camera(430.0)
    truly = camera.tilted(-0.004)
    left, right = decode_edges(street_grid(perfect, truly), camera, NOBODY, [])
    assert np.median(left.points[:, 1]) == pytest.approx(LEFT_M, abs=0.06)
    assert np.median(right.points[:, 1]) == pytest.approx(RIGHT_M, abs=0.04)
