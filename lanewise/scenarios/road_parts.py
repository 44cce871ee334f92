"""Parts that the shipped roads are made of: lane sections, reference lines, whole roads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from maps.road_geometry import Bend, Profile, ReferenceLine
from maps.road_model import LaneSection, Road, RoadLane, RoadLink, RoadMark, RoadSpeed

Mark = tuple[str, str, float]
"""Kind, colour and width."""

Strip = tuple[str, float | Profile, Mark]
"""Kind, width and the mark on the outer edge of one lane."""


def section(
    start_m: float, end_m: float, left: Sequence[Strip], right: Sequence[Strip],
    links: Mapping[int, tuple[int | None, int | None]] = MappingProxyType({}),
    middle_mark: Mark = ("none", "white", 0.0),
) -> LaneSection:  # fmt: skip
    """Lanes of one section; `links` gives predecessor and successor by lane id, by default the same id."""
    middle = Profile.constant(0.0)
    lanes = {0: RoadLane(0, "none", middle, middle, middle, (0,), (0,), (_mark(start_m, middle_mark),), (), False)}
    for strips, sign in ((left, 1), (right, -1)):
        inner = middle
        for number, (kind, width, mark) in enumerate(strips, start=1):
            profile = width if isinstance(width, Profile) else Profile.constant(width)
            outer = Profile.summed([(inner, 1.0), (profile, float(sign))], start_m, end_m)
            centre = Profile.summed([(inner, 0.5), (outer, 0.5)], start_m, end_m)
            before, after = links.get(sign * number, (sign * number, sign * number))
            lanes[sign * number] = RoadLane(
                sign * number,
                kind,
                inner,
                outer,
                centre,
                _some(before),
                _some(after),
                (_mark(start_m, mark),),
                (),
                False,
            )
            inner = outer
    ids = tuple(sorted((lane for lane in lanes if lane), reverse=True))
    return LaneSection(start_m, end_m, MappingProxyType(lanes), ids)


def _some(lane: int | None) -> tuple[int, ...]:
    return () if lane is None else (lane,)


def _mark(s_m: float, mark: Mark) -> RoadMark:
    kind, color, width_m = mark
    return RoadMark(s_m, kind, color, width_m, "both" if kind == "broken" else "none")


def chain(x_m: float, y_m: float, yaw_rad: float, parts: Sequence[tuple[float, float, float]]) -> list[Bend]:
    """Records one after the other; each part is its length [m] and its curvature [1/m] at start and end."""
    bends: list[Bend] = []
    s = 0.0
    for length, curvature_start, curvature_end in parts:
        bends.append(Bend(s, x_m, y_m, yaw_rad, length, curvature_start, curvature_end))
        s += length
        x_m, y_m, yaw_rad, _ = ReferenceLine.of(bends).at(s)
    return bends


def road(
    road_id: str, name: str, bends: Sequence[Bend], sections: Sequence[LaneSection], kind: str, limit_kmh: float,
    predecessor: RoadLink | None = None, successor: RoadLink | None = None,
) -> Road:  # fmt: skip
    """A flat road with right-hand traffic and one speed limit."""
    flat = Profile.constant(0.0)
    return Road(
        road_id, name, bends[-1].s_m + bends[-1].length_m, None, True, ReferenceLine.of(bends), flat, flat,
        tuple(sections), predecessor, successor, (RoadSpeed(0.0, kind, limit_kmh / 3.6),), (), (),
    )  # fmt: skip
