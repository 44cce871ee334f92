"""The one table of topics: name, message type, nominal rate, maximum age, latched, recorded.

A node may only publish and read topics of this table. `max_age_s` is how old the newest message may be before a reader
that depends on it has to treat it as missing; None where the topic has no rate.
"""

from __future__ import annotations

from dataclasses import dataclass

from bus import messages


@dataclass(frozen=True, slots=True)
class Topic:
    """One row of the table."""

    name: str
    type: type[messages.Message]
    rate_hz: float | None
    max_age_s: float | None
    latched: bool = False
    recorded: bool = True
    purpose: str = ""


STATE_PREFIX = "/state/"
"""Node memories travel on `/state/<node>`, one topic a node, type NodeState."""

TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic("/truth/scenario", messages.ScenarioInfo, None, None, latched=True, purpose="cast of the drive"),
        Topic("/truth/ego", messages.EgoTruth, 50.0, None, purpose="true state of the ego"),
        Topic("/truth/agents", messages.AgentTruth, 10.0, None, purpose="true states of all others"),
        Topic("/truth/contact", messages.Contact, None, None, purpose="two entities began to touch"),
        Topic("/truth/event", messages.ScenarioEvent, None, None, purpose="storyboard transitions and overrides"),
        Topic("/localization/odometry", messages.Odometry, 50.0, 0.2, purpose="ego in odom"),
        Topic("/localization/pose", messages.PoseEstimate, 10.0, 0.5, purpose="world_from_odom with bound"),
        Topic("/perception/objects", messages.Objects, 10.0, 0.5, purpose="detections in ego"),
        Topic("/perception/tracks", messages.Tracks, 10.0, 0.5, purpose="tracked objects in odom"),
        Topic("/planning/trajectory", messages.Trajectory, 10.0, 0.5, purpose="plan and fallback stop in odom"),
        Topic("/control/command", messages.VehicleCommand, 50.0, 0.1, purpose="command before the safety gate"),
        Topic("/vehicle/command", messages.VehicleCommand, 50.0, 0.5, purpose="command that the vehicle obeys"),
        Topic("/safety/status", messages.SafetyStatus, 10.0, None, purpose="mode of the safety gate"),
        Topic("/diagnostics", messages.Diagnostic, None, None, purpose="what nodes report about themselves"),
        Topic("/view/tf", messages.FrameTransforms, 10.0, None, purpose="frames, for viewers"),
        Topic("/view/ego", messages.PoseInFrame, 10.0, None, purpose="ego in world, for viewers"),
        Topic("/view/scene", messages.SceneUpdate, 10.0, None, purpose="boxes and plan, for viewers"),
        Topic("/view/map", messages.SceneUpdate, None, None, latched=True, purpose="lane boundaries, for viewers"),
    )
}


def topic_of(name: str) -> Topic:
    """The row of a topic; `/state/<node>` rows are made on demand.

    Raises:
        KeyError: the table has no such topic.
    """
    if name.startswith(STATE_PREFIX):
        return Topic(name, messages.NodeState, 0.2, None, purpose="memory of a node")
    return TOPICS[name]
