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
    shared: bool = False
    """Several nodes may speak on it; each numbers its own messages."""


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
        Topic("/truth/lights", messages.LightTruth, 10.0, None, purpose="true states of the traffic lights"),
        Topic("/truth/weather", messages.Weather, None, None, latched=True, purpose="true weather and light"),
        Topic("/sensor/gnss", messages.GnssFix, 10.0, 0.5, purpose="satellite fixes"),
        Topic("/sensor/imu", messages.Imu, 50.0, 0.1, purpose="specific force and angular velocity"),
        Topic("/sensor/wheels", messages.Wheels, 50.0, 0.1, purpose="wheel speed and steering angle"),
        Topic("/sensor/radar", messages.RadarTracks, 20.0, 0.5, purpose="radar tracks of recorded drives"),
        Topic("/localization/odometry", messages.Odometry, 50.0, 0.2, purpose="ego in odom"),
        Topic("/localization/pose", messages.PoseEstimate, 10.0, 0.5, purpose="world_from_odom with bound"),
        Topic("/localization/status", messages.LocalizationStatus, None, None, purpose="how sure localization is"),
        Topic("/perception/lane_marks", messages.LaneMarks, 10.0, 0.5, purpose="seen lane marks in ego"),
        Topic("/perception/landmarks", messages.Landmarks, 10.0, 0.5, purpose="seen signs, poles, stop lines in ego"),
        Topic("/perception/lights", messages.LightStates, 10.0, 0.5, purpose="seen traffic lights in ego"),
        Topic("/perception/weather", messages.WeatherEstimate, 1.0, 5.0, purpose="weather as the cameras see it"),
        Topic("/perception/objects", messages.Objects, 10.0, 0.5, purpose="detections in ego"),
        Topic("/perception/tracks", messages.Tracks, 10.0, 0.5, purpose="tracked objects in odom"),
        Topic("/planning/trajectory", messages.Trajectory, 10.0, 0.5, purpose="plan and fallback stop in odom"),
        Topic("/planning/candidates", messages.Candidates, 10.0, None, purpose="what the planner weighed"),
        Topic("/control/command", messages.VehicleCommand, 50.0, 0.1, purpose="command before the safety gate"),
        Topic("/vehicle/command", messages.VehicleCommand, 50.0, 0.5, purpose="command that the vehicle obeys"),
        Topic("/safety/status", messages.SafetyStatus, 10.0, None, purpose="mode of the safety gate"),
        Topic("/diagnostics", messages.Diagnostic, None, None, purpose="what nodes say of themselves", shared=True),
        Topic("/view/tf", messages.FrameTransforms, 10.0, None, purpose="frames, for viewers"),
        Topic("/view/ego", messages.PoseInFrame, 10.0, None, purpose="ego in world, for viewers"),
        Topic("/view/scene", messages.SceneUpdate, 10.0, None, purpose="boxes and plan, for viewers"),
        Topic("/view/map", messages.SceneUpdate, None, None, latched=True, purpose="lane boundaries, for viewers"),
    )
}


CAMERA_PREFIX = "/sensor/camera/"
"""Pictures travel on `/sensor/camera/<camera>`, what belongs to them on `.../calibration` and `.../mount`."""


def topic_of(name: str) -> Topic:
    """The row of a topic; the rows of `/state/<node>` and `/sensor/camera/<camera>` are made on demand.

    Raises:
        KeyError: the table has no such topic.
    """
    if name.startswith(STATE_PREFIX):
        return Topic(name, messages.NodeState, 0.2, None, purpose="memory of a node")
    if name.startswith(CAMERA_PREFIX):
        return _camera_topic(name)
    return TOPICS[name]


def _camera_topic(name: str) -> Topic:
    match name.removeprefix(CAMERA_PREFIX).split("/"):
        case [camera] if camera:
            return Topic(name, messages.CompressedImage, 10.0, 0.5, purpose="pictures of a camera")
        case [camera, "calibration"] if camera:
            return Topic(name, messages.CameraCalibration, None, None, latched=True, purpose="intrinsics of a camera")
        case [camera, "mount"] if camera:
            return Topic(name, messages.CameraMount, None, None, latched=True, purpose="where a camera sits")
    raise KeyError(name)
