"""A recorded drive as what people ask about: the rollout, the plans, the safety gate's modes, the events.

In: messages with envelopes in recorded order. Out: `Drive`, all in `world`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bus.messages import (
    AgentTruth,
    Contact,
    EgoTruth,
    Envelope,
    LightState,
    Message,
    SafetyMode,
    ScenarioInfo,
    Trajectory,
)
from geometry.angles import Floats, wrap_rad
from geometry.errors import InputError
from geometry.pose import Pose
from motion.rollout import ContactEvent, EntityShape, Motion, Rollout

READ = (
    "/truth/scenario", "/truth/ego", "/truth/agents", "/truth/contact", "/truth/event", "/truth/lights",
    "/localization/pose",
    "/planning/trajectory", "/vehicle/command", "/safety/status", "/diagnostics",
)  # fmt: skip
"""The topics that a drive is made of."""


@dataclass(frozen=True, slots=True, eq=False)
class TimedPlan:
    """A plan and the moment from which it held; its columns are in `odom`."""

    t_s: float
    world_from_odom: Pose
    trajectory: Trajectory


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that was said at a time."""

    t_s: float
    message: Any


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """One drive; tuples are in the order of time."""

    info: ScenarioInfo
    rollout: Rollout
    plans: tuple[TimedPlan, ...]
    modes: tuple[Moment, ...]
    """Changes of the safety gate's status."""
    hazard_spans_s: tuple[tuple[float, float], ...]
    events: tuple[Moment, ...]
    diagnostics: tuple[Moment, ...]
    lights: tuple[tuple[float, Mapping[str, LightState]], ...] = ()
    """States of the traffic lights by the map's ids, and the times from which they held."""


def drive_of(messages: Iterable[tuple[Envelope, Message]]) -> Drive:
    """Gather a drive from its messages.

    Raises:
        InputError: the cast or the ego's states are missing.
    """
    said: dict[str, list[tuple[Envelope, Any]]] = defaultdict(list)
    for envelope, message in messages:
        said[envelope.topic].append((envelope, message))
    if not said["/truth/scenario"] or len(said["/truth/ego"]) < 2:
        raise InputError("this recording holds no simulated drive: /truth/scenario or /truth/ego is missing")
    info: ScenarioInfo = said["/truth/scenario"][0][1]
    rollout = _rollout(info, said)
    return Drive(
        info=info,
        rollout=rollout,
        plans=_plans(said["/planning/trajectory"], said["/localization/pose"]),
        modes=_changes(said["/safety/status"]),
        hazard_spans_s=_spans(said["/vehicle/command"], float(rollout.t_s[-1])),
        events=tuple(Moment(envelope.measured_ns * 1e-9, message) for envelope, message in said["/truth/event"]),
        diagnostics=tuple(Moment(envelope.published_ns * 1e-9, message) for envelope, message in said["/diagnostics"]),
        lights=tuple(
            (
                envelope.measured_ns * 1e-9,
                dict(zip(message.signals, map(LightState, message.state.tolist()), strict=True)),
            )
            for envelope, message in said["/truth/lights"]
        ),
    )


def _rollout(info: ScenarioInfo, said: dict[str, list[tuple[Envelope, Any]]]) -> Rollout:
    ego: list[EgoTruth] = [message for _, message in said["/truth/ego"]]
    t_s = _times_s(said["/truth/ego"])
    other_ids = np.array([i for i in range(len(info.names)) if i != info.ego_id], dtype=np.int64)
    engaged = np.array([state.engaged for state in ego])
    return Rollout(
        t_s=t_s,
        ego=Motion(
            x_m=np.array([state.world_from_ego.x_m for state in ego]),
            y_m=np.array([state.world_from_ego.y_m for state in ego]),
            yaw_rad=np.array([state.world_from_ego.yaw_rad for state in ego]),
            speed_mps=np.array([state.speed_mps for state in ego]),
            acceleration_mps2=np.array([state.acceleration_mps2 for state in ego]),
            present=np.ones(len(ego), dtype=bool),
        ),
        others=_others(t_s, said["/truth/agents"], other_ids),
        cast=_cast(info),
        ego_id=info.ego_id,
        other_ids=other_ids,
        engaged=engaged,
        demand_mps2=np.where(engaged, _held(t_s, said["/vehicle/command"], "acceleration_mps2"), 0.0),
        steering_rad=np.array([state.steering_rad for state in ego]),
        yaw_rate_radps=np.array([state.yaw_rate_radps for state in ego]),
        contacts=tuple(_contact(envelope, message) for envelope, message in said["/truth/contact"]),
        set_speed_mps=info.set_speed_mps,
    )


def _cast(info: ScenarioInfo) -> tuple[EntityShape, ...]:
    columns = (
        info.names, info.kinds.tolist(), info.length_m.tolist(), info.width_m.tolist(), info.height_m.tolist(),
        info.centre_x_m.tolist(), info.wheelbase_m.tolist(),
    )  # fmt: skip
    return tuple(EntityShape(*row) for row in zip(*columns, strict=True))


