"""From roads to lanes: geometry within its bound, travel direction, links, neighbours, marks, limits, furniture."""

import math
from pathlib import Path

import numpy as np
import pytest

from geometry.errors import InputError
from maps import lane_sampling
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.road_model import DRIVABLE_KINDS
from maps.road_network import RoadNetwork

BENDS = (
    '<geometry s="0" x="0" y="0" hdg="0" length="30"><line/></geometry>'
    '<geometry s="30" x="30" y="0" hdg="0" length="70"><arc curvature="-0.03"/></geometry>'
)


def worst_chord_error(network: RoadNetwork, lane_map: LaneMap) -> float:
    """Largest distance of true lane edges and centres from the sampled polylines, looked at eight times per chord."""
    worst = 0.0
    for lane, name in enumerate(lane_map.ids):
        road_id, section, lane_id = name.split(":")
        road = network.roads[road_id]
        exact = road.sections[int(section)].lanes[int(lane_id)]
        along = network.drive_sign(road_id, int(lane_id), road.sections[int(section)].s_m) > 0
        rows = lane_map.rows(lane)
        s = lane_map.source_s_m[rows]
        shares = np.linspace(0.0, 1.0, 9)
        at = s[:-1, None] + np.diff(s)[:, None] * shares
        x, y, yaw, _ = road.line.sample(at.ravel())
        outer_is_left = (int(lane_id) > 0) == along
        outer, inner = lane_map.left_points[rows], lane_map.right_points[rows]
        outer, inner = (outer, inner) if outer_is_left else (inner, outer)
        for profile, points in (
            (exact.centre_t, lane_map.centre_points[rows]), (exact.outer_t, outer), (exact.inner_t, inner),
        ):  # fmt: skip
            t = profile.sample(at.ravel())
            true = np.stack((x - t * np.sin(yaw), y + t * np.cos(yaw)), axis=1).reshape(*at.shape, 2)
            chord = points[1:] - points[:-1]
            length = np.maximum(np.hypot(*chord.T), 1e-9)[:, None]
            gap = true - points[:-1, None]
            across = np.abs(chord[:, None, 0] * gap[..., 1] - chord[:, None, 1] * gap[..., 0]) / length
            worst = max(worst, float(across.max()))
    return worst


def test_polylines_stay_within_a_centimetre_of_the_true_lanes(xodr) -> None:
    width = 'a="3" b="0" c="0.0006" d="0"'
    sections = xodr.section(left=xodr.lane(1), right=xodr.lane(-1, width) + xodr.lane(-2))
    network = xodr.network(xodr.road(geometry=BENDS, sections=sections))
    assert worst_chord_error(network, sample_lanes(network)) <= lane_sampling.CHORD_ERROR_M


def test_polylines_stay_within_a_centimetre_on_real_maps(data: Path) -> None:
    for name in ("esmini__multi_intersections", "bark__4way_intersection", "esmini__soderleden"):
        network = read_opendrive(data / "maps" / "opendrive" / f"{name}.xodr")
        assert worst_chord_error(network, sample_lanes(network)) <= lane_sampling.CHORD_ERROR_M


def test_points_are_dense_in_bends_and_sparse_on_straights(xodr) -> None:
    lane_map = sample_lanes(xodr.network(xodr.road(geometry=BENDS)))
    s = lane_map.source_s_m[lane_map.rows(lane_map.index("1:0:-1"))]
    spacing = np.diff(s)
    assert spacing[s[1:] <= 30.0].max() > 5.0
    assert spacing.max() <= 10.0
    assert spacing[s[:-1] >= 30.0].max() <= 2.0


def test_lanes_run_in_travel_direction_with_left_on_the_left(xodr) -> None:
    for rule, eastbound in (("RHT", "1:0:-1"), ("LHT", "1:0:1")):
        lane_map = sample_lanes(xodr.network(xodr.road(rule=rule)))
        assert lane_map.right_hand == (rule == "RHT")
        for lane in range(2):
            heading = float(lane_map.centre(lane).heading(50.0))
            assert abs(heading) == pytest.approx(0.0 if lane_map.ids[lane] == eastbound else math.pi)
            left = lane_map.left_edge(lane)[0] - lane_map.centre(lane).points[0]
            assert -math.sin(heading) * left[0] + math.cos(heading) * left[1] == pytest.approx(1.75)
        other = 1 - lane_map.index(eastbound)
        assert lane_map.opposite_neighbour[lane_map.index(eastbound)] == other
        assert lane_map.left_neighbour.tolist() == lane_map.right_neighbour.tolist() == [-1, -1]


