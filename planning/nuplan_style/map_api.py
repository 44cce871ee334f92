"""The lane map as planners of the nuPlan devkit read it; names as in the devkit (`nuplan.common.maps`).

Lanes outside junctions are lanes, those inside lane connectors; those beside each other in one direction are a road
block (its id is that of its leftmost lane after `block:`). Ids are strings. Layers that are not in `OFFERED` are
refused with a sentence that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import shapely

from geometry.errors import InputError
from geometry.polyline import Polyline
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS
from planning.nuplan_style.state import Point2D, StateSE2


class SemanticMapLayer(IntEnum):
    """Layers of the devkit's maps."""

    LANE = 0
    INTERSECTION = 1
    STOP_LINE = 2
    TURN_STOP = 3
    CROSSWALK = 4
    DRIVABLE_AREA = 5
    YIELD = 6
    TRAFFIC_LIGHT = 7
    STOP_SIGN = 8
    EXTENDED_PUDO = 9
    SPEED_BUMP = 10
    LANE_CONNECTOR = 11
    BASELINE_PATHS = 12
    BOUNDARIES = 13
    WALKWAYS = 14
    CARPARK_AREA = 15
    PUDO = 16
    ROADBLOCK = 17
    ROADBLOCK_CONNECTOR = 18
    PRECEDENCE_AREA = 19


Layer = SemanticMapLayer
OFFERED = (Layer.LANE, Layer.LANE_CONNECTOR, Layer.ROADBLOCK, Layer.ROADBLOCK_CONNECTOR, Layer.INTERSECTION)
BLOCK = "block:"
Place: TypeAlias = Point2D | StateSE2


class PolylineMapObject:
    """A line in the direction of travel."""

    def __init__(self, object_id: str, line: Polyline) -> None:
        self.id = object_id
        self._line = line
        self.linestring = shapely.LineString(line.points)
        self.length = float(line.length_m)
        headings = np.append(line.yaw_rad, line.yaw_rad[-1])[: len(line.points)]
        self.discrete_path = [
            StateSE2(float(x), float(y), float(yaw)) for (x, y), yaw in zip(line.points, headings, strict=True)
        ]

    def get_nearest_arc_length_from_position(self, point: Place) -> float:
        """Where along the line the nearest point lies."""
        return float(self.linestring.project(shapely.Point(point.x, point.y)))

    def get_nearest_pose_from_position(self, point: Place) -> StateSE2:
        """The nearest pose on the line."""
        s_m = self.get_nearest_arc_length_from_position(point)
        x, y = (float(v) for v in np.ravel(self._line.position(np.array([s_m]), np.zeros(1))))
        return StateSE2(x, y, float(np.ravel(self._line.heading(np.array([s_m])))[0]))

    def get_curvature_at_arc_length(self, arc_length: float) -> float:
        """Curvature, left positive."""
        return float(np.ravel(self._line.curvature(np.array([arc_length])))[0])


@dataclass(frozen=True, slots=True)
class LaneObject:
    """A lane, or a lane connector in a junction."""

    map_api: MapApi
    lane: int
    id: str

    @property
    def polygon(self) -> shapely.Geometry:
        """Its surface."""
        return self.map_api.lane_map.surface(self.lane)

    @property
    def baseline_path(self) -> PolylineMapObject:
        """Its centre line."""
        return self.map_api.baseline(self.lane)

    @property
    def left_boundary(self) -> PolylineMapObject:
        """Its left edge."""
        return PolylineMapObject(self.id, Polyline.through(self.map_api.lane_map.left_edge(self.lane)))

    @property
    def right_boundary(self) -> PolylineMapObject:
        """Its right edge."""
        return PolylineMapObject(self.id, Polyline.through(self.map_api.lane_map.right_edge(self.lane)))

    @property
    def speed_limit_mps(self) -> float | None:
        """Its highest speed limit, None where none is known."""
        limits = self.map_api.lane_map.speed_limit_mps[self.map_api.lane_map.rows(self.lane)]
        return None if np.isnan(limits).all() else float(np.nanmax(limits))

    @property
    def incoming_edges(self) -> list[LaneObject]:
        """Lanes that lead here."""
        return self.map_api.lanes(self.map_api.lane_map.predecessors[self.lane])

    @property
    def outgoing_edges(self) -> list[LaneObject]:
        """Lanes that this one leads to."""
        return self.map_api.lanes(self.map_api.lane_map.successors[self.lane])

    @property
    def adjacent_edges(self) -> tuple[LaneObject | None, LaneObject | None]:
        """The lanes to the left and to the right in the same direction."""
        lane_map = self.map_api.lane_map
        left, right = (int(column[self.lane]) for column in (lane_map.left_neighbour, lane_map.right_neighbour))
        return self._beside(left), self._beside(right)

    def _beside(self, lane: int) -> LaneObject | None:
        return next(iter(self.map_api.lanes((lane,) if lane >= 0 else ())), None)

    @property
    def parent(self) -> RoadBlock:
        """The road block that it belongs to."""
        return self.map_api.block(self.get_roadblock_id())

    def get_roadblock_id(self) -> str:
        """Id of the road block that it belongs to."""
        return self.map_api.block_id(self.lane)

    def contains_point(self, point: Place) -> bool:
        """Whether a point lies on it."""
        return bool(self.polygon.intersects(shapely.Point(point.x, point.y)))


