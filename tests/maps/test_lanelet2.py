"""Lanelet2 maps: lanes, links and rules as the file has them, both forms of coordinates, real maps, broken files."""

from pathlib import Path

import numpy as np
import pytest

from geometry.errors import InputError, LanewiseError
from maps.lanelet2 import read_lanelet2
from maps.signal_meaning import is_traffic_light


def tags(**of: str) -> str:
    return "".join(f'<tag k="{key.replace("__", ":")}" v="{value}"/>' for key, value in of.items())


def node(number: int, x: float, y: float) -> str:
    return f'<node id="{number}" lat="0" lon="0">{tags(local_x=str(x), local_y=str(y))}</node>'


def way(number: int, *nodes: int, **of: str) -> str:
    return f'<way id="{number}">{"".join(f"<nd ref={chr(34)}{n}{chr(34)}/>" for n in nodes)}{tags(**of)}</way>'


def lanelet(number: int, left: int, right: int, *rules: int, **of: str) -> str:
    given = {"type": "lanelet", "subtype": "road", **of}
    members = f'<member type="way" role="left" ref="{left}"/><member type="way" role="right" ref="{right}"/>'
    members += "".join(f'<member type="relation" role="regulatory_element" ref="{rule}"/>' for rule in rules)
    return f'<relation id="{number}">{members}{tags(**given)}</relation>'


NODES = "".join(
    node(n, x, y)
    for n, x, y in (
        (1, 0, 0), (2, 40, 0), (3, 80, 0), (4, 0, 3), (5, 40, 3), (6, 80, 3), (7, 0, 6), (8, 40, 6),
        (20, 81, 0), (21, 81, 3), (22, 85, 4), (23, 85, 5), (30, 60, -20), (31, 63, -20), (32, 60, 20), (33, 63, 20),
    )
)  # fmt: skip
WAYS = (
    way(10, 1, 2, type="road_border") + way(11, 2, 3, type="curbstone", subtype="high")
    + way(12, 4, 5, type="line_thin", subtype="dashed") + way(13, 6, 5, type="virtual")
    + way(14, 8, 7, type="line_thick", subtype="solid_dashed")
    + way(15, 20, 21, type="stop_line") + way(16, 22, 23, type="traffic_light", subtype="red_yellow_green")
    + way(17, 30, 32, type="virtual") + way(18, 31, 33, type="virtual")
)  # fmt: skip
LIGHT = (
    f'<relation id="50"><member type="way" role="refers" ref="16"/><member type="way" role="ref_line" ref="15"/>'
    f"{tags(type='regulatory_element', subtype='traffic_light')}</relation>"
)
EAST, ON, WEST = lanelet(100, 12, 10, speed_limit="30 mph"), lanelet(101, 13, 11, 50), lanelet(102, 12, 14)
NORTH = lanelet(103, 17, 18)


def written(tmp_path: Path, *parts: str) -> Path:
    path = tmp_path / "map.osm"
    path.write_text(f'<?xml version="1.0"?>\n<osm version="0.6">\n{"".join(parts)}</osm>')
    return path


def test_lanes_run_as_they_are_driven_however_their_bounds_are_drawn(tmp_path: Path) -> None:
    lane_map = read_lanelet2(written(tmp_path, NODES, WAYS, EAST, ON, WEST))
    assert lane_map.ids == ("100", "101", "102")
    for lane, ends in enumerate((((0, 1.5), (40, 1.5)), ((40, 1.5), (80, 1.5)), ((40, 4.5), (0, 4.5)))):
        np.testing.assert_allclose(lane_map.centre_points[lane_map.rows(lane)][[0, -1]], ends)


def test_lanes_follow_where_both_bounds_go_on_and_flank_where_they_share_one(tmp_path: Path) -> None:
    lane_map = read_lanelet2(written(tmp_path, NODES, WAYS, EAST, ON, WEST))
    assert lane_map.successors == ((1,), (), ())
    assert lane_map.predecessors == ((), (0,), ())
    assert lane_map.opposite_neighbour.tolist() == [2, -1, 0]
    assert lane_map.left_neighbour.tolist() == [-1, -1, -1]


def test_marks_are_those_of_the_bounds_as_the_driver_sees_them(tmp_path: Path) -> None:
    lane_map = read_lanelet2(written(tmp_path, NODES, WAYS, EAST, ON, WEST))
    assert [marks[0].kind for marks in lane_map.left_marks] == ["broken", "none", "broken"]
    assert [marks[0].kind for marks in lane_map.right_marks] == ["edge", "curb", "solid broken"]
    assert lane_map.right_marks[2][0].width_m == 0.25


def test_speeds_come_with_their_unit(tmp_path: Path) -> None:
    limits = read_lanelet2(written(tmp_path, NODES, WAYS, EAST, lanelet(101, 13, 11, speed_limit="50"))).speed_limit_mps
    np.testing.assert_allclose(limits, [30 * 0.44704] * 2 + [50 / 3.6] * 2)
    with pytest.raises(InputError, match=r"map\.osm:3.*speed_limit=\"fast\""):
        read_lanelet2(written(tmp_path, NODES, WAYS, lanelet(100, 12, 10, speed_limit="fast")))


def test_german_roads_have_the_laws_limit(tmp_path: Path) -> None:
    german = read_lanelet2(written(tmp_path, NODES, WAYS, lanelet(100, 12, 10, region="de", location="urban")))
    np.testing.assert_allclose(german.speed_limit_mps, 50 / 3.6)
    unknown = read_lanelet2(written(tmp_path, NODES, WAYS, lanelet(100, 12, 10, location="urban")))
    assert np.isnan(unknown.speed_limit_mps).all()


