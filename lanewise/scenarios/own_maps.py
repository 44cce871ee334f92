"""The roads of the shipped scenarios, made from a few numbers.

`python -m lanewise.scenarios.own_maps` writes them as OpenDRIVE beside this file; a test keeps files and numbers equal.
Cross-section per direction, from the middle: median, two or three lanes, hard shoulder, verge (German RAA, in round
numbers).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from lanewise.scenarios.own_towns import TOWNS
from lanewise.scenarios.road_parts import Strip, chain, road, section
from maps.opendrive_writer import opendrive_text
from maps.road_geometry import Bend, Profile, ReferenceLine
from maps.road_model import Connection, Junction, LaneSection, RoadLink
from maps.road_network import RoadNetwork

FOLDER = Path(__file__).parent / "maps"

MEDIAN_M, LANE_M, SHOULDER_M, VERGE_M = 2.0, 3.75, 2.5, 4.0
_NOTHING = ("none", "white", 0.0)
_EDGE = ("solid", "white", 0.30)
_DIVIDER = ("broken", "white", 0.15)
_WIDE_DIVIDER = ("broken", "white", 0.30)


def carriageway(lanes: int) -> list[Strip]:
    """One direction of a motorway, from the middle outwards; the driving lanes have the ids 2 to `lanes` + 1."""
    strips: list[Strip] = [("median", MEDIAN_M, _EDGE)]
    strips += [("driving", LANE_M, _DIVIDER)] * (lanes - 1)
    strips += [("driving", LANE_M, _EDGE), ("shoulder", SHOULDER_M, _NOTHING), ("none", VERGE_M, _NOTHING)]
    return strips


def highway_straight() -> RoadNetwork:
    """3 km of straight motorway, three lanes per direction, 130 km/h."""
    bends = chain(0.0, 0.0, 0.0, [(3000.0, 0.0, 0.0)])
    lanes = carriageway(3)
    one = road("1", "straight", bends, [section(0.0, 3000.0, lanes, lanes)], "motorway", 130.0)
    return RoadNetwork.of({"1": one}, {})


def highway_curve() -> RoadNetwork:
    """A winding motorway, two lanes per direction, 100 km/h; radii 600 m left, 450 m right, 800 m left."""
    parts = [(300.0, 0.0, 0.0)]
    for radius_m, arc_m, straight_m in ((600.0, 320.0, 150.0), (-450.0, 380.0, 200.0), (800.0, 400.0, 400.0)):
        curvature = 1.0 / radius_m
        parts += [
            (120.0, 0.0, curvature),
            (arc_m, curvature, curvature),
            (120.0, curvature, 0.0),
            (straight_m, 0.0, 0.0),
        ]
    bends = chain(0.0, 0.0, 0.0, parts)
    end = bends[-1].s_m + bends[-1].length_m
    lanes = carriageway(2)
    one = road("1", "winding", bends, [section(0.0, end, lanes, lanes)], "motorway", 100.0)
    return RoadNetwork.of({"1": one}, {})


RAMP_M = 3.5
ENTRY_END_M, TAPER_END_M = 280.0, 350.0


def highway_merge() -> RoadNetwork:
    """A motorway with two lanes per direction and an on-ramp, whose lane runs beside them for 280 m and then ends.

    Road 1 leads to the nose at the origin, road 3 on from there, road 2 is the ramp; a direct junction joins the three.
    """
    main_end, left = 1600.0, carriageway(2)
    junction = RoadLink(True, "100", False)
    before = road(
        "1", "before the ramp", chain(-700.0, 0.0, 0.0, [(700.0, 0.0, 0.0)]), _before_nose(left), "motorway", 120.0,
        successor=junction,
    )  # fmt: skip
    after = road(
        "3", "behind the ramp", chain(0.0, 0.0, 0.0, [(main_end, 0.0, 0.0)]), _behind_nose(left, main_end), "motorway",
        120.0, predecessor=junction,
    )  # fmt: skip
    ramp_bends = _ramp_bends()
    length = ramp_bends[-1].s_m + ramp_bends[-1].length_m
    strips: list[Strip] = [("onRamp", RAMP_M, _EDGE), ("shoulder", 1.5, _NOTHING), ("none", VERGE_M, _NOTHING)]
    ramp_section = section(0.0, length, [], strips, {-1: (None, -4), -2: (None, -5), -3: (None, -6)})
    ramp = road("2", "ramp", ramp_bends, [ramp_section], "motorway", 80.0, successor=junction)
    through = tuple((lane, lane) for lane in (-1, -2, -3, 1, 2, 3, 4, 5))
    connections = (
        Connection("0", "1", "3", True, through),
        Connection("1", "2", "3", True, ((-1, -4), (-2, -5), (-3, -6))),
    )
    roads = {"1": before, "2": ramp, "3": after}
    return RoadNetwork.of(roads, {"100": Junction("100", "nose", "direct", connections, (), ())})


def _before_nose(left: Sequence[Strip]) -> list[LaneSection]:
    """The right shoulder narrows to nothing where the ramp comes near."""
    right = carriageway(2)
    shoulder = _fading(SHOULDER_M, 0.0, 520.0, 620.0)
    verge = _fading(VERGE_M, 0.0, 520.0, 620.0)
    right[3], right[4] = ("shoulder", shoulder, _NOTHING), ("none", verge, _NOTHING)
    return [section(0.0, 700.0, left, right, {-4: (None, None), -5: (None, None)})]


def _behind_nose(left: Sequence[Strip], end_m: float) -> list[LaneSection]:
    """Beside the entry lane, along its taper, and after it."""
    median, fast, slow, _, verge = carriageway(2)
    beside = (slow[0], slow[1], _WIDE_DIVIDER)
    entry = [median, fast, beside, ("driving", RAMP_M, _EDGE), ("shoulder", 1.5, _NOTHING), verge]
    narrowing: Strip = ("driving", _fading(RAMP_M, 0.0, ENTRY_END_M, TAPER_END_M), _EDGE)
    widening: Strip = ("shoulder", _fading(1.5, SHOULDER_M, ENTRY_END_M, TAPER_END_M), _NOTHING)
    taper = [median, fast, beside, narrowing, widening, verge]
    return [
        section(0.0, ENTRY_END_M, left, entry, {-4: (-1, -4), -5: (-2, -5), -6: (-3, -6)}),
        section(ENTRY_END_M, TAPER_END_M, left, taper, {-4: (-4, None), -5: (-5, -4), -6: (-6, -5)}),
        section(TAPER_END_M, end_m, left, carriageway(2), {-4: (-5, -4), -5: (-6, -5)}),
    ]


def _fading(before_m: float, after_m: float, from_s_m: float, to_s_m: float) -> Profile:
    """From one width to another along a cubic that starts and ends without a kink."""
    rise, span = after_m - before_m, to_s_m - from_s_m
    ease = (before_m, 0.0, 3.0 * rise / span**2, -2.0 * rise / span**3)
    return Profile((0.0, from_s_m, to_s_m), ((before_m, 0.0, 0.0, 0.0), ease, (after_m, 0.0, 0.0, 0.0)))


def _ramp_bends() -> list[Bend]:
    """A ramp that climbs towards the motorway and swings parallel to it; its left edge ends at the nose."""
    parts = [(180.0, 0.0, 0.0), (60.0, 0.0, -1 / 200.0), (25.0, -1 / 200.0, -1 / 200.0), (60.0, -1 / 200.0, 0.0)]
    trial = ReferenceLine.of(chain(0.0, 0.0, 0.0, parts))
    x, y, turn, _ = trial.at(sum(length for length, _, _ in parts))
    cos, sin = math.cos(-turn), math.sin(-turn)
    nose_y = -(MEDIAN_M + 2 * LANE_M)
    return chain(-(cos * x - sin * y), nose_y - (sin * x + cos * y), -turn, parts)


MAPS: Mapping[str, Callable[[], RoadNetwork]] = MappingProxyType({
    "highway_straight": highway_straight, "highway_curve": highway_curve, "highway_merge": highway_merge, **TOWNS,
})  # fmt: skip


def main() -> None:
    """Write all maps."""
    for name, build in MAPS.items():
        path = FOLDER / f"{name}.xodr"
        path.write_bytes(opendrive_text(build(), name))
        print(path)


if __name__ == "__main__":
    main()
