from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Envelope(_message.Message):
    __slots__ = ("topic", "publisher", "sequence", "measured_ns", "published_ns", "received_ns")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    PUBLISHER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    MEASURED_NS_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_NS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_NS_FIELD_NUMBER: _ClassVar[int]
    topic: str
    publisher: str
    sequence: int
    measured_ns: int
    published_ns: int
    received_ns: int
    def __init__(self, topic: _Optional[str] = ..., publisher: _Optional[str] = ..., sequence: _Optional[int] = ..., measured_ns: _Optional[int] = ..., published_ns: _Optional[int] = ..., received_ns: _Optional[int] = ...) -> None: ...

class Enveloped(_message.Message):
    __slots__ = ("envelope",)
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    envelope: Envelope
    def __init__(self, envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Pose(_message.Message):
    __slots__ = ("x_m", "y_m", "yaw_rad")
    X_M_FIELD_NUMBER: _ClassVar[int]
    Y_M_FIELD_NUMBER: _ClassVar[int]
    YAW_RAD_FIELD_NUMBER: _ClassVar[int]
    x_m: float
    y_m: float
    yaw_rad: float
    def __init__(self, x_m: _Optional[float] = ..., y_m: _Optional[float] = ..., yaw_rad: _Optional[float] = ...) -> None: ...

class ScenarioInfo(_message.Message):
    __slots__ = ("name", "ego_id", "set_speed_mps", "regulation", "names", "kinds", "length_m", "width_m", "height_m", "centre_x_m", "wheelbase_m", "envelope")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EGO_ID_FIELD_NUMBER: _ClassVar[int]
    SET_SPEED_MPS_FIELD_NUMBER: _ClassVar[int]
    REGULATION_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    LENGTH_M_FIELD_NUMBER: _ClassVar[int]
    WIDTH_M_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_M_FIELD_NUMBER: _ClassVar[int]
    CENTRE_X_M_FIELD_NUMBER: _ClassVar[int]
    WHEELBASE_M_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    ego_id: int
    set_speed_mps: float
    regulation: str
    names: _containers.RepeatedScalarFieldContainer[str]
    kinds: _containers.RepeatedScalarFieldContainer[int]
    length_m: _containers.RepeatedScalarFieldContainer[float]
    width_m: _containers.RepeatedScalarFieldContainer[float]
    height_m: _containers.RepeatedScalarFieldContainer[float]
    centre_x_m: _containers.RepeatedScalarFieldContainer[float]
    wheelbase_m: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, name: _Optional[str] = ..., ego_id: _Optional[int] = ..., set_speed_mps: _Optional[float] = ..., regulation: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ..., kinds: _Optional[_Iterable[int]] = ..., length_m: _Optional[_Iterable[float]] = ..., width_m: _Optional[_Iterable[float]] = ..., height_m: _Optional[_Iterable[float]] = ..., centre_x_m: _Optional[_Iterable[float]] = ..., wheelbase_m: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class EgoTruth(_message.Message):
    __slots__ = ("world_from_ego", "speed_mps", "acceleration_mps2", "yaw_rate_radps", "steering_rad", "engaged", "envelope")
    WORLD_FROM_EGO_FIELD_NUMBER: _ClassVar[int]
    SPEED_MPS_FIELD_NUMBER: _ClassVar[int]
    ACCELERATION_MPS2_FIELD_NUMBER: _ClassVar[int]
    YAW_RATE_RADPS_FIELD_NUMBER: _ClassVar[int]
    STEERING_RAD_FIELD_NUMBER: _ClassVar[int]
    ENGAGED_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    world_from_ego: Pose
    speed_mps: float
    acceleration_mps2: float
    yaw_rate_radps: float
    steering_rad: float
    engaged: bool
    envelope: Envelope
    def __init__(self, world_from_ego: _Optional[_Union[Pose, _Mapping]] = ..., speed_mps: _Optional[float] = ..., acceleration_mps2: _Optional[float] = ..., yaw_rate_radps: _Optional[float] = ..., steering_rad: _Optional[float] = ..., engaged: _Optional[bool] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class AgentTruth(_message.Message):
    __slots__ = ("ids", "x_m", "y_m", "yaw_rad", "speed_mps", "vx_mps", "vy_mps", "acceleration_mps2", "envelope")
    IDS_FIELD_NUMBER: _ClassVar[int]
    X_M_FIELD_NUMBER: _ClassVar[int]
    Y_M_FIELD_NUMBER: _ClassVar[int]
    YAW_RAD_FIELD_NUMBER: _ClassVar[int]
    SPEED_MPS_FIELD_NUMBER: _ClassVar[int]
    VX_MPS_FIELD_NUMBER: _ClassVar[int]
    VY_MPS_FIELD_NUMBER: _ClassVar[int]
    ACCELERATION_MPS2_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    x_m: _containers.RepeatedScalarFieldContainer[float]
    y_m: _containers.RepeatedScalarFieldContainer[float]
    yaw_rad: _containers.RepeatedScalarFieldContainer[float]
    speed_mps: _containers.RepeatedScalarFieldContainer[float]
    vx_mps: _containers.RepeatedScalarFieldContainer[float]
    vy_mps: _containers.RepeatedScalarFieldContainer[float]
    acceleration_mps2: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., x_m: _Optional[_Iterable[float]] = ..., y_m: _Optional[_Iterable[float]] = ..., yaw_rad: _Optional[_Iterable[float]] = ..., speed_mps: _Optional[_Iterable[float]] = ..., vx_mps: _Optional[_Iterable[float]] = ..., vy_mps: _Optional[_Iterable[float]] = ..., acceleration_mps2: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Contact(_message.Message):
    __slots__ = ("first_id", "second_id", "x_m", "y_m", "first_speed_mps", "second_speed_mps", "envelope")
    FIRST_ID_FIELD_NUMBER: _ClassVar[int]
    SECOND_ID_FIELD_NUMBER: _ClassVar[int]
    X_M_FIELD_NUMBER: _ClassVar[int]
    Y_M_FIELD_NUMBER: _ClassVar[int]
    FIRST_SPEED_MPS_FIELD_NUMBER: _ClassVar[int]
    SECOND_SPEED_MPS_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    first_id: int
    second_id: int
    x_m: float
    y_m: float
    first_speed_mps: float
    second_speed_mps: float
    envelope: Envelope
    def __init__(self, first_id: _Optional[int] = ..., second_id: _Optional[int] = ..., x_m: _Optional[float] = ..., y_m: _Optional[float] = ..., first_speed_mps: _Optional[float] = ..., second_speed_mps: _Optional[float] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class ScenarioEvent(_message.Message):
    __slots__ = ("element", "name", "transition", "envelope")
    ELEMENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    element: str
    name: str
    transition: str
    envelope: Envelope
    def __init__(self, element: _Optional[str] = ..., name: _Optional[str] = ..., transition: _Optional[str] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class LightTruth(_message.Message):
    __slots__ = ("signals", "state", "envelope")
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    signals: _containers.RepeatedScalarFieldContainer[str]
    state: _containers.RepeatedScalarFieldContainer[int]
    envelope: Envelope
    def __init__(self, signals: _Optional[_Iterable[str]] = ..., state: _Optional[_Iterable[int]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Weather(_message.Message):
    __slots__ = ("kind", "precipitation_mmph", "visibility_m", "sun_elevation_rad", "sun_azimuth_rad", "friction", "wetness", "envelope")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PRECIPITATION_MMPH_FIELD_NUMBER: _ClassVar[int]
    VISIBILITY_M_FIELD_NUMBER: _ClassVar[int]
    SUN_ELEVATION_RAD_FIELD_NUMBER: _ClassVar[int]
    SUN_AZIMUTH_RAD_FIELD_NUMBER: _ClassVar[int]
    FRICTION_FIELD_NUMBER: _ClassVar[int]
    WETNESS_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    kind: int
    precipitation_mmph: float
    visibility_m: float
    sun_elevation_rad: float
    sun_azimuth_rad: float
    friction: float
    wetness: float
    envelope: Envelope
    def __init__(self, kind: _Optional[int] = ..., precipitation_mmph: _Optional[float] = ..., visibility_m: _Optional[float] = ..., sun_elevation_rad: _Optional[float] = ..., sun_azimuth_rad: _Optional[float] = ..., friction: _Optional[float] = ..., wetness: _Optional[float] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class GnssFix(_message.Message):
    __slots__ = ("x_m", "y_m", "accuracy_m", "vx_mps", "vy_mps", "speed_accuracy_mps", "valid", "envelope")
    X_M_FIELD_NUMBER: _ClassVar[int]
    Y_M_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_M_FIELD_NUMBER: _ClassVar[int]
    VX_MPS_FIELD_NUMBER: _ClassVar[int]
    VY_MPS_FIELD_NUMBER: _ClassVar[int]
    SPEED_ACCURACY_MPS_FIELD_NUMBER: _ClassVar[int]
    VALID_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    x_m: float
    y_m: float
    accuracy_m: float
    vx_mps: float
    vy_mps: float
    speed_accuracy_mps: float
    valid: bool
    envelope: Envelope
    def __init__(self, x_m: _Optional[float] = ..., y_m: _Optional[float] = ..., accuracy_m: _Optional[float] = ..., vx_mps: _Optional[float] = ..., vy_mps: _Optional[float] = ..., speed_accuracy_mps: _Optional[float] = ..., valid: _Optional[bool] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Imu(_message.Message):
    __slots__ = ("acceleration_mps2", "angular_velocity_radps", "envelope")
    ACCELERATION_MPS2_FIELD_NUMBER: _ClassVar[int]
    ANGULAR_VELOCITY_RADPS_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    acceleration_mps2: _containers.RepeatedScalarFieldContainer[float]
    angular_velocity_radps: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, acceleration_mps2: _Optional[_Iterable[float]] = ..., angular_velocity_radps: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Wheels(_message.Message):
    __slots__ = ("speed_mps", "steering_rad", "engaged", "envelope")
    SPEED_MPS_FIELD_NUMBER: _ClassVar[int]
    STEERING_RAD_FIELD_NUMBER: _ClassVar[int]
    ENGAGED_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    speed_mps: float
    steering_rad: float
    engaged: bool
    envelope: Envelope
    def __init__(self, speed_mps: _Optional[float] = ..., steering_rad: _Optional[float] = ..., engaged: _Optional[bool] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class RadarTracks(_message.Message):
    __slots__ = ("ids", "x_m", "y_m", "range_rate_mps", "envelope")
    IDS_FIELD_NUMBER: _ClassVar[int]
    X_M_FIELD_NUMBER: _ClassVar[int]
    Y_M_FIELD_NUMBER: _ClassVar[int]
    RANGE_RATE_MPS_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    x_m: _containers.RepeatedScalarFieldContainer[float]
    y_m: _containers.RepeatedScalarFieldContainer[float]
    range_rate_mps: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., x_m: _Optional[_Iterable[float]] = ..., y_m: _Optional[_Iterable[float]] = ..., range_rate_mps: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class CameraMount(_message.Message):
    __slots__ = ("camera", "position_m", "ego_from_camera", "envelope")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    POSITION_M_FIELD_NUMBER: _ClassVar[int]
    EGO_FROM_CAMERA_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    camera: str
    position_m: _containers.RepeatedScalarFieldContainer[float]
    ego_from_camera: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, camera: _Optional[str] = ..., position_m: _Optional[_Iterable[float]] = ..., ego_from_camera: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Odometry(_message.Message):
    __slots__ = ("odom_from_ego", "speed_mps", "acceleration_mps2", "yaw_rate_radps", "steering_rad", "engaged", "envelope")
    ODOM_FROM_EGO_FIELD_NUMBER: _ClassVar[int]
    SPEED_MPS_FIELD_NUMBER: _ClassVar[int]
    ACCELERATION_MPS2_FIELD_NUMBER: _ClassVar[int]
    YAW_RATE_RADPS_FIELD_NUMBER: _ClassVar[int]
    STEERING_RAD_FIELD_NUMBER: _ClassVar[int]
    ENGAGED_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    odom_from_ego: Pose
    speed_mps: float
    acceleration_mps2: float
    yaw_rate_radps: float
    steering_rad: float
    engaged: bool
    envelope: Envelope
    def __init__(self, odom_from_ego: _Optional[_Union[Pose, _Mapping]] = ..., speed_mps: _Optional[float] = ..., acceleration_mps2: _Optional[float] = ..., yaw_rate_radps: _Optional[float] = ..., steering_rad: _Optional[float] = ..., engaged: _Optional[bool] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class PoseEstimate(_message.Message):
    __slots__ = ("world_from_odom", "status", "protection_lateral_m", "protection_longitudinal_m", "protection_heading_rad", "covariance", "envelope")
    WORLD_FROM_ODOM_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PROTECTION_LATERAL_M_FIELD_NUMBER: _ClassVar[int]
    PROTECTION_LONGITUDINAL_M_FIELD_NUMBER: _ClassVar[int]
    PROTECTION_HEADING_RAD_FIELD_NUMBER: _ClassVar[int]
    COVARIANCE_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    world_from_odom: Pose
    status: int
    protection_lateral_m: float
    protection_longitudinal_m: float
    protection_heading_rad: float
    covariance: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, world_from_odom: _Optional[_Union[Pose, _Mapping]] = ..., status: _Optional[int] = ..., protection_lateral_m: _Optional[float] = ..., protection_longitudinal_m: _Optional[float] = ..., protection_heading_rad: _Optional[float] = ..., covariance: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class LocalizationStatus(_message.Message):
    __slots__ = ("status", "hypotheses", "reason", "envelope")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HYPOTHESES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    status: int
    hypotheses: int
    reason: str
    envelope: Envelope
    def __init__(self, status: _Optional[int] = ..., hypotheses: _Optional[int] = ..., reason: _Optional[str] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Objects(_message.Message):
    __slots__ = ("kinds", "score", "x_m", "y_m", "yaw_rad", "length_m", "width_m", "height_m", "covariance", "ranges_m", "envelope")
    KINDS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    X_M_FIELD_NUMBER: _ClassVar[int]
    Y_M_FIELD_NUMBER: _ClassVar[int]
    YAW_RAD_FIELD_NUMBER: _ClassVar[int]
    LENGTH_M_FIELD_NUMBER: _ClassVar[int]
    WIDTH_M_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_M_FIELD_NUMBER: _ClassVar[int]
    COVARIANCE_FIELD_NUMBER: _ClassVar[int]
    RANGES_M_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[int]
    score: _containers.RepeatedScalarFieldContainer[float]
    x_m: _containers.RepeatedScalarFieldContainer[float]
    y_m: _containers.RepeatedScalarFieldContainer[float]
    yaw_rad: _containers.RepeatedScalarFieldContainer[float]
    length_m: _containers.RepeatedScalarFieldContainer[float]
    width_m: _containers.RepeatedScalarFieldContainer[float]
    height_m: _containers.RepeatedScalarFieldContainer[float]
    covariance: _containers.RepeatedScalarFieldContainer[float]
    ranges_m: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, kinds: _Optional[_Iterable[int]] = ..., score: _Optional[_Iterable[float]] = ..., x_m: _Optional[_Iterable[float]] = ..., y_m: _Optional[_Iterable[float]] = ..., yaw_rad: _Optional[_Iterable[float]] = ..., length_m: _Optional[_Iterable[float]] = ..., width_m: _Optional[_Iterable[float]] = ..., height_m: _Optional[_Iterable[float]] = ..., covariance: _Optional[_Iterable[float]] = ..., ranges_m: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Tracks(_message.Message):
    __slots__ = ("ids", "kinds", "existence", "x_m", "y_m", "yaw_rad", "vx_mps", "vy_mps", "acceleration_mps2", "yaw_rate_radps", "length_m", "width_m", "height_m", "covariance", "envelope")
    IDS_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    EXISTENCE_FIELD_NUMBER: _ClassVar[int]
    X_M_FIELD_NUMBER: _ClassVar[int]
    Y_M_FIELD_NUMBER: _ClassVar[int]
    YAW_RAD_FIELD_NUMBER: _ClassVar[int]
    VX_MPS_FIELD_NUMBER: _ClassVar[int]
    VY_MPS_FIELD_NUMBER: _ClassVar[int]
    ACCELERATION_MPS2_FIELD_NUMBER: _ClassVar[int]
    YAW_RATE_RADPS_FIELD_NUMBER: _ClassVar[int]
    LENGTH_M_FIELD_NUMBER: _ClassVar[int]
    WIDTH_M_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_M_FIELD_NUMBER: _ClassVar[int]
    COVARIANCE_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    kinds: _containers.RepeatedScalarFieldContainer[int]
    existence: _containers.RepeatedScalarFieldContainer[float]
    x_m: _containers.RepeatedScalarFieldContainer[float]
    y_m: _containers.RepeatedScalarFieldContainer[float]
    yaw_rad: _containers.RepeatedScalarFieldContainer[float]
    vx_mps: _containers.RepeatedScalarFieldContainer[float]
    vy_mps: _containers.RepeatedScalarFieldContainer[float]
    acceleration_mps2: _containers.RepeatedScalarFieldContainer[float]
    yaw_rate_radps: _containers.RepeatedScalarFieldContainer[float]
    length_m: _containers.RepeatedScalarFieldContainer[float]
    width_m: _containers.RepeatedScalarFieldContainer[float]
    height_m: _containers.RepeatedScalarFieldContainer[float]
    covariance: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., kinds: _Optional[_Iterable[int]] = ..., existence: _Optional[_Iterable[float]] = ..., x_m: _Optional[_Iterable[float]] = ..., y_m: _Optional[_Iterable[float]] = ..., yaw_rad: _Optional[_Iterable[float]] = ..., vx_mps: _Optional[_Iterable[float]] = ..., vy_mps: _Optional[_Iterable[float]] = ..., acceleration_mps2: _Optional[_Iterable[float]] = ..., yaw_rate_radps: _Optional[_Iterable[float]] = ..., length_m: _Optional[_Iterable[float]] = ..., width_m: _Optional[_Iterable[float]] = ..., height_m: _Optional[_Iterable[float]] = ..., covariance: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class LaneMarks(_message.Message):
    __slots__ = ("start", "xy_m", "sigma_m", "types", "score", "dash_xy_m", "dash_length_m", "dash_sigma_m", "envelope")
    START_FIELD_NUMBER: _ClassVar[int]
    XY_M_FIELD_NUMBER: _ClassVar[int]
    SIGMA_M_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    DASH_XY_M_FIELD_NUMBER: _ClassVar[int]
    DASH_LENGTH_M_FIELD_NUMBER: _ClassVar[int]
    DASH_SIGMA_M_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    start: _containers.RepeatedScalarFieldContainer[int]
    xy_m: _containers.RepeatedScalarFieldContainer[float]
    sigma_m: _containers.RepeatedScalarFieldContainer[float]
    types: _containers.RepeatedScalarFieldContainer[int]
    score: _containers.RepeatedScalarFieldContainer[float]
    dash_xy_m: _containers.RepeatedScalarFieldContainer[float]
    dash_length_m: _containers.RepeatedScalarFieldContainer[float]
    dash_sigma_m: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, start: _Optional[_Iterable[int]] = ..., xy_m: _Optional[_Iterable[float]] = ..., sigma_m: _Optional[_Iterable[float]] = ..., types: _Optional[_Iterable[int]] = ..., score: _Optional[_Iterable[float]] = ..., dash_xy_m: _Optional[_Iterable[float]] = ..., dash_length_m: _Optional[_Iterable[float]] = ..., dash_sigma_m: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Landmarks(_message.Message):
    __slots__ = ("kinds", "score", "x_m", "y_m", "covariance", "envelope")
    KINDS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    X_M_FIELD_NUMBER: _ClassVar[int]
    Y_M_FIELD_NUMBER: _ClassVar[int]
    COVARIANCE_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[int]
    score: _containers.RepeatedScalarFieldContainer[float]
    x_m: _containers.RepeatedScalarFieldContainer[float]
    y_m: _containers.RepeatedScalarFieldContainer[float]
    covariance: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, kinds: _Optional[_Iterable[int]] = ..., score: _Optional[_Iterable[float]] = ..., x_m: _Optional[_Iterable[float]] = ..., y_m: _Optional[_Iterable[float]] = ..., covariance: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class LightStates(_message.Message):
    __slots__ = ("x_m", "y_m", "state", "score", "envelope")
    X_M_FIELD_NUMBER: _ClassVar[int]
    Y_M_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    x_m: _containers.RepeatedScalarFieldContainer[float]
    y_m: _containers.RepeatedScalarFieldContainer[float]
    state: _containers.RepeatedScalarFieldContainer[int]
    score: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, x_m: _Optional[_Iterable[float]] = ..., y_m: _Optional[_Iterable[float]] = ..., state: _Optional[_Iterable[int]] = ..., score: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class WeatherEstimate(_message.Message):
    __slots__ = ("probabilities", "envelope")
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    probabilities: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, probabilities: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Trajectory(_message.Message):
    __slots__ = ("label", "reason", "lead_id", "emergency", "t_s", "x_m", "y_m", "yaw_rad", "speed_mps", "acceleration_mps2", "curvature_radpm", "stop_t_s", "stop_x_m", "stop_y_m", "stop_yaw_rad", "stop_speed_mps", "stop_acceleration_mps2", "stop_curvature_radpm", "envelope")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_FIELD_NUMBER: _ClassVar[int]
    T_S_FIELD_NUMBER: _ClassVar[int]
    X_M_FIELD_NUMBER: _ClassVar[int]
    Y_M_FIELD_NUMBER: _ClassVar[int]
    YAW_RAD_FIELD_NUMBER: _ClassVar[int]
    SPEED_MPS_FIELD_NUMBER: _ClassVar[int]
    ACCELERATION_MPS2_FIELD_NUMBER: _ClassVar[int]
    CURVATURE_RADPM_FIELD_NUMBER: _ClassVar[int]
    STOP_T_S_FIELD_NUMBER: _ClassVar[int]
    STOP_X_M_FIELD_NUMBER: _ClassVar[int]
    STOP_Y_M_FIELD_NUMBER: _ClassVar[int]
    STOP_YAW_RAD_FIELD_NUMBER: _ClassVar[int]
    STOP_SPEED_MPS_FIELD_NUMBER: _ClassVar[int]
    STOP_ACCELERATION_MPS2_FIELD_NUMBER: _ClassVar[int]
    STOP_CURVATURE_RADPM_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    label: str
    reason: str
    lead_id: int
    emergency: bool
    t_s: _containers.RepeatedScalarFieldContainer[float]
    x_m: _containers.RepeatedScalarFieldContainer[float]
    y_m: _containers.RepeatedScalarFieldContainer[float]
    yaw_rad: _containers.RepeatedScalarFieldContainer[float]
    speed_mps: _containers.RepeatedScalarFieldContainer[float]
    acceleration_mps2: _containers.RepeatedScalarFieldContainer[float]
    curvature_radpm: _containers.RepeatedScalarFieldContainer[float]
    stop_t_s: _containers.RepeatedScalarFieldContainer[float]
    stop_x_m: _containers.RepeatedScalarFieldContainer[float]
    stop_y_m: _containers.RepeatedScalarFieldContainer[float]
    stop_yaw_rad: _containers.RepeatedScalarFieldContainer[float]
    stop_speed_mps: _containers.RepeatedScalarFieldContainer[float]
    stop_acceleration_mps2: _containers.RepeatedScalarFieldContainer[float]
    stop_curvature_radpm: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, label: _Optional[str] = ..., reason: _Optional[str] = ..., lead_id: _Optional[int] = ..., emergency: _Optional[bool] = ..., t_s: _Optional[_Iterable[float]] = ..., x_m: _Optional[_Iterable[float]] = ..., y_m: _Optional[_Iterable[float]] = ..., yaw_rad: _Optional[_Iterable[float]] = ..., speed_mps: _Optional[_Iterable[float]] = ..., acceleration_mps2: _Optional[_Iterable[float]] = ..., curvature_radpm: _Optional[_Iterable[float]] = ..., stop_t_s: _Optional[_Iterable[float]] = ..., stop_x_m: _Optional[_Iterable[float]] = ..., stop_y_m: _Optional[_Iterable[float]] = ..., stop_yaw_rad: _Optional[_Iterable[float]] = ..., stop_speed_mps: _Optional[_Iterable[float]] = ..., stop_acceleration_mps2: _Optional[_Iterable[float]] = ..., stop_curvature_radpm: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Candidates(_message.Message):
    __slots__ = ("labels", "terms", "chosen", "start", "xy_m", "costs", "envelope")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    XY_M_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedScalarFieldContainer[str]
    terms: _containers.RepeatedScalarFieldContainer[str]
    chosen: int
    start: _containers.RepeatedScalarFieldContainer[int]
    xy_m: _containers.RepeatedScalarFieldContainer[float]
    costs: _containers.RepeatedScalarFieldContainer[float]
    envelope: Envelope
    def __init__(self, labels: _Optional[_Iterable[str]] = ..., terms: _Optional[_Iterable[str]] = ..., chosen: _Optional[int] = ..., start: _Optional[_Iterable[int]] = ..., xy_m: _Optional[_Iterable[float]] = ..., costs: _Optional[_Iterable[float]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class VehicleCommand(_message.Message):
    __slots__ = ("acceleration_mps2", "steering_rad", "hazard_lights", "emergency", "envelope")
    ACCELERATION_MPS2_FIELD_NUMBER: _ClassVar[int]
    STEERING_RAD_FIELD_NUMBER: _ClassVar[int]
    HAZARD_LIGHTS_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    acceleration_mps2: float
    steering_rad: float
    hazard_lights: bool
    emergency: bool
    envelope: Envelope
    def __init__(self, acceleration_mps2: _Optional[float] = ..., steering_rad: _Optional[float] = ..., hazard_lights: _Optional[bool] = ..., emergency: _Optional[bool] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class SafetyStatus(_message.Message):
    __slots__ = ("mode", "reason", "envelope")
    MODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    mode: int
    reason: str
    envelope: Envelope
    def __init__(self, mode: _Optional[int] = ..., reason: _Optional[str] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Diagnostic(_message.Message):
    __slots__ = ("node", "level", "text", "envelope")
    NODE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    node: str
    level: int
    text: str
    envelope: Envelope
    def __init__(self, node: _Optional[str] = ..., level: _Optional[int] = ..., text: _Optional[str] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class NodeState(_message.Message):
    __slots__ = ("node", "memory", "generator", "envelope")
    NODE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    GENERATOR_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    node: str
    memory: bytes
    generator: bytes
    envelope: Envelope
    def __init__(self, node: _Optional[str] = ..., memory: _Optional[bytes] = ..., generator: _Optional[bytes] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class Value(_message.Message):
    __slots__ = ("kind", "integer", "real", "text", "blob", "names", "items", "shape")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NONE: _ClassVar[Value.Kind]
        BOOL: _ClassVar[Value.Kind]
        INT: _ClassVar[Value.Kind]
        FLOAT: _ClassVar[Value.Kind]
        TEXT: _ClassVar[Value.Kind]
        BYTES: _ClassVar[Value.Kind]
        TUPLE: _ClassVar[Value.Kind]
        MAPPING: _ClassVar[Value.Kind]
        ARRAY: _ClassVar[Value.Kind]
        ENUM: _ClassVar[Value.Kind]
        RECORD: _ClassVar[Value.Kind]
    NONE: Value.Kind
    BOOL: Value.Kind
    INT: Value.Kind
    FLOAT: Value.Kind
    TEXT: Value.Kind
    BYTES: Value.Kind
    TUPLE: Value.Kind
    MAPPING: Value.Kind
    ARRAY: Value.Kind
    ENUM: Value.Kind
    RECORD: Value.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    REAL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    kind: Value.Kind
    integer: int
    real: float
    text: str
    blob: bytes
    names: _containers.RepeatedScalarFieldContainer[str]
    items: _containers.RepeatedCompositeFieldContainer[Value]
    shape: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, kind: _Optional[_Union[Value.Kind, str]] = ..., integer: _Optional[int] = ..., real: _Optional[float] = ..., text: _Optional[str] = ..., blob: _Optional[bytes] = ..., names: _Optional[_Iterable[str]] = ..., items: _Optional[_Iterable[_Union[Value, _Mapping]]] = ..., shape: _Optional[_Iterable[int]] = ...) -> None: ...