@dataclass(frozen=True, slots=True)
class RoadBlock:
    """Lanes beside each other in one direction."""

    map_api: MapApi
    members: tuple[int, ...]
    id: str

    @property
    def interior_edges(self) -> list[LaneObject]:
        """Its lanes, from left to right."""
        return self.map_api.lanes(self.members)

    @property
    def polygon(self) -> shapely.Geometry:
        """Its surface."""
        return shapely.union_all([lane.polygon for lane in self.interior_edges])

    @property
    def incoming_edges(self) -> list[RoadBlock]:
        """Road blocks that lead here."""
        return self._blocks(edge for lane in self.interior_edges for edge in lane.incoming_edges)

    @property
    def outgoing_edges(self) -> list[RoadBlock]:
        """Road blocks that this one leads to."""
        return self._blocks(edge for lane in self.interior_edges for edge in lane.outgoing_edges)

    def contains_point(self, point: Place) -> bool:
        """Whether a point lies on it."""
        return any(lane.contains_point(point) for lane in self.interior_edges)

    def _blocks(self, edges: Iterable[LaneObject]) -> list[RoadBlock]:
        names = dict.fromkeys(edge.get_roadblock_id() for edge in edges)
        return [self.map_api.block(name) for name in names]


@dataclass(frozen=True, slots=True)
class Intersection:
    """The surface of a junction."""

    map_api: MapApi
    id: str

    @property
    def polygon(self) -> shapely.Geometry:
        """Union of its lanes."""
        lane_map = self.map_api.lane_map
        return shapely.union_all([lane_map.surface(n) for n in range(lane_map.size) if lane_map.junction[n] == self.id])

    def contains_point(self, point: Place) -> bool:
        """Whether a point lies on it."""
        return bool(self.polygon.intersects(shapely.Point(point.x, point.y)))


MapObject: TypeAlias = LaneObject | RoadBlock | Intersection


