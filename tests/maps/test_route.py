"""Routes: where they lead, and the room beside their path."""

import math
from pathlib import Path

import numpy as np
import pytest

import lanewise
from geometry.errors import SceneError
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.road_network import RoadNetwork
from maps.route import Route, follow_lane, shortest_route


def names(lane_map: LaneMap, route: Route) -> list[str]:
    return [lane_map.ids[lane] for lane in route.lanes]


@pytest.fixture
def three_lanes(xodr) -> LaneMap:
    """Two sections of 200 m; the rightmost lane exists in the first one only, the left one in the second only."""
    broken = '<roadMark sOffset="0" type="broken"/>'

    def lane(lane_id: int, before: int | None, after: int | None) -> str:
        return xodr.lane(lane_id, inside=xodr.link(before, after) + broken)

    first = xodr.section(right=lane(-1, None, -2) + lane(-2, None, -3) + lane(-3, None, None))
    second = xodr.section(right=lane(-1, None, None) + lane(-2, -1, None) + lane(-3, -2, None), s=200.0)
    offsets = '<laneOffset s="0" a="0" b="0" c="0" d="0"/><laneOffset s="200" a="3.5" b="0" c="0" d="0"/>'
    limit = '<type s="0" type="town"><speed max="20"/></type><type s="300" type="town"><speed max="10"/></type>'
    return sample_lanes(xodr.network(xodr.road("1", 400.0, sections=first + second, offsets=offsets, more=limit)))


def test_following_a_lane_goes_straight_on_from_a_little_behind(crossroads: RoadNetwork) -> None:
    lane_map = sample_lanes(crossroads)
    route = follow_lane(lane_map, lane_map.index("1:0:-1"), 60.0, 120.0, behind_m=25.0)
    assert names(lane_map, route) == ["1:0:-1", "12:0:-1", "2:0:-1"]
    np.testing.assert_allclose(route.path.points[[0, -1]], [(-65.0, -1.75), (80.0, -1.75)], atol=1e-9)
    np.testing.assert_allclose((route.left_m, route.right_m), 1.75)
    assert np.isnan(route.speed_limit_mps).all()


def test_a_route_ends_where_the_map_ends(crossroads: RoadNetwork) -> None:
    lane_map = sample_lanes(crossroads)
    route = follow_lane(lane_map, lane_map.index("2:0:-1"), 70.0, 500.0)
    assert tuple(route.path.points[-1]) == pytest.approx((120.0, -1.75))
    with pytest.raises(SceneError, match="ahead"):
        follow_lane(lane_map, lane_map.index("2:0:-1"), 80.0, 500.0, behind_m=0.0)


def test_a_route_may_start_on_an_earlier_lane(crossroads: RoadNetwork) -> None:
    lane_map = sample_lanes(crossroads)
    route = follow_lane(lane_map, lane_map.index("2:0:-1"), 5.0, 20.0, behind_m=60.0)
    assert names(lane_map, route) == ["1:0:-1", "12:0:-1", "2:0:-1"]
    assert tuple(route.path.points[0]) == pytest.approx((-15.0, -1.75))


def test_the_shortest_route_turns_where_the_goal_lies(crossroads: RoadNetwork) -> None:
    lane_map = sample_lanes(crossroads)
    route = shortest_route(lane_map, lane_map.index("1:0:-1"), lane_map.index("3:0:-1"), 90.0, 30.0, behind_m=0.0)
    assert names(lane_map, route) == ["1:0:-1", "13:0:-1", "3:0:-1"]
    assert route.path.length_m == pytest.approx(10.0 + 21.75 * math.pi / 2 + 30.0, abs=0.05)
    assert tuple(route.path.points[-1]) == pytest.approx((21.75, 50.0))


def test_where_no_way_leads_is_an_error(crossroads: RoadNetwork) -> None:
    lane_map = sample_lanes(crossroads)
    with pytest.raises(SceneError, match="no way leads from lane 1:0:1 to lane 3:0:-1"):
        shortest_route(lane_map, lane_map.index("1:0:1"), lane_map.index("3:0:-1"))
    with pytest.raises(SceneError, match="lane 99"):
        follow_lane(lane_map, 99, 0.0, 10.0)
    with pytest.raises(SceneError):
        shortest_route(lane_map, lane_map.index("1:0:-1"), lane_map.index("1:0:-1"), 50.0, 20.0)


