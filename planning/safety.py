"""The safety gate: the last node before the vehicle. It believes nobody and needs nothing but fresh, sane messages.

In: command, trajectory, odometry, pose, tracks. Out: `/vehicle/command`, `/safety/status`. Modes:

normal        the command passes, bounded by what the vehicle can do and by comfort unless an emergency is declared
degraded      localization is not sure of its lane, or its bound is wider than one: the command passes, speeding up is
              not allowed beyond a walking pace; where the place is too unsure for the lane or for the turn to come, the
              car is slowed (`planning.doubt`), at last to that pace, until it is sure again
minimal-risk  an input has fallen silent or localization is lost: the precomputed stop in the own lane is driven, at no
              more than 4 m/s^2 with hazard lights, to standstill, and there is no restart (UN R157, 5.5.1)

In each mode a command has to leave a way out (`planning.way_out`): where full braking after it would meet somebody who
has been seen in the way for `confirm_s`, full braking comes now, up to 9 m/s^2, and the status says whom it is for.

Where odometry itself has fallen silent, the gate moves the last one on with the bicycle model and its own commands, so
that the stop keeps its lane in a curve too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bus.messages import (
    Odometry,
    PoseEstimate,
    PoseStatus,
    SafetyMode,
    SafetyStatus,
    Trajectory,
    VehicleCommand,
)
from bus.node import Node, Publication, Tick
from bus.topics import TOPICS
from geometry.angles import wrap_rad
from motion.bicycle import Vehicle
from motion.tracking import LateralGains, TrackingSettings, lateral_gains, nearest_on_path, steering_command
from planning.dead_reckoning import moved_on
from planning.doubt import DoubtSettings, pace_mps
from planning.way_out import WayOutSettings, first_met

FRESH = "all inputs are fresh"
NO_COMMAND = VehicleCommand(0.0, 0.0, hazard_lights=False, emergency=False)

GATE_PERIOD_NS = 20_000_000
STATUS_PERIOD_NS = 100_000_000

WATCHED = (
    "/localization/odometry",
    "/localization/pose",
    "/perception/tracks",
    "/planning/trajectory",
    "/control/command",
)
"""Topics whose silence ends normal driving; ages are those of the topic table."""


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """Bounds of the gate, positive decelerations."""

    stop_mps2: float = 3.5
    """Deceleration of the minimal-risk stop (UN R157 5.5.1 allows 4)."""
    strong_mps2: float = 5.0
    """Hardest braking without a declared emergency (UN R157 5.3.1.1)."""
    emergency_mps2: float = 9.0
    acceleration_mps2: float = 2.5
    grace_s: float = 0.5
    """After the stack has taken over, inputs may take this long to arrive."""
    bound_m: float = 2.0
    """A lateral protection level above this is wider than a lane, whatever localization says."""
    confirm_s: float = 0.1
    """Measurements so far apart have to agree that somebody is in the way: one frame alone brakes nobody."""
    trusted_s: float = 0.8
    """Where others will be is told from measurements no older than this."""
    way_out: WayOutSettings = WayOutSettings()
    doubt: DoubtSettings = DoubtSettings()
    settle_s: float = 0.5
    """Within which a speed beyond what the pose allows is taken back."""


@dataclass(frozen=True, slots=True)
class SafetyMemory:
    """What the gate keeps between two checks."""

    mode: SafetyMode
    reason: str
    engaged_ns: int
    """When the stack took over (-1: not yet)."""
    fallback: Trajectory | None
    """The newest plan; its stop is the one to drive."""
    ego: Odometry | None
    """The newest odometry, moved on to now while it is silent."""
    ego_measured_ns: int
    command: VehicleCommand
    """The last one given."""
    danger_ns: int = -1
    """When somebody was first measured who leaves no way out (-1: nobody is)."""


def node(vehicle: Vehicle, settings: SafetySettings, tracking: TrackingSettings) -> Node:
    """The node to hand to the executor."""
    gains = lateral_gains(vehicle, tracking, GATE_PERIOD_NS * 1e-9)
    gate = Gate(vehicle, settings, tracking, gains)
    return Node(
        name="safety",
        priority=50,
        step=gate.step,
        memory=SafetyMemory(SafetyMode.NORMAL, FRESH, -1, None, None, -1, NO_COMMAND),
        inputs=WATCHED,
        outputs=("/vehicle/command", "/safety/status"),
        period_ns=GATE_PERIOD_NS,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """The gate for one vehicle."""

    vehicle: Vehicle
    settings: SafetySettings
    tracking: TrackingSettings
    gains: LateralGains

    def step(self, memory: SafetyMemory, tick: Tick) -> tuple[SafetyMemory, tuple[Publication, ...]]:
        """One check and one command."""
        newest = {topic: tick.fresh(topic, TOPICS[topic].max_age_s or 0.0) for topic in WATCHED}
        memory = self._located(_remember(memory, newest, tick.now_ns), tick)
        mode, reason, allowed_mps = self._judge(memory, newest, tick.now_ns)
        if mode is SafetyMode.MINIMAL_RISK:
            command = self._minimal_risk(memory)
        elif newest["/control/command"] is None:
            command = replace(NO_COMMAND, steering_rad=memory.command.steering_rad)
        else:
            command = self._bounded(newest["/control/command"], memory, allowed_mps)
        status = SafetyStatus(mode, reason)
        memory, track = self._in_the_way(memory, command, tick)
        if track >= 0:
            command = replace(command, acceleration_mps2=-self.settings.emergency_mps2, emergency=True)
            status = SafetyStatus(max(mode, SafetyMode.DEGRADED), f"only full braking keeps clear of track {track}")
        publications = [Publication("/vehicle/command", command)]
        if tick.now_ns % STATUS_PERIOD_NS == 0:
            publications.append(Publication("/safety/status", status))
        return replace(memory, mode=mode, reason=reason, command=command), tuple(publications)

    def _in_the_way(self, memory: SafetyMemory, command: VehicleCommand, tick: Tick) -> tuple[SafetyMemory, int]:
        """The track to which the command leaves no way out (-1: none), once two measurements agree on that."""
        seen = tick.inputs.get("/perception/tracks")
        if memory.engaged_ns < 0 or memory.ego is None or memory.fallback is None or seen is None:
            return memory, -1
        measured_ns = seen.envelope.measured_ns
        age_s = (tick.now_ns - measured_ns) * 1e-9
        if age_s > self.settings.trusted_s:
            return replace(memory, danger_ns=-1), -1
        row = first_met(
            memory.ego, memory.fallback, seen.message, age_s, command.acceleration_mps2, self.vehicle,
            self.settings.way_out,
        )  # fmt: skip
        if row < 0:
            return replace(memory, danger_ns=-1), -1
        since_ns = measured_ns if memory.danger_ns < 0 else memory.danger_ns
        confirmed = measured_ns - since_ns >= self.settings.confirm_s * 1e9
        return replace(memory, danger_ns=since_ns), int(seen.message.ids[row]) if confirmed else -1

    def _located(self, memory: SafetyMemory, tick: Tick) -> SafetyMemory:
        """Take over new odometry; without any, move the last one on by what was commanded."""
        received = tick.inputs.get("/localization/odometry")
        if received is not None and received.envelope.measured_ns > memory.ego_measured_ns:
            return replace(memory, ego=received.message, ego_measured_ns=received.envelope.measured_ns)
        if memory.ego is None:
            return memory
        last = memory.command
        later = moved_on(
            memory.ego, last.acceleration_mps2, last.steering_rad, GATE_PERIOD_NS * 1e-9, self.vehicle
        )  # fmt: skip
        return replace(memory, ego=later)

    def _judge(self, memory: SafetyMemory, newest: dict[str, Any], now_ns: int) -> tuple[SafetyMode, str, float]:
        """Mode, reason and the highest speed."""
        if memory.mode is SafetyMode.MINIMAL_RISK:
            return memory.mode, memory.reason, 0.0  # no restart without the operator
        if memory.engaged_ns < 0 or now_ns - memory.engaged_ns < self.settings.grace_s * 1e9:
            return SafetyMode.NORMAL, FRESH, math.inf
        silent = [topic for topic in WATCHED if newest[topic] is None]
        if silent:
            return SafetyMode.MINIMAL_RISK, f"no fresh {', '.join(silent)}", 0.0
        ego, pose = newest["/localization/odometry"], newest["/localization/pose"]
        if pose.status is PoseStatus.LOST:
            return SafetyMode.MINIMAL_RISK, "localization is lost", 0.0
        return self._doubted(ego, pose, newest["/planning/trajectory"])

    def _doubted(self, ego: Odometry, pose: PoseEstimate, plan: Trajectory) -> tuple[SafetyMode, str, float]:
        """Mode, reason and the highest speed that the pose allows."""
        doubt = self.settings.doubt
        allowed_mps = pace_mps(plan, ego, pose, doubt)
        unsure_mps = min(allowed_mps, max(ego.speed_mps, doubt.creep_mps))
        if pose.status is PoseStatus.LANE_UNCERTAIN:
            return SafetyMode.DEGRADED, "localization is not sure of its lane", unsure_mps
        if not pose.protection_lateral_m <= self.settings.bound_m:
            return SafetyMode.DEGRADED, f"localization's bound is {pose.protection_lateral_m:.1f} m wide", unsure_mps
        if ego.speed_mps > allowed_mps - doubt.margin_mps:
            reason = f"the place is too unsure for more than {allowed_mps:.1f} m/s here"
            return SafetyMode.DEGRADED, reason, allowed_mps
        return SafetyMode.NORMAL, FRESH, allowed_mps

    def _bounded(self, command: VehicleCommand, memory: SafetyMemory, allowed_mps: float) -> VehicleCommand:
        """The command within what vehicle, comfort and the highest speed allow."""
        settings = self.settings
        hardest = settings.emergency_mps2 if command.emergency else settings.strong_mps2
        speed_mps = 0.0 if memory.ego is None else memory.ego.speed_mps
        slower = max((allowed_mps - speed_mps) / settings.settle_s, -settings.stop_mps2)
        strongest = min(settings.acceleration_mps2, slower)
        steering = self.vehicle.max_steering_rad
        return VehicleCommand(
            min(max(command.acceleration_mps2, -hardest), strongest),
            min(max(command.steering_rad, -steering), steering),
            hazard_lights=command.hazard_lights,
            emergency=command.emergency,
        )

    def _minimal_risk(self, memory: SafetyMemory) -> VehicleCommand:
        """Brake along the stop's path; where there is neither plan nor place, hold the wheel."""
        steering = memory.command.steering_rad
        stop, ego = memory.fallback, memory.ego
        if ego is not None and stop is not None:
            pose, speed = ego.odom_from_ego, ego.speed_mps
            x_m, y_m, yaw_rad, curvature = stop.stop_x_m, stop.stop_y_m, stop.stop_yaw_rad, stop.stop_curvature_radpm
            index, share, offset = nearest_on_path(pose.x_m, pose.y_m, x_m, y_m)
            bend = float((1.0 - share) * curvature[index] + share * curvature[min(index + 1, len(curvature) - 1)])
            error = wrap_rad(pose.yaw_rad - float(yaw_rad[index]))
            steering = steering_command(
                self.gains.at(speed), offset, error, bend, ego.steering_rad, speed, self.vehicle, self.tracking
            )
        return VehicleCommand(-self.settings.stop_mps2, steering, hazard_lights=True, emergency=False)


def _remember(memory: SafetyMemory, newest: dict[str, Any], now_ns: int) -> SafetyMemory:
    odometry: Odometry | None = newest["/localization/odometry"]
    if odometry is not None and odometry.engaged and memory.engaged_ns < 0:
        memory = replace(memory, engaged_ns=now_ns)
    trajectory: Trajectory | None = newest["/planning/trajectory"]
    if trajectory is not None and memory.mode is not SafetyMode.MINIMAL_RISK and np.size(trajectory.stop_t_s) > 1:
        memory = replace(memory, fallback=trajectory)
    return memory
