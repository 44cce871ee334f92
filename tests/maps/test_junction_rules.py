"""Who goes first: signs, roundabouts, right before left, oncoming before turning."""

import numpy as np
import pytest

from geometry.angles import wrap_rad
from lanewise.scenarios.own_towns import Node, Street, roundabout, suburb, town, town_network
from maps.junction_rules import approach, conflict_zones
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.signal_meaning import Rank

ENDS = {"north": (0.0, 100.0), "west": (-100.0, 0.0), "south": (0.0, -100.0), "east": (100.0, 0.0)}


def crossing(rule: str) -> LaneMap:
    """Four streets that meet at the origin."""
    nodes = [Node("middle", 0.0, 0.0, rule), *(Node(name, x, y) for name, (x, y) in ENDS.items())]
    return sample_lanes(town_network(nodes, [Street("middle", name) for name in ENDS]))


def way(lane_map: LaneMap, come: str, go: str) -> int:
    """The junction lane from one street to another, both named by where they lie."""
    (from_x, from_y), (to_x, to_y) = ENDS[come], ENDS[go]
    for lane in range(lane_map.size):
        if lane_map.junction[lane]:
            first, last = lane_map.centre_points[lane_map.rows(lane)][[0, -1]]
            comes = np.hypot(first[0] - 0.13 * from_x, first[1] - 0.13 * from_y) < 3.0
            if comes and np.hypot(last[0] - 0.13 * to_x, last[1] - 0.13 * to_y) < 3.0:
                return lane
    raise AssertionError(f"no way from {come} to {go}")


def yields(lane_map: LaneMap, mine: tuple[str, str], theirs: tuple[str, str]) -> bool:
    other = way(lane_map, *theirs)
    return next(zone for zone in conflict_zones(lane_map, way(lane_map, *mine)) if zone.other == other).yields


def test_without_signs_the_one_from_the_right_goes_first() -> None:
    lane_map = crossing("right")
    assert yields(lane_map, ("south", "north"), ("east", "west"))
    assert not yields(lane_map, ("east", "west"), ("south", "north"))


def test_who_turns_left_lets_the_oncoming_pass() -> None:
    lane_map = crossing("right")
    assert yields(lane_map, ("south", "west"), ("north", "south"))
    assert not yields(lane_map, ("north", "south"), ("south", "west"))
    assert not yields(lane_map, ("north", "west"), ("south", "west"))


@pytest.mark.parametrize(("rule", "rank"), [("priority", Rank.YIELD), ("stop", Rank.STOP)])
def test_the_main_road_goes_before_the_side_road_from_either_side(rule: str, rank: Rank) -> None:
    lane_map = crossing(rule)
    assert approach(lane_map, way(lane_map, "south", "north")).rank is rank
    for main in (("east", "west"), ("west", "east")):
        assert yields(lane_map, ("south", "north"), main)
        assert not yields(lane_map, main, ("south", "north"))


@pytest.mark.parametrize("build", [town, suburb, roundabout])
def test_of_two_that_meet_exactly_one_yields(build: object) -> None:
    lane_map = sample_lanes(build())  # type: ignore[operator]
    pairs = 0
    for lane in range(lane_map.size):
        for zone in conflict_zones(lane_map, lane):
            back = next(other for other in conflict_zones(lane_map, zone.other) if other.other == lane)
            assert back.yields != zone.yields, (lane_map.ids[lane], lane_map.ids[zone.other])
            assert back.begin_m == pytest.approx(zone.other_begin_m, abs=0.3)
            pairs += 1
    assert pairs >= 8


def test_on_a_roundabout_the_ring_goes_first() -> None:
    lane_map = sample_lanes(roundabout())
    entries = 0
    for lane in range(lane_map.size):
        turn = wrap_rad(float(np.diff(lane_map.centre(lane).heading(np.array([0.0, lane_map.length_m(lane)])))[0]))
        for zone in conflict_zones(lane_map, lane):
            ring = approach(lane_map, zone.other).rank is Rank.PRIORITY
            if ring and turn < -0.5 and approach(lane_map, lane).rank is Rank.YIELD:
                assert zone.yields
                entries += 1
    assert entries == 4


def test_at_green_only_those_who_turn_across_yield() -> None:
    lane_map = crossing("lights")
    zones = {zone.other: zone for zone in conflict_zones(lane_map, way(lane_map, "south", "west"))}
    assert zones[way(lane_map, "north", "south")].yields_at_green
    assert not zones[way(lane_map, "east", "west")].yields_at_green


def test_a_zone_knows_the_lanes_that_lead_to_it() -> None:
    lane_map = crossing("right")
    other = way(lane_map, "east", "west")
    zone = next(z for z in conflict_zones(lane_map, way(lane_map, "south", "north")) if z.other == other)
    (before,) = lane_map.predecessors[other]
    assert zone.sources[other] == pytest.approx(zone.other_begin_m)
    assert zone.sources[before] == pytest.approx(zone.other_begin_m + lane_map.length_m(before))
