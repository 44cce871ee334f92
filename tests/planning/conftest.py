"""A straight three-lane motorway, an ego on its middle lane, and scenes with whoever a test puts there."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bus.messages import PoseStatus
from geometry.pose import Pose
from lanewise.scenarios.catalog import FOLDER
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.route import follow_lane
from motion.bicycle import Vehicle
from planning.scene import Agents, Context, EgoState, Mission, Scene

CAR = Vehicle(wheelbase_m=2.8, length_m=4.8, width_m=1.9, centre_x_m=1.4)

SceneMaker = Callable[..., Scene]


@pytest.fixture(scope="session")
def context() -> Context:
    """Set speed 30 m/s on lane `1:0:-2` of the shipped straight motorway, from s = 200 m on."""
    lane_map = sample_lanes(read_opendrive(FOLDER / "maps" / "highway_straight.xodr"))
    route = follow_lane(lane_map, lane_map.index("1:0:-2"), 200.0, 1500.0)
    return Context(lane_map, CAR, Mission(route, 30.0), 0.1)


def agents_of(rows: list[dict[str, Any]]) -> Agents:
    """Agents from rows; what a row leaves out is that of a standing car."""
    default = {"kinds": 0, "yaw_rad": 0.0, "vx_mps": 0.0, "vy_mps": 0.0, "acceleration_mps2": 0.0,
               "yaw_rate_radps": 0.0, "length_m": 4.5, "width_m": 1.8, "existence": 1.0,
               "covariance": np.zeros((4, 4))}  # fmt: skip
    full = [{"ids": i + 1, **default, **row} for i, row in enumerate(rows)]
    return Agents(**{
        name: np.array([row[name] for row in full], dtype=np.int64 if name in ("ids", "kinds") else np.float64)
        for name in Agents.__dataclass_fields__
    })  # fmt: skip


@pytest.fixture
def scene(context: Context) -> SceneMaker:
    """Makes a scene: the ego `s_m` along its route and `d_m` left of it; agents by `ahead_m` and `left_m` of the
    ego."""

    def make(speed_mps: float = 25.0, *rows: dict[str, float], s_m: float = 100.0, d_m: float = 0.0) -> Scene:
        path = context.mission.route.path
        yaw = float(path.heading(np.array([s_m]))[0])
        x, y = (float(v) for v in path.position(np.array([s_m]), np.array([d_m]))[0])
        ego = Pose(x, y, yaw)
        placed = []
        for row in rows:
            rest = {name: value for name, value in row.items() if name not in ("ahead_m", "left_m")}
            point = ego @ np.array([row["ahead_m"], row.get("left_m", 0.0)])
            placed.append({"x_m": point[0], "y_m": point[1], "yaw_rad": yaw, **rest})
        state = EgoState(ego, speed_mps, 0.0, 0.0)
        return Scene(context, 10.0, state, agents_of(placed), PoseStatus.LANE_CERTAIN)

    return make
