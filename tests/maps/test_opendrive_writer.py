"""What is written reads as the same network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maps.opendrive import read_opendrive
from maps.opendrive_writer import opendrive_text
from maps.road_network import RoadNetwork


def again(network: RoadNetwork, folder: Path) -> RoadNetwork:
    path = folder / "again.xodr"
    path.write_bytes(opendrive_text(network, "again"))
    return read_opendrive(path)


def assert_same_geometry(one: RoadNetwork, two: RoadNetwork) -> None:
    assert list(one.roads) == list(two.roads)
    for road, other in zip(one.roads.values(), two.roads.values(), strict=True):
        s = np.linspace(0.0, road.length_m, 23)
        np.testing.assert_allclose(other.line.sample(s), road.line.sample(s), atol=1e-9)
        np.testing.assert_allclose(other.elevation.sample(s), road.elevation.sample(s), atol=1e-9)
        assert [section.s_m for section in road.sections] == [section.s_m for section in other.sections]
        for section, twin in zip(road.sections, other.sections, strict=True):
            inside = np.linspace(section.s_m, section.end_m, 7)[:-1]
            assert section.ids == twin.ids
            for lane_id, lane in section.lanes.items():
                for name in ("inner_t", "outer_t"):
                    expected = getattr(lane, name).sample(inside)
                    np.testing.assert_allclose(getattr(twin.lanes[lane_id], name).sample(inside), expected, atol=1e-9)
                assert (twin.lanes[lane_id].kind, twin.lanes[lane_id].marks) == (lane.kind, lane.marks)


def test_all_reference_maps_survive_writing(data: Path, tmp_path: Path) -> None:
    for path in sorted((data / "maps" / "opendrive").glob("*.xodr")):
        network = read_opendrive(path)
        copy = again(network, tmp_path)
        assert_same_geometry(network, copy)
        assert copy.links == network.links
        assert copy.junctions == network.junctions
        assert (copy.controllers, copy.geo_reference) == (network.controllers, network.geo_reference)
        for road, other in zip(network.roads.values(), copy.roads.values(), strict=True):
            assert other.signals == road.signals
            limits = [speed.limit_mps for speed in road.speeds]
            assert [speed.limit_mps for speed in other.speeds] == pytest.approx(limits)
            for item, twin in zip(road.objects, other.objects, strict=True):
                assert replace(twin, outline=()) == replace(item, outline=())
                np.testing.assert_allclose(np.array(twin.outline), np.array(item.outline), atol=1e-6)


def test_direct_junctions_reversed_lanes_and_limits_survive_writing(xodr, tmp_path: Path) -> None:
    own = '<speed sOffset="10" max="no limit"/><speed sOffset="20" max="7.3"/>'
    lane = xodr.lane(-1).replace("<lane ", '<lane direction="reversed" ').replace("</lane>", own + "</lane>")
    link = '<{} elementType="junction" elementId="5"/>'
    lane_link = '<laneLink from="-1" to="-1"/>'
    network = xodr.network(
        xodr.road("1", sections=xodr.section(right=lane), link=link.format("successor"), rule="LHT"),
        xodr.road("2", link=link.format("predecessor"), x=100.0),
        '<junction id="5" type="direct">'
        f'<connection id="0" incomingRoad="1" linkedRoad="2" contactPoint="start">{lane_link}</connection>'
        '<priority high="1" low="2"/></junction>',
    )
    copy = again(network, tmp_path)
    assert_same_geometry(network, copy)
    assert (copy.junctions, copy.links) == (network.junctions, network.links)
    assert copy.roads["1"].sections[0].lanes[-1].speeds == network.roads["1"].sections[0].lanes[-1].speeds
    assert copy.drive_sign("1", -1) == network.drive_sign("1", -1) == 1
    assert not copy.roads["1"].right_hand
