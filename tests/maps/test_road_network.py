"""Positions on the road network: poses, directions, driving along linked lanes, finding lanes."""

import math
import runpy
from pathlib import Path

import numpy as np
import pytest

from geometry.errors import SceneError
from maps.opendrive import read_opendrive
from maps.road_network import RoadNetwork, RoadPosition, Turn

LEFT_ARC = '<geometry s="0" x="0" y="0" hdg="0" length="100"><arc curvature="0.01"/></geometry>'


def test_pose_on_a_straight_road_is_s_and_the_lane_centre(xodr) -> None:
    network = xodr.network(xodr.road(x=10.0, y=5.0, hdg=math.pi / 2))
    pose = network.world_pose(RoadPosition("1", 20.0, -1, 0.5))
    assert (pose.x_m, pose.y_m, pose.yaw_rad) == pytest.approx((10.0 + 1.75 - 0.5, 25.0, math.pi / 2))
    assert network.world_pose_st("1", 0.0, 2.0).x_m == pytest.approx(8.0)


def test_lane_centre_on_an_arc_has_the_radius_less_its_t(xodr) -> None:
    network = xodr.network(xodr.road(geometry=LEFT_ARC))
    for lane, radius in ((1, 98.25), (-1, 101.75)):
        pose = network.world_pose(RoadPosition("1", 40.0, lane))
        assert math.dist((pose.x_m, pose.y_m), (0.0, 100.0)) == pytest.approx(radius)
        assert network.metres_per_s(RoadPosition("1", 40.0, lane)) == pytest.approx(radius / 100.0)


def test_lane_offset_shifts_all_lanes(xodr) -> None:
    offsets = '<laneOffset s="10" a="0" b="0.1" c="0" d="0"/>'
    network = xodr.network(xodr.road(offsets=offsets))
    assert [network.lane_centre_t("1", -1, s) for s in (0.0, 10.0, 30.0)] == pytest.approx([-1.75, -1.75, 0.25])
    assert network.lane_centre_t("1", 0, 30.0) == pytest.approx(2.0)


def test_centres_of_outer_lanes_add_up_varying_inner_widths(xodr) -> None:
    right = xodr.lane(-1, 'a="3" b="0.01" c="0" d="0"') + xodr.lane(-2, 'a="2" b="0" c="0" d="0"', "shoulder")
    network = xodr.network(xodr.road(sections=xodr.section(right=right)))
    assert network.lane_ids("1", 50.0) == (-1, -2)
    assert network.lane_kind("1", -2, 50.0) == "shoulder"
    assert network.lane_centre_t("1", -2, 50.0) == pytest.approx(-3.5 - 1.0)
    assert network.lane_width("1", -1, 50.0) == pytest.approx(3.5)


def test_borders_say_the_same_as_widths(xodr) -> None:
    def border(lane: int, t: float) -> str:
        return f'<lane id="{lane}" type="driving"><border sOffset="0" a="{t}" b="0" c="0" d="0"/></lane>'

    sections = xodr.section(right=border(-1, -3.0) + border(-2, -7.0), left=border(1, 3.25))
    network = xodr.network(xodr.road(sections=sections))
    assert [network.lane_centre_t("1", lane, 1.0) for lane in (1, -1, -2)] == pytest.approx([1.625, -1.5, -5.0])


def test_traffic_keeps_right_unless_the_rule_says_left(xodr) -> None:
    right, left = (xodr.network(xodr.road(rule=rule)) for rule in ("RHT", "LHT"))
    assert [right.drive_sign("1", lane) for lane in (-1, 1)] == [1, -1]
    assert [left.drive_sign("1", lane) for lane in (-1, 1)] == [-1, 1]


def test_reversed_lanes_run_the_other_way(xodr) -> None:
    lane = xodr.lane(-1).replace("<lane ", '<lane direction="reversed" ')
    network = xodr.network(xodr.road(sections=xodr.section(right=lane)))
    assert network.drive_sign("1", -1) == -1


def test_unknown_roads_and_lanes_are_named(xodr) -> None:
    network = xodr.network(xodr.road())
    with pytest.raises(SceneError, match="no road 7; the map has the roads 1"):
        network.world_pose(RoadPosition("7", 0.0, -1))
    with pytest.raises(SceneError, match=r"no lane 3 at s=5\.00; its lanes there are 1, -1"):
        network.world_pose(RoadPosition("1", 5.0, 3))


