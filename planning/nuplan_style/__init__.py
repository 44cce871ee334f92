"""Planners written for the nuPlan devkit, without installing it: the names that they read, and an adapter to our loop.

A planner file imports from here what it would import from the devkit:

    from planning.nuplan_style import AbstractPlanner, EgoState, InterpolatedTrajectory, StateSE2
"""

from planning.nuplan_style.interface import AbstractPlanner, PlannerInitialization, PlannerInput
from planning.nuplan_style.map_api import SemanticMapLayer
from planning.nuplan_style.observation import DetectionsTracks, TrackedObjectType, TrafficLightStatusType
from planning.nuplan_style.state import (
    EgoState,
    InterpolatedTrajectory,
    Point2D,
    StateSE2,
    StateVector2D,
    TimePoint,
    VehicleParameters,
)

__all__ = [
    "AbstractPlanner",
    "DetectionsTracks",
    "EgoState",
    "InterpolatedTrajectory",
    "PlannerInitialization",
    "PlannerInput",
    "Point2D",
    "SemanticMapLayer",
    "StateSE2",
    "StateVector2D",
    "TimePoint",
    "TrackedObjectType",
    "TrafficLightStatusType",
    "VehicleParameters",
]