def test_a_lane_for_both_directions_is_two_lanes(tmp_path: Path) -> None:
    both = {"one_way": "no"}
    lane_map = read_lanelet2(written(tmp_path, NODES, WAYS, lanelet(100, 12, 10, **both), lanelet(101, 13, 11, **both)))
    assert lane_map.ids == ("100", "100:back", "101", "101:back")
    assert lane_map.successors == ((2,), (), (), (1,))
    assert lane_map.right_marks[1][0].kind == "broken"


@pytest.mark.parametrize(
    ("of", "kind"),
    [
        ({"subtype": "walkway"}, "sidewalk"),
        ({"participant__bicycle": "yes"}, "biking"),
        ({"participant__vehicle": "yes"}, "driving"),
        ({"participant__pedestrian": "yes"}, "none"),
        ({"subtype": "unheard of"}, "none"),
    ],
)
def test_who_may_use_a_lane_says_its_kind(tmp_path: Path, of: dict[str, str], kind: str) -> None:
    assert read_lanelet2(written(tmp_path, NODES, WAYS, lanelet(100, 12, 10, **of))).kinds == (kind,)


def test_a_light_and_the_stop_line_behind_the_lanes_end_are_found(tmp_path: Path) -> None:
    lane_map = read_lanelet2(written(tmp_path, NODES, WAYS, EAST, ON, WEST, LIGHT))
    (light,) = lane_map.signals
    assert is_traffic_light(light)
    assert (light.x_m, light.y_m, light.lanes) == (85.0, 4.5, ((1, 40.0),))
    assert abs(light.yaw_rad) == pytest.approx(np.pi)
    assert [(line.lane, line.s_m) for line in lane_map.stop_lines] == [(1, 40.0)]


def test_lanes_that_cross_form_a_junction(tmp_path: Path) -> None:
    lane_map = read_lanelet2(written(tmp_path, NODES, WAYS, EAST, ON, NORTH))
    assert lane_map.junction[0] == ""
    assert lane_map.junction[1] == lane_map.junction[2] != ""
    assert lane_map.conflicts == ((), (2,), (1,))


def test_crosswalks_know_the_lanes_below(tmp_path: Path) -> None:
    (crossing,) = read_lanelet2(
        written(tmp_path, NODES, WAYS, EAST, ON, lanelet(103, 17, 18, subtype="crosswalk"))
    ).crossings
    assert crossing.lanes == (1,)


def test_geographic_nodes_are_metres_from_the_middle(tmp_path: Path) -> None:
    degree_m = 111_320.0
    corners = ((1, 49.0, 8.4), (2, 49.0, 8.401), (4, 49.00003, 8.4), (5, 49.00003, 8.401))
    nodes = "".join(f'<node id="{n}" lat="{lat}" lon="{lon}"/>' for n, lat, lon in corners)
    ways = way(10, 1, 2) + way(12, 4, 5)
    lane_map = read_lanelet2(written(tmp_path, nodes, ways, lanelet(100, 12, 10)))
    assert lane_map.length_m(0) == pytest.approx(0.001 * degree_m * np.cos(np.radians(49.0)), rel=3e-3)
    np.testing.assert_allclose(lane_map.centre_points.mean(axis=0), 0.0, atol=0.01)


@pytest.mark.parametrize(
    ("name", "lanelets"),
    [
        ("Lanelet2__mapping_example", 371),
        ("autoware_core__highway", 13),
        ("interaction-dataset__TestScenarioForScripts", 2),
        ("scenario_simulator_v2__four_track_highway", 36),
        ("scenario_simulator_v2__intersection", 62),
    ],
)
def test_real_maps_are_read_whole(data: Path, name: str, lanelets: int) -> None:
    lane_map = read_lanelet2(data / "maps" / "lanelet2" / f"{name}.osm")
    assert sum(":back" not in one for one in lane_map.ids) == lanelets
    for lane, after in enumerate(lane_map.successors):
        for other in after:
            gap = lane_map.centre_points[lane_map.rows(lane)][-1] - lane_map.centre_points[lane_map.rows(other)][0]
            assert np.hypot(*gap) < 1e-6


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ("", "no nodes"),
        (NODES + WAYS, "no relations of type lanelet"),
        (NODES + WAYS + lanelet(100, 12, 99), "relation 100 refers to way 99"),
        (NODES + way(10, 1, 77), "way 10 refers to node 77"),
        (NODES + way(10, 1), "way 10 has 1 nodes"),
        (NODES + WAYS + EAST + EAST, "<relation> 100 is there twice"),
        (NODES + WAYS + lanelet(100, 10, 10).replace('role="right"', 'role="left"'), "2 ways in the role left"),
        (NODES + WAYS.replace('way id="10"', 'way id="x"'), 'id="x"; an id was expected'),
        ('<node id="1" lat="91" lon="0"/>', "lat"),
        ('<node id="1" lat="0" lon="0"/><node id="2" lat="0" lon="9"/>', "two degrees"),
        (NODES + way(10, 1, 1) + lanelet(100, 10, 10), "lanelet 100 is 0.000 m long"),
    ],
)
def test_what_is_wrong_is_said_with_the_place(tmp_path: Path, parts: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_lanelet2(written(tmp_path, parts))
    assert "map.osm" in str(caught.value)


def test_broken_files_are_read_or_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    whole = written(tmp_path, NODES, WAYS, EAST, ON, WEST, NORTH, LIGHT).read_bytes()
    outcomes = set()
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(int(rng.integers(1, 4))):
            broken[int(rng.integers(len(broken)))] = int(rng.integers(32, 127))
        path = tmp_path / "broken.osm"
        path.write_bytes(bytes(broken))
        try:
            read_lanelet2(path)
            outcomes.add("read")
        except LanewiseError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
