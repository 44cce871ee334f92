"""What an OpenDRIVE file says, as plain data: roads, lane sections, lanes, marks, signals, objects, junctions.

Lengths in m along (s) and left of (t) the road's reference line; SI throughout. Reading stands in `maps.opendrive`,
questions in `maps.road_network`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from maps.road_geometry import Profile, ReferenceLine

DRIVABLE_KINDS = frozenset({
    "driving", "entry", "exit", "onRamp", "offRamp", "connectingRamp", "slipLane", "bidirectional", "bus", "taxi",
    "HOV", "roadWorks", "stop",
})  # fmt: skip
"""Lane kinds that carry motor traffic (a `stop` lane only in need)."""
ASPHALT_KINDS = DRIVABLE_KINDS | {"shoulder", "border", "parking", "restricted", "tram"}
"""Lane kinds that are made of what roads are made of: the road's edge is where they end."""


@dataclass(frozen=True, slots=True)
class Dashes:
    """Strokes of `dash_m` with gaps of `gap_m`, one of which begins at `at_m` (the s of what carries them)."""

    dash_m: float
    gap_m: float
    at_m: float

    @property
    def period_m(self) -> float:
        """From the begin of one dash to that of the next."""
        return self.dash_m + self.gap_m


@dataclass(frozen=True, slots=True)
class RoadMark:
    """A mark on the outer edge of a lane (the middle of the road for lane 0), from `s_m` (road s) to the next one."""

    s_m: float
    kind: str
    color: str
    width_m: float
    lane_change: str
    """`increase`, `decrease`, `both` or `none`, by lane id."""
    dashes: Dashes | None = None
    """Where the file says how long they are."""


@dataclass(frozen=True, slots=True)
class LaneSpeed:
    """A speed limit of one lane from `s_m` on; infinite where the sign says no limit."""

    s_m: float
    limit_mps: float


@dataclass(frozen=True, slots=True)
class RoadLane:
    """One lane of one section. `inner_t` and `outer_t` are its edges as exact profiles over road s, in t."""

    id: int
    kind: str
    inner_t: Profile
    outer_t: Profile
    centre_t: Profile
    predecessors: tuple[int, ...]
    successors: tuple[int, ...]
    marks: tuple[RoadMark, ...]
    speeds: tuple[LaneSpeed, ...]
    reversed: bool
    """Traffic runs against what the road's rule says."""

    def width_m(self, s_m: float) -> float:
        """Width at road s."""
        return abs(self.outer_t.at(s_m) - self.inner_t.at(s_m))


@dataclass(frozen=True, slots=True)
class LaneSection:
    """Lanes over [s_m, end_m] of a road by id: left ones positive, right ones negative, the middle 0."""

    s_m: float
    end_m: float
    lanes: Mapping[int, RoadLane]
    ids: tuple[int, ...]
    """Lane ids from left to right, without 0."""


@dataclass(frozen=True, slots=True)
class RoadLink:
    """What follows at one end of a road: a junction, or the start or end of another road."""

    junction: bool
    id: str
    at_start: bool
    """Whether the other road is met at its start (false for junctions)."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A sign or light. `heading_rad` is relative to the road; no entry in `lanes` means all lanes."""

    id: str
    name: str
    road_id: str
    s_m: float
    t_m: float
    z_m: float
    heading_rad: float
    orientation: str
    """`+`: for traffic along s, `-`: against, `none`: both."""
    dynamic: bool
    country: str
    kind: str
    subkind: str
    value: float | None
    unit: str
    text: str
    width_m: float
    height_m: float
    lanes: tuple[tuple[int, int], ...]
    """Ranges (from, to) of lane ids for which it is valid."""


@dataclass(frozen=True, slots=True)
class RoadObject:
    """Something on or beside the road; `outline` lists its corners (x, y) in world, empty where it is box or circle."""

    id: str
    name: str
    kind: str
    subkind: str
    road_id: str
    s_m: float
    t_m: float
    z_m: float
    heading_rad: float
    length_m: float
    width_m: float
    height_m: float
    radius_m: float
    orientation: str
    outline: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class RoadSpeed:
    """Type and speed limit of a road from `s_m` on; None where the file names no limit, infinite where it says none."""

    s_m: float
    kind: str
    limit_mps: float | None


@dataclass(frozen=True, slots=True)
class Road:
    """One road. `sections` cover [0, length_m] without gap; `right_hand` is its traffic rule."""

    id: str
    name: str
    length_m: float
    junction_id: str | None
    right_hand: bool
    line: ReferenceLine
    elevation: Profile
    superelevation: Profile
    sections: tuple[LaneSection, ...]
    predecessor: RoadLink | None
    successor: RoadLink | None
    speeds: tuple[RoadSpeed, ...]
    signals: tuple[Signal, ...]
    objects: tuple[RoadObject, ...]

    def section_index(self, s_m: float) -> int:
        """The index of the section in force at s (the first or last one outside)."""
        if len(self.sections) == 1:
            return 0
        return max(bisect_right(self.sections, s_m, key=_section_start) - 1, 0)

    def section(self, s_m: float) -> LaneSection:
        """The section in force at s."""
        return self.sections[self.section_index(s_m)]


def _section_start(section: LaneSection) -> float:
    return section.s_m


@dataclass(frozen=True, slots=True)
class Connection:
    """A way through a junction: from `incoming_id` onto `connecting_id` (met at its start or end) by lane pairs."""

    id: str
    incoming_id: str
    connecting_id: str
    at_start: bool
    lane_links: tuple[tuple[int, int], ...]
    """Pairs (lane of the incoming road, lane of the connecting road)."""


@dataclass(frozen=True, slots=True)
class Junction:
    """A junction. In a direct one the connections name the road to go to itself."""

    id: str
    name: str
    kind: str
    connections: tuple[Connection, ...]
    priorities: tuple[tuple[str, str], ...]
    """Pairs (road that has priority, road that gives way)."""
    controllers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Controller:
    """Signals that switch together."""

    id: str
    name: str
    signal_ids: tuple[str, ...]