class MapApi:
    """Questions that planners ask of the map."""

    def __init__(self, lane_map: LaneMap, map_name: str = "map") -> None:
        self.lane_map = lane_map
        self.map_name = map_name
        self._baselines: dict[int, PolylineMapObject] = {}

    def get_available_map_objects(self) -> list[SemanticMapLayer]:
        """Layers that can be asked for."""
        return list(OFFERED)

    def get_map_object(self, object_id: str, layer: SemanticMapLayer) -> MapObject | None:
        """The object with an id, None where the layer has none."""
        layer = _offered(layer)
        if layer in (Layer.ROADBLOCK, Layer.ROADBLOCK_CONNECTOR):
            lane = self._lane(str(object_id).removeprefix(BLOCK))
            known = lane is not None and self.block_id(lane) == object_id
            return self.block(str(object_id)) if known and self._is_in(lane, layer) else None
        if layer is Layer.INTERSECTION:
            return Intersection(self, str(object_id)) if object_id in self.lane_map.junction and object_id else None
        lane = self._lane(str(object_id))
        return self.lane_object(lane) if lane is not None and self._is_in(lane, layer) else None

    def get_all_map_objects(self, point: Place, layer: SemanticMapLayer) -> list[MapObject]:
        """The objects of a layer on which a point lies."""
        return [item for item in self._near(point, 0.1, layer) if item.contains_point(point)]

    def get_one_map_object(self, point: Place, layer: SemanticMapLayer) -> MapObject | None:
        """The object of a layer on which a point lies, None without one."""
        return next(iter(self.get_all_map_objects(point, layer)), None)

    def is_in_layer(self, point: Place, layer: SemanticMapLayer) -> bool:
        """Whether a point lies on an object of a layer."""
        return self.get_one_map_object(point, layer) is not None

    def get_proximal_map_objects(
        self, point: Place, radius: float, layers: Sequence[SemanticMapLayer]
    ) -> dict[SemanticMapLayer, list[MapObject]]:
        """The objects of some layers within a distance."""
        return {layer: self._near(point, radius, layer) for layer in layers}

    def get_distance_to_nearest_map_object(
        self, point: Place, layer: SemanticMapLayer
    ) -> tuple[str | None, float | None]:
        """Id of the nearest object of a layer and the distance to it; (None, None) beyond 1 km."""
        for radius in (1.0, 10.0, 100.0, 1000.0):
            found = self._near(point, radius, layer)
            if found:
                here = shapely.Point(point.x, point.y)
                distances = [float(item.polygon.distance(here)) for item in found]
                best = int(np.argmin(distances))
                return found[best].id, distances[best]
        return None, None

    # --- for the objects themselves ---

    def lane_object(self, lane: int) -> LaneObject:
        """The lane of an index."""
        return LaneObject(self, lane, self.lane_map.ids[lane])

    def lanes(self, indices: Iterable[int]) -> list[LaneObject]:
        """Those of some indices that one may drive on."""
        return [self.lane_object(n) for n in indices if self.lane_map.kinds[n] in DRIVABLE_KINDS]

    def baseline(self, lane: int) -> PolylineMapObject:
        """A lane's centre line, made once."""
        if lane not in self._baselines:
            self._baselines[lane] = PolylineMapObject(self.lane_map.ids[lane], self.lane_map.centre(lane))
        return self._baselines[lane]

    def block_id(self, lane: int) -> str:
        """Id of a lane's road block."""
        return f"{BLOCK}{self.lane_map.ids[self._row(lane)[0]]}"

    def block(self, block_id: str) -> RoadBlock:
        """The road block of an id."""
        return RoadBlock(self, self._row(self.lane_map.index(block_id.removeprefix(BLOCK))), block_id)

    def _row(self, lane: int) -> tuple[int, ...]:
        """The lanes beside a lane and itself that one may drive on, from left to right."""
        kinds, row = self.lane_map.kinds, [lane]
        while (left := int(self.lane_map.left_neighbour[row[0]])) >= 0 and left not in row:
            row.insert(0, left)
        while (right := int(self.lane_map.right_neighbour[row[-1]])) >= 0 and right not in row:
            row.append(right)
        return tuple(n for n in row if n == lane or kinds[n] in DRIVABLE_KINDS)

    def _lane(self, lane_id: str) -> int | None:
        return self.lane_map.ids.index(lane_id) if lane_id in self.lane_map.ids else None

    def _is_in(self, lane: int | None, layer: SemanticMapLayer) -> bool:
        if lane is None:
            return False
        inside = layer in (Layer.LANE_CONNECTOR, Layer.ROADBLOCK_CONNECTOR)
        return bool(self.lane_map.junction[lane]) == inside

    def _near(self, point: Place, radius: float, layer: SemanticMapLayer) -> list[MapObject]:
        layer = _offered(layer)
        near = self.lane_map.lanes_near(np.array([point.x, point.y]), max(radius, 1e-6)).tolist()
        if layer is Layer.INTERSECTION:
            names = dict.fromkeys(self.lane_map.junction[n] for n in near if self.lane_map.junction[n])
            return [Intersection(self, name) for name in names]
        kept = [n for n in near if self._is_in(n, layer)]
        if layer in (Layer.LANE, Layer.LANE_CONNECTOR):
            return [self.lane_object(n) for n in kept]
        return [self.block(name) for name in dict.fromkeys(self.block_id(n) for n in kept)]


def _offered(layer: SemanticMapLayer) -> SemanticMapLayer:
    """The layer as ours; planners may bring the devkit's own, whose members have the same numbers."""
    if int(layer) not in [int(item) for item in OFFERED]:
        offered = ", ".join(item.name for item in OFFERED)
        name = getattr(layer, "name", layer)
        raise InputError(f"a planner asked for the map layer {name}, which Lanewise does not offer; it has {offered}")
    return Layer(int(layer))
