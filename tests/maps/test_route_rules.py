"""The rules along a route: lights, junctions and crossings where the route meets them."""

import numpy as np
import pytest
import shapely

from lanewise.scenarios.own_towns import town
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.route import Route, shortest_route
from maps.route_rules import route_rules


@pytest.fixture(scope="module")
def lane_map() -> LaneMap:
    return sample_lanes(town())


def route_between(lane_map: LaneMap, start: tuple[float, float], goal: tuple[float, float]) -> Route:
    lanes, along, _ = lane_map.nearest(np.array([start, goal]))
    return shortest_route(lane_map, int(lanes[0]), int(lanes[1]), float(along[0]), float(along[1]))


@pytest.fixture(scope="module")
def route(lane_map: LaneMap) -> Route:
    """East along the middle row, over a crossing with lights, and left at the next one."""
    return route_between(lane_map, (200.0, 138.25), (421.75, 200.0))


def test_lanes_begin_where_the_route_says(lane_map: LaneMap, route: Route) -> None:
    for lane, begin_m in zip(route.lanes, route.lane_begins_m, strict=True):
        if begin_m >= 0.0:
            first = lane_map.centre_points[lane_map.rows(lane)][0]
            np.testing.assert_allclose(route.path.position(begin_m), first, atol=0.01)


def test_the_lights_on_the_way_stop_at_their_lines(lane_map: LaneMap, route: Route) -> None:
    lights = route_rules(lane_map, route).lights
    assert len(lights) == 2
    lines = {line.lane: line.s_m for line in lane_map.stop_lines}
    for light in lights:
        lane, begin_m = max(
            ((lane, b) for lane, b in zip(route.lanes, route.lane_begins_m, strict=True) if b <= light.stop_m),
            key=lambda pair: pair[1],
        )
        assert light.stop_m - begin_m == pytest.approx(lines[lane])


def test_junctions_come_in_order_with_their_lights(lane_map: LaneMap, route: Route) -> None:
    rules = route_rules(lane_map, route)
    assert [junction.light_ids for junction in rules.junctions] == [(light.signal_id,) for light in rules.lights]
    for junction in rules.junctions:
        assert junction.stop_m < junction.begin_m < junction.end_m
        for zone in junction.zones:
            assert junction.begin_m - 1.0 < zone.begin_m < zone.end_m < junction.end_m + 1.0


def test_crossings_are_where_the_path_runs_over_them(lane_map: LaneMap, route: Route) -> None:
    rules = route_rules(lane_map, route)
    assert rules.crossings
    for crossing in rules.crossings:
        middle = route.path.position(0.5 * (crossing.begin_m + crossing.end_m))
        assert shapely.Polygon(lane_map.crossings[crossing.crossing].polygon).contains(shapely.Point(middle))
        assert crossing.stop_m < crossing.begin_m
