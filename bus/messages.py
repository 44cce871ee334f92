"""The messages of the bus: frozen dataclasses with read-only arrays, passed by reference inside the process.

Frames: `world` (east-north-up), `odom` (continuous), `ego` (rear axle on the ground, x forward, y left). SI units,
radians, times in integer nanoseconds. Boxes are given by their centre. On the wire each type is the Protobuf message of
the same name (`bus/proto/lanewise.proto`) with the same field names, except those that map to a Foxglove schema.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geometry.angles import Floats
from geometry.errors import ContractError
from geometry.pose import Pose

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What travels with each message; ordering, age and hashes use it alone.

    `measured_ns` is when the content was true, `published_ns` when the node spoke, `received_ns` when it arrives
    (published plus the node's modelled latency). `sequence` counts per publisher and topic from 0.
    """

    topic: str
    publisher: str
    sequence: int
    measured_ns: int
    published_ns: int
    received_ns: int


def array(*shape: int | str, dtype: type = np.float64, empty: bool = False) -> Any:
    """Declare an array field of a message: numbers fix a dimension, letters must agree across the message's fields.

    With `empty`, nothing is what is said where nothing is given.
    """
    metadata = {"shape": shape, "dtype": dtype}
    return field(default=(), metadata=metadata) if empty else field(metadata=metadata)


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """Base of all messages: converts, checks and freezes the declared arrays at construction.

    Raises:
        ContractError: an array has the wrong shape.
    """

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        kind: Any = type(self)
        for name, shape, dtype in _arrays(kind):
            value: NDArray[Any] = np.array(getattr(self, name), dtype=dtype, copy=True)
            if value.size == 0:
                value = value.reshape([0 if isinstance(n, str) else n for n in shape])
            expected = tuple(
                sizes.setdefault(n, m) if isinstance(n, str) else n for n, m in zip(shape, value.shape, strict=False)
            )
            if len(value.shape) != len(shape) or value.shape != expected:
                raise ContractError(f"{type(self).__name__}.{name} has shape {value.shape}, expected {shape}")
            value.setflags(write=False)
            object.__setattr__(self, name, value)


@cache
def _arrays(kind: type[Message]) -> tuple[tuple[str, tuple[int | str, ...], type], ...]:
    """Name, shape and dtype of the declared arrays of a message."""
    declared = [item for item in fields(kind) if "shape" in item.metadata]
    return tuple((item.name, item.metadata["shape"], item.metadata["dtype"]) for item in declared)


# --- truth: what the simulator knows; no module of the stack listens, except in the explicit ground-truth modes -------


class EntityKind(IntEnum):
    CAR = 0
    TRUCK = 1
    BUS = 2
    VAN = 3
    MOTORCYCLE = 4
    BICYCLE = 5
    PEDESTRIAN = 6
    OBSTACLE = 7
    TRAILER = 8
    ANIMAL = 9


@dataclass(frozen=True, slots=True, eq=False)
class ScenarioInfo(Message):
    """Latched, first message of a drive: the cast of N entities, fixed for the whole drive; index 0 .. N-1 is the id.

    `centre_x_m`: how far the box centre lies ahead of the entity's origin (rear axle of vehicles). `wheelbase_m` is 0
    for what has no axles. `set_speed_mps` is the cruise speed that the ego is asked for.
    """

    name: str
    ego_id: int
    set_speed_mps: float
    regulation: str
    """`un-r157` for files that the regulation's rules apply to, else empty."""
    names: tuple[str, ...]
    kinds: Ints = array("N", dtype=np.int64)
    length_m: Floats = array("N")
    width_m: Floats = array("N")
    height_m: Floats = array("N")
    centre_x_m: Floats = array("N")
    wheelbase_m: Floats = array("N")


@dataclass(frozen=True, slots=True, eq=False)
class EgoTruth(Message):
    """True state of the ego: `world_from_ego` is the rear axle's pose; acceleration along the heading."""

    world_from_ego: Pose
    speed_mps: float
    acceleration_mps2: float
    yaw_rate_radps: float
    steering_rad: float
    engaged: bool
    """Whether the stack drives; before, the scenario's own motion holds."""


