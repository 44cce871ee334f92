"""Where a destination lies on the route that leads there."""

import math

import pytest

from lanewise.assignment import Destination
from lanewise.scenarios.catalog import FOLDER
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.route import Route, follow_lane


@pytest.fixture(scope="module")
def lane_map() -> LaneMap:
    return sample_lanes(read_opendrive(FOLDER / "maps" / "highway_straight.xodr"))


@pytest.fixture(scope="module")
def route(lane_map: LaneMap) -> Route:
    return follow_lane(lane_map, lane_map.index("1:0:-2"), 200.0, 1500.0)


def test_a_destination_lies_where_its_lane_begins_and_its_arc_length_later(lane_map: LaneMap, route: Route) -> None:
    lane = lane_map.index("1:0:-2")
    at_m = Destination(lane, 900.0).on(route, 0.0)
    x, y = lane_map.centre(lane).position(900.0)
    there = route.path.position(at_m)
    assert (there[0], there[1]) == pytest.approx((x, y), abs=0.01)


def test_a_destination_behind_the_last_stop_or_off_the_route_is_nowhere(lane_map: LaneMap, route: Route) -> None:
    assert Destination(lane_map.index("1:0:-2"), 300.0).on(route, 1000.0) == math.inf
    assert Destination(lane_map.index("1:0:-1"), 300.0).on(route, 0.0) == math.inf
