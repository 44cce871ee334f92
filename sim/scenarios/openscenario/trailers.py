"""Trailers: the rear axle is dragged behind the hitch (the curve of pursuit of a rigid drawbar, a tractrix)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from geometry.pose import Pose
from maps.road_network import RoadNetwork
from sim.scenarios.openscenario.mover import Mover

TORN_M = 3.0
"""A coupler that is further from its hitch has not been driven there: the trailer is set straight behind."""


@dataclass(frozen=True, slots=True, eq=False)
class Tow:
    """Two entities on one hitch."""

    front: Mover
    rear: Mover

    def pull(self, network: RoadNetwork, dt_s: float) -> None:
        """Bring the trailer behind its hitch."""
        if not self.front.present:
            return
        hitch, bar_m = self.front.pose @ Pose(self.front.hitch_m, 0.0, 0.0), self.rear.coupler_m
        coupler = self.rear.pose @ Pose(bar_m, 0.0, 0.0)
        torn = math.hypot(coupler.x_m - hitch.x_m, coupler.y_m - hitch.y_m) > TORN_M
        if torn or not self.rear.present or bar_m < 1e-3:
            yaw_rad = self.front.pose.yaw_rad
        else:
            yaw_rad = math.atan2(hitch.y_m - self.rear.pose.y_m, hitch.x_m - self.rear.pose.x_m)
        pose = Pose(hitch.x_m - bar_m * math.cos(yaw_rad), hitch.y_m - bar_m * math.sin(yaw_rad), yaw_rad)
        self.rear.follow(network, pose, self.front.speed_mps, dt_s)
        self.rear.guided = True
