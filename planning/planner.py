"""What a planner is, and the node that runs one.

A planner is two functions: `start(context) -> memory` and `plan(scene, memory) -> (Plan, memory)`, both pure; the scene
holds the context too, so that the memory need not. The node assembles the scene in `world` once per cycle, sees to it
that nobody brakes hard for what is not sure (`planning.certainty`), and hands the plan on in `odom`, where a later pose
correction moves nothing.

In: odometry, pose, tracks, traffic lights. Out: `/planning/trajectory`, and `/planning/candidates`
twice a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from bus.messages import Candidates, Odometry, PoseEstimate, Tracks, Trajectory
from bus.node import Node, Publication, Tick
from bus.topics import TOPICS
from geometry.angles import Floats, wrap_rad
from geometry.pose import Pose
from planning.certainty import CertaintySettings, is_sure, sure_agents
from planning.scene import Context, Scene, Seen, assemble

CANDIDATES_PERIOD_NS = 500_000_000
"""How often it is published what a planner weighed."""
SOON_S = 1.0
"""Braking that a plan foresees for later than this is not what it asks for now."""
SLACK_MPS2 = 0.05
"""Nor is it harder braking where it is harder by no more than this."""


@dataclass(frozen=True, slots=True, eq=False)
class States:
    """K states of the rear axle in `world` at times `t_s` from now; each array has shape (K,)."""

    t_s: Floats
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    curvature_radpm: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Considered:
    """N candidates of a cycle: paths of K points each in `world` (N, K, 2), and their costs (N, C) by the C terms."""

    labels: tuple[str, ...]
    terms: tuple[str, ...]
    chosen: int
    xy_m: Floats
    costs: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A planner's answer: the trajectory, a stop in the own lane to fall back on, and why.

    `reason` is one sentence; `lead_id` the track that limits the speed (-1: none); `emergency` declares that a
    collision is imminent, so that braking may be harder than comfort allows.
    """

    states: States
    stop: States
    label: str
    reason: str
    lead_id: int = -1
    emergency: bool = False
    considered: Callable[[], Considered] | None = None
    """What else was weighed, made only where it is asked for."""


class Planner(Protocol):
    """The interface of planners, built in or a user's own."""

    def start(self, context: Context) -> Any:
        """Memory of the first cycle: a value that the bus codec can write."""
        ...

    def plan(self, scene: Scene, memory: Any) -> tuple[Plan, Any]:
        """One cycle."""
        ...


@dataclass(frozen=True, slots=True)
class PlannerSettings:
    """How often a planner runs, how long it is modelled to take, and what is sure enough to brake hard for."""

    period_s: float = 0.1
    latency_s: float = 0.02
    certainty: CertaintySettings = CertaintySettings()


def node(planner: Planner, context: Context, settings: PlannerSettings) -> Node:
    """The node to hand to the executor."""
    return Node(
        name="planner",
        priority=30,
        step=lambda memory, tick: _step(planner, context, settings.certainty, memory, tick),
        memory=planner.start(context),
        inputs=("/localization/odometry", "/localization/pose", "/perception/tracks", "/perception/lights"),
        outputs=("/planning/trajectory", "/planning/candidates"),
        period_ns=round(settings.period_s * 1e9),
        latency_ns=round(settings.latency_s * 1e9),
    )


def plan_surely(planner: Planner, scene: Scene, memory: Any, settings: CertaintySettings) -> tuple[Plan, Any]:
    """One cycle of a planner that brakes harder than its fallback stop only for what is sure.

    A plan that brakes so hard is asked for once more in the scene as it surely is. Where that one brakes harder than
    the stop, too, it is driven; where it does not, the stop is, until more is known: that costs little, and an
    emergency for nobody is one itself.
    """
    plan, after = planner.plan(scene, memory)
    if _hardest_mps2(plan.states) <= _hardest_mps2(plan.stop) + SLACK_MPS2 or is_sure(scene.agents):
        return plan, after
    sure = replace(scene, agents=sure_agents(scene.agents, scene.ego, settings))
    surely, after_surely = planner.plan(sure, memory)
    if _hardest_mps2(surely.states) > _hardest_mps2(plan.stop) + SLACK_MPS2:
        return surely, after_surely
    reason = f"{plan.reason}; not sure enough for more than the stop"
    return replace(plan, states=plan.stop, reason=reason, emergency=False), after


def _hardest_mps2(states: States) -> float:
    """Hardest braking within SOON_S, positive."""
    return -float(states.acceleration_mps2[states.t_s <= SOON_S].min(initial=0.0))


def _step(
    planner: Planner, context: Context, certainty: CertaintySettings, memory: Any, tick: Tick
) -> tuple[Any, tuple[Publication, ...]]:
    newest: dict[str, Any] = {}
    for topic in ("/localization/odometry", "/localization/pose", "/perception/tracks"):
        newest[topic] = tick.fresh(topic, TOPICS[topic].max_age_s or 0.0)
        if newest[topic] is None:
            return memory, ()  # without fresh inputs no plan: the safety gate sees the silence
    odometry: Odometry = newest["/localization/odometry"]
    pose: PoseEstimate = newest["/localization/pose"]
    tracks: Tracks = newest["/perception/tracks"]
    lights = tick.fresh("/perception/lights", TOPICS["/perception/lights"].max_age_s or 0.0)
    ages_s = [
        (tick.now_ns - tick.inputs[topic].envelope.measured_ns) * 1e-9 if topic in tick.inputs else 0.0
        for topic in ("/perception/tracks", "/perception/lights")
    ]
    seen = Seen(tracks, ages_s[0], lights, ages_s[1])
    plan, memory = plan_surely(planner, assemble(context, tick.now_ns, odometry, pose, seen), memory, certainty)
    odom_from_world = pose.world_from_odom.inverse()
    publications = [Publication("/planning/trajectory", trajectory_message(plan, odom_from_world))]
    if plan.considered is not None and tick.now_ns % CANDIDATES_PERIOD_NS == 0:
        publications.append(Publication("/planning/candidates", candidates_message(plan.considered(), odom_from_world)))
    return memory, tuple(publications)


def candidates_message(considered: Considered, odom_from_world: Pose) -> Candidates:
    """What was weighed, as it travels on the bus."""
    count, points, _ = considered.xy_m.shape
    return Candidates(
        labels=considered.labels, terms=considered.terms, chosen=considered.chosen,
        start=points * np.arange(count + 1), xy_m=odom_from_world @ considered.xy_m.reshape(-1, 2),
        costs=considered.costs.reshape(-1),
    )  # fmt: skip


def trajectory_message(plan: Plan, odom_from_world: Pose) -> Trajectory:
    """The plan as it travels on the bus."""
    columns = {**_odom_columns(plan.states, odom_from_world, ""), **_odom_columns(plan.stop, odom_from_world, "stop_")}
    return Trajectory(label=plan.label, reason=plan.reason, lead_id=plan.lead_id, emergency=plan.emergency, **columns)


def _odom_columns(states: States, odom_from_world: Pose, prefix: str) -> dict[str, Floats]:
    points = odom_from_world @ np.stack((states.x_m, states.y_m), axis=-1)
    return {
        prefix + "t_s": states.t_s,
        prefix + "x_m": points[:, 0],
        prefix + "y_m": points[:, 1],
        prefix + "yaw_rad": wrap_rad(states.yaw_rad + odom_from_world.yaw_rad),
        prefix + "speed_mps": states.speed_mps,
        prefix + "acceleration_mps2": states.acceleration_mps2,
        prefix + "curvature_radpm": states.curvature_radpm,
    }