def test_advance_follows_the_driving_direction_of_the_lane(xodr) -> None:
    network = xodr.network(xodr.road())
    assert network.advance(RoadPosition("1", 50.0, -1, 0.2), 30.0) == RoadPosition("1", 80.0, -1, 0.2)
    assert network.advance(RoadPosition("1", 50.0, 1, 0.2), 30.0) == RoadPosition("1", 20.0, 1, 0.2)
    assert network.advance(RoadPosition("1", 50.0, 1), -30.0) == RoadPosition("1", 80.0, 1)
    assert network.advance(RoadPosition("1", 50.0, -1), 50.0) == RoadPosition("1", 100.0, -1)


def test_advance_past_the_end_of_the_map_is_none(xodr) -> None:
    network = xodr.network(xodr.road())
    assert network.advance(RoadPosition("1", 50.0, -1), 51.0) is None
    assert network.advance(RoadPosition("1", 50.0, -1), -51.0) is None


def test_advance_follows_lane_links_between_sections(xodr) -> None:
    first = xodr.section(right=xodr.lane(-1, inside=xodr.link(successor=-2)))
    second = xodr.section(right=xodr.lane(-1) + xodr.lane(-2, inside=xodr.link(predecessor=-1)), s=40.0)
    network = xodr.network(xodr.road(sections=first + second))
    assert network.advance(RoadPosition("1", 39.0, -1, 0.3), 2.0) == RoadPosition("1", 41.0, -2, 0.3)
    assert network.advance(RoadPosition("1", 39.0, -1), 1.0) == RoadPosition("1", 40.0, -2)
    assert network.advance(RoadPosition("1", 41.0, -2), -2.0) == RoadPosition("1", 39.0, -1)


def test_a_lane_without_link_goes_on_as_the_same_lane_inside_a_road(xodr) -> None:
    sections = xodr.section() + xodr.section(s=40.0)
    network = xodr.network(xodr.road(sections=sections))
    assert network.advance(RoadPosition("1", 39.0, -1), 2.0) == RoadPosition("1", 41.0, -1)


def test_roads_joined_end_to_end_keep_the_vehicle_on_its_side(xodr) -> None:
    one = xodr.section(
        left=xodr.lane(1, inside=xodr.link(successor=-1)), right=xodr.lane(-1, inside=xodr.link(None, 1))
    )
    two = xodr.section(
        left=xodr.lane(1, inside=xodr.link(successor=-1)), right=xodr.lane(-1, inside=xodr.link(None, 1))
    )
    link = '<successor elementType="road" elementId="{}" contactPoint="end"/>'
    network = xodr.network(
        xodr.road("1", sections=one, link=link.format(2)),
        xodr.road("2", sections=two, link=link.format(1), x=200.0, hdg=math.pi),
    )
    before = RoadPosition("1", 95.0, -1, 0.4)
    after = network.advance(before, 10.0)
    assert after == RoadPosition("2", 95.0, 1, -0.4)
    assert network.world_pose(after).y_m == pytest.approx(network.world_pose(before).y_m)
    assert network.advance(after, -10.0) == before


def test_the_straightest_way_through_a_junction_is_the_default(crossroads: RoadNetwork) -> None:
    assert crossroads.advance(RoadPosition("1", 90.0, -1), 20.0) == RoadPosition("12", 10.0, -1)
    assert crossroads.advance(RoadPosition("1", 90.0, -1), 60.0) == RoadPosition("2", 10.0, -1)


def test_another_way_through_a_junction_can_be_chosen(crossroads: RoadNetwork) -> None:
    seen: list[tuple[Turn, ...]] = []

    def leftmost(turns: tuple[Turn, ...]) -> Turn:
        seen.append(turns)
        return max(turns, key=lambda turn: turn.turn_rad)

    after = crossroads.advance(RoadPosition("1", 90.0, -1), 51.415926535897931, leftmost)
    assert after is not None and (after.road_id, after.lane_id) == ("3", -1)
    assert after.s_m == pytest.approx(10.0)
    assert {turn.road_id: round(turn.turn_rad, 6) for turn in seen[0]} == {"12": 0.0, "13": 1.570796}


@pytest.mark.parametrize(("road", "lane", "distance"), [("2", -1, -60.0), ("3", 1, 60.0), ("2", 1, 70.0)])
def test_junctions_can_be_crossed_from_every_side_and_back(
    crossroads: RoadNetwork, road: str, lane: int, distance: float
) -> None:
    start = RoadPosition(road, 10.0, lane, 0.3)
    there = crossroads.advance(start, distance)
    assert there is not None and there.road_id == "1"
    back = crossroads.advance(there, -distance, lambda turns: min(turns, key=lambda turn: turn.road_id != f"1{road}"))
    assert back is not None and (back.road_id, back.lane_id, back.offset_m) == (road, lane, 0.3)
    assert back.s_m == pytest.approx(10.0)


