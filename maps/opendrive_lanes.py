"""The lanes of an OpenDRIVE road: sections, widths or borders, marks, speed limits, links.

In: the `<lanes>` element. Out: `LaneSection`s whose lanes carry their edges as exact piecewise cubics over road s, so
that a question about the eighth lane costs as little as one about the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import MappingProxyType

from geometry.errors import InputError, UnsupportedError
from maps.road_geometry import Profile
from maps.road_model import Dashes, LaneSection, LaneSpeed, RoadLane, RoadMark
from maps.strict_xml import Element, boolean, choice, integer, number, place_of, text

SPEED_UNITS = {"m/s": 1.0, "km/h": 1.0 / 3.6, "mph": 0.44704, "kmh": 1.0 / 3.6}
_LANES = {"laneOffset", "laneSection"}
_SECTION = {"left", "center", "right"}
SHORTEST_DASH_M = 0.1
"""Shorter strokes and gaps are not told apart by anyone: such a line counts as one without lengths."""
_LANE = {"link", "width", "border", "roadMark", "material", "visibility", "speed", "access", "height", "rule"}
_ALWAYS = {"userData", "dataQuality"}
_MOST_LANES = 100
_NARROWEST_M = -0.1
"""Widths a hair below zero come from rounded cubics where lanes taper out; a wider overlap is a mistake in the file."""


def refuse_unknown(element: Element, known: set[str]) -> None:
    """Refuse children outside `known` and additional data: what we do not know here may move the lanes.

    Raises:
        UnsupportedError: there is one.
    """
    for part in element:
        if part.tag not in known and part.tag not in _ALWAYS:
            raise UnsupportedError(
                f"<{part.tag}> in <{element.tag}> may change the road and is not supported", place_of(part)
            )


def read_profile(records: Sequence[Element], start: str, base_s_m: float, length_m: float, lead: bool) -> Profile:
    """Cubic records a, b, c, d as a profile over road s.

    Args:
        records: elements in file order.
        start: the name of the attribute that holds where each begins.
        base_s_m: road s from which that attribute counts.
        length_m: the road's length, beyond which nothing may start.
        lead: whether zero holds before the first record (else its cubic is extended).

    Raises:
        InputError: a number is wrong or the records are out of order.
    """
    starts: list[float] = []
    cubics: list[tuple[float, float, float, float]] = []
    for record in records:
        begin = base_s_m + number(record, start, least=0.0, most=1e7)
        if starts and begin < starts[-1]:
            raise InputError(f"<{record.tag}> records are not in ascending order of {start}", place_of(record))
        if starts and begin == starts[-1]:
            starts.pop()
            cubics.pop()
        if begin > length_m and starts:
            continue  # nothing of it lies on the road
        a, b, c, d = (number(record, name, least=-1e9, most=1e9) for name in "abcd")
        starts.append(begin)
        cubics.append((a, b, c, d))
    if not starts or (lead and starts[0] > base_s_m):
        starts.insert(0, base_s_m)
        cubics.insert(0, (0.0, 0.0, 0.0, 0.0))
    return Profile(tuple(starts), tuple(cubics))


def read_sections(lanes: Element, length_m: float) -> tuple[LaneSection, ...]:
    """All lane sections of a road of that length.

    Raises:
        InputError: wrong or missing values, sections out of order or outside the road, lane ids with gaps.
        UnsupportedError: one-sided sections or unknown elements.
    """
    refuse_unknown(lanes, _LANES)
    offset = read_profile(lanes.findall("laneOffset"), "s", 0.0, length_m, lead=True)
    elements = lanes.findall("laneSection")
    starts = [number(element, "s", least=0.0) for element in elements]
    if not elements:
        raise InputError("<lanes> needs at least one <laneSection>", place_of(lanes))
    for element, start, before in zip(elements, starts, [-1.0, *starts], strict=False):
        if start <= before or start >= length_m:
            raise InputError(f"a lane section starts at s={start:g}, out of order or off the road", place_of(element))
    starts[0] = 0.0
    ends = [*starts[1:], length_m]
    return tuple(
        _section(element, start, end, offset) for element, start, end in zip(elements, starts, ends, strict=True)
    )


def _section(element: Element, start: float, end: float, offset: Profile) -> LaneSection:
    refuse_unknown(element, _SECTION)
    if boolean(element, "singleSide", default=False):
        raise UnsupportedError("lane sections for a single side are not supported", place_of(element))
    middle = Profile.summed([(offset, 1.0)], start, end)
    centre = element.find("center/lane")
    marks = () if centre is None else _marks(centre, start, end)
    lanes = {0: RoadLane(0, "none", middle, middle, middle, (0,), (0,), marks, (), False)}
    for side, sign in (("left", 1), ("right", -1)):
        lanes |= _side(element.find(side), sign, start, end, middle)
    ids = tuple(sorted((lane for lane in lanes if lane), reverse=True))
    return LaneSection(start, end, MappingProxyType(lanes), ids)


def _side(side: Element | None, sign: int, start: float, end: float, middle: Profile) -> dict[int, RoadLane]:
    """Lanes of one side by id, edges summed outwards."""
    if side is None:
        return {}
    refuse_unknown(side, {"lane"})
    if len(side) > _MOST_LANES:
        raise InputError(f"<{side.tag}> has {len(side)} lanes; at most {_MOST_LANES} are read", place_of(side))
    elements = sorted(side.findall("lane"), key=lambda lane: abs(integer(lane, "id")))
    lanes: dict[int, RoadLane] = {}
    inner = middle
    for expected, element in enumerate(elements, start=1):
        if integer(element, "id") != sign * expected:
            raise InputError(
                f'<{side.tag}> has a lane id="{text(element, "id")}" where {sign * expected} was expected '
                "(ids count outwards from 1 without gaps)",
                place_of(element),
            )
        outer = _outer_edge(element, sign, start, end, inner, middle)
        lanes[sign * expected] = _lane(element, sign * expected, start, end, inner, outer)
        inner = outer
    return lanes


def _outer_edge(element: Element, sign: int, start: float, end: float, inner: Profile, middle: Profile) -> Profile:
    """Widths count from the inner edge; borders, used where there is no width, from the middle."""
    widths, borders = element.findall("width"), element.findall("border")
    if widths or not borders:
        width = read_profile(widths, "sOffset", start, end, lead=False)
        _refuse_negative(width, end, element)
        return Profile.summed([(inner, 1.0), (width, float(sign))], start, end)
    border = read_profile(borders, "sOffset", start, end, lead=False)
    outer = Profile.summed([(middle, 1.0), (border, 1.0)], start, end)
    _refuse_negative(Profile.summed([(outer, float(sign)), (inner, -float(sign))], start, end), end, element)
    return outer


def _refuse_negative(width: Profile, end: float, element: Element) -> None:
    """Look at both ends and the inner extremes of each cubic."""
    for begin, stop, (a, b, c, d) in zip(width.starts, (*width.starts[1:], end), width.cubics, strict=True):
        spread = stop - begin
        root = math.sqrt(max(c * c - 3.0 * b * d, 0.0))
        extremes = [(-c + root) / (3.0 * d), (-c - root) / (3.0 * d)] if d else ([-b / (2.0 * c)] if c else [])
        for ds in (0.0, spread, *(x for x in extremes if 0.0 < x < spread)):
            if not a + ds * (b + ds * (c + ds * d)) >= _NARROWEST_M:
                raise InputError(
                    f"lane {text(element, 'id')} has a negative width at s={begin + ds:.3f}", place_of(element)
                )


def _lane(element: Element, lane_id: int, start: float, end: float, inner: Profile, outer: Profile) -> RoadLane:
    refuse_unknown(element, _LANE)
    links = element.find("link")
    return RoadLane(
        id=lane_id,
        kind=text(element, "type", "none"),
        inner_t=inner,
        outer_t=outer,
        centre_t=Profile.summed([(inner, 0.5), (outer, 0.5)], start, end),
        predecessors=_linked(links, "predecessor"),
        successors=_linked(links, "successor"),
        marks=_marks(element, start, end),
        speeds=tuple(
            LaneSpeed(start + number(speed, "sOffset", least=0.0), read_limit(speed, "m/s"))
            for speed in element.findall("speed")
        ),
        reversed=choice(element, "direction", {"standard": False, "reversed": True, "both": False}, default=False),
    )


def _linked(links: Element | None, end: str) -> tuple[int, ...]:
    return () if links is None else tuple(integer(link, "id") for link in links.findall(end))


def _marks(lane: Element, start: float, end: float) -> tuple[RoadMark, ...]:
    marks = []
    for element in lane.findall("roadMark"):
        s = start + number(element, "sOffset", 0.0, least=0.0)
        color = text(element, "color", "white")
        marks.append(
            RoadMark(
                s_m=s,
                kind=text(element, "type", "none"),
                color="white" if color == "standard" else color,
                width_m=number(element, "width", 0.12, least=0.0),
                lane_change=text(element, "laneChange", "both"),
                dashes=_dashes(element, s),
            )
        )
    return tuple(sorted((mark for mark in marks if mark.s_m < end), key=lambda mark: mark.s_m))


def _dashes(mark: Element, s_m: float) -> Dashes | None:
    """The first of the mark's lines that consists of dashes (clause 11.9.1); many files give lines without lengths."""
    for line in mark.iterfind("type/line"):
        dash, gap = number(line, "length", 0.0, least=0.0), number(line, "space", 0.0, least=0.0)
        if dash >= SHORTEST_DASH_M and gap >= SHORTEST_DASH_M:
            return Dashes(dash, gap, s_m + number(line, "sOffset", 0.0))
    return None


def read_limit(speed: Element, default_unit: str) -> float:
    """The speed limit [m/s] in `max` and `unit`; infinite where the file says that there is none.

    Raises:
        InputError: not a speed.
    """
    if text(speed, "max") in ("no limit", "undefined"):
        return math.inf
    scale = choice(speed, "unit", SPEED_UNITS, default=SPEED_UNITS[default_unit])
    return number(speed, "max", least=0.0, most=1e4) * scale
