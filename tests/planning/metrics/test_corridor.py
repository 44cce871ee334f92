"""The corridor of a route: edges from the route, marks from the map."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from geometry.polyline import Polyline
from maps.lane_map import LaneMap, MarkSpan
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.route import Route, follow_lane
from planning.metrics.corridor import CROSSABLE, UNMARKED, corridor_of
from planning.metrics.lane_departure import compute
from planning.metrics.lane_view import lane_view
from tests.localization.road import straight_road

LENGTH_M = 400.0


@dataclass(frozen=True)
class OneLane:
    """A map of a single lane, as far as a corridor asks for it."""

    centre: Polyline
    left_marks: tuple[tuple[MarkSpan, ...], ...]
    right_marks: tuple[tuple[MarkSpan, ...], ...]
    left_neighbour = right_neighbour = opposite_neighbour = (-1,)
    right_hand = True

    def length_m(self, _lane):
        return self.centre.length_m

    def nearest(self, points, _yaw_rad):
        s, d = self.centre.project(points)
        return np.zeros(len(s), dtype=int), s, d


def two_way(road: LaneMap, middle: tuple[tuple[MarkSpan, ...], tuple[MarkSpan, ...]]) -> LaneMap:
    """A road of one lane with another to its left that leads back; `middle` are the marks of both between them."""
    back = [
        getattr(road, name)[::-1] + np.array((0.0, 3.5)) for name in ("centre_points", "right_points", "left_points")
    ]
    ahead = [getattr(road, name) for name in ("centre_points", "left_points", "right_points")]
    centre, left, right = (np.concatenate(pair) for pair in zip(ahead, back, strict=True))
    none = np.array([-1, -1])
    return replace(
        road, ids=("1:0:-1", "1:0:1"), kinds=road.kinds * 2, starts=np.arange(3) * len(road.centre_points),
        centre_points=centre, left_points=left, right_points=right, s_m=np.tile(road.s_m, 2),
        source_s_m=np.tile(road.source_s_m, 2), speed_limit_mps=np.tile(road.speed_limit_mps, 2),
        left_marks=middle, right_marks=road.right_marks * 2, successors=((), ()), predecessors=((), ()),
        left_neighbour=none, right_neighbour=none, opposite_neighbour=np.array([1, 0]), junction=("", ""),
        conflicts=((), ()), _cache={},
    )  # fmt: skip


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


def test_beyond_lanes_that_one_may_change_to_the_road_still_ends():
    """Three lanes with broken marks between them and solid ones outside, from the middle one."""
    lane_map = straight_road(3)
    route = follow_lane(lane_map, 1, 10.0, 200.0)
    strict, general = (corridor_of(route, lane_map, kinds) for kinds in (UNMARKED, CROSSABLE))
    s_m = np.array([50.0, 150.0])
    assert general.marked(s_m)[0].all()
    assert general.marked(s_m)[1].all()
    np.testing.assert_allclose(strict.mark_sides(s_m), 1.75, atol=1e-6)
    np.testing.assert_allclose(general.mark_sides(s_m), 1.75 + 3.5, atol=1e-6)
    np.testing.assert_allclose(general.sides(s_m), 1.75, atol=1e-6)


@pytest.mark.parametrize(("kind", "marked"), [("broken", True), ("solid", True), ("none", False)])
def test_beyond_a_broken_middle_line_the_oncoming_lane_ends(kind, marked):
    """A street of one lane each way: `kind` is the mark between them; the outer ones are solid."""
    both = straight_road(1, outer="solid")
    spans = (MarkSpan(0.0, kind, "white", 0.12),), (MarkSpan(0.0, kind, "white", 0.12),)
    lane_map = two_way(both, spans)
    general = corridor_of(follow_lane(lane_map, 0, 10.0, 200.0), lane_map, CROSSABLE)
    s_m = np.array([50.0, 150.0])
    assert general.marked(s_m)[0].tolist() == [marked, marked]
    if marked:
        np.testing.assert_allclose(general.mark_sides(s_m)[0], 1.75 + (3.5 if kind == "broken" else 0.0), atol=1e-6)