def test_routes_change_lanes_to_reach_their_goal(three_lanes: LaneMap) -> None:
    route = shortest_route(three_lanes, three_lanes.index("1:0:-3"), three_lanes.index("1:1:-1"), 20.0, behind_m=20.0)
    assert names(three_lanes, route)[0] == "1:0:-3"
    assert names(three_lanes, route)[-1] == "1:1:-1"
    y = route.path.points[:, 1]
    assert (y[0], y[-1]) == pytest.approx((-8.75, 1.75))
    assert (np.diff(y) >= -1e-9).all()
    assert np.abs(np.diff(route.path.yaw_rad)).max() < 0.03
    assert (route.path.points[:, 0][y > -8.7] > 19.0).all()


def test_both_lanes_are_room_to_drive_during_a_change(three_lanes: LaneMap) -> None:
    route = shortest_route(three_lanes, three_lanes.index("1:0:-2"), three_lanes.index("1:0:-1"), 20.0, behind_m=20.0)
    x, y = route.path.points.T
    changing = (x > 21.0) & (x < 99.0)
    np.testing.assert_allclose((y + route.left_m)[changing], 0.0, atol=1e-9)
    np.testing.assert_allclose((y - route.right_m)[changing], -7.0, atol=1e-9)
    np.testing.assert_allclose((route.left_m + route.right_m)[(x < 19.0) | (x > 101.0)], 3.5, atol=1e-9)


def test_limits_change_along_the_route(three_lanes: LaneMap) -> None:
    route = follow_lane(three_lanes, three_lanes.index("1:0:-2"), 100.0, 250.0)
    x, limit = route.path.points[:, 0], route.speed_limit_mps
    assert set(limit[x < 299.9]) == {20.0}
    assert set(limit[x > 299.9]) == {10.0}


def test_a_route_around_a_ring_can_be_longer_than_the_ring(xodr) -> None:
    length = 2 * math.pi * 40.0
    ring = f'<geometry s="0" x="0" y="0" hdg="0" length="{length}"><arc curvature="0.025"/></geometry>'
    ends = "".join(
        f'<{name} elementType="road" elementId="1" contactPoint="{end}"/>'
        for name, end in (("predecessor", "end"), ("successor", "start"))
    )
    lanes = xodr.section(right=xodr.lane(-1, inside=xodr.link(-1, -1)))
    lane_map = sample_lanes(xodr.network(xodr.road("1", length, ring, lanes, ends)))
    assert follow_lane(lane_map, 0, 10.0, 900.0, behind_m=30.0).path.length_m == pytest.approx(930.0, abs=1e-6)
    around = shortest_route(lane_map, 0, 0, 100.0, 50.0, behind_m=0.0)
    assert around.path.length_m == pytest.approx(lane_map.length_m(0) - 50.0, abs=1e-6)


def test_beyond_its_goal_a_route_comes_to_no_lane_twice() -> None:
    roundabout = Path(lanewise.__file__).parent / "scenarios" / "maps" / "roundabout.xodr"
    lane_map = sample_lanes(read_opendrive(roundabout))
    lanes = [i for i in range(lane_map.size) if lane_map.kinds[i] == "driving" and not lane_map.junction[i]]
    for start, goal in ((lanes[0], lanes[-1]), (lanes[-1], lanes[1])):
        near = shortest_route(lane_map, start, goal, behind_m=0.0)
        far = shortest_route(lane_map, start, goal, behind_m=0.0, beyond_m=20_000.0)
        assert far.path.length_m >= near.path.length_m
        assert len(set(far.lanes)) == len(far.lanes)


def test_where_the_lane_narrows_to_nothing_the_route_has_changed_before(xodr) -> None:
    """A ramp that the map links to the right lane beyond, over an end without width."""

    def lane(lane_id: int, before: int | None, after: int | None, narrowing: float = 0.0) -> str:
        mark = '<roadMark sOffset="0" type="broken"/>'
        width = f'a="3.5" b="{-narrowing}" c="0" d="0"'
        return xodr.lane(lane_id, width, inside=xodr.link(before, after) + mark)

    first = xodr.section(right=lane(-1, None, -1) + lane(-2, None, -1, narrowing=3.5 / 200.0))
    second = xodr.section(right=lane(-1, -1, None), s=200.0)
    lane_map = sample_lanes(xodr.network(xodr.road("1", 400.0, sections=first + second)))
    ramp, goal = lane_map.index("1:0:-2"), lane_map.index("1:1:-1")
    expected = ["1:0:-2", "1:0:-1", "1:1:-1"]
    assert names(lane_map, follow_lane(lane_map, ramp, 5.0, 300.0, behind_m=0.0)) == expected
    assert names(lane_map, shortest_route(lane_map, ramp, goal, 5.0, 150.0, behind_m=0.0)) == expected
