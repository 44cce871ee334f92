"""The OpenDRIVE reader: what it keeps, and that it refuses by file and line what it must not guess."""

import math
import time
from pathlib import Path

import pytest

from geometry.errors import InputError, UnsupportedError
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.road_network import RoadPosition


def test_speed_limits_come_in_any_unit(xodr) -> None:
    types = "".join(
        f'<type s="{s}" type="town"><speed max="{limit}" {unit}/></type>'
        for s, limit, unit in ((0, "36", 'unit="km/h"'), (10, "10", 'unit="mph"'), (20, "7", ""), (30, "no limit", ""))
    )
    speeds = xodr.network(xodr.road(more=types + '<type s="40" type="town"/>')).roads["1"].speeds
    assert [speed.limit_mps for speed in speeds] == pytest.approx([10.0, 4.4704, 7.0, math.inf, None])


def test_marks_keep_their_place_kind_and_color(xodr) -> None:
    mark = '<roadMark sOffset="{}" type="{}" color="{}" width="0.2" laneChange="none"/>'
    lane = xodr.lane(-1, inside=mark.format(30, "solid", "yellow") + mark.format(0, "broken", "standard"))
    sections = xodr.section(right=lane, middle=mark.format(0, "solid solid", "white"))
    section = xodr.network(xodr.road(sections=sections)).roads["1"].sections[0]
    assert [(mark.s_m, mark.kind, mark.color) for mark in section.lanes[-1].marks] == [
        (0.0, "broken", "white"),
        (30.0, "solid", "yellow"),
    ]
    assert section.lanes[0].marks[0].kind == "solid solid"


def test_signals_references_controllers_and_objects_are_kept(xodr) -> None:
    signals = (
        '<signals><signal id="s1" s="90" t="-5" zOffset="4" orientation="+" dynamic="yes" type="1000001" subtype="-1" '
        'country="OpenDRIVE" value="-1"><validity fromLane="-1" toLane="-1"/></signal></signals>'
    )
    reference = '<signals><signalReference id="s1" s="1" t="0" orientation="-"/></signals>'
    objects = (
        '<objects><object id="o1" type="crosswalk" s="50" t="0" hdg="0"><outlines><outline>'
        '<cornerRoad s="48" t="-4"/><cornerRoad s="52" t="-4"/><cornerLocal u="2" v="4"/><cornerLocal u="-2" v="4"/>'
        "</outline></outlines></object></objects>"
    )
    controller = '<controller id="c1" name="lights"><control signalId="s1"/></controller>'
    network = xodr.network(xodr.road("1", more=objects + signals), xodr.road("2", more=reference), controller)
    signal = network.roads["1"].signals[0]
    assert (signal.dynamic, signal.value, signal.lanes) == (True, None, ((-1, -1),))
    moved = network.roads["2"].signals[0]
    assert (moved.id, moved.road_id, moved.s_m, moved.orientation) == ("s1", "2", 1.0, "-")
    assert network.roads["1"].objects[0].outline == ((48, -4), (52, -4), (52, 4), (48, 4))
    assert network.controllers[0].signal_ids == ("s1",)


def test_elevation_is_kept(xodr) -> None:
    network = xodr.network(
        xodr.road(more='<elevationProfile><elevation s="10" a="1" b="0.1" c="0" d="0"/></elevationProfile>')
    )
    assert [network.elevation("1", s) for s in (0.0, 30.0)] == pytest.approx([0.0, 3.0])


def test_direct_junctions_link_roads_without_roads_between(xodr) -> None:
    lanes = xodr.section(right=xodr.lane(-1) + xodr.lane(-2))
    link = '<{} elementType="junction" elementId="5"/>'
    lane_link = '<laneLink from="-2" to="-1"/>'
    connection = f'<connection id="0" incomingRoad="1" linkedRoad="2" contactPoint="start">{lane_link}</connection>'
    network = xodr.network(
        xodr.road("1", sections=lanes, link=link.format("successor")),
        xodr.road("2", sections=xodr.section(right=xodr.lane(-1)), link=link.format("predecessor"), x=100.0, y=-3.5),
        f'<junction id="5" type="direct">{connection}</junction>',
    )
    assert network.advance(RoadPosition("1", 99.0, -2), 3.0) == RoadPosition("2", 2.0, -1)
    assert network.advance(RoadPosition("1", 99.0, -1), 3.0) is None


