"""Queries on the lane map."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometry.errors import ContractError, SceneError
from geometry.polyline import Polyline
from maps.lane_index import project_on_rows
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.road_network import RoadNetwork, RoadPosition


@pytest.fixture
def lane_map(crossroads: RoadNetwork) -> LaneMap:
    return sample_lanes(crossroads)


def test_nearest_agrees_with_the_exact_network(crossroads: RoadNetwork, lane_map: LaneMap) -> None:
    places = [RoadPosition(road, s, lane, 0.5) for road in "123" for s in (12.3, 47.1, 79.0) for lane in (-1, 1)]
    poses = [crossroads.world_pose(place) for place in places]
    lanes, s, d = lane_map.nearest(np.array([(pose.x_m, pose.y_m) for pose in poses]))
    for k, place in enumerate(places):
        along = place.lane_id < 0
        assert lane_map.ids[lanes[k]] == f"{place.road_id}:0:{place.lane_id}"
        expected = place.s_m if along else crossroads.road_length(place.road_id) - place.s_m
        assert (s[k], d[k]) == pytest.approx((expected, 0.5 if along else -0.5), abs=1e-6)


def test_heading_decides_where_lanes_overlap(lane_map: LaneMap) -> None:
    point = np.array([[8.0, 0.1], [8.0, 0.1]])
    lanes, _, _ = lane_map.nearest(point, np.array([0.4, np.pi]))
    assert [lane_map.ids[lane] for lane in lanes] == ["13:0:-1", "12:0:1"]


def test_points_beside_all_lanes_get_the_nearest_one(lane_map: LaneMap) -> None:
    lanes, s, d = lane_map.nearest(np.array([-50.0, -20.0]))
    assert lane_map.ids[lanes[0]] == "1:0:-1"
    assert (s[0], d[0]) == pytest.approx((50.0, -18.25))


def test_kinds_filter_lanes_and_none_left_is_an_error(lane_map: LaneMap) -> None:
    walks = replace(lane_map, kinds=tuple("sidewalk" if k == 0 else kind for k, kind in enumerate(lane_map.kinds)))
    walks = replace(walks, _cache={})
    lanes, _, _ = walks.nearest(walks.centre(0).points[:1], kinds=frozenset({"driving"}))
    assert lanes[0] != 0
    with pytest.raises(SceneError, match="tram"):
        walks.nearest(np.zeros((1, 2)), kinds=frozenset({"tram"}))


def test_nearest_refuses_what_is_no_finite_point(lane_map: LaneMap) -> None:
    for points in (np.array([[np.nan, 0.0]]), np.zeros((3, 3))):
        with pytest.raises(ContractError):
            lane_map.nearest(points)


def test_lanes_near_lists_exactly_those_within_the_radius(lane_map: LaneMap) -> None:
    point = np.array([-50.0, 5.0])
    assert [lane_map.ids[lane] for lane in lane_map.lanes_near(point, 2.0)] == ["1:0:1"]
    assert len(lane_map.lanes_near(point, 5.5)) == 2
    assert len(lane_map.lanes_near(point, 1.0)) == 0


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(1, 9), st.floats(-4, 4)), min_size=2, max_size=12),
    st.floats(-30, 90),
    st.floats(-9, 9),
)
def test_compiled_projection_equals_the_polyline(steps: list[tuple[float, float]], x: float, y: float) -> None:
    line = Polyline.through(np.cumsum(np.array([(0.0, 0.0), *steps]), axis=0))
    last = np.array([len(line.points) - 1])
    first = np.zeros(1, dtype=np.int64)
    point = np.array([[x, y]])
    s, d, _ = project_on_rows(point, line.points, line.s_m, first, last, first, last)
    expected_s, expected_d = line.project(point)
    feet = [line.position(value, offset) for value, offset in ((s, d), (expected_s, expected_d))]
    # At a corner two segments may be equally near; either is right.
    assert abs(d[0]) == pytest.approx(abs(expected_d[0]), abs=1e-6)
    if abs(s[0] - expected_s[0]) < 1e-6:
        np.testing.assert_allclose(feet[0], feet[1], atol=1e-6)


def test_lane_changes_are_allowed_over_broken_marks_only(xodr) -> None:
    mark = '<roadMark sOffset="0" type="{}"/>'
    lanes = xodr.lane(-1, inside=mark.format("broken")) + xodr.lane(-2, inside=mark.format("solid")) + xodr.lane(-3)
    lane_map = sample_lanes(xodr.network(xodr.road(sections=xodr.section(right=lanes))))
    one, two, three = (lane_map.index(f"1:0:-{i}") for i in (1, 2, 3))
    assert lane_map.may_change(one, two) and lane_map.may_change(two, one)
    assert not lane_map.may_change(two, three) and not lane_map.may_change(three, two)
    assert not lane_map.may_change(one, three)


def test_columns_are_read_only_and_of_one_length(lane_map: LaneMap) -> None:
    with pytest.raises(ValueError, match="read-only"):
        lane_map.centre_points[0, 0] = 1.0
    with pytest.raises(ContractError, match="another length"):
        replace(lane_map, kinds=lane_map.kinds[:-1])
    with pytest.raises(ContractError, match="same shape"):
        replace(lane_map, left_points=lane_map.left_points[:-1].copy())


def test_unknown_lane_ids_are_named(lane_map: LaneMap) -> None:
    with pytest.raises(SceneError, match=r"no lane 77:0:1; its lanes are named like 1:0:1"):
        lane_map.index("77:0:1")
