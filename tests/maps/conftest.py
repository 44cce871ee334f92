"""OpenDRIVE files in a few words, for tests."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from maps.opendrive import read_opendrive
from maps.road_network import RoadNetwork

LINE = '<geometry s="0" x="{x}" y="{y}" hdg="{hdg}" length="{length}"><line/></geometry>'


@dataclass(frozen=True)
class Writer:
    """Builds files in a folder; every part may be replaced by raw XML."""

    folder: Path

    def lane(self, lane: int, width: str = 'a="3.5" b="0" c="0" d="0"', kind: str = "driving", inside: str = "") -> str:
        """One lane of constant width (or of the given coefficients)."""
        return f'<lane id="{lane}" type="{kind}">{inside}<width sOffset="0" {width}/></lane>'

    def link(self, predecessor: int | None = None, successor: int | None = None) -> str:
        """The links of a lane."""
        ends = (("predecessor", predecessor), ("successor", successor))
        return "<link>" + "".join(f'<{name} id="{lane}"/>' for name, lane in ends if lane is not None) + "</link>"

    def section(self, left: str = "", right: str = "", s: float = 0.0, middle: str = "") -> str:
        """One lane section; by default a lane of 3.5 m on either side."""
        if not left and not right:
            left, right = self.lane(1), self.lane(-1)
        sides = (f"<left>{left}</left>" if left else "", f"<right>{right}</right>" if right else "")
        centre = f'<center><lane id="0" type="none">{middle}</lane></center>'
        return f'<laneSection s="{s}">{sides[0]}{centre}{sides[1]}</laneSection>'

    def road(
        self, road: str = "1", length: float = 100.0, geometry: str = "", sections: str = "", link: str = "",
        more: str = "", junction: str = "-1", rule: str = "RHT", x: float = 0.0, y: float = 0.0, hdg: float = 0.0,
        offsets: str = "",
    ) -> str:  # fmt: skip
        """One road; by default straight."""
        geometry = geometry or LINE.format(x=x, y=y, hdg=hdg, length=length)
        return (
            f'<road id="{road}" length="{length}" junction="{junction}" rule="{rule}"><link>{link}</link>\n'
            f"<planView>{geometry}</planView>{more}\n"
            f"<lanes>{offsets}{sections or self.section()}</lanes></road>\n"
        )

    def file(self, *parts: str, header: str = '<header revMajor="1" revMinor="7"/>') -> Path:
        """Write a file of these parts."""
        path = self.folder / "map.xodr"
        path.write_text(f"<?xml version='1.0'?>\n<OpenDRIVE>{header}\n{''.join(parts)}</OpenDRIVE>")
        return path

    def network(self, *parts: str) -> RoadNetwork:
        """Write and read."""
        return read_opendrive(self.file(*parts))


@pytest.fixture
def xodr(tmp_path: Path) -> Writer:
    """A writer into the test's own folder."""
    return Writer(tmp_path)


@pytest.fixture
def crossroads(xodr: Writer) -> RoadNetwork:
    """West road 1 meets, in junction 9, east road 2 (by road 12) and, to the left, north road 3 (by road 13)."""
    lanes = xodr.section(xodr.lane(1, inside=xodr.link(1, 1)), xodr.lane(-1, inside=xodr.link(-1, -1)))
    ends = {road: '<predecessor elementType="junction" elementId="9"/>' for road in "23"}
    turn = '<geometry s="0" x="0" y="0" hdg="0" length="31.415926535897931"><arc curvature="0.05"/></geometry>'

    def joined(other: str) -> str:
        return (
            '<predecessor elementType="road" elementId="1" contactPoint="end"/>'
            f'<successor elementType="road" elementId="{other}" contactPoint="start"/>'
        )

    links = "".join(f'<laneLink from="{lane}" to="{lane}"/>' for lane in (-1, 1))
    connections = "".join(
        f'<connection id="{k}" incomingRoad="1" connectingRoad="{k}" contactPoint="start">{links}</connection>'
        for k in (13, 12)
    )
    return xodr.network(
        xodr.road("1", 100.0, x=-100.0, sections=lanes, link='<successor elementType="junction" elementId="9"/>'),
        xodr.road("2", 80.0, x=40.0, sections=lanes, link=ends["2"]),
        xodr.road("3", 80.0, x=20.0, y=20.0, hdg=1.5707963267948966, sections=lanes, link=ends["3"]),
        xodr.road("12", 40.0, sections=lanes, link=joined("2"), junction="9"),
        xodr.road("13", 31.415926535897931, turn, sections=lanes, link=joined("3"), junction="9"),
        f'<junction id="9" name="nine">{connections}</junction>',
    )
