"""Control: the trajectory in `odom` becomes acceleration and steering, fifty times a second.

In: odometry, trajectory, the weather. Out: `/control/command`. The node has no memory: the measured wheel angle and
acceleration are its feedback. What is commanded works a little later: the command is computed for the state in which
the car will be then, and taken ahead by the actuators' lags, so that the car does what the plan says in time. Steering
stays within what the tyres hold, and braking within what steering leaves of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bus.messages import Odometry, Trajectory, VehicleCommand
from bus.node import Node, Publication, Tick
from bus.topics import TOPICS
from geometry.angles import wrap_rad
from motion.bicycle import Vehicle
from motion.tracking import LateralGains, TrackingSettings, lateral_gains, nearest_on_path, steering_command
from planning.dead_reckoning import moved_on
from planning.grip import GRAVITY_MPS2, along_limit_mps2, friction_of

CONTROL_PERIOD_NS = 20_000_000
STANDING_S, CREEP_MPS = 1.0, 0.5
"""A plan that stands so much later means to stand; below this speed the car is brought to rest, not let creep there."""
SOON_S = 1.0
QUICK_MPS3 = 6.0
"""Sideways jerk beyond which a turn is quick."""
GRIP_SHARE = 0.9
"""So much of the grip is steered with, so that the tyres still answer."""


def node(vehicle: Vehicle, settings: TrackingSettings) -> Node:
    """The node to hand to the executor."""
    gains = lateral_gains(vehicle, settings, CONTROL_PERIOD_NS * 1e-9)
    return Node(
        name="control",
        priority=40,
        step=lambda memory, tick: (memory, _step(vehicle, settings, gains, tick)),
        memory=None,
        inputs=("/localization/odometry", "/planning/trajectory", "/perception/weather"),
        outputs=("/control/command",),
        period_ns=CONTROL_PERIOD_NS,
    )


def _step(vehicle: Vehicle, settings: TrackingSettings, gains: LateralGains, tick: Tick) -> tuple[Publication, ...]:
    odometry: Odometry | None = tick.fresh("/localization/odometry", TOPICS["/localization/odometry"].max_age_s or 0.0)
    trajectory: Trajectory | None = tick.fresh("/planning/trajectory", TOPICS["/planning/trajectory"].max_age_s or 0.0)
    if odometry is None or trajectory is None:
        return ()  # the safety gate sees the silence and falls back on the stop
    ages_s = [
        (tick.now_ns - tick.inputs[topic].envelope.measured_ns) * 1e-9
        for topic in ("/localization/odometry", "/planning/trajectory")
    ]
    friction = friction_of(tick.fresh("/perception/weather", TOPICS["/perception/weather"].max_age_s or 0.0))
    after_s = ages_s[0] + settings.delay_s
    later = moved_on(odometry, odometry.acceleration_mps2, odometry.steering_rad, after_s, vehicle)
    command = track(trajectory, later, ages_s[1] + settings.delay_s, vehicle, settings, gains, friction * GRAVITY_MPS2)
    return (Publication("/control/command", command),)


def track(
    trajectory: Trajectory, odometry: Odometry, age_s: float, vehicle: Vehicle, settings: TrackingSettings,
    gains: LateralGains, grip_mps2: float = GRAVITY_MPS2,
) -> VehicleCommand:  # fmt: skip
    """The command that follows a trajectory planned `age_s` ago, on tyres that hold `grip_mps2`."""
    grip, comfort = GRIP_SHARE * grip_mps2, settings.lateral_acceleration_mps2
    sharp = trajectory.emergency and _sideways_mps2(trajectory) > comfort
    settings = replace(settings, lateral_acceleration_mps2=grip if sharp else min(comfort, grip))
    pose, speed = odometry.odom_from_ego, odometry.speed_mps
    index, share, offset = nearest_on_path(pose.x_m, pose.y_m, trajectory.x_m, trajectory.y_m)
    after = min(index + 1, len(trajectory.t_s) - 1)
    heading = trajectory.yaw_rad[index] + share * wrap_rad(float(trajectory.yaw_rad[after] - trajectory.yaw_rad[index]))
    at_s = (1.0 - share) * trajectory.t_s[index] + share * trajectory.t_s[after]
    # The wheels need time to turn: what the path asks in a moment is commanded now.
    ahead_s = at_s + vehicle.steering_lag_s + np.array([0.0, settings.steering_preview_s])
    next_radpm, later_radpm = np.interp(ahead_s, trajectory.t_s, trajectory.curvature_radpm)
    # Looking further ahead is smoother, but rounds off the quick turns of an emergency.
    quick = abs(later_radpm - next_radpm) * speed * speed > QUICK_MPS3 * settings.steering_preview_s
    curvature = next_radpm if quick and trajectory.emergency else later_radpm
    steering = steering_command(
        gains.at(speed), offset, wrap_rad(pose.yaw_rad - float(heading)), float(curvature), odometry.steering_rad,
        speed, vehicle, settings,
    )  # fmt: skip
    planned_mps = float(np.interp(age_s, trajectory.t_s, trajectory.speed_mps))
    ahead_s = age_s + vehicle.acceleration_lag_s
    feed_forward = float(np.interp(ahead_s, trajectory.t_s, trajectory.acceleration_mps2))
    if trajectory.emergency:
        # Looking ahead would let the brake go before the car stands, cycle after cycle.
        feed_forward = min(feed_forward, float(np.interp(age_s, trajectory.t_s, trajectory.acceleration_mps2)))
    acceleration = feed_forward + settings.speed_gain_1ps * (planned_mps - speed)
    soon_mps = float(np.interp(age_s + STANDING_S, trajectory.t_s, trajectory.speed_mps))
    # Each new plan stands a moment later than the one before: following them all, the car would creep for seconds.
    if soon_mps < 0.05 and speed < CREEP_MPS:
        acceleration = min(acceleration, -settings.standstill_mps2)
    most = along_limit_mps2(grip_mps2, speed * speed * float(np.tan(steering)) / vehicle.wheelbase_m)
    return VehicleCommand(
        min(max(acceleration, -most), most), steering, hazard_lights=False, emergency=trajectory.emergency
    )


def _sideways_mps2(trajectory: Trajectory) -> float:
    """What the plan asks of the tyres across, within a second."""
    soon = trajectory.t_s <= SOON_S
    return float(np.abs(trajectory.curvature_radpm * trajectory.speed_mps**2)[soon].max(initial=0.0))
