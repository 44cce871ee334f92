"""A planner: along the route at the set speed, and some seconds behind whoever is ahead in its lane.

lanewise run stopped-lead --planner FILE:NewPlanner --set planning.headway_s=1.5
"""

from dataclasses import dataclass

import numpy as np

from planning.along_path import along_path
from planning.planner import Plan
from planning.scene import Context, Scene


@dataclass(frozen=True)
class Settings:
    """The `[planning]` section of the configuration."""

    headway_s: float = 2.0


@dataclass(frozen=True)
class NewPlanner:
    """All that a planner needs are `start` and `plan`; what it remembers goes from one cycle to the next."""

    settings: Settings = Settings()

    def start(self, context: Context) -> None:
        """Nothing to remember."""

    def plan(self, scene: Scene, memory: None) -> tuple[Plan, None]:
        """One cycle, ten times a second; everything is in `world`, SI."""
        ego, others, path = scene.ego, scene.agents, scene.context.mission.route.path
        s_m = path.project(np.array([[ego.world_from_ego.x_m, ego.world_from_ego.y_m]]))[0][0]
        along_m, aside_m = path.project(np.stack((others.x_m, others.y_m), axis=-1))
        gaps_m = along_m - 0.5 * others.length_m - s_m - scene.context.vehicle.front_m
        ahead = np.flatnonzero((np.abs(aside_m) < 1.8) & (gaps_m > -2.0) & (gaps_m < 200.0))
        wanted_mps, lead_id = scene.context.mission.set_speed_mps, -1
        if len(ahead):
            lead = ahead[np.argmin(gaps_m[ahead])]
            spare_m = gaps_m[lead] - 4.0 - self.settings.headway_s * ego.speed_mps
            wanted_mps = min(wanted_mps, max(others.vx_mps[lead] + 0.4 * spare_m, 0.0))
            lead_id = int(others.ids[lead])
        acceleration_mps2 = float(np.clip(wanted_mps - ego.speed_mps, -4.0, 1.5))
        drive = along_path(path, s_m, ego.speed_mps, acceleration_mps2)
        stop = along_path(path, s_m, ego.speed_mps, -3.5)  # what the safety gate drives if this planner falls silent
        return Plan(drive, stop, "drive", f"wants {wanted_mps:.1f} m/s", lead_id), memory