@dataclass(frozen=True, slots=True, eq=False)
class AgentTruth(Message):
    """True states of the M present entities except the ego: box centres in `world`."""

    ids: Ints = array("M", dtype=np.int64)
    x_m: Floats = array("M")
    y_m: Floats = array("M")
    yaw_rad: Floats = array("M")
    speed_mps: Floats = array("M")
    vx_mps: Floats = array("M")
    vy_mps: Floats = array("M")
    acceleration_mps2: Floats = array("M")


@dataclass(frozen=True, slots=True, eq=False)
class Contact(Message):
    """Two entities began to touch at `world` position (x, y)."""

    first_id: int
    second_id: int
    x_m: float
    y_m: float
    first_speed_mps: float
    second_speed_mps: float


@dataclass(frozen=True, slots=True, eq=False)
class ScenarioEvent(Message):
    """A storyboard element changed its state, an action was overridden by the stack, or the run ended."""

    element: str
    name: str
    transition: str


class LightState(IntEnum):
    UNKNOWN = 0
    RED = 1
    YELLOW = 2
    GREEN = 3
    RED_YELLOW = 4
    OFF = 5
    FLASHING = 6


@dataclass(frozen=True, slots=True, eq=False)
class LightTruth(Message):
    """True states of L traffic lights: `signals` are the ids that the map gives them, `state` holds LightState."""

    signals: tuple[str, ...]
    state: Ints = array("L", dtype=np.int64)


class WeatherKind(IntEnum):
    CLEAR = 0
    RAIN = 1
    SNOW = 2
    FOG = 3
    DUSK = 4
    NIGHT = 5


@dataclass(frozen=True, slots=True, eq=False)
class Weather(Message):
    """True weather and light. `visibility_m` is the meteorological visibility; `friction` the tyres' coefficient.

    `wetness` of the road runs from 0 (dry) to 1 (standing water). The sun's azimuth is counter-clockwise from east.
    """

    kind: WeatherKind
    precipitation_mmph: float
    visibility_m: float
    sun_elevation_rad: float
    sun_azimuth_rad: float
    friction: float
    wetness: float


# --- sensors: what a car's devices say; recorded real drives hold the same --------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class GnssFix(Message):
    """A satellite fix of the antenna in `world` with the 1-sigma accuracies that the receiver states itself.

    The envelope's measured time is the receiver's own stamp, which may lag behind the truth.
    """

    x_m: float
    y_m: float
    accuracy_m: float
    vx_mps: float
    vy_mps: float
    speed_accuracy_mps: float
    valid: bool


@dataclass(frozen=True, slots=True, eq=False)
class Imu(Message):
    """Specific force (9.81 upwards at rest) and angular velocity in `ego` axes: x forward, y left, z up."""

    acceleration_mps2: Floats = array(3)
    angular_velocity_radps: Floats = array(3)


@dataclass(frozen=True, slots=True, eq=False)
class Wheels(Message):
    """Mean wheel speed as measured and the front-wheel angle (NaN where it is not known)."""

    speed_mps: float
    steering_rad: float
    engaged: bool
    """Whether the stack drives."""


@dataclass(frozen=True, slots=True, eq=False)
class RadarTracks(Message):
    """N objects that a radar tracks, in `ego`, with their range rate."""

    ids: Ints = array("N", dtype=np.int64)
    x_m: Floats = array("N")
    y_m: Floats = array("N")
    range_rate_mps: Floats = array("N")


@dataclass(frozen=True, slots=True, eq=False)
class CameraMount(Message):
    """Where a camera sits: its axes (x right, y down, z forward) in `ego`, as the calibration believes."""

    camera: str
    position_m: Floats = array(3)
    ego_from_camera: Floats = array(3, 3)


# --- localization -----------------------------------------------------------------------------------------------------


class PoseStatus(IntEnum):
    LANE_CERTAIN = 0
    LANE_UNCERTAIN = 1
    LOST = 2


@dataclass(frozen=True, slots=True, eq=False)
class Odometry(Message):
    """The ego in `odom`, from IMU and wheels alone."""

    odom_from_ego: Pose
    speed_mps: float
    acceleration_mps2: float
    yaw_rate_radps: float
    steering_rad: float
    engaged: bool


