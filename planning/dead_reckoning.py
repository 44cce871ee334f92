"""Where the ego will be after a moment, by the bicycle model.

For control, whose commands work later than they are given, and for the safety gate while odometry is silent.
"""

from __future__ import annotations

from bus.messages import Odometry
from geometry.pose import Pose
from motion.bicycle import Vehicle, step_bicycle


def moved_on(
    ego: Odometry, acceleration_mps2: float, steering_rad: float, after_s: float, vehicle: Vehicle
) -> Odometry:  # fmt: skip
    """The odometry `after_s` later under a command; itself where that is not later."""
    if after_s <= 0.0:
        return ego
    pose = ego.odom_from_ego
    x_m, y_m, yaw_rad, speed, acceleration, steering, yaw_rate = step_bicycle(
        pose.x_m, pose.y_m, pose.yaw_rad, ego.speed_mps, ego.acceleration_mps2, ego.steering_rad,
        acceleration_mps2, steering_rad, vehicle.wheelbase_m, vehicle.max_steering_rad,
        vehicle.max_steering_rate_radps, vehicle.acceleration_lag_s, vehicle.steering_lag_s, after_s,
    )  # fmt: skip
    return Odometry(Pose(x_m, y_m, yaw_rad), speed, acceleration, yaw_rate, steering, ego.engaged)