def test_links_out_of_the_file_end_the_road_and_are_noted(xodr) -> None:
    link = '<successor elementType="road" elementId="99" contactPoint="start"/>'
    network = xodr.network(xodr.road(link=link))
    assert len(network.notes) == 1
    assert "map.xodr:3: the successor road 99 is not in the file" in network.notes[0]


def test_decoration_is_passed_over(xodr) -> None:
    decoration = '<userData code="x"><anything/></userData><surface><CRG file="a"/></surface><railroad/>'
    inside = '<material sOffset="0" friction="1"/><userData code="x" value="y"/>'
    network = xodr.network(xodr.road(more=decoration, sections=xodr.section(right=xodr.lane(-1, inside=inside))))
    assert network.lane_ids("1", 0.0) == (-1,)


def geometry(shape: str, length: str = "100", s: str = "0", x: str = "0") -> dict[str, str]:
    return {"geometry": f'<geometry s="{s}" x="{x}" y="0" hdg="0" length="{length}">{shape}</geometry>'}


HOSTILE_ROADS = {
    "NaN length": geometry("<line/>", length="nan"),
    "infinite place": geometry("<line/>", x="inf"),
    "absurd place": geometry("<line/>", x="1e300"),
    "negative length": geometry("<line/>", length="-3"),
    "no shape": geometry(""),
    "two shapes": geometry("<line/><line/>"),
    "unknown shape": geometry("<bezier/>"),
    "word for a number": geometry('<arc curvature="tight"/>'),
    "missing curvature": geometry("<arc/>"),
    "winding spiral": geometry('<spiral curvStart="0" curvEnd="1e9"/>'),
    "NaN spiral": geometry('<spiral curvStart="NaN" curvEnd="0"/>'),
    "point cubic": geometry('<paramPoly3 aU="0" bU="0" cU="0" dU="0" aV="0" bV="0" cV="0" dV="0"/>'),
    "huge cubic": geometry('<paramPoly3 aU="0" bU="1e8" cU="0" dU="0" aV="0" bV="0" cV="0" dV="0"/>'),
    "unknown parameter range": geometry('<paramPoly3 pRange="x" aU="0" bU="1" cU="0" dU="0"/>'),
    "hole before the first record": geometry("<line/>", s="50"),
    "geometry shorter than the road": geometry("<line/>", length="50"),
    "wrong plan": {"geometry": "<curve/>"},
    "endless road": {"length": 1e300},
    "road without length": {"length": 0.0},
    "unknown rule": {"rule": "MIDDLE"},
    "link without contact": {"link": '<successor elementType="road" elementId="1"/>'},
    "link of unknown kind": {"link": '<successor elementType="river" elementId="1"/>'},
    "virtual junction link": {"link": '<successor elementType="road" elementId="1" elementS="3"/>'},
    "NaN offset": {"offsets": '<laneOffset s="0" a="nan" b="0" c="0" d="0"/>'},
    "unordered offsets": {
        "offsets": '<laneOffset s="9" a="0" b="0" c="0" d="0"/><laneOffset s="3" a="0" b="0" c="0" d="0"/>'
    },
    "unknown in lanes": {"offsets": "<laneMagic/>"},
    "no sections": {"sections": " "},
    "section off the road": {"sections": '<laneSection s="500"/>'},
    "one-sided section": {"sections": '<laneSection s="0" singleSide="true"/>'},
    "unknown side": {"sections": '<laneSection s="0"><above/></laneSection>'},
    "wrong signal place": {"more": '<signals><signal id="1" s="x" t="0"/></signals>'},
    "signal without id": {"more": '<signals><signal s="1" t="0"/></signals>'},
    "speed of no unit": {"more": '<type s="0" type="town"><speed max="3" unit="knots"/></type>'},
    "NaN elevation": {"more": '<elevationProfile><elevation s="0" a="nan" b="0" c="0" d="0"/></elevationProfile>'},
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE_ROADS)
def test_hostile_roads_are_refused_with_file_and_line(xodr, case: str) -> None:
    with pytest.raises(InputError, match=r"map\.xodr:\d+: "):
        xodr.network(xodr.road(**HOSTILE_ROADS[case]))


