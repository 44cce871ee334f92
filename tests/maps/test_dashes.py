"""Dashes: where they lie by what a file says, and where it says nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lanewise.scenarios
from bus.messages import MarkType
from maps.dashes import strokes, with_dashes
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.mark_lines import MarkLines, mark_lines
from maps.opendrive import read_opendrive
from maps.opendrive_writer import opendrive_text
from maps.road_model import Dashes

OWN = Path(lanewise.scenarios.__file__).parent / "maps"

ROAD = """<OpenDRIVE><header revMajor="1" revMinor="8"/>
<road id="1" length="200" junction="-1"><planView><geometry s="0" x="0" y="0" hdg="0" length="200"><line/></geometry>
</planView><lanes><laneSection s="0">
<left><lane id="1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></left>
<center><lane id="0" type="none"><roadMark sOffset="0" type="none"/></lane></center>
<right><lane id="-1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/>
<roadMark sOffset="20" type="broken" width="0.12"><type name="broken" width="0.12">
<line length="4" space="9" tOffset="0" sOffset="5"/></type></roadMark></lane>
<lane id="-2" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right>
</laneSection></lanes></road></OpenDRIVE>"""


def road(tmp_path: Path, text: str = ROAD) -> LaneMap:
    path = tmp_path / "road.xodr"
    path.write_text(text)
    return sample_lanes(read_opendrive(path))


def middles(lines: MarkLines) -> np.ndarray:
    """Middles (D, 2) of all dashes, by the segments' own account."""
    found = []
    for (ax, ay, bx, by), (first, last, dash, period) in zip(lines.ends, lines.dashes, strict=True):
        if period > 0.0:
            for k in range(int(np.ceil((first - 0.5 * dash) / period)), int((last - 0.5 * dash) // period) + 1):
                t = (0.5 * dash + k * period - first) / (last - first)
                found.append((ax + t * (bx - ax), ay + t * (by - ay)))
    return np.array(found)


def test_dashes_lie_where_the_file_has_them(tmp_path: Path) -> None:
    found = middles(mark_lines(road(tmp_path)))
    assert np.allclose(np.sort(found[:, 0]), np.arange(27.0, 200.0, 13.0), atol=1e-6)
    assert np.allclose(found[:, 1], -3.5)


def test_dashes_lie_at_the_same_place_for_traffic_against_the_road(tmp_path: Path) -> None:
    found = middles(mark_lines(road(tmp_path, ROAD.replace('junction="-1">', 'junction="-1" rule="LHT">'))))
    assert np.allclose(np.sort(found[:, 0]), np.arange(27.0, 200.0, 13.0), atol=1e-6)


def test_a_map_without_lengths_knows_no_dashes_until_it_is_driven_on(tmp_path: Path) -> None:
    plain = road(tmp_path, ROAD.replace('length="4" space="9"', ""))
    assert not mark_lines(plain).dashes.any()
    painted = mark_lines(with_dashes(plain))
    assert (painted.dashes[painted.types == MarkType.BROKEN, 3] == 9.0).all()
    assert not painted.dashes[painted.types != MarkType.BROKEN].any()


def test_what_a_file_says_of_dashes_is_kept(tmp_path: Path) -> None:
    told = road(tmp_path)
    assert with_dashes(told).right_marks == told.right_marks


def test_dashes_survive_writing_and_reading(tmp_path: Path) -> None:
    (tmp_path / "road.xodr").write_text(ROAD)
    network = read_opendrive(tmp_path / "road.xodr")
    (tmp_path / "again.xodr").write_bytes(opendrive_text(network, "again"))
    again = read_opendrive(tmp_path / "again.xodr")
    assert again.roads["1"].sections[0].lanes[-1].marks == network.roads["1"].sections[0].lanes[-1].marks


def test_lengths_of_zero_are_no_dashes(tmp_path: Path) -> None:
    for nothing in ('length="0" space="0"', 'length="3" space="0"', ""):
        assert not mark_lines(road(tmp_path, ROAD.replace('length="4" space="9"', nothing))).dashes.any()


@pytest.mark.parametrize("at_m", [-100.0, 0.0, 7.0, 1000.0])
def test_strokes_fill_a_stretch_by_their_share(at_m: float) -> None:
    found = strokes(Dashes(3.0, 6.0, at_m), 2.0, 902.0)
    assert abs(float((found[:, 1] - found[:, 0]).sum()) - 300.0) < 1e-6
    assert (found[:, 0] >= 2.0).all()
    assert (found[:, 1] <= 902.0).all()
    assert (np.diff(found[:, 0]) > 0.0).all()


def test_lines_side_by_side_have_their_dashes_side_by_side() -> None:
    lane_map = with_dashes(sample_lanes(read_opendrive(OWN / "highway_straight.xodr")))
    found = middles(mark_lines(lane_map))
    by_line = [np.sort(found[np.isclose(found[:, 1], y), 0]) for y in np.unique(found[:, 1].round(3))]
    assert len(by_line) > 1
    for line in by_line[1:]:
        near = np.abs(line[:, None] - by_line[0][None, :]).min(axis=1)
        assert np.median(near) < 0.05


def test_painting_changes_nothing_else() -> None:
    lane_map = sample_lanes(read_opendrive(OWN / "town.xodr"))
    painted = with_dashes(lane_map)
    again = replace(painted, left_marks=lane_map.left_marks, right_marks=lane_map.right_marks, _cache={})
    assert np.array_equal(again.centre_points, lane_map.centre_points)
    assert np.array_equal(mark_lines(painted).ends, mark_lines(lane_map).ends)