@dataclass(frozen=True, slots=True, eq=False)
class PoseEstimate(Message):
    """Where `odom` lies in `world`, with covariance of (x, y, yaw) and protection levels of the ego's pose."""

    world_from_odom: Pose
    status: PoseStatus
    protection_lateral_m: float
    protection_longitudinal_m: float
    protection_heading_rad: float
    covariance: Floats = array(3, 3)


@dataclass(frozen=True, slots=True, eq=False)
class LocalizationStatus(Message):
    """How sure localization is of its lane, how many lane hypotheses are alive, and the sentence that explains it."""

    status: PoseStatus
    hypotheses: int
    reason: str


# --- perception -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Objects(Message):
    """N detections in `ego` at the measured time: box centres, sizes and a score in [0, 1]."""

    kinds: Ints = array("N", dtype=np.int64)
    score: Floats = array("N")
    x_m: Floats = array("N")
    y_m: Floats = array("N")
    yaw_rad: Floats = array("N")
    length_m: Floats = array("N")
    width_m: Floats = array("N")
    height_m: Floats = array("N")
    covariance: Floats = array("N", 2, 2)
    """Of (x, y)."""
    ranges_m: Floats = array("R", 4, empty=True)
    """Of detectors that know two (R = N, of others 0): distance from the origin of `ego` by the size of what is seen
    and its 1-sigma, distance by where it meets the ground and its 1-sigma. The place is both together."""


class MarkType(IntEnum):
    """Road marks as the driver sees them, left to right."""

    NONE = 0
    SOLID = 1
    BROKEN = 2
    SOLID_SOLID = 3
    SOLID_BROKEN = 4
    BROKEN_SOLID = 5
    BROKEN_BROKEN = 6
    OTHER = 7


@dataclass(frozen=True, slots=True, eq=False)
class LaneMarks(Message):
    """N seen lane marks in `ego` at the measured time; mark i has the points `xy_m[start[i]:start[i + 1]]`.

    `start` has N + 1 entries. `sigma_m` is the lateral 1-sigma of each point; `types` holds MarkType, NONE where the
    asphalt ends without paint. Of broken lines, the dashes that are seen whole: D middles, their lengths, and the
    1-sigma of the middle along the line.
    """

    start: Ints = array("S", dtype=np.int64)
    xy_m: Floats = array("P", 2)
    sigma_m: Floats = array("P")
    types: Ints = array("N", dtype=np.int64)
    score: Floats = array("N")
    dash_xy_m: Floats = array("D", 2, empty=True)
    dash_length_m: Floats = array("D", empty=True)
    dash_sigma_m: Floats = array("D", empty=True)


class LandmarkKind(IntEnum):
    SIGN = 0
    LIGHT = 1
    POLE = 2
    STOP_LINE = 3
    CROSSING = 4


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks(Message):
    """N seen landmarks in `ego` at the measured time, with the covariance of (x, y); `kinds` holds LandmarkKind."""

    kinds: Ints = array("N", dtype=np.int64)
    score: Floats = array("N")
    x_m: Floats = array("N")
    y_m: Floats = array("N")
    covariance: Floats = array("N", 2, 2)


@dataclass(frozen=True, slots=True, eq=False)
class LightStates(Message):
    """N seen traffic lights in `ego` at the measured time; `state` holds LightState."""

    x_m: Floats = array("N")
    y_m: Floats = array("N")
    state: Ints = array("N", dtype=np.int64)
    score: Floats = array("N")


@dataclass(frozen=True, slots=True, eq=False)
class WeatherEstimate(Message):
    """Probabilities over WeatherKind."""

    probabilities: Floats = array(6)


@dataclass(frozen=True, slots=True, eq=False)
class Tracks(Message):
    """N tracked objects in `odom` at the measured time; `covariance` is of (x, y, vx, vy)."""

    ids: Ints = array("N", dtype=np.int64)
    kinds: Ints = array("N", dtype=np.int64)
    existence: Floats = array("N")
    x_m: Floats = array("N")
    y_m: Floats = array("N")
    yaw_rad: Floats = array("N")
    vx_mps: Floats = array("N")
    vy_mps: Floats = array("N")
    acceleration_mps2: Floats = array("N")
    yaw_rate_radps: Floats = array("N")
    length_m: Floats = array("N")
    width_m: Floats = array("N")
    height_m: Floats = array("N")
    covariance: Floats = array("N", 4, 4)