def test_neighbours_are_left_and_right_as_the_driver_sees_them(xodr) -> None:
    def lanes(sign: int) -> str:
        return "".join(xodr.lane(sign * i) for i in (1, 2, 3))

    lane_map = sample_lanes(xodr.network(xodr.road(sections=xodr.section(lanes(1), lanes(-1)))))
    for side in ("", "-"):
        inner, middle, outer = (lane_map.index(f"1:0:{side}{i}") for i in (1, 2, 3))
        assert (lane_map.left_neighbour[middle], lane_map.right_neighbour[middle]) == (inner, outer)
        assert (lane_map.left_neighbour[inner], lane_map.right_neighbour[outer]) == (-1, -1)
        assert lane_map.opposite_neighbour[middle] == -1
    assert lane_map.opposite_neighbour[lane_map.index("1:0:1")] == lane_map.index("1:0:-1")


def test_links_lead_through_the_junction_in_travel_direction(crossroads: RoadNetwork) -> None:
    lane_map = sample_lanes(crossroads)

    def names(lanes: tuple[int, ...]) -> set[str]:
        return {lane_map.ids[lane] for lane in lanes}

    assert names(lane_map.successors[lane_map.index("1:0:-1")]) == {"12:0:-1", "13:0:-1"}
    assert names(lane_map.successors[lane_map.index("12:0:-1")]) == {"2:0:-1"}
    assert names(lane_map.predecessors[lane_map.index("1:0:1")]) == {"12:0:1", "13:0:1"}
    assert names(lane_map.successors[lane_map.index("2:0:1")]) == {"12:0:1"}
    assert names(lane_map.successors[lane_map.index("1:0:1")]) == set()
    assert lane_map.junction[lane_map.index("12:0:1")] == "9"


def test_lanes_that_cross_or_join_in_a_junction_conflict_and_forks_do_not(crossroads: RoadNetwork) -> None:
    lane_map = sample_lanes(crossroads)
    through, back = lane_map.index("12:0:-1"), lane_map.index("12:0:1")
    left_turn, from_left = lane_map.index("13:0:-1"), lane_map.index("13:0:1")
    assert set(lane_map.conflicts[left_turn]) == {back}
    assert set(lane_map.conflicts[back]) == {left_turn, from_left}
    assert lane_map.conflicts[through] == ()


def test_lanes_of_no_width_are_left_out(xodr) -> None:
    right = xodr.lane(-1) + xodr.lane(-2, 'a="0" b="0" c="0" d="0"') + xodr.lane(-3)
    lane_map = sample_lanes(xodr.network(xodr.road(sections=xodr.section(right=right))))
    assert set(lane_map.ids) == {"1:0:-1", "1:0:-3"}


def test_slivers_of_sections_are_passed_through(xodr) -> None:
    linked = xodr.lane(-1, inside=xodr.link(-1, -1))
    sections = "".join(xodr.section(right=linked, s=s) for s in (0.0, 50.0, 50.004))
    lane_map = sample_lanes(xodr.network(xodr.road(sections=sections)))
    assert lane_map.ids == ("1:0:-1", "1:2:-1")
    assert (lane_map.successors, lane_map.predecessors) == (((1,), ()), ((), (0,)))


def test_speed_limits_hold_from_their_sign_on_and_lanes_override_roads(xodr) -> None:
    types = '<type s="0" type="town"/><type s="40" type="town"><speed max="10"/></type>'
    own = '<speed sOffset="70" max="36" unit="km/h"/><speed sOffset="80" max="no limit"/>'
    lanes = xodr.section(xodr.lane(1), xodr.lane(-1) + xodr.lane(-2).replace("</lane>", own + "</lane>"))
    lane_map = sample_lanes(xodr.network(xodr.road(more=types, sections=lanes)))

    def limits(name: str) -> list[float]:
        rows = lane_map.rows(lane_map.index(name))
        s, limit = lane_map.s_m[rows], lane_map.speed_limit_mps[rows]
        return [float(limit[np.searchsorted(s, x, side="right") - 1]) for x in (30.0, 45.0, 65.0, 75.0, 90.0)]

    np.testing.assert_equal(limits("1:0:-1"), [math.nan, 10.0, 10.0, 10.0, 10.0])
    np.testing.assert_equal(limits("1:0:-2"), [math.nan, 10.0, 10.0, 10.0, math.nan])
    np.testing.assert_equal(limits("1:0:1"), [10.0, 10.0, math.nan, math.nan, math.nan])


