"""A shipped road with a few agents on it, as a view."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import lanewise.scenarios
from bus.messages import EntityKind
from geometry.pose import Pose
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from sim.sensors.camera.renderer import Agents, Scenery, WorldView, scenery_of

MAPS = Path(lanewise.scenarios.__file__).parent / "maps"
SIZES = {
    EntityKind.CAR: (4.6, 1.85, 1.5),
    EntityKind.TRUCK: (12.0, 2.5, 3.8),
    EntityKind.BUS: (11.5, 2.5, 3.2),
    EntityKind.VAN: (5.6, 2.1, 2.4),
    EntityKind.MOTORCYCLE: (2.2, 0.8, 1.6),
    EntityKind.BICYCLE: (1.8, 0.6, 1.75),
    EntityKind.PEDESTRIAN: (0.5, 0.6, 1.75),
    EntityKind.OBSTACLE: (0.8, 0.8, 0.9),
    EntityKind.TRAILER: (5.0, 2.2, 2.0),
    EntityKind.ANIMAL: (1.4, 0.5, 1.1),
}


@pytest.fixture(scope="session")
def rig() -> ModuleType:
    """This module, for its constants and `view_of`."""
    return sys.modules[__name__]


@pytest.fixture(scope="session")
def straight() -> LaneMap:
    return sample_lanes(read_opendrive(MAPS / "highway_straight.xodr"))


@pytest.fixture(scope="session")
def scenery(straight: LaneMap) -> Scenery:
    return scenery_of(straight, 1)


EGO = Pose(300.0, -7.625, 0.0)
"""In the middle of a lane of the straight motorway, bound east."""


def view_of(scenery: Scenery, *placed: tuple[EntityKind, float, float, float]) -> WorldView:
    """Agents given by kind and x, y, yaw in `ego`."""
    poses = [EGO @ Pose(x, y, yaw) for _, x, y, yaw in placed]
    sizes = np.array([SIZES[kind] for kind, *_ in placed]).reshape(-1, 3)
    agents = Agents(
        np.arange(len(placed)),
        np.array([int(kind) for kind, *_ in placed], dtype=np.int64),
        np.array([pose.x_m for pose in poses]),
        np.array([pose.y_m for pose in poses]),
        np.array([pose.yaw_rad for pose in poses]),
        sizes[:, 0],
        sizes[:, 1],
        sizes[:, 2],
        np.zeros(len(placed)),
    )
    return WorldView(scenery, agents, EGO, 20.0, ())
