"""Map defects: each kind is found where it is, and sound maps have none."""

from pathlib import Path

import pytest

from lanewise.scenarios.catalog import FOLDER
from maps.check import defects_of
from maps.opendrive import read_opendrive

SUCCESSOR = '<successor elementType="road" elementId="{}" contactPoint="start"/>'
PREDECESSOR = '<predecessor elementType="road" elementId="{}" contactPoint="end"/>'


def found(network) -> list[tuple[str, str, float]]:
    return [(defect.kind, defect.road_id, round(defect.s_m, 2)) for defect in defects_of(network)]


def pair(xodr, **second):
    """Two straight roads of 100 m, the second one linked behind the first."""
    lanes = xodr.section(xodr.lane(1, inside=xodr.link(1, 1)), xodr.lane(-1, inside=xodr.link(-1, -1)))
    place = {"x": 100.0, **second}
    link = place.pop("link", PREDECESSOR.format("1"))
    sections = place.pop("sections", lanes)
    return xodr.network(
        xodr.road("1", sections=lanes, link=SUCCESSOR.format("2")),
        xodr.road("2", sections=sections, link=link, **place),
    )


def test_roads_that_meet_have_no_defect(xodr, crossroads) -> None:
    assert found(pair(xodr)) == []
    assert found(crossroads) == []


@pytest.mark.parametrize("name", ["highway_straight", "highway_curve", "highway_merge"])
def test_the_shipped_maps_have_no_defect(name: str) -> None:
    assert defects_of(read_opendrive(FOLDER / "maps" / f"{name}.xodr")) == ()


def test_a_gap_and_a_kink_between_roads_are_found_at_the_joint(xodr) -> None:
    apart = found(pair(xodr, x=103.0))
    assert ("gap", "1", 100.0) in apart
    assert ("lane-gap", "1", 100.0) in apart
    assert ("kink", "1", 100.0) in found(pair(xodr, hdg=0.3))


def test_a_jump_and_a_bend_inside_a_road_are_found(xodr) -> None:
    geometry = (
        '<geometry s="0" x="0" y="0" hdg="0" length="50"><line/></geometry>'
        '<geometry s="50" x="50" y="1" hdg="0.2" length="50"><line/></geometry>'
    )
    assert found(xodr.network(xodr.road(geometry=geometry))) == [("gap", "1", 50.0), ("kink", "1", 50.0)]


def test_missing_neighbours_and_one_sided_links_are_found(xodr) -> None:
    missing = xodr.network(xodr.road("1", link=SUCCESSOR.format("7")))
    assert ("reference", "1", 100.0) in found(missing)
    assert ("one-sided", "1", 100.0) in found(pair(xodr, link=""))


def test_lanes_that_nobody_fits_through_and_dead_ends_are_found(xodr) -> None:
    narrow = xodr.section(right=xodr.lane(-1, 'a="0.4" b="0" c="0" d="0"'))
    assert ("narrow", "1", 0.0) in found(xodr.network(xodr.road(sections=narrow)))
    unlinked = xodr.section(xodr.lane(1), xodr.lane(-1))
    dead = xodr.network(
        xodr.road("1", sections=unlinked, link=SUCCESSOR.format("2")),
        xodr.road("2", sections=unlinked, link=PREDECESSOR.format("1"), x=100.0),
    )
    assert ("dead-end", "1", 100.0) in found(dead)
    assert ("dead-end", "2", 0.0) in found(dead)


def test_what_stands_beyond_the_road_is_found(xodr) -> None:
    signal = '<signals><signal id="9" s="150" t="0" orientation="+" dynamic="no" type="274" subtype="-1"/></signals>'
    assert found(xodr.network(xodr.road(more=signal))) == [("beyond", "1", 150.0)]


def test_maps_of_others_are_checked_without_a_crash(data: Path) -> None:
    kinds = {path.stem: {d.kind for d in defects_of(read_opendrive(path))}
             for path in sorted((data / "maps" / "opendrive").glob("*.xodr"))}  # fmt: skip
    assert kinds["esmini__fabriksgatan"] == set()
    assert "one-sided" in kinds["esmini__soderleden"]
    assert "reference" in kinds["map__Karlsruhe"]