def test_marks_stand_on_the_drivers_sides_in_travel_order(xodr) -> None:
    mark = '<roadMark sOffset="{}" type="{}" color="white" width="0.12"/>'
    changing = mark.format(0, "broken") + mark.format(60, "solid")
    left = xodr.lane(1, inside=mark.format(0, "curb"))
    right = xodr.lane(-1, inside=changing)
    sections = xodr.section(left, right, middle=mark.format(0, "solid solid"))
    lane_map = sample_lanes(xodr.network(xodr.road(sections=sections)))
    along, against = lane_map.index("1:0:-1"), lane_map.index("1:0:1")
    assert [(m.s_m, m.kind) for m in lane_map.right_marks[along]] == [(0.0, "broken"), (60.0, "solid")]
    assert [m.kind for m in lane_map.left_marks[along]] == ["solid solid"]
    assert [m.kind for m in lane_map.left_marks[against]] == ["solid solid"]
    assert [m.kind for m in lane_map.right_marks[against]] == ["curb"]
    sections = xodr.section(xodr.lane(1, inside=changing), xodr.lane(-1))
    lane_map = sample_lanes(xodr.network(xodr.road(sections=sections)))
    marks = lane_map.right_marks[lane_map.index("1:0:1")]
    assert [(m.s_m, m.kind) for m in marks] == [(0.0, "solid"), (40.0, "broken")]


def test_signals_stop_lines_and_crossings_find_their_lanes(xodr) -> None:
    signals = (
        '<signals><signal id="light" s="90" t="-5" zOffset="4" orientation="+" dynamic="yes" type="1000001"/>'
        '<signal id="line" s="88" t="0" orientation="-" type="294"/></signals>'
    )
    crossing = '<objects><object id="walk" type="crosswalk" s="50" t="0" hdg="0" length="4" width="20"/></objects>'
    lane_map = sample_lanes(xodr.network(xodr.road(more=crossing + signals)))
    along, against = lane_map.index("1:0:-1"), lane_map.index("1:0:1")
    (light,) = lane_map.signals
    assert light.lanes == ((along, 90.0),)
    assert (light.x_m, light.y_m, light.z_m) == (90.0, -5.0, 4.0)
    assert abs(light.yaw_rad) == pytest.approx(math.pi)
    assert [(line.lane, line.s_m) for line in lane_map.stop_lines] == [(against, 12.0)]
    assert lane_map.crossings[0].lanes == tuple(sorted((along, against)))
    np.testing.assert_allclose(np.ptp(lane_map.crossings[0].polygon, axis=0), (4.0, 20.0))


def test_a_map_of_too_many_points_is_refused(xodr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_sampling, "_MAX_POINTS", 100)
    with pytest.raises(InputError, match="more than 100 points"):
        sample_lanes(xodr.network(xodr.road(geometry=BENDS)))


def test_successors_continue_where_their_lane_ends_on_all_reference_maps(data: Path) -> None:
    for path in sorted((data / "maps" / "opendrive").glob("*.xodr")):
        lane_map = sample_lanes(read_opendrive(path))
        for lane, after in enumerate(lane_map.successors):
            for other in after if lane_map.kinds[lane] in DRIVABLE_KINDS else ():
                gap = lane_map.centre_points[lane_map.rows(other)][0] - lane_map.centre_points[lane_map.rows(lane)][-1]
                # Lanes that open or close may jump by their width; nothing may jump further.
                assert np.hypot(*gap) < 4.5, f"{path.stem}: {lane_map.ids[lane]} -> {lane_map.ids[other]}"
                assert lane in lane_map.predecessors[other]