# --- planning and control ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory(Message):
    """The plan in `odom`: K states of the rear axle at times `t_s` after the measured time of the envelope.

    `label` names the manoeuvre, `reason` says in a sentence why the speed is what it is. `stop_*` is the precomputed
    stop in the own lane that the safety gate falls back on (same columns, K2 states).
    """

    label: str
    reason: str
    lead_id: int
    """Track that limits the speed, -1 for none."""
    emergency: bool
    t_s: Floats = array("K")
    x_m: Floats = array("K")
    y_m: Floats = array("K")
    yaw_rad: Floats = array("K")
    speed_mps: Floats = array("K")
    acceleration_mps2: Floats = array("K")
    curvature_radpm: Floats = array("K")
    stop_t_s: Floats = array("L")
    stop_x_m: Floats = array("L")
    stop_y_m: Floats = array("L")
    stop_yaw_rad: Floats = array("L")
    stop_speed_mps: Floats = array("L")
    stop_acceleration_mps2: Floats = array("L")
    stop_curvature_radpm: Floats = array("L")


@dataclass(frozen=True, slots=True, eq=False)
class Candidates(Message):
    """What the planner weighed: N candidates, paths in `odom`, each with C cost terms that sum to its cost.

    Candidate i has the points `xy_m[start[i]:start[i + 1]]` (`start` has N + 1 entries) and the terms
    `costs[i * C:(i + 1) * C]`, named by `terms`. `chosen` is an index, -1 for none.
    """

    labels: tuple[str, ...]
    terms: tuple[str, ...]
    chosen: int
    start: Ints = array("S", dtype=np.int64)
    xy_m: Floats = array("P", 2)
    costs: Floats = array("M")


class SafetyMode(IntEnum):
    NORMAL = 0
    DEGRADED = 1
    MINIMAL_RISK = 2


@dataclass(frozen=True, slots=True, eq=False)
class VehicleCommand(Message):
    """What the vehicle shall do now: acceleration along the heading and front-wheel steering angle."""

    acceleration_mps2: float
    steering_rad: float
    hazard_lights: bool
    emergency: bool
    """The planner declares an imminent collision; only then may braking exceed the comfort limit."""


@dataclass(frozen=True, slots=True, eq=False)
class SafetyStatus(Message):
    """Mode of the safety gate and the sentence that explains it."""

    mode: SafetyMode
    reason: str


class Level(IntEnum):
    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, slots=True, eq=False)
class Diagnostic(Message):
    """Something worth knowing about a node."""

    node: str
    level: Level
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class NodeState(Message):
    """A node's memory and generator at the end of an instant, from which a replay can go on."""

    node: str
    memory: bytes
    generator: bytes


# --- these map to Foxglove schemas ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class FrameTransforms(Message):
    """foxglove.FrameTransforms: `parents[i]`_from_`children[i]`."""

    parents: tuple[str, ...]
    children: tuple[str, ...]
    poses: tuple[Pose, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PoseInFrame(Message):
    """foxglove.PoseInFrame."""

    frame: str
    pose: Pose


@dataclass(frozen=True, slots=True, eq=False)
class SceneUpdate(Message):
    """foxglove.SceneUpdate: N boxes and polylines, one entity each, in one frame.

    `colours` is (N, 4) RGBA in [0, 1] of the boxes; line i has the points `line_xy[line_start[i]:line_start[i + 1]]`.
    """

    frame: str
    box_names: tuple[str, ...]
    line_names: tuple[str, ...]
    box_xyz_m: Floats = array("N", 3)
    box_yaw_rad: Floats = array("N")
    box_size_m: Floats = array("N", 3)
    colours: Floats = array("N", 4)
    line_start: Ints = array("S", dtype=np.int64)
    line_xy_m: Floats = array("P", 2)
    line_colours: Floats = array("L", 4)


@dataclass(frozen=True, slots=True, eq=False)
class CompressedImage(Message):
    """foxglove.CompressedImage: one picture in a camera's frame; `format` is `jpeg`, `png` or `webp`."""

    frame: str
    format: str
    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class CameraCalibration(Message):
    """foxglove.CameraCalibration: intrinsics of a camera, `matrix` in pixels."""

    frame: str
    width: int
    height: int
    distortion_model: str
    distortion: Floats = array("D")
    matrix: Floats = array(3, 3)