def test_a_ring_of_roads_is_driven_round_and_round(xodr) -> None:
    lanes = xodr.section(right=xodr.lane(-1, inside=xodr.link(-1, -1)))
    length = 2 * math.pi * 20.0
    ring = f'<geometry s="0" x="0" y="0" hdg="0" length="{length}"><arc curvature="0.05"/></geometry>'
    ends = "".join(
        f'<{name} elementType="road" elementId="1" contactPoint="{end}"/>'
        for name, end in (("predecessor", "end"), ("successor", "start"))
    )
    network = xodr.network(xodr.road("1", length, ring, lanes, ends))
    after = network.advance(RoadPosition("1", 5.0, -1), 10 * length + 1.0)
    assert after is not None and after.s_m == pytest.approx(6.0, abs=1e-6)
    with pytest.raises(SceneError, match="lane links"):
        network.advance(RoadPosition("1", 5.0, -1), 1e9)


def test_links_of_one_road_only_work_both_ways(xodr) -> None:
    stating = xodr.section(right=xodr.lane(-1, inside=xodr.link(successor=-1)))
    link = '<successor elementType="road" elementId="2" contactPoint="start"/>'
    silent = xodr.section(right=xodr.lane(-1))
    network = xodr.network(xodr.road("1", sections=stating, link=link), xodr.road("2", sections=silent, x=100.0))
    assert network.advance(RoadPosition("2", 5.0, -1), -10.0) == RoadPosition("1", 95.0, -1)


def test_locate_inverts_world_pose_everywhere(crossroads: RoadNetwork) -> None:
    for road in crossroads.roads.values():
        for s in np.linspace(0.5, road.length_m - 0.5, 7):
            for lane in (-1, 1):
                position = RoadPosition(road.id, float(s), lane, 0.4)
                pose = crossroads.world_pose(position)
                found = crossroads.locate(pose.x_m, pose.y_m, hint=RoadPosition(road.id, float(s) + 3.0, lane))
                assert (found.road_id, found.lane_id) == (road.id, lane)
                assert (found.s_m, found.offset_m) == pytest.approx((s, 0.4), abs=1e-6)


def test_locate_without_hint_prefers_lanes_that_carry_traffic(xodr) -> None:
    walk = xodr.section(left=xodr.lane(1, 'a="20" b="0" c="0" d="0"', "sidewalk"))
    network = xodr.network(xodr.road("1", sections=walk), xodr.road("2", y=8.0))
    assert network.locate(50.0, 9.0).road_id == "2"
    assert network.locate(50.0, 3.0).road_id == "1"


def test_locate_beside_all_roads_gives_the_nearest_lane(xodr) -> None:
    network = xodr.network(xodr.road("1"), xodr.road("2", y=50.0))
    found = network.locate(20.0, 40.0)
    assert (found.road_id, found.lane_id) == ("2", -1)
    assert found.offset_m == pytest.approx(-8.25)
    beyond = network.locate(140.0, -1.0)
    assert (beyond.road_id, beyond.s_m, beyond.lane_id) == ("1", 100.0, -1)


def test_round_trips_hold_on_real_maps(data: Path) -> None:
    for name in ("esmini__multi_intersections", "carla_opendrive-test-files__Town01", "esmini__soderleden"):
        network = read_opendrive(data / "maps" / "opendrive" / f"{name}.xodr")
        for road in list(network.roads.values())[::3]:
            s = 0.37 * road.length_m
            for lane in network.lane_ids(road.id, s):
                if network.lane_width(road.id, lane, s) < 1.0 or abs(network.curvature(road.id, s)) > 0.1:
                    continue
                position = RoadPosition(road.id, s, lane, 0.1)
                pose = network.world_pose(position)
                found = network.locate(pose.x_m, pose.y_m, hint=RoadPosition(road.id, s + 1.0, lane))
                assert (found.lane_id, found.s_m, found.offset_m) == pytest.approx((lane, s, 0.1), abs=1e-5)
                after = network.advance(position, 300.0)
                back = None if after is None else network.advance(after, -300.0)
                # Where lanes join, the way back is not unique; where it leads home it is exact.
                if back is not None and (back.road_id, back.lane_id) == (road.id, lane):
                    assert (back.s_m, back.offset_m) == pytest.approx((s, 0.1), abs=1e-6)


def test_lane_centres_equal_the_reference_on_all_maps(data: Path) -> None:
    benchmark = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "lane_centres.py"))
    maps = sorted((data / "maps" / "opendrive").glob("*.xodr"))
    assert maps
    for path in maps:
        reference = benchmark["read_reference"](data / "maps" / "lane_centres" / f"{path.stem}.csv.gz")
        distance, missing = benchmark["deviations"](read_opendrive(path), reference)
        assert missing == 0
        assert float(distance.max()) < 0.001, path.stem
