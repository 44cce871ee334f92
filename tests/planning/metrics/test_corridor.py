"""The corridor of a route: edges from the route, marks from the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geometry.polyline import Polyline
from maps.lane_map import MarkSpan
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.route import Route, follow_lane
from planning.metrics.corridor import CROSSABLE, UNMARKED, corridor_of
from planning.metrics.lane_departure import compute
from planning.metrics.lane_view import lane_view

LENGTH_M = 400.0


@dataclass(frozen=True)
class OneLane:
    """A map of a single lane, as far as a corridor asks for it."""

    centre: Polyline
    left_marks: tuple[tuple[MarkSpan, ...], ...]
    right_marks: tuple[tuple[MarkSpan, ...], ...]

    def nearest(self, points, _yaw_rad):
        s, d = self.centre.project(points)
        return np.zeros(len(s), dtype=int), s, d


def straight_lane(left: tuple[MarkSpan, ...], right: tuple[MarkSpan, ...]) -> tuple[Route, OneLane]:
    """One lane along x, 3.5 m wide, and the route over it."""
    s = np.arange(0.0, LENGTH_M + 1.0, 10.0)
    centre = Polyline.through(np.stack((s, 0.0 * s), axis=-1))
    sides = np.full(len(s), 1.75)
    route = Route((0,), centre, sides, sides, np.full(len(s), np.nan), np.zeros(1))
    return route, OneLane(centre, (left,), (right,))


def test_marks_of_the_map_begin_and_end_where_their_spans_do():
    left = (
        MarkSpan(0.0, "solid", "white", 0.12),
        MarkSpan(100.0, "none", "", 0.0),
        MarkSpan(200.0, "broken", "white", 0.12),
    )
    corridor = corridor_of(*straight_lane(left, ()))
    left_marked, right_marked = corridor.marked(np.array([0.0, 95.0, 105.0, 195.0, 205.0, LENGTH_M + 5.0]))
    assert left_marked.tolist() == [True, True, False, False, True, True]
    assert not right_marked.any()


def test_only_an_edge_that_is_marked_can_be_crossed(road):
    corridor = corridor_of(*straight_lane((MarkSpan(0.0, "solid", "white", 0.12),), ()))
    t_s = road.times(10.0)
    over_left, over_right = (road.drive(t_s, road.ego(20.0 * t_s + 50.0, 0.0 * t_s + d)) for d in (1.0, -1.0))
    assert not compute(lane_view(over_left, corridor)).passed
    assert compute(lane_view(over_right, corridor)).passed


def test_each_lane_of_a_real_motorway_is_marked_on_both_sides(data):
    road_file = next((data / "openscenario" / "alks").rglob("alks_road_left_radius_250m.xodr"))
    lane_map = sample_lanes(read_opendrive(road_file))
    driving = [lane for lane in range(lane_map.size) if lane_map.kinds[lane] == "driving"]
    assert len(driving) == 6
    for lane in driving:
        corridor = corridor_of(follow_lane(lane_map, lane, 100.0, 1000.0), lane_map)
        assert corridor.left_marked.all()
        assert corridor.right_marked.all()
        np.testing.assert_allclose(corridor.left_m, 1.75, atol=1e-6)


def test_a_broken_mark_may_be_crossed_where_no_lane_keeping_is_asked_for():
    left = (MarkSpan(0.0, "broken", "white", 0.12), MarkSpan(100.0, "solid", "white", 0.12))
    strict, general = (corridor_of(*straight_lane(left, ()), kinds) for kinds in (UNMARKED, CROSSABLE))
    s_m = np.array([50.0, 150.0])
    assert strict.marked(s_m)[0].tolist() == [True, True]
    assert general.marked(s_m)[0].tolist() == [False, True]