HOSTILE_LANES = {
    "gap in the ids": '<lane id="-2" type="driving"/>',
    "lane on the wrong side": '<lane id="1" type="driving"/>',
    "same lane twice": '<lane id="-1" type="driving"/><lane id="-1" type="driving"/>',
    "fractional id": '<lane id="-1.5" type="driving"/>',
    "no id": '<lane type="driving"/>',
    "NaN width": '<lane id="-1"><width sOffset="0" a="nan" b="0" c="0" d="0"/></lane>',
    "missing coefficient": '<lane id="-1"><width sOffset="0" a="1" b="0" c="0"/></lane>',
    "negative width": '<lane id="-1"><width sOffset="0" a="-2" b="0" c="0" d="0"/></lane>',
    "width that dips below zero": '<lane id="-1"><width sOffset="0" a="1" b="-0.1" c="0.001" d="0"/></lane>',
    "border inside its neighbour": (
        '<lane id="-1"><width sOffset="0" a="3" b="0" c="0" d="0"/></lane>'
        '<lane id="-2"><border sOffset="0" a="-1" b="0" c="0" d="0"/></lane>'
    ),
    "unknown element": '<lane id="-1"><warp/></lane>',
    "unknown direction": '<lane id="-1" direction="up"/>',
    "link to no number": '<lane id="-1"><link><successor id="next"/></link></lane>',
    "unordered widths": (
        '<lane id="-1"><width sOffset="9" a="3" b="0" c="0" d="0"/><width sOffset="3" a="3" b="0" c="0" d="0"/></lane>'
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE_LANES)
def test_hostile_lanes_are_refused_with_file_and_line(xodr, case: str) -> None:
    with pytest.raises(InputError, match=r"map\.xodr:\d+: "):
        xodr.network(xodr.road(sections=xodr.section(right=HOSTILE_LANES[case])))


def test_the_line_in_the_message_is_the_line_of_the_mistake(xodr) -> None:
    path = xodr.file(
        "\n\n", xodr.road(geometry='\n\n<geometry s="0" x="0" y="0" hdg="0" length="oops"><line/></geometry>')
    )
    wrong = next(i for i, line in enumerate(path.read_text().splitlines(), start=1) if "oops" in line)
    with pytest.raises(
        InputError, match=rf'map\.xodr:{wrong}: <geometry> has length="oops"; a finite number was expected'
    ):
        read_opendrive(path)


def test_whole_files_that_make_no_sense_are_refused(xodr) -> None:
    for parts, header in (
        ((), '<header revMajor="1" revMinor="7"/>'),
        ((xodr.road(), xodr.road()), '<header revMajor="1" revMinor="7"/>'),
        ((xodr.road(),), '<header revMajor="2" revMinor="0"/>'),
        ((xodr.road(),), '<header revMajor="1" revMinor="9"/>'),
        ((xodr.road(), '<include file="other.xodr"/>'), ""),
        ((xodr.road(), '<junction id="3" type="virtual"/>'), ""),
        ((xodr.road(), '<junction id="3"><connection id="0" incomingRoad="1"/></junction>'), ""),
    ):
        with pytest.raises(InputError, match=r"map\.xodr"):
            read_opendrive(xodr.file(*parts, header=header))


def test_unsupported_features_are_told_apart_from_mistakes(xodr) -> None:
    with pytest.raises(UnsupportedError, match="<bezier>"):
        xodr.network(xodr.road(**HOSTILE_ROADS["unknown shape"]))


def test_links_that_run_in_circles_or_into_themselves_are_harmless(xodr) -> None:
    lanes = xodr.section(right=xodr.lane(-1, inside=xodr.link(-1, -1)))
    ends = "".join(
        f'<{name} elementType="road" elementId="1" contactPoint="{end}"/>'
        for name, end in (("predecessor", "start"), ("successor", "end"))
    )
    network = xodr.network(xodr.road(sections=lanes, link=ends))
    assert network.advance(RoadPosition("1", 50.0, -1), 400.0) is not None
    assert sample_lanes(network).size == 1


def test_absurdly_many_lanes_and_absurdly_long_roads_are_refused_quickly(xodr) -> None:
    lanes = "".join(f'<lane id="-{i}"/>' for i in range(1, 100_000))
    many = xodr.road(sections=xodr.section(right=lanes))
    endless = "".join(xodr.road(str(i), 9e5, x=1e6 * i) for i in range(20))
    started = time.process_time()
    for text, limit in ((many, "at most 100"), (endless, "at most 4000 km")):
        with pytest.raises(InputError, match=limit):
            read_opendrive(xodr.file(text))
    assert time.process_time() - started < 2.0


def test_all_maps_of_the_reference_load(data: Path) -> None:
    maps = sorted(data.rglob("*.xodr"))
    assert len(maps) > 13
    for path in maps:
        assert read_opendrive(path).roads
