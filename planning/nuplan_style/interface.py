"""What a planner of the nuPlan devkit is, and what it is given at the start and in every cycle; names as there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from planning.nuplan_style.map_api import MapApi
from planning.nuplan_style.observation import DetectionsTracks, TrafficLightStatusData
from planning.nuplan_style.state import EgoState, StateSE2, TimePoint


@dataclass(frozen=True, slots=True)
class PlannerInitialization:
    """Given once, before the first cycle."""

    route_roadblock_ids: list[str]
    mission_goal: StateSE2
    map_api: MapApi


@dataclass(frozen=True, slots=True)
class SimulationIteration:
    """Which cycle it is, and when."""

    time_point: TimePoint
    index: int

    @property
    def time_us(self) -> int:
        """The instant in microseconds."""
        return self.time_point.time_us

    @property
    def time_s(self) -> float:
        """The instant in seconds."""
        return self.time_point.time_s


@dataclass(frozen=True, slots=True)
class SimulationHistoryBuffer:
    """The last cycles, oldest first, the present one last; it grows from one entry to 2 s."""

    ego_state_buffer: list[EgoState]
    observations_buffer: list[DetectionsTracks]
    sample_interval: float

    @property
    def ego_states(self) -> list[EgoState]:
        """States of the ego."""
        return self.ego_state_buffer

    @property
    def observations(self) -> list[DetectionsTracks]:
        """What was seen."""
        return self.observations_buffer

    @property
    def current_state(self) -> tuple[EgoState, DetectionsTracks]:
        """Ego and others now."""
        return self.ego_state_buffer[-1], self.observations_buffer[-1]

    @property
    def size(self) -> int:
        """How many cycles there are."""
        return len(self.ego_state_buffer)

    @property
    def duration(self) -> float:
        """Seconds from the first to the last."""
        return (self.size - 1) * self.sample_interval


@dataclass(frozen=True, slots=True)
class PlannerInput:
    """Given in every cycle."""

    iteration: SimulationIteration
    history: SimulationHistoryBuffer
    traffic_light_data: list[TrafficLightStatusData]


class AbstractPlanner(ABC):
    """The devkit's interface, for planners that do not want to install it; a planner need not inherit from it."""

    requires_scenario = False

    @abstractmethod
    def name(self) -> str:
        """What it is called."""

    def observation_type(self) -> Any:
        """What it wants to see: tracks."""
        return DetectionsTracks

    @abstractmethod
    def initialize(self, initialization: PlannerInitialization) -> None:
        """Called once, before the first cycle."""

    @abstractmethod
    def compute_planner_trajectory(self, current_input: PlannerInput) -> Any:
        """One cycle: a trajectory with `get_sampled_trajectory`, which gives states with `rear_axle` and `time_us`."""
