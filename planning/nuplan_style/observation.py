"""Others and lights as planners of the nuPlan devkit read them; names as in the devkit, `world` frame, SI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from bus.messages import EntityKind, LightState
from geometry.angles import wrap_rad
from maps.lane_map import LaneMap
from maps.route_rules import lights_by_lane
from planning.nuplan_style.state import OrientedBox, StateSE2, StateVector2D
from planning.scene import Agents


class TrackedObjectType(Enum):
    """Kinds of others."""

    VEHICLE = 0
    PEDESTRIAN = 1
    BICYCLE = 2
    TRAFFIC_CONE = 3
    BARRIER = 4
    CZONE_SIGN = 5
    GENERIC_OBJECT = 6
    EGO = 7

    @property
    def fullname(self) -> str:
        """Its name in small letters."""
        return self.name.lower()


AGENT_TYPES = frozenset({TrackedObjectType.VEHICLE, TrackedObjectType.PEDESTRIAN, TrackedObjectType.BICYCLE})
KINDS: Mapping[int, TrackedObjectType] = {
    EntityKind.PEDESTRIAN: TrackedObjectType.PEDESTRIAN,
    EntityKind.ANIMAL: TrackedObjectType.PEDESTRIAN,
    EntityKind.BICYCLE: TrackedObjectType.BICYCLE,
    EntityKind.OBSTACLE: TrackedObjectType.GENERIC_OBJECT,
}
"""All other kinds are vehicles."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who it is."""

    track_token: str
    track_id: int
    timestamp_us: int


@dataclass(frozen=True, slots=True)
class TrackedObject:
    """Somebody or something; `velocity` in `world`. `angular_velocity` is not estimated."""

    tracked_object_type: TrackedObjectType
    box: OrientedBox
    velocity: StateVector2D
    metadata: Metadata
    angular_velocity: float | None = None
    predictions: None = None

    @property
    def track_token(self) -> str:
        """Stays the same over a drive."""
        return self.metadata.track_token

    @property
    def token(self) -> str:
        """As `track_token`."""
        return self.metadata.track_token

    @property
    def center(self) -> StateSE2:
        """The middle of the box."""
        return self.box.center


@dataclass(frozen=True, slots=True)
class TrackedObjects:
    """All others at an instant."""

    tracked_objects: list[TrackedObject]

    def __iter__(self) -> Iterator[TrackedObject]:
        return iter(self.tracked_objects)

    def __len__(self) -> int:
        return len(self.tracked_objects)

    def get_tracked_objects_of_type(self, tracked_object_type: TrackedObjectType) -> list[TrackedObject]:
        """Those of one kind."""
        return [item for item in self.tracked_objects if item.tracked_object_type is tracked_object_type]

    def get_tracked_objects_of_types(self, tracked_object_types: Sequence[TrackedObjectType]) -> list[TrackedObject]:
        """Those of some kinds."""
        return [item for item in self.tracked_objects if item.tracked_object_type in tracked_object_types]

    def get_agents(self) -> list[TrackedObject]:
        """Vehicles, pedestrians and cyclists."""
        return self.get_tracked_objects_of_types(tuple(AGENT_TYPES))

    def get_static_objects(self) -> list[TrackedObject]:
        """All that is no agent."""
        return [item for item in self.tracked_objects if item.tracked_object_type not in AGENT_TYPES]


@dataclass(frozen=True, slots=True)
class DetectionsTracks:
    """What a planner that observes tracks gets."""

    tracked_objects: TrackedObjects


def observation_of(agents: Agents, time_us: int) -> DetectionsTracks:
    """The scene's agents."""
    return DetectionsTracks(TrackedObjects([_tracked(agents, n, time_us) for n in range(len(agents.ids))]))


def _tracked(agents: Agents, n: int, time_us: int) -> TrackedObject:
    kind = KINDS.get(int(agents.kinds[n]), TrackedObjectType.VEHICLE)
    centre = StateSE2(float(agents.x_m[n]), float(agents.y_m[n]), float(wrap_rad(agents.yaw_rad[n])))
    box = OrientedBox(centre, float(agents.length_m[n]), float(agents.width_m[n]))
    number = int(agents.ids[n])
    velocity = StateVector2D(float(agents.vx_mps[n]), float(agents.vy_mps[n]))
    return TrackedObject(kind, box, velocity, Metadata(str(number), number, time_us))


# --- lights -----------------------------------------------------------------------------------------------------------


class TrafficLightStatusType(Enum):
    """States of a light."""

    GREEN = 0
    YELLOW = 1
    RED = 2
    UNKNOWN = 3


STATES: Mapping[LightState, TrafficLightStatusType] = {
    LightState.GREEN: TrafficLightStatusType.GREEN,
    LightState.YELLOW: TrafficLightStatusType.YELLOW,
    LightState.RED: TrafficLightStatusType.RED,
    LightState.RED_YELLOW: TrafficLightStatusType.RED,
}


@dataclass(frozen=True, slots=True)
class TrafficLightStatusData:
    """The light that holds for a lane connector; its id is a string as all ids of the map are."""

    status: TrafficLightStatusType
    lane_connector_id: str
    timestamp: int


def lights_of(lane_map: LaneMap, lights: Mapping[str, LightState], time_us: int) -> list[TrafficLightStatusData]:
    """A line for every lane of a junction that a light holds for, on its way in or on itself."""
    told: dict[str, TrafficLightStatusData] = {}
    for lane, found in lights_by_lane(lane_map).items():
        governed = (lane,) if lane_map.junction[lane] else lane_map.successors[lane]
        for signal_id, _ in found:
            status = STATES.get(lights.get(signal_id, LightState.UNKNOWN), TrafficLightStatusType.UNKNOWN)
            for connector in np.asarray(governed, dtype=np.int64).tolist():
                if lane_map.junction[connector]:
                    name = lane_map.ids[connector]
                    told[name] = TrafficLightStatusData(status, name, time_us)
    return list(told.values())