def _contact(envelope: Envelope, contact: Contact) -> ContactEvent:
    return ContactEvent(
        envelope.measured_ns * 1e-9, contact.first_id, contact.second_id, contact.x_m, contact.y_m,
        contact.first_speed_mps, contact.second_speed_mps,
    )  # fmt: skip


_AGENT_COLUMNS = ("x_m", "y_m", "yaw_rad", "speed_mps", "acceleration_mps2")


def _others(t_s: Floats, said: Sequence[tuple[Envelope, AgentTruth]], ids: NDArray[np.int64]) -> Motion:
    """States of the others at the ego's times, shape (T, N): linear between their samples, yaw the short way round."""
    sampled_s = _times_s(said)
    column_of = {int(entity): column for column, entity in enumerate(ids)}
    samples = np.full((len(_AGENT_COLUMNS), len(said), len(ids)), np.nan)
    for row, (_, agents) in enumerate(said):
        columns = [column_of[int(entity)] for entity in agents.ids]
        for k, name in enumerate(_AGENT_COLUMNS):
            samples[k, row, columns] = getattr(agents, name)
    values = np.full((len(_AGENT_COLUMNS), len(t_s), len(ids)), np.nan)
    for n in range(len(ids)):
        _interpolate(t_s, sampled_s, samples[:, :, n], values[:, :, n])
    values[2] = wrap_rad(values[2])
    x_m, y_m, yaw_rad, speed_mps, acceleration_mps2 = values
    return Motion(x_m, y_m, yaw_rad, speed_mps, acceleration_mps2, present=~np.isnan(x_m))


def _interpolate(t_s: Floats, sampled_s: Floats, samples: Floats, values: Floats) -> None:
    """Fill `values` (K, T) from `samples` (K, M) over each stretch in which the entity is there."""
    there = np.flatnonzero(~np.isnan(samples[0]))
    for stretch in np.split(there, np.flatnonzero(np.diff(there) > 1) + 1):
        if not len(stretch):
            continue
        times = sampled_s[stretch]
        # A microsecond absorbs the rounding of times that come from integer nanoseconds.
        inside = (t_s >= times[0] - 1e-6) & (t_s <= times[-1] + 1e-6)
        if stretch[-1] == len(sampled_s) - 1:
            inside |= t_s > times[-1]  # between the last sample and the end of the drive it stays as it was
        for k in range(len(samples)):
            column = np.unwrap(samples[k, stretch]) if _AGENT_COLUMNS[k] == "yaw_rad" else samples[k, stretch]
            values[k, inside] = np.interp(t_s[inside], times, column)


def _held(t_s: Floats, said: Sequence[tuple[Envelope, Any]], name: str) -> Floats:
    """A field of the newest message at each time, 0 before the first."""
    times = np.array([envelope.received_ns * 1e-9 for envelope, _ in said])
    values = np.array([0.0, *(getattr(message, name) for _, message in said)])
    return values[np.searchsorted(times, t_s + 1e-6, side="right")]


def _plans(said: Sequence[tuple[Envelope, Trajectory]], poses: Sequence[tuple[Envelope, Any]]) -> tuple[TimedPlan, ...]:
    """Each plan with the pose estimate that it was made with: the newest when it was published."""
    pose_times = np.array([envelope.received_ns for envelope, _ in poses], dtype=np.int64)
    plans = []
    for envelope, trajectory in said:
        newest = int(np.searchsorted(pose_times, envelope.published_ns, side="right")) - 1
        if newest >= 0:
            plans.append(TimedPlan(envelope.received_ns * 1e-9, poses[newest][1].world_from_odom, trajectory))
    return tuple(plans)


def _changes(said: Sequence[tuple[Envelope, Any]]) -> tuple[Moment, ...]:
    changes: list[Moment] = []
    for envelope, status in said:
        if not changes or (status.mode, status.reason) != (changes[-1].message.mode, changes[-1].message.reason):
            changes.append(Moment(envelope.published_ns * 1e-9, status))
    return tuple(changes)


def _spans(commands: Sequence[tuple[Envelope, Any]], end_s: float) -> tuple[tuple[float, float], ...]:
    """Stretches in which the hazard lights are on."""
    spans: list[tuple[float, float]] = []
    since: float | None = None
    for envelope, command in commands:
        now_s = envelope.received_ns * 1e-9
        if command.hazard_lights and since is None:
            since = now_s
        elif not command.hazard_lights and since is not None:
            spans.append((since, now_s))
            since = None
    return tuple(spans) if since is None else (*spans, (since, end_s))


def _times_s(said: Sequence[tuple[Envelope, Any]]) -> Floats:
    return np.array([envelope.measured_ns * 1e-9 for envelope, _ in said], dtype=np.float64)


def worst_mode(drive: Drive) -> SafetyMode:
    """The most restricted mode that the safety gate was in."""
    return max((moment.message.mode for moment in drive.modes), default=SafetyMode.NORMAL)
