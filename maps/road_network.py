"""The road network as scenarios speak of it: road, s, lane and offset, to and from world, and driving along lanes.

In: the model that a reader built. Out: poses in world, lanes at a place, places ahead along linked lanes. These
questions are asked for every entity in every step, so they use plain floats and one compiled call each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from geometry.angles import wrap_rad
from geometry.errors import SceneError
from geometry.pose import Pose
from maps.road_links import LaneEnd, link_lanes
from maps.road_model import Controller, Junction, LaneSection, Road, RoadLane
from maps.road_search import LaneIndex, foot_on_road, nearest_foot

_MAX_HOPS = 10_000
_LOOK_AHEAD_M = 30.0


@dataclass(frozen=True, slots=True)
class RoadPosition:
    """A place on a lane; `offset_m` is the distance from its centre in t (left of the reference line positive)."""

    road_id: str
    s_m: float
    lane_id: int
    offset_m: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """A way on where lanes fork: the road, its lane, whether travel there runs along s, and how far it turns left."""

    road_id: str
    lane_id: int
    along_s: bool
    turn_rad: float


ChooseTurn = Callable[[tuple[Turn, ...]], Turn]


def straightest(turns: tuple[Turn, ...]) -> Turn:
    """The way that turns least; the first one wins a tie."""
    return min(turns, key=lambda turn: abs(turn.turn_rad))


@dataclass(frozen=True, slots=True, eq=False)
class RoadNetwork:
    """Roads, junctions and controllers by id, and how their lanes are linked."""

    roads: Mapping[str, Road]
    junctions: Mapping[str, Junction]
    controllers: tuple[Controller, ...]
    geo_reference: str
    """The PROJ string of the file, or empty."""
    links: Mapping[LaneEnd, tuple[LaneEnd, ...]]
    index: LaneIndex
    notes: tuple[str, ...]
    """What a reader found odd but harmless, one sentence each."""

    @staticmethod
    def of(
        roads: Mapping[str, Road],
        junctions: Mapping[str, Junction],
        controllers: tuple[Controller, ...] = (),
        geo_reference: str = "",
        notes: tuple[str, ...] = (),
    ) -> RoadNetwork:
        """Link and index the parts."""
        return RoadNetwork(
            MappingProxyType(dict(roads)),
            MappingProxyType(dict(junctions)),
            controllers,
            geo_reference,
            link_lanes(roads, junctions),
            LaneIndex.of(roads),
            notes,
        )

    def road(self, road_id: str) -> Road:
        """The road of that id.

        Raises:
            SceneError: there is none.
        """
        road = self.roads.get(road_id)
        if road is None:
            some = ", ".join(sorted(self.roads)[:20])
            raise SceneError(f"there is no road {road_id}; the map has the roads {some}")
        return road

    def lane(self, road_id: str, lane_id: int, s_m: float) -> RoadLane:
        """The lane with that id where s lies (0 is the middle of the road).

        Raises:
            SceneError: no such road or lane.
        """
        section = self.road(road_id).section(s_m)
        lane = section.lanes.get(lane_id)
        if lane is None:
            ids = ", ".join(map(str, section.ids))
            raise SceneError(f"road {road_id} has no lane {lane_id} at s={s_m:.2f}; its lanes there are {ids}")
        return lane

    def world_pose(self, position: RoadPosition) -> Pose:
        """Pose in world; the heading is that of the reference line (traffic against s heads the other way)."""
        t = self.lane_centre_t(position.road_id, position.lane_id, position.s_m) + position.offset_m
        return self.world_pose_st(position.road_id, position.s_m, t)

    def world_pose_st(self, road_id: str, s_m: float, t_m: float) -> Pose:
        """Pose in world of a place given by s and t; heading of the reference line."""
        x, y, yaw, _ = self.road(road_id).line.at(s_m)
        return Pose(x - t_m * math.sin(yaw), y + t_m * math.cos(yaw), wrap_rad(yaw))

    def lane_centre_t(self, road_id: str, lane_id: int, s_m: float) -> float:
        """The t of a lane's centre."""
        return self.lane(road_id, lane_id, s_m).centre_t.at(s_m)

    def lane_width(self, road_id: str, lane_id: int, s_m: float) -> float:
        """The width of a lane."""
        return self.lane(road_id, lane_id, s_m).width_m(s_m)

    def lane_ids(self, road_id: str, s_m: float) -> tuple[int, ...]:
        """Lanes from left to right, without the middle 0."""
        return self.road(road_id).section(s_m).ids

    def lane_kind(self, road_id: str, lane_id: int, s_m: float) -> str:
        """The file's word for the kind of lane (`driving`, `shoulder`, ...)."""
        return self.lane(road_id, lane_id, s_m).kind

    def drive_sign(self, road_id: str, lane_id: int, s_m: float = 0.0) -> int:
        """+1 where traffic on the lane runs along s, -1 where against."""
        road = self.road(road_id)
        lane = road.section(s_m).lanes.get(lane_id)
        along = (lane_id <= 0) == road.right_hand
        return 1 if along != (lane is not None and lane.reversed) else -1

    def road_length(self, road_id: str) -> float:
        """Length of the reference line [m]."""
        return self.road(road_id).length_m

    def curvature(self, road_id: str, s_m: float) -> float:
        """Curvature of the reference line [1/m], left positive along s."""
        return self.road(road_id).line.at(s_m)[3]

    def elevation(self, road_id: str, s_m: float) -> float:
        """Height of the reference line [m]."""
        return self.road(road_id).elevation.at(s_m)

    def metres_per_s(self, position: RoadPosition) -> float:
        """How many metres one drives at this offset while s grows by one (1 - curvature * t, at least 0.1)."""
        t = self.lane_centre_t(position.road_id, position.lane_id, position.s_m) + position.offset_m
        return max(1.0 - self.curvature(position.road_id, position.s_m) * t, 0.1)

    def locate(self, x_m: float, y_m: float, hint: RoadPosition | None = None) -> RoadPosition:
        """The nearest lane to a point; where roads overlap, the hint's road, else the lane whose centre is nearest.

        Drivable lanes win over others that cover the same point.
        """
        if hint is not None and hint.road_id in self.roads:
            road = self.roads[hint.road_id]
            foot = foot_on_road(road, x_m, y_m, hint.s_m)
            if foot.gap_m == 0.0 and 0.0 < foot.s_m < road.length_m:
                return RoadPosition(foot.road_id, foot.s_m, foot.lane_id, foot.offset_m)
        foot = nearest_foot(self.roads, self.index, x_m, y_m)
        return RoadPosition(foot.road_id, foot.s_m, foot.lane_id, foot.offset_m)

    def advance(
        self, position: RoadPosition, distance_m: float, choose_junction: ChooseTurn = straightest
    ) -> RoadPosition | None:
        """The place `distance_m` of reference line further in the lane's driving direction (negative: back).

        Lane links are followed over sections, roads and junctions and the offset is kept on its side; a lane that ends
        inside a road goes on as the lane of the same id in the next section, as esmini does. None past the end.

        Raises:
            SceneError: no such road or lane, or a tangle of more than 10,000 links within the distance.
        """
        road = self.road(position.road_id)
        lane_id, offset, s = position.lane_id, position.offset_m, position.s_m
        sign = self.drive_sign(road.id, lane_id, s) * (1 if distance_m >= 0.0 else -1)
        rest, index = abs(distance_m), road.section_index(s)
        self.lane(road.id, lane_id, s)
        for _ in range(_MAX_HOPS):
            section = road.sections[index]
            target = s + sign * rest
            if _within(section, target, sign, road.length_m):
                return RoadPosition(road.id, target, lane_id, offset)
            rest -= max((section.end_m - s) if sign > 0 else (s - section.s_m), 0.0)
            after = self._next(LaneEnd(road.id, index, lane_id, sign > 0), choose_junction)
            if after is None:
                return None
            road, index, lane_id = self.roads[after.road_id], after.section, after.lane_id
            entered = -1 if after.at_end else 1
            offset = offset if entered == sign else -offset
            sign, section = entered, road.sections[index]
            s = section.end_m if after.at_end else section.s_m
        raise SceneError(f"more than {_MAX_HOPS} lane links lie within {distance_m:.0f} m from {position}")

    def _next(self, end: LaneEnd, choose: ChooseTurn) -> LaneEnd | None:
        """The lane end that travel enters behind `end`."""
        ends = self.links.get(end, ())
        if not ends:
            return self._same_lane_in_next_section(end)
        if len(ends) == 1:
            return ends[0]
        turns = {self._turn(other): other for other in ends}
        return turns[choose(tuple(turns))]

    def _same_lane_in_next_section(self, end: LaneEnd) -> LaneEnd | None:
        index = end.section + (1 if end.at_end else -1)
        sections = self.roads[end.road_id].sections
        if 0 <= index < len(sections) and end.lane_id in sections[index].lanes:
            return LaneEnd(end.road_id, index, end.lane_id, not end.at_end)
        return None

    def _turn(self, end: LaneEnd) -> Turn:
        """How the road that is entered at `end` turns: over all of it inside a junction, else at its beginning."""
        road = self.roads[end.road_id]
        span = road.length_m if road.junction_id is not None else min(road.length_m, _LOOK_AHEAD_M)
        first, last = (road.length_m, road.length_m - span) if end.at_end else (0.0, span)
        turn = wrap_rad(road.line.at(last)[2] - road.line.at(first)[2])
        return Turn(end.road_id, end.lane_id, not end.at_end, turn)


def _within(section: LaneSection, s_m: float, sign: int, road_length_m: float) -> bool:
    """Whether travel in direction `sign` ends inside the section (at its end only where the road ends too)."""
    if sign < 0:
        return s_m >= section.s_m
    return s_m < section.end_m or (s_m == section.end_m == road_length_m)
